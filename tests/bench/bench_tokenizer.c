/* SPDX-License-Identifier: MIT */
/* How fast text becomes ids on one core.
 *
 *     bench_tokenizer [--small] [TOKENIZER TEXT [ROUNDS]]
 *
 * TOKENIZER is a tokenizer.json or a folder that holds one, TEXT a file of UTF-8. The
 * text is encoded as one document, as documents of about 2,000 bytes, and as one document
 * again with its spaces taken out, so that words are long. Rows are the best of the
 * rounds, in MB/s of the process's own time (other processes do not count), with the
 * residual: bytes by which the joined pieces differ from the text in length. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attrib/tokenizer.h"
#include "base/file.h"
#include "bench/arguments.h"
#include "bench/timing.h"
#include "tokenizer/tokenizer_internal.h"

#define DOCUMENT 2000

/* Encode a text in documents of about `size` bytes; ids and pieces' bytes are summed. */
static void encode(const attrib_tokenizer *tokenizer,
                   const char *text,
                   size_t n,
                   size_t size,
                   size_t *n_ids,
                   size_t *n_pieces)
{
    attrib_error err = {0};
    for (size_t start = 0, end = 0; start < n; start = end) {
        int32_t *ids = NULL;
        size_t count = 0;
        end = n - start <= size ? n : start + size;
        while (end < n && text[end] != '\n' && text[end] != ' ') {
            end++;
        }
        MUST(attrib_tokenizer_encode(tokenizer, (attrib_text){text + start, end - start},
                                     false, &ids, &count, &err));
        for (size_t i = 0; n_pieces && i < count; i++) {
            size_t n_piece = 0;
            attrib_tokenizer_piece(tokenizer, ids[i], &n_piece);
            *n_pieces += n_piece;
        }
        *n_ids += count;
        free(ids);
    }
}

static void report(const char *what,
                   const attrib_tokenizer *tokenizer,
                   const at_buffer *text,
                   size_t size,
                   size_t n_rounds)
{
    double best = 1e30;
    size_t n_ids = 0;
    size_t n_pieces = 0;
    for (size_t i = 0; i < n_rounds; i++) {
        size_t ignored = 0;
        double start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
        encode(tokenizer, text->bytes, text->n_bytes, size, &ignored, NULL);
        double time = bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
        best = time < best ? time : best;
    }
    encode(tokenizer, text->bytes, text->n_bytes, size, &n_ids, &n_pieces);
    printf("%-22s %10zu bytes %9zu ids  %8.2f MB/s  residual %zd\n", what, text->n_bytes,
           n_ids, best > 0 ? (double)text->n_bytes / best / 1e6 : 0.0,
           (ssize_t)(n_pieces - text->n_bytes));
}

static const char small_json[] =
    "{\"model\":{\"type\":\"BPE\",\"unk_token\":\"?\",\"vocab\":{\"?\":0,\"a\":1,\"b\":2,"
    "\"ab\":3,\"\xC4\xA0\":4},\"merges\":[\"a b\"]},\"pre_tokenizer\":{\"type\":"
    "\"ByteLevel\",\"add_prefix_space\":false},\"decoder\":{\"type\":\"ByteLevel\"}}";

static void make_small(attrib_tokenizer **tokenizer, at_buffer *text)
{
    attrib_error err = {0};
    MUST(at_tokenizer_parse("small", small_json, sizeof small_json - 1, tokenizer, &err));
    for (size_t i = 0; i < 1000; i++) {
        MUST(at_buffer_append(text, "abba aab ab", 11, &err));
    }
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_tokenizer *tokenizer = NULL;
    at_buffer text = {0};
    at_buffer dense = {0};
    bench_arguments arguments = bench_arguments_read(
        argc, argv, 3, "bench_tokenizer [--small | TOKENIZER TEXT [ROUNDS]]");
    size_t n_rounds = bench_number(&arguments, 2, 5);
    double start = bench_seconds(CLOCK_PROCESS_CPUTIME_ID);
    if (arguments.n == 1 || (arguments.is_small && arguments.n > 0)) {
        bench_refuse(&arguments);
    }
    if (arguments.n > 0) {
        MUST(attrib_tokenizer_open(arguments.values[0], &tokenizer, &err));
        printf("%-22s %.1f ms\n", "opened in",
               1e3 * (bench_seconds(CLOCK_PROCESS_CPUTIME_ID) - start));
        MUST(at_read_file(arguments.values[1], SIZE_MAX - 1, &text, &err));
    } else {
        make_small(&tokenizer, &text);
    }
    for (size_t i = 0; i < text.n_bytes; i++) {
        if (text.bytes[i] != ' ' && text.bytes[i] != '\n') {
            MUST(at_buffer_append(&dense, text.bytes + i, 1, &err));
        }
    }
    report("one document", tokenizer, &text, text.n_bytes, n_rounds);
    report("documents of 2,000", tokenizer, &text, DOCUMENT, n_rounds);
    report("one, without spaces", tokenizer, &dense, dense.n_bytes, n_rounds);
    at_buffer_free(&text);
    at_buffer_free(&dense);
    attrib_tokenizer_close(tokenizer);
    return 0;
}
