/* SPDX-License-Identifier: MIT */
/* Models from GGUF files, and weights that are kept as their files hold them: the same
 * model as from a Hugging Face folder, and the same bytes of results however weights are
 * held. */
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "model/model.h"
#include "tiny.h"

#define STORIES "models/stories260K/"
#define MAX_IDS 64

static attrib_model *open_held(const char *path, attrib_weights weights)
{
    attrib_model_options options;
    attrib_model *model = NULL;
    attrib_error err = {0};
    attrib_model_options_default(&options);
    options.weights = weights;
    check_ok(attrib_model_open(path, &options, &model, &err), &err);
    return model;
}

static void path_of(char *path, size_t size, const char *name, const char *suffix)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/gguf/%s%s", name, suffix);
    snprintf(path, size, "%s", source_path(relative));
}

/* 1. The same model from either kind of file */

/* Epsilons and bases are f32 in GGUF files, 6e-8 off; logits are of some ten. */
static void check_same_model(const attrib_model *a, const attrib_model *b)
{
    int32_t ids[20];
    double got[20];
    double want[20];
    attrib_error err = {0};
    uint64_t seed = 5;
    size_t n_vocabulary = attrib_model_describe(a)->n_vocabulary;
    for (size_t t = 0; t < 20; t++) {
        ids[t] = (int32_t)(tiny_random(&seed) * (double)n_vocabulary);
    }
    check_ok(attrib_model_logprobs(a, ids, 20, want, &err), &err);
    check_ok(attrib_model_logprobs(b, ids, 20, got, &err), &err);
    /* The same weights, where sums of up to 24 terms may go another way: sqrt(24) 2^-24 =
     * 3e-7 of a number, a few times over. */
    check_close_f64(got, want, 19, 1e-6, 1e-6, "logprobs");
    assert_int_equal(attrib_model_n_modules(a), attrib_model_n_modules(b));
    for (size_t i = 0; i < attrib_model_n_modules(a); i++) {
        assert_string_equal(attrib_model_module(a, i)->name,
                            attrib_model_module(b, i)->name);
    }
}

static void test_gguf__other_settings_are_those_of_a_folder(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-rope-llama3", "gemma2",         "gemma3",
        "qwen2-window",      "smollm3-window", "starcoder2-window"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024];
        print_message("%s\n", names[i]);
        path_of(path, sizeof path, names[i], "");
        attrib_model *folder = open_held(path, ATTRIB_WEIGHTS_F32);
        path_of(path, sizeof path, names[i], ".gguf");
        attrib_model *file = open_held(path, ATTRIB_WEIGHTS_FILE);
        check_same_model(folder, file);
        attrib_model_close(folder);
        attrib_model_close(file);
    }
}

/* 2. stories260K, which llama.cpp runs */

static void read_expected(
    const char *file, const char *key, int32_t *ids, double *logprobs, size_t *n)
{
    attrib_error err = {0};
    json_t *root = NULL;
    check_ok(at_json_read(asset_path(file), 1 << 20, &root, &err), &err);
    const json_t *list = json_object_get(root, "ids");
    const json_t *values = json_object_get(root, "logprob_next");
    values = key ? json_object_get(values, key) : values;
    *n = json_array_size(list);
    assert_in_range(*n, 2, MAX_IDS);
    assert_int_equal(json_array_size(values), *n - 1);
    for (size_t t = 0; t < *n; t++) {
        ids[t] = (int32_t)json_integer_value(json_array_get(list, t));
    }
    for (size_t t = 0; t + 1 < *n; t++) {
        logprobs[t] = json_number_value(json_array_get(values, t));
    }
    json_decref(root);
}

/* The tolerance is that of the same model from its folder (test_generate.c): f32 through
 * five layers against f64 on the same dequantised weights. */
static void test_gguf__stories_logprobs(void **state)
{
    (void)state;
    need_assets();

    static const struct {
        const char *name, *expected, *key;
        attrib_dtype dtype;
    } files[] = {
        {"stories260K.gguf", "expected_logprobs_fp64.json", NULL, ATTRIB_F32},
        {"stories260K-F16.gguf", "expected_logprobs_fp64_quantized.json",
         "stories260K-F16.gguf", ATTRIB_F16},
        {"stories260K-mixed-Q4_1-Q8_0-F32.gguf", "expected_logprobs_fp64_quantized.json",
         "stories260K-mixed-Q4_1-Q8_0-F32.gguf", ATTRIB_Q8_0},
    };

    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[256];
        attrib_error err = {0};
        int32_t ids[MAX_IDS];
        double want[MAX_IDS];
        double got[MAX_IDS];
        size_t n = 0;
        snprintf(path, sizeof path, STORIES "%s", files[i].expected);
        read_expected(path, files[i].key, ids, want, &n);
        snprintf(path, sizeof path, STORIES "%s", files[i].name);
        attrib_model *model = open_held(asset_path(path), ATTRIB_WEIGHTS_FILE);
        check_ok(attrib_model_logprobs(model, ids, n, got, &err), &err);
        /* five layers and logits of about 20: see test_generate__stories_logprobs */
        check_close_f64(got, want, n - 1, 1e-5, 2e-5, files[i].name);
        const attrib_model_info *info = attrib_model_describe(model);
        assert_int_equal(info->dtype, files[i].dtype);
        assert_int_equal(info->context, 2048); /* as the file says */
        attrib_model_close(model);
    }
}

static void test_gguf__stories_greedy_ids(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    int32_t ids[MAX_IDS];
    int32_t got[MAX_IDS];
    double logprobs[MAX_IDS];
    size_t n = 0;
    size_t n_new = 0;
    read_expected(STORIES "expected_logprobs_fp64.json", NULL, ids, logprobs, &n);
    attrib_model *model =
        open_held(asset_path(STORIES "stories260K.gguf"), ATTRIB_WEIGHTS_FILE);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = ids,
                                                     .n_tokens = 1,
                                                     .max_new = n - 1},
                              got, &n_new, &err),
        &err);
    assert_int_equal(n_new, n - 1);
    assert_memory_equal(got, ids + 1, n_new * sizeof *got);
    attrib_model_close(model);
}

/* 3. However weights are held */

/* A hash of everything that a model computes: log-probabilities, a continuation, and
 * gradients of all maps. */
static void fingerprint(const attrib_model *model, char out[AT_HASH_SIZE])
{
    const size_t lengths[] = {7, 12, 1};
    attrib_error err = {0};
    tiny_batch batch;
    tiny_gradients gradients;
    at_decoder *decoder = NULL;
    at_hash *hash = NULL;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    size_t n_new = 0;
    double losses[3];
    double logprobs[12];
    int32_t new_ids[6];
    tiny_batch_make(&batch, lengths, 3, attrib_model_describe(model)->n_vocabulary, 3);
    check_ok(at_hash_new(&hash, &err), &err);
    check_ok(attrib_model_logprobs(model, batch.ids + 7, 12, logprobs, &err), &err);
    at_hash_add(hash, logprobs, 11 * sizeof *logprobs);
    check_ok(
        attrib_model_generate(model,
                              &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                     .ids = batch.ids,
                                                     .n_tokens = 7,
                                                     .max_new = 6},
                              new_ids, &n_new, &err),
        &err);
    at_hash_add(hash, new_ids, n_new * sizeof *new_ids);
    check_ok(attrib_model_select(model, "all", &tracked, &n_tracked, &err), &err);
    check_ok(at_decoder_new(model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(&gradients, model, tracked, n_tracked);
    check_ok(tiny_run(&gradients, decoder, &batch.batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    for (size_t i = 0; i < n_tracked; i++) {
        const attrib_module *module = attrib_model_module(model, i);
        at_hash_add(hash, gradients.values[i],
                    module->in_dim * module->out_dim * sizeof(double));
    }
    at_hash_digest(hash, out);
    at_hash_free(hash);
    tiny_gradients_free(&gradients);
    at_decoder_free(decoder);
    free(tracked);
    tiny_batch_free(&batch);
}

static void check_held(const char *path)
{
    char in_file[AT_HASH_SIZE];
    char in_memory[AT_HASH_SIZE];
    attrib_model *model = open_held(path, ATTRIB_WEIGHTS_FILE);
    fingerprint(model, in_file);
    attrib_model_close(model);
    model = open_held(path, ATTRIB_WEIGHTS_F32);
    assert_int_equal(model->n_widened, 0);
    fingerprint(model, in_memory);
    attrib_model_close(model);
    assert_string_equal(in_file, in_memory);
}

static void test_gguf__results_do_not_depend_on_how_weights_are_held(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-gqa-untied.gguf", "llama-tied-bf16.gguf", "gpt-neox.gguf",
        "gpt2-inner-f16.gguf",   "phi3-window.gguf",     "gemma2",
    };
    char path[1024];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(path, sizeof path, names[i], "");
        check_held(path);
    }
    snprintf(path, sizeof path, "%s", source_path("tests/golden/model/gpt2-inner-f16"));
    check_held(path); /* transposed */
    if (asset_path("README.md")) {
        snprintf(path, sizeof path, "%s",
                 asset_path(STORIES "stories260K-mixed-Q4_1-Q8_0-F32.gguf"));
        check_held(path);
    }
}

/* Queries, keys and values in one tensor, with biases and with paired rows. */
static void test_gguf__joined_maps_are_the_same_model(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-rope-linear", "phi"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[1024];
        char apart[AT_HASH_SIZE];
        char joined[AT_HASH_SIZE];
        path_of(path, sizeof path, names[i], ".gguf");
        attrib_model *model = open_held(path, ATTRIB_WEIGHTS_FILE);
        fingerprint(model, apart);
        attrib_model_close(model);
        path_of(path, sizeof path, names[i], "-joined.gguf");
        model = open_held(path, ATTRIB_WEIGHTS_FILE);
        fingerprint(model, joined);
        attrib_model_close(model);
        assert_string_equal(apart, joined);
        check_held(path);
    }
}

/* F32 maps are used where they lie, but for those whose rows the file orders otherwise;
 * others stay in their type. */
static void test_gguf__weights_stay_where_they_are(void **state)
{
    (void)state;
    char path[1024];
    path_of(path, sizeof path, "llama-gqa-untied", ".gguf");
    attrib_model *model = open_held(path, ATTRIB_WEIGHTS_FILE);
    const at_layer *layer = &model->layers[0];
    assert_true(model->embedding.values && !model->embedding.own);
    assert_true(model->head.weight.values && !model->head.weight.own);
    assert_true(layer->maps[AT_MAP_V].weight.values && !layer->maps[AT_MAP_V].weight.own);
    assert_true(layer->maps[AT_MAP_Q].weight.tensor && !layer->maps[AT_MAP_Q].weight.own);
    attrib_model_close(model);
    path_of(path, sizeof path, "gpt-neox", ".gguf"); /* F16, untied */
    model = open_held(path, ATTRIB_WEIGHTS_FILE);
    layer = &model->layers[0];
    assert_true(model->embedding.tensor && !model->embedding.own);
    assert_true(model->head.weight.tensor && !model->head.weight.own);
    assert_true(layer->maps[AT_MAP_UP].weight.tensor &&
                !layer->maps[AT_MAP_UP].weight.own);
    assert_int_equal(model->n_widened, 16 * 48); /* query_key_value */
    attrib_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf__other_settings_are_those_of_a_folder),
        cmocka_unit_test(test_gguf__stories_logprobs),
        cmocka_unit_test(test_gguf__stories_greedy_ids),
        cmocka_unit_test(test_gguf__results_do_not_depend_on_how_weights_are_held),
        cmocka_unit_test(test_gguf__joined_maps_are_the_same_model),
        cmocka_unit_test(test_gguf__weights_stay_where_they_are),
    };
    return run_cases(tests, NULL, NULL);
}
