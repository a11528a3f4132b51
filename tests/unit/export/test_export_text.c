/* SPDX-License-Identifier: MIT */
/* Answers for people: whole pages against golden files, and what no page may do. Golden
 * files are written anew where ATTRIB_UPDATE_GOLDEN is set; read the difference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/export.h"
#include "base/file.h"
#include "fake_run.h"
#include "format/utf8.h"
#include "support/check.h"
#include "support/scratch_file.h"

/* Options with some members set. */
#define TEXT_OPTIONS(...)                                                                \
    (attrib_text_options)                                                                \
    {                                                                                    \
        .size = sizeof(attrib_text_options), __VA_ARGS__                                 \
    }

static at_buffer print_page_of(attrib_run *run,
                               size_t i_query,
                               attrib_text_options options)
{
    attrib_error err = {0};
    at_buffer text = {0};
    check_ok(attrib_export_text(run, i_query, &options, path, &err), &err);
    check_ok(at_read_file(path, 1 << 20, &text, &err), &err);
    return text;
}

static at_buffer print_page(size_t i_query, attrib_text_options options)
{
    return print_page_of(fake_run(), i_query, options);
}

static void check_golden(const char *name, size_t i_query, attrib_text_options options)
{
    char golden[512];
    attrib_error err = {0};
    at_buffer want = {0};
    at_buffer got = print_page(i_query, options);
    snprintf(golden, sizeof golden, "tests/golden/export/%s", name);
    const char *file = source_path(golden);
    const char *update = getenv("ATTRIB_UPDATE_GOLDEN");
    if (update && *update) {
        write_file(file, got.bytes, got.n_bytes);
    }
    check_ok(at_read_file(file, 1 << 20, &want, &err), &err);
    if (got.n_bytes != want.n_bytes || memcmp(got.bytes, want.bytes, got.n_bytes) != 0) {
        fail_msg("%s differs; got:\n%s", golden, got.bytes);
    }
    at_buffer_free(&got);
    at_buffer_free(&want);
}

static void test_export_text__pages_are_as_they_were_agreed(void **state)
{
    (void)state;
    check_golden("plain_100.txt", 0, TEXT_OPTIONS(.width = 0));
    check_golden("plain_60.txt", 0, TEXT_OPTIONS(.width = 60));
    check_golden("colour_80.txt", 0, TEXT_OPTIONS(.width = 80, .is_coloured = true));
    check_golden("ids_only.txt", 1, TEXT_OPTIONS(.width = 0));
    check_golden("one_of_each.txt", 0, TEXT_OPTIONS(.n_shown = 1));
}

/* Plain products of gradients have no damping, and the page says that they are plain. A
 * document that ranks first need not favour the completion. */
static void test_export_text__headings_and_scale_say_what_scores_are(void **state)
{
    (void)state;
    at_buffer page = print_page_of(fake_identity_run(), 1, TEXT_OPTIONS(.width = 0));
    assert_non_null(strstr(page.bytes, "identity, damping none, 1 document, "));
    assert_non_null(strstr(page.bytes, "\nDocuments that oppose the completion least\n"));
    assert_null(strstr(page.bytes, "rely on"));
    assert_non_null(strstr(page.bytes, "a plain product of"));
    at_buffer_free(&page);
}

/* What a score's size says follows from what it was divided by. */
static void test_export_text__scale_of_divided_scores(void **state)
{
    (void)state;
    attrib_run *run = fake_run();
    fake_options()->normalize = ATTRIB_NORMALIZE_NATS;
    at_buffer page = print_page_of(run, 0, TEXT_OPTIONS(.width = 400));
    assert_non_null(
        strstr(page.bytes, "divided by the nats of the query's loss: rely on"));
    at_buffer_free(&page);
    fake_options()->normalize = ATTRIB_NORMALIZE_UNIT;
    page = print_page_of(run, 0, TEXT_OPTIONS(.width = 400));
    assert_non_null(strstr(page.bytes, "a cosine of gradients in the preconditioned"));
    assert_null(strstr(page.bytes, "rely on"));
    at_buffer_free(&page);
}

/* Take ANSI's colour sequences out of a page. */
static void strip_colours(at_buffer *page)
{
    size_t n = 0;
    for (size_t i = 0; i < page->n_bytes; i++) {
        if (page->bytes[i] == '\x1b') {
            i += strcspn(page->bytes + i, "m");
            continue;
        }
        page->bytes[n++] = page->bytes[i];
    }
    page->bytes[n] = '\0';
    page->n_bytes = n;
}

/* What every page must be, whatever the documents hold: UTF-8 of lines no wider than
 * asked, without one control character of a document. */
static void check_page(at_buffer *page, size_t width)
{
    size_t column = 0;
    size_t line = 0;
    assert_true(at_utf8_is_valid(page->bytes, page->n_bytes, NULL));
    for (size_t i = 0; i < page->n_bytes;) {
        uint32_t character = 0;
        i += at_utf8_next(page->bytes + i, page->n_bytes - i, &character, NULL);
        if (character == '\n') {
            column = 0;
            line = i;
            continue;
        }
        column++;
        if (column > width) {
            fail_msg("more than %zu columns: %.*s", width, (int)(i - line),
                     page->bytes + line);
        }
        assert_true(character >= 0x20 && !(character >= 0x7F && character <= 0x9F));
        assert_true(character != 0x202E); /* right-to-left override */
    }
    assert_int_equal(column, 0);
}

static void test_export_text__no_line_is_wider_than_asked(void **state)
{
    (void)state;
    for (size_t width = 48; width <= 130; width += 3) {
        for (size_t i = 0; i < FAKE_QUERIES; i++) {
            at_buffer page = print_page(i, TEXT_OPTIONS(.width = width));
            check_page(&page, width);
            at_buffer_free(&page);
            page = print_page(i, TEXT_OPTIONS(.width = width, .is_coloured = true));
            strip_colours(&page);
            check_page(&page, width);
            at_buffer_free(&page);
        }
    }
}

static void test_export_text__there_is_colour_only_where_asked(void **state)
{
    (void)state;
    at_buffer page = print_page(0, TEXT_OPTIONS(.width = 0));
    assert_null(strchr(page.bytes, '\x1b'));
    at_buffer_free(&page);
    page = print_page(0, TEXT_OPTIONS(.is_coloured = true));
    assert_non_null(strstr(page.bytes, "\x1b[38;5;16;48;5;209mGoethe\x1b[0m"));
    assert_non_null(strstr(page.bytes, "\x1b[38;5;16;48;5;195mtragedy\x1b[0m"));
    /* Whatever was switched on is off at the end of its line. */
    bool is_on = false;
    for (const char *c = page.bytes; *c; c++) {
        if (*c == '\x1b') {
            is_on = strncmp(c, "\x1b[0m", 4) != 0;
        }
        assert_false(*c == '\n' && is_on);
    }
    assert_false(is_on);
    at_buffer_free(&page);
}

static void test_export_text__the_token_that_matters_is_in_the_snippet(void **state)
{
    (void)state;
    for (size_t width = 48; width <= 130; width += 3) {
        at_buffer page = print_page(0, TEXT_OPTIONS(.width = width));
        assert_non_null(strstr(page.bytes, "⟦Goethe"));
        assert_non_null(strstr(page.bytes, "⟦NEEDLE⟧"));
        assert_true(width < 60 || strstr(page.bytes, "⟦thread⟧"));
        assert_null(strstr(page.bytes, "⟦alpha"));
        assert_null(strstr(page.bytes, "</s>"));
        at_buffer_free(&page);
    }
}

static void test_export_text__queries_out_of_range_are_refused(void **state)
{
    (void)state;
    attrib_error err = {0};
    check_fails(attrib_export_text(fake_run(), 2, NULL, path, &err), ATTRIB_EINVAL, &err);
    assert_false(at_is_file(path));
    err = (attrib_error){0};
    check_fails(attrib_export_text(fake_run(), 0, NULL, "/nowhere/x", &err), ATTRIB_EIO,
                &err);
}

int main(void)
{
#define WITH_FOLDER(test)                                                                \
    cmocka_unit_test_setup_teardown(test, scratch_file_set_up, scratch_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_export_text__pages_are_as_they_were_agreed),
        WITH_FOLDER(test_export_text__headings_and_scale_say_what_scores_are),
        WITH_FOLDER(test_export_text__scale_of_divided_scores),
        WITH_FOLDER(test_export_text__no_line_is_wider_than_asked),
        WITH_FOLDER(test_export_text__there_is_colour_only_where_asked),
        WITH_FOLDER(test_export_text__the_token_that_matters_is_in_the_snippet),
        WITH_FOLDER(test_export_text__queries_out_of_range_are_refused),
    };
    return run_cases(tests, NULL, NULL);
}
