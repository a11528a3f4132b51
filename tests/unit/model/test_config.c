/* SPDX-License-Identifier: MIT */
/* config.json: what is read, and every refusal with its message. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/architecture.h"
#include "tiny.h"

#define LLAMA                                                                            \
    "\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 12, "         \
    "\"num_attention_heads\": 4, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define GPT2                                                                             \
    "\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_embd\": 12, \"n_head\": 3, "          \
    "\"vocab_size\": 13, \"n_positions\": 16"

static attrib_status parse(const char *text, at_config *config, attrib_error *err)
{
    *err = (attrib_error){0};
    return at_config_parse("m/config.json", text, strlen(text), config, err);
}

static void test_config__llama_defaults(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(
        parse(
            "{\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 16, "
            "\"num_attention_heads\": 4, \"intermediate_size\": 10, "
            "\"vocab_size\": 13, \"max_position_embeddings\": 16}",
            &config, &err),
        &err);
    assert_string_equal(config.architecture->model_type, "llama");
    assert_int_equal(config.n_layers, 2);
    assert_int_equal(config.width, 16);
    assert_int_equal(config.n_heads, 4);
    assert_int_equal(config.n_kv_heads, 4);
    assert_int_equal(config.head_dim, 4);
    assert_false(config.is_head_tied);
}

static void test_config__llama_settings(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse("{" LLAMA ", \"head_dim\": 8, \"num_key_value_heads\": 2, "
                   "\"rms_norm_eps\": 1e-3, \"rope_theta\": 500000, \"hidden_act\": "
                   "\"silu\", \"attention_bias\": true, \"tie_word_embeddings\": true, "
                   "\"rope_scaling\": null}",
                   &config, &err),
             &err);
    assert_int_equal(config.n_kv_heads, 2);
    assert_int_equal(config.head_dim, 8);
    assert_true(config.rope_theta == 500000 && config.norm_epsilon == 1e-3);
    assert_true(config.has_bias[AT_MAP_Q] && config.has_bias[AT_MAP_O]);
    assert_false(config.has_bias[AT_MAP_UP]);
    assert_true(config.is_head_tied);
    check_ok(parse("{" LLAMA ", \"head_dim\": 4, \"rope_parameters\": {\"rope_type\": "
                   "\"default\", \"rope_theta\": 77}}",
                   &config, &err),
             &err);
    assert_true(config.rope_theta == 77);
}

static void test_config__gpt2(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse("{" GPT2 ", \"n_inner\": null}", &config, &err), &err);
    assert_string_equal(config.architecture->model_type, "gpt2");
    assert_int_equal(config.mlp_width, 48);
    assert_int_equal(config.head_dim, 4);
    assert_true(config.is_head_tied && config.has_bias[AT_MAP_QKV]);
    check_ok(parse("{" GPT2 ", \"n_inner\": 7, \"n_ctx\": 9, \"activation_function\": "
                   "\"gelu_new\", \"reorder_and_upcast_attn\": false}",
                   &config, &err),
             &err);
    assert_int_equal(config.mlp_width, 7);
}

static const struct {
    const char *text;
    attrib_status status;
    const char *message;
} refused[] = {
    {"", ATTRIB_EFORMAT, "m/config.json"},
    {"[]", ATTRIB_EFORMAT, "m/config.json: expected an object"},
    {"{}", ATTRIB_EFORMAT, "key \"model_type\" is missing"},
    {"{\"model_type\": 3}", ATTRIB_EFORMAT, "model_type"},
    {"{\"model_type\": \"mamba\"}", ATTRIB_ENOTSUP,
     "m/config.json: architecture \"mamba\" is not supported"},
    {"{" LLAMA ", \"architectures\": [\"LlamaForTokenClassification\"]}", ATTRIB_ENOTSUP,
     "\"LlamaForTokenClassification\" is not supported, expected \"LlamaForCausalLM\""},
    {"{" LLAMA ", \"head_dim\": 4, \"hidden_act\": \"gelu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"gelu\" is not supported, expected \"silu\""},
    {"{" LLAMA ", \"rope_scaling\": {\"rope_type\": \"llama3\"}}", ATTRIB_ENOTSUP,
     "rope_scaling of type \"llama3\" is not supported"},
    {"{" LLAMA ", \"rope_scaling\": {\"type\": \"linear\"}}", ATTRIB_ENOTSUP,
     "rope_scaling of type \"linear\" is not supported"},
    {"{" LLAMA ", \"rope_parameters\": {\"rope_type\": \"yarn\"}}", ATTRIB_ENOTSUP,
     "rope_parameters of type \"yarn\" is not supported"},
    {"{" LLAMA ", \"rope_scaling\": 2}", ATTRIB_EFORMAT, "expected an object"},
    {"{" LLAMA ", \"partial_rotary_factor\": 0.5}", ATTRIB_ENOTSUP,
     "partial_rotary_factor 0.5 is not supported"},
    {"{" LLAMA ", \"quantization_config\": {\"bits\": 4}}", ATTRIB_ENOTSUP,
     "quantization_config is not supported"},
    {"{" LLAMA ", \"head_dim\": 5}", ATTRIB_ESHAPE, "head dimension of 5 is odd"},
    {"{" LLAMA ", \"num_key_value_heads\": 3, \"head_dim\": 4}", ATTRIB_ESHAPE,
     "4 heads cannot share 3 key and value heads"},
    {"{" LLAMA ", \"num_key_value_heads\": 0, \"head_dim\": 4}", ATTRIB_ERANGE,
     "key and value heads: 0, expected 1 to"},
    {"{" LLAMA ", \"head_dim\": 4, \"rope_theta\": 0}", ATTRIB_ERANGE,
     "rope_theta 0, expected above 0"},
    {"{" LLAMA ", \"head_dim\": 4, \"rms_norm_eps\": -1}", ATTRIB_ERANGE, "norm epsilon"},
    {"{\"model_type\": \"llama\", \"hidden_size\": 12}", ATTRIB_EFORMAT,
     "key \"num_hidden_layers\" is missing"},
    {"{" GPT2 ", \"scale_attn_by_inverse_layer_idx\": true}", ATTRIB_ENOTSUP,
     "scale_attn_by_inverse_layer_idx true is not supported"},
    {"{" GPT2 ", \"reorder_and_upcast_attn\": true}", ATTRIB_ENOTSUP,
     "reorder_and_upcast_attn true is not supported"},
    {"{" GPT2 ", \"scale_attn_weights\": false}", ATTRIB_ENOTSUP,
     "scale_attn_weights false is not supported"},
    {"{" GPT2 ", \"activation_function\": \"relu\"}", ATTRIB_ENOTSUP,
     "activation_function \"relu\" is not supported, expected \"gelu_new\""},
    {"{\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_embd\": 10, \"n_head\": 3, "
     "\"vocab_size\": 13, \"n_positions\": 16}",
     ATTRIB_ESHAPE, "3 heads do not divide a width of 10"},
    {"{\"model_type\": \"gpt2\", \"n_layer\": 4000000000000000000, \"n_embd\": "
     "4000000000000000000, \"n_head\": 1, \"vocab_size\": 13, \"n_positions\": 16}",
     ATTRIB_ERANGE, "m/config.json"},
    {"{\"model_type\": \"gpt2\", \"n_layer\": 2, \"n_embd\": 9223372036854775807, "
     "\"n_head\": 1, \"vocab_size\": 13, \"n_positions\": 16}",
     ATTRIB_ERANGE, "overflows"},
    {"{\"model_type\": \"gpt2\", \"n_layer\": -1}", ATTRIB_EFORMAT, "n_layer"},
    {"{\"model_type\": \"gpt2\", \"n_layer\": 0, \"n_embd\": 4, \"n_head\": 0, "
     "\"vocab_size\": 13, \"n_positions\": 16}",
     ATTRIB_ERANGE, "layers: 0, expected 1 to"},
};

static void test_config__refusals(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        at_config config = {.n_layers = 77};
        attrib_error err;
        attrib_status status = parse(refused[i].text, &config, &err);
        if (status != refused[i].status || !strstr(err.message, refused[i].message)) {
            fail_msg("%s: status \"%s\", message \"%s\", expected \"%s\"",
                     refused[i].text, attrib_status_name(status), err.message,
                     refused[i].message);
        }
        assert_int_equal(config.n_layers, 77); /* untouched */
    }
}

static void test_config__a_missing_file_is_named(void **state)
{
    (void)state;
    attrib_model *model = NULL;
    attrib_error err = {0};
    check_fails(attrib_model_open("/nowhere/at/all", &model, &err), ATTRIB_EIO, &err);
    check_message(&err, "/nowhere/at/all/config.json: No such file or directory");
    err = (attrib_error){0};
    check_fails(attrib_model_open("/nowhere/model.gguf", &model, &err), ATTRIB_ENOTSUP,
                &err);
    check_message(&err, "/nowhere/model.gguf: GGUF models are not supported");
    assert_null(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__llama_defaults),
        cmocka_unit_test(test_config__llama_settings),
        cmocka_unit_test(test_config__gpt2),
        cmocka_unit_test(test_config__refusals),
        cmocka_unit_test(test_config__a_missing_file_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
