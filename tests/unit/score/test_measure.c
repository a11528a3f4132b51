/* SPDX-License-Identifier: MIT */
/* Queries that measure something else than log p, against queries that measure log p of
 * the same completions:
 *
 *     measure_score(z, margin) = measure_score(z, completion) - measure_score(z, against)
 *     measure_score(z, p) = p measure_score(z, log p)                     as grad p = p
 * grad log p
 *
 * With every side a document too, <P x, y> = measure_score(x, y) gives the self-influence
 * of a margin, self(c - a) = self(c) + self(a) - 2 < P c, a >. */
#include "measure_fixture.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Products over the rows of both sides are summed in another order than those of one: of
 * 30 nats in f32 1.1e-5 are measured to change. */
#define LOSS 1e-4

/* Completions and the others as queries: that of side k of row i is 2 i + k. */
static attrib_run *score_sides(const fixture *f, const attrib_score_options *options)
{
    attrib_query_row rows[N_DOCUMENTS] = {{0}};
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        rows[i] = (attrib_query_row){.prompt = side_texts[i / 2][0],
                                     .completion = side_texts[i / 2][1 + i % 2]};
    }
    return measure_must_score(f, rows, N_DOCUMENTS, options);
}

static void fill_margins(attrib_query_row *rows)
{
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = (attrib_query_row){.prompt = side_texts[i][0],
                                     .completion = side_texts[i][1],
                                     .against = side_texts[i][2]};
    }
}

static void test_measure__a_margin_is_the_difference_of_its_sides(void **state)
{
    const fixture *f = *state;
    attrib_score_options options = measure_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *margins = measure_must_score(f, rows, N_ROWS, &options);
    attrib_run *sides = score_sides(f, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double got[N_DOCUMENTS * N_ROWS];
        double of_sides[N_DOCUMENTS * N_DOCUMENTS];
        double want[N_DOCUMENTS * N_ROWS];
        measure_read(margins, s, got);
        measure_read(sides, s, of_sides);
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
    attrib_score_options options = measure_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *margins = measure_must_score(f, rows, N_ROWS, &options);
    attrib_run *sides = score_sides(f, &options);
    double products[N_DOCUMENTS * N_DOCUMENTS];
    measure_read(sides, 0, products);
    for (size_t i = 0; i < N_ROWS; i++) {
        const attrib_answer *answer = attrib_run_answer(margins, i);
        const attrib_answer *said = attrib_run_answer(sides, 2 * i);
        const attrib_answer *other = attrib_run_answer(sides, 2 * i + 1);
        double apart = said->self_influence + other->self_influence;
        double product = products[2 * i * N_DOCUMENTS + 2 * i + 1];
        assert_int_equal(answer->query.measure, ATTRIB_MEASURE_MARGIN);
        assert_string_equal(answer->query.against, side_texts[i][2]);
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
    attrib_score_options options = measure_options();
    attrib_query_row rows[N_ROWS] = {{0}};
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i] = (attrib_query_row){
            .prompt = side_texts[i][0], .completion = " the", .measure = "probability"};
    }
    attrib_run *of_p = measure_must_score(f, rows, N_ROWS, &options);
    for (size_t i = 0; i < N_ROWS; i++) {
        rows[i].measure = NULL;
    }
    attrib_run *of_log = measure_must_score(f, rows, N_ROWS, &options);
    for (size_t s = 0; s < N_SETTINGS; s++) {
        double got[N_DOCUMENTS * N_ROWS];
        double want[N_DOCUMENTS * N_ROWS];
        measure_read(of_p, s, got);
        measure_read(of_log, s, want);
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
    options.settings[0] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    for (size_t i = 0; i < 29; i++) {
        strcat(prompt, i ? " Bern is it" : "Bern");
    }
    attrib_query_row rows[] = {
        {.prompt = prompt, .completion = " is", .measure = "probability"},
        {.prompt = prompt, .completion = " is"}};
    attrib_run *run = measure_must_score(f, rows, 2, &options);
    double scores[N_DOCUMENTS * 2];
    double p = attrib_run_answer(run, 0)->measured;
    measure_read(run, 0, scores);
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
    attrib_score_options options = measure_options();
    options.max_new_tokens = 5;
    const attrib_query_row rows[] = {{.prompt = "Bern is", .against = " in Peru"},
                                     {.prompt = "Bern is"}};
    attrib_run *run = measure_must_score(f, rows, 2, &options);
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
    attrib_score_options options = measure_options();
    static const attrib_tag tags[] = {{"topic", "\"x\""}, {"weight", "-0.5"}};
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    attrib_run *apart = measure_must_score(f, rows, 2, &options);
    options.aggregate = "topic";
    for (size_t i = 0; i < 2; i++) {
        rows[i].tags = tags;
        rows[i].n_tags = 1 + i;
    }
    attrib_run *sum = measure_must_score(f, rows, 2, &options);
    double want[N_DOCUMENTS * 2];
    double got[N_DOCUMENTS];
    measure_read(apart, 0, want);
    measure_read(sum, 0, got);
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
    check_fails(measure_score(f, rows, 2, &options, NULL, &sum, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "query 1: measures margin, and query 2 log-probability");
}

/* Cut to a rank: scores are within their bounds, and what is reported is exact. */
static void test_measure__cut_margins_keep_their_bounds(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_score_options options = measure_options();
    attrib_query_row rows[N_ROWS];
    fill_margins(rows);
    options.top = 2;
    attrib_run *whole = measure_must_score(f, rows, N_ROWS, &options);
    options.query_rank = 2;
    attrib_run *cut = measure_must_score(f, rows, N_ROWS, &options);
    double want[N_DOCUMENTS * N_ROWS];
    double got[N_DOCUMENTS * N_ROWS];
    double bounds[N_DOCUMENTS * N_ROWS];
    measure_read(whole, 0, want);
    measure_read(cut, 0, got);
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
    attrib_score_options options = measure_options();
    attrib_query_row row = {
        .prompt = "Bern is", .completion = " in", .against = " the capital"};
    attrib_run *run = NULL;
    snprintf(folder, sizeof folder, "%s/run", f->folder);
    check_ok(measure_score(f, &row, 1, &options, folder, &run, &err), &err);
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
        check_fails(measure_score(f, &others[i], 1, &options, folder, &run, &err),
                    ATTRIB_ESHAPE, &err);
    }
    strcat(folder, "-p"); /* the same tokens, measured in two ways */
    err = (attrib_error){0};
    check_ok(measure_score(f, &others[1], 1, &options, folder, &run, &err), &err);
    attrib_run_close(run);
    check_fails(measure_score(f, &others[0], 1, &options, folder, &run, &err),
                ATTRIB_ESHAPE, &err);
}

static void test_measure__what_has_no_meaning_is_refused(void **state)
{
    const fixture *f = *state;
    attrib_error err = {0};
    attrib_run *run = NULL;
    attrib_score_options options = measure_options();
    attrib_query_row row = {
        .prompt = "Bern is", .completion = " in", .against = " the capital"};
    options.normalize = ATTRIB_NORMALIZE_NATS;
    check_fails(measure_score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "query 1: scores of a margin cannot be divided by nats");
    row = (attrib_query_row){
        .prompt = "Bern is", .completion = " in", .measure = "probability"};
    err = (attrib_error){0};
    check_fails(measure_score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "query 1: scores of a probability cannot be divided by nats");
    options.normalize = ATTRIB_NORMALIZE_NONE;
    row.completion = " xylophone zebra quartz 7319 umbrella";
    err = (attrib_error){0};
    check_fails(measure_score(f, &row, 1, &options, NULL, &run, &err), ATTRIB_ERANGE,
                &err);
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
        cmocka_unit_test(test_measure__what_has_no_meaning_is_refused),
    };
    return run_cases(tests, measure_set_up, measure_tear_down);
}
