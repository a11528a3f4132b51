/* SPDX-License-Identifier: MIT */
/* Records of gradients made up of random rows, against dense algebra in f64: components
 * against an SVD, estimates within their bounds, and the exact scores where components
 * are kept whole. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "index/lookups.h"
#include "index/scan.h"
#include "linalg/linalg.h"

enum { N_MAPS = 2, MOST_ROWS = 200, MOST_DIM = 48 };

static const size_t out_dims[N_MAPS] = {24, 48};
static const size_t in_dims[N_MAPS] = {32, 20};

/* Random numbers that never change, about normal. */
static uint64_t drawn;

static double draw(void)
{
    double sum = 0;
    for (int k = 0; k < 12; k++) {
        sum += at_uniform(0x1dec5, 1, drawn++);
    }
    return sum - 6;
}

/* A document: rows of each map. */
typedef struct made {
    size_t n_rows;
    float ds[N_MAPS][MOST_ROWS * MOST_DIM], a[N_MAPS][MOST_ROWS * MOST_DIM];
    double h[N_MAPS][MOST_DIM * MOST_DIM]; /* [O, I] ds' a */
} made;

/* Different rows of errors among TWINS. */
#define N_TWINS ((size_t)3)

/* What rows are like, planted hard ones among them. */
enum { PLAIN, DECAYING, TWINS, REPEATED, SINGLE, ZERO, SPIKED, LOPSIDED, N_KINDS };

static void make_rows(made *m, int kind, size_t n_rows)
{
    m->n_rows = kind == SINGLE ? 1 : n_rows;
    for (size_t k = 0; k < N_MAPS; k++) {
        for (size_t t = 0; t < m->n_rows; t++) {
            double size = kind == DECAYING             ? pow(0.7, (double)t)
                          : kind == ZERO               ? 0
                          : kind == LOPSIDED && k == 0 ? 0
                          : kind == LOPSIDED           ? 100
                          : kind == SPIKED             ? (t == 0 ? 1e4 : 1)
                                                       : 1;
            for (size_t j = 0; j < out_dims[k]; j++) {
                m->ds[k][t * out_dims[k] + j] =
                    kind == TWINS && t >= N_TWINS
                        ? m->ds[k][t % N_TWINS * out_dims[k] + j]
                        : (float)(size * draw());
            }
            for (size_t j = 0; j < in_dims[k]; j++) {
                m->a[k][t * in_dims[k] + j] =
                    kind == REPEATED && t > 0 ? m->a[k][j] : (float)draw();
            }
        }
        memset(m->h[k], 0, sizeof m->h[k]);
        for (size_t t = 0; t < m->n_rows; t++) {
            for (size_t i = 0; i < out_dims[k]; i++) {
                for (size_t j = 0; j < in_dims[k]; j++) {
                    m->h[k][i * in_dims[k] + j] += (double)m->ds[k][t * out_dims[k] + i] *
                                                   (double)m->a[k][t * in_dims[k] + j];
                }
            }
        }
    }
}

static at_index_shape shape_of(size_t record_bytes, bool is_whole)
{
    at_index_shape shape = {
        .n_maps = N_MAPS, .record_bytes = record_bytes, .is_whole = is_whole};
    shape.maps = calloc(N_MAPS, sizeof *shape.maps);
    assert_non_null(shape.maps);
    for (size_t m = 0; m < N_MAPS; m++) {
        shape.maps[m].out_dim = out_dims[m];
        shape.maps[m].in_dim = in_dims[m];
    }
    return shape;
}

static void *deal_bank(attrib_bank *bank)
{
    void *memory = calloc(1, bank->used + 64);
    assert_non_null(memory);
    *bank = (attrib_bank){(char *)(((uintptr_t)memory + 63) & ~(uintptr_t)63), 0};
    return memory;
}

/* Find the components of one map of a document. The arrays are the caller's. */
static at_found find(const made *m, size_t k, size_t most, bool is_whole)
{
    const at_row_product rows = {m->ds[k], m->a[k], m->n_rows, out_dims[k], in_dims[k]};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    at_found found = {.components = {0, calloc(most, out_dims[k] * sizeof(float)),
                                     calloc(most, in_dims[k] * sizeof(float)),
                                     calloc(most, sizeof(double))}};
    check_ok(at_component_deal(&rows, most, is_whole, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, most, is_whole, &bank, &scratch, &err), &err);
    at_component_task task = {rows, at_smaller(most, m->n_rows), 0, &found.components};
    check_ok(at_components_find(&task, 1, is_whole, &scratch, &err), &err);
    at_components_make_unit(&found.components, found.components.n, out_dims[k],
                            in_dims[k]);
    for (size_t i = 0; i < out_dims[k] * in_dims[k]; i++) {
        found.square += m->h[k][i] * m->h[k][i];
    }
    free(memory);
    return found;
}

static void free_found(at_found *found)
{
    free(found->components.u);
    free(found->components.v);
    free(found->components.sigma);
}

/* Components are those of an SVD, also where rows were reduced first. */
static void test_components__are_the_largest_of_an_svd(void **state)
{
    static made m;
    static const size_t rows[] = {1, 7, 30, 64, 200};
    (void)state;
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        for (int kind = PLAIN; kind <= REPEATED; kind++) {
            make_rows(&m, kind, rows[r]);
            size_t n = at_smaller(out_dims[0], in_dims[0]);
            double h[MOST_DIM * MOST_DIM];
            double u[MOST_DIM * MOST_DIM];
            double s[MOST_DIM];
            double v[MOST_DIM * MOST_DIM];
            attrib_error err = {0};
            at_found found = find(&m, 0, 6, false);
            memcpy(h, m.h[0], sizeof h);
            check_ok(at_svd(out_dims[0], in_dims[0], h, u, s, v, &err), &err);
            assert_true(n >= found.components.n && found.components.n >= 1);
            for (size_t c = 0; c < found.components.n; c++) {
                const float *left = found.components.u + c * out_dims[0];
                const float *right = found.components.v + c * in_dims[0];
                double with = 0; /* u' H v, which is sigma */
                for (size_t i = 0; i < out_dims[0]; i++) {
                    for (size_t j = 0; j < in_dims[0]; j++) {
                        with += (double)left[i] * m.h[0][i * in_dims[0] + j] *
                                (double)right[j];
                    }
                }
                /* Gram matrices in f32 lose half of its digits: 2^-12 of the first. */
                assert_true(fabs(found.components.sigma[c] - s[c]) <= 2e-3 * s[0]);
                assert_true(fabs(with - s[c]) <= 2e-3 * s[0]);
            }
            free_found(&found);
        }
    }
}

enum { WIDE_ROWS = 200, WIDE_O = 150, WIDE_I = 120 };

/* Rows that are more than what they are reduced to, of a map that is wider than that: the
 * first components are those of an SVD, though the range is cut. */
static void test_components__survive_reduction(void **state)
{
    static float ds[WIDE_ROWS * WIDE_O];
    static float a[WIDE_ROWS * WIDE_I];
    static double h[WIDE_O * WIDE_I];
    static double u[WIDE_O * WIDE_I];
    static double v[WIDE_I * WIDE_I];
    static float found_u[6 * WIDE_O];
    static float found_v[6 * WIDE_I];
    double s[WIDE_I];
    double sigma[6];
    const at_row_product rows = {ds, a, WIDE_ROWS, WIDE_O, WIDE_I};
    at_components found = {0, found_u, found_v, sigma};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t i = 0; i < WIDE_ROWS * WIDE_O; i++) {
        ds[i] = (float)(draw() / (1 + (double)(i / WIDE_O) / 10));
    }
    for (size_t i = 0; i < WIDE_ROWS * WIDE_I; i++) {
        a[i] = (float)draw();
    }
    for (size_t t = 0; t < WIDE_ROWS; t++) {
        for (size_t e = 0; e < WIDE_O * WIDE_I; e++) {
            h[e] +=
                (double)ds[t * WIDE_O + e / WIDE_I] * (double)a[t * WIDE_I + e % WIDE_I];
        }
    }
    check_ok(at_component_deal(&rows, 6, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, 6, false, &bank, &scratch, &err), &err);
    at_component_task task = {rows, 6, 0, &found};
    check_ok(at_components_find(&task, 1, false, &scratch, &err), &err);
    check_ok(at_svd(WIDE_O, WIDE_I, h, u, s, v, &err), &err);
    assert_int_equal(found.n, 6);
    for (size_t c = 0; c < 6; c++) {
        assert_true(fabs(sigma[c] - s[c]) <= 2e-3 * s[0]);
    }
    free(memory);
}

/* Components of equal sizes, whose vectors are any that are orthogonal: sum_c sigma u v'
 * is H, the identity, all the same. */
static void test_components__of_equal_sizes_are_orthogonal(void **state)
{
    enum { N = 6 };

    float unit[N * N] = {0};
    float u[N * N];
    float v[N * N];
    double sigma[N];
    const at_row_product rows = {unit, unit, N, N, N};
    at_components found = {0, u, v, sigma};
    at_component_task task = {rows, N, 0, &found};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t i = 0; i < N; i++) {
        unit[i * N + i] = 1;
    }
    check_ok(at_component_deal(&rows, N, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, N, false, &bank, &scratch, &err), &err);
    check_ok(at_components_find(&task, 1, false, &scratch, &err), &err);
    at_components_make_unit(&found, found.n, N, N);
    assert_int_equal(found.n, N);
    for (size_t i = 0; i < (size_t)N * N; i++) {
        double sum = 0;
        for (size_t c = 0; c < N; c++) {
            sum += sigma[c] * (double)u[c * N + i / N] * (double)v[c * N + i % N];
        }
        assert_true(fabs(sum - (i % (N + 1) == 0)) <= 1e-5);
    }
    free(memory);
}

/* Products of many sizes at once, in any order, have the components of each alone. */
static void test_components__are_those_of_a_product_alone(void **state)
{
    enum { N_TASKS = 21, MOST = 5 };

    static const size_t counts[] = {3, 17, 64, 1, 30, 65, 9};
    static made all[N_TASKS];
    at_found alone[N_TASKS];
    at_component_task tasks[N_TASKS];
    at_components found[N_TASKS];
    const at_row_product most = {
        .n_rows = 65, .out_dim = out_dims[0], .in_dim = in_dims[0]};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    (void)state;
    for (size_t k = 0; k < N_TASKS; k++) {
        make_rows(&all[k], PLAIN, counts[k % 7]);
        alone[k] = find(&all[k], 0, MOST, false);
        found[k] = (at_components){0, calloc(MOST, out_dims[0] * sizeof(float)),
                                   calloc(MOST, in_dims[0] * sizeof(float)),
                                   calloc(MOST, sizeof(double))};
        tasks[k] = (at_component_task){
            {all[k].ds[0], all[k].a[0], all[k].n_rows, out_dims[0], in_dims[0]},
            at_smaller(MOST, all[k].n_rows),
            0,
            &found[k]};
    }
    check_ok(at_component_deal(&most, MOST, false, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&most, MOST, false, &bank, &scratch, &err), &err);
    check_ok(at_components_find(tasks, N_TASKS, false, &scratch, &err), &err);
    for (size_t k = 0; k < N_TASKS; k++) {
        const at_components *one = &alone[k].components;
        size_t n = one->n;
        at_components_make_unit(&found[k], n, out_dims[0], in_dims[0]);
        assert_int_equal(found[k].n, n);
        assert_memory_equal(found[k].sigma, one->sigma, n * sizeof(double));
        assert_memory_equal(found[k].u, one->u, n * out_dims[0] * sizeof(float));
        assert_memory_equal(found[k].v, one->v, n * in_dims[0] * sizeof(float));
        free_found(&alone[k]);
        free(found[k].u);
        free(found[k].v);
        free(found[k].sigma);
    }
    free(memory);
}

/* What is read of trits is what was written: multiples whose sums are those returned. */
static void test_trits__are_read_as_written(void **state)
{
    static at_trit_table table;
    (void)state;
    at_trit_table_fill(&table);
    for (size_t n = 1; n <= 40; n++) {
        for (unsigned d = 1; d <= AT_MOST_DIGITS; d++) {
            float x[40];
            float q[40 + AT_TRITS_PADDING];
            uint8_t bytes[AT_MOST_DIGITS * 8];
            double with = 0;
            double square = 0;
            double sum = 0;
            const double most[] = {1, 4, 13};
            for (size_t i = 0; i < n; i++) {
                x[i] = (float)draw();
            }
            at_rounding got = at_trits_put(x, n, d, bytes);
            at_trits_get(&table, bytes, n, d, q);
            for (size_t i = 0; i < n; i++) {
                assert_true(fabs((double)q[i]) <= most[d - 1] && q[i] == roundf(q[i]));
                with += (double)x[i] * (double)q[i];
                square += (double)q[i] * (double)q[i];
                sum += (double)x[i] * (double)x[i];
            }
            assert_true(fabs(with - got.with) <= 1e-5 * (fabs(with) + 1));
            assert_true(square == got.square && square > 0);
            /* Normal numbers lose 19 %, 3 % and 0.5 % in the mean. */
            const double lost[] = {0.5, 0.2, 0.05};
            assert_true(sum - with * with / square <= lost[d - 1] * sum);
        }
    }
}

/* Numbers that are all 0 are kept as 0. */
static void test_trits__keep_zeros(void **state)
{
    const float x[7] = {0};
    float q[7 + AT_TRITS_PADDING];
    uint8_t bytes[2];
    static at_trit_table table;
    (void)state;
    at_trit_table_fill(&table);
    assert_true(at_trits_put(x, 7, 1, bytes).square == 0);
    at_trits_get(&table, bytes, 7, 1, q);
    for (size_t i = 0; i < 7; i++) {
        assert_true(q[i] == 0);
    }
}

enum { N_QUERIES = 20 };

/* Random queries, some of them along a document. */
static void make_queries(const made *m,
                         size_t rank,
                         double q[N_MAPS][N_QUERIES][48 * 48],
                         at_scan_queries *out)
{
    attrib_error err = {0};
    *out = (at_scan_queries){.n_cases = N_QUERIES, .n_maps = N_MAPS};
    out->maps = calloc(N_MAPS, sizeof *out->maps);
    for (size_t k = 0; k < N_MAPS; k++) {
        at_scan_map *map = &out->maps[k];
        size_t o = out_dims[k];
        size_t i = in_dims[k];
        map->rank = at_smaller(rank, at_smaller(o, i));
        size_t r = map->rank;
        map->left = calloc(o * N_QUERIES * r, sizeof(float));
        map->right = calloc(i * N_QUERIES * r, sizeof(float));
        map->norm = calloc(N_QUERIES, sizeof(double));
        map->error = calloc(N_QUERIES, sizeof(double));
        for (size_t v = 0; v < N_QUERIES; v++) {
            float p[48 * 48];
            float left[48 * 48];
            float right[48 * 48];
            double square = 0;
            for (size_t e = 0; e < o * i; e++) {
                p[e] = (float)(v % 4 == 0 ? m->h[k][e] : draw());
                q[k][v][e] = (double)p[e];
                square += q[k][v][e] * q[k][v][e];
            }
            map->norm[v] = sqrt(square);
            check_ok(at_low_rank(o, i, p, r, left, right, &map->error[v], &err), &err);
            for (size_t e = 0; e < o * r; e++) {
                map->left[(e / r * N_QUERIES + v) * r + e % r] = left[e];
            }
            for (size_t e = 0; e < i * r; e++) {
                map->right[(e / r * N_QUERIES + v) * r + e % r] = right[e];
            }
        }
    }
}

/* Pack a document and scan it. */
static void estimate(const at_index_shape *shape,
                     const made *m,
                     const at_scan_queries *queries,
                     double *scores,
                     double *bounds)
{
    attrib_error err = {0};
    at_choice *choice = NULL;
    attrib_bank bank = {0};
    at_scan_desk *desk = NULL;
    at_found found[N_MAPS];
    uint8_t *record = calloc(1, shape->record_bytes);
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_choice_deal(shape, 1, &bank, &choice, &err), &err);
    for (size_t k = 0; k < N_MAPS; k++) {
        found[k] = find(m, k, at_most_components(shape, k), shape->is_whole);
        at_choice_add(shape, choice, 0, k, &found[k].components);
    }
    at_record_pack(shape, found, choice, 0, record);
    assert_true(at_record_is(shape, record));
    check_ok(at_scan_desk_new(shape, queries, &desk, &err), &err);
    at_scan_records(shape, queries, &(at_record_list){record, &(size_t){0}, 1}, desk,
                    scores, bounds);
    at_scan_desk_free(desk);
    for (size_t k = 0; k < N_MAPS; k++) {
        free_found(&found[k]);
    }
    free(memory);
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
    make_queries(&m, rank, q, &queries);
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

/* Sums that are looked up are those of unpacked digits, to (dim + 3) eps of the sum of
 * sizes, for every number of rows that a group of bytes may end with. */
static void test_lookups__are_sums_of_rows(void **state)
{
    enum { MOST = 100, N = 5 };

    static at_lookup_table sums;
    static at_trit_table table;
    (void)state;
    at_lookup_table_fill(&sums);
    at_trit_table_fill(&table);
    drawn = 0;
    for (size_t dim = 1; dim <= MOST; dim++) {
        _Alignas(64) float factor[MOST * AT_LOOKUP_WIDTH];
        _Alignas(64) float out[N * AT_LOOKUP_WIDTH];
        uint8_t bytes[N][MOST];
        const uint8_t *planes[N];
        for (size_t i = 0; i < dim * AT_LOOKUP_WIDTH; i++) {
            factor[i] = (float)draw();
        }
        for (size_t k = 0; k < N; k++) {
            planes[k] = bytes[k];
            for (size_t b = 0; b < at_trits_bytes(dim); b++) {
                bytes[k][b] =
                    (uint8_t)(at_uniform(0x1dec5, 2, drawn++) * AT_TRITS_VALUES);
            }
        }
        at_lookup_products(factor, dim, planes, N, &sums, out);
        for (size_t k = 0; k < N; k++) {
            float digits[MOST + AT_TRITS_PADDING];
            at_trits_get(&table, bytes[k], dim, 1, digits);
            for (size_t j = 0; j < AT_LOOKUP_WIDTH; j++) {
                double sum = 0;
                double size = 0;
                for (size_t i = 0; i < dim; i++) {
                    double one =
                        (double)digits[i] * (double)factor[i * AT_LOOKUP_WIDTH + j];
                    sum += one;
                    size += fabs(one);
                }
                double off = fabs(sum - (double)out[k * AT_LOOKUP_WIDTH + j]);
                assert_true(off <= ((double)dim + 3) * 0x1p-23 * size);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components__are_the_largest_of_an_svd),
        cmocka_unit_test(test_components__survive_reduction),
        cmocka_unit_test(test_components__of_equal_sizes_are_orthogonal),
        cmocka_unit_test(test_components__are_those_of_a_product_alone),
        cmocka_unit_test(test_trits__are_read_as_written),
        cmocka_unit_test(test_trits__keep_zeros),
        cmocka_unit_test(test_bounds__are_never_violated),
        cmocka_unit_test(test_whole__is_exact),
        cmocka_unit_test(test_bytes__buy_less_error),
        cmocka_unit_test(test_lookups__are_sums_of_rows),
    };
    at_blas_single_threaded();
    return run_cases(tests, NULL, NULL);
}
