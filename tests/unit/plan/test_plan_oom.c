/* SPDX-License-Identifier: MIT */
/* Every allocation of an outline and of a plan fails once: the status is ENOMEM, the
 * outputs stay as they were, and nothing leaks (which AddressSanitizer sees). */
#include <string.h>

#include "attrib/plan.h"
#include "support/check.h"
#include "support/oom.h"

static attrib_status make(attrib_plan *plan, attrib_error *err)
{
    const attrib_shape shape = {.size = sizeof shape,
                                .n_layers = 2,
                                .width = 8,
                                .mlp_width = 16,
                                .n_heads = 2,
                                .n_vocabulary = 32,
                                .context = 64};
    attrib_volume volume = attrib_volume_even(4, 100, 64);
    attrib_score_options score;
    attrib_work work;
    attrib_score_options_default(&score);
    attrib_work_default(&work);
    work.score = &score;
    work.fitted = work.scored = volume;
    work.n_queries = 3;
    work.query_tokens = 9;
    score.query_rank = 2;
    score.top = 2;
    attrib_machine machine;
    attrib_model *model = NULL;
    attrib_machine_default(&machine);
    machine.n_cores = 2;
    machine.flops = 1e9;
    attrib_status status = attrib_outline_new(&shape, &model, err);
    if (status == ATTRIB_OK) {
        status = attrib_plan_make(model, &work, &machine, plan, err);
    } else {
        assert_null(model);
    }
    attrib_model_close(model);
    return status;
}

static void test_plan__fails_cleanly_without_memory(void **state)
{
    (void)state;
    attrib_plan untouched;
    attrib_status status = ATTRIB_ENOMEM;
    size_t n_failed = 0;
    memset(&untouched, 7, sizeof untouched);
    for (size_t k = 0; status != ATTRIB_OK; k++) {
        attrib_error err = {0};
        attrib_plan plan = untouched;
        oom_n_left = k;
        status = make(&plan, &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            assert_int_equal(status, ATTRIB_ENOMEM);
            assert_memory_equal(&plan, &untouched, sizeof plan);
            n_failed++;
        }
    }
    assert_true(n_failed > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__fails_cleanly_without_memory),
    };
    return run_cases(tests, NULL, NULL);
}
