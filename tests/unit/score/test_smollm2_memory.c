/* SPDX-License-Identifier: MIT */
/* Scoring with SmolLM2-135M-Instruct, Q4_1 (ATTRIB_SMOLLM2; scripts/fetch-smollm2), and
 * EK-FAC factors of its MLP maps takes less than 1 GiB where that is the limit:
 * eigenvectors of 0.9 GiB and Lambda of 0.6 GiB are read map by map. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attrib.h"
#include "support/apart.h"

#define N_DOCUMENTS 4
#define N_TOKENS    512
#define GIBI        ((size_t)1 << 30)
#define PATH_SIZE   300

static void write_ids(FILE *file, size_t first, size_t n)
{
    for (size_t t = 0; t < n; t++) {
        fprintf(file, "%s%zu", t ? ", " : "", 1000 + (first * 7919 + t * 104729) % 40000);
    }
}

/* Documents, and a query whose tokens all count but the first. */
static void write_inputs(const char *scratch, size_t n_asked)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/c.jsonl", scratch);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        fputs("{\"ids\": [", file);
        write_ids(file, d, N_TOKENS);
        fputs("]}\n", file);
    }
    assert_int_equal(fclose(file), 0);
    snprintf(path, sizeof path, "%s/q.jsonl", scratch);
    file = fopen(path, "w");
    assert_non_null(file);
    fputs("{\"ids\": [", file);
    write_ids(file, N_DOCUMENTS, n_asked);
    fputs("], \"mask\": [0", file);
    for (size_t t = 1; t < n_asked; t++) {
        fputs(", 1", file);
    }
    fputs("]}\n", file);
    assert_int_equal(fclose(file), 0);
}

static void write_factors(const void *scratch, const void *argument)
{
    char path[PATH_SIZE];
    attrib_model *model = NULL;
    (void)argument;
    snprintf(path, sizeof path, "%s/factors", (const char *)scratch);
    if (attrib_model_open(getenv("ATTRIB_SMOLLM2"), NULL, &model, NULL) != ATTRIB_OK) {
        _exit(1);
    }
    write_axes(model, path);
    attrib_model_close(model);
}

static attrib_status score(const char *scratch,
                           const attrib_score_options *options,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char path[PATH_SIZE];
    const char *paths[] = {path};
    attrib_session_options two;
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_factors *factors = NULL;
    attrib_corpus *corpus = NULL;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    attrib_session_options_default(&two);
    two.n_threads = 2;
    AT_TRY(attrib_session_new(&two, &session, err));
    AT_TRY(attrib_model_open(getenv("ATTRIB_SMOLLM2"), NULL, &model, err));
    snprintf(path, sizeof path, "%s/factors", scratch);
    AT_TRY(attrib_factors_open(path, model, &factors, err));
    snprintf(path, sizeof path, "%s/c.jsonl", scratch);
    AT_TRY(
        attrib_corpus_open(session, &(attrib_paths){paths, 1}, NULL, NULL, &corpus, err));
    snprintf(path, sizeof path, "%s/q.jsonl", scratch);
    AT_TRY(attrib_queries_open(NULL, path, NULL, NULL, &queries, err));
    AT_TRY(attrib_run_score(session,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = model,
                                                .factors = factors,
                                                .corpus = corpus,
                                                .queries = queries,
                                                .options = options},
                            &run, err));
done:
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_factors_close(factors);
    attrib_model_close(model);
    attrib_session_free(session);
    return status;
}

static void score_apart(const void *scratch, const void *options)
{
    attrib_error err = {0};
    if (score(scratch, options, &err) != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
}

/* One query whole, of few tokens and of as many as a document has, and with its
 * documents' own influences. */
static void test_smollm2_memory__scoring_takes_less_than_1_gib(void **state)
{
    static const size_t n_asked[] = {64, N_TOKENS, 64};
    (void)state;
    char scratch[200];
    make_scratch_folder(scratch, sizeof scratch);
    run_apart(write_factors, scratch, NULL);
    for (size_t i = 0; i < 3; i++) {
        attrib_score_options options;
        attrib_score_options_default(&options);
        options.with_self = i == 2;
        options.ram_limit = GIBI;
        write_inputs(scratch, n_asked[i]);
        size_t peak = run_apart(score_apart, scratch, &options);
        print_message("a query of %zu tokens%s: peak %zu MiB\n", n_asked[i],
                      options.with_self ? " and self-influences" : "", peak >> 20);
        assert_true(peak < GIBI);
    }
    remove_folder(scratch);
}

static attrib_status score_within(const void *scratch,
                                  const void *options,
                                  size_t ram_limit,
                                  attrib_error *err)
{
    attrib_score_options chosen = *(const attrib_score_options *)options;
    chosen.ram_limit = ram_limit;
    return score(scratch, &chosen, err);
}

static void score_least(const void *scratch, const void *options)
{
    check_least_limit(score_within, scratch, options);
}

/* The least limit that is named is one that is held, by a whole query and a cut one. */
static void test_smollm2_memory__limits_of_scoring_are_held(void **state)
{
    (void)state;
    char scratch[200];
    make_scratch_folder(scratch, sizeof scratch);
    run_apart(write_factors, scratch, NULL);
    write_inputs(scratch, 64);
    for (size_t rank = 0; rank <= 32; rank += 32) {
        attrib_score_options options;
        attrib_score_options_default(&options);
        options.query_rank = rank;
        options.with_tokens = rank > 0; /* which a single query is cut for */
        run_apart(score_least, scratch, &options);
    }
    remove_folder(scratch);
}

static attrib_status fit_within(const void *scratch,
                                const void *argument,
                                size_t ram_limit,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char path[PATH_SIZE];
    const char *paths[] = {path};
    attrib_fit_options options;
    attrib_session_options two;
    attrib_session *session = NULL;
    attrib_model *model = NULL;
    attrib_corpus *corpus = NULL;
    (void)argument;
    attrib_fit_options_default(&options);
    options.modules = "model.layers.[0-1].mlp.*,model.layers.29.mlp.*";
    options.ram_limit = ram_limit;
    attrib_session_options_default(&two);
    two.n_threads = 2;
    AT_TRY(attrib_session_new(&two, &session, err));
    AT_TRY(attrib_model_open(getenv("ATTRIB_SMOLLM2"), NULL, &model, err));
    snprintf(path, sizeof path, "%s/c.jsonl", (const char *)scratch);
    AT_TRY(
        attrib_corpus_open(session, &(attrib_paths){paths, 1}, NULL, NULL, &corpus, err));
    snprintf(path, sizeof path, "%s/fitted", (const char *)scratch);
    AT_TRY(attrib_factors_fit_folder(session, model, corpus, &options, path, err));
done:
    attrib_corpus_close(corpus);
    attrib_model_close(model);
    attrib_session_free(session);
    return status;
}

static void fit_least(const void *scratch, const void *argument)
{
    check_least_limit(fit_within, scratch, argument);
}

static void test_smollm2_memory__the_least_limit_of_a_fit_is_held(void **state)
{
    (void)state;
    char scratch[200];
    make_scratch_folder(scratch, sizeof scratch);
    write_inputs(scratch, 64);
    run_apart(fit_least, scratch, NULL);
    remove_folder(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smollm2_memory__scoring_takes_less_than_1_gib),
        cmocka_unit_test(test_smollm2_memory__limits_of_scoring_are_held),
        cmocka_unit_test(test_smollm2_memory__the_least_limit_of_a_fit_is_held),
    };
    if (!getenv("ATTRIB_SMOLLM2")) {
        fputs("test_smollm2_memory: SKIPPED: ATTRIB_SMOLLM2 does not name the file that "
              "scripts/fetch-smollm2 gets\n",
              stderr);
        return 77;
    }
    return run_cases(tests, NULL, NULL);
}
