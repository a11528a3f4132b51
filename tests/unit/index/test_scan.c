/* SPDX-License-Identifier: MIT */
/* Scans of records of gradients made up of random rows, against dense algebra in f64:
 * estimates within their bounds, the exact scores where components are kept whole, and
 * plain sums over what records and queries hold. */
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "index/scan.h"
#include "linalg/linalg.h"
#include "made.h"

enum { N_QUERIES = 20 };

/* Random queries, some of them along a document. */
static void make_queries(const at_index_shape *shape,
                         const made *m,
                         size_t rank,
                         double q[N_MAPS][N_QUERIES][48 * 48],
                         at_scan_queries *out)
{
    attrib_error err = {0};
    *out = (at_scan_queries){.n_cases = N_QUERIES, .n_maps = N_MAPS};
    out->maps = calloc(N_MAPS, sizeof *out->maps);
    assert_non_null(out->maps);
    for (size_t k = 0; k < N_MAPS; k++) {
        at_scan_map *map = &out->maps[k];
        size_t n = out_dims[k] * in_dims[k];
        check_ok(at_scan_map_new(shape, k, rank, N_QUERIES, map, &err), &err);
        for (size_t v = 0; v < N_QUERIES; v++) {
            float p[48 * 48];
            float scratch[48 * 48];
            double square = 0;
            for (size_t e = 0; e < n; e++) {
                p[e] = (float)(v % 4 == 0 ? m->h[k][e] : draw());
                q[k][v][e] = (double)p[e];
                square += q[k][v][e] * q[k][v][e];
            }
            check_ok(at_scan_map_put(shape, k, v, p, scratch, map, &err), &err);
            assert_true(fabs(map->norm[v] - sqrt(square)) <= 1e-6 * sqrt(square));
        }
    }
}

/* Make vectors of another norm than 1, as they may be before they are packed. */
static void stretch(const at_components *found, size_t o, size_t i)
{
    for (size_t e = 0; e < found->n * o; e++) {
        found->u[e] *= 0.75F;
    }
    for (size_t e = 0; e < found->n * i; e++) {
        found->v[e] *= 1.5F;
    }
}

/* Pack a document, record [record_bytes]. */
static void pack(const at_index_shape *shape, const made *m, uint8_t *record)
{
    attrib_error err = {0};
    at_choice *choice = NULL;
    attrib_bank bank = {0};
    at_found found[N_MAPS];
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    for (size_t k = 0; k < N_MAPS; k++) {
        found[k] = find(m, k, at_most_components(shape, k), shape->is_whole);
        if (!shape->is_whole) {
            stretch(&found[k].components, out_dims[k], in_dims[k]);
        }
        at_choice_add(shape, choice, 0, k, &found[k].components);
    }
    at_record_pack(shape, found, choice, 0, record);
    assert_true(at_record_is(shape, record));
    for (size_t k = 0; k < N_MAPS; k++) {
        free_found(&found[k]);
    }
    free(memory);
}

/* Scan the records that are listed, with a worker's memory of their own. */
static void scan(const at_index_shape *shape,
                 const at_scan_queries *queries,
                 const at_record_list *list,
                 double *scores,
                 double *bounds)
{
    attrib_error err = {0};
    at_scan_desk *desk = NULL;
    check_ok(at_scan_desk_new(shape, queries, &desk, &err), &err);
    at_scan_records(shape, queries, list, desk, scores, bounds);
    at_scan_desk_free(desk);
}

/* Pack a document and scan it. */
static void estimate(const at_index_shape *shape,
                     const made *m,
                     const at_scan_queries *queries,
                     double *scores,
                     double *bounds)
{
    uint8_t *record = calloc(1, shape->record_bytes);
    assert_non_null(record);
    pack(shape, m, record);
    scan(shape, queries, &(at_record_list){record, &(size_t){0}, 1}, scores, bounds);
    free(record);
}

/* The largest |estimate - exact| / bound of all queries, and of the exact scores' sizes.
 */
static double worst_of(
    const at_index_shape *shape, size_t rank, int kind, size_t n_rows, double *relative)
{
    static made m;
    static double q[N_MAPS][N_QUERIES][48 * 48];
    at_scan_queries queries;
    double scores[N_QUERIES];
    double bounds[N_QUERIES];
    double worst = 0;
    make_rows(&m, kind, n_rows);
    make_queries(shape, &m, rank, q, &queries);
    estimate(shape, &m, &queries, scores, bounds);
    for (size_t v = 0; v < N_QUERIES; v++) {
        double exact = 0;
        double size = 0;
        for (size_t k = 0; k < N_MAPS; k++) {
            double square = 0;
            for (size_t e = 0; e < out_dims[k] * in_dims[k]; e++) {
                exact += q[k][v][e] * m.h[k][e];
                square += m.h[k][e] * m.h[k][e];
            }
            size += sqrt(square) * queries.maps[k].norm[v];
        }
        double error = fabs(scores[v] - exact);
        worst = fmax(worst, error > 0 ? error / bounds[v] : 0);
        *relative = fmax(*relative, size > 0 ? error / size : 0);
    }
    at_scan_queries_free(&queries);
    return worst;
}

/* Bounds hold for 10,000 pairs of documents and queries; a sanitizer, which takes 25 s
 * for them, sees a tenth. */
static void test_bounds__are_never_violated(void **state)
{
    (void)state;
    double relative = 0;
    double worst = 0;
    for (size_t i = 0; i < (IS_SANITIZED ? 50 : 500); i++) {
        at_index_shape shape = shape_of(150 + i % 7 * 150, false);
        size_t rank = i % 3 == 0 ? 4 : 48;
        worst = fmax(worst, worst_of(&shape, rank, (int)(i % N_KINDS), 2 + i * 7 % 120,
                                     &relative));
        at_index_shape_free(&shape);
    }
    assert_true(worst <= 1);
    assert_true(worst > 0.05); /* and are no more than they need to be by orders */
}

/* Components in f32 give the exact scores: 1e-5 of |P| |H|. */
static void test_whole__is_exact(void **state)
{
    (void)state;
    double relative = 0;
    for (size_t i = 0; i < 60; i++) {
        at_index_shape shape = shape_of(30000, true);
        double worst =
            worst_of(&shape, 48, (int)(i % N_KINDS), 2 + i * 3 % 60, &relative);
        assert_true(worst <= 1);
        at_index_shape_free(&shape);
    }
    assert_true(relative <= 1e-5);
}

/* More bytes leave less: the share of |P| |H| that estimates miss falls. */
static void test_bytes__buy_less_error(void **state)
{
    (void)state;
    double before = 1;
    static const size_t sizes[] = {100, 400, 1600};
    for (size_t k = 0; k < 3; k++) {
        double sum = 0;
        drawn = 0;
        for (size_t i = 0; i < 20; i++) {
            at_index_shape shape = shape_of(sizes[k], false);
            double relative = 0;
            (void)worst_of(&shape, 48, PLAIN, 20, &relative);
            sum += relative / 20;
            at_index_shape_free(&shape);
        }
        assert_true(sum < 0.8 * before);
        before = sum;
    }
}

/* The entry of a rounded factor. */
static double rounded(const at_scan_side *side, size_t dim, size_t v, size_t i, size_t j)
{
    const int16_t *levels = side->levels + v * at_scan_row(dim) * AT_SCAN_RANK;
    return (double)levels[at_integer_place(at_trits_place(dim, i), j)] *
           (double)side->steps[v * AT_SCAN_RANK + j];
}

/* What is left of a query is |Q - L R'| of L and R as they are used. Of every fourth one,
 * of rank 10, that is rounding alone: numbers of which the largest are some three times
 * the usual, in steps of 2^-15 of those, lose 0.9 2^-15 of them in both factors. */
static void test_queries__are_rounded(void **state)
{
    static made m;
    static double q[N_MAPS][N_QUERIES][48 * 48];
    at_index_shape shape = shape_of(1000, false);
    at_scan_queries queries;
    (void)state;
    make_rows(&m, PLAIN, 10);
    make_queries(&shape, &m, 16, q, &queries);
    for (size_t k = 0; k < N_MAPS; k++) {
        const at_scan_map *map = &queries.maps[k];
        for (size_t v = 0; v < N_QUERIES; v++) {
            double square = 0;
            for (size_t e = 0; e < out_dims[k] * in_dims[k]; e++) {
                double left = q[k][v][e];
                for (size_t j = 0; j < AT_SCAN_RANK; j++) {
                    left -= rounded(&map->left, out_dims[k], v, e / in_dims[k], j) *
                            rounded(&map->right, in_dims[k], v, e % in_dims[k], j);
                }
                square += left * left;
            }
            assert_true(fabs(sqrt(square) - map->error[v]) <= 1e-6 * map->norm[v]);
            assert_true(v % 4 != 0 || sqrt(square) <= 1.3 * 0x1p-15 * map->norm[v]);
        }
    }
    at_scan_queries_free(&queries);
    at_index_shape_free(&shape);
}

/* Steps of tiny queries are no smaller than f32 has all digits of, so that levels fit. */
static void test_queries__may_be_tiny(void **state)
{
    at_index_shape shape = shape_of(1000, false);
    size_t n = out_dims[0] * in_dims[0];
    (void)state;
    for (float size = 1e-35F; size > 1e-39F; size *= 0.6F) {
        float q[MOST_DIM * MOST_DIM];
        float scratch[MOST_DIM * MOST_DIM];
        at_scan_map of;
        attrib_error err = {0};
        for (size_t e = 0; e < n; e++) {
            q[e] = size;
        }
        check_ok(at_scan_map_new(&shape, 0, 16, 1, &of, &err), &err);
        check_ok(at_scan_map_put(&shape, 0, 0, q, scratch, &of, &err), &err);
        for (size_t e = 0; e < n; e++) {
            double sum = 0;
            for (size_t j = 0; j < AT_SCAN_RANK; j++) {
                sum += rounded(&of.left, out_dims[0], 0, e / in_dims[0], j) *
                       rounded(&of.right, in_dims[0], 0, e % in_dims[0], j);
            }
            assert_true(fabs(sum - (double)size) <= (double)FLT_MIN);
        }
        at_scan_map_free(&of);
    }
    at_index_shape_free(&shape);
}

/* u' L R' v of one component and case v, in f64. */
static double plain_product(
    const at_scan_map *of, size_t k, const at_packed *one, size_t v, double *size)
{
    double sum = 0;
    for (size_t j = 0; j < AT_SCAN_RANK; j++) {
        double by_left = 0;
        double by_right = 0;
        for (size_t i = 0; i < out_dims[k]; i++) {
            by_left += plain_multiple(one->u, out_dims[k], one->n_digits, i) *
                       rounded(&of->left, out_dims[k], v, i, j);
        }
        for (size_t i = 0; i < in_dims[k]; i++) {
            by_right += plain_multiple(one->v, in_dims[k], one->n_digits, i) *
                        rounded(&of->right, in_dims[k], v, i, j);
        }
        sum += by_left * by_right;
        *size += (double)one->scale * fabs(by_left * by_right);
    }
    return (double)one->scale * sum;
}

/* The estimate of a record and case v, in f64, and the sum of the products' sizes. */
static double plain_estimate(const at_index_shape *shape,
                             const at_scan_queries *queries,
                             const uint8_t *record,
                             size_t v,
                             double *size)
{
    at_record_reader reader;
    double sum = 0;
    *size = 0;
    at_record_begin(shape, record, &reader);
    for (size_t k = 0; k < N_MAPS; k++) {
        size_t n = at_record_map(shape, &reader, k).n;
        for (size_t c = 0; c < n; c++) {
            at_packed one = at_record_next(shape, k, &reader);
            sum += plain_product(&queries->maps[k], k, &one, v, size);
        }
    }
    return sum;
}

/* A record that holds a byte of no five digits, wherever it stands, is none. */
static void test_record__holds_trits(void **state)
{
    enum { BYTES = 9 + 200 };

    at_index_map map = {.out_dim = 160, .in_dim = 90};
    const at_index_shape shape = {&map, 1, BYTES, false};
    uint8_t record[BYTES] = {[8] = 2}; /* components, of two digits and of one */
    size_t first = 9 + at_component_bytes(&map, 2);
    (void)state;
    record[9 + 4] = 2;
    record[first + 4] = 1;
    assert_true(first + at_component_bytes(&map, 1) <= BYTES);
    for (size_t i = 9; i < first + at_component_bytes(&map, 1); i++) {
        uint8_t before = record[i];
        if (i < 9 + 5 || (i >= first && i < first + 5)) {
            continue; /* the scale, and the number of digits */
        }
        record[i] = AT_TRITS_VALUES - 1;
        assert_true(at_record_is(&shape, record));
        record[i] = AT_TRITS_VALUES;
        assert_false(at_record_is(&shape, record));
        record[i] = before;
    }
}

/* Estimates are the plain sums of what records and queries hold: to a few eps of f32,
 * since sums are exact and their products are rounded. Records that are scanned together
 * are many more than are multiplied at a time; and what one of them gets does not depend
 * on the others, to the bit. */
static void test_scan__is_the_plain_sum(void **state)
{
    enum { N = 40, BYTES = 400 };

    static made m;
    static double q[N_MAPS][N_QUERIES][48 * 48];
    static uint8_t records[N * BYTES];
    static double scores[N * N_QUERIES];
    static const size_t few[] = {7, 23};
    double of_few[2 * N_QUERIES];
    size_t all[N];
    at_index_shape shape = shape_of(BYTES, false);
    at_scan_queries queries;
    (void)state;
    drawn = 0;
    for (size_t d = 0; d < N; d++) {
        all[d] = N - 1 - d;
        make_rows(&m, (int)(d % N_KINDS), 2 + d);
        pack(&shape, &m, records + d * BYTES);
    }
    make_queries(&shape, &m, 16, q, &queries);
    scan(&shape, &queries, &(at_record_list){records, all, N}, scores, NULL);
    for (size_t d = 0; d < N; d++) {
        for (size_t v = 0; v < N_QUERIES; v++) {
            double size = 0;
            double plain =
                plain_estimate(&shape, &queries, records + all[d] * BYTES, v, &size);
            assert_true(fabs(scores[d * N_QUERIES + v] - plain) <= 10 * 0x1p-24 * size);
        }
    }
    scan(&shape, &queries, &(at_record_list){records, few, 2}, of_few, NULL);
    for (size_t i = 0; i < 2; i++) {
        assert_memory_equal(of_few + i * N_QUERIES, scores + (N - 1 - few[i]) * N_QUERIES,
                            N_QUERIES * sizeof *of_few);
    }
    at_scan_queries_free(&queries);
    at_index_shape_free(&shape);
}

/* Of wide maps factors are rounded to fewer levels, so that sums do not overflow: all
 * numbers of a query are 1, and all of a component the largest multiple. */
static void test_scan__holds_sums_of_wide_maps(void **state)
{
    enum { WIDE = 6000, NARROW = 2, DIGITS = 3 };

    static float q[WIDE * NARROW];
    static float scratch[WIDE * NARROW];
    at_index_map map = {.out_dim = WIDE, .in_dim = NARROW};
    at_index_shape shape = {&map, 1, 9 + at_component_bytes(&map, DIGITS), false};
    at_scan_map of;
    at_scan_queries queries = {1, 1, &of};
    const float head[] = {1, 0};
    const float scale = 1;
    double score = 0;
    attrib_error err = {0};
    uint8_t *record = malloc(shape.record_bytes);
    (void)state;
    assert_non_null(record);
    memset(record, 242, shape.record_bytes);
    memcpy(record, head, sizeof head);
    record[sizeof head] = 1;
    memcpy(record + 9, &scale, sizeof scale);
    record[9 + sizeof scale] = DIGITS;
    assert_true(at_record_is(&shape, record));
    for (size_t e = 0; e < (size_t)WIDE * NARROW; e++) {
        q[e] = 1;
    }
    check_ok(at_scan_map_new(&shape, 0, 16, 1, &of, &err), &err);
    check_ok(at_scan_map_put(&shape, 0, 0, q, scratch, &of, &err), &err);
    scan(&shape, &queries, &(at_record_list){record, &(size_t){0}, 1}, &score, NULL);
    assert_true(fabs(score / (13.0 * 13 * WIDE * NARROW) - 1) <= 1e-4);
    at_scan_map_free(&of);
    free(record);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds__are_never_violated),
        cmocka_unit_test(test_whole__is_exact),
        cmocka_unit_test(test_bytes__buy_less_error),
        cmocka_unit_test(test_queries__are_rounded),
        cmocka_unit_test(test_queries__may_be_tiny),
        cmocka_unit_test(test_record__holds_trits),
        cmocka_unit_test(test_scan__is_the_plain_sum),
        cmocka_unit_test(test_scan__holds_sums_of_wide_maps),
    };
    at_blas_single_threaded();
    return run_cases(tests, NULL, NULL);
}
