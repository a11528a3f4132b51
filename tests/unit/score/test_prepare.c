/* SPDX-License-Identifier: MIT */
/* What is said of prepared queries that are cut: how far they are from the whole ones,
 * and how large these are. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "linalg/linalg.h"
#include "query/prepare.h"
#include "support/tiny.h"

enum { N_ROWS = 40, MAX_PATH = 300 };

/* Ids of 3 to 10 tokens, of which all but the first count. */
static void write_rows(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int q = 0; q < N_ROWS; q++) {
        fprintf(file, "{\"ids\": [1");
        for (int t = 0; t < 2 + q % 8; t++) {
            fprintf(file, ", %d", (3 * q + t * t) % TINY_VOCABULARY);
        }
        fputs("], \"mask\": [0", file);
        for (int t = 0; t < 2 + q % 8; t++) {
            fputs(", 1", file);
        }
        fputs("]}\n", file);
    }
    assert_int_equal(fclose(file), 0);
}

/* ||P - L R'||_F of case v, and ||P||_F, in f64. */
static double distance(const at_prepared_map *whole,
                       const at_prepared_map *cut,
                       size_t n_cases,
                       size_t v,
                       double *norm)
{
    double square = 0;
    double all = 0;
    size_t r = cut->rank;
    for (size_t o = 0; o < whole->out_dim; o++) {
        for (size_t i = 0; i < whole->in_dim; i++) {
            double p = (double)whole->p[(v * whole->out_dim + o) * whole->in_dim + i];
            double rest = p;
            for (size_t k = 0; k < r; k++) {
                rest -= (double)cut->left[(o * n_cases + v) * r + k] *
                        (double)cut->right[(i * n_cases + v) * r + k];
            }
            square += rest * rest;
            all += p * p;
        }
    }
    *norm = sqrt(all);
    return sqrt(square);
}

/* The error is no less than the distance, of which rounding makes a little more or less
 * than what was cut off in the eigenbasis; and no more than 16 units of rounding for each
 * of sqrt(O) + sqrt(I) above it. */
static void check_map(const at_prepared_map *whole,
                      const at_prepared_map *cut,
                      size_t n_cases,
                      size_t *n_above)
{
    double turned = sqrt((double)cut->out_dim) + sqrt((double)cut->in_dim);
    for (size_t v = 0; v < n_cases; v++) {
        double norm = 0;
        double off = distance(whole, cut, n_cases, v, &norm);
        double allowed = 0x1p-20 * turned * norm;
        assert_true(norm > 0);
        assert_true(fabs(cut->norm[v] - norm) <= 1e-5 * norm);
        assert_true(cut->error[v] >= off);
        assert_true(cut->error[v] <= off + 2 * allowed);
        *n_above += off > cut->error[v] - allowed;
    }
}

static void test_prepare__errors_of_cut_queries_hold_in_the_weights_own_basis(
    void **state)
{
    (void)state;
    attrib_error err = {0};
    char folder[200];
    char path[MAX_PATH];
    const char *paths[] = {path};
    attrib_corpus *corpus = NULL;
    attrib_queries *queries = NULL;
    attrib_factors *factors = NULL;
    at_prepared whole = {0};
    at_prepared cut = {0};
    size_t n_above = 0;
    attrib_model *model = wide_model(2, 32, 48);
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/c.jsonl", folder);
    tiny_write_corpus(path, 60);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &corpus, &err),
        &err);
    check_ok(attrib_factors_fit(NULL, model, corpus, NULL, &factors, &err), &err);
    snprintf(path, sizeof path, "%s/q.jsonl", folder);
    write_rows(path);
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &queries, &err), &err);
    at_setup setup = {.model = model,
                      .factors = factors,
                      .corpus = corpus,
                      .queries = queries,
                      .n_groups = 1,
                      .kept_bytes = 1 << 20,
                      .n_workers = 1};
    attrib_score_options_default(&setup.options);
    check_ok(attrib_model_select(model, "mlp", &setup.tracked, &setup.n_tracked, &err),
             &err);
    check_ok(at_choose_dampings(&setup, &err), &err);
    check_ok(at_ask(&setup, &err), &err);
    at_tile all = {0, N_ROWS};
    check_ok(at_prepare_queries(&setup, all, &whole, &err), &err);
    setup.query_rank = 4;
    check_ok(at_prepare_queries(&setup, all, &cut, &err), &err);
    assert_int_equal(cut.n_maps, 6);
    for (size_t m = 0; m < cut.n_maps; m++) {
        assert_int_equal(cut.maps[m].rank, 4);
        check_map(&whole.maps[m], &cut.maps[m], cut.n_cases, &n_above);
    }
    /* A rank that is a map's width leaves it whole, and says so. */
    at_prepared_free(&cut);
    setup.query_rank = 32;
    check_ok(at_prepare_queries(&setup, all, &cut, &err), &err);
    for (size_t m = 0; m < cut.n_maps; m++) {
        const at_prepared_map *map = &cut.maps[m];
        assert_int_equal(map->rank, 0);
        assert_memory_equal(map->p, whole.maps[m].p,
                            N_ROWS * map->out_dim * map->in_dim * sizeof *map->p);
        for (size_t v = 0; v < N_ROWS; v++) {
            assert_true(map->error[v] == 0 && map->norm[v] > 0);
        }
    }
    /* Without what rounding is allowed, errors would not hold. */
    assert_true(n_above > 10);
    at_prepared_free(&whole);
    at_prepared_free(&cut);
    at_asked_free(&setup.asked);
    free(setup.tracked);
    free(setup.dampings);
    attrib_factors_close(factors);
    attrib_queries_close(queries);
    attrib_corpus_close(corpus);
    attrib_model_close(model);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_prepare__errors_of_cut_queries_hold_in_the_weights_own_basis),
    };
    return run_cases(tests, NULL, NULL);
}
