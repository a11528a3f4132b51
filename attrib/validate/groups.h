/* SPDX-License-Identifier: MIT */
/* Subsets that belong together, and what was measured of them. */
#ifndef AT_VALIDATE_GROUPS_H
#define AT_VALIDATE_GROUPS_H

#include "validate/trial.h"

/* Subsets of one group and method, in the bank's order. */
typedef struct at_group {
    const char *name, *method;
    size_t *parts; /* [n_parts]; freed by free() */
    size_t n_parts;
} at_group;

/* Whether subset i is the first of its group and method. */
bool at_group_begins(const at_truth *truth, size_t i);

/* The group that subset i begins. Subsets with all documents are left out: they are what
 * others are compared with. */
attrib_status at_group_take(const at_truth *truth,
                            size_t i,
                            at_group *out,
                            attrib_error *err);

/* -loss of the trial's queries after training on each of a group's subsets: out [Q,
 * n_parts], in the mean over the seeds that all of these have; *n_seeds is how many.
 * NAN where one was not measured. EFORMAT where no seed is common. */
attrib_status at_group_measured(const at_trial *trial,
                                const at_group *group,
                                double *out,
                                size_t *n_seeds,
                                attrib_error *err);

/* What a predictor says of the same: out [Q, n_parts]. */
void at_group_predicted(const at_trial *trial,
                        const at_predictor *predictor,
                        const at_group *group,
                        double *out);

#endif
