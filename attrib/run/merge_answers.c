/* SPDX-License-Identifier: MIT */
/* Answers of a merged run. The first k documents of all are among the first k of each
 * run, and those are exact; so the merged ends are exact too. The runs are read twice:
 * for scores, and for the results that stand in the end.
 *
 * 1. Scores.
 * 2. Results.
 * 3. All. */
#include <stdlib.h>

#include "run/bank.h"
#include "run/drawn.h"
#include "run/merge.h"
#include "run/top.h"

/* The index that a document of a run has in the merged one. */
static size_t merged_index(const at_merging *self, size_t i_run, size_t document)
{
    for (size_t p = 0; p < self->n_parts; p++) {
        const at_merged_part *part = &self->parts[p];
        size_t n = part->part.end - part->part.first;
        if (part->i_run == i_run && document >= part->first &&
            document < part->first + n) {
            return part->start + (document - part->first);
        }
    }
    return SIZE_MAX;
}

static const attrib_result *result_of(const attrib_answer *answer, size_t i)
{
    return i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
}

/* An answer of the merged run on its way. */
typedef struct ending {
    at_top top;
    size_t n_scored;        /* documents of all runs */
    at_drawn drawn;         /* of all runs that keep it; else none */
    attrib_result *results; /* [n_best + n_worst] of the answer, in the bank */
} ending;

/* The merged run's answer to a query under a setting of one of the runs; SIZE_MAX where
 * that query is not taken of it. */
static size_t merged_answer(const at_merging *self, size_t i_run, size_t a)
{
    const at_merged_run *from = &self->runs[i_run];
    const at_merged_column *column = &self->columns[from->i_column];
    size_t n = from->run->info.n_queries;
    size_t q = a % n;
    if (q < from->first_query || q >= from->first_query + column->n) {
        return SIZE_MAX;
    }
    return a / n * self->out->info.n_queries + column->first + q - from->first_query;
}

/* 1. Scores */

/* Enter what a run keeps of the documents that were drawn to measure a filter. */
static attrib_status add_drawn(const at_merging *self,
                               size_t i_run,
                               const attrib_run *run,
                               ending *ends,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_drawn *all = NULL;
    AT_TRY(at_drawn_read(run, &all, err));
    for (size_t a = 0; a < run->info.n_answers; a++) {
        size_t to = merged_answer(self, i_run, a);
        const at_drawn *from = &all[a];
        const at_top *top = &from->candidates;
        for (size_t i = 0; to != SIZE_MAX && i < top->n_best; i++) {
            at_top_add_best(&ends[to].drawn.candidates,
                            merged_index(self, i_run, top->best[i].document),
                            top->best[i].score);
        }
        for (size_t i = 0; to != SIZE_MAX && i < top->n_worst; i++) {
            at_top_add_worst(&ends[to].drawn.candidates,
                             merged_index(self, i_run, top->worst[i].document),
                             top->worst[i].score);
        }
        for (size_t i = 0; to != SIZE_MAX && i < from->n; i++) {
            const at_ranked one = {merged_index(self, i_run, from->missed[i].document),
                                   from->missed[i].score};
            AT_TRY(at_drawn_add(&ends[to].drawn, one, err));
        }
    }
done:
    at_drawn_free_all(all, run->info.n_answers);
    return status;
}

/* Enter what a run reports. A document that stands at one end of a run that has few may
 * stand at the other of all. */
static attrib_status add_run(const at_merging *self,
                             size_t i_run,
                             const attrib_run *run,
                             ending *ends,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t a = 0; a < run->info.n_answers; a++) {
        const attrib_answer *answer = &run->answers[a];
        size_t to = merged_answer(self, i_run, a);
        if (to != SIZE_MAX) {
            ends[to].n_scored += answer->n_scored;
        }
        for (size_t i = 0; to != SIZE_MAX && i < answer->n_top + answer->n_bottom; i++) {
            const attrib_result *result = result_of(answer, i);
            size_t document = merged_index(self, i_run, result->document.index);
            AT_CHECK(result->document.index < run->info.n_documents, ATTRIB_EFORMAT,
                     "%s: reports document %zu of %zu", run->info.folder,
                     result->document.index, run->info.n_documents);
            if (document != SIZE_MAX) { /* it is taken of this run */
                at_top_add(&ends[to].top, document, result->score);
            }
        }
    }
    if (at_run_keeps_drawn(run)) {
        AT_TRY(add_drawn(self, i_run, run, ends, err));
    }
done:
    return status;
}

/* 2. Results */

/* Room for the results of an answer, whose query is that of the first run. */
static attrib_status open_answer(
    attrib_run *out, size_t a, const attrib_answer *from, ending *end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_answer *answer = &out->answers[a];
    const at_top *top = &end->top;
    attrib_result *results = NULL;
    *answer = *from;
    AT_TRY(at_bank_query(out->bank, &from->query, &answer->query, err));
    AT_TRY(at_arena_take(out->bank, top->n_best + top->n_worst, sizeof *results, &results,
                         err));
    end->results = results;
    answer->top = results;
    answer->n_top = top->n_best;
    answer->n_scored = end->n_scored;
    if (out->drawn) { /* to be counted when the others are merged too */
        answer->n_missed_top = 0;
        answer->n_missed_bottom = 0;
    } else if (end->drawn.candidates.k > 0) {
        at_drawn_count(&end->drawn, &answer->n_missed_top, &answer->n_missed_bottom);
    }
    answer->bottom = results + top->n_best;
    answer->n_bottom = top->n_worst;
done:
    return status;
}

/* The place of a document among the results of an answer; SIZE_MAX where it has none. */
static size_t place_of(const at_top *top, size_t document)
{
    for (size_t i = 0; i < top->n_best + top->n_worst; i++) {
        const at_ranked *one =
            i < top->n_best ? &top->best[i] : &top->worst[i - top->n_best];
        if (one->document == document) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* A run that is opened for its results. */
typedef struct donor {
    const at_merging *merging;
    size_t i_run;
    attrib_run *run;
} donor;

/* Copy result i of answer a, if it stands in the end of its merged one. */
static attrib_status take_result(
    const donor *from, size_t a, size_t i, const ending *end, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = from->merging->out;
    const attrib_result *found = result_of(&from->run->answers[a], i);
    size_t document = merged_index(from->merging, from->i_run, found->document.index);
    size_t n_best = end->top.n_best;
    size_t place = place_of(&end->top, document);
    attrib_result *result = NULL;
    if (place == SIZE_MAX) {
        return ATTRIB_OK;
    }
    result = &end->results[place];
    AT_TRY(attrib_run_load_result(from->run, a, found, err));
    AT_TRY(at_bank_result(out->bank, found, result, err));
    result->document.index = document;
    result->rank = place < n_best ? place + 1 : end->n_scored - (place - n_best);
done:
    return status;
}

static attrib_status take_run(const donor *from, ending *ends, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_merging *self = from->merging;
    size_t i_column = self->runs[from->i_run].i_column;
    for (size_t a = 0; a < from->run->info.n_answers; a++) {
        const attrib_answer *answer = &from->run->answers[a];
        size_t to = merged_answer(self, from->i_run, a);
        if (to != SIZE_MAX && self->columns[i_column].i_run == from->i_run) {
            AT_TRY(open_answer(self->out, to, answer, &ends[to], err));
        }
        for (size_t i = 0; to != SIZE_MAX && i < answer->n_top + answer->n_bottom; i++) {
            AT_TRY(take_result(from, a, i, &ends[to], err));
        }
    }
done:
    return status;
}

/* 3. All */

/* Open the runs one by one, for their scores, and then for their results. */
static attrib_status go_through(const at_merging *self,
                                bool is_second,
                                ending *ends,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    for (size_t r = 0; r < self->n_runs; r++) {
        AT_TRY(attrib_run_open(self->runs[r].run->info.folder, &run, err));
        AT_TRY(is_second ? take_run(&(donor){self, r, run}, ends, err)
                         : add_run(self, r, run, ends, err));
        attrib_run_close(run);
        run = NULL;
    }
done:
    attrib_run_close(run);
    return status;
}

/* Make room for what runs keep of drawn documents, where any does. */
static attrib_status open_drawn(const at_merging *self, ending *ends, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run *out = self->out;
    bool are_kept = false;
    for (size_t r = 0; r < self->n_runs; r++) {
        are_kept = are_kept || at_run_keeps_drawn(self->runs[r].run);
    }
    for (size_t a = 0; are_kept && a < out->info.n_answers; a++) {
        AT_TRY(at_drawn_new(at_drawn_most(out), &ends[a].drawn, err));
    }
done:
    return status;
}

/* The merged run keeps what was drawn, too, where it is not whole. */
static attrib_status keep_drawn(attrib_run *out, ending *ends, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = out->info.n_answers;
    if (!at_run_keeps_drawn(out)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n, sizeof *out->drawn, &out->drawn, err));
    for (size_t a = 0; a < n; a++) {
        at_drawn_settle(&ends[a].drawn);
        out->drawn[a] = ends[a].drawn;
        ends[a].drawn = (at_drawn){0};
    }
done:
    return status;
}

attrib_status at_merge_answers(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *out = self->out;
    size_t n = out->info.n_answers;
    size_t k = at_smaller(out->options.top, out->info.n_documents);
    ending *ends = NULL;
    AT_TRY(at_array(n, sizeof *ends, &ends, err));
    AT_TRY(at_array(n, sizeof *out->answers, &out->answers, err));
    for (size_t a = 0; a < n; a++) {
        AT_TRY(at_top_new(k, &ends[a].top, err));
    }
    AT_TRY(open_drawn(self, ends, err));
    AT_TRY(go_through(self, false, ends, err));
    for (size_t a = 0; a < n; a++) {
        if (!out->options.prefilter) { /* of a run that grows some are not taken */
            ends[a].n_scored = out->info.n_documents;
        }
        at_top_separate(&ends[a].top);
    }
    AT_TRY(keep_drawn(out, ends, err));
    AT_TRY(go_through(self, true, ends, err));
done:
    for (size_t a = 0; ends && a < n; a++) {
        at_top_free(&ends[a].top);
        at_drawn_free(&ends[a].drawn);
    }
    free(ends);
    return status;
}
