/* SPDX-License-Identifier: MIT */
/* The pass: every sequence once, commits in block order, failures and cancellation stop
 * it. */
#include "support/check.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

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
    double sum[3], total_loss; /* sum[map] grows in block order */
    size_t next_commit[3], next_finish;
    size_t n_parts, n_ends[3], ends[3][N_SEQUENCES]; /* blocks when parts were over */
    struct recorder *second;    /* of a second tap in the same pass; may be NULL */
    size_t n_seen[N_SEQUENCES]; /* under finish()'s turn */
    size_t fail_at;             /* block that fails; SIZE_MAX: none */
    attrib_session *cancel;     /* canceled at block 2; may be NULL */
    const at_resume *resume;    /* of the pass; may be NULL */
} recorder;

/* A worker's scratch: the sum of the map under way, and one number for each row. */
typedef struct scratch {
    double sum;
    double *rows;
} scratch;

static attrib_status deal(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    scratch made = {0};
    scratch *s = NULL;
    (void)context;
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *s, &s, err));
    AT_TRY(attrib_bank_deal(bank, most->n_rows, 1, sizeof(double), &made.rows, err));
    if (s) {
        *s = made;
    }
    *out = s;
done:
    return status;
}

/* As many numbers as a map has outputs in this block. */
static attrib_status count_desk(const void *context,
                                size_t i_tracked,
                                const attrib_block_size *size,
                                attrib_bank *bank,
                                attrib_error *err)
{
    double *copy = NULL;
    (void)context;
    return attrib_bank_deal(bank, size->n_rows, i_tracked == 2 ? 4 : 6, sizeof *copy,
                            &copy, err);
}

static attrib_status sum_map(void *context,
                             void *own,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    recorder *r = context;
    scratch *s = own;
    const attrib_block *block = visit->block;
    attrib_bank desk = visit->desk;
    double *copy = NULL;
    double sum = 0;
    size_t in = visit->i_tracked == 2 ? 6 : 4;
    size_t out = visit->i_tracked == 2 ? 4 : 6;
    assert_int_equal(visit->module->in_dim, in);
    assert_int_equal(visit->module->out_dim, out);
    assert_int_equal(
        attrib_bank_deal(&desk, block->n_rows, out, sizeof *copy, &copy, err), ATTRIB_OK);
    for (size_t k = 0; k < block->n_rows * in; k++) {
        sum += (double)visit->a[k];
    }
    for (size_t k = 0; k < block->n_rows * out; k++) {
        copy[k] = (double)visit->ds[k]; /* ends past the bank where the desk is short */
        sum += copy[k];
    }
    s->rows[block->n_rows - 1] = sum;
    s->sum = sum;
    if (block->index == r->fail_at) {
        return at_fail(err, ATTRIB_ENUMERIC, "block %zu fails", block->index);
    }
    if (r->cancel && block->index == 2) {
        attrib_session_cancel(r->cancel);
    }
    return ATTRIB_OK;
}

static attrib_status add_map(void *context,
                             void *own,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    recorder *r = context;
    const scratch *s = own;
    if (visit->block->index != r->next_commit[visit->i_tracked]++) {
        return at_fail(err, ATTRIB_EINVAL, "commit out of order");
    }
    r->sum[visit->i_tracked] += s->sum;
    return ATTRIB_OK;
}

/* Parts end in order, each after its last block. */
static attrib_status end_part(void *context, size_t i_tracked, attrib_error *err)
{
    recorder *r = context;
    (void)err;
    r->ends[i_tracked][r->n_ends[i_tracked]++] = r->next_commit[i_tracked];
    return ATTRIB_OK;
}

static attrib_status finish(void *context,
                            void *own,
                            const attrib_block *block,
                            attrib_error *err)
{
    recorder *r = context;
    (void)own;
    if (block->index != r->next_finish++) {
        return at_fail(err, ATTRIB_EINVAL, "finish out of order");
    }
    for (size_t s = 0; s < block->n_sequences; s++) {
        r->n_seen[block->first_sequence + s]++;
        r->total_loss += block->losses[s];
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
    at_pass pass = {.session = session,
                    .model = model,
                    .tracked = tracked,
                    .n_tracked = n_tracked,
                    .labels = AT_LABELS_SAMPLED,
                    .seed = 5,
                    .block_rows = block_rows,
                    .stage = "test",
                    .n_parts = r->n_parts,
                    .resume = r->resume};
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    attrib_tap taps[2];
    for (size_t k = 0; k < 2; k++) {
        taps[k] = (attrib_tap){.name = k ? "second" : "first",
                               .context = k ? r->second : r,
                               .deal = deal,
                               .desk = count_desk,
                               .module = sum_map,
                               .commit = add_map,
                               .merge = end_part,
                               .finish = finish};
    }
    if (r->cancel) {
        r->cancel = session;
    }
    attrib_status status = at_pass_run(&pass, &source, taps, r->second ? 2 : 1, err);
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

/* Two taps of one pass see what each would see alone. */
static void test_pass__taps_do_not_disturb_each_other(void **state)
{
    (void)state;
    for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
        attrib_error err = {0};
        recorder alone = {.fail_at = SIZE_MAX};
        recorder second = {.fail_at = SIZE_MAX};
        recorder first = {.fail_at = SIZE_MAX, .second = &second};
        check_ok(run(&alone, n_threads, 12, &err), &err);
        check_ok(run(&first, n_threads, 12, &err), &err);
        assert_memory_equal(alone.sum, first.sum, sizeof alone.sum);
        assert_memory_equal(alone.sum, second.sum, sizeof alone.sum);
        assert_true(alone.total_loss == second.total_loss);
    }
}

/* Parts are whole blocks, as even as may be: floor(p n / P). */
static void test_pass__parts_end_after_their_last_block(void **state)
{
    (void)state;
    for (size_t n_parts = 1; n_parts <= 5; n_parts++) {
        attrib_error err = {0};
        recorder r = {.fail_at = SIZE_MAX, .n_parts = n_parts};
        check_ok(run(&r, 3, 12, &err), &err);
        for (size_t m = 0; m < 3; m++) {
            assert_int_equal(r.n_ends[m], n_parts);
            for (size_t p = 0; p < n_parts; p++) {
                assert_int_equal(r.ends[m][p], (p + 1) * r.next_finish / n_parts);
            }
        }
    }
}

/* A pass that fails at any block, and goes on, commits every block of every map once. */
static void test_pass__goes_on_where_it_was(void **state)
{
    (void)state;
    attrib_error err = {0};
    recorder whole = {.fail_at = SIZE_MAX, .n_parts = 3};
    check_ok(run(&whole, 2, 12, &err), &err);
    for (size_t fail_at = 0; fail_at < whole.next_finish; fail_at++) {
        for (size_t n_threads = 1; n_threads <= 3; n_threads++) {
            size_t done[3] = {0};
            const at_resume resume = {.done = done};
            recorder r = {.fail_at = fail_at, .n_parts = 3, .resume = &resume};
            err = (attrib_error){0};
            check_fails(run(&r, n_threads, 12, &err), ATTRIB_ENUMERIC, &err);
            err = (attrib_error){0};
            r.fail_at = SIZE_MAX;
            r.next_finish = SIZE_MAX;
            for (size_t m = 0; m < 3; m++) {
                assert_int_equal(done[m], r.next_commit[m]);
                r.next_finish = done[m] < r.next_finish ? done[m] : r.next_finish;
            }
            assert_true(r.next_finish <= fail_at);
            check_ok(run(&r, 4 - n_threads, 12, &err), &err);
            assert_memory_equal(r.sum, whole.sum, sizeof r.sum);
            assert_memory_equal(r.ends, whole.ends, sizeof r.ends);
            assert_int_equal(r.next_finish, whole.next_finish);
            check_ok(run(&r, 1, 12, &err), &err); /* nothing is left to do */
            assert_memory_equal(r.sum, whole.sum, sizeof r.sum);
        }
    }
}

/* Taps of both modes cannot share a pass. */
static void test_pass__modes_do_not_mix(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = tiny_model();
    size_t *tracked = NULL;
    size_t n = 0;
    sequences s;
    make_sequences(&s);
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    at_pass pass = {.model = model,
                    .tracked = tracked,
                    .n_tracked = n,
                    .labels = AT_LABELS_DATA,
                    .block_rows = 12,
                    .stage = "test"};
    at_source source = {.context = &s, .n_sequences = N_SEQUENCES, .get = get};
    const attrib_tap taps[2] = {{.name = "one"}, {.name = "other", .is_forward = true}};
    check_fails(at_pass_run(&pass, &source, taps, 2, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "taps one and other in one pass");
    const attrib_tap deep[2] = {{.name = "one"},
                                {.name = "other", .reaches_input = true}};
    err = (attrib_error){0};
    check_fails(at_pass_run(&pass, &source, deep, 2, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "one reaches the input");
    free(tracked);
    attrib_model_close(model);
}

/* Drawn labels belong to (seed, document, position), so that blocks change rounding only.
 * Sums of maps have at most 300 f32 values of size 10: 300 x 10 x 2^-24 = 1.8e-4. A loss
 * comes from logits that are f32 sums of up to 16 terms: 16 x 2^-24 = 1e-6 of it. */
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
    check_close_f64(small.sum, large.sum, 3, 0, 1.8e-4, "sums of maps");
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

/* In a process that was forked OpenBLAS divides products among its own threads again. */
static void test_pass__products_run_on_the_calling_thread_after_a_fork(void **state)
{
    (void)state;
    not_under_tsan();
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        attrib_error err = {0};
        recorder r = {.fail_at = SIZE_MAX};
        openblas_set_num_threads(2);
        bool is_single =
            run(&r, 1, 12, &err) == ATTRIB_OK && openblas_get_num_threads() == 1;
        _exit(is_single ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass__every_sequence_once_in_order),
        cmocka_unit_test(test_pass__same_bytes_for_any_number_of_threads),
        cmocka_unit_test(test_pass__taps_do_not_disturb_each_other),
        cmocka_unit_test(test_pass__parts_end_after_their_last_block),
        cmocka_unit_test(test_pass__goes_on_where_it_was),
        cmocka_unit_test(test_pass__modes_do_not_mix),
        cmocka_unit_test(test_pass__blocks_change_rounding_only),
        cmocka_unit_test(test_pass__a_failure_stops_everyone),
        cmocka_unit_test(test_pass__cancellation_stops_everyone),
        cmocka_unit_test(test_pass__products_run_on_the_calling_thread_after_a_fork),
    };
    return run_cases(tests, NULL, NULL);
}
