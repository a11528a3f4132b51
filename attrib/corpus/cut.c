/* SPDX-License-Identifier: MIT */
/* A text's tokens, so many to a document. */
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"

/* Where in a text a token ends that begins at `from`, or SIZE_MAX where the text does not
 * go on with the token's bytes: a normalizer changed them. A space that the tokenizer
 * puts before a text does not count as a byte of the text. */
static size_t find_end(const at_rules *rules,
                       const at_draft *whole,
                       int32_t id,
                       size_t from)
{
    size_t n = 0;
    const char *piece = attrib_tokenizer_piece(rules->tokenizer, id, &n);
    size_t left = whole->text.n_bytes - from;
    if (n <= left && memcmp(whole->text.bytes + from, piece, n) == 0) {
        return from + n;
    }
    if (id == attrib_tokenizer_bos(rules->tokenizer) ||
        id == attrib_tokenizer_eos(rules->tokenizer)) {
        return from;
    }
    bool has_space = from == 0 && n > 0 && *piece == ' ';
    return has_space && n - 1 <= left && memcmp(whole->text.bytes, piece + 1, n - 1) == 0
               ? n - 1
               : SIZE_MAX;
}

/* The text of tokens [first, end): the bytes from *at on, which moves, or where these are
 * not known any more (SIZE_MAX) the pieces of the tokens. */
static attrib_status cut_text(const at_rules *rules,
                              const at_draft *whole,
                              size_t first,
                              size_t end,
                              size_t *at,
                              at_draft *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t to = *at;
    for (size_t t = first; t < end && to != SIZE_MAX; t++) {
        to = find_end(rules, whole, whole->ids[t], to);
    }
    if (to != SIZE_MAX) {
        out->span_start = *at;
        out->n_span = to - *at;
        AT_TRY(at_buffer_append(&out->text, whole->text.bytes + *at, to - *at, err));
    }
    for (size_t t = first; t < end && to == SIZE_MAX; t++) {
        size_t n = 0;
        const char *piece = attrib_tokenizer_piece(rules->tokenizer, whole->ids[t], &n);
        AT_TRY(at_buffer_append(&out->text, piece, n, err));
    }
    AT_TRY(at_buffer_append(&out->text, "", 0, err));
    out->has_text = true;
    *at = to;
done:
    return status;
}

static attrib_status cut_tokens(
    const at_draft *whole, size_t first, size_t end, at_draft *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = end - first;
    AT_TRY(at_array(n, sizeof *out->ids, &out->ids, err));
    AT_TRY(at_array(n, 1, &out->mask, err));
    memcpy(out->ids, whole->ids + first, n * sizeof *out->ids);
    memcpy(out->mask, whole->mask + first, n);
    out->mask[0] = 0; /* nothing stands before it */
    out->n_tokens = n;
    for (size_t t = 0; t < n; t++) {
        out->n_predicted += out->mask[t];
    }
done:
    return status;
}

attrib_status at_drafts_cut(const at_rules *rules,
                            const char *name,
                            size_t n_tokens,
                            at_drafts *drafts,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_drafts parts = {0};
    const at_draft *whole = &drafts->items[0];
    size_t at = 0;
    if (whole->n_tokens == 0) {
        return ATTRIB_OK; /* an empty document is counted as one */
    }
    for (size_t first = 0; first < whole->n_tokens; first += n_tokens) {
        size_t left = whole->n_tokens - first;
        size_t end = first + (left < n_tokens ? left : n_tokens);
        at_draft *part = NULL;
        at_buffer id = {0};
        AT_TRY(at_drafts_add(&parts, &part, err));
        AT_TRY(cut_tokens(whole, first, end, part, err));
        AT_TRY(cut_text(rules, whole, first, end, &at, part, err));
        AT_TRY(at_buffer_print(&id, err, "%s#tokens%zu", name, parts.n));
        part->id = id.bytes;
    }
    at_drafts_free(drafts);
    *drafts = parts;
    parts = (at_drafts){0};
done:
    at_drafts_free(&parts);
    return status;
}
