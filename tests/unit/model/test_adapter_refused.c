/* SPDX-License-Identifier: MIT */
/* What LoRA adapters are refused for, by name, and the forms that settings may have. */
#include <stdio.h>

#include "adapter_fixture.h"

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

static void test_adapter_refused__settings_are_refused_by_name(void **state)
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
static void test_adapter_refused__settings_have_several_forms(void **state)
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
static void test_adapter_refused__saved_modules_are_no_targets(void **state)
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
     "lm_head.weight: 49 rows, the base has 50: an adapter with tokens of its own"},
    {"llama-embedding",
     {.rename = "lora_embedding_A", .to = "lora_A.weight"},
     ATTRIB_ESHAPE,
     "is there without"},
    {"gpt2-bias",
     {.rename = "h.0.ln_1.bias", .to = "h.0.attn.c_attn.bias"},
     ATTRIB_EFORMAT,
     "transformer.h.0.attn.c_attn.bias is there twice"},
};

static void test_adapter_refused__tensors_are_refused_by_name(void **state)
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
static void test_adapter_refused__shared_weight_needs_its_module(void **state)
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

static void test_adapter_refused__files_are_refused_by_name(void **state)
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
        cmocka_unit_test(test_adapter_refused__settings_are_refused_by_name),
        cmocka_unit_test(test_adapter_refused__settings_have_several_forms),
        cmocka_unit_test(test_adapter_refused__saved_modules_are_no_targets),
        cmocka_unit_test(test_adapter_refused__tensors_are_refused_by_name),
        cmocka_unit_test(test_adapter_refused__shared_weight_needs_its_module),
        cmocka_unit_test(test_adapter_refused__files_are_refused_by_name),
    };
    return run_cases(tests, NULL, NULL);
}
