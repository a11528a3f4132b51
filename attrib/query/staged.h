/* SPDX-License-Identifier: MIT */
/* Queries of a training of several stages: gradients of its last model, which pass back
 * through the curvature of the stages to the one whose documents are scored.
 *
 *     segments:   P = r_i S_(i+1) ... S_n G,       S = exp(-c F),  r = (I - exp(-c F))
 * F^-1 else:       P = (F_i + d_i)^-1 H_(i+1) ... H_n G,            H = d (F + d)^-1
 *
 * c is a segment's steps x learning rate, d a damping. Between stages gradients are in
 * the weights' own basis. */
#ifndef AT_QUERY_STAGED_H
#define AT_QUERY_STAGED_H

#include "query/prepare.h"

/* Steps x learning rate of a segment. */
typedef struct at_training_segment {
    double rate;
    bool is_relative; /* over mean(Lambda) of each map */
} at_training_segment;

/* Read options.segments. EINVAL for what is none, by its place. */
attrib_status at_segments_read(const char *text,
                               at_training_segment out[ATTRIB_MAX_SETTINGS],
                               size_t *n,
                               attrib_error *err);

/* Whether queries pass through more than the run's own curvature, damped. */
bool at_is_staged(const at_setup *setup);

/* The model that queries are asked of, and that writes completions. */
const attrib_model *at_asked_model(const at_setup *setup);

/* EINVAL for options that stages and segments do not go with, by name; ESHAPE where a
 * stage has other maps. Maps must be chosen. */
attrib_status at_staged_check(const at_setup *setup, attrib_error *err);

/* The hashes of what scores depend on in addition to the documents: of the model, and of
 * the factors. */
attrib_status at_staged_hash(const at_setup *setup,
                             char model[AT_HASH_SIZE],
                             char factors[AT_HASH_SIZE],
                             attrib_error *err);

/* at_prepare_queries(), through the stages where there are some; `self` is 0 then. */
attrib_status at_prepare_staged(const at_setup *setup,
                                at_tile tile,
                                at_prepared *out,
                                attrib_error *err);

#endif
