/* SPDX-License-Identifier: MIT */
/* The folder of an index while it is filled, by a pass or by a merge: it has
 * begun.msgpack until it is whole. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/owner.h"
#include "corpus/marks.h"
#include "index/index.h"

/* Refuse a folder that holds something else; locks and temporary files begin with a dot
 * or go with their processes. */
static attrib_status check_empty(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *found = NULL;
    DIR *entries = opendir(folder);
    AT_CHECK(entries, ATTRIB_EIO, "%s: cannot be read", folder);
    for (const struct dirent *entry = readdir(entries); entry && !found;
         entry = readdir(entries)) {
        bool is_temporary = false;
        (void)at_owner_of(entry->d_name, &is_temporary);
        found = entry->d_name[0] == '.' || is_temporary ? NULL : entry->d_name;
        AT_CHECK(!found, ATTRIB_EIO,
                 "%s: holds %.80s, and is no unfinished index: name a new folder", folder,
                 found);
    }
done:
    if (entries) {
        closedir(entries);
    }
    return status;
}

/* What differs of an index that was begun or finished in the folder; NULL: nothing. */
static const char *find_difference(const attrib_index *was, const attrib_index *index)
{
    if (!was->corpus[0] != !index->corpus[0]) {
        return "command"; /* one of both is a merge */
    }
    if (strcmp(was->corpus, index->corpus) != 0) {
        return "corpus";
    }
    if (was->info.method != index->info.method) {
        return "method (of an earlier or later attrib)";
    }
    return strcmp(was->hash, index->hash) == 0
               ? NULL
               : "model, factors, --damping or --bytes-per-document";
}

static attrib_status check_begun(const attrib_index *index,
                                 const char *begun,
                                 at_index_state *state,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *was = NULL;
    const char *difference = NULL;
    bool is_finished = attrib_index_is(index->folder);
    *state = is_finished         ? AT_INDEX_FINISHED
             : at_is_file(begun) ? AT_INDEX_GOES_ON
                                 : AT_INDEX_NEW;
    if (*state == AT_INDEX_NEW) {
        AT_TRY(check_empty(index->folder, err));
        goto done;
    }
    if (is_finished) {
        unlink(begun); /* of a process that was killed after its last step */
    }
    AT_TRY(at_index_read(index->folder, is_finished ? AT_INDEX_MANIFEST : AT_INDEX_BEGUN,
                         &was, err));
    difference = find_difference(was, index);
    AT_CHECK(!difference, ATTRIB_ESHAPE,
             "%s: an index of another %s %s: name another folder", index->folder,
             difference, is_finished ? "is there already" : "was begun there");
done:
    attrib_index_close(was);
    return status;
}

attrib_status at_index_begin(const attrib_index *index,
                             at_lock *lock,
                             at_index_state *state,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index begins = *index;
    char *begun = NULL;
    AT_TRY(at_make_folder(index->folder, err));
    AT_TRY(at_lock_folder(index->folder, lock, err));
    at_sweep(index->folder, NULL, true);
    AT_TRY(at_index_path(index, AT_INDEX_BEGUN, &begun, err));
    AT_TRY(check_begun(index, begun, state, err));
    begins.n_parts = 0;
    if (*state == AT_INDEX_NEW) {
        AT_TRY(at_index_write(&begins, AT_INDEX_BEGUN, err));
    }
done:
    free(begun);
    return status;
}

attrib_status at_index_check_pieces(const attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *was = NULL;
    bool is_same = true;
    AT_TRY(at_index_read(index->folder, AT_INDEX_MANIFEST, &was, err));
    is_same = was->n_parts == index->n_parts;
    for (size_t i = 0; is_same && i < index->n_parts; i++) {
        is_same = was->parts[i].n == index->parts[i].n &&
                  strcmp(was->parts[i].hash, index->parts[i].hash) == 0;
    }
    AT_CHECK(is_same, ATTRIB_ESHAPE,
             "%s: an index of other documents is there already: name another folder",
             index->folder);
done:
    attrib_index_close(was);
    return status;
}

attrib_status at_index_finish(const attrib_index *index, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *begun = NULL;
    AT_TRY(at_index_path(index, AT_INDEX_BEGUN, &begun, err));
    AT_TRY(at_index_write_scales(index, err));
    AT_TRY(at_index_write(index, AT_INDEX_MANIFEST, err));
    unlink(begun);
done:
    free(begun);
    return status;
}

static bool is_ours(const char *name)
{
    static const char piece[] = AT_PIECE_NAME;
    return strncmp(name, piece, sizeof piece - 1) == 0 ||
           strcmp(name, AT_INDEX_SCALES) == 0 || strcmp(name, AT_INDEX_STORE) == 0 ||
           strcmp(name, AT_SKIPPED_ROWS) == 0;
}

void at_index_empty(const attrib_index *index)
{
    DIR *entries = opendir(index->folder);
    const struct dirent *entry = NULL;
    while (entries && (entry = readdir(entries))) {
        if (is_ours(entry->d_name)) {
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    if (entries) {
        closedir(entries);
    }
}
