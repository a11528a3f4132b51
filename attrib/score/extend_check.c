/* SPDX-License-Identifier: MIT */
/* Whether a corpus begins with the documents of a run, as they were scored.
 *
 * 1. Documents.
 * 2. Slices. */
#include <stdlib.h>
#include <string.h>

#include "run/slice_piece.h"
#include "score/extend.h"

/* 1. Documents */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_tags(const attrib_document *a, const attrib_document *b)
{
    for (size_t t = 0; t < a->n_tags && t < b->n_tags; t++) {
        if (strcmp(a->tags[t].key, b->tags[t].key) != 0 ||
            strcmp(a->tags[t].value, b->tags[t].value) != 0) {
            return false;
        }
    }
    return a->n_tags == b->n_tags;
}

static bool same_document(const attrib_document *a, const attrib_document *b)
{
    return strcmp(a->hash, b->hash) == 0 && strcmp(a->id, b->id) == 0 &&
           strcmp(a->source, b->source) == 0 && same_text(a->member, b->member) &&
           a->line == b->line && a->span_start == b->span_start &&
           a->span_end == b->span_end && a->n_tokens == b->n_tokens &&
           a->n_predicted == b->n_predicted && a->rejected_token == b->rejected_token &&
           a->rejected_byte == b->rejected_byte && a->n_text_bytes == b->n_text_bytes &&
           same_tags(a, b);
}

/* Say what became of document i of a run, which is another one in the corpus. */
static attrib_status refuse(const attrib_run *run,
                            const attrib_corpus *corpus,
                            const attrib_document *was,
                            size_t i,
                            attrib_error *err)
{
    size_t n = attrib_corpus_summarize(corpus)->n_documents;
    const char *folder = run->info.folder;
    attrib_document now;
    for (size_t k = 0; k < n; k++) {
        attrib_corpus_document(corpus, k, &now);
        if (strcmp(now.hash, was->hash) != 0 || strcmp(now.id, was->id) != 0) {
            continue;
        }
        return k == i ? at_fail(err, ATTRIB_ESHAPE,
                                "%s: document %zu (%.60s) has another source, other tags "
                                "or other tokens now: a run is extended with the paths "
                                "and options that it was made with",
                                folder, i + 1, was->id)
                      : at_fail(err, ATTRIB_ESHAPE,
                                "%s: document %zu (%.60s) is number %zu of the corpus "
                                "now: new documents must come after those of the run",
                                folder, i + 1, was->id, k + 1);
    }
    return at_fail(err, ATTRIB_ESHAPE,
                   "%s: document %zu (%.60s) was changed, or is not in the corpus any "
                   "more: what was scored of it does not hold",
                   folder, i + 1, was->id);
}

/* 2. Slices */

/* The hash of the tokens of a slice's documents, as they were scored. */
static attrib_status scored_content(const attrib_run *run,
                                    size_t i_slice,
                                    char out[AT_HASH_SIZE],
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice outline = {0};
    at_slice_file file = {0};
    at_piece piece = {0};
    size_t *tokens = NULL;
    AT_TRY(at_slice_outline(run, 0, i_slice, &outline, err));
    AT_TRY(at_slice_file_open(run, 0, i_slice, &file, err));
    AT_TRY(at_slice_file_piece(run, &file, &outline, &piece, &tokens, err));
    memcpy(out, piece.content, AT_HASH_SIZE);
done:
    at_slice_file_close(&file);
    free(tokens);
    return status;
}

static attrib_status check_slice(const attrib_run *run,
                                 const attrib_corpus *corpus,
                                 size_t i_slice,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slice_place place = at_run_place(run, i_slice);
    size_t n_corpus = attrib_corpus_summarize(corpus)->n_documents;
    at_record record = {0};
    at_documents documents = {0};
    char scored[AT_HASH_SIZE];
    char content[AT_HASH_SIZE];
    AT_TRY(at_slice_documents(run, i_slice, &record, err));
    AT_TRY(at_documents_read(&record, place.first, place.n, &documents, err));
    for (size_t d = 0; d < place.n; d++) {
        attrib_document now;
        size_t i = place.first + d;
        if (i < n_corpus) {
            attrib_corpus_document(corpus, i, &now);
        }
        if (i >= n_corpus || !same_document(&documents.items[d], &now)) {
            status = refuse(run, corpus, &documents.items[d], i, err);
            goto done;
        }
    }
    AT_TRY(scored_content(run, i_slice, scored, err));
    AT_TRY(at_slice_content(corpus, place.first, place.n, content, err));
    AT_CHECK(strcmp(scored, content) == 0, ATTRIB_ESHAPE,
             "%s: documents %zu to %zu have other tokens than were scored: a run is "
             "extended with the options that it was made with",
             run->info.folder, place.first + 1, place.first + place.n);
done:
    at_documents_free(&documents);
    at_record_free(&record);
    return status;
}

attrib_status at_extend_check_documents(const attrib_run *run,
                                        const attrib_corpus *corpus,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < at_run_n_slices(run); i++) {
        AT_TRY(check_slice(run, corpus, i, err));
    }
done:
    return status;
}
