/* SPDX-License-Identifier: MIT */
/* A file of queries of any bytes ends in a status. The first byte picks the name and the
 * chat template. Bytes that begin as a NumPy file are the direction that a row names. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "promise.h"
#include "support/fake_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_direction(const attrib_query *query)
{
    const attrib_direction *direction = query->direction;
    double sum = 0;
    PROMISE((query->measure == ATTRIB_MEASURE_DIRECTION) == (direction != NULL));
    for (size_t i = 0; direction && i < direction->n_values; i++) {
        PROMISE(isfinite(direction->values[i]));
        sum += fabs((double)direction->values[i]);
    }
    for (size_t t = 0; direction && t < query->n_tokens; t++) {
        PROMISE(direction->positions[t] <= 1);
    }
    PROMISE(!direction || sum > 0);
}

static void check_query(attrib_queries *queries, size_t i, size_t context)
{
    const attrib_query *query = attrib_queries_get(queries, i);
    const int32_t written[2] = {'o', 'k'};
    attrib_error err = {0};
    size_t n_side = attrib_query_side(query);
    PROMISE(query->id && n_side > 0 && n_side <= context);
    PROMISE(query->n_tokens - n_side <= context);
    PROMISE((query->measure == ATTRIB_MEASURE_MARGIN) == (query->against_token > 0));
    PROMISE(query->mask[0] == 0 && !query->is_generated);
    check_direction(query);
    for (size_t t = 0; t < query->n_tokens; t++) {
        PROMISE(query->ids[t] >= 0 && query->ids[t] <= FAKE_PAIR && query->mask[t] <= 1);
    }
    for (size_t j = 0; j < query->n_tags; j++) {
        PROMISE(strlen(query->tags[j].value) > 0 && query->tags[j].key);
    }
    if (attrib_queries_set_completion(
            queries, i,
            &(attrib_completion){.size = sizeof(attrib_completion),
                                 .ids = written,
                                 .n_ids = 2,
                                 .text = "ok"},
            &err) == ATTRIB_OK) {
        query = attrib_queries_get(queries, i);
        PROMISE(query->is_generated && query->ids[attrib_query_side(query) - 1] == 'k');
        check_direction(query);
    }
}

static void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *stream = fopen(path, "wb");
    PROMISE(stream);
    PROMISE(fwrite(bytes, 1, n, stream) == n);
    PROMISE(fclose(stream) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const endings[] = {".jsonl", ".json", ".jsonl.gz", ""};
    static const char *const templates[] = {NULL, "zephyr", "alpaca", "llama2", "qwen3"};
    const attrib_tokenizer tokenizer = {.has_bos = true, .has_eos = true};
    char path[128];
    char vector[160];
    char row[256];
    bool is_vector = size > 1 && data[1] == 0x93;
    if (size == 0) {
        return 0;
    }
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/attrib-queries-fuzz-%ld%s", folder, (long)getpid(),
             endings[data[0] % (sizeof endings / sizeof *endings)]);
    snprintf(vector, sizeof vector, "%s.npy", path);
    if (is_vector) {
        snprintf(row, sizeof row,
                 "{\"prompt\": \"ab\", \"direction\": \"%s\", \"layer\": 1}", vector);
        write_bytes(vector, data + 1, size - 1);
        write_bytes(path, row, strlen(row));
    } else {
        write_bytes(path, data + 1, size - 1);
    }
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 64;
    options.chat_template = templates[data[0] / 4 % 5];
    options.n_vocabulary = FAKE_PAIR + 1;
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    attrib_status status =
        attrib_queries_open(NULL, path, &tokenizer, &options, &queries, &err);
    unlink(path);
    unlink(vector);
    PROMISE((status == ATTRIB_OK) == (queries != NULL));
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    for (size_t i = 0; queries && i < attrib_queries_count(queries); i++) {
        check_query(queries, i, options.context);
    }
    attrib_queries_close(queries);
    return 0;
}
