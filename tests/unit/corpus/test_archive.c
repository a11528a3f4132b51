/* SPDX-License-Identifier: MIT */
/* Members of archives: what others wrote and bsdtar reads, what libarchive's writer
 * writes, and what is cut or damaged. */
#include "support/check.h"
#include "support/scratch.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus/archive.h"
#include "make_archive.h"
#include "sha256.h"

/* The current member's bytes, in pieces of `step`; freed by the caller. */
static attrib_status read_all(
    at_archive *archive, size_t step, char **out, size_t *n, attrib_error *err)
{
    at_bytes bytes = at_archive_bytes(archive);
    size_t capacity = 1 << 16;
    *out = malloc(capacity);
    *n = 0;
    for (;;) {
        size_t got = 0;
        if (capacity - *n < step) {
            capacity *= 2;
            *out = realloc(*out, capacity);
        }
        assert_non_null(*out);
        attrib_status status = bytes.read(bytes.context, *out + *n, step, &got, err);
        if (status != ATTRIB_OK || got == 0) {
            return status;
        }
        *n += got;
    }
}

/* 1. Archives that others made */

typedef struct exception {
    const char *file, *why;
    attrib_status status; /* of opening or reading it */
} exception;

/* Where bsdtar's verdict is another's than ours, and why. */
static const exception exceptions[] = {
    {"test_pax_filename_encoding.tar",
     "bsdtar cannot make a name on disk; its name can be shown", ATTRIB_OK},
    {"test_read_format_tar_empty_filename.tar",
     "bsdtar cannot make a folder without a name; folders are not looked at", ATTRIB_OK},
};

static const exception *find_exception(const char *file)
{
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++) {
        if (strcmp(exceptions[i].file, file) == 0) {
            return &exceptions[i];
        }
    }
    return NULL;
}

static void check_entry(at_archive *archive,
                        const at_member *member,
                        const json_t *want,
                        const char *file)
{
    attrib_error err = {0};
    char *bytes = NULL;
    size_t n = 0;
    char digest[65];
    if (strcmp(json_string_value(json_object_get(want, "name")), member->name) != 0) {
        fail_msg("%s: member %s, expected %s", file, member->name,
                 json_string_value(json_object_get(want, "name")));
    }
    if (json_is_true(json_object_get(want, "dir"))) {
        assert_true(member->is_folder);
        return;
    }
    attrib_status status = ATTRIB_OK;
    if (member->is_file) {
        status = read_all(archive, 1 << 16, &bytes, &n, &err);
    }
    if (json_integer_value(json_object_get(want, "rc")) != 0) {
        const exception *known = find_exception(file);
        if (!known && status == ATTRIB_OK && !member->is_encrypted) {
            fail_msg("%s: %s was read, and bsdtar cannot", file, member->name);
        }
    } else {
        check_ok(status, &err);
        sha256_hex(bytes ? bytes : "", n, digest);
        digest[16] = '\0';
        if (!member->is_file && strstr(file, "hardlink")) {
            return; /* the link's target stands before it; alone it was read as zeros */
        }
        if (strcmp(member->name, "-") == 0) { /* a name bsdtar took for standard input */
            assert_int_equal(n, 6);
            assert_memory_equal(bytes, "file0\n", 6);
            free(bytes);
            return;
        }
        if (n != (size_t)json_integer_value(json_object_get(want, "size")) ||
            strcmp(digest, json_string_value(json_object_get(want, "sha256"))) != 0) {
            fail_msg("%s: %s: %zu bytes, sha256 %s", file, member->name, n, digest);
        }
    }
    free(bytes);
}

static void check_fixture(const json_t *want)
{
    const char *file = json_string_value(json_object_get(want, "file"));
    const json_t *entries = json_object_get(want, "entries");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", asset_path("archives/libarchive"), file);
    attrib_error err = {0};
    at_archive *archive = NULL;
    at_member member = {0};
    size_t i = 0;
    attrib_status status =
        at_archive_open(NULL, path, file, AT_ARCHIVE_MEMBERS, &archive, &err);
    while (status == ATTRIB_OK) {
        status = at_archive_next(archive, &member, &err);
        if (status == ATTRIB_OK && *member.name) {
            if (i == json_array_size(entries)) {
                fail_msg("%s: member %s is one too many", file, member.name);
            }
            check_entry(archive, &member, json_array_get(entries, i++), file);
        }
    }
    bool is_bad = json_integer_value(json_object_get(want, "list_rc")) != 0;
    const exception *known = find_exception(file);
    attrib_status expected = known ? known->status : is_bad ? ATTRIB_EFORMAT : ATTRIB_OK;
    status = status == ATTRIB_END ? ATTRIB_OK : status;
    if (status != expected) {
        fail_msg("%s: %s: %s", file, attrib_status_name(status), err.message);
    }
    if (status == ATTRIB_OK && i < json_array_size(entries)) {
        fail_msg("%s: %zu members, expected %zu", file, i, json_array_size(entries));
    }
    at_archive_close(archive);
}

/* Every archive of libarchive's own tests gives the members and bytes bsdtar gives. */
static void test_archive__reads_what_bsdtar_reads(void **state)
{
    (void)state;
    need_assets();
    json_error_t error;
    json_t *all =
        json_load_file(asset_path("archives/libarchive/EXPECTED.json"), 0, &error);
    assert_int_equal(json_array_size(all), 28);
    for (size_t i = 0; i < json_array_size(all); i++) {
        check_fixture(json_array_get(all, i));
    }
    json_decref(all);
}

/* zstd's own golden files unpack to their known sizes. */
static void test_archive__reads_golden_zstd(void **state)
{
    (void)state;
    need_assets();

    static const struct {
        const char *name;
        size_t n_bytes;
    } golden[] = {{"good_block-128k.zst", 131068},
                  {"good_empty-block.zst", 0},
                  {"good_rle-first-block.zst", 1048576}};

    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", asset_path("archives/zstd"), golden[i].name);
        attrib_error err = {0};
        at_archive *archive = NULL;
        at_member member = {0};
        char *bytes = NULL;
        size_t n = 0;
        check_ok(at_archive_open(NULL, path, path, AT_ARCHIVE_FILE, &archive, &err),
                 &err);
        assert_false(at_archive_has_members(archive));
        if (at_archive_next(archive, &member, &err) != ATTRIB_END) {
            check_ok(read_all(archive, 4096, &bytes, &n, &err), &err);
        }
        assert_int_equal(n, golden[i].n_bytes);
        free(bytes);
        at_archive_close(archive);
    }
}

/* 2. Archives that are made here */

static const char *const formats[] = {"ustar", "pax", "zip", "7zip", "newc", "odc"};
static const char *const filters[] = {"none", "gzip", "zstd", "xz", "bzip2", "lz4"};

/* A text that does not compress to nothing, so that cutting it cuts something. */
static char *make_text(size_t n)
{
    char *text = malloc(n + 1);
    assert_non_null(text);
    uint32_t x = 12345;
    for (size_t i = 0; i < n; i++) {
        x = x * 1664525 + 1013904223;
        text[i] = (char)('a' + (x >> 24) % 26);
    }
    text[n] = '\0';
    return text;
}

/* Every format under every filter gives back names and bytes, for any size of piece. */
static void test_archive__round_trips(void **state)
{
    (void)state;
    char *text = make_text(200000);
    const made_member members[] = {
        {"a.txt", "first", 0}, {"folder/b.txt", text, 200000}, {"c", "third", 0}};
    for (size_t f = 0; f < 6; f++) {
        for (size_t c = 0; c < 6; c++) {
            const char *path = in_folder("made");
            attrib_error err = {0};
            at_archive *archive = NULL;
            at_member member = {0};
            if (strcmp(formats[f], "7zip") == 0 && c > 0) {
                continue; /* 7zip is read by seeking, which no filter can do */
            }
            make_archive(path, formats[f], filters[c], NULL, members, 3);
            check_ok(at_archive_open(NULL, path, "made", AT_ARCHIVE_ANY, &archive, &err),
                     &err);
            assert_true(at_archive_has_members(archive));
            for (size_t i = 0; i < 3; i++) {
                char *bytes = NULL;
                size_t n = 0;
                check_ok(at_archive_next(archive, &member, &err), &err);
                assert_string_equal(member.name, members[i].name);
                assert_true(member.is_file);
                assert_false(member.is_folder);
                assert_false(member.is_encrypted);
                check_ok(read_all(archive, i == 1 ? 1000 : 1, &bytes, &n, &err), &err);
                assert_int_equal(n, strlen(members[i].bytes));
                assert_memory_equal(bytes, members[i].bytes, n);
                free(bytes);
            }
            assert_int_equal(at_archive_next(archive, &member, &err), ATTRIB_END);
            at_archive_close(archive);
        }
    }
    free(text);
}

/* The bytes of a compressed file, or the failure of reading them. */
static attrib_status read_file(const char *path,
                               char **bytes,
                               size_t *n,
                               attrib_error *err)
{
    at_archive *archive = NULL;
    at_member member = {0};
    *bytes = NULL;
    *n = 0;
    attrib_status status =
        at_archive_open(NULL, path, "made", AT_ARCHIVE_FILE, &archive, err);
    if (status == ATTRIB_OK) {
        status = at_archive_next(archive, &member, err);
    }
    if (status == ATTRIB_OK) {
        status = read_all(archive, 1 << 16, bytes, n, err);
    }
    at_archive_close(archive);
    return status;
}

/* Compressed files that were put one behind the other are read to their end. */
static void test_archive__reads_all_frames(void **state)
{
    (void)state;
    char *text = make_text(100000);
    for (size_t c = 1; c < 6; c++) {
        const made_member first = {"", text, 100000};
        const made_member second = {"", "the second frame", 0};
        char path[512];
        char other[512];
        char *bytes = NULL;
        size_t n = 0;
        attrib_error err = {0};
        snprintf(path, sizeof path, "%s", in_folder("frames"));
        snprintf(other, sizeof other, "%s", in_folder("frame"));
        make_archive(path, "raw", filters[c], NULL, &first, 1);
        make_archive(other, "raw", filters[c], NULL, &second, 1);
        append_file(path, other);
        append_file(path, other);
        check_ok(read_file(path, &bytes, &n, &err), &err);
        if (n != 100000 + 2 * 16 || memcmp(bytes, text, 100000) != 0 ||
            memcmp(bytes + 100000, "the second framethe second frame", 32) != 0) {
            fail_msg("%s: %zu bytes of three frames", filters[c], n);
        }
        free(bytes);
    }
    free(text);
}

/* A compressed file that was cut anywhere is a format error, never a shorter text. */
static void test_archive__refuses_cut_files(void **state)
{
    (void)state;
    char *text = make_text(100000);
    const made_member member = {"", text, 100000};
    for (size_t c = 1; c < 6; c++) {
        const char *path = in_folder("cut");
        make_archive(path, "raw", filters[c], NULL, &member, 1);
        const size_t whole = file_size(path);
        const size_t cuts[] = {whole - 1, whole - 5, whole / 2, 1000, 20, 11};
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
            char *bytes = NULL;
            size_t n = 0;
            attrib_error err = {0};
            make_archive(path, "raw", filters[c], NULL, &member, 1);
            cut_file(path, cuts[i]);
            attrib_status status = read_file(path, &bytes, &n, &err);
            if (status != ATTRIB_EFORMAT) {
                fail_msg("%s cut to %zu of %zu bytes: %s, %zu bytes read", filters[c],
                         cuts[i], whole, attrib_status_name(status), n);
            }
            check_message(&err, "made: ");
            free(bytes);
        }
    }
    free(text);
}

/* All members' bytes, or the first failure. */
static attrib_status read_members(const char *path, attrib_error *err)
{
    at_archive *archive = NULL;
    at_member member = {0};
    attrib_status status =
        at_archive_open(NULL, path, "made", AT_ARCHIVE_MEMBERS, &archive, err);
    while (status == ATTRIB_OK) {
        char *bytes = NULL;
        size_t n = 0;
        status = at_archive_next(archive, &member, err);
        if (status == ATTRIB_OK) {
            status = read_all(archive, 1 << 16, &bytes, &n, err);
        }
        free(bytes);
    }
    at_archive_close(archive);
    return status == ATTRIB_END ? ATTRIB_OK : status;
}

/* An archive that was cut inside a member is a format error. */
/* One filter is taken off and no other is looked for after it; what follows is no text.
 */
static void test_archive__takes_one_filter_off(void **state)
{
    (void)state;
    static char inner[4096];
    const made_member text = {"", "a text", 0};
    const char *path = in_folder("twice");
    for (size_t c = 1; c < 6; c++) {
        char *bytes = NULL;
        size_t n = 0;
        attrib_error err = {0};
        make_archive(path, "raw", filters[c], NULL, &text, 1);
        size_t n_inner = file_size(path);
        FILE *stream = fopen(path, "rb");
        assert_non_null(stream);
        assert_int_equal(fread(inner, 1, sizeof inner, stream), n_inner);
        fclose(stream);
        assert_true(at_is_compressed(inner, n_inner));
        const made_member packed = {"", inner, n_inner};
        make_archive(path, "raw", "gzip", NULL, &packed, 1);
        check_ok(read_file(path, &bytes, &n, &err), &err);
        assert_int_equal(n, n_inner);
        assert_memory_equal(bytes, inner, n);
        free(bytes);
    }
    assert_false(at_is_compressed("BZh9 is a text", 14));
}

/* A window of 2 GiB, which `zstd --long=31` writes. */
static void test_archive__names_long_windows(void **state)
{
    (void)state;
    static const char frame[] = {'\x28', '\xb5', '\x2f', '\xfd', '\x00',
                                 '\xa8', '\x09', '\x00', '\x00', 'a'};
    char *bytes = NULL;
    size_t n = 0;
    attrib_error err = {0};
    write_file(in_folder("long.zst"), frame, sizeof frame);
    check_fails(read_file(in_folder("long.zst"), &bytes, &n, &err), ATTRIB_ENOTSUP, &err);
    check_message(&err, "zstd -dc --long=31");
    free(bytes);
}

static void test_archive__refuses_cut_archives(void **state)
{
    (void)state;
    char *text = make_text(100000);
    const made_member members[] = {{"a.txt", text, 100000}, {"b.txt", text, 100000}};
    for (size_t f = 0; f < 6; f++) {
        const char *path = in_folder("cut");
        make_archive(path, formats[f], "none", NULL, members, 2);
        attrib_error err = {0};
        check_ok(read_members(path, &err), &err);
        cut_file(path, file_size(path) * 2 / 3);
        check_fails(read_members(path, &err), ATTRIB_EFORMAT, &err);
        check_message(&err, "made");
    }
    free(text);
}

/* What is no archive is refused where one is expected, and a file where any will do. */
static void test_archive__tells_files_from_archives(void **state)
{
    (void)state;
    const char *path = in_folder("plain");
    attrib_error err = {0};
    at_archive *archive = NULL;
    write_file(path, "just a text\n", 12);
    check_fails(at_archive_open(NULL, path, "plain", AT_ARCHIVE_MEMBERS, &archive, &err),
                ATTRIB_EFORMAT, &err);
    check_message(&err, "plain: ");
    attrib_error none = {0};
    check_ok(at_archive_open(NULL, path, "plain", AT_ARCHIVE_ANY, &archive, &none),
             &none);
    assert_false(at_archive_has_members(archive));
    at_archive_close(archive);
}

static void test_archive__names_encrypted_members(void **state)
{
    (void)state;
    const made_member member = {"secret.txt", "what nobody reads", 0};
    const char *path = in_folder("secret.zip");
    attrib_error err = {0};
    at_archive *archive = NULL;
    at_member found = {0};
    make_archive(path, "zip", "none", "zip:encryption=traditional", &member, 1);
    check_ok(at_archive_open(NULL, path, path, AT_ARCHIVE_ANY, &archive, &err), &err);
    check_ok(at_archive_next(archive, &found, &err), &err);
    assert_true(found.is_encrypted);
    at_archive_close(archive);
}

/* Names are UTF-8 of one line, whatever bytes and locale there are. */
static void test_archive__makes_names_printable(void **state)
{
    (void)state;
    const made_member members[] = {{"caf\xc3\xa9.txt", "x", 0},
                                   {"latin\xe9.txt", "y", 0},
                                   {"two\nlines.txt", "z", 0}};
    const char *want[] = {"caf\xc3\xa9.txt", "latin\\351.txt", "two\\012lines.txt"};
    const char *path = in_folder("names.tar");
    attrib_error err = {0};
    at_archive *archive = NULL;
    at_member found = {0};
    make_archive(path, "ustar", "none", NULL, members, 3);
    check_ok(at_archive_open(NULL, path, path, AT_ARCHIVE_ANY, &archive, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        check_ok(at_archive_next(archive, &found, &err), &err);
        assert_string_equal(found.name, want[i]);
    }
    at_archive_close(archive);
}

static void test_archive__says_what_is_missing(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_archive *archive = NULL;
    check_fails(
        at_archive_open(NULL, "/nonexistent/x", "x", AT_ARCHIVE_ANY, &archive, &err),
        ATTRIB_EIO, &err);
    assert_string_equal(err.message, "x: No such file or directory");
}

/* A file that grows while it is read was neither what it is nor what it was. */
static void test_archive__notices_changes(void **state)
{
    (void)state;
    const char *path = in_folder("log.txt");
    attrib_error err = {0};
    at_archive *archive = NULL;
    write_file(path, "one", 3);
    check_ok(at_archive_open(NULL, path, "log", AT_ARCHIVE_FILE, &archive, &err), &err);
    check_ok(at_archive_check(archive, &err), &err);
    write_file(path, "one more", 8);
    check_fails(at_archive_check(archive, &err), ATTRIB_EIO, &err);
    assert_string_equal(err.message, "log: changed while it was read");
    at_archive_close(archive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_archive__reads_what_bsdtar_reads),
        cmocka_unit_test(test_archive__reads_golden_zstd),
        cmocka_unit_test(test_archive__round_trips),
        cmocka_unit_test(test_archive__reads_all_frames),
        cmocka_unit_test(test_archive__refuses_cut_files),
        cmocka_unit_test(test_archive__takes_one_filter_off),
        cmocka_unit_test(test_archive__names_long_windows),
        cmocka_unit_test(test_archive__refuses_cut_archives),
        cmocka_unit_test(test_archive__tells_files_from_archives),
        cmocka_unit_test(test_archive__names_encrypted_members),
        cmocka_unit_test(test_archive__makes_names_printable),
        cmocka_unit_test(test_archive__says_what_is_missing),
        cmocka_unit_test(test_archive__notices_changes),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
