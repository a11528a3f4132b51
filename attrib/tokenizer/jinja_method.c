/* SPDX-License-Identifier: MIT */
/* Jinja: members of values, and methods of texts, dictionaries and lists, as Python has
 * them.
 *
 *   1. Members   2. What texts are asked   3. The table */
#include <string.h>

#include <utf8proc.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

/* 1. Members */

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

static const at_jinja_value *member_of(at_jinja_run *r,
                                       const at_jinja_value *dict,
                                       const at_jinja_value *key)
{
    const at_jinja_value *found = NULL;
    if (at_jinja_is_text(key)) {
        found = at_jinja_find(dict, key->as.text.bytes, key->as.text.n);
    }
    for (size_t i = 0; !at_jinja_is_text(key) && i < dict->as.dict.n; i++) {
        if (at_jinja_is_equal(r, dict->as.dict.pairs[i].key, key)) {
            found = dict->as.dict.pairs[i].value;
        }
    }
    return at_jinja_work(r, dict->as.dict.n / 16) ? (found ? found : &at_jinja_undefined)
                                                  : NULL;
}

const at_jinja_value *at_jinja_item(at_jinja_run *r,
                                    const at_jinja_value *value,
                                    const at_jinja_value *key)
{
    int64_t place = 0;
    if (value->type == AT_JINJA_UNDEFINED) {
        bool is_short = at_jinja_is_text(key) && key->as.text.n < 64;
        at_jinja_fail(r, ATTRIB_EINVAL, "a member \"%.*s\" of what is undefined",
                      is_short ? (int)key->as.text.n : 0,
                      is_short ? key->as.text.bytes : "");
        return NULL;
    }
    if (at_jinja_is_dict(value) || value->type == AT_JINJA_NAMESPACE) {
        return member_of(r, value, key);
    }
    if (!at_jinja_as_int(key, &place)) {
        return &at_jinja_undefined;
    }
    if (at_jinja_is_list(value)) {
        place += place < 0 ? (int64_t)value->as.list.n : 0;
        return place >= 0 && (uint64_t)place < value->as.list.n
                   ? value->as.list.items[place]
                   : &at_jinja_undefined;
    }
    return at_jinja_is_text(value) ? character_at(r, value, place) : &at_jinja_undefined;
}

/* 2. What texts are asked */

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
    while ((at = at_jinja_find_text(text, part, at)) != SIZE_MAX) {
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

/* 3. The table */

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
    char of = '\0';
    if (at_jinja_is_text(value)) {
        of = 't';
    } else if (at_jinja_is_dict(value)) {
        of = 'd';
    } else if (at_jinja_is_list(value)) {
        of = 'l';
    }
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
        return first->as.text.n ? at_jinja_partition(r, self, first, m == M_RPARTITION)
                                : self;
    case M_REMOVEPREFIX:
    case M_REMOVESUFFIX:
        return cut_touching(r, self, first, m == M_REMOVESUFFIX);
    case M_FIND:
        return place_of(r, self, at_jinja_find_text(self, first, 0));
    case M_RFIND:
        return place_of(r, self, at_jinja_find_last(self, first, self->as.text.n));
    case M_INDEX:
        if (at_jinja_find_text(self, first, 0) == SIZE_MAX) {
            at_jinja_fail(r, ATTRIB_EINVAL, "index() of a text that is not there");
            return NULL;
        }
        return place_of(r, self, at_jinja_find_text(self, first, 0));
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
    static const char kinds[] = "dansul";
    const at_jinja_value *first = at_jinja_argument(arguments, 0, NULL);
    switch (m) {
    case M_STRIP:
    case M_LSTRIP:
    case M_RSTRIP:
        return at_jinja_strip(r, self, first, m != M_RSTRIP, m != M_LSTRIP);
    case M_SPLIT:
        return at_jinja_split(r, self, at_jinja_argument(arguments, 0, "sep"),
                              limit_of(arguments, 1, "maxsplit"));
    case M_RSPLIT:
        return at_jinja_split_right(r, self, at_jinja_argument(arguments, 0, "sep"),
                                    limit_of(arguments, 1, "maxsplit"));
    case M_SPLITLINES:
        return at_jinja_split_lines(r, self);
    case M_LOWER:
        return at_jinja_change_case(r, self, 'l');
    case M_UPPER:
        return at_jinja_change_case(r, self, 'u');
    case M_TITLE:
        return at_jinja_change_case(r, self, 'T');
    case M_CAPITALIZE:
        return at_jinja_change_case(r, self, 'c');
    case M_FORMAT:
        return at_jinja_format_braces(r, self, arguments);
    case M_ISDIGIT:
    case M_ISALPHA:
    case M_ISALNUM:
    case M_ISSPACE:
    case M_ISUPPER:
    case M_ISLOWER:
        return are_all(self, kinds[m - M_ISDIGIT]);
    case M_JOIN:
        return first ? at_jinja_join(r, self, first) : self;
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
    if (m == M_ITEMS) {
        return at_jinja_pairs(r, self, 'i');
    }
    return m == M_COPY   ? self
           : m == M_KEYS ? at_jinja_pairs(r, self, 'k')
                         : at_jinja_pairs(r, self, 'v');
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
