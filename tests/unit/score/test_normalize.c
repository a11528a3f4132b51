/* SPDX-License-Identifier: MIT */
/* Scores for each nat of a query, and cosines. */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SCORES ((size_t)N_DOCUMENTS * N_QUERIES)

static attrib_score_options options_of(attrib_normalize normalize, size_t rank)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.normalize = normalize;
    options.query_rank = rank;
    options.top = 3;
    return options;
}

typedef attrib_status (*read_fn)(
    attrib_run *, size_t, size_t, size_t, double *, attrib_error *);

static double *read_all(attrib_run *run, read_fn read, size_t i_plane)
{
    attrib_error err = {0};
    const attrib_run_info *info = attrib_run_describe(run);
    double *all = calloc(info->n_documents * info->n_queries, sizeof *all);
    assert_non_null(all);
    check_ok(read(run, i_plane, 0, info->n_documents, all, &err), &err);
    return all;
}

/* Every document as a query, all of whose tokens count but the first. */
static void ask_documents(fixture *f)
{
    attrib_error err = {0};
    attrib_corpus_options options;
    char folder[128];
    char path[160];
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/queries.jsonl", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(f->corpus, i, &sequence);
        assert_int_equal(sequence.document, i);
        fprintf(file, "{\"ids\": [%d", (int)sequence.ids[0]);
        for (size_t t = 1; t < sequence.n_tokens; t++) {
            fprintf(file, ", %d", (int)sequence.ids[t]);
        }
        fprintf(file, "], \"mask\": [0");
        for (size_t t = 1; t < sequence.n_tokens; t++) {
            fprintf(file, ", %d", sequence.mask[t]);
        }
        fprintf(file, "]}\n");
    }
    assert_int_equal(fclose(file), 0);
    attrib_queries_close(f->queries);
    f->queries = NULL;
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(f->model)->context;
    check_ok(attrib_queries_open(NULL, path, NULL, &options, &f->queries, &err), &err);
    remove_folder(folder);
}

/* What is reported are the ends of the column of scores, and shares sum to the score. */
static void check_answers(attrib_run *run)
{
    const attrib_run_info *info = attrib_run_describe(run);
    double *scores = read_all(run, attrib_run_scores, 0);
    for (size_t q = 0; q < info->n_queries; q++) {
        const attrib_answer *answer = attrib_run_answer(run, q);
        for (size_t i = 0; i < answer->n_top; i++) {
            const attrib_result *result = &answer->top[i];
            double tokens = 0;
            double scale = fabs(result->score);
            size_t n_better = 0;
            assert_true(fabs(result->score -
                             scores[result->document.index * info->n_queries + q]) <=
                        2e-6 * fabs(answer->top[0].score));
            for (size_t d = 0; d < info->n_documents; d++) {
                n_better += scores[d * info->n_queries + q] > result->score * (1 + 1e-5);
            }
            assert_true(n_better <= i);
            for (size_t t = 0; t < result->n_tokens; t++) {
                tokens += result->tokens[t].score;
                scale += fabs(result->tokens[t].score);
            }
            /* The pass that finds shares takes the document alone: other sums in f32,
             * 2^-24 of each of its ten products, of which 2.3e-6 of the shares' sizes is
             * measured with OpenBLAS's kernels for Haswell, .8e-6 with SkylakeX's. */
            assert_true(fabs(tokens - result->score) <= 8e-6 * scale);
        }
    }
    free(scores);
}

/* The raw scores are those of a run that divides nothing, to the byte; the others these
 * over the loss, to one rounding of each operation. */
static void test_normalize__nats_divide_by_the_loss(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_score_options options = options_of(ATTRIB_NORMALIZE_NONE, 0);
    attrib_run *plain = fixture_score(f, factors, &options);
    options.normalize = ATTRIB_NORMALIZE_NATS;
    attrib_run *run = fixture_score(f, factors, &options);
    double *want = read_all(plain, attrib_run_scores, 0);
    double *raw = read_all(run, attrib_run_raw_scores, 0);
    double *got = read_all(run, attrib_run_scores, 0);
    assert_memory_equal(raw, want, N_SCORES * sizeof *raw);
    for (size_t k = 0; k < N_SCORES; k++) {
        double loss = attrib_run_answer(plain, k % N_QUERIES)->loss;
        assert_true(loss > 0);
        assert_true(fabs(got[k] * loss - want[k]) <= 1e-15 * fabs(want[k]));
    }
    assert_int_equal(attrib_run_describe(run)->options->normalize, ATTRIB_NORMALIZE_NATS);
    check_answers(run);
    free(want);
    free(raw);
    free(got);
    attrib_run_close(plain);
    attrib_run_close(run);
    attrib_factors_close(factors);
}

/* Documents against themselves: raw scores are a Gram matrix K, so that cosines are
 * K[d, q] / sqrt(K[d, d] K[q, q]). f32 products, of gradients whose addends cancel to a
 * hundredth at most here. */
static void test_normalize__unit_is_a_cosine(void **state)
{
    need_assets();
    fixture *f = *state;
    ask_documents(f);
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(ATTRIB_NORMALIZE_UNIT, 0);
    options.n_settings = 2;
    options.settings[1] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    attrib_run *run = fixture_score(f, factors, &options);
    assert_true(attrib_run_describe(run)->options->with_self);
    for (size_t s = 0; s < 2; s++) {
        double *raw = read_all(run, attrib_run_raw_scores, s);
        double *got = read_all(run, attrib_run_scores, s);
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            for (size_t q = 0; q < N_DOCUMENTS; q++) {
                double want = raw[d * N_DOCUMENTS + q] /
                              sqrt(raw[d * N_DOCUMENTS + d] * raw[q * N_DOCUMENTS + q]);
                assert_true(fabs(got[d * N_DOCUMENTS + q] - want) <= 1e-5);
            }
            const attrib_answer *answer = attrib_run_answer(run, s * N_DOCUMENTS + d);
            assert_int_equal(answer->top[0].document.index, d);
            assert_true(fabs(answer->top[0].score - 1) <= 1e-5);
        }
        free(raw);
        free(got);
    }
    check_answers(run);
    attrib_run_close(run);
    attrib_factors_close(factors);
}

/* Bounds are divided as scores are, and hold; what is certified is the order of cosines.
 */
static void test_normalize__cut_queries(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options = options_of(ATTRIB_NORMALIZE_UNIT, 0);
    attrib_run *full = fixture_score(f, factors, &options);
    double *want = read_all(full, attrib_run_scores, 0);
    options.query_rank = 16;
    attrib_run *run = fixture_score(f, factors, &options);
    double *got = read_all(run, attrib_run_scores, 0);
    double *bounds = read_all(run, attrib_run_bounds, 0);
    double largest = 0;
    for (size_t k = 0; k < N_SCORES; k++) {
        assert_true(fabs(got[k] - want[k]) <= bounds[k]);
        largest = fmax(largest, bounds[k]);
    }
    assert_true(attrib_run_describe(run)->largest_bound == largest);
    assert_true(attrib_run_describe(run)->largest_error <= largest);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_answer *a = attrib_run_answer(run, q);
        const attrib_answer *b = attrib_run_answer(full, q);
        assert_true(fabs(a->self_influence - b->self_influence) <=
                    1e-6 * b->self_influence);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(a->top[i].document.index, b->top[i].document.index);
            assert_int_equal(a->bottom[i].document.index, b->bottom[i].document.index);
            assert_true(fabs(a->top[i].score - b->top[i].score) <= 1e-5);
        }
    }
    free(got);
    free(want);
    free(bounds);
    attrib_run_close(run);
    attrib_run_close(full);
    attrib_factors_close(factors);
}

/* A group is divided by what the sum is: groups still sum to it. On disk and back. */
static void test_normalize__groups_and_files(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    char folder[128];
    double sum[N_SCORES] = {0};
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_score_options options = options_of(ATTRIB_NORMALIZE_UNIT, 0);
    options.split = ATTRIB_SPLIT_LAYER;
    make_scratch_folder(folder, sizeof folder);
    attrib_run *held = fixture_score(f, factors, &options);
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .factors = factors,
                                                  .corpus = f->corpus,
                                                  .queries = f->queries,
                                                  .options = &options,
                                                  .folder = folder},
                              &run, &err),
             &err);
    attrib_run_close(run);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    const attrib_run_info *info = attrib_run_describe(run);
    assert_int_equal(info->options->normalize, ATTRIB_NORMALIZE_UNIT);
    for (size_t i = 0; i < info->n_planes; i++) {
        double *a = read_all(run, attrib_run_scores, i);
        double *b = read_all(held, attrib_run_scores, i);
        assert_memory_equal(a, b, sizeof sum);
        for (size_t k = 0; k < N_SCORES; k++) {
            sum[k] += i ? a[k] : -a[k];
        }
        free(a);
        free(b);
    }
    for (size_t k = 0; k < N_SCORES; k++) {
        assert_true(fabs(sum[k]) <= 1e-15); /* cosines of at most 1 */
    }
    attrib_run_close(run);
    attrib_run_close(held);
    remove_folder(folder);
    attrib_factors_close(factors);
}

int main(void)
{
#define WITH_FIXTURE(test)                                                               \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_normalize__nats_divide_by_the_loss),
        WITH_FIXTURE(test_normalize__unit_is_a_cosine),
        WITH_FIXTURE(test_normalize__cut_queries),
        WITH_FIXTURE(test_normalize__groups_and_files),
    };
    return run_cases(tests, NULL, NULL);
}
