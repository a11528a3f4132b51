/* SPDX-License-Identifier: MIT */
/* What processes leave that were killed, and nobody goes on with: folders that only they
 * used, and folders that they had begun to fill. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "attrib/base.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/owner.h"

#define MOST_OPEN_FOLDERS 16

static int remove_entry(const char *path,
                        const struct stat *info,
                        int kind,
                        struct FTW *where)
{
    (void)info;
    (void)kind;
    (void)where;
    return remove(path);
}

bool attrib_scratch_remove(const char *folder)
{
    return nftw(folder, remove_entry, MOST_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) == 0;
}

/* Whether an entry of a folder that all users share is a folder of this user. */
static bool is_own(int folder, const char *name)
{
    struct stat info;
    return fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode) && info.st_uid == geteuid();
}

void attrib_scratch_sweep(const char *place, const char *name)
{
    DIR *entries = opendir(place);
    const struct dirent *entry = NULL;
    size_t n = strlen(name);
    while (entries && (entry = readdir(entries))) {
        bool is_temporary = false;
        char *path = NULL;
        if (strncmp(entry->d_name, name, n) == 0 && entry->d_name[n] == '.' &&
            at_owner_of(entry->d_name, &is_temporary) == AT_OWNER_GONE && is_temporary &&
            is_own(dirfd(entries), entry->d_name) &&
            at_join_path(place, entry->d_name, &path, NULL) == ATTRIB_OK) {
            attrib_scratch_remove(path);
        }
        free(path);
    }
    if (entries) {
        closedir(entries);
    }
}

attrib_status attrib_scratch_make(
    const char *place, const char *name, char *out, size_t size, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    char *made = NULL;
    AT_TRY(at_join_path(place, name, &path, err));
    AT_TRY(at_temporary_name(path, &made, err));
    AT_CHECK(strlen(made) < size, ATTRIB_ERANGE, "%.200s...: the path is too long", made);
    if (mkdir(made, 0700) != 0) {
        status = at_fail_errno(err, made, "making the folder");
        goto done;
    }
    memcpy(out, made, strlen(made) + 1);
done:
    free(path);
    free(made);
    return status;
}

void attrib_remove_unfinished(const char *folder)
{
    at_buffer partial = {0};
    at_buffer path = {0};
    at_lock lock = {0};
    attrib_error ignored;
    if (at_buffer_print(&partial, NULL, "%s.partial", folder) == ATTRIB_OK &&
        at_buffer_print(&path, NULL, "%s.lock", folder) == ATTRIB_OK &&
        (at_is_folder(partial.bytes) || at_is_file(path.bytes)) &&
        at_lock_take(NULL, path.bytes, folder, false, &lock, &ignored) == ATTRIB_OK) {
        attrib_scratch_remove(partial.bytes);
        at_lock_release(&lock);
    }
    at_buffer_free(&partial);
    at_buffer_free(&path);
}
