/* SPDX-License-Identifier: MIT */
/* Influences of input tokens: d score / d eps where a token's vector is multiplied by
 * 1 + eps, against scores by models whose embedding has that row multiplied. Queries have
 * none of these tokens, so that their gradients stay what they are. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "model/model.h"
#include "support/tiny.h"

enum { N_DOCUMENTS = 2, N_QUERIES = 2, WIDTH = 8 };

/* Half the step of the central difference of scores: its truncation is some h^2 = 1e-4 of
 * the influences, and scores of f32 are rounded by 1e-6 of themselves, / h = 1e-4. At
 * most 6e-4 is measured. */
#define STEP      0x1p-7
#define TOLERANCE 3e-3

static const int32_t ids[N_DOCUMENTS][7] = {{1, 2, 3, 4, 5, 0, 9}, {5, 9, 2, 1}};
static const size_t n_tokens[N_DOCUMENTS] = {7, 4};
static const uint8_t mask[7] = {0, 1, 1, 0, 1, 1, 1};

typedef struct fixture {
    attrib_model *model;
    attrib_queries *queries;
    float *embedding; /* [V, WIDTH] what stands in the place of the model's */
    const float *kept;
} fixture;

static int set_up(void **state)
{
    attrib_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    static const int32_t asked[N_QUERIES][3] = {{6, 7, 8}, {10, 8, 6}};
    static const uint8_t asked_mask[3] = {0, 1, 1};
    attrib_query_row rows[N_QUERIES] = {{0}};
    assert_non_null(f);
    *state = f;
    f->model = wide_model(2, WIDTH, 12);
    f->embedding = calloc(TINY_VOCABULARY * WIDTH, sizeof *f->embedding);
    assert_non_null(f->embedding);
    f->kept = f->model->embedding.values;
    memcpy(f->embedding, f->kept, TINY_VOCABULARY * WIDTH * sizeof *f->embedding);
    f->model->embedding.values = f->embedding; /* the head keeps the other */
    for (size_t q = 0; q < N_QUERIES; q++) {
        rows[q] = (attrib_query_row){.ids = asked[q], .mask = asked_mask, .n_tokens = 3};
    }
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, N_QUERIES),
                                      NULL, NULL, &f->queries, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    f->model->embedding.values = f->kept;
    attrib_queries_close(f->queries);
    attrib_model_close(f->model);
    free(f->embedding);
    free(f);
    return 0;
}

static attrib_corpus *open_corpus(size_t context)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_row rows[N_DOCUMENTS] = {{0}};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = context;
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        rows[d] = (attrib_row){.ids = ids[d], .mask = mask, .n_tokens = n_tokens[d]};
    }
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, N_DOCUMENTS),
                                     NULL, &options, &corpus, &err),
             &err);
    return corpus;
}

static attrib_run *score(const fixture *f,
                         const attrib_corpus *corpus,
                         attrib_token_kind kind,
                         attrib_normalize normalize)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.modules = "all";
    options.token_kind = kind;
    options.normalize = normalize;
    check_ok(attrib_run_score(NULL,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .corpus = corpus,
                                                  .queries = f->queries,
                                                  .options = &options},
                              &run, &err),
             &err);
    return run;
}

/* Scores [N_DOCUMENTS, N_QUERIES] with a token's vector multiplied. */
static void score_scaled(
    fixture *f, const attrib_corpus *corpus, int32_t id, float scale, double *out)
{
    attrib_error err = {0};
    float *row = f->embedding + (size_t)id * WIDTH;
    float kept[WIDTH];
    memcpy(kept, row, sizeof kept);
    for (size_t i = 0; i < WIDTH; i++) {
        row[i] *= scale;
    }
    attrib_run *run = score(f, corpus, ATTRIB_TOKENS_POSITION, ATTRIB_NORMALIZE_NONE);
    check_ok(attrib_run_scores(run, 0, 0, N_DOCUMENTS, out, &err), &err);
    attrib_run_close(run);
    memcpy(row, kept, sizeof kept);
}

static const attrib_result *find_document(const attrib_answer *answer, size_t d)
{
    for (size_t i = 0; i < answer->n_top; i++) {
        if (answer->top[i].document.index == d) {
            return &answer->top[i];
        }
    }
    fail_msg("document %zu is not reported", d);
    return NULL;
}

static double largest_of(const attrib_result *result)
{
    double largest = 0;
    for (size_t t = 0; t < result->n_tokens; t++) {
        largest = fmax(largest, fabs(result->tokens[t].score));
    }
    return largest;
}

/* In one sequence, and cut into sequences that share a token. */
static void test_token_input__is_the_slope_of_the_score(void **state)
{
    fixture *f = *state;
    const size_t contexts[] = {16, 4};
    for (size_t c = 0; c < 2; c++) {
        attrib_corpus *corpus = open_corpus(contexts[c]);
        attrib_run *run = score(f, corpus, ATTRIB_TOKENS_INPUT, ATTRIB_NORMALIZE_NONE);
        for (size_t k = 0; k < N_DOCUMENTS * 7; k++) {
            size_t d = k / 7;
            size_t t = k % 7;
            double above[N_DOCUMENTS * N_QUERIES];
            double below[N_DOCUMENTS * N_QUERIES];
            if (t >= n_tokens[d]) {
                continue;
            }
            score_scaled(f, corpus, ids[d][t], (float)(1 + STEP), above);
            score_scaled(f, corpus, ids[d][t], (float)(1 - STEP), below);
            for (size_t q = 0; q < N_QUERIES; q++) {
                const attrib_result *result = find_document(attrib_run_answer(run, q), d);
                size_t i = d * N_QUERIES + q;
                double want = (above[i] - below[i]) / (2 * STEP);
                double largest = largest_of(result);
                assert_true(fabs(result->tokens[t].score - want) < TOLERANCE * largest);
            }
        }
        attrib_run_close(run);
        attrib_corpus_close(corpus);
    }
}

/* The error that is told bounds what is off, and is no excuse. */
static void test_token_input__tells_its_error(void **state)
{
    fixture *f = *state;
    attrib_corpus *corpus = open_corpus(16);
    attrib_run *run = score(f, corpus, ATTRIB_TOKENS_INPUT, ATTRIB_NORMALIZE_NONE);
    attrib_run *positions =
        score(f, corpus, ATTRIB_TOKENS_POSITION, ATTRIB_NORMALIZE_NONE);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_result *result = find_document(attrib_run_answer(run, q), 0);
        double largest = largest_of(result);
        assert_true(result->token_error > 0 && result->token_error < 0.02 * largest);
        assert_true(result->score ==
                    find_document(attrib_run_answer(positions, q), 0)->score);
        assert_true(find_document(attrib_run_answer(positions, q), 0)->token_error == 0);
        /* The last token is read by no position that predicts. */
        assert_true(fabs(result->tokens[6].score) <= result->token_error);
    }
    attrib_run_close(run);
    attrib_run_close(positions);
    attrib_corpus_close(corpus);
}

/* Divided as scores are; weights are the model's own again. */
static void test_token_input__is_scaled_with_the_score(void **state)
{
    fixture *f = *state;
    attrib_corpus *corpus = open_corpus(16);
    attrib_run *plain = score(f, corpus, ATTRIB_TOKENS_INPUT, ATTRIB_NORMALIZE_NONE);
    attrib_run *unit = score(f, corpus, ATTRIB_TOKENS_INPUT, ATTRIB_NORMALIZE_UNIT);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_result *a = find_document(attrib_run_answer(plain, q), 0);
        const attrib_result *b = find_document(attrib_run_answer(unit, q), 0);
        double scale = b->score / a->score;
        for (size_t t = 0; t < a->n_tokens; t++) {
            assert_true(fabs(a->tokens[t].score * scale - b->tokens[t].score) <
                        1e-5 * largest_of(b));
        }
    }
    attrib_run_close(plain);
    attrib_run_close(unit);
    attrib_corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_input__is_the_slope_of_the_score),
        cmocka_unit_test(test_token_input__tells_its_error),
        cmocka_unit_test(test_token_input__is_scaled_with_the_score),
    };
    return run_cases(tests, set_up, tear_down);
}
