/* SPDX-License-Identifier: MIT */
/* Rows with a chosen and a rejected completion as one document of two sides. */
#include "support/check.h"

#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};

/* A corpus of rows, one after another. */
static attrib_status open_rows(const char *rows,
                               attrib_preference preference,
                               size_t context,
                               attrib_corpus **out,
                               attrib_error *err)
{
    char folder[128];
    char path[160];
    const char *paths[] = {path};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.preference = preference;
    options.context = context;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/rows.jsonl", folder);
    write_file(path, rows, strlen(rows));
    attrib_status status =
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, &both, &options, out, err);
    remove_folder(folder);
    return status;
}

static attrib_corpus *open_margin(const char *rows, size_t context)
{
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    check_ok(open_rows(rows, ATTRIB_PREFERENCE_MARGIN, context, &corpus, &err), &err);
    return corpus;
}

/* Sequences of a document as letters, those of the rejected side after a minus:
 * "^ab[c][$] -^ab[d][$]". */
static void show(const attrib_corpus *corpus, size_t i, char *out, size_t size)
{
    attrib_document document;
    size_t n = 0;
    attrib_corpus_document(corpus, i, &document);
    for (size_t s = 0; s < document.n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document.first_sequence + s, &sequence);
        assert_int_equal(sequence.document, i);
        n += (size_t)snprintf(out + n, size - n, "%s%s", s ? " " : "",
                              sequence.is_subtracted ? "-" : "");
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            int32_t id = sequence.ids[t];
            char letter = id == FAKE_BOS ? '^' : id == FAKE_EOS ? '$' : (char)(id - 3);
            letter = letter == '\n' ? '/' : letter;
            n += (size_t)snprintf(out + n, size - n, sequence.mask[t] ? "[%c]" : "%c",
                                  letter);
        }
    }
}

static void check_sides(const char *row,
                        size_t context,
                        const char *want,
                        const char *chosen,
                        const char *rejected)
{
    attrib_corpus *corpus = open_margin(row, context);
    attrib_document document;
    char got[1024] = "";
    show(corpus, 0, got, sizeof got);
    assert_string_equal(got, want);
    attrib_corpus_document(corpus, 0, &document);
    assert_int_equal(document.rejected_byte, strlen(chosen));
    assert_int_equal(document.n_text_bytes, strlen(chosen) + strlen(rejected));
    assert_memory_equal(document.text, chosen, strlen(chosen));
    assert_string_equal(document.text + strlen(chosen), rejected);
    size_t n_predicted = 0;
    for (const char *c = want; *c; c++) {
        n_predicted += *c == '[';
    }
    assert_int_equal(attrib_corpus_summarize(corpus)->n_predicted, n_predicted);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_pairs, 1);
    attrib_corpus_close(corpus);
}

/* Prompts in every way in which such rows have them; conversations where they have none;
 * and what else in the row would be read if there were no two sides. */
static void test_preference__a_row_has_two_sides(void **state)
{
    (void)state;
#define SIDES "\"chosen\": \"c\", \"rejected\": \"de\""
    check_sides("{\"prompt\": \"ab\", " SIDES "}", 64, "^ab[c][$] -^ab[d][e][$]", "abc",
                "abde");
    check_sides("{\"question\": \"ab\", \"answer\": \"no\", \"text\": \"no\", " SIDES "}",
                64, "^ab[c][$] -^ab[d][e][$]", "abc", "abde");
    check_sides("{\"instruction\": \"a\", \"input\": \"b\", " SIDES "}", 64,
                "^a/b/[c][$] -^a/b/[d][e][$]", "a\nb\nc", "a\nb\nde");
    check_sides("{\"system\": \"s\", \"prompt\": \"a\", " SIDES "}", 64,
                "^s/a/[c][/][$] -^s/a/[d][e][/][$]", "s\na\nc\n", "s\na\nde\n");
#undef SIDES
#define SAYS(role, what) "{\"role\": \"" role "\", \"content\": \"" what "\"}"
#define SIDES                                                                            \
    "\"chosen\": [" SAYS("user", "a") ", " SAYS(                                         \
        "assistant", "c") "], \"rejected\": [" SAYS("user", "a") ", " SAYS("assistant",  \
                                                                           "de") "]"
    check_sides("{" SIDES "}", 64, "^a/[c][/][$] -^a/[d][e][/][$]", "a\nc\n", "a\nde\n");
    check_sides("{\"prompt\": \"a\", \"messages\": [" SAYS("user", "no") "], " SIDES "}",
                64, "^a/[c][/][$] -^a/[d][e][/][$]", "a\nc\n", "a\nde\n");
#undef SIDES
    check_sides("{\"prompt\": [" SAYS("user", "a") "], \"chosen\": [" SAYS(
                    "assistant", "c") "], \"rejected\": [" SAYS("assistant", "d") "]}",
                64, "^a/[c][/][$] -^a/[d][/][$]", "a\nc\n", "a\nd\n");
#undef SAYS
}

/* Texts without a prompt begin with it: up to the first character in which they differ,
 * but for a space before that. "\u00e9" and "\u00ea" have their first byte in common. */
static void test_preference__texts_begin_with_their_prompt(void **state)
{
    (void)state;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    char got[64];
    check_sides("{\"chosen\": \"ab c\", \"rejected\": \"ab de\"}", 64,
                "^ab[ ][c][$] -^ab[ ][d][e][$]", "ab c", "ab de");
    check_sides("{\"chosen\": \"ab\", \"rejected\": \"abc\"}", 64, "^ab[$] -^ab[c][$]",
                "ab", "abc");
    check_sides("{\"chosen\": \"b\", \"rejected\": \"c\"}", 64, "^[b][$] -^[c][$]", "b",
                "c");
    corpus = open_margin("{\"chosen\": \"a\\u00e9\", \"rejected\": \"a\\u00ea\"}", 64);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_predicted, 2 * 3);
    attrib_corpus_close(corpus);
    check_ok(open_rows("{\"chosen\": \"abc\", \"rejected\": \"ade\"}",
                       ATTRIB_PREFERENCE_CHOSEN, 64, &corpus, &err),
             &err);
    show(corpus, 0, got, sizeof got);
    assert_string_equal(got, "^a[b][c][$]");
    attrib_corpus_close(corpus);
}

/* Either side is cut for itself: no sequence holds tokens of both, and every token but
 * the first of a side is predicted once. */
static void test_preference__sides_are_cut_apart(void **state)
{
    (void)state;
    const char *row =
        "{\"prompt\": \"ab\", \"chosen\": \"cdefg\", \"rejected\": \"hijk\"}";
    check_sides(row, 4, "^ab[c] c[d][e][f] f[g][$] -^ab[h] -h[i][j][k] -k[$]", "abcdefg",
                "abhijk");
    check_sides(row, 5, "^ab[c][d] d[e][f][g][$] -^ab[h][i] -i[j][k][$]", "abcdefg",
                "abhijk");
    attrib_corpus *whole = open_margin(row, 9);
    attrib_corpus *split = open_margin(row, 8);
    assert_int_equal(attrib_corpus_summarize(whole)->n_split_documents, 0);
    assert_int_equal(attrib_corpus_summarize(split)->n_split_documents, 1);
    attrib_corpus_close(whole);
    attrib_corpus_close(split);
}

/* Offsets place a sequence in the tokens of both sides. */
static void test_preference__offsets_are_of_the_document(void **state)
{
    (void)state;
    attrib_corpus *corpus =
        open_margin("{\"text\": \"zz\"}\n"
                    "{\"prompt\": \"ab\", \"chosen\": \"cdefg\", \"rejected\": \"hi\"}\n"
                    "{\"text\": \"xyz\"}\n",
                    4);
    attrib_document document;
    attrib_sequence sequence;
    attrib_corpus_document(corpus, 1, &document);
    assert_int_equal(document.n_tokens, 9 + 6);
    assert_int_equal(document.rejected_token, 9);
    const size_t offsets[] = {0, 3, 6, 9, 12};
    assert_int_equal(document.n_sequences, 5);
    for (size_t s = 0; s < 5; s++) {
        attrib_corpus_sequence(corpus, document.first_sequence + s, &sequence);
        assert_int_equal(sequence.offset, offsets[s]);
        assert_int_equal(sequence.is_subtracted, s > 2);
    }
    for (size_t i = 0; i < 3; i += 2) {
        attrib_corpus_document(corpus, i, &document);
        assert_true(document.rejected_token == 0 && document.rejected_byte == 0);
        attrib_corpus_sequence(corpus, document.first_sequence, &sequence);
        assert_false(sequence.is_subtracted);
    }
    char got[64];
    show(corpus, 2, got, sizeof got);
    assert_string_equal(got, "^[x][y][z] z[$]");
    assert_int_equal(attrib_corpus_summarize(corpus)->n_pairs, 1);
    attrib_corpus_close(corpus);
}

/* The hash tells a pair from its sides in one text, and from the pair turned round. */
static void test_preference__is_part_of_the_hash(void **state)
{
    (void)state;

    static const struct {
        const char *row;
        attrib_preference preference;
    } corpora[] = {
        {"{\"id\": 1, \"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}",
         ATTRIB_PREFERENCE_MARGIN},
        {"{\"id\": 1, \"prompt\": \"a\", \"chosen\": \"c\", \"rejected\": \"b\"}",
         ATTRIB_PREFERENCE_MARGIN},
        {"{\"id\": 1, \"prompt\": \"a\", \"chosen\": \"b\", \"rejected\": \"c\"}",
         ATTRIB_PREFERENCE_CHOSEN},
        {"{\"id\": 1, \"ids\": [1, 100, 101, 2, 1, 100, 102, 2], "
         "\"mask\": [0, 0, 1, 1, 0, 0, 1, 1]}",
         ATTRIB_PREFERENCE_CHOSEN},
    };

    enum { N = sizeof corpora / sizeof *corpora };

    char hashes[N][40];
    for (size_t i = 0; i < N; i++) {
        attrib_corpus *corpus = NULL;
        attrib_error err = {0};
        check_ok(open_rows(corpora[i].row, corpora[i].preference, 64, &corpus, &err),
                 &err);
        snprintf(hashes[i], sizeof hashes[i], "%s", attrib_corpus_hash(corpus));
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(hashes[i], hashes[k]);
        }
        attrib_corpus_close(corpus);
    }
}

/* Without the option the chosen one is the document, as if the other were not there. */
static void test_preference__chosen_stands_alone(void **state)
{
    (void)state;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    attrib_document document;
    char got[64];
    check_ok(open_rows("{\"prompt\": \"ab\", \"chosen\": \"c\", \"rejected\": \"d\"}",
                       ATTRIB_PREFERENCE_CHOSEN, 64, &corpus, &err),
             &err);
    show(corpus, 0, got, sizeof got);
    assert_string_equal(got, "^ab[c][$]");
    attrib_corpus_document(corpus, 0, &document);
    assert_true(document.rejected_token == 0 && document.n_tags == 0);
    attrib_corpus_close(corpus);
}

static void check_refused(const char *rows, const char *message)
{
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    check_fails(open_rows(rows, ATTRIB_PREFERENCE_MARGIN, 64, &corpus, &err),
                ATTRIB_ESHAPE, &err);
    check_message(&err, message);
}

static void test_preference__refuses_what_is_no_pair(void **state)
{
    (void)state;
    check_refused("{\"prompt\": \"a\", \"chosen\": \"b\"}",
                  "rows.jsonl:1: field \"chosen\" without \"rejected\"");
    check_refused("{\"prompt\": \"a\", \"rejected\": \"b\", \"completion\": \"c\"}",
                  "rows.jsonl:1: field \"rejected\" without \"chosen\"");
    check_refused("{\"text\": \"abc\"}",
                  "preference margin, but no row has \"chosen\" and \"rejected\"");
    /* Turns of which none is the assistant's have no token that counts. */
    check_refused(
        "{\"chosen\": [{\"role\": \"assistant\", \"content\": \"a\"}],"
        " \"rejected\": [{\"role\": \"assistant\", \"content\": \"a\", \"weight\": 0}]}",
        "rows.jsonl:1: field \"rejected\": no token counts");
}

/* A query asks about the chosen completion, and needs no other. */
static void test_preference__a_query_is_not_signed(void **state)
{
    (void)state;
    char folder[128];
    char path[160];
    const char *row = "{\"prompt\": \"ab\", \"chosen\": \"c\"}";
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.preference = ATTRIB_PREFERENCE_MARGIN;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/rows.jsonl", folder);
    write_file(path, row, strlen(row));
    check_ok(attrib_queries_open(NULL, path, &both, &options, &queries, &err), &err);
    assert_string_equal(attrib_queries_get(queries, 0)->completion, "c");
    assert_int_equal(attrib_queries_get(queries, 0)->n_tokens, 4);
    attrib_queries_close(queries);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_preference__a_row_has_two_sides),
        cmocka_unit_test(test_preference__texts_begin_with_their_prompt),
        cmocka_unit_test(test_preference__sides_are_cut_apart),
        cmocka_unit_test(test_preference__offsets_are_of_the_document),
        cmocka_unit_test(test_preference__is_part_of_the_hash),
        cmocka_unit_test(test_preference__chosen_stands_alone),
        cmocka_unit_test(test_preference__refuses_what_is_no_pair),
        cmocka_unit_test(test_preference__a_query_is_not_signed),
    };
    return run_cases(tests, NULL, NULL);
}
