/* SPDX-License-Identifier: MIT */
/* The token store and the corpus's getters.
 *
 * Seven arrays, each in its own scratch file: fixed-size records say where in the others
 * a document's strings, tags and tokens begin. Ids and labels stand once a document, for
 * its sequences overlap; masks stand once a sequence, since the first token of each is
 * not predicted there. Tags hold offsets until the strings are mapped and pointers after,
 * so that a document is handed out without memory of its own. store_read.c hands out. */
#include "corpus/store_state.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/skipped.h"

attrib_status at_corpus_new(size_t context,
                            const char *folder,
                            attrib_corpus **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    AT_TRY(at_array(1, sizeof *corpus, &corpus, err));
    corpus->context = context;
    AT_TRY(at_hash_new(&corpus->running, err));
    AT_TRY(at_hash_new(&corpus->of_tokens, err));
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        AT_TRY(at_spill_open(folder, &corpus->spills[i], err));
    }
    *out = corpus;
    corpus = NULL;
done:
    attrib_corpus_close(corpus);
    return status;
}

void attrib_corpus_close(attrib_corpus *corpus)
{
    if (!corpus) {
        return;
    }
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        at_spill_close(&corpus->spills[i]);
    }
    at_buffer_free(&corpus->source.text);
    at_buffer_free(&corpus->member.text);
    at_hash_free(corpus->running);
    at_hash_free(corpus->of_tokens);
    at_map_close(&corpus->file);
    free(corpus->selection);
    at_fields_free(&corpus->fields);
    at_skipped_free(corpus->skipped);
    at_marks_free(&corpus->marks);
    free(corpus);
}

void at_corpus_own_skipped(attrib_corpus *corpus, at_skipped *skipped)
{
    corpus->skipped = skipped;
}

static attrib_status append_string(
    attrib_corpus *corpus, const char *text, size_t n, at_place *where, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *where = corpus->spills[AT_STORE_STRINGS].n_bytes + 1;
    AT_TRY(at_spill_append(&corpus->spills[AT_STORE_STRINGS], text, n, err));
    AT_TRY(at_spill_append(&corpus->spills[AT_STORE_STRINGS], "", 1, err));
done:
    return status;
}

static attrib_status append_name(attrib_corpus *corpus,
                                 at_last_name *last,
                                 const char *name,
                                 at_place *where,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!name) {
        *where = 0;
        return ATTRIB_OK;
    }
    if (last->where == 0 || strcmp(last->text.bytes, name) != 0) {
        at_buffer_clear(&last->text);
        AT_TRY(at_buffer_append(&last->text, name, strlen(name), err));
        AT_TRY(append_string(corpus, name, strlen(name), &last->where, err));
    }
    *where = last->where;
done:
    return status;
}

static attrib_status append_tags(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 at_stored *document,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = draft->tags.bytes;
    document->first_tag = corpus->n_tags;
    document->n_tags = draft->n_tags;
    for (size_t i = 0; i < draft->n_tags; i++) {
        uintptr_t places[2];
        for (size_t j = 0; j < 2; j++) {
            size_t n = strlen(text);
            at_place where = 0;
            AT_TRY(append_string(corpus, text, n, &where, err));
            places[j] = (uintptr_t)where;
            text += n + 1;
        }
        static_assert(sizeof places == sizeof(attrib_tag), "a tag is two pointers");
        AT_TRY(
            at_spill_append(&corpus->spills[AT_STORE_TAGS], places, sizeof places, err));
        corpus->n_tags++;
    }
done:
    return status;
}

/* The mask of tokens [first, first + n), which do not begin the document. */
static attrib_status append_mask(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 size_t first,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (draft->mask) {
        return at_spill_append(&corpus->spills[AT_STORE_MASKS], draft->mask + first, n,
                               err);
    }
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_spill_append(&corpus->spills[AT_STORE_MASKS], "\1", 1, err));
    }
done:
    return status;
}

/* The sequences of the tokens [from, end) of a draft. */
static attrib_status append_side(attrib_corpus *corpus,
                                 const at_draft *draft,
                                 size_t from,
                                 size_t end,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t C = corpus->context;
    const uint64_t index = corpus->counts.n_documents;
    for (; from + 1 < end; from += C - 1) {
        size_t left = end - from;
        size_t n_tokens = left < C ? left : C;
        /* The token shared with the sequence before is predicted there. */
        AT_TRY(at_spill_append(&corpus->spills[AT_STORE_MASKS], "", 1, err));
        AT_TRY(append_mask(corpus, draft, from + 1, n_tokens - 1, err));
        AT_TRY(at_spill_append(&corpus->spills[AT_STORE_SEQUENCES], &index, sizeof index,
                               err));
        corpus->counts.n_sequences++;
    }
done:
    return status;
}

static attrib_status append_sequences(attrib_corpus *corpus,
                                      const at_draft *draft,
                                      at_stored *document,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const size_t is_pair = draft->rejected_token > 0;
    document->first_sequence = corpus->counts.n_sequences;
    document->first_mask = corpus->spills[AT_STORE_MASKS].n_bytes;
    if (is_pair) {
        AT_TRY(append_side(corpus, draft, 0, draft->rejected_token, err));
    }
    AT_TRY(append_side(corpus, draft, draft->rejected_token, draft->n_tokens, err));
    document->n_sequences = corpus->counts.n_sequences - document->first_sequence;
    corpus->counts.n_split_documents += document->n_sequences > 1 + is_pair;
    corpus->counts.n_pairs += is_pair;
done:
    return status;
}

static attrib_status append_tokens(attrib_corpus *corpus,
                                   const at_draft *draft,
                                   at_stored *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = 0;
    AT_TRY(at_mul(draft->n_tokens, sizeof *draft->ids, &n_bytes, err));
    document->n_tokens = draft->n_tokens;
    document->n_predicted = draft->n_predicted;
    document->rejected_token = draft->rejected_token;
    document->rejected_byte = draft->rejected_byte;
    document->first_id = corpus->spills[AT_STORE_IDS].n_bytes / sizeof *draft->ids;
    if (draft->ids) {
        AT_TRY(at_spill_append(&corpus->spills[AT_STORE_IDS], draft->ids, n_bytes, err));
    } else {
        document->first_id -= draft->n_tokens;
    }
    if (draft->labels) {
        document->first_label =
            corpus->spills[AT_STORE_LABELS].n_bytes / sizeof *draft->labels + 1;
        AT_TRY(at_spill_append(&corpus->spills[AT_STORE_LABELS], draft->labels, n_bytes,
                               err));
    }
    AT_TRY(append_sequences(corpus, draft, document, err));
    corpus->counts.n_tokens += draft->n_tokens;
    corpus->counts.n_predicted += draft->n_predicted;
done:
    return status;
}

/* Bytes of a document's tokens, which are hashed with the corpus and alone. */
static void hash_token_bytes(attrib_corpus *corpus, const void *bytes, size_t n)
{
    at_hash_add(corpus->running, bytes, n);
    at_hash_add(corpus->of_tokens, bytes, n);
}

/* Hash the ids of the last document, which are in the store, and its mask: 1 but for the
 * first token. */
static attrib_status hash_stored(attrib_corpus *corpus,
                                 const at_stored *document,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t ids[4096];
    uint8_t mask[4096];
    size_t n = 0;
    for (size_t t = 0; t < document->n_tokens; t += n) {
        size_t left = document->n_tokens - t;
        n = left < 4096 ? left : 4096;
        AT_TRY(at_spill_read(&corpus->spills[AT_STORE_IDS],
                             (document->first_id + t) * sizeof *ids, ids, n * sizeof *ids,
                             err));
        hash_token_bytes(corpus, ids, n * sizeof *ids);
    }
    memset(mask, 1, sizeof mask);
    for (size_t t = 0; t < document->n_tokens; t += n) {
        size_t left = document->n_tokens - t;
        n = left < 4096 ? left : 4096;
        mask[0] = t > 0;
        hash_token_bytes(corpus, mask, n);
    }
done:
    return status;
}

/* Lengths go before arrays, so that no two corpora feed the hash the same bytes. */
static attrib_status hash_document(attrib_corpus *corpus,
                                   const char *id,
                                   const at_draft *draft,
                                   at_stored *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char digits[AT_HASH_SIZE];
    const uint64_t has_labels = draft->labels != NULL;
    const uint64_t sizes[3] = {strlen(id), draft->n_tokens,
                               2 * draft->rejected_token + has_labels};
    const uint64_t sides[2] = {draft->n_tokens, draft->rejected_token};
    at_hash_add(corpus->running, sizes, sizeof sizes);
    at_hash_add(corpus->running, id, strlen(id));
    at_hash_reset(corpus->of_tokens);
    at_hash_add(corpus->of_tokens, sides, sizeof sides);
    if (draft->ids) {
        hash_token_bytes(corpus, draft->ids, draft->n_tokens * sizeof *draft->ids);
        hash_token_bytes(corpus, draft->mask, draft->n_tokens);
    } else {
        AT_TRY(hash_stored(corpus, document, err));
    }
    if (draft->labels) {
        at_hash_add(corpus->running, draft->labels,
                    draft->n_tokens * sizeof *draft->labels);
    }
    at_hash_digest(corpus->of_tokens, digits);
    at_digest_read(digits, document->token_hash);
done:
    return status;
}

attrib_status at_corpus_put_ids(void *corpus,
                                const int32_t *ids,
                                size_t n,
                                attrib_error *err)
{
    attrib_corpus *to = corpus;
    return at_spill_append(&to->spills[AT_STORE_IDS], ids, n * sizeof *ids, err);
}

attrib_status at_corpus_append(attrib_corpus *corpus,
                               const at_origin *origin,
                               const char *name,
                               const at_draft *draft,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *id = draft->id ? draft->id : name;
    at_stored document = {.line = origin->line,
                          .span_start = origin->span_start,
                          .span_end = origin->span_end};
    if (draft->n_predicted == 0) {
        corpus->counts.n_empty_documents++;
        return ATTRIB_OK;
    }
    memcpy(document.hash, origin->hash, sizeof document.hash);
    AT_TRY(append_name(corpus, &corpus->source, origin->source, &document.source, err));
    AT_TRY(append_name(corpus, &corpus->member, origin->member, &document.member, err));
    AT_TRY(append_string(corpus, id, strlen(id), &document.id, err));
    if (draft->has_text) {
        document.n_text_bytes = draft->text.n_bytes;
        AT_TRY(append_string(corpus, draft->text.bytes, draft->text.n_bytes,
                             &document.text, err));
    }
    AT_TRY(append_tags(corpus, draft, &document, err));
    AT_TRY(append_tokens(corpus, draft, &document, err));
    AT_TRY(hash_document(corpus, id, draft, &document, err));
    AT_TRY(at_spill_append(&corpus->spills[AT_STORE_RECORDS], &document, sizeof document,
                           err));
    corpus->counts.n_documents++;
done:
    return status;
}

attrib_status at_corpus_skip(attrib_corpus *corpus,
                             const char *line,
                             size_t n_bytes,
                             attrib_error *err)
{
    corpus->counts.n_skipped_rows++;
    return at_spill_append(&corpus->spills[AT_STORE_SKIPPED], line, n_bytes, err);
}

attrib_status at_corpus_finish(attrib_corpus *corpus, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *strings = NULL;
    attrib_tag *tags = NULL;
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        AT_TRY(at_spill_map(&corpus->spills[i], err));
    }
    strings = corpus->spills[AT_STORE_STRINGS].mapping;
    tags = corpus->spills[AT_STORE_TAGS].mapping;
    for (size_t i = 0; i < corpus->n_tags; i++) {
        tags[i].key = strings + (uintptr_t)tags[i].key - 1;
        tags[i].value = strings + (uintptr_t)tags[i].value - 1;
    }
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        AT_TRY(at_spill_protect(&corpus->spills[i], err));
    }
    at_hash_digest(corpus->running, corpus->hash);
done:
    return status;
}

void attrib_corpus_forget(const attrib_corpus *corpus)
{
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        at_spill_forget(&corpus->spills[i]);
    }
}

double at_corpus_mapped_bytes(const attrib_corpus *corpus)
{
    double bytes = 0;
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        bytes += (double)corpus->spills[i].n_bytes;
    }
    return bytes;
}

at_marks *at_corpus_marks(attrib_corpus *corpus)
{
    return &corpus->marks;
}

attrib_corpus_summary *at_corpus_counts(attrib_corpus *corpus)
{
    return &corpus->counts;
}
