/* SPDX-License-Identifier: MIT */
/* What attrib serve listens on, and the module that speaks HTTP there.
 *
 * Only the module attrib_http.so calls libmicrohttpd, and attrib serve alone loads it:
 * other commands start as fast as ever, and run where there is no such library. */
#ifndef CLI_SERVE_H
#define CLI_SERVE_H

#include <attrib.h>
#include <sys/types.h>

/* What the module offers, under the name attrib_http. */
typedef struct serve_calls {
    /* Take connections from a socket that listens, which is closed in the end, until the
     * server is to end; then let what is in flight end or be refused, within two seconds.
     */
    attrib_status (*run)(attrib_server *server, int listener, attrib_error *err);
} serve_calls;

/* The module; ENOTSUP where there is none. */
attrib_status serve_load(const serve_calls **out, attrib_error *err);

/* A socket that listens. */
typedef struct serve_listener {
    int socket;       /* -1: none */
    const char *path; /* of one of Unix, which is removed in the end; NULL: none */
    dev_t device;     /* that the path was made on, and as which node of it */
    ino_t node;
    char name[160]; /* how it is reached: http://127.0.0.1:8730/, unix:PATH */
} serve_listener;

/* Where to listen: a Unix socket, or an address and a port. */
typedef struct serve_place {
    const char *path;    /* NULL: by address */
    const char *address; /* NULL: 127.0.0.1 */
    size_t port;         /* 0: any that is free */
} serve_place;

/* Whether a text is an address, which no name of a machine is. */
bool serve_is_address(const char *text);

/* Whether an address can be reached from this machine alone. */
bool serve_is_loopback(const char *address);

attrib_status serve_listen(const serve_place *place,
                           serve_listener *out,
                           attrib_error *err);
/* Remove the socket's path, unless it is another's by now; the socket is its user's to
 * close. */
void serve_unlist(serve_listener *listener);

/* Read the first line of a file that only its owner may read; freed by free(). */
attrib_status serve_read_token(const char *path, char **out, attrib_error *err);

#endif
