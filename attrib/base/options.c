/* SPDX-License-Identifier: MIT */
/* Tables of options.
 *
 * 1. Fields and words   2. Refusing   3. Reading text   4. Whole tables */
#include "base/options.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

/* 1. Fields and words */

_Static_assert(sizeof(attrib_option_kind) == sizeof(int), "choices are read as int");

void *at_option_field(const attrib_option *option, void *options)
{
    return (char *)options + option->offset;
}

const void *at_option_value(const attrib_option *option, const void *options)
{
    return (const char *)options + option->offset;
}

size_t at_option_count(const attrib_option *option, const void *options)
{
    size_t n = 0;
    memcpy(&n, (const char *)options + option->n_offset, sizeof n);
    return n;
}

void at_option_set_count(const attrib_option *option, void *options, size_t n)
{
    memcpy((char *)options + option->n_offset, &n, sizeof n);
}

void at_option_share(const attrib_option *option,
                     const void *options,
                     char *out,
                     size_t size)
{
    size_t i = *(const size_t *)at_option_value(option, options);
    snprintf(out, size, "%zu/%zu", i + 1, at_option_count(option, options));
}

const char *at_option_word(const attrib_option *option, int i, size_t *n)
{
    const char *word = option->value;
    for (int k = 0; *word; k++) {
        *n = strcspn(word, "|");
        if (k == i) {
            return word;
        }
        word += *n + (word[*n] == '|');
    }
    return NULL;
}

const char *at_option_size_word(const attrib_option *option, size_t size)
{
    for (const attrib_option_word *w = option->words; w && w->word; w++) {
        if (w->size == size) {
            return w->word;
        }
    }
    return NULL;
}

const attrib_option *at_options_find(const attrib_option *table,
                                     const char *name,
                                     size_t n)
{
    for (const attrib_option *o = table; o->name; o++) {
        if (strlen(o->name) == n && memcmp(o->name, name, n) == 0) {
            return o;
        }
    }
    return NULL;
}

/* 2. Refusing */

static attrib_status refuse(const attrib_option *option,
                            const char *text,
                            const char *expected,
                            attrib_error *err)
{
    return at_fail(err, ATTRIB_EINVAL, "%s: \"%.80s\" is not %s", option->name, text,
                   expected);
}

static attrib_status refuse_range(const attrib_option *option,
                                  const char *text,
                                  attrib_error *err)
{
    return at_fail(err, ATTRIB_EINVAL, "%s: %.80s is not in [%.17g, %.17g]", option->name,
                   text, option->min, option->max);
}

/* "full, auto or a whole number" */
static attrib_status refuse_size(const attrib_option *option,
                                 const char *text,
                                 attrib_error *err)
{
    char expected[160] = "";
    size_t n = 0;
    for (const attrib_option_word *w = option->words; w && w->word; w++) {
        const char *end = w[1].word ? ", " : " or ";
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%s%s", w->word, end);
        assert(n < sizeof expected);
    }
    snprintf(expected + n, sizeof expected - n, "a whole number");
    return refuse(option, text, expected, err);
}

static attrib_status refuse_choice(const attrib_option *option,
                                   const char *text,
                                   attrib_error *err)
{
    char expected[160];
    snprintf(expected, sizeof expected, "one of %s", option->value);
    return refuse(option, text, expected, err);
}

/* 3. Reading text */

static attrib_status read_whole(const attrib_option *option,
                                const char *text,
                                uint64_t *out,
                                attrib_error *err)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end) {
        return refuse_size(option, text, err);
    }
    if (errno) {
        return refuse(option, text, "below 2^64", err);
    }
    *out = number;
    return ATTRIB_OK;
}

static attrib_status read_size(const attrib_option *option,
                               const char *text,
                               size_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    uint64_t number = 0;
    for (const attrib_option_word *w = option->words; w && w->word; w++) {
        if (strcmp(w->word, text) == 0) {
            *out = w->size;
            return ATTRIB_OK;
        }
    }
    AT_TRY(read_whole(option, text, &number, err));
    if ((double)number < option->min || (double)number > option->max) {
        return refuse_range(option, text, err);
    }
    *out = (size_t)number;
done:
    return status;
}

static attrib_status read_number(const attrib_option *option,
                                 const char *text,
                                 double *out,
                                 attrib_error *err)
{
    char *end = NULL;
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number)) {
        return refuse(option, text, "a number", err);
    }
    if (number < option->min || number > option->max) {
        return refuse_range(option, text, err);
    }
    *out = number;
    return ATTRIB_OK;
}

/* Read 4096, 64K, 512M, 4G or 1T; the letter may be followed by "B" or "iB". */
static attrib_status read_bytes(const attrib_option *option,
                                const char *text,
                                size_t *out,
                                attrib_error *err)
{
    static const char letters[] = "KMGT";
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    const char *letter = *end ? strchr(letters, *end) : NULL;
    unsigned shift = letter ? 10U * (unsigned)(letter - letters + 1) : 0;
    const char *rest = letter ? end + 1 : end;
    bool is_read = text[0] >= '0' && text[0] <= '9' &&
                   (!*rest || strcmp(rest, "B") == 0 || (letter && !strcmp(rest, "iB")));
    if (!is_read) {
        return refuse(option, text, "a size in bytes, as in 512M or 4G", err);
    }
    if (errno || number == 0 || number > SIZE_MAX >> shift) {
        return refuse(option, text, "from 1 byte to 2^64", err);
    }
    *out = (size_t)number << shift;
    return ATTRIB_OK;
}

/* Read a share "I/N": which one, counted from 1, of how many. */
static attrib_status read_share(const attrib_option *option,
                                const char *text,
                                void *options,
                                attrib_error *err)
{
    char *slash = NULL;
    char *end = NULL;
    errno = 0;
    unsigned long long i = strtoull(text, &slash, 10);
    const char *of = *slash ? slash + 1 : slash;
    unsigned long long n = strtoull(of, &end, 10);
    bool is_read = *slash == '/' && isdigit((unsigned char)*text) &&
                   isdigit((unsigned char)*of) && !*end && !errno;
    if (!is_read || i == 0 || i > n) {
        return refuse(option, text, "I/N with 1 <= I <= N", err);
    }
    *(size_t *)at_option_field(option, options) = (size_t)i - 1;
    at_option_set_count(option, options, (size_t)n);
    return ATTRIB_OK;
}

static attrib_status read_choice(const attrib_option *option,
                                 const char *text,
                                 int *out,
                                 attrib_error *err)
{
    size_t n = 0;
    const char *word = NULL;
    for (int i = 0; (word = at_option_word(option, i, &n)); i++) {
        if (strlen(text) == n && memcmp(word, text, n) == 0) {
            *out = i;
            return ATTRIB_OK;
        }
    }
    return refuse_choice(option, text, err);
}

attrib_status attrib_option_read(const attrib_option *option,
                                 const char *text,
                                 void *options,
                                 attrib_error *err)
{
    void *field = at_option_field(option, options);
    assert(option->kind < ATTRIB_OPTION_STRUCTS);
    assert(text || option->kind == ATTRIB_OPTION_FLAG);
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_FLAG:
        if (text) {
            return at_fail(err, ATTRIB_EINVAL, "%s: \"%.80s\" is not expected",
                           option->name, text);
        }
        *(bool *)field = true;
        return ATTRIB_OK;
    case ATTRIB_OPTION_TEXT:
        *(const char **)field = text;
        return ATTRIB_OK;
    case ATTRIB_OPTION_SIZE:
        return read_size(option, text, field, err);
    case ATTRIB_OPTION_BYTES:
        return read_bytes(option, text, field, err);
    case ATTRIB_OPTION_SEED:
        return read_whole(option, text, field, err);
    case ATTRIB_OPTION_SHARE:
        return read_share(option, text, options, err);
    case ATTRIB_OPTION_NUMBER:
        return read_number(option, text, field, err);
    case ATTRIB_OPTION_CHOICE:
        return read_choice(option, text, field, err);
    case ATTRIB_OPTION_STRUCTS:
    case ATTRIB_OPTION_OTHER:
        break;
    }
    return ATTRIB_EINVAL;
}

/* 4. Whole tables */

void attrib_options_default(const attrib_option *table, void *options)
{
    for (const attrib_option *o = table; o->name; o++) {
        if (o->kind == ATTRIB_OPTION_STRUCTS) {
            at_option_set_count(o, options, (size_t)o->min);
            for (size_t i = 0; i < (size_t)o->min; i++) {
                char *structs = at_option_field(o, options);
                attrib_options_default(o->rows, structs + i * o->struct_bytes);
            }
        } else if (o->standard) {
            attrib_status status = attrib_option_read(o, o->standard, options, NULL);
            assert(status == ATTRIB_OK);
            (void)status;
        }
    }
}

static attrib_status check_structs(const attrib_option *option,
                                   const void *options,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_option_count(option, options);
    char text[24];
    snprintf(text, sizeof text, "%zu", n);
    if ((double)n < option->min || (double)n > option->max) {
        return refuse_range(option, text, err);
    }
    for (size_t i = 0; i < n && status == ATTRIB_OK; i++) {
        const char *at = at_option_value(option, options);
        attrib_error inner = {0};
        status = at_options_check(option->rows, at + i * option->struct_bytes, &inner);
        if (status != ATTRIB_OK) {
            at_fail(err, status, "%s %zu: %s", option->name, i + 1, inner.message);
        }
    }
    return status;
}

static attrib_status check_value(const attrib_option *option,
                                 const void *options,
                                 attrib_error *err)
{
    const void *value = at_option_value(option, options);
    char text[AT_SHARE_SIZE];
    size_t n = 0;
    switch ((attrib_option_kind)option->kind) {
    case ATTRIB_OPTION_TEXT:
        return *(const char *const *)value || !option->standard
                   ? ATTRIB_OK
                   : at_fail(err, ATTRIB_EINVAL, "%s: no text", option->name);
    case ATTRIB_OPTION_SIZE:
        n = *(const size_t *)value;
        snprintf(text, sizeof text, "%zu", n);
        return at_option_size_word(option, n) ||
                       ((double)n >= option->min && (double)n <= option->max)
                   ? ATTRIB_OK
                   : refuse_range(option, text, err);
    case ATTRIB_OPTION_SHARE:
        n = at_option_count(option, options);
        at_option_share(option, options, text, sizeof text);
        return *(const size_t *)value < n
                   ? ATTRIB_OK
                   : refuse(option, text, "I/N with 1 <= I <= N", err);
    case ATTRIB_OPTION_NUMBER:
        snprintf(text, sizeof text, "%.17g", *(const double *)value);
        return *(const double *)value >= option->min &&
                       *(const double *)value <= option->max
                   ? ATTRIB_OK
                   : refuse_range(option, text, err);
    case ATTRIB_OPTION_CHOICE:
        snprintf(text, sizeof text, "%d", *(const int *)value);
        return at_option_word(option, *(const int *)value, &n)
                   ? ATTRIB_OK
                   : refuse_choice(option, text, err);
    case ATTRIB_OPTION_STRUCTS:
        return check_structs(option, options, err);
    case ATTRIB_OPTION_FLAG:
    case ATTRIB_OPTION_BYTES:
    case ATTRIB_OPTION_SEED:
    case ATTRIB_OPTION_OTHER:
        break;
    }
    return ATTRIB_OK;
}

attrib_status at_options_check(const attrib_option *table,
                               const void *options,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (const attrib_option *o = table; o->name && status == ATTRIB_OK; o++) {
        status = check_value(o, options, err);
    }
    return status;
}
