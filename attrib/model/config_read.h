/* SPDX-License-Identifier: MIT */
/* What readers of config.json share: keys that must be there, settings that are not
 * supported, rotary positions, windows. `name` is what messages call the file. */
#ifndef AT_MODEL_CONFIG_READ_H
#define AT_MODEL_CONFIG_READ_H

#include "model/architecture.h"

/* A size that must be there, unless *out is not 0. */
attrib_status at_read_size(const char *name,
                           const json_t *root,
                           const char *key,
                           size_t *out,
                           attrib_error *err);

/* The number of layers, which must be there and within its limit: what follows may loop
 * over them. */
attrib_status at_read_layers(const char *name,
                             const json_t *root,
                             const char *key,
                             size_t *out,
                             attrib_error *err);

/* A number, where null means 0; a missing key leaves *out. */
attrib_status at_read_number_or_null(const char *name,
                                     const json_t *root,
                                     const char *key,
                                     double *out,
                                     attrib_error *err);

/* Refuse a switch that is not set as the decoder computes. */
attrib_status at_expect_bool(const char *name,
                             const json_t *root,
                             const char *key,
                             bool expected,
                             attrib_error *err);

/* Refuse a setting that changes what a model computes: any value but null. */
attrib_status at_expect_null(const char *name,
                             const json_t *root,
                             const char *key,
                             attrib_error *err);

/* The activation that `key` names, `fallback` where it is missing. `allowed` has a bit
 * 1 << activation for each that this architecture may have. */
attrib_status at_read_activation(const char *name,
                                 const json_t *root,
                                 const char *key,
                                 const char *fallback,
                                 unsigned allowed,
                                 at_activation *out,
                                 attrib_error *err);

void at_set_biases(at_config *config, bool attention, bool mlp);

/* The sizes that most decoders share, under their usual names, and the head's tie. A size
 * that is not 0 is what a missing key means; num_key_value_heads means the number of
 * heads where that is 0. */
attrib_status at_read_sizes(const char *name,
                            const json_t *root,
                            at_config *config,
                            attrib_error *err);

/* The bit of one activation. */
#define AT_ONLY(activation) (1u << (activation))

/* How one architecture's rotary positions are written. */
typedef struct at_rope_keys {
    const char *theta, *share; /* keys of the base, and of the share turned, or NULL */
    double theta_default, share_default;
    bool is_long_only; /* no scaling but longrope is known to it */
} at_rope_keys;

/* The keys of most architectures: "rope_theta"; the whole of a head is turned. */
#define AT_USUAL_ROPE                                                                    \
    (&(const at_rope_keys){                                                              \
        .theta = "rope_theta", .theta_default = 10000, .share_default = 1})

/* rope, rotary_dim: from the top level, "rope_scaling" and "rope_parameters". Needs
 * n_heads, width, head_dim and context. */
attrib_status at_read_rope(const char *name,
                           const json_t *root,
                           const at_rope_keys *keys,
                           at_config *config,
                           attrib_error *err);

/* Positions of layers without and with a window, each kind by a base of its own:
 * "rope_theta", "rope_scaling" (of the first kind alone) and `local_key`, or
 * "rope_parameters" with an object for each. */
attrib_status at_read_two_ropes(const char *name,
                                const json_t *root,
                                double theta,
                                const char *local_key,
                                double local_theta,
                                at_config *config,
                                attrib_error *err);

/* "sliding_window" in tokens: null is none, a missing key `fallback`. */
attrib_status at_read_window(const char *name,
                             const json_t *root,
                             size_t fallback,
                             at_config *config,
                             attrib_error *err);

/* Every layer has the window, where there is one. */
void at_set_all_windowed(at_config *config);

/* "layer_types": which layers have a window. *is_there says whether the key is. */
attrib_status at_read_layer_types(const char *name,
                                  const json_t *root,
                                  at_config *config,
                                  bool *is_there,
                                  attrib_error *err);

/* Read "layer_types"; a missing key means all layers except each `period`-th. */
attrib_status at_read_periodic_types(const char *name,
                                     const json_t *root,
                                     size_t period,
                                     at_config *config,
                                     attrib_error *err);

#endif
