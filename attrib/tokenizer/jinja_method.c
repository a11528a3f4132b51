/* SPDX-License-Identifier: MIT */
/* Jinja: methods of texts, dictionaries and lists, as Python has them.
 *
 *   1. Parts of texts   2. Case   3. Splitting and joining   4. Formats   5. Members
 *   6. The table */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

const at_jinja_value *at_jinja_argument(const at_jinja_arguments *arguments,
                                        size_t i,
                                        const char *name)
{
    if (i < arguments->n) {
        return arguments->items[i];
    }
    return name && arguments->named ? at_jinja_find(arguments->named, name, strlen(name))
                                    : NULL;
}

/* 1. Parts of texts */

/* Whether a character is stripped: Python's blanks, or one of a text's. */
static bool is_stripped(uint32_t character, const at_jinja_value *set)
{
    if (!at_jinja_is_text(set)) {
        return at_is_space(character) || (character >= 0x1C && character <= 0x1F);
    }
    for (size_t i = 0; i < set->as.text.n;) {
        uint32_t member = 0;
        i += at_get_character(set->as.text.bytes + i, &member);
        if (member == character) {
            return true;
        }
    }
    return false;
}

const at_jinja_value *at_jinja_strip(at_jinja_run *r,
                                     const at_jinja_value *text,
                                     const at_jinja_value *set,
                                     bool from_left,
                                     bool from_right)
{
    const char *bytes = text->as.text.bytes;
    size_t start = 0;
    size_t end = text->as.text.n;
    uint32_t character = 0;
    while (from_left && start < end) {
        size_t n = at_get_character(bytes + start, &character);
        if (!is_stripped(character, set)) {
            break;
        }
        start += n;
    }
    while (from_right && start < end) {
        size_t n = at_get_last_character(bytes + start, end - start, &character);
        if (!is_stripped(character, set)) {
            break;
        }
        end -= n;
    }
    return at_jinja_part(r, text, start, end - start);
}

/* Where a text stands in another from `from` on, or SIZE_MAX. */
static size_t find_in(const at_jinja_value *text, const at_jinja_value *part, size_t from)
{
    const char *bytes = text->as.text.bytes;
    const char *found = memmem(bytes + from, text->as.text.n - from, part->as.text.bytes,
                               part->as.text.n);
    return found ? (size_t)(found - bytes) : SIZE_MAX;
}

static size_t find_last_in(const at_jinja_value *text,
                           const at_jinja_value *part,
                           size_t to)
{
    size_t n = part->as.text.n;
    for (size_t i = to >= n ? to - n + 1 : 0; i-- > 0;) {
        if (memcmp(text->as.text.bytes + i, part->as.text.bytes, n) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool touches(const at_jinja_value *text, const at_jinja_value *part, bool is_end)
{
    size_t n = text->as.text.n;
    size_t n_part = part->as.text.n;
    const char *bytes = text->as.text.bytes;
    return n_part <= n &&
           memcmp(is_end ? bytes + n - n_part : bytes, part->as.text.bytes, n_part) == 0;
}

/* One text, or any of a tuple. */
static bool touches_any(at_jinja_run *r,
                        const at_jinja_value *text,
                        const at_jinja_value *parts,
                        bool is_end)
{
    if (at_jinja_is_text(parts)) {
        return touches(text, parts, is_end);
    }
    for (size_t i = 0; at_jinja_is_list(parts) && i < parts->as.list.n; i++) {
        const at_jinja_value *part = parts->as.list.items[i];
        if (at_jinja_is_text(part) && touches(text, part, is_end)) {
            return true;
        }
    }
    return at_jinja_is_list(parts)
               ? false
               : at_jinja_fail(r, ATTRIB_EINVAL, "startswith() without a text");
}

/* The whole text is left where `part` does not touch its end. */
static const at_jinja_value *cut_touching(at_jinja_run *r,
                                          const at_jinja_value *text,
                                          const at_jinja_value *part,
                                          bool is_end)
{
    size_t n = part->as.text.n;
    if (!touches(text, part, is_end)) {
        return text;
    }
    return at_jinja_part(r, text, is_end ? 0 : n, text->as.text.n - n);
}

static const at_jinja_value *count_parts(at_jinja_run *r,
                                         const at_jinja_value *text,
                                         const at_jinja_value *part)
{
    int64_t n = 0;
    size_t at = 0;
    if (part->as.text.n == 0) {
        return at_jinja_int(r, (int64_t)at_jinja_length(text) + 1);
    }
    while ((at = find_in(text, part, at)) != SIZE_MAX) {
        n++;
        at += part->as.text.n;
    }
    return at_jinja_int(r, n);
}

/* The character that a byte begins, counted from 0; -1 where there is none. */
static const at_jinja_value *place_of(at_jinja_run *r,
                                      const at_jinja_value *text,
                                      size_t at)
{
    return at_jinja_int(
        r, at == SIZE_MAX ? -1 : (int64_t)at_count_characters(text->as.text.bytes, at));
}

const at_jinja_value *at_jinja_replace(at_jinja_run *r,
                                       const at_jinja_value *text,
                                       const at_jinja_value *old,
                                       const at_jinja_value *new,
                                       int64_t limit)
{
    at_jinja_builder b = {0};
    size_t at = 0;
    size_t n_old = old->as.text.n;
    if (n_old == 0) {
        at_jinja_fail(r, ATTRIB_ENOTSUP, "replacing an empty text");
        return NULL;
    }
    for (size_t found = 0; limit != 0 && (found = find_in(text, old, at)) != SIZE_MAX;
         limit--) {
        if (!at_jinja_work(r, 1) || !at_jinja_add_part(r, &b, text, at, found - at) ||
            !at_jinja_add_part(r, &b, new, 0, new->as.text.n)) {
            return NULL;
        }
        at = found + n_old;
    }
    if (at == 0) {
        return text;
    }
    return at_jinja_add_part(r, &b, text, at, text->as.text.n - at)
               ? at_jinja_built(r, &b)
               : NULL;
}

/* 2. Case */

static bool add_character(at_jinja_run *r,
                          at_jinja_builder *b,
                          uint32_t character,
                          at_jinja_mark mark)
{
    char bytes[AT_UTF8_MAX];
    if (character == 0) {
        return at_jinja_add(r, b, "\0", 1, mark);
    }
    return at_jinja_add(r, b, bytes, at_put_character(character, bytes), mark);
}

/* 'T' is Python's title(): letters behind anything that is no letter. */
const at_jinja_value *at_jinja_change_case(at_jinja_run *r,
                                           const at_jinja_value *text,
                                           char how)
{
    at_jinja_builder b = {0};
    bool starts_word = true;
    for (size_t i = 0; i < text->as.text.n;) {
        uint32_t c = 0;
        size_t n = at_get_character(text->as.text.bytes + i, &c);
        const at_jinja_value *one =
            text->as.text.n_stretches ? at_jinja_part(r, text, i, n) : text;
        if (c == 0xDF && how == 'u') { /* the one letter of Latin-1 that becomes two */
            if (!one || !at_jinja_add(r, &b, "SS", 2, one->mark)) {
                return NULL;
            }
            i += n;
            continue;
        }
        bool is_upper = how == 'u' || (how == 'c' && i == 0) ||
                        ((how == 't' || how == 'T') && starts_word);
        utf8proc_int32_t changed = is_upper ? utf8proc_toupper((utf8proc_int32_t)c)
                                            : utf8proc_tolower((utf8proc_int32_t)c);
        bool is_letter = utf8proc_tolower((utf8proc_int32_t)c) != (utf8proc_int32_t)c ||
                         utf8proc_toupper((utf8proc_int32_t)c) != (utf8proc_int32_t)c;
        starts_word = how == 'T'
                          ? !is_letter
                          : at_is_space(c) || (c < 0x80 && c && strchr("-({[<", (int)c));
        if (!one || !add_character(r, &b, (uint32_t)changed, one->mark)) {
            return NULL;
        }
        i += n;
    }
    return at_jinja_built(r, &b);
}

/* Whether all characters are of a kind, one at least. */
static const at_jinja_value *are_all(const at_jinja_value *text, char kind)
{
    bool has_cased = false;
    for (size_t i = 0; i < text->as.text.n;) {
        uint32_t c = 0;
        i += at_get_character(text->as.text.bytes + i, &c);
        utf8proc_int32_t lower = utf8proc_tolower((utf8proc_int32_t)c);
        utf8proc_int32_t upper = utf8proc_toupper((utf8proc_int32_t)c);
        bool is_lower = lower == (utf8proc_int32_t)c && upper != lower;
        bool is_upper = upper == (utf8proc_int32_t)c && upper != lower;
        bool is_letter = at_is_word(c) && !at_is_numeric(c) && c != '_';
        has_cased = has_cased || is_lower || is_upper;
        if ((kind == 'd' && !at_is_numeric(c)) || (kind == 'a' && !is_letter) ||
            (kind == 'n' && !is_letter && !at_is_numeric(c)) ||
            (kind == 's' && !at_is_space(c)) || (kind == 'u' && is_lower) ||
            (kind == 'l' && is_upper)) {
            return &at_jinja_false;
        }
    }
    return at_jinja_bool(kind == 'u' || kind == 'l' ? has_cased : text->as.text.n > 0);
}

/* 3. Splitting and joining */

/* By blanks: neither they nor empty parts are kept. */
static const at_jinja_value *split_blanks(at_jinja_run *r,
                                          const at_jinja_value *text,
                                          int64_t limit)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    const at_jinja_value *rest = text;
    while (made) {
        size_t n = 0;
        uint32_t c = 0;
        rest = at_jinja_strip(r, rest, NULL, true, limit != 0);
        if (!rest || rest->as.text.n == 0) {
            return rest ? made : NULL;
        }
        while (limit != 0 && n < rest->as.text.n) {
            size_t step = at_get_character(rest->as.text.bytes + n, &c);
            if (is_stripped(c, NULL)) {
                break;
            }
            n += step;
        }
        n = limit == 0 ? rest->as.text.n : n;
        limit--;
        if (!at_jinja_work(r, 1) ||
            !at_jinja_push(r, made, at_jinja_part(r, rest, 0, n))) {
            return NULL;
        }
        rest = at_jinja_part(r, rest, n, rest->as.text.n - n);
    }
    return NULL;
}

static const at_jinja_value *split(at_jinja_run *r,
                                   const at_jinja_value *text,
                                   const at_jinja_value *by,
                                   int64_t limit)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    size_t at = 0;
    if (!at_jinja_is_text(by)) {
        return split_blanks(r, text, limit);
    }
    if (by->as.text.n == 0) {
        at_jinja_fail(r, ATTRIB_EINVAL, "split() at an empty text");
        return NULL;
    }
    while (made) {
        size_t found = limit != 0 ? find_in(text, by, at) : SIZE_MAX;
        size_t end = found == SIZE_MAX ? text->as.text.n : found;
        if (!at_jinja_work(r, 1) ||
            !at_jinja_push(r, made, at_jinja_part(r, text, at, end - at))) {
            return NULL;
        }
        if (found == SIZE_MAX) {
            return made;
        }
        at = found + by->as.text.n;
        limit--;
    }
    return NULL;
}

static const at_jinja_value *reverse(at_jinja_run *r, const at_jinja_value *list)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    for (size_t i = list->as.list.n; made && i-- > 0;) {
        if (!at_jinja_push(r, made, list->as.list.items[i])) {
            return NULL;
        }
    }
    return made;
}

/* From the right: the parts come last first, and are turned around. */
static const at_jinja_value *split_right(at_jinja_run *r,
                                         const at_jinja_value *text,
                                         const at_jinja_value *by,
                                         int64_t limit)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    size_t end = text->as.text.n;
    if (limit < 0) {
        return split(r, text, by, -1);
    }
    if (!at_jinja_is_text(by) || by->as.text.n == 0) {
        at_jinja_fail(r, ATTRIB_ENOTSUP, "rsplit() with a limit and no text");
        return NULL;
    }
    while (made) {
        size_t found = limit != 0 ? find_last_in(text, by, end) : SIZE_MAX;
        size_t start = found == SIZE_MAX ? 0 : found + by->as.text.n;
        if (!at_jinja_work(r, 1 + end / 64) ||
            !at_jinja_push(r, made, at_jinja_part(r, text, start, end - start))) {
            return NULL;
        }
        if (found == SIZE_MAX) {
            return reverse(r, made);
        }
        end = found;
        limit--;
    }
    return NULL;
}

static const at_jinja_value *split_lines(at_jinja_run *r, const at_jinja_value *text)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    const char *bytes = text->as.text.bytes;
    size_t n = text->as.text.n;
    for (size_t i = 0; made && i < n;) {
        size_t end = i;
        while (end < n && bytes[end] != '\n' && bytes[end] != '\r') {
            end++;
        }
        if (!at_jinja_work(r, 1) ||
            !at_jinja_push(r, made, at_jinja_part(r, text, i, end - i))) {
            return NULL;
        }
        i = end + 1 + (end + 1 < n && bytes[end] == '\r' && bytes[end + 1] == '\n');
    }
    return made;
}

/* before, separator, behind */
static const at_jinja_value *partition(at_jinja_run *r,
                                       const at_jinja_value *text,
                                       const at_jinja_value *by,
                                       bool is_last)
{
    size_t n = text->as.text.n;
    size_t found = is_last ? find_last_in(text, by, n) : find_in(text, by, 0);
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_TUPLE);
    const at_jinja_value *empty = at_jinja_borrow(r, "", 0);
    if (!made || !empty) {
        return NULL;
    }
    if (found == SIZE_MAX) {
        return at_jinja_push(r, made, is_last ? empty : text) &&
                       at_jinja_push(r, made, empty) &&
                       at_jinja_push(r, made, is_last ? text : empty)
                   ? made
                   : NULL;
    }
    size_t behind = found + by->as.text.n;
    return at_jinja_push(r, made, at_jinja_part(r, text, 0, found)) &&
                   at_jinja_push(r, made, by) &&
                   at_jinja_push(r, made, at_jinja_part(r, text, behind, n - behind))
               ? made
               : NULL;
}

static const at_jinja_value *join(at_jinja_run *r,
                                  const at_jinja_value *by,
                                  const at_jinja_value *list)
{
    at_jinja_builder b = {0};
    const at_jinja_value *items = at_jinja_elements(r, list);
    for (size_t i = 0; items && i < items->as.list.n; i++) {
        const at_jinja_value *item = items->as.list.items[i];
        if (!at_jinja_is_text(item)) {
            at_jinja_fail(r, ATTRIB_EINVAL, "join() of %s", at_jinja_type_name(item));
            return NULL;
        }
        if ((i > 0 && !at_jinja_add_part(r, &b, by, 0, by->as.text.n)) ||
            !at_jinja_add_part(r, &b, item, 0, item->as.text.n)) {
            return NULL;
        }
    }
    return items ? at_jinja_built(r, &b) : NULL;
}

/* 4. Formats */

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
        strcpy(format + n - 1, "lld");
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

const at_jinja_value *at_jinja_format(at_jinja_run *r,
                                      const at_jinja_value *text,
                                      const at_jinja_value *const *items,
                                      size_t n)
{
    at_jinja_builder b = {0};
    size_t i_item = 0;
    size_t n_text = text->as.text.n;
    const char *bytes = text->as.text.bytes;
    for (size_t i = 0; i < n_text;) {
        size_t start = i;
        while (i < n_text && bytes[i] != '%') {
            i++;
        }
        if (!at_jinja_add_part(r, &b, text, start, i - start)) {
            return NULL;
        }
        if (i == n_text) {
            break;
        }
        size_t end = i + 1;
        while (end < n_text && bytes[end] && strchr("0123456789.-+ #", bytes[end]) &&
               end - i < 8) {
            end++;
        }
        char kind = '\0';
        if (end < n_text) {
            kind = bytes[end];
        }
        bool is_known = kind && strchr("sdifeEgG", kind);
        if (kind == '%' && end == i + 1) {
            if (!at_jinja_add_part(r, &b, text, i, 1)) {
                return NULL;
            }
        } else if (!is_known || i_item == n) {
            at_jinja_fail(r, is_known ? ATTRIB_EINVAL : ATTRIB_ENOTSUP,
                          is_known ? "a format of more values than it is given"
                                   : "an unknown directive of a format");
            return NULL;
        } else if (!add_directive(r, &b, bytes + i, end - i + 1, items[i_item++])) {
            return NULL;
        }
        i = end + 1;
    }
    return at_jinja_built(r, &b);
}

/* "{} and {name}".format(...), without further directives. */
static const at_jinja_value *format_braces(at_jinja_run *r,
                                           const at_jinja_value *text,
                                           const at_jinja_arguments *arguments)
{
    at_jinja_builder b = {0};
    size_t next = 0;
    const char *bytes = text->as.text.bytes;
    for (size_t i = 0; i < text->as.text.n;) {
        char c = bytes[i];
        bool is_twice = i + 1 < text->as.text.n && bytes[i + 1] == c;
        if ((c != '{' && c != '}') || is_twice) {
            bool is_brace = c == '{' || c == '}';
            if (!at_jinja_add_part(r, &b, text, i, 1)) {
                return NULL;
            }
            i += 1 + (size_t)(is_brace && is_twice);
            continue;
        }
        const char *close = memchr(bytes + i, '}', text->as.text.n - i);
        size_t n = close ? (size_t)(close - (bytes + i)) - 1 : 0;
        char name[32] = "";
        if (c == '}' || !close || n >= sizeof name) {
            at_jinja_fail(r, ATTRIB_ENOTSUP, "format() with a directive");
            return NULL;
        }
        memcpy(name, bytes + i + 1, n);
        bool is_number = n > 0 && strspn(name, "0123456789") == n;
        const at_jinja_value *value =
            at_jinja_argument(arguments,
                              n == 0      ? next++
                              : is_number ? strtoul(name, NULL, 10)
                                          : SIZE_MAX,
                              n == 0 || is_number ? NULL : name);
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

/* 5. Members */

/* [key, value] of every member ('i'), or its key ('k'), or its value ('v'). */
const at_jinja_value *at_jinja_pairs(at_jinja_run *r,
                                     const at_jinja_value *dict,
                                     char what)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    for (size_t i = 0; made && i < dict->as.dict.n; i++) {
        const at_jinja_pair *pair = &dict->as.dict.pairs[i];
        at_jinja_value *both = what == 'i' ? at_jinja_new(r, AT_JINJA_TUPLE) : NULL;
        if (what == 'i' && (!both || !at_jinja_push(r, both, pair->key) ||
                            !at_jinja_push(r, both, pair->value))) {
            return NULL;
        }
        if (!at_jinja_work(r, 1) || !at_jinja_push(r, made,
                                                   both          ? both
                                                   : what == 'k' ? pair->key
                                                                 : pair->value)) {
            return NULL;
        }
    }
    return made;
}

/* The bytes of character `place` of a text, from the end where it is negative. */
static const at_jinja_value *character_at(at_jinja_run *r,
                                          const at_jinja_value *text,
                                          int64_t place)
{
    uint32_t ignored = 0;
    size_t i = 0;
    if (place < 0) {
        place += (int64_t)at_jinja_length(text);
    }
    for (int64_t k = 0; place >= 0 && k < place && i < text->as.text.n; k++) {
        i += at_get_character(text->as.text.bytes + i, &ignored);
    }
    if (place < 0 || i >= text->as.text.n || !at_jinja_work(r, i / 64)) {
        return &at_jinja_undefined;
    }
    return at_jinja_part(r, text, i, at_get_character(text->as.text.bytes + i, &ignored));
}

const at_jinja_value *at_jinja_item(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_value *key)
{
    int64_t place = 0;
    const at_jinja_value *found = NULL;
    if (value->type == AT_JINJA_UNDEFINED) {
        at_jinja_fail(r, ATTRIB_EINVAL, "a member \"%.*s\" of what is undefined",
                      at_jinja_is_text(key) && key->as.text.n < 64 ? (int)key->as.text.n
                                                                   : 0,
                      at_jinja_is_text(key) ? key->as.text.bytes : "");
        return NULL;
    }
    if ((at_jinja_is_dict(value) || value->type == AT_JINJA_NAMESPACE)) {
        if (at_jinja_is_text(key)) {
            found = at_jinja_find(value, key->as.text.bytes, key->as.text.n);
        }
        for (size_t i = 0; !at_jinja_is_text(key) && i < value->as.dict.n; i++) {
            if (at_jinja_is_equal(r, value->as.dict.pairs[i].key, key)) {
                found = value->as.dict.pairs[i].value;
            }
        }
        return at_jinja_work(r, value->as.dict.n / 16)
                   ? (found ? found : &at_jinja_undefined)
                   : NULL;
    }
    if (at_jinja_as_int(key, &place) && at_jinja_is_list(value)) {
        place += place < 0 ? (int64_t)value->as.list.n : 0;
        return place >= 0 && (uint64_t)place < value->as.list.n
                   ? value->as.list.items[place]
                   : &at_jinja_undefined;
    }
    if (at_jinja_as_int(key, &place) && at_jinja_is_text(value)) {
        return character_at(r, value, place);
    }
    return &at_jinja_undefined;
}

/* 6. The table */

typedef enum method {
    M_STRIP,
    M_LSTRIP,
    M_RSTRIP,
    M_SPLIT,
    M_RSPLIT,
    M_SPLITLINES,
    M_PARTITION,
    M_RPARTITION,
    M_JOIN,
    M_STARTSWITH,
    M_ENDSWITH,
    M_REMOVEPREFIX,
    M_REMOVESUFFIX,
    M_REPLACE,
    M_FIND,
    M_RFIND,
    M_COUNT,
    M_LOWER,
    M_UPPER,
    M_TITLE,
    M_CAPITALIZE,
    M_ISDIGIT,
    M_ISALPHA,
    M_ISALNUM,
    M_ISSPACE,
    M_ISUPPER,
    M_ISLOWER,
    M_FORMAT,
    M_ITEMS,
    M_KEYS,
    M_VALUES,
    M_GET,
    M_COPY,
    M_INDEX,
    M_REFUSED /* it would change the value */
} method;

static const struct {
    const char *name;
    char of; /* a text t, a dictionary d, a list l */
    method method;
} methods[] = {
    {"strip", 't', M_STRIP},
    {"lstrip", 't', M_LSTRIP},
    {"rstrip", 't', M_RSTRIP},
    {"split", 't', M_SPLIT},
    {"rsplit", 't', M_RSPLIT},
    {"splitlines", 't', M_SPLITLINES},
    {"partition", 't', M_PARTITION},
    {"rpartition", 't', M_RPARTITION},
    {"join", 't', M_JOIN},
    {"startswith", 't', M_STARTSWITH},
    {"endswith", 't', M_ENDSWITH},
    {"removeprefix", 't', M_REMOVEPREFIX},
    {"removesuffix", 't', M_REMOVESUFFIX},
    {"replace", 't', M_REPLACE},
    {"find", 't', M_FIND},
    {"rfind", 't', M_RFIND},
    {"count", 't', M_COUNT},
    {"lower", 't', M_LOWER},
    {"upper", 't', M_UPPER},
    {"title", 't', M_TITLE},
    {"capitalize", 't', M_CAPITALIZE},
    {"isdigit", 't', M_ISDIGIT},
    {"isalpha", 't', M_ISALPHA},
    {"isalnum", 't', M_ISALNUM},
    {"isspace", 't', M_ISSPACE},
    {"isupper", 't', M_ISUPPER},
    {"islower", 't', M_ISLOWER},
    {"format", 't', M_FORMAT},
    {"index", 't', M_INDEX},
    {"items", 'd', M_ITEMS},
    {"keys", 'd', M_KEYS},
    {"values", 'd', M_VALUES},
    {"get", 'd', M_GET},
    {"copy", 'd', M_COPY},
    {"pop", 'd', M_REFUSED},
    {"update", 'd', M_REFUSED},
    {"setdefault", 'd', M_REFUSED},
    {"clear", 'd', M_REFUSED},
    {"popitem", 'd', M_REFUSED},
    {"count", 'l', M_COUNT},
    {"index", 'l', M_INDEX},
    {"copy", 'l', M_COPY},
    {"append", 'l', M_REFUSED},
    {"extend", 'l', M_REFUSED},
    {"insert", 'l', M_REFUSED},
    {"pop", 'l', M_REFUSED},
    {"remove", 'l', M_REFUSED},
    {"reverse", 'l', M_REFUSED},
    {"sort", 'l', M_REFUSED},
    {"clear", 'l', M_REFUSED},
};

static int find_method(const at_jinja_value *value, const char *name, size_t n)
{
    char of = at_jinja_is_text(value)   ? 't'
              : at_jinja_is_dict(value) ? 'd'
              : at_jinja_is_list(value) ? 'l'
                                        : '\0';
    for (size_t i = 0; of && i < sizeof methods / sizeof *methods; i++) {
        if (methods[i].of == of && strlen(methods[i].name) == n &&
            memcmp(methods[i].name, name, n) == 0) {
            return (int)i;
        }
    }
    return -1;
}

bool at_jinja_has_method(const at_jinja_value *value, const char *name, size_t n)
{
    return find_method(value, name, n) >= 0;
}

static int64_t limit_of(const at_jinja_arguments *arguments, size_t i, const char *name)
{
    int64_t limit = -1;
    (void)at_jinja_as_int(at_jinja_argument(arguments, i, name), &limit);
    return limit;
}

/* Methods that need a text. */
static const at_jinja_value *call_with_text(at_jinja_run *r,
                                            method m,
                                            const at_jinja_value *self,
                                            const at_jinja_value *first,
                                            const at_jinja_arguments *arguments)
{
    const at_jinja_value *second = at_jinja_argument(arguments, 1, NULL);
    switch (m) {
    case M_PARTITION:
    case M_RPARTITION:
        return first->as.text.n ? partition(r, self, first, m == M_RPARTITION) : self;
    case M_REMOVEPREFIX:
    case M_REMOVESUFFIX:
        return cut_touching(r, self, first, m == M_REMOVESUFFIX);
    case M_FIND:
        return place_of(r, self, find_in(self, first, 0));
    case M_RFIND:
        return place_of(r, self, find_last_in(self, first, self->as.text.n));
    case M_INDEX:
        if (find_in(self, first, 0) == SIZE_MAX) {
            at_jinja_fail(r, ATTRIB_EINVAL, "index() of a text that is not there");
            return NULL;
        }
        return place_of(r, self, find_in(self, first, 0));
    case M_COUNT:
        return count_parts(r, self, first);
    default: /* M_REPLACE */
        if (!at_jinja_is_text(second)) {
            at_jinja_fail(r, ATTRIB_EINVAL, "replace() without two texts");
            return NULL;
        }
        return at_jinja_replace(r, self, first, second, limit_of(arguments, 2, "count"));
    }
}

static const at_jinja_value *call_text(at_jinja_run *r,
                                       method m,
                                       const at_jinja_value *self,
                                       const at_jinja_arguments *arguments)
{
    static const char kinds[] = "danSul";
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    switch (m) {
    case M_STRIP:
    case M_LSTRIP:
    case M_RSTRIP:
        return at_jinja_strip(r, self, first, m != M_RSTRIP, m != M_LSTRIP);
    case M_SPLIT:
        return split(r, self, at_jinja_argument(arguments, 0, "sep"),
                     limit_of(arguments, 1, "maxsplit"));
    case M_RSPLIT:
        return split_right(r, self, at_jinja_argument(arguments, 0, "sep"),
                           limit_of(arguments, 1, "maxsplit"));
    case M_SPLITLINES:
        return split_lines(r, self);
    case M_LOWER:
        return at_jinja_change_case(r, self, 'l');
    case M_UPPER:
        return at_jinja_change_case(r, self, 'u');
    case M_TITLE:
        return at_jinja_change_case(r, self, 'T');
    case M_CAPITALIZE:
        return at_jinja_change_case(r, self, 'c');
    case M_FORMAT:
        return format_braces(r, self, arguments);
    case M_ISDIGIT:
    case M_ISALPHA:
    case M_ISALNUM:
    case M_ISSPACE:
    case M_ISUPPER:
    case M_ISLOWER:
        return are_all(self, m == M_ISSPACE ? 's' : kinds[m - M_ISDIGIT]);
    case M_JOIN:
        return first ? join(r, self, first) : self;
    case M_STARTSWITH:
    case M_ENDSWITH: {
        bool is_true = first && touches_any(r, self, first, m == M_ENDSWITH);
        return r->status == ATTRIB_OK ? at_jinja_bool(is_true) : NULL;
    }
    default:
        if (at_jinja_is_text(first)) {
            return call_with_text(r, m, self, first, arguments);
        }
        at_jinja_fail(r, ATTRIB_EINVAL, "a method of a text without a text");
        return NULL;
    }
}

static const at_jinja_value *call_list(at_jinja_run *r,
                                       method m,
                                       const at_jinja_value *self,
                                       const at_jinja_arguments *arguments)
{
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    int64_t n = 0;
    if (m == M_COPY || !first) {
        return self;
    }
    for (size_t i = 0; i < self->as.list.n; i++) {
        bool is_equal = at_jinja_is_equal(r, self->as.list.items[i], first);
        if (is_equal && m == M_INDEX) {
            return at_jinja_int(r, (int64_t)i);
        }
        n += is_equal;
    }
    if (m == M_INDEX) {
        at_jinja_fail(r, ATTRIB_EINVAL, "index() of what is not in a list");
        return NULL;
    }
    return at_jinja_work(r, self->as.list.n) ? at_jinja_int(r, n) : NULL;
}

static const at_jinja_value *call_dict(at_jinja_run *r,
                                       method m,
                                       const at_jinja_value *self,
                                       const at_jinja_arguments *arguments)
{
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    const at_jinja_value *second = at_jinja_argument(arguments, 1, NULL);
    if (m == M_GET && first) {
        const at_jinja_value *found = at_jinja_item(r, self, first);
        return !found                              ? NULL
               : found->type != AT_JINJA_UNDEFINED ? found
               : second                            ? second
                                                   : &at_jinja_none;
    }
    return m == M_COPY ? self
                       : at_jinja_pairs(r, self,
                                        m == M_ITEMS  ? 'i'
                                        : m == M_KEYS ? 'k'
                                                      : 'v');
}

const at_jinja_value *at_jinja_method(at_jinja_run *r,
                                      const at_jinja_value *self,
                                      const char *name,
                                      const at_jinja_arguments *arguments)
{
    int found = find_method(self, name, strlen(name));
    if (found < 0 || methods[found].method == M_REFUSED) {
        at_jinja_fail(r, ATTRIB_ENOTSUP, "method \"%.32s\" of %s", name,
                      at_jinja_type_name(self));
        return NULL;
    }
    if (!at_jinja_work(r, 1 + (at_jinja_is_text(self) ? self->as.text.n / 64 : 0))) {
        return NULL;
    }
    return at_jinja_is_text(self) ? call_text(r, methods[found].method, self, arguments)
           : at_jinja_is_dict(self)
               ? call_dict(r, methods[found].method, self, arguments)
               : call_list(r, methods[found].method, self, arguments);
}
