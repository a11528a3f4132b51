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
#include "base/logbook.h"
#include "run/drawn.h"
#include "run/prepared.h"

/* Whether a file is a run's, by how its name begins; its temporary files begin alike.
 * Other files were put there by somebody. */
static bool is_ours(const char *name)
{
    static const char *const records[] = {
        AT_RUN_PREPARED, AT_RUN_MANIFEST, AT_RUN_ANSWERS, AT_RUN_EXPLAINED,
        AT_RUN_DRAWN,    AT_RUN_SKIPPED,  AT_FOLDER_LOCK, AT_LOGBOOK};
    static const char *const arrays[] = {"slice-", "scores-"};
    for (size_t i = 0; i < sizeof records / sizeof *records; i++) {
        if (strncmp(name, records[i], strlen(records[i])) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        size_t n = strlen(arrays[i]);
        bool begins = strncmp(name, arrays[i], n) == 0;
        size_t n_digits = begins ? strspn(name + n, "0123456789") : 0;
        if (n_digits >= 4 && name[n + n_digits] == '-') {
            return true;
        }
    }
    return false;
}

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
        free(path);
        path = NULL;
        AT_TRY(at_join_path(folder, entry->d_name, &path, err));
        if (is_ours(entry->d_name)) {
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

/* Move what somebody put into a run's folder, such as exports, to the run that replaces
 * it. */
static attrib_status move_others(const char *from, const char *to, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    char *old = NULL;
    char *new = NULL;
    DIR *entries = opendir(from);
    AT_CHECK(entries, ATTRIB_EIO, "%s: %s", from,
             at_errno_text(errno, text, sizeof text));
    for (const struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        const char *name = entry->d_name;
        if (is_ours(name) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
            continue;
        }
        free(old);
        free(new);
        old = NULL;
        new = NULL;
        AT_TRY(at_join_path(from, name, &old, err));
        AT_TRY(at_join_path(to, name, &new, err));
        AT_CHECK(rename(old, new) == 0, ATTRIB_EIO, "%s: moving to %s: %s", old, to,
                 at_errno_text(errno, text, sizeof text));
    }
done:
    if (entries) {
        closedir(entries);
    }
    free(old);
    free(new);
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
    if (replaces) {
        AT_TRY(move_others(partial, folder, err));
        AT_TRY(at_run_remove(partial, err));
    }
done:
    return status;
}

/* Names of what stands next to a folder while it is filled: FOLDER.partial, and the lock,
 * which is not in it as it is renamed. */
typedef struct names {
    at_buffer partial, lock;
} names;

static void free_names(names *self)
{
    at_buffer_free(&self->partial);
    at_buffer_free(&self->lock);
}

static attrib_status make_names(const char *folder, names *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_buffer_print(&out->partial, err, "%.*s.partial", (int)n, folder));
    AT_TRY(at_buffer_print(&out->lock, err, "%.*s.lock", (int)n, folder));
done:
    return status;
}

attrib_status at_run_settle(attrib_session *session,
                            const char *folder,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    names own = {0};
    at_lock lock = {0};
    AT_TRY(make_names(folder, &own, err));
    if (at_is_folder(own.partial.bytes)) {
        AT_TRY(
            at_lock_take(session, own.lock.bytes, own.partial.bytes, false, &lock, err));
        AT_TRY(move_others(own.partial.bytes, folder, err));
        AT_TRY(at_run_remove(own.partial.bytes, err));
    }
done:
    at_lock_release(&lock);
    free_names(&own);
    return status;
}

attrib_status at_run_fill(const at_filling *filling,
                          const char *folder,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    names own = {0};
    at_lock lock = {0};
    const char *partial = NULL;
    bool is_filled = false;
    AT_TRY(make_names(folder, &own, err));
    partial = own.partial.bytes;
    AT_TRY(at_lock_take(filling->session, own.lock.bytes, partial, false, &lock, err));
    AT_TRY(at_make_folder(partial, err));
    AT_TRY(clear_folder(partial, err));
    filling->run->info.folder = partial;
    AT_TRY(filling->fill(filling->context, err));
    is_filled = true;
    AT_TRY(take_name(partial, folder, filling->replaces, err));
done:
    if (status != ATTRIB_OK && lock.path &&
        !(filling->replaces && is_filled)) { /* nothing of it is of use */
        attrib_error ignored;
        (void)!clear_folder(partial, &ignored);
        (void)!rmdir(partial);
    }
    filling->run->info.folder = folder;
    at_lock_release(&lock);
    free_names(&own);
    return status;
}
