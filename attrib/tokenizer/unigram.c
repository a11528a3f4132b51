/* SPDX-License-Identifier: MIT */
/* Unigram: the best way through a word, and its ids.
 *
 *   1. The trie   2. Viterbi   3. Ids */
#include "tokenizer/unigram.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

#define NO_WAY UINT32_MAX

/* 1. The trie */

/* The child of a node by a byte, or NULL. */
static const at_trie_node *find_child(const at_unigram *u,
                                      const at_trie_node *node,
                                      uint8_t label)
{
    size_t low = node->first_child;
    size_t high = low + node->n_children;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (u->nodes[middle].label < label) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool is_there = low < (size_t)node->first_child + node->n_children &&
                    u->nodes[low].label == label;
    return is_there ? &u->nodes[low] : NULL;
}

/* 2. Viterbi: places[i] is the best way to byte i. Sums run from the left and of equal
 * ways the one found first stays, as in Hugging Face's code, so that ties fall alike. */

static bool offer(at_unigram_place *place, double score, size_t start, int32_t id)
{
    bool is_better = place->start == NO_WAY || score > place->score;
    if (is_better) {
        *place = (at_unigram_place){score, (uint32_t)start, id};
    }
    return is_better;
}

static attrib_status find_best_way(const at_unigram *u,
                                   at_unigram_place *places,
                                   const char *word,
                                   size_t n,
                                   attrib_error *err)
{
    places[0] = (at_unigram_place){0, NO_WAY, -1};
    for (size_t i = 1; i <= n; i++) {
        places[i].start = NO_WAY;
    }
    for (size_t start = 0; start < n;) {
        uint32_t character = 0;
        size_t length = at_get_character(word + start, &character);
        double before = places[start].score;
        bool has_single = false;
        const at_trie_node *node = &u->nodes[0];
        for (size_t i = start; i < n; i++) {
            node = find_child(u, node, (uint8_t)word[i]);
            if (!node) {
                break;
            }
            if (node->id >= 0) {
                offer(&places[i + 1], before + u->scores[node->id], start, node->id);
                has_single = has_single || i + 1 - start == length;
            }
        }
        if (!has_single &&
            offer(&places[start + length], before + u->unknown_score, start,
                  u->unknown_id) &&
            u->unknown_id < 0) {
            return at_fail(err, ATTRIB_EFORMAT,
                           "U+%04X has no token, and the tokenizer's model no unknown "
                           "token",
                           character);
        }
        start += length;
    }
    return ATTRIB_OK;
}

/* 3. Ids */

/* A run of unknown characters is one token of that text; where the vocabulary lacks it,
 * its bytes' tokens, else the unknown token. */
static attrib_status add_unknown(
    const at_unigram *u, const char *text, size_t n, at_ids *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t whole = at_vocabulary_find(u->vocabulary, text, n);
    bool has_all = u->has_byte_fallback;
    for (size_t i = 0; has_all && i < n; i++) {
        has_all = u->fallback[(unsigned char)text[i]] >= 0;
    }
    if (whole >= 0 && (size_t)whole < u->n_scores) {
        AT_TRY(at_ids_add(out, &whole, 1, err));
    } else if (has_all) {
        for (size_t i = 0; i < n; i++) {
            AT_TRY(at_ids_add(out, &u->fallback[(unsigned char)text[i]], 1, err));
        }
    } else {
        AT_TRY(at_ids_add(out, &u->unknown_id, 1, err));
    }
done:
    return status;
}

/* Walk the way back, and then its tokens from the first on. */
static attrib_status append_way(const at_unigram *u,
                                at_unigram_scratch *s,
                                const char *word,
                                size_t n,
                                at_ids *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t end = (int32_t)n;
    size_t start = 0;
    s->reversed.n_ids = 0;
    while (end > 0) {
        AT_TRY(at_ids_add(&s->reversed, &end, 1, err));
        end = (int32_t)s->places[end].start;
    }
    for (size_t i = s->reversed.n_ids; i-- > 0;) {
        size_t stop = (size_t)s->reversed.ids[i];
        int32_t id = s->places[stop].id;
        bool is_unknown = id == u->unknown_id;
        while (is_unknown && i > 0 && s->places[s->reversed.ids[i - 1]].id == id) {
            stop = (size_t)s->reversed.ids[--i];
        }
        AT_TRY(is_unknown ? add_unknown(u, word + start, stop - start, out, err)
                          : at_ids_add(out, &id, 1, err));
        start = stop;
    }
done:
    return status;
}

attrib_status at_unigram_encode(const at_unigram *unigram,
                                at_unigram_scratch *scratch,
                                const char *word,
                                size_t n,
                                at_ids *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_word_cache none = {0};
    size_t n_before = out->n_ids;
    at_word_lookup l = at_word_find(&scratch->cache, &none, word, n);
    if (l.found) {
        return at_ids_add(out, l.found->ids, l.found->n_ids, err);
    }
    AT_CHECK(n < INT32_MAX, ATTRIB_ERANGE, "a word of %zu bytes", n);
    AT_TRY(at_grow(&scratch->places, &scratch->capacity, n + 1, sizeof *scratch->places,
                   err));
    AT_TRY(find_best_way(unigram, scratch->places, word, n, err));
    AT_TRY(append_way(unigram, scratch, word, n, out, err));
    at_word_keep(&l, word, n, out->ids + n_before, out->n_ids - n_before);
done:
    return status;
}

void at_unigram_free_scratch(at_unigram_scratch *scratch)
{
    free(scratch->places);
    free(scratch->reversed.ids);
    at_word_cache_free(&scratch->cache);
    memset(scratch, 0, sizeof *scratch);
}
