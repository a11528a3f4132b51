/* SPDX-License-Identifier: MIT */
/* Slices of a merged run: the numbers of its runs' slices, under its own name. They are
 * copied from one mapped file to the next, so that none is in memory. */
#include <stdlib.h>

#include "base/session.h"
#include "run/merge.h"
#include "run/slice_piece.h"

/* Where a slice of the merged run comes from. */
typedef struct origin {
    const attrib_run *run;
    size_t i_slice;
} origin;

static attrib_status list_origins(const at_merging *self,
                                  origin **out,
                                  size_t *n,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *n = at_run_n_slices(self->out);
    AT_TRY(at_array(*n, sizeof **out, out, err));
    for (size_t p = 0, i = 0; p < self->n_parts; p++) {
        const at_merged_part *part = &self->parts[p];
        for (size_t k = 0; k < part->n_slices; k++) {
            (*out)[i++] = (origin){self->runs[part->i_run], part->i_slice + k};
        }
    }
done:
    return status;
}

/* The slices of a file, opened in their own. */
typedef struct gathered {
    at_slice_file *files;
    at_piece *pieces;
    size_t **tokens;
    size_t n;
} gathered;

static attrib_status gather(
    const origin *origins, size_t i_tile, size_t n, gathered *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    out->n = n;
    AT_TRY(at_array(n, sizeof *out->files, &out->files, err));
    AT_TRY(at_array(n, sizeof *out->pieces, &out->pieces, err));
    AT_TRY(at_array(n, sizeof *out->tokens, &out->tokens, err));
    for (size_t i = 0; i < n; i++) {
        const attrib_run *run = origins[i].run;
        size_t i_slice = origins[i].i_slice;
        at_slice outline = {0};
        AT_TRY(at_slice_outline(run, i_tile, i_slice, &outline, err));
        AT_TRY(at_slice_file_open(run, i_tile, i_slice, &out->files[i], err));
        AT_TRY(at_slice_file_piece(run, &out->files[i], &outline, &out->pieces[i],
                                   &out->tokens[i], err));
        AT_TRY(at_slice_file_check(run, &out->files[i], &outline, &out->pieces[i], err));
    }
done:
    return status;
}

static void release(gathered *self)
{
    for (size_t i = 0; self->files && i < self->n; i++) {
        at_slice_file_close(&self->files[i]);
    }
    for (size_t i = 0; self->tokens && i < self->n; i++) {
        free(self->tokens[i]);
    }
    free(self->files);
    free(self->pieces);
    free(self->tokens);
    *self = (gathered){0};
}

/* Write the file of a tile that begins with slice `first`. */
static attrib_status write_file(const at_merging *self,
                                const origin *origins,
                                size_t i_tile,
                                size_t first,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = at_run_place(self->out, first).n_within;
    gathered all = {0};
    char *path = NULL;
    AT_TRY(gather(origins + first, i_tile, n, &all, err));
    AT_TRY(at_slice_path(self->out, i_tile, first, true, &path, err));
    AT_TRY(at_pieces_write(path, self->out->identity, all.pieces, n, err));
done:
    release(&all);
    free(path);
    return status;
}

attrib_status at_merge_slices(at_merging *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    origin *origins = NULL;
    size_t n = 0;
    at_stage stage;
    AT_TRY(list_origins(self, &origins, &n, err));
    at_stage_begin(&stage, self->session, "merge", "slices", n * self->out->n_tiles);
    for (size_t t = 0; t < self->out->n_tiles; t++) {
        for (size_t i = 0; i < n; i += at_run_place(self->out, i).n_within) {
            AT_TRY(at_poll_cancel(self->session, err));
            AT_TRY(write_file(self, origins, t, i, err));
            at_stage_report(&stage, t * n + i);
        }
    }
    at_stage_end(&stage, n * self->out->n_tiles, 0);
done:
    free(origins);
    return status;
}
