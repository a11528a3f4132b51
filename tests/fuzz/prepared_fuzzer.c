/* SPDX-License-Identifier: MIT */
/* The preparation of a run: a sealed msgpack of the input's bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/prepared.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Go through all that was read. */
static size_t use(const at_preparation *preparation)
{
    size_t n = preparation->run->n_parts;
    for (size_t i = 0; i < preparation->n_rows; i++) {
        const at_prepared_row *row = &preparation->rows[i];
        n += strlen(row->hash) + strlen(row->text);
        for (size_t t = 0; t < row->n_ids; t++) {
            n += row->ids[t] == 0;
        }
    }
    for (size_t q = 0; q < preparation->run->info.n_queries; q++) {
        n += strlen(preparation->queries[q].hash);
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_preparation preparation = {0};
    msgpack_sbuffer bytes;
    char path[256];
    msgpack_sbuffer_init(&bytes);
    msgpack_sbuffer_write(&bytes, (const char *)data, size);
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), AT_RUN_PREPARED);
    if (at_record_write(path, &bytes, NULL) != ATTRIB_OK) {
        abort();
    }
    msgpack_sbuffer_destroy(&bytes);
    if (at_preparation_read(scratch_folder(), &preparation, &err) == ATTRIB_OK) {
        if (use(&preparation) == SIZE_MAX) {
            abort();
        }
        at_preparation_free(&preparation);
    } else if (!err.message[0] || preparation.run) {
        abort();
    }
    return 0;
}
