/* SPDX-License-Identifier: MIT */
/* Tokens by id and by text, characters by id, pairs of ids. */
#include "tokenizer/vocabulary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* 1. Tokens */

void at_vocabulary_free(at_vocabulary *vocabulary)
{
    free(vocabulary->tokens);
    free(vocabulary->by_text);
    at_buffer_free(&vocabulary->bank);
    memset(vocabulary, 0, sizeof *vocabulary);
}

static attrib_status grow_to(at_vocabulary *vocabulary, size_t n, attrib_error *err)
{
    attrib_status status = at_grow(&vocabulary->tokens, &vocabulary->capacity, n,
                                   sizeof(at_token_text), err);
    if (status == ATTRIB_OK && n > vocabulary->n_tokens) {
        memset(vocabulary->tokens + vocabulary->n_tokens, 0,
               (n - vocabulary->n_tokens) * sizeof(at_token_text));
        vocabulary->n_tokens = n;
    }
    return status;
}

attrib_status at_vocabulary_add(at_vocabulary *vocabulary,
                                const char *name,
                                size_t id,
                                const char *text,
                                size_t n_bytes,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(id < AT_MAX_TOKENS, ATTRIB_ERANGE,
             "%s: token \"%.64s\" has id %zu, ids up to %zu are read", name, text, id,
             AT_MAX_TOKENS - 1);
    AT_CHECK(n_bytes < UINT32_MAX, ATTRIB_ERANGE, "%s: a token of %zu bytes", name,
             n_bytes);
    if (id < vocabulary->n_tokens && vocabulary->tokens[id].is_there) {
        status = at_fail(err, ATTRIB_EFORMAT,
                         "%s: id %zu has two tokens, \"%.64s\" and \"%.64s\"", name, id,
                         vocabulary->bank.bytes + vocabulary->tokens[id].offset, text);
        goto done;
    }
    AT_TRY(grow_to(vocabulary, id + 1, err));
    {
        at_token_text *token = &vocabulary->tokens[id];
        token->offset = vocabulary->bank.n_bytes;
        token->n_bytes = (uint32_t)n_bytes;
        /* The NUL after the text keeps tokens apart in messages. */
        AT_TRY(at_buffer_append(&vocabulary->bank, text, n_bytes, err));
        AT_TRY(at_buffer_append(&vocabulary->bank, "", 1, err));
        token->is_there = true;
    }
done:
    return status;
}

/* What qsort sees of a token: its text and id. */
typedef struct sorted_token {
    const char *text;
    uint32_t n_bytes;
    int32_t id;
} sorted_token;

static int compare_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
    int order = memcmp(a, b, n_a < n_b ? n_a : n_b);
    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_sorted(const void *left, const void *right)
{
    const sorted_token *a = left;
    const sorted_token *b = right;
    return compare_text(a->text, a->n_bytes, b->text, b->n_bytes);
}

attrib_status at_vocabulary_sort(at_vocabulary *vocabulary,
                                 const char *name,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    sorted_token *sorted = NULL;
    int32_t *by_text = NULL;
    size_t n = 0;
    AT_TRY(at_array(vocabulary->n_tokens, sizeof *sorted, &sorted, err));
    AT_TRY(at_array(vocabulary->n_tokens, sizeof *by_text, &by_text, err));
    for (size_t id = 0; id < vocabulary->n_tokens; id++) {
        const at_token_text *token = &vocabulary->tokens[id];
        if (token->is_there) {
            sorted[n++] = (sorted_token){vocabulary->bank.bytes + token->offset,
                                         token->n_bytes, (int32_t)id};
        }
    }
    qsort(sorted, n, sizeof *sorted, compare_sorted);
    for (size_t i = 0; i < n; i++) {
        AT_CHECK(i == 0 || compare_sorted(&sorted[i - 1], &sorted[i]) != 0,
                 ATTRIB_EFORMAT, "%s: token \"%.64s\" has two ids, %d and %d", name,
                 sorted[i].text, (int)sorted[i - 1].id, (int)sorted[i].id);
        by_text[i] = sorted[i].id;
    }
    free(vocabulary->by_text);
    vocabulary->by_text = by_text;
    vocabulary->n_sorted = n;
    by_text = NULL;
done:
    free(sorted);
    free(by_text);
    return status;
}

int32_t at_vocabulary_find(const at_vocabulary *vocabulary, const char *text, size_t n)
{
    size_t low = 0;
    size_t high = vocabulary->n_sorted;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int32_t id = vocabulary->by_text[middle];
        const at_token_text *token = &vocabulary->tokens[id];
        int order =
            compare_text(text, n, vocabulary->bank.bytes + token->offset, token->n_bytes);
        if (order == 0) {
            return id;
        }
        if (order < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return -1;
}

void at_vocabulary_find_bytes(const at_vocabulary *vocabulary, int32_t ids[256])
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8];
        int n = snprintf(text, sizeof text, "<0x%02X>", byte);
        ids[byte] = at_vocabulary_find(vocabulary, text, (size_t)n);
    }
}

bool at_vocabulary_has(const at_vocabulary *vocabulary, int64_t id)
{
    return id >= 0 && (uint64_t)id < vocabulary->n_tokens &&
           vocabulary->tokens[id].is_there;
}

const char *at_vocabulary_text(const at_vocabulary *vocabulary, int32_t id, size_t *n)
{
    if (!at_vocabulary_has(vocabulary, id)) {
        *n = 0;
        return NULL;
    }
    *n = vocabulary->tokens[id].n_bytes;
    return vocabulary->bank.bytes + vocabulary->tokens[id].offset;
}

/* 2. Characters */

attrib_status at_character_table_add(at_character_table *table,
                                     uint32_t character,
                                     int32_t id,
                                     attrib_error *err)
{
    int32_t **page = &table->pages[character >> 8];
    if (!*page) {
        attrib_status status = at_array(256, sizeof(int32_t), page, err);
        if (status != ATTRIB_OK) {
            return status;
        }
        memset(*page, 0xFF, 256 * sizeof(int32_t)); /* all -1 */
    }
    (*page)[character & 255] = id;
    return ATTRIB_OK;
}

void at_character_table_free(at_character_table *table)
{
    for (size_t i = 0; i < AT_N_PAGES; i++) {
        free(table->pages[i]);
        table->pages[i] = NULL;
    }
}

/* 3. Pairs */

static int compare_pairs(const void *left, const void *right)
{
    const at_pair *a = left;
    const at_pair *b = right;
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    if (a->second != b->second) {
        return a->second < b->second ? -1 : 1;
    }
    return (a->value > b->value) - (a->value < b->value);
}

static bool is_same_pair(const at_pair *a, const at_pair *b)
{
    return a->first == b->first && a->second == b->second;
}

attrib_status at_pair_table_make(
    at_pair *pairs, size_t n, size_t n_rows, at_pair_table *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair_table table = {.n_rows = n_rows};
    uint32_t n_kept = 0;
    AT_CHECK(n < UINT32_MAX, ATTRIB_ERANGE, "%zu pairs of tokens", n);
    AT_TRY(at_array(n_rows + 1, sizeof(uint32_t), &table.starts, err));
    AT_TRY(at_array(n, sizeof *table.entries, &table.entries, err));
    if (n) {
        qsort(pairs, n, sizeof *pairs, compare_pairs);
    }
    for (size_t i = 0; i < n; i++) {
        if (i + 1 == n || !is_same_pair(&pairs[i], &pairs[i + 1])) {
            table.entries[n_kept].second = pairs[i].second;
            table.entries[n_kept].value = pairs[i].value;
            table.starts[pairs[i].first + 1] = ++n_kept;
        }
    }
    for (size_t row = 0; row < n_rows; row++) { /* rows without pairs are empty */
        if (table.starts[row + 1] < table.starts[row]) {
            table.starts[row + 1] = table.starts[row];
        }
    }
    *out = table;
    table = (at_pair_table){0};
done:
    at_pair_table_free(&table);
    return status;
}

void at_pair_table_free(at_pair_table *table)
{
    free(table->starts);
    free(table->entries);
    memset(table, 0, sizeof *table);
}
