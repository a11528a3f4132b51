/* SPDX-License-Identifier: MIT */
/* Parquet files as corpora and queries: the same as the same rows as lines of JSON. The
 * files are those of tests/golden/parquet. */
#include "support/check.h"
#include "support/scratch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "corpus/shape.h"
#include "make_archive.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

static const char *fixture(const char *name)
{
    static char path[512];
    char below[128];
    snprintf(below, sizeof below, "tests/golden/parquet/%s", name);
    snprintf(path, sizeof path, "%s", source_path(below));
    return path;
}

static attrib_corpus *must_open(const char *path, const attrib_corpus_options *options)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options, &corpus,
                                &err),
             &err);
    return corpus;
}

/* Everything of a document but where its file is. */
static void describe_document(const attrib_corpus *corpus, size_t i, at_buffer *out)
{
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    const char *id = strrchr(document.id, ':');
    (void)!at_buffer_print(out, NULL, "%zu %s %s:", document.line, id ? id : document.id,
                           document.text ? document.text : "");
    for (size_t k = 0; k < document.n_sequences; k++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document.first_sequence + k, &sequence);
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            (void)!at_buffer_print(out, NULL, sequence.mask[t] ? " [%d]" : " %d",
                                   (int)sequence.ids[t]);
        }
    }
    for (size_t k = 0; k < document.n_tags; k++) {
        (void)!at_buffer_print(out, NULL, " %s=%s", document.tags[k].key,
                               document.tags[k].value);
    }
    (void)!at_buffer_print(out, NULL, "\n");
}

static char *describe(const char *path, const attrib_corpus_options *options)
{
    attrib_corpus *corpus = must_open(path, options);
    at_buffer out = {0};
    size_t n = attrib_corpus_summarize(corpus)->n_documents;
    for (size_t i = 0; i < n; i++) {
        describe_document(corpus, i, &out);
    }
    attrib_corpus_close(corpus);
    return out.bytes;
}

static void check_same(const char *name, const attrib_corpus_options *options)
{
    char file[64];
    snprintf(file, sizeof file, "%s.jsonl", name);
    char *want = describe(fixture(file), options);
    snprintf(file, sizeof file, "%s.parquet", name);
    char *got = describe(fixture(file), options);
    assert_string_equal(got, want);
    free(got);
    free(want);
}

static void test_columns__rows_of_every_shape_are_as_those_of_json(void **state)
{
    (void)state;
    static const char *const tags[] = {NULL, "", "meta.source", "/keywords/0,meta.n",
                                       "meta"};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        options.tag_fields = tags[i];
        check_same("shapes", &options);
        check_same("zstd-v2", &options);
    }
    options.tag_fields = "";
    options.prompt_field = "meta.source";
    options.completion_field = "/keywords/1";
    options.id_field = "meta.source";
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_same("shapes", &options);
    options.text_field = "keywords.0";
    options.prompt_field = NULL;
    options.completion_field = NULL;
    options.id_field = "question";
    check_same("shapes", &options);
}

static void test_columns__a_row_has_its_number_and_no_bytes(void **state)
{
    (void)state;
    attrib_corpus *corpus = must_open(fixture("shapes.parquet"), NULL);
    attrib_document document;
    char id[600];
    attrib_corpus_document(corpus, 4, &document);
    snprintf(id, sizeof id, "%s:5", fixture("shapes.parquet"));
    assert_string_equal(document.id, id);
    assert_string_equal(document.source, fixture("shapes.parquet"));
    assert_int_equal(document.line, 5);
    assert_int_equal(document.span_start, 0);
    assert_int_equal(document.span_end, 0);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_files, 1);
    attrib_corpus_close(corpus);
}

/* The same from a folder, a member, a compressed file, and a file without an ending. */
static void test_columns__a_file_is_read_wherever_it_stands(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer bytes = {0};
    check_ok(at_read_file(fixture("shapes.parquet"), 1 << 20, &bytes, &err), &err);
    char *want = describe(fixture("shapes.parquet"), NULL);
    const made_member member = {"data/a.parquet", bytes.bytes, bytes.n_bytes};
    const made_member packed = {"a.parquet.gz", bytes.bytes, bytes.n_bytes};
    const char *const names[] = {"a.tar", "a.zip", "a.parquet.zst", "blob", "set"};
    make_archive(in_folder("a.tar"), "pax", "none", NULL, &member, 1);
    make_archive(in_folder("a.zip"), "zip", "none", NULL, &member, 1);
    make_archive(in_folder("a.parquet.zst"), "raw", "zstd", NULL, &packed, 1);
    write_file(in_folder("blob"), bytes.bytes, bytes.n_bytes);
    check_ok(at_make_folder(in_folder("set"), &err), &err);
    write_file(in_folder("set/b.parquet"), bytes.bytes, bytes.n_bytes);
    write_file(in_folder("set/README.md"), "card", 4);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *got = describe(in_folder(names[i]), NULL);
        assert_string_equal(got, want);
        free(got);
    }
    free(want);
    at_buffer_free(&bytes);
}

static void keep_line(void *context, attrib_log_level level, const char *line)
{
    (void)level;
    (void)!at_buffer_print(context, NULL, "%s\n", line);
}

/* Bytes that are no text are no tags; that is said once. */
static void test_columns__binary_is_left_out(void **state)
{
    (void)state;
    at_buffer said = {0};
    attrib_error err = {0};
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_corpus *corpus = NULL;
    attrib_session_options_default(&options);
    options.log = keep_line;
    options.log_context = &said;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    const char *paths[] = {fixture("images.parquet")};
    check_ok(attrib_corpus_open(session, &(attrib_paths){paths, 1}, &both, NULL, &corpus,
                                &err),
             &err);
    at_buffer got = {0};
    describe_document(corpus, 0, &got);
    assert_string_equal(strstr(got.bytes, " image"), " image.path=\"1.jpg\"\n");
    const char *first = strstr(said.bytes, "is binary");
    assert_non_null(first);
    assert_non_null(strstr(said.bytes, "images.parquet: column \"image.bytes\" is"));
    assert_null(strstr(first + 1, "is binary"));
    attrib_corpus_close(corpus);
    attrib_session_free(session);
    at_buffer_free(&got);
    at_buffer_free(&said);
}

static void check_refused(const char *name,
                          const attrib_corpus_options *options,
                          attrib_status status,
                          const char *message)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    const char *path = fixture(name);
    check_fails(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options,
                                   &corpus, &err),
                status, &err);
    check_message(&err, message);
}

/* A binary column that is asked for is a text where it is one. */
static void test_columns__binary_may_be_text(void **state)
{
    (void)state;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.text_field = "sound";
    options.tag_fields = "sound";
    check_refused("images.parquet", &options, ATTRIB_EFORMAT,
                  "images.parquet:1: field \"sound\": binary that is no text");
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    char *got = describe(fixture("images.parquet"), &options);
    assert_memory_equal(got, "2 :2 plain:", 11);
    assert_null(strstr(strstr(got, "\n") + 1, "\n"));
    free(got);
    options.text_field = NULL;
    got = describe(fixture("images.parquet"), &options);
    assert_null(strstr(strstr(got, "1 :1 one:"), "sound=\"\\u0000"));
    assert_non_null(strstr(strstr(got, "2 :2 two:"), " sound=\"plain\"\n"));
    free(got);
}

static void test_columns__bad_rows_and_files_are_refused(void **state)
{
    (void)state;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    check_refused("not-utf8.parquet", NULL, ATTRIB_EFORMAT,
                  "not-utf8.parquet:2: column \"text\": byte 1 of the text: not UTF-8");
    check_refused("lzo.parquet", NULL, ATTRIB_ENOTSUP,
                  "lzo.parquet:1: column \"x\": compression LZO is not read");
    check_refused("encrypted-footer.parquet", NULL, ATTRIB_ENOTSUP, "encrypted");
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    char *got = describe(fixture("not-utf8.parquet"), &options);
    assert_non_null(strstr(got, "1 :1 one:"));
    assert_non_null(strstr(got, "\n3 :3 three:"));
    free(got);
    options.tag_fields = "";
    check_refused("old-maps.parquet", &options, ATTRIB_ESHAPE,
                  "none of its columns is read; found \"m\", \"pairs\"");
    write_file(in_folder("no.parquet"), "text, not a table", 17);
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    const char *path = in_folder("no.parquet");
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, NULL, &corpus, &err),
        ATTRIB_EFORMAT, &err);
    check_message(&err, "no.parquet: text, where its name says Parquet");
}

static void test_columns__queries_are_read(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_open(NULL, fixture("queries.parquet"), &both, NULL, &queries,
                                 &err),
             &err);
    assert_int_equal(attrib_queries_count(queries), 2);
    const attrib_query *query = attrib_queries_get(queries, 0);
    assert_string_equal(query->id, "q");
    assert_string_equal(query->prompt, "ab");
    assert_string_equal(query->completion, "c");
    assert_int_equal(query->n_tags, 0);
    assert_null(attrib_queries_get(queries, 1)->completion);
    attrib_queries_close(queries);
}

/* Which columns are decoded under which options. */
static void test_columns__rules_say_which_fields_are_read(void **state)
{
    (void)state;

    static const struct {
        const char *tags, *text, *path;
        bool is_binary, want;
    } cases[] = {
        {NULL, "text", "anything.at.all", false, true},
        {NULL, "text", "anything.at.all", true, false},
        {NULL, "text", "text", true, true},
        {NULL, "text", "messages.content", true, true},
        {"", "text", "anything", false, false},
        {"", "text", "textual", false, false},
        {"", "text", "tex", false, false},
        {"", "text", "id", false, true},
        {"", "text", "messages.role", false, true},
        {"", "text", "tools.name", false, true},
        {"", "text", "history", false, true},
        {"", "text", "rejected", false, true},
        {"", "text", "attention_mask", false, true},
        {"", "text", "instances.output", false, true},
        {"a,b.c", "text", "a", false, true},
        {"a,b.c", "text", "a.d", true, true},
        {"a,b.c", "text", "b.c", false, true},
        {"a,b.c", "text", "b.c.d", false, true},
        {"a,b.c", "text", "b.d", false, false},
        {"a,b.c", "text", "b.cd", false, false},
        {"a,b.c", "text", "c", false, false},
        {"", "/m/0/x", "m.x", false, true},
        {"", "/m/0/x", "m.y", false, false},
        {"", "m.0.x", "m.x", true, true},
        {"", "/a~1b/c", "z", false, true},
        {"", "a.b", "a.b.c", false, true},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const at_rules rules = {
            .text_field = cases[i].text, .id_field = "id", .tag_fields = cases[i].tags};
        if (at_rules_read(&rules, cases[i].path, cases[i].is_binary) != cases[i].want) {
            fail_msg("case %zu: %s", i, cases[i].path);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns__rows_of_every_shape_are_as_those_of_json),
        cmocka_unit_test(test_columns__a_row_has_its_number_and_no_bytes),
        cmocka_unit_test(test_columns__a_file_is_read_wherever_it_stands),
        cmocka_unit_test(test_columns__binary_is_left_out),
        cmocka_unit_test(test_columns__binary_may_be_text),
        cmocka_unit_test(test_columns__bad_rows_and_files_are_refused),
        cmocka_unit_test(test_columns__queries_are_read),
        cmocka_unit_test(test_columns__rules_say_which_fields_are_read),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
