/* SPDX-License-Identifier: MIT */
/* Permutation tests by trading tags between documents, or between files.
 *
 * Things that trade are units: documents, or files. A unit has the groups of a document,
 * its own or another of the same stratum. Only units that are listed need to be dealt a
 * document, so a permutation costs as much as the lists are long, not as the corpus is.
 *
 * 1. Counts.
 * 2. What may trade.
 * 3. One permutation.
 * 4. The test. */
#include "analyze/permute.h"

#include <stdlib.h>
#include <string.h>

#include "analyze/stats.h"
#include "base/thread.h"

/* Permutations of a block of work. */
#define BLOCK_PERMUTATIONS ((size_t)16)
/* The stream of draws of permutation 0. */
#define FIRST_STREAM ((uint64_t)1 << 40)

/* 1. Counts */

/* Count one entry as if its document had the groups of `document`. */
static void count_entry(const at_listing *listing,
                        const at_listed *entry,
                        size_t document,
                        size_t *counts)
{
    const at_grouping *d = listing->documents;
    const at_grouping *q = listing->queries;
    for (size_t i = d->first[document]; i < d->first[document + 1]; i++) {
        for (size_t k = q->first[entry->query]; k < q->first[entry->query + 1]; k++) {
            counts[at_cell_of(listing, entry->side, d->groups[i], q->groups[k])]++;
        }
    }
}

void at_count_listed(const at_listing *listing, size_t *counts)
{
    for (size_t i = 0; i < listing->n_listed; i++) {
        count_entry(listing, &listing->listed[i], listing->listed[i].document, counts);
    }
}

/* 2. What may trade */

typedef struct trade {
    const at_listing *listing;
    attrib_permute kind;
    at_grouping files; /* of documents */
    size_t n_units;
    uint32_t *documents; /* [n_units] whose groups each unit has, strata side by side */
    size_t *unit_sizes;  /* [n_units] documents of each file; NULL where documents trade
                            and groups keep their sizes */
    size_t n_drawn;
    size_t *slot, *end; /* [n_drawn] a unit that is dealt a document, and the end of its
                           stratum: it draws from slot to end */
    size_t *entry_slot; /* [n_listed] the unit of each entry */
    size_t *observed;   /* [sides, G, H] */
    size_t n_cells;     /* sides x G x H */
} trade;

static void trade_free(trade *t)
{
    at_grouping_free(&t->files);
    free(t->documents);
    free(t->unit_sizes);
    free(t->slot);
    free(t->end);
    free(t->entry_slot);
    free(t->observed);
}

static size_t file_of(const trade *t, size_t document)
{
    return t->files.groups[t->files.first[document]];
}

static bool has_same_groups(const at_grouping *g, size_t a, size_t b)
{
    size_t n = g->first[a + 1] - g->first[a];
    return g->first[b + 1] - g->first[b] == n &&
           (n == 0 || memcmp(g->groups + g->first[a], g->groups + g->first[b],
                             n * sizeof *g->groups) == 0);
}

/* Fill first [n files] with the first document of each file. Returns a document whose
 * tags differ from those of the first of its file; SIZE_MAX where there is none. */
static size_t find_mixed_file(const trade *t, uint32_t *first)
{
    size_t n = t->files.n_items;
    for (size_t i = n; i-- > 0;) {
        first[file_of(t, i)] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i++) {
        if (!has_same_groups(t->listing->documents, first[file_of(t, i)], i)) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Choose what trades. `first` becomes the units' documents where files do. */
static attrib_status choose_kind(trade *t, uint32_t *first, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t mixed = find_mixed_file(t, first);
    t->kind = t->listing->inquiry->options.permute;
    if (t->kind == ATTRIB_PERMUTE_AUTO) {
        bool is_by_file =
            mixed == SIZE_MAX && t->files.n_groups > t->listing->documents->n_groups;
        t->kind = is_by_file ? ATTRIB_PERMUTE_SOURCES : ATTRIB_PERMUTE_DOCUMENTS;
    }
    AT_CHECK(t->kind != ATTRIB_PERMUTE_SOURCES || mixed == SIZE_MAX, ATTRIB_EINVAL,
             "sources cannot trade tags: \"%s\" has documents with different ones "
             "(--permute documents or within)",
             t->files.names[file_of(t, mixed)]);
done:
    return status;
}

/* Files are units of one stratum, and all are dealt, since groups change their sizes. */
static attrib_status trade_files(trade *t, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = t->files.n_groups;
    AT_TRY(at_array(n, sizeof *t->unit_sizes, (void *)&t->unit_sizes, err));
    AT_TRY(at_array(n, sizeof *t->slot, (void *)&t->slot, err));
    AT_TRY(at_array(n, sizeof *t->end, (void *)&t->end, err));
    t->n_units = n;
    t->n_drawn = n;
    for (size_t i = 0; i < n; i++) {
        t->unit_sizes[i] = t->files.sizes[i];
        t->slot[i] = i;
        t->end[i] = n;
    }
    for (size_t i = 0; i < t->listing->n_listed; i++) {
        t->entry_slot[i] = file_of(t, t->listing->listed[i].document);
    }
done:
    return status;
}

/* The documents of a file, or all, are a stratum. Its listed documents are its first
 * units, which are dealt. */
static attrib_status trade_documents(trade *t, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_listing *l = t->listing;
    bool is_within = t->kind == ATTRIB_PERMUTE_WITHIN;
    size_t n_strata = is_within ? t->files.n_groups : 1;
    size_t *start = NULL; /* [n_strata + 1], then where each stratum is filled up to */
    size_t *filled = NULL;
    size_t *unit = NULL; /* [N] 1 + the unit of each document that has one */
    AT_TRY(at_array(n_strata + 1, sizeof *start, (void *)&start, err));
    AT_TRY(at_array(n_strata, sizeof *filled, (void *)&filled, err));
    AT_TRY(at_array(t->n_units, sizeof *unit, (void *)&unit, err));
    AT_TRY(at_array(l->n_listed, sizeof *t->slot, (void *)&t->slot, err));
    AT_TRY(at_array(l->n_listed, sizeof *t->end, (void *)&t->end, err));
    for (size_t i = 0; i < n_strata; i++) {
        filled[i] = start[i];
        start[i + 1] = start[i] + (is_within ? t->files.sizes[i] : t->n_units);
    }
    for (size_t i = 0; i < l->n_listed + t->n_units; i++) {
        size_t document = i < l->n_listed ? l->listed[i].document : i - l->n_listed;
        size_t stratum = is_within ? file_of(t, document) : 0;
        if (!unit[document]) {
            unit[document] = 1 + filled[stratum]++;
            t->documents[unit[document] - 1] = (uint32_t)document;
            if (i < l->n_listed) {
                t->slot[t->n_drawn] = unit[document] - 1;
                t->end[t->n_drawn++] = start[stratum + 1];
            }
        }
        if (i < l->n_listed) {
            t->entry_slot[i] = unit[document] - 1;
        }
    }
done:
    free(start);
    free(filled);
    free(unit);
    return status;
}

static attrib_status trade_new(const at_listing *listing, trade *t, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *t = (trade){.listing = listing, .n_units = listing->documents->n_items};
    t->n_cells = AT_N_SIDES * listing->documents->n_groups * listing->queries->n_groups;
    AT_TRY(at_group_by_file(listing->inquiry, &t->files, err));
    AT_TRY(at_array(t->n_units, sizeof *t->documents, (void *)&t->documents, err));
    AT_TRY(
        at_array(listing->n_listed, sizeof *t->entry_slot, (void *)&t->entry_slot, err));
    AT_TRY(at_array(t->n_cells, sizeof *t->observed, (void *)&t->observed, err));
    AT_TRY(choose_kind(t, t->documents, err));
    AT_TRY(t->kind == ATTRIB_PERMUTE_SOURCES ? trade_files(t, err)
                                             : trade_documents(t, err));
    at_count_listed(listing, t->observed);
done:
    return status;
}

/* 3. One permutation */

typedef struct worker {
    uint32_t *documents; /* [n_units] as trade.documents, shuffled and put back */
    size_t *swapped;     /* [n_drawn] */
    size_t *counts;      /* [sides, G, H] */
    size_t *sizes;       /* [G] documents of each group */
    size_t *n_as_many;   /* [sides, G, H] permutations with as many as observed */
} worker;

static void swap(uint32_t *a, uint32_t *b)
{
    uint32_t kept = *a;
    *a = *b;
    *b = kept;
}

/* Deal documents to the units that are drawn (Fisher and Yates). */
static void shuffle(const trade *t, worker *w, size_t i_permutation)
{
    uint64_t seed = t->listing->inquiry->options.seed;
    for (size_t i = 0; i < t->n_drawn; i++) {
        size_t from = t->slot[i];
        size_t to =
            from + at_draw(seed, FIRST_STREAM + i_permutation, i, t->end[i] - from);
        w->swapped[i] = to;
        swap(&w->documents[from], &w->documents[to]);
    }
}

static void put_back(const trade *t, worker *w)
{
    for (size_t i = t->n_drawn; i-- > 0;) {
        swap(&w->documents[t->slot[i]], &w->documents[w->swapped[i]]);
    }
}

/* The documents of each group, now that files have the tags of others. */
static void count_sizes(const trade *t, worker *w)
{
    const at_grouping *g = t->listing->documents;
    if (!t->unit_sizes) {
        memcpy(w->sizes, g->sizes, g->n_groups * sizeof *w->sizes);
        return;
    }
    memset(w->sizes, 0, g->n_groups * sizeof *w->sizes);
    for (size_t u = 0; u < t->n_units; u++) {
        for (size_t i = g->first[w->documents[u]]; i < g->first[w->documents[u] + 1];
             i++) {
            w->sizes[g->groups[i]] += t->unit_sizes[u];
        }
    }
}

/* Whether a group of `size` documents has as many in the lists, for its size, as the
 * `observed` of a group of `observed_size`. */
static bool has_as_many(size_t count, size_t size, size_t observed, size_t observed_size)
{
    return size > 0
               ? (double)count * (double)observed_size >= (double)observed * (double)size
               : observed == 0;
}

static void permute_once(const trade *t, worker *w, size_t i_permutation)
{
    const at_listing *l = t->listing;
    size_t n_row = l->queries->n_groups;
    shuffle(t, w, i_permutation);
    count_sizes(t, w);
    memset(w->counts, 0, t->n_cells * sizeof *w->counts);
    for (size_t i = 0; i < l->n_listed; i++) {
        count_entry(l, &l->listed[i], w->documents[t->entry_slot[i]], w->counts);
    }
    for (size_t c = 0; c < t->n_cells; c++) {
        size_t group = c / n_row % l->documents->n_groups;
        w->n_as_many[c] += has_as_many(w->counts[c], w->sizes[group], t->observed[c],
                                       l->documents->sizes[group]);
    }
    put_back(t, w);
}

/* 4. The test */

typedef struct test {
    const trade *trade;
    worker *workers; /* [n_workers] */
    size_t n_workers, n_permutations;
} test;

static attrib_status worker_new(const trade *t, worker *w, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_groups = t->listing->documents->n_groups;
    AT_TRY(at_array(t->n_units, sizeof *w->documents, (void *)&w->documents, err));
    AT_TRY(at_array(t->n_drawn, sizeof *w->swapped, (void *)&w->swapped, err));
    AT_TRY(at_array(t->n_cells, sizeof *w->counts, (void *)&w->counts, err));
    AT_TRY(at_array(n_groups, sizeof *w->sizes, (void *)&w->sizes, err));
    AT_TRY(at_array(t->n_cells, sizeof *w->n_as_many, (void *)&w->n_as_many, err));
    memcpy(w->documents, t->documents, t->n_units * sizeof *w->documents);
done:
    return status;
}

static void test_free(test *self)
{
    for (size_t i = 0; self->workers && i < self->n_workers; i++) {
        worker *w = &self->workers[i];
        free(w->documents);
        free(w->swapped);
        free(w->counts);
        free(w->sizes);
        free(w->n_as_many);
    }
    free(self->workers);
}

static attrib_status permute_block(void *context,
                                   size_t i_worker,
                                   size_t i_block,
                                   attrib_error *err)
{
    const test *self = context;
    size_t first = i_block * BLOCK_PERMUTATIONS;
    size_t n = at_smaller(BLOCK_PERMUTATIONS, self->n_permutations - first);
    (void)err;
    for (size_t i = 0; i < n; i++) {
        permute_once(self->trade, &self->workers[i_worker], first + i);
    }
    return ATTRIB_OK;
}

static attrib_status run_test(const trade *t, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_session *session = t->listing->inquiry->session;
    test self = {.trade = t, .n_permutations = t->listing->inquiry->options.replicates};
    size_t n_blocks = (self.n_permutations + BLOCK_PERMUTATIONS - 1) / BLOCK_PERMUTATIONS;
    self.n_workers = at_n_workers(session, n_blocks);
    AT_TRY(at_array(self.n_workers, sizeof *self.workers, (void *)&self.workers, err));
    for (size_t i = 0; i < self.n_workers; i++) {
        AT_TRY(worker_new(t, &self.workers[i], err));
    }
    AT_TRY(at_parallel_for(session, n_blocks, permute_block, &self, err));
    for (size_t c = 0; c < t->n_cells; c++) {
        size_t n_as_many = 1;
        for (size_t i = 0; i < self.n_workers; i++) {
            n_as_many += self.workers[i].n_as_many[c];
        }
        out[c] = (double)n_as_many / (double)(1 + self.n_permutations);
    }
done:
    test_free(&self);
    return status;
}

attrib_status at_permutation_test(const at_listing *listing,
                                  double *out,
                                  attrib_permute *kind,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    trade t = {0};
    AT_TRY(trade_new(listing, &t, err));
    AT_TRY(run_test(&t, out, err));
    *kind = t.kind;
done:
    trade_free(&t);
    return status;
}
