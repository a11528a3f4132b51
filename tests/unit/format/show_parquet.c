/* SPDX-License-Identifier: MIT */
/* show_parquet FILE...: the rows of Parquet files as lines of JSON, for
 * scripts/compare-parquet. A file that is not read is one line {"error": ...}. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"
#include "format/parquet.h"

static attrib_status show_rows(const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    at_parquet *file = NULL;
    const at_column *table = NULL;
    at_buffer row = {0};
    AT_TRY(at_map_open(path, &map, err));
    AT_TRY(at_parquet_open(path, map.bytes, map.n_bytes, NULL, &file, err));
    while ((status = at_parquet_next(file, &table, err)) == ATTRIB_OK) {
        at_buffer_clear(&row);
        AT_TRY(at_columns_append_row(path, table, 0, &row, err));
        puts(row.bytes);
    }
done:
    at_parquet_close(file);
    at_buffer_free(&row);
    at_map_close(&map);
    return status;
}

int main(int n, char **paths)
{
    for (int i = 1; i < n; i++) {
        attrib_error err = {0};
        at_buffer text = {0};
        if (show_rows(paths[i], &err) != ATTRIB_END) {
            (void)at_json_append_text(&text, err.message, strlen(err.message), NULL);
            printf("{\"error\": %s}\n", text.bytes);
        }
        at_buffer_free(&text);
        puts("");
    }
    return 0;
}
