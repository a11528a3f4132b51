/* SPDX-License-Identifier: MIT */
/* Rotary positions as config.json writes them.
 *
 *   1. Scalings
 *   2. One object of settings
 *   3. Public: one kind for all layers, or two */
#include <math.h>
#include <string.h>

#include "model/config_read.h"

/* 1. Scalings */

/* A number above 0 that must be there. */
static attrib_status read_positive(const char *name,
                                   const char *where,
                                   const json_t *object,
                                   const char *key,
                                   double *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    AT_TRY(at_json_number(name, object, key, out, &is_there, err));
    AT_CHECK(is_there, ATTRIB_EFORMAT, "%s: %s: key \"%s\" is missing", name, where, key);
    AT_CHECK(isfinite(*out) && *out > 0, ATTRIB_ERANGE, "%s: %s: %s %g, expected above 0",
             name, where, key, *out);
done:
    return status;
}

static attrib_status read_llama3(const char *name,
                                 const char *where,
                                 const json_t *object,
                                 at_rope *rope,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(read_positive(name, where, object, "low_freq_factor", &rope->low, err));
    AT_TRY(read_positive(name, where, object, "high_freq_factor", &rope->high, err));
    AT_CHECK(rope->low < rope->high, ATTRIB_ERANGE,
             "%s: %s: low_freq_factor %g, expected below high_freq_factor %g", name,
             where, rope->low, rope->high);
done:
    return status;
}

/* How much YaRN lengthens queries and keys that it stretches by `factor`. */
static double length_of(double factor, double scale)
{
    return factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1;
}

/* The length that the object says itself, where it does. */
static attrib_status read_length(const char *name,
                                 const char *where,
                                 const json_t *object,
                                 at_rope *rope,
                                 attrib_error *err)
{
    const json_t *length = json_object_get(object, "attention_factor");
    return length && !json_is_null(length)
               ? read_positive(name, where, object, "attention_factor", &rope->length,
                               err)
               : ATTRIB_OK;
}

static attrib_status read_yarn(const char *name,
                               const char *where,
                               const json_t *object,
                               at_rope *rope,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double scale = 0;
    double scale_all = 0;
    rope->high = 32;
    rope->low = 1;
    rope->is_ramp_whole = true;
    AT_TRY(at_json_number(name, object, "beta_fast", &rope->high, NULL, err));
    AT_TRY(at_json_number(name, object, "beta_slow", &rope->low, NULL, err));
    AT_TRY(at_json_bool(name, object, "truncate", &rope->is_ramp_whole, NULL, err));
    AT_TRY(at_json_number(name, object, "mscale", &scale, NULL, err));
    AT_TRY(at_json_number(name, object, "mscale_all_dim", &scale_all, NULL, err));
    rope->length = length_of(rope->factor, 1);
    if (scale != 0 && scale_all != 0) {
        rope->length =
            length_of(rope->factor, scale) / length_of(rope->factor, scale_all);
    }
    AT_TRY(read_length(name, where, object, rope, err));
    AT_CHECK(0 < rope->low && rope->low < rope->high && isfinite(rope->high),
             ATTRIB_ERANGE,
             "%s: %s: beta_slow %g, expected above 0 and below beta_fast %g", name, where,
             rope->low, rope->high);
    AT_CHECK(rope->theta > 1, ATTRIB_ERANGE,
             "%s: %s: rope_theta %g, expected above 1 for yarn", name, where,
             rope->theta);
done:
    return status;
}

/* longrope's short divisors, which hold within the original context, and how much it
 * lengthens queries and keys. */
static attrib_status read_long(const char *name,
                               const char *where,
                               const json_t *object,
                               const at_config *config,
                               at_rope *rope,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *divisors = json_object_get(object, "short_factor");
    double original = rope->original_context;
    rope->factor = (double)config->context / original;
    AT_TRY(at_json_number(name, object, "factor", &rope->factor, NULL, err));
    rope->length = rope->factor <= 1 ? 1 : sqrt(1 + log(rope->factor) / log(original));
    AT_TRY(read_length(name, where, object, rope, err));
    rope->n_divisors = json_array_size(divisors);
    AT_CHECK(rope->n_divisors >= 1 && rope->n_divisors <= AT_MAX_DIVISORS, ATTRIB_ERANGE,
             "%s: %s: short_factor has %zu entries, expected 1 to %d", name, where,
             rope->n_divisors, AT_MAX_DIVISORS);
    for (size_t i = 0; i < rope->n_divisors; i++) {
        double divisor = json_number_value(json_array_get(divisors, i));
        AT_CHECK(isfinite(divisor) && divisor > 0, ATTRIB_ERANGE,
                 "%s: %s: short_factor: entry %zu: expected a number above 0", name,
                 where, i);
        rope->divisors[i] = divisor;
    }
done:
    return status;
}

/* 2. One object of settings */

/* Names of scalings. "dynamic" leaves frequencies as they are for sequences within the
 * context, and no sequence is longer. "su" is the earlier name of longrope. */
static const struct {
    const char *name;
    at_rope_kind kind;
} rope_kinds[] = {
    {"default", AT_ROPE_PLAIN}, {"dynamic", AT_ROPE_PLAIN}, {"linear", AT_ROPE_LINEAR},
    {"llama3", AT_ROPE_LLAMA3}, {"yarn", AT_ROPE_YARN},     {"longrope", AT_ROPE_LONG},
    {"su", AT_ROPE_LONG},
};

static attrib_status read_rope_kind(const char *name,
                                    const char *where,
                                    const json_t *object,
                                    at_rope *rope,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *kind = "default";
    AT_TRY(at_json_text(name, object, "type", &kind, NULL, err));
    AT_TRY(at_json_text(name, object, "rope_type", &kind, NULL, err));
    for (size_t i = 0; i < sizeof rope_kinds / sizeof rope_kinds[0]; i++) {
        if (strcmp(kind, rope_kinds[i].name) == 0) {
            rope->kind = rope_kinds[i].kind;
            return ATTRIB_OK;
        }
    }
    AT_CHECK(false, ATTRIB_ENOTSUP, "%s: %s of type \"%s\" is not supported", name, where,
             kind);
done:
    return status;
}

/* The context before scaling: the top level's, the object's, or the whole. */
static attrib_status read_original(const char *name,
                                   const json_t *root,
                                   const json_t *object,
                                   const at_config *config,
                                   double *out,
                                   attrib_error *err)
{
    static const char key[] = "original_max_position_embeddings";
    attrib_status status = ATTRIB_OK;
    *out = (double)config->context;
    AT_TRY(at_json_number(name, object, key, out, NULL, err));
    AT_TRY(at_json_number(name, root, key, out, NULL, err));
    AT_CHECK(isfinite(*out) && *out >= 1, ATTRIB_ERANGE, "%s: %s %g, expected at least 1",
             name, key, *out);
done:
    return status;
}

/* One object of rotary settings of `root`, which messages call `key`. Missing or null:
 * nothing. */
static attrib_status read_object(const char *name,
                                 const json_t *root,
                                 const char *key,
                                 const json_t *object,
                                 const at_config *config,
                                 at_rope *rope,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!object || json_is_null(object)) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_is_object(object), ATTRIB_EFORMAT, "%s: key \"%s\": expected an object",
             name, key);
    AT_CHECK(!json_object_get(object, "mrope_section"), ATTRIB_ENOTSUP,
             "%s: mrope_section in %s is not supported", name, key);
    AT_TRY(read_rope_kind(name, key, object, rope, err));
    AT_TRY(at_json_number(name, object, "rope_theta", &rope->theta, NULL, err));
    if (rope->kind == AT_ROPE_PLAIN) {
        return ATTRIB_OK;
    }
    AT_TRY(read_original(name, root, object, config, &rope->original_context, err));
    if (rope->kind == AT_ROPE_LONG) {
        return read_long(name, key, object, config, rope, err);
    }
    AT_TRY(read_positive(name, key, object, "factor", &rope->factor, err));
    if (rope->kind == AT_ROPE_LLAMA3) {
        AT_TRY(read_llama3(name, key, object, rope, err));
    }
    if (rope->kind == AT_ROPE_YARN) {
        AT_TRY(read_yarn(name, key, object, rope, err));
    }
done:
    return status;
}

attrib_status at_config_infer_head(const char *name, at_config *config, attrib_error *err)
{
    if (config->head_dim == 0 && config->n_heads > 0) {
        if (config->width % config->n_heads != 0) {
            return at_fail(err, ATTRIB_ESHAPE,
                           "%s: %zu heads do not divide a width of %zu", name,
                           config->n_heads, config->width);
        }
        config->head_dim = config->width / config->n_heads;
    }
    return ATTRIB_OK;
}

/* 3. Public: one kind for all layers, or two */

/* The share of a head that is turned, rounded down to a number of entries as the
 * published code rounds. */
static attrib_status set_share(const char *name,
                               const at_rope_keys *keys,
                               double share,
                               at_config *config,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(keys->share || share == 1, ATTRIB_ENOTSUP,
             "%s: partial_rotary_factor %g is not supported", name, share);
    AT_CHECK(share > 0 && share <= 1, ATTRIB_ERANGE,
             "%s: %s %g, expected above 0 and at most 1", name,
             keys->share ? keys->share : "partial_rotary_factor", share);
    AT_TRY(at_config_infer_head(name, config, err));
    config->rotary_dim = (size_t)((double)config->head_dim * share);
    AT_CHECK(config->rotary_dim > 0, ATTRIB_ESHAPE,
             "%s: %g of a head dimension of %zu leaves nothing to turn", name, share,
             config->head_dim);
done:
    return status;
}

/* "rope_parameters", or its older name; files that hold both must mean one thing. */
static attrib_status find_rope(const char *name,
                               const json_t *root,
                               const char **key,
                               const json_t **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *newer = json_object_get(root, "rope_parameters");
    const json_t *older = json_object_get(root, "rope_scaling");
    bool has_newer = newer && !json_is_null(newer);
    bool has_older = older && !json_is_null(older);
    AT_CHECK(!has_newer || !has_older || json_equal(newer, older), ATTRIB_ENOTSUP,
             "%s: rope_scaling together with other rope_parameters is not supported",
             name);
    *key = has_older ? "rope_scaling" : "rope_parameters";
    *out = has_older ? older : newer;
done:
    return status;
}

attrib_status at_read_rope(const char *name,
                           const json_t *root,
                           const at_rope_keys *keys,
                           at_config *config,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *share_key = keys->share ? keys->share : "partial_rotary_factor";
    const char *key = NULL;
    const json_t *object = NULL;
    at_rope *rope = &config->rope;
    double share = keys->share_default;
    *rope = (at_rope){.theta = keys->theta_default, .length = 1};
    AT_TRY(at_json_number(name, root, keys->theta, &rope->theta, NULL, err));
    AT_TRY(at_json_number(name, root, share_key, &share, NULL, err));
    AT_TRY(find_rope(name, root, &key, &object, err));
    AT_TRY(read_object(name, root, key, object, config, rope, err));
    AT_CHECK(!keys->is_long_only || rope->kind == AT_ROPE_PLAIN ||
                 rope->kind == AT_ROPE_LONG,
             ATTRIB_ENOTSUP,
             "%s: %s of this type is not supported for architecture \"%s\", expected "
             "\"longrope\"",
             name, key, config->architecture->model_type);
    if (json_is_object(object)) {
        AT_TRY(at_json_number(name, object, "partial_rotary_factor", &share, NULL, err));
    }
    AT_TRY(set_share(name, keys, share, config, err));
    if (rope->kind == AT_ROPE_LONG && rope->original_context < (double)config->context) {
        config->context = (size_t)rope->original_context;
    }
done:
    return status;
}

attrib_status at_read_two_ropes(const char *name,
                                const json_t *root,
                                double theta,
                                const char *local_key,
                                double local_theta,
                                at_config *config,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *both = json_object_get(root, "rope_parameters");
    const json_t *scaling = json_object_get(root, "rope_scaling");
    at_rope *full = &config->rope;
    at_rope *local = &config->local_rope;
    config->has_local_rope = true;
    *full = (at_rope){.theta = theta, .length = 1};
    *local = (at_rope){.theta = local_theta, .length = 1};
    AT_TRY(at_expect_null(name, root, "partial_rotary_factor", err));
    AT_TRY(at_json_number(name, root, "rope_theta", &full->theta, NULL, err));
    AT_TRY(at_json_number(name, root, local_key, &local->theta, NULL, err));
    AT_TRY(read_object(name, root, "rope_scaling", scaling, config, full, err));
    if (both && !json_is_null(both)) {
        const json_t *of_full = json_object_get(both, "full_attention");
        const json_t *of_local = json_object_get(both, "sliding_attention");
        AT_CHECK(
            of_full || of_local, ATTRIB_ENOTSUP,
            "%s: rope_parameters without full_attention and sliding_attention is not "
            "supported",
            name);
        AT_TRY(read_object(name, root, "full_attention", of_full, config, full, err));
        AT_TRY(
            read_object(name, root, "sliding_attention", of_local, config, local, err));
    }
    AT_CHECK(full->kind != AT_ROPE_LONG && local->kind != AT_ROPE_LONG, ATTRIB_ENOTSUP,
             "%s: scaling of type \"longrope\" is not supported for architecture \"%s\"",
             name, config->architecture->model_type);
done:
    return status;
}
