/* SPDX-License-Identifier: MIT */
/* Unigram: reading the model of a tokenizer.json, and the trie of its tokens.
 *
 *   1. Reading   2. The trie   3. Finishing */
#include "tokenizer/unigram.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What an unknown character costs below the token of the lowest score. */
#define UNKNOWN_PENALTY 10.0

/* 1. Reading: [["<unk>", 0.0], ["the", -3.1], ...], ids in that order */

static attrib_status read_entry(const char *name,
                                const json_t *entry,
                                size_t id,
                                at_vocabulary *vocabulary,
                                double *score,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *text = json_array_get(entry, 0);
    const json_t *number = json_array_get(entry, 1);
    AT_CHECK(json_array_size(entry) == 2 && json_is_string(text) &&
                 json_is_number(number),
             ATTRIB_EFORMAT, "%s: model: entry %zu of \"vocab\": expected [text, score]",
             name, id);
    *score = json_number_value(number);
    AT_TRY(at_vocabulary_add(vocabulary, name, id, json_string_value(text),
                             json_string_length(text), err));
    vocabulary->tokens[id].is_of_model = true;
done:
    return status;
}

static attrib_status read_vocabulary(const char *name,
                                     const json_t *json,
                                     at_vocabulary *vocabulary,
                                     at_unigram *unigram,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(json_is_array(json), ATTRIB_EFORMAT,
             "%s: model: key \"vocab\": expected an array of [text, score]", name);
    unigram->n_scores = json_array_size(json);
    AT_TRY(at_array(unigram->n_scores, sizeof(double), &unigram->scores, err));
    for (size_t id = 0; id < unigram->n_scores; id++) {
        AT_TRY(read_entry(name, json_array_get(json, id), id, vocabulary,
                          &unigram->scores[id], err));
    }
    AT_TRY(at_vocabulary_sort(vocabulary, name, err));
done:
    return status;
}

attrib_status at_unigram_read(const char *name,
                              const json_t *json,
                              at_vocabulary *vocabulary,
                              at_unigram *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_unigram unigram = {.vocabulary = vocabulary, .unknown_id = -1};
    size_t unknown = 0;
    bool has_unknown = false;
    AT_TRY(
        read_vocabulary(name, json_object_get(json, "vocab"), vocabulary, &unigram, err));
    AT_TRY(at_json_size(name, json, "unk_id", &unknown, &has_unknown, err));
    AT_CHECK(!has_unknown || unknown < unigram.n_scores, ATTRIB_EFORMAT,
             "%s: model: \"unk_id\" %zu is not in the vocabulary of %zu tokens", name,
             unknown, unigram.n_scores);
    unigram.unknown_id = has_unknown ? (int32_t)unknown : -1;
    AT_TRY(
        at_json_bool(name, json, "byte_fallback", &unigram.has_byte_fallback, NULL, err));
    AT_TRY(at_unigram_finish(&unigram, name, err));
    *out = unigram;
    unigram = (at_unigram){0};
done:
    at_unigram_free(&unigram);
    return status;
}

/* 2. The trie, level by level: tokens that share their first bytes lie side by side in
 * the vocabulary's order, so a node is a range of them and a depth. */

typedef struct range {
    size_t first, end, depth; /* of by_text; all share their first `depth` bytes */
} range;

static attrib_status add_node(at_unigram *u, uint8_t label, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(u->n_nodes < UINT32_MAX, ATTRIB_ERANGE, "a trie of %zu nodes", u->n_nodes);
    AT_TRY(at_grow(&u->nodes, &u->capacity, u->n_nodes + 1, sizeof *u->nodes, err));
    u->nodes[u->n_nodes++] = (at_trie_node){.id = -1, .label = label};
done:
    return status;
}

/* The children of node i, one for each byte that comes next; their ranges are appended in
 * step with the nodes. */
static attrib_status add_children(
    at_unigram *u, size_t i, range **ranges, size_t *capacity, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_vocabulary *vocabulary = u->vocabulary;
    range own = (*ranges)[i];
    u->nodes[i].first_child = (uint32_t)u->n_nodes;
    for (size_t k = own.first; k < own.end; k++) {
        size_t n = 0;
        int32_t id = vocabulary->by_text[k];
        const char *text = at_vocabulary_text(vocabulary, id, &n);
        if (n == own.depth) { /* texts differ: one at most, and the first */
            u->nodes[i].id = id;
            continue;
        }
        uint8_t label = (uint8_t)text[own.depth];
        if (u->nodes[i].n_children == 0 || u->nodes[u->n_nodes - 1].label != label) {
            AT_TRY(add_node(u, label, err));
            AT_TRY(at_grow(ranges, capacity, u->n_nodes, sizeof **ranges, err));
            u->nodes[i].n_children++;
            (*ranges)[u->n_nodes - 1] = (range){k, k, own.depth + 1};
        }
        (*ranges)[u->n_nodes - 1].end = k + 1;
    }
done:
    return status;
}

static attrib_status make_trie(at_unigram *u, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    range *ranges = NULL;
    size_t capacity = 0;
    AT_TRY(add_node(u, 0, err));
    AT_TRY(at_grow(&ranges, &capacity, 1, sizeof *ranges, err));
    ranges[0] = (range){0, u->vocabulary->n_sorted, 0};
    for (size_t i = 0; i < u->n_nodes; i++) {
        AT_TRY(add_children(u, i, &ranges, &capacity, err));
    }
    u->nodes[0].id = -1; /* the empty token, which no place of a text is */
done:
    free(ranges);
    return status;
}

/* 3. Finishing */

attrib_status at_unigram_finish(at_unigram *unigram, const char *name, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double lowest = DBL_MAX;
    for (size_t id = 0; id < unigram->n_scores; id++) {
        size_t n = 0;
        (void)at_vocabulary_text(unigram->vocabulary, (int32_t)id, &n);
        AT_CHECK(n <= AT_UNIGRAM_MAX_TOKEN, ATTRIB_ERANGE,
                 "%s: token %zu has %zu bytes, at most %d are read", name, id, n,
                 AT_UNIGRAM_MAX_TOKEN);
        AT_CHECK(isfinite(unigram->scores[id]), ATTRIB_EFORMAT,
                 "%s: the score of token %zu is not finite", name, id);
        lowest = fmin(lowest, unigram->scores[id]);
    }
    unigram->unknown_score = lowest - UNKNOWN_PENALTY;
    at_vocabulary_find_bytes(unigram->vocabulary, unigram->fallback);
    AT_TRY(make_trie(unigram, err));
done:
    return status;
}

void at_unigram_free(at_unigram *unigram)
{
    free(unigram->scores);
    free(unigram->nodes);
    memset(unigram, 0, sizeof *unigram);
}
