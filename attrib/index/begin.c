/* SPDX-License-Identifier: MIT */
/* The folder of an index while it is filled, by a pass or by a merge: it has
 * begun.msgpack until it is whole. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/owner.h"
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

/* What differs of an index that was begun in the folder; NULL: nothing. */
static const char *find_difference(const attrib_index *was, const attrib_index *index)
{
    if (!was->corpus[0] != !index->corpus[0]) {
        return "command"; /* one of both is a merge */
    }
    if (strcmp(was->corpus, index->corpus) != 0) {
        return "corpus";
    }
    return strcmp(was->hash, index->hash) == 0
               ? NULL
               : "model, factors, --damping or --bytes-per-document";
}

static attrib_status check_begun(const attrib_index *index,
                                 const char *begun,
                                 bool *goes_on,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *was = NULL;
    const char *difference = NULL;
    *goes_on = at_is_file(begun);
    if (!*goes_on) {
        AT_TRY(check_empty(index->folder, err));
        goto done;
    }
    AT_TRY(at_index_read(index->folder, AT_INDEX_BEGUN, &was, err));
    difference = find_difference(was, index);
    AT_CHECK(!difference, ATTRIB_ESHAPE,
             "%s: an index of another %s was begun there: name another folder",
             index->folder, difference);
done:
    attrib_index_close(was);
    return status;
}

attrib_status at_index_begin(const attrib_index *index,
                             at_lock *lock,
                             bool *goes_on,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index begins = *index;
    char *begun = NULL;
    AT_TRY(at_make_folder(index->folder, err));
    AT_TRY(at_lock_folder(index->folder, lock, err));
    at_sweep(index->folder, NULL, true);
    AT_TRY(at_index_path(index, AT_INDEX_BEGUN, &begun, err));
    if (attrib_index_is(index->folder)) {
        unlink(begun); /* of a process that was killed after its last step */
        status = at_fail(err, ATTRIB_EIO, "%s: holds an index already: name a new folder",
                         index->folder);
        goto done;
    }
    AT_TRY(check_begun(index, begun, goes_on, err));
    begins.n_parts = 0;
    if (!*goes_on) {
        AT_TRY(at_index_write(&begins, AT_INDEX_BEGUN, err));
    }
done:
    free(begun);
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
           strcmp(name, AT_INDEX_SCALES) == 0;
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
