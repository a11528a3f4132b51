/* SPDX-License-Identifier: MIT */
/* Arrow streams and files. Those of tests/golden/arrow and their rows are pyarrow's and
 * datasets' (scripts/make-arrow-fixtures). */
#include "support/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "format/arrow.h"

/* Bytes in memory; each message is shown as a copy, so that a read beyond it is seen. */
typedef struct memory {
    const uint8_t *bytes;
    size_t n;
    uint8_t *copy; /* owned */
} memory;

static attrib_status show(
    void *context, size_t n, const uint8_t **bytes, size_t *n_there, attrib_error *err)
{
    memory *m = context;
    (void)err;
    *n_there = at_smaller(n, m->n);
    free(m->copy);
    m->copy = malloc(*n_there + 1);
    assert_non_null(m->copy);
    memcpy(m->copy, m->bytes, *n_there);
    *bytes = m->copy;
    return ATTRIB_OK;
}

static void drop(void *context, size_t n)
{
    memory *m = context;
    assert_true(n <= m->n);
    m->bytes += n;
    m->n -= n;
}

/* Whether a column is the one that is asked for; context: its path, "struct.name". */
static bool is_wanted(void *context, const char *path, bool is_binary)
{
    const char *wanted = context;
    size_t n = strlen(wanted);
    (void)is_binary;
    return strncmp(path, wanted, n) == 0 && (path[n] == '\0' || path[n] == '.');
}

/* All rows, each with a newline, with one column; NULL: with all. */
static attrib_status read_column(
    const uint8_t *bytes, size_t n, char *column, at_buffer *out, attrib_error *err)
{
    const at_column_filter filter = {.context = column, .reads = is_wanted};
    attrib_status status = ATTRIB_OK;
    memory m = {bytes, n, NULL};
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    at_buffer_clear(out);
    AT_TRY(at_buffer_append(out, "", 0, err));
    AT_TRY(at_arrow_open((at_arrow_source){&m, show, drop}, "f", column ? &filter : NULL,
                         &arrow, err));
    while ((status = at_arrow_next(arrow, &table, err)) == ATTRIB_OK) {
        for (size_t i = 0; i < table->n; i++) {
            AT_TRY(at_columns_append_row("f", table, i, out, err));
            AT_TRY(at_buffer_append(out, "\n", 1, err));
        }
    }
    status = status == ATTRIB_END ? ATTRIB_OK : status;
done:
    at_arrow_close(arrow);
    free(m.copy);
    return status;
}

static attrib_status read_rows(const uint8_t *bytes,
                               size_t n,
                               at_buffer *out,
                               attrib_error *err)
{
    return read_column(bytes, n, NULL, out, err);
}

static void open_fixture(const char *name, at_map *out)
{
    char path[512];
    snprintf(path, sizeof path, "tests/golden/arrow/%s", name);
    check_ok(at_map_open(source_path(path), out, NULL), NULL);
}

static void check_rows(const char *got, const char *want, const char *name)
{
    size_t line = 1;
    for (; *got && *want; line++) {
        json_error_t error;
        size_t n_got = strcspn(got, "\n");
        size_t n_want = strcspn(want, "\n");
        /* jansson's integers end below those of 64 bits without a sign. */
        const char *largest = "18446744073709551615";
        bool has_large = memmem(want, n_want, largest, strlen(largest));
        size_t flags = JSON_ALLOW_NUL | (has_large ? JSON_DECODE_INT_AS_REAL : 0);
        json_t *have = json_loadb(got, n_got, flags, &error);
        json_t *wanted = json_loadb(want, n_want, flags, &error);
        assert_true(!has_large || memmem(got, n_got, largest, strlen(largest)));
        assert_non_null(have);
        assert_non_null(wanted);
        if (!json_equal(have, wanted)) {
            fail_msg("%s:%zu: %.*s\nwanted %.*s", name, line, (int)n_got, got,
                     (int)n_want, want);
        }
        json_decref(have);
        json_decref(wanted);
        got += n_got + 1;
        want += n_want + 1;
    }
    assert_string_equal(got, want);
}

static const char *const names[] = {"scalars",          "scalars-lz4",
                                    "scalars-zstd",     "nested",
                                    "sliced",           "chat-lz4",
                                    "batches",          "legacy",
                                    "dictionary-delta", "dictionary-replaced",
                                    "dictionary-file"};

#define N_NAMES (sizeof names / sizeof *names)

/* 1. Rows */

static void test_arrow__rows_are_pyarrow_s(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_NAMES; i++) {
        char path[256];
        at_map map = {0};
        at_buffer got = {0};
        at_buffer want = {0};
        attrib_error err = {0};
        snprintf(path, sizeof path, "%s.arrow", names[i]);
        open_fixture(path, &map);
        assert_true(at_arrow_is((const char *)map.bytes, map.n_bytes) ||
                    strcmp(names[i], "legacy") == 0);
        check_ok(read_rows(map.bytes, map.n_bytes, &got, &err), &err);
        snprintf(path, sizeof path, "tests/golden/arrow/%s.jsonl", names[i]);
        check_ok(at_read_file(source_path(path), 1 << 20, &want, &err), &err);
        check_rows(got.bytes, want.bytes, names[i]);
        at_map_close(&map);
        at_buffer_free(&got);
        at_buffer_free(&want);
    }
}

/* Rows of one column are parts of the rows of all. */
static void check_column(const at_map *map, char *column, const char *all)
{
    at_buffer rows = {0};
    attrib_error err = {0};
    check_ok(read_column(map->bytes, map->n_bytes, column, &rows, &err), &err);
    const char *row = rows.bytes;
    while (*row && *all) {
        size_t n = strcspn(row, "\n");
        size_t n_all = strcspn(all, "\n");
        assert_true(n > 2);
        if (!memmem(all, n_all, row + 1, n - 2)) {
            fail_msg("%.*s is not in %.*s", (int)n, row, (int)n_all, all);
        }
        row += n + 1;
        all += n_all + 1;
    }
    assert_string_equal(row, all);
    at_buffer_free(&rows);
}

/* Whichever columns of a file are left out, the one that is read has its values. */
static void test_arrow__reads_any_column_alone(void **state)
{
    (void)state;
    size_t n_columns = 0;
    for (size_t i = 0; i < N_NAMES; i++) {
        char path[256];
        at_map map = {0};
        at_buffer all = {0};
        json_error_t error;
        attrib_error err = {0};
        snprintf(path, sizeof path, "%s.arrow", names[i]);
        open_fixture(path, &map);
        check_ok(read_rows(map.bytes, map.n_bytes, &all, &err), &err);
        json_t *row = json_loadb(all.bytes, strcspn(all.bytes, "\n"),
                                 JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
        assert_non_null(row);
        for (void *it = json_object_iter(row); it; it = json_object_iter_next(row, it)) {
            char key[64];
            snprintf(key, sizeof key, "%s", json_object_iter_key(it));
            check_column(&map, key, all.bytes);
            n_columns++;
        }
        json_decref(row);
        at_map_close(&map);
        at_buffer_free(&all);
    }
    assert_true(n_columns > 50);
}

/* A member of a struct is read alone, also of structs in a list; a struct without any is
 * left out, and a file without any column is refused. */
static void test_arrow__reads_members_alone(void **state)
{
    (void)state;
    static const char *const rows[] = {"{\"struct\":{\"ages\":[1]}}\n",
                                       "{\"structs\":[{\"ages\":[1,2]}]}\n"};
    char members[][16] = {"struct.ages", "structs.ages", "struct.none"};
    at_map map = {0};
    at_buffer got = {0};
    attrib_error err = {0};
    open_fixture("nested.arrow", &map);
    for (size_t i = 0; i < 2; i++) {
        check_ok(read_column(map.bytes, map.n_bytes, members[i], &got, &err), &err);
        assert_memory_equal(got.bytes, rows[i], strlen(rows[i]));
    }
    check_fails(read_column(map.bytes, map.n_bytes, members[2], &got, &err),
                ATTRIB_ESHAPE, &err);
    check_message(&err, "none of its columns is read; found \"list\", ...");
    at_map_close(&map);
    at_buffer_free(&got);
}

/* 2. Faults */

/* A file that is cut anywhere is refused; so is a stream, but between its messages and
 * behind them. */
static void test_arrow__refuses_what_is_cut(void **state)
{
    (void)state;
    at_buffer got = {0};
    at_map map = {0};
    size_t n_whole = 0;
    open_fixture("batches.arrow", &map);
    for (size_t n = 0; n < map.n_bytes; n++) {
        attrib_error err = {0};
        assert_int_equal(read_rows(map.bytes, n, &got, &err), ATTRIB_EFORMAT);
        /* A cut mark is none, and its bytes are a size. */
        assert_true(n < 8 || strstr(err.message, "truncated"));
    }
    at_map_close(&map);
    open_fixture("nested.arrow", &map);
    for (size_t n = 0; n < map.n_bytes; n++) {
        attrib_error err = {0};
        attrib_status status = read_rows(map.bytes, n, &got, &err);
        n_whole += status == ATTRIB_OK;
        assert_true(status == ATTRIB_OK || status == ATTRIB_EFORMAT);
    }
    /* Behind the schema, and behind the batch, where the mark of the end is optional. */
    assert_int_equal(n_whole, 2);
    at_map_close(&map);
    at_buffer_free(&got);
}

/* A byte that is changed anywhere gives rows or a status, and no access that sanitizers
 * find. */
static void test_arrow__bears_any_byte(void **state)
{
    (void)state;
    static const uint8_t values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    at_buffer got = {0};
    for (size_t i = 0; i < N_NAMES; i += 3) {
        char path[256];
        at_map map = {0};
        at_buffer copy = {0};
        snprintf(path, sizeof path, "%s.arrow", names[i]);
        open_fixture(path, &map);
        check_ok(at_buffer_append(&copy, map.bytes, map.n_bytes, NULL), NULL);
        for (size_t k = 0; k < map.n_bytes; k++) {
            attrib_error err = {0};
            copy.bytes[k] = (char)values[k % sizeof values];
            attrib_status status =
                read_rows((const uint8_t *)copy.bytes, copy.n_bytes, &got, &err);
            assert_int_equal(status == ATTRIB_OK, err.message[0] == '\0');
            copy.bytes[k] = (char)map.bytes[k];
        }
        at_buffer_free(&copy);
        at_map_close(&map);
    }
    at_buffer_free(&got);
}

static void check_refused(const char *name,
                          const char *find,
                          size_t n_find,
                          const char *put,
                          attrib_status status,
                          const char *message)
{
    at_map map = {0};
    at_buffer copy = {0};
    at_buffer got = {0};
    attrib_error err = {0};
    open_fixture(name, &map);
    check_ok(at_buffer_append(&copy, map.bytes, map.n_bytes, NULL), NULL);
    char *where = n_find ? memmem(copy.bytes, copy.n_bytes, find, n_find) : NULL;
    assert_true(where != NULL || n_find == 0);
    if (where) {
        memcpy(where, put, n_find);
    }
    check_fails(read_rows((const uint8_t *)copy.bytes, copy.n_bytes, &got, &err), status,
                &err);
    check_message(&err, message);
    at_buffer_free(&copy);
    at_buffer_free(&got);
    at_map_close(&map);
}

/* What is not read is refused by column and reason. */
static void test_arrow__refuses_by_column(void **state)
{
    (void)state;
    check_refused("unread.arrow", NULL, 0, NULL, ATTRIB_ENOTSUP,
                  "f: column \"gap\": the type duration is not read");
    check_refused("dictionary-of-structs.arrow", NULL, 0, NULL, ATTRIB_ENOTSUP,
                  "f: column \"nothing\": a dictionary of values that are nested is not");
}

/* The values of a dictionary are not read as another column's type: here a number would
 * be the address of a text. */
static void test_arrow__refuses_dictionaries_of_two_types(void **state)
{
    (void)state;
    check_refused("dictionary-shared.arrow", NULL, 0, NULL, ATTRIB_EFORMAT,
                  "column \"text\": its dictionary is one of another type");
}

/* Buffers whose size, packed or not, is beyond what a batch may hold, or beyond what
 * their bytes can, are refused before memory is taken for them. */
static void test_arrow__refuses_bombs(void **state)
{
    (void)state;
    at_map map = {0};
    open_fixture("scalars-zstd.arrow", &map);
    /* The first compressed buffer: 8 bytes of size, then the magic of zstd. */
    const uint8_t *zstd = memmem(map.bytes, map.n_bytes, "\x28\xb5\x2f\xfd", 4);
    assert_non_null(zstd);
    char size[12];
    memcpy(size, zstd - 8, sizeof size);
    char huge[12] = "\xff\xff\xff\xff\xff\xff\xff\x7f\x28\xb5\x2f\xfd";
    check_refused("scalars-zstd.arrow", size, 12, huge, ATTRIB_ERANGE,
                  "a batch of more than 1073741824 bytes");
    char large[12] = "\x00\x00\x00\x40\x00\x00\x00\x00\x28\xb5\x2f\xfd";
    check_refused("scalars-zstd.arrow", size, 12, large, ATTRIB_EFORMAT, "is damaged");
    char negative[12] = "\xfe\xff\xff\xff\xff\xff\xff\xff\x28\xb5\x2f\xfd";
    check_refused("scalars-zstd.arrow", size, 12, negative, ATTRIB_ERANGE, "a batch of");
    at_map_close(&map);
}

/* dictionary-delta is a schema, a dictionary, rows, an addition to the dictionary at byte
 * 648, and rows again. */
static void test_arrow__refuses_endless_dictionaries(void **state)
{
    (void)state;

    enum { AT = 648, N = 200, TIMES = 5000 };

    at_map map = {0};
    at_buffer file = {0};
    at_buffer got = {0};
    attrib_error err = {0};
    open_fixture("dictionary-delta.arrow", &map);
    check_ok(at_buffer_append(&file, map.bytes, AT, &err), &err);
    for (size_t i = 0; i < TIMES; i++) {
        check_ok(at_buffer_append(&file, map.bytes + AT, N, &err), &err);
    }
    check_fails(read_rows((const uint8_t *)file.bytes, file.n_bytes, &got, &err),
                ATTRIB_ERANGE, &err);
    check_message(&err, "more than 4096 parts of dictionary");
    at_buffer_free(&got);
    at_buffer_free(&file);
    at_map_close(&map);
}

/* A value is found as fast in many parts as in one. dictionary-parts is a schema, a
 * dictionary, rows, an addition at byte 600, and at byte 864 four million rows of the
 * value that the 4000th addition adds. */
static void test_arrow__finds_values_in_many_parts(void **state)
{
    (void)state;

    enum { AT = 600, N = 264, TIMES = 4000 };

    at_map map = {0};
    at_buffer file = {0};
    attrib_error err = {0};
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    clock_t start = clock();
    open_fixture("dictionary-parts.arrow", &map);
    check_ok(at_buffer_append(&file, map.bytes, AT, &err), &err);
    for (size_t i = 0; i < TIMES; i++) {
        check_ok(at_buffer_append(&file, map.bytes + AT, N, &err), &err);
    }
    check_ok(at_buffer_append(&file, map.bytes + AT + N, map.n_bytes - AT - N, &err),
             &err);
    memory m = {(const uint8_t *)file.bytes, file.n_bytes, NULL};
    check_ok(at_arrow_open((at_arrow_source){&m, show, drop}, "f", NULL, &arrow, &err),
             &err);
    check_ok(at_arrow_next(arrow, &table, &err), &err);
    check_ok(at_arrow_next(arrow, &table, &err), &err);
    assert_int_equal(table->n, 1 << 22);
    const at_slice *values = table->children[0].values;
    assert_memory_equal(values[table->n - 1].bytes, "blue", 4);
    assert_true((double)(clock() - start) < 7.0 * CLOCKS_PER_SEC);
    at_arrow_close(arrow);
    free(m.copy);
    at_buffer_free(&file);
    at_map_close(&map);
}

/* Files of a few hundred bytes that ask for gigabytes. */
static void test_arrow__refuses_many_values_of_no_bytes(void **state)
{
    (void)state;
    const char *message = "column \"item\": more than 1048576 values of no bytes";
    check_refused("many-lists.arrow", NULL, 0, NULL, ATTRIB_ERANGE, message);
    check_refused("many-nulls.arrow", NULL, 0, NULL, ATTRIB_ERANGE, message);
}

static void test_arrow__refuses_other_files(void **state)
{
    (void)state;

    static const struct {
        const char *bytes;
        size_t n;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"FEA1\0\0\0\0", 8, ATTRIB_ENOTSUP, "Feather version 1"},
        {"", 0, ATTRIB_EFORMAT, "does not begin with a schema"},
        {"\xff\xff\xff\xff\0\0\0\0", 8, ATTRIB_EFORMAT, "does not begin with a schema"},
        {"\xff\xff\xff\xff\xff\xff\xff\x7f", 8, ATTRIB_EFORMAT, "bytes of metadata"},
        {"\xff\xff\xff\xff\x04\0\0\0\xff\xff\xff\x7f", 12, ATTRIB_EFORMAT,
         "points outside of itself"},
        {"ARROW1\0\0", 8, ATTRIB_EFORMAT, "truncated"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        at_buffer got = {0};
        attrib_error err = {0};
        check_fails(read_rows((const uint8_t *)cases[i].bytes, cases[i].n, &got, &err),
                    cases[i].status, &err);
        check_message(&err, cases[i].message);
        at_buffer_free(&got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrow__rows_are_pyarrow_s),
        cmocka_unit_test(test_arrow__reads_any_column_alone),
        cmocka_unit_test(test_arrow__reads_members_alone),
        cmocka_unit_test(test_arrow__refuses_what_is_cut),
        cmocka_unit_test(test_arrow__bears_any_byte),
        cmocka_unit_test(test_arrow__refuses_by_column),
        cmocka_unit_test(test_arrow__refuses_dictionaries_of_two_types),
        cmocka_unit_test(test_arrow__refuses_bombs),
        cmocka_unit_test(test_arrow__refuses_endless_dictionaries),
        cmocka_unit_test(test_arrow__finds_values_in_many_parts),
        cmocka_unit_test(test_arrow__refuses_many_values_of_no_bytes),
        cmocka_unit_test(test_arrow__refuses_other_files),
    };
    return run_cases(tests, NULL, NULL);
}
