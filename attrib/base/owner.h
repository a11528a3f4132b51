/* SPDX-License-Identifier: MIT */
/* Which process a temporary file or a lock belongs to, on whichever host. */
#ifndef AT_BASE_OWNER_H
#define AT_BASE_OWNER_H

#include "base/session.h"

/* A file is written under the name FILE.tmp-OWNER, and renamed when it is whole. OWNER
 * names the host, its boot, the process and a counter, so that no two writers have the
 * same name, whatever host or container they run in. */

/* The temporary name of a file, owned by the caller; another one at each call. */
attrib_status at_temporary_name(const char *path, char **out, attrib_error *err);

typedef enum at_owner {
    AT_OWNER_GONE,    /* it ended on this host, in this boot or an earlier one */
    AT_OWNER_ALIVE,   /* it runs on this host */
    AT_OWNER_UNKNOWN, /* it belongs to another host or container, or is no OWNER at all */
} at_owner;

/* A line that names this process for people, up to the first comma, and, as temporary
 * names do, for at_owner_of(). */
#define AT_HOST_SIZE 65
#define AT_SIGN_SIZE (AT_HOST_SIZE + 128)
void at_sign(char *out, size_t size);

/* Who a file with this name belongs to; *is_temporary is false for other names. */
at_owner at_owner_of(const char *name, bool *is_temporary);

/* Remove the temporary files of processes that have ended from a folder: those of FILE,
 * or of all files where it is NULL. Who holds the folder's lock also removes those of
 * unknown owners, as no other process fills the folder. What cannot be removed stays. */
void at_sweep(const char *folder, const char *file, bool is_locked);

#endif
