/* SPDX-License-Identifier: MIT */
/* What a question leaves: a run in memory of the documents that were scored exactly.
 *
 * 1. Slices.   2. The answer. */
#include "score/question.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "corpus/marks.h"
#include "run/bank.h"
#include "score/source.h"
#include "score/token_kind.h"

/* 1. Slices */

static int compare_sizes(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return (a > b) - (a < b);
}

/* Only what was scored exactly was scored at all. */
static attrib_status note_scored(at_question *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_likely *list = &self->list;
    attrib_run_info *info = &self->preparing.run->info;
    size_t n = 0;
    AT_TRY(at_candidates_new(&self->setup, list->n_exact, &self->candidates, err));
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].is_exact) {
            self->candidates.documents[n++] = list->items[i].document;
        }
    }
    qsort(self->candidates.documents, n, sizeof *self->candidates.documents,
          compare_sizes);
    AT_TRY(at_candidates_finish(&self->setup, &self->candidates, err));
    self->setup.candidates = &self->candidates;
    info->n_passed = self->candidates.n_passed;
    info->n_candidates = self->candidates.n_each;
    info->n_open = at_likely_count_open(list);
done:
    return status;
}

static attrib_status fill_slice(const at_question *self,
                                size_t i_slice,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->preparing.run;
    at_slice slice = {0};
    size_t n_sums = self->setup.n_groups;
    AT_TRY(at_slice_new(run, self->setup.corpus, 0, i_slice, &slice, err));
    for (size_t d = 0; d < slice.counts.n_documents; d++) {
        size_t document = slice.first + d;
        double *scores = (double *)slice.arrays[AT_SCORES] + d * n_sums;
        memcpy(scores, self->scores + document * n_sums, n_sums * sizeof *scores);
        if (self->self) {
            ((double *)slice.arrays[AT_SELF])[d] = self->self[document];
        }
    }
    at_mask_unscored(&self->setup, &slice);
    run->held[i_slice] = slice;
    slice = (at_slice){0};
done:
    at_slice_free(&slice);
    return status;
}

/* 2. The answer */

/* Take of the settled tops what the ranking lists: all else was scored for another
 * reason.
 */
static void take_ranking(at_question *self)
{
    at_top *top = &self->settled.tops[0];
    at_ranked *to[AT_LIKELY_ENDS] = {top->best, top->worst};
    size_t *n[AT_LIKELY_ENDS] = {&top->n_best, &top->n_worst};
    for (size_t e = 0; e < AT_LIKELY_ENDS; e++) {
        *n[e] = 0;
        for (size_t i = 0; i < self->list.n_listed[e]; i++) {
            const attrib_listed *one = &self->list.listed[e][i];
            if (one->is_exact) {
                to[e][(*n[e])++] = (at_ranked){one->document, one->score};
            }
        }
    }
}

/* The results of an end, with the estimates after what is exact. */
static attrib_status add_estimates(const at_question *self,
                                   size_t end,
                                   const attrib_result **results,
                                   size_t *n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->preparing.run;
    const at_likely *list = &self->list;
    attrib_result *all = NULL;
    if (list->n_listed[end] == *n) {
        return ATTRIB_OK;
    }
    AT_TRY(at_arena_take(run->bank, list->n_listed[end], sizeof *all, &all, err));
    if (*n > 0) {
        memcpy(all, *results, *n * sizeof *all);
    }
    for (size_t i = *n; i < list->n_listed[end]; i++) {
        const attrib_listed *one = &list->listed[end][i];
        all[i] = (attrib_result){
            .score = one->score, .is_estimate = true, .error = one->error};
        attrib_corpus_document(self->setup.corpus, one->document, &all[i].document);
        AT_TRY(at_bank_document(run->bank, &all[i].document, err));
    }
    *results = all;
    *n = list->n_listed[end];
done:
    return status;
}

/* Name how many documents were scored of the end that had most. */
static attrib_status name_filter(at_question *self, attrib_error *err)
{
    attrib_run *run = self->preparing.run;
    const size_t *n = self->list.n_scored;
    char text[40];
    int length = snprintf(text, sizeof text, "index:%zu",
                          at_larger(at_larger(n[AT_LIKELY_FIRST], n[AT_LIKELY_LAST]), 1));
    return at_arena_text(run->bank, text, (size_t)length, &run->options.prefilter, err);
}

attrib_status at_question_finish(at_question *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = self->preparing.run;
    attrib_answer *answer = NULL;
    run->corpus = self->setup.corpus;
    AT_TRY(at_setup_check_files(&self->setup, err));
    AT_TRY(at_corpus_check_files(self->setup.corpus, err));
    AT_TRY(note_scored(self, err));
    AT_TRY(name_filter(self, err));
    AT_TRY(at_run_place_slices(run, true, err));
    for (size_t i = 0; i < at_run_n_slices(run); i++) {
        AT_TRY(fill_slice(self, i, err));
    }
    take_ranking(self);
    AT_TRY(at_settled_keep(&self->settled, NULL, 0, err));
    if (self->settled.n_pairs > 0) {
        qsort(self->settled.pairs, self->settled.n_pairs, sizeof *self->settled.pairs,
              at_compare_pairs);
    }
    AT_TRY(at_token_kinds(&self->setup, &self->prepared, self->settled.pairs,
                          self->settled.n_pairs, err));
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    AT_TRY(at_answers_build(run, &self->setup, &self->prepared, &self->settled, err));
    answer = &run->answers[0];
    AT_TRY(add_estimates(self, AT_LIKELY_FIRST, &answer->top, &answer->n_top, err));
    AT_TRY(add_estimates(self, AT_LIKELY_LAST, &answer->bottom, &answer->n_bottom, err));
done:
    return status;
}
