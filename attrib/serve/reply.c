/* SPDX-License-Identifier: MIT */
/* Replies: made, read and given up. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "serve/serve.h"

/* What is shown as it is must run nothing, whatever it holds. The page has a policy of
 * its own in its head, which this one does not narrow. */
#define DATA_POLICY "default-src 'none'; frame-ancestors 'none'"
#define PAGE_POLICY "frame-ancestors 'none'"

attrib_status at_reply_new(attrib_server *server, attrib_reply **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_reply *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    made->server = server;
    *out = made;
done:
    return status;
}

void at_reply_fill(attrib_reply *reply, int status, const char *type, at_buffer *bytes)
{
    at_buffer_free(&reply->bytes);
    reply->bytes = *bytes;
    *bytes = (at_buffer){0};
    reply->head.status = status;
    reply->head.type = type;
    reply->head.policy = DATA_POLICY;
    reply->head.has_length = true;
    reply->head.n_bytes = reply->bytes.n_bytes;
    reply->is_whole = true;
}

void at_reply_fix(attrib_reply *reply, const char *type, const char *bytes, size_t n)
{
    at_buffer none = {0};
    at_reply_fill(reply, 200, type, &none);
    reply->head.policy = PAGE_POLICY;
    reply->head.n_bytes = n;
    reply->fixed = bytes;
}

void at_reply_destroy(attrib_reply *reply)
{
    if (reply) {
        at_buffer_free(&reply->bytes);
        at_question_free(&reply->question);
        free(reply);
    }
}

attrib_status at_append_error(at_buffer *out, const char *message, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "{\"error\":"));
    AT_TRY(at_json_append_text(out, message, strlen(message), err));
    AT_TRY(at_buffer_print(out, err, "}\n"));
done:
    return status;
}

attrib_status at_reply_refuse(
    attrib_reply *reply, int status_code, attrib_error *err, const char *format, ...)
{
    attrib_status status = ATTRIB_OK;
    char message[ATTRIB_ERROR_SIZE];
    at_buffer text = {0};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    attrib_clean_line(message);
    AT_TRY(at_append_error(&text, message, err));
    at_reply_fill(reply, status_code, "application/json", &text);
    reply->head.is_later = status_code == 503;
    reply->head.is_unknown = status_code == 401;
done:
    at_buffer_free(&text);
    return status;
}

const attrib_reply_head *attrib_reply_describe(attrib_reply *reply)
{
    at_worker_lock(reply->server->worker);
    bool is_known = reply->head.status != 0;
    at_worker_unlock(reply->server->worker);
    return is_known ? &reply->head : NULL;
}

attrib_status attrib_reply_read(attrib_reply *reply, char *out, size_t n, size_t *n_out)
{
    attrib_status status = ATTRIB_OK;
    at_worker_lock(reply->server->worker);
    const char *bytes = reply->fixed ? reply->fixed : reply->bytes.bytes;
    size_t n_bytes = reply->fixed ? reply->head.n_bytes : reply->bytes.n_bytes;
    *n_out = at_smaller(n, n_bytes - reply->n_read);
    if (*n_out > 0) {
        memcpy(out, bytes + reply->n_read, *n_out);
        reply->n_read += *n_out;
    } else if (n > 0 && reply->is_whole) {
        status = ATTRIB_END;
    }
    if (!reply->is_whole && reply->n_read == n_bytes) { /* room for the next lines */
        at_buffer_clear(&reply->bytes);
        reply->n_read = 0;
    }
    at_worker_unlock(reply->server->worker);
    return status;
}

void attrib_reply_free(attrib_reply *reply)
{
    if (!reply) {
        return;
    }
    attrib_server *server = reply->server;
    at_worker_lock(server->worker);
    bool was_waiting = at_worker_take_back(server->worker, reply);
    bool is_kept = reply->is_asked && !was_waiting;
    if (is_kept) { /* who works on it frees it */
        reply->is_given_up = true;
        reply->wake = NULL;
        if (server->work) {
            attrib_session_cancel(server->work);
        }
    }
    server->served.n_given_up += was_waiting || is_kept;
    at_worker_unlock(server->worker);
    if (!is_kept) {
        at_reply_destroy(reply);
    }
}
