/* SPDX-License-Identifier: MIT */
/* A question as the body of a request says it: a JSON object. */
#ifndef AT_SERVE_QUESTION_H
#define AT_SERVE_QUESTION_H

#include "format/json.h"

typedef struct at_question {
    json_t *object; /* which the texts are borrowed from; owned */
    const char *prompt;
    const char *completion, *against, *measure; /* NULL where there is none */
    size_t n_exact, top; /* of each end: scored exactly, and listed; top <= n_exact */
    double seconds;      /* after which no more are scored; 0: no limit */
    double certify;      /* attrib_question's */
    const char **where;  /* [n_where] conditions that documents meet; owned */
    size_t n_where;
    bool has_stages; /* they are to be told, before the answer */
} at_question;

/* Read `n` bytes; keys that are not known are refused, and so are numbers below 1 and
 * more than max_exact. Without `exact` it is `n_exact`, or where more are to be listed as
 * many, or max_exact where time or certainty is the limit; without `top` as many are
 * listed as `top`, or as are exact. To be freed, failed or not. */
attrib_status at_question_read(const char *body,
                               size_t n,
                               size_t max_exact,
                               size_t n_exact,
                               size_t top,
                               at_question *out,
                               attrib_error *err);
void at_question_free(at_question *question);

#endif
