/* SPDX-License-Identifier: MIT */
/* The module that speaks HTTP, by libmicrohttpd: connections, their requests, and the
 * time that both may take. One thread does all of it; answers come from the server's.
 *
 * 1. Connections.
 * 2. Who waits for a reply.
 * 3. Time.
 * 4. The loop. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/serve_http.h"

extern const serve_calls attrib_http;

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

/* The module is loaded by the program, whose functions it does not see. */
static attrib_status fail(attrib_error *err, attrib_status status, const char *message)
{
    if (err && err->status == ATTRIB_OK) {
        err->status = status;
        snprintf(err->message, sizeof err->message, "%s", message);
    }
    return status;
}

/* 1. Connections */

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
    http_enter(one, READING);
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

/* 2. Who waits for a reply */

/* Whoever asked and has closed the connection since, or the half of it that could ask
 * more, waits for nothing. */
static void give_up(call *one)
{
    one->is_gone = true;
    shutdown(one->client->socket, SHUT_RDWR);
    http_resume(one);
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
            http_resume(one);
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

/* 3. Time */

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
    double time = http_now();
    for (client *one = self->clients; one; one = one->next) {
        double seconds = time - one->since;
        bool is_slow = one->phase == READING && seconds > READ_SECONDS;
        bool is_over =
            one->phase == READING && seconds > HALF_SECONDS && is_half_closed(one);
        if (is_slow && !is_over && !one->was_replied) {
            tell_slow(one);
        }
        if (is_slow || is_over || (one->phase == WRITING && seconds > WRITE_SECONDS)) {
            shutdown(one->socket, SHUT_RDWR);
            one->since = time;
        }
    }
}

/* 4. The loop */

static attrib_status open_http(http *self, int listener, attrib_error *err)
{
    self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->polled = calloc(2 + MAX_CONNECTIONS, sizeof *self->polled);
    if (self->bell < 0 || !self->polled) {
        close(listener);
        return fail(err, ATTRIB_ENOMEM, "no server of HTTP could be made");
    }
    self->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC, 0, NULL, NULL, http_take,
        self, MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, MAX_HEAD,
        MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS, MHD_OPTION_NOTIFY_COMPLETED,
        http_complete, self, MHD_OPTION_NOTIFY_CONNECTION, on_connection, self,
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
    double since = http_now();
    int listener = MHD_quiesce_daemon(self->daemon);
    if (listener >= 0) {
        close(listener);
    }
    attrib_server_end(self->server, LAST_ANSWER);
    while (is_busy(self) && http_now() - since < LAST_ANSWER + LAST_REPLY) {
        turn(self);
    }
    for (call *one = self->suspended; one; one = self->suspended) {
        http_resume(one); /* as MHD_stop_daemon() asks for */
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
