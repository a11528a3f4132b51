/* SPDX-License-Identifier: MIT */
/* Requests and their replies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/serve_http.h"

double http_now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void http_enter(client *one, phase to)
{
    one->phase = to;
    one->since = http_now();
}

/* Called by the server's thread: a reply has more. */
static void on_more(void *context)
{
    call *one = context;
    const uint64_t ring = 1;
    atomic_store(&one->has_more, true);
    ssize_t n = write(one->self->bell, &ring, sizeof ring);
    (void)n; /* a bell that is full was rung */
}

static void suspend(call *one)
{
    http *self = one->self;
    one->next = self->suspended;
    one->link = &self->suspended;
    if (one->next) {
        one->next->link = &one->next;
    }
    self->suspended = one;
    MHD_suspend_connection(one->connection);
}

static void unlink_suspended(call *one)
{
    if (one->link) {
        *one->link = one->next;
        if (one->next) {
            one->next->link = one->link;
        }
        one->link = NULL;
    }
}

void http_resume(call *one)
{
    unlink_suspended(one);
    MHD_resume_connection(one->connection);
}

/* Hand out what there is of a reply. */
static ssize_t read_reply(void *context, uint64_t position, char *out, size_t n_most)
{
    call *one = context;
    size_t n = 0;
    (void)position;
    atomic_store(&one->has_more, false); /* what comes from here on rings again */
    if (one->is_gone) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (attrib_reply_read(one->reply, out, n_most, &n) == ATTRIB_END) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (n == 0) {
        http_enter(one->client, WAITING);
        suspend(one);
    } else if (one->client->phase == WAITING) {
        http_enter(one->client, WRITING);
    }
    return (ssize_t)n;
}

static void add_headers(struct MHD_Response *response, const attrib_reply_head *head)
{
    MHD_add_response_header(response, "Content-Type", head->type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
    if (head->policy) {
        MHD_add_response_header(response, "Content-Security-Policy", head->policy);
    }
    if (head->allow) {
        MHD_add_response_header(response, "Allow", head->allow);
    }
    if (head->is_later) {
        MHD_add_response_header(response, "Retry-After", "1");
    }
    if (head->is_unknown) {
        MHD_add_response_header(response, "WWW-Authenticate", "Bearer");
    }
}

/* Begin the reply to a request, or wait until it has a head. `is_whole`: so was the
 * request; else the connection is closed after the reply. */
static enum MHD_Result send_reply(call *one, bool is_whole)
{
    if (one->is_gone) {
        return MHD_NO;
    }
    atomic_store(&one->has_more, false);
    const attrib_reply_head *head = attrib_reply_describe(one->reply);
    if (!head) {
        suspend(one);
        return MHD_YES;
    }
    uint64_t n = head->has_length ? head->n_bytes : MHD_SIZE_UNKNOWN;
    struct MHD_Response *response =
        MHD_create_response_from_callback(n, 16384, read_reply, one, NULL);
    if (!response) {
        return MHD_NO;
    }
    add_headers(response, head);
    if (!is_whole) {
        MHD_add_response_header(response, "Connection", "close");
    }
    http_enter(one->client, WRITING);
    enum MHD_Result result =
        MHD_queue_response(one->connection, (unsigned)head->status, response);
    MHD_destroy_response(response);
    return result;
}

/* A refusal that the server is not asked for. */
static enum MHD_Result refuse(struct MHD_Connection *connection, const char *why)
{
    char text[128];
    int n = snprintf(text, sizeof text, "{\"error\":\"%s\"}\n", why);
    struct MHD_Response *response =
        MHD_create_response_from_buffer((size_t)n, text, MHD_RESPMEM_MUST_COPY);
    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, "Content-Type", "application/json");
    MHD_add_response_header(response, "Retry-After", "1");
    MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result =
        MHD_queue_response(connection, MHD_HTTP_SERVICE_UNAVAILABLE, response);
    MHD_destroy_response(response);
    return result;
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static attrib_request describe(struct MHD_Connection *connection,
                               const char *method,
                               const char *path)
{
    attrib_request request;
    attrib_request_default(&request);
    const char *length = header(connection, "Content-Length");
    request.method = method;
    request.path = path;
    request.host = header(connection, "Host");
    request.origin = header(connection, "Origin");
    request.authorization = header(connection, "Authorization");
    request.content_type = header(connection, "Content-Type");
    request.has_length = length != NULL;
    request.n_content = length ? strtoull(length, NULL, 10) : 0;
    return request;
}

/* Whether a body follows that is on its way already. A reply that does not wait for it is
 * lost where the system, as the connection is closed with bytes unread, resets it. */
static bool has_body(struct MHD_Connection *connection, const attrib_request *request)
{
    return (request->n_content > 0 || header(connection, "Transfer-Encoding")) &&
           !header(connection, "Expect");
}

/* The head of a request has come. */
static enum MHD_Result begin_call(http *self,
                                  struct MHD_Connection *connection,
                                  const attrib_request *request,
                                  void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    attrib_error err = {0};
    client *from = info ? info->socket_context : NULL;
    call *one = from ? calloc(1, sizeof *one) : NULL;
    *context = one;
    if (!one) {
        return MHD_NO;
    }
    *one = (call){.self = self, .client = from, .connection = connection};
    if (self->n_clients > MAX_SERVED) {
        return refuse(connection, "too many connections: ask again later");
    }
    if (attrib_server_check(self->server, request, &one->reply, &err) != ATTRIB_OK) {
        return refuse(connection, "out of memory");
    }
    return one->reply && !has_body(connection, request) ? send_reply(one, false)
                                                        : MHD_YES;
}

/* Keep a piece of the body of a request; of one that is refused, nothing. */
static bool keep_body(call *one, attrib_request *request, const char *bytes, size_t n)
{
    attrib_error err = {0};
    request->has_length = true;
    request->n_content = one->n_body + n;
    if (!one->reply &&
        attrib_server_check(one->self->server, request, &one->reply, &err) != ATTRIB_OK) {
        return false;
    }
    if (one->reply) {
        return true;
    }
    if (one->n_body + n > one->capacity) {
        size_t capacity = 2 * one->capacity + n;
        char *grown = realloc(one->body, capacity);
        if (!grown) {
            return false;
        }
        one->body = grown;
        one->capacity = capacity;
    }
    memcpy(one->body + one->n_body, bytes, n);
    one->n_body += n;
    return true;
}

/* Hand a request that has come whole to the server. */
static enum MHD_Result take_call(call *one, attrib_request *request)
{
    attrib_error err = {0};
    request->body = one->body;
    request->n_body = one->n_body;
    http_enter(one->client, WAITING);
    if (attrib_server_take(one->self->server, request, on_more, one, &one->reply, &err) !=
        ATTRIB_OK) {
        return refuse(one->connection, "out of memory");
    }
    return send_reply(one, true);
}

/* Called for the head of a request, for each piece of its body, for its end, and again
 * when it is resumed. */
enum MHD_Result http_take(void *context,
                          struct MHD_Connection *connection,
                          const char *path,
                          const char *method,
                          const char *version,
                          const char *data,
                          size_t *n_data,
                          void **request_context)
{
    http *self = context;
    call *one = *request_context;
    attrib_request request = describe(connection, method, path);
    (void)version;
    if (!one) {
        return begin_call(self, connection, &request, request_context);
    }
    if (*n_data > 0) {
        bool is_kept = keep_body(one, &request, data, *n_data);
        *n_data = 0;
        return is_kept ? MHD_YES : MHD_NO;
    }
    return one->reply ? send_reply(one, true) : take_call(one, &request);
}

/* A request is over, well or not. */
void http_complete(void *context,
                   struct MHD_Connection *connection,
                   void **request_context,
                   enum MHD_RequestTerminationCode code)
{
    call *one = *request_context;
    (void)context;
    (void)connection;
    (void)code;
    if (one) {
        unlink_suspended(one);
        attrib_reply_free(one->reply);
        http_enter(one->client, READING);
        one->client->was_replied = true;
        free(one->body);
        free(one);
        *request_context = NULL;
    }
}
