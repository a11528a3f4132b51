/* SPDX-License-Identifier: MIT */
/* A layer whose MLP writes nothing, since its down_proj is 0: no gradient reaches its
 * other two maps. They fit, have no share in any score, and are named once. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"
#include "base/random.h"
#include "model/model.h"

enum { N_DOCUMENTS = 12, VOCABULARY = 11, CONTEXT = 16, WIDTH = 80, MAX_PATH = 300 };

#define SILENT "model.layers.1.mlp.down_proj.weight"

/* Whether gradients of a map vanish. */
static bool is_silent(const char *name)
{
    return strcmp(name, "model.layers.1.mlp.gate_proj") == 0 ||
           strcmp(name, "model.layers.1.mlp.up_proj") == 0;
}

/* Uniform in [-1, 1) by name and place; gains near 1; one matrix of zeros. */
static attrib_status fill(void *context, const at_weight_spec *spec, attrib_error *err)
{
    uint64_t stream = 0;
    (void)context;
    (void)err;
    for (const char *c = spec->name; *c; c++) {
        stream = stream * 31 + (unsigned char)*c;
    }
    for (size_t k = 0; spec->out && k < spec->shape[0] * spec->shape[1]; k++) {
        double u = 2 * at_uniform(7, stream, k) - 1;
        u = spec->n_dims == 1 ? 1 + 0.1 * u : 0.3 * u;
        spec->out[k] = strcmp(spec->name, SILENT) == 0 ? 0 : (float)u;
    }
    return ATTRIB_OK;
}

typedef struct fixture {
    char scratch[200];
    attrib_session *session;
    attrib_model *model;
    attrib_corpus *corpus;
    attrib_queries *queries;
    size_t n_named; /* lines of the log that name a silent map */
    size_t n_warnings;
} fixture;

static void keep_line(void *context, attrib_log_level level, const char *line)
{
    fixture *f = context;
    f->n_warnings += level == ATTRIB_LOG_WARNING;
    f->n_named +=
        level == ATTRIB_LOG_WARNING && strstr(line, "gradients vanish") &&
        (strstr(line, "layers.1.mlp.gate_proj") || strstr(line, "layers.1.mlp.up_proj"));
}

static void write_rows(const char *path, size_t n, const char *more)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (uint64_t d = 0; d < n; d++) {
        fprintf(file, "{\"ids\": [1");
        for (uint64_t t = 1; t < 9; t++) {
            fprintf(file, ", %d", (int)(VOCABULARY * at_uniform(3, d, t)));
        }
        fprintf(file, "]%s}\n", more);
    }
    assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
    attrib_error err = {0};
    char path[MAX_PATH];
    const char *paths[] = {path};
    attrib_session_options options;
    const at_config config = {.architecture = at_architecture_find("llama"),
                              .n_layers = 2,
                              .width = WIDTH,
                              .n_heads = 2,
                              .n_kv_heads = 1,
                              .head_dim = WIDTH / 2,
                              .mlp_width = WIDTH,
                              .n_vocabulary = VOCABULARY,
                              .context = CONTEXT,
                              .activation = AT_ACTIVATION_SILU,
                              .norm_epsilon = 1e-5,
                              .rope = {.theta = 10000},
                              .is_head_tied = true};
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->scratch, sizeof f->scratch);
    attrib_session_options_default(&options);
    options.log = keep_line;
    options.log_context = f;
    check_ok(attrib_session_new(&options, &f->session, &err), &err);
    check_ok(at_model_build(&config, fill, NULL, &f->model, &err), &err);
    at_hash_bytes("silent", 6, f->model->hash);
    snprintf(path, sizeof path, "%s/c.jsonl", f->scratch);
    write_rows(path, N_DOCUMENTS, "");
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    snprintf(path, sizeof path, "%s/q.jsonl", f->scratch);
    write_rows(path, 2, ", \"mask\": [0, 0, 0, 0, 0, 1, 1, 1, 1]");
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &f->queries, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_queries_close(f->queries);
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

/* Shares of silent maps are nothing, those of the others are not. */
static void check_shares(const attrib_run *run)
{
    for (size_t i = 0; i < attrib_run_describe(run)->n_answers; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        assert_int_equal(answer->n_top, 3);
        assert_int_equal(answer->n_bottom, 3);
        assert_true(isfinite(answer->self_influence) && answer->self_influence > 0);
        for (size_t k = 0; k < answer->n_top; k++) {
            const attrib_result *result = &answer->top[k];
            assert_int_equal(result->n_modules, 6);
            for (size_t m = 0; m < result->n_modules; m++) {
                assert_int_equal(result->modules[m].score == 0,
                                 is_silent(result->modules[m].name));
            }
        }
    }
}

/* Strategies of Lambda and of eigenvalues, whole queries and cut ones, divided by norms
 * and not. */
static void test_vanishing__maps_have_no_share_and_are_named_once(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_fit_options fit;
    attrib_fit_options_default(&fit);
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, &fit, &factors, &err),
             &err);
    for (size_t i = 0; i < 4; i++) {
        attrib_run *run = NULL;
        attrib_score_options options;
        attrib_score_options_default(&options);
        options.settings[1] = (attrib_setting){ATTRIB_KFAC, 0.1, false, 0};
        options.n_settings = 2;
        options.top = 3;
        options.query_rank = i % 2 ? 4 : ATTRIB_RANK_FULL;
        options.normalize = i / 2 ? ATTRIB_NORMALIZE_UNIT : ATTRIB_NORMALIZE_NONE;
        f->n_named = 0;
        f->n_warnings = 0;
        check_ok(attrib_run_score(f->session,
                                  &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                      .model = f->model,
                                                      .factors = factors,
                                                      .corpus = f->corpus,
                                                      .queries = f->queries,
                                                      .options = &options},
                                  &run, &err),
                 &err);
        assert_int_equal(f->n_named, 2);
        assert_int_equal(f->n_warnings, 2);
        check_shares(run);
        attrib_run_close(run);
    }
    attrib_factors_close(factors);
}

/* Lambda in the weights' own basis, of factors fitted for it. */
static void test_vanishing__diagonal(void **state)
{
    fixture *f = *state;
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    attrib_run *run = NULL;
    attrib_fit_options fit;
    attrib_score_options options;
    attrib_fit_options_default(&fit);
    fit.strategy = ATTRIB_DIAGONAL;
    check_ok(attrib_factors_fit(f->session, f->model, f->corpus, &fit, &factors, &err),
             &err);
    attrib_score_options_default(&options);
    options.settings[0].strategy = ATTRIB_DIAGONAL;
    options.top = 3;
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .factors = factors,
                                                  .corpus = f->corpus,
                                                  .queries = f->queries,
                                                  .options = &options},
                              &run, &err),
             &err);
    check_shares(run);
    attrib_run_close(run);
    attrib_factors_close(factors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_vanishing__maps_have_no_share_and_are_named_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vanishing__diagonal, set_up, tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
