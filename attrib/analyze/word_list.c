/* SPDX-License-Identifier: MIT */
/* Texts as words. */
#include "analyze/word_list.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a, 64 bits. */
#define FNV_START 0xCBF29CE484222325u
#define FNV_PRIME 0x100000001B3u

/* The byte of a word that this one is; 0 where it stands between words. */
static unsigned char fold(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (unsigned char)(c - 'A' + 'a');
    }
    bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c & 0x80);
    return is_kept ? (unsigned char)c : 0;
}

attrib_status at_word_list_read(at_word_list *words,
                                const char *text,
                                size_t n,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    words->n = 0;
    for (size_t i = 0; i < n;) {
        uint64_t hash = FNV_START;
        size_t start = i;
        for (; i < n && fold(text[i]); i++) {
            hash = (hash ^ fold(text[i])) * FNV_PRIME;
        }
        if (i == start) {
            i++;
            continue;
        }
        AT_TRY(at_grow(&words->hashes, &words->capacity, words->n + 1,
                       sizeof *words->hashes, err));
        words->hashes[words->n++] = hash;
    }
done:
    return status;
}

void at_word_list_free(at_word_list *words)
{
    free(words->hashes);
    *words = (at_word_list){0};
}

static bool has_run(const at_word_list *words, const uint64_t *run, size_t length)
{
    for (size_t i = 0; i + length <= words->n; i++) {
        if (memcmp(words->hashes + i, run, length * sizeof *run) == 0) {
            return true;
        }
    }
    return false;
}

bool at_word_list_contains(const at_word_list *words, const at_word_list *part)
{
    return part->n > 0 && has_run(words, part->hashes, part->n);
}

double at_word_list_share(const at_word_list *words,
                          const at_word_list *part,
                          size_t length)
{
    size_t n_found = 0;
    if (part->n == 0) {
        return 0;
    }
    length = at_smaller(length, part->n);
    for (size_t i = 0; i + length <= part->n; i++) {
        n_found += has_run(words, part->hashes + i, length);
    }
    return (double)n_found / (double)(part->n - length + 1);
}
