/* SPDX-License-Identifier: MIT */
/* stories260K, a trained model: log-probabilities, greedy text, pairs of real gradients;
 * and the key-value cache against the pass without one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/tokenizer.h"
#include "base/file.h"
#include "format/json.h"
#include "tiny.h"

#define STORIES "models/stories260K/"

static attrib_model *open_stories(void)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_ok(attrib_model_open(asset_path(STORIES "hf"), NULL, &model, &err), &err);
    return model;
}

static void read_expected(json_t **root, int32_t *ids, double *logprobs, size_t *n)
{
    attrib_error err = {0};
    check_ok(at_json_read(asset_path(STORIES "expected_logprobs_fp64.json"), 1 << 20,
                          root, &err),
             &err);
    const json_t *list = json_object_get(*root, "ids");
    const json_t *values = json_object_get(*root, "logprob_next");
    *n = json_array_size(list);
    assert_in_range(*n, 2, 64);
    assert_int_equal(json_array_size(values), *n - 1);
    for (size_t t = 0; t < *n; t++) {
        ids[t] = (int32_t)json_integer_value(json_array_get(list, t));
    }
    for (size_t t = 0; t + 1 < *n; t++) {
        logprobs[t] = json_number_value(json_array_get(values, t));
    }
}

/* Five layers, each of which rounds the residual stream by some 6e-8 of its size a few
 * times, and logits of about 20: 20 * sqrt(30) * 6e-8 = 7e-6 of a logit. */
static void test_generate__stories_logprobs(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_model *model = open_stories();
    json_t *root = NULL;
    int32_t ids[64];
    double want[64];
    double got[64];
    size_t n = 0;
    read_expected(&root, ids, want, &n);
    check_ok(attrib_model_logprobs(model, ids, n, got, &err), &err);
    check_close_f64(got, want, n - 1, 1e-5, 2e-5, "logprobs");
    json_decref(root);
    attrib_model_close(model);
}

static void test_generate__stories_greedy_text(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_model *model = open_stories();
    attrib_tokenizer *tokenizer = NULL;
    at_buffer expected = {0};
    int32_t ids[256] = {1};
    size_t n_new = 0;
    char *text = NULL;
    size_t n_bytes = 0;
    check_ok(attrib_tokenizer_open(asset_path(STORIES "hf"), &tokenizer, &err), &err);
    check_ok(
        at_read_file(asset_path(STORIES "expected_greedy.txt"), 1 << 20, &expected, &err),
        &err);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = ids,
                                                     .n_tokens = 1,
                                                     .max_new = 255},
                              ids + 1, &n_new, &err),
        &err);
    assert_int_equal(n_new, 255);
    check_ok(attrib_tokenizer_decode(tokenizer, (attrib_ids){ids, 1 + n_new}, true, &text,
                                     &n_bytes, &err),
             &err);
    while (expected.n_bytes && expected.bytes[expected.n_bytes - 1] == '\n') {
        expected.n_bytes--;
    }
    const char *begin = text;
    while (*begin == ' ') {
        begin++;
    }
    size_t n = strlen(begin) < expected.n_bytes ? strlen(begin) : expected.n_bytes;
    assert_true(n > 400);
    assert_memory_equal(begin, expected.bytes, n);
    free(text);
    at_buffer_free(&expected);
    attrib_tokenizer_close(tokenizer);
    attrib_model_close(model);
}

/* Packed with others or alone, a trained model's gradients agree to f32's rounding. */
static void test_generate__stories_packing(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_model *model = open_stories();
    const size_t lengths[] = {100, 7, 130, 64};
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    double losses[4];
    double alone_losses[4];
    tiny_batch batch;
    tiny_gradients packed;
    tiny_gradients alone;
    at_decoder *decoder = NULL;
    check_ok(attrib_model_select(model, "mlp", &tracked, &n_tracked, &err), &err);
    check_ok(at_decoder_new(model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(&packed, model, tracked, n_tracked);
    tiny_gradients_make(&alone, model, tracked, n_tracked);
    tiny_batch_make(&batch, lengths, 4, 512, 3);
    check_ok(tiny_run(&packed, decoder, &batch.batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    for (size_t i = 4; i-- > 0;) {
        size_t first_row[2] = {0, lengths[i]};
        at_batch single = {1, &batch.sequences[i], first_row};
        check_ok(
            tiny_run(&alone, decoder, &single, AT_LABELS_DATA, 0, &alone_losses[i], &err),
            &err);
    }
    /* Sums of the same f32 numbers in another order: of 64 in a logit, sqrt(64) 2^-24 =
     * 5e-7 of it; of up to 130 rows in a gradient, sqrt(130) 2^-24 = 7e-7. An eighth of
     * what is allowed is measured. */
    check_close_f64(losses, alone_losses, 4, 1e-6, 0, "losses");
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(model, tracked[m]);
        double distance = tiny_distance(packed.values[m], alone.values[m],
                                        module->in_dim * module->out_dim);
        if (!(distance < 1e-6)) {
            fail_msg("%s: differs by %g of its largest entry", module->name, distance);
        }
    }
    tiny_gradients_free(&packed);
    tiny_gradients_free(&alone);
    tiny_batch_free(&batch);
    at_decoder_free(decoder);
    free(tracked);
    attrib_model_close(model);
}

/* Each written token is the likeliest by the reference, given those before it, unless
 * another is ahead by less than f32 rounds logits of size 1 to 4: four times sqrt(16)
 * 2^-24 for sums of 16 terms. */
static void test_generate__tokens_are_the_likeliest(void **state)
{
    (void)state;
    for (size_t is_gpt2 = 0; is_gpt2 < 2; is_gpt2++) {
        ref_decoder reference;
        tiny_options options = {.is_gpt2 = is_gpt2, .has_biases = true, .seed = 11};
        attrib_error err = {0};
        int32_t ids[16] = {3, 1, 4, 1, 5};
        size_t n_new = 0;
        tiny_make(&reference, &options);
        attrib_model *model = tiny_open(&reference, false);
        check_ok(attrib_model_generate(
                     model,
                     &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                            .ids = ids,
                                            .n_tokens = 5,
                                            .max_new = 100},
                     ids + 5, &n_new, &err),
                 &err);
        assert_int_equal(n_new, 11); /* up to the context */
        for (size_t t = 5; t < 16; t++) {
            double logprobs[13];
            for (int32_t v = 0; v < 13; v++) {
                int32_t targets[16];
                double of_row[16];
                memset(targets, 0xff, sizeof targets);
                targets[t] = v;
                ref_decoder_logprobs(&reference, ids, targets, t + 1, of_row);
                logprobs[v] = of_row[t - 1];
            }
            for (size_t v = 0; v < 13; v++) {
                assert_true(logprobs[ids[t]] >= logprobs[v] - 1e-6);
            }
        }
        attrib_model_close(model);
        ref_decoder_free_tensors(&reference);
    }
}

/* A model that finds all tokens as likely writes the one with the smallest id. */
static void test_generate__the_smallest_of_equals(void **state)
{
    (void)state;
    ref_decoder reference;
    tiny_options options = {.seed = 12, .is_tied = true};
    attrib_error err = {0};
    const int32_t prompt[2] = {2, 7};
    int32_t written[4] = {-1, -1, -1, -1};
    size_t n = 0;
    tiny_make(&reference, &options);
    ref_tensor *embedding = ref_decoder_find(&reference, "model.embed_tokens.weight");
    memset(embedding->values, 0,
           embedding->shape[0] * embedding->shape[1] * sizeof *embedding->values);
    attrib_model *model = tiny_open(&reference, true);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = prompt,
                                                     .n_tokens = 2,
                                                     .max_new = 4},
                              written, &n, &err),
        &err);
    assert_int_equal(n, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(written[i], 0);
    }
    attrib_model_close(model);
    ref_decoder_free_tensors(&reference);
}

static void test_generate__stops(void **state)
{
    (void)state;
    ref_decoder reference;
    tiny_options options = {.seed = 12};
    attrib_error err = {0};
    int32_t all[16] = {2, 7};
    int32_t stopped[16];
    size_t n_all = 0;
    size_t n = 99;
    tiny_make(&reference, &options);
    attrib_model *model = tiny_open(&reference, false);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = all,
                                                     .n_tokens = 2,
                                                     .max_new = 6},
                              all + 2, &n_all, &err),
        &err);
    assert_int_equal(n_all, 6);
    size_t first = 0; /* where the fourth token comes first */
    while (all[2 + first] != all[5]) {
        first++;
    }
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = all,
                                                     .n_tokens = 2,
                                                     .max_new = 6,
                                                     .stop_ids = &all[5],
                                                     .n_stop_ids = 1},
                              stopped, &n, &err),
        &err);
    assert_int_equal(n, first);
    assert_memory_equal(stopped, all + 2, n * sizeof *stopped);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = all,
                                                     .n_tokens = 2,
                                                     .max_new = 0},
                              stopped, &n, &err),
        &err);
    assert_int_equal(n, 0);
    const int32_t full[16] = {0};
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = full,
                                                     .n_tokens = 16,
                                                     .max_new = 5},
                              stopped, &n, &err),
        &err);
    assert_int_equal(n, 0);
    attrib_model_close(model);
    ref_decoder_free_tensors(&reference);
}

static void test_generate__refuses_what_does_not_fit(void **state)
{
    (void)state;
    ref_decoder reference;
    tiny_options options = {.seed = 13};
    int32_t ids[17] = {0};
    int32_t out[4];
    double logprobs[17];
    size_t n = 0;
    tiny_make(&reference, &options);
    attrib_model *model = tiny_open(&reference, false);
    attrib_error err = {0};
    check_fails(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = ids,
                                                     .n_tokens = 17,
                                                     .max_new = 4},
                              out, &n, &err),
        ATTRIB_ERANGE, &err);
    check_message(&err, "17 tokens exceeds the model's context of 16");
    err = (attrib_error){0};
    check_fails(attrib_model_logprobs(model, ids, 17, logprobs, &err), ATTRIB_ERANGE,
                &err);
    err = (attrib_error){0};
    check_fails(attrib_model_logprobs(model, ids, 0, logprobs, &err), ATTRIB_ERANGE,
                &err);
    ids[1] = 13;
    err = (attrib_error){0};
    check_fails(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = ids,
                                                     .n_tokens = 2,
                                                     .max_new = 4},
                              out, &n, &err),
        ATTRIB_ERANGE, &err);
    check_message(&err, "id 13 is outside the vocabulary of 13");
    attrib_model_close(model);
    ref_decoder_free_tensors(&reference);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_generate__stories_logprobs),
        cmocka_unit_test(test_generate__stories_greedy_text),
        cmocka_unit_test(test_generate__stories_packing),
        cmocka_unit_test(test_generate__tokens_are_the_likeliest),
        cmocka_unit_test(test_generate__the_smallest_of_equals),
        cmocka_unit_test(test_generate__stops),
        cmocka_unit_test(test_generate__refuses_what_does_not_fit),
    };
    return run_cases(tests, NULL, NULL);
}
