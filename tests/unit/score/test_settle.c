/* SPDX-License-Identifier: MIT */
/* Which documents are reported, from scores and bounds that are made up: what a document
 * scores in full, and what its sequences are, is answered here (CMakeLists.txt wraps both
 * functions). Errors of cut scores are as large as their bounds allow, so that a floor or
 * a test which forgets the bound misses a document. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "score/settle.h"

enum { N_DOCUMENTS = 700, N_CASES = 3 };

/* One corpus with made-up numbers: full, cut, bound [N_CASES][n]. */
typedef struct made_up {
    size_t n;
    double full[N_CASES][N_DOCUMENTS];
    double cut[N_CASES][N_DOCUMENTS];
    double bound[N_CASES][N_DOCUMENTS];
    bool is_asked[N_CASES][N_DOCUMENTS]; /* scored in full */
    size_t n_asked[N_CASES];
} made_up;

static made_up *world;

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
static made_up *make_world(size_t n, size_t n_values, double width, uint64_t seed)
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

/* What at_settle() is given beside the made-up numbers. */
typedef struct stage {
    at_setup setup;
    at_prepared prepared;
    attrib_run run;
    at_slice slices[2];
    double losses[N_CASES], self[N_CASES];
} stage;

static void set_stage(made_up *w, size_t k, size_t max_rescored, bool is_cut, stage *s)
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

static void strike_stage(stage *s)
{
    for (size_t i = 0; i < sizeof s->slices / sizeof *s->slices; i++) {
        at_slice_free(&s->slices[i]);
    }
}

static const double *compared; /* [n] scores that by_score() orders */

static int by_score(const void *left, const void *right)
{
    size_t a = *(const size_t *)left;
    size_t b = *(const size_t *)right;
    return compared[a] != compared[b] ? (compared[a] < compared[b] ? 1 : -1)
                                      : (a > b) - (a < b);
}

/* The first k and the last documents of a case are those of a full sort, as many as there
 * are, no document twice, each with its full score and with its pair. */
static void check_ends(const made_up *w, size_t k, const at_settled *got)
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

static void settle(stage *s, at_settled *out)
{
    attrib_error err = {0};
    check_ok(at_settle(&s->setup, &s->prepared, &s->run, 0, out, &err), &err);
}

/* 1. Ends */

/* Wide bounds and narrow ones, many ties and few, from one document to many. */
static void test_settle__cut_queries_report_the_ends_of_a_full_sort(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 12, 13, 19, 20, 21, 150, N_DOCUMENTS};
    static const double widths[] = {0, 0.4, 3, 100};
    for (size_t i = 0; i < 9 * 4 * 2; i++) {
        size_t n = sizes[i % 9];
        double width = widths[i / 9 % 4];
        made_up *w = make_world(n, i / 36 ? 5 : 100000, width, i);
        stage s;
        at_settled settled = {0};
        set_stage(w, 10, 0, true, &s);
        settle(&s, &settled);
        check_ends(w, 10, &settled);
        assert_int_equal(s.run.info.n_open, 0);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

static void test_settle__whole_queries_report_the_ends_of_a_full_sort(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 12, 13, 20, N_DOCUMENTS};
    for (size_t i = 0; i < 5 * 3; i++) {
        made_up *w = make_world(sizes[i % 5], i / 5 ? i / 5 : 1000, 0, i);
        stage s;
        at_settled settled = {0};
        set_stage(w, 10, 0, false, &s);
        settle(&s, &settled);
        check_ends(w, 10, &settled);
        assert_int_equal(s.run.info.n_rescored, 0);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* 2. What is scored in full */

/* The k-th largest of n numbers, or smallest. */
static double kth(const double *numbers, size_t n, size_t k, bool is_largest)
{
    size_t order[N_DOCUMENTS];
    for (size_t d = 0; d < n; d++) {
        order[d] = d;
    }
    compared = numbers;
    qsort(order, n, sizeof *order, by_score);
    return numbers[order[is_largest ? k - 1 : n - k]];
}

/* A document whose whole interval lies below k others' is left out, and so at the other
 * end; one that may stand at an end by its interval when all is done was scored. */
static void test_settle__only_intervals_that_reach_an_end_are_scored(void **state)
{
    (void)state;
    const size_t k = 4;
    size_t n_left_out = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 30000, seed);
        stage s;
        at_settled settled = {0};
        size_t n_asked = 0;
        set_stage(w, k, 0, true, &s);
        settle(&s, &settled);
        for (size_t v = 0; v < N_CASES; v++) {
            double low[N_DOCUMENTS];
            double high[N_DOCUMENTS];
            for (size_t d = 0; d < w->n; d++) {
                low[d] = w->cut[v][d] - w->bound[v][d];
                high[d] = w->cut[v][d] + w->bound[v][d];
            }
            double floor_of_first = kth(low, w->n, k, true);
            double ceiling_of_last = kth(high, w->n, k, false);
            double first = kth(w->full[v], w->n, k, true);
            double last = kth(w->full[v], w->n, k, false);
            for (size_t d = 0; d < w->n; d++) {
                bool may_reach = high[d] >= floor_of_first || low[d] <= ceiling_of_last;
                bool reaches = high[d] >= first || low[d] <= last;
                assert_true(may_reach || !w->is_asked[v][d]);
                assert_true(!reaches || w->is_asked[v][d]);
                n_left_out += may_reach && !w->is_asked[v][d];
            }
            n_asked += w->n_asked[v];
        }
        assert_int_equal(s.run.info.n_rescored, n_asked);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
    assert_true(n_left_out > 0); /* scores in full close what bounds left open */
}

/* Bounds of zero leave the ends, and what ties with them. */
static void test_settle__bounds_of_zero_leave_the_ends_alone(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000000, 0, 1);
    stage s;
    at_settled settled = {0};
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(s.run.info.n_rescored, 20 * N_CASES);
    assert_true(s.run.info.largest_error == 0);
    assert_true(s.run.info.largest_bound == 0);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* The largest bound is of all documents, the largest error of those scored in full. */
static void test_settle__the_largest_bound_and_error_are_told(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000, 3, 2);
    stage s;
    at_settled settled = {0};
    double bound = 0;
    double error = 0;
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            bound = fmax(bound, w->bound[v][d]);
            if (w->is_asked[v][d]) {
                error = fmax(error, fabs(w->full[v][d] - w->cut[v][d]));
            }
        }
    }
    assert_true(s.run.info.largest_bound == bound);
    assert_true(s.run.info.largest_error == error);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* One document that may be first and last at once is scored once. */
static void test_settle__a_document_that_reaches_both_ends(void **state)
{
    (void)state;
    made_up *w = make_world(50, 100, 0, 3);
    for (size_t v = 0; v < N_CASES; v++) {
        w->full[v][17] = v == 0 ? 1000 : v == 1 ? -1000 : 0;
        w->cut[v][17] = 0;
        w->bound[v][17] = 2000;
    }
    stage s;
    at_settled settled = {0};
    set_stage(w, 1, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 1, &settled);
    assert_int_equal(settled.tops[0].best[0].document, 17);
    assert_int_equal(settled.tops[1].worst[0].document, 17);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* 3. A limit */

/* Every interval reaches both ends, and yet the cut scores are right. */
static void widen(made_up *w)
{
    for (size_t v = 0; v < N_CASES; v++) {
        for (size_t d = 0; d < w->n; d++) {
            w->bound[v][d] = 1e7;
        }
    }
}

/* It is kept for each case and shared by its ends; what it leaves open is counted, and an
 * end that is open reports no more than was scored for it. */
static void test_settle__a_limit_is_kept(void **state)
{
    (void)state;
    const size_t k = 10;
    for (size_t limit = 1; limit <= 50; limit += 7) {
        made_up *w = make_world(N_DOCUMENTS, 100000, 0, limit);
        stage s;
        at_settled settled = {0};
        widen(w);
        set_stage(w, k, limit, true, &s);
        settle(&s, &settled);
        for (size_t v = 0; v < N_CASES; v++) {
            const at_top *top = &settled.tops[v];
            size_t of_first = limit - limit / 2;
            assert_int_equal(w->n_asked[v], limit);
            assert_int_equal(top->n_best, of_first < k ? of_first : k);
            assert_int_equal(top->n_worst, limit / 2 < k ? limit / 2 : k);
        }
        assert_int_equal(s.run.info.n_open, (w->n - limit) * N_CASES);
        at_settled_free(&settled);
        strike_stage(&s);
        free(w);
    }
}

/* Documents are scored in the order of their cut scores: a limit takes the likeliest. */
static void test_settle__a_limit_takes_the_likeliest(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000000, 0, 4);
    stage s;
    at_settled settled = {0};
    widen(w);
    set_stage(w, 10, 20, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(s.run.info.n_open, (w->n - 20) * N_CASES);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

/* 4. Numbers that have no order */

static void test_settle__numbers_without_an_order_are_refused(void **state)
{
    (void)state;

    static const struct {
        double score, bound, full;
        const char *message;
    } bad[] = {{(double)NAN, 1, 0, "document 17: its score against query 1 is nan"},
               {HUGE_VAL, 1, 0, "document 17: its score against query 1 is inf"},
               {0, (double)NAN, 0,
                "document 17: its score against query 1 is 0, give or take nan"},
               {0, -1, 0, "document 17: its score against query 1 is 0, give or take -1"},
               {0, 1e9, (double)NAN, "document 17: its score in full against query 1"}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        attrib_error err = {0};
        made_up *w = make_world(50, 100, 1, 3);
        stage s;
        at_settled settled = {0};
        w->cut[1][17] = bad[i].score;
        w->bound[1][17] = bad[i].bound;
        w->full[1][17] = bad[i].full;
        set_stage(w, 3, 0, true, &s);
        check_fails(at_settle(&s.setup, &s.prepared, &s.run, 0, &settled, &err),
                    ATTRIB_ENUMERIC, &err);
        check_message(&err, bad[i].message);
        assert_null(settled.tops);
        strike_stage(&s);
        free(w);
    }
}

/* A bound that is infinite says nothing: its document is scored. */
static void test_settle__an_infinite_bound_is_scored(void **state)
{
    (void)state;
    made_up *w = make_world(N_DOCUMENTS, 1000, 0, 5);
    w->cut[0][400] = -3;
    w->full[0][400] = 5000;
    w->bound[0][400] = HUGE_VAL;
    stage s;
    at_settled settled = {0};
    set_stage(w, 10, 0, true, &s);
    settle(&s, &settled);
    check_ends(w, 10, &settled);
    assert_int_equal(settled.tops[0].best[0].document, 400);
    at_settled_free(&settled);
    strike_stage(&s);
    free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle__cut_queries_report_the_ends_of_a_full_sort),
        cmocka_unit_test(test_settle__whole_queries_report_the_ends_of_a_full_sort),
        cmocka_unit_test(test_settle__only_intervals_that_reach_an_end_are_scored),
        cmocka_unit_test(test_settle__bounds_of_zero_leave_the_ends_alone),
        cmocka_unit_test(test_settle__the_largest_bound_and_error_are_told),
        cmocka_unit_test(test_settle__a_document_that_reaches_both_ends),
        cmocka_unit_test(test_settle__a_limit_is_kept),
        cmocka_unit_test(test_settle__a_limit_takes_the_likeliest),
        cmocka_unit_test(test_settle__numbers_without_an_order_are_refused),
        cmocka_unit_test(test_settle__an_infinite_bound_is_scored),
    };
    return run_cases(tests, NULL, NULL);
}
