/* SPDX-License-Identifier: MIT */
/* Every row of the refusals: what is by default is taken by each kind of job, and each
 * refused option is named, by the jobs that refuse it alone. */
#include "support/check.h"

#include <string.h>

#include "score/refusals.h"

enum { N_KINDS = AT_QUESTION_TO_INDEX + 1 };

static void set(attrib_score_options *options, const char *name, const char *text)
{
    attrib_error err = {0};
    const attrib_option *o =
        at_options_find(attrib_score_options_table(), name, strlen(name));
    assert_non_null(o);
    check_ok(attrib_option_read(o, text, options, &err), &err);
}

/* Options as by default, but for up to two. */
static attrib_score_options with(const char *const settings[4])
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    for (size_t i = 0; i < 4 && settings[i]; i += 2) {
        set(&options, settings[i],
            strcmp(settings[i], "tokens") == 0 ? NULL : settings[i + 1]);
    }
    return options;
}

static void test_refusals__defaults_are_taken(void **state)
{
    (void)state;
    attrib_error err = {0};
    const attrib_score_options options = with((const char *const[4]){NULL});
    for (int kind = 0; kind < N_KINDS; kind++) {
        check_ok(at_refuse_options((at_job_kind)kind, &options, &err), &err);
    }
}

static void test_refusals__each_is_refused_by_its_jobs_alone(void **state)
{
    (void)state;

    static const struct {
        const char *settings[4];
        const char *messages[N_KINDS]; /* NULL: taken */
    } cases[] = {
        {{"prefilter-sample", "5"},
         {[AT_JOB_OF_MODELS] = "prefilter-sample: it measures the ranking of one model",
          [AT_JOB_UNFILTERED] = "prefilter-sample: without prefilter there is nothing",
          [AT_QUESTION_TO_INDEX] = "prefilter-sample: a question to an index scores no"}},
        {{"query-rank", "4"},
         {[AT_JOB_OF_MODELS] = "query-rank: several models are scored with whole",
          [AT_QUESTION_TO_INDEX] = "query-rank: a question to an index takes whole"}},
        {{"precision", "bf16"},
         {[AT_JOB_OF_MODELS] = "precision: several models are scored in f32",
          [AT_QUESTION_TO_INDEX] = "precision: a question to an index takes f32"}},
        {{"tokens", ""},
         {[AT_JOB_WITH_BASELINES] = "tokens: it keeps the shares of all tokens",
          [AT_QUESTION_TO_INDEX] = "tokens: of a question to an index scores alone"}},
        {{"split", "kind"},
         {[AT_JOB_WITH_BASELINES] = "split: it keeps the scores of modules"}},
        {{"refine-steps", "7"},
         {[AT_JOB_UNREFINED] = "refine-steps: without refine there are no steps"}},
        {{"refine-damping", "10"},
         {[AT_JOB_UNREFINED] = "refine-damping: without refine it changes nothing"}},
        {{"refine-documents", "9"},
         {[AT_JOB_WITHOUT_PRODUCTS] = "refine-documents: without refine or scale"}},
        {{"prefilter-sample", "5", "precision", "bf16"},
         {[AT_ANY_JOB] = "prefilter-sample with precision: scores that are not in f32",
          [AT_JOB_OF_MODELS] = "prefilter-sample: ",
          [AT_JOB_UNFILTERED] = "prefilter-sample: ",
          [AT_QUESTION_TO_INDEX] = "precision: "}},
        {{"prefilter-sample", "5", "query-rank", "auto"},
         {[AT_ANY_JOB] = "prefilter-sample with query-rank: scores of cut queries",
          [AT_JOB_OF_MODELS] = "prefilter-sample: ",
          [AT_JOB_UNFILTERED] = "prefilter-sample: ",
          [AT_QUESTION_TO_INDEX] = "query-rank: "}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const attrib_score_options options = with(cases[i].settings);
        for (int kind = 0; kind < N_KINDS; kind++) {
            attrib_error err = {0};
            attrib_status status = at_refuse_options((at_job_kind)kind, &options, &err);
            if (cases[i].messages[kind]) {
                check_fails(status, ATTRIB_EINVAL, &err);
                check_message(&err, cases[i].messages[kind]);
            } else {
                check_ok(status, &err);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals__defaults_are_taken),
        cmocka_unit_test(test_refusals__each_is_refused_by_its_jobs_alone),
    };
    return run_cases(tests, NULL, NULL);
}
