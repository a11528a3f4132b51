/* SPDX-License-Identifier: MIT */
/* The configuration of a GGUF file, said in the words of config.json, which the
 * architecture's own reader then reads: settings, defaults and refusals are the same for
 * both kinds of files.
 *
 *   1. Keys
 *   2. What tensors say
 *   3. Rotary positions
 *   4. Checks */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/checkpoint.h"
#include "model/gguf_family.h"

#define MAX_KEY      160
#define MAX_HEAD_DIM 1e6 /* so that it is a whole number of any type */

/* 1. Keys */

/* A configuration that is being said. */
typedef struct saying {
    const at_gguf *gguf;
    const at_gguf_family *family;
    json_t *root;
} saying;

static attrib_status say(json_t *object,
                         const char *key,
                         json_t *value,
                         attrib_error *err)
{
    return value && json_object_set_new(object, key, value) == 0
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_ENOMEM, "out of memory for a configuration");
}

/* "llama.block_count" */
static const char *key_of(const saying *s, const char *suffix, char buffer[MAX_KEY])
{
    snprintf(buffer, MAX_KEY, "%s.%s", s->family->gguf, suffix);
    return buffer;
}

/* A number of the file's metadata, or `fallback`. */
static attrib_status get_number(
    const saying *s, const char *suffix, double fallback, double *out, attrib_error *err)
{
    char name[MAX_KEY];
    *out = fallback;
    return at_gguf_number(s->gguf, key_of(s, suffix, name), out, NULL, err);
}

/* The dimension of a head: the file's word, or what follows. */
static attrib_status head_dim_of(const saying *s, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double width = 0;
    double n_heads = 0;
    AT_TRY(get_number(s, "embedding_length", 0, &width, err));
    AT_TRY(get_number(s, "attention.head_count", 0, &n_heads, err));
    AT_CHECK(n_heads > 0, ATTRIB_ERANGE, "%s: no attention heads", at_gguf_path(s->gguf));
    AT_TRY(get_number(s, "attention.key_length", width / n_heads, out, err));
done:
    return status;
}

/* What a missing key means in GGUF, which is not always what its name in config.json
 * does there. */
static attrib_status say_missing(const saying *s,
                                 const at_gguf_key *key,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double number = 0;
    if (strcmp(key->gguf, "rope.freq_base") == 0) {
        AT_TRY(say(s->root, key->ours, json_real(10000), err));
    } else if (strcmp(key->gguf, "attention.head_count_kv") == 0) {
        char name[MAX_KEY];
        size_t n_heads = 0;
        key_of(s, "attention.head_count", name);
        AT_TRY(at_gguf_size(s->gguf, name, &n_heads, NULL, err));
        AT_TRY(say(s->root, key->ours, json_integer((json_int_t)n_heads), err));
    } else if (strcmp(key->gguf, "attention.key_length") == 0) {
        AT_TRY(head_dim_of(s, &number, err));
        if (number == floor(number) && number < MAX_HEAD_DIM) {
            AT_TRY(say(s->root, key->ours, json_integer((json_int_t)number), err));
        }
    }
done:
    return status;
}

static attrib_status say_key(const saying *s, const at_gguf_key *key, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_KEY];
    size_t size = 0;
    double number = 0;
    bool flag = false;
    bool is_there = false;
    key_of(s, key->gguf, name);
    if (key->kind == AT_GGUF_KEY_NUMBER) {
        AT_TRY(at_gguf_number(s->gguf, name, &number, &is_there, err));
    } else if (key->kind == AT_GGUF_KEY_BOOL) {
        AT_TRY(at_gguf_bool(s->gguf, name, &flag, &is_there, err));
    } else {
        AT_TRY(at_gguf_size(s->gguf, name, &size, &is_there, err));
    }
    AT_CHECK(is_there || key->kind != AT_GGUF_KEY_NEEDED, ATTRIB_EFORMAT,
             "%s: key \"%s\" is missing", at_gguf_path(s->gguf), name);
    if (is_there) {
        AT_TRY(say(s->root, key->ours,
                   key->kind == AT_GGUF_KEY_NUMBER ? json_real(number)
                   : key->kind == AT_GGUF_KEY_BOOL ? json_boolean(flag)
                                                   : json_integer((json_int_t)size),
                   err));
    } else {
        AT_TRY(say_missing(s, key, err));
    }
done:
    return status;
}

/* 2. What tensors say */

static const at_tensor *find_tensor(const saying *s, const char *name)
{
    return at_tensors_find(at_gguf_tensors(s->gguf), name);
}

static attrib_status say_tensors(const saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *embedding = find_tensor(s, "token_embd.weight");
    bool is_tied = !find_tensor(s, "output.weight");
    bool has_bias =
        find_tensor(s, "blk.0.attn_q.bias") || find_tensor(s, "blk.0.attn_qkv.bias");
    AT_CHECK(embedding && embedding->n_dims == 2, ATTRIB_ESHAPE,
             "%s: without a matrix token_embd.weight", at_gguf_path(s->gguf));
    AT_TRY(
        say(s->root, "vocab_size", json_integer((json_int_t)embedding->shape[0]), err));
    AT_TRY(say(s->root, "tie_word_embeddings", json_boolean(is_tied), err));
    AT_TRY(say(s->root, "attention_bias", json_boolean(has_bias), err));
    AT_TRY(say(s->root, "use_qkv_bias", json_boolean(has_bias), err));
    AT_TRY(say(s->root, "use_bias", json_boolean(has_bias), err));
    AT_TRY(say(s->root, "mlp_bias",
               json_boolean(find_tensor(s, "blk.0.ffn_up.bias") != NULL), err));
done:
    return status;
}

/* 3. Rotary positions */

static attrib_status say_share(const saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double head_dim = 0;
    double turned = 0;
    AT_TRY(head_dim_of(s, &head_dim, err));
    AT_TRY(get_number(s, "rope.dimension_count", head_dim, &turned, err));
    if (s->family->share && head_dim > 0) {
        AT_TRY(say(s->root, s->family->share,
                   json_real(fmin(1, (turned + 1e-6) / head_dim)),
                   err)); /* the product with head_dim is rounded down */
    }
done:
    return status;
}

/* Queries of Gemma are scaled by their own number, which depends on the model's size
 * alone: files do not hold it. */
static attrib_status say_scalar(const saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double scalar = 0;
    double n_layers = 0;
    double width = 0;
    double n_heads = 0;
    if (s->family->narrow_layers == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(get_number(s, "block_count", 0, &n_layers, err));
    AT_TRY(get_number(s, "embedding_length", 0, &width, err));
    AT_TRY(get_number(s, "attention.head_count", 1, &n_heads, err));
    AT_TRY(head_dim_of(s, &scalar, err));
    if (n_layers == (double)s->family->narrow_layers) {
        scalar = width / n_heads;
    }
    AT_TRY(say(s->root, "query_pre_attn_scalar", json_real(scalar), err));
done:
    return status;
}

/* Llama 3's scaling is held as the divisor of each frequency. Its settings are the same
 * in all published models but for the factor, which the lowest frequency has whole; that
 * the divisors follow from them is checked afterwards. */
static attrib_status say_llama3(const saying *s,
                                const at_tensor *divisors,
                                json_t *scaling,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double factor = 0;
    AT_CHECK(divisors->n_elements > 0, ATTRIB_ESHAPE, "%s: %s: no elements",
             at_gguf_path(s->gguf), divisors->name);
    AT_TRY(at_tensor_to_f64(divisors, divisors->n_elements - 1, 1, &factor, err));
    AT_TRY(say(scaling, "rope_type", json_string("llama3"), err));
    AT_TRY(say(scaling, "factor", json_real(factor), err));
    AT_TRY(say(scaling, "low_freq_factor", json_real(1), err));
    AT_TRY(say(scaling, "high_freq_factor", json_real(4), err));
    AT_TRY(say(scaling, "original_max_position_embeddings", json_integer(8192), err));
done:
    return status;
}

static attrib_status say_scaling(const saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_KEY];
    const at_tensor *divisors = find_tensor(s, "rope_freqs.weight");
    const char *kind = "none";
    double factor = 0;
    double original = 0;
    json_t *scaling = NULL;
    AT_TRY(at_gguf_get_text(s->gguf, key_of(s, "rope.scaling.type", name), &kind, NULL,
                            NULL, err));
    AT_TRY(get_number(s, "rope.scaling.factor", 1, &factor, err));
    AT_TRY(get_number(s, "rope.scaling.original_context_length", 0, &original, err));
    if (strcmp(kind, "none") == 0 && !divisors) {
        return ATTRIB_OK;
    }
    AT_CHECK(strcmp(kind, "none") == 0 || !divisors, ATTRIB_ENOTSUP,
             "%s: %s with rope_freqs.weight is not supported", at_gguf_path(s->gguf),
             name);
    scaling = json_object();
    if (scaling && divisors) {
        AT_TRY(say_llama3(s, divisors, scaling, err));
    } else if (scaling) {
        AT_TRY(say(scaling, "rope_type", json_string(kind), err));
        AT_TRY(say(scaling, "factor", json_real(factor), err));
        if (original > 0) {
            AT_TRY(say(scaling, "original_max_position_embeddings", json_real(original),
                       err));
        }
    }
    AT_TRY(say(s->root, "rope_scaling", json_incref(scaling), err));
done:
    json_decref(scaling);
    return status;
}

/* 4. Checks */

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
static attrib_status check_known(const saying *s, attrib_error *err)
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

static attrib_status check_equal(const saying *s,
                                 const char *suffix,
                                 double expected,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[MAX_KEY];
    double value = expected;
    AT_TRY(get_number(s, suffix, expected, &value, err));
    /* Numbers that are no sizes are f32 in files. */
    AT_CHECK(fabs(value - expected) <= 1e-6 * fabs(expected), ATTRIB_ENOTSUP,
             "%s: %s %g is not supported, expected %g", at_gguf_path(s->gguf),
             key_of(s, suffix, name), value, expected);
done:
    return status;
}

/* The divisors of frequencies, against those that the configuration gives. */
static attrib_status check_divisors(const saying *s,
                                    const at_config *config,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *divisors = find_tensor(s, "rope_freqs.weight");
    at_rope plain = config->rope;
    plain.kind = AT_ROPE_PLAIN;
    if (!divisors) {
        return ATTRIB_OK;
    }
    AT_CHECK(divisors->n_elements == config->rotary_dim / 2, ATTRIB_ESHAPE,
             "%s: %s: %zu elements, expected %zu", divisors->path, divisors->name,
             divisors->n_elements, config->rotary_dim / 2);
    for (size_t i = 0; i < divisors->n_elements; i++) {
        double got = 0;
        double want = at_rope_frequency(&plain, config->rotary_dim, i) /
                      at_rope_frequency(&config->rope, config->rotary_dim, i);
        AT_TRY(at_tensor_to_f64(divisors, i, 1, &got, err));
        AT_CHECK(fabs(got - want) <= 1e-5 * want, ATTRIB_ENOTSUP,
                 "%s: %s: divisor %zu is %g, not %g as Llama 3 scales it: another "
                 "scaling is not supported",
                 divisors->path, divisors->name, i, got, want);
    }
done:
    return status;
}

static attrib_status check_agreement(const saying *s,
                                     const at_config *config,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const double head_dim = (double)config->head_dim;
    AT_TRY(check_equal(s, "vocab_size", (double)config->n_vocabulary, err));
    AT_TRY(check_equal(s, "attention.head_count_kv", (double)config->n_kv_heads, err));
    AT_TRY(check_equal(s, "attention.key_length", head_dim, err));
    AT_TRY(check_equal(s, "attention.value_length", head_dim, err));
    AT_TRY(check_equal(s, "attention.layer_norm_epsilon", config->norm_epsilon, err));
    if (at_is_rotary(config->architecture)) {
        AT_TRY(check_equal(s, "rope.dimension_count", (double)config->rotary_dim, err));
    }
    AT_TRY(check_divisors(s, config, err));
done:
    return status;
}

static attrib_status find_family(const at_gguf *gguf,
                                 const at_gguf_family **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *name = NULL;
    const char *reason = NULL;
    AT_TRY(at_gguf_get_text(gguf, "general.architecture", &name, NULL, NULL, err));
    AT_CHECK(name, ATTRIB_EFORMAT, "%s: key \"general.architecture\" is missing",
             at_gguf_path(gguf));
    *out = at_gguf_family_of(name);
    reason = at_architecture_reason(name);
    AT_CHECK(*out, ATTRIB_ENOTSUP, "%s: architecture \"%.64s\" is not supported%s%s",
             at_gguf_path(gguf), name, reason ? ": " : "", reason ? reason : "");
done:
    return status;
}

attrib_status at_gguf_config(const at_gguf *gguf, at_config *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_config config = {0};
    saying s = {.gguf = gguf, .root = json_object()};
    AT_TRY(find_family(gguf, &s.family, err));
    AT_TRY(check_known(&s, err));
    AT_TRY(say(s.root, "model_type", json_string(s.family->model_type), err));
    for (const at_gguf_key *key = s.family->keys; key->gguf; key++) {
        AT_TRY(say_key(&s, key, err));
    }
    AT_TRY(say_tensors(&s, err));
    AT_TRY(say_share(&s, err));
    AT_TRY(say_scalar(&s, err));
    AT_TRY(say_scaling(&s, err));
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
