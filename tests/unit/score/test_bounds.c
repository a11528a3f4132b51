/* SPDX-License-Identifier: MIT */
/* Bounds of cut queries' scores: above the errors, also where nothing but rounding is
 * left of a score, and not far above ||P - L R'|| ||G||, which is computed in f64 here.
 */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"
#include "score/contract.h"

/* Half of f32's eps. */
#define UNIT 0x1p-24

/* Where rows lie: anywhere from 0 to 2, in threes whose addends of G cancel, or just
 * below what bf16 cannot tell from 1, so that rounding takes 2^-8 of each number. */
typedef enum kind { ALIGNED, CANCELLING, LOSING } kind;

typedef struct shape {
    size_t out_dim, in_dim, rank, n_sequences, length;
    size_t n_queries; /* of the run: what ways are chosen by; one is scored */
    at_contraction way;
    kind kind;
} shape;

/* A query, whole and cut, with a block of rows. */
typedef struct job_data {
    const shape *shape;
    float *p, *left, *right; /* [O, I]; [O, r], [I, r] */
    double error, norm;      /* of p cut; of p */
    float *a, *ds;           /* [rows, I], [rows, O] */
    attrib_sequence *sequences;
    size_t *first_row;
} job_data;

/* Multiples of 2^-12 in [-1, 1): sums of two are exact. */
static float *make_floats(size_t n, uint32_t seed)
{
    float *out = malloc(n * sizeof *out);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++) {
        seed = seed * 1664525u + 1013904223u;
        out[k] = (float)(seed >> 19) / (float)(1u << 12) - 1;
    }
    return out;
}

/* Rows in threes whose addends of G cancel to nothing: one a, and ds that sum to 0. */
static void cancel(job_data *data)
{
    size_t o = data->shape->out_dim;
    size_t i = data->shape->in_dim;
    size_t length = data->shape->length;
    for (size_t t = 0; t < length * data->shape->n_sequences; t++) {
        float *ds = data->ds + t * o;
        size_t k = t % length % 3;
        if (t % length + 3 - k > length) { /* no three are left */
            memset(ds, 0, o * sizeof *ds);
        } else if (k > 0) {
            memcpy(data->a + t * i, data->a + (t - k) * i, i * sizeof *data->a);
        }
        for (size_t j = 0; k == 2 && j < o; j++) {
            ds[j] = -ds[j - o] - ds[j - 2 * o];
        }
    }
}

/* Rows that share a direction: ||G|| grows with every pair of them. */
static void align(float *x, size_t n_rows, size_t dim)
{
    for (size_t t = 0; t < n_rows; t++) {
        for (size_t j = 0; j < dim; j++) {
            x[t * dim + j] += 1;
        }
    }
}

/* 1 + 2^-8 - 2^-14, of either sign a column. */
static void lose(float *x, size_t n_rows, size_t dim)
{
    for (size_t k = 0; k < n_rows * dim; k++) {
        x[k] = (k % dim % 3 ? 1.0F : -1.0F) * (1 + 0x1p-8F - 0x1p-14F);
    }
}

static job_data make_data(const shape *of)
{
    job_data data = {.shape = of};
    attrib_error err = {0};
    size_t n_rows = of->n_sequences * of->length;
    size_t n = of->out_dim * of->in_dim;
    float *rest = malloc(n * sizeof *rest);
    assert_non_null(rest);
    data.p = make_floats(n, 3);
    data.left = calloc(of->out_dim * of->rank, sizeof *data.left);
    data.right = calloc(of->in_dim * of->rank, sizeof *data.right);
    data.a = make_floats(n_rows * of->in_dim, 4);
    data.ds = make_floats(n_rows * of->out_dim, 5);
    data.sequences = calloc(of->n_sequences, sizeof *data.sequences);
    data.first_row = calloc(of->n_sequences + 1, sizeof *data.first_row);
    assert_non_null(data.left);
    assert_non_null(data.right);
    assert_non_null(data.sequences);
    assert_non_null(data.first_row);
    for (size_t s = 0; s <= of->n_sequences; s++) {
        data.first_row[s] = s * of->length;
    }
    memcpy(rest, data.p, n * sizeof *rest);
    check_ok(at_low_rank(of->out_dim, of->in_dim, rest, of->rank, data.left, data.right,
                         &data.error, &err),
             &err);
    data.norm = sqrt(at_dot(data.p, data.p, n));
    free(rest);
    switch (of->kind) {
    case CANCELLING:
        cancel(&data);
        break;
    case LOSING:
        lose(data.a, n_rows, of->in_dim);
        lose(data.ds, n_rows, of->out_dim);
        break;
    case ALIGNED:
        align(data.a, n_rows, of->in_dim);
        align(data.ds, n_rows, of->out_dim);
        break;
    }
    return data;
}

static void free_data(job_data *data)
{
    free(data->p);
    free(data->left);
    free(data->right);
    free(data->a);
    free(data->ds);
    free(data->sequences);
    free(data->first_row);
}

/* Scores [n_sequences] of the query, whole or cut; bounds of the cut one. */
static void score(const job_data *data,
                  bool is_cut,
                  at_multiplier *multiplier,
                  double *scores,
                  double *bounds)
{
    const shape *of = data->shape;
    attrib_error err = {0};
    attrib_block block = {.n_sequences = of->n_sequences,
                          .n_rows = data->first_row[of->n_sequences],
                          .sequences = data->sequences,
                          .first_row = data->first_row,
                          .n_tokens = data->first_row[of->n_sequences]};
    attrib_block_size size = {of->n_sequences, block.n_rows, block.n_rows};
    attrib_bank desk = {0};
    double error = data->error;
    double norm = data->norm;
    at_prepared_map map = {.out_dim = of->out_dim, .in_dim = of->in_dim, .p = data->p};
    size_t rank = is_cut ? of->rank : 0;
    if (is_cut) {
        map = (at_prepared_map){.out_dim = of->out_dim,
                                .in_dim = of->in_dim,
                                .rank = of->rank,
                                .left = data->left,
                                .right = data->right,
                                .error = &error,
                                .norm = &norm};
    }
    at_contracted contracted = {.out_dim = of->out_dim,
                                .in_dim = of->in_dim,
                                .rank = rank,
                                .n_queries = 1,
                                .n_of_run = of->n_queries,
                                .n_first = of->n_queries,
                                .has_parts = of->n_queries > 1};
    at_contract_job job = {.map = &map,
                           .contracted = contracted,
                           .tile = {0, 1},
                           .n_cases = 1,
                           .block = &block,
                           .a = data->a,
                           .ds = data->ds,
                           .scores = scores,
                           .bounds = is_cut ? bounds : NULL,
                           .stride = 1,
                           .multiplier = multiplier};
    at_cost cost = {0};
    size_t n_rows = of->n_sequences * of->length;
    if (is_cut) {
        assert_int_equal(
            at_contraction_choose(&contracted, n_rows, of->n_sequences, &cost), of->way);
    }
    check_ok(at_contract_desk(&job.contracted, &size, true, &desk, &err), &err);
    desk.base = aligned_alloc(64, desk.used);
    assert_non_null(desk.base);
    desk.used = 0;
    job.desk = &desk;
    check_ok(at_contract(&job, &err), &err);
    free(desk.base);
}

/* ||G||_F of a sequence, and sum_t |ds_t| |a_t|. */
static double exact_norm(const job_data *data, size_t s, double *length)
{
    size_t n_o = data->shape->out_dim;
    size_t n_i = data->shape->in_dim;
    double square = 0;
    double *g = calloc(n_i, sizeof *g);
    assert_non_null(g);
    *length = 0;
    for (size_t t = data->first_row[s]; t < data->first_row[s + 1]; t++) {
        const float *ds = data->ds + t * n_o;
        const float *a = data->a + t * n_i;
        *length += sqrt(at_dot(ds, ds, n_o) * at_dot(a, a, n_i));
    }
    for (size_t o = 0; o < n_o; o++) {
        memset(g, 0, n_i * sizeof *g);
        for (size_t t = data->first_row[s]; t < data->first_row[s + 1]; t++) {
            double ds = (double)data->ds[t * n_o + o];
            for (size_t i = 0; i < n_i; i++) {
                g[i] += ds * (double)data->a[t * n_i + i];
            }
        }
        for (size_t i = 0; i < n_i; i++) {
            square += g[i] * g[i];
        }
    }
    free(g);
    return sqrt(square);
}

static void check_shape(const shape *of)
{
    job_data data = make_data(of);
    double *whole = calloc(of->n_sequences * 3, sizeof *whole);
    assert_non_null(whole);
    double *cut = whole + of->n_sequences;
    double *bounds = cut + of->n_sequences;
    score(&data, false, NULL, whole, NULL);
    score(&data, true, NULL, cut, bounds);
    for (size_t s = 0; s < of->n_sequences; s++) {
        double length = 0;
        double norm = exact_norm(&data, s, &length);
        double unit = UNIT * length; /* of rounding, where nothing cancels */
        double o = (double)of->out_dim;
        double i = (double)of->in_dim;
        double t = (double)of->length;
        bool is_by_rows = of->way == AT_BY_FACTORS && t * (o + i) / 2 < o * i;
        /* At least: a score by factors sums O and I products, one by a gradient T, one by
         * rows O. Entries of G are sums of T; of its square by rows O + I, of which half
         * will have been lost at most. */
        double k = (of->way == AT_BY_FACTORS ? o + i : t) + fmin(o, t);
        double least = is_by_rows ? sqrt(norm * norm + (o + i) / 2 * unit * length)
                                  : norm + t * unit;
        least = data.error * least * (1 - 1e-6) + data.norm * k * unit;
        /* At most 6,300 products in both scores. */
        double most = is_by_rows ? sqrt(norm * norm + 2 * (o + i) * unit * length)
                                 : norm + 2 * t * unit;
        most = data.error * most * (1 + 1e-6) + data.norm * 6300 * unit;
        print_message("|full - cut| %.2e, bound %.2e of %.2e to %.2e\n",
                      fabs(whole[s] - cut[s]), bounds[s], least, most);
        assert_true(fabs(whole[s] - cut[s]) <= bounds[s]);
        assert_true(bounds[s] >= least);
        assert_true(bounds[s] <= most);
    }
    free(whole);
    free_data(&data);
}

/* The bounds where rows are rounded to bf16: at least what the exact norm of the
 * gradients gives, and no more than roundings by 2^-8 on both sides may add to it. The
 * scores' own rounding is no part of them. */
static void check_rounded(const shape *of, at_multiplier *multiplier)
{
    job_data data = make_data(of);
    double *cut = calloc(of->n_sequences * 2, sizeof *cut);
    assert_non_null(cut);
    double *bounds = cut + of->n_sequences;
    score(&data, true, multiplier, cut, bounds);
    for (size_t s = 0; s < of->n_sequences; s++) {
        double length = 0;
        double norm = exact_norm(&data, s, &length);
        double k = (double)(of->out_dim + of->in_dim + of->length);
        double most = sqrt(norm * norm + 2 * k * UNIT * length * length) +
                      (2 * 0x1p-8 + 0x1p-16) * length;
        most = data.error * most + data.norm * 6300 * UNIT * length;
        print_message("in bf16: bound %.6e of %.6e to %.2e\n", bounds[s],
                      data.error * norm, most);
        assert_true(bounds[s] >= data.error * norm);
        assert_true(bounds[s] <= most);
    }
    free(cut);
    free_data(&data);
}

static void test_bounds__hold_and_are_tight(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {24, 40, 2, 5, 9, 1, AT_BY_FACTORS, ALIGNED},
        {24, 40, 2, 5, 40, 1, AT_BY_FACTORS, ALIGNED}, /* the norm by G */
        {24, 40, 12, 3, 64, 50, AT_BY_REBUILDING, ALIGNED},
        {1024, 1024, 8, 1, 600, 1, AT_BY_FACTORS, ALIGNED}, /* three tiles of 256 rows */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_shape(&shapes[i]);
    }
}

/* G is nothing: what the scores differ by is their rounding. */
static void test_bounds__hold_where_gradients_cancel(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {128, 128, 8, 1, 256, 1, AT_BY_FACTORS, CANCELLING},
        {128, 128, 8, 1, 96, 1, AT_BY_FACTORS, CANCELLING}, /* the norm by rows */
        {128, 128, 64, 4, 256, 50, AT_BY_REBUILDING, CANCELLING},
        {1024, 256, 8, 1, 600, 1, AT_BY_FACTORS, CANCELLING},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_shape(&shapes[i]);
    }
}

static void test_bounds__hold_where_rows_are_rounded(void **state)
{
    (void)state;
    static const shape shapes[] = {
        {256, 300, 8, 2, 64, 1, AT_BY_FACTORS, LOSING},  /* the norm by rows */
        {256, 300, 8, 2, 200, 1, AT_BY_FACTORS, LOSING}, /* by G */
        {128, 128, 64, 4, 256, 50, AT_BY_REBUILDING, LOSING},
        {24, 40, 2, 5, 9, 1, AT_BY_FACTORS, LOSING}, /* too small to be rounded */
        {1024, 1024, 8, 1, 400, 1, AT_BY_FACTORS, LOSING},
        {1024, 1024, 8, 1, 400, 1, AT_BY_FACTORS, ALIGNED},
        {1024, 256, 8, 1, 600, 1, AT_BY_FACTORS, CANCELLING},
    };
    attrib_error err = {0};
    at_multiplier *multiplier = NULL;
    if (!attrib_has_bf16()) {
        skip();
    }
    check_ok(at_multiplier_new(ATTRIB_BF16_PRODUCTS, &multiplier, &err), &err);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_rounded(&shapes[i], multiplier);
    }
    at_multiplier_free(multiplier);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds__hold_and_are_tight),
        cmocka_unit_test(test_bounds__hold_where_gradients_cancel),
        cmocka_unit_test(test_bounds__hold_where_rows_are_rounded),
    };
    return run_cases(tests, NULL, NULL);
}
