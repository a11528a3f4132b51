/* SPDX-License-Identifier: MIT */
/* Every refusal of a config.json, with its message. */
#include <string.h>

#include "config_fixture.h"

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
     ATTRIB_ENOTSUP, "rope_scaling together with other rope_parameters is not supported"},
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

static void test_config_refused__refusals(void **state)
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

static void test_config_refused__a_missing_file_is_named(void **state)
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
        cmocka_unit_test(test_config_refused__refusals),
        cmocka_unit_test(test_config_refused__a_missing_file_is_named),
    };
    return run_cases(tests, NULL, NULL);
}
