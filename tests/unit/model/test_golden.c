/* SPDX-License-Identifier: MIT */
/* Log-probabilities and whole-model gradients against PyTorch's
 * (scripts/make-model-fixtures): real checkpoints as transformers writes them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden_fixture.h"

static void test_golden__matches_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        print_message("%s\n", fixtures[i].name);
        open_golden(&g, fixtures[i].name, false);
        check_logprobs(&g);
        check_gradients(&g);
        close_golden(&g);
    }
}

/* One row of directions.json as what the first sequence measures. */
static void read_direction(const json_t *row,
                           size_t n_tokens,
                           attrib_direction *out,
                           float *values,
                           uint8_t *positions)
{
    const json_t *numbers = json_object_get(row, "values");
    const json_t *places = json_object_get(row, "positions");
    memset(positions, 0, MAX_TOKENS);
    for (size_t i = 0; i < json_array_size(numbers); i++) {
        values[i] = (float)json_number_value(json_array_get(numbers, i));
    }
    for (size_t i = 0; i < json_array_size(places); i++) {
        json_int_t place = json_integer_value(json_array_get(places, i));
        positions[place < 0 ? place + (json_int_t)n_tokens : place] = 1;
    }
    *out = (attrib_direction){
        .values = values,
        .n_values = json_array_size(numbers),
        .layer = (size_t)json_integer_value(json_object_get(row, "layer")),
        .positions = positions};
}

/* The gradient of each map that PyTorch has one for; the others have none. */
static void check_direction(const golden *g, const json_t *row, const at_tensors *want)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_decoder *decoder = NULL;
    tiny_gradients gradients;
    double losses[8];
    double f = json_number_value(json_object_get(row, "f"));
    check_ok(attrib_model_select(g->model, "all", &tracked, &n_tracked, &err), &err);
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(&gradients, g->model, tracked, n_tracked);
    const at_batch batch = {1, g->sequences, g->first_row};
    check_ok(tiny_run(&gradients, decoder, &batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    check_close_f64(losses, &(double){-f}, 1, 1e-5, 1e-5, "-f");
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, m);
        size_t n = module->out_dim * module->in_dim;
        double *values = calloc(n, sizeof *values);
        char name[256];
        snprintf(name, sizeof name, "%zu.%s", g->sequences[0].direction->layer,
                 module->name);
        const at_tensor *tensor = at_tensors_find(want, name);
        assert_int_equal(tensor != NULL,
                         module->layer < g->sequences[0].direction->layer);
        if (tensor) {
            check_ok(at_tensor_to_f64(tensor, 0, n, values, &err), &err);
        }
        double distance = tensor ? tiny_distance(gradients.values[m], values, n) : 0;
        for (size_t j = 0; !tensor && j < n; j++) {
            assert_true(gradients.values[m][j] == 0);
        }
        if (!(distance < 3e-5)) { /* as of check_gradients() */
            fail_msg("%s: off by %g of its largest entry", name, distance);
        }
        free(values);
    }
    tiny_gradients_free(&gradients);
    at_decoder_free(decoder);
    free(tracked);
}

/* Hidden states as transformers counts them, in every layer. */
static void test_golden__directions_match_pytorch(void **state)
{
    (void)state;
    static const char *const names[] = {"gemma2", "gpt-neox", "gpt2-tied"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden g = {0};
        attrib_error err = {0};
        char path[256];
        json_t *root = NULL;
        at_tensors *want = NULL;
        open_golden(&g, names[i], false);
        snprintf(path, sizeof path, "tests/golden/model/%s/directions.json", names[i]);
        check_ok(at_json_read(source_path(path), (size_t)1 << 20, &root, &err), &err);
        snprintf(path, sizeof path, "tests/golden/model/%s/directions.safetensors",
                 names[i]);
        check_ok(at_tensors_open(source_path(path), &want, &err), &err);
        const json_t *rows = json_object_get(root, "rows");
        assert_int_equal(json_array_size(rows), 2);
        for (size_t k = 0; k < 2; k++) {
            attrib_direction direction;
            float values[64];
            uint8_t positions[MAX_TOKENS];
            const json_t *row = json_array_get(rows, k);
            read_direction(row, g.sequences[0].n_tokens, &direction, values, positions);
            g.sequences[0].direction = &direction;
            check_direction(&g, row, want);
        }
        at_tensors_close(want);
        json_decref(root);
        close_golden(&g);
    }
}

/* The same weights in a GGUF file, whose tensors have other names, orders and signs of
 * settings, are the same model: module names, log-probabilities and gradients. */
static void test_golden__gguf_matches_pytorch(void **state)
{
    (void)state;
    static const char *const names[] = {
        "llama-gqa-untied",
        "llama-tied-bf16",
        "llama-bias-head-dim-f16",
        "llama-rope-linear",
        "llama-rope-yarn",
        "llama-longrope",
        "qwen3-bias",
        "olmo-clip",
        "olmo2",
        "olmo3-window",
        "gemma",
        "phi",
        "phi3-window",
        "phi3-longrope",
        "gpt-neox",
        "gpt-neox-sequential",
        "gpt2-tied",
        "gpt2-inner-f16",
        "granite",
        "stablelm",
        "falcon",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        golden g = {0};
        print_message("%s\n", names[i]);
        open_golden(&g, names[i], true);
        check_logprobs(&g);
        check_gradients(&g);
        close_golden(&g);
    }
}

/* Gradients of all maps with at most `limit` bytes of scratch where that can be; the
 * bytes that there were. */
static size_t run_kept(const golden *g,
                       const size_t *tracked,
                       size_t n_tracked,
                       size_t limit,
                       at_kept *kept,
                       tiny_gradients *gradients)
{
    attrib_error err = {0};
    double losses[8];
    at_decoder *decoder = NULL;
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    at_decoder_skip_uncounted(decoder, g->skips_uncounted);
    decoder->kept_limit = (double)limit;
    tiny_gradients_make(gradients, g->model, tracked, n_tracked);
    check_ok(tiny_run(gradients, decoder, &g->batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    *kept = decoder->kept;
    size_t n_bytes = decoder->bank_bytes;
    at_decoder_free(decoder);
    return n_bytes;
}

/* Gradients have the same bytes where all is kept, where nothing is that can be made
 * again, and where some layers make their MLP's again and some do not. */
static void check_remade(const golden *g)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    size_t n_layers = g->model->config.n_layers;
    size_t bytes[3] = {0};
    at_kept kept[3];
    tiny_gradients gradients[3];
    check_ok(attrib_model_select(g->model, "all", &tracked, &n_tracked, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        size_t limit = i == 0 ? SIZE_MAX : i == 1 ? 0 : (bytes[0] + bytes[1]) / 2;
        bytes[i] = run_kept(g, tracked, n_tracked, limit, &kept[i], &gradients[i]);
    }
    assert_true(kept[0].qkv_from == 0 && kept[0].mlp_from == 0);
    assert_true(kept[1].qkv_from == n_layers && kept[1].mlp_from == n_layers);
    assert_true(kept[2].qkv_from == n_layers);
    assert_true(n_layers == 1 || bytes[1] < bytes[0]);
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, m);
        size_t n = module->in_dim * module->out_dim * sizeof(double);
        assert_memory_equal(gradients[0].values[m], gradients[1].values[m], n);
        assert_memory_equal(gradients[0].values[m], gradients[2].values[m], n);
    }
    for (size_t i = 0; i < 3; i++) {
        tiny_gradients_free(&gradients[i]);
    }
    free(tracked);
}

/* PyTorch's gradients again, without rows that do not count where these have none. */
static void test_golden__rows_that_count_are_enough(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        print_message("%s\n", fixtures[i].name);
        open_golden(&g, fixtures[i].name, false);
        skip_uncounted(&g);
        check_gradients(&g);
        check_remade(&g);
        close_golden(&g);
    }
}

static void test_golden__remade_activations_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        open_golden(&g, fixtures[i].name, false);
        check_remade(&g);
        close_golden(&g);
    }
}

static void collect_gradients(const golden *g,
                              const size_t *tracked,
                              size_t n_tracked,
                              tiny_gradients *out)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    double losses[8];
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(out, g->model, tracked, n_tracked);
    check_ok(tiny_run(out, decoder, &g->batch, AT_LABELS_DATA, 0, losses, &err), &err);
    at_decoder_free(decoder);
}

/* Wherever the backward pass stops, a map's gradient has the same bytes. */
static void test_golden__a_map_alone_has_the_same_gradient(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        size_t *tracked = NULL;
        size_t n_tracked = 0;
        tiny_gradients all;
        open_golden(&g, fixtures[i].name, false);
        check_ok(attrib_model_select(g.model, "all", &tracked, &n_tracked, &err), &err);
        collect_gradients(&g, tracked, n_tracked, &all);
        for (size_t m = 0; m < n_tracked; m++) {
            const attrib_module *module = attrib_model_module(g.model, tracked[m]);
            size_t n_bytes = module->in_dim * module->out_dim * sizeof(double);
            tiny_gradients alone;
            collect_gradients(&g, &tracked[m], 1, &alone);
            assert_memory_equal(alone.values[0], all.values[m], n_bytes);
            tiny_gradients_free(&alone);
        }
        tiny_gradients_free(&all);
        free(tracked);
        close_golden(&g);
    }
}

/* Greedy text with the key-value cache is the text of one token at a time, each from a
 * pass over all before it. */
static void test_golden__cached_text_is_the_recomputed(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        int32_t cached[MAX_TOKENS];
        int32_t ids[MAX_TOKENS];
        size_t n = 0;
        size_t n_new = 0;
        open_golden(&g, fixtures[i].name, false);
        memcpy(ids, g.ids[0], 3 * sizeof *ids);
        check_ok(attrib_model_generate(
                     g.model,
                     &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                            .ids = ids,
                                            .n_tokens = 3,
                                            .max_new = MAX_TOKENS},
                     cached, &n, &err),
                 &err);
        assert_int_equal(n, MAX_TOKENS - 3); /* up to the context */
        for (size_t t = 3; t < MAX_TOKENS; t++) {
            check_ok(attrib_model_generate(
                         g.model,
                         &(attrib_generate_job){.size = sizeof(attrib_generate_job),
                                                .ids = ids,
                                                .n_tokens = t,
                                                .max_new = 1},
                         ids + t, &n_new, &err),
                     &err);
            assert_int_equal(n_new, 1);
        }
        assert_memory_equal(cached, ids + 3, n * sizeof *cached);
        close_golden(&g);
    }
}

static void test_golden__describes_what_it_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        open_golden(&g, fixtures[i].name, false);
        const attrib_model_info *info = attrib_model_describe(g.model);
        assert_string_equal(info->architecture, fixtures[i].architecture);
        assert_int_equal(info->dtype, fixtures[i].dtype);
        assert_int_equal(info->is_head_tied, fixtures[i].is_head_tied);
        assert_int_equal(info->n_kv_heads, fixtures[i].n_kv_heads);
        assert_int_equal(info->head_dim, fixtures[i].head_dim);
        assert_int_equal(info->mlp_width, fixtures[i].mlp_width);
        assert_int_equal(info->width, fixtures[i].width);
        assert_int_equal(info->n_layers, 2);
        assert_int_equal(info->n_vocabulary, fixtures[i].n_vocabulary);
        assert_int_equal(info->context, 24);
        assert_int_equal(info->weight_bytes,
                         info->n_parameters * attrib_dtype_bytes(info->dtype));
        assert_int_equal(strlen(attrib_model_hash(g.model)), 32);
        close_golden(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden__matches_pytorch),
        cmocka_unit_test(test_golden__a_map_alone_has_the_same_gradient),
        cmocka_unit_test(test_golden__rows_that_count_are_enough),
        cmocka_unit_test(test_golden__directions_match_pytorch),
        cmocka_unit_test(test_golden__gguf_matches_pytorch),
        cmocka_unit_test(test_golden__remade_activations_give_the_same_bytes),
        cmocka_unit_test(test_golden__cached_text_is_the_recomputed),
        cmocka_unit_test(test_golden__describes_what_it_read),
    };
    return run_cases(tests, NULL, NULL);
}
