/* SPDX-License-Identifier: MIT */
/* Documents and queries with real tokenizers: their ids and masks as the training of the
 * default model had them (PyTorch, transformers), and as Kronfluence's fixture has them.
 */
#include "support/check.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "base/file.h"
#include "format/json.h"

static json_t *read_expected(void)
{
    json_t *expected = NULL;
    attrib_error err = {0};
    check_ok(at_json_read(source_path("corpora/facts-model/expected.json"), 1 << 24,
                          &expected, &err),
             &err);
    return expected;
}

static attrib_tokenizer *open_tokenizer(const char *path)
{
    attrib_tokenizer *tokenizer = NULL;
    attrib_error err = {0};
    check_ok(attrib_tokenizer_open(path, &tokenizer, &err), &err);
    return tokenizer;
}

static void check_ids(const char *id,
                      const int32_t *ids,
                      const uint8_t *mask,
                      size_t n,
                      const json_t *want_ids,
                      size_t n_free)
{
    if (json_array_size(want_ids) != n) {
        fail_msg("%s: %zu ids, expected %zu", id, n, json_array_size(want_ids));
    }
    for (size_t t = 0; t < n; t++) {
        if (json_integer_value(json_array_get(want_ids, t)) != ids[t] ||
            mask[t] != (t >= n_free)) {
            fail_msg("%s: token %zu: id %d, mask %d", id, t, (int)ids[t], (int)mask[t]);
        }
    }
}

static const json_t *find_row(const json_t *rows, const char *id)
{
    for (size_t i = 0; i < json_array_size(rows); i++) {
        const json_t *row = json_array_get(rows, i);
        if (strcmp(json_string_value(json_object_get(row, "id")), id) == 0) {
            return row;
        }
    }
    return NULL;
}

/* Statements and instructions become the ids, and have the loss, that the default model
 * was trained on. */
static void test_tokens__documents_are_those_of_training(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = open_tokenizer(source_path("corpora/facts-model"));
    json_t *expected = read_expected();
    const json_t *rows = json_object_get(expected, "documents");
    char paths[2][1024];
    snprintf(paths[0], sizeof paths[0], "%s",
             source_path("corpora/facts/statements.jsonl"));
    snprintf(paths[1], sizeof paths[1], "%s",
             source_path("corpora/facts/instructions.jsonl"));
    const char *const both[] = {paths[0], paths[1]};
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    size_t n_found = 0;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){both, 2}, tokenizer, NULL, &corpus,
                                &err),
             &err);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_true(summary.n_documents >= 2000);
    assert_int_equal(summary.n_empty_documents, 0);
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_sequence sequence;
        attrib_corpus_document(corpus, i, &document);
        const json_t *want = find_row(rows, document.id);
        if (want) {
            attrib_corpus_sequence(corpus, document.first_sequence, &sequence);
            check_ids(document.id, sequence.ids, sequence.mask, sequence.n_tokens,
                      json_object_get(want, "ids"),
                      (size_t)json_integer_value(json_object_get(want, "n_free")));
            n_found++;
        }
    }
    assert_true(n_found > 0);
    assert_int_equal(n_found, json_array_size(rows));
    attrib_corpus_close(corpus);
    json_decref(expected);
    attrib_tokenizer_close(tokenizer);
}

static void test_tokens__queries_are_those_of_training(void **state)
{
    (void)state;
    attrib_tokenizer *tokenizer = open_tokenizer(source_path("corpora/facts-model"));
    json_t *expected = read_expected();
    const json_t *rows = json_object_get(expected, "queries");
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    size_t n_found = 0;
    check_ok(attrib_queries_open(NULL, source_path("corpora/facts/queries.jsonl"),
                                 tokenizer, NULL, &queries, &err),
             &err);
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        const json_t *want = find_row(rows, query->id);
        if (want) {
            check_ids(query->id, query->ids, query->mask, query->n_tokens,
                      json_object_get(want, "ids"),
                      (size_t)json_integer_value(json_object_get(want, "n_prompt")));
            n_found++;
        }
    }
    assert_true(n_found > 0);
    assert_int_equal(n_found, json_array_size(rows));
    attrib_queries_close(queries);
    json_decref(expected);
    attrib_tokenizer_close(tokenizer);
}

/* Stories as rows of text. */
static void write_stories(const char *path)
{
    at_buffer text = {0};
    at_buffer rows = {0};
    attrib_error err = {0};
    check_ok(
        at_read_file(asset_path("corpora/tinystories_sample.txt"), 1 << 20, &text, &err),
        &err);
    for (char *line = strtok(text.bytes, "\n"); line; line = strtok(NULL, "\n")) {
        check_ok(at_buffer_print(&rows, &err, "{\"text\": "), &err);
        check_ok(at_json_append_text(&rows, line, strlen(line), &err), &err);
        check_ok(at_buffer_print(&rows, &err, "}\n"), &err);
    }
    write_file(path, rows.bytes, rows.n_bytes);
    at_buffer_free(&text);
    at_buffer_free(&rows);
}

static bool begins_with(const attrib_corpus *corpus,
                        size_t i,
                        const attrib_sequence *want)
{
    attrib_sequence got;
    attrib_corpus_sequence(corpus, i, &got);
    return got.n_tokens >= want->n_tokens &&
           memcmp(got.ids, want->ids, want->n_tokens * sizeof *want->ids) == 0;
}

/* Each document of Kronfluence's fixture begins a paragraph of the stories it came from,
 * as stories260K's tokenizer (byte fallback, with a BOS) cuts it. */
static void test_tokens__stories_are_those_of_kronfluence(void **state)
{
    (void)state;
    need_assets();
    char folder[256];
    char path[512];
    char fixture[1024];
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/stories.jsonl", folder);
    snprintf(fixture, sizeof fixture, "%s", asset_path("kronfluence/documents.jsonl"));
    write_stories(path);
    attrib_tokenizer *tokenizer = open_tokenizer(asset_path("models/stories260K/hf"));
    attrib_corpus_options options;
    attrib_corpus *stories = NULL;
    attrib_corpus *want = NULL;
    attrib_error err = {0};
    attrib_corpus_options_default(&options);
    options.append_eos = false;
    const char *paths[] = {path, fixture};
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, tokenizer, &options,
                                &stories, &err),
             &err);
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){paths + 1, 1}, NULL, &options,
                                &want, &err),
             &err);
    size_t n_stories = attrib_corpus_summarize(stories)->n_documents;
    for (size_t i = 0; i < attrib_corpus_summarize(want)->n_documents; i++) {
        attrib_sequence sequence;
        size_t j = 0;
        attrib_corpus_sequence(want, i, &sequence);
        while (j < n_stories && !begins_with(stories, j, &sequence)) {
            j++;
        }
        if (j == n_stories) {
            fail_msg("no story begins with the ids of document %zu", i);
        }
    }
    attrib_corpus_close(stories);
    attrib_corpus_close(want);
    attrib_tokenizer_close(tokenizer);
    remove_folder(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens__documents_are_those_of_training),
        cmocka_unit_test(test_tokens__queries_are_those_of_training),
        cmocka_unit_test(test_tokens__stories_are_those_of_kronfluence),
    };
    return run_cases(tests, NULL, NULL);
}
