/* SPDX-License-Identifier: MIT */
/* Jinja: texts with places for values: "%s" % x and "{}".format(x). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja_value.h"

static bool add_directive(at_jinja_run *r,
                          at_jinja_builder *b,
                          const char *directive,
                          size_t n,
                          const at_jinja_value *value)
{
    char format[24] = "";
    char out[400];
    double real = 0;
    int64_t integer = 0;
    char kind = directive[n - 1];
    if (kind == 's' && n == 2) {
        return at_jinja_add_str(r, b, value);
    }
    if (n + 3 > sizeof format || !at_jinja_as_real(value, &real)) {
        return at_jinja_fail(r, ATTRIB_ENOTSUP, "format %%%c of %s", kind,
                             at_jinja_type_name(value));
    }
    memcpy(format, directive, n - 1);
    if (kind == 'd' || kind == 'i') {
        integer = at_jinja_as_int(value, &integer) ? integer : (int64_t)real;
        memcpy(format + n - 1, "lld", sizeof "lld");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(out, sizeof out, format, (long long)integer);
    } else {
        format[n - 1] = kind;
        snprintf(out, sizeof out, format, real);
#pragma GCC diagnostic pop
    }
    return at_jinja_add(r, b, out, strlen(out), value->mark);
}

/* Values on their way into a text. */
typedef struct filling {
    const at_jinja_value *const *items; /* [n] */
    size_t n, next;
} filling;

/* The directive at text[i]; gives the byte after it, 0 where it fails. */
static size_t fill(at_jinja_run *r,
                   at_jinja_builder *b,
                   const at_jinja_value *text,
                   size_t i,
                   filling *values)
{
    const char *bytes = text->as.text.bytes;
    size_t end = i + 1;
    char kind = '\0';
    while (end < text->as.text.n && bytes[end] && strchr("0123456789.-+ #", bytes[end]) &&
           end - i < 8) {
        end++;
    }
    if (end < text->as.text.n) {
        kind = bytes[end];
    }
    if (kind == '%' && end == i + 1) {
        return at_jinja_add_part(r, b, text, i, 1) ? end + 1 : 0;
    }
    if (!kind || !strchr("sdifeEgG", kind)) {
        at_jinja_fail(r, ATTRIB_ENOTSUP, "an unknown directive of a format");
        return 0;
    }
    if (values->next == values->n) {
        at_jinja_fail(r, ATTRIB_EINVAL, "a format of more values than it is given");
        return 0;
    }
    return add_directive(r, b, bytes + i, end - i + 1, values->items[values->next++])
               ? end + 1
               : 0;
}

const at_jinja_value *at_jinja_format(at_jinja_run *r,
                                      const at_jinja_value *text,
                                      const at_jinja_value *const *items,
                                      size_t n)
{
    at_jinja_builder b = {0};
    filling values = {items, n, 0};
    for (size_t i = 0; i < text->as.text.n;) {
        const char *start = text->as.text.bytes + i;
        const char *found = memchr(start, '%', text->as.text.n - i);
        size_t n_plain = found ? (size_t)(found - start) : text->as.text.n - i;
        if (!at_jinja_add_part(r, &b, text, i, n_plain)) {
            return NULL;
        }
        i += n_plain;
        if (found && !(i = fill(r, &b, text, i, &values))) {
            return NULL;
        }
    }
    return at_jinja_built(r, &b);
}

/* The value of a place {}, {0} or {name}; NULL where there is none. */
static const at_jinja_value *find_place(const at_jinja_arguments *arguments,
                                        const char *name,
                                        size_t *next)
{
    if (!*name) {
        return at_jinja_argument(arguments, (*next)++, NULL);
    }
    return strspn(name, "0123456789") == strlen(name)
               ? at_jinja_argument(arguments, strtoul(name, NULL, 10), NULL)
               : at_jinja_argument(arguments, SIZE_MAX, name);
}

/* "{} and {name}".format(...), without further directives. */
const at_jinja_value *at_jinja_format_braces(at_jinja_run *r,
                                             const at_jinja_value *text,
                                             const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    size_t next = 0;
    const char *bytes = text->as.text.bytes;
    for (size_t i = 0; i < text->as.text.n;) {
        char c = bytes[i];
        bool is_brace = c == '{' || c == '}';
        bool is_twice = is_brace && i + 1 < text->as.text.n && bytes[i + 1] == c;
        char name[32] = "";
        if (!is_brace || is_twice) {
            if (!at_jinja_add_part(r, &b, text, i, 1)) {
                return NULL;
            }
            i += 1 + (size_t)is_twice;
            continue;
        }
        const char *close = memchr(bytes + i, '}', text->as.text.n - i);
        size_t n = close && c == '{' ? (size_t)(close - (bytes + i)) - 1 : sizeof name;
        if (n < sizeof name) {
            memcpy(name, bytes + i + 1, n);
        }
        const at_jinja_value *value =
            n < sizeof name ? find_place(arguments, name, &next) : NULL;
        if (!value) {
            at_jinja_fail(r, ATTRIB_ENOTSUP, "format() with {%s}", name);
            return NULL;
        }
        if (!at_jinja_add_str(r, &b, value)) {
            return NULL;
        }
        i += n + 2;
    }
    return at_jinja_built(r, &b);
}
