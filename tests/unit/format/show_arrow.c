/* SPDX-License-Identifier: MIT */
/* The rows of Arrow files as JSON lines, for comparing with pyarrow: show_arrow FILE...
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "format/arrow.h"

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
    m->bytes += n;
    m->n -= n;
}

static attrib_status show_rows(const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    at_arrow *arrow = NULL;
    const at_column *table = NULL;
    at_buffer row = {0};
    memory m = {0};
    AT_TRY(at_map_open(path, &map, err));
    m = (memory){map.bytes, map.n_bytes};
    AT_TRY(at_arrow_open((at_arrow_source){&m, show, drop}, path, NULL, &arrow, err));
    while ((status = at_arrow_next(arrow, &table, err)) == ATTRIB_OK) {
        for (size_t i = 0; i < table->n; i++) {
            at_buffer_clear(&row);
            AT_TRY(at_columns_append_row(path, table, i, &row, err));
            printf("%s\n", row.bytes);
        }
    }
    status = status == ATTRIB_END ? ATTRIB_OK : status;
done:
    at_arrow_close(arrow);
    at_buffer_free(&row);
    at_map_close(&map);
    return status;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        attrib_error err = {0};
        printf("# %s\n", argv[i]);
        if (show_rows(argv[i], &err) != ATTRIB_OK) {
            printf("! %s\n", err.message);
        }
    }
    return 0;
}
