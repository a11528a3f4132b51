/* SPDX-License-Identifier: MIT */
/* Merging: the pair of lowest order first, and the leftmost of pairs with one order. Few
 * symbols are scanned for it, many are kept in a heap, with the same result. */
#include "tokenizer/bpe.h"

#include <string.h>

#define MAX_SCANNED 40 /* measured: above it the heap is faster */

#define NO_SYMBOL   UINT32_MAX

static uint32_t order_of(const at_bpe *bpe, uint32_t rank)
{
    return bpe->order && rank != AT_NO_PAIR ? bpe->order[rank] : rank;
}

/* 1. Few symbols: an array holds the ranks of all pairs */

static uint32_t rank_of(const at_bpe *bpe, const int32_t *pair)
{
    return at_pair_find(&bpe->merges, pair[0], pair[1]);
}

static size_t merge_few(const at_bpe *bpe, int32_t *symbols, size_t n)
{
    uint32_t ranks[MAX_SCANNED]; /* [n - 1] of (symbols[i], symbols[i + 1]) */
    for (size_t i = 0; i + 1 < n; i++) {
        ranks[i] = rank_of(bpe, symbols + i);
    }
    while (n > 1) {
        size_t best = 0;
        uint32_t order = order_of(bpe, ranks[0]);
        for (size_t i = 1; i + 1 < n; i++) {
            if (ranks[i] < order) { /* an order is the lowest of its ranks */
                best = i;
                order = order_of(bpe, ranks[i]);
            }
        }
        if (ranks[best] == AT_NO_PAIR) {
            break;
        }
        symbols[best] = bpe->merged[ranks[best]];
        n--;
        for (size_t i = best + 1; i < n; i++) {
            symbols[i] = symbols[i + 1];
            ranks[i - 1] = ranks[i];
        }
        if (best > 0) {
            ranks[best - 1] = rank_of(bpe, symbols + best - 1);
        }
        if (best + 1 < n) {
            ranks[best] = rank_of(bpe, symbols + best);
        }
    }
    return n;
}

/* 2. Many symbols: a heap of (order, position of the left one), smallest first. An entry
 * stays when its pair is gone, and is then passed over. */

static attrib_status push(at_bpe_scratch *s,
                          uint32_t order,
                          uint32_t at,
                          attrib_error *err)
{
    attrib_status status =
        at_grow(&s->heap, &s->heap_capacity, s->n_heap + 1, sizeof(uint64_t), err);
    if (status != ATTRIB_OK) {
        return status;
    }
    uint64_t key = (uint64_t)order << 32 | at;
    size_t i = s->n_heap++;
    while (i > 0 && s->heap[(i - 1) / 2] > key) {
        s->heap[i] = s->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    s->heap[i] = key;
    return ATTRIB_OK;
}

static uint64_t pop(at_bpe_scratch *s)
{
    uint64_t top = s->heap[0];
    uint64_t last = s->heap[--s->n_heap];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= s->n_heap) {
            break;
        }
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child]) {
            child++;
        }
        if (last <= s->heap[child]) {
            break;
        }
        s->heap[i] = s->heap[child];
        i = child;
    }
    s->heap[i] = last;
    return top;
}

/* Push the pair whose left symbol is at `left`, if it can be merged. */
static attrib_status push_pair(const at_bpe *bpe,
                               at_bpe_scratch *s,
                               uint32_t left,
                               attrib_error *err)
{
    uint32_t right = left == NO_SYMBOL ? NO_SYMBOL : s->next[left];
    if (right == NO_SYMBOL) {
        return ATTRIB_OK;
    }
    uint32_t rank = at_pair_find(&bpe->merges, s->symbols[left], s->symbols[right]);
    return rank == AT_NO_PAIR ? ATTRIB_OK : push(s, order_of(bpe, rank), left, err);
}

static attrib_status link_symbols(const at_bpe *bpe, at_bpe_scratch *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = s->n_symbols;
    s->n_heap = 0;
    AT_CHECK(n < NO_SYMBOL, ATTRIB_ERANGE, "a word of %zu symbols", n);
    AT_TRY(at_grow(&s->previous, &s->previous_capacity, n, sizeof(uint32_t), err));
    AT_TRY(at_grow(&s->next, &s->next_capacity, n, sizeof(uint32_t), err));
    for (uint32_t i = 0; i < n; i++) {
        s->previous[i] = i == 0 ? NO_SYMBOL : i - 1;
        s->next[i] = i + 1 == n ? NO_SYMBOL : i + 1;
    }
    for (uint32_t i = 0; i < n; i++) {
        AT_TRY(push_pair(bpe, s, i, err));
    }
done:
    return status;
}

/* Keep the symbols that are left, side by side. */
static size_t gather(at_bpe_scratch *s)
{
    size_t n = 0;
    for (uint32_t i = 0; i != NO_SYMBOL; i = s->next[i]) {
        s->symbols[n++] = s->symbols[i];
    }
    return n;
}

static attrib_status merge_many(const at_bpe *bpe,
                                at_bpe_scratch *s,
                                size_t *n_out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(link_symbols(bpe, s, err));
    while (s->n_heap) {
        uint64_t top = pop(s);
        uint32_t left = (uint32_t)top;
        if (s->symbols[left] < 0 || s->next[left] == NO_SYMBOL) {
            continue; /* it was merged into another, or is the last */
        }
        uint32_t right = s->next[left];
        uint32_t rank = at_pair_find(&bpe->merges, s->symbols[left], s->symbols[right]);
        if (rank == AT_NO_PAIR || order_of(bpe, rank) != top >> 32) {
            continue;
        }
        s->symbols[left] = bpe->merged[rank];
        s->symbols[right] = -1;
        s->next[left] = s->next[right];
        if (s->next[left] != NO_SYMBOL) {
            s->previous[s->next[left]] = left;
        }
        AT_TRY(push_pair(bpe, s, s->previous[left], err));
        AT_TRY(push_pair(bpe, s, left, err));
    }
    *n_out = gather(s);
done:
    return status;
}

attrib_status at_bpe_merge(const at_bpe *bpe,
                           at_bpe_scratch *scratch,
                           size_t *n_out,
                           attrib_error *err)
{
    if (scratch->n_symbols <= MAX_SCANNED && bpe->cuts_words) {
        *n_out = merge_few(bpe, scratch->symbols, scratch->n_symbols);
        return ATTRIB_OK;
    }
    return merge_many(bpe, scratch, n_out, err);
}
