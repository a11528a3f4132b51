/* SPDX-License-Identifier: MIT */
/* The documents and sequences of a filled store. */
#include "corpus/store_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/skipped.h"

const attrib_corpus_summary *attrib_corpus_summarize(const attrib_corpus *corpus)
{
    return &corpus->counts;
}

void at_corpus_set_fields(attrib_corpus *corpus, at_fields fields)
{
    corpus->fields = fields;
}

const at_fields *at_corpus_fields(const attrib_corpus *corpus)
{
    return &corpus->fields;
}

void at_corpus_set_date(attrib_corpus *corpus, const char *date)
{
    snprintf(corpus->date, sizeof corpus->date, "%s", date);
}

const char *attrib_corpus_date(const attrib_corpus *corpus)
{
    return corpus->date;
}

attrib_status at_corpus_set_selection(attrib_corpus *corpus,
                                      const char *text,
                                      attrib_error *err)
{
    free(corpus->selection);
    corpus->selection = NULL;
    return at_copy_text(text, strlen(text), &corpus->selection, err);
}

const char *attrib_corpus_selection(const attrib_corpus *corpus)
{
    return corpus->selection ? corpus->selection : "";
}

const char *attrib_corpus_hash(const attrib_corpus *corpus)
{
    return corpus->hash;
}

bool attrib_corpus_skipped(const attrib_corpus *corpus, size_t i, attrib_skipped *out)
{
    return at_skipped_get(corpus->skipped, i, out);
}

attrib_status attrib_corpus_write_skipped(const attrib_corpus *corpus,
                                          const char *path,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_spill *lines = &corpus->spills[AT_STORE_SKIPPED];
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, lines->n_bytes ? lines->mapping : "", lines->n_bytes,
                           err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    return status;
}

attrib_status at_corpus_list_skipped(const attrib_corpus *corpus,
                                     const char *folder,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    if (corpus->counts.n_skipped_rows == 0) {
        goto done;
    }
    AT_TRY(at_join_path(folder, AT_SKIPPED_ROWS, &path, err));
    AT_TRY(attrib_corpus_write_skipped(corpus, path, err));
done:
    free(path);
    return status;
}

static const at_stored *get_record(const attrib_corpus *corpus, size_t i)
{
    assert(i < corpus->counts.n_documents);
    return (const at_stored *)corpus->spills[AT_STORE_RECORDS].mapping + i;
}

static const char *get_string(const attrib_corpus *corpus, at_place where)
{
    return where ? (const char *)corpus->spills[AT_STORE_STRINGS].mapping + (where - 1)
                 : NULL;
}

void attrib_corpus_document(const attrib_corpus *corpus, size_t i, attrib_document *out)
{
    const at_stored *document = get_record(corpus, i);
    const attrib_tag *tags = corpus->spills[AT_STORE_TAGS].mapping;
    *out = (attrib_document){
        .index = i,
        .id = get_string(corpus, document->id),
        .source = get_string(corpus, document->source),
        .member = get_string(corpus, document->member),
        .line = document->line,
        .span_start = document->span_start,
        .span_end = document->span_end,
        .tags = document->n_tags ? tags + document->first_tag : NULL,
        .n_tags = document->n_tags,
        .text = get_string(corpus, document->text),
        .n_text_bytes = document->n_text_bytes,
        .n_tokens = document->n_tokens,
        .n_predicted = document->n_predicted,
        .first_sequence = document->first_sequence,
        .n_sequences = document->n_sequences,
        .rejected_token = document->rejected_token,
        .rejected_byte = document->rejected_byte,
    };
    at_digest_text(document->hash, out->hash);
}

void attrib_corpus_sequence(const attrib_corpus *corpus, size_t i, attrib_sequence *out)
{
    assert(i < corpus->counts.n_sequences);
    const uint64_t *owners = corpus->spills[AT_STORE_SEQUENCES].mapping;
    const at_stored *document = get_record(corpus, owners[i]);
    const int32_t *ids = corpus->spills[AT_STORE_IDS].mapping;
    const uint8_t *masks = corpus->spills[AT_STORE_MASKS].mapping;
    const int32_t *labels = corpus->spills[AT_STORE_LABELS].mapping;
    const size_t C = corpus->context;
    const size_t border = document->rejected_token;
    size_t k = i - document->first_sequence;
    size_t n_chosen = at_store_count_sequences(border, C);
    bool is_rejected = border > 0 && k >= n_chosen;
    size_t end = border > 0 && !is_rejected ? border : document->n_tokens;
    size_t offset = k * (C - 1);
    size_t first_mask = document->first_mask + k * C;
    if (is_rejected) { /* masks repeat the token that two sequences of a side share */
        k -= n_chosen;
        offset = border + k * (C - 1);
        first_mask = document->first_mask + border + (n_chosen - 1) + k * C;
    }
    size_t left = end - offset;
    *out = (attrib_sequence){
        .document = owners[i],
        .offset = offset,
        .n_tokens = left < C ? left : C,
        .ids = ids + document->first_id + offset,
        .mask = masks + first_mask,
        .labels =
            document->first_label ? labels + (document->first_label - 1) + offset : NULL,
        .is_subtracted = is_rejected,
    };
}
