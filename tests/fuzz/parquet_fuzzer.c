/* SPDX-License-Identifier: MIT */
/* Any bytes are refused, or are rows of JSON. The first byte says how many rows are read,
 * and whether binary leaves are; the rest is the file. */
#include <stdint.h>
#include <stdlib.h>

#include "format/json.h"
#include "format/parquet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define PROMISE(condition)                                                               \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            abort();                                                                     \
        }                                                                                \
    } while (0)

static bool reads(void *context, const char *path, bool is_binary)
{
    PROMISE(path);
    return *(const bool *)context || !is_binary;
}

/* A row is JSON, but for what Python has and JSON does not: NaN and keys that stand
 * twice. */
static void check_row(const char *text, size_t n)
{
    attrib_error err = {0};
    json_t *row = NULL;
    attrib_status status = at_json_parse("row", text, n, &row, &err);
    PROMISE((status == ATTRIB_OK) == (row != NULL));
    PROMISE(!row || json_is_object(row));
    json_decref(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    at_parquet *file = NULL;
    const at_column *table = NULL;
    attrib_error err = {0};
    at_buffer row = {0};
    if (size == 0) {
        return 0;
    }
    bool takes_binary = data[0] & 1;
    size_t n_rows = data[0] / 2 * (size_t)4;
    const at_column_filter filter = {.context = &takes_binary, .reads = reads};
    attrib_status status = at_parquet_open("f", data + 1, size - 1, &filter, &file, &err);
    PROMISE((status == ATTRIB_OK) == (file != NULL));
    for (size_t i = 0; status == ATTRIB_OK && i <= n_rows; i++) {
        status = at_parquet_next(file, &table, &err);
        if (status == ATTRIB_OK) {
            at_buffer_clear(&row);
            attrib_status written = at_columns_append_row("f:1", table, 0, &row, &err);
            PROMISE((written == ATTRIB_OK) == (err.message[0] == '\0'));
            if (written == ATTRIB_OK) {
                check_row(row.bytes, row.n_bytes);
            }
            err = (attrib_error){0};
        }
    }
    PROMISE((status == ATTRIB_OK || status == ATTRIB_END) == (err.message[0] == '\0'));
    at_buffer_free(&row);
    at_parquet_close(file);
    return 0;
}
