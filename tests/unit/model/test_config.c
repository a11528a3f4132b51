/* SPDX-License-Identifier: MIT */
/* config.json: what is read, and every refusal with its message. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/architecture.h"
#include "tiny.h"

#define LLAMA                                                                            \
    "\"model_type\": \"llama\", \"num_hidden_layers\": 2, \"hidden_size\": 12, "         \
    "\"num_attention_heads\": 4, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define ROPE(settings) ", \"head_dim\": 4, \"rope_scaling\": {" settings "}}"
#define SIZES                                                                            \
    "\"num_hidden_layers\": 4, \"hidden_size\": 16, \"num_attention_heads\": 4, "        \
    "\"num_key_value_heads\": 2, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define OF(model_type) "{\"model_type\": \"" model_type "\", " SIZES
#define NEOX                                                                             \
    "{\"model_type\": \"gpt_neox\", \"num_hidden_layers\": 2, \"hidden_size\": 16, "     \
    "\"num_attention_heads\": 2, \"intermediate_size\": 10, \"vocab_size\": 13, "        \
    "\"max_position_embeddings\": 16"
#define NEO                                                                              \
    "{\"model_type\": \"gpt_neo\", \"num_layers\": 4, \"hidden_size\": 16, "             \
    "\"num_heads\": 2, \"vocab_size\": 13, \"max_position_embeddings\": 16"
#define GPTJ                                                                             \
    "{\"model_type\": \"gptj\", \"n_layer\": 2, \"n_embd\": 16, \"n_head\": 2, "         \
    "\"vocab_size\": 13, \"n_positions\": 16"
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
    assert_true(config.rope.theta == 500000 && config.norm_epsilon == 1e-3);
    assert_true(config.has_bias[AT_MAP_Q] && config.has_bias[AT_MAP_O]);
    assert_false(config.has_bias[AT_MAP_UP]);
    assert_true(config.is_head_tied);
    check_ok(parse("{" LLAMA ", \"head_dim\": 4, \"rope_parameters\": {\"rope_type\": "
                   "\"default\", \"rope_theta\": 77}}",
                   &config, &err),
             &err);
    assert_true(config.rope.theta == 77);
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

static void test_config__rope_scaling(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse("{" LLAMA ROPE("\"rope_type\": \"llama3\", \"factor\": 8, "
                                  "\"low_freq_factor\": 1, \"high_freq_factor\": 4"),
                   &config, &err),
             &err);
    assert_int_equal(config.rope.kind, AT_ROPE_LLAMA3);
    assert_true(config.rope.factor == 8 && config.rope.original_context == 16);
    check_ok(parse("{" LLAMA ROPE("\"type\": \"linear\", \"factor\": 2"), &config, &err),
             &err);
    assert_int_equal(config.rope.kind, AT_ROPE_LINEAR);
    assert_true(at_rope_frequency(&config.rope, 4, 0) == 0.5);
    /* within the context, which is all there is, "dynamic" changes nothing */
    check_ok(parse("{" LLAMA ROPE("\"type\": \"dynamic\", \"factor\": 2"), &config, &err),
             &err);
    assert_int_equal(config.rope.kind, AT_ROPE_PLAIN);
    check_ok(parse("{" LLAMA ROPE("\"type\": \"yarn\", \"factor\": 4, "
                                  "\"original_max_position_embeddings\": 4"),
                   &config, &err),
             &err);
    assert_int_equal(config.rope.kind, AT_ROPE_YARN);
    /* a number between 1 and 2, and four roundings of f64 */
    assert_true(fabs(config.rope.length - (0.1 * log(4) + 1)) < 4 * DBL_EPSILON);
    assert_true(config.rope.original_context == 4 && config.rope.is_ramp_whole);
}

/* longrope's short divisors hold up to the original context: that is the context. */
static void test_config__longrope(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse(OF("phi3") ", \"original_max_position_embeddings\": 8, "
                              "\"rope_scaling\": {\"type\": \"su\", \"short_factor\": "
                              "[1.5, 2], \"long_factor\": [3, 4]}}",
                   &config, &err),
             &err);
    assert_int_equal(config.rope.kind, AT_ROPE_LONG);
    assert_int_equal(config.context, 8);
    assert_true(at_rope_frequency(&config.rope, 4, 0) == 1 / 1.5);
    assert_true(fabs(config.rope.length - sqrt(1 + log(2) / log(8))) < 4 * DBL_EPSILON);
}

/* What an entry of the table may leave out, and what goes together. */
static void check_entry(const at_architecture *a)
{
    const char *const *maps = a->maps;
    const char *const *norms = a->norms;
    assert_true(a->model_type && a->class_name && a->read && a->harmless);
    assert_true(a->body && a->embedding && a->final_norm && a->layers && a->head);
    assert_ptr_equal(at_architecture_find(a->model_type), a);
    assert_null(at_architecture_reason(a->model_type));
    assert_int_equal(a->position == AT_POSITION_LEARNED, a->positions != NULL);
    assert_true(maps[AT_MAP_O] && maps[AT_MAP_DOWN]);
    for (at_slot map = AT_MAP_Q; map <= AT_MAP_V; map++) {
        assert_int_equal(maps[map] == NULL, maps[AT_MAP_QKV] != NULL);
    }
    assert_int_equal(maps[AT_MAP_UP] == NULL, maps[AT_MAP_GATE_UP] != NULL);
    assert_true(!maps[AT_MAP_GATE] || maps[AT_MAP_UP]);
    assert_true(!a->is_qkv_by_head || maps[AT_MAP_QKV]);
    assert_int_equal(norms[AT_NORM_Q] == NULL, norms[AT_NORM_K] == NULL);
    assert_true(!norms[AT_NORM_Q] || maps[AT_MAP_Q]); /* one map's are not apart */
}

static void test_config__entries_hold_together(void **state)
{
    (void)state;
    size_t n = 0;
    for (; at_architecture_get(n); n++) {
        check_entry(at_architecture_get(n));
    }
    assert_true(n >= 22);
}

/* Settings that a reader should have refused: the layers do not compute them. */
static void test_config__parts_hold_together(void **state)
{
    (void)state;

    static const struct {
        const char *model_type;
        at_activation activation;
        double clip;
        const char *message;
    } cases[] = {
        {"llama", AT_ACTIVATION_GELU, 0, "GELU with a gate is not supported"},
        {"phi3", AT_ACTIVATION_GELU, 0, "GELU with a gate is not supported"},
        {"phi", AT_ACTIVATION_SILU, 0, "SiLU without a gate is not supported"},
        {"gpt2", AT_ACTIVATION_GELU, 3, "clipping is not supported where one map"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        attrib_error err = {0};
        at_config config = {.architecture = at_architecture_find(cases[i].model_type),
                            .n_layers = 1,
                            .width = 8,
                            .n_heads = 2,
                            .n_kv_heads = 2,
                            .mlp_width = 8,
                            .n_vocabulary = 8,
                            .context = 8,
                            .activation = cases[i].activation,
                            .qkv_clip = cases[i].clip,
                            .rope = {.theta = 10000}};
        check_fails(at_config_complete("m", &config, &err), ATTRIB_ENOTSUP, &err);
        check_message(&err, cases[i].message);
    }
}

/* The layers with a window, as a text of 0 and 1. */
static void check_windows(const char *text, size_t window, const char *expected)
{
    at_config config;
    attrib_error err;
    check_ok(parse(text, &config, &err), &err);
    assert_int_equal(config.n_layers, strlen(expected));
    for (size_t i = 0; i < config.n_layers; i++) {
        assert_int_equal(at_config_window(&config, i), expected[i] == '1' ? window : 0);
    }
}

static void test_config__windows(void **state)
{
    (void)state;
    check_windows(OF("mistral") ", \"sliding_window\": 5}", 5, "1111");
    check_windows(OF("mistral") ", \"sliding_window\": null}", 0, "0000");
    check_windows(OF("mistral") "}", 4096, "1111");
    check_windows(OF("qwen2") ", \"sliding_window\": 5, \"max_window_layers\": 1}", 0,
                  "0000");
    check_windows(OF("qwen2") ", \"use_sliding_window\": true, \"sliding_window\": 5, "
                              "\"max_window_layers\": 1}",
                  5, "0111");
    check_windows(OF("qwen3") ", \"use_sliding_window\": true, \"sliding_window\": 5, "
                              "\"layer_types\": [\"sliding_attention\", "
                              "\"full_attention\", \"full_attention\", "
                              "\"sliding_attention\"]}",
                  5, "1001");
    check_windows(OF("gemma2") "}", 4096, "1010");
    check_windows(OF("gemma3_text") ", \"sliding_window\": 7}", 7, "1111");
    check_windows(OF("gemma3_text") ", \"sliding_window_pattern\": 3}", 4096, "1101");
    check_windows(OF("phi3") ", \"sliding_window\": 3}", 3, "1111");
    check_windows(OF("phi3") "}", 0, "0000");
    check_windows(OF("olmo3") "}", 4096, "1110");
    check_windows(OF("starcoder2") ", \"sliding_window\": 3}", 3, "1111");
    check_windows(NEO ", \"window_size\": 9, \"attention_types\": [[[\"global\", "
                      "\"local\"], 1], [[\"local\"], 2]]}",
                  9, "0111");
}

static void test_config__gemma(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse(OF("gemma") ", \"hidden_act\": \"gelu\"}", &config, &err), &err);
    assert_int_equal(config.activation, AT_ACTIVATION_GELU_TANH);
    assert_int_equal(config.head_dim, 256);
    assert_true(config.embedding_scale == 4 && config.gain_offset == 1);
    assert_true(config.is_head_tied);
    check_ok(parse(OF("gemma2") "}", &config, &err), &err);
    assert_true(config.attention_cap == 50 && config.logit_cap == 30);
    assert_true(config.attention_scale == 0.0625f);
    check_ok(parse(OF("gemma2") ", \"attn_logit_softcapping\": null, "
                                "\"final_logit_softcapping\": null}",
                   &config, &err),
             &err);
    assert_true(config.attention_cap == 0 && config.logit_cap == 0);
    check_ok(parse(OF("gemma3_text") ", \"rope_scaling\": {\"rope_type\": \"linear\", "
                                     "\"factor\": 8}}",
                   &config, &err),
             &err);
    assert_true(config.rope.theta == 1e6 && config.rope.factor == 8);
    assert_true(config.local_rope.theta == 1e4 &&
                config.local_rope.kind == AT_ROPE_PLAIN && config.has_local_rope);
}

/* The file of gemma-3-4b leaves out most of its text's sizes. */
static void test_config__gemma3_with_eyes(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(
        parse("{\"model_type\": \"gemma3\", \"text_config\": {\"hidden_size\": 2560, "
              "\"intermediate_size\": 10240, \"model_type\": \"gemma3_text\", "
              "\"num_hidden_layers\": 34, \"sliding_window\": 1024, \"rope_scaling\": "
              "{\"factor\": 8.0, \"rope_type\": \"linear\"}}}",
              &config, &err),
        &err);
    assert_int_equal(config.n_heads, 8);
    assert_int_equal(config.n_kv_heads, 4);
    assert_int_equal(config.head_dim, 256);
    assert_int_equal(config.n_vocabulary, 262208);
    assert_int_equal(config.context, 131072);
    assert_int_equal(at_config_window(&config, 4), 1024);
    assert_int_equal(at_config_window(&config, 5), 0);
    assert_true(config.is_head_tied && config.rope.factor == 8);
}

static void test_config__layers_without_positions(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse(OF("smollm3") "}", &config, &err), &err);
    assert_true(config.rope.theta == 2e6 && config.is_head_tied);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(at_config_is_turned(&config, i), i != 3);
        assert_int_equal(at_config_window(&config, i), 0);
    }
    check_ok(parse(OF("smollm3") ", \"no_rope_layers\": [0, 1, 1, 0], "
                                 "\"use_sliding_window\": true, \"sliding_window\": 6}",
                   &config, &err),
             &err);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(at_config_is_turned(&config, i), i == 1 || i == 2);
        assert_int_equal(at_config_window(&config, i), i == 1 || i == 2 ? 0 : 6);
    }
}

/* GPT-NeoX, GPT-J and Phi: parallel halves, and shares of a head that turn. */
static void test_config__parallel(void **state)
{
    (void)state;
    at_config config;
    attrib_error err;
    check_ok(parse(NEOX "}", &config, &err), &err);
    assert_true(config.is_parallel && config.has_bias[AT_MAP_QKV]);
    assert_int_equal(config.rotary_dim, 2);
    assert_int_equal(config.activation, AT_ACTIVATION_GELU);
    check_ok(parse(NEOX ", \"use_parallel_residual\": false, \"rotary_pct\": 1, "
                        "\"rotary_emb_base\": 5, \"attention_bias\": false}",
                   &config, &err),
             &err);
    assert_true(!config.is_parallel && !config.has_bias[AT_MAP_O]);
    assert_true(config.rotary_dim == 8 && config.rope.theta == 5);
    check_ok(parse(GPTJ ", \"rotary_dim\": 4}", &config, &err), &err);
    assert_true(config.is_parallel && !config.has_bias[AT_MAP_Q] &&
                config.has_bias[AT_MAP_UP]);
    assert_int_equal(config.rotary_dim, 4);
    check_ok(parse(OF("phi") "}", &config, &err), &err);
    assert_true(config.is_parallel && config.rotary_dim == 2);
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
     "m/config.json: architecture \"mamba\" is not supported: it is a recurrent or "
     "state-space model"},
    {"{\"model_type\": \"bloom\"}", ATTRIB_ENOTSUP,
     "m/config.json: architecture \"bloom\" is not supported"},
    {"{\"model_type\": \"mixtral\"}", ATTRIB_ENOTSUP,
     "architecture \"mixtral\" is not supported: it is a mixture of experts"},
    {"{\"model_type\": \"bert\"}", ATTRIB_ENOTSUP,
     "architecture \"bert\" is not supported: it is an encoder"},
    {"{\"model_type\": \"t5\"}", ATTRIB_ENOTSUP,
     "architecture \"t5\" is not supported: it is an encoder with a decoder"},
    {"{" LLAMA ", \"head_dim\": 4, \"num_local_experts\": 8}", ATTRIB_ENOTSUP,
     "num_local_experts 8: mixtures of experts are not supported"},
    {"{" LLAMA ", \"head_dim\": 4, \"is_encoder_decoder\": true}", ATTRIB_ENOTSUP,
     "is_encoder_decoder true: models with an encoder are not supported"},
    {"{" LLAMA ", \"architectures\": [\"LlamaForTokenClassification\"]}", ATTRIB_ENOTSUP,
     "\"LlamaForTokenClassification\" is not supported, expected \"LlamaForCausalLM\""},
    {"{" LLAMA ", \"head_dim\": 4, \"hidden_act\": \"gelu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"gelu\" is not supported, expected \"silu\""},
    {"{" LLAMA ROPE("\"rope_type\": \"longrope\""), ATTRIB_ERANGE,
     "rope_scaling: short_factor has 0 entries, expected 1 to 256"},
    {"{" LLAMA ROPE("\"rope_type\": \"longrope\", \"short_factor\": [1, 2, 3]"),
     ATTRIB_ESHAPE, "short_factor has 3 entries, expected 2"},
    {"{" LLAMA ROPE("\"rope_type\": \"longrope\", \"short_factor\": [1, 0]"),
     ATTRIB_ERANGE, "short_factor: entry 1: expected a number above 0"},
    {"{" LLAMA
     ", \"head_dim\": 4, \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}, "
     "\"rope_parameters\": {\"type\": \"linear\", \"factor\": 3}}",
     ATTRIB_ENOTSUP, "rope_scaling beside other rope_parameters is not supported"},
    {OF("gemma3_text") ", \"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": "
                       "[1]}}",
     ATTRIB_ENOTSUP,
     "scaling of type \"longrope\" is not supported for architecture "
     "\"gemma3_text\""},
    {"{" LLAMA ROPE("\"type\": \"mrope\""), ATTRIB_ENOTSUP,
     "rope_scaling of type \"mrope\" is not supported"},
    {"{" LLAMA ROPE("\"type\": \"default\", \"mrope_section\": [1, 1, 1]"),
     ATTRIB_ENOTSUP, "mrope_section in rope_scaling is not supported"},
    {"{" LLAMA ROPE("\"type\": \"linear\""), ATTRIB_EFORMAT,
     "rope_scaling: key \"factor\" is missing"},
    {"{" LLAMA ROPE("\"type\": \"linear\", \"factor\": 0"), ATTRIB_ERANGE,
     "rope_scaling: factor 0, expected above 0"},
    {"{" LLAMA ROPE("\"rope_type\": \"llama3\", \"factor\": 8"), ATTRIB_EFORMAT,
     "rope_scaling: key \"low_freq_factor\" is missing"},
    {"{" LLAMA ROPE("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 4, "
                    "\"high_freq_factor\": 4"),
     ATTRIB_ERANGE, "low_freq_factor 4, expected below high_freq_factor 4"},
    {"{" LLAMA ROPE("\"rope_type\": \"llama3\", \"factor\": 8, \"low_freq_factor\": 1, "
                    "\"high_freq_factor\": 4, \"original_max_position_embeddings\": 0"),
     ATTRIB_ERANGE, "original_max_position_embeddings 0, expected at least 1"},
    {"{" LLAMA ROPE("\"type\": \"yarn\", \"factor\": 4, \"beta_fast\": 1"), ATTRIB_ERANGE,
     "beta_slow 1, expected above 0 and below beta_fast 1"},
    {"{" LLAMA ROPE("\"type\": \"yarn\", \"factor\": 4, \"rope_theta\": 1"),
     ATTRIB_ERANGE, "rope_theta 1, expected above 1 for yarn"},
    {"{" LLAMA ROPE("\"type\": \"yarn\", \"factor\": 4, \"attention_factor\": -1"),
     ATTRIB_ERANGE, "attention_factor -1, expected above 0"},
    {"{" LLAMA ROPE("\"type\": \"yarn\", \"factor\": 4, \"attention_factor\": 0"),
     ATTRIB_ERANGE, "attention_factor 0, expected above 0"},
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
    {"{" LLAMA ", \"head_dim\": 64, \"rope_theta\": 5e-324}", ATTRIB_ERANGE,
     "angles are not finite"},
    {"{" LLAMA ", \"head_dim\": 4, \"rms_norm_eps\": -1}", ATTRIB_ERANGE, "norm epsilon"},
    {"{\"model_type\": \"llama\", \"hidden_size\": 12}", ATTRIB_EFORMAT,
     "key \"num_hidden_layers\" is missing"},
    {OF("mistral") ", \"sliding_window\": 0}", ATTRIB_ERANGE,
     "sliding_window 0, expected at least 1"},
    {OF("mistral") ", \"layer_types\": [\"full_attention\"]}", ATTRIB_ENOTSUP,
     "layer_types is not supported"},
    {OF("mistral") ", \"hidden_act\": \"relu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"relu\" is not supported, expected \"silu\""},
    {OF("qwen2") ", \"layer_types\": [\"full_attention\"]}", ATTRIB_ESHAPE,
     "layer_types: 1 entries, expected one for each of 4 layers"},
    {OF("qwen2") ", \"layer_types\": [\"full_attention\", \"chunked_attention\", "
                 "\"full_attention\", \"full_attention\"]}",
     ATTRIB_ENOTSUP, "layer_types: entry 1: \"chunked_attention\" is not supported"},
    {OF("qwen3") ", \"layer_types\": [\"full_attention\", \"full_attention\", "
                 "\"sliding_attention\", \"full_attention\"]}",
     ATTRIB_ENOTSUP,
     "layer_types: entry 2: \"sliding_attention\" is not supported "
     "without use_sliding_window"},
    {OF("qwen2") ", \"use_sliding_window\": \"yes\"}", ATTRIB_EFORMAT,
     "use_sliding_window"},
    {"{\"model_type\": \"qwen2\", \"num_hidden_layers\": 4000000000000000000}",
     ATTRIB_ERANGE, "layers: 4000000000000000000, expected 1 to 16384"},
    {OF("olmo") ", \"clip_qkv\": -1}", ATTRIB_ERANGE, "clip_qkv -1, expected at least 0"},
    {OF("olmo2") ", \"clip_qkv\": 8}", ATTRIB_ENOTSUP, "clip_qkv is not supported"},
    {OF("gemma") ", \"use_bidirectional_attention\": true}", ATTRIB_ENOTSUP,
     "use_bidirectional_attention true is not supported"},
    {OF("gemma") ", \"hidden_act\": \"silu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"silu\" is not supported, expected \"gelu_new\""},
    {OF("gemma2") ", \"hidden_activation\": \"gelu\"}", ATTRIB_ENOTSUP,
     "hidden_activation \"gelu\" is not supported"},
    {OF("gemma2") ", \"query_pre_attn_scalar\": 0}", ATTRIB_ERANGE,
     "query_pre_attn_scalar 0, expected above 0"},
    {OF("gemma2") ", \"attn_logit_softcapping\": -5}", ATTRIB_ERANGE,
     "attention cap -5, expected at least 0"},
    {OF("gemma2") ", \"final_logit_softcapping\": -5}", ATTRIB_ERANGE,
     "logit cap -5, expected at least 0"},
    {OF("gemma2") ", \"sliding_window\": null}", ATTRIB_ENOTSUP,
     "sliding_window null is not supported"},
    {OF("gemma3_text") ", \"attn_logit_softcapping\": 50}", ATTRIB_ENOTSUP,
     "attn_logit_softcapping is not supported"},
    {OF("gemma3_text") ", \"sliding_window_pattern\": 0}", ATTRIB_ERANGE,
     "sliding_window_pattern 0, expected at least 1"},
    {OF("gemma3_text") ", \"partial_rotary_factor\": 0.5}", ATTRIB_ENOTSUP,
     "partial_rotary_factor is not supported"},
    {OF("gemma3_text") ", \"rope_parameters\": {\"rope_theta\": 5}}", ATTRIB_ENOTSUP,
     "rope_parameters without full_attention and sliding_attention is not supported"},
    {OF("gemma3_text") ", \"rope_parameters\": {\"sliding_attention\": {\"rope_theta\": "
                       "0}}}",
     ATTRIB_ERANGE, "rope_theta 0, expected above 0"},
    {OF("gemma3") "}", ATTRIB_EFORMAT, "key \"text_config\" is missing"},
    {OF("gemma3") ", \"text_config\": {\"num_hidden_layers\": 2}}", ATTRIB_EFORMAT,
     "key \"hidden_size\" is missing"},
    {OF("phi") ", \"qk_layernorm\": true}", ATTRIB_ENOTSUP,
     "qk_layernorm true is not supported"},
    {OF("phi") ", \"partial_rotary_factor\": 0.8}", ATTRIB_ESHAPE,
     "3 entries of a head of 4 cannot turn, rotary positions need pairs"},
    {OF("phi") ", \"partial_rotary_factor\": 0.1}", ATTRIB_ESHAPE,
     "0.1 of a head dimension of 4 leaves nothing to turn"},
    {OF("phi") ", \"partial_rotary_factor\": 2}", ATTRIB_ERANGE,
     "partial_rotary_factor 2, expected above 0 and at most 1"},
    {OF("phi3") ", \"rope_scaling\": {\"type\": \"linear\", \"factor\": 2}}",
     ATTRIB_ENOTSUP,
     "rope_scaling of this type is not supported for architecture \"phi3\", expected "
     "\"longrope\""},
    {OF("phi3") ", \"attention_bias\": true}", ATTRIB_ENOTSUP,
     "attention_bias true is not supported"},
    {NEOX ", \"num_key_value_heads\": 1}", ATTRIB_ENOTSUP,
     "num_key_value_heads 1 is not supported, expected 2"},
    {NEOX ", \"hidden_act\": \"relu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"relu\" is not supported"},
    {NEOX ", \"rotary_pct\": 0}", ATTRIB_ERANGE, "rotary_pct 0, expected above 0"},
    {OF("smollm3") ", \"no_rope_layers\": [1]}", ATTRIB_ESHAPE,
     "no_rope_layers: 1 entries, expected one for each of 4 layers"},
    {OF("smollm3") ", \"no_rope_layers\": [1, 1, \"x\", 1]}", ATTRIB_EFORMAT,
     "no_rope_layers: entry 2: expected a number"},
    {OF("smollm3") ", \"no_rope_layer_interval\": 0}", ATTRIB_ERANGE,
     "no_rope_layer_interval 0, expected at least 1"},
    {OF("granite") ", \"logits_scaling\": 0}", ATTRIB_ERANGE,
     "logits_scaling 0, expected above 0"},
    {OF("granite") ", \"residual_multiplier\": -1}", ATTRIB_ERANGE,
     "residual_multiplier -1, expected above 0"},
    {OF("falcon") ", \"alibi\": true}", ATTRIB_ENOTSUP, "alibi true is not supported"},
    {OF("falcon") ", \"new_decoder_architecture\": true}", ATTRIB_ENOTSUP,
     "new_decoder_architecture true is not supported"},
    {OF("falcon") ", \"multi_query\": false}", ATTRIB_ENOTSUP,
     "multi_query false is not supported"},
    {OF("falcon") ", \"parallel_attn\": false}", ATTRIB_ENOTSUP,
     "parallel_attn false is not supported"},
    {OF("phi3") ", \"mlp_bias\": true}", ATTRIB_ENOTSUP,
     "mlp_bias true is not supported"},
    {GPTJ ", \"rotary_dim\": 4, \"rope_scaling\": {}}", ATTRIB_ENOTSUP,
     "rope_scaling is not supported"},
    {"{" GPT2 ", \"add_cross_attention\": true}", ATTRIB_ENOTSUP,
     "add_cross_attention true is not supported"},
    {OF("stablelm") ", \"qk_layernorm\": true}", ATTRIB_ENOTSUP,
     "qk_layernorm true is not supported"},
    {OF("stablelm") ", \"use_parallel_residual\": true}", ATTRIB_ENOTSUP,
     "use_parallel_residual true is not supported"},
    {OF("starcoder2") ", \"hidden_act\": \"relu\"}", ATTRIB_ENOTSUP,
     "hidden_act \"relu\" is not supported"},
    {OF("olmo3") ", \"rope_theta\": 10000}", ATTRIB_ENOTSUP,
     "rope_theta 10000 is not supported outside of rope_parameters, expected 500000"},
    {OF("olmo3") ", \"sliding_window\": null}", ATTRIB_ENOTSUP,
     "sliding_window null is not supported"},
    {NEO ", \"attention_types\": [[[\"global\", \"strided\"], 2]]}", ATTRIB_ENOTSUP,
     "attention_types: \"strided\" is not supported"},
    {NEO ", \"attention_types\": [[[\"global\"], 2]]}", ATTRIB_ESHAPE,
     "attention_types: 2 entries, expected one for each of 4 layers"},
    {NEO ", \"attention_types\": [[[\"global\"], 9223372036854775807]]}", ATTRIB_ESHAPE,
     "attention_types: more entries than 4 layers"},
    {NEO ", \"attention_types\": [[[\"global\", \"global\", \"global\", \"global\"], "
         "4611686018427387905]]}",
     ATTRIB_ERANGE, "overflows"},
    {NEO ", \"attention_types\": [[[], 9223372036854775807]]}", ATTRIB_EFORMAT,
     "attention_types: expected lists of names, each with a number"},
    {NEO ", \"attention_types\": [[[\"global\"], 4]], \"window_size\": 0}", ATTRIB_ERANGE,
     "window_size 0, expected at least 1"},
    {GPTJ ", \"rotary_dim\": null}", ATTRIB_EFORMAT, "key \"rotary_dim\" is missing"},
    {GPTJ ", \"rotary_dim\": 0}", ATTRIB_ERANGE, "rotary_dim 0, expected at least 2"},
    {GPTJ ", \"rotary_dim\": 10}", ATTRIB_ESHAPE,
     "10 entries of a head of 8 cannot turn"},
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
    check_fails(attrib_model_open("/nowhere/at/all", NULL, &model, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "/nowhere/at/all/config.json: No such file or directory");
    err = (attrib_error){0};
    check_fails(attrib_model_open("/nowhere/model.gguf", NULL, &model, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "/nowhere/model.gguf: No such file or directory");
    assert_null(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__llama_defaults),
        cmocka_unit_test(test_config__llama_settings),
        cmocka_unit_test(test_config__gpt2),
        cmocka_unit_test(test_config__rope_scaling),
        cmocka_unit_test(test_config__longrope),
        cmocka_unit_test(test_config__entries_hold_together),
        cmocka_unit_test(test_config__parts_hold_together),
        cmocka_unit_test(test_config__windows),
        cmocka_unit_test(test_config__gemma),
        cmocka_unit_test(test_config__gemma3_with_eyes),
        cmocka_unit_test(test_config__layers_without_positions),
        cmocka_unit_test(test_config__parallel),
        cmocka_unit_test(test_config__refusals),
        cmocka_unit_test(test_config__a_missing_file_is_named),
    };
    return run_cases(tests, NULL, NULL);
}
