/* SPDX-License-Identifier: MIT */
/* Several settings, groups of maps and tiles of queries: one run says what separate runs
 * say. */
#include "fixture.h"
#include "run/run.h"
#include "support/apart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_SCORES (N_DOCUMENTS * N_QUERIES)

static const attrib_setting settings[] = {
    {ATTRIB_EKFAC, 0.1, false, 0},
    {ATTRIB_EKFAC, 1e-8, true, 0},
    {ATTRIB_KFAC, 0.1, false, 0},
    {ATTRIB_IDENTITY, 0.1, false, 0},
};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

static void read_plane(attrib_run *run, size_t i_plane, double out[N_SCORES])
{
    attrib_error err = {0};
    check_ok(attrib_run_scores(run, i_plane, 0, N_DOCUMENTS, out, &err), &err);
}

/* The pass and the order of contraction are those of more queries, so a score may differ
 * by the rounding of its f32 products; the whole ones of a query are made alike. */
static void test_sweep__settings_of_one_run_are_those_of_separate_runs(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "sampled");
    attrib_score_options options;
    double together[N_SCORES];
    double apart[N_SCORES];
    attrib_score_options_default(&options);
    options.top = 4;
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    attrib_run *all = fixture_score(f, factors, &options);
    assert_int_equal(attrib_run_describe(all)->n_planes, N_SETTINGS);
    assert_int_equal(attrib_run_describe(all)->n_answers, N_SETTINGS * N_QUERIES);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        options.n_settings = 1;
        options.settings[0] = settings[s];
        attrib_run *one = fixture_score(f, factors, &options);
        double largest = 0;
        read_plane(all, s, together);
        read_plane(one, 0, apart);
        assert_int_equal(attrib_run_plane(all, s).i_setting, s);
        for (size_t k = 0; k < N_SCORES; k++) {
            largest = fmax(largest, fabs(apart[k]));
        }
        for (size_t k = 0; k < N_SCORES; k++) {
            assert_true(fabs(together[k] - apart[k]) <= 2e-6 * largest);
        }
        for (size_t q = 0; q < N_QUERIES; q++) {
            const attrib_answer *answer = attrib_run_answer(all, s * N_QUERIES + q);
            assert_int_equal(answer->i_setting, s);
            assert_int_equal(answer->top[0].document.index,
                             attrib_run_answer(one, q)->top[0].document.index);
        }
        attrib_run_close(one);
    }
    attrib_run_close(all);
    attrib_factors_close(factors);
}

/* Groups of one map each are Kronfluence's scores per module (its f32: 2e-5), and they
 * sum to the total. */
static void test_sweep__groups_of_maps(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    attrib_score_options options;
    double total[N_SCORES];
    double sum[N_SCORES] = {0};
    attrib_score_options_default(&options);
    options.split = ATTRIB_SPLIT_MODULE;
    attrib_run *run = fixture_score(f, factors, &options);
    size_t n_groups = attrib_run_describe(run)->n_groups;
    assert_int_equal(n_groups, 15);
    read_plane(run, 0, total);
    for (size_t g = 0; g < n_groups; g++) {
        double part[N_SCORES];
        char name[128];
        size_t n = 0;
        double largest = 0;
        attrib_plane plane = attrib_run_plane(run, g + 1);
        snprintf(name, sizeof name, "empirical.ekfac.heuristic.per_module.%s",
                 plane.group);
        double *want = fixture_load(f->single, name, &n);
        read_plane(run, g + 1, part);
        for (size_t k = 0; k < n; k++) {
            largest = fmax(largest, fabs(want[k]));
        }
        for (size_t k = 0; k < n; k++) {
            double got = part[k % N_DOCUMENTS * N_QUERIES + k / N_DOCUMENTS];
            assert_true(fabs(got - want[k]) <= 2e-5 * largest);
        }
        for (size_t k = 0; k < N_SCORES; k++) {
            sum[k] += part[k];
        }
        free(want);
    }
    for (size_t k = 0; k < N_SCORES; k++) {
        assert_true(sum[k] == total[k]);
    }
    attrib_run_close(run);
    attrib_factors_close(factors);
}

static void test_sweep__groups_are_named(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.modules = "all";
    options.split = ATTRIB_SPLIT_KIND;
    attrib_run *run = fixture_score(f, NULL, &options);
    assert_int_equal(attrib_run_describe(run)->n_groups, 3);
    assert_string_equal(attrib_run_plane(run, 0).group, "");
    assert_string_equal(attrib_run_plane(run, 1).group, "attention");
    assert_string_equal(attrib_run_plane(run, 2).group, "mlp");
    assert_string_equal(attrib_run_plane(run, 3).group, "head");
    attrib_run_close(run);
    options.split = ATTRIB_SPLIT_LAYER;
    run = fixture_score(f, NULL, &options);
    assert_int_equal(attrib_run_describe(run)->n_groups, 6);
    assert_string_equal(attrib_run_plane(run, 1).group, "layer.0");
    assert_string_equal(attrib_run_plane(run, 6).group, "head");
    attrib_run_close(run);
}

/* A limit that leaves room for two of the five queries, then for less than one. */
static void test_sweep__a_limit_of_memory_makes_tiles(void **state)
{
    need_assets();
    fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_session_options one;
    attrib_score_options options;
    char folder[128];
    double whole[N_SCORES];
    double tiled[N_SCORES];
    attrib_factors *factors = fixture_factors(f, "empirical");
    make_scratch_folder(folder, sizeof folder);
    attrib_session_free(f->session);
    attrib_session_options_default(&one);
    one.n_threads = 1;
    check_ok(attrib_session_new(&one, &f->session, &err), &err);
    attrib_score_options_default(&options);
    attrib_run *full = fixture_score(f, factors, &options);
    read_plane(full, 0, whole);
    options.ram_limit = 1 << 20;
    check_fails(attrib_run_score(f->session,
                                 &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                     .model = f->model,
                                                     .factors = factors,
                                                     .corpus = f->corpus,
                                                     .queries = f->queries,
                                                     .options = &options},
                                 &run, &err),
                ATTRIB_ERANGE, &err);
    check_message(&err, "a limit of 1 MiB of memory");
    /* What it says will do; the process may have come to take a little more since, and
     * under a sanitizer, which keeps what is freed, more with each attempt. */
    size_t least = mebibytes_needed(&err) << 20;
    size_t step = (size_t)1 << (IS_SANITIZED ? 23 : 18);
    err = (attrib_error){0};
    for (options.ram_limit = least; !run; options.ram_limit += step) {
        if (attrib_run_score(f->session,
                             &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                 .model = f->model,
                                                 .factors = factors,
                                                 .corpus = f->corpus,
                                                 .queries = f->queries,
                                                 .options = &options,
                                                 .folder = folder},
                             &run, NULL) != ATTRIB_OK) {
            assert_true(options.ram_limit < least + 16 * step);
        }
    }
    const attrib_run_info *info = attrib_run_describe(run);
    read_plane(run, 0, tiled);
    assert_memory_equal(tiled, whole, sizeof whole);
    for (size_t q = 0; q < info->n_answers; q++) {
        const attrib_answer *a = attrib_run_answer(run, q);
        const attrib_answer *b = attrib_run_answer(full, q);
        assert_string_equal(a->query.id, b->query.id);
        assert_int_equal(a->top[0].document.index, b->top[0].document.index);
    }
    attrib_run_close(run);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    double again[N_SCORES];
    read_plane(run, 0, again);
    assert_memory_equal(again, tiled, sizeof again);
    attrib_run_close(run);
    attrib_run_close(full);
    remove_folder(folder);
    attrib_factors_close(factors);
}

/* A run under the least limit of memory that will do. */
static attrib_run *score_in_least(const fixture *f,
                                  const attrib_factors *factors,
                                  attrib_score_options options)
{
    attrib_run *run = NULL;
    attrib_error err = {0};
    options.ram_limit = 1 << 20;
    while (attrib_run_score(f->session,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = f->model,
                                                .factors = factors,
                                                .corpus = f->corpus,
                                                .queries = f->queries,
                                                .options = &options},
                            &run, &err) == ATTRIB_ERANGE) {
        options.ram_limit = mebibytes_needed(&err) << 20;
        err = (attrib_error){0};
    }
    assert_non_null(run);
    return run;
}

/* Under one setting and several, a query at a time and all at once. Cut ones are in
 * test_contract.c: their tiles do not get that small where other queries are whole. */
static void test_sweep__tiles_give_the_same_bytes(void **state)
{
    need_assets();

    static const struct {
        size_t n_settings;
        bool with_tokens;
    } cases[] = {{1, false}, {N_SETTINGS, false}, {1, true}};

    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "sampled");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_score_options options;
        attrib_score_options_default(&options);
        options.n_settings = cases[i].n_settings;
        options.with_tokens = cases[i].with_tokens;
        if (cases[i].n_settings > 1) {
            memcpy(options.settings, settings, sizeof settings);
        }
        attrib_run *full = fixture_score(f, factors, &options);
        attrib_run *tiled = score_in_least(f, factors, options);
        assert_int_equal(full->n_tile, N_QUERIES);
        /* sanitizers keep what is freed, so that the least is not that of a query */
        assert_true(IS_SANITIZED || tiled->n_tile < N_QUERIES);
        for (size_t s = 0; s < cases[i].n_settings; s++) {
            double want[N_SCORES];
            double got[N_SCORES];
            read_plane(full, s, want);
            read_plane(tiled, s, got);
            assert_memory_equal(got, want, sizeof want);
        }
        attrib_run_close(full);
        attrib_run_close(tiled);
    }
    attrib_factors_close(factors);
}

/* MiB that scoring says it needs under so many settings. */
static size_t needed(const fixture *f, const attrib_factors *factors, size_t n)
{
    attrib_run *run = NULL;
    attrib_error err = {0};
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = n;
    for (size_t s = 1; s < n; s++) {
        options.settings[s] = options.settings[0];
        options.settings[s].damping = 0.1 * (double)(s + 1);
    }
    options.ram_limit = 1 << 20;
    check_fails(attrib_run_score(f->session,
                                 &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                     .model = f->model,
                                                     .factors = factors,
                                                     .corpus = f->corpus,
                                                     .queries = f->queries,
                                                     .options = &options},
                                 &run, &err),
                ATTRIB_ERANGE, &err);
    return mebibytes_needed(&err);
}

/* A query of 0.66 MiB is held under every setting at once. Blocks are as large as they
 * get with 10 already. Memory that a sanitizer keeps and gives back at times would be
 * counted with it. */
static void test_sweep__a_limit_counts_every_setting(void **state)
{
    need_assets();
    not_under_sanitizers();
    const fixture *f = *state;
    attrib_factors *factors = fixture_factors(f, "empirical");
    size_t of_10 = needed(f, factors, 10);
    size_t of_16 = needed(f, factors, 16);
    print_message("10 settings: %zu MiB, 16: %zu MiB\n", of_10, of_16);
    assert_true(of_16 >= of_10 + 3);
    attrib_factors_close(factors);
}

/* Exports would call both by one name. */
static void test_sweep__the_same_setting_twice_is_refused(void **state)
{
    need_assets();
    const fixture *f = *state;
    attrib_run *run = NULL;
    attrib_error err = {0};
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = 2;
    options.settings[0].strategy = ATTRIB_IDENTITY;
    options.settings[1] = options.settings[0];
    options.settings[1].damping = 3;
    check_fails(attrib_run_score(f->session,
                                 &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                     .model = f->model,
                                                     .corpus = f->corpus,
                                                     .queries = f->queries,
                                                     .options = &options},
                                 &run, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "settings 1 and 2 are the same: identity");
}

int main(void)
{
#define WITH_FIXTURE(test)                                                               \
    cmocka_unit_test_setup_teardown(test, fixture_set_up, fixture_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(test_sweep__settings_of_one_run_are_those_of_separate_runs),
        WITH_FIXTURE(test_sweep__groups_of_maps),
        WITH_FIXTURE(test_sweep__groups_are_named),
        WITH_FIXTURE(test_sweep__a_limit_of_memory_makes_tiles),
        WITH_FIXTURE(test_sweep__tiles_give_the_same_bytes),
        WITH_FIXTURE(test_sweep__a_limit_counts_every_setting),
        WITH_FIXTURE(test_sweep__the_same_setting_twice_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}
