/* SPDX-License-Identifier: MIT */
/* Every allocation of opening, running and generating fails: the right status,
 * nothing written, nothing leaked (run under ASan). */
#include <stdio.h>
#include <stdlib.h>

#include "support/made_model.h"
#include "support/oom.h"
#include "tiny.h"

/* Open, select, run, ask and continue; whatever was made is freed. */
static attrib_status use_model(const char *folder,
                               const char *adapter,
                               const tiny_batch *batch,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    at_decoder *decoder = NULL;
    size_t *tracked = NULL;
    size_t n = 0;
    double losses[3];
    double slopes[3];
    double logprobs[3];
    int32_t new_ids[4];
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.adapter = adapter;
    AT_TRY(attrib_model_open(folder, &options, &model, err));
    AT_TRY(attrib_model_select(model, "all", &tracked, &n, err));
    AT_TRY(at_decoder_new(model, tracked, n, &decoder, err));
    AT_TRY(at_decoder_run(decoder, &batch->batch, AT_LABELS_DATA, 0, made_ignore_pairs,
                          NULL, losses, err));
    at_decoder_free(decoder);
    decoder = NULL;
    AT_TRY(at_decoder_new(model, tracked, n, &decoder, err));
    AT_TRY(at_decoder_run_along(decoder, &batch->batch, made_no_direction, NULL, losses,
                                slopes, err));
    AT_TRY(attrib_model_logprobs(model, batch->ids, 4, logprobs, err));
    AT_TRY(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = batch->ids,
                                                     .n_tokens = 4,
                                                     .max_new = 4},
                              new_ids, &n, err));
done:
    at_decoder_free(decoder);
    free(tracked);
    attrib_model_close(model);
    return status;
}

/* Use a model with one allocation more each time, until all are there. */
static void starve(const char *folder, const char *adapter, const tiny_batch *batch)
{
    attrib_status status = ATTRIB_ENOMEM;
    size_t n_failed = 0;
    while (status != ATTRIB_OK) {
        attrib_error err = {0};
        oom_n_left = n_failed;
        status = use_model(folder, adapter, batch, &err);
        bool was_reached = oom_n_left == 0;
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
            assert_true(was_reached);
            n_failed++;
        }
    }
    assert_true(n_failed > 10);
}

static void test_memory__each_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        ref_decoder reference;
        tiny_options options = {.is_gpt2 = is_gpt2, .seed = 31, .is_tied = true};
        const size_t lengths[] = {4, 9, 1};
        tiny_batch batch;
        char folder[256];
        tiny_make(&reference, &options);
        tiny_batch_make(&batch, lengths, 3, 13, 31);
        make_scratch_folder(folder, sizeof folder);
        tiny_write(&reference, true, folder);
        starve(folder, NULL, &batch);
        remove_folder(folder);
        tiny_batch_free(&batch);
        ref_decoder_free_tensors(&reference);
    }
}

static void test_memory__each_allocation_for_an_adapter_may_fail(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-patterns", "llama-embedding",
                                        "llama-saved"};
    const size_t lengths[] = {4, 9, 1};
    tiny_batch batch;
    tiny_batch_make(&batch, lengths, 3, 13, 31);
    for (size_t i = 0; i < 3; i++) {
        char name[128];
        char path[512];
        snprintf(name, sizeof name, "tests/golden/adapter/%s", names[i]);
        snprintf(path, sizeof path, "%s", source_path(name));
        starve(path, i == 0 ? path : NULL, &batch);
    }
    tiny_batch_free(&batch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__each_allocation_may_fail),
        cmocka_unit_test(test_memory__each_allocation_for_an_adapter_may_fail),
    };
    return run_cases(tests, NULL, NULL);
}
