/* SPDX-License-Identifier: MIT */
/* LoRA adapters: how they are found and named, what they are refused for, and that both
 * ways of holding weights add them alike. What they compute is test_golden.c's. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/safetensors.h"
#include "model/adapter.h"
#include "tiny.h"

#define N_IDS  12
#define GOLDEN "tests/golden/"

/* Paths that stay valid together, as those of source_path() do not. */
typedef char path_text[4096];

static const char *path_in(path_text out, const char *folder, const char *name)
{
    snprintf(out, sizeof(path_text), "%s", source_path(GOLDEN));
    snprintf(out + strlen(out), sizeof(path_text) - strlen(out), "%s/%s", folder, name);
    return out;
}

static attrib_status open_with(const char *path,
                               const char *adapter,
                               attrib_weights weights,
                               attrib_model **out,
                               attrib_error *err)
{
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.adapter = adapter;
    options.weights = weights;
    return attrib_model_open(path, &options, out, err);
}

static attrib_model *opened(const char *path, const char *adapter)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_ok(open_with(path, adapter, ATTRIB_WEIGHTS_FILE, &model, &err), &err);
    return model;
}

static void fingerprint(const attrib_model *model, double out[N_IDS - 1])
{
    const int32_t ids[N_IDS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
    attrib_error err = {0};
    check_ok(attrib_model_logprobs(model, ids, N_IDS, out, &err), &err);
}

/* 1. A copy of an adapter that a test changes */

typedef struct copy {
    char folder[256];
    const char *of; /* its name among the fixtures */
} copy;

/* What is done to the tensors of a copy. */
typedef struct change {
    const char *drop;        /* names with this part are left out */
    const char *rename, *to; /* the name that ends with `rename` ends with `to` */
    const char *poison;      /* the first number of such a tensor becomes NaN */
    size_t drop_row_of;      /* 1: the tensor that `poison` names loses its last row */
} change;

static bool has_part(const char *name, const char *part)
{
    return part && strstr(name, part);
}

static void name_anew(const char *name, const change *c, char *out, size_t size)
{
    const char *end = c->rename ? strstr(name, c->rename) : NULL;
    int n = end ? (int)(end - name) : (int)strlen(name);
    snprintf(out, size, "%.*s%s%s", n, name, end ? c->to : "",
             end ? end + strlen(c->rename) : "");
}

static void declare(at_tensor_writer *writer, const at_tensor *tensor, const change *c)
{
    attrib_error err = {0};
    char name[256];
    size_t shape[2] = {tensor->shape[0], tensor->shape[1]};
    name_anew(tensor->name, c, name, sizeof name);
    shape[0] -= c->drop_row_of && has_part(tensor->name, c->poison);
    check_ok(
        at_tensor_writer_declare(writer, name, ATTRIB_F32, tensor->n_dims, shape, &err),
        &err);
}

static void write_numbers(at_tensor_writer *writer,
                          const at_tensor *tensor,
                          const change *c)
{
    attrib_error err = {0};
    bool is_changed = has_part(tensor->name, c->poison);
    size_t n = tensor->n_elements;
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    check_ok(at_tensor_to_f32(tensor, 0, n, values, &err), &err);
    if (is_changed && c->drop_row_of) {
        n -= tensor->shape[1];
    } else if (is_changed) {
        values[0] = NAN;
    }
    check_ok(at_tensor_writer_write(writer, values, n * sizeof *values, &err), &err);
    free(values);
}

/* Write the fixture's tensors into the copy, changed. */
static void copy_tensors(const copy *c, const change *how)
{
    attrib_error err = {0};
    path_text path;
    at_tensors *tensors = NULL;
    at_tensor_writer *writer = NULL;
    snprintf(path, sizeof path, "%s/adapter/%s/adapter_model.safetensors",
             source_path(GOLDEN), c->of);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", c->folder);
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < at_tensors_count(tensors); i++) {
            const at_tensor *tensor = at_tensors_get(tensors, i);
            if (has_part(tensor->name, how->drop)) {
                continue;
            }
            if (round == 0) {
                declare(writer, tensor, how);
            } else {
                write_numbers(writer, tensor, how);
            }
        }
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
    at_tensors_close(tensors);
}

/* Write the fixture's settings into the copy with one key of another value, NULL: without
 * it, and an absolute base. */
static void copy_config(const copy *c, const char *key, const char *value)
{
    attrib_error err = {0};
    path_text path;
    path_text base;
    json_t *config = NULL;
    at_buffer text = {0};
    snprintf(path, sizeof path, "%s/adapter/%s/adapter_config.json", source_path(GOLDEN),
             c->of);
    check_ok(at_json_read(path, (size_t)1 << 20, &config, &err), &err);
    const char *relative =
        json_string_value(json_object_get(config, "base_model_name_or_path"));
    path_in(base, "adapter", c->of);
    snprintf(base + strlen(base), sizeof base - strlen(base), "/%s", relative);
    char *absolute = realpath(base, NULL);
    assert_non_null(absolute);
    json_object_set_new(config, "base_model_name_or_path", json_string(absolute));
    free(absolute);
    if (key) {
        json_object_set_new(config, key, json_loads(value, JSON_DECODE_ANY, NULL));
    }
    check_ok(at_json_append(&text, config, &err), &err);
    snprintf(path, sizeof path, "%s/adapter_config.json", c->folder);
    write_file(path, text.bytes, text.n_bytes);
    at_buffer_free(&text);
    json_decref(config);
}

static copy begin(const char *of)
{
    copy c = {.of = of};
    make_scratch_folder(c.folder, sizeof c.folder);
    copy_tensors(&c, &(change){0});
    copy_config(&c, NULL, NULL);
    return c;
}

static void refused(const char *path,
                    const char *adapter,
                    attrib_status status,
                    const char *message)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_fails(open_with(path, adapter, ATTRIB_WEIGHTS_FILE, &model, &err), status,
                &err);
    check_message(&err, message);
    assert_null(model);
}

/* 2. Finding */

/* The folder of an adapter stands for its base with it, and the name of the base may be
 * absolute. */
static void test_adapter__names_its_base(void **state)
{
    (void)state;
    path_text path;
    path_text base;
    double with[N_IDS - 1];
    double without[N_IDS - 1];
    double same[N_IDS - 1];
    copy c = begin("llama-patterns");
    path_in(path, "adapter", "llama-patterns");
    path_in(base, "model", "llama-gqa-untied");
    attrib_model *a = opened(path, NULL);
    attrib_model *b = opened(base, path);
    attrib_model *absolute = opened(c.folder, NULL);
    attrib_model *plain = opened(base, NULL);
    fingerprint(a, with);
    fingerprint(b, same);
    assert_memory_equal(with, same, sizeof with);
    fingerprint(absolute, same);
    assert_memory_equal(with, same, sizeof with);
    fingerprint(plain, without);
    assert_true(fabs(with[3] - without[3]) > 1e-3);
    assert_string_equal(attrib_model_hash(a), attrib_model_hash(b));
    assert_string_not_equal(attrib_model_hash(a), attrib_model_hash(plain));
    assert_null(attrib_model_adapter(plain));
    assert_string_equal(attrib_model_tokenizer_path(plain), base);
    attrib_model_close(a);
    attrib_model_close(b);
    attrib_model_close(absolute);
    attrib_model_close(plain);
    remove_folder(c.folder);
}

static void test_adapter__is_described(void **state)
{
    (void)state;
    path_text path;
    attrib_model *model = opened(path_in(path, "adapter", "llama-patterns"), NULL);
    const attrib_adapter_info *info = attrib_model_adapter(model);
    assert_string_equal(info->folder, path);
    assert_string_equal(info->base, "../../model/llama-gqa-untied");
    assert_int_equal(info->n_modules, 14);
    assert_int_equal(info->min_rank, 2);
    assert_int_equal(info->max_rank, 5);
    assert_true(info->alpha == 6 && info->is_scaled_by_root);
    assert_int_equal(info->n_replaced, 0);
    /* rank (in + out): layer 0 has up_proj of rank 2, attention of layer 1 has rank 3 */
    assert_int_equal(info->n_parameters, 5 * (48 + 36 + 36 + 48 + 64 + 64) + 2 * 64 +
                                             3 * (48 + 36 + 36 + 48) + 5 * 3 * 64);
    attrib_model_close(model);
    model = opened(path_in(path, "adapter", "llama-saved"), NULL);
    assert_int_equal(attrib_model_adapter(model)->n_modules, 4);
    assert_int_equal(attrib_model_adapter(model)->n_replaced, 20);
    attrib_model_close(model);
}

/* The tokenizer in an adapter's folder comes before the base's. */
static void test_adapter__brings_its_tokenizer(void **state)
{
    (void)state;
    path_text base;
    path_text file;
    copy c = begin("llama-patterns");
    path_in(base, "model", "llama-gqa-untied");
    attrib_model *model = opened(base, c.folder);
    assert_string_equal(attrib_model_tokenizer_path(model), base);
    attrib_model_close(model);
    snprintf(file, sizeof file, "%s/tokenizer.json", c.folder);
    write_file(file, "{}", 2);
    model = opened(base, c.folder);
    assert_string_equal(attrib_model_tokenizer_path(model), c.folder);
    attrib_model_close(model);
    remove_folder(c.folder);
}

/* Where an adapter lies in the folder of a model, the user says whether that is its base,
 * by naming the folder twice. */
static void test_adapter__next_to_a_model_is_asked_about(void **state)
{
    (void)state;
    static const char *const files[] = {"config.json", "model.safetensors"};
    path_text path;
    double with[N_IDS - 1];
    double same[N_IDS - 1];
    copy c = begin("llama-patterns");
    for (size_t i = 0; i < 2; i++) {
        attrib_error err = {0};
        at_map map = {0};
        path_in(path, "model/llama-gqa-untied", files[i]);
        check_ok(at_map_open(path, &map, &err), &err);
        snprintf(path, sizeof path, "%s/%s", c.folder, files[i]);
        write_file(path, map.bytes, map.n_bytes);
        at_map_close(&map);
    }
    copy_config(&c, "base_model_name_or_path", "\"org/base\"");
    refused(
        c.folder, NULL, ATTRIB_ENOTSUP,
        ": an adapter of org/base, which is not there: give the base as the model, and "
        "this folder as its adapter");
    attrib_model *model = opened(c.folder, c.folder);
    fingerprint(model, same);
    attrib_model_close(model);
    model = opened(path_in(path, "adapter", "llama-patterns"), NULL);
    fingerprint(model, with);
    attrib_model_close(model);
    assert_memory_equal(with, same, sizeof with);
    refused(c.folder, path, ATTRIB_ENOTSUP, "only one adapter is read");
    copy_config(&c, "base_model_name_or_path", "null");
    refused(c.folder, NULL, ATTRIB_ENOTSUP, ": an adapter that names no base");
    snprintf(path, sizeof path, "\"%s\"", c.folder);
    copy_config(&c, "base_model_name_or_path", path);
    refused(c.folder, NULL, ATTRIB_ENOTSUP, "which is an adapter too");
    remove_folder(c.folder);
}

/* 3. Adding */

/* Widened when they are used or once, weights have the same bytes. */
static void test_adapter__weights_are_held_either_way(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-patterns", "llama-embedding", "llama-head",
                                        "llama-saved", "gpt2-bias"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        attrib_error err = {0};
        path_text path;
        double used[N_IDS - 1];
        double once[N_IDS - 1];
        attrib_model *model = opened(path_in(path, "adapter", names[i]), NULL);
        fingerprint(model, used);
        attrib_model_close(model);
        check_ok(open_with(path, NULL, ATTRIB_WEIGHTS_F32, &model, &err), &err);
        fingerprint(model, once);
        attrib_model_close(model);
        assert_memory_equal(used, once, sizeof used);
    }
}

/* The same base in a GGUF file, whose rows of q and k stand in another order and whose
 * maps of GPT-2 are transposed. f32 against f32, as check_logprobs() of test_golden.c. */
static void test_adapter__is_added_to_gguf(void **state)
{
    (void)state;
    static const char *const names[][2] = {{"llama-patterns", "llama-gqa-untied.gguf"},
                                           {"gpt2-bias", "gpt2-tied.gguf"}};
    for (size_t i = 0; i < 2; i++) {
        path_text path;
        double got[N_IDS - 1];
        double want[N_IDS - 1];
        copy c = begin(names[i][0]);
        path_in(path, "gguf", names[i][1]);
        if (i == 1) {
            refused(path, c.folder, ATTRIB_ENOTSUP,
                    "an adapter that replaces tensors is not read with a GGUF file");
        }
        copy_tensors(&c, &(change){.drop = ".bias"});
        attrib_model *model = opened(c.folder, NULL);
        fingerprint(model, want);
        attrib_model_close(model);
        model = opened(path, c.folder);
        fingerprint(model, got);
        attrib_model_close(model);
        check_close_f64(got, want, N_IDS - 1, 1e-5, 1e-5, "logprobs");
        remove_folder(c.folder);
    }
}

/* The scale is part of what identifies a model; where its base lay is not. */
static void test_adapter__scale_is_part_of_the_hash(void **state)
{
    (void)state;
    copy c = begin("llama-layers");
    copy elsewhere = begin("llama-layers");
    path_text base;
    path_text link;
    attrib_model *a = opened(c.folder, NULL);
    assert_non_null(realpath(path_in(base, "model", "llama-gqa-untied"), link));
    snprintf(base, sizeof base, "%s/base", elsewhere.folder);
    assert_int_equal(symlink(link, base), 0);
    copy_config(&elsewhere, "base_model_name_or_path", "\"./base\"");
    attrib_model *b = opened(elsewhere.folder, NULL);
    assert_string_equal(attrib_model_hash(a), attrib_model_hash(b));
    attrib_model_close(b);
    copy_config(&c, "lora_alpha", "9");
    b = opened(c.folder, NULL);
    assert_string_not_equal(attrib_model_hash(a), attrib_model_hash(b));
    attrib_model_close(a);
    attrib_model_close(b);
    remove_folder(c.folder);
    remove_folder(elsewhere.folder);
}

/* 4. Refusals */

static const struct {
    const char *key, *value;
    attrib_status status;
    const char *message;
} settings[] = {
    {"peft_type", "\"IA3\"", ATTRIB_ENOTSUP,
     "adapter_config.json: adapters of type \"IA3\" are not supported, only \"LORA\" is"},
    {"peft_type", "\"PROMPT_TUNING\"", ATTRIB_ENOTSUP, "type \"PROMPT_TUNING\""},
    {"peft_type", "null", ATTRIB_EFORMAT, "key \"peft_type\": expected a string"},
    {"use_dora", "true", ATTRIB_ENOTSUP, "use_dora true: DoRA is not supported"},
    {"layer_replication", "[[0, 2], [1, 2]]", ATTRIB_ENOTSUP,
     "adapters with \"layer_replication\" are not supported"},
    {"trainable_token_indices", "[3]", ATTRIB_ENOTSUP, "\"trainable_token_indices\""},
    {"lora_bias", "true", ATTRIB_ENOTSUP, "adapters with \"lora_bias\""},
    {"ensure_weight_tying", "true", ATTRIB_ENOTSUP, "\"ensure_weight_tying\""},
    {"of_a_later_version", "1", ATTRIB_ENOTSUP, "adapters with \"of_a_later_version\""},
    {"init_lora_weights", "\"pissa_niter_4\"", ATTRIB_ENOTSUP,
     "init_lora_weights \"pissa_niter_4\" is not supported: it changes the base's "
     "weights"},
    {"r", "3", ATTRIB_ESHAPE, "lora_A.weight: [4, 24], expected [3, 24]"},
    {"r", "0", ATTRIB_ERANGE, "rank 0 of model.layers.1.self_attn.o_proj: expected 1 to"},
    {"r", "2.5", ATTRIB_ERANGE, "rank 2.5 of"},
    {"r", "\"4\"", ATTRIB_EFORMAT, "key \"r\""},
    {"lora_alpha", "1e300", ATTRIB_ENUMERIC,
     "self_attn.o_proj.lora_B.weight: weight 0 is not finite"},
    {"rank_pattern", "[]", ATTRIB_EFORMAT, "key \"rank_pattern\": expected an object"},
    {"rank_pattern", "{\"o_proj\": \"4\"}", ATTRIB_EFORMAT,
     "rank_pattern: o_proj: expected a number"},
    {"rank_pattern", "{\"o_proj\": 7}", ATTRIB_ESHAPE, "expected [7, 24]"},
    {"rank_pattern", "{\"(\": 7}", ATTRIB_ENOTSUP, "the pattern \"^(?:.*\\.)?(?:()$\""},
    {"target_modules", "[\"o_proj\", 3]", ATTRIB_EFORMAT,
     "key \"target_modules\": entry 1: expected a string"},
    {"target_modules", "{}", ATTRIB_EFORMAT, "key \"target_modules\": expected a list"},
    {"target_modules", "[\"v_proj\"]", ATTRIB_ESHAPE,
     "no matrices of model.layers.1.self_attn.v_proj, which target_modules names"},
    {"target_modules", "\"model.layers.0.mlp.up_proj.*\"", ATTRIB_ESHAPE,
     "no matrices of model.layers.0.mlp.up_proj, which target_modules names"},
    {"target_modules", "[]", ATTRIB_ESHAPE,
     "o_proj.lora_A.weight: target_modules does not name this module"},
    {"target_modules", "[\"roj\"]", ATTRIB_ESHAPE, "target_modules does not name"},
    {"exclude_modules", "[\"o_proj\"]", ATTRIB_ESHAPE, "target_modules does not name"},
    {"exclude_modules", "null", ATTRIB_ESHAPE,
     "no matrices of model.layers.1.mlp.down_proj"},
    {"layers_to_transform", "[0]", ATTRIB_ESHAPE,
     "no matrices of model.layers.0.self_attn.o_proj"},
    {"layers_to_transform", "[\"0\"]", ATTRIB_EFORMAT,
     "key \"layers_to_transform\": entry 0: expected a number"},
    {"modules_to_save", "[\"lm_head\"]", ATTRIB_ESHAPE,
     "no lm_head.weight, which modules_to_save names"},
    {"modules_to_save", "[\"model.layers.1.mlp\"]", ATTRIB_ESHAPE,
     "no model.layers.1.mlp.gate_proj.weight, which modules_to_save names"},
    {"modules_to_save", "\"lm_head\"", ATTRIB_EFORMAT, "key \"modules_to_save\""},
};

static void test_adapter__settings_are_refused_by_name(void **state)
{
    (void)state;
    copy c = begin("llama-layers");
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        copy_config(&c, settings[i].key, settings[i].value);
        refused(c.folder, NULL, settings[i].status, settings[i].message);
    }
    remove_folder(c.folder);
}

/* What the other forms of the same settings stand for is read. */
static void test_adapter__settings_have_several_forms(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"layers_to_transform", "1"},
        {"target_modules", "[\"model.layers.1.self_attn.o_proj\"]"},
        {"target_modules", "\".*\\\\.1\\\\.self_attn\\\\.(o|x)_proj\""},
        {"target_modules", "null"},
        {"rank_pattern", "{\"x\": 3, \"layers.1.self_attn.o_proj\": 4, \".*\": 7}"},
        {"use_dora", "null"},
        {"init_lora_weights", "\"gaussian\""},
        {"of_a_later_version", "{}"},
    };
    path_text path;
    copy c = begin("llama-layers");
    attrib_model *model = opened(c.folder, NULL);
    snprintf(path, sizeof path, "%s", attrib_model_hash(model));
    attrib_model_close(model);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        copy_config(&c, forms[i][0], forms[i][1]);
        model = opened(c.folder, NULL);
        assert_string_equal(attrib_model_hash(model), path);
        attrib_model_close(model);
    }
    remove_folder(c.folder);
}

/* A module that is saved whole has no matrices, even where target_modules names it. */
static void test_adapter__saved_modules_are_no_targets(void **state)
{
    (void)state;
    copy c = begin("llama-saved");
    copy_config(&c, "target_modules", "\"(.*\\\\.)?(q_proj|gate_proj|lm_head)\"");
    attrib_model *model = opened(c.folder, NULL);
    assert_int_equal(attrib_model_adapter(model)->n_modules, 4);
    attrib_model_close(model);
    remove_folder(c.folder);
}

static const struct {
    const char *of;
    change how;
    attrib_status status;
    const char *message;
} tensors[] = {
    {"llama-layers",
     {.drop = "lora_B"},
     ATTRIB_ESHAPE,
     "base_model.model.model.layers.1.self_attn.o_proj.lora_A.weight is there without "
     "base_model.model.model.layers.1.self_attn.o_proj.lora_B.weight"},
    {"llama-layers", {.drop = "lora_A"}, ATTRIB_ESHAPE, "lora_B.weight is there without"},
    {"llama-layers", {.drop = "lora_"}, ATTRIB_EFORMAT, "no tensors"},
    {"llama-patterns",
     {.drop = "layers.1.mlp.up_proj"},
     ATTRIB_ESHAPE,
     "no matrices of model.layers.1.mlp.up_proj, which target_modules names"},
    {"llama-layers",
     {.rename = "layers.1", .to = "layers.2"},
     ATTRIB_ESHAPE,
     "no matrices of model.layers.1.self_attn.o_proj"},
    {"llama-head",
     {.rename = "base_layer.weight", .to = "strange.weight"},
     ATTRIB_ESHAPE,
     "the model has no lm_head.strange.weight"},
    {"llama-layers",
     {.rename = "base_model.model.", .to = ""},
     ATTRIB_ENOTSUP,
     "its name does not begin with base_model.model."},
    {"llama-layers",
     {.rename = "lora_A.weight", .to = "lora_magnitude_vector"},
     ATTRIB_ESHAPE,
     "lora_B.weight is there without"},
    {"llama-embedding",
     {.rename = "base_layer.weight", .to = "lora_magnitude_vector"},
     ATTRIB_ENOTSUP,
     "lora_magnitude_vector is not supported"},
    {"llama-layers",
     {.poison = "lora_A"},
     ATTRIB_ENUMERIC,
     "lora_A.weight: weight 0 is not finite"},
    {"llama-layers",
     {.poison = "lora_B"},
     ATTRIB_ENUMERIC,
     "lora_B.weight: weight 0 is not finite"},
    {"llama-saved",
     {.poison = "lm_head"},
     ATTRIB_ENUMERIC,
     "lm_head.weight: weight 0 is not finite"},
    {"llama-layers",
     {.poison = "lora_A", .drop_row_of = 1},
     ATTRIB_ESHAPE,
     "[3, 24], expected [4, 24]"},
    {"llama-layers",
     {.poison = "lora_B", .drop_row_of = 1},
     ATTRIB_ESHAPE,
     "[23, 4], expected [24, 4]"},
    {"llama-saved",
     {.poison = "lm_head", .drop_row_of = 1},
     ATTRIB_ESHAPE,
     "[49, 24], expected [50, 24]"},
    {"llama-embedding",
     {.rename = "lora_embedding_A", .to = "lora_A.weight"},
     ATTRIB_ESHAPE,
     "is there without"},
    {"gpt2-bias",
     {.rename = "h.0.ln_1.bias", .to = "h.0.attn.c_attn.bias"},
     ATTRIB_EFORMAT,
     "transformer.h.0.attn.c_attn.bias is there twice"},
};

static void test_adapter__tensors_are_refused_by_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tensors / sizeof *tensors; i++) {
        copy c = begin(tensors[i].of);
        copy_tensors(&c, &tensors[i].how);
        refused(c.folder, NULL, tensors[i].status, tensors[i].message);
        remove_folder(c.folder);
    }
}

/* A weight that head and embedding share is either's own once an adapter changes it, but
 * only where the adapter says whose. */
static void test_adapter__shared_weight_needs_its_module(void **state)
{
    (void)state;
    copy c = begin("llama-head");
    attrib_model *model = opened(c.folder, NULL);
    assert_false(attrib_model_describe(model)->is_head_tied);
    attrib_model_close(model);
    copy_tensors(&c, &(change){.drop = "lm_head.lora",
                               .rename = "lm_head.base_layer",
                               .to = "model.embed_tokens"});
    refused(c.folder, NULL, ATTRIB_ENOTSUP,
            "holds model.embed_tokens.weight, which the base's head shares, but "
            "modules_to_save does not name it");
    copy_config(&c, "modules_to_save", "[\"embed_tokens\"]");
    refused(c.folder, NULL, ATTRIB_ESHAPE, "no matrices of lm_head");
    remove_folder(c.folder);
}

static void test_adapter__files_are_refused_by_name(void **state)
{
    (void)state;
    path_text path;
    path_text base;
    copy c = begin("llama-layers");
    path_in(base, "model", "llama-gqa-untied");
    refused(base, "/nowhere", ATTRIB_EIO, "/nowhere/adapter_config.json");
    refused(base, base, ATTRIB_EIO, "adapter_config.json");
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", c.folder);
    write_file(path, "\0\0\0\0\0\0\0\1", 8);
    refused(c.folder, NULL, ATTRIB_EFORMAT, "header of 72057594037927936 bytes");
    remove(path);
    refused(c.folder, NULL, ATTRIB_EIO, path);
    snprintf(path, sizeof path, "%s/adapter_model.bin", c.folder);
    write_file(path, "PK", 2);
    refused(c.folder, NULL, ATTRIB_ENOTSUP,
            "adapter_model.bin: pickled tensors are not read: save the adapter as "
            "adapter_model.safetensors");
    snprintf(path, sizeof path, "%s/adapter_config.json", c.folder);
    write_file(path, "[]", 2);
    remove_folder(c.folder);
    /* an embedding's matrices for a linear map, and the other way round */
    c = begin("llama-embedding");
    copy_config(&c, "target_modules", "[\"lm_head\", \"v_proj\"]");
    copy_tensors(
        &c,
        &(change){.drop = "base_layer", .rename = "model.embed_tokens", .to = "lm_head"});
    refused(c.folder, NULL, ATTRIB_ESHAPE,
            "lm_head.lora_embedding_A: matrices of an embedding for a module that is a "
            "linear map");
    remove_folder(c.folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adapter__names_its_base),
        cmocka_unit_test(test_adapter__is_described),
        cmocka_unit_test(test_adapter__brings_its_tokenizer),
        cmocka_unit_test(test_adapter__next_to_a_model_is_asked_about),
        cmocka_unit_test(test_adapter__weights_are_held_either_way),
        cmocka_unit_test(test_adapter__is_added_to_gguf),
        cmocka_unit_test(test_adapter__scale_is_part_of_the_hash),
        cmocka_unit_test(test_adapter__settings_are_refused_by_name),
        cmocka_unit_test(test_adapter__settings_have_several_forms),
        cmocka_unit_test(test_adapter__saved_modules_are_no_targets),
        cmocka_unit_test(test_adapter__tensors_are_refused_by_name),
        cmocka_unit_test(test_adapter__shared_weight_needs_its_module),
        cmocka_unit_test(test_adapter__files_are_refused_by_name),
    };
    return run_cases(tests, NULL, NULL);
}
