/* SPDX-License-Identifier: MIT */
/* Arrays of a run, its slices, and what is read of them, against numbers that are made up
 * by a formula (support/made_run.h). */
#include "support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "run/run.h"
#include "support/made_run.h"

/* Options by the bits of `i`, and whether queries are cut. */
enum { IS_CUT = 1, HAS_SELF = 2, HAS_TOKENS = 4, HAS_GROUPS = 8, N_CHOICES = 16 };

static made_run *make(size_t i, attrib_normalize how)
{
    const attrib_score_options options = {.with_self = i & HAS_SELF,
                                          .with_tokens = i & HAS_TOKENS,
                                          .split = i & HAS_GROUPS ? ATTRIB_SPLIT_LAYER
                                                                  : ATTRIB_SPLIT_NONE,
                                          .normalize = how};
    return make_run(&options, i & IS_CUT);
}

/* 1. Which arrays there are */

static void check_listed(const attrib_run *run,
                         size_t *k,
                         const char *name,
                         attrib_array_shape shape)
{
    attrib_array array = {.i = 9};
    assert_true(attrib_run_array(run, *k, &array));
    assert_string_equal(array.name, name);
    assert_int_equal(array.shape, shape);
    assert_int_equal(array.i, 0);
    ++*k;
}

static void test_read__arrays_that_are_held_are_listed(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2 * N_CHOICES; i++) {
        bool is_divided = i >= N_CHOICES;
        made_run *made =
            make(i, is_divided ? ATTRIB_NORMALIZE_NATS : ATTRIB_NORMALIZE_NONE);
        attrib_array none = {.i = 9};
        size_t k = 0;
        check_listed(&made->run, &k, "scores", ATTRIB_ARRAY_PLANES);
        if (i & IS_CUT) {
            check_listed(&made->run, &k, "bounds", ATTRIB_ARRAY_PLANES);
        }
        if (is_divided) {
            check_listed(&made->run, &k, "raw_scores", ATTRIB_ARRAY_PLANES);
        }
        if (i & HAS_SELF) {
            check_listed(&made->run, &k, "self", ATTRIB_ARRAY_SETTINGS);
        }
        if (i & HAS_TOKENS) {
            check_listed(&made->run, &k, "tokens", ATTRIB_ARRAY_TOKENS);
        }
        assert_false(attrib_run_array(&made->run, k, &none));
        assert_int_equal(none.i, 9);
        free_made_run(made);
    }
}

/* Names of tensors and what messages call their numbers. */
static void test_read__arrays_have_names(void **state)
{
    (void)state;
    static const char *const names[AT_N_ARRAYS][2] = {
        {"scores", "score"},
        {"bounds", "bound"},
        {"self", "self-influence"},
        {"tokens", "token share"},
        {"checkpoint_scores", "checkpoint score"}};
    for (at_array_kind k = 0; k < AT_N_ARRAYS; k++) {
        assert_string_equal(at_array_layout_of(k)->name, names[k][0]);
        assert_string_equal(at_array_layout_of(k)->label, names[k][1]);
    }
    const attrib_score_options all = {.with_self = true, .with_tokens = true};
    assert_false(at_array_is_held(AT_N_ARRAYS, &all, true));
}

/* 1000 documents of 20 tokens each, in 3 sums against 5 queries under 2 settings. */
static void test_read__bytes_of_arrays_follow_from_counts(void **state)
{
    (void)state;
    at_counts counts = {.n_documents = 1000,
                        .n_tokens = 20000,
                        .n_sums = 3,
                        .n_cases = 10,
                        .n_settings = 2};
    attrib_score_options options = {0};
    assert_true(at_arrays_bytes(&options, false, &counts) == 1000 * 3 * 10 * 8);
    assert_true(at_arrays_bytes(&options, true, &counts) == 2 * 1000 * 3 * 10 * 8);
    options.with_self = true;
    assert_true(at_arrays_bytes(&options, false, &counts) ==
                1000 * 3 * 10 * 8 + 1000 * 2 * 8);
    options.with_tokens = true;
    assert_true(at_arrays_bytes(&options, false, &counts) ==
                1000 * 3 * 10 * 8 + 1000 * 2 * 8 + 20000 * 10 * 4);
    counts.n_cases = SIZE_MAX;
    assert_true(isinf(at_arrays_bytes(&options, false, &counts)));
}

/* 2. Slices */

static void test_read__slices_and_tiles_cover_a_run(void **state)
{
    (void)state;
    attrib_run run = {.info = {.n_queries = 7, .n_documents = 1064}, .n_tile = 3};
    assert_int_equal(at_n_slices(0), 0);
    assert_int_equal(at_n_slices(1), 1);
    assert_int_equal(at_n_slices(512), 1);
    assert_int_equal(at_n_slices(513), 2);
    for (size_t t = 0; t < 3; t++) {
        at_tile tile = at_run_tile(&run, t);
        assert_int_equal(tile.first, 3 * t);
        assert_int_equal(tile.n, t < 2 ? 3 : 1);
    }
    for (size_t n_queries = 6; n_queries <= 7; n_queries++) {
        attrib_error err = {0};
        run.info.n_queries = n_queries;
        check_ok(at_run_place_slices(&run, false, &err), &err);
        assert_int_equal(run.n_tiles, n_queries == 6 ? 2 : 3);
        free(run.read);
    }
}

/* The counts of each slice, its tokens, and the one tile that holds self-influences. */
static void test_read__slices_know_what_they_hold(void **state)
{
    (void)state;
    made_run *made = make(HAS_SELF | HAS_TOKENS | HAS_GROUPS, ATTRIB_NORMALIZE_NONE);
    for (size_t k = 0; k < 9; k++) {
        const at_slice *slice = &made->run.held[k];
        size_t n = k % 3 < 2 ? 512 : 40;
        assert_int_equal(slice->i_tile, k / 3);
        assert_int_equal(slice->first, k % 3 * 512);
        assert_int_equal(slice->counts.n_documents, n);
        assert_int_equal(slice->counts.n_sums, MADE_GROUPS);
        assert_int_equal(slice->counts.n_cases, MADE_SETTINGS * (k < 6 ? 3 : 1));
        assert_int_equal(slice->counts.n_tokens, n / 4 * 6); /* 0 + 1 + 2 + 3 */
        assert_int_equal(slice->first_token[3], 0 + 1 + 2);
        assert_int_equal(slice->documents.n_bytes, 0);
        assert_true((slice->arrays[AT_SELF] != NULL) == (k < 3));
        assert_null(slice->arrays[AT_BOUNDS]);
    }
    free_made_run(made);
}

static struct {
    size_t first, n, n_calls;
} written; /* by the function below */

attrib_status __wrap_at_documents_write(const attrib_corpus *corpus,
                                        size_t first,
                                        size_t n,
                                        at_buffer *out,
                                        attrib_error *err);

attrib_status __wrap_at_documents_write(const attrib_corpus *corpus,
                                        size_t first,
                                        size_t n,
                                        at_buffer *out,
                                        attrib_error *err)
{
    (void)corpus;
    (void)out;
    (void)err;
    written.first = first;
    written.n = n;
    written.n_calls++;
    return ATTRIB_OK;
}

/* Slices that go to files carry the record of their documents, in tile 0 only. */
static void test_read__a_record_of_documents_goes_with_tile_0(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run run = {.info = {.n_queries = 7, .n_documents = 1064},
                      .options.n_settings = 1,
                      .n_tile = 3};
    for (size_t t = 0; t < 3; t++) {
        at_slice slice;
        check_ok(at_slice_new(&run, NULL, t, 2, &slice, &err), &err);
        at_slice_free(&slice);
        assert_int_equal(written.n_calls, 1);
        assert_int_equal(written.first, 1024);
        assert_int_equal(written.n, 40);
    }
}

static void test_read__a_slice_that_memory_does_not_hold_says_so(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_run run = {.info = {.n_queries = (size_t)1 << 44, .n_documents = 700},
                      .options.n_settings = 1,
                      .n_tile = (size_t)1 << 44};
    at_slice slice = {.first = 5};
    not_under_sanitizers(); /* which abort where so much is asked for */
    check_fails(at_slice_new(&run, NULL, 0, 1, &slice, &err), ATTRIB_ENOMEM, &err);
    check_message(&err, "scores of 188 documents");
    assert_int_equal(slice.first, 5);
    err = (attrib_error){0};
    run.options.n_settings = ATTRIB_MAX_SETTINGS;
    run.info.n_queries = run.n_tile = SIZE_MAX / 2;
    check_fails(at_slice_new(&run, NULL, 0, 1, &slice, &err), ATTRIB_ERANGE, &err);
}

static void test_read__a_score_is_divided_as_asked(void **state)
{
    (void)state;
    assert_true(at_score_scale(ATTRIB_NORMALIZE_NONE, 8, 4, 16) == 1);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_NATS, 8, 4, 16) == 0.125);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 8, 4, 16) == 0.125);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 8, 4, 64) == 0.0625);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 8, 4, 0) == 0);
    assert_true(at_score_scale(ATTRIB_NORMALIZE_UNIT, 8, 4, -1) == 0);
}

/* 3. What is read */

static double divisor(attrib_normalize how, size_t d, size_t s, size_t q)
{
    switch (how) {
    case ATTRIB_NORMALIZE_NONE:
        break;
    case ATTRIB_NORMALIZE_NATS:
        return made_loss(s, q);
    case ATTRIB_NORMALIZE_UNIT:
        return made_self(d, s) > 0 ? sqrt(made_query_self(s, q) * made_self(d, s))
                                   : HUGE_VAL;
    }
    return 1;
}

/* The number of a document in a plane: that of a group, or of all of them. */
static double wanted(
    const attrib_run *run, const char *name, size_t i, size_t d, size_t q)
{
    size_t n_groups = run->info.n_groups;
    size_t s = i / (1 + n_groups);
    size_t plane = i % (1 + n_groups);
    bool is_bound = strcmp(name, "bounds") == 0;
    double sum = 0;
    for (size_t g = 0; g < (n_groups ? n_groups : 1); g++) {
        if (plane == 0 || plane == g + 1) {
            sum += is_bound ? made_bound(d, g, s, q) : made_score(d, g, s, q);
        }
    }
    return strcmp(name, "raw_scores") == 0
               ? sum
               : sum / divisor(run->options.normalize, d, s, q);
}

/* Compare what is read of documents first .. first + n, which out has just room for. */
static void check_planes(made_run *made, attrib_array *array, size_t first, size_t n)
{
    attrib_error err = {0};
    size_t n_planes = MADE_SETTINGS * (1 + made->run.info.n_groups);
    double *out = malloc(n * MADE_QUERIES * sizeof *out);
    assert_non_null(out);
    for (array->i = 0; array->i < n_planes; array->i++) {
        check_ok(attrib_run_read(&made->run, array, first, n, out, &err), &err);
        for (size_t k = 0; k < n * MADE_QUERIES; k++) {
            double want = wanted(&made->run, array->name, array->i,
                                 first + k / MADE_QUERIES, k % MADE_QUERIES);
            assert_true(out[k] == want);
        }
    }
    check_fails(attrib_run_read(&made->run, array, first, n, out, &err), ATTRIB_ERANGE,
                &err);
    check_message(&err, "plane");
    free(out);
}

static void check_settings(made_run *made, attrib_array *array, size_t first, size_t n)
{
    attrib_error err = {0};
    double *out = malloc(n * sizeof *out);
    assert_non_null(out);
    for (array->i = 0; array->i < MADE_SETTINGS; array->i++) {
        check_ok(attrib_run_read(&made->run, array, first, n, out, &err), &err);
        for (size_t k = 0; k < n; k++) {
            assert_true(out[k] == made_self(first + k, array->i));
        }
    }
    check_fails(attrib_run_read(&made->run, array, first, n, out, &err), ATTRIB_ERANGE,
                &err);
    check_message(&err, "setting");
    free(out);
}

static void check_tokens(made_run *made, attrib_array *array, size_t first, size_t n)
{
    attrib_error err = {0};
    attrib_normalize how = made->run.options.normalize;
    double *out = malloc(n * 3 * MADE_QUERIES * sizeof *out);
    assert_non_null(out);
    for (size_t s = 0; s < MADE_SETTINGS; s++) {
        size_t k = 0;
        array->i = s;
        check_ok(attrib_run_read(&made->run, array, first, n, out, &err), &err);
        for (size_t d = first; d < first + n; d++) {
            size_t n_tokens = 99;
            check_ok(attrib_run_n_tokens(&made->run, d, &n_tokens, &err), &err);
            assert_int_equal(n_tokens, made_n_tokens(d));
            for (size_t t = 0; t < n_tokens; t++) {
                for (size_t q = 0; q < MADE_QUERIES; q++) {
                    assert_true(out[k++] ==
                                made_share(d, t, s, q) / divisor(how, d, s, q));
                }
            }
        }
    }
    free(out);
}

static void check_array(made_run *made, attrib_array *array, size_t first, size_t n)
{
    switch (array->shape) {
    case ATTRIB_ARRAY_PLANES:
        check_planes(made, array, first, n);
        break;
    case ATTRIB_ARRAY_SETTINGS:
        check_settings(made, array, first, n);
        break;
    case ATTRIB_ARRAY_TOKENS:
        check_tokens(made, array, first, n);
        break;
    case ATTRIB_ARRAY_CHECKPOINTS:
        fail_msg("a run that is no sum has scores of checkpoints");
    }
}

/* Every array under every option, divided in every way: documents within one slice, over
 * the border of two, the last, and none. */
static void test_read__numbers_are_those_that_were_kept(void **state)
{
    (void)state;
    static const size_t ranges[][2] = {{0, 3}, {509, 7}, {MADE_DOCUMENTS - 2, 2}, {9, 0}};
    for (size_t i = 0; i < 3 * N_CHOICES; i++) {
        attrib_normalize how = (attrib_normalize)(i / N_CHOICES);
        made_run *made = make(how == ATTRIB_NORMALIZE_UNIT ? i | HAS_SELF : i, how);
        attrib_array array;
        for (size_t k = 0; attrib_run_array(&made->run, k, &array); k++) {
            for (size_t r = 0; r < 4; r++) {
                check_array(made, &array, ranges[r][0], ranges[r][1]);
            }
        }
        free_made_run(made);
    }
}

/* The functions of one array each read what the list names. */
static void test_read__functions_by_name_read_the_arrays_of_the_list(void **state)
{
    (void)state;
    attrib_error err = {0};
    made_run *made = make(IS_CUT | HAS_SELF | HAS_TOKENS, ATTRIB_NORMALIZE_UNIT);
    double out[5][3 * MADE_QUERIES] = {0};
    check_ok(attrib_run_scores(&made->run, 1, 510, 3, out[0], &err), &err);
    check_ok(attrib_run_bounds(&made->run, 1, 510, 3, out[1], &err), &err);
    check_ok(attrib_run_raw_scores(&made->run, 1, 510, 3, out[2], &err), &err);
    check_ok(attrib_run_self(&made->run, 1, 510, 3, out[3], &err), &err);
    check_ok(attrib_run_tokens(&made->run, 1, 511, out[4], &err), &err);
    for (size_t k = 0; k < 5; k++) {
        attrib_array array;
        double want[3 * MADE_QUERIES] = {0};
        assert_true(attrib_run_array(&made->run, k, &array));
        array.i = 1;
        size_t first = k == 4 ? 511 : 510;
        check_ok(attrib_run_read(&made->run, &array, first, k == 4 ? 1 : 3, want, &err),
                 &err);
        assert_memory_equal(out[k], want, sizeof want);
    }
    free_made_run(made);
}

/* Scores of whole queries are exact. */
static void test_read__bounds_of_whole_queries_are_zero(void **state)
{
    (void)state;
    attrib_error err = {0};
    made_run *made = make(0, ATTRIB_NORMALIZE_NONE);
    double out[2 * MADE_QUERIES + 1];
    memset(out, 7, sizeof out);
    double untouched = out[2 * MADE_QUERIES];
    check_ok(attrib_run_bounds(&made->run, 0, 511, 2, out, &err), &err);
    for (size_t k = 0; k < 2 * MADE_QUERIES; k++) {
        assert_true(out[k] == 0);
    }
    assert_memory_equal(&out[2 * MADE_QUERIES], &untouched, sizeof untouched);
    free_made_run(made);
}

/* 4. What is refused */

static void check_refused(made_run *made,
                          const attrib_array *array,
                          size_t first,
                          size_t n,
                          attrib_status status,
                          const char *message)
{
    attrib_error err = {0};
    double out[MADE_QUERIES] = {0};
    check_fails(attrib_run_read(&made->run, array, first, n, out, &err), status, &err);
    check_message(&err, message);
}

static void test_read__what_a_run_does_not_hold_is_refused(void **state)
{
    (void)state;
    made_run *made = make(0, ATTRIB_NORMALIZE_NONE);
    made_run *all = make(IS_CUT | HAS_SELF | HAS_TOKENS, ATTRIB_NORMALIZE_NATS);
    attrib_array scores, array;
    assert_true(attrib_run_array(&made->run, 0, &scores));
    for (size_t k = 1; attrib_run_array(&all->run, k, &array); k++) {
        if (array.kind != 2) { /* scores that are not divided are always there */
            check_refused(made, &array, 0, 1, ATTRIB_EINVAL, "a run without ");
        }
    }
    check_refused(made, &scores, MADE_DOCUMENTS - 1, 2, ATTRIB_ERANGE,
                  "documents 1063 to 1065 of 1064");
    check_refused(made, &scores, MADE_DOCUMENTS + 1, 0, ATTRIB_ERANGE, "of 1064");
    check_refused(made, &scores, 1, SIZE_MAX, ATTRIB_ERANGE, "of 1064");
    array = scores;
    array.shape = ATTRIB_ARRAY_TOKENS;
    check_refused(made, &array, 0, 1, ATTRIB_EINVAL, "another shape");
    array = scores;
    array.kind = 6;
    check_refused(made, &array, 0, 1, ATTRIB_EINVAL, "array 6 of 6");
    free_made_run(made);
    free_made_run(all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read__arrays_that_are_held_are_listed),
        cmocka_unit_test(test_read__arrays_have_names),
        cmocka_unit_test(test_read__bytes_of_arrays_follow_from_counts),
        cmocka_unit_test(test_read__slices_and_tiles_cover_a_run),
        cmocka_unit_test(test_read__slices_know_what_they_hold),
        cmocka_unit_test(test_read__a_record_of_documents_goes_with_tile_0),
        cmocka_unit_test(test_read__a_slice_that_memory_does_not_hold_says_so),
        cmocka_unit_test(test_read__a_score_is_divided_as_asked),
        cmocka_unit_test(test_read__numbers_are_those_that_were_kept),
        cmocka_unit_test(test_read__functions_by_name_read_the_arrays_of_the_list),
        cmocka_unit_test(test_read__bounds_of_whole_queries_are_zero),
        cmocka_unit_test(test_read__what_a_run_does_not_hold_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}
