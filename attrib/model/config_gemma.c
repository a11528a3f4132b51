/* SPDX-License-Identifier: MIT */
/* config.json of Gemma, Gemma 2 and the text of Gemma 3. Keys and defaults are
 * those of the published configurations. */
#include <math.h>

#include "model/config_read.h"

/* What all three share. Token vectors are multiplied by sqrt(D), here to f32 whatever
 * the weights' type; gains are held as their distance from 1. */
static attrib_status read_like_gemma(const char *name,
                                     const json_t *root,
                                     at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_bias = false;
    config->head_dim = 256;
    config->is_head_tied = true;
    AT_TRY(at_read_sizes(name, root, config, err));
    config->norm_epsilon = 1e-6;
    AT_TRY(at_json_number(name, root, "rms_norm_eps", &config->norm_epsilon, NULL, err));
    AT_TRY(at_json_bool(name, root, "attention_bias", &has_bias, NULL, err));
    at_set_biases(config, has_bias, false);
    AT_TRY(at_expect_bool(name, root, "use_bidirectional_attention", false, err));
    config->gain_offset = 1;
    config->embedding_scale = (float)sqrt((double)config->width);
    AT_TRY(at_read_activation(name, root, "hidden_activation", "gelu_pytorch_tanh",
                              AT_ONLY(AT_ACTIVATION_GELU_TANH), &config->activation,
                              err));
done:
    return status;
}

/* The first files say "gelu" and mean its tanh form, which is what runs them. */
attrib_status at_config_read_gemma(const char *name,
                                   const json_t *root,
                                   at_config *config,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_like_gemma(name, root, config, err));
    AT_TRY(at_read_rope(name, root, AT_USUAL_ROPE, config, err));
    AT_TRY(
        at_read_activation(name, root, "hidden_act", "gelu_pytorch_tanh",
                           AT_ONLY(AT_ACTIVATION_GELU_TANH) | AT_ONLY(AT_ACTIVATION_GELU),
                           &config->activation, err));
    config->activation = AT_ACTIVATION_GELU_TANH;
done:
    return status;
}

/* What Gemma 2 and 3 share: windows of all layers but each `period`-th, the scale of
 * attention, and the cap of logits. */
static attrib_status read_gemma_attention(const char *name,
                                          const json_t *root,
                                          size_t period,
                                          at_config *config,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double scalar = 256;
    AT_TRY(at_read_window(name, root, 4096, config, err));
    AT_CHECK(config->window, ATTRIB_ENOTSUP, "%s: sliding_window null is not supported",
             name);
    AT_TRY(at_read_periodic_types(name, root, period, config, err));
    AT_TRY(at_json_number(name, root, "query_pre_attn_scalar", &scalar, NULL, err));
    AT_CHECK(scalar > 0, ATTRIB_ERANGE, "%s: query_pre_attn_scalar %g, expected above 0",
             name, scalar);
    config->attention_scale = (float)(1 / sqrt(scalar));
    AT_TRY(at_read_number_or_null(name, root, "final_logit_softcapping",
                                  &config->logit_cap, err));
done:
    return status;
}

attrib_status at_config_read_gemma2(const char *name,
                                    const json_t *root,
                                    at_config *config,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    config->n_kv_heads = 4;
    config->attention_cap = 50;
    config->logit_cap = 30;
    AT_TRY(read_like_gemma(name, root, config, err));
    AT_TRY(at_read_rope(name, root, AT_USUAL_ROPE, config, err));
    AT_TRY(read_gemma_attention(name, root, 2, config, err));
    AT_TRY(at_read_number_or_null(name, root, "attn_logit_softcapping",
                                  &config->attention_cap, err));
done:
    return status;
}

/* attn_logit_softcapping is read by no published code of this architecture. */
attrib_status at_config_read_gemma3_text(const char *name,
                                         const json_t *root,
                                         at_config *config,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t period = 6;
    config->n_kv_heads = 4;
    AT_TRY(read_like_gemma(name, root, config, err));
    AT_TRY(at_read_two_ropes(name, root, 1e6, "rope_local_base_freq", 1e4, config, err));
    AT_TRY(at_json_size(name, root, "sliding_window_pattern", &period, NULL, err));
    AT_CHECK(period > 0, ATTRIB_ERANGE,
             "%s: sliding_window_pattern 0, expected at least 1", name);
    AT_TRY(read_gemma_attention(name, root, period, config, err));
    AT_TRY(at_expect_null(name, root, "attn_logit_softcapping", err));
done:
    return status;
}

/* Gemma 3 with its eyes: text goes through "text_config" alone, whose files leave out
 * what is as in the class. */
attrib_status at_config_read_gemma3(const char *name,
                                    const json_t *root,
                                    at_config *config,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *text = json_object_get(root, "text_config");
    AT_CHECK(json_is_object(text), ATTRIB_EFORMAT, "%s: key \"text_config\" is missing",
             name);
    config->n_heads = 8;
    config->n_vocabulary = 262208;
    config->context = 131072;
    AT_TRY(at_config_read_gemma3_text(name, text, config, err));
    AT_TRY(at_json_bool(name, root, "tie_word_embeddings", &config->is_head_tied, NULL,
                        err));
done:
    return status;
}
