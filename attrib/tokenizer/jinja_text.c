/* SPDX-License-Identifier: MIT */
/* Jinja: parts of texts, and their case.
 *
 *   1. Parts   2. Case   3. Splitting and joining */
#include <string.h>

#include <utf8proc.h>

#include "tokenizer/characters.h"
#include "tokenizer/jinja_value.h"

/* 1. Parts */

/* Whether a character is stripped: Python's blanks, or one of a text's. */
static bool is_stripped(uint32_t character, const at_jinja_value *set)
{
    if (!set || !at_jinja_is_text(set)) {
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
size_t at_jinja_find_text(const at_jinja_value *text,
                          const at_jinja_value *part,
                          size_t from)
{
    const char *bytes = text->as.text.bytes;
    const char *found = memmem(bytes + from, text->as.text.n - from, part->as.text.bytes,
                               part->as.text.n);
    return found ? (size_t)(found - bytes) : SIZE_MAX;
}

size_t at_jinja_find_last(const at_jinja_value *text,
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
    for (size_t found = 0;
         limit != 0 && (found = at_jinja_find_text(text, old, at)) != SIZE_MAX; limit--) {
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

/* 'T' is Python's title(): letters after anything that is no letter. */
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

const at_jinja_value *at_jinja_split(at_jinja_run *r,
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
        size_t found = limit != 0 ? at_jinja_find_text(text, by, at) : SIZE_MAX;
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
const at_jinja_value *at_jinja_split_right(at_jinja_run *r,
                                           const at_jinja_value *text,
                                           const at_jinja_value *by,
                                           int64_t limit)
{
    at_jinja_value *made = at_jinja_new(r, AT_JINJA_LIST);
    size_t end = text->as.text.n;
    if (limit < 0) {
        return at_jinja_split(r, text, by, -1);
    }
    if (!at_jinja_is_text(by) || by->as.text.n == 0) {
        at_jinja_fail(r, ATTRIB_ENOTSUP, "rsplit() with a limit and no text");
        return NULL;
    }
    while (made) {
        size_t found = limit != 0 ? at_jinja_find_last(text, by, end) : SIZE_MAX;
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

const at_jinja_value *at_jinja_split_lines(at_jinja_run *r, const at_jinja_value *text)
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

/* before, separator, after */
const at_jinja_value *at_jinja_partition(at_jinja_run *r,
                                         const at_jinja_value *text,
                                         const at_jinja_value *by,
                                         bool is_last)
{
    size_t n = text->as.text.n;
    size_t found =
        is_last ? at_jinja_find_last(text, by, n) : at_jinja_find_text(text, by, 0);
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

const at_jinja_value *at_jinja_join(at_jinja_run *r,
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
