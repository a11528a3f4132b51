/* SPDX-License-Identifier: MIT */
/* Queries that measure a hidden state along a direction: their scores are linear in it.
 */
#include "measure_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* A .npy file of f32 whose values are drawn by a number, or their sum with those of
 * another; its path. */
static const char *write_direction(
    const fixture *f, const char *name, size_t n, uint32_t seed, uint32_t other)
{
    static char paths[4][192];
    static size_t i_path;
    char *path = paths[i_path++ % 4];
    unsigned char bytes[128 + 4 * 256] = "\x93NUMPY\x01";
    float values[256];
    assert_true(n <= 256);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        other = other * 1664525U + (other ? 1013904223U : 0);
        values[i] =
            (float)(seed >> 24) / 128 - 1 + (other ? (float)(other >> 24) / 128 - 1 : 0);
    }
    int n_header =
        snprintf((char *)bytes + 10, 100,
                 "{'descr': '<f4', 'fortran_order': False, 'shape': (%zu,), }", n);
    bytes[8] = (unsigned char)n_header;
    memcpy(bytes + 10 + n_header, values, n * sizeof *values);
    snprintf(path, sizeof paths[0], "%s/%s", f->folder, name);
    write_file(path, (const char *)bytes, 10 + (size_t)n_header + n * sizeof *values);
    return path;
}

/* Gradients are linear in the direction, and the mean over positions is one. */
static void test_direction__directions_are_linear(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = measure_options();
    const char *one = write_direction(f, "1.npy", 128, 1, 0);
    const char *two = write_direction(f, "2.npy", 128, 2, 0);
    const char *sum = write_direction(f, "3.npy", 128, 1, 2);
    const attrib_query_row rows[] = {
        {.prompt = side_texts[0][0], .direction = one, .layer = 2},
        {.prompt = side_texts[0][0], .direction = two, .layer = 2},
        {.prompt = side_texts[0][0], .direction = sum, .layer = 2},
        {.prompt = side_texts[0][0], .direction = one, .layer = 2, .positions = "1"},
        {.prompt = side_texts[0][0], .direction = one, .layer = 2, .positions = "1,-1"},
        {.prompt = side_texts[0][0], .direction = one, .layer = 4},
        {.prompt = side_texts[0][0],
         .completion = side_texts[0][1],
         .direction = one,
         .layer = 4,
         .positions = "completion"}};

    enum { N = sizeof rows / sizeof *rows };

    attrib_run *run = measure_must_score(f, rows, N, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double scores[N_DOCUMENTS * N];
        measure_read(run, s, scores);
        double limit = TOLERANCE * largest_of(scores, N_DOCUMENTS * N);
        for (size_t d = 0; d < N_DOCUMENTS; d++) {
            const double *of = scores + d * N;
            assert_true(fabs(of[0] + of[1] - of[2]) < limit);
            assert_true(fabs((of[0] + of[3]) / 2 - of[4]) < limit);
            assert_true(fabs(of[0] - of[5]) > limit);
        }
    }
    double f_of[N];
    for (size_t i = 0; i < N; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        assert_int_equal(answer->query.measure, ATTRIB_MEASURE_DIRECTION);
        assert_true(answer->loss == 0);
        assert_false(answer->query.is_generated);
        f_of[i] = answer->measured;
    }
    assert_true(fabs(f_of[0] + f_of[1] - f_of[2]) < 1e-4);
    assert_true(fabs((f_of[0] + f_of[3]) / 2 - f_of[4]) < 1e-4);
    attrib_run_close(run);
}

/* A folder knows the direction, its layer and its positions, and what was said of the
 * tokens; each of them is a run of its own. */
static void test_direction__a_run_is_of_one_direction(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char folder[160];
    attrib_score_options options = measure_options();
    attrib_run *run = NULL;
    const char *path = write_direction(f, "a.npy", 128, 5, 0);
    attrib_query_row row = {
        .prompt = "Bern is", .direction = path, .layer = 2, .positions = "0,-1"};
    snprintf(folder, sizeof folder, "%s/run-direction", f->folder);
    check_ok(measure_score(f, &row, 1, &options, folder, &run, &err), &err);
    double measured = attrib_run_answer(run, 0)->measured;
    attrib_run_close(run);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    const attrib_answer *answer = attrib_run_answer(run, 0);
    const attrib_direction *direction = answer->query.direction;
    assert_true(answer->measured == measured);
    assert_non_null(direction);
    assert_string_equal(direction->path, path);
    assert_int_equal(direction->layer, 2);
    assert_int_equal(direction->n_values, 128);
    for (size_t t = 0; t < answer->query.n_tokens; t++) {
        assert_int_equal(direction->positions[t],
                         t == 0 || t + 1 == answer->query.n_tokens);
    }
    attrib_run_close(run);
    const attrib_query_row others[] = {
        {.prompt = "Bern is", .direction = path, .layer = 3, .positions = "0,-1"},
        {.prompt = "Bern is", .direction = path, .layer = 2, .positions = "0,1"}};
    for (size_t i = 0; i < 2; i++) {
        err = (attrib_error){0};
        check_fails(measure_score(f, &others[i], 1, &options, folder, &run, &err),
                    ATTRIB_ESHAPE, &err);
    }
    write_direction(f, "a.npy", 128, 6, 0); /* other values under the same name */
    err = (attrib_error){0};
    check_fails(measure_score(f, &row, 1, &options, folder, &run, &err), ATTRIB_ESHAPE,
                &err);
}

static void test_direction__directions_fit_the_model(void **state)
{
    const fixture *f = *state;
    attrib_run *run = NULL;
    attrib_score_options options = measure_options();
    const char *fits = write_direction(f, "b.npy", 128, 5, 0);
    const char *narrow = write_direction(f, "c.npy", 64, 5, 0);

    const struct {
        attrib_query_row row;
        attrib_status status;
        const char *message;
    } cases[] = {
        {{.prompt = "Bern", .direction = narrow, .layer = 2},
         ATTRIB_ESHAPE,
         "c.npy has 64 values, the model's hidden states 128"},
        {{.prompt = "Bern", .direction = fits, .layer = 5},
         ATTRIB_ERANGE,
         "query 1: layer 5, the model has 4"},
        /* The factors are of layer 1, counted from 0. */
        {{.prompt = "Bern", .direction = fits, .layer = 1},
         ATTRIB_EINVAL,
         "query 1: layer 1: no map that counts has a part in what is there"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        check_fails(measure_score(f, &cases[i].row, 1, &options, NULL, &run, &err),
                    cases[i].status, &err);
        check_message(&err, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direction__directions_are_linear),
        cmocka_unit_test(test_direction__a_run_is_of_one_direction),
        cmocka_unit_test(test_direction__directions_fit_the_model),
    };
    return run_cases(tests, measure_set_up, measure_tear_down);
}
