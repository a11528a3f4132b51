/* SPDX-License-Identifier: MIT */
/* Documents and queries of any fields, as a program may have them in memory, end in a
 * status, and a corpus or queries that were made of them keep their promises.
 *
 * The first byte says how rows are read. Then rows stand one after another: a byte of
 * flags for the fields that a row has, and each field as a byte of its length and its
 * bytes, in memory of just that size; integers are bytes with a sign. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "attrib/corpus.h"
#include "promise.h"
#include "support/fake_tokenizer.h"

#define MAX_ROWS   8
#define MAX_FIELDS (MAX_ROWS * 8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input that is left, and the memory that rows borrow. */
typedef struct input {
    const uint8_t *bytes;
    size_t n;
    void *fields[MAX_FIELDS];
    size_t n_fields;
} input;

static uint8_t take_byte(input *in)
{
    uint8_t byte = in->n ? *in->bytes : 0;
    in->bytes += in->n > 0;
    in->n -= in->n > 0;
    return byte;
}

static void *keep(input *in, size_t n)
{
    void *field = malloc(n ? n : 1);
    PROMISE(field && in->n_fields < MAX_FIELDS);
    in->fields[in->n_fields++] = field;
    return field;
}

static size_t take_length(input *in)
{
    size_t n = take_byte(in);
    return n < in->n ? n : in->n;
}

/* A field of n bytes, which ends in NUL where `is_string`. */
static char *take_text(input *in, bool is_string, size_t *n)
{
    *n = take_length(in);
    char *text = keep(in, *n + is_string);
    memcpy(text, in->bytes, *n);
    if (is_string) {
        text[*n] = '\0';
    }
    in->bytes += *n;
    in->n -= *n;
    return text;
}

/* Integers, as many as the row has tokens: a few are far outside any vocabulary. */
static int32_t *take_integers(input *in, size_t n)
{
    int32_t *out = keep(in, n * sizeof *out);
    for (size_t t = 0; t < n; t++) {
        int32_t value = (int8_t)take_byte(in);
        out[t] = value == 127 ? INT32_MAX : value == -128 ? INT32_MIN : value;
    }
    return out;
}

static uint8_t *take_mask(input *in, size_t n)
{
    uint8_t *out = keep(in, n);
    for (size_t t = 0; t < n; t++) {
        out[t] = take_byte(in);
    }
    return out;
}

static const attrib_tag *take_tag(input *in)
{
    attrib_tag *tag = keep(in, sizeof *tag);
    size_t n = 0;
    tag->key = take_text(in, true, &n);
    tag->value = take_text(in, true, &n);
    return tag;
}

static attrib_row take_row(input *in)
{
    uint8_t flags = take_byte(in);
    size_t n = 0;
    attrib_row row = {0};
    row.id = flags & 1 ? take_text(in, true, &n) : NULL;
    row.text = flags & 2 ? take_text(in, false, &row.n_text_bytes) : NULL;
    row.n_tokens = flags & 4 ? take_length(in) : 0;
    row.ids = flags & 4 ? take_integers(in, row.n_tokens) : NULL;
    row.mask = flags & 8 ? take_mask(in, row.n_tokens) : NULL;
    row.labels = flags & 16 ? take_integers(in, row.n_tokens) : NULL;
    row.n_tags = flags >> 5 & 1;
    row.tags = row.n_tags ? take_tag(in) : NULL;
    return row;
}

static attrib_query_row take_query(input *in)
{
    uint8_t flags = take_byte(in);
    size_t n = 0;
    attrib_query_row row = {0};
    row.id = flags & 1 ? take_text(in, true, &n) : NULL;
    row.prompt = flags & 2 ? take_text(in, true, &n) : NULL;
    row.completion = flags & 16 ? take_text(in, true, &n) : NULL;
    row.n_tokens = flags & 4 ? take_length(in) : 0;
    row.ids = flags & 4 ? take_integers(in, row.n_tokens) : NULL;
    row.mask = flags & 8 ? take_mask(in, row.n_tokens) : NULL;
    row.n_tags = flags >> 5 & 1;
    row.tags = row.n_tags ? take_tag(in) : NULL;
    return row;
}

static void check_corpus(const attrib_corpus *corpus, size_t n_rows)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    size_t n_predicted = 0;
    PROMISE(summary.n_documents > 0 && summary.n_documents <= n_rows);
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, i, &sequence);
        PROMISE(sequence.mask[0] == 0);
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            PROMISE(sequence.ids[t] >= 0 && sequence.ids[t] < 300);
            PROMISE(!sequence.mask[t] || !sequence.labels || sequence.labels[t] >= 0);
            n_predicted += sequence.mask[t];
        }
    }
    PROMISE(n_predicted == summary.n_predicted);
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        PROMISE(strcmp(document.source, "rows") == 0 && document.id[0]);
        PROMISE(document.line > 0 && document.line <= n_rows && document.span_end == 0);
        PROMISE(!document.text || strlen(document.text) == document.n_text_bytes);
    }
}

static void make_corpus(input *in, const attrib_corpus_options *options)
{
    const attrib_tokenizer tokenizer = {.has_bos = true, .has_eos = true};
    attrib_row rows[MAX_ROWS];
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    size_t n_rows = 0;
    while (in->n && n_rows < MAX_ROWS) {
        rows[n_rows++] = take_row(in);
    }
    attrib_status status =
        attrib_corpus_from_rows(NULL, &(attrib_rows)ATTRIB_LIST(rows, n_rows), &tokenizer,
                                options, &corpus, &err);
    PROMISE((status == ATTRIB_OK) == (corpus != NULL));
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    if (corpus) {
        check_corpus(corpus, n_rows);
    }
    attrib_corpus_close(corpus);
}

static void make_queries(input *in, const attrib_corpus_options *options)
{
    const attrib_tokenizer tokenizer = {.has_bos = true, .has_eos = true};
    attrib_query_row rows[MAX_ROWS];
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    size_t n_rows = 0;
    while (in->n && n_rows < MAX_ROWS) {
        rows[n_rows++] = take_query(in);
    }
    attrib_status status =
        attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, n_rows),
                                 &tokenizer, options, &queries, &err);
    PROMISE((status == ATTRIB_OK) == (queries != NULL));
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    PROMISE(!queries || attrib_queries_count(queries) == n_rows);
    for (size_t i = 0; queries && i < n_rows; i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        PROMISE(query->id[0] && query->n_tokens > 0 && query->mask[0] == 0);
        for (size_t t = 0; t < query->n_tokens; t++) {
            PROMISE(query->ids[t] >= 0 && query->ids[t] < 300 && query->mask[t] <= 1);
        }
    }
    attrib_queries_close(queries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const templates[] = {NULL, "zephyr", "alpaca"};
    input in = {.bytes = data, .n = size};
    uint8_t how = take_byte(&in);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 2 + (size_t)how / 64 * 20;
    options.n_vocabulary = 300;
    options.chat_template = templates[how / 4 % 3];
    options.on_bad_row = how & 2 ? ATTRIB_BAD_ROWS_SKIP : ATTRIB_BAD_ROWS_STOP;
    if (how & 1) {
        make_queries(&in, &options);
    } else {
        make_corpus(&in, &options);
    }
    for (size_t i = 0; i < in.n_fields; i++) {
        free(in.fields[i]);
    }
    return 0;
}
