/* SPDX-License-Identifier: MIT */
/* The solvers of refinement, step by step, compared with the same steps taken here in f64
 * with dense matrices, from their definitions in attrib/refine/README.md. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "refine_fixture.h"

enum { N_BATCHES = 8, N_POWERS = 10, MAX_SIDE = 8 };

/* (H + damping) x = g, H of a sample of documents. */
typedef struct problem {
    const fixture *f;
    double damping;
    size_t order[N_DOCUMENTS], n; /* the sample, in its order */
    const double *g;
} problem;

/* 1. Dense algebra */

/* out = (H + damping) v, H of documents [first, end) of the sample. */
static void multiply_part(
    const problem *p, size_t first, size_t end, const double *v, double *out)
{
    for (size_t i = 0; i < N_WEIGHTS; i++) {
        out[i] = damping_of(p->f, i / N_ENTRIES, p->damping) * v[i];
        for (size_t d = first; d < end; d++) {
            out[i] += dot(p->f->h_of[p->order[d]][i], v) / (double)(end - first);
        }
    }
}

static void multiply(const problem *p, const double *v, double *out)
{
    multiply_part(p, 0, p->n, v, out);
}

/* out = U_S v U_A', or back: U_S' v U_A */
static void turn(const at_factor *factor, bool is_back, const double *v, double *out)
{
    size_t n_out = factor->out_dim;
    size_t n_in = factor->in_dim;
    const float *s = factor->basis_s.vectors;
    const float *a = factor->basis_a.vectors;
    double half[MAX_SIDE * MAX_SIDE] = {0};
    memset(out, 0, n_out * n_in * sizeof *out);
    for (size_t i = 0; i < n_out; i++) {
        for (size_t o = 0; o < n_out; o++) {
            double of_s = (double)(is_back ? s[o * n_out + i] : s[i * n_out + o]);
            for (size_t k = 0; k < n_in; k++) {
                half[i * n_in + k] += of_s * v[o * n_in + k];
            }
        }
        for (size_t j = 0; j < n_in; j++) {
            for (size_t k = 0; k < n_in; k++) {
                double of_a = (double)(is_back ? a[k * n_in + j] : a[j * n_in + k]);
                out[i * n_in + j] += half[i * n_in + k] * of_a;
            }
        }
    }
}

/* out = M^-1 v, M = EK-FAC + damping */
static void precondition(const problem *p, const double *v, double *out)
{
    for (size_t m = 0; m < N_MAPS; m++) {
        const at_factor *factor = &p->f->factors->factors[m];
        double turned[N_ENTRIES];
        turn(factor, false, v + m * N_ENTRIES, turned);
        for (size_t k = 0; k < N_ENTRIES; k++) {
            turned[k] /=
                factor->lambda[k] / N_DOCUMENTS + damping_of(p->f, m, p->damping);
        }
        turn(factor, true, turned, out + m * N_ENTRIES);
    }
}

/* r = g - (H + damping) x; its size in EK-FAC's metric, over that of g. */
static double find_residual(const problem *p, const double *x, double *r)
{
    double z[N_WEIGHTS];
    double of_g[N_WEIGHTS];
    multiply(p, x, r);
    for (size_t i = 0; i < N_WEIGHTS; i++) {
        r[i] = p->g[i] - r[i];
    }
    precondition(p, r, z);
    precondition(p, p->g, of_g);
    return sqrt(dot(r, z) / dot(p->g, of_g));
}

static void add(double *x, double factor, const double *v)
{
    for (size_t i = 0; i < N_WEIGHTS; i++) {
        x[i] += factor * v[i];
    }
}

/* 2. The solvers */

/* EK-FAC's solution, as long as is best along it. */
static void begin(const problem *p, double *x)
{
    double product[N_WEIGHTS];
    double start[N_WEIGHTS];
    precondition(p, p->g, start);
    multiply(p, start, product);
    memset(x, 0, N_WEIGHTS * sizeof *x);
    add(x, dot(start, p->g) / dot(start, product), start);
}

/* At most n_steps: a residual of .001 is enough. */
static void solve_cg(const problem *p, size_t n_steps, double *x)
{
    double r[N_WEIGHTS];
    double z[N_WEIGHTS];
    double direction[N_WEIGHTS];
    double product[N_WEIGHTS];
    double of_r[N_WEIGHTS];
    begin(p, x);
    (void)find_residual(p, x, r);
    precondition(p, r, direction);
    for (size_t i = 0; i < n_steps && find_residual(p, x, of_r) > 1e-3; i++) {
        double before = 0;
        precondition(p, r, z);
        before = dot(r, z);
        multiply(p, direction, product);
        double alpha = before / dot(direction, product);
        add(x, alpha, direction);
        add(r, -alpha, product);
        precondition(p, r, z);
        add(z, dot(r, z) / before, direction);
        memcpy(direction, z, sizeof direction);
    }
}

/* N v: M^-1 v, or v */
static void take(const problem *p, bool is_plain, const double *v, double *out)
{
    if (is_plain) {
        memcpy(out, v, N_WEIGHTS * sizeof *out);
    } else {
        precondition(p, v, out);
    }
}

/* 1 / the largest eigenvalue of N (H + damping), by powers. */
static double choose_alpha(const problem *p, bool is_plain)
{
    double v[N_WEIGHTS];
    double product[N_WEIGHTS];
    take(p, is_plain, p->g, v);
    for (size_t i = 0; i < N_POWERS; i++) {
        double length = sqrt(dot(v, v));
        multiply(p, v, product);
        take(p, is_plain, product, v);
        for (size_t k = 0; k < N_WEIGHTS; k++) {
            v[k] /= length;
        }
    }
    return 1 / sqrt(dot(v, v));
}

static void solve_batches(const problem *p, bool is_plain, size_t n_steps, double *x)
{
    size_t n_batches = p->n < N_BATCHES ? p->n : N_BATCHES;
    double alpha = choose_alpha(p, is_plain);
    begin(p, x);
    if (is_plain) {
        memset(x, 0, N_WEIGHTS * sizeof *x);
        add(x, alpha, p->g);
    }
    for (size_t i = 0; i < n_steps; i++) {
        double r[N_WEIGHTS];
        double direction[N_WEIGHTS];
        double late = 2 * (double)i / (double)n_steps - 1;
        size_t batch = i % n_batches;
        multiply_part(p, at_block_start(p->n, n_batches, batch),
                      at_block_start(p->n, n_batches, batch + 1), x, r);
        for (size_t k = 0; k < N_WEIGHTS; k++) {
            r[k] = p->g[k] - r[k];
        }
        take(p, is_plain, r, direction);
        add(x, alpha * (late > 0 ? 1 - 0.9 * late : 1), direction);
    }
}

/* 3. Cases */

static problem problem_of(const fixture *f, size_t n_documents, double damping)
{
    problem p = {.f = f, .damping = damping};
    at_setup setup = {.corpus = f->corpus, .n_documents = N_DOCUMENTS, .n_queries = 1};
    attrib_error err = {0};
    setup.options.n_settings = 1;
    setup.options.refine = ATTRIB_REFINE_CG;
    setup.options.refine_documents = n_documents;
    check_ok(at_refine_sample(&setup, &err), &err);
    p.n = setup.n_sampled;
    memcpy(p.order, setup.sampled, p.n * sizeof *p.order);
    free(setup.sampled);
    return p;
}

static void check_near(const char *what, double got, double want, double bound)
{
    if (!(fabs(got - want) <= bound)) {
        fail_msg("%s: %.9g, expected %.9g within %.1g", what, got, want, bound);
    }
}

/* A query's numbers are those of the solution x. Vectors are of f32, whose rounding is
 * seen in the scores by 4e-6 of the largest. */
static void check_solution(
    const char *what, const problem *p, const result *got, size_t q, const double *x)
{
    double want[N_DOCUMENTS];
    double largest = 0;
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        want[d] = dot(x, p->f->of_documents[d]);
        largest = fmax(largest, fabs(want[d]));
    }
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        check_near(what, got->scores[d][q], want[d], 5e-5 * largest);
    }
    double self = dot(x, p->g);
    check_near(what, got->selves[q], self, 5e-5 * fabs(self));
}

static void check_refined(const char *what,
                          const fixture *f,
                          attrib_refine refine,
                          size_t n_documents,
                          size_t n_steps,
                          double damping)
{
    problem p = problem_of(f, n_documents, damping);
    attrib_score_options options = options_of(refine, n_steps, damping);
    options.refine_documents = n_documents;
    result got = run_with(f, NULL, &options);
    for (size_t q = 0; q < N_QUERIES; q++) {
        double x[N_WEIGHTS];
        double r[N_WEIGHTS];
        p.g = f->of_queries[q];
        if (refine == ATTRIB_REFINE_CG) {
            solve_cg(&p, n_steps, x);
        } else {
            solve_batches(&p, refine == ATTRIB_REFINE_LISSA, n_steps, x);
        }
        check_solution(what, &p, &got, q, x);
        check_near(what, got.residuals[q], find_residual(&p, x, r), 1e-4);
    }
}

/* Up to `most` steps at the smaller damping. */
static void check_steps(const fixture *f,
                        attrib_refine refine,
                        size_t most,
                        const char *what)
{
    static const size_t steps[] = {1, 2, 5, 11};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        check_refined(what, f, refine, N_DOCUMENTS, steps[i], 10);
        if (steps[i] <= most) {
            check_refined(what, f, refine, N_DOCUMENTS, steps[i], 0.1);
        }
    }
    check_refined(what, f, refine, 5, 7, 1); /* batches of one document */
}

/* Directions of f32 are not conjugate any more after ten steps at a small damping. */
static void test_solvers__cg_takes_its_steps(void **state)
{
    check_steps(*state, ATTRIB_REFINE_CG, 5, "cg");
}

static void test_solvers__astra_takes_its_steps(void **state)
{
    check_steps(*state, ATTRIB_REFINE_ASTRA, 11, "astra");
}

static void test_solvers__lissa_takes_its_steps(void **state)
{
    check_steps(*state, ATTRIB_REFINE_LISSA, 11, "lissa");
}

/* EK-FAC's solution times <p, g> / <p, (H + damping) p>. */
static void test_solvers__scale_is_of_the_exact_matrix(void **state)
{
    const fixture *f = *state;
    static const size_t n_documents[] = {N_DOCUMENTS, 5};
    for (size_t i = 0; i < 2; i++) {
        problem p = problem_of(f, n_documents[i], 1);
        attrib_score_options options = options_of(ATTRIB_REFINE_NONE, 1, 1);
        options.scale = ATTRIB_SCALE_GAUSS_NEWTON;
        options.refine_documents = n_documents[i];
        result got = run_with(f, NULL, &options);
        for (size_t q = 0; q < N_QUERIES; q++) {
            double x[N_WEIGHTS];
            p.g = f->of_queries[q];
            begin(&p, x);
            check_solution("scale", &p, &got, q, x);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_solvers__cg_takes_its_steps),
        cmocka_unit_test(test_solvers__astra_takes_its_steps),
        cmocka_unit_test(test_solvers__lissa_takes_its_steps),
        cmocka_unit_test(test_solvers__scale_is_of_the_exact_matrix),
    };
    return run_cases(tests, set_up, tear_down);
}
