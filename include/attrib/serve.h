/* SPDX-License-Identifier: MIT */
/* A server's part of HTTP: requests come in as they were read, replies go out, and
 * questions are answered one after the other on a thread of the server's own. Sockets are
 * the program's. */
#ifndef ATTRIB_SERVE_H
#define ATTRIB_SERVE_H

#include <attrib/score.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What questions are asked of; attrib_server_job_default() fills it. Everything is
 * borrowed until attrib_server_close(). */
typedef struct attrib_server_job {
    size_t size;      /**< sizeof the struct; set by attrib_server_job_default() */
    const char *name; /**< what the page and the state call it: the folder of the index */
    const attrib_model *model;
    const attrib_tokenizer *tokenizer;
    const attrib_factors *factors;
    const attrib_corpus *corpus;
    const attrib_corpus_options *corpus_options; /**< how prompts become tokens */
    const attrib_index *index;
    const attrib_score_options *options; /**< of all questions, but for what they say */
} attrib_server_job;

/** Fill `job`: nothing but its size. All must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_server_job_init(attrib_server_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_server_job_default(attrib_server_job *job)
{
    attrib_server_job_init(job, sizeof *job);
}

/** What a server takes; attrib_server_options_default() fills it. What is beyond is
 * refused. */
typedef struct attrib_server_options {
    size_t size;        /**< sizeof the struct; set by attrib_server_options_default() */
    size_t max_waiting; /**< questions that wait while one is answered; default 64 */
    size_t n_exact;     /**< documents of either end that are scored exactly where a
                           question does not say; default 10 */
    size_t max_exact;   /**< and the most that it may say; default 100 */
    size_t max_body;    /**< bytes of a question; default 1 MiB */
    double max_seconds; /**< that a question is worked on; default 60 */
    const char *token;  /**< that requests must carry, but for the page; NULL: none */
    bool is_public; /**< any Host is served; else those alone that name this machine, so
                       that no page of the web reaches it under a name of its own */
} attrib_server_options;

/** The same as a table, for command lines: all but the token and is_public.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_server_options_table(void);

/** Fill `options`.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_server_options_init(attrib_server_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_server_options_default(attrib_server_options *options)
{
    attrib_server_options_init(options, sizeof *options);
}

/** A server; its functions may be called by several threads at a time. */
typedef struct attrib_server attrib_server;

/**
 * Make a server, whose thread waits for questions.
 *
 * @param session  its threads work on each question, and once it is canceled the server
 *                 is to end (attrib_server_is_ending()); may be NULL: one thread
 * @param job      copied; what it points to is borrowed
 * @param options  may be NULL: the defaults; copied
 * @param out      owned by the caller; written only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for options out of range and for what is not set;
 * ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_server_open(attrib_session *session,
                   const attrib_server_job *job,
                   const attrib_server_options *options,
                   attrib_server **out,
                   attrib_error *err);

/** A request; attrib_request_default() fills it. Everything is borrowed. Texts of headers
 * are NULL where there is no such header. */
typedef struct attrib_request {
    size_t size;               /**< sizeof the struct; set by attrib_request_default() */
    const char *method, *path; /**< "POST", "/query"; without what follows a "?" */
    const char *host, *origin, *authorization, *content_type;
    bool has_length;    /**< the request says how long its body is */
    uint64_t n_content; /**< the bytes that it says */
    const char *body;   /**< [n_body]; NULL before it was read */
    size_t n_body;
} attrib_request;

/** Fill `request`: nothing but its size.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_request_init(attrib_request *request, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_request_default(attrib_request *request)
{
    attrib_request_init(request, sizeof *request);
}

/** A reply, of which more may come. */
typedef struct attrib_reply attrib_reply;

/** Called when a reply has more to read, from the server's thread, which holds its lock:
 * nothing of the server may be called. */
typedef void (*attrib_wake_fn)(void *context);

/**
 * Look at the head of a request, before its body is read.
 *
 * @param out  the refusal, owned by the caller; NULL where the body is to be read, and
 *             attrib_server_take() to be called
 * @return ATTRIB_OK; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_server_check(attrib_server *server,
                    const attrib_request *request,
                    attrib_reply **out,
                    attrib_error *err);

/**
 * Reply to a request. What is refused has a reply that says so.
 *
 *     GET /         a page that asks
 *     POST /query   {prompt, completion, against, measure, exact, top, time,
 *                   certify, where, stages}: a line of JSON for each stage, the last
 * being the answer as attrib_export_json() writes it; the answer alone where stages is
 *                   false
 *     GET /status   what the server is and does, JSON
 *     GET /metrics  the same for Prometheus
 *
 * @param wake     called once for each change that is to be read; may be NULL
 * @param context  of `wake`
 * @param out      owned by the caller
 * @return ATTRIB_OK; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_server_take(attrib_server *server,
                   const attrib_request *request,
                   attrib_wake_fn wake,
                   void *context,
                   attrib_reply **out,
                   attrib_error *err);

/** The head of a reply. Texts are static. */
typedef struct attrib_reply_head {
    int status;         /**< of HTTP */
    const char *type;   /**< Content-Type */
    const char *allow;  /**< Allow; NULL: none */
    const char *policy; /**< Content-Security-Policy */
    bool is_later;      /**< refused for now: Retry-After: 1 */
    bool is_unknown;    /**< 401: WWW-Authenticate: Bearer */
    bool has_length;    /**< no more comes */
    size_t n_bytes;     /**< all that comes, where it has a length */
} attrib_reply_head;

/** The head; NULL while it is not known.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_reply_head *attrib_reply_describe(attrib_reply *reply);

/** Take what is there, n bytes at most.
 *
 * @param n_out  bytes taken; 0: wait
 * @return ATTRIB_OK; ATTRIB_END where all was taken.
 * @par Threads  One thread a reply.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_reply_read(attrib_reply *reply,
                                                             char *out,
                                                             size_t n,
                                                             size_t *n_out);

/** Free a reply; NULL is fine. One whose question is not answered gives it up: it is
 * taken from those that wait, or the work on it is canceled. `wake` is not called any
 * more.
 * @par Threads  Safe on distinct replies.
 */
ATTRIB_API void attrib_reply_free(attrib_reply *reply);

/** To be called now and then, at least every half second: cancel a question that has been
 * worked on for longer than max_seconds.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_server_tick(attrib_server *server);

/** Whether the server is to end: its session was canceled.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_server_is_ending(const attrib_server *server);

/** Refuse all questions from now on, those that wait too. The one that is worked on has
 * so many seconds, if attrib_server_tick() is called.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_server_end(attrib_server *server, double seconds);

/** Wait until no question is worked on, so many seconds at most; whether that is so.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_server_rest(attrib_server *server, double seconds);

/** Close a server; NULL is fine. Waits until the question that is worked on was canceled.
 * All replies must have been freed.
 * @par Threads  No other call of it may be running.
 */
ATTRIB_API void attrib_server_close(attrib_server *server);

#ifdef __cplusplus
}
#endif
#endif
