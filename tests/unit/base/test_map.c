/* SPDX-License-Identifier: MIT */
/* Mapped files that change, shrink or disappear while they are in use. */
#include "support/check.h"
#include "support/scratch_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/map.h"

#define PAGE 4096L

static void test_map__holds_the_bytes(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_map map;
    write_file(path, "a\0b", 3);
    check_ok(at_map_open(path, &map, &err), &err);
    assert_int_equal(map.n_bytes, 3);
    assert_memory_equal(map.bytes, "a\0b", 3);
    at_map_close(&map);
    assert_null(map.bytes);
}

static void test_map__of_an_empty_file(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_map map;
    write_file(path, "", 0);
    check_ok(at_map_open(path, &map, &err), &err);
    assert_int_equal(map.n_bytes, 0);
    assert_non_null(map.bytes);
    at_map_close(&map);
}

/* What is missing or no file is refused at once; a pipe is not waited for. */
static void test_map__refuses_what_is_no_file(void **state)
{
    (void)state;
    at_map map = {0};
    attrib_error missing = {0};
    check_fails(at_map_open(path, &map, &missing), ATTRIB_EIO, &missing);
    check_message(&missing, "No such file");
    attrib_error of_folder = {0};
    check_fails(at_map_open(folder, &map, &of_folder), ATTRIB_EIO, &of_folder);
    check_message(&of_folder, "not a regular file");
    attrib_error of_pipe = {0};
    assert_int_equal(mkfifo(path, 0600), 0);
    check_fails(at_map_open(path, &map, &of_pipe), ATTRIB_EIO, &of_pipe);
    check_message(&of_pipe, "not a regular file");
    assert_null(map.bytes);
}

/* A child process that a bus error ends; its parent reads what it says. */
static int said;

static void say_and_end(int number, siginfo_t *info, void *context)
{
    char line[ATTRIB_ERROR_SIZE] = "";
    (void)number;
    (void)context;
    bool is_ours = attrib_explain_bus_error(info->si_addr, line);
    (void)!write(said, line, strlen(line));
    _exit(is_ours ? 3 : 4);
}

static void catch_bus_errors(void)
{
    struct sigaction action = {0};
    action.sa_sigaction = say_and_end;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGBUS, &action, NULL);
}

/* The exit status of a child that does `work`; what it says is in `line`. */
static int end_of(void (*work)(void), char line[ATTRIB_ERROR_SIZE])
{
    int ends[2];
    int status = 0;
    size_t n = 0;
    ssize_t got = 1;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        said = ends[1];
        catch_bus_errors();
        work();
        _exit(0);
    }
    close(ends[1]);
    while (got > 0 && n < ATTRIB_ERROR_SIZE - 1) {
        got = read(ends[0], line + n, ATTRIB_ERROR_SIZE - 1 - n);
        n += got > 0 ? (size_t)got : 0;
    }
    line[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void check_line(const char *line, const char *what)
{
    size_t n = strlen(path);
    assert_memory_equal(line, path, n);
    assert_string_equal(line + n, what);
}

static void write_pages(size_t n)
{
    static char pages[8 * PAGE];
    write_file(path, pages, n * (size_t)PAGE);
}

static volatile unsigned char seen;

/* Among other maps, some of which were closed. */
static void read_what_was_cut(void)
{
    at_map maps[5] = {{0}};
    char name[700];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%s/other-%d", folder, i);
        (void)!truncate(path, 8 * PAGE);
        if (at_map_open(i == 3 ? path : name, &maps[i], NULL) != ATTRIB_OK) {
            _exit(9);
        }
        if (i % 2 == 0) {
            at_map_close(&maps[i]);
        }
    }
    (void)!truncate(path, PAGE);
    seen = maps[3].bytes[PAGE - 1];
    seen = maps[3].bytes[2 * PAGE];
}

/* A handler learns which of many maps became shorter. */
static void test_map__that_becomes_shorter_is_named(void **state)
{
    (void)state;
    char line[ATTRIB_ERROR_SIZE];
    char name[700];
    for (int i = 0; i < 5; i++) {
        snprintf(name, sizeof name, "%s/other-%d", folder, i);
        write_file(name, "other", 5);
    }
    write_pages(8);
    assert_int_equal(end_of(read_what_was_cut, line), 3);
    check_line(line, ": became shorter while it was read");
}

static void read_what_was_removed(void)
{
    at_map map = {0};
    if (at_map_open(path, &map, NULL) != ATTRIB_OK) {
        _exit(9);
    }
    int descriptor = open(path, O_RDWR);
    unlink(path);
    (void)!ftruncate(descriptor, 0);
    seen = map.bytes[0];
}

/* Where the file of that name is another one, or none, its length says nothing. */
static void test_map__that_was_removed_is_named(void **state)
{
    (void)state;
    char line[ATTRIB_ERROR_SIZE];
    write_pages(1);
    assert_int_equal(end_of(read_what_was_removed, line), 3);
    check_line(line, ": cannot be read: cut short, or its disk failed");
}

static void read_what_is_not_ours(void)
{
    int descriptor = open(path, O_RDONLY);
    at_map map = {0};
    at_map above = {0};
    at_map below = {0}; /* the system maps from above to below */
    (void)at_map_open(path, &above, NULL);
    void *mapping = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (at_map_open(path, &map, NULL) != ATTRIB_OK || mapping == MAP_FAILED) {
        _exit(9);
    }
    at_map_close(&map);
    (void)at_map_open(path, &below, NULL);
    (void)!truncate(path, 0);
    seen = *(unsigned char *)mapping;
}

/* What another part of the program has mapped, and what was closed, is not explained. */
static void test_map__of_others_is_not_explained(void **state)
{
    (void)state;
    char line[ATTRIB_ERROR_SIZE];
    write_pages(1);
    assert_int_equal(end_of(read_what_is_not_ours, line), 4);
    assert_string_equal(line, "");
}

/* Names of any length and bytes are one line. */
static void test_map__is_named_by_one_line(void **state)
{
    (void)state;
    char line[ATTRIB_ERROR_SIZE];
    snprintf(path, sizeof path, "%s/a\nb", folder);
    write_pages(1);
    assert_int_equal(end_of(read_what_was_removed, line), 3);
    assert_null(strchr(line, '\n'));
    assert_non_null(strstr(line, "/a?b: "));
}

static void write_from_what_was_cut(void)
{
    attrib_error err = {0};
    at_map map = {0};
    at_output output = {0};
    char name[700];
    snprintf(name, sizeof name, "%s/copy", folder);
    if (at_map_open(path, &map, NULL) != ATTRIB_OK ||
        at_output_open(name, &output, NULL) != ATTRIB_OK) {
        _exit(9);
    }
    (void)!truncate(path, 0);
    bool has_failed =
        at_output_write(&output, map.bytes, map.n_bytes, &err) == ATTRIB_EIO;
    (void)!write(said, err.message, strlen(err.message));
    at_output_discard(&output);
    _exit(has_failed ? 5 : 6);
}

/* Written straight from a map, it is the map that is named, not what is written. The
 * library's own copy of the bytes may meet the signal first. */
static void test_map__that_is_written_from_is_named(void **state)
{
    (void)state;
    char line[ATTRIB_ERROR_SIZE];
    write_pages(8);
    int code = end_of(write_from_what_was_cut, line);
    assert_true(code == 5 || code == 3);
    check_line(line, ": became shorter while it was read");
}

/* A map that is open knows whether the file of its name is what it was. */
static void test_map__notices_changes(void **state)
{
    (void)state;
    const struct timespec later[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 1000}};
    attrib_error replaced = {0};
    attrib_error grown = {0};
    attrib_error touched = {0};
    attrib_error removed = {0};
    at_map map = {0};
    at_map borrowed = {.bytes = (const unsigned char *)"", .n_bytes = 0};
    char other[700];
    write_file(path, "text", 4);
    check_ok(at_map_open(path, &map, NULL), NULL);
    check_ok(at_map_check(&map, NULL), NULL);
    check_ok(at_map_check(&borrowed, NULL), NULL);
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    check_fails(at_map_check(&map, &touched), ATTRIB_EIO, &touched);
    check_message(&touched, "/file: changed while it was in use");
    at_map_close(&map);
    check_ok(at_map_open(path, &map, NULL), NULL);
    check_ok(at_map_check(&map, NULL), NULL);
    write_file(path, "text more", 9);
    assert_int_equal(utimensat(AT_FDCWD, path, later, 0), 0);
    check_fails(at_map_check(&map, &grown), ATTRIB_EIO, &grown);
    check_message(&grown, "/file: changed while it was in use");
    snprintf(other, sizeof other, "%s/other", folder);
    write_file(other, "text", 4);
    assert_int_equal(utimensat(AT_FDCWD, other, later, 0), 0);
    assert_int_equal(rename(other, path), 0);
    check_fails(at_map_check(&map, &replaced), ATTRIB_EIO, &replaced);
    check_message(&replaced, "/file: replaced by another file");
    unlink(path);
    check_fails(at_map_check(&map, &removed), ATTRIB_EIO, &removed);
    check_message(&removed, "No such file");
    at_map_close(&map);
}

int main(void)
{
#define MAP_TEST(name)                                                                   \
    cmocka_unit_test_setup_teardown(test_map__##name, scratch_file_set_up,               \
                                    scratch_tear_down)
    const struct CMUnitTest tests[] = {
        MAP_TEST(holds_the_bytes),           MAP_TEST(of_an_empty_file),
        MAP_TEST(refuses_what_is_no_file),   MAP_TEST(that_becomes_shorter_is_named),
        MAP_TEST(that_was_removed_is_named), MAP_TEST(of_others_is_not_explained),
        MAP_TEST(is_named_by_one_line),      MAP_TEST(that_is_written_from_is_named),
        MAP_TEST(notices_changes),
    };
    return run_cases(tests, NULL, NULL);
}
