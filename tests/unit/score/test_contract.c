/* SPDX-License-Identifier: MIT */
/* Scores of one map against sums of f64, in every order of contraction, and the same
 * bytes whether all cases of a run are there or a few queries at a time, and whether or
 * not it has others behind those that it began with. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "score/contract.h"

/* Queries and settings of the run, which began with N_FIRST queries: groups of factors
 * that are not full before and behind that border. */
enum { N_QUERIES = 75, N_FIRST = 37, N_SETTINGS = 2, N_CASES = N_QUERIES * N_SETTINGS };

typedef struct shape {
    at_contraction way;
    size_t out_dim, in_dim, rank;
    size_t n_sequences, length;
} shape;

static const shape shapes[] = {
    {AT_BY_GRADIENTS, 24, 40, 0, 3, 16},
    {AT_BY_ROWS, 24, 40, 0, 40, 1},
    {AT_BY_FACTORS, 24, 40, 2, 5, 9},
    {AT_BY_FACTORS, 64, 64, 8, 512, 4}, /* groups of 16 queries */
    {AT_BY_REBUILDING, 24, 40, 12, 3, 64},
};

/* Numbers in [-1, 1) that look random. */
static float *make_floats(size_t n, uint32_t seed)
{
    float *out = malloc(n * sizeof *out);
    assert_non_null(out);
    for (size_t k = 0; k < n; k++) {
        seed = seed * 1664525u + 1013904223u;
        out[k] = (float)(seed >> 8) / (float)(1u << 23) - 1;
    }
    return out;
}

/* The whole run's map and a block. */
typedef struct job_data {
    const shape *shape;
    float *p, *left, *right; /* [N_CASES, O, I]; or [O, N_CASES r], [I, N_CASES r] */
    float *a, *ds;           /* [rows, I], [rows, O] */
    attrib_sequence *sequences;
    size_t *first_row;
    attrib_block block;
} job_data;

static job_data make_data(const shape *of)
{
    job_data data = {.shape = of};
    size_t n_rows = of->n_sequences * of->length;
    if (of->rank) {
        data.left = make_floats(of->out_dim * N_CASES * of->rank, 1);
        data.right = make_floats(of->in_dim * N_CASES * of->rank, 2);
    } else {
        data.p = make_floats(N_CASES * of->out_dim * of->in_dim, 3);
    }
    data.a = make_floats(n_rows * of->in_dim, 4);
    data.ds = make_floats(n_rows * of->out_dim, 5);
    data.sequences = calloc(of->n_sequences, sizeof *data.sequences);
    data.first_row = calloc(of->n_sequences + 1, sizeof *data.first_row);
    assert_non_null(data.sequences);
    assert_non_null(data.first_row);
    for (size_t s = 0; s <= of->n_sequences; s++) {
        data.first_row[s] = s * of->length;
    }
    data.block = (attrib_block){.n_sequences = of->n_sequences,
                                .n_rows = n_rows,
                                .sequences = data.sequences,
                                .first_row = data.first_row,
                                .n_tokens = n_rows};
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

/* The case of the run that is case v of a tile. */
static size_t run_case(at_tile tile, size_t v)
{
    return v / tile.n * N_QUERIES + tile.first + v % tile.n;
}

/* A tile's own copy of its cases' columns: to [n, V r] from [n, N_CASES r]. */
static float *take_columns(const float *from, size_t n, size_t r, at_tile tile)
{
    size_t n_cases = tile.n * N_SETTINGS;
    float *out = malloc(n * n_cases * r * sizeof *out);
    assert_non_null(out);
    for (size_t i = 0; i < n; i++) {
        for (size_t v = 0; v < n_cases; v++) {
            memcpy(out + (i * n_cases + v) * r,
                   from + (i * N_CASES + run_case(tile, v)) * r, r * sizeof *out);
        }
    }
    return out;
}

/* Scores of a tile, into those of the run [n_sequences, N_CASES]. */
static void score_tile(const job_data *data, at_tile tile, double *out)
{
    const shape *of = data->shape;
    size_t n_cases = tile.n * N_SETTINGS;
    size_t entries = of->out_dim * of->in_dim;
    attrib_error err = {0};
    at_prepared_map map = {
        .out_dim = of->out_dim, .in_dim = of->in_dim, .rank = of->rank};
    attrib_block_size size = {of->n_sequences, of->n_sequences * of->length, of->length};
    attrib_bank desk = {0};
    double *scores = calloc(of->n_sequences * n_cases, sizeof *scores);
    assert_non_null(scores);
    if (of->rank) {
        map.left = take_columns(data->left, of->out_dim, of->rank, tile);
        map.right = take_columns(data->right, of->in_dim, of->rank, tile);
    } else {
        map.p = malloc(n_cases * entries * sizeof *map.p);
        assert_non_null(map.p);
        for (size_t v = 0; v < n_cases; v++) {
            memcpy(map.p + v * entries, data->p + run_case(tile, v) * entries,
                   entries * sizeof *map.p);
        }
    }
    at_contracted contracted = {.out_dim = of->out_dim,
                                .in_dim = of->in_dim,
                                .rank = of->rank,
                                .n_queries = n_cases,
                                .n_of_run = N_FIRST * N_SETTINGS,
                                .n_first = N_FIRST,
                                .is_longer = tile.first + tile.n > N_FIRST,
                                .has_parts = true};
    at_cost cost = {0};
    assert_int_equal(at_contraction_choose(&contracted, of->n_sequences * of->length,
                                           of->n_sequences, &cost),
                     of->way);
    check_ok(at_contract_desk(&contracted, &size, false, &desk, &err), &err);
    desk.base =
        aligned_alloc(64, desk.used); /* no more: a sanitizer sees what is past it */
    assert_non_null(desk.base);
    desk.used = 0;
    at_contract_job job = {&map,    contracted, tile,   n_cases, &data->block,
                           data->a, data->ds,   scores, NULL,    n_cases,
                           NULL,    &desk,      NULL,   NULL};
    check_ok(at_contract(&job, &err), &err);
    for (size_t s = 0; s < of->n_sequences; s++) {
        for (size_t v = 0; v < n_cases; v++) {
            out[s * N_CASES + run_case(tile, v)] = scores[s * n_cases + v];
        }
    }
    free(desk.base);
    free(map.p);
    free(map.left);
    free(map.right);
    free(scores);
}

/* <P_c, sum_t ds_t a_t'> of a sequence */
static double exact(const job_data *data, size_t s, size_t c)
{
    const shape *of = data->shape;
    double sum = 0;
    for (size_t o = 0; o < of->out_dim; o++) {
        for (size_t i = 0; i < of->in_dim; i++) {
            double g = 0;
            double p = 0;
            for (size_t t = data->first_row[s]; t < data->first_row[s + 1]; t++) {
                g += (double)data->ds[t * of->out_dim + o] *
                     (double)data->a[t * of->in_dim + i];
            }
            for (size_t r = 0; r < of->rank; r++) {
                p += (double)data->left[(o * N_CASES + c) * of->rank + r] *
                     (double)data->right[(i * N_CASES + c) * of->rank + r];
            }
            if (of->rank == 0) {
                p = (double)data->p[(c * of->out_dim + o) * of->in_dim + i];
            }
            sum += g * p;
        }
    }
    return sum;
}

static void check_shape(const shape *of)
{
    job_data data = make_data(of);
    size_t n = of->n_sequences * N_CASES;
    double *whole = calloc(n, sizeof *whole);
    double *tiled = calloc(n, sizeof *tiled);
    assert_non_null(whole);
    assert_non_null(tiled);
    score_tile(&data, (at_tile){0, N_QUERIES}, whole);
    for (size_t c = 0; c < N_CASES; c += 11) {
        double want = exact(&data, 0, c);
        double scale = sqrt((double)(of->out_dim * of->in_dim * of->length));
        assert_true(fabs(whole[c] - want) < 1e-5 * fmax(scale, fabs(want)));
    }
    static const size_t sizes[] = {1, 5, 36, N_FIRST};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t q = 0; q < N_QUERIES; q += sizes[i]) {
            size_t left = N_QUERIES - q;
            score_tile(&data, (at_tile){q, sizes[i] < left ? sizes[i] : left}, tiled);
        }
        assert_memory_equal(tiled, whole, n * sizeof *whole);
    }
    free(whole);
    free(tiled);
    free_data(&data);
}

static void test_contract__tiles_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check_shape(&shapes[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contract__tiles_give_the_same_bytes),
    };
    return run_cases(tests, NULL, NULL);
}
