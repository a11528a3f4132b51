/* SPDX-License-Identifier: MIT */
/* 1. Sockets that listen   2. The token   3. The module of HTTP */
#include "cli/serve.h"

#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/terminal.h"

#define MODULE "attrib_http.so"

/* Connections that the system holds until they are taken. */
#define BACKLOG 256

/* A token that is shorter is guessed. */
#define MIN_TOKEN 16
#define MAX_TOKEN 4096

/* 1. Sockets that listen */

/* The only address of a name, which must be a number. */
static struct addrinfo *read_address(const char *address, const char *port)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags =
                                       AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    struct addrinfo *found = NULL;
    return getaddrinfo(address, port, &hints, &found) == 0 ? found : NULL;
}

bool serve_is_address(const char *text)
{
    struct addrinfo *found = read_address(text, "0");
    bool is_one = found != NULL;
    if (found) {
        freeaddrinfo(found);
    }
    return is_one;
}

bool serve_is_loopback(const char *address)
{
    struct addrinfo *found = address ? read_address(address, "0") : NULL;
    bool is_loopback = !address;
    if (found && found->ai_family == AF_INET) {
        const struct sockaddr_in *at = (const void *)found->ai_addr;
        is_loopback = ntohl(at->sin_addr.s_addr) >> 24 == 127;
    } else if (found && found->ai_family == AF_INET6) {
        const struct sockaddr_in6 *at = (const void *)found->ai_addr;
        is_loopback = IN6_IS_ADDR_LOOPBACK(&at->sin6_addr);
    }
    if (found) {
        freeaddrinfo(found);
    }
    return is_loopback;
}

/* Say where a socket listens; the port may have been any. */
static void name_address(int descriptor, serve_listener *out)
{
    struct sockaddr_storage at = {0};
    socklen_t n = sizeof at;
    char host[64] = "";
    char port[8] = "";
    if (getsockname(descriptor, (struct sockaddr *)&at, &n) == 0) {
        getnameinfo((struct sockaddr *)&at, n, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV);
    }
    bool is_six = strchr(host, ':') != NULL;
    snprintf(out->name, sizeof out->name, "http://%s%s%s:%s/", is_six ? "[" : "", host,
             is_six ? "]" : "", port);
}

static attrib_status fail_errno(attrib_error *err, const char *what, const char *action)
{
    return cli_fail(err, ATTRIB_EIO, "%s: %s: %s", what, action, strerror(errno));
}

static attrib_status listen_address(const serve_place *place,
                                    serve_listener *out,
                                    attrib_error *err)
{
    const char *address = place->address ? place->address : "127.0.0.1";
    const int yes = 1;
    char port[24];
    snprintf(port, sizeof port, "%zu", place->port);
    struct addrinfo *found = read_address(address, port);
    if (!found) {
        return cli_fail(
            err, ATTRIB_EINVAL,
            "--listen %s: not an address, as 127.0.0.1, 0.0.0.0 or ::", address);
    }
    int descriptor = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens =
        descriptor >= 0 &&
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(descriptor, found->ai_addr, found->ai_addrlen) == 0 &&
        listen(descriptor, BACKLOG) == 0;
    attrib_status status = ATTRIB_OK;
    if (listens) {
        out->socket = descriptor;
        name_address(descriptor, out);
    } else {
        char what[96];
        snprintf(what, sizeof what, "%s, port %s", address, port);
        status = fail_errno(err, what, "cannot be listened on");
        if (descriptor >= 0) {
            close(descriptor);
        }
    }
    freeaddrinfo(found);
    return status;
}

/* Remove a socket whose server is gone; false where one is there,
 * or what stands there is no socket. */
static bool clear_path(const struct sockaddr_un *at)
{
    struct stat what = {0};
    if (lstat(at->sun_path, &what) != 0) {
        return errno == ENOENT;
    }
    if (!S_ISSOCK(what.st_mode)) {
        errno = EEXIST;
        return false;
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_left = descriptor >= 0 &&
                   connect(descriptor, (const struct sockaddr *)at, sizeof *at) != 0 &&
                   errno == ECONNREFUSED;
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (!is_left) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(at->sun_path) == 0;
}

/* The socket is for its owner alone from the moment that it is there. */
static attrib_status listen_path(const char *path, serve_listener *out, attrib_error *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof at.sun_path) {
        return cli_fail(err, ATTRIB_ERANGE,
                        "--socket %.80s...: more than %zu bytes, which is all that a "
                        "socket's path may have",
                        path, sizeof at.sun_path - 1);
    }
    memcpy(at.sun_path, path, strlen(path));
    if (!clear_path(&at)) {
        return fail_errno(err, path, "cannot be listened on");
    }
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0177);
    bool is_bound =
        descriptor >= 0 && bind(descriptor, (const struct sockaddr *)&at, sizeof at) == 0;
    umask(mask);
    if (!is_bound || listen(descriptor, BACKLOG) != 0) {
        attrib_status status = fail_errno(err, path, "cannot be listened on");
        if (is_bound) {
            unlink(path);
        }
        if (descriptor >= 0) {
            close(descriptor);
        }
        return status;
    }
    struct stat made = {0};
    bool is_known = lstat(path, &made) == 0;
    out->socket = descriptor;
    out->path = is_known ? path : NULL;
    out->device = made.st_dev;
    out->node = made.st_ino;
    snprintf(out->name, sizeof out->name, "unix:%s", path);
    return ATTRIB_OK;
}

attrib_status serve_listen(const serve_place *place,
                           serve_listener *out,
                           attrib_error *err)
{
    *out = (serve_listener){.socket = -1};
    return place->path ? listen_path(place->path, out, err)
                       : listen_address(place, out, err);
}

void serve_unlist(serve_listener *listener)
{
    struct stat found = {0};
    if (listener->path && lstat(listener->path, &found) == 0 &&
        found.st_dev == listener->device && found.st_ino == listener->node) {
        unlink(listener->path);
    }
    listener->path = NULL;
}

/* 2. The token */

/* The first line of what was read, checked. */
static attrib_status take_token(const char *path, char *text, attrib_error *err)
{
    size_t n = strcspn(text, "\r\n");
    text[n] = '\0';
    if (n == MAX_TOKEN) {
        return cli_fail(err, ATTRIB_ERANGE,
                        "%s: a token of %d characters or more, fewer are wanted", path,
                        MAX_TOKEN);
    }
    if (n < MIN_TOKEN) {
        return cli_fail(err, ATTRIB_EINVAL,
                        "%s: a token of %zu characters, at least %d are wanted", path, n,
                        MIN_TOKEN);
    }
    for (size_t i = 0; i < n; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return cli_fail(err, ATTRIB_EINVAL,
                            "%s: a token is of visible ASCII characters, without spaces",
                            path);
        }
    }
    return ATTRIB_OK;
}

attrib_status serve_read_token(const char *path, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat what = {0};
    FILE *stream = fopen(path, "re");
    char *text = calloc(1, MAX_TOKEN + 1);
    if (!text) {
        status = cli_fail(err, ATTRIB_ENOMEM, "%s: out of memory", path);
    } else if (!stream || fstat(fileno(stream), &what) != 0 ||
               (fread(text, 1, MAX_TOKEN, stream) == 0 && ferror(stream))) {
        status = fail_errno(err, path, "cannot be read");
    } else if (what.st_mode & (S_IRWXG | S_IRWXO)) {
        status = cli_fail(err, ATTRIB_EINVAL,
                          "%s: others than its owner may read the token: chmod 600 %s",
                          path, path);
    } else {
        status = take_token(path, text, err);
    }
    if (stream) {
        fclose(stream);
    }
    if (status == ATTRIB_OK) {
        *out = text;
    } else {
        free(text);
    }
    return status;
}

/* 3. The module of HTTP */

attrib_status serve_load(const serve_calls **out, attrib_error *err)
{
    void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
    *out = module ? dlsym(module, "attrib_http") : NULL;
    return *out ? ATTRIB_OK
                : cli_fail(err, ATTRIB_ENOTSUP,
                           "this program has no module for HTTP (%s); build it where "
                           "libmicrohttpd is installed (libmicrohttpd-dev)",
                           dlerror());
}
