/* SPDX-License-Identifier: MIT */
/* Runs as rows of CSV and JSON lines, byte for byte. */
#include <stdio.h>
#include <string.h>

#include "export/write.h"
#include "fake_run.h"
#include "support/check.h"
#include "support/scratch_file.h"

static void test_export_rows__csv_follows_rfc_4180(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(attrib_export_run(fake_run(), in_format(ATTRIB_EXPORT_CSV), path, &err),
             &err);
    check_ok(at_read_file(path, 1 << 20, &text, &err), &err);
    assert_string_equal(
        text.bytes,
        "query,rank,score,document,source,member,line,setting,completion_by\r\n"
        "q1,1,12.34375,facts.jsonl:17,facts.jsonl,,17,ekfac-0.1,\"model, cut\"\r\n"
        "q1,2,-1.0625,wn-2,archives/a very long folder name/another one that never "
        "ends/corpus.tar.zst,\"part/one,\"\"two\"\".jsonl\",17,ekfac-0.1,\"model, "
        "cut\"\r\n"
        "q1,4,-2,d4,facts.jsonl,,17,ekfac-0.1,\"model, cut\"\r\n"
        "q1,5,-1234.5,d5,facts.jsonl,,,ekfac-0.1,\"model, cut\"\r\n"
        "\"q,2\",1,1e-07,facts.jsonl:17,facts.jsonl,,17,ekfac-0.1,row\r\n");
    at_buffer_free(&text);
}

/* Fails unless the run has this text in a format of rows. */
static void check_text(attrib_run *run,
                       const attrib_export_options *options,
                       const char *want)
{
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(attrib_export_run(run, options, path, &err), &err);
    check_ok(at_read_file(path, 1 << 20, &text, &err), &err);
    assert_string_equal(text.bytes, want);
    at_buffer_free(&text);
}

static void test_export_rows__fields_are_chosen_by_name(void **state)
{
    (void)state;
    attrib_export_options *options = in_format(ATTRIB_EXPORT_CSV);
    attrib_run *run = fake_run();
    fake_options()->with_self = true;
    options->fields =
        "rank,tags.kind,tags.year,side,self_influence,query_tags,loss,bound";
    check_text(run, options,
               "rank,tags.kind,tags.year,side,self_influence,query_tags,loss,bound\r\n"
               "1,person,1808,top,3,\"{\"\"kind\"\":\"\"person\"\"}\",3.25,\r\n"
               "2,,,top,0,\"{\"\"kind\"\":\"\"person\"\"}\",3.25,\r\n"
               "4,person,1808,bottom,1,\"{\"\"kind\"\":\"\"person\"\"}\",3.25,\r\n"
               "5,,,bottom,4,\"{\"\"kind\"\":\"\"person\"\"}\",3.25,\r\n"
               "1,person,1808,top,2,{},0.5,\r\n");
    options->format = ATTRIB_EXPORT_JSONL;
    options->fields = "score,tags.year,tags.kind,line,query,query_tags";
    check_text(
        run, options,
        "{\"score\":12.34375,\"tags.year\":1808,\"tags.kind\":\"person\",\"line\":17,"
        "\"query\":\"q1\",\"query_tags\":{\"kind\":\"person\"}}\n"
        "{\"score\":-1.0625,\"tags.year\":null,\"tags.kind\":null,\"line\":17,"
        "\"query\":\"q1\",\"query_tags\":{\"kind\":\"person\"}}\n"
        "{\"score\":-2,\"tags.year\":1808,\"tags.kind\":\"person\",\"line\":17,"
        "\"query\":\"q1\",\"query_tags\":{\"kind\":\"person\"}}\n"
        "{\"score\":-1234.5,\"tags.year\":null,\"tags.kind\":null,\"line\":null,"
        "\"query\":\"q1\",\"query_tags\":{\"kind\":\"person\"}}\n"
        "{\"score\":1e-07,\"tags.year\":1808,\"tags.kind\":\"person\",\"line\":17,"
        "\"query\":\"q,2\",\"query_tags\":{}}\n");
}

/* What was reported of cut queries is exact and has no bound. */
static void test_export_rows__all_scores_as_rows(void **state)
{
    (void)state;
    attrib_export_options *options = in_format(ATTRIB_EXPORT_CSV);
    attrib_run *run = fake_run();
    ((attrib_run_info *)(uintptr_t)attrib_run_describe(run))->query_rank = 4;
    options->with_all = true;
    check_text(run, options,
               "setting,query,document,score,bound,rank,side\r\n"
               "ekfac-0.1,q1,wn-2,-1.0625,,2,top\r\n"
               "ekfac-0.1,\"q,2\",wn-2,0.1,0.5,,\r\n"
               "ekfac-0.1,q1,d4,-2,,4,bottom\r\n"
               "ekfac-0.1,\"q,2\",d4,1e-300,0.5,,\r\n"
               "ekfac-0.1,q1,M\xC3\xBCller \xF0\x9F\x98\x80,0.5,0.5,,\r\n"
               "ekfac-0.1,\"q,2\",facts.jsonl:17,1e-07,,1,top\r\n"
               "ekfac-0.1,q1,facts.jsonl:17,12.34375,,1,top\r\n"
               "ekfac-0.1,\"q,2\",facts.jsonl:17,-1,0.5,,\r\n"
               "ekfac-0.1,q1,d5,-1234.5,,5,bottom\r\n"
               "ekfac-0.1,\"q,2\",d5,3e+38,0.5,,\r\n");
}

static void test_export_rows__fields_that_are_unknown_are_refused(void **state)
{
    (void)state;
    const char *const wrong[][2] = {
        {"rank,colour", "no field is called \"colour\"; there are setting, query_tags"},
        {"", "no field is called \"\""},
        {"rank,", "no field is called \"\""},
        {"tags.", "no field is called \"tags.\""},
        {"rank.x", "no field is called \"rank.x\""},
        {"ran", "no field is called \"ran\""},
        {"rank,score,rank", "field \"rank\" stands there twice"}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        attrib_error err = {0};
        attrib_export_options *options = in_format(ATTRIB_EXPORT_CSV);
        options->fields = wrong[i][0];
        check_fails(attrib_export_run(fake_run(), options, path, &err), ATTRIB_EINVAL,
                    &err);
        check_message(&err, wrong[i][1]);
        assert_false(at_is_file(path));
    }
    attrib_error err = {0};
    attrib_export_options *options = in_format(ATTRIB_EXPORT_NPZ);
    options->fields = "rank";
    check_fails(attrib_export_run(fake_run(), options, path, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "\"rank\" is neither");
    assert_false(at_is_file(path));
}

#define OTHERS "document\r\nfacts.jsonl:17\r\nwn-2\r\nd4\r\nd5\r\n"

/* The last document's id goes through CSV: made harmless, or as it is. */
static void check_cell(const char *id, const char *want)
{
    at_buffer text = {0};
    attrib_error err = {0};
    attrib_export_options *options = in_format(ATTRIB_EXPORT_CSV);
    attrib_run *run = fake_run();
    const char *quote = strpbrk(id, "\",\r\n") ? "\"" : "";
    options->fields = "document";
    fake_set_id(id);
    check_ok(at_buffer_print(&text, &err, OTHERS "%s\r\n", want), &err);
    check_text(run, options, text.bytes);
    at_buffer_clear(&text);
    options->is_csv_raw = true;
    check_ok(at_buffer_print(&text, &err, OTHERS "%s%s%s\r\n", quote, id, quote), &err);
    check_text(run, options, text.bytes);
    at_buffer_free(&text);
}

static void test_export_rows__cells_are_harmless(void **state)
{
    (void)state;
    const char *const cells[][2] = {
        {"=1+1", "'=1+1"},
        {"-389.4", "-389.4"},
        {"+1e-07", "+1e-07"},
        {"-1.5E+3", "-1.5E+3"},
        {"-2+3 words", "'-2+3 words"},
        {"-", "'-"},
        {"-e5", "'-e5"},
        {"+1e", "'+1e"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {" \t=1", "' \t=1"},
        {"\x1b=1", "'\xE2\x90\x9B=1"},
        {"\xEF\xBC\x9D"
         "1",
         "'\xEF\xBC\x9D"
         "1"},
        {"a=1", "a=1"},
        {"\x1b[31mid\x07\x7f", "\xE2\x90\x9B[31mid\xE2\x90\x87\xE2\x90\xA1"},
        {"\xC2\x9B"
         "31m",
         "\xEF\xBF\xBD"
         "31m"},
        {"\xFF!", "\xEF\xBF\xBD!"},
        {"a\tb\nc", "\"a\tb\nc\""},
        {"a\r\nb", "\"a\r\nb\""},
        {"a\rb", "a\xE2\x90\x8D"
                 "b"},
        {"=cmd|' /C calc'!A0,1", "\"'=cmd|' /C calc'!A0,1\""},
        {"\xE2\x80\xA6", "\xE2\x80\xA6"},
    };
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++) {
        check_cell(cells[i][0], cells[i][1]);
    }
}

/* What has no place for a result without a score refuses it, and leaves no file. */
static void test_export_rows__estimates_are_refused_or_marked(void **state)
{
    (void)state;
    const attrib_export_format formats[] = {
        ATTRIB_EXPORT_CSV,         ATTRIB_EXPORT_NPZ,    ATTRIB_EXPORT_SQLITE,
        ATTRIB_EXPORT_HTML,        ATTRIB_EXPORT_ARROW,  ATTRIB_EXPORT_PARQUET,
        ATTRIB_EXPORT_SAFETENSORS, ATTRIB_EXPORT_MSGPACK};
    attrib_error err = {0};
    at_buffer text = {0};
    attrib_run *run = fake_run();
    fake_set_estimate();
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        attrib_error why = {0};
        check_fails(attrib_export_run(run, in_format(formats[i]), path, &why),
                    ATTRIB_ENOTSUP, &why);
        check_message(&why, "estimates of an index (is_estimate)");
        assert_false(at_is_file(path));
    }
    attrib_error why = {0};
    attrib_export_options *rows = in_format(ATTRIB_EXPORT_JSONL);
    rows->with_all = true;
    check_fails(attrib_export_run(run, rows, path, &why), ATTRIB_ENOTSUP, &why);
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_JSONL), path, &err), &err);
    check_ok(at_read_file(path, 1 << 20, &text, &err), &err);
    assert_non_null(strstr(text.bytes, "\"is_estimate\":true"));
    at_buffer_free(&text);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_export_rows__csv_follows_rfc_4180),
        WITH_FOLDER(test_export_rows__fields_are_chosen_by_name),
        WITH_FOLDER(test_export_rows__all_scores_as_rows),
        WITH_FOLDER(test_export_rows__fields_that_are_unknown_are_refused),
        WITH_FOLDER(test_export_rows__cells_are_harmless),
        WITH_FOLDER(test_export_rows__estimates_are_refused_or_marked),
    };
    return run_cases(tests, NULL, NULL);
}
