/* SPDX-License-Identifier: MIT */
/* Checkpoints: the running sums of a pass with the number of their blocks, map by map. A
 * map is written by the worker that has just added to it, so that what is written is the
 * sum of whole blocks, and no worker waits for another map's file. */
#include <stdlib.h>

#include "curvature/fit.h"

/* Where the sums of map i are kept, with the number of blocks that are in them. */
static at_sums_place place_of(const at_fit_keeper *self, size_t i, size_t n_done)
{
    return (at_sums_place){self->stage, self->first + i, n_done, self->n_blocks};
}

static attrib_status write_map(at_fit_keeper *self,
                               size_t i,
                               bool is_synced,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_sums_place place = place_of(self, i, self->resume.done[i]);
    if (place.n_done != self->n_kept[i]) {
        AT_TRY(self->model ? at_pass_check_model(self->model, err) : ATTRIB_OK);
        AT_TRY(at_store_put_sums(self->store, &place, &self->maps->sums[2 * i], is_synced,
                                 err));
        self->n_kept[i] = place.n_done;
    }
    self->kept_at[i] = at_now();
done:
    return status;
}

static attrib_status write_when_due(void *context, size_t i_tracked, attrib_error *err)
{
    at_fit_keeper *self = context;
    bool is_due =
        self->seconds > 0 && at_now() - self->kept_at[i_tracked] >= self->seconds;
    return is_due ? write_map(self, i_tracked, true, err) : ATTRIB_OK;
}

/* A file that is torn, or belongs to something else, only costs the time in which its map
 * is summed again. */
static attrib_status read_map(at_fit_keeper *self, size_t i, attrib_error *err)
{
    attrib_error inner = {0};
    at_sums_place place = place_of(self, i, 0);
    const at_running *sums = &self->maps->sums[2 * i];
    attrib_status status = at_store_get_sums(self->store, &place, sums, &inner);
    if (status == ATTRIB_ENOMEM) {
        return at_fail(err, status, "%s", inner.message);
    }
    if (status != ATTRIB_OK) {
        at_log(self->session, ATTRIB_LOG_WARNING, "%s: its map is summed anew",
               inner.message);
        at_running_clear(&sums[0]);
        at_running_clear(&sums[1]);
        place.n_done = 0;
    }
    self->resume.done[i] = self->n_kept[i] = place.n_done;
    self->kept_at[i] = at_now();
    return ATTRIB_OK;
}

attrib_status at_fit_keeper_open(at_fit_keeper *self,
                                 const at_fit_maps *maps,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t least = self->n_blocks;
    size_t most = 0;
    self->maps = maps;
    self->resume.context = self;
    self->resume.committed = write_when_due;
    AT_TRY(at_array(maps->n, sizeof *self->resume.done, &self->resume.done, err));
    AT_TRY(at_array(maps->n, sizeof *self->n_kept, &self->n_kept, err));
    AT_TRY(at_array(maps->n, sizeof *self->kept_at, &self->kept_at, err));
    for (size_t i = 0; i < maps->n; i++) {
        AT_TRY(read_map(self, i, err));
        least = at_smaller(least, self->n_kept[i]);
        most = at_larger(most, self->n_kept[i]);
    }
    if (most > 0) {
        at_log(self->session, ATTRIB_LOG_INFO, "%s: %s goes on after block %zu of %zu",
               at_store_partial(self->store), at_fit_stage_names[self->stage], least,
               self->n_blocks);
    }
done:
    return status;
}

/* Not synced: whoever stopped the pass need not wait for the disk too. */
attrib_status at_fit_keeper_write(at_fit_keeper *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->maps->n; i++) {
        AT_TRY(write_map(self, i, false, err));
    }
done:
    return status;
}

void at_fit_keeper_close(at_fit_keeper *self)
{
    free(self->resume.done);
    free(self->n_kept);
    free(self->kept_at);
}
