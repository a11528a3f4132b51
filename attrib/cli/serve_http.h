/* SPDX-License-Identifier: MIT */
/* The module that speaks HTTP: its connections and their requests (cli/serve.h). */
#ifndef CLI_SERVE_HTTP_H
#define CLI_SERVE_HTTP_H

#include <microhttpd.h>
#include <poll.h>
#include <stdatomic.h>

#include "cli/serve.h"

/* Connections that are served at a time, beyond which each is told so; and those that are
 * taken for that. Further ones wait in the system. */
#define MAX_SERVED      256
#define MAX_CONNECTIONS (MAX_SERVED + 32)

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

/* Seconds of the monotonic clock. */
double http_now(void);

/* A connection begins with something else. */
void http_enter(client *one, phase to);

/* Go on with a request that waits for its reply. */
void http_resume(call *one);

/* What libmicrohttpd calls for the head of a request, for each piece of its body, for its
 * end, and again when it is resumed; and when it is over, well or not. */
enum MHD_Result http_take(void *context,
                          struct MHD_Connection *connection,
                          const char *path,
                          const char *method,
                          const char *version,
                          const char *data,
                          size_t *n_data,
                          void **request_context);
void http_complete(void *context,
                   struct MHD_Connection *connection,
                   void **request_context,
                   enum MHD_RequestTerminationCode code);

#endif
