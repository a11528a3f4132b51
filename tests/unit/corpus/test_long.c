/* SPDX-License-Identifier: MIT */
/* Texts of 16 MiB and more, whose ids go to the store as they come; and the limit on what
 * reading takes. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"
#include "support/fake_tokenizer.h"

#define N_BYTES  (((size_t)16 << 20) + 3)
#define N_PROMPT 500

static const attrib_tokenizer both = {true, true, false};
static char folder[256];
static char path[512];
static char *text;   /* [N_BYTES] */
static int32_t *ids; /* [n_ids] of all of it */
static size_t n_ids;

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/long", folder);
    text = malloc(N_BYTES + 1);
    assert_non_null(text);
    for (size_t i = 0; i < N_BYTES; i++) {
        text[i] = (char)('a' + i % 23);
    }
    text[N_BYTES] = '\0';
    check_ok(attrib_tokenizer_encode(&both, (attrib_text){text, N_BYTES}, true, &ids,
                                     &n_ids, NULL),
             NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    free(text);
    free(ids);
    return 0;
}

static attrib_status open_long(const attrib_corpus_options *options,
                               attrib_corpus **out,
                               attrib_error *err)
{
    const char *const paths[] = {path};
    return attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, &both, options, out, err);
}

static void write_row(void)
{
    const char *const head = "{\"id\": \"x\", \"n\": 7, \"text\": \"";
    const size_t n = strlen(head);
    char *row = malloc(n + N_BYTES + 4);
    assert_non_null(row);
    memcpy(row, head, n);
    memcpy(row + n, text, N_BYTES);
    memcpy(row + n + N_BYTES, "\"}\n", 4);
    write_file(path, row, n + N_BYTES + 3);
    free(row);
}

/* The id of token t of the text, whose end is EOS. */
static int32_t id_at(size_t t)
{
    return t < n_ids ? ids[t] : FAKE_EOS;
}

/* A document has the tokens [first, first + n) of the text, of which all but its first
 * count. */
static void check_tokens(const attrib_corpus *corpus,
                         const attrib_document *document,
                         size_t first)
{
    for (size_t i = 0; i < document->n_sequences; i++) {
        attrib_sequence s;
        attrib_corpus_sequence(corpus, document->first_sequence + i, &s);
        for (size_t t = 0; t < s.n_tokens; t++) {
            if (s.ids[t] != id_at(first + s.offset + t) || s.mask[t] != (t > 0)) {
                fail_msg("token %zu: %d, %d", first + s.offset + t, (int)s.ids[t],
                         (int)s.mask[t]);
            }
        }
    }
}

/* As a file and as a row a text has all of its tokens and its bytes. */
static void test_long__texts_are_whole(void **state)
{
    (void)state;
    for (size_t is_row = 0; is_row < 2; is_row++) {
        attrib_error err = {0};
        attrib_corpus *corpus = NULL;
        attrib_document document;
        is_row ? write_row() : write_file(path, text, N_BYTES);
        check_ok(open_long(NULL, &corpus, &err), &err);
        assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 1);
        attrib_corpus_document(corpus, 0, &document);
        assert_int_equal(document.n_tokens, n_ids + 1);
        assert_int_equal(document.n_tags, is_row);
        assert_string_equal(document.id, is_row ? "x" : path);
        assert_int_equal(document.n_text_bytes, N_BYTES);
        assert_memory_equal(document.text, text, N_BYTES);
        check_tokens(corpus, &document, 0);
        attrib_corpus_close(corpus);
    }
}

/* In parts of so many tokens every token and every byte stands in one. */
static void test_long__texts_are_cut(void **state)
{
    (void)state;
    const size_t n = 100000;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    size_t end = 0;
    attrib_corpus_options_default(&options);
    options.unit = "tokens:100000";
    write_file(path, text, N_BYTES);
    check_ok(open_long(&options, &corpus, &err), &err);
    const size_t n_documents = attrib_corpus_summarize(corpus)->n_documents;
    assert_int_equal(n_documents, (n_ids + 1 + n - 1) / n);
    for (size_t i = 0; i < n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        check_tokens(corpus, &document, i * n);
        assert_int_equal(document.span_start, end);
        end = document.span_end;
        assert_memory_equal(document.text, text + document.span_start,
                            end - document.span_start);
    }
    assert_int_equal(end, N_BYTES);
    attrib_corpus_close(corpus);
    options.max_documents = 3;
    check_ok(open_long(&options, &corpus, &err), &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 3);
    attrib_corpus_close(corpus);
}

/* A row whose ids the vocabulary does not have is left out as a short one is. */
static void test_long__bad_rows_are_left_out(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.n_vocabulary = 'w'; /* the largest byte of the text */
    write_row();
    check_fails(open_long(&options, &corpus, &err), ATTRIB_ERANGE, &err);
    check_message(&err, "long:1: token ");
    err = (attrib_error){0};
    options.on_bad_row = ATTRIB_BAD_ROWS_SKIP;
    check_fails(open_long(&options, &corpus, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "1 row skipped");
}

/* A prompt of the first bytes and its completion, or the same as messages. */
static void write_pair(bool are_messages)
{
    at_buffer row = {0};
    attrib_error err = {0};
    check_ok(at_buffer_print(&row, &err, "{\"id\": \"x\", \"n\": 7, %s%.*s%s%s%s}\n",
                             are_messages ? "\"messages\": [{\"role\": \"user\", "
                                            "\"content\": \""
                                          : "\"prompt\": \"",
                             N_PROMPT, text,
                             are_messages
                                 ? "\"}, {\"role\": \"assistant\", \"content\": \""
                                 : "\", \"completion\": \"",
                             text + N_PROMPT, are_messages ? "\"}]" : "\""),
             &err);
    write_file(path, row.bytes, row.n_bytes);
    at_buffer_free(&row);
}

/* Long prompts with their completions, and long conversations, keep their ids and tags,
 * and count what is said: the row is let go of before they are encoded. */
static void test_long__pairs_and_conversations_are_whole(void **state)
{
    (void)state;
    for (size_t are_messages = 0; are_messages < 2; are_messages++) {
        attrib_error err = {0};
        attrib_corpus *corpus = NULL;
        attrib_document document;
        attrib_sequence sequence;
        write_pair(are_messages);
        check_ok(open_long(NULL, &corpus, &err), &err);
        attrib_corpus_document(corpus, 0, &document);
        assert_string_equal(document.id, "x");
        assert_int_equal(document.n_tags, 1);
        assert_string_equal(document.tags[0].key, "n");
        assert_string_equal(document.tags[0].value, "7");
        assert_int_equal(document.n_text_bytes, N_BYTES + 2 * are_messages);
        assert_memory_equal(document.text, text, N_PROMPT);
        assert_memory_equal(document.text + N_PROMPT + are_messages, text + N_PROMPT,
                            N_BYTES - N_PROMPT);
        attrib_corpus_sequence(corpus, document.first_sequence, &sequence);
        for (size_t t = 0; t < sequence.n_tokens; t++) { /* the first one is BOS */
            assert_int_equal(sequence.mask[t], t > N_PROMPT + are_messages);
        }
        attrib_corpus_close(corpus);
    }
}

/* What is not known before, the ids of a long text, is held to the limit too. */
static void test_long__ids_are_held_to_the_limit(void **state)
{
    (void)state;
    const at_rules rules = {.tokenizer = &both, .limit = {.bytes = 0x1p20}};
    at_segment whole = {N_BYTES, true};
    at_segments segments = {&whole, 1, 1};
    attrib_error err = {0};
    at_draft draft = {0};
    at_draft_borrow(&draft, text, N_BYTES);
    check_fails(at_draft_encode(&rules, "f:1", &segments, &draft, &err), ATTRIB_ENOMEM,
                &err);
    check_message(&err, "f:1: a text of 16777219 bytes does not fit a limit of 1 MiB");
    assert_null(draft.ids);
    whole.end = draft.text.n_bytes = 1000; /* short ones are not asked about */
    err = (attrib_error){0};
    check_ok(at_draft_encode(&rules, "f:1", &segments, &draft, &err), &err);
    at_draft_free(&draft);
}

/* What the limit does not hold is refused by its place before it is read whole. */
static void test_long__keeps_the_limit(void **state)
{
    (void)state;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    for (size_t is_row = 0; is_row < 2; is_row++) {
        attrib_error err = {0};
        attrib_corpus *corpus = NULL;
        is_row ? write_row() : write_file(path, text, N_BYTES);
        options.ram_limit = (size_t)4 << 20; /* less than the program itself */
        check_fails(open_long(&options, &corpus, &err), ATTRIB_ERANGE, &err);
        check_message(&err, "long:1: a document of more than ");
        check_message(&err, "does not fit a limit of 4 MiB of memory: reading it takes ");
        err = (attrib_error){0};
        options.ram_limit = (size_t)1 << 33;
        check_ok(open_long(&options, &corpus, &err), &err);
        attrib_corpus_close(corpus);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_long__texts_are_whole),
        cmocka_unit_test(test_long__texts_are_cut),
        cmocka_unit_test(test_long__bad_rows_are_left_out),
        cmocka_unit_test(test_long__pairs_and_conversations_are_whole),
        cmocka_unit_test(test_long__ids_are_held_to_the_limit),
        cmocka_unit_test(test_long__keeps_the_limit),
    };
    return run_cases(tests, set_up, tear_down);
}
