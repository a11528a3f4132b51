/* SPDX-License-Identifier: MIT */
/* The private functions of a session: log lines, progress, and the cancel flag that every
 * loop polls. */
#ifndef AT_BASE_SESSION_H
#define AT_BASE_SESSION_H

#include "base/error.h"

/* Log one line; NULL sessions and sessions without a sink drop it. Safe with threads. */
void at_log(attrib_session *session, attrib_log_level level, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* Say that the output of a command is there already, as that command made it before. */
void at_log_finished(attrib_session *session, const char *folder);

/* Whether anyone wants to know how far a job is. */
bool at_is_watched(const attrib_session *session);

/* The processes of the same work on this machine; 1 for a session that is NULL. */
size_t at_session_n_processes(const attrib_session *session);

/* ATTRIB_ECANCELED, with its message, once the session is canceled. */
attrib_status at_poll_cancel(const attrib_session *session, attrib_error *err);

/* Keep in a folder that this process has locked who fills it and how far that is
 * (logbook.h), until at_session_filled(), which is fine for one that was not begun: with
 * ATTRIB_OK the folder is finished, else `err` (may be NULL) says why it is not. */
attrib_status at_session_fill(attrib_session *session,
                              const char *folder,
                              const char *command,
                              attrib_error *err);
/* Say of which documents of a corpus the folder is that is filled: [first, end) of
 * n_corpus. */
attrib_status at_session_fill_documents(attrib_session *session,
                                        size_t first,
                                        size_t end,
                                        size_t n_corpus,
                                        attrib_error *err);
void at_session_filled(attrib_session *session,
                       attrib_status status,
                       const attrib_error *err);

/* A pass of a stage: begin; report from any worker; end, which always reports. A stage of
 * one pass is as long as that. */
typedef struct at_stage {
    attrib_session *session;
    const char *name; /* static */
    size_t total;     /* of this pass */
    double units;     /* of the stage that this pass is worth */
    double first;     /* units and tokens of the stage that were done before it */
    double first_tokens;
    bool is_counted; /* `counted` things are done, of an unknown number */
    size_t counted;
} at_stage;

/* Say how many units a stage has over all passes that follow, and how many of them an
 * earlier process has done. */
void at_stage_declare(attrib_session *session,
                      const char *name,
                      const char *unit,
                      double total,
                      double done);

/* The round of which attrib_session_round() told last: 0 of 1 for a session without any,
 * or that is NULL. */
void at_session_round_of(attrib_session *session, size_t *i, size_t *n);

/* Units of a declared stage that turned out not to be needed. */
void at_stage_skip(attrib_session *session, const char *name, double units);

void at_stage_begin(at_stage *stage,
                    attrib_session *session,
                    const char *name,
                    const char *unit,
                    size_t total);
/* This pass is worth so many units of its declared stage; without it, its total. An
 * earlier process has `done` of the total. */
void at_stage_set(at_stage *stage, double units, size_t done);
/* At most ten reports a second get through. */
void at_stage_report(const at_stage *stage, size_t done);
/* The same for a stage that counts tokens, and for one whose work is not even: `share` of
 * it, from 0 to 1, is done. */
void at_stage_report_tokens(const at_stage *stage, size_t done, size_t tokens);
void at_stage_report_share(const at_stage *stage, double share);
/* The same where `n` things are done, of which nobody knows how many there are, but which
 * share of the stage that is: 0 where this is not known either. */
void at_stage_report_count(at_stage *stage, double share, size_t n);
/* Always reported. */
void at_stage_end_count(at_stage *stage, double share, size_t n);
void at_stage_end(const at_stage *stage, size_t done, size_t tokens);

/* Seconds of the monotonic clock. */
double at_now(void);

/* Processor seconds of the calling thread, which other work on the machine does not add
 * to.
 */
double at_now_busy(void);

#endif
