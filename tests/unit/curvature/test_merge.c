/* SPDX-License-Identifier: MIT */
/* Merging factors: parts make the bytes of the whole in any order, and what does not go
 * together is refused. */
#include "fixture.h"

#include <float.h>
#include <stdio.h>
#include <string.h>

#include "support/tiny.h"

/* 1. Parts make the whole */

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
                                  &err),
             &err);
}

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

static void test_merge__shares_merge_to_the_whole(void **state)
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

static void test_merge__shares_in_blocks_merge(void **state)
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

static void test_merge__diagonal_shares_merge(void **state)
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

/* 2. The order of parts */

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
    attrib_merge_options options;
    attrib_merge_options_default(&options);
    options.is_partial = is_partial;
    for (size_t i = 0; i < n; i++) {
        char one[2] = {letters[i], '\0'};
        folders[i] = in_scratch(f, one, paths[i]);
    }
    return attrib_factors_merge(f->session, folders, n, &options,
                                in_scratch(f, name, path), err);
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

/* Sums in f64 depend on the order, so parts are another fit than none; and any order of
 * folders is that of the parts, manifests and all. */
static void test_merge__parts_are_added_in_their_order(void **state)
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
static void test_merge__missing_parts_are_named(void **state)
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
static void test_merge__corpora_are_added_whole(void **state)
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
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){paths, 1}, NULL, NULL,
                                &f->corpus, &err),
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

/* 3. What is refused */

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
                                     in_scratch(f, "none", c), &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, message);
}

static void test_merge__what_does_not_go_together_is_not_merged(void **state)
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

/* A finite number of a covariance is another than was summed, and one of the basis that
 * shares of Lambda stand in. */
static void change_number(const fixture *f, const char *name)
{
    char path[PATH_SIZE];
    FILE *file = fopen(in_scratch(f, name, path), "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, -8, SEEK_END), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, -8, SEEK_END), 0);
    assert_true(byte != EOF && fputc(byte ^ 1, file) != EOF);
    assert_int_equal(fclose(file), 0);
}

static void test_merge__changed_numbers_are_noticed(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_fit_options options;
    char path[PATH_SIZE];
    attrib_fit_options_default(&options);
    fit_three_parts(f);
    change_number(f, "b/lambda_matrix.safetensors");
    check_fails(merge(f, "abc", false, "m", &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "b/lambda_matrix.safetensors: changed since it was written");
    fit(f, &options, "basis");
    change_number(f, "basis/gradient_eigenvectors.safetensors");
    options.stages = ATTRIB_FIT_LAMBDA;
    options.basis = in_scratch(f, "basis", path);
    char folder[PATH_SIZE];
    err = (attrib_error){0};
    check_fails(attrib_factors_fit_folder(f->session, f->model, f->corpus, &options,
                                          in_scratch(f, "lambda", folder), &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err,
                  "gradient_eigenvectors.safetensors: changed since it was written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_fixture(test_merge__shares_merge_to_the_whole),
        with_fixture(test_merge__shares_in_blocks_merge),
        with_fixture(test_merge__diagonal_shares_merge),
        with_fixture(test_merge__parts_are_added_in_their_order),
        with_fixture(test_merge__missing_parts_are_named),
        with_fixture(test_merge__corpora_are_added_whole),
        with_fixture(test_merge__what_does_not_go_together_is_not_merged),
        with_fixture(test_merge__changed_numbers_are_noticed),
    };
    return run_cases(tests, NULL, NULL);
}
