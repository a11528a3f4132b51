/* SPDX-License-Identifier: MIT */
/* Arrow data of any bytes end in a status; rows that they give are JSON, but for rows
 * that are too long to be written here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/arrow.h"

/* Some columns of the same name are read and some are left out. */
static bool reads(void *context, const char *path, bool is_binary)
{
    size_t *n_asked = context;
    (void)path;
    return !is_binary && ++*n_asked % 3 != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_ROWS 1000 /* that are written */

typedef struct memory {
    const uint8_t *bytes;
    size_t n;
} memory;

static attrib_status show(
    void *context, size_t n, const uint8_t **bytes, size_t *n_there, attrib_error *err)
{
    const memory *m = context;
    (void)err;
    *bytes = m->bytes;
    *n_there = at_smaller(n, m->n);
    return ATTRIB_OK;
}

static void drop(void *context, size_t n)
{
    memory *m = context;
    if (n > m->n) {
        abort();
    }
    m->bytes += n;
    m->n -= n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    memory m = {data, size};
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    at_buffer row = {0};
    attrib_error err = {0};
    size_t n_rows = 0;
    size_t n_asked = 0;
    const at_column_filter filter = {.context = &n_asked, .reads = reads};
    attrib_status status = at_arrow_open((at_arrow_source){&m, show, drop}, "fuzz",
                                         size % 2 ? &filter : NULL, &arrow, &err);
    while (status == ATTRIB_OK) {
        status = at_arrow_next(arrow, &table, &err);
        for (size_t i = 0; status == ATTRIB_OK && i < table->n && n_rows < MAX_ROWS;
             i++, n_rows++) {
            attrib_error why = {0};
            at_buffer_clear(&row);
            attrib_status written = at_columns_append_row("fuzz", table, i, &row, &why);
            if (written != ATTRIB_OK && why.message[0] == '\0') {
                abort();
            }
        }
    }
    if ((status == ATTRIB_END) != (err.message[0] == '\0')) {
        abort();
    }
    at_buffer_free(&row);
    at_arrow_close(arrow);
    return 0;
}
