/* SPDX-License-Identifier: MIT */
/* The configuration of a GGUF file, said in the words of config.json, which the
 * architecture's own reader then reads: settings, defaults and refusals are the same for
 * both kinds of files.
 *
 *   1. What tensors say
 *   2. What sizes and layers say
 *   3. Checks */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf_say.h"

#define MAX_HEAD_DIM 1e6 /* so that it is a whole number of any type */

/* The dimension of a head: the file's word, or what follows. */
static attrib_status head_dim_of(const at_gguf_saying *s, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double width = 0;
    double n_heads = 0;
    AT_TRY(at_gguf_get(s, "embedding_length", 0, &width, err));
    AT_TRY(at_gguf_get(s, "attention.head_count", 0, &n_heads, err));
    AT_CHECK(n_heads > 0, ATTRIB_ERANGE, "%s: no attention heads", at_gguf_path(s->gguf));
    AT_TRY(at_gguf_get(s, "attention.key_length", width / n_heads, out, err));
done:
    return status;
}

/* What a missing key means in GGUF, which is not always what its name in config.json
 * does there. */
static attrib_status say_missing(const at_gguf_saying *s,
                                 const at_gguf_key *key,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double number = 0;
    if (strcmp(key->gguf, "rope.freq_base") == 0) {
        AT_TRY(at_say(s->root, key->ours, json_real(AT_GGUF_THETA), err));
    } else if (strcmp(key->gguf, "attention.head_count_kv") == 0) {
        char name[AT_GGUF_MAX_KEY];
        size_t n_heads = 0;
        at_gguf_key_of(s, "attention.head_count", name);
        AT_TRY(at_gguf_size(s->gguf, name, &n_heads, NULL, err));
        AT_TRY(at_say(s->root, key->ours, json_integer((json_int_t)n_heads), err));
    } else if (strcmp(key->gguf, "attention.key_length") == 0) {
        AT_TRY(head_dim_of(s, &number, err));
        if (number == floor(number) && number < MAX_HEAD_DIM) {
            AT_TRY(at_say(s->root, key->ours, json_integer((json_int_t)number), err));
        }
    }
done:
    return status;
}

/* A value of the file, as its kind says it; NULL without *is_there. */
static attrib_status read_key(const at_gguf_saying *s,
                              const at_gguf_key *key,
                              const char *name,
                              json_t **out,
                              bool *is_there,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t size = 0;
    double number = 0;
    bool flag = false;
    if (key->kind == AT_GGUF_KEY_NUMBER || key->kind == AT_GGUF_KEY_NEEDED_NUMBER) {
        AT_TRY(at_gguf_number(s->gguf, name, &number, is_there, err));
        *out = *is_there ? json_real(number) : NULL;
    } else if (key->kind == AT_GGUF_KEY_BOOL || key->kind == AT_GGUF_KEY_TRUE) {
        AT_TRY(at_gguf_bool(s->gguf, name, &flag, is_there, err));
        AT_CHECK(!*is_there || flag || key->kind == AT_GGUF_KEY_BOOL, ATTRIB_ENOTSUP,
                 "%s: %s false is not supported", at_gguf_path(s->gguf), name);
        *out = *is_there ? json_boolean(flag) : NULL;
    } else {
        AT_TRY(at_gguf_size(s->gguf, name, &size, is_there, err));
        *out = !*is_there ? NULL
               : size == 0 && key->kind == AT_GGUF_KEY_WINDOW
                   ? json_null()
                   : json_integer((json_int_t)size);
    }
done:
    return status;
}

static attrib_status say_key(const at_gguf_saying *s,
                             const at_gguf_key *key,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_GGUF_MAX_KEY];
    json_t *value = NULL;
    bool is_there = false;
    if (key->kind == AT_GGUF_KEY_APART) {
        return ATTRIB_OK;
    }
    at_gguf_key_of(s, key->gguf, name);
    AT_TRY(read_key(s, key, name, &value, &is_there, err));
    AT_CHECK(is_there || (key->kind != AT_GGUF_KEY_NEEDED &&
                          key->kind != AT_GGUF_KEY_NEEDED_NUMBER),
             ATTRIB_EFORMAT, "%s: key \"%s\" is missing", at_gguf_path(s->gguf), name);
    AT_TRY(is_there ? at_say(s->root, key->ours, value, err) : say_missing(s, key, err));
done:
    return status;
}

/* 1. What tensors say */

static const at_tensor *find_tensor(const at_gguf_saying *s, const char *name)
{
    return at_tensors_find(at_gguf_tensors(s->gguf), name);
}

static attrib_status say_tensors(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *embedding = find_tensor(s, "token_embd.weight");
    bool is_tied = !find_tensor(s, "output.weight");
    bool has_bias =
        find_tensor(s, "blk.0.attn_q.bias") || find_tensor(s, "blk.0.attn_qkv.bias");
    AT_CHECK(embedding && embedding->n_dims == 2, ATTRIB_ESHAPE,
             "%s: without a matrix token_embd.weight", at_gguf_path(s->gguf));
    AT_TRY(at_say(s->root, "vocab_size", json_integer((json_int_t)embedding->shape[0]),
                  err));
    AT_TRY(at_say(s->root, "tie_word_embeddings", json_boolean(is_tied), err));
    AT_TRY(at_say(s->root, "attention_bias", json_boolean(has_bias), err));
    AT_TRY(at_say(s->root, "use_qkv_bias", json_boolean(has_bias), err));
    AT_TRY(at_say(s->root, "use_bias", json_boolean(has_bias), err));
    AT_TRY(at_say(s->root, "mlp_bias",
                  json_boolean(find_tensor(s, "blk.0.ffn_up.bias") != NULL), err));
done:
    return status;
}

/* 2. What sizes and layers say */

static attrib_status say_share(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double head_dim = 0;
    double turned = 0;
    AT_TRY(head_dim_of(s, &head_dim, err));
    AT_TRY(at_gguf_get(s, "rope.dimension_count", head_dim, &turned, err));
    if (s->family->share && head_dim > 0) {
        AT_TRY(at_say(s->root, s->family->share,
                      json_real(fmin(1, (turned + 1e-6) / head_dim)),
                      err)); /* the product with head_dim is rounded down */
    }
done:
    return status;
}

/* Whether a value is a list of true and false, one for each layer. */
static bool is_list_of_layers(const at_gguf_value *value, size_t n_layers)
{
    bool is_one = value->type == AT_GGUF_BOOL && value->n == n_layers;
    for (size_t i = 0; is_one && i < n_layers; i++) {
        is_one = value->data[i] <= 1;
    }
    return is_one;
}

/* Which layers have the window: a list says so, or a number that each so many-th has
 * none; no layer has it where the file names no window. */
static attrib_status say_windows(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_GGUF_MAX_KEY];
    size_t period = s->family->window_period;
    size_t n_layers =
        (size_t)json_integer_value(json_object_get(s->root, "num_hidden_layers"));
    bool has_window =
        at_gguf_find(s->gguf, at_gguf_key_of(s, "attention.sliding_window", name));
    const at_gguf_value *list = at_gguf_find(
        s->gguf, at_gguf_key_of(s, "attention.sliding_window_pattern", name));
    json_t *types = json_array();
    if (!list || !list->is_array) {
        list = NULL;
        AT_TRY(at_gguf_size(s->gguf, name, &period, NULL, err));
    }
    AT_CHECK(!list || is_list_of_layers(list, n_layers), ATTRIB_EFORMAT,
             "%s: %s: %zu of %s, expected true or false of each of %zu layers",
             at_gguf_path(s->gguf), name, list->n, at_gguf_type_name(list->type),
             n_layers);
    AT_CHECK(period > 0, ATTRIB_ERANGE, "%s: %s 0, expected at least 1",
             at_gguf_path(s->gguf), name);
    for (size_t i = 0; i < n_layers && i < AT_MAX_LAYERS; i++) { /* more are refused */
        bool is_one = has_window && (list ? list->data[i] == 1 : (i + 1) % period != 0);
        const char *type = is_one ? "sliding_attention" : "full_attention";
        AT_CHECK(json_array_append_new(types, json_string(type)) == 0, ATTRIB_ENOMEM,
                 "out of memory for %zu layers", n_layers);
    }
    AT_TRY(at_say(s->root, "layer_types", json_incref(types), err));
done:
    json_decref(types);
    return status;
}

/* Queries of Gemma are scaled by their own number, which depends on the model's size
 * alone: files do not hold it. */
static attrib_status say_scalar(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double scalar = 0;
    double n_layers = 0;
    double width = 0;
    double n_heads = 0;
    if (s->family->narrow_layers == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_gguf_get(s, "block_count", 0, &n_layers, err));
    AT_TRY(at_gguf_get(s, "embedding_length", 0, &width, err));
    AT_TRY(at_gguf_get(s, "attention.head_count", 1, &n_heads, err));
    AT_TRY(head_dim_of(s, &scalar, err));
    if (n_layers == (double)s->family->narrow_layers) {
        scalar = width / n_heads;
    }
    AT_TRY(at_say(s->root, "query_pre_attn_scalar", json_real(scalar), err));
done:
    return status;
}

/* 3. Checks */

/* Keys whose values the configuration must have, and those that change nothing. */
static const char *const checked[] = {
    "vocab_size",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_epsilon",
    "rope.dimension_count",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.scaling.attn_factor",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.finetuned",
    "tensor_data_layout",
};

static bool is_known(const at_gguf_family *f, const char *suffix)
{
    for (const at_gguf_key *key = f->keys; key->gguf; key++) {
        if (strcmp(key->gguf, suffix) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof checked / sizeof checked[0]; i++) {
        if (strcmp(checked[i], suffix) == 0) {
            return true;
        }
    }
    return false;
}

/* Every key of the architecture is one that is read, or says 0 experts. */
static attrib_status check_known(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = strlen(s->family->gguf);
    for (size_t i = 0; i < at_gguf_n_values(s->gguf); i++) {
        const char *key = at_gguf_value_at(s->gguf, i)->key;
        size_t n_experts = 0;
        if (strncmp(key, s->family->gguf, n) != 0 || key[n] != '.' ||
            is_known(s->family, key + n + 1)) {
            continue;
        }
        bool is_experts = strncmp(key + n + 1, "expert_", strlen("expert_")) == 0;
        if (is_experts) {
            AT_TRY(at_gguf_size(s->gguf, key, &n_experts, NULL, err));
        }
        AT_CHECK(!is_experts || n_experts == 0, ATTRIB_ENOTSUP,
                 "%s: %s: a mixture of experts is not supported", at_gguf_path(s->gguf),
                 key);
        AT_CHECK(is_experts, ATTRIB_ENOTSUP, "%s: key \"%s\" is not supported",
                 at_gguf_path(s->gguf), key);
    }
done:
    return status;
}

static attrib_status check_agreement(const at_gguf_saying *s,
                                     const at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double head_dim = (double)config->head_dim;
    AT_TRY(at_gguf_expect(s, "vocab_size", (double)config->n_vocabulary, err));
    AT_TRY(at_gguf_expect(s, "attention.head_count_kv", (double)config->n_kv_heads, err));
    AT_TRY(at_gguf_expect(s, "attention.key_length", head_dim, err));
    AT_TRY(at_gguf_expect(s, "attention.value_length", head_dim, err));
    AT_TRY(at_gguf_expect(s, "attention.layer_norm_epsilon", config->norm_epsilon, err));
    if (at_is_rotary(config->architecture)) {
        AT_TRY(
            at_gguf_expect(s, "rope.dimension_count", (double)config->rotary_dim, err));
    }
    AT_TRY(at_gguf_check_rope(s, config, err));
done:
    return status;
}

/* GGUF also holds what is no model by itself: `general.type` says so. */
static attrib_status check_type(const at_gguf *gguf, attrib_error *err)
{
    static const struct {
        const char *type, *is;
    } others[] = {
        {"adapter", "a LoRA adapter: merge it into its base and name the merged model"},
        {"imatrix", "an importance matrix, which quantizing takes: name the model"},
        {"mmproj", "a projector of images or sounds: name the model"},
    };

    attrib_status status = ATTRIB_OK;
    const char *type = NULL;
    AT_TRY(at_gguf_get_text(gguf, "general.type", &type, NULL, NULL, err));
    for (size_t i = 0; type && i < sizeof others / sizeof *others; i++) {
        AT_CHECK(strcmp(type, others[i].type) != 0, ATTRIB_ENOTSUP, "%s: %s",
                 at_gguf_path(gguf), others[i].is);
    }
done:
    return status;
}

static attrib_status find_family(const at_gguf *gguf,
                                 const at_gguf_family **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    AT_TRY(at_gguf_get_text(gguf, "general.architecture", &name, NULL, NULL, err));
    AT_CHECK(name, ATTRIB_EFORMAT, "%s: key \"general.architecture\" is missing",
             at_gguf_path(gguf));
    *out = at_gguf_family_of(gguf, name);
    if (!*out) {
        AT_TRY(at_architecture_refuse(at_gguf_path(gguf), name, err));
    }
done:
    return status;
}

attrib_status at_gguf_config(const at_gguf *gguf, at_config *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_config config = {0};
    at_gguf_saying s = {.gguf = gguf, .root = json_object()};
    AT_TRY(check_type(gguf, err));
    AT_TRY(find_family(gguf, &s.family, err));
    AT_TRY(check_known(&s, err));
    AT_TRY(at_say(s.root, "model_type", json_string(s.family->model_type), err));
    for (const at_gguf_key *key = s.family->keys; key->gguf; key++) {
        AT_TRY(say_key(&s, key, err));
    }
    AT_TRY(say_tensors(&s, err));
    AT_TRY(say_share(&s, err));
    AT_TRY(say_scalar(&s, err));
    if (s.family->window_period) {
        AT_TRY(say_windows(&s, err));
    }
    AT_TRY(at_gguf_say_rope(&s, err));
    AT_TRY(at_config_read(at_gguf_path(gguf), s.root, &config, err));
    AT_TRY(check_agreement(&s, &config, err));
    config.is_gguf = true;
    if (s.family->has_whole_gains) {
        config.gain_offset = 0;
    }
    *out = config;
done:
    json_decref(s.root);
    return status;
}
