/* SPDX-License-Identifier: MIT */
/* The pass: every sequence once, commits in block order, failures and cancellation stop
 * it. */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "gradient/pass.h"
#include "support/tiny.h"

#define N_SEQUENCES 60

/* Random sequences of 1 to 9 tokens. */
typedef struct sequences {
    int32_t ids[N_SEQUENCES][9];
    uint8_t mask[9];
    size_t n_tokens[N_SEQUENCES];
} sequences;

static void get(const void *context, size_t i, attrib_sequence *out)
{
    const sequences *s = context;
    *out = (attrib_sequence){
        .document = i, .n_tokens = s->n_tokens[i], .ids = s->ids[i], .mask = s->mask};
}

static void make_sequences(sequences *s)
{
    for (size_t t = 0; t < 9; t++) {
        s->mask[t] = t > 0;
    }
    for (size_t i = 0; i < N_SEQUENCES; i++) {
        s->n_tokens[i] = 1 + (size_t)(9 * at_uniform(3, i, 0));
        for (size_t t = 0; t < 9; t++) {
            s->ids[i][t] = (int32_t)(TINY_VOCABULARY * at_uniform(3, i, t + 1));
        }
    }
}

/* Sums everything that a pass hands out, and checks the order in which it does. */
typedef struct recorder {
    size_t n_maps;
    double part[8];            /* [worker] of the map under way */
    double sum[3], total_loss; /* sum[map] grows in block order */
    size_t next_commit[3], next_finish;
    size_t n_seen[N_SEQUENCES]; /* under finish()'s turn */
    size_t fail_at;             /* block that fails; SIZE_MAX: none */
    attrib_session *cancel;     /* canceled at block 2; may be NULL */
} recorder;

static attrib_status sum_map(void *context,
                             size_t i_worker,
                             const at_block *block,
                             size_t i_tracked,
                             const float *a,
                             const float *ds,
                             attrib_error *err)
{
    recorder *r = context;
    double sum = 0;
    size_t in = i_tracked == 2 ? 6 : 4;
    size_t out = i_tracked == 2 ? 4 : 6;
    for (size_t k = 0; k < block->n_rows * in; k++) {
        sum += (double)a[k];
    }
    for (size_t k = 0; k < block->n_rows * out; k++) {
        sum += (double)ds[k];
    }
    r->part[i_worker] = sum;
    if (block->index == r->fail_at) {
        return at_fail(err, ATTRIB_ENUMERIC, "block %zu fails", block->index);
    }
    if (r->cancel && block->index == 2) {
        attrib_session_cancel(r->cancel);
    }
    return ATTRIB_OK;
}

static attrib_status add_map(void *context,
                             size_t i_worker,
                             const at_block *block,
                             size_t i_tracked,
                             attrib_error *err)
{
    recorder *r = context;
    if (block->index != r->next_commit[i_tracked]++) {
        return at_fail(err, ATTRIB_EINVAL, "commit out of order");
    }
    r->sum[i_tracked] += r->part[i_worker];
    return ATTRIB_OK;
}

static attrib_status finish(void *context,
                            size_t i_worker,
                            const at_block *block,
                            const double *losses,
                            attrib_error *err)
{
    recorder *r = context;
    (void)i_worker;
    if (block->index != r->next_finish++) {
        return at_fail(err, ATTRIB_EINVAL, "finish out of order");
    }
    for (size_t s = 0; s < block->batch.n_sequences; s++) {
        r->n_seen[block->first_sequence + s]++;
        r->total_loss += losses[s];
    }
    return ATTRIB_OK;
}

static attrib_status run(recorder *r,
                         size_t n_threads,
                         size_t block_rows,
                         attrib_error *err)
{
    attrib_session *session = NULL;
    attrib_session_options options;
    size_t *tracked = NULL;
    size_t n_tracked = 0;
    sequences s;
    attrib_model *model = tiny_model();
    make_sequences(&s);
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &session, err), err);
    check_ok(attrib_model_select(model, "mlp", &tracked, &n_tracked, err), err);
    assert_int_equal(n_tracked, 3);
    at_pass pass = {session,           model, tracked,    n_tracked,
                    AT_LABELS_SAMPLED, 5,     block_rows, "test"};
    at_source source = {&s, N_SEQUENCES, get};
    at_tap tap = {.context = r, .module = sum_map, .commit = add_map, .finish = finish};
    if (r->cancel) {
        r->cancel = session;
    }
    attrib_status status = at_pass_run(&pass, &source, &tap, err);
    free(tracked);
    attrib_session_free(session);
    attrib_model_close(model);
    return status;
}

static void test_pass__every_sequence_once_in_order(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_error err = {0};
        recorder r = {.fail_at = SIZE_MAX};
        check_ok(run(&r, n_threads, 12, &err), &err);
        for (size_t i = 0; i < N_SEQUENCES; i++) {
            assert_int_equal(r.n_seen[i], 1);
        }
        assert_true(r.total_loss > 0);
    }
}

static void test_pass__same_bytes_for_any_number_of_threads(void **state)
{
    (void)state;
    attrib_error err = {0};
    recorder one = {.fail_at = SIZE_MAX};
    check_ok(run(&one, 1, 12, &err), &err);
    for (size_t n_threads = 2; n_threads <= 5; n_threads++) {
        recorder many = {.fail_at = SIZE_MAX};
        check_ok(run(&many, n_threads, 12, &err), &err);
        assert_memory_equal(one.sum, many.sum, sizeof one.sum);
        assert_memory_equal(&one.total_loss, &many.total_loss, sizeof one.total_loss);
    }
}

/* Drawn labels belong to (seed, document, position), so that blocks change rounding only:
 * at most a few hundred f32 values of size 10 in each sum. */
static void test_pass__blocks_change_rounding_only(void **state)
{
    (void)state;
    attrib_error err = {0};
    recorder small = {.fail_at = SIZE_MAX};
    recorder large = {.fail_at = SIZE_MAX};
    check_ok(run(&small, 2, 1, &err), &err);
    check_ok(run(&large, 2, 1000, &err), &err);
    assert_int_equal(small.next_finish, N_SEQUENCES);
    assert_int_equal(large.next_finish, 1);
    check_close_f64(small.sum, large.sum, 3, 0, 1e-3, "sums of maps");
    check_close_f64(&small.total_loss, &large.total_loss, 1, 1e-6, 0, "loss");
}

static void test_pass__a_failure_stops_everyone(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_error err = {0};
        recorder r = {.fail_at = 3};
        check_fails(run(&r, n_threads, 12, &err), ATTRIB_ENUMERIC, &err);
        check_message(&err, "block 3 fails");
        assert_true(r.next_finish <= 3);
    }
}

static void test_pass__cancellation_stops_everyone(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_error err = {0};
        attrib_session *placeholder = NULL;
        check_ok(attrib_session_new(NULL, &placeholder, &err), &err);
        recorder r = {.fail_at = SIZE_MAX, .cancel = placeholder};
        check_fails(run(&r, n_threads, 12, &err), ATTRIB_ECANCELED, &err);
        attrib_session_free(placeholder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass__every_sequence_once_in_order),
        cmocka_unit_test(test_pass__same_bytes_for_any_number_of_threads),
        cmocka_unit_test(test_pass__blocks_change_rounding_only),
        cmocka_unit_test(test_pass__a_failure_stops_everyone),
        cmocka_unit_test(test_pass__cancellation_stops_everyone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
