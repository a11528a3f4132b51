/* SPDX-License-Identifier: MIT */
/* Temporary files of this process, of others that run, and of those that were killed. */
#include "support/check.h"
#include "support/scratch.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"
#include "support/child.h"

/* Name `name` with the hexadecimal digit at `at` of its owner replaced by another. */
static void change_owner(char *name, size_t at)
{
    char *digit = strstr(name, ".tmp-") + strlen(".tmp-") + at;
    *digit = *digit == '0' ? '1' : '0';
}

static void make_temporary(char *out, size_t size)
{
    char *name = NULL;
    check_ok(at_temporary_name("file", &name, NULL), NULL);
    snprintf(out, size, "%s", name);
    free(name);
}

static void check_owner(const char *name, at_owner owner)
{
    bool is_temporary = false;
    assert_int_equal(at_owner_of(name, &is_temporary), owner);
    assert_true(is_temporary);
}

static void test_owner__names_are_never_the_same(void **state)
{
    (void)state;
    char first[200];
    char second[200];
    make_temporary(first, sizeof first);
    make_temporary(second, sizeof second);
    assert_string_not_equal(first, second);
    assert_int_equal(strncmp(first, "file.tmp-", 9), 0);
    check_owner(first, AT_OWNER_ALIVE);
}

/* Another boot of this host has ended; of another host or container nothing is known. */
static void test_owner__is_known_on_its_host_only(void **state)
{
    (void)state;
    char name[200];
    bool is_temporary = true;
    make_temporary(name, sizeof name);
    change_owner(name, 8 + 1 + 2);
    check_owner(name, AT_OWNER_GONE);
    change_owner(name, 3);
    check_owner(name, AT_OWNER_UNKNOWN);
    check_owner("file.tmp-12", AT_OWNER_UNKNOWN);
    check_owner("file.tmp-", AT_OWNER_UNKNOWN);
    check_owner("file.tmp-00000000-00000000-0-0-0", AT_OWNER_UNKNOWN);
    (void)at_owner_of("file", &is_temporary);
    assert_false(is_temporary);
}

static char of_child[200];
static int to_parent;

static void name_file(void)
{
    make_temporary(of_child, sizeof of_child);
    (void)!write(to_parent, of_child, sizeof of_child);
}

/* A process is told from a later one with its number by the time when it began. */
static void test_owner__is_gone_with_its_process(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    to_parent = ends[1];
    pid_t child = start_child(name_file);
    assert_int_equal(read(ends[0], of_child, sizeof of_child), sizeof of_child);
    check_owner(of_child, AT_OWNER_ALIVE);
    end_child(child);
    check_owner(of_child, AT_OWNER_GONE);
    close(ends[0]);
    close(ends[1]);
    char own[200];
    make_temporary(own, sizeof own);
    char *start_time = strrchr(own, '-') - 1;
    *start_time = *start_time == '1' ? '2' : '1';
    check_owner(own, AT_OWNER_GONE);
}

/* What has ended is removed; of others only by who holds the lock; nothing else is. */
static void test_owner__sweeps_what_was_left(void **state)
{
    (void)state;
    char alive[200];
    char gone[200];
    char unknown[200];
    make_temporary(alive, sizeof alive);
    make_temporary(gone, sizeof gone);
    change_owner(gone, 10);
    make_temporary(unknown, sizeof unknown);
    change_owner(unknown, 0);
    const char *names[] = {alive, gone, unknown, "file", "other.tmp-7"};
    for (size_t i = 0; i < 5; i++) {
        write_file(in_folder(names[i]), "x", 1);
    }
    at_sweep(folder, "fil", false);
    assert_true(at_is_file(in_folder(gone)));
    at_sweep(folder, "file", false);
    assert_false(at_is_file(in_folder(gone)));
    assert_true(at_is_file(in_folder(unknown)));
    at_sweep(folder, NULL, true);
    assert_true(at_is_file(in_folder(alive)));
    assert_true(at_is_file(in_folder("file")));
    assert_false(at_is_file(in_folder(unknown)));
    assert_false(at_is_file(in_folder("other.tmp-7")));
    at_sweep(in_folder("missing"), NULL, true);
}

/* So are folders that were to become the place of a lock. */
static void test_owner__sweeps_folders(void **state)
{
    (void)state;
    char gone[200];
    char path[1000];
    make_temporary(gone, sizeof gone);
    change_owner(gone, 10);
    assert_int_equal(mkdir(in_folder(gone), 0700), 0);
    snprintf(path, sizeof path, "%s/%s/%s", folder, gone, gone);
    write_file(path, "x", 1);
    at_sweep(folder, "file", false);
    assert_false(at_is_there(in_folder(gone)));
}

/* What a killed process was writing is removed by the next that writes the same file,
 * whatever the length of its name. */
static void test_owner__is_replaced_by_the_next(void **state)
{
    (void)state;
    at_output output = {0};
    char path[1000];
    char left[1000];
    char name[256];
    memset(name, 'n', 255);
    name[255] = '\0';
    snprintf(path, sizeof path, "%s", in_folder(name));
    check_ok(at_output_open(path, &output, NULL), NULL);
    snprintf(left, sizeof left, "%s", output.temporary);
    check_ok(at_output_commit(&output, NULL), NULL);
    change_owner(left, 10);
    write_file(left, "half", 4);
    check_ok(at_output_open(path, &output, NULL), NULL);
    assert_false(at_is_file(left));
    check_ok(at_output_commit(&output, NULL), NULL);
    assert_true(at_is_file(path));
}

int main(void)
{
#define OWNER_TEST(name)                                                                 \
    cmocka_unit_test_setup_teardown(test_owner__##name, scratch_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        OWNER_TEST(names_are_never_the_same), OWNER_TEST(is_known_on_its_host_only),
        OWNER_TEST(is_gone_with_its_process), OWNER_TEST(sweeps_what_was_left),
        OWNER_TEST(sweeps_folders),           OWNER_TEST(is_replaced_by_the_next),
    };
    return run_cases(tests, NULL, NULL);
}
