/* SPDX-License-Identifier: MIT */
/* Locks: one process at a time fills a folder, on whichever host. */
#ifndef AT_BASE_LOCK_H
#define AT_BASE_LOCK_H

#include "base/session.h"

/* A lock that is held; zeroed: none. */
typedef struct at_lock {
    char *path;
    char *place;    /* PATH.held: the folder that is the lock where files have none */
    char *entry;    /* this process's file in it; NULL where the file is locked */
    int descriptor; /* of the locked file; -1 where there is an entry */
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
 *
 * Where a file system has no such locks, the folder PATH.held is the lock. It holds a
 * file whose name is that of its process, as of temporary files, and comes into place by
 * renaming, which no file system does onto a folder that is not empty. What a process of
 * this host left that has ended is taken over: removing its file, whose name nobody has
 * again, takes no other process's lock. Whether a process of another host has ended is
 * not known: it counts as alive, and the message says what to remove. Both kinds of lock
 * heed each other, as one host may have locks where another has none. */
attrib_status at_lock_take(attrib_session *session,
                           const char *path,
                           const char *what,
                           bool waits,
                           at_lock *out,
                           attrib_error *err);
void at_lock_release(at_lock *lock); /* removes the file; fine for none */

/* Remove the lock file `path` where no process holds it: what a process left that was
 * killed after its last step. */
void at_lock_clear(const char *path);

/* The same for FOLDER.lock, next to a folder that was renamed when it was whole. */
void at_lock_clear_folder(const char *folder);

/* EIO where something stands at the name that a folder is to get: a file, or a folder
 * that is not empty. The lock of a process that was killed when it had renamed it is
 * removed. */
attrib_status at_lock_check_free(const char *folder, attrib_error *err);

/* The lock file within a folder that one process fills. */
#define AT_FOLDER_LOCK ".attrib-lock"
attrib_status at_lock_folder(const char *folder, at_lock *out, attrib_error *err);

#endif
