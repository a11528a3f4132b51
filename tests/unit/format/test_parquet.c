/* SPDX-License-Identifier: MIT */
/* Parquet files of tests/golden/parquet, written by pyarrow or by hand after the
 * specification (scripts/make-parquet-fixtures), against their rows as lines of JSON; and
 * files that are damaged or not read. */
#include "format/parquet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "support/check.h"

static const char *fixture(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/golden/parquet/%s", name);
    return source_path(path);
}

/* Append the rows of a file as lines; `f` is its name in messages. */
static attrib_status read_rows(const void *bytes,
                               size_t n,
                               const at_column_filter *filter,
                               at_buffer *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_parquet *file = NULL;
    const at_column *table = NULL;
    AT_TRY(at_parquet_open("f", bytes, n, filter, &file, err));
    while ((status = at_parquet_next(file, &table, err)) == ATTRIB_OK) {
        AT_TRY(at_columns_append_row("f", table, 0, out, err));
        AT_TRY(at_buffer_append(out, "\n", 1, err));
    }
done:
    at_parquet_close(file);
    return status == ATTRIB_END ? ATTRIB_OK : status;
}

static void check_file(const char *name)
{
    attrib_error err = {0};
    at_map map = {0};
    at_buffer got = {0};
    at_buffer want = {0};
    char file[64];
    snprintf(file, sizeof file, "%s.parquet", name);
    check_ok(at_map_open(fixture(file), &map, &err), &err);
    check_ok(read_rows(map.bytes, map.n_bytes, NULL, &got, &err), &err);
    snprintf(file, sizeof file, "%s.jsonl", name);
    check_ok(at_read_file(fixture(file), 1 << 20, &want, &err), &err);
    assert_string_equal(got.bytes, want.bytes);
    at_map_close(&map);
    at_buffer_free(&got);
    at_buffer_free(&want);
}

static void check_files(const char *const *names)
{
    for (; *names; names++) {
        check_file(*names);
    }
}

static void test_parquet__every_compression_is_read(void **state)
{
    (void)state;
    const char *const names[] = {
        "none-v1",   "none-v2",      "snappy-v1",  "snappy-v2",   "gzip-v1",  "gzip-v2",
        "brotli-v1", "brotli-v2",    "zstd-v1",    "zstd-v2",     "lz4-v1",   "lz4-v2",
        "zlib",      "gzip-members", "lz4-hadoop", "v2-unpacked", "lz4-bare", NULL};
    check_files(names);
}

static void test_parquet__every_encoding_is_read(void **state)
{
    (void)state;
    const char *const names[] = {"encodings-v1", "encodings-v2",      "dictionaries",
                                 "one-item",     "bit-packed-levels", NULL};
    check_files(names);
}

static void test_parquet__every_type_is_read(void **state)
{
    (void)state;
    const char *const names[] = {"scalars", "int96", "decimals", NULL};
    check_files(names);
}

static void test_parquet__lists_and_structs_nest(void **state)
{
    (void)state;
    const char *const names[] = {
        "nested", "nested-small-pages", "old-lists", "old-maps", "shapes", "images",
        NULL};
    check_files(names);
}

/* What the filter was asked, and what it answers. */
typedef struct asked {
    const char *wanted; /* the only path that is read */
    char paths[512];
} asked;

static bool reads_one(void *context, const char *path, bool is_binary)
{
    asked *a = context;
    size_t n = strlen(a->paths);
    snprintf(a->paths + n, sizeof a->paths - n, "%s%s ", path, is_binary ? "!" : "");
    return strcmp(path, a->wanted) == 0;
}

static void test_parquet__only_columns_that_are_asked_for_are_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_map map = {0};
    at_buffer got = {0};
    asked a = {.wanted = "messages.content"};
    const at_column_filter filter = {.context = &a, .reads = reads_one};
    check_ok(at_map_open(fixture("none-v1.parquet"), &map, &err), &err);
    check_ok(read_rows(map.bytes, map.n_bytes, &filter, &got, &err), &err);
    assert_string_equal(a.paths, "messages.role messages.content source score n ");
    const char first[] =
        "{\"messages\":[{\"content\":\"ask 0\"},{\"content\":\"say 0 \xc3\xa9\"}]}\n";
    assert_memory_equal(got.bytes, first, sizeof first - 1);
    at_map_close(&map);
    at_buffer_clear(&got);
    /* Nothing of the others is looked at: the column of another codec is not read. */
    a = (asked){.wanted = "absent"};
    check_ok(at_map_open(fixture("scalars.parquet"), &map, &err), &err);
    check_fails(read_rows(map.bytes, map.n_bytes, &filter, &got, &err), ATTRIB_ESHAPE,
                &err);
    check_message(&err, "f: none of its columns is read");
    assert_non_null(strstr(a.paths, " text bytes! image! fixed! date "));
    at_map_close(&map);
    at_buffer_free(&got);
}

static void test_parquet__what_is_not_read_is_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"encrypted-footer", ATTRIB_ENOTSUP, "f: an encrypted Parquet file"},
        {"encrypted-column", ATTRIB_ENOTSUP, "f:1: column \"x\": encrypted"},
        {"lzo", ATTRIB_ENOTSUP, "f:1: column \"x\": compression LZO is not read"},
        {"checksum", ATTRIB_EFORMAT,
         "f:1: column \"x\": a page has checksum 53684a89, expected 00000001"},
        {"refused-blocks", ATTRIB_EFORMAT,
         "f:1: column \"x\": differences in blocks of 128 values and 3 parts"},
        {"refused-deep", ATTRIB_ENOTSUP, "f: column \"g\": nested more than 64 deep"},
        {"refused-disagree", ATTRIB_EFORMAT,
         "f:1: column \"pairs.a\": 1 values where its neighbours have 2"},
        {"refused-elsewhere", ATTRIB_ENOTSUP,
         "f:1: column \"x\": its data is in another file"},
        {"refused-encoding", ATTRIB_ENOTSUP,
         "f:1: column \"x\": encoding 10 of type 1 is not read"},
        {"refused-few-rows", ATTRIB_EFORMAT,
         "f:21: column \"x\": fewer rows than the row group"},
        {"refused-few-values", ATTRIB_EFORMAT,
         "f:21: column \"x\": its pages end 1 values before the column"},
        {"refused-footer-size", ATTRIB_EFORMAT,
         "f: a footer of 4294967295 bytes in a Parquet file of 12"},
        {"refused-interval", ATTRIB_ENOTSUP,
         "f: column \"x\": type INTERVAL is not read"},
        {"refused-item", ATTRIB_EFORMAT,
         "f:1: column \"x\": item 1 of a dictionary of 1"},
        {"refused-large-page", ATTRIB_ERANGE,
         "f:1: column \"x\": a page of 1073741825 bytes, at most 1073741824 are read"},
        {"refused-level", ATTRIB_EFORMAT,
         "f:1: column \"s.x\": a level of 3, expected at most 2"},
        {"refused-levels-length", ATTRIB_EFORMAT,
         "f:1: column \"x\": levels of 2147483648 bytes in a page that has 4"},
        {"refused-list", ATTRIB_ENOTSUP,
         "f: column \"x\": a list without one repeated element"},
        {"refused-long-page", ATTRIB_EFORMAT,
         "f:1: column \"x\": a page of 1000000 bytes where the column has 0"},
        {"refused-many-leaves", ATTRIB_EFORMAT,
         "f: footer: 1 schema elements in no group"},
        {"refused-many-rows", ATTRIB_EFORMAT,
         "f:20: column \"x\": 1 values more than the row group"},
        {"refused-negative-count", ATTRIB_EFORMAT, "f:1: footer: field 5 is -1, below 0"},
        {"refused-no-dictionary", ATTRIB_EFORMAT,
         "f:1: column \"x\": a page without its dictionary"},
        {"refused-no-leaf", ATTRIB_EFORMAT, "f: column \"schema\": lacks children"},
        {"refused-page-values", ATTRIB_EFORMAT,
         "f:1: column \"x\": a page of 21 values where the column has 20 left"},
        {"refused-prefix", ATTRIB_EFORMAT,
         "f:2: column \"x\": a prefix of 9 bytes of a value of 1"},
        {"refused-recursion", ATTRIB_EFORMAT, "f: footer: nested more than 16 deep"},
        {"refused-repetition", ATTRIB_EFORMAT,
         "f:1: column \"x\": a row that begins with repetition level 1"},
        {"refused-row-bytes", ATTRIB_ERANGE,
         "f:1: column \"y\": more than 268435456 bytes in a row of all columns"},
        {"refused-row-memory", ATTRIB_ERANGE,
         "f:1: column \"x\": a row that takes more than 536870912 bytes of memory"},
        {"refused-row-values", ATTRIB_ERANGE,
         "f:1: column \"y\": more than 16777216 values in a row of all columns"},
        {"refused-run", ATTRIB_EFORMAT,
         "f:1: column \"x\": a run of 2, which takes more than 1 bits"},
        {"refused-short-page", ATTRIB_EFORMAT,
         "f:20: column \"x\": a page ends before its values"},
        {"refused-string", ATTRIB_ENOTSUP,
         "f: column \"x\": type STRING kept as INT32 is not read"},
        {"refused-type", ATTRIB_EFORMAT,
         "f:1: column \"x\": type 1, expected 2, as the schema has it"},
        {"refused-wrong-size", ATTRIB_EFORMAT,
         "f:1: column \"x\": damaged snappy, or not of 100 bytes as the page says"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        at_map map = {0};
        at_buffer got = {0};
        char file[64];
        snprintf(file, sizeof file, "%s.parquet", cases[i].name);
        check_ok(at_map_open(fixture(file), &map, &err), &err);
        check_fails(read_rows(map.bytes, map.n_bytes, NULL, &got, &err), cases[i].status,
                    &err);
        assert_string_equal(err.message, cases[i].message);
        at_map_close(&map);
        at_buffer_free(&got);
    }
}

/* More elements than are read are counted before they are looked at. */
static void test_parquet__footers_are_bounded(void **state)
{
    (void)state;

    enum { N = 70000 };

    static const char head[] = "PAR1\x29\xfc\xf0\xa2\x04"; /* field 2: N structs */
    const size_t n_footer = sizeof head - 1 - 4 + N + 1;
    unsigned char *file = calloc(sizeof head + N + 16, 1);
    attrib_error err = {0};
    at_buffer got = {0};
    assert_non_null(file);
    memcpy(file, head, sizeof head - 1);
    for (size_t i = 0; i < 4; i++) {
        file[4 + n_footer + i] = (unsigned char)(n_footer >> (8 * i));
        file[4 + n_footer + 4 + i] = (unsigned char)"PAR1"[i];
    }
    check_fails(read_rows(file, n_footer + 12, NULL, &got, &err), ATTRIB_ERANGE, &err);
    assert_string_equal(err.message,
                        "f: footer: a schema of 70000 elements, expected 1 to 65536");
    free(file);
    at_buffer_free(&got);
}

/* Every prefix of a file is refused. A file with a byte changed is refused or read. */
static void test_parquet__damaged_files_are_refused(void **state)
{
    (void)state;
    const char *const names[] = {"none-v2", "encodings-v1", "nested", "zstd-v1",
                                 "old-lists"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        attrib_error err = {0};
        at_map map = {0};
        char file[64];
        snprintf(file, sizeof file, "%s.parquet", names[k]);
        check_ok(at_map_open(fixture(file), &map, &err), &err);
        unsigned char *copy = malloc(map.n_bytes);
        assert_non_null(copy);
        for (size_t n = 0; n < map.n_bytes; n++) {
            at_buffer got = {0};
            attrib_error cut = {0};
            memcpy(copy, map.bytes, n);
            attrib_status status = read_rows(copy, n, NULL, &got, &cut);
            assert_true(status != ATTRIB_OK && cut.message[0] == 'f');
            at_buffer_free(&got);
        }
        memcpy(copy, map.bytes, map.n_bytes);
        for (size_t i = 0; i < map.n_bytes; i += 1 + map.n_bytes / 2000) {
            at_buffer got = {0};
            attrib_error changed = {0};
            copy[i] = (unsigned char)(copy[i] ^ (1u << i % 8));
            attrib_status status = read_rows(copy, map.n_bytes, NULL, &got, &changed);
            assert_true(status == ATTRIB_OK || changed.message[0] == 'f');
            copy[i] = map.bytes[i];
            at_buffer_free(&got);
        }
        free(copy);
        at_map_close(&map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parquet__every_compression_is_read),
        cmocka_unit_test(test_parquet__every_encoding_is_read),
        cmocka_unit_test(test_parquet__every_type_is_read),
        cmocka_unit_test(test_parquet__lists_and_structs_nest),
        cmocka_unit_test(test_parquet__only_columns_that_are_asked_for_are_read),
        cmocka_unit_test(test_parquet__what_is_not_read_is_refused_by_name),
        cmocka_unit_test(test_parquet__footers_are_bounded),
        cmocka_unit_test(test_parquet__damaged_files_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
