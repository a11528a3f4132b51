/* SPDX-License-Identifier: MIT */
/* BPE: reading the model of a tokenizer.json.
 *
 *   1. Options   2. Vocabulary   3. Merges   4. Neighbors   5. The model */
#include "tokenizer/bpe.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* 1. Options */

/* Options that would change the plain model are refused by their keys. */
static attrib_status refuse_option(const char *name,
                                   const json_t *json,
                                   const char *key,
                                   attrib_error *err)
{
    const json_t *value = json_object_get(json, key);
    bool is_unset = !value || json_is_null(value) ||
                    (json_is_string(value) && json_string_length(value) == 0) ||
                    (json_is_number(value) && json_number_value(value) == 0);
    return is_unset
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_ENOTSUP,
                         "%s: model: \"%s\" is not supported unless null", name, key);
}

static attrib_status read_options(const char *name,
                                  const json_t *json,
                                  at_bpe *bpe,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *unknown = NULL;
    AT_TRY(refuse_option(name, json, "dropout", err));
    AT_TRY(refuse_option(name, json, "continuing_subword_prefix", err));
    AT_TRY(refuse_option(name, json, "end_of_word_suffix", err));
    AT_TRY(at_json_bool(name, json, "byte_fallback", &bpe->has_byte_fallback, NULL, err));
    AT_TRY(at_json_bool(name, json, "fuse_unk", &bpe->fuses_unknown, NULL, err));
    AT_TRY(at_json_bool(name, json, "ignore_merges", &bpe->ignores_merges, NULL, err));
    AT_TRY(at_json_text(name, json, "unk_token", &unknown, NULL, err));
    if (unknown) {
        AT_TRY(at_copy_text(unknown, strlen(unknown), &bpe->unknown, err));
    }
done:
    return status;
}

/* 2. Vocabulary */

static attrib_status read_vocabulary(const char *name,
                                     json_t *json,
                                     at_vocabulary *vocabulary,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(json_is_object(json), ATTRIB_EFORMAT,
             "%s: model: key \"vocab\": expected an object of ids", name);
    for (void *i = json_object_iter(json); i; i = json_object_iter_next(json, i)) {
        const char *text = json_object_iter_key(i);
        const json_t *id = json_object_iter_value(i);
        AT_CHECK(json_is_integer(id) && json_integer_value(id) >= 0, ATTRIB_EFORMAT,
                 "%s: token \"%.64s\": expected an id from 0 on", name, text);
        AT_TRY(at_vocabulary_add(vocabulary, name, (size_t)json_integer_value(id), text,
                                 strlen(text), err));
    }
    for (size_t id = 0; id < vocabulary->n_tokens; id++) {
        vocabulary->tokens[id].is_of_model = vocabulary->tokens[id].is_there;
    }
    AT_TRY(at_vocabulary_sort(vocabulary, name, err));
done:
    return status;
}

/* Note which tokens are one character, one byte-level character, or one byte. */
static attrib_status index_characters(at_bpe *bpe, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_vocabulary *vocabulary = bpe->vocabulary;
    for (size_t id = 0; id < vocabulary->n_tokens; id++) {
        size_t n = 0;
        uint32_t character = 0;
        const char *text = at_vocabulary_text(vocabulary, (int32_t)id, &n);
        if (n && at_get_character(text, &character) == n) {
            AT_TRY(at_character_table_add(&bpe->characters, character, (int32_t)id, err));
        }
    }
    at_vocabulary_find_bytes(vocabulary, bpe->fallback);
    for (uint32_t byte = 0; byte < 256; byte++) {
        bpe->bytes[byte] =
            at_character_id(&bpe->characters, at_byte_character((unsigned char)byte));
    }
    bpe->unknown_id =
        bpe->unknown ? at_vocabulary_find(vocabulary, bpe->unknown, strlen(bpe->unknown))
                     : -1;
done:
    return status;
}

/* 3. Merges */

attrib_status at_merges_begin(
    const char *name, at_bpe *bpe, size_t n, at_merges *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_merges){.name = name, .bpe = bpe};
    AT_TRY(at_array(n, sizeof *out->pairs, &out->pairs, err));
    AT_TRY(at_array(n, sizeof *bpe->merged, &bpe->merged, err));
done:
    return status;
}

static attrib_status find_token(
    const at_merges *merges, const char *text, size_t n, int32_t *id, attrib_error *err)
{
    *id = at_vocabulary_find(merges->bpe->vocabulary, text, n);
    if (*id < 0) {
        int length = n < 64 ? (int)n : 64;
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: merge %zu: token \"%.*s\" is not in the vocabulary",
                       merges->name, merges->n, length, text);
    }
    return ATTRIB_OK;
}

attrib_status at_merges_add(at_merges *merges,
                            const char *left,
                            size_t n_left,
                            const char *right,
                            size_t n_right,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer *joined = &merges->joined;
    int32_t ids[2] = {-1, -1};
    AT_TRY(find_token(merges, left, n_left, &ids[0], err));
    AT_TRY(find_token(merges, right, n_right, &ids[1], err));
    at_buffer_clear(joined);
    AT_TRY(at_buffer_append(joined, left, n_left, err));
    AT_TRY(at_buffer_append(joined, right, n_right, err));
    AT_TRY(find_token(merges, joined->bytes, joined->n_bytes,
                      &merges->bpe->merged[merges->n], err));
    merges->pairs[merges->n] =
        (at_pair){(uint32_t)ids[0], (uint32_t)ids[1], (uint32_t)merges->n};
    merges->n++;
done:
    return status;
}

attrib_status at_merges_add_text(at_merges *merges,
                                 const char *text,
                                 size_t n,
                                 attrib_error *err)
{
    const char *space = n ? memchr(text, ' ', n) : NULL;
    size_t n_left = space ? (size_t)(space - text) : 0;
    size_t n_right = space ? n - n_left - 1 : 0;
    if (!space || memchr(space + 1, ' ', n_right)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: merge %zu: \"%.*s\" is not two tokens and one space",
                       merges->name, merges->n, n < 64 ? (int)n : 64, n ? text : "");
    }
    return at_merges_add(merges, text, n_left, space + 1, n_right, err);
}

attrib_status at_merges_finish(at_merges *merges, attrib_error *err)
{
    return at_bpe_finish(merges->bpe, merges->pairs, merges->n, err);
}

void at_merges_free(at_merges *merges)
{
    free(merges->pairs);
    at_buffer_free(&merges->joined);
}

static bool is_comment(const json_t *merge)
{
    static const char prefix[] = "#version";
    const char *text = json_string_value(merge);
    return text && strncmp(text, prefix, sizeof prefix - 1) == 0;
}

/* "a b", or ["a", "b"]. */
static attrib_status add_merge(at_merges *merges, const json_t *json, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *left = json_array_get(json, 0);
    const json_t *right = json_array_get(json, 1);
    if (json_is_string(json)) {
        return at_merges_add_text(merges, json_string_value(json),
                                  json_string_length(json), err);
    }
    AT_CHECK(json_is_array(json), ATTRIB_EFORMAT,
             "%s: merge %zu: expected a string or an array", merges->name, merges->n);
    AT_CHECK(json_array_size(json) == 2 && json_is_string(left) && json_is_string(right),
             ATTRIB_EFORMAT, "%s: merge %zu: expected two strings", merges->name,
             merges->n);
    AT_TRY(at_merges_add(merges, json_string_value(left), json_string_length(left),
                         json_string_value(right), json_string_length(right), err));
done:
    return status;
}

static attrib_status read_merges(const char *name,
                                 const json_t *json,
                                 at_bpe *bpe,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_merges merges = {0};
    size_t n = json_array_size(json);
    AT_CHECK(json_is_array(json), ATTRIB_EFORMAT,
             "%s: model: key \"merges\": expected an array", name);
    AT_TRY(at_merges_begin(name, bpe, n, &merges, err));
    for (size_t i = 0; i < n; i++) {
        const json_t *merge = json_array_get(json, i);
        if (!is_comment(merge)) {
            AT_TRY(add_merge(&merges, merge, err));
        }
    }
    AT_TRY(at_merges_finish(&merges, err));
done:
    at_merges_free(&merges);
    return status;
}

/* 4. Neighbors */

/* Whether a token may begin a word's symbols though it is not the character that it
 * spells: then its text does not say what it was merged from. */
static bool is_stand_in(const at_bpe *bpe, uint32_t id)
{
    if (bpe->unknown && (int32_t)id == bpe->unknown_id) {
        return true;
    }
    size_t n = 0;
    (void)at_vocabulary_text(bpe->vocabulary, (int32_t)id, &n);
    if (bpe->has_byte_fallback && n == 6) { /* as long as <0x00> */
        for (size_t byte = 0; byte < 256; byte++) {
            if (bpe->fallback[byte] == (int32_t)id) {
                return true;
            }
        }
    }
    return false;
}

/* Every merge joins the last character of its left with the first of its right. The pairs
 * are turned from merges into those; values do not matter. */
static attrib_status find_neighbors(at_bpe *bpe,
                                    at_pair *pairs,
                                    size_t n_pairs,
                                    attrib_error *err)
{
    size_t n_found = 0;
    bpe->cuts_words = true;
    for (size_t i = 0; i < n_pairs; i++) {
        size_t n_left = 0;
        size_t n_right = 0;
        uint32_t last = 0;
        uint32_t first = 0;
        at_pair pair = pairs[i];
        const char *left =
            at_vocabulary_text(bpe->vocabulary, (int32_t)pair.first, &n_left);
        const char *right =
            at_vocabulary_text(bpe->vocabulary, (int32_t)pair.second, &n_right);
        if (n_left == 0 || n_right == 0) {
            continue; /* no symbol is empty */
        }
        if (is_stand_in(bpe, pair.first) || is_stand_in(bpe, pair.second)) {
            bpe->cuts_words = false;
        }
        at_get_last_character(left, n_left, &last);
        at_get_character(right, &first);
        int32_t last_id = at_character_id(&bpe->characters, last);
        int32_t first_id = at_character_id(&bpe->characters, first);
        if (last_id >= 0 && first_id >= 0) {
            pairs[n_found++] = (at_pair){(uint32_t)last_id, (uint32_t)first_id, 0};
        }
    }
    return at_pair_table_make(pairs, n_found, bpe->vocabulary->n_tokens, &bpe->neighbors,
                              err);
}

/* 5. The model */

attrib_status at_bpe_finish(at_bpe *bpe,
                            at_pair *pairs,
                            size_t n_pairs,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(index_characters(bpe, err));
    AT_TRY(
        at_pair_table_make(pairs, n_pairs, bpe->vocabulary->n_tokens, &bpe->merges, err));
    AT_TRY(find_neighbors(bpe, pairs, n_pairs, err));
    AT_TRY(at_bpe_learn(bpe, err));
done:
    return status;
}

attrib_status at_bpe_read(const char *name,
                          const json_t *json,
                          bool words_are_bytes,
                          at_vocabulary *vocabulary,
                          at_bpe *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_bpe bpe = {.vocabulary = vocabulary, .words_are_bytes = words_are_bytes};
    AT_TRY(read_options(name, json, &bpe, err));
    AT_TRY(read_vocabulary(name, json_object_get(json, "vocab"), vocabulary, err));
    AT_TRY(read_merges(name, json_object_get(json, "merges"), &bpe, err));
    *out = bpe;
    bpe = (at_bpe){0};
done:
    at_bpe_free(&bpe);
    return status;
}

void at_bpe_free(at_bpe *bpe)
{
    free(bpe->unknown);
    free(bpe->merged);
    free(bpe->order);
    at_word_cache_free(&bpe->known);
    at_character_table_free(&bpe->characters);
    at_pair_table_free(&bpe->merges);
    at_pair_table_free(&bpe->neighbors);
    memset(bpe, 0, sizeof *bpe);
}
