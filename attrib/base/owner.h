/* SPDX-License-Identifier: MIT */
/* Which process a temporary file or a lock belongs to, on whichever host. */
#ifndef AT_BASE_OWNER_H
#define AT_BASE_OWNER_H

#include "base/session.h"

/* 1. Temporary files
 *
 * A file is written under the name FILE.tmp-OWNER, and renamed when it is whole. OWNER
 * names the host, its boot, the process and a counter, so that no two writers have the
 * same name, whatever host or container they run in. */

/* The temporary name of a file, owned by the caller; another one at each call. */
attrib_status at_temporary_name(const char *path, char **out, attrib_error *err);

typedef enum at_owner {
    AT_OWNER_GONE,    /* it ended on this host, in this boot or an earlier one */
    AT_OWNER_ALIVE,   /* it runs on this host */
    AT_OWNER_UNKNOWN, /* it belongs to another host or container, or is no OWNER at all */
} at_owner;

/* Who a file with this name belongs to; *is_temporary is false for other names. */
at_owner at_owner_of(const char *name, bool *is_temporary);

/* Remove the temporary files of processes that have ended from a folder: those of FILE,
 * or of all files where it is NULL. Who holds the folder's lock also removes those of
 * unknown owners, as no other process fills the folder. What cannot be removed stays. */
void at_sweep(const char *folder, const char *file, bool is_locked);

/* 2. Locks */

/* A lock that is held; zeroed: none. */
typedef struct at_lock {
    char *path;
    int descriptor;
} at_lock;

/* Hold the lock file `path` against all processes of all hosts: EIO names the one that
 * holds it. With `waits`, wait for that one to end, and say so; ECANCELED where the
 * session is canceled meanwhile. `what` is what messages call the thing that is locked.
 * The lock ends with the process, however it ends, or with at_lock_release().
 *
 * The system's lock of a file (flock) is used, and not the mere existence of a file: it
 * ends with its process or its host, so that a job which is started again elsewhere goes
 * on without anybody cleaning up. It is taken on a file that is open for writing, as then
 * Linux hands it to the server of a network file system, which it does not for folders.
 * What the file holds is for messages only. */
attrib_status at_lock_take(attrib_session *session,
                           const char *path,
                           const char *what,
                           bool waits,
                           at_lock *out,
                           attrib_error *err);
void at_lock_release(at_lock *lock); /* removes the file; fine for none */

/* The lock file within a folder that one process fills. */
#define AT_FOLDER_LOCK ".attrib-lock"
attrib_status at_lock_folder(const char *folder, at_lock *out, attrib_error *err);

#endif
