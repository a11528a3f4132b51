/* SPDX-License-Identifier: MIT */
/* Certified rankings of SmolLM2-135M-Instruct, whose file ATTRIB_SMOLLM2 names and
 * scripts/fetch-smollm2 gets, are those of whole queries. */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_FITTED = 50, N_SCORED = 120, N_TOP = 3 };

static const char *const questions =
    "{\"prompt\": \"The chemical element with atomic number 26 is\", \"completion\": \" "
    "iron\"}\n"
    "{\"prompt\": \"The capital of France is\", \"completion\": \" Paris\"}\n"
    "{\"prompt\": \"12 + 7 =\", \"completion\": \" 19\"}\n";

typedef struct scene {
    attrib_session *session;
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_corpus *corpus;
    attrib_queries *queries;
    attrib_factors *factors;
    char folder[128];
} scene;

static attrib_corpus *open_documents(const scene *s, size_t n)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    const char *path = source_path("corpora/facts/statements.jsonl");
    attrib_corpus_options_default(&options);
    options.max_documents = n;
    check_ok(attrib_corpus_open(s->session, &(attrib_paths){&path, 1}, s->tokenizer,
                                &options, &corpus, &err),
             &err);
    return corpus;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    attrib_session_options options;
    char path[160];
    scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    *state = s;
    make_scratch_folder(s->folder, sizeof s->folder);
    attrib_session_options_default(&options);
    options.n_threads = 2;
    check_ok(attrib_session_new(&options, &s->session, &err), &err);
    check_ok(attrib_model_open(getenv("ATTRIB_SMOLLM2"), NULL, &s->model, &err), &err);
    check_ok(attrib_tokenizer_open(getenv("ATTRIB_SMOLLM2"), &s->tokenizer, &err), &err);
    attrib_corpus *fitted = open_documents(s, N_FITTED);
    check_ok(attrib_factors_fit(s->session, s->model, fitted, NULL, &s->factors, &err),
             &err);
    attrib_corpus_close(fitted);
    s->corpus = open_documents(s, N_SCORED);
    snprintf(path, sizeof path, "%s/questions.jsonl", s->folder);
    write_file(path, questions, strlen(questions));
    check_ok(attrib_queries_open(NULL, path, s->tokenizer, NULL, &s->queries, &err),
             &err);
    return 0;
}

static int tear_down(void **state)
{
    scene *s = *state;
    attrib_factors_close(s->factors);
    attrib_queries_close(s->queries);
    attrib_corpus_close(s->corpus);
    attrib_tokenizer_close(s->tokenizer);
    attrib_model_close(s->model);
    attrib_session_free(s->session);
    remove_folder(s->folder);
    free(s);
    return 0;
}

static attrib_run *score(const scene *s, size_t rank)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.query_rank = rank;
    options.top = N_TOP;
    check_ok(attrib_run_score(s->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = s->model,
                                                  .tokenizer = s->tokenizer,
                                                  .factors = s->factors,
                                                  .corpus = s->corpus,
                                                  .queries = s->queries,
                                                  .options = &options},
                              &run, &err),
             &err);
    return run;
}

static void test_smollm2_cut__rankings_are_those_of_whole_queries(void **state)
{
    const scene *s = *state;
    const size_t ranks[] = {16, ATTRIB_RANK_AUTO};
    attrib_run *full = score(s, ATTRIB_RANK_FULL);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        attrib_run *cut = score(s, ranks[i]);
        const attrib_run_info *info = attrib_run_describe(cut);
        check_same_answers(cut, full);
        assert_int_equal(info->n_open, 0);
        assert_true(info->largest_error <= info->largest_bound);
        print_message("rank %zu: %zu of %zu scores rescored, error %.3g, bound %.3g\n",
                      info->query_rank, info->n_rescored,
                      info->n_documents * info->n_queries, info->largest_error,
                      info->largest_bound);
        attrib_run_close(cut);
    }
    attrib_run_close(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smollm2_cut__rankings_are_those_of_whole_queries),
    };
    if (!getenv("ATTRIB_SMOLLM2")) {
        fprintf(stderr, "test_smollm2_cut: SKIPPED: ATTRIB_SMOLLM2 does not name the "
                        "file that scripts/fetch-smollm2 gets\n");
        return 77;
    }
    return run_cases(tests, set_up, tear_down);
}
