/* SPDX-License-Identifier: MIT */
/* A decoder of 72 tracked weights with fitted factors, some documents and queries, and
 * their exact Gauss-Newton matrices and gradients, formed column by column from products
 * with unit vectors. How many queries are refined at a time is wrapped (CMakeLists.txt).
 */
#ifndef SCORE_REFINE_FIXTURE_H
#define SCORE_REFINE_FIXTURE_H

#include "attrib.h"
#include "curvature/factors.h"
#include "refine/refine.h"

enum { N_DOCUMENTS = 12, N_QUERIES = 3, N_MAPS = 3, N_ENTRIES = 24, N_WEIGHTS = 72 };

extern size_t chunk; /* queries at a time; 0: as memory allows */

typedef struct fixture {
    char folder[200];
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_queries *queries;
    attrib_factors *factors;
    size_t *tracked;
    double h[N_WEIGHTS][N_WEIGHTS]; /* of all documents, over their number */
    double h_of[N_DOCUMENTS][N_WEIGHTS][N_WEIGHTS]; /* of each */
    double of_documents[N_DOCUMENTS][N_WEIGHTS], of_queries[N_QUERIES][N_WEIGHTS];
} fixture;

int set_up(void **state);
int tear_down(void **state);

/* x times the mean eigenvalue of a map's Lambda, which is the mean square of its entries'
 * gradients in any basis. */
double damping_of(const fixture *f, size_t m, double x);

double dot(const double *a, const double *b);

/* EK-FAC with one damping, refined unless it is by NONE, which has no steps. */
attrib_score_options options_of(attrib_refine refine, size_t steps, double damping);

attrib_status score(const fixture *f,
                    attrib_session *session,
                    const attrib_score_options *options,
                    attrib_run **out,
                    attrib_error *err);

typedef struct result {
    double scores[N_DOCUMENTS][N_QUERIES];
    double residuals[N_QUERIES], selves[N_QUERIES];
} result;

result read_run(attrib_run *run, size_t i_setting);

/* What a run of one setting says. */
result run_with(const fixture *f,
                attrib_session *session,
                const attrib_score_options *options);

#endif
