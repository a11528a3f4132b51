/* SPDX-License-Identifier: MIT */
#include "corpus/skipped.h"

#include <stdlib.h>
#include <string.h>

#define MAX_REASONS 32 /* told apart; further ones are told together */
#define MAX_REASON  200
#define N_NAMED     5 /* rows that are named, of each reason */

/* Rows that were left out for one reason. */
typedef struct reason {
    char key[MAX_REASON]; /* its words, without numbers: columns differ from row to row */
    char text[MAX_REASON]; /* of the first of them */
    size_t n;
    at_buffer names;
} reason;

struct at_skipped {
    reason reasons[MAX_REASONS + 1];
    size_t n_reasons;
};

attrib_status at_skipped_new(at_skipped **out, attrib_error *err)
{
    return at_array(1, sizeof **out, out, err);
}

void at_skipped_free(at_skipped *skipped)
{
    for (size_t i = 0; skipped && i < skipped->n_reasons; i++) {
        at_buffer_free(&skipped->reasons[i].names);
    }
    free(skipped);
}

bool at_skipped_may(attrib_status status)
{
    return status == ATTRIB_EFORMAT || status == ATTRIB_ESHAPE ||
           status == ATTRIB_ERANGE || status == ATTRIB_ENOTSUP || status == ATTRIB_EINVAL;
}

/* What a message says after the row's name. */
static const char *reason_of(const char *message, const char *name)
{
    size_t n = strlen(name);
    bool begins = strncmp(message, name, n) == 0 && message[n] == ':';
    return begins ? message + n + 1 + (message[n + 1] == ' ') : message;
}

static void make_key(const char *text, char key[MAX_REASON])
{
    size_t n = 0;
    for (; *text && n + 1 < MAX_REASON; text++) {
        if (*text < '0' || *text > '9') {
            key[n++] = *text;
        }
    }
    key[n] = '\0';
}

static void copy_text(char out[MAX_REASON], const char *text)
{
    size_t n = strlen(text);
    n = n < MAX_REASON ? n : MAX_REASON - 1;
    memcpy(out, text, n);
    out[n] = '\0';
}

static reason *find_reason(at_skipped *skipped, const char *text)
{
    char key[MAX_REASON];
    size_t i = 0;
    make_key(text, key);
    while (i < skipped->n_reasons && i < MAX_REASONS &&
           strcmp(skipped->reasons[i].key, key) != 0) {
        i++;
    }
    if (i == skipped->n_reasons) {
        skipped->n_reasons++;
        copy_text(skipped->reasons[i].key, key);
        copy_text(skipped->reasons[i].text, i < MAX_REASONS ? text : "other reasons");
    }
    return &skipped->reasons[i];
}

/* A line of JSON of the list: {"source", "member", "line", "reason"}. */
static attrib_status list_row(const at_origin *origin,
                              const char *text,
                              at_buffer *line,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(line, err, "{\"source\":"));
    AT_TRY(at_json_append_text(line, origin->source, strlen(origin->source), err));
    if (origin->member) {
        AT_TRY(at_buffer_print(line, err, ",\"member\":"));
        AT_TRY(at_json_append_text(line, origin->member, strlen(origin->member), err));
    }
    AT_TRY(at_buffer_print(line, err, ",\"line\":%zu,\"reason\":", origin->line));
    AT_TRY(at_json_append_text(line, text, strlen(text), err));
    AT_TRY(at_buffer_print(line, err, "}\n"));
done:
    return status;
}

attrib_status at_skipped_add(at_skipped *skipped,
                             const at_origin *origin,
                             const char *name,
                             const attrib_error *why,
                             at_buffer *line,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = reason_of(why->message, name);
    reason *r = find_reason(skipped, text);
    if (r->n++ < N_NAMED) {
        AT_TRY(at_buffer_print(&r->names, err, "%s%.200s", r->names.n_bytes ? ", " : "",
                               name));
    }
    AT_TRY(list_row(origin, text, line, err));
done:
    return status;
}

bool at_skipped_get(const at_skipped *skipped, size_t i, attrib_skipped *out)
{
    if (!skipped || i >= skipped->n_reasons) {
        return false;
    }
    *out = (attrib_skipped){skipped->reasons[i].text, skipped->reasons[i].n};
    return true;
}

void at_skipped_log(const at_skipped *skipped, attrib_session *session)
{
    for (size_t i = 0; i < skipped->n_reasons; i++) {
        const reason *r = &skipped->reasons[i];
        at_log(session, ATTRIB_LOG_WARNING, "%zu row%s skipped (%s): %s%s", r->n,
               r->n == 1 ? " was" : "s were", r->text, r->names.bytes,
               r->n > N_NAMED ? ", ..." : "");
    }
}
