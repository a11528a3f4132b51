/* SPDX-License-Identifier: MIT */
/* Scoring has no more factors in memory than its workers are at, and what it finds has
 * the bytes that it has with all of them in memory. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib.h"
#include "curvature/factor_read.h"
#include "query/keep.h"
#include "score/counted.h"
#include "score/sizes.h"
#include "support/apart.h"
#include "support/tiny.h"

/* 3 maps of [1024, 32] a layer, with eigenvectors of 4.2 MB and Lambda of 0.1 MB each:
 * all of them are large compared with the few MiB by which the peaks of equal processes
 * differ.
 */
#define N_LAYERS    4
#define MLP_WIDTH   1024
#define N_DOCUMENTS 20
#define N_ROWS      6
#define N_LONG_ROWS 24
#define PATH_SIZE   300
#define MIBI        ((size_t)1 << 20)
#define ALL_FACTORS ((size_t)N_LAYERS * 3 * 4300000)

typedef struct fixture {
    char scratch[200];
    attrib_model *model;
    attrib_corpus *corpus;
} fixture;

static const char *in_scratch(const fixture *f, const char *name, char *path)
{
    snprintf(path, PATH_SIZE, "%s/%s", f->scratch, name);
    return path;
}

/* n queries of 2 and more ids up to the context, of which all but the first count. */
static void write_rows(const char *path, int n, int shortest)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int q = 0; q < n; q++) {
        int n_predicted = shortest + q < TINY_CONTEXT ? shortest + q : TINY_CONTEXT - 1;
        fprintf(file, "{\"id\": \"q%d\", \"ids\": [1", q);
        for (int t = 0; t < n_predicted; t++) {
            fprintf(file, ", %d", (3 * q + t) % TINY_VOCABULARY);
        }
        fputs("], \"mask\": [0", file);
        for (int t = 0; t < n_predicted; t++) {
            fputs(", 1", file);
        }
        fputs("]}\n", file);
    }
    assert_int_equal(fclose(file), 0);
}

static void write_factors(const void *fixture_, const void *argument)
{
    const fixture *f = fixture_;
    char path[PATH_SIZE];
    (void)argument;
    write_axes(f->model, in_scratch(f, "factors", path));
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    const char *paths[] = {path};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->scratch, sizeof f->scratch);
    write_rows(in_scratch(f, "rows.jsonl", path), N_ROWS, 1);
    write_rows(in_scratch(f, "long.jsonl", path), N_LONG_ROWS, TINY_CONTEXT - 1);
    tiny_write_corpus(in_scratch(f, "c.jsonl", path), N_DOCUMENTS);
    f->model = wide_model(N_LAYERS, 32, MLP_WIDTH);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    run_apart(write_factors, f, NULL);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

/* Read all into memory: what factors are that were fitted there. */
static attrib_status hold(attrib_factors *factors, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < factors->info.n_modules; i++) {
        AT_TRY(at_factor_load(factors, i, AT_PIECES_BASIS | AT_PIECES_LAMBDA,
                              &factors->factors[i], err));
    }
    at_files_close(factors->files);
    factors->files = NULL;
done:
    return status;
}

/* What is scored, and where its scores are written. */
typedef struct order {
    attrib_score_options options;
    bool is_held;
    const char *name;
    const char *queries; /* NULL: "rows.jsonl" */
} order;

static attrib_status score(const fixture *f, const order *o, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char path[PATH_SIZE];
    attrib_factors *factors = NULL;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    AT_TRY(attrib_factors_open(in_scratch(f, "factors", path), f->model, &factors, err));
    if (o->is_held) {
        AT_TRY(hold(factors, err));
    }
    AT_TRY(attrib_queries_open(
        NULL, in_scratch(f, o->queries ? o->queries : "rows.jsonl", path), NULL, NULL,
        &queries, err));
    AT_TRY(attrib_run_score(NULL,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = f->model,
                                                .factors = factors,
                                                .corpus = f->corpus,
                                                .queries = queries,
                                                .options = &o->options,
                                                .folder = in_scratch(f, o->name, path)},
                            &run, err));
done:
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_factors_close(factors);
    return status;
}

/* The least limit under which the order can be done, as a refusal names it. */
static size_t least_limit(const fixture *f, order o)
{
    attrib_error err = {0};
    o.options.ram_limit = MIBI;
    check_fails(score(f, &o, &err), ATTRIB_ERANGE, &err);
    return mebibytes_needed(&err) * MIBI;
}

static void score_apart(const void *fixture_, const void *argument)
{
    attrib_error err = {0};
    if (score(fixture_, argument, &err) != ATTRIB_OK) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
}

/* Bytes of a run's scores, which tell its tiles apart. */
static size_t n_score_bytes(const fixture *f, const char *run)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    char name[64];
    at_map map = {0};
    snprintf(name, sizeof name, "%.20s/scores-0000-000000.safetensors", run);
    check_ok(at_map_open(in_scratch(f, name, path), &map, &err), &err);
    size_t n = map.n_bytes;
    at_map_close(&map);
    return n;
}

static void check_same_file(const fixture *f, const char *left, const char *right)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    char name[64];
    at_map maps[2];
    const char *names[] = {left, right};
    for (size_t i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%.20s/scores-0000-000000.safetensors", names[i]);
        check_ok(at_map_open(in_scratch(f, name, path), &maps[i], &err), &err);
    }
    assert_int_equal(maps[0].n_bytes, maps[1].n_bytes);
    assert_memory_equal(maps[0].bytes, maps[1].bytes, maps[0].n_bytes);
    at_map_close(&maps[0]);
    at_map_close(&maps[1]);
}

/* The same run with factors in a folder and in memory: the peaks differ by more than half
 * of what all of them take. */
static void check_run(const fixture *f, const attrib_score_options *options)
{
    char path[PATH_SIZE];
    const order apart = {.options = *options, .name = "apart"};
    order held = {.options = *options, .is_held = true, .name = "held"};
    held.options.ram_limit = 0;
    size_t with = run_apart(score_apart, f, &apart);
    size_t without = run_apart(score_apart, f, &held);
    print_message("peak %zu MiB, and %zu MiB with all factors\n", with / MIBI,
                  without / MIBI);
    check_same_file(f, "apart", "held");
    remove_folder(in_scratch(f, "apart", path));
    remove_folder(in_scratch(f, "held", path));
    if (IS_SANITIZED) {
        say_left_out("test_memory: what factors that are read again save");
    } else {
        assert_true(with + ALL_FACTORS / 2 < without);
    }
}

static void test_memory__scores(void **state)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    check_run(*state, &options);
}

static void test_memory__self_influences(void **state)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.normalize = ATTRIB_NORMALIZE_UNIT;
    options.settings[1] = (attrib_setting){ATTRIB_KFAC, 0.5, false, 0};
    options.settings[2] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    options.n_settings = 3;
    /* Without a limit, all would stay in memory for the documents. This one has room for
     * all rows, but not for all factors too. A sanitizer's own memory grows while it
     * runs, so that the limit is soon too small. */
    if (!IS_SANITIZED) {
        options.ram_limit =
            least_limit(*state, (order){.options = options}) + ALL_FACTORS / 4 * 3;
    }
    check_run(*state, &options);
}

static void test_memory__cut_queries(void **state)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.query_rank = 4;
    options.top = 2;
    check_run(*state, &options);
}

static size_t n_turns; /* of cut queries, since it was last set */

attrib_status __real_at_keep_rows(at_keeping *keeping, attrib_error *err);
attrib_status __wrap_at_keep_rows(at_keeping *keeping, attrib_error *err);

attrib_status __wrap_at_keep_rows(at_keeping *keeping, attrib_error *err)
{
    n_turns += at_is_cut(keeping->setup);
    return __real_at_keep_rows(keeping, err);
}

/* An eighth of the least memory that scoring needs holds fewer rows than there are. */
static void test_memory__rows_in_several_turns(void **state)
{
    not_under_sanitizers();
    const fixture *f = *state;
    attrib_error err = {0};
    char path[PATH_SIZE];
    order limited = {.name = "limited", .queries = "long.jsonl"};
    order free_ = {.name = "free", .queries = "long.jsonl"};
    attrib_score_options_default(&limited.options);
    limited.options.query_rank = 4;
    free_.options = limited.options;
    n_turns = 0;
    check_ok(score(f, &free_, &err), &err);
    assert_int_equal(n_turns, 1);
    /* What was freed in between may be kept by this process: a few more attempts, until
     * all queries are one tile. */
    attrib_status status = ATTRIB_ERANGE;
    limited.options.ram_limit = least_limit(f, limited);
    for (int i = 0; i < 40 && status == ATTRIB_ERANGE; i++) {
        err = (attrib_error){0};
        n_turns = 0;
        status = score(f, &limited, &err);
        limited.options.ram_limit += MIBI;
        if (status == ATTRIB_OK &&
            n_score_bytes(f, "limited") != n_score_bytes(f, "free")) {
            remove_folder(in_scratch(f, "limited", path));
            status = ATTRIB_ERANGE;
        }
    }
    check_ok(status, &err);
    assert_true(n_turns > 1);
    check_same_file(f, "limited", "free");
    remove_folder(in_scratch(f, "limited", path));
    remove_folder(in_scratch(f, "free", path));
}

static attrib_status score_within(const void *fixture_,
                                  const void *argument,
                                  size_t ram_limit,
                                  attrib_error *err)
{
    order o = *(const order *)argument;
    o.options.ram_limit = ram_limit;
    return score(fixture_, &o, err);
}

static void score_least(const void *fixture_, const void *argument)
{
    check_least_limit(score_within, fixture_, argument);
}

/* The least limit that is named is one that is held: by whole queries, cut ones, and with
 * self-influences under several settings. */
static void test_memory__limits_are_held(void **state)
{
    const fixture *f = *state;
    char path[PATH_SIZE];
    order orders[3] = {{.name = "whole"}, {.name = "cut"}, {.name = "self"}};
    not_under_sanitizers();
    for (size_t i = 0; i < 3; i++) {
        attrib_score_options_default(&orders[i].options);
    }
    orders[1].options.query_rank = 4;
    orders[2].options.with_self = true;
    orders[2].options.settings[1] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    orders[2].options.n_settings = 2;
    for (size_t i = 0; i < 3; i++) {
        run_apart(score_least, f, &orders[i]);
        remove_folder(in_scratch(f, orders[i].name, path));
    }
}

/* Scratch of forward mode does not grow with the layers; that of a backward pass does. */
static void test_memory__forward_mode_keeps_nothing_of_a_layer(void **state)
{
    (void)state;
    attrib_error err = {0};
    size_t bytes[2][2] = {{0}};
    for (size_t deep = 0; deep < 2; deep++) {
        attrib_model *model = wide_model(deep ? 12 : 3, 32, MLP_WIDTH);
        size_t *tracked = NULL;
        size_t n = 0;
        check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
        for (at_mode mode = AT_MODE_REVERSE; mode <= AT_MODE_FORWARD; mode++) {
            const at_decoding how = {model, mode, tracked, n, 0};
            check_ok(at_decoder_bytes(&how, 32, 16, &bytes[mode][deep], &err), &err);
        }
        free(tracked);
        attrib_model_close(model);
    }
    assert_int_equal(bytes[AT_MODE_FORWARD][0], bytes[AT_MODE_FORWARD][1]);
    assert_true(bytes[AT_MODE_REVERSE][1] > 2 * bytes[AT_MODE_REVERSE][0]);
}

/* One whole query takes what forward mode does; while its rank is to be chosen, what the
 * pilot's backward passes do. */
static void test_memory__a_rank_to_be_chosen_takes_a_backward_pass(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_model *model = wide_model(12, 32, MLP_WIDTH);
    size_t bytes[2] = {0}; /* of either mode */
    size_t *tracked = NULL;
    size_t n = 0;
    check_ok(attrib_model_select(model, "mlp", &tracked, &n, &err), &err);
    at_setup setup = {.model = model,
                      .tracked = tracked,
                      .n_tracked = n,
                      .n_queries = 1,
                      .n_groups = 1,
                      .n_documents = 10000,
                      .block_rows = 4096,
                      .n_workers = 1,
                      .longest_row = 2,
                      .counted = {.n_sequences = 10000,
                                  .n_tokens = 160000,
                                  .shortest = 16,
                                  .longest = 16,
                                  .longest_document = 16,
                                  .most_sequences = 1,
                                  .slice_tokens = 16 * 512}};
    attrib_score_options_default(&setup.options);
    setup.options.settings[0].strategy = ATTRIB_IDENTITY;
    check_ok(at_measure_blocks(&setup, 4096, &setup.blocks, &err), &err);
    for (at_mode mode = AT_MODE_REVERSE; mode <= AT_MODE_FORWARD; mode++) {
        const at_decoding how = {model, mode, tracked, n, 0};
        check_ok(at_decoder_bytes(&how, 4096, 16, &bytes[mode], &err), &err);
    }
    double scoring = 0;
    setup.n_tile = setup.n_tile_full = 1;
    check_ok(at_stage_bytes(&setup, AT_RUN_SCORE, &scoring, &err), &err);
    assert_true(scoring > (double)bytes[AT_MODE_FORWARD]);
    assert_true(scoring < (double)bytes[AT_MODE_REVERSE]);
    double least[2];
    const size_t ranks[] = {ATTRIB_RANK_FULL, ATTRIB_RANK_AUTO};
    for (size_t i = 0; i < 2; i++) {
        attrib_status limited = ATTRIB_ERANGE;
        setup.options.query_rank = ranks[i];
        for (least[i] = 0; limited == ATTRIB_ERANGE; least[i] += 0x1p16) {
            err = (attrib_error){0};
            setup.memory.bytes = least[i];
            limited = at_check_limit(&setup, &err);
        }
        check_ok(limited, &err);
    }
    assert_true(least[0] > (double)bytes[AT_MODE_FORWARD]);
    assert_true(least[1] > (double)bytes[AT_MODE_REVERSE] && least[1] > least[0]);
    at_pass_size_free(&setup.blocks);
    free(tracked);
    attrib_model_close(model);
}

/* A pass over 512 rows of a model whose layers would keep more than AT_KEPT_LIMIT. */
#define N_DEEP      16
#define DEEP_MLP    4096
#define N_DEEP_ROWS 512

typedef struct deep_pass {
    const attrib_model *model;
    const attrib_corpus *corpus;
    double layers_limit;
    const char *path; /* where sums of all gradients are written */
} deep_pass;

/* sums [n_tracked] of (a + ds), whose bits tell those of the rows */
static attrib_status sum_rows(void *context,
                              void *scratch,
                              const attrib_visit *visit,
                              attrib_error *err)
{
    double *sums = context;
    double *sum = &sums[visit->i_tracked];
    (void)scratch;
    (void)err;
    for (size_t k = 0; k < visit->n_rows * visit->module->in_dim; k++) {
        *sum += (double)visit->a[k] * (double)(k % 31 + 1);
    }
    for (size_t k = 0; k < visit->n_rows * visit->module->out_dim; k++) {
        *sum += (double)visit->ds[k] * (double)(k % 29 + 1);
    }
    return ATTRIB_OK;
}

static void run_deep(const void *fixture_, const void *argument)
{
    const deep_pass *of = argument;
    attrib_error err = {0};
    double sums[3 * N_DEEP] = {0};
    size_t *tracked = NULL;
    size_t n = 0;
    const attrib_tap tap = {.name = "rows", .context = sums, .module = sum_rows};
    at_source source = at_source_corpus(of->corpus);
    (void)fixture_;
    if (attrib_model_select(of->model, "mlp", &tracked, &n, &err) != ATTRIB_OK) {
        _exit(1);
    }
    const at_pass pass = {.model = of->model,
                          .tracked = tracked,
                          .n_tracked = n,
                          .block_rows = N_DEEP_ROWS,
                          .stage = "deep",
                          .layers_limit = of->layers_limit};
    FILE *file = fopen(of->path, "w");
    if (at_pass_run(&pass, &source, &tap, 1, &err) != ATTRIB_OK || !file ||
        fwrite(sums, sizeof sums, 1, file) != 1 || fclose(file) != 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    free(tracked);
}

static double deep_bytes(const deep_pass *of, size_t longest)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n = 0;
    size_t bytes = 0;
    check_ok(attrib_model_select(of->model, "mlp", &tracked, &n, &err), &err);
    const at_decoding how = {of->model, AT_MODE_REVERSE, tracked, n, of->layers_limit};
    check_ok(at_decoder_bytes(&how, N_DEEP_ROWS, longest, &bytes, &err), &err);
    free(tracked);
    return (double)bytes;
}

static void read_sums(const char *path, double *sums)
{
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(sums, sizeof *sums, 3 * N_DEEP, file), 3 * N_DEEP);
    fclose(file);
}

/* Where a pass may take more memory its layers keep more, as the dry run says, and what
 * they hand over has the same bytes. */
static void test_memory__layers_that_keep_more_give_the_same_bytes(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_model *model = wide_model(N_DEEP, 32, DEEP_MLP);
    attrib_corpus *corpus = NULL;
    char path[PATH_SIZE];
    const char *paths[] = {path};
    double sums[2][3 * N_DEEP];
    double bytes[2];
    size_t peaks[2];
    tiny_write_corpus(in_scratch(f, "deep.jsonl", path), 60);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &corpus, &err),
        &err);
    in_scratch(f, "sums", path);
    for (size_t i = 0; i < 2; i++) {
        const deep_pass of = {model, corpus, i ? HUGE_VAL : 0, path};
        bytes[i] = deep_bytes(&of, TINY_CONTEXT);
        peaks[i] = run_apart(run_deep, f, &of);
        read_sums(path, sums[i]);
    }
    print_message("layers keep %.0f and %.0f MiB; peaks %zu and %zu MiB\n",
                  bytes[0] / 0x1p20, bytes[1] / 0x1p20, peaks[0] / MIBI, peaks[1] / MIBI);
    assert_memory_equal(sums[0], sums[1], sizeof sums[0]);
    assert_true(bytes[1] - bytes[0] > 64.0 * MIBI);
    if (IS_SANITIZED) {
        say_left_out("test_memory: what layers keep more");
    } else {
        assert_true(fabs((double)peaks[1] - (double)peaks[0] - (bytes[1] - bytes[0])) <
                    0.25 * (bytes[1] - bytes[0]));
    }
    attrib_corpus_close(corpus);
    attrib_model_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory__forward_mode_keeps_nothing_of_a_layer),
        cmocka_unit_test(test_memory__a_rank_to_be_chosen_takes_a_backward_pass),
        cmocka_unit_test(test_memory__layers_that_keep_more_give_the_same_bytes),
        cmocka_unit_test(test_memory__scores),
        cmocka_unit_test(test_memory__self_influences),
        cmocka_unit_test(test_memory__cut_queries),
        cmocka_unit_test(test_memory__rows_in_several_turns),
        cmocka_unit_test(test_memory__limits_are_held),
    };
    return run_cases(tests, set_up, tear_down);
}
