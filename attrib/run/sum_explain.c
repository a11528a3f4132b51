/* SPDX-License-Identifier: MIT */
/* Pairs of a sum that runs have not reported, explained by whoever has their models. */
#include <stdlib.h>

#include "run/sum.h"

const attrib_result *at_sum_reported(const at_summing *self,
                                     size_t r,
                                     size_t i_answer,
                                     size_t document)
{
    const attrib_answer *answer = &self->runs[r]->answers[i_answer];
    for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
        const attrib_result *one =
            i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
        if (one->document.index == document) {
            return one;
        }
    }
    return NULL;
}

static int compare_pairs(const void *left, const void *right)
{
    const at_sum_pair *a = left;
    const at_sum_pair *b = right;
    if (a->i_answer != b->i_answer) {
        return a->i_answer < b->i_answer ? -1 : 1;
    }
    return (a->document > b->document) - (a->document < b->document);
}

const attrib_result *at_sum_explained(const at_summing *self,
                                      size_t r,
                                      size_t i_answer,
                                      size_t document)
{
    const at_sum_pair key = {.i_answer = i_answer, .document = document};
    const at_sum_pair *found = NULL;
    if (self->pairs && self->pairs[r].n > 0) {
        found = bsearch(&key, self->pairs[r].items, self->pairs[r].n, sizeof key,
                        compare_pairs);
    }
    return found ? &found->result : NULL;
}

/* List what the sum reports and run r does not. */
static attrib_status list_pairs(const at_summing *self, size_t r, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sum_pairs *out = &self->pairs[r];
    size_t capacity = 0;
    for (size_t a = 0; a < self->out->info.n_answers; a++) {
        const at_top *top = &self->tops[a];
        for (size_t i = 0; i < top->n_best + top->n_worst; i++) {
            const at_ranked *one =
                i < top->n_best ? &top->best[i] : &top->worst[i - top->n_best];
            if (at_sum_reported(self, r, a, one->document)) {
                continue;
            }
            AT_TRY(at_grow(&out->items, &capacity, out->n + 1, sizeof *out->items, err));
            out->items[out->n++] =
                (at_sum_pair){.i_answer = a, .document = one->document};
        }
    }
    if (out->n > 0) {
        qsort(out->items, out->n, sizeof *out->items, compare_pairs);
    }
done:
    return status;
}

attrib_status at_sum_explain(at_summing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!self->explain) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(self->n_runs, sizeof *self->pairs, &self->pairs, err));
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(list_pairs(self, r, err));
        AT_TRY(self->pairs[r].n > 0
                   ? self->explain(self->context, self, r, self->pairs[r].items,
                                   self->pairs[r].n, err)
                   : ATTRIB_OK);
    }
done:
    return status;
}
