/* SPDX-License-Identifier: MIT */
/* Influences of tokens of reported documents.
 *
 * As an output, a token has the score of a document in which it alone counts: other
 * documents are scored for this, in reverse mode. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"

enum { N_DOCUMENTS = 3, MAX_TOKENS = 40, MAX_ROWS = N_DOCUMENTS * MAX_TOKENS };

/* Forward mode against products of gradients, both in f32: slopes are sums over maps of
 * terms that are each rounded to some 2^-24; 3e-6 of the largest is measured. */
#define TOLERANCE 2e-5

static const char *const texts[N_DOCUMENTS] = {
    "Bern is the capital of Switzerland, and Oslo that of Norway.",
    "Who wrote it? It was Goethe in the year 1774.", "Tellurium is element number 52."};

static const attrib_setting settings[] = {{ATTRIB_EKFAC, 0.1, false, 0},
                                          {ATTRIB_IDENTITY, 0.1, false, 0}};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

typedef struct fixture {
    attrib_session *session;
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_factors *factors;
    attrib_queries *queries; /* two */
    int32_t ids[N_DOCUMENTS][MAX_TOKENS];
    size_t n_tokens[N_DOCUMENTS];
} fixture;

/* The documents, or for each token of each one in which this token alone counts. */
static attrib_corpus *open_corpus(const fixture *f, bool is_apart, size_t context)
{
    static attrib_row rows[MAX_ROWS];
    static uint8_t masks[MAX_ROWS][MAX_TOKENS];
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    size_t n = 0;
    attrib_corpus_options_default(&options);
    options.context = context;
    memset(masks, 0, sizeof masks);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        for (size_t k = 1; k < (is_apart ? f->n_tokens[d] : 2); k++) {
            for (size_t t = 1; t < f->n_tokens[d]; t++) {
                masks[n][t] = is_apart ? t == k : t != 3; /* one does not count */
            }
            rows[n] = (attrib_row){
                .ids = f->ids[d], .mask = masks[n], .n_tokens = f->n_tokens[d]};
            n++;
        }
    }
    check_ok(attrib_corpus_from_rows(f->session, &(attrib_rows)ATTRIB_LIST(rows, n),
                                     f->tokenizer, &options, &corpus, &err),
             &err);
    return corpus;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    const char *path = source_path("corpora/facts-model");
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(path, NULL, &f->model, &err), &err);
    check_ok(attrib_tokenizer_open(path, &f->tokenizer, &err), &err);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        int32_t *ids = NULL;
        check_ok(attrib_tokenizer_encode(f->tokenizer,
                                         (attrib_text){texts[d], strlen(texts[d])}, true,
                                         &ids, &f->n_tokens[d], &err),
                 &err);
        assert_in_range(f->n_tokens[d], 6, MAX_TOKENS);
        memcpy(f->ids[d], ids, f->n_tokens[d] * sizeof *ids);
        attrib_free(ids);
    }
    attrib_corpus *corpus = open_corpus(f, false, 128);
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    check_ok(
        attrib_factors_fit(f->session, f->model, corpus, &options, &f->factors, &err),
        &err);
    attrib_corpus_close(corpus);
    const attrib_query_row rows[] = {
        {.prompt = "Bern is", .completion = " the capital"},
        {.prompt = "Who is", .completion = " Goethe", .against = " Oslo"}};
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 2),
                                      f->tokenizer, NULL, &f->queries, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_queries_close(f->queries);
    attrib_factors_close(f->factors);
    attrib_tokenizer_close(f->tokenizer);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    free(f);
    return 0;
}

static attrib_score_options choose_options(attrib_token_kind kind)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    options.token_kind = kind;
    return options;
}

static attrib_run *score(const fixture *f,
                         const attrib_corpus *corpus,
                         const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .tokenizer = f->tokenizer,
                                                  .factors = f->factors,
                                                  .corpus = corpus,
                                                  .queries = f->queries,
                                                  .options = options},
                              &run, &err),
             &err);
    return run;
}

static double sum_of(const attrib_result *result, double *size)
{
    double sum = 0;
    *size = 0;
    for (size_t t = 0; t < result->n_tokens; t++) {
        sum += result->tokens[t].score;
        *size += fabs(result->tokens[t].score);
    }
    return sum;
}

/* Where the tokens of each document begin among those that count alone. */
static size_t first_apart(const fixture *f, size_t document)
{
    size_t n = 0;
    for (size_t d = 0; d < document; d++) {
        n += f->n_tokens[d] - 1;
    }
    return n;
}

/* In one sequence, and cut into sequences that overlap. */
static void test_token_kind__an_output_has_the_score_of_its_own_loss(void **state)
{
    const fixture *f = *state;
    const size_t contexts[] = {128, 5};
    for (size_t c = 0; c < 2; c++) {
        attrib_error err = {0};
        attrib_score_options options = choose_options(ATTRIB_TOKENS_OUTPUT);
        attrib_corpus *whole = open_corpus(f, false, contexts[c]);
        attrib_corpus *apart = open_corpus(f, true, contexts[c]);
        attrib_run *run = score(f, whole, &options);
        attrib_run *singles = score(f, apart, &options);
        size_t n = first_apart(f, N_DOCUMENTS);
        for (size_t a = 0; a < 2 * N_SETTINGS; a++) {
            double want[MAX_ROWS * 2];
            const attrib_answer *answer = attrib_run_answer(run, a);
            check_ok(attrib_run_scores(singles, a / 2, 0, n, want, &err), &err);
            assert_int_equal(answer->n_top, N_DOCUMENTS);
            for (size_t i = 0; i < N_DOCUMENTS; i++) {
                const attrib_result *result = &answer->top[i];
                const double *of =
                    want + first_apart(f, result->document.index) * 2 + a % 2;
                double size = 0;
                double sum = sum_of(result, &size);
                assert_true(fabs(sum - result->score) < TOLERANCE * size);
                assert_true(result->tokens[0].score == 0);
                assert_true(result->tokens[3].score == 0);
                for (size_t t = 1; t < result->n_tokens; t++) {
                    double expected = t == 3 ? 0 : of[(t - 1) * 2];
                    assert_true(fabs(result->tokens[t].score - expected) <
                                TOLERANCE * size);
                }
            }
        }
        attrib_run_close(run);
        attrib_run_close(singles);
        attrib_corpus_close(whole);
        attrib_corpus_close(apart);
    }
}

/* Positions and outputs share a score in different ways. */
static void test_token_kind__positions_are_the_default(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options(ATTRIB_TOKENS_POSITION);
    attrib_corpus *corpus = open_corpus(f, false, 128);
    attrib_run *positions = score(f, corpus, &options);
    options.token_kind = ATTRIB_TOKENS_OUTPUT;
    attrib_run *outputs = score(f, corpus, &options);
    const attrib_result *a = attrib_run_answer(positions, 0)->top;
    const attrib_result *b = attrib_run_answer(outputs, 0)->top;
    double largest = 0;
    double size = 0;
    (void)sum_of(a, &size);
    for (size_t t = 0; t < a->n_tokens; t++) {
        largest = fmax(largest, fabs(a->tokens[t].score - b->tokens[t].score));
    }
    assert_true(largest > 100 * TOLERANCE * size);
    assert_true(a->score == b->score);
    for (size_t m = 0; m < a->n_modules; m++) {
        assert_true(a->modules[m].score == b->modules[m].score);
    }
    attrib_run_close(positions);
    attrib_run_close(outputs);
    attrib_corpus_close(corpus);
}

/* They are divided as scores are, and those of cut queries are the whole queries'. */
static void test_token_kind__outputs_are_scaled_and_of_whole_queries(void **state)
{
    const fixture *f = *state;
    attrib_corpus *corpus = open_corpus(f, false, 128);
    attrib_score_options options = choose_options(ATTRIB_TOKENS_OUTPUT);
    options.top = 1;
    attrib_run *whole = score(f, corpus, &options);
    options.query_rank = 2;
    attrib_run *cut = score(f, corpus, &options);
    options.normalize = ATTRIB_NORMALIZE_UNIT;
    attrib_run *unit = score(f, corpus, &options);
    for (size_t a = 0; a < 2 * N_SETTINGS; a++) {
        const attrib_result *want = attrib_run_answer(whole, a)->top;
        const attrib_result *got = attrib_run_answer(cut, a)->top;
        const attrib_result *cosine = attrib_run_answer(unit, a)->top;
        double size = 0;
        assert_int_equal(want->document.index, got->document.index);
        double sum = sum_of(cosine, &size);
        assert_true(fabs(sum - cosine->score) < TOLERANCE * size);
        assert_true(fabs(cosine->score) < 1);
        (void)sum_of(want, &size);
        for (size_t t = 0; t < want->n_tokens; t++) {
            assert_true(fabs(want->tokens[t].score - got->tokens[t].score) <
                        TOLERANCE * size);
        }
    }
    attrib_run_close(whole);
    attrib_run_close(cut);
    attrib_run_close(unit);
    attrib_corpus_close(corpus);
}

/* Outputs of a rejected side have its minus: all of a pair sum to its score. */
static void test_token_kind__outputs_of_pairs_have_the_sign_of_their_side(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char folder[128];
    char path[160];
    const char *paths[] = {path};
    static const char row[] = "{\"prompt\": \"Bern is\", \"chosen\": \" the capital of "
                              "it\", \"rejected\": \" in "
                              "Norway, by the sea\"}\n";
    attrib_corpus *corpus = NULL;
    attrib_corpus_options corpus_options;
    attrib_score_options options = choose_options(ATTRIB_TOKENS_OUTPUT);
    attrib_corpus_options_default(&corpus_options);
    corpus_options.preference = ATTRIB_PREFERENCE_MARGIN;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/rows.jsonl", folder);
    write_file(path, row, sizeof row - 1);
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){paths, 1}, f->tokenizer,
                                &corpus_options, &corpus, &err),
             &err);
    attrib_run *run = score(f, corpus, &options);
    for (size_t a = 0; a < 2 * N_SETTINGS; a++) {
        const attrib_result *result = attrib_run_answer(run, a)->top;
        double size = 0;
        double rejected = 0;
        double sum = sum_of(result, &size);
        for (size_t t = result->document.rejected_token; t < result->n_tokens; t++) {
            rejected += result->tokens[t].score;
        }
        assert_true(result->document.rejected_token > 0);
        assert_true(fabs(sum - result->score) < TOLERANCE * size);
        assert_true(fabs(rejected) > 100 * TOLERANCE * size); /* it does matter */
    }
    attrib_run_close(run);
    attrib_corpus_close(corpus);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_token_kind__an_output_has_the_score_of_its_own_loss),
        cmocka_unit_test(test_token_kind__positions_are_the_default),
        cmocka_unit_test(test_token_kind__outputs_of_pairs_have_the_sign_of_their_side),
        cmocka_unit_test(test_token_kind__outputs_are_scaled_and_of_whole_queries),
    };
    return run_cases(tests, set_up, tear_down);
}
