/* SPDX-License-Identifier: MIT */
/* Rotary positions of a GGUF file, in the words of config.json.
 *
 *   1. The kind of scaling
 *   2. Its settings
 *   3. Public
 *
 * Source: the keys of ggml's docs/gguf.md; what llama.cpp takes a missing key for. */
#include <math.h>
#include <string.h>

#include "model/gguf_say.h"

static const at_tensor *find_tensor(const at_gguf_saying *s, const char *name)
{
    return at_tensors_find(at_gguf_tensors(s->gguf), name);
}

/* 1. The kind of scaling */

#define LLAMA3_DIVISORS "rope_freqs.weight"
#define SHORT_DIVISORS  "rope_factors_short.weight"
#define LONG_DIVISORS   "rope_factors_long.weight"

/* Tensors that tell the kind, by which each frequency is divided. */
static const struct {
    const char *tensor, *kind;
} tellers[] = {
    {LLAMA3_DIVISORS, "llama3"},
    {SHORT_DIVISORS, "longrope"},
    {LONG_DIVISORS, "longrope"},
};

#define N_TELLERS (sizeof tellers / sizeof tellers[0])

bool at_gguf_is_setting(const char *tensor)
{
    bool is_one = false;
    for (size_t i = 0; i < N_TELLERS; i++) {
        is_one = is_one || strcmp(tellers[i].tensor, tensor) == 0;
    }
    return is_one;
}

/* Find the kind of scaling: as the file names it; "linear" where it names none and has a
 * factor other than 0; or as a tensor shows. */
static attrib_status find_kind(const at_gguf_saying *s,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_GGUF_MAX_KEY];
    const char *kind = NULL;
    double factor = 0;
    AT_TRY(at_gguf_get(s, "rope.scaling.factor", 0, &factor, err));
    kind = factor != 0 ? "linear" : "none";
    AT_TRY(at_gguf_get_text(s->gguf, at_gguf_key_of(s, "rope.scaling.type", name), &kind,
                            NULL, NULL, err));
    for (size_t i = 0; i < N_TELLERS; i++) {
        if (find_tensor(s, tellers[i].tensor)) {
            kind = strcmp(kind, "none") == 0 ? tellers[i].kind : kind;
            AT_CHECK(strcmp(kind, tellers[i].kind) == 0, ATTRIB_ENOTSUP,
                     "%s: %s \"%.64s\" with %s is not supported", at_gguf_path(s->gguf),
                     name, kind, tellers[i].tensor);
        }
    }
    *out = kind;
done:
    return status;
}

/* 2. Its settings */

static attrib_status read_divisor(const at_tensor *divisors,
                                  size_t i,
                                  double *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_tensor_to_f64(divisors, i, 1, out, err));
    AT_CHECK(isfinite(*out) && *out > 0, ATTRIB_ERANGE,
             "%s: %s: entry %zu is %g, expected a number above 0", divisors->path,
             divisors->name, i, *out);
done:
    return status;
}

/* Llama 3's scaling is held as the divisor of each frequency. Its settings are the same
 * in all published models but for the factor, which the lowest frequency has whole; that
 * the divisors follow from them is checked afterwards. */
static attrib_status say_llama3(const at_gguf_saying *s,
                                json_t *scaling,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *divisors = find_tensor(s, LLAMA3_DIVISORS);
    double factor = 0;
    AT_CHECK(divisors && divisors->n_elements > 0, ATTRIB_ESHAPE, "%s: %s: no elements",
             at_gguf_path(s->gguf), LLAMA3_DIVISORS);
    AT_TRY(read_divisor(divisors, divisors->n_elements - 1, &factor, err));
    AT_TRY(at_say(scaling, "factor", json_real(factor), err));
    AT_TRY(at_say(scaling, "low_freq_factor", json_real(1), err));
    AT_TRY(at_say(scaling, "high_freq_factor", json_real(4), err));
    AT_TRY(at_say(scaling, "original_max_position_embeddings", json_integer(8192), err));
done:
    return status;
}

/* A number that must be there. */
static attrib_status say_needed(const at_gguf_saying *s,
                                const char *suffix,
                                json_t *scaling,
                                const char *ours,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char name[AT_GGUF_MAX_KEY];
    double number = 0;
    bool is_there = false;
    at_gguf_key_of(s, suffix, name);
    AT_TRY(at_gguf_number(s->gguf, name, &number, &is_there, err));
    AT_CHECK(is_there, ATTRIB_EFORMAT, "%s: key \"%s\" is missing", at_gguf_path(s->gguf),
             name);
    AT_TRY(at_say(scaling, ours, json_real(number), err));
done:
    return status;
}

/* Longrope's divisors: both lists are there, and each is whole. What holds beyond the
 * original context is not said, since no sequence is that long. */
static attrib_status say_long(const at_gguf_saying *s, json_t *scaling, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *within = find_tensor(s, SHORT_DIVISORS);
    const at_tensor *beyond = find_tensor(s, LONG_DIVISORS);
    json_t *list = NULL;
    AT_CHECK(within && beyond, ATTRIB_EFORMAT, "%s: tensor %s is missing",
             at_gguf_path(s->gguf), within ? LONG_DIVISORS : SHORT_DIVISORS);
    AT_CHECK(within->n_elements == beyond->n_elements &&
                 within->n_elements <= AT_MAX_DIVISORS,
             ATTRIB_ESHAPE, "%s: %s: %zu elements, %s: %zu, expected as many, at most %d",
             within->path, within->name, within->n_elements, beyond->name,
             beyond->n_elements, AT_MAX_DIVISORS);
    list = json_array();
    for (size_t i = 0; i < within->n_elements; i++) {
        double divisor = 0;
        AT_TRY(read_divisor(beyond, i, &divisor, err));
        AT_TRY(read_divisor(within, i, &divisor, err));
        AT_CHECK(json_array_append_new(list, json_real(divisor)) == 0, ATTRIB_ENOMEM,
                 "out of memory for %zu divisors", within->n_elements);
    }
    AT_TRY(at_say(scaling, "short_factor", json_incref(list), err));
    AT_TRY(say_needed(s, "rope.scaling.attn_factor", scaling, "attention_factor", err));
    AT_TRY(say_needed(s, "rope.scaling.original_context_length", scaling,
                      "original_max_position_embeddings", err));
done:
    json_decref(list);
    return status;
}

/* Settings that are numbers of the metadata, where these are there. */
static attrib_status say_numbers(const at_gguf_saying *s,
                                 json_t *scaling,
                                 attrib_error *err)
{
    static const struct {
        const char *gguf, *ours;
    } numbers[] = {
        {"rope.scaling.original_context_length", "original_max_position_embeddings"},
        {"rope.scaling.yarn_beta_fast", "beta_fast"},
        {"rope.scaling.yarn_beta_slow", "beta_slow"},
    };

    attrib_status status = ATTRIB_OK;
    double factor = 1;
    AT_TRY(at_gguf_get(s, "rope.scaling.factor", 1, &factor, err));
    AT_TRY(at_say(scaling, "factor", json_real(factor), err));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        char name[AT_GGUF_MAX_KEY];
        if (at_gguf_find(s->gguf, at_gguf_key_of(s, numbers[i].gguf, name))) {
            AT_TRY(say_needed(s, numbers[i].gguf, scaling, numbers[i].ours, err));
        }
    }
done:
    return status;
}

static attrib_status say_scaling(const at_gguf_saying *s,
                                 json_t *scaling,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *kind = NULL;
    AT_TRY(find_kind(s, &kind, err));
    if (strcmp(kind, "none") == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_say(scaling, "rope_type", json_string(kind), err));
    if (strcmp(kind, "llama3") == 0) {
        AT_TRY(say_llama3(s, scaling, err));
    } else if (strcmp(kind, "longrope") == 0) {
        AT_TRY(say_long(s, scaling, err));
    } else {
        AT_TRY(say_numbers(s, scaling, err));
    }
done:
    return status;
}

/* Layers without a window, which alone are scaled, and those with one. */
static attrib_status say_two_ropes(const at_gguf_saying *s,
                                   json_t *scaling,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double theta = 0;
    double local = s->family->local_theta;
    AT_TRY(at_gguf_get(s, "rope.freq_base", AT_GGUF_THETA, &theta, err));
    AT_TRY(at_gguf_get(s, "rope.freq_base_swa", local > 0 ? local : theta, &local, err));
    AT_TRY(at_say(scaling, "rope_theta", json_real(theta), err));
    AT_TRY(at_say(s->root, "rope_parameters",
                  json_pack("{s:O, s:{s:f}}", "full_attention", scaling,
                            "sliding_attention", "rope_theta", local),
                  err));
done:
    return status;
}

/* The divisors of frequencies, against those that the configuration gives. */
static attrib_status check_llama3(const at_gguf_saying *s,
                                  const at_config *config,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *divisors = find_tensor(s, LLAMA3_DIVISORS);
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
        AT_TRY(read_divisor(divisors, i, &got, err));
        AT_CHECK(fabs(got - want) <= 1e-5 * want, ATTRIB_ENOTSUP,
                 "%s: %s: divisor %zu is %g, not %g as Llama 3 scales it: another "
                 "scaling is not supported",
                 divisors->path, divisors->name, i, got, want);
    }
done:
    return status;
}

/* 3. Public */

attrib_status at_gguf_say_rope(const at_gguf_saying *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *scaling = json_object();
    AT_TRY(say_scaling(s, scaling, err));
    if (s->family->window_period) {
        AT_TRY(say_two_ropes(s, scaling, err));
    } else if (json_object_size(scaling)) {
        AT_TRY(at_say(s->root, "rope_scaling", json_incref(scaling), err));
    }
done:
    json_decref(scaling);
    return status;
}

/* A length of YaRN's means two things where it is not YaRN's own: the whole, as the
 * published models say it, or a factor of the whole, as llama.cpp computes. */
attrib_status at_gguf_check_rope(const at_gguf_saying *s,
                                 const at_config *config,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_yarn = config->rope.kind == AT_ROPE_YARN;
    AT_TRY(check_llama3(s, config, err));
    AT_TRY(at_gguf_expect(s, "rope.scaling.attn_factor", config->rope.length, err));
    AT_TRY(at_gguf_expect(s, "rope.scaling.yarn_attn_factor", config->rope.length, err));
    AT_TRY(at_gguf_expect(s, "rope.scaling.yarn_ext_factor", is_yarn ? 1 : 0, err));
done:
    return status;
}
