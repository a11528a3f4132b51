/* SPDX-License-Identifier: MIT */
/* A file of a crawler of any bytes ends in a status, and the rows that it gives are JSON
 * with a text; one of other content, which goes before a name, gives what it holds. The
 * first byte says how many bytes come at a time. */
#include <string.h>

#include "corpus/reader.h"
#include "corpus/warc.h"
#include "format/json.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct memory {
    const uint8_t *bytes;
    size_t n, step, n_whole, n_lines;
    bool is_crawl;
} memory;

static attrib_status read_memory(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    memory *m = context;
    (void)err;
    *n = at_smaller(at_smaller(m->step, capacity), m->n);
    memcpy(buffer, m->bytes, *n);
    m->bytes += *n;
    m->n -= *n;
    return ATTRIB_OK;
}

static void check_place(memory *m, const at_passage *passage)
{
    PROMISE(passage->line > m->n_lines ||
            !m->is_crawl); /* rows of an array share lines */
    m->n_lines = passage->line;
    PROMISE(passage->start < m->n_whole);
}

static attrib_status put(void *context, const at_passage *passage, attrib_error *err)
{
    json_t *row = NULL;
    memory *m = context;
    check_place(m, passage);
    PROMISE(passage->start + passage->n_span <= m->n_whole);
    if (!m->is_crawl) {
        return ATTRIB_OK;
    }
    PROMISE(at_json_parse("row", passage->bytes, passage->n_bytes, &row, err) ==
            ATTRIB_OK);
    PROMISE(json_is_string(json_object_get(row, "text")));
    json_decref(row);
    return ATTRIB_OK;
}

static attrib_status put_bad(void *context,
                             const at_passage *passage,
                             const attrib_error *why,
                             attrib_error *err)
{
    (void)err;
    check_place(context, passage);
    PROMISE(why->status != ATTRIB_OK && why->message[0]);
    return ATTRIB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    size_t binary = 0;
    if (size < 1) {
        return 0;
    }
    memory m = {.bytes = data + 1,
                .n = size - 1,
                .step = data[0] ? data[0] : 65536,
                .n_whole = size - 1,
                .is_crawl = at_warc_is((const char *)data + 1, size - 1)};
    attrib_status status = at_read_documents(
        (at_bytes){&m, read_memory}, AT_KIND_WARC, "fuzz", NULL,
        (at_sink){.context = &m, .put = put, .put_bad = put_bad}, &binary, &err);
    PROMISE((status == ATTRIB_OK) == (err.message[0] == '\0'));
    return 0;
}
