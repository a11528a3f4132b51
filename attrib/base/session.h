/* SPDX-License-Identifier: MIT */
/* The private functions of a session: log lines, progress, and the cancel flag that every
 * loop polls. */
#ifndef AT_BASE_SESSION_H
#define AT_BASE_SESSION_H

#include "base/error.h"

/* Log one line; NULL sessions and sessions without a sink drop it. Safe with threads. */
void at_log(attrib_session *session, attrib_log_level level, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* ATTRIB_ECANCELED, with its message, once the session is canceled. */
attrib_status at_poll_cancel(const attrib_session *session, attrib_error *err);

/* Progress of one stage: begin; report from any worker; end, which always reports. */
typedef struct at_stage {
    attrib_session *session;
    const char *name, *unit; /* static */
    size_t total;
    double start; /* at_now() */
} at_stage;

void at_stage_begin(at_stage *stage,
                    attrib_session *session,
                    const char *name,
                    const char *unit,
                    size_t total);
void at_stage_report(const at_stage *stage,
                     size_t done); /* at most ten a second get through */
void at_stage_end(const at_stage *stage, size_t done); /* always reported */

/* Seconds of the monotonic clock. */
double at_now(void);

/* Processor seconds of the calling thread, which other work on the machine does not add
 * to.
 */
double at_now_busy(void);

#endif
