/* SPDX-License-Identifier: MIT */
/* What reported documents are made of is read back, of one answer at a time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/run.h"
#include "support/check.h"

enum { N_ANSWERS = 3, N_TOP = 2, N_RESULTS = 3, N_MAPS = 2, MAX_TOKENS = 700 };

static char folder[256], path[300];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/%s", folder, AT_RUN_EXPLAINED);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* 1. A run whose documents are made up */

typedef struct sample {
    attrib_answer answers[N_ANSWERS];
    attrib_result results[N_ANSWERS][N_RESULTS];
    attrib_token_score tokens[N_ANSWERS][N_RESULTS][MAX_TOKENS];
    attrib_module_score modules[N_ANSWERS][N_RESULTS][N_MAPS];
    char words[MAX_TOKENS][8];
} sample;

static size_t n_tokens_of(size_t a, size_t i)
{
    return a == 0 && i == 0 ? MAX_TOKENS : a + 2 * i;
}

static double share_of(size_t a, size_t i, size_t t)
{
    return 1.0 / 3 + (double)(a * 100 + i * 10 + t);
}

/* Tokens of more kinds than the table of pieces begins with slots for; two of the same id
 * with other bytes, of which one is 0; two that differ only in that one is special. */
static void make_tokens(sample *s, size_t a, size_t i)
{
    for (size_t t = 0; t < n_tokens_of(a, i); t++) {
        s->tokens[a][i][t] =
            (attrib_token_score){s->words[t], strlen(s->words[t]), (int32_t)(t % 350),
                                 t == 1, share_of(a, i, t)};
    }
    if (n_tokens_of(a, i) == MAX_TOKENS) {
        s->tokens[a][i][351].text = s->words[1];
        s->tokens[a][i][351].n_bytes = strlen(s->words[1]);
    }
    if (n_tokens_of(a, i) > 2) {
        s->tokens[a][i][2].text = "a\0b";
        s->tokens[a][i][2].n_bytes = 3;
    }
}

static void make_result(sample *s, size_t a, size_t i)
{
    make_tokens(s, a, i);
    for (size_t m = 0; m < N_MAPS; m++) {
        s->modules[a][i][m] =
            (attrib_module_score){m ? "up" : "down", -share_of(a, i, m)};
    }
    s->results[a][i] =
        (attrib_result){.rank = i + 1,
                        .score = 4 - (double)i,
                        .document = {.index = i,
                                     .id = "d",
                                     .source = "s",
                                     .n_tokens = n_tokens_of(a, i),
                                     .hash = "0123456789abcdef0123456789abcdef"},
                        .tokens = s->tokens[a][i],
                        .n_tokens = n_tokens_of(a, i),
                        .modules = s->modules[a][i],
                        .n_modules = a == 2 && i == 2 ? 0 : N_MAPS};
    if (i != 1) { /* the other one came as tokens */
        s->results[a][i].document.text = s->words[a];
        s->results[a][i].document.n_text_bytes = strlen(s->words[a]);
    }
}

static sample *make_sample(void)
{
    static const int32_t ids[] = {1, 2};
    static const uint8_t mask[] = {0, 1};
    sample *s = calloc(1, sizeof *s);
    assert_non_null(s);
    for (size_t t = 0; t < MAX_TOKENS; t++) {
        snprintf(s->words[t], sizeof s->words[t], "w%zu", t);
    }
    for (size_t a = 0; a < N_ANSWERS; a++) {
        for (size_t i = 0; i < N_RESULTS; i++) {
            make_result(s, a, i);
        }
        s->answers[a] =
            (attrib_answer){.query = {.id = "q", .ids = ids, .mask = mask, .n_tokens = 2},
                            .loss = 1,
                            .top = s->results[a],
                            .n_top = N_TOP,
                            .bottom = s->results[a] + N_TOP,
                            .n_bottom = N_RESULTS - N_TOP};
    }
    return s;
}

static attrib_status write_sample(sample *s, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run run = {.info = {.n_queries = N_ANSWERS,
                               .n_documents = 3,
                               .n_modules = N_MAPS,
                               .n_answers = N_ANSWERS,
                               .n_planes = 1,
                               .model_hash = "",
                               .corpus_hash = "",
                               .factors_hash = "",
                               .corpus_date = "",
                               .kernels = "",
                               .command = "",
                               .folder = folder},
                      .answers = s->answers,
                      .n_tile = N_ANSWERS};
    attrib_score_options_default(&run.options);
    at_hash_bytes("run", 3, run.identity);
    AT_TRY(at_answers_write(&run, err));
    AT_TRY(at_run_manifest_write(&run, err));
done:
    return status;
}

static attrib_run *open_sample(const sample *s)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(write_sample((sample *)(uintptr_t)s, &err), &err);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    return run;
}

/* 2. Reading it */

static const attrib_result *result_of(const attrib_run *run, size_t a, size_t i)
{
    const attrib_answer *answer = attrib_run_answer(run, a);
    return i < N_TOP ? &answer->top[i] : &answer->bottom[i - N_TOP];
}

static void check_loaded(const attrib_result *got, const attrib_result *want)
{
    assert_int_equal(got->n_tokens, want->n_tokens);
    for (size_t t = 0; t < want->n_tokens; t++) {
        const attrib_token_score *a = &got->tokens[t];
        const attrib_token_score *b = &want->tokens[t];
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->text, b->text, b->n_bytes);
        assert_int_equal(a->text[b->n_bytes], 0);
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->is_special, b->is_special);
        assert_true(a->score == b->score);
    }
    assert_int_equal(got->n_modules, want->n_modules);
    for (size_t m = 0; m < want->n_modules; m++) {
        assert_string_equal(got->modules[m].name, want->modules[m].name);
        assert_true(got->modules[m].score == want->modules[m].score);
    }
    if (want->document.text) {
        assert_string_equal(got->document.text, want->document.text);
    } else {
        assert_null(got->document.text);
    }
}

static void check_unloaded(const attrib_result *got)
{
    assert_null(got->document.text);
    assert_null(got->tokens);
    assert_null(got->modules);
    assert_int_equal(got->n_tokens + got->n_modules, 0);
}

static void test_explained__of_one_answer_at_a_time(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    attrib_run *run = open_sample(s);
    (void)state;
    for (size_t k = 0; k < 2 * N_ANSWERS; k++) {
        for (size_t a = 0; a < N_ANSWERS; a++) {
            for (size_t i = 0; i < N_RESULTS; i++) {
                const attrib_result *got = result_of(run, a, i);
                assert_int_equal(got->document.n_tokens, n_tokens_of(a, i));
                assert_int_equal(got->document.n_text_bytes,
                                 s->results[a][i].document.n_text_bytes);
                if (k > 0 && a == (k - 1) % N_ANSWERS) {
                    check_loaded(got, &s->results[a][i]);
                } else {
                    check_unloaded(got);
                }
            }
        }
        check_ok(attrib_run_load(run, k % N_ANSWERS, &err), &err);
    }
    check_fails(attrib_run_load(run, N_ANSWERS, &err), ATTRIB_ERANGE, &err);
    attrib_run_close(run);
    free(s);
}

static void test_explained__of_one_document(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    attrib_run *run = open_sample(s);
    (void)state;
    check_ok(attrib_run_load(run, 0, &err), &err);
    for (size_t i = 0; i < N_RESULTS; i++) {
        const attrib_result *one = result_of(run, 1, i);
        check_ok(attrib_run_load_result(run, 1, one, &err), &err);
        check_loaded(one, &s->results[1][i]);
        check_unloaded(result_of(run, 0, i));
        check_unloaded(result_of(run, 1, (i + 1) % N_RESULTS));
    }
    check_fails(attrib_run_load_result(run, 0, result_of(run, 1, 0), &err), ATTRIB_EINVAL,
                &err);
    attrib_run_close(run);
    free(s);
}

/* 3. Damage */

/* Change a byte of the file, or cut the last one off. */
static void damage(bool is_cut)
{
    attrib_error err = {0};
    at_map map = {0};
    check_ok(at_map_open(path, &map, &err), &err);
    size_t n = map.n_bytes;
    at_map_close(&map);
    if (is_cut) {
        assert_int_equal(truncate(path, (off_t)(n - 1)), 0);
        return;
    }
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, (long)n - 1, SEEK_SET), 0);
    assert_int_equal(fputc(7, file), 7);
    assert_int_equal(fclose(file), 0);
}

static void test_explained__a_changed_document_is_refused_alone(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    (void)state;
    s->answers[N_ANSWERS - 1].n_bottom = 0; /* whose modules end the file */
    attrib_run *run = open_sample(s);
    attrib_run_close(run);
    damage(false);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    check_ok(attrib_run_load(run, 0, &err), &err);
    check_fails(attrib_run_load(run, N_ANSWERS - 1, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, path);
    check_message(&err, "do not have their hash");
    check_unloaded(result_of(run, N_ANSWERS - 1, 0));
    attrib_run_close(run);
    free(s);
}

static void test_explained__a_file_cut_short_is_refused(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    attrib_run *run = open_sample(s);
    (void)state;
    attrib_run_close(run);
    run = NULL;
    damage(true);
    check_fails(attrib_run_open(folder, &run, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "cut short");
    free(s);
}

/* What has its hash and cannot be is refused all the same. */
static void test_explained__what_cannot_be_is_refused(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    (void)state;
    s->tokens[1][2][0].score = (double)NAN;
    attrib_run *run = open_sample(s);
    check_fails(attrib_run_load(run, 1, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "not finite");
    err = (attrib_error){0};
    run->explained->n_pieces = 2;
    check_fails(attrib_run_load(run, 2, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "list of pieces");
    attrib_run_close(run);
    free(s);
}

static void test_explained__documents_have_the_same_modules(void **state)
{
    attrib_error err = {0};
    sample *s = make_sample();
    (void)state;
    s->modules[1][1][1].name = "other";
    check_fails(write_sample(s, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "other modules");
    assert_false(at_is_there(path));
    free(s);
}

#define with_folder(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_folder(test_explained__of_one_answer_at_a_time),
        with_folder(test_explained__of_one_document),
        with_folder(test_explained__a_changed_document_is_refused_alone),
        with_folder(test_explained__a_file_cut_short_is_refused),
        with_folder(test_explained__what_cannot_be_is_refused),
        with_folder(test_explained__documents_have_the_same_modules),
    };
    return run_cases(tests, NULL, NULL);
}
