/* SPDX-License-Identifier: MIT */
/* A corpus: its documents, their kinds and tags, counted without a model's tokenizer. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "corpus/store_file.h"
#include "export/inspect.h"

#define MAX_TAGS 64 /* keys that are told apart */

/* 1. Bytes as tokens
 *
 * Documents that are text become tokens as they are read. What they are is not asked
 * here, so the tokenizer is one of GPT-2's kind without a merge: every byte is a token.
 */

/* The character that stands for a byte in byte-level vocabularies. */
static uint32_t character_of(unsigned byte, unsigned *n_moved)
{
    bool is_kept =
        (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    return is_kept ? byte : 256 + (*n_moved)++;
}

static attrib_status print_vocabulary(at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned n_moved = 0;
    AT_TRY(at_buffer_print(out, err,
                           "{\"version\":\"1.0\",\"added_tokens\":[],"
                           "\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                           "\"add_prefix_space\":false},"
                           "\"decoder\":{\"type\":\"ByteLevel\"},"
                           "\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{"));
    for (unsigned byte = 0; byte < 256; byte++) {
        AT_TRY(at_buffer_print(out, err, "%s\"\\u%04x\":%u", byte ? "," : "",
                               character_of(byte, &n_moved), byte));
    }
    AT_TRY(at_buffer_print(out, err, "}}}"));
done:
    return status;
}

static attrib_status open_bytes_tokenizer(attrib_tokenizer **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = getenv("TMPDIR");
    at_buffer text = {0};
    at_buffer path = {0};
    bool is_made = false;
    AT_TRY(print_vocabulary(&text, err));
    AT_TRY(at_buffer_print(&path, err, "%s/attrib-inspect-XXXXXX",
                           folder && *folder ? folder : "/tmp"));
    {
        int descriptor = mkstemp(path.bytes);
        is_made = descriptor >= 0;
        AT_CHECK(is_made, ATTRIB_EIO, "%s: a scratch file cannot be made", path.bytes);
        bool is_written =
            write(descriptor, text.bytes, text.n_bytes) == (ssize_t)text.n_bytes;
        is_written = close(descriptor) == 0 && is_written;
        AT_CHECK(is_written, ATTRIB_EIO, "%s: writing failed", path.bytes);
    }
    AT_TRY(attrib_tokenizer_open(path.bytes, out, err));
done:
    if (is_made) {
        unlink(path.bytes);
    }
    at_buffer_free(&text);
    at_buffer_free(&path);
    return status;
}

/* 2. Counting */

typedef struct tag_count {
    const char *key, *example; /* borrowed from the corpus */
    size_t n;
} tag_count;

typedef struct census {
    size_t n_files, n_rows, n_token_rows; /* documents by how they stand in their file */
    size_t n_partial;                     /* with loss on a part only */
    size_t n_text_bytes, n_ids;
    tag_count tags[MAX_TAGS];
    size_t n_tags;
} census;

static void count_tag(census *self, const attrib_tag *tag)
{
    size_t i = 0;
    while (i < self->n_tags && strcmp(self->tags[i].key, tag->key) != 0) {
        i++;
    }
    if (i == MAX_TAGS) {
        return;
    }
    if (i == self->n_tags) {
        self->tags[self->n_tags++] = (tag_count){tag->key, tag->value, 0};
    }
    self->tags[i].n++;
}

/* Whether a token after the first has no loss, as prompts in instruction data. */
static bool is_partial(const attrib_corpus *corpus, const attrib_document *document)
{
    for (size_t i = 0; i < document->n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document->first_sequence + i, &sequence);
        for (size_t t = 1; t < sequence.n_tokens; t++) {
            if (!sequence.mask[t]) {
                return true;
            }
        }
    }
    return false;
}

static void count_document(census *self, const attrib_corpus *corpus, size_t i)
{
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    if (!document.text) {
        self->n_token_rows++;
        self->n_ids += document.n_tokens;
    } else if (document.line) {
        self->n_rows++;
    } else {
        self->n_files++;
    }
    self->n_text_bytes += document.text ? document.n_text_bytes : 0;
    self->n_partial += is_partial(corpus, &document);
    for (size_t t = 0; t < document.n_tags; t++) {
        count_tag(self, &document.tags[t]);
    }
}

/* 3. The report */

static attrib_status put_tags(const census *self, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *rows = NULL;
    AT_TRY(at_put_array(out, "tags", &rows, err));
    for (size_t i = 0; i < self->n_tags; i++) {
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_put_text(row, "key", self->tags[i].key, err));
        AT_TRY(at_put_size(row, "documents", self->tags[i].n, err));
        AT_TRY(at_put_text(row, "example", self->tags[i].example, err));
    }
done:
    return status;
}

static attrib_status put_census(const attrib_corpus *corpus,
                                const census *self,
                                json_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);

    const struct {
        const char *key;
        size_t value;
    } sizes[] = {{"documents", summary.n_documents},
                 {"whole_files", self->n_files},
                 {"rows_of_text", self->n_rows},
                 {"rows_of_tokens", self->n_token_rows},
                 {"with_loss_on_a_part", self->n_partial},
                 {"text_bytes", self->n_text_bytes},
                 {"tokens_in_rows", self->n_ids},
                 {"files", summary.n_files},
                 {"archive_members", summary.n_members},
                 {"skipped_files", summary.n_skipped_files},
                 {"repeated_files", summary.n_repeated_files},
                 {"files_about_the_data", summary.n_about_files},
                 {"empty_documents", summary.n_empty_documents}};

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        AT_TRY(at_put_size(out, sizes[i].key, sizes[i].value, err));
    }
    AT_TRY(put_tags(self, out, err));
done:
    return status;
}

/* A store says how it was made; the rest is that of any corpus. */
attrib_status at_inspect_store(const char *path, json_t *out, attrib_error *err)
{
    static const char *const texts[] = {"corpus_hash", "corpus_selection",
                                        "tokenizer_hash", "attrib"};
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    census *counts = NULL;
    bool is_current = false;
    at_record record = {0};
    AT_TRY(at_array(1, sizeof *counts, &counts, err));
    AT_TRY(at_token_store_map(NULL, path, 0, NULL, &corpus, &record, err));
    for (size_t i = 0; i < attrib_corpus_summarize(corpus)->n_documents; i++) {
        count_document(counts, corpus, i);
    }
    AT_TRY(put_census(corpus, counts, out, err));
    AT_TRY(at_put_size(out, "tokens", attrib_corpus_summarize(corpus)->n_tokens, err));
    AT_TRY(at_put_size(out, "context", corpus->context, err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = "";
        size_t n = 0;
        AT_TRY(at_record_text(path, &record.map, texts[i], &text, &n, err));
        if (n > 0) {
            AT_TRY(at_put_bytes(out, texts[i], text, n, err));
        }
    }
    AT_TRY(attrib_store_is_current(path, &is_current, err));
    AT_TRY(at_put_text(out, "sources", is_current ? "unchanged" : "changed or not there",
                       err));
done:
    free(counts);
    at_record_free(&record);
    attrib_corpus_close(corpus);
    return status;
}

attrib_status at_inspect_corpus(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    attrib_corpus *corpus = NULL;
    census *counts = NULL;
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.append_eos = false;
    AT_TRY(at_array(1, sizeof *counts, &counts, err));
    AT_TRY(open_bytes_tokenizer(&tokenizer, err));
    AT_TRY(attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, tokenizer, &options,
                              &corpus, err));
    for (size_t i = 0; i < attrib_corpus_summarize(corpus)->n_documents; i++) {
        count_document(counts, corpus, i);
    }
    AT_TRY(put_census(corpus, counts, out, err));
done:
    free(counts);
    attrib_corpus_close(corpus);
    attrib_tokenizer_close(tokenizer);
    return status;
}
