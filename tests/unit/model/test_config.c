/* SPDX-License-Identifier: MIT */
/* What is read of a config.json. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "config_fixture.h"

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
    };
    return run_cases(tests, NULL, NULL);
}
