/* SPDX-License-Identifier: MIT */
/* The logbook of a folder that a job fills, and what runs of its documents make of
 * shards. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/logbook.h"
#include "run/run.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Go through all that was read. */
static size_t use(const attrib_state *state)
{
    size_t n = strlen(state->command) + strlen(state->directory) + strlen(state->host) +
               strlen(state->error) + strlen(state->folder);
    n += isnan(state->seconds_left) || state->overall > 1 || state->begun > 1;
    for (size_t i = 0; i < state->n_stages; i++) {
        n += strlen(state->stages[i].stage) + strlen(state->stages[i].unit);
        n += state->stages[i].done > state->stages[i].total;
    }
    for (size_t i = 0; i < state->n_ranges; i++) {
        if (state->ranges[i].first > state->ranges[i].end ||
            state->ranges[i].end > state->ranges[i].total) {
            abort();
        }
    }
    return n;
}

/* Every range that may be a shard is found again among the shards it is of. A corpus is
 * kept small, as the number of its shards is tried from 1 on. */
static void count(const attrib_state *state)
{
    attrib_state_shards shards = {0};
    attrib_error err = {0};
    size_t n_in = 0;
    if (state->n_ranges == 0 || state->ranges[0].total > 1000000) {
        return;
    }
    if (attrib_state_count_shards(state->ranges, state->n_ranges, &shards, &err) !=
        ATTRIB_OK) {
        abort();
    }
    for (size_t i = 0; i < shards.n; i++) {
        n_in += shards.is_in[i];
    }
    if (shards.n > 0 && n_in != 1) {
        abort();
    }
    free(shards.is_in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_state *state = NULL;
    scratch_write(AT_LOGBOOK, data, size);
    if (attrib_state_read(scratch_folder(), &state, &err) == ATTRIB_OK) {
        if (state->kind == ATTRIB_STATE_MISSING || state->kind == ATTRIB_STATE_DONE ||
            use(state) == SIZE_MAX) {
            abort();
        }
        count(state);
        attrib_state_free(state);
    } else if (!err.message[0] || state) {
        abort();
    }
    return 0;
}
