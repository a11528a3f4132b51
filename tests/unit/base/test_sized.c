/* SPDX-License-Identifier: MIT */
/* Structs of programs that were compiled with an older or a newer header: the library of
 * these tests knows the four members of `known`. */
#include "base/sized.h"

#include <stdint.h>
#include <string.h>

#include "support/check.h"

typedef struct older {
    size_t size;
    size_t a;
} older;

typedef struct known {
    size_t size;
    size_t a;
    size_t b, c;
} known;

typedef struct newer {
    known known;
    size_t d, e;
} newer;

static const known defaults = {.a = 1, .b = 2, .c = 3};

static known take_ok(const void *given)
{
    attrib_error err = {0};
    known out;
    at_sized_fill(&defaults, sizeof defaults, &out, sizeof out);
    check_ok(at_sized_take(given, "x", &out, &err), &err);
    assert_int_equal(out.size, sizeof out);
    return out;
}

static void take_fails(const void *given, const char *message)
{
    attrib_error err = {0};
    known out;
    known untouched;
    at_sized_fill(&defaults, sizeof defaults, &out, sizeof out);
    untouched = out;
    check_fails(at_sized_take(given, "x", &out, &err), ATTRIB_EINVAL, &err);
    check_message(&err, message);
    assert_memory_equal(&out, &untouched, sizeof out);
}

static void test_sized__fills_what_the_program_has_room_for(void **state)
{
    (void)state;
    older small[2];
    newer large;
    memset(small, 0xAA, sizeof small);
    at_sized_fill(&defaults, sizeof defaults, &small[0], sizeof small[0]);
    assert_int_equal(small[0].size, sizeof(older));
    assert_int_equal(small[0].a, 1);
    assert_int_equal(small[1].size, SIZE_MAX / 255 * 0xAA); /* not written to */
    memset(&large, 0xAA, sizeof large);
    at_sized_fill(&defaults, sizeof defaults, &large, sizeof large);
    assert_int_equal(large.known.size, sizeof(newer));
    assert_int_equal(large.known.c, 3);
    assert_int_equal(large.d, 0);
    assert_int_equal(large.e, 0);
}

static void test_sized__older_structs_have_defaults_for_the_rest(void **state)
{
    (void)state;
    older given = {sizeof given, 7};
    known out = take_ok(&given);
    assert_int_equal(out.a, 7);
    assert_int_equal(out.b, 2);
    assert_int_equal(out.c, 3);
    out = take_ok(NULL);
    assert_int_equal(out.a, 1);
    out = take_ok(&(known){sizeof(known), 7, 8, 9});
    assert_int_equal(out.b, 8);
    assert_int_equal(out.c, 9);
}

static void test_sized__newer_structs_are_taken_where_nothing_new_is_set(void **state)
{
    (void)state;
    newer given = {.known = {sizeof given, 7, 8, 9}};
    known out = take_ok(&given);
    assert_int_equal(out.a, 7);
    assert_int_equal(out.c, 9);
    given.e = (size_t)1 << 56; /* its last byte */
    take_fails(&given, "an attrib_x of 48 bytes sets a member that attrib ");
    take_fails(&given, ", which knows 32 bytes of it, does not have: use a newer");
    given.e = 0;
    given.d = 1; /* and the first */
    take_fails(&given, "use a newer library");
}

static void test_sized__sizes_that_were_not_set_are_refused(void **state)
{
    (void)state;
    const size_t sizes[] = {0,     1,       sizeof(size_t) - 1, sizeof(size_t) + 4,
                            65544, SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        known given = {.size = sizes[i]};
        take_fails(&given, "was not initialised by attrib_x_default()");
    }
}

static void test_sized__items_of_lists(void **state)
{
    (void)state;
    attrib_error err = {0};
    const older old = {4, 5};
    const newer new = {.known = {4, 5, 6, 7}};
    const newer set = {.known = {4, 5, 6, 7}, .d = 1};
    known out;
    memset(&out, 0xAA, sizeof out);
    check_ok(at_item_take(&old, sizeof old, "y", &out, sizeof out, &err), &err);
    assert_int_equal(out.size, 4); /* an item's first member is one as others */
    assert_int_equal(out.a, 5);
    assert_int_equal(out.b, 0);
    assert_int_equal(out.c, 0);
    check_ok(at_item_take(&new, sizeof new, "y", &out, sizeof out, &err), &err);
    assert_int_equal(out.c, 7);
    check_fails(at_item_take(&set, sizeof set, "y", &out, sizeof out, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "an attrib_y of 48 bytes sets a member");
    err = (attrib_error){0};
    check_fails(at_item_take(&old, 0, "y", &out, sizeof out, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "a list of attrib_y of size 0 was not made by ATTRIB_LIST()");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sized__fills_what_the_program_has_room_for),
        cmocka_unit_test(test_sized__older_structs_have_defaults_for_the_rest),
        cmocka_unit_test(test_sized__newer_structs_are_taken_where_nothing_new_is_set),
        cmocka_unit_test(test_sized__sizes_that_were_not_set_are_refused),
        cmocka_unit_test(test_sized__items_of_lists),
    };
    return run_cases(tests, NULL, NULL);
}
