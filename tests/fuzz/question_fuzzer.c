/* SPDX-License-Identifier: MIT */
/* Any bytes as the body of a question: read, or refused with a reason; and as the head of
 * a request, whose lines are method, path, Host, Origin, Authorization and Content-Type:
 * it has a place, or a refusal that is a line of JSON. */
#include <stdlib.h>
#include <string.h>

#include "serve/serve.h"

enum { MAX_EXACT = 100, N_LINES = 6 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_question(const char *bytes, size_t n)
{
    attrib_error err = {0};
    at_question question;
    attrib_status status = at_question_read(bytes, n, MAX_EXACT, 10, 5, &question, &err);
    if ((status == ATTRIB_OK) != (err.message[0] == '\0')) {
        abort();
    }
    if (status == ATTRIB_OK &&
        (!question.prompt || question.n_exact < 1 || question.n_exact > MAX_EXACT ||
         question.top < 1 || question.top > question.n_exact)) {
        abort();
    }
    at_question_free(&question);
}

static void check_refusal(attrib_reply *refusal)
{
    json_t *object = NULL;
    if (refusal->head.status < 400 ||
        at_json_parse("refusal", refusal->bytes.bytes, refusal->bytes.n_bytes, &object,
                      NULL) != ATTRIB_OK ||
        !json_is_string(json_object_get(object, "error"))) {
        abort();
    }
    json_decref(object);
    at_reply_destroy(refusal);
}

/* The lines of a text, each of which may be absent. */
static void route(char *text)
{
    char *lines[N_LINES] = {0};
    char token[] = "secret";
    attrib_reply *refusal = NULL;
    at_place place = AT_PLACE_NONE;
    attrib_server server = {.token = token, .options = {.max_body = 1000}};
    attrib_request request;
    for (size_t i = 0; i < N_LINES && text; i++) {
        lines[i] = text;
        text = strchr(text, '\n');
        if (text) {
            *text++ = '\0';
        }
    }
    attrib_request_default(&request);
    request.method = lines[0] ? lines[0] : "";
    request.path = lines[1] ? lines[1] : "";
    request.host = lines[2];
    request.origin = lines[3];
    request.authorization = lines[4];
    request.content_type = lines[5];
    if (at_route(&server, &request, &place, &refusal, NULL) != ATTRIB_OK) {
        abort();
    }
    if (refusal) {
        check_refusal(refusal);
    } else if (place == AT_PLACE_NONE) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = '\0';
    read_question(text, size);
    route(text);
    free(text);
    return 0;
}
