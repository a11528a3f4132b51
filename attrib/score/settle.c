/* SPDX-License-Identifier: MIT */
/* The first and last documents of each case, in the order of their full scores.
 *
 * Scores of whole queries are full scores, so their order stands. For cut queries a
 * document's full score is only known to lie in the interval score -/+ bound. The first k
 * documents are then found in two steps:
 *
 *   1. The k-th largest lower end of all intervals is a floor: the k-th full score is not
 *      below it. Documents whose upper end is below the floor are ruled out.
 *   2. The others are scored in full, the largest scores first. A document is left out
 *      where its upper end is below the k-th full score found so far.
 *
 * The last k documents are found in the same way with the signs reversed. A limit on how
 * many documents are scored in full (max_rescored) may end this early. A document that is
 * scored in full is explained by the same pass.
 *
 * 1. Streaming the scores.
 * 2. Which documents are scored in full.
 * 3. Pairs that stand in the tops. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/counted.h"
#include "score/settle.h"
#include "score/token_kind.h"
#include "score/stream.h"

/* The fewest documents of a case that are scored in full in one round, at each end. For
 * one query of the default corpus these are 1,700 tokens or three to four blocks, which
 * two workers share. Larger rounds pass through fewer documents again for other queries,
 * but they hold the shares of more documents in memory, and score more that the first
 * ones would have ruled out. Measured with 8 queries of the default model at rank 16,
 * where nothing is ruled out and all of 640 documents are scored in full: 15.6 processor
 * seconds with rounds of 8, 13.4 with 32, 9.9 with 128. */
#define ROUND ((size_t)32)

/* A document that may stand among the first or last of a case. */
typedef struct candidate {
    size_t document;
    double score, bound;
    bool is_listed; /* scored in full, or about to be */
} candidate;

/* The two ends of a ranking. */
enum { FIRST, LAST, N_ENDS };

/* What is known of a case while its scores are settled. */
typedef struct open_case {
    double floor;    /* the k-th largest full score is not below it */
    double ceiling;  /* the k-th smallest full score is not above it */
    candidate *list; /* [n] */
    size_t n, capacity;
    candidate **order[N_ENDS]; /* [n] the likeliest for that end first */
    size_t next[N_ENDS];
    size_t n_listed[N_ENDS]; /* scored in full because they were likely for that end */
    size_t n_rescored;
} open_case;

/* The pairs of the next round, while they are listed. */
typedef struct pair_list {
    at_pair *pairs;
    size_t n, capacity;
} pair_list;

typedef struct settling {
    const at_setup *setup;
    at_stream scores;
    at_settled *out;
    open_case *cases; /* [n_cases] of cut queries */
    size_t k;
    double units; /* of progress that are left: queries still to be explained */
} settling;

/* Documents of one case in a round, both ends together. */
double at_round_documents(const at_setup *setup)
{
    double k = (double)setup->options.top;
    return 2 * (at_is_cut(setup) ? fmax(k, (double)ROUND) : k);
}

/* The list of candidates has room for at most twice what it holds, as it grows by
 * doubling, and an order for each end. The pairs of a round and the pairs that were kept
 * have their shares. */
double at_settling_bytes(const at_setup *setup)
{
    double n = (double)setup->n_documents;
    double k = fmin((double)setup->options.top, n);
    /* for cut queries those of a round, then those that were kept */
    double n_pairs = at_is_cut(setup) ? 2 * fmax(k, (double)ROUND) + 2 * k : 2 * k;
    double of_pair =
        2 * sizeof(at_pair) + sizeof(double *) +
        sizeof(double) * (double)setup->n_tracked * (1 + setup->counted.most_sequences);
    double of_candidates =
        at_is_cut(setup)
            ? n * (double)(2 * sizeof(candidate) + N_ENDS * sizeof(candidate *))
            : 0;
    n_pairs = fmin(n_pairs, 2 * n);
    return 2 * k * sizeof(at_ranked) + n_pairs * of_pair + of_candidates +
           sizeof(double) * at_tokens_of(setup, n_pairs);
}

/* 1. Streaming the scores */

static attrib_status add_to_tops(void *context,
                                 size_t i_case,
                                 size_t document,
                                 double score,
                                 double bound,
                                 attrib_error *err)
{
    settling *self = context;
    (void)bound;
    (void)err;
    at_top_add(&self->out->tops[i_case], document, score);
    return ATTRIB_OK;
}

/* Enter the document's lower end among the first and its upper end among the last. */
static attrib_status add_ends(void *context,
                              size_t i_case,
                              size_t document,
                              double score,
                              double bound,
                              attrib_error *err)
{
    settling *self = context;
    (void)err;
    at_top *top = &self->out->tops[i_case];
    at_top_add_best(top, document, score - bound);
    at_top_add_worst(top, document, score + bound);
    if (bound > self->scores.run->info.largest_bound) {
        self->scores.run->info.largest_bound = bound;
    }
    return ATTRIB_OK;
}

static attrib_status add_candidate(void *context,
                                   size_t i_case,
                                   size_t document,
                                   double score,
                                   double bound,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    settling *self = context;
    open_case *c = &self->cases[i_case];
    if (score + bound >= c->floor || score - bound <= c->ceiling) {
        AT_TRY(at_grow(&c->list, &c->capacity, c->n + 1, sizeof *c->list, err));
        c->list[c->n++] = (candidate){document, score, bound, false};
    }
done:
    return status;
}

/* 2. Which documents are scored in full */

static int compare_first(const void *left, const void *right)
{
    const candidate *a = *(candidate *const *)left;
    const candidate *b = *(candidate *const *)right;
    return a->score != b->score
               ? (a->score < b->score) - (a->score > b->score)
               : (a->document > b->document) - (a->document < b->document);
}

static int compare_last(const void *left, const void *right)
{
    return compare_first(right, left);
}

/* The k-th score of a list. Where it has fewer, `otherwise`: an infinite threshold, which
 * every document passes. */
static double threshold(const at_ranked *list, size_t n, size_t k, double otherwise)
{
    return n < k ? otherwise : list[k - 1].score;
}

/* List every document that may stand among the first or last k. */
static attrib_status find_candidates(settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_stream_visit(&self->scores, add_ends, self, err));
    for (size_t v = 0; v < self->out->n_cases; v++) {
        at_top *top = &self->out->tops[v];
        open_case *c = &self->cases[v];
        c->floor = threshold(top->best, top->n_best, self->k, -HUGE_VAL);
        c->ceiling = threshold(top->worst, top->n_worst, self->k, HUGE_VAL);
        top->n_best = 0;
        top->n_worst = 0;
    }
    AT_TRY(at_stream_visit(&self->scores, add_candidate, self, err));
    for (size_t v = 0; v < self->out->n_cases; v++) {
        open_case *c = &self->cases[v];
        for (size_t e = 0; e < N_ENDS; e++) {
            AT_TRY(at_array(c->n, sizeof *c->order[e], &c->order[e], err));
            for (size_t i = 0; i < c->n; i++) {
                c->order[e][i] = &c->list[i];
            }
            qsort(c->order[e], c->n, sizeof *c->order[e],
                  e == FIRST ? compare_first : compare_last);
        }
    }
done:
    return status;
}

/* Whether a candidate has not been scored in full, and may still stand among the k of an
 * end. */
static bool is_open(const settling *self, size_t i_case, size_t e, const candidate *c)
{
    const at_top *top = &self->out->tops[i_case];
    if (c->is_listed) {
        return false;
    }
    if (e == FIRST) {
        return c->score + c->bound >=
               threshold(top->best, top->n_best, self->k, -HUGE_VAL);
    }
    return c->score - c->bound <= threshold(top->worst, top->n_worst, self->k, HUGE_VAL);
}

/* List the next pairs of one case at one end: ROUND of them, or k if that is more. What a
 * limit leaves is shared between the ends. */
static attrib_status list_end(
    const settling *self, size_t i_case, size_t e, pair_list *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    open_case *c = &self->cases[i_case];
    size_t limit = self->setup->options.max_rescored;
    size_t n_wanted = self->k > ROUND ? self->k : ROUND;
    if (limit) {
        size_t left = limit - c->n_rescored;
        size_t share = e == FIRST ? left - left / 2 : left;
        n_wanted = share < n_wanted ? share : n_wanted;
    }
    for (; n_wanted && c->next[e] < c->n; c->next[e]++) {
        candidate *next = c->order[e][c->next[e]];
        if (!is_open(self, i_case, e, next)) {
            continue;
        }
        AT_TRY(at_grow(&out->pairs, &out->capacity, out->n + 1, sizeof *out->pairs, err));
        out->pairs[out->n++] = (at_pair){
            .i_case = i_case, .document = next->document, .estimate = next->score};
        next->is_listed = true;
        c->n_listed[e]++;
        c->n_rescored++;
        n_wanted--;
    }
done:
    return status;
}

/* List the next pairs of every case that has open candidates. */
static attrib_status list_round(const settling *self, pair_list *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t v = 0; v < self->out->n_cases; v++) {
        AT_TRY(list_end(self, v, FIRST, out, err));
        AT_TRY(list_end(self, v, LAST, out, err));
    }
done:
    return status;
}

/* Count the candidates of a case that a limit left open: all of them (returned), and
 * those of each end. */
static size_t count_open(const settling *self, size_t i_case, size_t of_end[N_ENDS])
{
    size_t n = 0;
    const open_case *c = &self->cases[i_case];
    for (size_t i = 0; i < c->n; i++) {
        bool is_first = is_open(self, i_case, FIRST, &c->list[i]);
        bool is_last = is_open(self, i_case, LAST, &c->list[i]);
        of_end[FIRST] += is_first;
        of_end[LAST] += is_last;
        n += is_first || is_last;
    }
    return n;
}

/* Where candidates of an end are left open, report no more documents at that end than
 * were scored in full because they were likely for it. The others were scored for the
 * other end, and open candidates may well precede them. */
static void close_cases(const settling *self)
{
    for (size_t v = 0; v < self->out->n_cases; v++) {
        const open_case *c = &self->cases[v];
        at_top *top = &self->out->tops[v];
        size_t of_end[N_ENDS] = {0};
        self->scores.run->info.n_open += count_open(self, v, of_end);
        if (of_end[FIRST]) {
            top->n_best = at_smaller(top->n_best, c->n_listed[FIRST]);
        }
        if (of_end[LAST]) {
            top->n_worst = at_smaller(top->n_worst, c->n_listed[LAST]);
        }
    }
}

/* 3. Pairs that stand in the tops */

static bool stands_in(const at_ranked *list, size_t n, size_t document)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].document == document) {
            return true;
        }
    }
    return false;
}

/* Move the pairs that stand in their case's tops to the settled ones; free the others. */
static attrib_status keep_pairs(const settling *self,
                                at_pair *pairs,
                                size_t n_pairs,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled *out = self->out;
    size_t n_all = out->n_pairs + n_pairs;
    at_pair *kept = NULL;
    size_t n_kept = 0;
    AT_TRY(at_array(n_all, sizeof *kept, &kept, err));
    for (size_t k = 0; k < n_all; k++) {
        at_pair *pair = k < out->n_pairs ? &out->pairs[k] : &pairs[k - out->n_pairs];
        const at_top *top = &out->tops[pair->i_case];
        if (stands_in(top->best, top->n_best, pair->document) ||
            stands_in(top->worst, top->n_worst, pair->document)) {
            kept[n_kept++] = *pair;
        } else {
            free(pair->tokens);
            free(pair->modules);
        }
        pair->tokens = NULL;
        pair->modules = NULL;
    }
    free(out->pairs);
    out->pairs = kept;
    out->n_pairs = n_kept;
done:
    return status;
}

/* Score in full and explain pairs, which are sorted. */
static attrib_status explain(
    const settling *self, at_pair *pairs, size_t n_pairs, double units, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_explain(self->setup, self->scores.prepared, pairs, n_pairs, units, err));
    for (size_t k = 0; k < n_pairs; k++) {
        at_pair *pair = &pairs[k];
        double scale = 0;
        attrib_document document;
        attrib_corpus_document(self->setup->corpus, pair->document, &document);
        AT_TRY(at_stream_scale(&self->scores, pair->i_case, pair->document, &scale, err));
        pair->score *= scale;
        pair->scale = scale;
        AT_CHECK(isfinite(pair->score), ATTRIB_ENUMERIC,
                 "document %zu: its score in full against query %zu is not finite",
                 pair->document,
                 self->scores.prepared->tile.first +
                     pair->i_case % self->scores.prepared->tile.n);
        for (size_t t = 0; t < document.n_tokens; t++) {
            pair->tokens[t] *= scale;
        }
        for (size_t m = 0; m < self->setup->n_tracked; m++) {
            pair->modules[m] *= scale;
        }
    }
done:
    return status;
}

/* What a round is worth in progress: its share of all pairs that may have to be scored in
 * full, which are more than those that will be. */
static double units_of_round(const settling *self, size_t n_pairs)
{
    size_t n_open = 0;
    for (size_t v = 0; v < self->out->n_cases; v++) {
        size_t of_end[N_ENDS] = {0};
        n_open += count_open(self, v, of_end);
    }
    return self->units * (double)n_pairs / (double)(n_pairs + n_open);
}

/* Score the pairs in full, note the largest error of their estimates, and enter them into
 * the tops. */
static attrib_status settle_round(settling *self,
                                  at_pair *pairs,
                                  size_t n_pairs,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &self->scores.run->info;
    qsort(pairs, n_pairs, sizeof *pairs, at_compare_pairs);
    double units = units_of_round(self, n_pairs);
    self->units -= units;
    AT_TRY(explain(self, pairs, n_pairs, units, err));
    for (size_t k = 0; k < n_pairs; k++) {
        double error = fabs(pairs[k].score - pairs[k].estimate);
        info->largest_error = error > info->largest_error ? error : info->largest_error;
        at_top_add(&self->out->tops[pairs[k].i_case], pairs[k].document, pairs[k].score);
    }
    info->n_rescored += n_pairs;
    AT_TRY(keep_pairs(self, pairs, n_pairs, err));
done:
    return status;
}

static attrib_status settle_cut(settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    pair_list round = {0};
    AT_TRY(at_array(self->out->n_cases, sizeof *self->cases, &self->cases, err));
    AT_TRY(find_candidates(self, err));
    do {
        at_pairs_free(round.pairs, round.n);
        round = (pair_list){0};
        AT_TRY(list_round(self, &round, err));
        if (round.n) {
            AT_TRY(settle_round(self, round.pairs, round.n, err));
        }
    } while (round.n);
    close_cases(self);
    at_stage_skip(self->setup->session, "explain", self->units);
done:
    at_pairs_free(round.pairs, round.n);
    return status;
}

/* Whole queries: scores are full scores and order the documents; the first and last are
 * explained. */
static attrib_status settle_whole(settling *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled *out = self->out;
    size_t n = 0;
    AT_TRY(at_stream_visit(&self->scores, add_to_tops, self, err));
    for (size_t v = 0; v < out->n_cases; v++) {
        at_top_separate(&out->tops[v]);
        n += out->tops[v].n_best + out->tops[v].n_worst;
    }
    AT_TRY(at_array(n, sizeof *out->pairs, &out->pairs, err));
    for (size_t v = 0; v < out->n_cases; v++) {
        const at_top *top = &out->tops[v];
        for (size_t i = 0; i < top->n_best + top->n_worst; i++) {
            at_ranked ranked =
                i < top->n_best ? top->best[i] : top->worst[i - top->n_best];
            out->pairs[out->n_pairs++] =
                (at_pair){.i_case = v, .document = ranked.document};
        }
    }
    qsort(out->pairs, out->n_pairs, sizeof *out->pairs, at_compare_pairs);
    AT_TRY(explain(self, out->pairs, out->n_pairs, self->units, err));
done:
    return status;
}

attrib_status at_settle(const at_setup *setup,
                        const at_prepared *prepared,
                        attrib_run *run,
                        size_t i_tile,
                        at_settled *out,
                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled settled = {0};
    settling self = {setup,
                     {prepared, run, i_tile},
                     &settled,
                     NULL,
                     setup->options.top,
                     (1 - at_token_kinds_share(setup)) * (double)prepared->tile.n};
    self.k = at_smaller(self.k, run->info.n_documents);
    AT_TRY(at_array(prepared->n_cases, sizeof *settled.tops, &settled.tops, err));
    settled.n_cases = prepared->n_cases;
    for (size_t v = 0; v < settled.n_cases; v++) {
        AT_TRY(at_top_new(self.k, &settled.tops[v], err));
    }
    if (!at_is_cut(setup)) {
        AT_TRY(settle_whole(&self, err));
    } else {
        AT_TRY(settle_cut(&self, err));
        for (size_t v = 0; v < settled.n_cases; v++) {
            at_top_separate(&settled.tops[v]);
        }
        AT_TRY(keep_pairs(&self, NULL, 0, err));
        qsort(settled.pairs, settled.n_pairs, sizeof *settled.pairs, at_compare_pairs);
    }
    AT_TRY(at_token_kinds(setup, prepared, settled.pairs, settled.n_pairs, err));
    *out = settled;
    settled = (at_settled){0};
done:
    for (size_t v = 0; self.cases && v < prepared->n_cases; v++) {
        free(self.cases[v].list);
        free(self.cases[v].order[FIRST]);
        free(self.cases[v].order[LAST]);
    }
    free(self.cases);
    at_settled_free(&settled);
    return status;
}

void at_settled_free(at_settled *settled)
{
    for (size_t v = 0; v < settled->n_cases; v++) {
        at_top_free(&settled->tops[v]);
    }
    free(settled->tops);
    at_pairs_free(settled->pairs, settled->n_pairs);
    *settled = (at_settled){0};
}
