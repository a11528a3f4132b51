/* SPDX-License-Identifier: MIT */
/* A file of any bytes under any name ends in a status, and a corpus that opens keeps its
 * promises. The first byte picks the name, the chat template and how rows and texts are
 * read; the rest is the file, whose size says which preference rows are read with. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attrib/corpus.h"
#include "promise.h"
#include "support/fake_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t check_document(const attrib_corpus *corpus, size_t i)
{
    attrib_document document;
    size_t n_predicted = 0;
    size_t n_tokens = 0;
    attrib_corpus_document(corpus, i, &document);
    PROMISE(document.id && document.source);
    PROMISE(document.n_sequences > 0 && document.span_start <= document.span_end);
    PROMISE(!document.text || document.text[document.n_text_bytes] == '\0');
    for (size_t j = 0; j < document.n_tags; j++) {
        PROMISE(strlen(document.tags[j].value) > 0 && document.tags[j].key);
    }
    for (size_t k = 0; k < document.n_sequences; k++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document.first_sequence + k, &sequence);
        PROMISE(sequence.document == i && sequence.mask[0] == 0);
        bool is_front = k == 0 || sequence.offset == document.rejected_token;
        PROMISE(sequence.offset + !is_front == n_tokens);
        PROMISE(sequence.is_subtracted == (document.rejected_token > 0 &&
                                           sequence.offset >= document.rejected_token));
        n_tokens = sequence.offset + sequence.n_tokens;
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            PROMISE(sequence.ids[t] >= 0 && sequence.ids[t] <= FAKE_PAIR);
            PROMISE(!sequence.mask[t] || !sequence.labels || sequence.labels[t] >= 0);
            n_predicted += sequence.mask[t];
        }
    }
    PROMISE(n_tokens == document.n_tokens && n_predicted > 0);
    PROMISE(document.rejected_byte <= document.n_text_bytes);
    return n_predicted;
}

/* How rows and texts are read, with the ending that shows it. */
static const struct variant {
    const char *ending, *unit, *prompt, *completion, *tags;
    attrib_bad_rows bad_rows;
} variants[] = {
    {NULL, NULL, NULL, NULL, NULL, ATTRIB_BAD_ROWS_STOP},
    {NULL, "tokens:3", NULL, NULL, NULL, ATTRIB_BAD_ROWS_SKIP},
    {".txt", "line", NULL, NULL, NULL, ATTRIB_BAD_ROWS_STOP},
    {".csv", "paragraph", NULL, NULL, NULL, ATTRIB_BAD_ROWS_SKIP},
    {"", "regex:b+|(?=c)", NULL, NULL, NULL, ATTRIB_BAD_ROWS_STOP},
    {".jsonl", NULL, "/a/0", "b.c", "d,/a/1,b.e", ATTRIB_BAD_ROWS_SKIP},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const endings[] = {"",     ".txt", ".jsonl",   ".json",   ".tar",
                                          ".zip", ".7z",  ".json.gz", ".unknown"};
    static const char *const templates[] = {NULL, "zephyr", "alpaca", "llama2", "qwen3"};
    const attrib_tokenizer tokenizer = {.has_bos = true, .has_eos = true};
    char path[128];
    if (size == 0) {
        return 0;
    }
    const struct variant *how = &variants[data[0] / 45];
    const char *ending = endings[data[0] % (sizeof endings / sizeof *endings)];
    const char *folder = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/attrib-corpus-fuzz-%ld%s", folder, (long)getpid(),
             how->ending ? how->ending : ending);
    FILE *stream = fopen(path, "wb");
    PROMISE(stream);
    PROMISE(fwrite(data + 1, 1, size - 1, stream) == size - 1);
    PROMISE(fclose(stream) == 0);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 16;
    options.chat_template = templates[data[0] / 9 % 5];
    options.n_vocabulary = FAKE_PAIR + 1;
    options.unit = how->unit;
    options.prompt_field = how->prompt;
    options.completion_field = how->completion;
    options.tag_fields = how->tags;
    options.on_bad_row = how->bad_rows;
    options.preference =
        size % 2 && how->prompt ? ATTRIB_PREFERENCE_MARGIN : ATTRIB_PREFERENCE_CHOSEN;
    options.scratch_folder = folder;
    attrib_corpus *corpus = NULL;
    attrib_error err = {0};
    const char *paths = path;
    attrib_status status = attrib_corpus_open(NULL, &(attrib_paths){&paths, 1},
                                              &tokenizer, &options, &corpus, &err);
    unlink(path);
    PROMISE((status == ATTRIB_OK) == (corpus != NULL));
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    if (corpus) {
        attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
        size_t n_predicted = 0;
        for (size_t i = 0; i < summary.n_documents; i++) {
            n_predicted += check_document(corpus, i);
        }
        PROMISE(n_predicted == summary.n_predicted);
    }
    attrib_corpus_close(corpus);
    return 0;
}
