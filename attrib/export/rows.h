/* SPDX-License-Identifier: MIT */
/* The rows of tables: a document under a query and a setting, one after the other, either
 * those that were reported or all of them. Private to the export room. */
#ifndef AT_EXPORT_ROWS_H
#define AT_EXPORT_ROWS_H

#include "attrib/run.h"
#include "base/memory.h"

typedef enum at_report_side {
    AT_SIDE_NONE, /* not reported */
    AT_SIDE_TOP,
    AT_SIDE_BOTTOM
} at_report_side;

/* What one row says. Pointers are valid while the row is handed on. */
typedef struct at_row {
    size_t i_setting, i_query;
    const attrib_answer *answer; /* of the query under the setting */
    const attrib_document *document;
    const attrib_result *result; /* NULL: not reported */
    at_report_side side;
    double score;
    bool has_bound, has_self, has_raw;
    double bound; /* how far the score may be from the exact one, of cut queries */
    double self;  /* the document's self-influence under the setting */
    double raw;   /* the score before it was divided, where the run divides scores */
    const double *checkpoints; /* [n_checkpoints] scores by each run of a sum, before they
                                  were divided; NULL: none, or not read */
    size_t n_checkpoints;
} at_row;

typedef attrib_status (*at_row_fn)(void *context, const at_row *row, attrib_error *err);

/* Hand every document under every query to `fn`: by setting, document and query. Those
 * that were reported have their exact scores. */
attrib_status at_each_score(attrib_run *run,
                            at_row_fn fn,
                            void *context,
                            attrib_error *err);

/* One of these. */
attrib_status at_each_row(
    attrib_run *run, bool with_all, at_row_fn fn, void *context, attrib_error *err);

/* "top", "bottom", or NULL; static. */
const char *at_side_name(at_report_side side);

/* The rows of all reported documents. */
typedef struct at_reported {
    at_row *rows; /* [n] by setting, document and query */
    size_t n;
} at_reported;

attrib_status at_reported_new(attrib_run *run, at_reported *out, attrib_error *err);

/* Hand them to `fn` in their order, with the scores of the runs of a sum. */
attrib_status at_each_score_of(attrib_run *run,
                               const at_reported *reported,
                               at_row_fn fn,
                               void *context,
                               attrib_error *err);
void at_reported_free(at_reported *reported);

#endif
