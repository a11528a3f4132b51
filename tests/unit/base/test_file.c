/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all, folders, paths and hashes. */
#include "support/check.h"
#include "support/scratch_file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

static size_t count_files(void)
{
    size_t n = 0;
    DIR *stream = opendir(folder);
    assert_non_null(stream);
    while (readdir(stream)) {
        n++;
    }
    closedir(stream);
    return n - 2; /* . and .. */
}

static void check_content(const char *name, const char *expected)
{
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(at_read_file(name, 1000, &text, &err), &err);
    assert_string_equal(text.bytes, expected);
    at_buffer_free(&text);
}

/* Nothing is seen under the name until the commit; then the whole. */
static void test_file__output_appears_whole_on_commit(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output;
    write_file(path, "old", 3);
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_output_write(&output, "new text", 8, &err), &err);
    fflush(output.stream);
    check_content(path, "old");
    check_ok(at_output_commit(&output, &err), &err);
    check_content(path, "new text");
    assert_int_equal(count_files(), 1);
    at_output_discard(&output);
    check_content(path, "new text");
}

static void test_file__discard_leaves_nothing(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output;
    check_ok(at_output_open(path, &output, &err), &err);
    check_ok(at_output_write(&output, "x", 1, &err), &err);
    assert_int_equal(count_files(), 1);
    at_output_discard(&output);
    assert_int_equal(count_files(), 0);
}

/* A full disk shows when writing or at the latest on commit, as EIO with its reason; the
 * device is not replaced by a file. */
static void test_file__full_disk_is_an_error(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output;
    struct stat info;
    check_ok(at_output_open("/dev/full", &output, &err), &err);
    check_ok(at_output_write(&output, "x", 1, &err), &err);
    check_fails(at_output_commit(&output, &err), ATTRIB_EIO, &err);
    check_message(&err, "/dev/full");
    check_message(&err, "No space left on device");
    assert_int_equal(stat("/dev/full", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
}

/* A link stays a link, and the file that it names is replaced. */
static void test_file__output_through_a_link(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output;
    struct stat info;
    char link_path[600];
    snprintf(link_path, sizeof link_path, "%s/link", folder);
    write_file(path, "old", 3);
    assert_int_equal(symlink(path, link_path), 0);
    check_ok(at_output_open(link_path, &output, &err), &err);
    check_ok(at_output_write(&output, "new", 3, &err), &err);
    check_ok(at_output_commit(&output, &err), &err);
    check_content(path, "new");
    assert_int_equal(lstat(link_path, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_file__output_into_a_missing_folder_is_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_output output = {0};
    snprintf(path, sizeof path, "%s/none/file", folder);
    check_fails(at_output_open(path, &output, &err), ATTRIB_EIO, &err);
    check_message(&err, path);
    check_message(&err, "No such file or directory");
    assert_null(output.stream);
}

static void test_file__read_stops_at_its_limit(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer text = {0};
    check_fails(at_read_file("/dev/zero", 100000, &text, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "more than 100000 bytes");
    assert_null(text.bytes);
    attrib_error of_folder = {0};
    check_fails(at_read_file(folder, 10, &text, &of_folder), ATTRIB_EIO, &of_folder);
    write_file(path, "", 0);
    attrib_error of_empty = {0};
    check_ok(at_read_file(path, 10, &text, &of_empty), &of_empty);
    assert_string_equal(text.bytes, "");
    at_buffer_free(&text);
}

/* Folders are made with their parents, again without harm, and never over a file. */
static void test_file__folders_are_made_with_parents(void **state)
{
    (void)state;
    attrib_error err = {0};
    char nested[700];
    snprintf(nested, sizeof nested, "%s/a/b//c/", folder);
    check_ok(at_make_folder(nested, &err), &err);
    assert_true(at_is_folder(nested));
    check_ok(at_make_folder(nested, &err), &err);
    check_ok(at_make_folder("/", &err), &err);
    write_file(path, "", 0);
    assert_true(at_is_file(path));
    assert_false(at_is_folder(path));
    check_fails(at_make_folder(path, &err), ATTRIB_EIO, &err);
    check_message(&err, "not a folder");
    attrib_error below = {0};
    snprintf(nested, sizeof nested, "%s/below", path);
    check_fails(at_make_folder(nested, &below), ATTRIB_EIO, &below);
    attrib_error of_nothing = {0};
    check_fails(at_make_folder("", &of_nothing), ATTRIB_EIO, &of_nothing);
}

static void test_file__paths_are_joined_by_one_slash(void **state)
{
    (void)state;
    attrib_error err = {0};
    const char *cases[][2] = {{"a", "a/x"}, {"a/", "a/x"}, {"/", "/x"}};
    for (size_t i = 0; i < 3; i++) {
        char *joined = NULL;
        check_ok(at_join_path(cases[i][0], "x", &joined, &err), &err);
        assert_string_equal(joined, cases[i][1]);
        free(joined);
    }
}

/* XXH3-128 of nothing is a published constant; pieces give what the whole gives. */
static void test_file__hash_in_pieces_is_that_of_the_whole(void **state)
{
    (void)state;
    attrib_error err = {0};
    char whole[AT_HASH_SIZE];
    char pieces[AT_HASH_SIZE];
    unsigned char bytes[3000];
    at_hash *hash = NULL;
    at_hash_bytes("", 0, whole);
    assert_string_equal(whole, "99aa06d3014798d86001c324468d497f");
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (unsigned char)(i * 31 >> 3);
    }
    at_hash_bytes(bytes, sizeof bytes, whole);
    check_ok(at_hash_new(&hash, &err), &err);
    at_hash_add(hash, bytes, 1);
    at_hash_add(hash, bytes + 1, 0);
    at_hash_add(hash, bytes + 1, sizeof bytes - 1);
    at_hash_digest(hash, pieces);
    assert_string_equal(whole, pieces);
    at_hash_free(hash);
    at_hash_free(NULL);
}

int main(void)
{
#define FILE_TEST(name)                                                                  \
    cmocka_unit_test_setup_teardown(test_file__##name, scratch_file_set_up,              \
                                    scratch_tear_down)
    const struct CMUnitTest tests[] = {
        FILE_TEST(output_appears_whole_on_commit),
        FILE_TEST(discard_leaves_nothing),
        FILE_TEST(full_disk_is_an_error),
        FILE_TEST(output_through_a_link),
        FILE_TEST(output_into_a_missing_folder_is_refused),
        FILE_TEST(read_stops_at_its_limit),
        FILE_TEST(folders_are_made_with_parents),
        FILE_TEST(paths_are_joined_by_one_slash),
        FILE_TEST(hash_in_pieces_is_that_of_the_whole),
    };
    return run_cases(tests, NULL, NULL);
}
