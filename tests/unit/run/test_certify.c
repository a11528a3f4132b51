/* SPDX-License-Identifier: MIT */
/* What a run says of cut queries, against a count over all documents by the formula of
 * made_run.h. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>

#include "support/made_run.h"

enum { K = 5 };

static double total(size_t d,
                    size_t s,
                    size_t q,
                    double (*of)(size_t, size_t, size_t, size_t))
{
    return of(d, 0, s, q); /* without groups there is one sum */
}

static int descending(const void *left, const void *right)
{
    double a = *(const double *)left;
    double b = *(const double *)right;
    return (a < b) - (a > b);
}

/* The full score of a document: its estimate, and half of its bound. */
static double full_score(size_t d, size_t s, size_t q)
{
    return total(d, s, q, made_score) + total(d, s, q, made_bound) / 2;
}

/* Report the first and last K documents of each answer by their full scores. */
static void report(made_run *made, attrib_result results[][2 * K])
{
    double all[MADE_DOCUMENTS];
    for (size_t a = 0; a < MADE_SETTINGS * MADE_QUERIES; a++) {
        size_t s = a / MADE_QUERIES;
        size_t q = a % MADE_QUERIES;
        size_t n_top = 0;
        size_t n_bottom = 0;
        for (size_t d = 0; d < MADE_DOCUMENTS; d++) {
            all[d] = full_score(d, s, q);
        }
        qsort(all, MADE_DOCUMENTS, sizeof *all, descending);
        for (size_t d = 0; d < MADE_DOCUMENTS; d++) {
            double score = full_score(d, s, q);
            attrib_result result = {.score = score, .document.index = d};
            if (score >= all[K - 1] && n_top < K) {
                results[a][n_top++] = result;
            } else if (score <= all[MADE_DOCUMENTS - K] && n_bottom < K) {
                results[a][K + n_bottom++] = result;
            }
        }
        made->answers[a].top = results[a];
        made->answers[a].n_top = n_top;
        made->answers[a].bottom = results[a] + K;
        made->answers[a].n_bottom = n_bottom;
    }
}

static void count(const made_run *made, size_t *n, double *largest)
{
    *n = 0;
    *largest = 0;
    for (size_t a = 0; a < MADE_SETTINGS * MADE_QUERIES; a++) {
        const attrib_answer *answer = &made->answers[a];
        size_t s = a / MADE_QUERIES;
        size_t q = a % MADE_QUERIES;
        double floor = HUGE_VAL;
        double ceiling = -HUGE_VAL;
        for (size_t i = 0; i < K; i++) {
            size_t first = answer->top[i].document.index;
            size_t last = answer->bottom[i].document.index;
            floor = fmin(floor, answer->top[i].score);
            ceiling = fmax(ceiling, answer->bottom[i].score);
            *largest = fmax(
                *largest,
                fmax(total(first, s, q, made_bound), total(last, s, q, made_bound)) / 2);
        }
        for (size_t d = 0; d < MADE_DOCUMENTS; d++) {
            double score = total(d, s, q, made_score);
            double bound = total(d, s, q, made_bound);
            *n += score + bound >= floor || score - bound <= ceiling;
        }
    }
}

static void test_certify__counts_what_reaches_the_ends(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_score_options options;
    attrib_result results[MADE_SETTINGS * MADE_QUERIES][2 * K];
    size_t n = 0;
    double largest = 0;
    attrib_score_options_default(&options);
    options.top = K;
    made_run *made = make_run(&options, true);
    report(made, results);
    count(made, &n, &largest);
    made->run.info.n_rescored = 3;
    check_ok(at_run_certify(&made->run, &err), &err);
    assert_int_equal(made->run.info.n_rescored, n);
    assert_true(made->run.info.largest_error == largest);
    made->run.info.n_open = 1; /* then it is what was counted on the way */
    made->run.info.n_rescored = 3;
    check_ok(at_run_certify(&made->run, &err), &err);
    assert_int_equal(made->run.info.n_rescored, 3);
    free_made_run(made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certify__counts_what_reaches_the_ends),
    };
    return run_cases(tests, NULL, NULL);
}
