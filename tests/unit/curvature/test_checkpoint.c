/* SPDX-License-Identifier: MIT */
/* Checkpoints: sums that are kept when a pass is stopped, at any block, and gone on with
 * on other threads, are to the bit those of a pass that never stopped; and what is torn
 * or of something else is not taken for them. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "curvature/fit.h"
#include "curvature/store_files.h"
#include "support/tiny.h"

#define N_DOCUMENTS 200
#define BLOCK_ROWS  64
#define PATH_SIZE   300

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
    attrib_corpus *corpus;
    size_t *tracked, n_tracked, n_blocks;
    attrib_factors *shapes; /* whose store it is */
    at_store *store;
    attrib_session *session; /* of the pass that is canceled */
    size_t n_calls, cancel_at;
} fixture;

static attrib_factors *make_factors(const fixture *f)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    check_ok(at_factors_new(f->model, f->tracked, f->n_tracked, "mlp", &factors, &err),
             &err);
    return factors;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    const char *paths[] = {path};
    size_t *starts = NULL;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_scratch_folder(f->scratch, sizeof f->scratch);
    snprintf(path, sizeof path, "%s/c.jsonl", f->scratch);
    tiny_write_corpus(path, N_DOCUMENTS);
    f->model = tiny_model();
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    check_ok(attrib_model_select(f->model, "mlp", &f->tracked, &f->n_tracked, &err),
             &err);
    at_source source = at_source_corpus(f->corpus);
    check_ok(at_pass_blocks(&source, BLOCK_ROWS, &starts, &f->n_blocks, &err), &err);
    assert_true(f->n_blocks >= 20);
    free(starts);
    f->shapes = make_factors(f);
    at_hash_bytes("", 0, f->shapes->identity);
    snprintf(path, sizeof path, "%s/f", f->scratch);
    check_ok(at_store_open(f->shapes, path, AT_PIECES_COVARIANCE | AT_PIECES_LAMBDA, NULL,
                           &f->store, &err),
             &err);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    at_store_close(f->store);
    attrib_factors_close(f->shapes);
    free(f->tracked);
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

/* The corpus, which cancels the session when it is asked for the cancel_at-th time. */
static void get(const void *context, size_t i, attrib_sequence *out)
{
    fixture *f = *(fixture *const *)context;
    if (__atomic_add_fetch(&f->n_calls, 1, __ATOMIC_SEQ_CST) == f->cancel_at) {
        attrib_session_cancel(f->session);
    }
    attrib_corpus_sequence(f->corpus, i, out);
}

static attrib_status sum(fixture *f,
                         at_fit_stage stage,
                         size_t n_parts,
                         size_t n_threads,
                         double seconds,
                         attrib_factors *factors,
                         attrib_error *err)
{
    attrib_session_options options;
    at_fit_keeper keeper = {
        .store = f->store, .stage = stage, .n_blocks = f->n_blocks, .seconds = seconds};
    attrib_session_options_default(&options);
    options.n_threads = n_threads;
    check_ok(attrib_session_new(&options, &f->session, err), err);
    keeper.session = f->session;
    at_pass pass = {.session = f->session,
                    .model = f->model,
                    .tracked = f->tracked,
                    .n_tracked = f->n_tracked,
                    .labels = AT_LABELS_SAMPLED,
                    .block_rows = BLOCK_ROWS,
                    .n_parts = n_parts};
    at_source source = {.context = &f, .n_sequences = N_DOCUMENTS, .get = get};
    f->n_calls = 0;
    attrib_status status = at_fit_sums(&pass, &source, stage, &keeper, factors, err);
    attrib_session_free(f->session);
    return status;
}

static void check_same(const attrib_factors *a, const attrib_factors *b)
{
    assert_int_equal(a->info.n_tokens, b->info.n_tokens);
    assert_int_equal(a->info.n_sequences, b->info.n_sequences);
    for (size_t m = 0; m < a->info.n_modules; m++) {
        const at_factor *x = &a->factors[m];
        const at_factor *y = &b->factors[m];
        size_t n = x->in_dim * (x->in_dim + 1) / 2;
        if (x->covariance_a) {
            assert_memory_equal(x->covariance_a, y->covariance_a, n * sizeof(double));
            n = x->out_dim * (x->out_dim + 1) / 2;
            assert_memory_equal(x->covariance_s, y->covariance_s, n * sizeof(double));
        } else {
            n = x->in_dim * x->out_dim;
            assert_memory_equal(x->lambda, y->lambda, n * sizeof(double));
        }
    }
}

/* The sums of a pass that is not disturbed; nothing is kept of it. */
static attrib_factors *sum_whole(fixture *f, at_fit_stage stage, size_t n_parts)
{
    attrib_error err = {0};
    attrib_factors *factors = make_factors(f);
    f->cancel_at = SIZE_MAX;
    check_ok(sum(f, stage, n_parts, 2, 0, factors, &err), &err);
    return factors;
}

/* Stop at several places, one after the other, until it ends by itself. */
static void check_stops(fixture *f, at_fit_stage stage, size_t n_parts, size_t step)
{
    attrib_factors *whole = sum_whole(f, stage, n_parts);
    attrib_status status = ATTRIB_ECANCELED;
    size_t n_stops = 0;
    for (; status == ATTRIB_ECANCELED; n_stops++) {
        attrib_error err = {0};
        attrib_factors *factors = make_factors(f);
        assert_true(n_stops < 1000);
        /* Blocks are cut and measured before the pass: twice all, and once to count. */
        f->cancel_at = 2 * N_DOCUMENTS + 1 + step;
        status = sum(f, stage, n_parts, 1 + n_stops % 3, 0, factors, &err);
        if (status == ATTRIB_OK) {
            check_same(factors, whole);
        }
        attrib_factors_close(factors);
    }
    assert_int_equal(status, ATTRIB_OK);
    assert_true(n_stops > 1);
    check_ok(at_store_remove_sums(f->store, NULL), NULL);
    attrib_factors_close(whole);
}

static void test_checkpoint__stopped_at_any_block(void **state)
{
    for (size_t n_parts = 1; n_parts <= 3; n_parts += 2) {
        for (size_t step = 0; step < N_DOCUMENTS / 2; step += 13) {
            check_stops(*state, AT_FIT_COVARIANCE, n_parts, step);
            check_stops(*state, AT_FIT_LAMBDA, n_parts, step);
        }
    }
}

/* Written again and again while the pass goes on, sums are those of their blocks: maps
 * differ in how far they are, as after a kill. */
static void test_checkpoint__written_while_it_goes_on(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *whole = sum_whole(f, AT_FIT_LAMBDA, 3);
    attrib_factors *factors = make_factors(f);
    check_ok(sum(f, AT_FIT_LAMBDA, 3, 3, 1e-9, factors, &err), &err);
    check_same(factors, whole);
    attrib_factors_close(factors);
    /* All is kept: the next one only reads. */
    factors = make_factors(f);
    check_ok(sum(f, AT_FIT_LAMBDA, 3, 1, 0, factors, &err), &err);
    check_same(factors, whole);
    attrib_factors_close(factors);
    attrib_factors_close(whole);
}

/* One map's sums, kept in the store and read again. */
typedef struct kept {
    double total[3], part[3], other[2];
    at_running sums[2];
    at_sums_place place;
} kept;

static void fill(kept *k, double first)
{
    *k = (kept){.place = {AT_FIT_LAMBDA, 1, 4, 9}};
    for (size_t i = 0; i < 3; i++) {
        k->total[i] = first + (double)i;
        k->part[i] = -first - (double)i;
    }
    k->other[1] = first;
    k->sums[0] = (at_running){k->total, k->part, 3};
    k->sums[1] = (at_running){k->other, NULL, 2};
}

static attrib_status read_kept(
    const fixture *f, at_fit_stage stage, size_t i, kept *k, attrib_error *err)
{
    fill(k, 0);
    k->place.stage = stage;
    k->place.i = i;
    *err = (attrib_error){0};
    return at_store_get_sums(f->store, &k->place, k->sums, err);
}

static void test_checkpoint__what_is_kept_is_read(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    kept one;
    kept two;
    fill(&one, 7);
    check_ok(at_store_put_sums(f->store, &one.place, one.sums, false, &err), &err);
    check_ok(read_kept(f, AT_FIT_LAMBDA, 1, &two, &err), &err);
    assert_int_equal(two.place.n_done, 4);
    assert_memory_equal(one.total, two.total, sizeof one.total);
    assert_memory_equal(one.part, two.part, sizeof one.part);
    assert_memory_equal(one.other, two.other, sizeof one.other);
    check_ok(read_kept(f, AT_FIT_LAMBDA, 0, &two, &err), &err);
    assert_int_equal(two.place.n_done, 0);
}

/* Copy a file of sums to where another is looked for. */
static void copy_sums(const fixture *f, const char *from, const char *to, long cut)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    at_buffer bytes = {0};
    FILE *file = NULL;
    snprintf(path, sizeof path, "%s/f.partial/sums/%s.safetensors", f->scratch, from);
    check_ok(at_read_file(path, 1 << 20, &bytes, &err), &err);
    snprintf(path, sizeof path, "%s/f.partial/sums/%s.safetensors", f->scratch, to);
    file = fopen(path, "wb");
    assert_non_null(file);
    if (cut < 0) { /* change a bit of the last number */
        bytes.bytes[bytes.n_bytes - 1] = (char)(bytes.bytes[bytes.n_bytes - 1] ^ 1);
        cut = 0;
    }
    assert_int_equal(fwrite(bytes.bytes, 1, bytes.n_bytes - (size_t)cut, file),
                     bytes.n_bytes - (size_t)cut);
    assert_int_equal(fclose(file), 0);
    at_buffer_free(&bytes);
}

/* Sums take as much disk as the factors, so they go when their maps are in them: at once,
 * or by the next run where this one was killed between the two. */
static void test_checkpoint__whole_maps_keep_no_sums(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    char path[PATH_SIZE];
    kept one;
    kept two;
    fill(&one, 7);
    for (size_t i = 0; i < 3; i++) {
        one.place.i = i;
        check_ok(at_store_put_sums(f->store, &one.place, one.sums, false, &err), &err);
    }
    one.place.i = 1;
    check_ok(at_store_mark(f->store, AT_FIT_LAMBDA, 2, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        check_ok(read_kept(f, AT_FIT_LAMBDA, i, &two, &err), &err);
        assert_int_equal(two.place.n_done, i < 2 ? 0 : 4);
    }
    check_ok(at_store_put_sums(f->store, &one.place, one.sums, false, &err), &err);
    at_store_close(f->store);
    f->store = NULL;
    /* What a kill leaves of files that were being written. */
    copy_sums(f, "lambda-1", "lambda-1.tmp-7", 0);
    snprintf(path, sizeof path, "%s/f.partial/progress.msgpack.tmp-12", f->scratch);
    FILE *file = fopen(path, "wb");
    assert_true(file && fclose(file) == 0);
    snprintf(path, sizeof path, "%s/f", f->scratch);
    check_ok(at_store_open(f->shapes, path, AT_PIECES_COVARIANCE | AT_PIECES_LAMBDA, NULL,
                           &f->store, &err),
             &err);
    check_ok(read_kept(f, AT_FIT_LAMBDA, 1, &two, &err), &err);
    assert_int_equal(two.place.n_done, 0);
    check_ok(read_kept(f, AT_FIT_LAMBDA, 2, &two, &err), &err);
    assert_int_equal(two.place.n_done, 4);
    snprintf(path, sizeof path, "%s/f.partial/progress.msgpack.tmp-12", f->scratch);
    assert_false(at_is_there(path));
    snprintf(path, sizeof path, "%s/f.partial/sums/lambda-1.tmp-7.safetensors",
             f->scratch);
    assert_false(at_is_there(path));
}

/* A process that was killed before it had written how far it is leaves a folder that is
 * nobody else's. */
static void test_checkpoint__killed_at_the_beginning_goes_on(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    at_store *store = NULL;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/g.partial", f->scratch);
    check_ok(at_make_folder(path, &err), &err);
    snprintf(path, sizeof path, "%s/g.partial/progress.msgpack.tmp-12", f->scratch);
    write_file(path, "", 0);
    snprintf(path, sizeof path, "%s/g", f->scratch);
    check_ok(at_store_open(f->shapes, path, AT_PIECES_LAMBDA, NULL, &store, &err), &err);
    at_store_close(store);
    snprintf(path, sizeof path, "%s/g.lock", f->scratch);
    assert_false(at_is_there(path));
}

/* A process that was killed when it had renamed the folder leaves its lock, which the
 * next that wants the same folder removes. */
static void test_checkpoint__killed_at_the_end_leaves_no_lock(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    char path[PATH_SIZE];
    char lock[PATH_SIZE];
    snprintf(path, sizeof path, "%s/g", f->scratch);
    check_ok(at_make_folder(path, &err), &err);
    snprintf(lock, sizeof lock, "%s/g/manifest.msgpack", f->scratch);
    write_file(lock, "x", 1);
    snprintf(lock, sizeof lock, "%s/g.lock", f->scratch);
    write_file(lock, "process 1 on a-host, owner .tmp-0", 10);
    check_fails(attrib_factors_check_folder(path, &err), ATTRIB_EIO, &err);
    check_message(&err, "/g: exists already");
    assert_false(at_is_there(lock));
}

static void check_not_read(const fixture *f,
                           at_fit_stage stage,
                           size_t i,
                           attrib_status status,
                           const char *text)
{
    attrib_error err = {0};
    kept k;
    check_fails(read_kept(f, stage, i, &k, &err), status, &err);
    check_message(&err, text);
}

static void test_checkpoint__what_is_not_it_is_not_read(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    kept one;
    kept two;
    fill(&one, 7);
    check_ok(at_store_put_sums(f->store, &one.place, one.sums, false, &err), &err);
    copy_sums(f, "lambda-1", "lambda-2", 0);
    check_not_read(f, AT_FIT_LAMBDA, 2, ATTRIB_ESHAPE, "map \"");
    copy_sums(f, "lambda-1", "covariance-1", 0);
    check_not_read(f, AT_FIT_COVARIANCE, 1, ATTRIB_ESHAPE, "stage \"lambda\"");
    f->shapes->identity[0] ^= 1;
    check_not_read(f, AT_FIT_LAMBDA, 1, ATTRIB_ESHAPE, "attrib_fit \"");
    f->shapes->identity[0] ^= 1;
    copy_sums(f, "lambda-1", "lambda-1", -1);
    check_not_read(f, AT_FIT_LAMBDA, 1, ATTRIB_EFORMAT, "hash \"");
    copy_sums(f, "lambda-1", "lambda-1", 3);
    check_not_read(f, AT_FIT_LAMBDA, 1, ATTRIB_EFORMAT, "lambda-1.safetensors");
    one.place.n_done = 10; /* of 9 */
    check_ok(at_store_put_sums(f->store, &one.place, one.sums, false, &err), &err);
    check_not_read(f, AT_FIT_LAMBDA, 1, ATTRIB_EFORMAT, "\"10\" blocks of 9");
    fill(&two, 0);
    two.place.n_blocks = 8;
    err = (attrib_error){0};
    check_fails(at_store_get_sums(f->store, &two.place, two.sums, &err), ATTRIB_ESHAPE,
                &err);
    check_message(&err, "of \"9\", expected \"8\"");
}

/* A pass that finds such a file sums its map anew, with the same result. */
static void test_checkpoint__a_torn_file_costs_time_alone(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *whole = sum_whole(f, AT_FIT_LAMBDA, 3);
    attrib_factors *factors = make_factors(f);
    check_ok(sum(f, AT_FIT_LAMBDA, 3, 2, 1e-9, factors, &err), &err);
    attrib_factors_close(factors);
    copy_sums(f, "lambda-0", "lambda-0", -1);
    copy_sums(f, "lambda-1", "lambda-1", 5);
    factors = make_factors(f);
    check_ok(sum(f, AT_FIT_LAMBDA, 3, 2, 0, factors, &err), &err);
    check_same(factors, whole);
    attrib_factors_close(factors);
    attrib_factors_close(whole);
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_checkpoint__stopped_at_any_block),
        with_fixture(test_checkpoint__written_while_it_goes_on),
        with_fixture(test_checkpoint__what_is_kept_is_read),
        with_fixture(test_checkpoint__whole_maps_keep_no_sums),
        with_fixture(test_checkpoint__killed_at_the_beginning_goes_on),
        with_fixture(test_checkpoint__killed_at_the_end_leaves_no_lock),
        with_fixture(test_checkpoint__what_is_not_it_is_not_read),
        with_fixture(test_checkpoint__a_torn_file_costs_time_alone),
    };
    return run_cases(tests, NULL, NULL);
}
