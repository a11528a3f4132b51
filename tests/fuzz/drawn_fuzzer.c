/* SPDX-License-Identifier: MIT */
/* What a run keeps of the documents that were drawn to measure a filter: a sealed msgpack
 * of the input's bytes, of a run that is given. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/drawn.h"
#include "scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All documents must be the run's, and no more be missed than were drawn. */
static void check(const attrib_run *run, const at_drawn *all)
{
    for (size_t a = 0; a < run->info.n_answers; a++) {
        const at_top *top = &all[a].candidates;
        size_t n_top = 0;
        size_t n_bottom = 0;
        at_drawn_count(&all[a], &n_top, &n_bottom);
        if (top->n_best > top->k || top->n_worst > top->k ||
            all[a].n > run->info.n_sampled || n_top > all[a].n || n_bottom > all[a].n) {
            abort();
        }
        for (size_t i = 0; i < all[a].n; i++) {
            if (all[a].missed[i].document >= run->info.n_documents) {
                abort();
            }
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    attrib_run run = {.identity = "fuzz"};
    at_drawn *all = NULL;
    msgpack_sbuffer bytes;
    char path[256];
    run.info.folder = scratch_folder();
    run.info.n_documents = 600;
    run.info.n_sampled = 4;
    run.info.n_candidates = 9;
    run.info.n_answers = 2;
    run.options.top = 3;
    msgpack_sbuffer_init(&bytes);
    msgpack_sbuffer_write(&bytes, (const char *)data, size);
    snprintf(path, sizeof path, "%s/%s", scratch_folder(), AT_RUN_DRAWN);
    if (at_record_write(path, &bytes, NULL) != ATTRIB_OK) {
        abort();
    }
    msgpack_sbuffer_destroy(&bytes);
    if (at_drawn_read(&run, &all, &err) == ATTRIB_OK) {
        check(&run, all);
        at_drawn_free_all(all, run.info.n_answers);
    } else if (!err.message[0] || all) {
        abort();
    }
    return 0;
}
