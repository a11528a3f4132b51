/* SPDX-License-Identifier: MIT */
/* The first k and last k documents of a case, kept sorted while scores stream by. */
#include <stdlib.h>
#include <string.h>

#include "run/top.h"

#include "base/memory.h"

attrib_status at_top_new(size_t k, at_top *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_top top = {.k = k};
    AT_TRY(at_array(k, sizeof *top.best, &top.best, err));
    AT_TRY(at_array(k, sizeof *top.worst, &top.worst, err));
    *out = top;
    top = (at_top){0};
done:
    at_top_free(&top);
    return status;
}

void at_top_free(at_top *top)
{
    free(top->best);
    free(top->worst);
    *top = (at_top){0};
}

/* The one order of documents: larger scores come first, equal scores by ascending index.
 */
static bool precedes(at_ranked a, at_ranked b)
{
    return a.score != b.score ? a.score > b.score : a.document < b.document;
}

/* Insert an entry into a list that keeps the first k of that order, or of its reverse
 * where is_reversed. */
static void insert(
    at_ranked *list, size_t *n, size_t k, at_ranked entry, bool is_reversed)
{
    size_t at = *n;
    while (at > 0 && (is_reversed ? precedes(list[at - 1], entry)
                                  : precedes(entry, list[at - 1]))) {
        at--;
    }
    if (at == k) {
        return;
    }
    size_t n_moved = (*n < k ? *n : k - 1) - at;
    memmove(list + at + 1, list + at, n_moved * sizeof *list);
    list[at] = entry;
    *n = *n < k ? *n + 1 : k;
}

void at_top_add_best(at_top *top, size_t document, double score)
{
    insert(top->best, &top->n_best, top->k, (at_ranked){document, score}, false);
}

void at_top_add_worst(at_top *top, size_t document, double score)
{
    insert(top->worst, &top->n_worst, top->k, (at_ranked){document, score}, true);
}

void at_top_add(at_top *top, size_t document, double score)
{
    at_top_add_best(top, document, score);
    at_top_add_worst(top, document, score);
}

void at_top_separate(at_top *top)
{
    size_t kept = 0;
    for (size_t i = 0; i < top->n_worst; i++) {
        bool is_best = false;
        for (size_t j = 0; j < top->n_best; j++) {
            is_best = is_best || top->best[j].document == top->worst[i].document;
        }
        if (!is_best) {
            top->worst[kept++] = top->worst[i];
        }
    }
    top->n_worst = kept;
}
