/* SPDX-License-Identifier: MIT */
/* Factors that are being made in FOLDER.partial: how far they are, and their files.
 *
 * 1. How far they are.   2. The files.   3. Opening.   4. Closing. */
#include "curvature/store_files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/owner.h"
#include "curvature/finished.h"
#include "format/pack.h"
#include "format/slots.h"

#define FORMAT "attrib unfinished factors"

/* 1. How far they are */

static const char *const keys[AT_N_FIT_STAGES] = {"covariance", "basis", "lambda"};

static attrib_status write_progress(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors_info *info = &self->factors->info;
    msgpack_sbuffer bytes;
    msgpack_packer packer;
    char *path = NULL;
    msgpack_sbuffer_init(&bytes);
    msgpack_packer_init(&packer, &bytes, msgpack_sbuffer_write);
    AT_TRY(at_pack_map(&packer, 8, err));
    AT_TRY(at_pack_text_member(&packer, "format", FORMAT, err));
    AT_TRY(at_pack_text_member(&packer, "fit", self->factors->identity, err));
    AT_TRY(at_pack_text_member(&packer, "corpus_date", self->factors->corpus_date, err));
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        AT_TRY(at_pack_size_member(&packer, keys[stage], self->n_done[stage], err));
    }
    AT_TRY(at_pack_size_member(&packer, "tokens", info->n_tokens, err));
    AT_TRY(at_pack_size_member(&packer, "sequences", info->n_sequences, err));
    AT_TRY(at_join_path(self->partial, AT_STORE_PROGRESS, &path, err));
    AT_TRY(at_record_write(path, &bytes, err));
done:
    free(path);
    msgpack_sbuffer_destroy(&bytes);
    return status;
}

static attrib_status take_progress(at_store *self,
                                   const at_record *record,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_factors_info *info = &self->factors->info;
    const char *fit = "";
    size_t n = 0;
    AT_TRY(at_record_text(record->name, &record->map, "fit", &fit, &n, err));
    AT_CHECK(n == AT_HASH_SIZE - 1 && memcmp(fit, self->factors->identity, n) == 0,
             ATTRIB_EIO,
             "%s: an unfinished fit of other inputs or options: remove it, or name "
             "another folder",
             self->partial);
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        AT_TRY(at_record_size(record->name, &record->map, keys[stage],
                              &self->n_done[stage], err));
        AT_CHECK(self->n_done[stage] <= info->n_modules, ATTRIB_EFORMAT,
                 "%s: %zu of %zu maps are done", record->name, self->n_done[stage],
                 info->n_modules);
    }
    AT_TRY(at_record_size(record->name, &record->map, "tokens", &info->n_tokens, err));
    AT_TRY(
        at_record_size(record->name, &record->map, "sequences", &info->n_sequences, err));
done:
    return status;
}

static attrib_status read_progress(at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(self->partial, AT_STORE_PROGRESS, &path, err));
    if (!at_is_file(path)) {
        AT_CHECK(at_is_empty_folder(self->partial), ATTRIB_EIO,
                 "%s: exists already, and is no unfinished fit", self->partial);
        AT_TRY(write_progress(self, err));
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_progress(self, &record, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}

const char *at_store_partial(const at_store *store)
{
    return store->partial;
}

size_t at_store_n_done(const at_store *store, at_fit_stage stage)
{
    return store->n_done[stage];
}

/* 2. The files */

attrib_status at_store_declare(at_tensor_writer *writer,
                               const attrib_factors *factors,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_tensor_writer_metadata(writer, "strategy",
                                     attrib_strategy_name(factors->info.strategy), err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_fit", factors->identity, err));
done:
    return status;
}

static attrib_status make_piece(const at_store *self,
                                at_factor_piece piece,
                                const char *path,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_store_declare(writer, self->factors, err));
    for (size_t i = 0; i < self->factors->info.n_modules; i++) {
        const at_factor *factor = &self->factors->factors[i];
        size_t shape[2];
        size_t n_dims = at_piece_shape(factor, piece, shape);
        AT_TRY(at_tensor_writer_declare(
            writer, factor->name, at_factor_files[piece].dtype, n_dims, shape, err));
    }
    AT_TRY(at_slots_make(writer, err));
done:
    at_tensor_writer_free(writer);
    return status;
}

attrib_status at_store_slot(const at_store *self,
                            size_t i,
                            at_factor_piece piece,
                            const at_tensor **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_factor *factor = &self->factors->factors[i];
    const at_tensor *slot = at_slots_find(self->slots[piece], factor->name);
    size_t shape[2];
    size_t n_dims = at_piece_shape(factor, piece, shape);
    AT_CHECK(slot && slot->dtype == at_factor_files[piece].dtype, ATTRIB_EFORMAT,
             "%s: %s.safetensors has no room for %s", self->partial,
             at_factor_files[piece].name, factor->name);
    AT_TRY(at_tensor_expect(slot, n_dims, shape, err));
    *out = slot;
done:
    return status;
}

static attrib_status open_piece(at_store *self, at_factor_piece piece, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    const at_tensor *slot = NULL;
    AT_TRY(at_factor_path(self->partial, at_factor_files[piece].name, &path, err));
    if (!at_is_file(path)) {
        AT_TRY(make_piece(self, piece, path, err));
    }
    AT_TRY(at_slots_open(path, &self->slots[piece], err));
    for (size_t i = 0; i < self->factors->info.n_modules; i++) {
        AT_TRY(at_store_slot(self, i, piece, &slot, err));
    }
done:
    free(path);
    return status;
}

/* 3. Opening */

/* Remove temporary files, which a process left when it was killed. */
static attrib_status sweep(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *sums = NULL;
    AT_TRY(at_store_sums_folder(self, &sums, err));
    at_sweep(self->partial, NULL, true);
    at_sweep(sums, NULL, true);
done:
    free(sums);
    return status;
}

/* Name the folder, as it is without links, and what is made of it: links are kept, and
 * FOLDER.partial is renamed within one file system. */
static attrib_status place(at_store *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer partial = {0};
    char *real = realpath(folder, NULL);
    const char *chosen = real ? real : folder;
    size_t n = strlen(chosen);
    while (n > 1 && chosen[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_copy_text(chosen, n, &self->folder, err));
    AT_TRY(at_buffer_print(&partial, err, "%s.partial", self->folder));
    self->partial = partial.bytes;
    partial.bytes = NULL;
done:
    free(real);
    at_buffer_free(&partial);
    return status;
}

/* Hold FOLDER.lock, which stands next to the folder as what it locks is renamed. */
static attrib_status lock(at_store *self, attrib_session *waits, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer path = {0};
    const char *slash = strrchr(self->folder, '/');
    if (slash && slash != self->folder) {
        AT_TRY(
            at_buffer_append(&path, self->folder, (size_t)(slash - self->folder), err));
        AT_TRY(at_make_folder(path.bytes, err));
        at_buffer_clear(&path);
    }
    AT_TRY(at_buffer_print(&path, err, "%s.lock", self->folder));
    AT_TRY(
        at_lock_take(waits, path.bytes, self->partial, waits != NULL, &self->lock, err));
done:
    at_buffer_free(&path);
    return status;
}

/* Whether the folder is finished, with what is to be made; else it must be free. */
static attrib_status find_finished(const attrib_factors *factors,
                                   const char *folder,
                                   unsigned pieces,
                                   bool *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_factors_find_finished(folder, factors, pieces, out, err));
    if (*out) {
        at_lock_clear_folder(folder);
    } else {
        AT_TRY(at_lock_check_free(folder, err));
    }
done:
    return status;
}

attrib_status at_store_open(attrib_factors *factors,
                            const char *folder,
                            unsigned pieces,
                            attrib_session *waits,
                            at_store **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_store *self = NULL;
    bool is_finished = false;
    *out = NULL;
    AT_TRY(find_finished(factors, folder, pieces, &is_finished, err));
    if (is_finished) {
        goto done;
    }
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->factors = factors;
    self->pieces = pieces;
    AT_TRY(place(self, folder, err));
    AT_TRY(lock(self, waits, err));
    /* Another process may have made the folder until now. */
    AT_TRY(find_finished(factors, self->folder, pieces, &is_finished, err));
    if (is_finished) {
        goto done;
    }
    AT_TRY(at_make_folder(self->partial, err));
    /* A process that was killed at its very beginning leaves nothing else. */
    at_sweep(self->partial, AT_STORE_PROGRESS, true);
    AT_TRY(read_progress(self, err));
    self->is_ours = true;
    AT_TRY(sweep(self, err));
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (pieces & AT_PIECES_OF(piece)) {
            AT_TRY(open_piece(self, (at_factor_piece)piece, err));
        }
    }
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        at_store_drop_sums(self, (at_fit_stage)stage, 0, self->n_done[stage]);
    }
    *out = self;
    self = NULL;
done:
    at_store_close(self);
    return status;
}

attrib_status at_store_sync(const at_store *self, unsigned pieces, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if ((pieces & AT_PIECES_OF(piece)) && self->slots[piece]) {
            AT_TRY(at_slots_sync(self->slots[piece], err));
        }
    }
done:
    return status;
}

attrib_status at_store_mark(at_store *store,
                            at_fit_stage stage,
                            size_t n_done,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t before = store->n_done[stage];
    AT_TRY(at_store_sync(store, at_stage_pieces[stage], err));
    store->n_done[stage] = n_done;
    AT_TRY(write_progress(store, err));
    at_store_drop_sums(store, stage, before, n_done);
done:
    return status;
}

/* 4. Closing */

attrib_status at_store_remove_sums(const at_store *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *folder = NULL;
    AT_TRY(at_store_sums_folder(self, &folder, err));
    if (at_is_folder(folder)) {
        AT_CHECK(attrib_scratch_remove(folder), ATTRIB_EIO, "%s: cannot be removed",
                 folder);
    }
done:
    free(folder);
    return status;
}

/* Whether sums are kept; true where that cannot be found out. */
static bool has_sums(const at_store *self)
{
    char *folder = NULL;
    bool is_there = true;
    if (at_store_sums_folder(self, &folder, NULL) == ATTRIB_OK) {
        is_there = at_is_folder(folder) && !at_is_empty_folder(folder);
    }
    free(folder);
    return is_there;
}

static bool has_progress(const at_store *self)
{
    for (int stage = 0; stage < AT_N_FIT_STAGES; stage++) {
        if (self->n_done[stage] > 0) {
            return true;
        }
    }
    return false;
}

void at_store_close(at_store *store)
{
    if (!store) {
        return;
    }
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        at_slots_close(store->slots[piece]);
    }
    if (store->is_ours && !store->is_committed && !has_progress(store) &&
        !has_sums(store)) {
        attrib_scratch_remove(store->partial);
    }
    at_lock_release(&store->lock);
    free(store->folder);
    free(store->partial);
    free(store);
}

attrib_status attrib_factors_check_folder(const char *folder, attrib_error *err)
{
    if (at_factors_are_finished(folder)) {
        at_lock_clear_folder(folder);
        return ATTRIB_OK;
    }
    return at_lock_check_free(folder, err);
}
