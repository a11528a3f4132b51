/* SPDX-License-Identifier: MIT */
/* At_settle() on scores and bounds that are made up: what a document scores in full, and
 * what its sequences are, is answered here (CMakeLists.txt wraps both functions). */
#include "settle_fixture.h"

#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "support/check.h"

made_up *world;

void __wrap_attrib_corpus_document(const attrib_corpus *corpus,
                                   size_t i,
                                   attrib_document *out);

void __wrap_attrib_corpus_document(const attrib_corpus *corpus,
                                   size_t i,
                                   attrib_document *out)
{
    (void)corpus;
    *out = (attrib_document){
        .index = i, .first_sequence = i, .n_sequences = 1, .n_tokens = 1};
}

attrib_status __wrap_at_explain(const at_setup *setup,
                                const at_prepared *prepared,
                                at_pair *pairs,
                                size_t n_pairs,
                                double units,
                                attrib_error *err);

attrib_status __wrap_at_explain(const at_setup *setup,
                                const at_prepared *prepared,
                                at_pair *pairs,
                                size_t n_pairs,
                                double units,
                                attrib_error *err)
{
    (void)setup;
    (void)prepared;
    (void)units;
    (void)err;
    for (size_t k = 0; k < n_pairs; k++) {
        at_pair *pair = &pairs[k];
        assert_false(world->is_asked[pair->i_case][pair->document]);
        world->is_asked[pair->i_case][pair->document] = true;
        world->n_asked[pair->i_case]++;
        pair->score = world->full[pair->i_case][pair->document];
        pair->tokens = calloc(1, sizeof *pair->tokens);
        pair->modules = calloc(1, sizeof *pair->modules);
        assert_non_null(pair->tokens);
        assert_non_null(pair->modules);
    }
    return ATTRIB_OK;
}

/* Fill `cut` from `full` and `bound`: off by the whole bound, up or down. */
static void err_by_bounds(made_up *w, uint64_t seed)
{
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            double sign = at_uniform(seed, v, 7000 + d) < 0.5 ? -1 : 1;
            w->cut[v][d] = w->full[v][d] + sign * 0.999 * w->bound[v][d];
        }
    }
}

/* Scores of n_values values, bounds from 0 to `width`. */
made_up *make_world(size_t n, size_t n_values, double width, uint64_t seed)
{
    made_up *w = calloc(1, sizeof *w);
    assert_non_null(w);
    assert_true(n <= N_DOCUMENTS);
    w->n = n;
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < n; d++) {
            w->full[v][d] = floor((double)n_values * at_uniform(seed, v, d)) -
                            floor((double)n_values / 2);
            w->bound[v][d] = width * at_uniform(seed, N_CASES + v, d);
        }
    }
    err_by_bounds(w, seed);
    world = w;
    return w;
}

void set_stage(made_up *w, size_t k, size_t max_rescored, bool is_cut, stage *s)
{
    *s = (stage){.setup = {.n_documents = w->n, .query_rank = is_cut ? 8 : 0},
                 .prepared = {.tile = {0, N_CASES}, .n_cases = N_CASES},
                 .run = {.info = {.n_queries = N_CASES,
                                  .n_documents = w->n,
                                  .query_rank = is_cut ? 8 : 0},
                         .options.n_settings = 1,
                         .n_tile = N_CASES,
                         .n_tiles = 1}};
    s->setup.options.top = k;
    s->setup.options.max_rescored = max_rescored;
    s->setup.options.n_settings = 1;
    s->prepared.losses = s->losses;
    s->prepared.self = s->self;
    s->run.held = s->slices;
    for (size_t i = 0; i < at_n_slices(w->n); i++) {
        at_slice *slice = &s->slices[i];
        attrib_error err = {0};
        check_ok(at_slice_new(&s->run, NULL, 0, i, slice, &err), &err);
        double *scores = slice->arrays[AT_SCORES];
        double *bounds = slice->arrays[AT_BOUNDS];
        for (size_t d = 0; d < slice->counts.n_documents; d++) {
            for (size_t v = 0; v < N_CASES; v++) {
                size_t of = slice->first + d;
                scores[d * N_CASES + v] = is_cut ? w->cut[v][of] : w->full[v][of];
                if (is_cut) {
                    bounds[d * N_CASES + v] = w->bound[v][of];
                }
            }
        }
    }
}

void strike_stage(stage *s)
{
    for (size_t i = 0; i < sizeof s->slices / sizeof *s->slices; i++) {
        at_slice_free(&s->slices[i]);
    }
}

const double *compared;

int by_score(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return compared[a] != compared[b] ? (compared[a] < compared[b] ? 1 : -1)
                                      : (a > b) - (a < b);
}

/* The first k and the last documents of a case are those of a full sort, as many as there
 * are, no document twice, each with its full score and with its pair. */
void check_ends(const made_up *w, size_t k, const at_settled *got)
{
    for (size_t v = 0; v < N_CASES; v++) {
        const at_top *top = &got->tops[v];
        size_t order[N_DOCUMENTS];
        size_t n_best = k < w->n ? k : w->n;
        size_t n_worst = k < w->n - n_best ? k : w->n - n_best;
        for (size_t d = 0; d < w->n; d++) {
            order[d] = d;
        }
        compared = w->full[v];
        qsort(order, w->n, sizeof *order, by_score);
        assert_int_equal(top->n_best, n_best);
        assert_int_equal(top->n_worst, n_worst);
        for (size_t i = 0; i < n_best + n_worst; i++) {
            const at_ranked *at = i < n_best ? &top->best[i] : &top->worst[i - n_best];
            size_t want = i < n_best ? order[i] : order[w->n - 1 - (i - n_best)];
            const at_pair key = {.i_case = v, .document = at->document};
            assert_int_equal(at->document, want);
            assert_true(at->score == w->full[v][want]);
            assert_non_null(
                bsearch(&key, got->pairs, got->n_pairs, sizeof key, at_compare_pairs));
        }
    }
}

void settle(stage *s, at_settled *out)
{
    attrib_error err = {0};
    check_ok(at_settle(&s->setup, &s->prepared, &s->run, 0, out, &err), &err);
}
