/* SPDX-License-Identifier: MIT */
/* The page of a run: which documents it shows, how scores are spread, and chunks that are
 * read back as attrib/export/html.h describes them. tests/cli/check_page.py compares
 * whole pages with other exports. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "export/html.h"
#include "fake_run.h"
#include "support/check.h"
#include "support/scratch_file.h"

/* 1. Pages read back */

typedef struct opened {
    json_t *json;
    const unsigned char *arrays; /* into `bytes` */
    unsigned char *bytes;
} opened;

static unsigned value_of(char digit)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = strchr(digits, digit);
    assert_non_null(found);
    return (unsigned)(found - digits);
}

/* Decode base64 in place; returns how many bytes there are. */
static size_t decode(char *text)
{
    size_t n = strcspn(text, "=<");
    size_t n_out = 0;
    for (size_t i = 0; i + 1 < n; i++) {
        size_t bit = i % 4;
        if (bit < 3) {
            unsigned pair = value_of(text[i]) << 6 | value_of(text[i + 1]);
            text[n_out++] = (char)(pair >> (4 - 2 * bit) & 255);
        }
    }
    return n_out;
}

/* Open a chunk of the page at `path`. */
static opened open_chunk(const char *name)
{
    attrib_error err = {0};
    at_buffer page = {0};
    opened out = {0};
    char mark[64];
    uLongf n_bytes = 1 << 20;
    uint32_t n_json = 0;
    check_ok(at_read_file(path, 1 << 24, &page, &err), &err);
    snprintf(mark, sizeof mark, "<script type=\"text/plain\" id=\"%s\">", name);
    char *text = strstr(page.bytes, mark);
    assert_non_null(text);
    text += strlen(mark);
    size_t n = decode(text);
    out.bytes = malloc(n_bytes);
    assert_non_null(out.bytes);
    assert_int_equal(uncompress(out.bytes, &n_bytes, (const Bytef *)text, n), Z_OK);
    memcpy(&n_json, out.bytes, sizeof n_json);
    check_ok(at_json_parse(name, (const char *)out.bytes + 4, n_json, &out.json, &err),
             &err);
    out.arrays = out.bytes + (4 + n_json + 7) / 8 * 8;
    at_buffer_free(&page);
    return out;
}

static void close_chunk(opened *chunk)
{
    json_decref(chunk->json);
    free(chunk->bytes);
}

static size_t size_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    assert_true(json_is_integer(value));
    return (size_t)json_integer_value(value);
}

static void export(attrib_run *run)
{
    attrib_error err = {0};
    check_ok(attrib_export_run(run, in_format(ATTRIB_EXPORT_HTML), path, &err), &err);
}

/* A character in two tokens, escapes and stray bytes are in the text as they were. */
static void test_html__keeps_the_bytes_of_tokens(void **state)
{
    static const char wanted[] =
        "M\xC3\xBCller\tsaid\n\x1b[31mred\xFF\xE2\x80\xAE <&> [x] \"q\"";
    static const uint16_t lengths[] = {2, 1, 10, 8, 4, 12};
    (void)state;
    export(fake_run());
    opened text = open_chunk("text-0");
    const json_t *hostile = json_array_get(json_object_get(text.json, "documents"), 1);
    assert_int_equal(size_of(hostile, "nBytes"), sizeof wanted - 1);
    assert_memory_equal(text.arrays + size_of(hostile, "bytes"), wanted,
                        sizeof wanted - 1);
    assert_memory_equal(text.arrays + size_of(hostile, "lengths"), lengths,
                        sizeof lengths);
    close_chunk(&text);
}

/* Special tokens are no text: 0xFFFF stands for their length. */
static void test_html__tells_special_tokens(void **state)
{
    uint16_t lengths[13];
    (void)state;
    export(fake_run());
    opened text = open_chunk("text-0");
    const json_t *goethe = json_array_get(json_object_get(text.json, "documents"), 0);
    memcpy(lengths, text.arrays + size_of(goethe, "lengths"), sizeof lengths);
    assert_int_equal(lengths[0], 0xFFFF);
    assert_int_equal(lengths[1], strlen("Johann"));
    assert_int_equal(lengths[12], 0xFFFF);
    close_chunk(&text);
}

/* Shares are signed squares of 127ths of the largest. */
static void test_html__rounds_shares_to_squares(void **state)
{
    /* 127 sqrt(|share| / 6): 1.5 is half of the root, -0.5 about 36.66 */
    static const int8_t wanted[] = {0,   64, 37, 26,  127, 78, -37,
                                    113, 26, 0,  -64, 26,  -61};
    (void)state;
    export(fake_run());
    opened answer = open_chunk("answer-0");
    const json_t *result = json_array_get(json_object_get(answer.json, "results"), 0);
    assert_memory_equal(answer.arrays + size_of(result, "tokens"), wanted, sizeof wanted);
    assert_true(json_real_value(json_object_get(result, "tokenScale")) == 6);
    close_chunk(&answer);
}

/* A run whose answers report nothing is a page too. */
static void test_html__holds_a_run_without_documents(void **state)
{
    (void)state;
    export(fake_wide_run(3, 40));
    opened run = open_chunk("run");
    assert_int_equal(size_of(run.json, "nResults"), 0);
    assert_int_equal(size_of(run.json, "nDocuments"), 40);
    close_chunk(&run);
}

static const char *sentence_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* What is left out for many queries is said, with the number from which on it is. */
static void test_html__says_what_it_leaves_out(void **state)
{
    static const struct {
        size_t n_queries;
        const char *tails, *correlations;
    } cases[] = {{100, NULL, NULL},
                 {101, "of at most 100 answers", NULL},
                 {300, "here are 300", NULL},
                 {301, "here are 301", "of at most 300, and the run has 301"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        export(fake_wide_run(cases[i].n_queries, 3));
        opened run = open_chunk("run");
        opened groups = open_chunk("groups");
        const json_t *left_out = json_object_get(run.json, "leftOut");
        assert_int_equal(json_object_size(left_out),
                         (cases[i].tails != NULL) + (cases[i].correlations != NULL));
        assert_non_null(strstr(sentence_of(groups.json, "leftOut"),
                               "by themselves are more than 40"));
        if (cases[i].tails) {
            assert_non_null(strstr(sentence_of(left_out, "tails"), cases[i].tails));
        }
        if (cases[i].correlations) {
            assert_non_null(
                strstr(sentence_of(left_out, "correlations"), cases[i].correlations));
        }
        close_chunk(&groups);
        close_chunk(&run);
    }
}

static void test_html__leaves_no_file_where_scores_are_gone(void **state)
{
    attrib_error err = {0};
    attrib_run *run = fake_run();
    (void)state;
    fake_fail_from(3);
    check_fails(attrib_export_run(run, in_format(ATTRIB_EXPORT_HTML), path, &err),
                ATTRIB_EIO, &err);
    check_message(&err, "scores of document 3: gone");
    assert_false(at_is_there(path));
}

/* 2. What is shown */

/* As many ranks are shown of 13 + 6 and 400 + 0 tokens at both ends as the limit lets in.
 */
static void test_html__shows_what_fits(void **state)
{
    static const struct {
        size_t max_shares, n_each, n_documents;
    } cases[] = {{SIZE_MAX, 2, 5}, {422, 2, 5}, {421, 1, 3}, {416, 1, 3}, {0, 1, 3}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        at_shown shown = {0};
        check_ok(at_shown_choose(&(attrib_run *){fake_run()}, 1, cases[i].max_shares,
                                 &shown, &err),
                 &err);
        assert_int_equal(shown.n_reported, 2);
        assert_int_equal(shown.n_each, cases[i].n_each);
        assert_int_equal(shown.n_documents, cases[i].n_documents);
        at_shown_free(&shown);
    }
}

/* Documents stand in the order in which answers report them, and are found by index. */
static void test_html__numbers_documents(void **state)
{
    static const size_t indices[] = {3, 0, 4, 1, 2};
    attrib_error err = {0};
    at_shown shown = {0};
    (void)state;
    check_ok(at_shown_choose(&(attrib_run *){fake_run()}, 1, SIZE_MAX, &shown, &err),
             &err);
    for (size_t i = 0; i < shown.n_documents; i++) {
        assert_int_equal(shown.documents[i].result->document.index, indices[i]);
        assert_int_equal(at_shown_number(&shown, indices[i]), i);
    }
    at_shown_free(&shown);
}

/* 3. Spreads */

/* Scores of 0 begin a bin; the largest magnitude is in step 0, half of it in step 4; what
 * is beyond the reported range counts at its ends. */
static void test_html__spreads_scores(void **state)
{
    static const double scores[FAKE_DOCUMENTS] = {0, -0.25, 6.25, 12.5, -1300};
    attrib_error err = {0};
    at_shown shown = {0};
    at_spread *spreads = NULL;
    (void)state;
    attrib_run *run = fake_run();
    for (size_t d = 0; d < FAKE_DOCUMENTS; d++) {
        fake_set_score(0, d, scores[d]);
    }
    check_ok(at_shown_choose(&run, 1, SIZE_MAX, &shown, &err), &err);
    check_ok(at_spreads_count(&shown, &spreads, &err), &err);
    /* Reported are 12.34375 and -1234.5, which the range is of. */
    const at_spread *s = &spreads[0];
    assert_true(s->largest == 1234.5);
    assert_true(fabs(s->width - (12.34375 + 1234.5) / 62) < 1e-12);
    assert_int_equal(s->first, -62);
    assert_int_equal(s->bins[62], 3);
    assert_int_equal(s->bins[61], 1);
    assert_int_equal(s->bins[0], 1);
    assert_int_equal(s->steps[1][0], 1);
    assert_int_equal(s->steps[0][26], 1); /* 4 log2(1234.5 / 12.5) = 26.5 */
    assert_int_equal(s->steps[0][30], 1);
    assert_true(s->sums[1][0] == 1300);
    free(spreads);
    at_shown_free(&shown);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_html__keeps_the_bytes_of_tokens),
        WITH_FOLDER(test_html__tells_special_tokens),
        WITH_FOLDER(test_html__rounds_shares_to_squares),
        WITH_FOLDER(test_html__holds_a_run_without_documents),
        WITH_FOLDER(test_html__says_what_it_leaves_out),
        WITH_FOLDER(test_html__leaves_no_file_where_scores_are_gone),
        cmocka_unit_test(test_html__shows_what_fits),
        cmocka_unit_test(test_html__numbers_documents),
        cmocka_unit_test(test_html__spreads_scores),
    };
    return run_cases(tests, NULL, NULL);
}
