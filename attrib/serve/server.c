/* SPDX-License-Identifier: MIT */
/* A server: opened, at work, and brought to its end.
 *
 * 1. Options.
 * 2. Opening and closing.
 * 3. A question is worked on.
 * 4. Requests taken.
 * 5. Time and the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "base/session.h"
#include "base/sized.h"
#include "serve/serve.h"

/* Lines of progress that nobody reads are left out beyond so many bytes: the answer comes
 * all the same. */
#define MAX_UNREAD ((size_t)64 << 10)

/* 1. Options */

static const attrib_option table[] = {
    {.name = "max-waiting",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = offsetof(attrib_server_options, max_waiting),
     .value = "N",
     .standard = "64",
     .min = 1,
     .max = 100000,
     .help = "questions that wait while one is answered; more are refused (503)"},
    {.name = "exact",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = offsetof(attrib_server_options, n_exact),
     .value = "K",
     .standard = "10",
     .min = 1,
     .max = 1e9,
     .help = "documents of either end that are scored exactly where a question does not "
             "say how many"},
    {.name = "max-exact",
     .kind = ATTRIB_OPTION_SIZE,
     .offset = offsetof(attrib_server_options, max_exact),
     .value = "K",
     .standard = "100",
     .min = 1,
     .max = 1e9,
     .help = "documents of either end that a question may have scored exactly"},
    {.name = "max-body",
     .kind = ATTRIB_OPTION_BYTES,
     .offset = offsetof(attrib_server_options, max_body),
     .value = "SIZE",
     .standard = "1M",
     .help = "largest size of a question; longer ones are refused (413)"},
    {.name = "max-seconds",
     .kind = ATTRIB_OPTION_NUMBER,
     .offset = offsetof(attrib_server_options, max_seconds),
     .value = "S",
     .standard = "60",
     .min = 0.01,
     .max = 1e6,
     .help = "that a question is worked on; what takes longer is stopped (504)"},
    {0},
};

const attrib_option *attrib_server_options_table(void)
{
    return table;
}

void attrib_server_options_init(attrib_server_options *options, size_t size)
{
    attrib_server_options standard = {0};
    attrib_options_default(table, &standard);
    at_sized_fill(&standard, sizeof standard, options, size);
}

void attrib_server_job_init(attrib_server_job *job, size_t size)
{
    const attrib_server_job standard = {0};
    at_sized_fill(&standard, sizeof standard, job, size);
}

void attrib_request_init(attrib_request *request, size_t size)
{
    const attrib_request standard = {0};
    at_sized_fill(&standard, sizeof standard, request, size);
}

/* 2. Opening and closing */

static attrib_status check_options(const attrib_server_options *options,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_options_check(table, options, err));
    AT_CHECK(options->n_exact <= options->max_exact, ATTRIB_EINVAL,
             "exact: %zu: max-exact is %zu", options->n_exact, options->max_exact);
    AT_CHECK(options->max_body >= 1, ATTRIB_EINVAL, "max-body: 0");
    AT_CHECK(!options->token || *options->token, ATTRIB_EINVAL, "the token is empty");
done:
    return status;
}

attrib_status at_server_new(attrib_session *session,
                            const attrib_server_job *job,
                            const attrib_server_options *options,
                            at_answer_fn answer,
                            attrib_server **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_server *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    made->session = session;
    made->answer = answer;
    made->begun = at_now();
    attrib_server_job_default(&made->job);
    attrib_server_options_default(&made->options);
    AT_TRY(at_sized_take(job, "server_job", &made->job, err));
    AT_TRY(at_sized_take(options, "server_options", &made->options, err));
    AT_TRY(check_options(&made->options, err));
    if (made->options.token) {
        AT_TRY(at_copy_text(made->options.token, strlen(made->options.token),
                            &made->token, err));
        made->options.token = made->token;
    }
    AT_TRY(at_worker_new(made->options.max_waiting, at_server_work, made, &made->worker,
                         err));
    *out = made;
    made = NULL;
done:
    attrib_server_close(made);
    return status;
}

attrib_status attrib_server_open(attrib_session *session,
                                 const attrib_server_job *job,
                                 const attrib_server_options *options,
                                 attrib_server **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_server_job known;
    attrib_server_job_default(&known);
    AT_TRY(at_sized_take(job, "server_job", &known, err));
    AT_CHECK(known.name && known.model && known.tokenizer && known.corpus &&
                 known.corpus_options && known.index && known.options,
             ATTRIB_EINVAL,
             "a server needs a name, a model with its tokenizer, a corpus, an index and "
             "options");
    AT_TRY(at_server_new(session, &known, options, at_answer_question, out, err));
done:
    return status;
}

void attrib_server_close(attrib_server *server)
{
    if (server) {
        if (server->worker) {
            attrib_server_end(server, 0);
            attrib_server_tick(server);
            at_worker_free(server->worker);
        }
        free(server->token);
        free(server);
    }
}

/* 3. A question is worked on */

/* With the lock held: call whoever reads the reply. */
static void wake(attrib_reply *reply)
{
    if (reply->wake) {
        reply->wake(reply->context);
    }
}

/* A reply's answer is on its way: lines follow. With the lock held. */
static void begin_lines(attrib_reply *reply)
{
    if (reply->head.status == 0) {
        at_buffer none = {0};
        at_reply_fill(reply, 200, "application/x-ndjson", &none);
        reply->head.has_length = false;
        reply->is_whole = false;
    }
}

static void tell(void *context, const char *line, size_t n)
{
    attrib_reply *reply = context;
    at_worker *worker = reply->server->worker;
    attrib_error ignored = {0};
    at_worker_lock(worker);
    if (!reply->is_given_up && reply->question.has_stages &&
        reply->bytes.n_bytes - reply->n_read < MAX_UNREAD) {
        begin_lines(reply);
        (void)at_buffer_append(&reply->bytes, line, n, &ignored);
        wake(reply);
    }
    at_worker_unlock(worker);
}

static void tell_progress(void *context, const attrib_progress *progress)
{
    const attrib_reply *reply = context;
    at_buffer line = {0};
    attrib_error ignored = {0};
    attrib_server_tick(reply->server);
    if (at_append_progress(&line, progress, &ignored) == ATTRIB_OK) {
        tell(context, line.bytes, line.n_bytes);
    }
    at_buffer_free(&line);
}

static void pass_log(void *context, attrib_log_level level, const char *line)
{
    at_log(context, level, "%s", line);
}

/* A question has a session of its own, so that it alone is canceled. */
static attrib_status open_session(attrib_server *server,
                                  attrib_reply *reply,
                                  attrib_session **out,
                                  attrib_error *err)
{
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.n_threads = server->session ? attrib_session_n_threads(server->session) : 1;
    options.log = pass_log;
    options.log_context = server->session;
    options.progress = tell_progress;
    options.progress_context = reply;
    return attrib_session_new(&options, out, err);
}

/* The reply to a question that could not be answered. With the lock held. */
static void fail(attrib_server *server, attrib_reply *reply, attrib_error *why)
{
    attrib_error ignored = {0};
    attrib_status status = why->status;
    int code = 400;
    if (status == ATTRIB_ECANCELED) {
        code = server->is_late && !server->is_ended ? 504 : 503;
        snprintf(why->message, sizeof why->message, "the server is ending");
        if (code == 504) {
            snprintf(why->message, sizeof why->message,
                     "the question took longer than %g s", server->options.max_seconds);
        }
    } else if (status == ATTRIB_ENOMEM) {
        code = 503;
    } else if (status == ATTRIB_EIO || status == ATTRIB_ENUMERIC) {
        code = 500;
    }
    if (reply->head.status == 0) {
        status = at_reply_refuse(reply, code, &ignored, "%s", why->message);
        if (status != ATTRIB_OK) {
            at_reply_fill(reply, 503, "application/json", &(at_buffer){0});
        }
    } else {
        (void)at_append_error(&reply->bytes, why->message, &ignored);
        reply->is_whole = true;
    }
}

/* Hand out the answer, or why there is none. With the lock held. */
static void finish(attrib_server *server,
                   attrib_reply *reply,
                   at_buffer *answer,
                   attrib_error *why)
{
    if (why->status == ATTRIB_OK && reply->head.status == 0) {
        at_reply_fill(reply, 200,
                      reply->question.has_stages ? "application/x-ndjson"
                                                 : "application/json",
                      answer);
    } else if (why->status == ATTRIB_OK &&
               at_buffer_append(&reply->bytes, answer->bytes, answer->n_bytes, why) ==
                   ATTRIB_OK) {
        reply->is_whole = true;
    } else {
        fail(server, reply, why);
    }
    wake(reply);
}

/* The question is this one from now on; false where nobody waits for it any more. */
static bool begin(attrib_server *server, const attrib_reply *reply, attrib_session *work)
{
    at_worker_lock(server->worker);
    bool is_wanted = !reply->is_given_up && !server->is_ended;
    server->work = work;
    server->until = at_now() + server->options.max_seconds;
    server->is_late = false;
    at_worker_unlock(server->worker);
    return is_wanted;
}

void at_server_work(void *context, void *job)
{
    attrib_server *server = context;
    attrib_reply *reply = job;
    attrib_session *work = NULL;
    attrib_error err = {0};
    at_buffer answer = {0};
    double since = at_now();
    attrib_status status = open_session(server, reply, &work, &err);
    if (status == ATTRIB_OK) {
        status = begin(server, reply, work)
                     ? server->answer(&server->job, work, &reply->question, tell, reply,
                                      &answer, &err)
                     : at_fail(&err, ATTRIB_ECANCELED, "given up");
    }
    err.status = status;
    at_worker_lock(server->worker);
    server->work = NULL;
    reply->is_asked = false;
    bool is_given_up = reply->is_given_up;
    if (!is_given_up) {
        finish(server, reply, &answer, &err);
        server->served.n_answered += err.status == ATTRIB_OK;
        server->served.n_failed += err.status != ATTRIB_OK;
        server->served.seconds += err.status == ATTRIB_OK ? at_now() - since : 0;
    }
    at_worker_unlock(server->worker);
    if (is_given_up) {
        at_reply_destroy(reply);
    }
    attrib_session_free(work);
    at_buffer_free(&answer);
}

/* 4. Requests taken */

/* Let a reply's question wait for its turn. */
static attrib_status queue(attrib_server *server, attrib_reply *reply, attrib_error *err)
{
    at_worker_lock(server->worker);
    bool is_ended = server->is_ended;
    bool is_taken = !is_ended && at_worker_give(server->worker, reply);
    reply->is_asked = is_taken;
    at_worker_unlock(server->worker);
    if (is_taken) {
        return ATTRIB_OK;
    }
    return is_ended ? at_reply_refuse(reply, 503, err, "the server is ending")
                    : at_reply_refuse(reply, 503, err,
                                      "%zu questions wait already: ask again later",
                                      server->options.max_waiting);
}

static attrib_status take_question(attrib_server *server,
                                   const attrib_request *request,
                                   attrib_reply *reply,
                                   attrib_error *err)
{
    attrib_error why = {0};
    const attrib_score_options *options = server->job.options;
    size_t max_exact = server->options.max_exact;
    size_t top = options ? at_smaller(options->top, max_exact) : 10;
    attrib_status status =
        at_question_read(request->body ? request->body : "", request->n_body, max_exact,
                         server->options.n_exact, top, &reply->question, &why);
    if (status == ATTRIB_ENOMEM) {
        return at_fail(err, status, "%s", why.message);
    }
    return status == ATTRIB_OK ? queue(server, reply, err)
                               : at_reply_refuse(reply, 400, err, "%s", why.message);
}

static attrib_status show(attrib_server *server,
                          at_place place,
                          attrib_reply *reply,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    if (place == AT_PLACE_PAGE) {
        at_reply_fix(reply, "text/html; charset=utf-8", (const char *)at_serve_page,
                     at_serve_page_bytes);
    } else if (place == AT_PLACE_STATUS) {
        AT_TRY(at_append_state(server, &text, err));
        at_reply_fill(reply, 200, "application/json", &text);
    } else {
        AT_TRY(at_append_metrics(server, &text, err));
        at_reply_fill(reply, 200, "text/plain; version=0.0.4", &text);
    }
done:
    at_buffer_free(&text);
    return status;
}

static void count(attrib_server *server, const attrib_reply *reply)
{
    at_worker_lock(server->worker);
    server->served.n_requests++;
    server->served.n_refused += reply && reply->is_whole && reply->head.status >= 400;
    at_worker_unlock(server->worker);
}

attrib_status attrib_server_check(attrib_server *server,
                                  const attrib_request *request,
                                  attrib_reply **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_place place = AT_PLACE_NONE;
    attrib_request known;
    attrib_request_default(&known);
    *out = NULL;
    AT_TRY(at_sized_take(request, "request", &known, err));
    AT_TRY(at_route(server, &known, &place, out, err));
    if (*out) {
        count(server, *out);
    }
done:
    return status;
}

attrib_status attrib_server_take(attrib_server *server,
                                 const attrib_request *request,
                                 attrib_wake_fn wake_fn,
                                 void *context,
                                 attrib_reply **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_place place = AT_PLACE_NONE;
    attrib_reply *made = NULL;
    attrib_request known;
    attrib_request_default(&known);
    AT_TRY(at_sized_take(request, "request", &known, err));
    AT_TRY(at_route(server, &known, &place, &made, err));
    if (!made) {
        AT_TRY(at_reply_new(server, &made, err));
        made->wake = wake_fn;
        made->context = context;
        AT_TRY(place == AT_PLACE_QUERY ? take_question(server, &known, made, err)
                                       : show(server, place, made, err));
    }
    count(server, made);
    *out = made;
    made = NULL;
done:
    at_reply_destroy(made);
    return status;
}

/* 5. Time and the end */

void attrib_server_tick(attrib_server *server)
{
    at_worker_lock(server->worker);
    if (server->work && at_now() >= server->until) {
        server->is_late = true;
        attrib_session_cancel(server->work);
    }
    at_worker_unlock(server->worker);
}

bool attrib_server_is_ending(const attrib_server *server)
{
    return at_poll_cancel(server->session, NULL) != ATTRIB_OK;
}

void attrib_server_end(attrib_server *server, double seconds)
{
    attrib_error ignored = {0};
    at_worker_lock(server->worker);
    server->is_ended = true;
    double until = at_now() + seconds;
    server->until = server->until < until ? server->until : until;
    while (at_worker_n_waiting(server->worker) > 0) {
        attrib_reply *reply = at_worker_waiting(server->worker, 0);
        at_worker_take_back(server->worker, reply);
        reply->is_asked = false;
        (void)at_reply_refuse(reply, 503, &ignored, "the server is ending");
        wake(reply);
    }
    at_worker_unlock(server->worker);
}

bool attrib_server_rest(attrib_server *server, double seconds)
{
    return at_worker_rest(server->worker, seconds);
}
