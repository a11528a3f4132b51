/* SPDX-License-Identifier: MIT */
/* A pass that leaves out rows whose gradient is 0 hands out the others as a pass of all
 * rows does, and what it leaves out is 0 there.
 *
 * Tolerance: products of other numbers of rows round otherwise, each by 2^-24 of its
 * size; through the 8 products of the tiny model that is 2^-21 of the norm of what is
 * handed out, and cancellation may make it some thirty times larger (2^-16.5 is measured
 * with OpenBLAS's kernels for Haswell, whose sums depend on a row's place). */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "gradient/pass.h"
#include "support/tiny.h"

#define N_SEQUENCES 40
#define N_TOKENS    9
#define N_ROWS      ((size_t)N_SEQUENCES * N_TOKENS)
#define N_MAPS      15 /* seven of each layer, and the head */
#define WIDEST      16
#define TOLERANCE   0x1p-15

/* What of a sequence counts, by turns: all, nothing, the end, the middle, holes, and for
 * the first row alone. */
typedef struct sequences {
    int32_t ids[N_SEQUENCES][N_TOKENS];
    uint8_t mask[N_SEQUENCES][N_TOKENS];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){.document = i,
                             .n_tokens = 1 + (i * 5) % N_TOKENS,
                             .ids = s->ids[i],
                             .mask = s->mask[i]};
}

static void make_sequences(sequences *s)
{
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        for (size_t t = 0; t < N_TOKENS; t++) {
            const bool counts[] = {true, false, t > 4, t > 1 && t<4, (t + i) % 3> 0,
                                   t == 1};
            s->ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(3, i, t + 1));
            s->mask[i][t] = t > 0 && counts[i % 6];
        }
    }
}

/* All pairs of a pass by map, and the row of all tokens that each belongs to; zeros where
 * there is none. */
typedef struct record {
    float a[N_MAPS][N_ROWS][WIDEST], ds[N_MAPS][N_ROWS][WIDEST];
    bool is_there[N_MAPS][N_ROWS];
    size_t in_dims[N_MAPS];
    size_t n_rows; /* of all blocks */
    double losses[N_SEQUENCES], slopes[N_SEQUENCES];
} record;

static attrib_status keep_map(void *context,
                              void *scratch,
                              const attrib_visit *visit,
                              attrib_error *err)
{
    record *r = context;
    const attrib_block *block = visit->block;
    size_t m = visit->i_tracked;
    size_t in = visit->module->in_dim;
    size_t out = visit->module->out_dim;
    (void)scratch;
    (void)err;
    assert_true(in <= WIDEST && out <= WIDEST);
    assert_int_equal(visit->first_row[block->n_sequences], visit->n_rows);
    for (size_t s = 0; s < block->n_sequences; s++) {
        for (size_t k = visit->first_row[s]; k < visit->first_row[s + 1]; k++) {
            size_t row = visit->rows ? visit->rows[k] : k;
            size_t t = row - block->first_row[s];
            size_t at = (block->first_sequence + s) * N_TOKENS + t;
            assert_true(row >= block->first_row[s] && row < block->first_row[s + 1]);
            memcpy(r->a[m][at], visit->a + k * in, in * sizeof(float));
            memcpy(r->ds[m][at], visit->ds + k * out, out * sizeof(float));
            r->is_there[m][at] = true;
        }
    }
    return ATTRIB_OK;
}

static attrib_status keep_sums(void *context,
                               void *scratch,
                               const attrib_block *block,
                               attrib_error *err)
{
    record *r = context;
    (void)scratch;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        r->losses[block->first_sequence + s] = block->losses[s];
        if (block->slopes) {
            r->slopes[block->first_sequence + s] = block->slopes[s];
        }
    }
    r->n_rows += block->n_rows;
    return ATTRIB_OK;
}

/* d_out += a P', where all entries of P are 1/2 */
static attrib_status follow(void *context,
                            const attrib_outputs *outputs,
                            attrib_error *err)
{
    const record *r = context;
    size_t in = r->in_dims[outputs->i_tracked];
    (void)err;
    for (size_t t = 0; t < outputs->n_rows; t++) {
        float sum = 0;
        for (size_t i = 0; i < in; i++) {
            sum += outputs->a[t * in + i] / 2;
        }
        for (size_t o = 0; o < outputs->n_outputs; o++) {
            outputs->d_out[t * outputs->stride + o] += sum;
        }
    }
    return ATTRIB_OK;
}

/* Pass over all sequences in reverse, then forward along P. */
static record *run(bool skips_uncounted, size_t n_threads)
{
    static sequences s;
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_model *model = wide_model(2, 8, 12);
    record *out = calloc(1, sizeof *out);
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    assert_non_null(out);
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    attrib_tap keep = {
        .name = "keep", .context = out, .module = keep_map, .finish = keep_sums};
    attrib_tap along = {.name = "along",
                        .context = out,
                        .is_forward = true,
                        .direction = follow,
                        .finish = keep_sums};
    make_sequences(&s);
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(attrib_model_select(model, "all", &tracked, &n_tracked, &err), &err);
    assert_int_equal(n_tracked, N_MAPS);
    for (size_t m = 0; m < n_tracked; m++) {
        out->in_dims[m] = attrib_model_module(model, tracked[m])->in_dim;
    }
    at_pass pass = {.session = session,
                    .model = model,
                    .tracked = tracked,
                    .n_tracked = n_tracked,
                    .labels = AT_LABELS_DATA,
                    .block_rows = 20,
                    .stage = "test",
                    .skips_uncounted = skips_uncounted};
    check_ok(at_pass_run(&pass, &source, &keep, 1, &err), &err);
    check_ok(at_pass_run(&pass, &source, &along, 1, &err), &err);
    free(tracked);
    attrib_model_close(model);
    attrib_session_free(session);
    return out;
}

/* How far values are off, of the norm of those that are wanted. */
static double distance(const float *got, const float *want, size_t n)
{
    double error = 0;
    double size = 0;
    for (size_t k = 0; k < n; k++) {
        double d = (double)got[k] - (double)want[k];
        error += d * d;
        size += (double)want[k] * (double)want[k];
    }
    return size > 0 ? sqrt(error / size) : sqrt(error);
}

static void test_uncounted__what_is_left_out_is_zero(void **state)
{
    (void)state;
    record *all = run(false, 1);
    record *some = run(true, 1);
    size_t n_left_out = 0;
    for (size_t m = 0; m < N_MAPS; m++) {
        for (size_t row = 0; row < N_ROWS; row++) {
            assert_true(all->is_there[m][row] || !some->is_there[m][row]);
            if (!some->is_there[m][row]) {
                memset(all->a[m][row], 0, sizeof all->a[m][row]);
                n_left_out += all->is_there[m][row];
            }
            for (size_t o = 0; !some->is_there[m][row] && o < WIDEST; o++) {
                assert_true(all->ds[m][row][o] == 0);
            }
        }
        assert_true(distance(some->a[m][0], all->a[m][0], N_ROWS * WIDEST) < TOLERANCE);
        assert_true(distance(some->ds[m][0], all->ds[m][0], N_ROWS * WIDEST) < TOLERANCE);
    }
    assert_true(n_left_out > 0);
    check_close_f64(some->losses, all->losses, N_SEQUENCES, TOLERANCE, 0, "losses");
    check_close_f64(some->slopes, all->slopes, N_SEQUENCES, TOLERANCE, TOLERANCE,
                    "slopes");
    free(all);
    free(some);
}

/* Rows behind the last that counts are in no map, and of a sequence in which nothing
 * counts only one is left. */
static void test_uncounted__rows_end_with_the_last_that_counts(void **state)
{
    static sequences s;
    (void)state;
    make_sequences(&s);
    record *some = run(true, 1);
    size_t n_rows = 0;
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        attrib_sequence sequence;
        size_t n = 1;
        get(&s, i, &sequence);
        for (size_t t = 1; t < sequence.n_tokens; t++) {
            n = sequence.mask[t] ? t : n;
        }
        n_rows += n;
        for (size_t t = n; t < N_TOKENS; t++) {
            assert_false(some->is_there[0][i * N_TOKENS + t]);
        }
        assert_true(some->is_there[0][i * N_TOKENS]);
    }
    assert_int_equal(some->n_rows, 2 * n_rows); /* of two passes */
    free(some);
}

static void test_uncounted__bytes_are_the_same_for_any_threads(void **state)
{
    (void)state;
    record *one = run(true, 1);
    for (size_t n_threads = 2; n_threads <= 5; n_threads++) {
        record *many = run(true, n_threads);
        assert_memory_equal(one, many, sizeof *one);
        free(many);
    }
    free(one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uncounted__what_is_left_out_is_zero),
        cmocka_unit_test(test_uncounted__rows_end_with_the_last_that_counts),
        cmocka_unit_test(test_uncounted__bytes_are_the_same_for_any_threads),
    };
    return run_cases(tests, NULL, NULL);
}
