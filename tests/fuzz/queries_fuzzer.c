/* SPDX-License-Identifier: MIT */
/* A file of queries of any bytes ends in a status. The first byte picks the name and the
 * chat template. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "promise.h"
#include "support/fake_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_query(attrib_queries *queries, size_t i, size_t context)
{
    const attrib_query *query = attrib_queries_get(queries, i);
    const int32_t written[2] = {'o', 'k'};
    attrib_error err = {0};
    PROMISE(query->id && query->n_tokens > 0 && query->n_tokens <= context);
    PROMISE(query->mask[0] == 0 && !query->is_generated);
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
        PROMISE(query->is_generated && query->ids[query->n_tokens - 1] == 'k');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const endings[] = {".jsonl", ".json", ".jsonl.gz", ""};
    static const char *const templates[] = {NULL, "zephyr", "alpaca", "llama2", "qwen3"};
    const attrib_tokenizer tokenizer = {.has_bos = true, .has_eos = true};
    char path[128];
    if (size == 0) {
        return 0;
    }
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/attrib-queries-fuzz-%ld%s", folder, (long)getpid(),
             endings[data[0] % (sizeof endings / sizeof *endings)]);
    FILE *stream = fopen(path, "wb");
    PROMISE(stream);
    PROMISE(fwrite(data + 1, 1, size - 1, stream) == size - 1);
    PROMISE(fclose(stream) == 0);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 64;
    options.chat_template = templates[data[0] / 4 % 5];
    options.n_vocabulary = FAKE_PAIR + 1;
    attrib_queries *queries = NULL;
    attrib_error err = {0};
    attrib_status status =
        attrib_queries_open(path, &tokenizer, &options, &queries, &err);
    unlink(path);
    PROMISE((status == ATTRIB_OK) == (queries != NULL));
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    for (size_t i = 0; queries && i < attrib_queries_count(queries); i++) {
        check_query(queries, i, options.context);
    }
    attrib_queries_close(queries);
    return 0;
}
