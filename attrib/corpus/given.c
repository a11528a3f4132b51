/* SPDX-License-Identifier: MIT */
/* Rows that a program gives. They are written as JSON and then read as the rows of a file
 * are: the same checks, the same ids, and so the same hash of the corpus. */
#include "corpus/given.h"

#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "corpus/draft.h"
#include "format/json.h"
#include "format/utf8.h"

attrib_status at_given_options(const attrib_corpus_options *options,
                               attrib_corpus_options *out,
                               attrib_error *err)
{
    attrib_status status = at_corpus_options_take(options, out, err);
    out->text_field = NULL;
    out->id_field = "id";
    out->prompt_field = NULL;
    out->completion_field = NULL;
    out->messages_field = NULL;
    out->tag_fields = NULL;
    out->preference = ATTRIB_PREFERENCE_CHOSEN;
    out->unit = NULL;
    out->token_dtype = ATTRIB_TOKENS_FROM_FILE;
    out->document_end = NULL;
    return status;
}

/* Begin a member of the row, with a comma where others precede it. */
static attrib_status append_key(at_buffer *out, const char *key, attrib_error *err)
{
    bool is_first = out->n_bytes == 0 || out->bytes[out->n_bytes - 1] == '{';
    return at_buffer_print(out, err, "%s\"%s\":", is_first ? "" : ",", key);
}

/* A text as a JSON string. JSON can spell NUL, which no text may hold. */
static attrib_status append_string(const char *name,
                                   const char *field,
                                   const char *text,
                                   size_t n_bytes,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_valid = n_bytes;
    AT_CHECK(n_bytes <= AT_MAX_ROW, ATTRIB_ERANGE,
             "%s: %s: a text of more than %zu bytes", name, field, AT_MAX_ROW);
    AT_CHECK(at_utf8_is_valid(text, n_bytes, &n_valid), ATTRIB_EFORMAT,
             "%s: %s: byte %zu: not UTF-8", name, field, n_valid);
    AT_CHECK(n_bytes == 0 || !memchr(text, '\0', n_bytes), ATTRIB_EFORMAT,
             "%s: %s: a NUL in the text", name, field);
    AT_TRY(at_json_append_text(out, text, n_bytes, err));
done:
    return status;
}

/* A member that is a text; none where the text is NULL. */
static attrib_status append_text(const char *name,
                                 const char *field,
                                 const char *text,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (text) {
        AT_TRY(append_key(out, field, err));
        AT_TRY(append_string(name, field, text, strlen(text), out, err));
    }
done:
    return status;
}

/* A member that is an array of integers: `wide` or `narrow`, or none where both are NULL.
 */
static attrib_status append_integers(const char *field,
                                     const int32_t *wide,
                                     const uint8_t *narrow,
                                     size_t n,
                                     at_buffer *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!wide && !narrow) {
        return ATTRIB_OK;
    }
    AT_TRY(append_key(out, field, err));
    AT_TRY(at_buffer_append(out, "[", 1, err));
    for (size_t t = 0; t < n; t++) {
        int value = wide ? (int)wide[t] : (int)narrow[t];
        AT_TRY(at_buffer_print(out, err, "%s%d", t ? "," : "", value));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

/* The member `tags`. Values are JSON already; they are parsed here, so that none of them
 * ends the object that they stand in. */
static attrib_status append_tags(const char *name,
                                 const attrib_tag *tags,
                                 size_t n_tags,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *value = NULL;
    if (n_tags == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(append_key(out, "tags", err));
    for (size_t i = 0; i < n_tags; i++) {
        const attrib_tag *tag = &tags[i];
        AT_CHECK(tag->key && tag->value, ATTRIB_ESHAPE, "%s: tag %zu: no key or no value",
                 name, i);
        AT_TRY(at_buffer_append(out, i ? "," : "{", 1, err));
        AT_TRY(append_string(name, "a tag's key", tag->key, strlen(tag->key), out, err));
        status = at_json_parse(tag->key, tag->value, strlen(tag->value), &value, err);
        AT_TRY(at_context(err, status, "%s: tag", name));
        json_decref(value);
        value = NULL;
        AT_TRY(at_buffer_append(out, ":", 1, err));
        AT_TRY(at_buffer_append(out, tag->value, strlen(tag->value), err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    json_decref(value);
    return status;
}

static attrib_status write_row(const char *name,
                               const attrib_row *row,
                               at_buffer *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(row->text || row->ids, ATTRIB_ESHAPE, "%s: neither a text nor ids", name);
    AT_CHECK(!row->text || !row->ids, ATTRIB_ESHAPE, "%s: both a text and ids", name);
    AT_CHECK(row->ids || (!row->mask && !row->labels), ATTRIB_ESHAPE,
             "%s: a mask or labels without ids", name);
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(name, "id", row->id, out, err));
    if (row->text) {
        AT_TRY(append_key(out, "text", err));
        AT_TRY(append_string(name, "text", row->text, row->n_text_bytes, out, err));
    }
    AT_TRY(append_integers("ids", row->ids, NULL, row->n_tokens, out, err));
    AT_TRY(append_integers("mask", NULL, row->mask, row->n_tokens, out, err));
    AT_TRY(append_integers("labels", row->labels, NULL, row->n_tokens, out, err));
    AT_TRY(append_tags(name, row->tags, row->n_tags, out, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

attrib_status at_given_put(const attrib_rows *rows, at_sink sink, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    for (size_t i = 0; i < rows->n; i++) {
        attrib_row row;
        char name[32];
        attrib_error why = {0};
        at_passage passage = {.line = i + 1, .is_given = true};
        snprintf(name, sizeof name, AT_GIVEN_ROWS ":%zu", i + 1);
        AT_TRY(at_item_take((const char *)rows->rows + i * rows->row_bytes,
                            rows->row_bytes, "row", &row, sizeof row, err));
        at_buffer_clear(&text);
        if (write_row(name, &row, &text, &why) != ATTRIB_OK) {
            AT_TRY(at_put_bad(sink, &passage, &why, err));
            continue;
        }
        passage.bytes = text.bytes;
        passage.n_bytes = text.n_bytes;
        AT_TRY(sink.put(sink.context, &passage, err));
    }
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_given_query(const char *name,
                             const attrib_query_row *row,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(row->prompt || row->ids, ATTRIB_ESHAPE, "%s: neither a prompt nor ids",
             name);
    AT_CHECK(!row->ids || (!row->prompt && !row->completion), ATTRIB_ESHAPE,
             "%s: both a prompt or completion and ids", name);
    AT_CHECK(row->ids || !row->mask, ATTRIB_ESHAPE, "%s: a mask without ids", name);
    AT_TRY(at_buffer_append(out, "{", 1, err));
    AT_TRY(append_text(name, "id", row->id, out, err));
    AT_TRY(append_text(name, "prompt", row->prompt, out, err));
    AT_TRY(append_text(name, "completion", row->completion, out, err));
    AT_TRY(append_text(name, "against", row->against, out, err));
    AT_TRY(append_text(name, "measure", row->measure, out, err));
    AT_TRY(append_text(name, "direction", row->direction, out, err));
    AT_TRY(append_text(name, "positions", row->positions, out, err));
    if (row->direction) {
        AT_TRY(append_key(out, "layer", err));
        AT_TRY(at_buffer_print(out, err, "%zu", row->layer));
    }
    AT_TRY(append_integers("ids", row->ids, NULL, row->n_tokens, out, err));
    AT_TRY(append_integers("mask", NULL, row->mask, row->n_tokens, out, err));
    AT_TRY(append_tags(name, row->tags, row->n_tags, out, err));
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}
