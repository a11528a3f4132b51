/* SPDX-License-Identifier: MIT */
/* Normalizers: reading them, and running them one after the other. */
#include "tokenizer/normalize.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "tokenizer/characters.h"
#include "tokenizer/charsmap.h"
#include "tokenizer/pieces.h"
#include "tokenizer/sequence.h"

/* Real normalizers put in a character or two. */
#define MAX_CONTENT ((size_t)256)

typedef enum step_kind {
    STEP_FORM,
    STEP_LOWERCASE,
    STEP_STRIP,
    STEP_PREPEND,
    STEP_REPLACE,
    STEP_CHARSMAP
} step_kind;

struct at_normalizer_step {
    step_kind kind;
    at_unicode_form form;
    bool strips_left, strips_right;
    char *content; /* what is prepended, or put in place of a match */
    size_t n_content;
    at_pattern pattern;
    at_charsmap map;
};

/* 1. Reading */

static attrib_status read_content(const char *name,
                                  const json_t *json,
                                  const char *key,
                                  at_normalizer_step *step,
                                  attrib_error *err)
{
    const char *text = NULL;
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_step_text(name, json, key, &text, &step->n_content, err));
    AT_CHECK(step->n_content <= MAX_CONTENT, ATTRIB_ERANGE,
             "%s: %s: key \"%s\" of %zu bytes, at most %zu are read", name,
             at_step_type(json), key, step->n_content, MAX_CONTENT);
    AT_TRY(at_copy_text(text, step->n_content, &step->content, err));
done:
    return status;
}

static attrib_status read_step(const char *name,
                               const json_t *json,
                               at_normalizer_step *step,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *type = at_step_type(json);
    if (strcmp(type, "NFC") == 0 || strcmp(type, "NFD") == 0 ||
        strcmp(type, "NFKC") == 0 || strcmp(type, "NFKD") == 0) {
        step->kind = STEP_FORM;
        step->form.is_compatible = type[2] == 'K';
        step->form.is_composed = type[strlen(type) - 1] == 'C';
    } else if (strcmp(type, "Lowercase") == 0) {
        step->kind = STEP_LOWERCASE;
    } else if (strcmp(type, "Strip") == 0) {
        step->kind = STEP_STRIP;
        step->strips_left = true;
        step->strips_right = true;
        AT_TRY(at_json_bool(name, json, "strip_left", &step->strips_left, NULL, err));
        AT_TRY(at_json_bool(name, json, "strip_right", &step->strips_right, NULL, err));
    } else if (strcmp(type, "Prepend") == 0) {
        step->kind = STEP_PREPEND;
        AT_TRY(read_content(name, json, "prepend", step, err));
    } else if (strcmp(type, "Replace") == 0) {
        step->kind = STEP_REPLACE;
        AT_TRY(read_content(name, json, "content", step, err));
        AT_TRY(at_pattern_read(name, json, "pattern", &step->pattern, err));
    } else if (strcmp(type, "Precompiled") == 0) {
        const char *map = NULL;
        size_t n = 0;
        step->kind = STEP_CHARSMAP;
        AT_TRY(at_step_text(name, json, "precompiled_charsmap", &map, &n, err));
        AT_TRY(at_charsmap_read(name, map, n, &step->map, err));
    } else {
        status = at_refuse_step(name, "normalizer", json, err);
    }
done:
    return status;
}

attrib_status at_normalizer_read(const char *name,
                                 const json_t *json,
                                 at_normalizer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    at_normalizer normalizer = {0};
    AT_TRY(at_sequence_read(name, json, "normalizers", &sequence, err));
    AT_TRY(at_array(sequence.n_steps, sizeof *normalizer.steps, &normalizer.steps, err));
    for (size_t i = 0; i < sequence.n_steps; i++) {
        normalizer.n_steps = i + 1;
        AT_TRY(read_step(name, sequence.steps[i], &normalizer.steps[i], err));
    }
    *out = normalizer;
    normalizer = (at_normalizer){0};
done:
    at_normalizer_free(&normalizer);
    return status;
}

void at_normalizer_free(at_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        free(normalizer->steps[i].content);
        at_pattern_free(&normalizer->steps[i].pattern);
        at_charsmap_free(&normalizer->steps[i].map);
    }
    free(normalizer->steps);
    memset(normalizer, 0, sizeof *normalizer);
}

void at_normalized_free(at_normalized *normalized)
{
    at_buffer_free(&normalized->buffers[0]);
    at_buffer_free(&normalized->buffers[1]);
    free(normalized->characters.items);
    at_matcher_free(&normalized->matcher);
    memset(normalized, 0, sizeof *normalized);
}

/* 2. Running. Each step reads out->text and appends to `to`. */

/* Lower case as Rust's: by character, with the one that becomes two. */
static attrib_status lower(const at_normalized *from, at_buffer *to, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < from->n_bytes;) {
        uint32_t character = 0;
        char bytes[AT_UTF8_MAX];
        i += at_get_character(from->text + i, &character);
        if (character == 0x130) {
            AT_TRY(at_buffer_append(to, "i\xCC\x87", 3, err));
            continue;
        }
        character = (uint32_t)utf8proc_tolower((utf8proc_int32_t)character);
        AT_TRY(at_buffer_append(to, bytes, at_put_character(character, bytes), err));
    }
done:
    return status;
}

static attrib_status strip(const at_normalizer_step *step,
                           at_normalized *from,
                           at_buffer *to,
                           attrib_error *err)
{
    size_t start = 0;
    size_t end = from->n_bytes;
    uint32_t character = 0;
    while (step->strips_left && start < end) {
        size_t length = at_get_character(from->text + start, &character);
        if (!at_is_space(character)) {
            break;
        }
        start += length;
    }
    while (step->strips_right && start < end) {
        size_t length =
            at_get_last_character(from->text + start, end - start, &character);
        if (!at_is_space(character)) {
            break;
        }
        end -= length;
    }
    from->starts_later = from->starts_later || start > 0;
    return at_buffer_append(to, from->text + start, end - start, err);
}

static attrib_status prepend(const at_normalizer_step *step,
                             const at_normalized *from,
                             at_buffer *to,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (from->n_bytes && !from->continues) {
        AT_TRY(at_buffer_append(to, step->content, step->n_content, err));
    }
    AT_TRY(at_buffer_append(to, from->text, from->n_bytes, err));
done:
    return status;
}

/* Whether replacing text [n] at the beginning leaves nothing of the first character: what
 * is put in stands, for Hugging Face's code, where the last character that it replaces
 * stood. */
static bool drops_beginning(const at_normalizer_step *step, const char *text, size_t n)
{
    return step->n_content ? at_count_characters(text, n) > 1 : n > 0;
}

static attrib_status replace(const at_normalizer_step *step,
                             at_normalized *from,
                             at_buffer *to,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_search search = {&step->pattern, &from->matcher, from->text, from->n_bytes, 0,
                        SIZE_MAX};
    size_t copied = 0;
    size_t start = 0;
    size_t end = 0;
    while (from->n_bytes &&
           (status = at_search_next(&search, &start, &end, err)) == ATTRIB_OK) {
        if (start == 0 && drops_beginning(step, from->text, end)) {
            from->starts_later = true;
        }
        AT_TRY(at_buffer_append(to, from->text + copied, start - copied, err));
        AT_TRY(at_buffer_append(to, step->content, step->n_content, err));
        AT_CHECK(to->n_bytes <= from->limit, ATTRIB_ERANGE,
                 "the tokenizer's normalizer makes more than %zu bytes of a text",
                 from->limit);
        copied = end;
    }
    if (status == ATTRIB_END) {
        status = ATTRIB_OK;
    }
    AT_TRY(status);
    AT_TRY(at_buffer_append(to, from->text + copied, from->n_bytes - copied, err));
done:
    return status;
}

/* Bytes that are brought to a form at a time, or more up to the next ASCII character: no
 * character before one composes with it or changes places with it. */
#define FORM_PIECE ((size_t)1 << 16)

/* Bring the text to a form; *is_kept where that is the text itself, and `to` is empty. */
static attrib_status form(const at_normalizer_step *step,
                          at_normalized *from,
                          at_buffer *to,
                          bool *is_kept,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = from->text;
    size_t end = 0;
    *is_kept = true;
    for (size_t start = 0; start < from->n_bytes; start = end) {
        size_t n_before = to->n_bytes;
        end = from->n_bytes - start > FORM_PIECE ? start + FORM_PIECE : from->n_bytes;
        while (end < from->n_bytes && (unsigned char)text[end] >= 0x80) {
            end++;
        }
        AT_TRY(at_append_form(step->form, text + start, end - start, &from->characters,
                              to, err));
        if (!*is_kept) {
            continue;
        }
        *is_kept = to->n_bytes - n_before == end - start &&
                   memcmp(to->bytes + n_before, text + start, end - start) == 0;
        at_buffer_clear(to);
        if (!*is_kept) {
            AT_TRY(at_buffer_append(to, text, start, err));
            end = start; /* the same piece again, for good */
        }
    }
done:
    return status;
}

static attrib_status run_step(const at_normalizer_step *step,
                              at_normalized *from,
                              at_buffer *to,
                              bool *is_kept,
                              attrib_error *err)
{
    switch (step->kind) {
    case STEP_FORM:
        return form(step, from, to, is_kept, err);
    case STEP_LOWERCASE:
        return lower(from, to, err);
    case STEP_STRIP:
        return strip(step, from, to, err);
    case STEP_PREPEND:
        return prepend(step, from, to, err);
    case STEP_REPLACE:
        return replace(step, from, to, err);
    case STEP_CHARSMAP:
        /* Hugging Face's code loses count of what is dropped at the beginning, so that
         * what is left begins where the whole text did: starts_later stays. */
        return at_charsmap_append(&step->map, from->text, from->n_bytes, from->limit, to,
                                  err);
    }
    return ATTRIB_OK;
}

attrib_status at_normalize(const at_normalizer *normalizer,
                           const char *text,
                           size_t n,
                           at_normalized *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t i_free = 0; /* the buffer that does not hold the text */
    out->text = text;
    out->n_bytes = n;
    out->starts_later = false;
    out->limit = at_growth_limit(n);
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        at_buffer *to = &out->buffers[i_free];
        at_buffer_clear(to);
        bool is_kept = false;
        AT_TRY(at_buffer_append(to, "", 0, err));
        AT_TRY(run_step(&normalizer->steps[i], out, to, &is_kept, err));
        if (!is_kept) {
            out->text = to->bytes;
            out->n_bytes = to->n_bytes;
            i_free = 1 - i_free;
        }
    }
done:
    return status;
}

bool at_normalizer_is_local(const at_normalizer *normalizer)
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const at_normalizer_step *step = &normalizer->steps[i];
        bool is_replacing =
            step->kind == STEP_REPLACE && step->pattern.kind == AT_PATTERN_TEXT &&
            at_count_characters(step->pattern.text, step->pattern.n_bytes) == 1 &&
            at_count_characters(step->content, step->n_content) == 1;
        if (step->kind != STEP_PREPEND && !is_replacing) {
            return false;
        }
    }
    return true;
}

void at_normalizer_map(const at_normalizer *normalizer, char character[AT_UTF8_MAX + 1])
{
    for (size_t i = 0; i < normalizer->n_steps; i++) {
        const at_normalizer_step *step = &normalizer->steps[i];
        if (step->kind == STEP_REPLACE && strcmp(character, step->pattern.text) == 0) {
            memcpy(character, step->content, step->n_content + 1);
        }
    }
}
