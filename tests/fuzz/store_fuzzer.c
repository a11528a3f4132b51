/* SPDX-License-Identifier: MIT */
/* A token store of four documents in which numbers of its arrays are replaced, and which
 * is sealed again; or, where the first byte is 255, a file of the bytes that follow it.
 * Each patch is 12 bytes: the array, the place in it (2 bytes, big endian), how many
 * bytes are replaced, and these. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/store_file.h"
#include "scratch.h"
#include "support/fake_tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PATCH_BYTES 12
#define WHOLE_FILE  255

static const attrib_tokenizer tokenizer = {true, true, false};

static attrib_corpus_options options_of_sample(void)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 6;
    options.n_vocabulary = 512;
    return options;
}

static attrib_corpus *make_sample(void)
{
    static const attrib_tag tags[] = {{"k", "1"}, {"kind", "\"a\""}};
    static const int32_t ids[] = {1, 5, 6, 7};
    static const uint8_t mask[] = {0, 1, 0, 1};
    static const int32_t labels[] = {-1, 4, -1, 5};
    const attrib_row list[] = {
        {.text = "a text of two sequences",
         .n_text_bytes = 23,
         .tags = tags,
         .n_tags = 2},
        {.id = "b", .ids = ids, .mask = mask, .labels = labels, .n_tokens = 4},
        {.text = "short", .n_text_bytes = 5},
        {.ids = ids, .n_tokens = 4, .tags = tags, .n_tags = 1}};
    const attrib_rows rows = ATTRIB_LIST(list, 4);
    const attrib_corpus_options options = options_of_sample();
    attrib_corpus *corpus = NULL;
    if (attrib_corpus_from_rows(NULL, &rows, &tokenizer, &options, &corpus, NULL) !=
        ATTRIB_OK) {
        abort();
    }
    return corpus;
}

/* Copies of the arrays, each of its own size, so that sanitizers see their ends. */
static void copy_arrays(const attrib_corpus *from, attrib_corpus *to)
{
    *to = *from;
    for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
        size_t n = from->spills[i].n_bytes;
        char *bytes = malloc(n + 1);
        if (!bytes) {
            abort();
        }
        memcpy(bytes, n ? from->spills[i].mapping : "", n);
        to->spills[i] = at_spill_lend(bytes, n);
    }
    /* Tags point into the strings that they are written with. */
    attrib_tag *tags = to->spills[AT_STORE_TAGS].mapping;
    const char *old = from->spills[AT_STORE_STRINGS].mapping;
    const char *strings = to->spills[AT_STORE_STRINGS].mapping;
    for (size_t i = 0; i < from->n_tags; i++) {
        tags[i].key = strings + (tags[i].key - old);
        tags[i].value = strings + (tags[i].value - old);
    }
}

static void patch(attrib_corpus *corpus, const uint8_t *data, size_t size)
{
    for (; size >= PATCH_BYTES; data += PATCH_BYTES, size -= PATCH_BYTES) {
        at_spill *spill = &corpus->spills[data[0] % AT_STORE_N_SPILLS];
        size_t n = (size_t)data[3] % 8 + 1;
        if (spill->n_bytes < n) {
            continue;
        }
        size_t at = ((size_t)data[1] << 8 | data[2]) % (spill->n_bytes - n + 1);
        memcpy((char *)spill->mapping + at, data + 4, n);
    }
}

static size_t touch(const char *text)
{
    return text ? strlen(text) : 0;
}

/* Read all that a corpus hands out. */
static void read_corpus(const attrib_corpus *corpus)
{
    volatile size_t sum = 0;
    const attrib_corpus_summary *summary = attrib_corpus_summarize(corpus);
    for (size_t i = 0; i < summary->n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        sum += touch(document.id) + touch(document.source) + touch(document.member);
        for (size_t k = 0; k < document.n_tags; k++) {
            sum += touch(document.tags[k].key) + touch(document.tags[k].value);
        }
        for (size_t k = 0; document.text && k < document.n_text_bytes; k++) {
            sum += (unsigned char)document.text[k];
        }
    }
    for (size_t i = 0; i < summary->n_sequences; i++) {
        attrib_sequence sequence;
        attrib_document owner;
        attrib_corpus_sequence(corpus, i, &sequence);
        attrib_corpus_document(corpus, sequence.document, &owner);
        if (i < owner.first_sequence || i - owner.first_sequence >= owner.n_sequences) {
            abort(); /* its scores would go to another document */
        }
        for (size_t t = 0; t < sequence.n_tokens; t++) {
            if (sequence.ids[t] < 0 || sequence.ids[t] >= 512) {
                abort(); /* the model would read outside its embeddings */
            }
            if (sequence.mask[t] > (t > 0)) {
                abort(); /* the first token is not predicted, and others are or are not */
            }
            sum += sequence.mask[t] + (sequence.labels ? (size_t)sequence.labels[t] : 0);
        }
    }
    (void)sum;
}

static void open_store(const char *path, bool is_narrowed)
{
    attrib_corpus *corpus = NULL;
    attrib_corpus_options options = options_of_sample();
    options.context = is_narrowed ? 4 : 6;
    options.deduplicate = is_narrowed;
    if (attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &tokenizer, &options, &corpus,
                           NULL) == ATTRIB_OK) {
        read_corpus(corpus);
    }
    attrib_corpus_close(corpus);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[512];
    snprintf(path, sizeof path, "%s/sample.store", scratch_folder());
    if (size > 0 && data[0] == WHOLE_FILE) {
        scratch_write("sample.store", data + 1, size - 1);
    } else {
        const attrib_corpus_options options = options_of_sample();
        const at_sources sources = {0};
        at_token_store_origin origin = {
            .paths = &(attrib_paths){0}, .options = &options, .sources = &sources};
        attrib_corpus *sound = make_sample();
        attrib_corpus patched;
        attrib_tokenizer_hash(&tokenizer, origin.tokenizer);
        copy_arrays(sound, &patched);
        patch(&patched, data, size);
        at_output output = {0};
        if (at_output_open(path, &output, NULL) != ATTRIB_OK ||
            at_token_store_write(&patched, &origin, &output, NULL) != ATTRIB_OK) {
            abort();
        }
        at_output_discard(&output);
        for (size_t i = 0; i < AT_STORE_N_SPILLS; i++) {
            free(patched.spills[i].mapping);
        }
        attrib_corpus_close(sound);
    }
    open_store(path, false);
    open_store(path, true);
    return 0;
}
