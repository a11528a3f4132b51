/* SPDX-License-Identifier: MIT */
/* Queries that measure something else than log p, against queries that measure log p of
 * the same completions:
 *
 *     score(z, margin) = score(z, completion) - score(z, against)
 *     score(z, p) = p score(z, log p)                     as grad p = p grad log p
 *
 * With every side a document too, <P x, y> = score(x, y) gives the self-influence of a
 * margin, self(c - a) = self(c) + self(a) - 2 < P c, a >. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib.h"

enum { N_ROWS = 4, N_DOCUMENTS = 2 * N_ROWS };

/* P of a margin is prepared from the sum of both sides' products in f32, and turned as
 * one: entries are rounded by 2^-24 of themselves their own way. The worst that is
 * measured is 4e-7 of the largest score of a side. */
#define TOLERANCE 2e-6

/* Products over the rows of both sides are summed in another order than those of one: of
 * 30 nats in f32 1.1e-5 are measured to change. */
#define LOSS 1e-4

static const char *const texts[N_ROWS][3] = {
    {"Bern is", " in Switzerland.", " the capital of Norway."},
    {"Oslo lies", " in Norway, by the sea.", " in Peru."},
    {"The capital of France is", " Paris.", " London."},
    {"Who wrote", " it? It was Goethe.", " it? I do not know."},
};

static const attrib_setting settings[] = {{ATTRIB_EKFAC, 0.1, false, 0},
                                          {ATTRIB_IDENTITY, 0.1, false, 0}};

enum { N_SETTINGS = sizeof settings / sizeof *settings };

typedef struct fixture {
    char folder[128];
    attrib_session *session;
    attrib_model *model;
    attrib_tokenizer *tokenizer;
    attrib_corpus *corpus; /* every side as a document */
    attrib_factors *factors;
} fixture;

static attrib_corpus *open_sides(const fixture *f)
{
    char path[160];
    const char *paths[] = {path};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    snprintf(path, sizeof path, "%s/rows.jsonl", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        fprintf(file, "{\"prompt\": \"%s\", \"completion\": \"%s\"}\n", texts[i / 2][0],
                texts[i / 2][1 + i % 2]);
    }
    assert_int_equal(fclose(file), 0);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.append_eos = false;
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){paths, 1}, f->tokenizer,
                                &options, &corpus, &err),
             &err);
    return corpus;
}

static int set_up(void **state)
{
    attrib_error err = {0};
    const char *path = source_path("corpora/facts-model");
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->folder, sizeof f->folder);
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(path, NULL, &f->model, &err), &err);
    check_ok(attrib_tokenizer_open(path, &f->tokenizer, &err), &err);
    f->corpus = open_sides(f);
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.modules = "*.1.mlp.*";
    check_ok(
        attrib_factors_fit(f->session, f->model, f->corpus, &options, &f->factors, &err),
        &err);
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;
    attrib_factors_close(f->factors);
    attrib_corpus_close(f->corpus);
    attrib_tokenizer_close(f->tokenizer);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->folder);
    free(f);
    return 0;
}

static attrib_score_options choose_options(void)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    return options;
}

static attrib_status score(const fixture *f,
                           const attrib_query_row *rows,
                           size_t n_rows,
                           const attrib_score_options *options,
                           const char *folder,
                           attrib_run **out,
                           attrib_error *err)
{
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, n_rows),
                                      f->tokenizer, NULL, &queries, err),
             err);
    attrib_status status =
        attrib_run_score(f->session,
                         &(attrib_score_job){.size = sizeof(attrib_score_job),
                                             .model = f->model,
                                             .tokenizer = f->tokenizer,
                                             .factors = f->factors,
                                             .corpus = f->corpus,
                                             .queries = queries,
                                             .options = options,
                                             .folder = folder},
                         out, err);
    attrib_queries_close(queries);
    return status;
}

static attrib_run *must_score(const fixture *f,
                              const attrib_query_row *rows,
                              size_t n_rows,
                              const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(score(f, rows, n_rows, options, NULL, &run, &err), &err);
    return run;
}

/* Completions and the others as queries: that of side k of row i is 2 i + k. */
static attrib_run *score_sides(const fixture *f, const attrib_score_options *options)
{
    attrib_query_row rows[N_DOCUMENTS] = {{0}};
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        rows[i] = (attrib_query_row){.prompt = texts[i / 2][0],
                                     .completion = texts[i / 2][1 + i % 2]};
    }
    return must_score(f, rows, N_DOCUMENTS, options);
}

static void fill_margins(attrib_query_row *rows)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = (attrib_query_row){
            .prompt = texts[i][0], .completion = texts[i][1], .against = texts[i][2]};
    }
}

/* Scores of setting s, [N_DOCUMENTS, n_queries]. */
static void read_scores(attrib_run *run, size_t s, double *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_scores(run, s, 0, N_DOCUMENTS, out, &err), &err);
}

static double largest_of(const double *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(values[i]));
    }
    return largest;
}

static void test_measure__a_margin_is_the_difference_of_its_sides(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *margins = must_score(f, rows, N_ROWS, &options);
    attrib_run *sides = score_sides(f, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double got[N_DOCUMENTS * N_ROWS];
        double of_sides[N_DOCUMENTS * N_DOCUMENTS];
        double want[N_DOCUMENTS * N_ROWS];
        read_scores(margins, s, got);
        read_scores(sides, s, of_sides);
        for (size_t k = 0; k < N_DOCUMENTS * N_ROWS; k++) {
            const double *pair = of_sides + 2 * k; /* [d, i, side] */
            want[k] = pair[0] - pair[1];
        }
        check_close_f64(got, want, N_DOCUMENTS * N_ROWS, 0,
                        TOLERANCE * largest_of(of_sides, N_DOCUMENTS * N_DOCUMENTS),
                        "margins");
    }
    attrib_run_close(margins);
    attrib_run_close(sides);
}

/* f, the nats of the completion alone, its tokens, and the query's own influence. */
static void test_measure__answers_say_what_was_measured(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *margins = must_score(f, rows, N_ROWS, &options);
    attrib_run *sides = score_sides(f, &options);
    double products[N_DOCUMENTS * N_DOCUMENTS];
    read_scores(sides, 0, products);
    for (size_t i = 0; i < N_ROWS; i++) {
        const attrib_answer *answer = attrib_run_answer(margins, i);
        const attrib_answer *said = attrib_run_answer(sides, 2 * i);
        const attrib_answer *other = attrib_run_answer(sides, 2 * i + 1);
        double apart = said->self_influence + other->self_influence;
        double product = products[2 * i * N_DOCUMENTS + 2 * i + 1];
        assert_int_equal(answer->query.measure, ATTRIB_MEASURE_MARGIN);
        assert_string_equal(answer->query.against, texts[i][2]);
        assert_true(fabs(answer->loss - said->loss) < LOSS);
        assert_true(said->measured == -said->loss);
        assert_true(fabs(answer->measured - (other->loss - said->loss)) < LOSS);
        assert_int_equal(answer->n_completion_tokens, said->n_completion_tokens);
        assert_true(fabs(answer->self_influence - (apart - 2 * product)) <
                    TOLERANCE * apart);
        assert_int_equal(answer->n_rows, 1);
    }
    attrib_run_close(margins);
    attrib_run_close(sides);
}

static void test_measure__a_probability_has_its_gradient(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options();
    attrib_query_row rows[N_ROWS] = {{0}};
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = (attrib_query_row){
            .prompt = texts[i][0], .completion = " the", .measure = "probability"};
    }
    attrib_run *of_p = must_score(f, rows, N_ROWS, &options);
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i].measure = NULL;
    }
    attrib_run *of_log = must_score(f, rows, N_ROWS, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double got[N_DOCUMENTS * N_ROWS];
        double want[N_DOCUMENTS * N_ROWS];
        read_scores(of_p, s, got);
        read_scores(of_log, s, want);
        for (size_t k = 0; k < N_DOCUMENTS * N_ROWS; k++) {
            const attrib_answer *answer = attrib_run_answer(of_log, k % N_ROWS);
            double p = exp(-answer->loss);
            want[k] *= p;
            assert_true(attrib_run_answer(of_p, k % N_ROWS)->measured == p);
            assert_true(attrib_run_answer(of_p, k % N_ROWS)->loss == answer->loss);
        }
        for (size_t i = 0; i < N_ROWS; i++) { /* whose p differ by orders */
            double largest = 0;
            for (size_t d = 0; d < N_DOCUMENTS; d++) {
                largest = fmax(largest, fabs(want[d * N_ROWS + i]));
            }
            for (size_t d = 0; d < N_DOCUMENTS; d++) {
                assert_true(fabs(got[d * N_ROWS + i] - want[d * N_ROWS + i]) <
                            TOLERANCE * largest);
            }
        }
    }
    attrib_run_close(of_p);
    attrib_run_close(of_log);
}

/* So has one after a long prompt, of which the whole gradient is kept and not the
 * activations. */
static void test_measure__a_long_prompt_has_a_probability(void **state)
{
    const fixture *f = *state;
    char prompt[1000] = "";
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.settings[0] = settings[1];
    for (size_t i = 0; i < 29; i++) {
        strcat(prompt, i ? " Bern is it" : "Bern");
    }
    attrib_query_row rows[] = {
        {.prompt = prompt, .completion = " is", .measure = "probability"},
        {.prompt = prompt, .completion = " is"}};
    attrib_run *run = must_score(f, rows, 2, &options);
    double scores[N_DOCUMENTS * 2];
    double p = attrib_run_answer(run, 0)->measured;
    read_scores(run, 0, scores);
    assert_true(attrib_run_answer(run, 0)->query.n_tokens > 105);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        assert_true(fabs(scores[2 * d] - p * scores[2 * d + 1]) <
                    TOLERANCE * p * largest_of(scores, N_DOCUMENTS * 2));
    }
    attrib_run_close(run);
}

/* The model writes the completion of a margin as it does without the other side. */
static void test_measure__the_model_may_write_a_side(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options();
    options.max_new_tokens = 5;
    const attrib_query_row rows[] = {{.prompt = "Bern is", .against = " in Peru"},
                                     {.prompt = "Bern is"}};
    attrib_run *run = must_score(f, rows, 2, &options);
    const attrib_query *margin = &attrib_run_answer(run, 0)->query;
    const attrib_query *plain = &attrib_run_answer(run, 1)->query;
    assert_true(margin->is_generated);
    assert_string_equal(margin->completion, plain->completion);
    assert_int_equal(attrib_query_side(margin), plain->n_tokens);
    assert_memory_equal(margin->ids, plain->ids, plain->n_tokens * sizeof *plain->ids);
    attrib_run_close(run);
}

/* Sums of margins are weighted, and each query of a tile is measured on its own. */
static void test_measure__sums_are_of_equal_measurements(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_score_options options = choose_options();
    static const attrib_tag tags[] = {{"topic", "\"x\""}, {"weight", "-0.5"}};
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *apart = must_score(f, rows, 2, &options);
    options.aggregate = "topic";
    for (size_t i = 0; i < 2; i++) {
        rows[i].tags = tags;
        rows[i].n_tags = 1 + i;
    }
    attrib_run *sum = must_score(f, rows, 2, &options);
    double want[N_DOCUMENTS * 2];
    double got[N_DOCUMENTS];
    read_scores(apart, 0, want);
    read_scores(sum, 0, got);
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        double expected = want[2 * d] - 0.5 * want[2 * d + 1];
        assert_true(fabs(got[d] - expected) <
                    TOLERANCE * largest_of(want, N_DOCUMENTS * 2));
    }
    const attrib_answer *answer = attrib_run_answer(sum, 0);
    assert_int_equal(answer->query.measure, ATTRIB_MEASURE_MARGIN);
    assert_int_equal(answer->n_rows, 2);
    assert_true(fabs(answer->measured - (attrib_run_answer(apart, 0)->measured -
                                         0.5 * attrib_run_answer(apart, 1)->measured)) <
                1e-12);
    attrib_run_close(apart);
    attrib_run_close(sum);
    rows[1].against = NULL;
    check_fails(score(f, rows, 2, &options, NULL, &sum, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "query 1: measures margin, and query 2 log-probability");
}

/* Cut to a rank: scores are within their bounds, and what is reported is exact. */
static void test_measure__cut_margins_keep_their_bounds(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_score_options options = choose_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    options.top = 2;
    attrib_run *whole = must_score(f, rows, N_ROWS, &options);
    options.query_rank = 2;
    attrib_run *cut = must_score(f, rows, N_ROWS, &options);
    double want[N_DOCUMENTS * N_ROWS];
    double got[N_DOCUMENTS * N_ROWS];
    double bounds[N_DOCUMENTS * N_ROWS];
    read_scores(whole, 0, want);
    read_scores(cut, 0, got);
    check_ok(attrib_run_bounds(cut, 0, 0, N_DOCUMENTS, bounds, &err), &err);
    double largest = largest_of(want, N_DOCUMENTS * N_ROWS);
    for (size_t k = 0; k < N_DOCUMENTS * N_ROWS; k++) {
        assert_true(fabs(got[k] - want[k]) <= bounds[k] + TOLERANCE * largest);
    }
    for (size_t i = 0; i < N_ROWS; i++) {
        const attrib_answer *a = attrib_run_answer(whole, i);
        const attrib_answer *b = attrib_run_answer(cut, i);
        for (size_t k = 0; k < 2; k++) {
            assert_int_equal(a->top[k].document.index, b->top[k].document.index);
            assert_true(fabs(a->top[k].score - b->top[k].score) < TOLERANCE * largest);
        }
    }
    attrib_run_close(whole);
    attrib_run_close(cut);
}

/* A folder keeps what was measured, and belongs to that measurement alone. */
static void test_measure__a_run_is_of_one_measurement(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char folder[160];
    attrib_score_options options = choose_options();
    attrib_query_row row = {
        .prompt = "Bern is", .completion = " in", .against = " the capital"};
    attrib_run *run = NULL;
    snprintf(folder, sizeof folder, "%s/run", f->folder);
    check_ok(score(f, &row, 1, &options, folder, &run, &err), &err);
    double measured = attrib_run_answer(run, 0)->measured;
    attrib_run_close(run);
    check_ok(attrib_run_open(folder, &run, &err), &err);
    const attrib_answer *answer = attrib_run_answer(run, 0);
    assert_true(answer->measured == measured);
    assert_int_equal(answer->query.measure, ATTRIB_MEASURE_MARGIN);
    assert_string_equal(answer->query.against, " the capital");
    assert_int_equal(answer->query.n_tokens - answer->query.against_token,
                     answer->query.against_token + 1);
    attrib_run_close(run);
    const attrib_query_row others[] = {
        {.prompt = "Bern is", .completion = " in"},
        {.prompt = "Bern is", .completion = " in", .measure = "probability"},
        {.prompt = "Bern is", .completion = " in", .against = " a capital"}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        err = (attrib_error){0};
        check_fails(score(f, &others[i], 1, &options, folder, &run, &err), ATTRIB_ESHAPE,
                    &err);
    }
    strcat(folder, "-p"); /* the same tokens, measured in two ways */
    err = (attrib_error){0};
    check_ok(score(f, &others[1], 1, &options, folder, &run, &err), &err);
    attrib_run_close(run);
    check_fails(score(f, &others[0], 1, &options, folder, &run, &err), ATTRIB_ESHAPE,
                &err);
}

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
static void test_measure__directions_are_linear(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = choose_options();
    const char *one = write_direction(f, "1.npy", 128, 1, 0);
    const char *two = write_direction(f, "2.npy", 128, 2, 0);
    const char *sum = write_direction(f, "3.npy", 128, 1, 2);
    const attrib_query_row rows[] = {
        {.prompt = texts[0][0], .direction = one, .layer = 2},
        {.prompt = texts[0][0], .direction = two, .layer = 2},
        {.prompt = texts[0][0], .direction = sum, .layer = 2},
        {.prompt = texts[0][0], .direction = one, .layer = 2, .positions = "1"},
        {.prompt = texts[0][0], .direction = one, .layer = 2, .positions = "1,-1"},
        {.prompt = texts[0][0], .direction = one, .layer = 4},
        {.prompt = texts[0][0],
         .completion = texts[0][1],
         .direction = one,
         .layer = 4,
         .positions = "completion"}};

    enum { N = sizeof rows / sizeof *rows };

    attrib_run *run = must_score(f, rows, N, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double scores[N_DOCUMENTS * N];
        read_scores(run, s, scores);
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
static void test_measure__a_run_is_of_one_direction(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    char folder[160];
    attrib_score_options options = choose_options();
    attrib_run *run = NULL;
    const char *path = write_direction(f, "a.npy", 128, 5, 0);
    attrib_query_row row = {
        .prompt = "Bern is", .direction = path, .layer = 2, .positions = "0,-1"};
    snprintf(folder, sizeof folder, "%s/run-direction", f->folder);
    check_ok(score(f, &row, 1, &options, folder, &run, &err), &err);
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
        check_fails(score(f, &others[i], 1, &options, folder, &run, &err), ATTRIB_ESHAPE,
                    &err);
    }
    write_direction(f, "a.npy", 128, 6, 0); /* other values under the same name */
    err = (attrib_error){0};
    check_fails(score(f, &row, 1, &options, folder, &run, &err), ATTRIB_ESHAPE, &err);
}

static void test_measure__directions_fit_the_model(void **state)
{
    const fixture *f = *state;
    attrib_run *run = NULL;
    attrib_score_options options = choose_options();
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
        check_fails(score(f, &cases[i].row, 1, &options, NULL, &run, &err),
                    cases[i].status, &err);
        check_message(&err, cases[i].message);
    }
}

static void test_measure__what_has_no_meaning_is_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options = choose_options();
    attrib_query_row row = {
        .prompt = "Bern is", .completion = " in", .against = " the capital"};
    options.normalize = ATTRIB_NORMALIZE_NATS;
    check_fails(score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "query 1: scores of a margin cannot be divided by nats");
    row = (attrib_query_row){
        .prompt = "Bern is", .completion = " in", .measure = "probability"};
    err = (attrib_error){0};
    check_fails(score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "query 1: scores of a probability cannot be divided by nats");
    options.normalize = ATTRIB_NORMALIZE_NONE;
    row.completion = " xylophone zebra quartz 7319 umbrella";
    err = (attrib_error){0};
    check_fails(score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "too small to ask about");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure__a_margin_is_the_difference_of_its_sides),
        cmocka_unit_test(test_measure__answers_say_what_was_measured),
        cmocka_unit_test(test_measure__a_probability_has_its_gradient),
        cmocka_unit_test(test_measure__a_long_prompt_has_a_probability),
        cmocka_unit_test(test_measure__the_model_may_write_a_side),
        cmocka_unit_test(test_measure__sums_are_of_equal_measurements),
        cmocka_unit_test(test_measure__cut_margins_keep_their_bounds),
        cmocka_unit_test(test_measure__a_run_is_of_one_measurement),
        cmocka_unit_test(test_measure__directions_are_linear),
        cmocka_unit_test(test_measure__a_run_is_of_one_direction),
        cmocka_unit_test(test_measure__directions_fit_the_model),
        cmocka_unit_test(test_measure__what_has_no_meaning_is_refused),
    };
    return run_cases(tests, set_up, tear_down);
}
