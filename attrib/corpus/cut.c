/* SPDX-License-Identifier: MIT */
/* A text's tokens, so many to a document, each handed on as soon as its tokens are there.
 */
#include <string.h>

#include "corpus/draft.h"
#include "tokenizer/characters.h"

/* A text on its way to its parts. */
typedef struct cutting {
    const at_rules *rules;
    const char *name;
    const char *text; /* [n_bytes] */
    size_t n_bytes;
    at_draft_sink sink;
    size_t n_parts;
    size_t at;  /* where the next token begins; SIZE_MAX: nobody knows any more */
    size_t end; /* where the last token of `part` ends */
    at_draft part;
    size_t n_ids, n_mask; /* that it has room for */
} cutting;

/* Where in the text a token ends that begins at c->end, or SIZE_MAX where the text does
 * not go on with the token's bytes: a normalizer changed them. A space that the tokenizer
 * puts before a text does not count as a byte of the text. */
static size_t find_end(const cutting *c, int32_t id)
{
    size_t n = 0;
    const char *piece = attrib_tokenizer_piece(c->rules->tokenizer, id, &n);
    size_t from = c->end;
    size_t left = c->n_bytes - from;
    if (n <= left && memcmp(c->text + from, piece, n) == 0) {
        return from + n;
    }
    if (id == attrib_tokenizer_bos(c->rules->tokenizer) ||
        id == attrib_tokenizer_eos(c->rules->tokenizer)) {
        return from;
    }
    bool has_space = from == 0 && n > 0 && *piece == ' ';
    return has_space && n - 1 <= left && memcmp(c->text, piece + 1, n - 1) == 0
               ? n - 1
               : SIZE_MAX;
}

/* Append the pieces of a part's tokens. */
static attrib_status join_pieces(const cutting *c, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t t = 0; t < c->part.n_tokens; t++) {
        size_t n = 0;
        const char *piece =
            attrib_tokenizer_piece(c->rules->tokenizer, c->part.ids[t], &n);
        AT_TRY(at_buffer_append(out, piece, n, err));
    }
done:
    return status;
}

/* The text of the part: the bytes from c->at on, or where these are not known the pieces
 * of its tokens. A part may begin or end within a character, of which each side then has
 * U+FFFD; its span has the bytes. */
static attrib_status cut_text(cutting *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_draft *part = &c->part;
    at_buffer bytes = {0};
    if (c->end != SIZE_MAX) {
        part->span_start = c->at;
        part->n_span = c->end - c->at;
        AT_TRY(at_append_valid(&part->text, c->text + c->at, part->n_span, err));
    } else {
        AT_TRY(join_pieces(c, &bytes, err));
        AT_TRY(at_append_valid(&part->text, bytes.bytes, bytes.n_bytes, err));
    }
    AT_TRY(at_buffer_append(&part->text, "", 0, err));
    part->has_text = true;
    c->at = c->end;
done:
    at_buffer_free(&bytes);
    return status;
}

/* Hand on the tokens that are there as a document, of which all but the first count. */
static attrib_status put_part(cutting *c, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer id = {0};
    at_draft *part = &c->part;
    AT_TRY(cut_text(c, err));
    AT_TRY(at_buffer_print(&id, err, "%s#tokens%zu", c->name, ++c->n_parts));
    part->id = id.bytes;
    AT_TRY(at_grow(&part->mask, &c->n_mask, part->n_tokens, 1, err));
    memset(part->mask, 1, part->n_tokens);
    part->mask[0] = 0; /* nothing stands before it */
    part->n_predicted = part->n_tokens - 1;
    status = c->sink.put(c->sink.context, part, err);
    at_draft_free(part);
    c->n_ids = c->n_mask = 0;
done:
    return status;
}

static attrib_status put_ids(void *context,
                             const int32_t *ids,
                             size_t n,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    cutting *c = context;
    for (size_t i = 0; i < n; i++) {
        at_draft *part = &c->part;
        AT_TRY(
            at_grow(&part->ids, &c->n_ids, part->n_tokens + 1, sizeof *part->ids, err));
        part->ids[part->n_tokens++] = ids[i];
        c->end = c->end == SIZE_MAX ? SIZE_MAX : find_end(c, ids[i]);
        if (part->n_tokens == c->rules->n_unit_tokens) {
            AT_TRY(put_part(c, err));
        }
    }
done:
    return status;
}

attrib_status at_text_cut(const at_rules *rules,
                          const char *name,
                          const char *text,
                          size_t n_bytes,
                          at_draft_sink sink,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_tokens = 0;
    cutting c = {
        .rules = rules, .name = name, .text = text, .n_bytes = n_bytes, .sink = sink};
    const at_id_sink ids = {.put = put_ids, .context = &c};
    if (n_bytes > 0) {
        AT_TRY(at_text_encode(rules, name, text, n_bytes, ids, &n_tokens, err));
    }
    if (c.part.n_tokens > 0) {
        AT_TRY(put_part(&c, err));
    } else if (n_tokens == 0) {
        AT_TRY(sink.put(sink.context, &c.part, err)); /* counted as an empty document */
    }
done:
    at_draft_free(&c.part);
    return status;
}
