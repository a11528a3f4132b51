/* SPDX-License-Identifier: MIT */
/* Every place in the arrays of a store that comes from a file. */
#include <string.h>

#include "corpus/store_file.h"

/* What was found of the documents before. */
typedef struct checking {
    const attrib_corpus *corpus;
    const char *name;
    size_t n_vocabulary;
    size_t n_sequences, n_tokens, n_predicted;
} checking;

static attrib_status fail(const checking *self,
                          size_t i,
                          const char *what,
                          attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: document %zu: %s", self->name, i, what);
}

/* Whether [first, first + n) is in an array of this many. */
static bool is_within(uint64_t first, uint64_t n, uint64_t n_all)
{
    return first <= n_all && n <= n_all - first;
}

static bool is_string(const checking *self, at_place place, bool is_needed)
{
    return place ? place - 1 < self->corpus->spills[AT_STORE_STRINGS].n_bytes
                 : !is_needed;
}

/* A text has its length, and a NUL after it. */
static bool is_text(const checking *self, const at_stored *document)
{
    const at_spill *strings = &self->corpus->spills[AT_STORE_STRINGS];
    if (!document->text) {
        return document->n_text_bytes == 0 && document->rejected_byte == 0;
    }
    return is_within(document->text - 1, document->n_text_bytes, strings->n_bytes - 1) &&
           document->rejected_byte <= document->n_text_bytes &&
           ((const char *)
                strings->mapping)[document->text - 1 + document->n_text_bytes] == '\0';
}

static bool has_ids(const checking *self, const int32_t *ids, size_t n, int32_t least)
{
    const int32_t most = self->n_vocabulary && self->n_vocabulary < INT32_MAX
                             ? (int32_t)self->n_vocabulary - 1
                             : INT32_MAX;
    bool are = true;
    for (size_t t = 0; t < n; t++) {
        are = are && ids[t] >= least && ids[t] <= most;
    }
    return are;
}

static bool has_tokens(const checking *self, const at_stored *document)
{
    const at_spill *spills = self->corpus->spills;
    const int32_t *ids = spills[AT_STORE_IDS].mapping;
    const int32_t *labels = spills[AT_STORE_LABELS].mapping;
    const uint64_t border = document->rejected_token;
    bool has_sides = border == 0 || (border >= 2 && border < document->n_tokens &&
                                     document->n_tokens - border >= 2);
    if (document->n_tokens < 2 || !has_sides ||
        !is_within(document->first_id, document->n_tokens,
                   spills[AT_STORE_IDS].n_bytes / sizeof *ids)) {
        return false;
    }
    if (document->first_label &&
        (!is_within(document->first_label - 1, document->n_tokens,
                    spills[AT_STORE_LABELS].n_bytes / sizeof *labels) ||
         !has_ids(self, labels + (document->first_label - 1), document->n_tokens, -1))) {
        return false;
    }
    return has_ids(self, ids + document->first_id, document->n_tokens, 0);
}

/* The mask of n tokens that begin a sequence: whether it is one; counts those that count.
 */
static bool is_mask(const uint8_t *mask, size_t n, size_t *n_predicted)
{
    bool is = mask[0] == 0;
    for (size_t t = 0; t < n; t++) {
        is = is && mask[t] <= 1;
        *n_predicted += mask[t] == 1;
    }
    return is;
}

/* Bytes of the masks of a side, whose sequences overlap by a token. */
static size_t mask_bytes(size_t n_tokens, size_t C)
{
    return n_tokens + at_store_count_sequences(n_tokens, C) - 1;
}

static bool has_sequences(checking *self, const at_stored *document, size_t i)
{
    const attrib_corpus *corpus = self->corpus;
    const size_t C = corpus->context;
    const size_t border = document->rejected_token;
    const size_t n_rest = document->n_tokens - border;
    const uint64_t *owners = corpus->spills[AT_STORE_SEQUENCES].mapping;
    const size_t n_all = corpus->spills[AT_STORE_SEQUENCES].n_bytes / sizeof *owners;
    size_t n = at_store_count_sequences(n_rest, C) +
               (border ? at_store_count_sequences(border, C) : 0);
    size_t n_masks = mask_bytes(n_rest, C) + (border ? mask_bytes(border, C) : 0);
    size_t n_predicted = 0;
    if (document->first_sequence != self->n_sequences || document->n_sequences != n ||
        !is_within(document->first_sequence, n, n_all) ||
        !is_within(document->first_mask, n_masks,
                   corpus->spills[AT_STORE_MASKS].n_bytes)) {
        return false;
    }
    for (size_t k = 0; k < n; k++) {
        attrib_sequence sequence;
        if (owners[document->first_sequence + k] != i) {
            return false;
        }
        attrib_corpus_sequence(corpus, document->first_sequence + k, &sequence);
        if (!is_mask(sequence.mask, sequence.n_tokens, &n_predicted)) {
            return false;
        }
    }
    self->n_sequences += n;
    return n_predicted == document->n_predicted && n_predicted > 0;
}

static attrib_status check_document(checking *self, size_t i, attrib_error *err)
{
    const at_stored *document =
        (const at_stored *)self->corpus->spills[AT_STORE_RECORDS].mapping + i;
    if (!is_string(self, document->id, true) ||
        !is_string(self, document->source, true) ||
        !is_string(self, document->member, false) || !is_text(self, document)) {
        return fail(self, i, "a text outside the texts", err);
    }
    if (!is_within(document->first_tag, document->n_tags, self->corpus->n_tags)) {
        return fail(self, i, "a tag outside the tags", err);
    }
    if (document->span_start > document->span_end || !has_tokens(self, document)) {
        return fail(self, i, "tokens outside the tokens, or outside the vocabulary", err);
    }
    if (!has_sequences(self, document, i)) {
        return fail(self, i, "sequences or masks that are not its own", err);
    }
    self->n_tokens += document->n_tokens;
    self->n_predicted += document->n_predicted;
    return ATTRIB_OK;
}

attrib_status at_token_store_check(const attrib_corpus *corpus,
                                   const char *name,
                                   size_t n_vocabulary,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    checking self = {.corpus = corpus, .name = name, .n_vocabulary = n_vocabulary};
    const attrib_corpus_summary *counts = &corpus->counts;
    const at_spill *spills = corpus->spills;
    AT_CHECK(
        counts->n_documents > 0 &&
            counts->n_documents == spills[AT_STORE_RECORDS].n_bytes / sizeof(at_stored) &&
            counts->n_sequences == spills[AT_STORE_SEQUENCES].n_bytes / sizeof(uint64_t),
        ATTRIB_EFORMAT, "%s: counts that are not those of its documents", name);
    for (size_t i = 0; i < counts->n_documents; i++) {
        AT_TRY(check_document(&self, i, err));
    }
    AT_CHECK(self.n_sequences == counts->n_sequences &&
                 self.n_tokens == counts->n_tokens &&
                 self.n_predicted == counts->n_predicted,
             ATTRIB_EFORMAT, "%s: counts that are not those of its documents", name);
done:
    return status;
}
