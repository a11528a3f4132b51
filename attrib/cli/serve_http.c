/* SPDX-License-Identifier: MIT */
/* The module that speaks HTTP, by libmicrohttpd: connections, their requests, and the
 * time that both may take. One thread does all of it; answers come from the server's.
 *
 * 1. Connections.
 * 2. Requests and their replies.
 * 3. Who waits for a reply.
 * 4. Time.
 * 5. The loop. */
#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli/serve.h"

extern const serve_calls attrib_http;

/* Connections that are served at a time, beyond which each is told so; and those that are
 * taken for that. Further ones wait in the system. */
#define MAX_SERVED      256
#define MAX_CONNECTIONS (MAX_SERVED + 32)

/* Bytes of a connection, among which its request's head must find room. */
#define MAX_HEAD ((size_t)32 << 10)

/* Seconds after which a connection between requests is seen to be half closed. */
#define HALF_SECONDS 0.2

/* Seconds in which a request must have come whole, counted from the reply before it; in
 * which a reply that is whole must have been read; and without a byte either way. */
#define READ_SECONDS  15.0
#define WRITE_SECONDS 60.0
#define IDLE_SECONDS  30u

/* The loop looks at the time this often. */
#define TICK_MILLISECONDS 200

/* Seconds that the question in hand has when the server ends, and that replies have to
 * reach their readers. */
#define LAST_ANSWER 0.8
#define LAST_REPLY  0.6

typedef struct http http;

/* What a connection is at. */
typedef enum phase { READING, WAITING, WRITING } phase;

/* A connection. */
typedef struct client {
    http *self;
    struct client *next, **link;
    int socket;
    phase phase;
    double since;     /* seconds of the clock when it began with this */
    bool was_replied; /* to a request before */
} client;

/* A request of a connection. */
typedef struct call {
    http *self;
    client *client;
    struct MHD_Connection *connection;
    struct call *next, **link; /* among those that are suspended; link NULL: it is not */
    char *body;                /* owned */
    size_t n_body, capacity;
    attrib_reply *reply; /* NULL: not taken yet */
    atomic_bool has_more;
    bool is_gone; /* whoever asked */
} call;

struct http {
    attrib_server *server;
    struct MHD_Daemon *daemon;
    int bell;        /* rung by replies that have more: an eventfd */
    client *clients; /* all of them */
    size_t n_clients;
    call *suspended;       /* those that wait for their reply */
    struct pollfd *polled; /* [2 + MAX_CONNECTIONS] */
};

/* The module is loaded by the program, whose functions it does not see. */
static attrib_status fail(attrib_error *err, attrib_status status, const char *message)
{
    if (err && err->status == ATTRIB_OK) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "%s", message);
    }
    return status;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* 1. Connections */

static void enter(client *one, phase to)
{
    one->phase = to;
    one->since = now();
}

static void open_client(http *self, struct MHD_Connection *connection, void **context)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    client *one = calloc(1, sizeof *one);
    *context = one;
    if (!one) {
        return; /* its requests are refused */
    }
    one->self = self;
    one->socket = info ? info->connect_fd : -1;
    one->next = self->clients;
    one->link = &self->clients;
    if (one->next) {
        one->next->link = &one->next;
    }
    self->clients = one;
    self->n_clients++;
    enter(one, READING);
}

static void close_client(http *self, client *one)
{
    if (one) {
        *one->link = one->next;
        if (one->next) {
            one->next->link = one->link;
        }
        self->n_clients--;
        free(one);
    }
}

static void on_connection(void *context,
                          struct MHD_Connection *connection,
                          void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_client(context, connection, socket_context);
    } else {
        close_client(context, *socket_context);
        *socket_context = NULL;
    }
}

/* 2. Requests and their replies */

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

static void resume(call *one)
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
        enter(one->client, WAITING);
        suspend(one);
    } else if (one->client->phase == WAITING) {
        enter(one->client, WRITING);
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
 * request; else the connection is closed behind the reply. */
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
    enter(one->client, WRITING);
    enum MHD_Result result =
        MHD_queue_response(one->connection, (unsigned)head->status, response);
    MHD_destroy_response(response);
    return result;
}

/* A refusal that the server is not asked for. */
static enum MHD_Result refuse(struct MHD_Connection *connection, const char *text)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(
        strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT);
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
        return refuse(connection,
                      "{\"error\":\"too many connections: ask again later\"}\n");
    }
    if (attrib_server_check(self->server, request, &one->reply, &err) != ATTRIB_OK) {
        return refuse(connection, "{\"error\":\"out of memory\"}\n");
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
    enter(one->client, WAITING);
    if (attrib_server_take(one->self->server, request, on_more, one, &one->reply, &err) !=
        ATTRIB_OK) {
        return refuse(one->connection, "{\"error\":\"out of memory\"}\n");
    }
    return send_reply(one, true);
}

/* Called for the head of a request, for each piece of its body, for its end, and again
 * when it is resumed. */
static enum MHD_Result on_request(void *context,
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
static void on_completed(void *context,
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
        enter(one->client, READING);
        one->client->was_replied = true;
        free(one->body);
        free(one);
        *request_context = NULL;
    }
}

/* 3. Who waits for a reply */

/* Whoever asked and has closed the connection since, or the half of it that could ask
 * more, waits for nothing. */
static void give_up(call *one)
{
    one->is_gone = true;
    shutdown(one->client->socket, SHUT_RDWR);
    resume(one);
}

/* Resume those whose reply has more. */
static void resume_ready(http *self)
{
    uint64_t rings = 0;
    ssize_t n = read(self->bell, &rings, sizeof rings);
    (void)n;
    for (call *one = self->suspended; one;) {
        call *next = one->next;
        if (atomic_load(&one->has_more)) {
            resume(one);
        }
        one = next;
    }
}

/* Wait for connections, replies and those that go away. */
static void wait_for_all(http *self, int milliseconds)
{
    const union MHD_DaemonInfo *info =
        MHD_get_daemon_info(self->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    nfds_t n = 0;
    self->polled[n++] = (struct pollfd){info ? info->epoll_fd : -1, POLLIN, 0};
    self->polled[n++] = (struct pollfd){self->bell, POLLIN, 0};
    for (call *one = self->suspended; one; one = one->next) {
        self->polled[n++] = (struct pollfd){one->client->socket, POLLRDHUP, 0};
    }
    if (poll(self->polled, n, milliseconds) <= 0) {
        return;
    }
    size_t i = 2;
    for (call *one = self->suspended; one; i++) {
        call *next = one->next;
        if (self->polled[i].revents & (POLLRDHUP | POLLHUP | POLLERR)) {
            give_up(one);
        }
        one = next;
    }
    resume_ready(self);
}

/* 4. Time */

/* Say to a client that is too slow with its request why it is left, where it can be said:
 * nothing of a reply is on its way. */
static void tell_slow(const client *one)
{
    static const char body[] = "{\"error\":\"the request came too slowly\"}\n";
    char text[256];
    int n = snprintf(text, sizeof text,
                     "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                     "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
                     sizeof body - 1, body);
    ssize_t n_sent = send(one->socket, text, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
    (void)n_sent;
}

/* Whether the other side has closed its half of a connection, and all that it sent was
 * taken: libmicrohttpd does not see this where it came with a request. */
static bool is_half_closed(const client *one)
{
    char byte = 0;
    return recv(one->socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void check_clients(http *self)
{
    double time = now();
    for (client *one = self->clients; one; one = one->next) {
        double seconds = time - one->since;
        bool is_slow = one->phase == READING && seconds > READ_SECONDS;
        bool is_over =
            one->phase == READING && seconds > HALF_SECONDS && is_half_closed(one);
        if (is_slow && !is_over && !one->was_replied) {
            tell_slow(one);
        }
        if (is_slow || is_over ||
            (one->phase == WRITING && seconds > WRITE_SECONDS)) {
            shutdown(one->socket, SHUT_RDWR);
            one->since = time;
        }
    }
}

/* 5. The loop */

static attrib_status open_http(http *self, int listener, attrib_error *err)
{
    self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->polled = calloc(2 + MAX_CONNECTIONS, sizeof *self->polled);
    if (self->bell < 0 || !self->polled) {
        close(listener);
        return fail(err, ATTRIB_ENOMEM, "no server of HTTP could be made");
    }
    self->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, on_request,
        self, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MAX_HEAD,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, self, MHD_OPTION_NOTIFY_CONNECTION, on_connection, self,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    if (!self->daemon) {
        close(listener);
        return fail(err, ATTRIB_EIO, "libmicrohttpd cannot be started");
    }
    return ATTRIB_OK;
}

/* Do what there is to do, and wait a while for more. */
static void turn(http *self)
{
    MHD_UNSIGNED_LONG_LONG least = 0;
    int milliseconds = TICK_MILLISECONDS;
    if (MHD_get_timeout(self->daemon, &least) == MHD_YES && least < TICK_MILLISECONDS) {
        milliseconds = (int)least;
    }
    wait_for_all(self, milliseconds);
    MHD_run(self->daemon);
    check_clients(self);
    attrib_server_tick(self->server);
}

/* Whether a request is in flight. */
static bool is_busy(const http *self)
{
    for (const client *one = self->clients; one; one = one->next) {
        if (one->phase != READING) {
            return true;
        }
    }
    return false;
}

/* Take no more connections, and let what is in flight end or be refused. */
static void end_http(http *self)
{
    double since = now();
    int listener = MHD_quiesce_daemon(self->daemon);
    if (listener >= 0) {
        close(listener);
    }
    attrib_server_end(self->server, LAST_ANSWER);
    while (is_busy(self) && now() - since < LAST_ANSWER + LAST_REPLY) {
        turn(self);
    }
    for (call *one = self->suspended; one; one = self->suspended) {
        resume(one); /* as MHD_stop_daemon() asks for */
    }
    MHD_stop_daemon(self->daemon);
}

static attrib_status run(attrib_server *server, int listener, attrib_error *err)
{
    http self = {.server = server, .bell = -1};
    attrib_status status = open_http(&self, listener, err);
    if (status == ATTRIB_OK) {
        while (!attrib_server_is_ending(server)) {
            turn(&self);
        }
        end_http(&self);
    }
    if (self.bell >= 0) {
        close(self.bell);
    }
    free(self.polled);
    return status;
}

const serve_calls attrib_http = {run};
