/* SPDX-License-Identifier: MIT */
/* Hashes of tokens, sorted in a scratch file: those of copies come one after the other.
 *
 * 1. Sorting
 * 2. Copies */
#include "corpus/copies.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/store_state.h"

/* 1. Sorting */

#define PLACE_BYTES 8
#define FEW         32 /* items that are sorted by insertion */

/* The hash of a document's tokens, and its place in the list, the highest byte first: so
 * that items compare as bytes. */
typedef struct item {
    unsigned char bytes[AT_DIGEST_BYTES + PLACE_BYTES];
} item;

static void sort_few(item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        item one = items[i];
        size_t k = i;
        for (; k > 0 && memcmp(&items[k - 1], &one, sizeof one) > 0; k--) {
            items[k] = items[k - 1];
        }
        items[k] = one;
    }
}

/* Sort in place, as the items are in a file: by one byte, and each of its values by the
 * next one. The depth is that of the bytes of an item. */
static void sort(item *items, size_t n, size_t i_byte)
{
    size_t ends[256] = {0};
    size_t at[256];
    size_t sum = 0;
    if (n <= FEW || i_byte == sizeof *items) {
        sort_few(items, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        ends[items[i].bytes[i_byte]]++;
    }
    for (size_t value = 0; value < 256; value++) {
        at[value] = sum;
        sum += ends[value];
        ends[value] = sum;
    }
    for (size_t value = 0; value < 256; value++) {
        while (at[value] < ends[value]) {
            item *here = &items[at[value]];
            item *there = &items[at[here->bytes[i_byte]]++];
            if (here != there) {
                item moved = *here;
                *here = *there;
                *there = moved;
            }
        }
    }
    for (size_t value = 0, first = 0; value < 256; value++) {
        sort(items + first, ends[value] - first, i_byte + 1);
        first = ends[value];
    }
}

/* 2. Copies */

static size_t place_of(const item *one)
{
    size_t place = 0;
    for (size_t i = 0; i < PLACE_BYTES; i++) {
        place = place << 8 | one->bytes[AT_DIGEST_BYTES + i];
    }
    return place;
}

static bool is_same(const item *a, const item *b)
{
    return memcmp(a, b, AT_DIGEST_BYTES) == 0;
}

static attrib_status write_items(const attrib_corpus *corpus,
                                 const size_t *places,
                                 size_t n,
                                 at_spill *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_stored *documents = corpus->spills[AT_STORE_RECORDS].mapping;
    for (size_t i = 0; i < n; i++) {
        item one;
        memcpy(one.bytes, documents[places ? places[i] : i].token_hash, AT_DIGEST_BYTES);
        for (size_t k = 0; k < PLACE_BYTES; k++) {
            one.bytes[sizeof one - 1 - k] = (unsigned char)((uint64_t)i >> 8 * k);
        }
        AT_TRY(at_spill_append(out, &one, sizeof one, err));
    }
    AT_TRY(at_spill_map(out, err));
done:
    return status;
}

static void link_copies(const item *items, size_t n, at_copies *copies)
{
    for (size_t i = 1; i < n; i++) {
        if (is_same(&items[i - 1], &items[i])) {
            copies->next[place_of(&items[i - 1])] = place_of(&items[i]) + 1;
            copies->is_copy[place_of(&items[i])] = 1;
        }
    }
}

attrib_status at_copies_find(const attrib_corpus *corpus,
                             const size_t *places,
                             size_t n,
                             const attrib_corpus_options *options,
                             at_copies *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_copies copies = {0};
    at_spill spill = {.descriptor = -1};
    at_memory_limit limit;
    at_memory_limit_set(&limit, (double)options->ram_limit, 0);
    AT_TRY(at_spill_open(options->scratch_folder, &spill, err));
    AT_TRY(write_items(corpus, places, n, &spill, err));
    sort(spill.mapping, n, 0);
    for (size_t i = 1; i < n; i++) {
        const item *items = spill.mapping;
        copies.n += is_same(&items[i - 1], &items[i]);
    }
    if (copies.n) {
        AT_TRY(at_memory_take(&limit, (double)n * (sizeof *copies.next + 1),
                              "listing the copies of documents", err));
        AT_TRY(at_array(n, sizeof *copies.next, &copies.next, err));
        AT_TRY(at_array(n, 1, &copies.is_copy, err));
        link_copies(spill.mapping, n, &copies);
    }
    *out = copies;
    copies = (at_copies){0};
done:
    at_spill_close(&spill);
    at_copies_free(&copies);
    return status;
}

void at_copies_free(at_copies *copies)
{
    free(copies->next);
    free(copies->is_copy);
    *copies = (at_copies){0};
}
