/* SPDX-License-Identifier: MIT */
/* The sequences that a pass goes through, and what it leaves unknown. */
#include "score/source.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "baseline/candidates.h"

static void get_listed(const void *context, size_t i, attrib_sequence *out)
{
    const at_scored *scored = context;
    attrib_corpus_sequence(scored->corpus, scored->sequences[i], out);
}

static attrib_status list_sequences(at_scored *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    for (size_t i = 0; i < out->n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(out->corpus, out->documents[i], &document);
        AT_TRY(at_grow(&out->sequences, &capacity, out->n + document.n_sequences,
                       sizeof *out->sequences, err));
        for (size_t s = 0; s < document.n_sequences; s++) {
            out->sequences[out->n++] = document.first_sequence + s;
        }
    }
done:
    return status;
}

attrib_status at_scored_list(
    const at_setup *setup, size_t first, size_t n, at_scored *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_candidates *candidates = setup->candidates;
    attrib_document from;
    attrib_document to;
    *out = (at_scored){.corpus = setup->corpus};
    AT_TRY(at_array(n, sizeof *out->documents, &out->documents, err));
    for (size_t i = first; i < first + n; i++) {
        if (!candidates || candidates->is_passed[i]) {
            out->documents[out->n_documents++] = i;
        }
    }
    if (candidates) {
        AT_TRY(list_sequences(out, err));
        goto done;
    }
    attrib_corpus_document(setup->corpus, first, &from);
    attrib_corpus_document(setup->corpus, first + n - 1, &to);
    out->range = (at_range){setup->corpus, from.first_sequence};
    out->n = to.first_sequence + to.n_sequences - from.first_sequence;
done:
    return status;
}

void at_scored_free(at_scored *scored)
{
    free(scored->sequences);
    free(scored->documents);
    *scored = (at_scored){0};
}

at_source at_scored_source(const at_scored *scored)
{
    return scored->range.corpus ? at_source_range(&scored->range, scored->n)
                                : (at_source){.context = scored,
                                              .n_sequences = scored->n,
                                              .get = get_listed};
}

/* Mask what a slice has of document d under the cases of one query. */
static void mask_query(at_slice *slice, size_t d, size_t q)
{
    const at_counts *counts = &slice->counts;
    float *tokens = slice->arrays[AT_TOKENS];
    double *numbers[] = {slice->arrays[AT_SCORES], slice->arrays[AT_BOUNDS]};
    for (size_t v = q; v < counts->n_cases; v += slice->tile.n) {
        for (size_t g = 0; g < counts->n_sums; g++) {
            for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) {
                if (numbers[k]) {
                    numbers[k][(d * counts->n_sums + g) * counts->n_cases + v] =
                        (double)NAN;
                }
            }
        }
        for (size_t t = tokens ? slice->first_token[d] : 0;
             tokens && t < slice->first_token[d + 1]; t++) {
            tokens[t * counts->n_cases + v] = NAN;
        }
    }
}

void at_mask_unscored(const at_setup *setup, at_slice *slice)
{
    const at_candidates *candidates = setup->candidates;
    const at_counts *counts = &slice->counts;
    double *self = slice->arrays[AT_SELF];
    for (size_t d = 0; candidates && d < counts->n_documents; d++) {
        size_t document = slice->first + d;
        for (size_t q = 0; q < slice->tile.n; q++) {
            if (!at_candidates_score(candidates, slice->tile.first + q, document)) {
                mask_query(slice, d, q);
            }
        }
        for (size_t s = 0; self && s < counts->n_settings; s++) {
            if (!candidates->is_passed[document]) {
                self[d * counts->n_settings + s] = (double)NAN;
            }
        }
    }
}
