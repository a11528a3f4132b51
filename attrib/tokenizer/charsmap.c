/* SPDX-License-Identifier: MIT */
/* The compiled normalization: base64, the trie, and clusters.
 *
 *   1. Reading   2. Looking up   3. Running
 *
 * Source: the layout is that of darts-clone 0.32's units (bits 0-7 a label, 8 whether a
 * value follows, 9 and 10-31 an offset; a value in bits 0-30), as SentencePiece stores
 * it: u32 bytes of the trie, the trie, the texts. */
#include "tokenizer/charsmap.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

#include "format/utf8.h"
#include "tokenizer/characters.h"

#define MAX_CLUSTER 6 /* bytes from which on clusters are taken apart */

/* 1. Reading */

static int digit_of(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* Base64 with its padding, no white space. */
static attrib_status decode_base64(
    const char *name, const char *text, size_t n, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(n % 4 == 0, ATTRIB_EFORMAT, "%s: Precompiled: no base64", name);
    for (size_t i = 0; i < n; i += 4) {
        uint32_t bits = 0;
        size_t n_digits = 0;
        char bytes[3];
        while (n_digits < 4 && digit_of(text[i + n_digits]) >= 0) {
            bits = bits << 6 | (uint32_t)digit_of(text[i + n_digits]);
            n_digits++;
        }
        bool is_padded = i + 4 == n && n_digits >= 2 && text[i + 3] == '=' &&
                         (n_digits == 3 || text[i + 2] == '=');
        AT_CHECK(n_digits == 4 || is_padded, ATTRIB_EFORMAT,
                 "%s: Precompiled: no base64 at character %zu", name, i);
        bits <<= 6 * (4 - n_digits);
        bytes[0] = (char)(bits >> 16);
        bytes[1] = (char)(bits >> 8);
        bytes[2] = (char)bits;
        AT_TRY(at_buffer_append(out, bytes, n_digits - 1, err));
    }
done:
    return status;
}

static uint32_t get_u32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

attrib_status at_charsmap_parse(const char *name,
                                const unsigned char *bytes,
                                size_t n,
                                at_charsmap *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_charsmap map = {0};
    size_t n_trie = n < 4 ? 0 : get_u32(bytes);
    AT_CHECK(n >= 4 && n_trie >= 4 && n_trie % 4 == 0 && n_trie <= n - 4, ATTRIB_EFORMAT,
             "%s: Precompiled: a map of %zu bytes is broken", name, n);
    map.n_units = n_trie / 4;
    map.n_texts = n - 4 - n_trie;
    AT_TRY(at_array(map.n_units, sizeof *map.units, &map.units, err));
    for (size_t i = 0; i < map.n_units; i++) {
        map.units[i] = get_u32(bytes + 4 + 4 * i);
    }
    AT_TRY(at_copy_text((const char *)bytes + 4 + n_trie, map.n_texts, &map.texts, err));
    AT_CHECK(map.n_texts == 0 || at_utf8_is_valid(map.texts, map.n_texts, NULL),
             ATTRIB_EFORMAT, "%s: Precompiled: a text that is not UTF-8", name);
    *out = map;
    map = (at_charsmap){0};
done:
    at_charsmap_free(&map);
    return status;
}

attrib_status at_charsmap_read(
    const char *name, const char *base64, size_t n, at_charsmap *out, attrib_error *err)
{
    at_buffer bytes = {0};
    attrib_status status = decode_base64(name, base64, n, &bytes, err);
    if (status == ATTRIB_OK) {
        status = at_charsmap_parse(name, (const unsigned char *)bytes.bytes,
                                   bytes.n_bytes, out, err);
    }
    at_buffer_free(&bytes);
    return status;
}

void at_charsmap_free(at_charsmap *map)
{
    free(map->units);
    free(map->texts);
    *map = (at_charsmap){0};
}

/* 2. Looking up */

static size_t offset_of(uint32_t unit)
{
    return (size_t)(unit >> 10) << ((unit & (1u << 9)) >> 6);
}

static attrib_status fail_outside(attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT,
                   "the tokenizer's Precompiled normalizer points outside its map");
}

/* What stands for text [n]: *out is NULL where nothing does. */
static attrib_status look_up(const at_charsmap *map,
                             const char *text,
                             size_t n,
                             const char **out,
                             attrib_error *err)
{
    size_t at = offset_of(map->units[0]);
    *out = NULL;
    for (size_t i = 0; i < n && text[i]; i++) {
        unsigned char byte = (unsigned char)text[i];
        at ^= byte;
        if (at >= map->n_units) {
            return fail_outside(err);
        }
        uint32_t unit = map->units[at];
        if ((unit & (1u << 31 | 0xFFu)) != byte) {
            return ATTRIB_OK;
        }
        at ^= offset_of(unit);
        if (!(unit & 1u << 8)) {
            continue;
        }
        size_t value = at < map->n_units ? map->units[at] & ~(1u << 31) : SIZE_MAX;
        if (value >= map->n_texts || ((unsigned char)map->texts[value] & 0xC0) == 0x80) {
            return fail_outside(err);
        }
        *out = map->texts + value;
        return ATTRIB_OK;
    }
    return ATTRIB_OK;
}

/* 3. Running */

/* The bytes of the grapheme cluster at text [n], n >= 1 (UAX 29, extended). */
static size_t cluster_length(const char *text, size_t n)
{
    utf8proc_int32_t state = 0;
    uint32_t character = 0;
    size_t length = at_get_character(text, &character);
    while (length < n) {
        uint32_t next = 0;
        size_t step = at_get_character(text + length, &next);
        if (utf8proc_grapheme_break_stateful((utf8proc_int32_t)character,
                                             (utf8proc_int32_t)next, &state)) {
            break;
        }
        character = next;
        length += step;
    }
    return length;
}

/* Append text [n], or what is mapped to it. */
static attrib_status append_mapped(const char *mapped,
                                   const char *text,
                                   size_t n,
                                   size_t limit,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_more = mapped ? strlen(mapped) : n;
    AT_CHECK(n_more <= limit - out->n_bytes, ATTRIB_ERANGE,
             "the tokenizer's normalizer makes more than %zu bytes of a text", limit);
    AT_TRY(at_buffer_append(out, mapped ? mapped : text, n_more, err));
done:
    return status;
}

static attrib_status append_cluster(const at_charsmap *map,
                                    const char *text,
                                    size_t n,
                                    size_t limit,
                                    at_buffer *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *mapped = NULL;
    if (n < MAX_CLUSTER) {
        AT_TRY(look_up(map, text, n, &mapped, err));
        if (mapped) {
            return append_mapped(mapped, text, n, limit, out, err);
        }
    }
    for (size_t i = 0, length = 0; i < n; i += length) {
        uint32_t character = 0;
        length = at_get_character(text + i, &character);
        AT_TRY(look_up(map, text + i, length, &mapped, err));
        AT_TRY(append_mapped(mapped, text + i, length, limit, out, err));
    }
done:
    return status;
}

attrib_status at_charsmap_append(const at_charsmap *map,
                                 const char *text,
                                 size_t n,
                                 size_t limit,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0, length = 0; i < n; i += length) {
        length = cluster_length(text + i, n - i);
        AT_TRY(append_cluster(map, text + i, length, limit, out, err));
    }
done:
    return status;
}
