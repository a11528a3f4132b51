/* SPDX-License-Identifier: MIT */
/* A server, its replies, and what lies between: private to the serve room.
 *
 * 1. Replies.
 * 2. The server.
 * 3. Requests and what they get.
 * 4. Answers. */
#ifndef AT_SERVE_SERVE_H
#define AT_SERVE_SERVE_H

#include "attrib/serve.h"
#include "base/memory.h"
#include "base/worker.h"
#include "serve/question.h"

/* 1. Replies (reply.c) */

/* All members but `question` are seen by the thread that reads the reply and by the
 * server's, under the lock of the worker. */
struct attrib_reply {
    attrib_server *server;
    attrib_reply_head head; /* status 0: not known yet */
    const char *fixed;      /* [head.n_bytes] static bytes in place of `bytes`, or NULL */
    at_buffer bytes;
    size_t n_read;    /* of the bytes */
    bool is_whole;    /* no more comes */
    bool is_asked;    /* its question waits, or is worked on */
    bool is_given_up; /* its reader is gone: who works on it frees it */
    attrib_wake_fn wake;
    void *context;
    at_question question;
};

/* A reply of these bytes, which are taken over, or of static ones. */
attrib_status at_reply_new(attrib_server *server, attrib_reply **out, attrib_error *err);
void at_reply_fill(attrib_reply *reply, int status, const char *type, at_buffer *bytes);
void at_reply_fix(attrib_reply *reply, const char *type, const char *bytes, size_t n);
void at_reply_destroy(attrib_reply *reply);

/* Refuse: {"error": "..."} as one line. With the lock held where others know the reply.
 */
attrib_status at_reply_refuse(attrib_reply *reply,
                              int status,
                              attrib_error *err,
                              const char *format,
                              ...) ATTRIB_PRINTF(4, 5);

/* {"error": "..."} and a newline. */
attrib_status at_append_error(at_buffer *out, const char *message, attrib_error *err);

/* 2. The server (server.c) */

/* Tell a line of JSON, its newline included, before the answer; on any thread. */
typedef void (*at_tell_fn)(void *context, const char *line, size_t n);

/* Answer a question: append the answer's line. What is told while it is worked on goes to
 * `tell`. */
typedef attrib_status (*at_answer_fn)(const attrib_server_job *job,
                                      attrib_session *session,
                                      const at_question *question,
                                      at_tell_fn tell,
                                      void *context,
                                      at_buffer *out,
                                      attrib_error *err);

/* What the server has done, since it began. */
typedef struct at_served {
    uint64_t n_requests;
    uint64_t n_answered; /* questions */
    uint64_t n_refused;  /* requests of all kinds */
    uint64_t n_failed;   /* questions that could not be answered */
    uint64_t n_given_up; /* by those who asked */
    double seconds;      /* that answered questions took, without their waiting */
} at_served;

struct attrib_server {
    attrib_session *session; /* borrowed; may be NULL */
    attrib_server_job job;
    attrib_server_options options;
    char *token; /* owned; NULL: none */
    at_answer_fn answer;
    at_worker *worker;
    double begun; /* at_now() */

    /* Under the lock of the worker. */
    at_served served;
    attrib_session *work; /* of the question that is worked on; NULL: none */
    double until;         /* at_now() when that is canceled */
    bool is_late;         /* it was */
    bool is_ended;        /* questions are refused */
};

/* Make a server that answers by `answer`. */
attrib_status at_server_new(attrib_session *session,
                            const attrib_server_job *job,
                            const attrib_server_options *options,
                            at_answer_fn answer,
                            attrib_server **out,
                            attrib_error *err);

/* Answer a reply's question: the worker's job. */
void at_server_work(void *context, void *job);

/* 3. Requests and what they get (route.c, state.c) */

typedef enum at_place {
    AT_PLACE_NONE,
    AT_PLACE_PAGE,
    AT_PLACE_QUERY,
    AT_PLACE_STATUS,
    AT_PLACE_METRICS
} at_place;

/* Which place a request goes to; where it may not, *out is the refusal. */
attrib_status at_route(attrib_server *server,
                       const attrib_request *request,
                       at_place *place,
                       attrib_reply **out,
                       attrib_error *err);

/* Append what the server is and does: JSON, and the same for Prometheus. */
attrib_status at_append_state(attrib_server *server, at_buffer *out, attrib_error *err);
attrib_status at_append_metrics(attrib_server *server, at_buffer *out, attrib_error *err);

/* 4. Answers (answer.c) */

attrib_status at_answer_question(const attrib_server_job *job,
                                 attrib_session *session,
                                 const at_question *question,
                                 at_tell_fn tell,
                                 void *context,
                                 at_buffer *out,
                                 attrib_error *err);

/* A stage of the work as a line of JSON. */
attrib_status at_append_progress(at_buffer *out,
                                 const attrib_progress *progress,
                                 attrib_error *err);

/* The page, made of attrib/serve/page by the build. */
extern const unsigned char at_serve_page[];
extern const size_t at_serve_page_bytes;

#endif
