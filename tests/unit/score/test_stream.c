/* SPDX-License-Identifier: MIT */
/* Scores as they are compared, and sums of blocks as they are added to slices, against
 * numbers that are made up by a formula (support/made_run.h). */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>

#include "score/stream.h"
#include "score/taps.h"
#include "support/made_run.h"

/* Queries of a tile of which `prepared` holds the last n. */
typedef struct scene {
    made_run *made;
    at_prepared prepared;
    double losses[MADE_TILE];
    double self[MADE_SETTINGS * MADE_TILE];
} scene;

static at_stream set_scene(
    scene *s, attrib_normalize how, bool is_cut, size_t i_tile, size_t n)
{
    const attrib_score_options options = {.with_self = how == ATTRIB_NORMALIZE_UNIT,
                                          .split = ATTRIB_SPLIT_LAYER,
                                          .normalize = how};
    s->made = make_run(&options, is_cut);
    at_tile tile = at_run_tile(&s->made->run, i_tile);
    size_t first = tile.first + tile.n - n;
    s->prepared = (at_prepared){.tile = {first, n},
                                .n_cases = MADE_SETTINGS * n,
                                .losses = s->losses,
                                .self = s->self};
    for (size_t v = 0; v < s->prepared.n_cases; v++) {
        /* A loss does not depend on the setting. */
        s->losses[v % n] = made_loss(0, first + v % n);
        s->self[v] = made_query_self(v / n, first + v % n);
    }
    return (at_stream){.prepared = &s->prepared, .run = &s->made->run, .i_tile = i_tile};
}

/* 1. Streams */

static double factor(const at_stream *stream, size_t d, size_t v)
{
    size_t s = v / stream->prepared->tile.n;
    size_t q = stream->prepared->tile.first + v % stream->prepared->tile.n;
    switch (stream->run->options.normalize) {
    case ATTRIB_NORMALIZE_NONE:
        break;
    case ATTRIB_NORMALIZE_NATS:
        return 1 / made_loss(0, q);
    case ATTRIB_NORMALIZE_UNIT:
        return made_self(d, s) > 0 ? 1 / sqrt(made_query_self(s, q) * made_self(d, s))
                                   : 0;
    }
    return 1;
}

/* What is to come next. */
typedef struct watch {
    const at_stream *stream;
    size_t n;
    attrib_status status; /* of every visit */
} watch;

static attrib_status visit(void *context,
                           size_t i_case,
                           size_t document,
                           double score,
                           double bound,
                           attrib_error *err)
{
    watch *w = context;
    const at_prepared *prepared = w->stream->prepared;
    size_t s = i_case / prepared->tile.n;
    size_t q = prepared->tile.first + i_case % prepared->tile.n;
    double sum = 0;
    double bounds = 0;
    assert_int_equal(document, w->n / prepared->n_cases);
    assert_int_equal(i_case, w->n % prepared->n_cases);
    w->n++;
    for (size_t g = 0; g < MADE_GROUPS; g++) {
        sum += made_score(document, g, s, q);
        bounds += made_bound(document, g, s, q);
    }
    double times = factor(w->stream, document, i_case);
    assert_true(score == times * sum);
    assert_true(bound == (w->stream->run->info.query_rank ? times * bounds : 0));
    return w->status == ATTRIB_OK ? ATTRIB_OK : at_fail(err, w->status, "enough");
}

/* All queries of a tile and some of them, cut and whole, divided in every way. */
static void test_stream__visits_all_documents_of_each_case_in_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < 3 * 2 * 3; i++) {
        scene s;
        attrib_error err = {0};
        size_t i_tile = i % 3;
        at_stream stream = set_scene(&s, (attrib_normalize)(i / 6), i / 3 % 2, i_tile,
                                     i_tile == 0   ? 3
                                     : i_tile == 1 ? 2
                                                   : 1);
        watch w = {.stream = &stream};
        check_ok(at_stream_visit(&stream, visit, &w, &err), &err);
        assert_int_equal(w.n, MADE_DOCUMENTS * s.prepared.n_cases);
        free_made_run(s.made);
    }
}

static void test_stream__scale_is_that_of_the_visit(void **state)
{
    (void)state;
    static const size_t documents[] = {0, 2, 511, 512, MADE_DOCUMENTS - 1};
    for (size_t how = 0; how < 3; how++) {
        scene s;
        attrib_error err = {0};
        at_stream stream = set_scene(&s, (attrib_normalize)how, false, 1, 2);
        for (size_t k = 0; k < 5 * 4; k++) {
            double scale = -1;
            check_ok(at_stream_scale(&stream, k % 4, documents[k / 4], &scale, &err),
                     &err);
            assert_true(scale == factor(&stream, documents[k / 4], k % 4));
        }
        free_made_run(s.made);
    }
}

static void test_stream__a_visit_that_fails_ends_it(void **state)
{
    (void)state;
    scene s;
    attrib_error err = {0};
    at_stream stream = set_scene(&s, ATTRIB_NORMALIZE_NONE, false, 0, 3);
    watch w = {.stream = &stream, .status = ATTRIB_ECANCELED};
    check_fails(at_stream_visit(&stream, visit, &w, &err), ATTRIB_ECANCELED, &err);
    assert_int_equal(w.n, 1);
    free_made_run(s.made);
}

static attrib_status ignore(void *context,
                            size_t i_case,
                            size_t document,
                            double score,
                            double bound,
                            attrib_error *err)
{
    (void)context;
    (void)i_case;
    (void)document;
    (void)score;
    (void)bound;
    (void)err;
    return ATTRIB_OK;
}

/* Put a number that cannot be ordered at document 600, setting 1, query 4: column 4 of 6
 * in tile 1. */
static void check_stopped(at_array_kind kind, double number)
{
    scene s;
    attrib_error err = {0};
    at_stream stream = set_scene(&s, ATTRIB_NORMALIZE_NONE, true, 1, 2);
    const at_slice *slice = NULL;
    check_ok(at_run_slice(stream.run, 1, 1, &slice, &err), &err);
    double *numbers = slice->arrays[kind];
    numbers[((600 - 512) * MADE_GROUPS + 2) * slice->counts.n_cases + 4] = number;
    check_fails(at_stream_visit(&stream, ignore, NULL, &err), ATTRIB_ENUMERIC, &err);
    check_message(&err, "document 600: its score against query 4 is");
    free_made_run(s.made);
}

static void test_stream__numbers_that_cannot_be_ordered_stop_it(void **state)
{
    (void)state;
    check_stopped(AT_SCORES, (double)NAN);
    check_stopped(AT_SCORES, HUGE_VAL);
    check_stopped(AT_BOUNDS, (double)NAN);
    check_stopped(AT_BOUNDS, -1000);
}

/* 2. Sums */

/* Sequences of documents 513, 513, 515 and 551, the slice's last, which already have what
 * the formula gave them. */
static const attrib_sequence sequences[] = {
    {.document = 513}, {.document = 513}, {.document = 515}, {.document = 551}};

static void check_sums(at_array_kind kind, size_t i_tile, size_t n_columns)
{
    scene s;
    attrib_error err = {0};
    set_scene(&s, ATTRIB_NORMALIZE_UNIT, true, i_tile, 1);
    at_slice *slice = &s.made->run.held[i_tile * 3 + 1];
    size_t n = slice->counts.n_documents * n_columns;
    double *before = malloc(n * sizeof *before);
    double *from = malloc(4 * n_columns * sizeof *from);
    assert_true(before && from);
    double *numbers = slice->arrays[kind];
    for (size_t k = 0; k < n; k++) {
        before[k] = numbers[k];
    }
    for (size_t k = 0; k < 4 * n_columns; k++) {
        from[k] = (double)(1000 + k);
    }
    const attrib_block block = {.n_sequences = 4, .sequences = sequences};
    check_ok(at_add_sums(&block, from, kind, slice, &err), &err);
    for (size_t k = 0; k < n; k++) {
        for (size_t i = 0; i < 4; i++) {
            if (sequences[i].document == 512 + k / n_columns) {
                before[k] += from[i * n_columns + k % n_columns];
            }
        }
        assert_true(numbers[k] == before[k]);
    }
    free(before);
    free(from);
    free_made_run(s.made);
}

static void test_sums__are_added_to_the_documents_of_a_block(void **state)
{
    (void)state;
    check_sums(AT_SCORES, 0, MADE_GROUPS * MADE_SETTINGS * 3);
    check_sums(AT_BOUNDS, 2, MADE_GROUPS * MADE_SETTINGS);
    check_sums(AT_SELF, 0, MADE_SETTINGS);
}

/* A sum that is not finite, at document 515: one against query 4, in the second group. */
static void test_sums__that_are_not_finite_are_named(void **state)
{
    (void)state;
    scene s;
    attrib_error err = {0};
    double from[4 * MADE_GROUPS * MADE_SETTINGS * 3] = {0};
    const attrib_block block = {.n_sequences = 4, .sequences = sequences};
    set_scene(&s, ATTRIB_NORMALIZE_UNIT, true, 1, 1);
    from[2 * 18 + 6 + 4] = (double)NAN;
    check_fails(at_add_sums(&block, from, AT_SCORES, &s.made->run.held[4], &err),
                ATTRIB_ENUMERIC, &err);
    check_message(&err, "document 515: its score against query 4 is not finite");
    err = (attrib_error){0};
    from[2 * 18 + 6 + 4] = 0;
    from[2 * MADE_SETTINGS + 1] = HUGE_VAL;
    check_fails(at_add_sums(&block, from, AT_SELF, &s.made->run.held[1], &err),
                ATTRIB_ENUMERIC, &err);
    check_message(&err, "document 515: its self-influence is not finite");
    free_made_run(s.made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream__visits_all_documents_of_each_case_in_order),
        cmocka_unit_test(test_stream__scale_is_that_of_the_visit),
        cmocka_unit_test(test_stream__a_visit_that_fails_ends_it),
        cmocka_unit_test(test_stream__numbers_that_cannot_be_ordered_stop_it),
        cmocka_unit_test(test_sums__are_added_to_the_documents_of_a_block),
        cmocka_unit_test(test_sums__that_are_not_finite_are_named),
    };
    return run_cases(tests, NULL, NULL);
}
