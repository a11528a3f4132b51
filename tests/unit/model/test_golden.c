/* SPDX-License-Identifier: MIT */
/* Log-probabilities and whole-model gradients against PyTorch's
 * (scripts/make-model-fixtures): real checkpoints as transformers writes them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "format/json.h"
#include "format/safetensors.h"
#include "model/layers.h"
#include "tiny.h"

#define MAX_TOKENS 24

typedef struct golden {
    attrib_model *model;
    json_t *rows; /* expected.json's "sequences" */
    json_t *root;
    at_tensors *gradients;
    int32_t ids[8][MAX_TOKENS];
    uint8_t mask[8][MAX_TOKENS];
    attrib_sequence sequences[8];
    size_t first_row[9];
    at_batch batch;
} golden;

static void path_of(char *path, size_t size, const char *name, const char *file)
{
    char relative[256];
    snprintf(relative, sizeof relative, "tests/golden/model/%s%s", name, file);
    snprintf(path, size, "%s", source_path(relative));
}

static void read_sequences(golden *g)
{
    g->batch = (at_batch){json_array_size(g->rows), g->sequences, g->first_row};
    assert_in_range(g->batch.n_sequences, 1, 8);
    g->first_row[0] = 0;
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        const json_t *ids = json_object_get(json_array_get(g->rows, i), "ids");
        const json_t *mask = json_object_get(json_array_get(g->rows, i), "mask");
        size_t n = json_array_size(ids);
        assert_in_range(n, 1, MAX_TOKENS);
        for (size_t t = 0; t < n; t++) {
            g->ids[i][t] = (int32_t)json_integer_value(json_array_get(ids, t));
            g->mask[i][t] = (uint8_t)json_integer_value(json_array_get(mask, t));
        }
        g->sequences[i] = (attrib_sequence){
            .document = i, .n_tokens = n, .ids = g->ids[i], .mask = g->mask[i]};
        g->first_row[i + 1] = g->first_row[i] + n;
    }
}

/* The checkpoint of a name, or the GGUF file made from it. */
static void open_golden(golden *g, const char *name, bool is_gguf)
{
    attrib_error err = {0};
    char path[1024];
    if (is_gguf) {
        char file[128];
        snprintf(file, sizeof file, "tests/golden/gguf/%s.gguf", name);
        snprintf(path, sizeof path, "%s", source_path(file));
    } else {
        path_of(path, sizeof path, name, "");
    }
    check_ok(attrib_model_open(path, NULL, &g->model, &err), &err);
    path_of(path, sizeof path, name, "/expected.safetensors");
    check_ok(at_tensors_open(path, &g->gradients, &err), &err);
    path_of(path, sizeof path, name, "/expected.json");
    check_ok(at_json_read(path, (size_t)1 << 20, &g->root, &err), &err);
    g->rows = json_object_get(g->root, "sequences");
    read_sequences(g);
}

static void close_golden(golden *g)
{
    attrib_model_close(g->model);
    at_tensors_close(g->gradients);
    json_decref(g->root);
}

/* f32 against f64: logits of some ten are rounded by 6e-8 of themselves a layer. */
static void check_logprobs(const golden *g)
{
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        const json_t *row = json_array_get(g->rows, i);
        const json_t *expected = json_object_get(row, "logprobs");
        attrib_error err = {0};
        double got[MAX_TOKENS];
        double want[MAX_TOKENS];
        size_t n = g->sequences[i].n_tokens;
        check_ok(attrib_model_logprobs(g->model, g->ids[i], n, got, &err), &err);
        assert_int_equal(json_array_size(expected), n - 1);
        for (size_t t = 0; t + 1 < n; t++) {
            want[t] = json_number_value(json_array_get(expected, t));
        }
        /* Two layers of seven products with sums of up to 40 terms round a number by
         * sqrt(2 x 7 x 40) 2^-24 = 1.4e-6 of its size, and logits are larger than their
         * log-probabilities. An eighth of what is allowed is measured. */
        check_close_f64(got, want, n - 1, 1e-5, 1e-5, "logprobs");
    }
}

static void check_gradients(const golden *g)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    at_decoder *decoder = NULL;
    tiny_gradients gradients;
    double losses[8];
    check_ok(attrib_model_select(g->model, "all", &tracked, &n_tracked, &err), &err);
    assert_int_equal(n_tracked, at_tensors_count(g->gradients));
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(&gradients, g->model, tracked, n_tracked);
    check_ok(tiny_run(&gradients, decoder, &g->batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, m);
        const at_tensor *tensor = at_tensors_find(g->gradients, module->name);
        size_t shape[2] = {module->out_dim, module->in_dim};
        size_t n = module->out_dim * module->in_dim;
        double *want = calloc(n, sizeof *want);
        assert_true(tensor && want);
        check_ok(at_tensor_expect(tensor, 2, shape, &err), &err);
        check_ok(at_tensor_to_f64(tensor, 0, n, want, &err), &err);
        double distance = tiny_distance(gradients.values[m], want, n);
        /* Forward and back, 2 x 1.4e-6 (see check_logprobs()), and ten times that where
         * the terms of a softmax cancel; at most 1.3e-5 is measured. */
        if (!(distance < 3e-5)) {
            fail_msg("%s: off by %g of its largest entry", module->name, distance);
        }
        free(want);
    }
    tiny_gradients_free(&gradients);
    at_decoder_free(decoder);
    free(tracked);
}

static const struct {
    const char *name, *architecture;
    attrib_dtype dtype;
    bool is_head_tied;
    size_t n_kv_heads, head_dim, mlp_width, width, n_vocabulary;
} fixtures[] = {
    {"llama-gqa-untied", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"llama-tied-bf16", "llama", ATTRIB_BF16, true, 4, 6, 40, 24, 50},
    {"llama-bias-head-dim-f16", "llama", ATTRIB_F16, false, 1, 10, 40, 24, 50},
    {"llama-sharded", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"llama-rope-linear", "llama", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"llama-rope-llama3", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"llama-rope-yarn", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"llama-longrope", "llama", ATTRIB_BF16, false, 2, 8, 20, 16, 40},
    {"mistral-window", "mistral", ATTRIB_BF16, false, 2, 6, 20, 16, 40},
    {"qwen2-window", "qwen2", ATTRIB_BF16, true, 2, 4, 20, 16, 40},
    {"qwen3-bias", "qwen3", ATTRIB_BF16, false, 2, 6, 20, 16, 40},
    {"olmo-clip", "olmo", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"olmo2", "olmo2", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"gemma", "gemma", ATTRIB_BF16, true, 1, 6, 20, 16, 40},
    {"gemma2", "gemma2", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"gemma3", "gemma3_text", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"gemma3-with-eyes", "gemma3", ATTRIB_BF16, true, 2, 6, 20, 16, 40},
    {"phi", "phi", ATTRIB_F16, false, 1, 8, 20, 16, 40},
    {"phi3-window", "phi3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"phi3-longrope", "phi3", ATTRIB_BF16, false, 1, 8, 20, 16, 40},
    {"gpt-neox", "gpt_neox", ATTRIB_F16, false, 2, 8, 20, 16, 40},
    {"gpt-neox-sequential", "gpt_neox", ATTRIB_F16, true, 4, 4, 20, 16, 40},
    {"gptj", "gptj", ATTRIB_F16, true, 2, 8, 20, 16, 40},
    {"olmo3-window", "olmo3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"stablelm", "stablelm", ATTRIB_F16, false, 1, 8, 20, 16, 40},
    {"starcoder2-window", "starcoder2", ATTRIB_F16, true, 2, 4, 20, 16, 40},
    {"gpt-neo-window", "gpt_neo", ATTRIB_F16, true, 2, 8, 20, 16, 40},
    {"smollm3-window", "smollm3", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"granite", "granite", ATTRIB_BF16, false, 2, 4, 20, 16, 40},
    {"falcon", "falcon", ATTRIB_F16, true, 1, 8, 20, 16, 40},
    {"gpt2-tied", "gpt2", ATTRIB_F32, true, 3, 8, 96, 24, 50},
    {"gpt2-inner-f16", "gpt2", ATTRIB_F16, true, 3, 8, 36, 24, 50},
    /* LoRA adapters, which are read with their base (scripts/make-adapter-fixtures) */
    {"../adapter/llama-patterns", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"../adapter/llama-layers", "llama", ATTRIB_F32, false, 2, 6, 40, 24, 50},
    {"../adapter/llama-embedding", "llama", ATTRIB_BF16, false, 4, 6, 40, 24, 50},
    {"../adapter/llama-head", "llama", ATTRIB_BF16, false, 4, 6, 40, 24, 50},
    {"../adapter/llama-saved", "llama", ATTRIB_F16, false, 1, 10, 40, 24, 50},
    {"../adapter/gpt2-bias", "gpt2", ATTRIB_F32, true, 3, 8, 96, 24, 50},
};

#define N_FIXTURES (sizeof fixtures / sizeof fixtures[0])

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
    decoder->kept_limit = limit;
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

static attrib_status ignore_map(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    (void)context;
    (void)i_tracked;
    (void)a;
    (void)ds;
    (void)err;
    return ATTRIB_OK;
}

/* A direction of the tracked maps: entries in [-1, 1) that depend on place and map. */
typedef struct direction {
    const golden *g;
    const size_t *tracked;
} direction;

static double direction_at(size_t module, size_t i)
{
    return 2 * at_uniform(5, module, i) - 1;
}

static attrib_status add_direction(void *context,
                                   const attrib_outputs *to,
                                   attrib_error *err)
{
    const direction *along = context;
    size_t module = along->tracked[to->i_tracked];
    size_t in_dim = attrib_model_module(along->g->model, module)->in_dim;
    (void)err;
    for (size_t t = 0; t < to->n_rows; t++) {
        for (size_t o = 0; o < to->n_outputs; o++) {
            double sum = 0;
            for (size_t i = 0; i < in_dim; i++) {
                sum += direction_at(module, (to->first + o) * in_dim + i) *
                       (double)to->a[t * in_dim + i];
            }
            to->d_out[t * to->stride + o] += (float)sum;
        }
    }
    return ATTRIB_OK;
}

/* < P, G > over tracked maps, and |G|, of PyTorch's gradients. */
static double expect_slope(const golden *g,
                           const size_t *tracked,
                           size_t n_tracked,
                           double *norm)
{
    attrib_error err = {0};
    double slope = 0;
    double square = 0;
    for (size_t m = 0; m < n_tracked; m++) {
        const attrib_module *module = attrib_model_module(g->model, tracked[m]);
        const at_tensor *tensor = at_tensors_find(g->gradients, module->name);
        size_t n = module->out_dim * module->in_dim;
        double *gradient = calloc(n, sizeof *gradient);
        assert_true(tensor && gradient);
        check_ok(at_tensor_to_f64(tensor, 0, n, gradient, &err), &err);
        for (size_t i = 0; i < n; i++) {
            slope += direction_at(tracked[m], i) * gradient[i];
            square += gradient[i] * gradient[i];
        }
        free(gradient);
    }
    *norm = sqrt(square);
    return slope;
}

/* The slopes of the batch in forward mode add up to PyTorch's, and each is what its
 * sequence has alone; losses are those of a pass in reverse. */
static void check_along(const golden *g, const size_t *tracked, size_t n_tracked)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    double losses[8];
    double slopes[8];
    double norm = 0;
    double sum = 0;
    direction along = {g, tracked};
    double want = expect_slope(g, tracked, n_tracked, &norm);
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    check_ok(at_decoder_run_along(decoder, &g->batch, add_direction, &along, losses,
                                  slopes, &err),
             &err);
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        size_t first_row[2] = {0, g->sequences[i].n_tokens};
        at_batch alone = {1, &g->sequences[i], first_row};
        double loss = 0;
        double slope = 0;
        check_ok(at_decoder_run_along(decoder, &alone, add_direction, &along, &loss,
                                      &slope, &err),
                 &err);
        /* the same sums of up to 40 terms in another order: sqrt(40) 2^-24 = 4e-7 */
        assert_true(fabs(loss - losses[i]) < 1e-6 * (1 + fabs(loss)));
        assert_true(fabs(slope - slopes[i]) < 1e-6 * (norm + fabs(slope)));
        check_ok(at_decoder_run(decoder, &alone, AT_LABELS_DATA, 0, ignore_map, NULL,
                                &loss, &err),
                 &err);
        assert_true(fabs(loss - losses[i]) < 1e-6 * (1 + fabs(loss)));
        sum += slopes[i];
    }
    /* Entries of a gradient may err by 1e-5 of the largest (see check_gradients()), each
     * its own way; 5e-6 of their norm is measured. */
    if (!(fabs(sum - want) < 1e-5 * norm)) {
        fail_msg("%s%s: slope %.9g, expected %.9g, of gradients with norm %g",
                 attrib_model_module(g->model, tracked[0])->name,
                 n_tracked > 1 ? " and others" : "", sum, want, norm);
    }
    at_decoder_free(decoder);
}

/* Along a direction of all maps, and of each alone. */
static void test_golden__slopes_match_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        size_t *tracked = NULL;
        size_t n_tracked = 0;
        print_message("%s\n", fixtures[i].name);
        open_golden(&g, fixtures[i].name, false);
        check_ok(attrib_model_select(g.model, "all", &tracked, &n_tracked, &err), &err);
        check_along(&g, tracked, n_tracked);
        for (size_t m = 0; m < n_tracked; m++) {
            check_along(&g, &tracked[m], 1);
        }
        free(tracked);
        close_golden(&g);
    }
}

/* Run the batch in both modes, its sequences subtracted or not. */
static void run_signed(golden *g,
                       const size_t *tracked,
                       size_t n_tracked,
                       bool is_subtracted,
                       double numbers[3][8],
                       tiny_gradients *gradients)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    direction along = {g, tracked};
    for (size_t i = 0; i < g->batch.n_sequences; i++) {
        g->sequences[i].is_subtracted = is_subtracted;
    }
    check_ok(at_decoder_new(g->model, tracked, n_tracked, &decoder, &err), &err);
    tiny_gradients_make(gradients, g->model, tracked, n_tracked);
    check_ok(tiny_run(gradients, decoder, &g->batch, AT_LABELS_DATA, 0, numbers[0], &err),
             &err);
    check_ok(at_decoder_run_along(decoder, &g->batch, add_direction, &along, numbers[1],
                                  numbers[2], &err),
             &err);
    at_decoder_free(decoder);
}

/* A sequence that is subtracted has, bit for bit, minus the loss, the slope and the
 * gradient that it has otherwise, whatever the head does to logits. */
static void test_golden__subtracting_changes_signs(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        size_t *tracked = NULL;
        size_t n_tracked = 0;
        double numbers[2][3][8] = {{{0}}};
        tiny_gradients gradients[2];
        open_golden(&g, fixtures[i].name, false);
        check_ok(attrib_model_select(g.model, "all", &tracked, &n_tracked, &err), &err);
        for (size_t k = 0; k < 2; k++) {
            run_signed(&g, tracked, n_tracked, k == 1, numbers[k], &gradients[k]);
        }
        for (size_t k = 0; k < 3 * g.batch.n_sequences; k++) {
            size_t s = k % g.batch.n_sequences;
            size_t of = k / g.batch.n_sequences;
            assert_true(numbers[1][of][s] == -numbers[0][of][s]);
            assert_true(s > 0 || numbers[0][of][s] != 0);
        }
        for (size_t m = 0; m < n_tracked; m++) {
            const attrib_module *module = attrib_model_module(g.model, tracked[m]);
            for (size_t k = 0; k < module->in_dim * module->out_dim; k++) {
                assert_true(gradients[1].values[m][k] == -gradients[0].values[m][k]);
            }
        }
        tiny_gradients_free(&gradients[0]);
        tiny_gradients_free(&gradients[1]);
        free(tracked);
        close_golden(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden__matches_pytorch),
        cmocka_unit_test(test_golden__slopes_match_pytorch),
        cmocka_unit_test(test_golden__subtracting_changes_signs),
        cmocka_unit_test(test_golden__a_map_alone_has_the_same_gradient),
        cmocka_unit_test(test_golden__gguf_matches_pytorch),
        cmocka_unit_test(test_golden__remade_activations_give_the_same_bytes),
        cmocka_unit_test(test_golden__cached_text_is_the_recomputed),
        cmocka_unit_test(test_golden__describes_what_it_read),
    };
    return run_cases(tests, NULL, NULL);
}
