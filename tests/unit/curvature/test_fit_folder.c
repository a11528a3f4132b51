/* SPDX-License-Identifier: MIT */
/* Fits into folders: whatever the stages, shares, threads, memory and stops on the way,
 * the same factors come out. */
#include "support/check.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib.h"
#include "base/random.h"
#include "curvature/fit.h"
#include "curvature/folder.h"
#include "support/tiny.h"

#define N_DOCUMENTS 300
#define PATH_SIZE   300

typedef struct fixture {
    char scratch[200];
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

/* Documents of 2 to TINY_CONTEXT ids: some ten blocks of the pass. */
static attrib_corpus *write_corpus(const char *folder, attrib_session *session)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/c.jsonl", folder);
    tiny_write_corpus(path, N_DOCUMENTS);
    const char *paths[] = {path};
    check_ok(attrib_corpus_open(session, paths, 1, NULL, NULL, &corpus, &err), &err);
    return corpus;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    attrib_session_options options;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_scratch_folder(f->scratch, sizeof f->scratch);
    attrib_session_options_default(&options);
    options.n_threads = 2;
    check_ok(attrib_session_new(&options, &f->session, &err), &err);
    f->model = tiny_model();
    f->corpus = write_corpus(f->scratch, f->session);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

static const char *in_scratch(const fixture *f, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", f->scratch, name);
    return path;
}

static void fit(const fixture *f, const attrib_fit_options *options, const char *name)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    check_ok(attrib_factors_fit_folder(f->session, f->model, f->corpus, options,
                                       in_scratch(f, name, path), "test", &err),
             &err);
}

/* Merge the folders PREFIX0, PREFIX1, ... of n shares. */
static void merge_shares(const fixture *f, const char *prefix, size_t n, const char *name)
{
    attrib_error err = {0};
    char paths[8][PATH_SIZE];
    const char *folders[8];
    char path[PATH_SIZE];
    for (size_t i = 0; i < n; i++) {
        char one[32];
        snprintf(one, sizeof one, "%s%zu", prefix, i);
        folders[i] = in_scratch(f, one, paths[i]);
    }
    check_ok(attrib_factors_merge(f->session, folders, n, NULL, in_scratch(f, name, path),
                                  "test", &err),
             &err);
}

static at_folder *open_folder(const fixture *f, const char *name)
{
    attrib_error err = {0};
    at_folder *folder = NULL;
    char path[PATH_SIZE];
    check_ok(at_folder_open(in_scratch(f, name, path), f->model, ~0U, &folder, &err),
             &err);
    return folder;
}

/* Every piece that both folders have is the same to rtol of its largest entry, and counts
 * and maps are the same. */
static void check_same(const fixture *f, const char *left, const char *right, double rtol)
{
    attrib_error err = {0};
    at_folder *a = open_folder(f, left);
    at_folder *b = open_folder(f, right);
    size_t n_compared = 0;
    assert_int_equal(a->factors->info.n_tokens, b->factors->info.n_tokens);
    if (at_folder_has(a, AT_PIECES_LAMBDA) && at_folder_has(b, AT_PIECES_LAMBDA)) {
        assert_int_equal(a->factors->info.n_sequences, b->factors->info.n_sequences);
    }
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        for (size_t i = 0;
             a->pieces[piece] && b->pieces[piece] && i < a->factors->info.n_modules;
             i++) {
            const char *name = a->factors->factors[i].name;
            const at_tensor *x = at_tensors_find(a->pieces[piece], name);
            const at_tensor *y = at_tensors_find(b->pieces[piece], name);
            assert_true(x && y && x->n_elements == y->n_elements);
            double *got = calloc(x->n_elements, sizeof *got);
            double *want = calloc(x->n_elements, sizeof *want);
            double largest = 0;
            assert_true(got && want);
            check_ok(at_tensor_to_f64(x, 0, x->n_elements, got, &err), &err);
            check_ok(at_tensor_to_f64(y, 0, y->n_elements, want, &err), &err);
            for (size_t k = 0; k < x->n_elements; k++) {
                largest = fmax(largest, fabs(want[k]));
            }
            check_close_f64(got, want, x->n_elements, 0, rtol * largest,
                            at_factor_files[piece].name);
            n_compared++;
            free(got);
            free(want);
        }
    }
    assert_true(n_compared > 0);
    at_folder_close(a);
    at_folder_close(b);
}

/* 1. The same as a fit in memory */

static void check_memory_and_folder(const fixture *f, const attrib_fit_options *options)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    char path[PATH_SIZE];
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, options, &factors, &err),
             &err);
    check_ok(attrib_factors_write(factors, in_scratch(f, "memory", path), "test", &err),
             &err);
    fit(f, options, "folder");
    check_same(f, "memory", "folder", 0);
    attrib_factors_close(factors);
}

static void test_fit_folder__is_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    check_memory_and_folder(*state, &options);
}

static void test_fit_folder__blocks_are_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.n_blocks = 3;
    check_memory_and_folder(*state, &options);
}

static void test_fit_folder__diagonal_is_as_in_memory(void **state)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    check_memory_and_folder(*state, &options);
}

/* What is opened for scoring is what was fitted, to the bit, in blocks too. */
static void test_fit_folder__is_opened_to_the_bit(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *fitted = NULL;
    attrib_factors *opened = NULL;
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.n_blocks = 3;
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, &options, &fitted, &err),
             &err);
    fit(f, &options, "folder");
    check_ok(attrib_factors_open(in_scratch(f, "folder", path), f->model, &opened, &err),
             &err);
    assert_int_equal(attrib_factors_describe(opened)->n_blocks, 3);
    for (size_t m = 0; m < fitted->info.n_modules; m++) {
        const at_factor *a = &fitted->factors[m];
        at_factor loaded = {0};
        const at_factor *b = &loaded;
        size_t n = 0;
        check_ok(
            at_factor_load(opened, m, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &loaded, &err),
            &err);
        check_ok(at_basis_size(a->in_dim, 3, &n, &err), &err);
        assert_memory_equal(a->basis_a.vectors, b->basis_a.vectors, n * sizeof(float));
        check_ok(at_basis_size(a->out_dim, 3, &n, &err), &err);
        assert_memory_equal(a->basis_s.vectors, b->basis_s.vectors, n * sizeof(float));
        assert_memory_equal(a->values_a, b->values_a, a->in_dim * sizeof(double));
        assert_memory_equal(a->lambda, b->lambda,
                            a->in_dim * a->out_dim * sizeof(double));
        at_factor_unload(opened, &loaded);
    }
    attrib_factors_close(fitted);
    attrib_factors_close(opened);
}

/* 2. Merging */

/* Fit shares in two rounds as on many machines: "whole", of as many parts, to the bit. */
static void check_merged(const fixture *f, attrib_fit_options options, size_t n)
{
    char basis[PATH_SIZE];
    options.n_shards = n;
    for (size_t i = 0; i < n; i++) {
        char name[32];
        options.i_shard = i;
        options.stages = ATTRIB_FIT_COVARIANCE;
        snprintf(name, sizeof name, "c%zu", i);
        fit(f, &options, name);
    }
    merge_shares(f, "c", n, "basis");
    check_same(f, "basis", "whole", 0);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        options.i_shard = i;
        options.stages = ATTRIB_FIT_LAMBDA;
        options.basis = in_scratch(f, "basis", basis);
        snprintf(name, sizeof name, "l%zu", i);
        fit(f, &options, name);
    }
    merge_shares(f, "l", n, "merged");
    check_same(f, "merged", "whole", 0);
}

static void test_fit_folder__shares_merge_to_the_whole(void **state)
{
    const fixture *f = *state;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    for (size_t n = 1; n <= 3; n++) {
        char path[PATH_SIZE];
        options.n_parts = n;
        fit(f, &options, "whole");
        check_merged(f, options, n);
        remove_folder(in_scratch(f, "whole", path));
        remove_folder(in_scratch(f, "basis", path));
        remove_folder(in_scratch(f, "merged", path));
        for (size_t i = 0; i < n; i++) {
            char name[32];
            snprintf(name, sizeof name, "c%zu", i);
            remove_folder(in_scratch(f, name, path));
            snprintf(name, sizeof name, "l%zu", i);
            remove_folder(in_scratch(f, name, path));
        }
    }
}

static void test_fit_folder__shares_in_blocks_merge(void **state)
{
    const fixture *f = *state;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.n_blocks = 3;
    options.fisher = ATTRIB_FISHER_EMPIRICAL;
    options.n_parts = 2;
    fit(f, &options, "whole");
    check_merged(f, options, 2);
}

static void test_fit_folder__diagonal_shares_merge(void **state)
{
    const fixture *f = *state;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    options.n_parts = 2;
    fit(f, &options, "whole");
    options.n_shards = 2;
    fit(f, &options, "d0");
    options.i_shard = 1;
    fit(f, &options, "d1");
    merge_shares(f, "d", 2, "merged");
    check_same(f, "merged", "whole", 0);
}

/* Merge folders of one letter each. */
static attrib_status merge(const fixture *f,
                           const char *letters,
                           bool is_partial,
                           const char *name,
                           attrib_error *err)
{
    char paths[8][PATH_SIZE];
    const char *folders[8];
    char path[PATH_SIZE];
    size_t n = strlen(letters);
    attrib_merge_options options = {.is_partial = is_partial};
    for (size_t i = 0; i < n; i++) {
        char one[2] = {letters[i], '\0'};
        folders[i] = in_scratch(f, one, paths[i]);
    }
    return attrib_factors_merge(f->session, folders, n, &options,
                                in_scratch(f, name, path), "test", err);
}

/* Diagonal Lambda of the three parts "a", "b", "c" of the corpus, and of all as "w". */
static void fit_three_parts(const fixture *f)
{
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    options.n_parts = 3;
    fit(f, &options, "w");
    options.n_shards = 3;
    for (options.i_shard = 0; options.i_shard < 3; options.i_shard++) {
        char name[2] = {(char)('a' + options.i_shard), '\0'};
        fit(f, &options, name);
    }
}

/* Whether the bytes of two files of folders are the same. */
static bool same_file(const fixture *f, const char *left, const char *right)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    at_buffer a = {0};
    at_buffer b = {0};
    check_ok(at_read_file(in_scratch(f, left, path), 1 << 20, &a, &err), &err);
    check_ok(at_read_file(in_scratch(f, right, path), 1 << 20, &b, &err), &err);
    bool is_same = a.n_bytes == b.n_bytes && memcmp(a.bytes, b.bytes, a.n_bytes) == 0;
    at_buffer_free(&a);
    at_buffer_free(&b);
    return is_same;
}

/* Sums in f64 depend on the order, so parts are another fit than none; and any order of
 * folders is that of the parts, manifests and all. */
static void test_fit_folder__parts_are_added_in_their_order(void **state)
{
    static const char *const orders[] = {"abc", "cab", "bca", "cba"};
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    fit_three_parts(f);
    fit(f, &options, "one");
    assert_false(
        same_file(f, "one/lambda_matrix.safetensors", "w/lambda_matrix.safetensors"));
    for (size_t i = 0; i < sizeof orders / sizeof *orders; i++) {
        check_ok(merge(f, orders[i], false, "m", &err), &err);
        assert_true(
            same_file(f, "m/lambda_matrix.safetensors", "w/lambda_matrix.safetensors"));
        assert_true(same_file(f, "m/manifest.msgpack", "w/manifest.msgpack"));
        remove_folder(in_scratch(f, "m", path));
    }
}

/* What is missing is named; the first parts go on to the bytes of all. */
static void test_fit_folder__missing_parts_are_named(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char path[PATH_SIZE];
    fit_three_parts(f);
    check_fails(merge(f, "ca", false, "m", &err), ATTRIB_EINVAL, &err);
    check_message(&err, "missing of its 3 parts: 2 (");
    err = (attrib_error){0};
    check_fails(merge(f, "a", false, "m", &err), ATTRIB_EINVAL, &err);
    check_message(&err, "missing of its 3 parts: 2 to 3 (");
    err = (attrib_error){0};
    check_fails(merge(f, "b", false, "m", &err), ATTRIB_EINVAL, &err);
    check_message(&err, "missing of its 3 parts: 1, 3 (");
    /* Labels of another seed are another fit's. */
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    options.n_shards = 3;
    options.i_shard = 1;
    options.seed = 1;
    fit(f, &options, "s");
    err = (attrib_error){0};
    check_fails(merge(f, "asc", false, "m", &err), ATTRIB_EINVAL, &err);
    check_message(&err, "seed 0: missing of its 3 parts: 2 (");
    err = (attrib_error){0};
    check_ok(merge(f, "ba", true, "x", &err), &err);
    check_ok(merge(f, "cx", false, "m", &err), &err);
    assert_true(same_file(f, "m/manifest.msgpack", "w/manifest.msgpack"));
    check_same(f, "m", "w", 0);
    remove_folder(in_scratch(f, "x", path));
    check_ok(merge(f, "ca", true, "x", &err), &err);
    check_ok(merge(f, "bx", false, "n", &err), &err);
    /* Additions of at most 300 positive terms in another order. */
    check_same(f, "n", "w", 300 * DBL_EPSILON);
    assert_false(same_file(f, "n/manifest.msgpack", "w/manifest.msgpack"));
    /* The last two parts are one sum, which the first is added to. */
    remove_folder(in_scratch(f, "n", path));
    remove_folder(in_scratch(f, "x", path));
    check_ok(merge(f, "cb", true, "x", &err), &err);
    check_ok(merge(f, "ax", false, "n", &err), &err);
    check_same(f, "n", "w", 300 * DBL_EPSILON);
    assert_false(same_file(f, "n/manifest.msgpack", "w/manifest.msgpack"));
}

/* The sum of a corpus is whole before it is added to that of another one. */
static void test_fit_folder__corpora_are_added_whole(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_corpus *first = f->corpus;
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.strategy = ATTRIB_DIAGONAL;
    fit_three_parts(f);
    tiny_write_corpus(in_scratch(f, "other.jsonl", path), 40);
    const char *paths[] = {path};
    f->corpus = NULL;
    check_ok(attrib_corpus_open(f->session, paths, 1, NULL, NULL, &f->corpus, &err),
             &err);
    fit(f, &options, "o");
    attrib_corpus_close(f->corpus);
    f->corpus = first;
    check_ok(merge(f, "ow", false, "m", &err), &err);
    check_ok(merge(f, "ocab", false, "n", &err), &err);
    assert_true(same_file(f, "m/manifest.msgpack", "n/manifest.msgpack"));
    check_same(f, "m", "n", 0);
    check_ok(merge(f, "bcoa", false, "p", &err), &err);
    check_ok(merge(f, "wo", false, "q", &err), &err);
    assert_true(same_file(f, "p/manifest.msgpack", "q/manifest.msgpack"));
    check_same(f, "p", "q", 0);
}

static void check_not_merged(const fixture *f,
                             const char *left,
                             const char *right,
                             const char *message)
{
    attrib_error err = {0};
    char a[PATH_SIZE];
    char b[PATH_SIZE];
    char c[PATH_SIZE];
    const char *folders[] = {in_scratch(f, left, a), in_scratch(f, right, b)};
    check_fails(attrib_factors_merge(f->session, folders, 2, NULL,
                                     in_scratch(f, "none", c), NULL, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, message);
}

static void test_fit_folder__what_does_not_go_together_is_not_merged(void **state)
{
    const fixture *f = *state;
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.n_shards = 2;
    fit(f, &options, "first");
    options.i_shard = 1;
    fit(f, &options, "second");
    options.n_blocks = 2;
    fit(f, &options, "blocks");
    options.n_blocks = 1;
    options.fisher = ATTRIB_FISHER_EMPIRICAL;
    fit(f, &options, "empirical");
    options.fisher = ATTRIB_FISHER_SAMPLED;
    options.modules = "*.up_proj";
    fit(f, &options, "up");
    options.i_shard = 0;
    options.modules = "*.gate_proj";
    fit(f, &options, "gate");
    options.i_shard = 1;
    options.modules = "mlp";
    options.n_shards = 3;
    options.stages = ATTRIB_FIT_COVARIANCE;
    fit(f, &options, "overlapping");
    check_not_merged(f, "first", "second", "another eigenbasis");
    check_not_merged(f, "first", "first", "summed already");
    check_not_merged(f, "first", "overlapping", "summed already");
    check_not_merged(f, "first", "blocks", "in 2 blocks");
    check_not_merged(f, "first", "empirical", "other labels");
    check_not_merged(f, "first", "up", "1 maps");
    check_not_merged(f, "gate", "up", "up_proj [6, 4]");
}

/* 3. Stopping */

/* Cancels as soon as a stage reports, at its end at the latest, and remembers which
 * stages ran. */
typedef struct stopper {
    attrib_session *session;
    const char *stop_at; /* "": before it begins */
    bool has_covariance, has_basis, has_lambda;
} stopper;

static void watch(void *context, const attrib_progress *progress)
{
    stopper *s = context;
    s->has_covariance |= strcmp(progress->stage, "covariance") == 0;
    s->has_basis |= strcmp(progress->stage, "eigenbasis") == 0;
    s->has_lambda |= strcmp(progress->stage, "lambda") == 0;
    if (s->stop_at && strcmp(progress->stage, s->stop_at) == 0) {
        attrib_session_cancel(s->session);
    }
}

static attrib_status fit_watched(const fixture *f, stopper *s, const char *name)
{
    attrib_error err = {0};
    attrib_session_options options;
    char path[PATH_SIZE];
    attrib_session_options_default(&options);
    options.n_threads = 2;
    options.progress = watch;
    options.progress_context = s;
    check_ok(attrib_session_new(&options, &s->session, &err), &err);
    if (s->stop_at && !s->stop_at[0]) {
        attrib_session_cancel(s->session);
    }
    attrib_status status = attrib_factors_fit_folder(
        s->session, f->model, f->corpus, NULL, in_scratch(f, name, path), "test", &err);
    attrib_session_free(s->session);
    return status;
}

static void test_fit_folder__goes_on_where_it_was_stopped(void **state)
{
    const fixture *f = *state;
    stopper first = {.stop_at = "eigenbasis"};
    stopper second = {0};
    char path[PATH_SIZE];
    struct stat info;
    fit(f, NULL, "whole");
    assert_int_equal(fit_watched(f, &first, "stopped"), ATTRIB_ECANCELED);
    assert_true(first.has_covariance && !first.has_lambda);
    assert_int_equal(stat(in_scratch(f, "stopped.partial", path), &info), 0);
    assert_int_equal(fit_watched(f, &second, "stopped"), ATTRIB_OK);
    assert_true(!second.has_covariance && !second.has_basis && second.has_lambda);
    check_same(f, "stopped", "whole", 0);
    assert_int_not_equal(stat(path, &info), 0);
}

/* The sums of a stage that was stopped half-way are kept too. */
static void test_fit_folder__goes_on_within_a_stage(void **state)
{
    const fixture *f = *state;
    stopper first = {.stop_at = "covariance"};
    char path[PATH_SIZE];
    struct stat info;
    fit(f, NULL, "whole");
    assert_int_equal(fit_watched(f, &first, "stopped"), ATTRIB_ECANCELED);
    assert_int_equal(stat(in_scratch(f, "stopped.partial/sums", path), &info), 0);
    assert_int_equal(fit_watched(f, &(stopper){0}, "stopped"), ATTRIB_OK);
    check_same(f, "stopped", "whole", 0);
    assert_int_not_equal(stat(in_scratch(f, "stopped/sums", path), &info), 0);
}

static void test_fit_folder__what_has_done_nothing_leaves_nothing(void **state)
{
    const fixture *f = *state;
    stopper s = {.stop_at = ""};
    char path[PATH_SIZE];
    struct stat info;
    assert_int_equal(fit_watched(f, &s, "stopped"), ATTRIB_ECANCELED);
    assert_int_not_equal(stat(in_scratch(f, "stopped.partial", path), &info), 0);
}

static void test_fit_folder__another_fits_rest_is_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    stopper s = {.stop_at = "eigenbasis"};
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.seed = 1;
    assert_int_equal(fit_watched(f, &s, "stopped"), ATTRIB_ECANCELED);
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, &options,
                                          in_scratch(f, "stopped", path), NULL, &err),
                ATTRIB_EIO, &err);
    check_message(&err, "other inputs or options");
    err = (attrib_error){0};
    options.seed = 0;
    options.n_parts = 3;
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, &options,
                                          in_scratch(f, "stopped", path), NULL, &err),
                ATTRIB_EIO, &err);
    check_message(&err, "other inputs or options");
    assert_int_equal(fit_watched(f, &(stopper){0}, "stopped"), ATTRIB_OK);
}

/* 4. What is refused */

static void check_refused(const fixture *f,
                          const attrib_fit_options *options,
                          attrib_status expected,
                          const char *message)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, options,
                                          in_scratch(f, "none", path), NULL, &err),
                expected, &err);
    check_message(&err, message);
}

static void test_fit_folder__options_that_do_not_fit_are_refused(void **state)
{
    const fixture *f = *state;
    attrib_fit_options standard;
    attrib_fit_options options;
    attrib_fit_options_default(&standard);
    options = standard;
    options.n_blocks = 5;
    check_refused(f, &options, ATTRIB_EINVAL, "5 blocks of 4 coordinates");
    options = standard;
    options.n_shards = 1000;
    check_refused(f, &options, ATTRIB_EINVAL, "1000 shards");
    options.n_shards = 3;
    options.i_shard = 3;
    check_refused(f, &options, ATTRIB_EINVAL, "\"4/3\" is not I/N");
    options = standard;
    options.n_shards = 3;
    options.n_parts = 2;
    check_refused(f, &options, ATTRIB_EINVAL, "2 parts and 3 shards");
    options = standard;
    options.n_parts = 1000;
    check_refused(f, &options, ATTRIB_EINVAL, "1000 parts");
    options = standard;
    options.stages = ATTRIB_FIT_LAMBDA;
    check_refused(f, &options, ATTRIB_EINVAL, "basis");
    options = standard;
    options.ram_limit = 1 << 20;
    check_refused(f, &options, ATTRIB_ERANGE, "a limit of 1 MiB of memory, fitting with");
    options = standard;
    options.strategy = ATTRIB_DIAGONAL;
    options.n_blocks = 2;
    check_refused(f, &options, ATTRIB_EINVAL, "diagonal");
}

static void test_fit_folder__covariances_alone_score_nothing(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    options.stages = ATTRIB_FIT_COVARIANCE;
    fit(f, &options, "covariances");
    check_fails(
        attrib_factors_open(in_scratch(f, "covariances", path), f->model, &factors, &err),
        ATTRIB_EINVAL, &err);
    check_message(&err, "without eigenvectors");
}

#define with_fixture(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_fit_folder__is_as_in_memory),
        with_fixture(test_fit_folder__blocks_are_as_in_memory),
        with_fixture(test_fit_folder__diagonal_is_as_in_memory),
        with_fixture(test_fit_folder__is_opened_to_the_bit),
        with_fixture(test_fit_folder__shares_merge_to_the_whole),
        with_fixture(test_fit_folder__shares_in_blocks_merge),
        with_fixture(test_fit_folder__diagonal_shares_merge),
        with_fixture(test_fit_folder__parts_are_added_in_their_order),
        with_fixture(test_fit_folder__missing_parts_are_named),
        with_fixture(test_fit_folder__corpora_are_added_whole),
        with_fixture(test_fit_folder__what_does_not_go_together_is_not_merged),
        with_fixture(test_fit_folder__goes_on_where_it_was_stopped),
        with_fixture(test_fit_folder__goes_on_within_a_stage),
        with_fixture(test_fit_folder__what_has_done_nothing_leaves_nothing),
        with_fixture(test_fit_folder__another_fits_rest_is_refused),
        with_fixture(test_fit_folder__options_that_do_not_fit_are_refused),
        with_fixture(test_fit_folder__covariances_alone_score_nothing),
    };
    return run_cases(tests, NULL, NULL);
}
