/* SPDX-License-Identifier: MIT */
#include "run/fill.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lock.h"
#include "run/run.h"

/* Remove a run's files, as what was killed has left them. */
static attrib_status clear_folder(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    char *path = NULL;
    DIR *entries = opendir(folder);
    AT_CHECK(entries, ATTRIB_EIO, "%s: %s", folder,
             at_errno_text(errno, text, sizeof text));
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        bool is_ours = strstr(entry->d_name, ".safetensors") != NULL ||
                       strstr(entry->d_name, ".msgpack") != NULL ||
                       strcmp(entry->d_name, AT_RUN_SKIPPED) == 0 ||
                       strcmp(entry->d_name, AT_FOLDER_LOCK) == 0;
        free(path);
        path = NULL;
        AT_TRY(at_join_path(folder, entry->d_name, &path, err));
        if (is_ours) {
            AT_CHECK(unlink(path) == 0, ATTRIB_EIO, "%s: removing: %s", path,
                     at_errno_text(errno, text, sizeof text));
        }
    }
done:
    if (entries) {
        closedir(entries);
    }
    free(path);
    return status;
}

attrib_status at_run_remove(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    AT_TRY(clear_folder(folder, err));
    AT_CHECK(rmdir(folder) == 0, ATTRIB_EIO, "%s: removing: %s", folder,
             at_errno_text(errno, text, sizeof text));
done:
    return status;
}

/* Give the folder that is filled the name of the run; what had that name is removed. */
static attrib_status take_name(const char *partial,
                               const char *folder,
                               bool replaces,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    int renamed = replaces
                      ? renameat2(AT_FDCWD, partial, AT_FDCWD, folder, RENAME_EXCHANGE)
                      : rename(partial, folder);
    AT_CHECK(renamed == 0, ATTRIB_EIO, "%s: renaming: %s", folder,
             at_errno_text(errno, text, sizeof text));
    AT_TRY(replaces ? at_run_remove(partial, err) : ATTRIB_OK);
done:
    return status;
}

attrib_status at_run_fill(const at_filling *filling,
                          const char *folder,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer partial = {0};
    at_buffer lock_path = {0};
    at_lock lock = {0};
    bool is_filled = false;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_buffer_print(&partial, err, "%.*s.partial", (int)n, folder));
    /* next to the folder, as what it locks is renamed */
    AT_TRY(at_buffer_print(&lock_path, err, "%.*s.lock", (int)n, folder));
    AT_TRY(at_lock_take(filling->session, lock_path.bytes, partial.bytes, false, &lock,
                        err));
    AT_TRY(at_make_folder(partial.bytes, err));
    AT_TRY(clear_folder(partial.bytes, err));
    filling->run->info.folder = partial.bytes;
    AT_TRY(filling->fill(filling->context, err));
    is_filled = true;
    AT_TRY(take_name(partial.bytes, folder, filling->replaces, err));
done:
    if (status != ATTRIB_OK && lock.path &&
        !(filling->replaces && is_filled)) { /* nothing of it is of use */
        attrib_error ignored;
        (void)!clear_folder(partial.bytes, &ignored);
        (void)!rmdir(partial.bytes);
    }
    filling->run->info.folder = folder;
    at_lock_release(&lock);
    at_buffer_free(&lock_path);
    at_buffer_free(&partial);
    return status;
}
