/* SPDX-License-Identifier: MIT */
#include "summed.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/tiny.h"

const double weights[N_RUNS] = {0.75, -1.5};

double *room(size_t n)
{
    double *made = calloc(n, sizeof *made);
    assert_non_null(made);
    return made;
}

void open_numbers(const char *folder, numbers *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_open(folder, &out->run, &err), &err);
    out->scores = room(N_DOCUMENTS * N_QUERIES);
    out->bounds = room(N_DOCUMENTS * N_QUERIES);
    out->raw = room(N_DOCUMENTS * N_QUERIES);
    out->self = room(N_DOCUMENTS);
}

void close_numbers(numbers *of)
{
    attrib_run_close(of->run);
    free(of->scores);
    free(of->bounds);
    free(of->raw);
    free(of->self);
}

void read_numbers(numbers *of, size_t i_plane)
{
    attrib_error err = {0};
    const attrib_score_options *options = attrib_run_describe(of->run)->options;
    size_t i_setting = attrib_run_plane(of->run, i_plane).i_setting;
    check_ok(attrib_run_scores(of->run, i_plane, 0, N_DOCUMENTS, of->scores, &err), &err);
    check_ok(attrib_run_bounds(of->run, i_plane, 0, N_DOCUMENTS, of->bounds, &err), &err);
    if (options->normalize == ATTRIB_NORMALIZE_NONE) {
        memcpy(of->raw, of->scores, N_DOCUMENTS * N_QUERIES * sizeof *of->raw);
    } else {
        check_ok(attrib_run_raw_scores(of->run, i_plane, 0, N_DOCUMENTS, of->raw, &err),
                 &err);
    }
    if (options->with_self) {
        check_ok(attrib_run_self(of->run, i_setting, 0, N_DOCUMENTS, of->self, &err),
                 &err);
    }
}

static void check_near(double got, double wanted, double size)
{
    if (!(fabs(got - wanted) <= 1e-12 * size)) {
        fail_msg("%.17g, expected %.17g", got, wanted);
    }
}

/* What a score of query q is multiplied by. */
static double scale_of(const numbers *of, size_t i_setting, size_t q, size_t d)
{
    const attrib_run_info *info = attrib_run_describe(of->run);
    const attrib_answer *a = attrib_run_answer(of->run, i_setting * N_QUERIES + q);
    if (attrib_strategy_is_baseline(info->options->settings[i_setting].strategy)) {
        return 1;
    }
    switch (info->options->normalize) {
    case ATTRIB_NORMALIZE_NATS:
        return 1 / a->loss;
    case ATTRIB_NORMALIZE_UNIT:
        return of->self[d] > 0 ? 1 / sqrt(a->self_influence * of->self[d]) : 0;
    default:
        return 1;
    }
}

void check_plane(numbers *runs, numbers *sum, size_t i_plane)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(sum->run);
    attrib_plane plane = attrib_run_plane(sum->run, i_plane);
    bool is_baseline =
        attrib_strategy_is_baseline(info->options->settings[plane.i_setting].strategy);
    double *kept = room(N_DOCUMENTS * N_QUERIES);
    read_numbers(&runs[0], i_plane);
    read_numbers(&runs[1], i_plane);
    read_numbers(sum, i_plane);
    for (size_t k = 0; k < N_DOCUMENTS * N_QUERIES; k++) {
        size_t d = k / N_QUERIES;
        size_t q = k % N_QUERIES;
        double total = 0;
        double bound = 0;
        double size = 0;
        for (size_t r = 0; r < N_RUNS; r++) {
            double scale = scale_of(&runs[r], plane.i_setting, q, d);
            total += weights[r] * runs[r].raw[k];
            size += fabs(weights[r] * runs[r].raw[k]);
            bound += scale > 0 ? fabs(weights[r]) * runs[r].bounds[k] / scale : 0;
        }
        double scale = scale_of(sum, plane.i_setting, q, d);
        check_near(sum->raw[k], total, size);
        check_near(sum->scores[k], total * scale, size * scale);
        check_near(sum->bounds[k], bound * scale, bound * scale);
    }
    for (size_t d = 0; info->options->with_self && !is_baseline && d < N_DOCUMENTS; d++) {
        double self = 0.75 * runs[0].self[d] + 1.5 * runs[1].self[d];
        check_near(sum->self[d], self, self);
    }
    for (size_t r = 0; !*plane.group && r < N_RUNS; r++) {
        attrib_array array = {.shape = ATTRIB_ARRAY_CHECKPOINTS};
        for (size_t i = 0; array.shape != ATTRIB_ARRAY_CHECKPOINTS || !array.name; i++) {
            assert_true(attrib_run_array(sum->run, i, &array));
        }
        assert_string_equal(array.name, "checkpoint_scores");
        array.i = plane.i_setting * N_RUNS + r;
        check_ok(attrib_run_read(sum->run, &array, 0, N_DOCUMENTS, kept, &err), &err);
        for (size_t k = 0; k < N_DOCUMENTS * N_QUERIES; k++) {
            assert_true(kept[k] == runs[r].raw[k]);
        }
    }
    free(kept);
}

void check_token_arrays(numbers *runs, numbers *sum)
{
    attrib_error err = {0};
    const size_t most = (size_t)TINY_CONTEXT * N_QUERIES;
    double *of[3] = {room(most), room(most), room(most)};
    const attrib_score_options *options = attrib_run_describe(sum->run)->options;
    for (size_t d = 0; options->normalize == ATTRIB_NORMALIZE_NONE && d < N_DOCUMENTS;
         d += 13) {
        size_t n = 0;
        check_ok(attrib_run_n_tokens(sum->run, d, &n, &err), &err);
        check_ok(attrib_run_tokens(runs[0].run, 0, d, of[0], &err), &err);
        check_ok(attrib_run_tokens(runs[1].run, 0, d, of[1], &err), &err);
        check_ok(attrib_run_tokens(sum->run, 0, d, of[2], &err), &err);
        for (size_t k = 0; k < n * N_QUERIES; k++) {
            double wanted = 0.75 * of[0][k] - 1.5 * of[1][k];
            double size = fabs(0.75 * of[0][k]) + fabs(1.5 * of[1][k]);
            assert_true(fabs(of[2][k] - wanted) <= 2e-7 * size);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        free(of[i]);
    }
}

static const attrib_result *reported(const attrib_answer *answer, size_t document)
{
    for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
        const attrib_result *one =
            i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
        if (one->document.index == document) {
            return one;
        }
    }
    return NULL;
}

/* A document that both runs report has the sums of their shares, any other none. */
static void check_result(numbers *runs,
                         const numbers *sum,
                         size_t a,
                         const attrib_result *result)
{
    attrib_error err = {0};
    const attrib_result *from[N_RUNS];
    size_t d = result->document.index;
    double factor[N_RUNS];
    double total = 0;
    for (size_t r = 0; r < N_RUNS; r++) {
        double scale = scale_of(&runs[r], a / N_QUERIES, a % N_QUERIES, d);
        check_ok(attrib_run_load(runs[r].run, a, &err), &err);
        from[r] = reported(attrib_run_answer(runs[r].run, a), d);
        factor[r] = weights[r] * scale_of(sum, a / N_QUERIES, a % N_QUERIES, d);
        factor[r] = scale > 0 ? factor[r] / scale : 0;
    }
    if (!from[0] || !from[1]) {
        assert_int_equal(result->n_tokens, 0);
        assert_int_equal(result->n_modules, 0);
        assert_true(result->document.n_tokens > 0);
        return;
    }
    assert_int_equal(result->n_tokens, from[0]->n_tokens);
    for (size_t t = 0; t < result->n_tokens; t++) {
        double x = factor[0] * from[0]->tokens[t].score;
        double y = factor[1] * from[1]->tokens[t].score;
        check_near(result->tokens[t].score, x + y, fabs(x) + fabs(y));
        assert_int_equal(result->tokens[t].id, from[0]->tokens[t].id);
        total += result->tokens[t].score;
    }
    assert_true(fabs(total - result->score) <= 1e-4 * (fabs(result->score) + 1e-3));
    if (from[1]->n_modules == 0) {
        assert_int_equal(result->n_modules, 0);
        return;
    }
    /* the maps of the second model are those of the first, and as many more */
    assert_int_equal(result->n_modules, from[1]->n_modules);
    assert_int_equal(from[1]->n_modules, 2 * from[0]->n_modules);
    for (size_t m = 0; m < result->n_modules; m++) {
        bool is_in_both = m < from[0]->n_modules;
        double x = is_in_both ? factor[0] * from[0]->modules[m].score : 0;
        double y = factor[1] * from[1]->modules[m].score;
        assert_string_equal(result->modules[m].name, from[1]->modules[m].name);
        check_near(result->modules[m].score, x + y, fabs(x) + fabs(y));
    }
}

/* The place of a document in the order of one query's scores [N]. */
static size_t place_of(const double *scores, size_t q, size_t document)
{
    size_t n = 0;
    double own = scores[document * N_QUERIES + q];
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        double other = scores[d * N_QUERIES + q];
        n += other > own || (other == own && d < document);
    }
    return n + 1;
}

size_t check_answers(numbers *runs, numbers *sum, bool is_exact)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(sum->run);
    size_t n_shared = 0;
    for (size_t a = 0; a < info->n_answers; a++) {
        const attrib_answer *answer = attrib_run_answer(sum->run, a);
        size_t i_plane = a / N_QUERIES * (1 + info->n_groups);
        read_numbers(&runs[0], i_plane);
        read_numbers(&runs[1], i_plane);
        read_numbers(sum, i_plane);
        check_ok(attrib_run_load(sum->run, a, &err), &err);
        assert_int_equal(answer->n_top, info->options->top);
        assert_int_equal(answer->n_bottom, info->options->top);
        for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
            bool is_top = i < answer->n_top;
            const attrib_result *one =
                is_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
            size_t d = one->document.index;
            size_t q = a % N_QUERIES;
            if (is_exact) {
                assert_int_equal(one->rank, place_of(sum->scores, q, d));
                assert_true(one->score == sum->scores[d * N_QUERIES + q]);
            }
            assert_int_equal(one->rank,
                             is_top ? i + 1 : N_DOCUMENTS - (i - answer->n_top));
            check_result(runs, sum, a, one);
            n_shared += one->n_tokens > 0;
        }
    }
    return n_shared;
}

void check_description(const numbers *runs, const numbers *sum)
{
    const attrib_run_info *info = attrib_run_describe(sum->run);
    assert_int_equal(info->n_checkpoints, N_RUNS);
    for (size_t r = 0; r < N_RUNS; r++) {
        const attrib_run_info *of_run = attrib_run_describe(runs[r].run);
        assert_true(info->checkpoints[r].weight == weights[r]);
        assert_string_equal(info->checkpoints[r].model_hash, of_run->model_hash);
    }
    assert_string_equal(info->factors_hash, "");
    for (size_t a = 0; a < info->n_answers; a++) {
        const attrib_answer *x = attrib_run_answer(runs[0].run, a);
        const attrib_answer *y = attrib_run_answer(runs[1].run, a);
        const attrib_answer *z = attrib_run_answer(sum->run, a);
        check_near(z->loss, 0.75 * x->loss - 1.5 * y->loss, x->loss + y->loss);
        check_near(z->measured, 0.75 * x->measured - 1.5 * y->measured,
                   fabs(x->measured) + 2 * fabs(y->measured));
    }
}
