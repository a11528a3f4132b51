/* SPDX-License-Identifier: MIT */
/* A server without sockets, whose answers a function of the test makes. */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/session.h"
#include "serve/serve.h"
#include "support/check.h"

/* What the answers of a test do. Replies call `on_more`, which counts. */
static struct {
    atomic_bool is_open;      /* answers end */
    atomic_size_t n_begun;    /* answers that were begun */
    atomic_size_t n_woken;    /* calls of on_more */
    atomic_size_t n_canceled; /* answers that were canceled */
} gate;

static void pause_shortly(void)
{
    const struct timespec shortly = {.tv_nsec = 1000000};
    nanosleep(&shortly, NULL);
}

/* Wait until the gate opens, or the session is canceled. */
static attrib_status answer(const attrib_server_job *job,
                            attrib_session *session,
                            const at_question *question,
                            at_tell_fn tell,
                            void *context,
                            at_buffer *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    static const char line[] = "{\"stage\":\"begun\"}\n";
    (void)job;
    atomic_fetch_add(&gate.n_begun, 1);
    AT_CHECK(strcmp(question->prompt, "bad") != 0, ATTRIB_EINVAL, "a bad question");
    AT_CHECK(strcmp(question->prompt, "broken") != 0, ATTRIB_EIO, "a broken disk");
    tell(context, line, strlen(line));
    AT_CHECK(strcmp(question->prompt, "late") != 0, ATTRIB_EINVAL, "a late mistake");
    while (!atomic_load(&gate.is_open)) {
        status = at_poll_cancel(session, err);
        atomic_fetch_add(&gate.n_canceled, status != ATTRIB_OK);
        AT_TRY(status);
        pause_shortly();
    }
    AT_TRY(at_buffer_print(out, err, "{\"query\":\"%s\"}\n", question->prompt));
done:
    return status;
}

static void on_more(void *context)
{
    (void)context;
    atomic_fetch_add(&gate.n_woken, 1);
}

static attrib_server *open_server(attrib_server_options *options)
{
    attrib_error err = {0};
    attrib_server *server = NULL;
    static attrib_score_options score; /* borrowed by the server */
    attrib_server_job job;
    attrib_server_job_default(&job);
    attrib_score_options_default(&score);
    job.name = "here";
    job.options = &score;
    atomic_store(&gate.is_open, true);
    atomic_store(&gate.n_begun, 0);
    atomic_store(&gate.n_woken, 0);
    atomic_store(&gate.n_canceled, 0);
    check_ok(at_server_new(NULL, &job, options, answer, &server, &err), &err);
    return server;
}

static attrib_request request_of(const char *method, const char *path, const char *body)
{
    attrib_request request;
    attrib_request_default(&request);
    request.method = method;
    request.path = path;
    request.host = "localhost:8730";
    request.content_type = "application/json";
    request.body = body;
    request.n_body = body ? strlen(body) : 0;
    return request;
}

static attrib_reply *take(attrib_server *server, const attrib_request *request)
{
    attrib_error err = {0};
    attrib_reply *reply = NULL;
    check_ok(attrib_server_take(server, request, on_more, NULL, &reply, &err), &err);
    return reply;
}

static attrib_reply *ask(attrib_server *server, const char *body)
{
    const attrib_request request = request_of("POST", "/query", body);
    return take(server, &request);
}

/* Read a reply to its end into `out`; its status. */
static int read_all(attrib_reply *reply, char *out, size_t size)
{
    size_t n = 0;
    size_t n_more = 0;
    while (!attrib_reply_describe(reply)) {
        pause_shortly();
    }
    for (;;) {
        if (attrib_reply_read(reply, out + n, size - 1 - n, &n_more) == ATTRIB_END) {
            break;
        }
        n += n_more;
        assert_true(n + 1 < size);
        if (n_more == 0) {
            pause_shortly();
        }
    }
    out[n] = '\0';
    const attrib_reply_head *head = attrib_reply_describe(reply);
    assert_true(!head->has_length || head->n_bytes == n);
    return head->status;
}

/* The same, and the reply is freed. */
static int finish(attrib_reply *reply, char *out, size_t size)
{
    int status = read_all(reply, out, size);
    attrib_reply_free(reply);
    return status;
}

static void check_refused(attrib_server *server,
                          const attrib_request *request,
                          int status,
                          const char *part)
{
    char text[1024];
    assert_int_equal(finish(take(server, request), text, sizeof text), status);
    assert_non_null(strstr(text, part));
    assert_memory_equal(text, "{\"error\":\"", 10);
}

/* 1. Answers */

static void test_server__streams_stages_and_answer(void **state)
{
    (void)state;
    char text[256];
    attrib_server *server = open_server(NULL);
    assert_int_equal(finish(ask(server, "{\"prompt\":\"a\"}"), text, sizeof text), 200);
    assert_string_equal(text, "{\"stage\":\"begun\"}\n{\"query\":\"a\"}\n");
    assert_true(atomic_load(&gate.n_woken) >= 2);
    attrib_server_close(server);
}

static void test_server__sends_the_answer_alone(void **state)
{
    (void)state;
    char text[256];
    attrib_server *server = open_server(NULL);
    attrib_reply *reply = ask(server, "{\"prompt\":\"a\",\"stages\":false}");
    assert_int_equal(read_all(reply, text, sizeof text), 200);
    assert_string_equal(text, "{\"query\":\"a\"}\n");
    assert_string_equal(attrib_reply_describe(reply)->type, "application/json");
    assert_true(attrib_reply_describe(reply)->has_length);
    attrib_reply_free(reply);
    attrib_server_close(server);
}

static void test_server__says_why_there_is_no_answer(void **state)
{
    (void)state;
    char text[256];
    attrib_server *server = open_server(NULL);
    assert_int_equal(finish(ask(server, "{\"prompt\":\"bad\"}"), text, sizeof text), 400);
    assert_string_equal(text, "{\"error\":\"a bad question\"}\n");
    assert_int_equal(finish(ask(server, "{\"prompt\":\"broken\"}"), text, sizeof text),
                     500);
    assert_int_equal(finish(ask(server, "{\"prompt\":\"late\"}"), text, sizeof text),
                     200);
    assert_string_equal(text, "{\"stage\":\"begun\"}\n{\"error\":\"a late mistake\"}\n");
    attrib_server_close(server);
}

static void test_server__answers_in_order(void **state)
{
    (void)state;
    attrib_reply *replies[16];
    char text[256];
    char wanted[64];
    attrib_server *server = open_server(NULL);
    atomic_store(&gate.is_open, false);
    for (int i = 0; i < 16; i++) {
        char body[64];
        snprintf(body, sizeof body, "{\"prompt\":\"%d\",\"stages\":false}", i);
        replies[i] = ask(server, body);
    }
    atomic_store(&gate.is_open, true);
    for (int i = 15; i >= 0; i--) {
        snprintf(wanted, sizeof wanted, "{\"query\":\"%d\"}\n", i);
        assert_int_equal(finish(replies[i], text, sizeof text), 200);
        assert_string_equal(text, wanted);
    }
    attrib_server_close(server);
}

/* 2. Limits */

static void wait_begun(size_t n)
{
    while (atomic_load(&gate.n_begun) < n) {
        pause_shortly();
    }
}

static void test_server__refuses_more_than_may_wait(void **state)
{
    (void)state;
    char text[256];
    attrib_server_options options;
    attrib_server_options_default(&options);
    options.max_waiting = 2;
    attrib_server *server = open_server(&options);
    atomic_store(&gate.is_open, false);
    attrib_reply *first = ask(server, "{\"prompt\":\"a\"}");
    wait_begun(1);
    attrib_reply *second = ask(server, "{\"prompt\":\"b\"}");
    attrib_reply *third = ask(server, "{\"prompt\":\"c\"}");
    attrib_reply *fourth = ask(server, "{\"prompt\":\"d\"}");
    assert_true(attrib_reply_describe(fourth)->is_later);
    assert_int_equal(finish(fourth, text, sizeof text), 503);
    assert_string_equal(text,
                        "{\"error\":\"2 questions wait already: ask again later\"}\n");
    attrib_reply_free(second); /* which makes room */
    attrib_reply *fifth = ask(server, "{\"prompt\":\"e\"}");
    atomic_store(&gate.is_open, true);
    assert_int_equal(finish(fifth, text, sizeof text), 200);
    assert_int_equal(finish(third, text, sizeof text), 200);
    assert_int_equal(finish(first, text, sizeof text), 200);
    attrib_server_close(server);
}

static void test_server__cancels_what_is_given_up(void **state)
{
    (void)state;
    char text[1024];
    attrib_server *server = open_server(NULL);
    atomic_store(&gate.is_open, false);
    attrib_reply *reply = ask(server, "{\"prompt\":\"a\"}");
    wait_begun(1);
    attrib_reply_free(reply);
    assert_true(attrib_server_rest(server, 60));
    assert_int_equal(atomic_load(&gate.n_canceled), 1);
    atomic_store(&gate.is_open, true);
    assert_int_equal(finish(ask(server, "{\"prompt\":\"b\"}"), text, sizeof text), 200);
    const attrib_request request = request_of("GET", "/status", NULL);
    assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    assert_non_null(
        strstr(text, "\"answered\":1,\"refused\":0,\"failed\":0,\"given_up\":1"));
    attrib_server_close(server);
}

static void test_server__stops_what_takes_too_long(void **state)
{
    (void)state;
    char text[256];
    attrib_server_options options;
    attrib_server_options_default(&options);
    options.max_seconds = 0.05;
    attrib_server *server = open_server(&options);
    atomic_store(&gate.is_open, false);
    attrib_reply *reply = ask(server, "{\"prompt\":\"a\",\"stages\":false}");
    while (!attrib_reply_describe(reply)) {
        attrib_server_tick(server);
        pause_shortly();
    }
    assert_int_equal(finish(reply, text, sizeof text), 504);
    assert_string_equal(text, "{\"error\":\"the question took longer than 0.05 s\"}\n");
    attrib_server_close(server);
}

static void test_server__ends(void **state)
{
    (void)state;
    char text[256];
    attrib_server *server = open_server(NULL);
    atomic_store(&gate.is_open, false);
    attrib_reply *first = ask(server, "{\"prompt\":\"a\",\"stages\":false}");
    wait_begun(1);
    attrib_reply *second = ask(server, "{\"prompt\":\"b\"}");
    attrib_server_end(server, 0);
    assert_int_equal(finish(second, text, sizeof text), 503);
    assert_string_equal(text, "{\"error\":\"the server is ending\"}\n");
    assert_int_equal(finish(ask(server, "{\"prompt\":\"c\"}"), text, sizeof text), 503);
    attrib_server_tick(server);
    assert_int_equal(finish(first, text, sizeof text), 503);
    assert_true(attrib_server_rest(server, 60));
    assert_int_equal(atomic_load(&gate.n_begun), 1);
    attrib_server_close(server);
}

/* 3. Where requests go */

static void test_server__knows_its_places(void **state)
{
    (void)state;
    attrib_server *server = open_server(NULL);
    attrib_request request = request_of("GET", "/nowhere", NULL);
    check_refused(server, &request, 404, "/nowhere: there are /, /query");
    request = request_of("GET", "/query", NULL);
    check_refused(server, &request, 405, "it takes POST");
    attrib_reply *reply = take(server, &request);
    assert_string_equal(attrib_reply_describe(reply)->allow, "POST");
    attrib_reply_free(reply);
    request = request_of("POST", "/status", "{}");
    check_refused(server, &request, 405, "it takes GET, HEAD");
    request = request_of("POST", "/query", "{\"prompt\":\"a\"}");
    request.content_type = "text/plain";
    check_refused(server, &request, 415, "Content-Type: application/json");
    request.content_type = "application/json-seq";
    check_refused(server, &request, 415, "Content-Type: application/json");
    request.content_type = NULL;
    check_refused(server, &request, 415, "Content-Type: application/json");
    attrib_server_close(server);
}

static void test_server__shows_its_page(void **state)
{
    (void)state;
    static char text[1 << 20];
    attrib_server *server = open_server(NULL);
    const attrib_request request = request_of("GET", "/", NULL);
    attrib_reply *reply = take(server, &request);
    assert_int_equal(read_all(reply, text, sizeof text), 200);
    assert_non_null(strstr(text, "<form id=\"ask\""));
    assert_null(strstr(text, "@SCRIPT"));
    assert_string_equal(attrib_reply_describe(reply)->policy, "frame-ancestors 'none'");
    attrib_reply_free(reply);
    attrib_server_close(server);
}

static void test_server__is_asked_by_its_own_names(void **state)
{
    (void)state;
    char text[4096];
    const char *const own[] = {
        "localhost",   "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8730",
        "127.0.0.2:1", "[::1]:8730",  NULL};
    const char *const others[] = {"localhost.evil.example",
                                  "evil.example",
                                  "127.0.0.1:x",
                                  "127.0.0.1.evil.example",
                                  "127.evil",
                                  "128.0.0.1",
                                  "",
                                  "localhost:80:80"};
    attrib_server_options options;
    attrib_server_options_default(&options);
    attrib_server *server = open_server(&options);
    attrib_request request = request_of("GET", "/metrics", NULL);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        request.host = own[i];
        assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    }
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        request.host = others[i];
        check_refused(server, &request, 403, "asked as localhost alone");
    }
    attrib_server_close(server);
    options.is_public = true;
    server = open_server(&options);
    assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    attrib_server_close(server);
}

static void test_server__is_asked_by_its_own_page(void **state)
{
    (void)state;
    char text[256];
    attrib_server *server = open_server(NULL);
    attrib_request request = request_of("POST", "/query", "{\"prompt\":\"a\"}");
    request.origin = "http://localhost:8730";
    assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    const char *const others[] = {"http://localhost:1", "null", "http://evil.example",
                                  "localhost:8730"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        request.origin = others[i];
        check_refused(server, &request, 403, "only the server's own page");
    }
    attrib_server_close(server);
}

static void test_server__wants_its_token(void **state)
{
    (void)state;
    static char text[1 << 20];
    const char *const others[] = {NULL,
                                  "",
                                  "Bearer ",
                                  "Bearer secre",
                                  "Bearer secrets",
                                  "Bearer Secret",
                                  "Basic secret",
                                  "secret"};
    attrib_server_options options;
    attrib_server_options_default(&options);
    options.token = "secret";
    attrib_server *server = open_server(&options);
    attrib_request request = request_of("GET", "/status", NULL);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        request.authorization = others[i];
        check_refused(server, &request, 401, "Bearer");
    }
    request.authorization = "bearer secret";
    assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    request = request_of("GET", "/", NULL);
    assert_int_equal(finish(take(server, &request), text, sizeof text), 200);
    attrib_server_close(server);
}

static void test_server__looks_at_heads(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_reply *reply = NULL;
    char text[256];
    attrib_server_options options;
    attrib_server_options_default(&options);
    options.max_body = 100;
    attrib_server *server = open_server(&options);
    attrib_request request = request_of("POST", "/query", NULL);
    request.has_length = true;
    request.n_content = 100;
    check_ok(attrib_server_check(server, &request, &reply, &err), &err);
    assert_null(reply);
    request.n_content = 101;
    check_ok(attrib_server_check(server, &request, &reply, &err), &err);
    assert_int_equal(finish(reply, text, sizeof text), 413);
    assert_string_equal(text, "{\"error\":\"a question of more than 100 bytes\"}\n");
    attrib_server_close(server);
}

static void test_server__refuses_options(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_server *server = NULL;
    attrib_server_job job;
    attrib_server_options options;
    attrib_server_job_default(&job);
    attrib_server_options_default(&options);
    options.n_exact = 101;
    check_fails(at_server_new(NULL, &job, &options, answer, &server, &err), ATTRIB_EINVAL,
                &err);
    check_message(&err, "max-exact is 100");
    err = (attrib_error){0};
    check_fails(attrib_server_open(NULL, &job, NULL, &server, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "a server needs");
    assert_null(server);
    attrib_server_close(NULL);
    attrib_reply_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_server__streams_stages_and_answer),
        cmocka_unit_test(test_server__sends_the_answer_alone),
        cmocka_unit_test(test_server__says_why_there_is_no_answer),
        cmocka_unit_test(test_server__answers_in_order),
        cmocka_unit_test(test_server__refuses_more_than_may_wait),
        cmocka_unit_test(test_server__cancels_what_is_given_up),
        cmocka_unit_test(test_server__stops_what_takes_too_long),
        cmocka_unit_test(test_server__ends),
        cmocka_unit_test(test_server__knows_its_places),
        cmocka_unit_test(test_server__shows_its_page),
        cmocka_unit_test(test_server__is_asked_by_its_own_names),
        cmocka_unit_test(test_server__is_asked_by_its_own_page),
        cmocka_unit_test(test_server__wants_its_token),
        cmocka_unit_test(test_server__looks_at_heads),
        cmocka_unit_test(test_server__refuses_options),
    };
    return run_cases(tests, NULL, NULL);
}
