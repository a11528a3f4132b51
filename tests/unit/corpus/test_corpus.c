/* SPDX-License-Identifier: MIT */
/* Corpora of files, folders and archives, with a tokenizer known by heart. */
#include "support/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "support/fake_tokenizer.h"
#include "make_archive.h"

static const attrib_tokenizer both = {true, true, false};
static char folder[256];

static int make_folder(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* The path of a name in the scratch folder; eight of them live at a time. */
static const char *at(const char *name)
{
    static char paths[8][512];
    static size_t i;
    i = (i + 1) % 8;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
    return paths[i];
}

static void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

static attrib_status open_one(const char *path,
                              const attrib_corpus_options *options,
                              attrib_corpus **out,
                              attrib_error *err)
{
    return attrib_corpus_open(NULL, &path, 1, &both, options, out, err);
}

static attrib_corpus *must_open(const char *path, const attrib_corpus_options *options)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_ok(open_one(path, options, &corpus, &err), &err);
    return corpus;
}

static void check_refused(const char *path, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_fails(open_one(path, NULL, &corpus, &err), expected, &err);
    assert_null(corpus);
    check_message(&err, message);
    check_message(&err, path);
}

/* "id text|id text|..." of all documents; freed by the caller. */
static char *describe(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    at_buffer out = {0};
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_int_equal(document.index, i);
        const char *id = strstr(document.id, folder);
        id = id ? id + strlen(folder) + 1 : document.id;
        assert_int_equal(at_buffer_print(&out, NULL, "%s %s|", id,
                                         document.text ? document.text : "(ids)"),
                         ATTRIB_OK);
    }
    return out.bytes;
}

static void check_documents(const char *path, const char *want)
{
    attrib_corpus *corpus = must_open(path, NULL);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* 1. Where documents come from */

static void test_corpus__keeps_where_documents_stand(void **state)
{
    (void)state;
    const char *path = at("rows.jsonl");
    write_text(path, "{\"id\": \"a\", \"text\": \"one\", \"kind\": \"x\"}\n\n"
                     "{\"text\": \"two\", \"n\": 2}\n");
    attrib_corpus *corpus = must_open(path, NULL);
    attrib_document document;
    char id[600];
    attrib_corpus_document(corpus, 0, &document);
    assert_string_equal(document.id, "a");
    assert_string_equal(document.source, path);
    assert_null(document.member);
    assert_int_equal(document.line, 1);
    assert_int_equal(document.span_start, 0);
    assert_int_equal(document.span_end, 39);
    assert_int_equal(document.n_tags, 1);
    assert_string_equal(document.tags[0].key, "kind");
    assert_string_equal(document.tags[0].value, "\"x\"");
    assert_string_equal(document.text, "one");
    assert_int_equal(document.n_text_bytes, 3);
    assert_int_equal(document.n_tokens, 5);
    attrib_corpus_document(corpus, 1, &document);
    snprintf(id, sizeof id, "%s:3", path);
    assert_string_equal(document.id, id);
    assert_int_equal(document.line, 3);
    assert_int_equal(document.span_start, 41);
    assert_int_equal(document.span_end, 64);
    assert_string_equal(document.tags[0].value, "2");
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_documents, 2);
    assert_int_equal(summary.n_sequences, 2);
    assert_int_equal(summary.n_tokens, 10);
    assert_int_equal(summary.n_predicted, 8);
    assert_int_equal(summary.n_files, 1);
    assert_int_equal(summary.n_members, 0);
    attrib_corpus_close(corpus);
}

/* The same rows in every wrapping are the same documents. */
static void test_corpus__reads_every_wrapping(void **state)
{
    (void)state;
    static const char rows[] =
        "{\"id\":1,\"text\":\"one\"}\n{\"id\":2,\"text\":\"two\"}\n";
    static const char *const formats[] = {"ustar", "pax", "zip", "newc", "odc"};
    static const char *const filters[] = {"none", "gzip", "zstd", "xz", "bzip2", "lz4"};
    static const char *const suffixes[] = {"", ".gz", ".zst", ".xz", ".bz2", ".lz4"};
    const made_member member = {"in/rows.jsonl", rows, 0};
    for (size_t c = 0; c < 6; c++) {
        char path[512];
        snprintf(path, sizeof path, "%s/rows.jsonl%s", folder, suffixes[c]);
        make_archive(path, "raw", filters[c], NULL, &member, 1);
        check_documents(path, "1 one|2 two|");
        snprintf(path, sizeof path, "%s/rows%s", folder, suffixes[c]);
        make_archive(path, "raw", filters[c], NULL, &member, 1);
        check_documents(path, "1 one|2 two|");
        for (size_t f = 0; f < 5; f++) {
            snprintf(path, sizeof path, "%s/rows.tar%s", folder, suffixes[c]);
            make_archive(path, formats[f], filters[c], NULL, &member, 1);
            check_documents(path, "1 one|2 two|");
        }
    }
    make_archive(at("rows.7z"), "7zip", "none", NULL, &member, 1);
    check_documents(at("rows.7z"), "1 one|2 two|");
    attrib_corpus *corpus = must_open(at("rows.7z"), NULL);
    attrib_document document;
    attrib_corpus_document(corpus, 1, &document);
    assert_string_equal(document.member, "in/rows.jsonl");
    assert_int_equal(document.line, 2);
    assert_int_equal(document.span_start, 22);
    attrib_corpus_close(corpus);
}

/* Members that are compressed themselves are read; archives in archives are left out. */
static void test_corpus__looks_into_members(void **state)
{
    (void)state;
    static const char rows[] = "{\"id\":1,\"text\":\"one\"}\n";
    const made_member plain = {"rows.jsonl", rows, 0};
    char packed[4096];
    char inner[4096];
    make_archive(at("packed"), "raw", "zstd", NULL, &plain, 1);
    make_archive(at("inner"), "zip", "none", NULL, &plain, 1);
    const char *const names[] = {at("packed"), at("inner")};
    char *const into[] = {packed, inner};
    size_t sizes[2];
    for (size_t i = 0; i < 2; i++) {
        FILE *stream = fopen(names[i], "rb");
        assert_non_null(stream);
        sizes[i] = fread(into[i], 1, sizeof packed, stream);
        fclose(stream);
    }
    const made_member members[] = {{"a.jsonl.zst", packed, sizes[0]},
                                   {"b.zip", inner, sizes[1]},
                                   {"c.png", "\x89PNG", 0},
                                   {".hidden.txt", "no", 0},
                                   {".git/HEAD", "no", 0},
                                   {"./d.txt", "text", 0},
                                   {"binary",
                                    "\x7f"
                                    "ELF\xff\xff\xff\xff",
                                    0},
                                   {"STORY", "a story", 0},
                                   {"README", "read me", 0}};
    make_archive(at("all.tar"), "pax", "none", NULL, members, 9);
    check_documents(at("all.tar"), "1 one|all.tar:./d.txt text|all.tar:STORY a story|");
    attrib_corpus *corpus = must_open(at("all.tar"), NULL);
    assert_int_equal(attrib_corpus_summarize(corpus).n_skipped_files, 5);
    assert_int_equal(attrib_corpus_summarize(corpus).n_about_files, 1);
    assert_int_equal(attrib_corpus_summarize(corpus).n_members, 3);
    attrib_corpus_close(corpus);
}

typedef struct lines {
    char text[2000];
    size_t n;
} lines;

static void keep_line(void *context, attrib_log_level level, const char *line)
{
    lines *l = context;
    if (level == ATTRIB_LOG_WARNING) {
        l->n += (size_t)snprintf(l->text + l->n, sizeof l->text - l->n, "%s\n", line);
    }
}

/* Folders are read in name order, and what is left out is counted and said. */
static void test_corpus__walks_folders(void **state)
{
    (void)state;
    char root[512];
    snprintf(root, sizeof root, "%s", at("walk"));
    assert_int_equal(mkdir(root, 0777), 0);
    assert_int_equal(mkdir(at("walk/b"), 0777), 0);
    assert_int_equal(mkdir(at("walk/empty"), 0777), 0);
    write_text(at("walk/c.txt"), "third");
    write_text(at("walk/a.md"), "first");
    write_text(at("walk/b/x.txt"), "second");
    write_text(at("walk/z.txt"), "");
    write_text(at("walk/code.py"), "pass");
    write_text(at("walk/.hidden.txt"), "no");
    write_file(at("walk/noise"), "\0\1\2", 3);
    assert_int_equal(symlink(".", at("walk/loop")), 0);
    assert_int_equal(symlink("nowhere", at("walk/broken.txt")), 0);
    assert_int_equal(symlink("../c.txt", at("walk/b/y.txt")), 0);
    assert_int_equal(mkfifo(at("walk/pipe.txt"), 0666), 0);
    check_documents(root, "walk/a.md first|walk/b/x.txt second|walk/b/y.txt third|");
    lines said = {0};
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.log = keep_line;
    options.log_context = &said;
    attrib_session *session = NULL;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    const char *path = root;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(attrib_corpus_open(session, &path, 1, &both, NULL, &corpus, &err), &err);
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_skipped_files, 6);
    assert_int_equal(summary.n_empty_documents, 1);
    assert_int_equal(summary.n_files, 5);
    assert_int_equal(summary.n_repeated_files, 1);
    assert_non_null(strstr(said.text, "1 files that had been read under another name"));
    assert_non_null(strstr(said.text, "6 files that hold no documents were left out: "));
    assert_non_null(strstr(said.text, "/walk/.hidden.txt, "));
    assert_non_null(strstr(said.text, "/walk/code.py, ..."));
    assert_non_null(strstr(said.text, "1 document without text"));
    attrib_corpus_close(corpus);
    attrib_session_free(session);
}

static void check_counts(const char *path,
                         size_t n_about,
                         size_t n_files,
                         size_t n_skipped)
{
    attrib_corpus *corpus = must_open(path, NULL);
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_about_files, n_about);
    assert_int_equal(summary.n_files, n_files);
    assert_int_equal(summary.n_skipped_files, n_skipped);
    attrib_corpus_close(corpus);
}

/* A data set's card and licence are documents only where they are all there is. */
static void test_corpus__leaves_out_files_about_the_data(void **state)
{
    (void)state;
    const made_member about[] = {{"README.md", "read me", 0}, {"LICENSE", "MIT", 0}};
    char set[512];
    snprintf(set, sizeof set, "%s", at("set"));
    assert_int_equal(mkdir(set, 0777), 0);
    assert_int_equal(mkdir(at("set/data"), 0777), 0);
    write_text(at("set/README.md"), "read me");
    write_text(at("set/.hidden"), "no");
    write_text(at("set/data/LICENSE-MIT"), "MIT");
    check_documents(set, "set/README.md read me|set/data/LICENSE-MIT MIT|");
    check_counts(set, 0, 2, 1);
    write_text(at("set/data/train.jsonl"), "{\"id\":1,\"text\":\"one\"}\n");
    write_text(at("set/data/readmes.txt"), "text");
    write_text(at("set/data/notice.jsonl"), "{\"id\":2,\"text\":\"two\"}\n");
    write_text(at("set/dataset_infos.json"), "{\"default\": {}}");
    check_documents(set, "2 two|set/data/readmes.txt text|1 one|");
    check_counts(set, 3, 3, 1);
    check_documents(at("set/README.md"), "set/README.md read me|");
    /* A table that is not read is data all the same. */
    assert_int_equal(mkdir(at("table"), 0777), 0);
    write_text(at("table/README.md"), "read me");
    write_text(at("table/a.xlsx"), "PK");
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    const char *path = at("table");
    check_fails(attrib_corpus_open(NULL, &path, 1, &both, NULL, &corpus, &err),
                ATTRIB_EINVAL, &err);
    make_archive(at("about.tar"), "pax", "none", NULL, about, 2);
    check_documents(at("about.tar"),
                    "about.tar:README.md read me|about.tar:LICENSE MIT|");
    check_counts(at("about.tar"), 0, 1, 0);
}

/* Rows that cannot be read end the work, or are left out, counted by reason and listed;
 * everything else is as if they were not there. */
static void test_corpus__skips_bad_rows(void **state)
{
    (void)state;
    static const char rows[] = "{\"id\": 1, \"text\": \"one\"}\n"
                               "{\"id\": 2, \"txt\": \"two\"}\n"
                               "{\"id\": 3, \"text\": \"three\"\n"
                               "{\"id\": 4, \"text\": \"\xff\"}\n"
                               "{\"id\": 5, \"text\": \"five\"}\n"
                               "{\"id\": 6, \"txt\": \"six\"}\n";
    lines said = {0};
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.log = keep_line;
    options.log_context = &said;
    attrib_session *session = NULL;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_corpus_options how;
    attrib_corpus_options_default(&how);
    write_text(at("bad.jsonl"), rows);
    char path[512];
    snprintf(path, sizeof path, "%s", at("bad.jsonl"));
    const char *paths[] = {path};
    check_fails(attrib_corpus_open(NULL, paths, 1, &both, &how, &corpus, &err),
                ATTRIB_ESHAPE, &err);
    check_message(&err, "bad.jsonl:2: no field \"text\"");
    err = (attrib_error){0};
    how.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(attrib_corpus_open(session, paths, 1, &both, &how, &corpus, &err), &err);
    char *got = describe(corpus);
    assert_string_equal(got, "1 one|5 five|");
    free(got);
    assert_int_equal(attrib_corpus_summarize(corpus).n_skipped_rows, 4);
    assert_non_null(strstr(said.text, "2 rows were skipped (no field \"text\", nor"));
    assert_non_null(strstr(said.text, "/bad.jsonl:2, "));
    assert_non_null(strstr(said.text, "/bad.jsonl:6\n"));
    assert_non_null(strstr(said.text, "1 row was skipped (byte "));
    check_ok(attrib_corpus_write_skipped(corpus, at("skipped.jsonl"), &err), &err);
    attrib_corpus_close(corpus);
    FILE *stream = fopen(at("skipped.jsonl"), "rb");
    char line[1024];
    const char *const ends[] = {
        "\"line\":2,\"reason\":\"no field", "\"line\":3,\"reason\":\"JSON",
        "\"line\":4,\"reason\":\"byte", "\"line\":6,\"reason\":\"no"};
    assert_non_null(stream);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(fgets(line, sizeof line, stream));
        assert_non_null(strstr(line, ends[i]));
    }
    assert_null(fgets(line, sizeof line, stream));
    fclose(stream);
    /* Nothing but bad rows is no corpus. */
    write_text(at("bad.jsonl"), "{}\n");
    check_fails(attrib_corpus_open(session, paths, 1, &both, &how, &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "1 row skipped");
    attrib_session_free(session);
}

static void check_units(const char *unit, const char *want)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = unit;
    check_ok(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &err), &err);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* A text is cut into parts that know where they stand; rows are not. */
static void test_corpus__cuts_texts(void **state)
{
    (void)state;
    static const char text[] = "\n  one\ntwo \r\n \t\n\nthree<s>four<s>\n\nfive";
    write_text(at("units.txt"), text);
#define PART "units.txt#"
    check_units("line", PART "line1   one|" PART "line2 two|" PART
                             "line3 three<s>four<s>|" PART "line4 five|");
    check_units("paragraph", PART "paragraph1   one\ntwo|" PART
                                  "paragraph2 three<s>four<s>|" PART "paragraph3 five|");
    check_units("regex:<s>", PART "part1   one\ntwo \r\n \t\n\nthree|" PART
                                  "part2 four|" PART "part3 five|");
    check_units("regex:(?=t[wh])", PART "part1   one|" PART "part2 two|" PART
                                        "part3 three<s>four<s>\n\nfive|");
#undef PART
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    attrib_document document;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = "line";
    check_ok(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &err), &err);
    attrib_corpus_document(corpus, 2, &document);
    assert_int_equal(document.line, 6);
    assert_memory_equal(text + document.span_start, "three<s>", 8);
    assert_int_equal(document.span_end - document.span_start, 15);
    attrib_corpus_close(corpus);
    how.unit = "tokens:1";
    attrib_error few = {0};
    check_fails(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &few),
                ATTRIB_EINVAL, &few);
    how.unit = "lines";
    check_fails(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "unit \"lines\" is not document, line, paragraph, tokens:N");
    how.unit = "regex:(";
    attrib_error again = {0};
    check_fails(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &again),
                ATTRIB_ENOTSUP, &again);
}

/* Records of tables are rows: fields, tags and bad ones. */
static void test_corpus__reads_tables(void **state)
{
    (void)state;
    write_text(at("t.csv"), "id,question,answer,n\r\n7,\"a, \"\"b\"\"\",\"c\nd\",1\r\n"
                            "8,e,f\r\n");
    check_documents(at("t.csv"), "7 a, \"b\"c\nd|8 ef|");
    attrib_corpus *corpus = must_open(at("t.csv"), NULL);
    attrib_document document;
    attrib_corpus_document(corpus, 0, &document);
    assert_int_equal(document.line, 2);
    assert_int_equal(document.span_start, 22);
    assert_int_equal(document.span_end, 42);
    assert_int_equal(document.n_tags, 1);
    assert_string_equal(document.tags[0].value, "\"1\"");
    attrib_corpus_document(corpus, 1, &document);
    assert_int_equal(document.line, 4);
    assert_int_equal(document.n_tags, 0);
    attrib_corpus_close(corpus);
    write_text(at("t.tsv"), "text\tid\na \"b\" c\t1\n");
    check_documents(at("t.tsv"), "1 a \"b\" c|");
    write_text(at("ragged.csv"), "text,id\na,1,2\nb,2\n\xff,3\n");
    check_refused(at("ragged.csv"), ATTRIB_ESHAPE,
                  "ragged.csv:2: 3 cells, the header has 2");
    attrib_error err = {0};
    attrib_corpus_options how;
    const char *path = at("ragged.csv");
    attrib_corpus_options_default(&how);
    how.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &err), &err);
    assert_int_equal(attrib_corpus_summarize(corpus).n_skipped_rows, 2);
    assert_int_equal(attrib_corpus_summarize(corpus).n_documents, 1);
    attrib_corpus_close(corpus);
}

static void check_chosen(const char *include, const char *exclude, const char *want)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    char paths[2][512];
    snprintf(paths[0], sizeof paths[0], "%s", at("chosen"));
    snprintf(paths[1], sizeof paths[1], "%s", at("chosen/sub/../a.txt"));
    const char *const both_paths[] = {paths[0], paths[1]};
    attrib_corpus_options_default(&how);
    how.include = include;
    how.exclude = exclude;
    check_ok(attrib_corpus_open(NULL, both_paths, 2, &both, &how, &corpus, &err), &err);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* Documents of so many tokens: every token stands in one, and so does every byte. */
static void test_corpus__cuts_tokens(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options how;
    const char *path = at("units.txt");
    attrib_corpus_options_default(&how);
    how.unit = "tokens:4";
    write_text(path, "abc: defgh");
    check_ok(attrib_corpus_open(NULL, &path, 1, &both, &how, &corpus, &err), &err);
    char *got = describe(corpus);
    /* ^abc _def gh$ */
    assert_string_equal(got, "units.txt#tokens1 abc|units.txt#tokens2 : def|"
                             "units.txt#tokens3 gh|");
    free(got);
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_tokens, 11);
    assert_int_equal(summary.n_predicted, 8);
    size_t end = 0;
    for (size_t i = 0; i < 3; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_int_equal(document.span_start, end);
        end = document.span_end;
    }
    assert_int_equal(end, 10);
    attrib_corpus_close(corpus);
}

/* Patterns choose of folders and archives, not of what is named; a file is read once. */
static void test_corpus__takes_what_patterns_say(void **state)
{
    (void)state;
    const made_member members[] = {{"in/m.py", "m", 0}, {"in/n.txt", "n", 0}};
    assert_int_equal(mkdir(at("chosen"), 0777), 0);
    assert_int_equal(mkdir(at("chosen/sub"), 0777), 0);
    write_text(at("chosen/a.txt"), "a");
    write_text(at("chosen/b.py"), "b");
    write_text(at("chosen/README.md"), "r");
    write_text(at("chosen/sub/c.txt"), "c");
    make_archive(at("chosen/t.tar"), "pax", "none", NULL, members, 2);
    check_chosen(NULL, NULL,
                 "chosen/a.txt a|chosen/sub/c.txt c|chosen/t.tar:in/n.txt n|");
    check_chosen("*.py", NULL,
                 "chosen/b.py b|chosen/t.tar:in/m.py m|"
                 "chosen/sub/../a.txt a|");
    check_chosen("README*,c.*", NULL,
                 "chosen/README.md r|chosen/sub/c.txt c|"
                 "chosen/sub/../a.txt a|");
    check_chosen(NULL, "sub/*,*.tar", "chosen/a.txt a|");
    check_chosen("*.txt", "in/*,a*", "chosen/sub/c.txt c|chosen/sub/../a.txt a|");
}

/* Standard input is judged by its content, be it an archive. */
/* Pages and code are texts as they stand, tags and all, when they are named or included.
 */
static void test_corpus__reads_html_and_code_as_text(void **state)
{
    (void)state;
    static const char page[] = "<html>\n<p>one &amp; two</p>\n</html>\n";
    static const char code[] = "int main(void)\n{\n}\n";
    attrib_corpus_options how;
    attrib_corpus_options_default(&how);
    assert_int_equal(mkdir(at("pages"), 0777), 0);
    write_text(at("pages/p.html"), page);
    write_text(at("pages/m.c"), code);
    write_text(at("pages/t.txt"), "t");
    check_documents(at("pages/p.html"),
                    "pages/p.html <html>\n<p>one &amp; two</p>\n</html>\n|");
    check_documents(at("pages"), "pages/t.txt t|");
    how.include = "*.html,*.c";
    attrib_corpus *corpus = must_open(at("pages"), &how);
    char *got = describe(corpus);
    assert_string_equal(got, "pages/m.c int main(void)\n{\n}\n|"
                             "pages/p.html <html>\n<p>one &amp; two</p>\n</html>\n|");
    free(got);
    attrib_corpus_close(corpus);
}

static void test_corpus__reads_standard_input(void **state)
{
    (void)state;
    const made_member member = {"rows.jsonl", "{\"id\":1,\"text\":\"one\"}\n", 0};
    int kept = dup(STDIN_FILENO);
    make_archive(at("stdin"), "zip", "none", NULL, &member, 1);
    assert_non_null(freopen(at("stdin"), "rb", stdin));
    check_documents("-", "1 one|");
    write_text(at("stdin"), "just a text");
    assert_non_null(freopen(at("stdin"), "rb", stdin));
    check_documents("-", "- just a text|");
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "[{\"text\":\"x\"}]", 14), 14);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    check_documents("-", "-:1 x|");
    assert_int_equal(dup2(kept, STDIN_FILENO), STDIN_FILENO);
    close(kept);
}

/* 2. Tokens and sequences */

/* For every length and context: offsets as promised, tokens as they were, each but the
 * first predicted once, masks and labels where they belong. */
static void test_corpus__predicts_every_token_once(void **state)
{
    (void)state;
    const char *path = at("tokens.jsonl");
    for (size_t length = 2; length < 40; length++) {
        at_buffer row = {0};
        assert_int_equal(at_buffer_print(&row, NULL, "{\"ids\": [0"), ATTRIB_OK);
        for (size_t t = 1; t < length; t++) {
            assert_int_equal(at_buffer_print(&row, NULL, ",%zu", 7 * t), ATTRIB_OK);
        }
        assert_int_equal(at_buffer_print(&row, NULL, "], \"labels\": [-1"), ATTRIB_OK);
        for (size_t t = 1; t < length; t++) {
            assert_int_equal(at_buffer_print(&row, NULL, ",%zu", 5 * t), ATTRIB_OK);
        }
        assert_int_equal(at_buffer_print(&row, NULL, "]}\n{\"ids\": [3, 4]}\n"),
                         ATTRIB_OK);
        write_text(path, row.bytes);
        at_buffer_free(&row);
        for (size_t context = 2; context < 42; context++) {
            attrib_corpus_options options;
            attrib_corpus_options_default(&options);
            options.context = context;
            attrib_corpus *corpus = must_open(path, &options);
            attrib_document document;
            size_t n_predicted[40] = {0};
            attrib_corpus_document(corpus, 0, &document);
            assert_int_equal(document.first_sequence, 0);
            assert_int_equal(document.n_tokens, length);
            for (size_t k = 0; k < document.n_sequences; k++) {
                attrib_sequence sequence;
                attrib_corpus_sequence(corpus, k, &sequence);
                assert_int_equal(sequence.document, 0);
                assert_int_equal(sequence.offset, k * (context - 1));
                assert_in_range(sequence.n_tokens, 2, context);
                assert_int_equal(sequence.mask[0], 0);
                for (size_t t = 0; t < sequence.n_tokens; t++) {
                    size_t where = sequence.offset + t;
                    assert_int_equal(sequence.ids[t], 7 * where);
                    n_predicted[where] += sequence.mask[t];
                    if (sequence.mask[t]) {
                        assert_int_equal(sequence.labels[t], 5 * where);
                    }
                }
            }
            for (size_t t = 0; t < length; t++) {
                assert_int_equal(n_predicted[t], t > 0);
            }
            attrib_sequence last;
            attrib_corpus_sequence(corpus, document.n_sequences, &last);
            assert_int_equal(last.document, 1);
            assert_int_equal(last.ids[1], 4);
            assert_null(last.labels);
            attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
            assert_int_equal(summary.n_split_documents, length > context);
            assert_int_equal(summary.n_predicted, length);
            assert_int_equal(summary.n_tokens, length + 2);
            attrib_corpus_close(corpus);
        }
    }
}

/* A response that was cut keeps its loss in each part, the prompt none. */
static void test_corpus__cuts_masks_with_their_tokens(void **state)
{
    (void)state;
    const char *path = at("long.jsonl");
    write_text(path, "{\"prompt\": \"abcd\", \"completion\": \"efgh\"}\n");
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 4;
    attrib_corpus *corpus = must_open(path, &options);
    assert_int_equal(attrib_corpus_summarize(corpus).n_sequences, 3);
    /* ^abcd[e][f][g][h][$] as ^abc, cd[e][f], f[g][h][$] */
    static const uint8_t want[3][4] = {{0, 0, 0, 0}, {0, 0, 1, 1}, {0, 1, 1, 1}};
    for (size_t k = 0; k < 3; k++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, k, &sequence);
        assert_int_equal(sequence.n_tokens, 4);
        assert_memory_equal(sequence.mask, want[k], 4);
    }
    attrib_corpus_close(corpus);
}

static void test_corpus__stops_at_max_documents(void **state)
{
    (void)state;
    const char *path = at("three.jsonl");
    write_text(path, "{\"id\":1,\"text\":\"\"}\n{\"id\":2,\"text\":\"a\"}\n"
                     "{\"id\":3,\"text\":\"b\"}\n{\"id\":4,\"text\":\"c\"}\nbroken\n");
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    for (size_t n = 1; n <= 3; n++) {
        options.max_documents = n;
        attrib_corpus *corpus = must_open(path, &options);
        assert_int_equal(attrib_corpus_summarize(corpus).n_documents, n);
        attrib_corpus_close(corpus);
    }
    check_refused(path, ATTRIB_EFORMAT, "three.jsonl:5: ");
}

/* Many rows, over many batches and any number of threads, are one corpus. */
static void test_corpus__is_the_same_for_any_threads(void **state)
{
    (void)state;
    const char *path = at("many.jsonl");
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    for (int i = 0; i < 5000; i++) {
        fprintf(stream,
                "{\"id\": \"d%d\", \"text\": \"text number %d: %d\", \"n\": %d}\n", i, i,
                i * i, i);
    }
    fclose(stream);
    char hash[40] = "";
    for (size_t n_threads = 1; n_threads <= 4; n_threads++) {
        attrib_session_options options;
        attrib_session_options_default(&options);
        options.n_threads = n_threads;
        attrib_session *session = NULL;
        attrib_corpus *corpus = NULL;
        attrib_error err = {0};
        check_ok(attrib_session_new(&options, &session, &err), &err);
        check_ok(attrib_corpus_open(session, &path, 1, &both, NULL, &corpus, &err), &err);
        assert_int_equal(attrib_corpus_summarize(corpus).n_documents, 5000);
        attrib_document document;
        attrib_corpus_document(corpus, 4321, &document);
        assert_string_equal(document.id, "d4321");
        assert_string_equal(document.tags[0].value, "4321");
        if (*hash) {
            assert_string_equal(attrib_corpus_hash(corpus), hash);
        }
        snprintf(hash, sizeof hash, "%s", attrib_corpus_hash(corpus));
        attrib_corpus_close(corpus);
        attrib_session_free(session);
    }
    assert_int_equal(strlen(hash), 32);
}

/* The hash tells ids, tokens, masks and labels apart, and nothing else. */
static void test_corpus__hashes_what_counts(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{\"id\":1,\"ids\":[1,2,3]}",
        "{\"id\":1,\"ids\":[1,2,3],\"mask\":[0,1,1],\"tag\":4}",
        "{\"id\":2,\"ids\":[1,2,3]}",
        "{\"id\":1,\"ids\":[1,2,4]}",
        "{\"id\":1,\"ids\":[1,2,3],\"mask\":[0,0,1]}",
        "{\"id\":1,\"ids\":[1,2,3],\"labels\":[-1,2,3]}",
        "{\"id\":1,\"ids\":[1,2]}\n{\"id\":1,\"ids\":[1,3]}"};
    char hashes[7][40];
    for (size_t i = 0; i < 7; i++) {
        write_text(at("hash.jsonl"), rows[i]);
        attrib_corpus *corpus = must_open(at("hash.jsonl"), NULL);
        snprintf(hashes[i], sizeof hashes[i], "%s", attrib_corpus_hash(corpus));
        attrib_corpus_close(corpus);
        for (size_t j = 0; j < i; j++) {
            bool is_same = strcmp(hashes[i], hashes[j]) == 0;
            assert_int_equal(is_same, i == 1 && j == 0);
        }
    }
}

/* 3. Failures */

static void test_corpus__says_what_went_wrong(void **state)
{
    (void)state;
    const made_member broken = {"in/rows.jsonl", "{\"text\":\"a\"}\n{\"b\":\n", 0};
    const made_member secret = {"secret.txt", "what nobody reads", 0};
    check_refused(at("missing.jsonl"), ATTRIB_EIO, "No such file or directory");
    write_text(at("bad.jsonl"), "{\"text\": \"a\"}\n{\"text\": \"\\ud800\"}\n");
    check_refused(at("bad.jsonl"), ATTRIB_EFORMAT, "bad.jsonl:2: ");
    write_text(at("other.jsonl"), "{\"question\": 1}\n");
    check_refused(at("other.jsonl"), ATTRIB_ESHAPE, "found \"question\"");
    write_text(at("table.csv"), "a,b\n");
    check_refused(at("table.csv"), ATTRIB_EINVAL, "no documents");
    {
        char packed[512];
        const made_member text = {"", "a text", 0};
        make_archive(at("once.gz"), "raw", "gzip", NULL, &text, 1);
        FILE *stream = fopen(at("once.gz"), "rb");
        assert_non_null(stream);
        const made_member once = {"", packed, fread(packed, 1, sizeof packed, stream)};
        fclose(stream);
        make_archive(at("twice.gz"), "raw", "gzip", NULL, &once, 1);
        check_refused(at("twice.gz"), ATTRIB_ENOTSUP, "compressed twice over");
    }
    write_text(at("table.xls"), "a,b\n");
    check_refused(at("table.xls"), ATTRIB_ENOTSUP, "no kind of file");
    write_file(at("noise.xyz"), "\0\1\2", 3);
    check_refused(at("noise.xyz"), ATTRIB_ENOTSUP,
                  "byte 0: not UTF-8 text, nor an archive");
    write_text(at("fake.tar.gz"), "no archive");
    check_refused(at("fake.tar.gz"), ATTRIB_EFORMAT, "Unrecognized archive format");
    make_archive(at("broken.tar"), "pax", "none", NULL, &broken, 1);
    check_refused(at("broken.tar"), ATTRIB_EFORMAT, "broken.tar:in/rows.jsonl:2: JSON");
    make_archive(at("secret.zip"), "zip", "none", "zip:encryption=traditional", &secret,
                 1);
    check_refused(at("secret.zip"), ATTRIB_ENOTSUP, "secret.zip:secret.txt: encrypted");
    write_file(at("wide.txt"), "\xff\xfeh\0i\0", 6);
    check_refused(at("wide.txt"), ATTRIB_EFORMAT, "UTF-16");
    if (geteuid() != 0) {
        write_text(at("locked.txt"), "x");
        assert_int_equal(chmod(at("locked.txt"), 0), 0);
        check_refused(at("locked.txt"), ATTRIB_EIO, "Permission denied");
    }
}

static void test_corpus__refuses_emptiness(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("nothing"), 0777), 0);
    check_refused(at("nothing"), ATTRIB_EINVAL, "no documents");
    write_text(at("empty.txt"), "");
    check_refused(at("empty.txt"), ATTRIB_EINVAL, "1 without text");
    write_text(at("empty.jsonl"), "\n");
    check_refused(at("empty.jsonl"), ATTRIB_EINVAL, "no documents");
    write_text(at("empty.tar"), "");
    check_refused(at("empty.tar"), ATTRIB_EFORMAT, "empty.tar");
}

static void test_corpus__refuses_options(void **state)
{
    (void)state;
    attrib_corpus_options options;
    attrib_corpus *corpus = NULL;
    const char *path = at("x.txt");
    write_text(path, "x");
    attrib_corpus_options_default(&options);
    assert_int_equal(options.context, 1024);
    for (size_t i = 0; i < 3; i++) {
        attrib_error err = {0};
        attrib_corpus_options_default(&options);
        options.context = i == 0 ? 1 : 16;
        options.text_field = i == 1 ? "" : "text";
        options.id_field = i == 2 ? NULL : "id";
        check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EINVAL, &err);
    }
    attrib_error err = {0};
    options.id_field = "id";
    options.date = "2026-02-30"; /* told although no template asks for the day */
    check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "date \"2026-02-30\": there is no such day");
    err = (attrib_error){0};
    options.date = NULL;
    options.scratch_folder = "/nonexistent";
    check_fails(open_one(path, &options, &corpus, &err), ATTRIB_EIO, &err);
    check_message(&err, "/nonexistent/attrib-corpus-");
}

/* A scratch file that may not grow, as on a full disk, is named. */
static void test_corpus__names_a_full_disk(void **state)
{
    (void)state;
    const char *path = at("large.txt");
    const size_t n = 4 << 20;
    char *text = malloc(n);
    assert_non_null(text);
    memset(text, 'x', n);
    write_file(path, text, n);
    free(text);
    struct rlimit kept;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &kept), 0);
    struct rlimit low = {1 << 20, kept.rlim_max};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    attrib_status status = open_one(path, NULL, &corpus, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &kept), 0);
    signal(SIGXFSZ, handler);
    check_fails(status, ATTRIB_EIO, &err);
    check_message(&err, "scratch file ");
    check_message(&err, "writing: File too large");
}

static void test_corpus__stops_when_canceled(void **state)
{
    (void)state;
    attrib_session *session = NULL;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    const char *path = at("x.txt");
    write_text(path, "x");
    check_ok(attrib_session_new(NULL, &session, &err), &err);
    attrib_session_cancel(session);
    check_fails(attrib_corpus_open(session, &path, 1, &both, NULL, &corpus, &err),
                ATTRIB_ECANCELED, &err);
    attrib_session_free(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_corpus__keeps_where_documents_stand),
        cmocka_unit_test(test_corpus__reads_every_wrapping),
        cmocka_unit_test(test_corpus__looks_into_members),
        cmocka_unit_test(test_corpus__walks_folders),
        cmocka_unit_test(test_corpus__leaves_out_files_about_the_data),
        cmocka_unit_test(test_corpus__skips_bad_rows),
        cmocka_unit_test(test_corpus__cuts_texts),
        cmocka_unit_test(test_corpus__reads_tables),
        cmocka_unit_test(test_corpus__cuts_tokens),
        cmocka_unit_test(test_corpus__takes_what_patterns_say),
        cmocka_unit_test(test_corpus__reads_html_and_code_as_text),
        cmocka_unit_test(test_corpus__reads_standard_input),
        cmocka_unit_test(test_corpus__predicts_every_token_once),
        cmocka_unit_test(test_corpus__cuts_masks_with_their_tokens),
        cmocka_unit_test(test_corpus__stops_at_max_documents),
        cmocka_unit_test(test_corpus__is_the_same_for_any_threads),
        cmocka_unit_test(test_corpus__hashes_what_counts),
        cmocka_unit_test(test_corpus__says_what_went_wrong),
        cmocka_unit_test(test_corpus__refuses_emptiness),
        cmocka_unit_test(test_corpus__refuses_options),
        cmocka_unit_test(test_corpus__names_a_full_disk),
        cmocka_unit_test(test_corpus__stops_when_canceled),
    };
    return run_cases(tests, make_folder, drop_folder);
}
