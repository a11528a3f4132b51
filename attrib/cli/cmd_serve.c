/* SPDX-License-Identifier: MIT */
/* attrib serve: an index that answers questions over HTTP. */
#include "cli/commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/indexed.h"
#include "cli/serve.h"

/* Seconds after the end of HTTP in which the question in hand must be canceled. */
#define LAST_SECONDS 0.3

typedef struct serve_args {
    common_options common;
    source_options source;
    ranking_options ranking;
    attrib_server_options server;
    path_list folders; /* one */
    serve_place place;
    const char *token_file;
} serve_args;

static const option place_table[] = {
    {.name = "port",
     .kind = OPTION_SIZE,
     .offset = offsetof(serve_args, place.port),
     .value = "N",
     .standard = "8730",
     .max = 65535,
     .help = "port that is listened on; 0: any that is free"},
    {.name = "socket",
     .kind = OPTION_TEXT,
     .offset = offsetof(serve_args, place.path),
     .value = "PATH",
     .help = "listen on a new Unix socket, which its owner alone may use, in place of a "
             "port"},
    {.name = "listen",
     .kind = OPTION_TEXT,
     .offset = offsetof(serve_args, place.address),
     .value = "ADDRESS",
     .standard = "127.0.0.1",
     .help = "address to listen on; one that other machines reach needs --token-file"},
    {.name = "token-file",
     .kind = OPTION_TEXT,
     .offset = offsetof(serve_args, token_file),
     .value = "FILE",
     .help = "a file that only its owner may read, whose first line requests must carry "
             "(Authorization: Bearer TOKEN)"},
    {0},
};

static const char *name_in_ranking(const option *o)
{
    return strcmp(o->name, "baseline") == 0 ? NULL : o->name;
}

/* What questions share, and do not say themselves. */
static const char *name_in_serve(const option *o)
{
    const char *const taken[] = {"ram-limit", "normalize", "max-new-tokens", "top",
                                 "token-kind"};
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) {
        if (strcmp(o->name, taken[i]) == 0) {
            return o->name;
        }
    }
    return NULL;
}

static const option_group serve_groups[] = {
    {.title = "Where to listen", .options = place_table, .offset = 0},
    {.title = "Limits",
     .library = attrib_server_options_table,
     .offset = offsetof(serve_args, server),
     .library_bytes = sizeof(attrib_server_options)},
    SOURCE_GROUPS(serve_args, source, NULL),
    {.title = "Ranking",
     .options = ranking_table,
     .offset = offsetof(serve_args, ranking),
     .name = name_in_ranking},
    {.title = "Ranking",
     .library = attrib_score_options_table,
     .offset = offsetof(serve_args, ranking.score),
     .library_bytes = sizeof(attrib_score_options),
     .name = name_in_serve},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(serve_args, common)},
    {0},
};

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    serve_args *args = arguments;
    const char *address = options_given(given, "listen") ? args->place.address : NULL;
    if (args->place.path && (address || options_given(given, "port"))) {
        snprintf(message, size, "--socket goes without --listen and --port");
        return false;
    }
    if (args->place.path && !*args->place.path) {
        snprintf(message, size, "--socket: the path is empty");
        return false;
    }
    if (address && !serve_is_address(address)) {
        snprintf(message, size,
                 "--listen %.80s: not an address, as 127.0.0.1, 0.0.0.0 or ::", address);
        return false;
    }
    if (!serve_is_loopback(address) && !args->token_file) {
        snprintf(message, size,
                 "--listen %.80s: others reach that address: --token-file is missing",
                 address);
        return false;
    }
    if (args->server.n_exact > args->server.max_exact) {
        snprintf(message, size, "--exact %zu: --max-exact is %zu", args->server.n_exact,
                 args->server.max_exact);
        return false;
    }
    args->server.is_public = args->place.path || !serve_is_loopback(address);
    args->ranking.index.folder = args->folders.paths[0];
    args->ranking.index.n_exact = args->server.n_exact;
    if (!ranking_check(&args->ranking, given, message, size)) {
        return false;
    }
    if (ranking_count_settings(&args->ranking) > 1) {
        snprintf(message, size, "one strategy and one damping for all questions");
        return false;
    }
    return true;
}

/* All that is open while questions are answered. */
typedef struct serving {
    const serve_calls *http;
    serve_listener listener;
    char *token;
    indexed indexed;
    char date[ATTRIB_DATE_SIZE];
    cli_source source;
    attrib_factors *factors;
    attrib_score_options options;
    attrib_server *server;
} serving;

/* What fails at once comes first: a model may take a while. */
static attrib_status open_door(serve_args *args, serving *out, attrib_error *err)
{
    out->listener.socket = -1;
    attrib_status status = serve_load(&out->http, err);
    if (status == ATTRIB_OK && args->token_file) {
        status = serve_read_token(args->token_file, &out->token, err);
        args->server.token = out->token;
    }
    if (status == ATTRIB_OK) {
        status = serve_listen(&args->place, &out->listener, err);
    }
    return status;
}

static attrib_status open_source(serve_args *args,
                                 cli_job *job,
                                 serving *out,
                                 attrib_error *err)
{
    source_options *chosen = &args->source;
    chosen->ram_limit = args->ranking.score.ram_limit;
    attrib_status status = indexed_open(chosen, &args->ranking, &out->indexed, err);
    if (status == ATTRIB_OK) {
        status = source_take_date(chosen, args->ranking.factors, out->date, err);
    }
    if (status == ATTRIB_OK) {
        status = source_open(chosen, job, &out->source, err);
    }
    if (status == ATTRIB_OK && !out->source.tokenizer) {
        status = cli_fail(err, ATTRIB_EINVAL, "%s: no tokenizer.json, which prompts need",
                          chosen->model);
    }
    if (status == ATTRIB_OK) {
        status = attrib_factors_open(args->ranking.factors, out->source.model,
                                     &out->factors, err);
    }
    return status;
}

static attrib_status open_server(const serve_args *args,
                                 cli_job *job,
                                 serving *out,
                                 attrib_error *err)
{
    attrib_server_job served;
    attrib_server_job_default(&served);
    out->options = ranking_choose(&args->ranking, out->factors, job);
    served.name = args->ranking.index.folder;
    served.model = out->source.model;
    served.tokenizer = out->source.tokenizer;
    served.factors = out->factors;
    served.corpus = out->source.corpus;
    served.corpus_options = &out->source.corpus_options;
    served.index = out->indexed.index;
    served.options = &out->options;
    return attrib_server_open(job->session, &served, &args->server, &out->server, err);
}

/* Say where the server is, and serve until it is to end. */
static attrib_status serve(serving *self, cli_job *job, attrib_error *err)
{
    terminal_clear(job->screen);
    printf("%s\n", self->listener.name);
    if (fflush(stdout) != 0) {
        return cli_fail(err, ATTRIB_EIO, "standard output cannot be written");
    }
    int listener = self->listener.socket;
    self->listener.socket = -1;
    return self->http->run(self->server, listener, err);
}

static void close_all(serving *self)
{
    serve_unlist(&self->listener);
    if (self->listener.socket >= 0) {
        close(self->listener.socket);
    }
    if (self->server && !attrib_server_rest(self->server, LAST_SECONDS)) {
        /* The question in hand is in the midst of a product, which nothing stops. */
        fflush(NULL);
        _Exit(0);
    }
    attrib_server_close(self->server);
    attrib_factors_close(self->factors);
    source_close(&self->source);
    indexed_close(&self->indexed);
    free(self->token);
}

static attrib_status run(const void *arguments, cli_job *job, attrib_error *err)
{
    serve_args args = *(const serve_args *)arguments; /* with what the index gives */
    serving self = {0};
    attrib_status status = open_door(&args, &self, err);
    if (status == ATTRIB_OK) {
        status = open_source(&args, job, &self, err);
    }
    if (status == ATTRIB_OK) {
        status = open_server(&args, job, &self, err);
    }
    if (status == ATTRIB_OK) {
        status = serve(&self, job, err);
    }
    close_all(&self);
    return status;
}

const cli_command command_serve = {
    .name = "serve",
    .usage = "INDEX [OPTION]...",
    .summary = "answer questions about a corpus in a browser, and over HTTP",
    .description =
        "Keeps the model, the factors and the index of attrib index open, and answers "
        "questions over HTTP, one after the other. The address that it prints shows a "
        "page "
        "to ask at. Programs POST a question to /query as JSON, {\"prompt\": ..., "
        "\"completion\": ..., \"exact\": K, \"top\": N}, and read lines of JSON: the "
        "stages of the work, and last the answer as attrib query --format json writes "
        "it. /status tells what the server does, /metrics the same for Prometheus.\n"
        "\n"
        "Only this machine reaches the server, unless --listen names another address, "
        "which needs a token. It has no encryption: over a network, put it behind what "
        "has, or forward the port (ssh -L).\n"
        "\n"
        "What is too long, too much or too slow is refused, each refusal a line of JSON "
        "that says why: {\"error\": ...}. SIGTERM and Ctrl-C end the server within two "
        "seconds.",
    .example = "  attrib serve index/\n"
               "  curl -H 'Content-Type: application/json' -d '{\"prompt\": \"The "
               "capital of France is\"}' \\\n"
               "      http://127.0.0.1:8730/query",
    .groups = serve_groups,
    .operand = {.name = "INDEX",
                .offset = offsetof(serve_args, folders),
                .min = 1,
                .max = 1,
                .is_behind_paths = true},
    .args_bytes = sizeof(serve_args),
    .multiplies = true,
    .goes_on = true,
    .gives = "INDEX",
    .check = check,
    .run = run,
};
