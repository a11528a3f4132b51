/* SPDX-License-Identifier: MIT */
/* Hierarchical clusters by average linkage. Source: the chain of nearest neighbours,
 * Muellner 2011, arXiv:1109.2378, figure 4: n^2 steps, and the tree of the plain
 * algorithm. */
#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"

/* Clusters by the place of their first member. */
typedef struct forest {
    size_t n;
    double *distances; /* [n, n] between clusters that are there */
    size_t *size;      /* [n] members; 0: it is a part of another */
    size_t *next;      /* [n] the member after each, in the order of the tree */
    size_t *last;      /* [n] the last member of each cluster */
    size_t *root;  /* [n] of the clusters below the cut: an earlier member, or itself */
    size_t *chain; /* [n] */
} forest;

static attrib_status forest_new(size_t n, double *distances, forest *f, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *all = NULL;
    size_t n_all = 0;
    AT_TRY(at_mul(n, 5, &n_all, err));
    AT_TRY(at_array(n_all, sizeof *all, (void *)&all, err));
    *f = (forest){.n = n, .distances = distances, .size = all};
    f->next = all + n;
    f->last = all + 2 * n;
    f->root = all + 3 * n;
    f->chain = all + 4 * n;
    for (size_t i = 0; i < n; i++) {
        f->size[i] = 1;
        f->next[i] = SIZE_MAX;
        f->last[i] = i;
        f->root[i] = i;
    }
    for (size_t i = 0; i < n * n; i++) {
        distances[i] = isnan(distances[i]) ? (double)INFINITY : distances[i];
    }
done:
    return status;
}

/* The cluster nearest to `a`; of equal ones `preferred`, else the first. */
static size_t nearest(const forest *f, size_t a, size_t preferred)
{
    size_t best = preferred;
    double distance = best < f->n ? f->distances[a * f->n + best] : (double)INFINITY;
    for (size_t i = 0; i < f->n; i++) {
        if (i != a && f->size[i] > 0 &&
            (f->distances[a * f->n + i] < distance || best == SIZE_MAX)) {
            best = i;
            distance = f->distances[a * f->n + i];
        }
    }
    return best;
}

static size_t find_root(forest *f, size_t i)
{
    while (f->root[i] != i) {
        f->root[i] = f->root[f->root[i]];
        i = f->root[i];
    }
    return i;
}

/* Put cluster b after cluster a, a < b. */
static void join(forest *f, size_t a, size_t b, double cut)
{
    size_t n = f->n;
    if (f->distances[a * n + b] <= cut) {
        size_t from = find_root(f, a);
        size_t to = find_root(f, b);
        f->root[at_larger(from, to)] = at_smaller(from, to);
    }
    double weight = (double)f->size[a] / (double)(f->size[a] + f->size[b]);
    for (size_t i = 0; i < n; i++) {
        if (i == a || i == b || f->size[i] == 0) {
            continue;
        }
        double mean =
            weight * f->distances[a * n + i] + (1 - weight) * f->distances[b * n + i];
        f->distances[a * n + i] = mean;
        f->distances[i * n + a] = mean;
    }
    f->next[f->last[a]] = b;
    f->last[a] = f->last[b];
    f->size[a] += f->size[b];
    f->size[b] = 0;
}

/* Join all clusters into one tree. Two that are each other's nearest are joined when the
 * chain meets them. */
static void grow_tree(forest *f, double cut)
{
    size_t n_chain = 0;
    for (size_t n_left = f->n; n_left > 1;) {
        if (n_chain == 0) {
            f->chain[n_chain++] = 0; /* the first cluster is never a part of another */
        }
        size_t tip = f->chain[n_chain - 1];
        size_t before = n_chain > 1 ? f->chain[n_chain - 2] : SIZE_MAX;
        size_t next = nearest(f, tip, before);
        if (next != before) {
            f->chain[n_chain++] = next;
            continue;
        }
        n_chain -= 2;
        join(f, at_smaller(tip, before), at_larger(tip, before), cut);
        n_left--;
    }
}

attrib_status at_cluster(size_t n,
                         double *distances,
                         double cut,
                         size_t *cluster,
                         size_t *order,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    forest f = {0};
    size_t n_clusters = 0;
    AT_TRY(forest_new(n, distances, &f, err));
    grow_tree(&f, cut);
    for (size_t i = 0, place = 0; i < n; i++, place = f.next[place]) {
        order[i] = place;
    }
    for (size_t i = 0; i < n; i++) {
        size_t root = find_root(&f, i);
        cluster[i] = root == i ? n_clusters++ : cluster[root];
    }
done:
    free(f.size);
    return status;
}
