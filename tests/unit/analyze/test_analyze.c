/* SPDX-License-Identifier: MIT */
/* What holds of every kind of analysis: threads, memory that runs out, refusals. */
#include <math.h>
#include <string.h>

#include "planted_run.h"
#include "support/check.h"
#include "support/oom.h"
#include "tables.h"

static attrib_run *run;
static attrib_analyze_options options;
static attrib_token_score tokens[8];
static attrib_result result;
static const int32_t ids[3] = {3, 0, 0};
static const uint8_t mask[3] = {0, 1, 1};
static const char *const sources[3] = {"corpus.jsonl", "b", "c"};
static const attrib_tag answers = {"answers", "[\"a word\", 12]"};
static const attrib_module_score module = {"layers.0.mlp", 2};

static int set_up(void **state)
{
    (void)state;
    run = planted_run(5, 200);
    planted_fill(run, 1);
    attrib_analyze_options_default(&options);
    options.replicates = 64;       /* four blocks of permutations */
    options.query_tag = "answers"; /* queries are pooled */
    options.is_counted = true;
    for (size_t i = 0; i < 8; i++) {
        tokens[i] = (attrib_token_score){.text = "x", .score = i ? 1 : 99};
    }
    result = (attrib_result){
        .rank = 1,
        .document = {.id = "d1", .text = "A word and 12", .n_text_bytes = 13},
        .tokens = tokens,
        .n_tokens = 8,
        .modules = &module,
        .n_modules = 1};
    planted_answer(run, 0)->top = &result;
    planted_answer(run, 0)->n_top = 1;
    planted_answer(run, 0)->query.ids = ids;
    planted_answer(run, 0)->query.mask = mask;
    planted_answer(run, 0)->query.n_tokens = 3;
    for (size_t q = 0; q < 5; q++) {
        planted_answer(run, q)->query.tags = &answers;
        planted_answer(run, q)->query.n_tags = 1;
    }
    for (size_t d = 0; d < 200; d++) {
        planted_document(run, d)->n_tokens = 3 + d % 40;
        planted_document(run, d)->source = sources[d % 3];
        planted_document(run, d)->text = "12 of them";
        planted_document(run, d)->n_text_bytes = 10;
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    planted_free(run);
    return 0;
}

static attrib_analyze_job job_of(const attrib_analyze_kind *kind)
{
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    job.kind = kind->name;
    job.run = run;
    job.other = kind->min_runs == 2 ? run : NULL;
    job.changes = kind->takes_changes ? "corpus.jsonl=+0.1" : NULL;
    job.options = &options;
    return job;
}

static void test_analyze__same_bytes_for_any_threads(void **state)
{
    (void)state;
    const attrib_analyze_kind *kind = NULL;
    for (size_t i = 0; (kind = attrib_analyze_kind_at(i)); i++) {
        attrib_error err = {0};
        attrib_session *session = NULL;
        attrib_session_options threads;
        attrib_analysis *analyses[2] = {NULL, NULL};
        attrib_analyze_job job = job_of(kind);
        attrib_session_options_default(&threads);
        threads.n_threads = 2;
        check_ok(attrib_session_new(&threads, &session, &err), &err);
        check_ok(attrib_analyze(NULL, &job, &analyses[0], &err), &err);
        check_ok(attrib_analyze(session, &job, &analyses[1], &err), &err);
        check_same_analysis(analyses[0], analyses[1]);
        attrib_analysis_free(analyses[0]);
        attrib_analysis_free(analyses[1]);
        attrib_session_free(session);
    }
}

static void test_analyze__survives_memory_that_runs_out(void **state)
{
    (void)state;
    const attrib_analyze_kind *kind = NULL;
    for (size_t i = 0; (kind = attrib_analyze_kind_at(i)); i++) {
        attrib_analyze_job job = job_of(kind);
        attrib_status status = ATTRIB_ENOMEM;
        for (size_t n = 0; status != ATTRIB_OK; n++) {
            attrib_error err = {0};
            attrib_analysis *analysis = NULL;
            oom_n_left = n;
            status = attrib_analyze(NULL, &job, &analysis, &err);
            oom_n_left = SIZE_MAX;
            if (status != ATTRIB_OK) {
                check_fails(status, ATTRIB_ENOMEM, &err);
                assert_null(analysis);
            }
            assert_true(n < 5000);
            attrib_analysis_free(analysis);
        }
    }
}

static void check_refused(const attrib_analyze_job *job,
                          attrib_status expected,
                          const char *message)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    check_fails(attrib_analyze(NULL, job, &analysis, &err), expected, &err);
    check_message(&err, message);
    assert_null(analysis);
}

static void test_analyze__refuses_what_it_cannot_do(void **state)
{
    (void)state;
    attrib_run *small = planted_run(1, 3);
    attrib_analyze_job job = job_of(attrib_analyze_kind_at(0));
    job.kind = "tails";
    check_refused(&job, ATTRIB_EINVAL, "no kind of analysis \"tails\"");
    job.kind = NULL;
    check_refused(&job, ATTRIB_EINVAL, "no kind of analysis \"\"");
    job.kind = "layers";
    job.other = run;
    check_refused(&job, ATTRIB_EINVAL, "layers is of one run");
    job.other = NULL;
    job.changes = "a=+1";
    check_refused(&job, ATTRIB_EINVAL, "layers takes no changes");
    job.changes = NULL;
    options.setting = 2;
    check_refused(&job, ATTRIB_EINVAL, "setting 2 of a run with 1");
    options.setting = 0;
    check_refused(&job, ATTRIB_EINVAL, "setting: 0 is not in [1, 16]");
    options.setting = 1;
    job.kind = "queries";
    job.run = small;
    check_refused(&job, ATTRIB_ESHAPE, "one query");
    job.run = run;
    job.other = small;
    check_refused(&job, ATTRIB_ESHAPE, "200 documents in one run, 3 in the other");
    job.run = NULL;
    check_refused(&job, ATTRIB_EINVAL, "no run");
    planted_free(small);
}

static void test_analyze__refuses_runs_that_do_not_match(void **state)
{
    (void)state;
    attrib_run *other = planted_run(5, 200);
    attrib_analyze_job job = job_of(attrib_analyze_kind_at(0));
    job.kind = "queries";
    job.other = other;
    planted_document(other, 7)->id = "elsewhere";
    check_refused(&job, ATTRIB_ESHAPE,
                  "document 7 is \"d7\" in one run and \"elsewhere\" in the other");
    planted_document(other, 7)->id = "d7";
    for (size_t q = 0; q < 5; q++) {
        planted_answer(other, q)->query.id = "z";
    }
    check_refused(&job, ATTRIB_ESHAPE, "no query of the same id");
    planted_free(other);
}

static void test_analyze__refuses_scores_that_are_not_finite(void **state)
{
    (void)state;
    attrib_run *other = planted_run(5, 200);
    attrib_analyze_job job = job_of(attrib_analyze_kind_at(0)); /* groups */
    *planted_score(run, 3, 150) = (double)NAN;
    check_refused(&job, ATTRIB_ENUMERIC,
                  "the score of document 150 for query \"q3\" is not finite");
    job.kind = "queries";
    job.run = other;
    job.other = run;
    check_refused(&job, ATTRIB_ENUMERIC, "document 150 for query \"q3\"");
    planted_free(other);
}

static void test_analyze__says_that_cut_queries_are_approximate(void **state)
{
    (void)state;
    planted_info(run)->query_rank = 32;
    planted_info(run)->largest_bound = 0.125;
    attrib_analysis *analysis = analyze_or_fail("tail", run, NULL, &options);
    check_note(analysis, "cut to rank 32");
    check_note(analysis, "within 0.125");
    attrib_analysis_free(analysis);
}

static void test_analyze__its_table_covers_its_options(void **state)
{
    (void)state;
    check_table_covers(attrib_analyze_options_table(), sizeof(attrib_analyze_options),
                       SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_analyze__same_bytes_for_any_threads, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_analyze__survives_memory_that_runs_out,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_analyze__refuses_what_it_cannot_do, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_analyze__refuses_runs_that_do_not_match,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_analyze__refuses_scores_that_are_not_finite,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            test_analyze__says_that_cut_queries_are_approximate, set_up, tear_down),
        cmocka_unit_test(test_analyze__its_table_covers_its_options),
    };
    return run_cases(tests, NULL, NULL);
}
