/* SPDX-License-Identifier: MIT */
/* Files, folders, archives and parts of texts as documents, with a tokenizer known by
 * heart.
 */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "base/memory.h"
#include "documents.h"
#include "make_archive.h"

static void test_files__keeps_where_documents_stand(void **state)
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
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_documents, 2);
    assert_int_equal(summary.n_sequences, 2);
    assert_int_equal(summary.n_tokens, 10);
    assert_int_equal(summary.n_predicted, 8);
    assert_int_equal(summary.n_files, 1);
    assert_int_equal(summary.n_members, 0);
    attrib_corpus_close(corpus);
}

/* The same rows in every wrapping are the same documents. */
static void test_files__reads_every_wrapping(void **state)
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
static void test_files__looks_into_members(void **state)
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
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_files, 5);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_about_files, 1);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_members, 3);
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
static void test_files__walks_folders(void **state)
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
    check_ok(attrib_corpus_open(session, &(attrib_paths){&path, 1}, &both, NULL, &corpus,
                                &err),
             &err);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_skipped_files, 6);
    assert_int_equal(summary.n_empty_documents, 1);
    assert_int_equal(summary.n_files, 5);
    assert_int_equal(summary.n_repeated_files, 1);
    assert_non_null(
        strstr(said.text, "1 file that had been read under another name was left out"));
    assert_non_null(
        strstr(said.text, "6 files that hold no documents were left out (--include "));
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
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_about_files, n_about);
    assert_int_equal(summary.n_files, n_files);
    assert_int_equal(summary.n_skipped_files, n_skipped);
    attrib_corpus_close(corpus);
}

/* Nothing is passed over in silence, an archive without members neither: tar's end, as
 * all zeros are. Names of no kind are not
 * opened. */
static void test_files__tells_of_archives_without_members(void **state)
{
    (void)state;
    static const char zeros[10240];
    char root[512];
    snprintf(root, sizeof root, "%s", at("hollow"));
    assert_int_equal(mkdir(root, 0777), 0);
    write_text(at("hollow/a.txt"), "first");
    write_file(at("hollow/b.tar"), zeros, sizeof zeros);
    write_file(at("hollow/c.iso"), zeros, sizeof zeros);
    check_documents(root, "hollow/a.txt first|");
    check_counts(root, 0, 2, 2);
}

/* A data set's card and licence are documents only where they are all there is. */
static void test_files__leaves_out_files_about_the_data(void **state)
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
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, NULL, &corpus, &err),
        ATTRIB_EINVAL, &err);
    make_archive(at("about.tar"), "pax", "none", NULL, about, 2);
    check_documents(at("about.tar"),
                    "about.tar:README.md read me|about.tar:LICENSE MIT|");
    check_counts(at("about.tar"), 0, 1, 0);
}

/* Rows that cannot be read end the work, or are left out, counted by reason and listed;
 * everything else is as if they were not there. */
static void test_files__skips_bad_rows(void **state)
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
    check_fails(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, &both, &how, &corpus, &err),
        ATTRIB_ESHAPE, &err);
    check_message(&err, "bad.jsonl:2: no field \"text\"");
    err = (attrib_error){0};
    how.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_ok(attrib_session_new(&options, &session, &err), &err);
    check_ok(attrib_corpus_open(session, &(attrib_paths){paths, 1}, &both, &how, &corpus,
                                &err),
             &err);
    char *got = describe(corpus);
    assert_string_equal(got, "1 one|5 five|");
    free(got);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_skipped_rows, 4);
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
    check_fails(attrib_corpus_open(session, &(attrib_paths){paths, 1}, &both, &how,
                                   &corpus, &err),
                ATTRIB_EINVAL, &err);
    check_message(&err, "1 row skipped");
    attrib_session_free(session);
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
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){both_paths, 2}, &both, &how,
                                &corpus, &err),
             &err);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}

/* Patterns choose of folders and archives, not of what is named; a file is read once. */
static void test_files__takes_what_patterns_say(void **state)
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
static void test_files__reads_html_and_code_as_text(void **state)
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

static void test_files__reads_standard_input(void **state)
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files__keeps_where_documents_stand),
        cmocka_unit_test(test_files__reads_every_wrapping),
        cmocka_unit_test(test_files__looks_into_members),
        cmocka_unit_test(test_files__walks_folders),
        cmocka_unit_test(test_files__tells_of_archives_without_members),
        cmocka_unit_test(test_files__leaves_out_files_about_the_data),
        cmocka_unit_test(test_files__skips_bad_rows),
        cmocka_unit_test(test_files__takes_what_patterns_say),
        cmocka_unit_test(test_files__reads_html_and_code_as_text),
        cmocka_unit_test(test_files__reads_standard_input),
    };
    return run_cases(tests, make_folder, drop_folder);
}
