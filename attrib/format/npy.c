/* SPDX-License-Identifier: MIT */
/* The header of a NumPy array file: a dictionary as Python writes it,
 *
 *     {'descr': '<u2', 'fortran_order': False, 'shape': (3, 4), }
 *
 * of which only these three keys may be there.
 *
 * 1. Python's literals   2. The header */
#include "format/npy.h"

#include <string.h>

#define MAX_WORD 64

/* 1. Python's literals */

typedef struct literal {
    const char *name; /* what messages call the file */
    const char *at, *end;
} literal;

static attrib_status fail_literal(const literal *l, const char *want, attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: header of a NumPy array: expected %s",
                   l->name, want);
}

/* The next character that is no space; '\0' at the end. */
static char peek(literal *l)
{
    while (l->at < l->end && strchr(" \t\n", *l->at) && *l->at) {
        l->at++;
    }
    if (l->at == l->end) {
        return '\0';
    }
    return *l->at;
}

static bool take(literal *l, char c)
{
    if (peek(l) != c || c == '\0') {
        return false;
    }
    l->at++;
    return true;
}

/* A string without escapes, in single or double quotes. */
static attrib_status read_word(literal *l, char out[MAX_WORD], attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char quote = peek(l);
    size_t n = 0;
    if (quote != '\'' && quote != '"') {
        return fail_literal(l, "a string", err);
    }
    for (l->at++; l->at < l->end && *l->at != quote; l->at++) {
        AT_CHECK(n + 1 < MAX_WORD && *l->at != '\\', ATTRIB_EFORMAT,
                 "%s: header of a NumPy array: a string that is no key or type", l->name);
        out[n++] = *l->at;
    }
    out[n] = '\0';
    if (l->at == l->end) {
        return fail_literal(l, "the end of a string", err);
    }
    l->at++;
done:
    return status;
}

static attrib_status read_bool(literal *l, bool *out, attrib_error *err)
{
    const char *const names[] = {"False", "True"};
    (void)peek(l);
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(names[i]);
        if ((size_t)(l->end - l->at) >= n && memcmp(l->at, names[i], n) == 0) {
            l->at += n;
            *out = i == 1;
            return ATTRIB_OK;
        }
    }
    return fail_literal(l, "True or False", err);
}

static attrib_status read_size(literal *l, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char c = peek(l);
    if (c < '0' || c > '9') {
        return fail_literal(l, "a size", err);
    }
    for (*out = 0; l->at < l->end && *l->at >= '0' && *l->at <= '9'; l->at++) {
        AT_TRY(at_mul(*out, 10, out, err));
        AT_TRY(at_add(*out, (size_t)(*l->at - '0'), out, err));
    }
    (void)take(l, 'L'); /* Python 2's long integers */
done:
    return status;
}

/* "(3, 4)" or "(3,)"; all sizes are read, and those that fit are kept. */
static attrib_status read_shape(literal *l, at_npy *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!take(l, '(')) {
        return fail_literal(l, "a shape", err);
    }
    out->n_dims = 0;
    while (!take(l, ')')) {
        size_t size = 0;
        AT_TRY(read_size(l, &size, err));
        if (out->n_dims < AT_NPY_MAX_SHAPE) {
            out->shape[out->n_dims] = size;
        }
        out->n_dims++;
        if (!take(l, ',') && peek(l) != ')') {
            return fail_literal(l, "',' or ')' in a shape", err);
        }
    }
done:
    return status;
}

/* 2. The header */

/* A type such as "<u2", "|u1" or "<f4". */
static attrib_status read_type(
    const char *name, const char *type, at_npy_kind kind, at_npy *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_float = kind == AT_NPY_FLOATS;
    bool is_expected = strlen(type) == 3 && strchr("<|", type[0]) &&
                       strchr(is_float ? "f" : "iu", type[1]) &&
                       strchr(is_float ? "248" : "1248", type[2]) &&
                       (type[0] == '<' || type[2] == '1');
    AT_CHECK(is_expected, ATTRIB_ENOTSUP,
             "%s: a NumPy array of type \"%s\", expected little-endian %s", name, type,
             is_float ? "floats" : "integers");
    out->is_signed = type[1] != 'u';
    out->n_bytes = (size_t)(type[2] - '0');
done:
    return status;
}

static attrib_status read_dictionary(literal *l,
                                     at_npy_kind kind,
                                     at_npy *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char key[MAX_WORD] = "";
    char type[MAX_WORD] = "";
    bool is_fortran = false;
    unsigned seen = 0;
    if (!take(l, '{')) {
        return fail_literal(l, "a dictionary", err);
    }
    while (!take(l, '}')) {
        AT_TRY(read_word(l, key, err));
        if (!take(l, ':')) {
            return fail_literal(l, "':' after a key", err);
        }
        if (strcmp(key, "descr") == 0) {
            seen |= 1;
            /* Records have a list here. */
            AT_CHECK(peek(l) != '[', ATTRIB_ENOTSUP,
                     "%s: a NumPy array of records, expected numbers", l->name);
            AT_TRY(read_word(l, type, err));
            AT_TRY(read_type(l->name, type, kind, out, err));
        } else if (strcmp(key, "fortran_order") == 0) {
            seen |= 2;
            AT_TRY(read_bool(l, &is_fortran, err));
        } else if (strcmp(key, "shape") == 0) {
            seen |= 4;
            AT_TRY(read_shape(l, out, err));
        } else {
            return fail_literal(l, "the keys descr, fortran_order and shape", err);
        }
        if (!take(l, ',') && peek(l) != '}') {
            return fail_literal(l, "',' or '}' after a value", err);
        }
    }
    if (seen != 7) {
        return fail_literal(l, "the keys descr, fortran_order and shape", err);
    }
    AT_CHECK(out->n_dims == 1 || out->n_dims == 2, ATTRIB_ENOTSUP,
             "%s: a NumPy array of %zu dimensions, expected 1 or 2", l->name,
             out->n_dims);
    AT_CHECK(!is_fortran || out->n_dims == 1, ATTRIB_ENOTSUP,
             "%s: a NumPy array in Fortran's order: save numpy.ascontiguousarray() of it",
             l->name);
done:
    return status;
}

bool at_npy_is(const unsigned char *bytes, size_t n)
{
    const size_t n_magic = sizeof AT_NPY_MAGIC - 1;
    return n >= n_magic && memcmp(bytes, AT_NPY_MAGIC, n_magic) == 0;
}

/* The magic, the version, and the length of the dictionary: 2 bytes in version 1, 4 in
 * later ones. */
static attrib_status read_lengths(const char *name,
                                  const unsigned char *bytes,
                                  size_t n,
                                  literal *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = n >= 8 && bytes[6] == 1 ? 10 : 12;
    size_t n_header = 0;
    AT_CHECK(at_npy_is(bytes, n), ATTRIB_EFORMAT, "%s: not a NumPy array file", name);
    AT_CHECK(n >= first, ATTRIB_EFORMAT, "%s: truncated header of a NumPy array", name);
    AT_CHECK(bytes[6] >= 1 && bytes[6] <= 3, ATTRIB_EVERSION,
             "%s: NumPy array file of version %d.%d, expected 1.0 to 3.0", name, bytes[6],
             bytes[7]);
    for (size_t i = first; i > 8; i--) {
        n_header = n_header << 8 | bytes[i - 1];
    }
    AT_CHECK(n_header <= n - first, ATTRIB_EFORMAT,
             "%s: truncated header of a NumPy array", name);
    *out = (literal){name, (const char *)bytes + first,
                     (const char *)bytes + first + n_header};
done:
    return status;
}

attrib_status at_npy_read(const char *name,
                          const unsigned char *bytes,
                          size_t n,
                          at_npy_kind kind,
                          at_npy *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_npy array = {0};
    literal l = {0};
    size_t n_data = 1;
    AT_TRY(read_lengths(name, bytes, n, &l, err));
    array.start = (size_t)(l.end - (const char *)bytes);
    AT_TRY(read_dictionary(&l, kind, &array, err));
    if (peek(&l) != '\0') {
        return fail_literal(&l, "nothing after the dictionary", err);
    }
    for (size_t i = 0; i < array.n_dims; i++) {
        AT_TRY(at_mul(n_data, array.shape[i], &n_data, err));
    }
    AT_TRY(at_mul(n_data, array.n_bytes, &n_data, err));
    AT_CHECK(n_data == n - array.start, ATTRIB_EFORMAT,
             "%s: %zu bytes of elements in the file, the header says %zu", name,
             n - array.start, n_data);
    *out = array;
done:
    return status;
}
