/* SPDX-License-Identifier: MIT */
/* Options by their table: defaults, values as they are typed, checks and names. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/options.h"
#include "support/check.h"

typedef enum colour { RED, GREEN, BLUE } colour;

typedef struct point {
    double x;
    colour c;
} point;

typedef struct sample {
    bool is_loud;
    const char *text, *named;
    size_t size, ranked, bytes;
    uint64_t seed;
    double number;
    colour c;
    point points[3];
    size_t n_points;
    size_t i_share, n_shares;
} sample;

#define AT(field) offsetof(sample, field)

static const attrib_option_word words[] = {{"none", 0}, {"all", SIZE_MAX}, {0}};

static const attrib_option points[] = {
    {.name = "x",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = offsetof(point, x),
     .standard = "0.5",
     .max = 1,
     .is_identity = true},
    {.name = "c",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = offsetof(point, c),
     .value = "red|green|blue",
     .is_identity = true},
    {0},
};

static const attrib_option table[] = {
    {.name = "loud",
     .kind = ATTRIB_OPTION_FLAG,
     .offset = AT(is_loud),
     .is_identity = true},
    {.name = "text", .kind = ATTRIB_OPTION_TEXT, .offset = AT(text), .is_identity = true},
    {.name = "named",
     .kind = ATTRIB_OPTION_TEXT,
     .offset = AT(named),
     .standard = "mlp",
     .is_identity = true},
    {.name = "size",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(size),
     .standard = "7",
     .min = 2,
     .max = 1000,
     .is_identity = true},
    {.name = "rank",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = AT(ranked),
     .words = words,
     .standard = "all",
     .min = 1,
     .max = 9,
     .is_identity = true},
    {.name = "bytes",
     .kind = ATTRIB_OPTION_BYTES,
     .offset = AT(bytes),
     .is_identity = true},
    {.name = "seed", .kind = ATTRIB_OPTION_SEED, .offset = AT(seed), .is_identity = true},
    {.name = "number",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = AT(number),
     .standard = "-0.25",
     .min = -1,
     .max = 1},
    {.name = "colour",
     .kind = ATTRIB_OPTION_CHOICE,
     .offset = AT(c),
     .value = "red|green|blue",
     .standard = "green",
     .is_identity = true},
    {.name = "share",
     .kind = ATTRIB_OPTION_SHARE,
     .offset = AT(i_share),
     .n_offset = AT(n_shares),
     .standard = "1/1",
     .is_identity = true},
    {.name = "points",
     .kind = ATTRIB_OPTION_STRUCTS,
     .offset = AT(points),
     .min = 1,
     .max = 3,
     .is_identity = true,
     .rows = points,
     .struct_bytes = sizeof(point),
     .n_offset = AT(n_points)},
    {0},
};

static sample defaults(void)
{
    sample s = {0};
    attrib_options_default(table, &s);
    return s;
}

static attrib_status set(sample *s, const char *name, const char *text, attrib_error *err)
{
    const attrib_option *o = at_options_find(table, name, strlen(name));
    assert_non_null(o);
    return attrib_option_read(o, text, s, err);
}

static void test_options__defaults_are_those_of_the_rows(void **state)
{
    (void)state;
    sample s = defaults();
    assert_false(s.is_loud);
    assert_null(s.text);
    assert_string_equal(s.named, "mlp");
    assert_int_equal(s.size, 7);
    assert_true(s.ranked == SIZE_MAX);
    assert_int_equal(s.bytes, 0);
    assert_int_equal(s.seed, 0);
    assert_true(s.number == -0.25);
    assert_int_equal(s.c, GREEN);
    assert_int_equal(s.n_points, 1);
    assert_int_equal(s.i_share, 0);
    assert_int_equal(s.n_shares, 1);
    assert_true(s.points[0].x == 0.5);
    check_ok(at_options_check(table, &s, NULL), NULL);
    assert_null(at_options_find(table, "siz", 3));
    assert_null(at_options_find(table, "sizes", 5));
}

static void test_options__text_is_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    sample s = defaults();
    check_ok(set(&s, "loud", NULL, &err), &err);
    check_ok(set(&s, "text", "a b", &err), &err);
    check_ok(set(&s, "size", "1000", &err), &err);
    check_ok(set(&s, "rank", "9", &err), &err);
    check_ok(set(&s, "bytes", "3MiB", &err), &err);
    check_ok(set(&s, "seed", "18446744073709551615", &err), &err);
    check_ok(set(&s, "number", "1e-3", &err), &err);
    check_ok(set(&s, "colour", "blue", &err), &err);
    assert_true(s.is_loud);
    assert_string_equal(s.text, "a b");
    assert_int_equal(s.size, 1000);
    assert_int_equal(s.ranked, 9);
    assert_int_equal(s.bytes, 3 << 20);
    assert_true(s.seed == UINT64_MAX);
    assert_true(s.number == 1e-3);
    assert_int_equal(s.c, BLUE);
    check_ok(set(&s, "share", "8/8", &err), &err);
    assert_int_equal(s.i_share, 7);
    assert_int_equal(s.n_shares, 8);
    check_ok(set(&s, "rank", "none", &err), &err);
    assert_int_equal(s.ranked, 0);
    check_ok(at_options_check(table, &s, &err), &err);
}

static void test_options__other_text_is_refused_by_name(void **state)
{
    (void)state;
    const char *const cases[][3] = {
        {"loud", "yes", "loud: \"yes\" is not expected"},
        {"size", "1", "size: 1 is not in [2, 1000]"},
        {"size", "1001", "size: 1001 is not in [2, 1000]"},
        {"size", "-3", "size: \"-3\" is not a whole number"},
        {"size", "3x", "size: \"3x\" is not a whole number"},
        {"size", "", "size: \"\" is not a whole number"},
        {"size", "18446744073709551616", "is not below 2^64"},
        {"rank", "0", "rank: 0 is not in [1, 9]"},
        {"rank", "some", "rank: \"some\" is not none, all or a whole number"},
        {"bytes", "0", "bytes: \"0\" is not from 1 byte to 2^64"},
        {"bytes", "3X", "bytes: \"3X\" is not a size in bytes, as in 512M or 4G"},
        {"bytes", "18446744073709551615K", "is not from 1 byte to 2^64"},
        {"share", "9/8", "share: \"9/8\" is not I/N with 1 <= I <= N"},
        {"share", "0/8", "is not I/N"},
        {"share", "1", "is not I/N"},
        {"share", "1/", "is not I/N"},
        {"share", "/1", "is not I/N"},
        {"share", "1/-2", "is not I/N"},
        {"share", "1/2 ", "is not I/N"},
        {"number", "nan", "number: \"nan\" is not a number"},
        {"number", "2", "number: 2 is not in [-1, 1]"},
        {"number", "-2", "number: -2 is not in [-1, 1]"},
        {"number", "0.5 ", "number: \"0.5 \" is not a number"},
        {"colour", "re", "colour: \"re\" is not one of red|green|blue"},
        {"colour", "", "colour: \"\" is not one of red|green|blue"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        sample s = defaults();
        sample before = s;
        check_fails(set(&s, cases[i][0], cases[i][1], &err), ATTRIB_EINVAL, &err);
        check_message(&err, cases[i][2]);
        assert_memory_equal(&s, &before, sizeof s);
    }
}

static void check_refused(const sample *s, const char *message)
{
    attrib_error err = {0};
    check_fails(at_options_check(table, s, &err), ATTRIB_EINVAL, &err);
    check_message(&err, message);
}

/* What could not have been typed is refused with the message that typing it has. */
static void test_options__values_are_checked(void **state)
{
    (void)state;
    sample s = defaults();
    s.size = 1;
    check_refused(&s, "size: 1 is not in [2, 1000]");
    s = defaults();
    s.ranked = 10;
    check_refused(&s, "rank: 10 is not in [1, 9]");
    s = defaults();
    s.number = (double)NAN;
    check_refused(&s, "number: nan is not in [-1, 1]");
    s.number = -1.5;
    check_refused(&s, "number: -1.5 is not in [-1, 1]");
    s = defaults();
    s.c = (colour)3;
    check_refused(&s, "colour: \"3\" is not one of red|green|blue");
    s.c = (colour)-1;
    check_refused(&s, "colour: \"-1\" is not one of red|green|blue");
    s = defaults();
    s.i_share = 1;
    check_refused(&s, "share: \"2/1\" is not I/N with 1 <= I <= N");
    s = defaults();
    s.named = NULL;
    check_refused(&s, "named: no text");
    s = defaults();
    s.n_points = 0;
    check_refused(&s, "points: 0 is not in [1, 3]");
    s.n_points = 4;
    check_refused(&s, "points: 4 is not in [1, 3]");
    s.n_points = 2;
    s.points[1].x = 2;
    check_refused(&s, "points 2: x: 2 is not in [0, 1]");
}

static bool has_same_hash(const sample *a, const sample *b)
{
    char of_a[33];
    char of_b[33];
    check_ok(attrib_options_hash(table, a, of_a, NULL), NULL);
    check_ok(attrib_options_hash(table, b, of_b, NULL), NULL);
    assert_int_equal(strlen(of_a), 32);
    return strcmp(of_a, of_b) == 0;
}

static size_t count_different(const sample *a, const sample *b)
{
    size_t n = 0;
    for (const attrib_option *o = table; o->name; o++) {
        n += !at_option_is_same(o, a, b);
    }
    return n;
}

/* Every option of identity, and no other, changes the name; all are compared. */
static void test_options__name_is_of_what_results_depend_on(void **state)
{
    (void)state;
    const sample s = defaults();
    sample others[13];
    for (size_t i = 0; i < 13; i++) {
        others[i] = s;
    }
    others[0].is_loud = true;
    others[1].text = "";
    others[2].named = "ml";
    others[3].size = 8;
    others[4].ranked = 3;
    others[5].bytes = 1;
    others[6].seed = 1;
    others[7].c = RED;
    others[8].points[0].c = BLUE;
    others[9].n_points = 2;
    others[9].points[1] = others[9].points[0];
    others[10].text = "3 mlp named"; /* is not the same as `named` with more in it */
    others[11].n_shares = 2;
    others[12].n_shares = 2;
    others[12].i_share = 1;
    for (size_t i = 0; i < 13; i++) {
        assert_false(has_same_hash(&s, &others[i]));
        assert_int_equal(count_different(&s, &others[i]), 1);
        for (size_t k = 0; k < i; k++) {
            assert_false(has_same_hash(&others[k], &others[i]));
            assert_true(count_different(&others[k], &others[i]) > 0);
        }
    }
    sample same = s;
    same.number = 1;
    assert_true(has_same_hash(&s, &same));
    assert_int_equal(count_different(&s, &same), 1);
    same.points[2].x = 1; /* after those that count */
    assert_true(has_same_hash(&s, &same));
    assert_int_equal(count_different(&s, &same), 1);
    char named[] = "mlp"; /* the text counts, not where it stands */
    same.number = s.number;
    same.named = named;
    assert_int_equal(count_different(&s, &same), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options__defaults_are_those_of_the_rows),
        cmocka_unit_test(test_options__text_is_read),
        cmocka_unit_test(test_options__other_text_is_refused_by_name),
        cmocka_unit_test(test_options__values_are_checked),
        cmocka_unit_test(test_options__name_is_of_what_results_depend_on),
    };
    return run_cases(tests, NULL, NULL);
}
