/* SPDX-License-Identifier: MIT */
/* Files that were found to be good count as such until they change. */
#include "support/check.h"
#include "support/scratch_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"

/* Write the file as of a second, and ask whether file i is known as it is now. */
static bool is_known(at_checked *checked, size_t i, const char *text, time_t second)
{
    const struct timespec times[2] = {{second, 0}, {second, 0}};
    attrib_error err = {0};
    at_map map;
    write_file(path, text, strlen(text));
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    check_ok(at_map_open(path, &map, &err), &err);
    bool is = at_checked_has(checked, i, &map);
    at_checked_note(checked, i, &map);
    at_map_close(&map);
    return is;
}

static void test_checked__knows_a_file_until_it_changes(void **state)
{
    at_checked *checked = NULL;
    attrib_error err = {0};
    (void)state;
    check_ok(at_checked_new(2, &checked, &err), &err);
    assert_false(is_known(checked, 0, "abc", 1000));
    assert_true(is_known(checked, 0, "abc", 1000));
    assert_false(is_known(checked, 0, "abc", 1001));  /* its time */
    assert_false(is_known(checked, 0, "abcd", 1001)); /* its length */
    assert_true(is_known(checked, 0, "abcd", 1001));
    assert_false(is_known(checked, 1, "abcd", 1001)); /* another of the files */
    assert_true(is_known(checked, 1, "abcd", 1001));
    at_checked_free(checked);
}

/* The same length and time, but another file in its place. */
static void test_checked__knows_one_file_from_another(void **state)
{
    at_checked *checked = NULL;
    attrib_error err = {0};
    (void)state;
    check_ok(at_checked_new(1, &checked, &err), &err);
    assert_false(is_known(checked, 0, "abc", 1000));
    assert_int_equal(rename(path, in_folder("before")), 0); /* keeps its number in use */
    assert_false(is_known(checked, 0, "abc", 1000));
    at_checked_free(checked);
}

/* Bytes that are no file's, a file beyond the last, and no list at all: checked each
 * time. */
static void test_checked__knows_nothing_else(void **state)
{
    const at_map borrowed = {.bytes = (const unsigned char *)"abc", .n_bytes = 3};
    at_checked *checked = NULL;
    attrib_error err = {0};
    (void)state;
    check_ok(at_checked_new(1, &checked, &err), &err);
    assert_false(at_checked_has(checked, 0, &borrowed));
    at_checked_note(checked, 0, &borrowed);
    assert_false(at_checked_has(checked, 0, &borrowed));
    assert_false(is_known(checked, 1, "abc", 1000));
    assert_false(is_known(checked, 1, "abc", 1000));
    assert_false(is_known(NULL, 0, "abc", 1000));
    assert_false(is_known(NULL, 0, "abc", 1000));
    at_checked_free(checked);
    at_checked_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_checked__knows_a_file_until_it_changes,
                                        scratch_file_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_checked__knows_one_file_from_another,
                                        scratch_file_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(test_checked__knows_nothing_else,
                                        scratch_file_set_up, scratch_tear_down),
    };
    return run_cases(tests, NULL, NULL);
}
