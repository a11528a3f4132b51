/* SPDX-License-Identifier: MIT */
/* Texts and tokens of reported documents against answers and completions. */
#include <math.h>
#include <string.h>

#include "analyze/word_list.h"
#include "planted_run.h"
#include "support/check.h"
#include "tables.h"

static void check_words(const char *text, const char *part, bool is_there, double share)
{
    attrib_error err = {0};
    at_word_list words = {0};
    at_word_list wanted = {0};
    check_ok(at_word_list_read(&words, text, strlen(text), &err), &err);
    check_ok(at_word_list_read(&wanted, part, strlen(part), &err), &err);
    assert_int_equal(at_word_list_contains(&words, &wanted), is_there);
    assert_true(fabs(at_word_list_share(&words, &wanted, 3) - share) < 1e-15);
    at_word_list_free(&words);
    at_word_list_free(&wanted);
}

static void test_answers__words_are_compared_whole(void **state)
{
    (void)state;
    check_words("It was in 1997.", "7", false, 0);
    check_words("It was (7) then", "7", true, 1);
    check_words("SAMUEL  Morse's", "samuel morse", true, 1);
    check_words("Morse Samuel", "samuel morse", false, 0);
    check_words("M\xC3\xBCller", "m\xC3\xBCller", true, 1);
    check_words("M\xC3\xBCller", "m", false, 0);
    check_words("a b c d e", "b c d x", false, 0.5); /* b c d of b c d, c d x */
    check_words("a b c d e", "b c d e f g", false, 0.5);
    check_words("", "x", false, 0);
    check_words("x", "", false, 0);
    check_words("x", "...", false, 0);
    check_words("ends with it", "it", true, 1);
}

static void test_answers__are_found_in_the_first_documents(void **state)
{
    (void)state;
    attrib_run *run = planted_run(3, 4);
    attrib_analyze_options options;
    attrib_result top[3] = {{.rank = 1}, {.rank = 2}, {.rank = 3}};
    static const char *const texts[3] = {"Nothing here.", "It says Forty-Two, and more",
                                         "forty two again, and 42"};
    const attrib_tag tags[2] = {{"answers", "[\"forty two\", 42, \"not this one\"]"},
                                {"answers", "[\"nothing here\"]"}};
    attrib_analyze_options_default(&options);
    options.top = 3;
    for (size_t i = 0; i < 3; i++) {
        top[i].document.text = texts[i];
        top[i].document.n_text_bytes = strlen(texts[i]);
    }
    for (size_t q = 0; q < 2; q++) {
        planted_answer(run, q)->top = top;
        planted_answer(run, q)->n_top = 3;
        planted_answer(run, q)->query.tags = &tags[q];
        planted_answer(run, q)->query.n_tags = 1;
        planted_answer(run, q)->query.prompt = "Is it 42?";
    }
    attrib_analysis *analysis = analyze_or_fail("answers", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 4);
    assert_true(find_number(table, 0, "searched") == 3);
    assert_true(find_number(table, 0, "found") == 2);
    assert_true(find_number(table, 0, "first_rank") == 2);
    assert_string_equal(find_text(table, 1, "answer"), "42");
    assert_true(find_number(table, 1, "first_rank") == 3);
    assert_string_equal(find_text(table, 0, "in_prompt"), "no");
    assert_string_equal(find_text(table, 1, "in_prompt"), "yes");
    assert_true(find_number(table, 2, "found") == 0);
    assert_true(isnan(find_number(table, 2, "first_rank")));
    table = attrib_analysis_table(analysis, 1);
    assert_int_equal(table->n_rows, 2);
    assert_true(find_number(table, 0, "answers") == 3);
    assert_true(find_number(table, 0, "answered") == 2);
    check_note(analysis, "2 of 2 queries with answers");
    attrib_analysis_free(analysis);
    options.top = 1;
    analysis = analyze_or_fail("answers", run, NULL, &options);
    assert_true(find_number(attrib_analysis_table(analysis, 0), 0, "found") == 0);
    check_note(analysis, "1 of 2 queries with answers");
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* Documents are counted once, whatever they repeat, and those that are gone are told. */
static void test_answers__are_counted_in_the_corpus(void **state)
{
    (void)state;
    static const char *const texts[5] = {"Forty two, forty-two!", "forty",
                                         "two forty two three", NULL, "forty three"};
    const attrib_tag tag = {"answers", "[\"forty two\", \"forty\", \"two three\"]"};
    const double in_corpus[3] = {2, 4, 1};
    attrib_run *run = planted_run(1, 5);
    attrib_analyze_options options;
    attrib_result top[2] = {{.rank = 1, .document = {.text = "x", .n_text_bytes = 1}},
                            {.rank = 2, .document = {.text = "x", .n_text_bytes = 1}}};
    attrib_analyze_options_default(&options);
    options.is_counted = true;
    options.top = 2;
    planted_answer(run, 0)->query.tags = &tag;
    planted_answer(run, 0)->query.n_tags = 1;
    planted_answer(run, 0)->top = top;
    planted_answer(run, 0)->n_top = 2;
    for (size_t d = 0; d < 5; d++) {
        planted_document(run, d)->text = texts[d];
        planted_document(run, d)->n_text_bytes = texts[d] ? strlen(texts[d]) : 0;
    }
    attrib_analysis *analysis = analyze_or_fail("answers", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    for (size_t row = 0; row < 3; row++) {
        assert_true(find_number(table, row, "in_corpus") == in_corpus[row]);
        assert_true(find_number(table, row, "expected") == in_corpus[row] * 2 / 5);
    }
    check_note(analysis, "1 documents could not be read again and are not counted; the "
                         "first: corpus.jsonl: gone");
    attrib_analysis_free(analysis);
    options.is_counted = false;
    analysis = analyze_or_fail("answers", run, NULL, &options);
    assert_true(isnan(find_number(attrib_analysis_table(analysis, 0), 0, "in_corpus")));
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* Documents behind the reported ones are read again, each once for all queries, and have
 * the ranks that follow. */
static void test_answers__are_found_behind_the_reported(void **state)
{
    (void)state;
    static const char *const texts[6] = {"six", "seven", NULL, "seven", "nine", "seven"};
    static const double scores[2][6] = {{5, 4, 3, 6, 2, 1}, {1, 6, 5, 0, 4, 3}};
    const attrib_tag tag = {"answers", "[\"seven\", \"nine\"]"};
    const attrib_result top = {
        .rank = 1, .document = {.index = 3, .text = "none", .n_text_bytes = 4}};
    attrib_run *run = planted_run(3, 6);
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.top = 4;
    for (size_t d = 0; d < 6; d++) {
        planted_document(run, d)->text = texts[d];
        planted_document(run, d)->n_text_bytes = texts[d] ? strlen(texts[d]) : 0;
        for (size_t q = 0; q < 2; q++) {
            *planted_score(run, q, d) = scores[q][d];
        }
    }
    for (size_t q = 0; q < 2; q++) {
        planted_answer(run, q)->query.tags = &tag;
        planted_answer(run, q)->query.n_tags = 1;
    }
    planted_answer(run, 0)->top = &top;
    planted_answer(run, 0)->n_top = 1;
    attrib_analysis *analysis = analyze_or_fail("answers", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    /* q0: 3 as it was reported, 0, 1, and 2, which is gone; q1: 1, 2, 4, 5 */
    assert_int_equal(table->n_rows, 4);
    assert_true(find_number(table, 0, "searched") == 3);
    assert_true(find_number(table, 0, "found") == 1);
    assert_true(find_number(table, 0, "first_rank") == 3);
    assert_true(find_number(table, 1, "found") == 0);
    assert_true(find_number(table, 2, "searched") == 3);
    assert_true(find_number(table, 2, "found") == 2);
    assert_true(find_number(table, 2, "first_rank") == 1);
    assert_true(find_number(table, 3, "first_rank") == 3);
    check_note(analysis, "1 documents could not be read again and are not searched; the "
                         "first: corpus.jsonl: gone");
    check_note(analysis, "2 of 2 queries with answers");
    attrib_analysis_free(analysis);
    planted_free(run);
}

static void check_refused(attrib_run *run, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_analysis *analysis = NULL;
    attrib_analyze_job job;
    attrib_analyze_job_default(&job);
    job.kind = "answers";
    job.run = run;
    check_fails(attrib_analyze(NULL, &job, &analysis, &err), expected, &err);
    check_message(&err, message);
}

static void test_answers__that_cannot_be_looked_for_are_refused(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 4);
    const attrib_result top = {.rank = 1, .document = {.id = "d0"}};
    const attrib_tag tag = {"answers", "\"forty two\""};
    const attrib_tag empty = {"answers", "\"...\""};
    check_refused(run, ATTRIB_ESHAPE, "no query has a tag answers");
    planted_answer(run, 0)->query.tags = &empty;
    planted_answer(run, 0)->query.n_tags = 1;
    check_refused(run, ATTRIB_EINVAL, "the answer \"...\" has no word");
    planted_answer(run, 0)->query.tags = &tag;
    planted_answer(run, 0)->top = &top;
    planted_answer(run, 0)->n_top = 1;
    check_refused(run, ATTRIB_ENOTSUP, "document \"d0\" came as tokens");
    planted_free(run);
}

static attrib_token_score token(int32_t id, const char *text, double score)
{
    return (attrib_token_score){
        .text = text, .n_bytes = strlen(text), .id = id, .score = score};
}

/* The completion is 5 6 7 8, after a prompt 1 2 and before the other side of a margin. */
static void test_answers__longest_spans_are_found(void **state)
{
    (void)state;
    attrib_run *run = planted_run(1, 4);
    const int32_t ids[8] = {1, 2, 5, 6, 7, 8, 9, 9};
    const uint8_t mask[8] = {0, 0, 1, 1, 1, 1, 1, 1};
    const attrib_token_score long_one[8] = {
        token(5, "f", 1),  token(6, " g", 2), token(4, " x", 3), token(6, " g", 4),
        token(7, " h", 5), token(8, " i", 6), token(9, " j", 7), token(2, " k", 8)};
    attrib_token_score special[4] = {token(5, "f", 1), token(6, "<s>", 1),
                                     token(7, "h", 1), token(9, "j", 1)};
    special[1].is_special = true;
    const attrib_result top = {.rank = 1,
                               .score = 36,
                               .document = {.id = "d2"},
                               .tokens = long_one,
                               .n_tokens = 8};
    const attrib_result bottom[2] = {
        {.rank = 4, .document = {.id = "d3"}, .tokens = special, .n_tokens = 4},
        {.rank = 3, .score = -1, .document = {.id = "d1"}}};
    attrib_answer *answer = planted_answer(run, 0);
    answer->query.ids = ids;
    answer->query.mask = mask;
    answer->query.n_tokens = 8;
    answer->query.against_token = 6;
    answer->top = &top;
    answer->n_top = 1;
    answer->bottom = bottom;
    answer->n_bottom = 2;
    attrib_analysis *analysis = analyze_or_fail("overlap", run, NULL, NULL);
    const attrib_table *table = attrib_analysis_table(analysis, 0);
    assert_int_equal(table->n_rows, 3);
    assert_true(find_number(table, 0, "span") == 3);
    assert_true(find_number(table, 0, "completion") == 0.75);
    assert_string_equal(find_text(table, 0, "text"), " g h i");
    assert_true(find_number(table, 0, "influence") == 15.0 / 36);
    assert_true(find_number(table, 1, "span") == 1);
    assert_true(isnan(find_number(table, 1, "influence")));
    assert_true(find_number(table, 2, "span") == 0);
    table = attrib_analysis_table(analysis, 1);
    assert_true(find_number(table, 0, "tokens") == 4);
    assert_true(find_number(table, 0, "first") == 3);
    assert_true(find_number(table, 0, "last") == 0.5);
    assert_true(find_number(table, 0, "longest") == 3);
    attrib_analysis_free(analysis);
    planted_free(run);
}

/* Runs of words in the first three documents of q0: one that is reported, and two behind
 * it, of which one is gone; q1 has no completion of words. */
static void test_answers__runs_of_words_are_found_behind_the_reported(void **state)
{
    (void)state;
    static const char *const texts[4] = {"red and blue", "and then blue And green, sea",
                                         NULL, "blue and green sea"};
    static const double scores[4] = {1, 3, 2, 0};
    const attrib_result top = {
        .rank = 1, .document = {.index = 0, .text = "Red; AND blue", .n_text_bytes = 13}};
    attrib_run *run = planted_run(2, 4);
    attrib_analyze_options options;
    attrib_analyze_options_default(&options);
    options.top = 3;
    for (size_t d = 0; d < 4; d++) {
        planted_document(run, d)->text = texts[d];
        planted_document(run, d)->n_text_bytes = texts[d] ? strlen(texts[d]) : 0;
        *planted_score(run, 0, d) = scores[d];
    }
    planted_answer(run, 0)->query.completion = " red and blue and green.";
    planted_answer(run, 1)->query.completion = " ...";
    planted_answer(run, 0)->top = &top;
    planted_answer(run, 0)->n_top = 1;
    attrib_analysis *analysis = analyze_or_fail("overlap", run, NULL, &options);
    const attrib_table *table = attrib_analysis_table(analysis, 2);
    assert_string_equal(table->name, "words");
    assert_int_equal(table->n_rows, 1);
    assert_true(find_number(table, 0, "words") == 5);
    assert_true(find_number(table, 0, "searched") == 2);
    assert_true(find_number(table, 0, "mean") == 3); /* red and blue; blue and green */
    assert_true(find_number(table, 0, "longest") == 3);
    assert_true(find_number(table, 0, "rank") == 1);
    check_note(analysis, "1 documents could not be read again");
    attrib_analysis_free(analysis);
    planted_answer(run, 0)->query.completion = "then blue and green sea";
    analysis = analyze_or_fail("overlap", run, NULL, &options);
    table = attrib_analysis_table(analysis, 2);
    assert_true(find_number(table, 0, "longest") == 5);
    assert_true(find_number(table, 0, "rank") == 2);
    assert_true(find_number(table, 0, "mean") == 3); /* 1 of the first, 5 of the second */
    attrib_analysis_free(analysis);
    planted_free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers__words_are_compared_whole),
        cmocka_unit_test(test_answers__are_found_in_the_first_documents),
        cmocka_unit_test(test_answers__are_counted_in_the_corpus),
        cmocka_unit_test(test_answers__are_found_behind_the_reported),
        cmocka_unit_test(test_answers__that_cannot_be_looked_for_are_refused),
        cmocka_unit_test(test_answers__longest_spans_are_found),
        cmocka_unit_test(test_answers__runs_of_words_are_found_behind_the_reported),
    };
    return run_cases(tests, NULL, NULL);
}
