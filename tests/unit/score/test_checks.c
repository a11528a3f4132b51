/* SPDX-License-Identifier: MIT */
/* What can be refused at no cost is refused before factors are read or the model writes a
 * token. Both are counted here (CMakeLists.txt wraps what does them). */
#include "support/check.h"

#include <stdlib.h>

#include "attrib.h"
#include "curvature/factor_read.h"

typedef struct fixture {
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_corpus *corpus;
    attrib_factors *factors;
} fixture;

static size_t n_loaded;
static size_t n_written;

attrib_status __real_at_factor_load(const attrib_factors *factors,
                                    size_t i,
                                    unsigned pieces,
                                    at_factor *out,
                                    attrib_error *err);
attrib_status __wrap_at_factor_load(const attrib_factors *factors,
                                    size_t i,
                                    unsigned pieces,
                                    at_factor *out,
                                    attrib_error *err);

attrib_status __wrap_at_factor_load(const attrib_factors *factors,
                                    size_t i,
                                    unsigned pieces,
                                    at_factor *out,
                                    attrib_error *err)
{
    n_loaded++;
    return __real_at_factor_load(factors, i, pieces, out, err);
}

attrib_status __real_attrib_model_generate(const attrib_model *model,
                                           const attrib_generate_job *job,
                                           int32_t *new_ids,
                                           size_t *n_new,
                                           attrib_error *err);
attrib_status __wrap_attrib_model_generate(const attrib_model *model,
                                           const attrib_generate_job *job,
                                           int32_t *new_ids,
                                           size_t *n_new,
                                           attrib_error *err);

attrib_status __wrap_attrib_model_generate(const attrib_model *model,
                                           const attrib_generate_job *job,
                                           int32_t *new_ids,
                                           size_t *n_new,
                                           attrib_error *err)
{
    n_written++;
    return __real_attrib_model_generate(model, job, new_ids, n_new, err);
}

static int set_up(void **state)
{
    static const attrib_row rows[] = {
        {.text = "Bern is in Switzerland.", .n_text_bytes = 23},
        {.text = "Oslo lies in Norway.", .n_text_bytes = 20}};
    attrib_error err = {0};
    const char *path = source_path("corpora/facts-model");
    attrib_fit_options options;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    attrib_fit_options_default(&options);
    options.modules = "*.0.mlp.down_proj";
    check_ok(attrib_model_open(path, NULL, &f->model, &err), &err);
    check_ok(attrib_tokenizer_open(path, &f->tokenizer, &err), &err);
    check_ok(attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, 2),
                                     f->tokenizer, NULL, &f->corpus, &err),
             &err);
    check_ok(attrib_factors_fit(NULL, f->model, f->corpus, &options, &f->factors, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_factors_close(f->factors);
    attrib_corpus_close(f->corpus);
    attrib_tokenizer_close(f->tokenizer);
    attrib_model_close(f->model);
    free(f);
    return 0;
}

/* Score a prompt without a completion, and this row. */
static attrib_status score(const fixture *f,
                           const attrib_query_row *row,
                           const attrib_score_options *options,
                           attrib_error *err)
{
    static const attrib_tag topic = {"topic", "\"capitals\""};
    const attrib_query_row rows[] = {{.prompt = "Bern", .tags = &topic, .n_tags = 1},
                                     *row};
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    n_loaded = 0;
    n_written = 0;
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 2),
                                      f->tokenizer, NULL, &queries, err),
             err);
    attrib_status status =
        attrib_run_score(NULL,
                         &(attrib_score_job){.size = sizeof(attrib_score_job),
                                             .model = f->model,
                                             .tokenizer = f->tokenizer,
                                             .factors = f->factors,
                                             .corpus = f->corpus,
                                             .queries = queries,
                                             .options = options},
                         &run, err);
    attrib_run_close(run);
    attrib_queries_close(queries);
    return status;
}

static void refuse(const fixture *f,
                   const attrib_query_row *row,
                   const char *aggregate,
                   attrib_status expected,
                   const char *message)
{
    attrib_error err = {0};
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.aggregate = aggregate;
    check_fails(score(f, row, &options, &err), expected, &err);
    check_message(&err, message);
    assert_int_equal(n_loaded, 0);
    assert_int_equal(n_written, 0);
}

static void test_checks__come_before_costs(void **state)
{
    const fixture *f = *state;
    static const int32_t ids[] = {5, 6, 7};
    static const uint8_t none[] = {0, 0, 0};
    static const attrib_tag weighty[] = {{"topic", "1"}, {"weight", "\"x\""}};
    static char words[6000];
    refuse(f, &(attrib_query_row){.prompt = "Oslo", .completion = " is"}, "topic",
           ATTRIB_EINVAL, "query 2: no tag \"topic\"");
    refuse(f,
           &(attrib_query_row){
               .prompt = "Oslo", .completion = " is", .tags = weighty, .n_tags = 2},
           "topic", ATTRIB_EINVAL, "query 2: weight \"x\"");
    refuse(f, &(attrib_query_row){.ids = ids, .mask = none, .n_tokens = 3}, NULL,
           ATTRIB_EINVAL, "query 2: no token of its completion counts");
    for (size_t i = 0;
         i + 1 < 4 * attrib_model_describe(f->model)->context && i + 1 < sizeof words;
         i++) {
        words[i] = i % 2 ? ' ' : 'x';
    }
    refuse(f, &(attrib_query_row){.prompt = words}, NULL, ATTRIB_ERANGE, "query 2: its");
}

/* Both counts see what a run that is not refused does. */
static void test_checks__counts_are_of_what_costs(void **state)
{
    const fixture *f = *state;
    const attrib_query_row row = {.prompt = "Oslo", .completion = " is"};
    attrib_error err = {0};
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.max_new_tokens = 2;
    check_ok(score(f, &row, &options, &err), &err);
    assert_true(n_loaded > 0);
    assert_int_equal(n_written, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checks__come_before_costs),
        cmocka_unit_test(test_checks__counts_are_of_what_costs),
    };
    return run_cases(tests, set_up, tear_down);
}
