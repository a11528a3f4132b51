/* SPDX-License-Identifier: MIT */
/* Failures, and the only macros that hide control flow.
 *
 * A function that can fail declares its resources NULL at the top, names its status
 * `status` (ATTRIB_OK at first) and its error `err`, and frees at the one label `done:`.
 */
#ifndef AT_BASE_ERROR_H
#define AT_BASE_ERROR_H

#include "attrib/base.h"

/* Describe a failure and return `status`. A failure already in *err stays: the first one
 * wins. */
attrib_status at_fail(attrib_error *err, attrib_status status, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* Put "context: " before the message of *err, where err holds a failure. Returns
 * `status`. */
attrib_status at_context(attrib_error *err, attrib_status status, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* "No such file or directory" for an errno; never NULL; safe with threads. */
const char *at_errno_text(int error_number, char *buffer, size_t size);

/* "PATH: WHAT: No such file or directory" by errno, or without what (NULL): ENOMEM or
 * EIO. */
attrib_status at_fail_errno(attrib_error *err, const char *path, const char *what);

/* status = call; leave at done: unless it is ATTRIB_OK. */
#define AT_TRY(call)                                                                     \
    do {                                                                                 \
        status = (call);                                                                 \
        if (status != ATTRIB_OK) {                                                       \
            goto done;                                                                   \
        }                                                                                \
    } while (0)

/* Unless `condition` holds, fail with code and message, and leave at done: */
#define AT_CHECK(condition, code, ...)                                                   \
    do {                                                                                 \
        if (!(condition)) {                                                              \
            status = at_fail(err, (code), __VA_ARGS__);                                  \
            goto done;                                                                   \
        }                                                                                \
    } while (0)

#endif
