/* SPDX-License-Identifier: MIT */
/* Indexes made one: their pieces are copied, one after the other. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "corpus/skipped_merge.h"
#include "index/index.h"

/* Note the command that merges, and where it is given. */
static attrib_status set_command(attrib_index *out,
                                 const char *command,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char directory[4096];
    const char *here = getcwd(directory, sizeof directory);
    here = here ? here : "";
    command = command ? command : "";
    AT_TRY(at_arena_text(out->bank, here, strlen(here), &out->info.directory, err));
    AT_TRY(at_arena_text(out->bank, command, strlen(command), &out->info.command, err));
done:
    return status;
}

/* Note what the first index was made from, and all paths, each once. */
static attrib_status take_first(attrib_index *out,
                                attrib_index **from,
                                size_t n,
                                const char *command,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **paths = NULL;
    size_t n_paths = 0;
    for (size_t i = 0; i < n; i++) {
        n_paths += from[i]->info.corpus_paths.n;
        out->n_parts += from[i]->n_parts;
    }
    AT_TRY(at_arena_take(out->bank, at_larger(n_paths, 1), sizeof *paths, &paths, err));
    n_paths = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < from[i]->info.corpus_paths.n; k++) {
            size_t j = 0;
            const char *path = from[i]->info.corpus_paths.paths[k];
            while (j < n_paths && strcmp(paths[j], path) != 0) {
                j++;
            }
            paths[j] = path;
            n_paths = at_larger(n_paths, j + 1);
        }
    }
    out->info = from[0]->info;
    AT_TRY(set_command(out, command, err));
    out->info.corpus_paths = (attrib_paths){paths, n_paths};
    memcpy(out->hash, from[0]->hash, sizeof out->hash);
    memcpy(out->scales, from[0]->scales, sizeof out->scales);
    AT_TRY(at_array(out->n_parts, sizeof *out->parts, &out->parts, err));
done:
    return status;
}

static bool has_reading(const attrib_index_info *info, const attrib_reading *wanted)
{
    bool has = false;
    for (size_t i = 0; i < info->n_readings; i++) {
        has = has || (strcmp(info->readings[i].name, wanted->name) == 0 &&
                      strcmp(info->readings[i].value, wanted->value) == 0);
    }
    return has;
}

/* Keep the options that all were read with: one that chose the documents of one of them
 * does not choose all. */
static attrib_status take_readings(attrib_index *out,
                                   attrib_index **from,
                                   size_t n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_index_info *first = &from[0]->info;
    attrib_reading *kept = NULL;
    size_t n_kept = 0;
    AT_TRY(at_arena_take(out->bank, at_larger(first->n_readings, 1), sizeof *kept, &kept,
                         err));
    for (size_t k = 0; k < first->n_readings; k++) {
        size_t i = 1;
        while (i < n && has_reading(&from[i]->info, &first->readings[k])) {
            i++;
        }
        if (i == n) {
            kept[n_kept++] = first->readings[k];
        }
    }
    out->info.readings = kept;
    out->info.n_readings = n_kept;
done:
    return status;
}

static attrib_status copy_pieces(attrib_session *session,
                                 const attrib_index *from,
                                 attrib_index *out,
                                 size_t *next,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_piece_map piece = {0};
    for (size_t i = 0; i < from->n_parts; i++) {
        AT_TRY(at_poll_cancel(session, err));
        AT_TRY(at_piece_open(from, i, true, &piece, err));
        AT_TRY(at_piece_write(out, (*next)++, &piece.content, err));
        at_piece_close(&piece);
    }
done:
    at_piece_close(&piece);
    return status;
}

static bool is_same_folder(const char *a, const char *b)
{
    struct stat x;
    struct stat y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static attrib_status open_all(const char *const *folders,
                              size_t n,
                              attrib_index **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(attrib_index_open(folders[i], &out[i], err));
        AT_CHECK(out[i]->info.method == out[0]->info.method, ATTRIB_EINVAL,
                 "%s: made by another attrib than %s, which finds other numbers (method "
                 "%zu, not %zu): make one of them again",
                 folders[i], folders[0], out[i]->info.method, out[0]->info.method);
        AT_CHECK(strcmp(out[i]->hash, out[0]->hash) == 0, ATTRIB_EINVAL,
                 "%s: an index of another model, of other factors or options than %s",
                 folders[i], folders[0]);
        for (size_t k = 0; k < i; k++) {
            AT_CHECK(!is_same_folder(folders[k], folders[i]), ATTRIB_EINVAL,
                     "%s: is named twice, which would double its documents", folders[i]);
        }
    }
done:
    return status;
}

/* Remove what was written of an index that could not be finished. */
static void remove_begun(const attrib_index *out)
{
    char *path = NULL;
    at_index_empty(out);
    if (at_index_path(out, AT_INDEX_BEGUN, &path, NULL) == ATTRIB_OK) {
        unlink(path);
    }
    free(path);
}

/* The rows that none of them has, as they could not be read. */
static attrib_status write_skipped(attrib_index **from,
                                   size_t n,
                                   const attrib_index *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char **folders = NULL;
    AT_TRY(at_array(n, sizeof *folders, (void *)&folders, err));
    for (size_t i = 0; i < n; i++) {
        folders[i] = from[i]->folder;
    }
    AT_TRY(at_skipped_merge(folders, n, out->folder, err));
done:
    free(folders);
    return status;
}

/* An index that is finished must be of the same pieces, in their order. */
static attrib_status check_finished(attrib_session *session,
                                    attrib_index **from,
                                    size_t n,
                                    attrib_index *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t next = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < from[i]->n_parts; k++) {
            out->parts[next++] = from[i]->parts[k];
        }
    }
    AT_TRY(at_index_check_pieces(out, err));
    at_log_finished(session, out->folder);
done:
    return status;
}

/* Fill the folder of `out`, which is locked. */
static attrib_status fill(attrib_session *session,
                          attrib_index **from,
                          size_t n,
                          attrib_index *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t next = 0;
    at_index_empty(out); /* of a merge that was killed, maybe of other indexes */
    for (size_t i = 0; i < n; i++) {
        AT_TRY(copy_pieces(session, from[i], out, &next, err));
    }
    AT_TRY(write_skipped(from, n, out, err));
    AT_TRY(at_index_merge_documents(from, n, out, err));
    AT_TRY(at_index_finish(out, err));
done:
    if (status != ATTRIB_OK) {
        remove_begun(out);
    }
    return status;
}

attrib_status attrib_index_merge(attrib_session *session,
                                 const char *const *folders,
                                 size_t n,
                                 const char *command,
                                 const char *output,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index **from = NULL;
    attrib_index *out = NULL;
    at_lock lock = {0};
    bool was_there = at_is_there(output);
    at_index_state state = AT_INDEX_NEW;
    AT_CHECK(n >= 1, ATTRIB_EINVAL, "no indexes to merge");
    AT_TRY(at_array(n, sizeof(attrib_index *), &from, err));
    AT_TRY(open_all(folders, n, from, err));
    AT_TRY(at_index_new(output, &out, err));
    AT_TRY(take_first(out, from, n, command, err));
    AT_TRY(take_readings(out, from, n, err));
    out->shape = from[0]->shape; /* lent, until the index is closed */
    AT_TRY(at_index_begin(out, &lock, &state, err));
    AT_TRY(state == AT_INDEX_FINISHED ? check_finished(session, from, n, out, err)
                                      : fill(session, from, n, out, err));
done:
    if (out) {
        out->shape = (at_index_shape){0};
    }
    attrib_index_close(out);
    for (size_t i = 0; from && i < n; i++) {
        attrib_index_close(from[i]);
    }
    free(from);
    at_lock_release(&lock);
    if (status != ATTRIB_OK && (!was_there || state == AT_INDEX_GOES_ON)) {
        rmdir(output); /* unless it is another's */
    }
    return status;
}
