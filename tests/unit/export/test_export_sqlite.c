/* SPDX-License-Identifier: MIT */
/* Runs as SQLite databases, read back by SQLite. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "export/write.h"
#include "fake_run.h"
#include "support/check.h"
#include "support/scratch_file.h"

/* A run with all that a run may hold: two settings, a group, self-influences, bounds. */
static attrib_run *full_run(void)
{
    attrib_run *run = fake_run();
    attrib_run_info *info = (attrib_run_info *)(uintptr_t)attrib_run_describe(run);
    fake_options()->with_self = true;
    fake_options()->n_settings = 2;
    fake_options()->settings[1] = (attrib_setting){ATTRIB_IDENTITY, 0.1, false, 0};
    info->n_answers = 4;
    info->n_groups = 1;
    info->n_planes = 4;
    info->query_rank = 4;
    info->n_rescored = 3;
    info->n_open = 2;
    info->largest_error = 0.25;
    info->largest_bound = 0.5;
    info->assumed_error = 0.125;
    return run;
}

static void export(attrib_run *run, bool with_all)
{
    attrib_error err = {0};
    attrib_export_options *options = in_format(ATTRIB_EXPORT_SQLITE);
    options->with_all = with_all;
    check_ok(attrib_export_run(run, options, path, &err), &err);
}

static int append_row(void *context, int n, char **values, char **names)
{
    attrib_error err = {0};
    (void)names;
    for (int i = 0; i < n; i++) {
        check_ok(at_buffer_print(context, &err, "%s%s", values[i] ? values[i] : "NULL",
                                 i + 1 < n ? "|" : "\n"),
                 &err);
    }
    return 0;
}

/* Fails unless a query of the exported file gives these rows, with | between columns. */
static void check_rows(const char *sql, const char *want)
{
    sqlite3 *handle = NULL;
    char *message = NULL;
    at_buffer got = {0};
    attrib_error err = {0};
    check_ok(at_buffer_append(&got, "", 0, &err), &err);
    assert_int_equal(sqlite3_open_v2(path, &handle, SQLITE_OPEN_READONLY, NULL),
                     SQLITE_OK);
    if (sqlite3_exec(handle, sql, append_row, &got, &message) != SQLITE_OK) {
        fail_msg("%s: %s", sql, message);
    }
    assert_string_equal(got.bytes ? got.bytes : "", want);
    sqlite3_close(handle);
    at_buffer_free(&got);
}

static void test_export_sqlite__the_file_is_sound(void **state)
{
    (void)state;
    for (int with_all = 0; with_all <= 1; with_all++) {
        export(full_run(), with_all);
        check_rows("PRAGMA integrity_check", "ok\n");
        check_rows("PRAGMA foreign_key_check", "");
        check_rows("PRAGMA application_id", "1635021410\n");
        check_rows("PRAGMA user_version", "3\n");
        check_rows("SELECT count(*) FROM pragma_table_list"
                   " WHERE strict = 0 AND type = 'table' AND name NOT LIKE 'sqlite_%'",
                   "0\n");
    }
}

static void test_export_sqlite__queries_and_settings(void **state)
{
    (void)state;
    export(full_run(), false);
    check_rows("SELECT setting, setting_name, strategy, damping, is_damping_absolute"
               " FROM settings",
               "0|ekfac-0.1|ekfac|0.1|0\n1|identity|identity|NULL|0\n");
    check_rows("SELECT query, query_id, completion, is_generated, is_cut FROM queries",
               "0|q1| Goethe|1|1\n1|q,2|NULL|0|0\n");
    check_rows("SELECT key, item, type, value FROM query_tags", "kind|0|text|person\n");
    check_rows("SELECT setting, query, loss, n_completion_tokens FROM answers",
               "0|0|3.25|2\n0|1|0.5|1\n1|0|3.25|2\n1|1|0.5|1\n");
    check_rows(
        "SELECT n_queries, n_documents, normalize, query_rank, precision, n_rescored,"
        " n_open, largest_error, largest_bound, assumed_error, model_hash, command"
        " FROM runs",
        "2|5|none|4|f32|3|2|0.25|0.5|0.125|00112233445566778899aabbccddeeff|NULL\n");
}

static void test_export_sqlite__documents_and_their_tags(void **state)
{
    (void)state;
    export(full_run(), false);
    check_rows("SELECT document, document_id FROM documents ORDER BY document",
               "0|wn-2\n1|d4\n2|facts.jsonl:17\n3|facts.jsonl:17\n4|d5\n");
    check_rows("SELECT source, member, line, span_start, span_end, text FROM documents"
               " WHERE document = 3",
               "facts.jsonl|NULL|17|1000|1080|"
               "Johann Wolfgang von Goethe wrote \"Faust\", a tragedy.\n");
    check_rows("SELECT member FROM documents WHERE document = 0",
               "part/one,\"two\".jsonl\n");
    check_rows("SELECT key, type, value, typeof(value) FROM document_tags"
               " WHERE document = 3 ORDER BY key",
               "is \"good\"|true|1|integer\nkind|text|person|text\n"
               "year|integer|1808|integer\n");
    check_rows("SELECT setting, document, self_influence FROM self_influences"
               " WHERE document > 2",
               "0|3|3.0\n0|4|4.0\n1|3|103.0\n1|4|104.0\n");
}

static void test_export_sqlite__reported_scores(void **state)
{
    (void)state;
    export(full_run(), false);
    check_rows("SELECT setting, query, document, rank, side, score, bound FROM scores"
               " ORDER BY setting, query, rank",
               "0|0|3|1|top|12.34375|NULL\n0|0|0|2|top|-1.0625|NULL\n"
               "0|0|1|4|bottom|-2.0|NULL\n0|0|4|5|bottom|-1234.5|NULL\n"
               "0|1|2|1|top|1.0e-07|NULL\n");
    check_rows("SELECT query, document, group_name, score FROM group_scores"
               " JOIN groups USING (module_group) ORDER BY query, document",
               "0|0|mlp|998.9375\n0|1|mlp|998.0\n0|3|mlp|1012.34375\n0|4|mlp|-234.5\n"
               "1|2|mlp|1000.0000001\n");
    check_rows(
        "SELECT module_name, score FROM module_scores JOIN modules USING (module)"
        " WHERE query = 0 AND document = 3",
        "model.layers.0.mlp.down_proj|8.5\nmodel.layers.1.mlp.down_proj|3.84375\n");
}

static void test_export_sqlite__tokens_are_utf_8(void **state)
{
    (void)state;
    export(full_run(), false);
    check_rows("SELECT position, token_id, text, is_special, score FROM tokens"
               " WHERE query = 0 AND document = 3 AND position IN (0, 4)",
               "0|1|<s>|1|0.0\n4|7| Goethe|0|6.0\n");
    check_rows("SELECT position, hex(text) FROM tokens"
               " WHERE query = 0 AND document = 0 AND position < 2",
               "0|4DEFBFBD\n1|EFBFBD\n");
    check_rows("SELECT count(*), sum(score), sum(is_rejected) FROM tokens"
               " WHERE document = 3",
               "13|12.34375|0\n");
}

/* Cut queries: what was reported is exact, all other scores have their bounds. */
static void test_export_sqlite__all_scores(void **state)
{
    (void)state;
    export(full_run(), true);
    check_rows("SELECT setting, count(*), count(rank), count(bound) FROM scores"
               " GROUP BY setting",
               "0|10|5|5\n1|10|0|10\n");
    check_rows("SELECT query, score, bound, rank, side FROM scores"
               " WHERE setting = 0 AND document = 4",
               "0|-1234.5|NULL|5|bottom\n1|3.0e+38|0.5|NULL|NULL\n");
    check_rows(
        "SELECT query, score, bound FROM scores WHERE setting = 1 AND document = 2",
        "0|2000.5|2.5\n1|2000.0000001|2.5\n");
    check_rows("SELECT value FROM meta WHERE key = 'scores'", "all\n");
}

static void test_export_sqlite__views_and_search(void **state)
{
    (void)state;
    export(full_run(), false);
    check_rows("SELECT query_id, rank, document_id, tags FROM top_documents"
               " WHERE query_id = 'q1' AND rank = 1",
               "q1|1|facts.jsonl:17|is \"good\"=1; kind=person; year=1808\n");
    check_rows("SELECT query_id, key, value, n_documents, mean_score"
               " FROM mean_score_by_tag WHERE key = 'kind' ORDER BY query",
               "q1|kind|person|2|5.171875\nq,2|kind|person|1|1.0e-07\n");
    check_rows("SELECT document_id, query_id, score FROM queries_of_documents"
               " WHERE document = 2",
               "facts.jsonl:17|q,2|1.0e-07\n");
    check_rows("SELECT document FROM documents_fts JOIN documents"
               " ON documents.document = documents_fts.rowid"
               " WHERE documents_fts MATCH 'tragedy AND goethe'",
               "3\n");
}

static void test_export_sqlite__the_same_run_has_the_same_bytes(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer files[2] = {{0}};
    for (size_t i = 0; i < 2; i++) {
        export(full_run(), true);
        check_ok(at_read_file(path, 1 << 22, &files[i], &err), &err);
    }
    assert_int_equal(files[0].n_bytes, files[1].n_bytes);
    assert_memory_equal(files[0].bytes, files[1].bytes, files[0].n_bytes);
    at_buffer_free(&files[0]);
    at_buffer_free(&files[1]);
}

static void test_export_sqlite__a_failure_leaves_the_file_that_was_there(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer kept = {0};
    attrib_export_options *options = in_format(ATTRIB_EXPORT_SQLITE);
    write_file(path, "kept", 4);
    attrib_run *run = full_run();
    options->with_all = true;
    fake_fail_from(3);
    check_fails(attrib_export_run(run, options, path, &err), ATTRIB_EIO, &err);
    check_message(&err, "scores of document 3: gone");
    check_ok(at_read_file(path, 100, &kept, &(attrib_error){0}), &err);
    assert_string_equal(kept.bytes, "kept");
    at_buffer_free(&kept);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing temporary either */
    make_scratch_folder(folder, sizeof folder);
}

static void test_export_sqlite__what_has_no_places_is_refused(void **state)
{
    (void)state;
    const char *const refused[] = {"-", "/dev/full", "/dev/null"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        attrib_error err = {0};
        check_fails(attrib_export_run(full_run(), in_format(ATTRIB_EXPORT_SQLITE),
                                      refused[i], &err),
                    ATTRIB_EINVAL, &err);
        check_message(&err, "not written in order: name a file with -o");
    }
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_export_sqlite__the_file_is_sound),
        WITH_FOLDER(test_export_sqlite__queries_and_settings),
        WITH_FOLDER(test_export_sqlite__documents_and_their_tags),
        WITH_FOLDER(test_export_sqlite__reported_scores),
        WITH_FOLDER(test_export_sqlite__tokens_are_utf_8),
        WITH_FOLDER(test_export_sqlite__all_scores),
        WITH_FOLDER(test_export_sqlite__views_and_search),
        WITH_FOLDER(test_export_sqlite__the_same_run_has_the_same_bytes),
        WITH_FOLDER(test_export_sqlite__a_failure_leaves_the_file_that_was_there),
        WITH_FOLDER(test_export_sqlite__what_has_no_places_is_refused),
    };
    return run_cases(tests, NULL, NULL);
}
