/* SPDX-License-Identifier: MIT */
/* A file of tokens of any bytes, with or without an index of any bytes, ends in a status,
 * and documents that it gives lie in it. The first byte says how it is read; with its
 * lowest bit the next two are the bytes of the index, which follows. */
#include <stdlib.h>
#include <string.h>

#include "corpus/token_file.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was put. */
typedef struct seen {
    size_t n_documents, n_ids, n_bytes;
    size_t n_vocabulary;
    size_t width;
} seen;

static attrib_status put(void *context, const at_passage *passage, attrib_error *err)
{
    seen *s = context;
    (void)err;
    s->n_documents++;
    PROMISE(passage->is_ids && passage->line == s->n_documents);
    PROMISE(passage->n_span == passage->n_bytes / 4 * s->width);
    for (size_t i = 0; i < passage->n_bytes; i += 4) {
        int32_t id = 0;
        memcpy(&id, passage->bytes + i, sizeof id);
        PROMISE(id >= 0);
        PROMISE(s->n_vocabulary == 0 || (size_t)id < s->n_vocabulary);
    }
    s->n_ids += passage->n_bytes / 4;
    /* An index may name the same tokens again and again. */
    return s->n_ids > 1000000 ? ATTRIB_END : ATTRIB_OK;
}

static attrib_status put_bad(void *context,
                             const at_passage *passage,
                             const attrib_error *why,
                             attrib_error *err)
{
    seen *s = context;
    (void)err;
    PROMISE(why->status != ATTRIB_OK);
    s->n_documents++;
    s->n_ids += passage->n_bytes / 4;
    return s->n_ids > 1000000 ? ATTRIB_END : ATTRIB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    if (size < 3) {
        return 0;
    }
    unsigned how = data[0];
    size_t n_index = how & 1 ? (size_t)data[1] << 8 | data[2] : 0;
    n_index = at_smaller(n_index, size - 3);
    at_token_file file = {
        .name = "fuzz",
        .index = {.bytes = data + 3, .n_bytes = n_index},
        .data = {.bytes = data + 3 + n_index, .n_bytes = size - 3 - n_index}};
    const at_token_rules rules = {.dtype = (attrib_token_dtype)(how >> 1 & 3),
                                  .end = how & 8 ? 2 : -1,
                                  .n_vocabulary = how & 16 ? 300 : 0,
                                  .n_row = how & 32 ? 3 : 0,
                                  .n_usual_row = 5};
    attrib_status status = at_token_file_read(&file, &rules, &err);
    if (status == ATTRIB_OK) {
        seen s = {.n_vocabulary = rules.n_vocabulary, .width = file.width};
        size_t n = 0;
        PROMISE(file.start <= file.data.n_bytes);
        PROMISE(file.n_ids <= (file.data.n_bytes - file.start) / file.width);
        status = at_token_file_documents(
            &file, &rules, (at_sink){.context = &s, .put = put, .put_bad = put_bad}, &n,
            &err);
        PROMISE(status != ATTRIB_OK || n == s.n_documents);
        PROMISE(status != ATTRIB_OK || at_token_file_cut(&file, &rules) == AT_CUT_INDEX ||
                s.n_ids == file.n_ids);
    }
    PROMISE(status == ATTRIB_OK || status == ATTRIB_END || err.message[0] != '\0');
    return 0;
}
