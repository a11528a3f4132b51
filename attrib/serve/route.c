/* SPDX-License-Identifier: MIT */
/* Where a request goes, and whether it may. */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "serve/serve.h"

static const struct {
    const char *path, *allow;
    at_place place;
} places[] = {
    {"/", "GET, HEAD", AT_PLACE_PAGE},
    {"/query", "POST", AT_PLACE_QUERY},
    {"/status", "GET, HEAD", AT_PLACE_STATUS},
    {"/metrics", "GET, HEAD", AT_PLACE_METRICS},
};

/* Whether nothing but a port follows a name in a Host: any, as it may have been
 * forwarded.
 */
static bool is_port(const char *rest)
{
    return *rest == '\0' ||
           (*rest == ':' && strspn(rest + 1, "0123456789") == strlen(rest + 1));
}

/* Whether a Host names this machine by a name that no one else can give it: one of these,
 * or an address of 127.0.0.0/8. */
static bool is_this_machine(const char *host)
{
    static const char *const names[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);
        if (strncasecmp(host, names[i], n) == 0 && is_port(host + n)) {
            return true;
        }
    }
    return strncmp(host, "127.", 4) == 0 && is_port(host + strspn(host, "0123456789."));
}

/* Whether a page that asks comes from this server. */
static bool is_own_page(const char *origin, const char *host)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (size_t i = 0; host && i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        if (strncmp(origin, schemes[i], n) == 0 && strcasecmp(origin + n, host) == 0) {
            return true;
        }
    }
    return false;
}

/* Whether a request carries the token. The time it takes tells nothing of where the two
 * differ. */
static bool has_token(const char *authorization, const char *token)
{
    static const char scheme[] = "Bearer ";
    if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0) {
        return false;
    }
    const char *given = authorization + strlen(scheme);
    size_t n_given = strlen(given);
    size_t n = strlen(token);
    unsigned difference = n != n_given;
    for (size_t i = 0; i < n; i++) {
        unsigned other = i < n_given ? (unsigned char)given[i] : 0;
        difference |= other ^ (unsigned char)token[i];
    }
    return difference == 0;
}

/* Whether a body is called JSON, as no form of another site's page can call its own. */
static bool is_json(const char *type)
{
    static const char json[] = "application/json";
    size_t n = strlen(json);
    return type && strncasecmp(type, json, n) == 0 &&
           (type[n] == '\0' || type[n] == ';' || isspace((unsigned char)type[n]));
}

static attrib_status check_query(const attrib_server *server,
                                 const attrib_request *request,
                                 attrib_reply *refusal,
                                 attrib_error *err)
{
    size_t most = server->options.max_body;
    if (!is_json(request->content_type)) {
        return at_reply_refuse(refusal, 415, err,
                               "a question is JSON: Content-Type: application/json");
    }
    if ((request->has_length && request->n_content > most) || request->n_body > most) {
        return at_reply_refuse(refusal, 413, err, "a question of more than %zu bytes",
                               most);
    }
    return ATTRIB_OK;
}

/* Where a request may not go on, say why in `refusal`. */
static attrib_status check(const attrib_server *server,
                           const attrib_request *request,
                           at_place *place,
                           attrib_reply *refusal,
                           attrib_error *err)
{
    const char *allow = NULL;
    if (!server->options.is_public && request->host && !is_this_machine(request->host)) {
        return at_reply_refuse(refusal, 403, err,
                               "Host %.80s: this server is asked as localhost alone",
                               request->host);
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(request->path, places[i].path) == 0) {
            *place = places[i].place;
            allow = places[i].allow;
        }
    }
    if (!allow) {
        return at_reply_refuse(refusal, 404, err,
                               "%.80s: there are /, /query, /status and /metrics",
                               request->path);
    }
    bool is_read =
        strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0;
    if (*place == AT_PLACE_QUERY ? strcmp(request->method, "POST") != 0 : !is_read) {
        refusal->head.allow = allow;
        return at_reply_refuse(refusal, 405, err, "%.20s %s: it takes %s",
                               request->method, request->path, allow);
    }
    if (server->token && *place != AT_PLACE_PAGE &&
        !has_token(request->authorization, server->token)) {
        return at_reply_refuse(refusal, 401, err,
                               "Authorization: Bearer and the server's token are wanted");
    }
    if (request->origin && !is_own_page(request->origin, request->host)) {
        return at_reply_refuse(refusal, 403, err,
                               "Origin %.80s: only the server's own "
                               "page asks",
                               request->origin);
    }
    return *place == AT_PLACE_QUERY ? check_query(server, request, refusal, err)
                                    : ATTRIB_OK;
}

attrib_status at_route(attrib_server *server,
                       const attrib_request *request,
                       at_place *place,
                       attrib_reply **out,
                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_reply *refusal = NULL;
    *out = NULL;
    AT_CHECK(request->method && request->path, ATTRIB_EINVAL,
             "a request without a method or a path");
    AT_TRY(at_reply_new(server, &refusal, err));
    AT_TRY(check(server, request, place, refusal, err));
    if (refusal->head.status != 0) {
        *out = refusal;
        refusal = NULL;
    }
done:
    at_reply_destroy(refusal);
    return status;
}
