/* SPDX-License-Identifier: MIT */
/* Real corpora that others made, with counts computed by other means (Python's json,
 * gzip and tarfile, and zstd). The tokenizer knows bytes only, so tokens are bytes. */
#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

/* BOS and EOS; no corpus here is so long that it would be cut. */
static const attrib_tokenizer both = {true, true, false};
static const size_t CONTEXT = (size_t)1 << 21;

static attrib_status open_asset(const char *name,
                                const char *text_field,
                                attrib_corpus **out,
                                attrib_error *err)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = CONTEXT;
    options.text_field = text_field;
    char path[512];
    snprintf(path, sizeof path, "%s", asset_path(name));
    const char *paths = path;
    return attrib_corpus_open(NULL, &(attrib_paths){&paths, 1}, &both, &options, out,
                              err);
}

typedef struct expectation {
    const char *name, *text_field;
    size_t n_documents;
    size_t n_bytes;      /* of all texts */
    size_t n_loss_bytes; /* of these, with loss */
} expectation;

/* Every corpus holds as many documents and bytes as it is known to, all with their text.
 * A pair of the fake tokenizer counts once, so it is counted in the texts. */
static void check_asset(const expectation *want)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    size_t n_bytes = 0;
    size_t n_pairs = 0;
    check_ok(open_asset(want->name, want->text_field, &corpus, &err), &err);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        n_bytes += document.n_text_bytes;
        for (size_t j = 0; j + 1 < document.n_text_bytes; j++) {
            n_pairs += document.text[j] == ':' && document.text[j + 1] == ' ';
        }
    }
    if (summary.n_documents != want->n_documents || n_bytes != want->n_bytes) {
        fail_msg("%s: %zu documents of %zu bytes", want->name, summary.n_documents,
                 n_bytes);
    }
    /* BOS and EOS of each, and its bytes but for the second of each pair. */
    assert_int_equal(summary.n_tokens, n_bytes - n_pairs + 2 * summary.n_documents);
    if (want->n_loss_bytes == n_bytes) {
        assert_int_equal(summary.n_predicted, summary.n_tokens - summary.n_documents);
    } else {
        /* Loss on the responses' bytes and the EOS, less the pairs inside of them. */
        size_t most = want->n_loss_bytes + summary.n_documents;
        assert_in_range(summary.n_predicted, most - n_pairs, most);
    }
    attrib_corpus_close(corpus);
}

static void test_assets__hold_what_they_hold(void **state)
{
    (void)state;
    need_assets();
    static const expectation all[] = {
        {"corpora/rasbt_instruction-data.json", NULL, 1100, 114112, 53387},
        {"corpora/fastchat_dummy_conversation.json", NULL, 500, 82773, 65173},
        {"corpora/self_instruct_seed_tasks.jsonl", NULL, 175, 84411, 44003},
        {"corpora/gsm8k_test.jsonl", "question", 1319, 316552, 316552},
        {"corpora/gsm8k_test.jsonl", "answer", 1319, 386628, 386628},
        {"corpora/HumanEval.jsonl.gz", "prompt", 164, 73980, 73980},
        {"corpora/wordnet30_instances.jsonl.gz", NULL, 7730, 919402, 919402},
        {"corpora/wikitext2_valid.txt.zst", NULL, 1, 1121681, 1121681},
        {"corpora/devil.dict.dz", NULL, 1, 383656, 383656},
        {"corpora/bergson_names_templates.tar.gz", NULL, 9, 774064, 774064},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        check_asset(&all[i]);
    }
}

static void test_assets__are_refused_by_name(void **state)
{
    (void)state;
    need_assets();

    static const struct {
        const char *name, *text_field;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"corpora/HumanEval.jsonl.gz", NULL, ATTRIB_ESHAPE,
         "HumanEval.jsonl.gz:1: no field \"text\", nor those of another kind of row; "
         "found \"task_id\", \"prompt\", \"entry_point\", \"canonical_solution\", "
         "\"test\""},
        {"corpora/pararel_trex_6rel.tar.gz", NULL, ATTRIB_ESHAPE,
         "pararel_trex_6rel.tar.gz:trex/P103.jsonl:1: no field \"text\""},
        {"corpora/pararel_trex_6rel.tar.gz", "sub_label", ATTRIB_ESHAPE,
         "trex/P103_patterns.jsonl:1: no field \"sub_label\""},
        {"corpora/elements.dict.dz", NULL, ATTRIB_ENOTSUP, "byte 45198: not UTF-8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        attrib_error err = {0};
        attrib_corpus *corpus = NULL;
        check_fails(open_asset(cases[i].name, cases[i].text_field, &corpus, &err),
                    cases[i].status, &err);
        check_message(&err, cases[i].message);
    }
}

static void test_assets__keep_ids_and_tags(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_document document;
    check_ok(open_asset("corpora/wordnet30_instances.jsonl.gz", NULL, &corpus, &err),
             &err);
    attrib_corpus_document(corpus, 7729, &document);
    assert_string_equal(document.id, "wn30-n15300051");
    assert_int_equal(document.line, 7730);
    assert_string_equal(document.tags[0].key, "lex");
    attrib_corpus_close(corpus);
    check_ok(open_asset("corpora/bergson_names_templates.tar.gz", NULL, &corpus, &err),
             &err);
    attrib_corpus_document(corpus, 3, &document);
    assert_string_equal(document.member, "names/town.txt");
    assert_int_equal(document.n_text_bytes, 5400);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_members, 9);
    attrib_corpus_close(corpus);
}

/* Rows that are tokens, with drawn labels, need no tokenizer. */
static void test_assets__tokens_of_kronfluence(void **state)
{
    (void)state;
    need_assets();
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.n_vocabulary = 512;
    char path[512];
    snprintf(path, sizeof path, "%s", asset_path("kronfluence/documents.jsonl"));
    const char *paths = path;
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){&paths, 1}, NULL, &options, &corpus,
                                &err),
             &err);
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    assert_int_equal(summary.n_documents, 40);
    assert_int_equal(summary.n_tokens, 2583);
    assert_int_equal(summary.n_predicted, 2543);
    attrib_sequence sequence;
    attrib_corpus_sequence(corpus, 39, &sequence);
    assert_int_equal(sequence.ids[sequence.n_tokens - 1], 426);
    assert_int_equal(sequence.labels[sequence.n_tokens - 1], 263);
    assert_int_equal(sequence.labels[0], -1);
    attrib_document document;
    attrib_corpus_document(corpus, 39, &document);
    assert_string_equal(document.id, "39");
    assert_null(document.text);
    attrib_corpus_close(corpus);
    options.n_vocabulary = 400;
    check_fails(attrib_corpus_open(NULL, &(attrib_paths){&paths, 1}, NULL, &options,
                                   &corpus, &err),
                ATTRIB_ERANGE, &err);
}

static void test_assets__queries_of_kronfluence(void **state)
{
    (void)state;
    need_assets();
    static const size_t n_tokens[] = {40, 25, 24, 28, 24};
    static const size_t n_masked[] = {20, 13, 12, 14, 12};
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    char path[512];
    snprintf(path, sizeof path, "%s", asset_path("kronfluence/queries.jsonl"));
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &queries, &err), &err);
    assert_int_equal(attrib_queries_count(queries), 5);
    for (size_t i = 0; i < 5; i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        size_t n = 0;
        for (size_t t = 0; t < query->n_tokens; t++) {
            n += query->mask[t];
        }
        assert_int_equal(query->n_tokens, n_tokens[i]);
        assert_int_equal(n, n_masked[i]);
    }
    attrib_queries_close(queries);
}

/* A text of stories is a document for each, by one option: those of this file begin as
 * the expression says (Python's re counts 223). */
static void test_assets__stories_are_documents(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    attrib_document document;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.unit = "regex:\\n(?=Once upon|One day)";
    const char *path = asset_path("corpora/tinystories_sample.txt");
    check_ok(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, &options, &corpus,
                                &err),
             &err);
    assert_int_equal(attrib_corpus_summarize(corpus)->n_documents, 223);
    for (size_t i = 1; i < 223; i++) {
        attrib_corpus_document(corpus, i, &document);
        assert_memory_equal(document.text, "On", 2);
    }
    attrib_corpus_close(corpus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_assets__stories_are_documents),
        cmocka_unit_test(test_assets__hold_what_they_hold),
        cmocka_unit_test(test_assets__are_refused_by_name),
        cmocka_unit_test(test_assets__keep_ids_and_tags),
        cmocka_unit_test(test_assets__tokens_of_kronfluence),
        cmocka_unit_test(test_assets__queries_of_kronfluence),
    };
    return run_cases(tests, NULL, NULL);
}
