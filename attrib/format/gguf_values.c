/* SPDX-License-Identifier: MIT */
/* Values of a GGUF file's metadata, by their kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/gguf_file.h"

/* 1. Single values */

static attrib_status fail_kind(const at_gguf *gguf,
                               const char *key,
                               const char *wanted,
                               attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: %s: expected %s", at_gguf_path(gguf), key,
                   wanted);
}

/* The value of a key, and whether there is one. */
static const at_gguf_value *look_up(const at_gguf *gguf, const char *key, bool *is_there)
{
    const at_gguf_value *value = at_gguf_find(gguf, key);
    if (is_there) {
        *is_there = value != NULL;
    }
    return value;
}

attrib_status at_gguf_size(
    const at_gguf *gguf, const char *key, size_t *out, bool *is_there, attrib_error *err)
{
    const at_gguf_value *value = look_up(gguf, key, is_there);
    if (value && !at_gguf_value_size(value, out)) {
        return fail_kind(gguf, key, "a whole number from 0 to 2^63 - 1", err);
    }
    return ATTRIB_OK;
}

attrib_status at_gguf_number(
    const at_gguf *gguf, const char *key, double *out, bool *is_there, attrib_error *err)
{
    const at_gguf_value *value = look_up(gguf, key, is_there);
    double number = 0;
    if (!value) {
        return ATTRIB_OK;
    }
    if (value->is_array || !at_gguf_item_number(value, 0, &number) || !isfinite(number)) {
        return fail_kind(gguf, key, "a finite number", err);
    }
    *out = number;
    return ATTRIB_OK;
}

attrib_status at_gguf_bool(
    const at_gguf *gguf, const char *key, bool *out, bool *is_there, attrib_error *err)
{
    const at_gguf_value *value = look_up(gguf, key, is_there);
    if (!value) {
        return ATTRIB_OK;
    }
    if (value->is_array || value->type != AT_GGUF_BOOL || value->data[0] > 1) {
        return fail_kind(gguf, key, "true or false", err);
    }
    *out = value->data[0] != 0;
    return ATTRIB_OK;
}

attrib_status at_gguf_get_text(const at_gguf *gguf,
                               const char *key,
                               const char **out,
                               size_t *n,
                               bool *is_there,
                               attrib_error *err)
{
    const at_gguf_value *value = look_up(gguf, key, is_there);
    if (!value) {
        return ATTRIB_OK;
    }
    if (!value->text || (!n && strlen(value->text) != value->n_text)) {
        return fail_kind(gguf, key, "a text", err);
    }
    *out = value->text;
    if (n) {
        *n = value->n_text;
    }
    return ATTRIB_OK;
}

/* 2. Arrays */

attrib_status at_gguf_texts(const at_gguf *gguf,
                            const char *key,
                            at_gguf_text **out,
                            size_t *n,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_gguf_value *value = at_gguf_find(gguf, key);
    const unsigned char *at = NULL;
    at_gguf_text *texts = NULL;
    *out = NULL;
    *n = 0;
    if (!value) {
        return ATTRIB_OK;
    }
    if (!value->is_array || value->type != AT_GGUF_TEXT) {
        return fail_kind(gguf, key, "an array of texts", err);
    }
    AT_TRY(at_array(value->n, sizeof *texts, &texts, err));
    at = value->data; /* walked over once when the file was opened: it cannot end early */
    for (size_t i = 0; i < value->n; i++) {
        uint64_t length = 0;
        memcpy(&length, at, sizeof length);
        at += sizeof length;
        texts[i] = (at_gguf_text){(const char *)at, (size_t)length};
        at += length;
    }
    *out = texts;
    *n = value->n;
done:
    return status;
}

attrib_status at_gguf_integers(
    const at_gguf *gguf, const char *key, int64_t **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_gguf_value *value = at_gguf_find(gguf, key);
    int64_t *numbers = NULL;
    *out = NULL;
    *n = 0;
    if (!value) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(value->n, sizeof *numbers, &numbers, err));
    for (size_t i = 0; i < value->n; i++) {
        if (!value->is_array || !at_gguf_item_integer(value, i, &numbers[i])) {
            status = fail_kind(gguf, key, "an array of whole numbers below 2^63", err);
            goto done;
        }
    }
    *out = numbers;
    *n = value->n;
    numbers = NULL;
done:
    free(numbers);
    return status;
}

attrib_status at_gguf_numbers(
    const at_gguf *gguf, const char *key, double **out, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_gguf_value *value = at_gguf_find(gguf, key);
    double *numbers = NULL;
    *out = NULL;
    *n = 0;
    if (!value) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(value->n, sizeof *numbers, &numbers, err));
    for (size_t i = 0; i < value->n; i++) {
        if (!value->is_array || !at_gguf_item_number(value, i, &numbers[i])) {
            status = fail_kind(gguf, key, "an array of numbers", err);
            goto done;
        }
    }
    *out = numbers;
    *n = value->n;
    numbers = NULL;
done:
    free(numbers);
    return status;
}
