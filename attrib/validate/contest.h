/* SPDX-License-Identifier: MIT */
/* Predictors before the groups of random subsets of a bank. */
#ifndef AT_VALIDATE_CONTEST_H
#define AT_VALIDATE_CONTEST_H

#include "validate/agreement.h"
#include "validate/groups.h"

/* A group, what was measured of it, and what each predictor says. */
typedef struct at_contest {
    const at_trial *trial;
    at_group group;
    uint64_t stream;          /* of its draws */
    double *measured;         /* [Q, n_parts] -nats */
    double **predicted;       /* [P][Q, n_parts] */
    at_agreement *agreements; /* [P] */
    double *slopes; /* [P, Q] measured nats for each that is predicted; NAN: not known */
    at_agreement ceiling; /* of the subsets that were trained on by two seeds */
    size_t n_repeated;    /* of these; 0: too few */
} at_contest;

typedef struct at_contests {
    at_contest *items;
    size_t n;
} at_contests;

/* Hold a contest for each group of at least three subsets that no method chose, in the
 * bank's order; say which groups have fewer. */
attrib_status at_contests_hold(const at_trial *trial,
                               at_contests *out,
                               attrib_analysis *analysis,
                               attrib_error *err);
void at_contests_free(at_contests *contests);

/* Add the tables lds, differences and ceiling (table_lds.c). */
attrib_status at_add_lds(const at_contests *contests,
                         attrib_analysis *out,
                         attrib_error *err);

/* Add the table queries. */
attrib_status at_add_queries(const at_contests *contests,
                             attrib_analysis *out,
                             attrib_error *err);

#endif
