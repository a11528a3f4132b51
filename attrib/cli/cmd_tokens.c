/* SPDX-License-Identifier: MIT */
/* attrib tokens: what a model sees of documents or queries, and which of it counts.
 *
 *   1. Options   2. Text   3. JSON   4. Documents and queries */
#include "cli/commands.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/notes.h"

/* 1. Options */

typedef struct tokens_args {
    common_options common;
    source_options source;
    const char *queries;
    int format;
} tokens_args;

enum { FORMAT_TEXT, FORMAT_JSON };

static const option tokens_table[] = {
    {.name = "queries",
     .kind = OPTION_TEXT,
     .offset = offsetof(tokens_args, queries),
     .value = "Q",
     .help = "show these queries, as attrib score reads them, in place of a corpus"},
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(tokens_args, format),
     .value = "text|json",
     .standard = "text",
     .help =
         "a line for people, or a JSON object {id, source, line, ids, mask, text}, and "
         "measure of queries"},
    {0},
};

static const option_group tokens_groups[] = {
    SOURCE_GROUPS(tokens_args, source, "corpus"),
    {.title = "Queries and output", .options = tokens_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(tokens_args, common)},
    {0},
};

/* Options of documents say nothing about queries. */
static bool check_queries(const cli_given *given, char *message, size_t size)
{
    static const char *const of_documents[] = {
        "text-field", "id-field",    "include",      "exclude",     "unit",
        "preference", "token-dtype", "document-end", "on-bad-row",  "where",
        "max-tokens", "sample",      "sample-by",    "sample-seed", "deduplicate"};
    for (size_t i = 0; i < sizeof of_documents / sizeof *of_documents; i++) {
        if (options_given(given, of_documents[i])) {
            snprintf(message, size,
                     "--%s is for a corpus, and does not go with --queries",
                     of_documents[i]);
            return false;
        }
    }
    return true;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const tokens_args *args = arguments;
    bool has_corpus = options_given(given, "corpus");
    if (has_corpus == (args->queries != NULL)) {
        snprintf(message, size, "%s",
                 has_corpus ? "--corpus and --queries exclude each other"
                            : "--corpus PATH... or --queries Q is missing");
        return false;
    }
    return args->queries == NULL || check_queries(given, message, size);
}

/* What is shown in one line. */
typedef struct shown {
    const char *id, *source;
    size_t line; /* 0: none */
    const int32_t *ids;
    const uint8_t *mask;
    size_t n_tokens;
    const char *text; /* [n_text_bytes], NULL for what came as ids */
    size_t n_text_bytes;
    const attrib_query *query; /* NULL: a document */
} shown;

typedef struct printer {
    const attrib_tokenizer *tokenizer; /* or NULL */
    bool is_json, is_coloured;
    const char *space, *newline, *tab; /* how they are shown */
} printer;

/* 2. Text */

/* Bytes of the UTF-8 character at text[0], 0 where there is none. */
static size_t character_bytes(const char *text, size_t n)
{
    unsigned char lead = (unsigned char)text[0];
    size_t length = lead < 0x80   ? 1
                    : lead < 0xC2 ? 0
                    : lead < 0xE0 ? 2
                    : lead < 0xF0 ? 3
                                  : 4;
    if (lead > 0xF4 || length > n) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    return length;
}

/* The text of a token on one line without a space; bytes that are no character of their
 * own, and control characters, as \xNN. */
static void print_piece(const printer *p, const char *piece, size_t n)
{
    for (size_t i = 0; i < n;) {
        size_t length = character_bytes(piece + i, n - i);
        unsigned char c = (unsigned char)piece[i];
        bool is_control =
            c < 0x20 || c == 0x7F ||
            (length == 2 && c == 0xC2 && (unsigned char)piece[i + 1] < 0xA0);
        if (c == ' ' || c == '\n' || c == '\t') {
            fputs(c == ' ' ? p->space : c == '\n' ? p->newline : p->tab, stdout);
            i++;
        } else if (length == 0 || is_control) {
            printf("\\x%02x", c);
            i++;
        } else {
            fwrite(piece + i, 1, length, stdout);
            i += length;
        }
    }
}

/* What a token is to what is measured. */
typedef enum token_part { PART_CONTEXT, PART_COUNTS, PART_MEASURED } token_part;

static token_part part_of(const shown *s, size_t t)
{
    const attrib_direction *direction = s->query ? s->query->direction : NULL;
    if (direction) {
        return direction->positions[t] ? PART_MEASURED : PART_CONTEXT;
    }
    return s->mask[t] ? PART_COUNTS : PART_CONTEXT;
}

/* "piece(id)", "piece[id]" where the token counts in the loss, or "piece{id}" where its
 * hidden state is measured. */
static void print_token(const printer *p, int32_t id, token_part part)
{
    size_t n = 0;
    const char *piece = p->tokenizer ? attrib_tokenizer_piece(p->tokenizer, id, &n) : "";
    const char *on = !p->is_coloured ? "" : part ? "\x1b[1;32m" : "\x1b[2m";
    fputs(on, stdout);
    print_piece(p, piece, n);
    printf("%c%ld%c%s", "([{"[part], (long)id, ")]}"[part],
           p -> is_coloured ? "\x1b[0m" : "");
}

static void print_text(const printer *p, const shown *s)
{
    print_piece(p, s->id, strlen(s->id));
    for (size_t t = 0; t < s->n_tokens; t++) {
        fputs(!t ? "\t" : s->query && s->query->against_token == t ? " | " : " ", stdout);
        print_token(p, s->ids[t], part_of(s, t));
    }
    putchar('\n');
}

/* 3. JSON */

static void print_direction(const attrib_query *query)
{
    const attrib_direction *direction = query->direction;
    size_t n = 0;
    fputs(", \"direction\": {\"file\": ", stdout);
    terminal_write_json(stdout, direction->path, strlen(direction->path));
    printf(", \"layer\": %zu, \"positions\": [", direction->layer);
    for (size_t t = 0; t < query->n_tokens; t++) {
        if (direction->positions[t]) {
            printf("%s%zu", n++ ? ", " : "", t);
        }
    }
    fputs("]}", stdout);
}

static void print_json(const shown *s)
{
    fputs("{\"id\": ", stdout);
    terminal_write_json(stdout, s->id, strlen(s->id));
    fputs(", \"source\": ", stdout);
    terminal_write_json(stdout, s->source, strlen(s->source));
    fputs(", \"line\": ", stdout);
    if (s->line) {
        printf("%zu", s->line);
    } else {
        fputs("null", stdout);
    }
    fputs(", \"ids\": [", stdout);
    for (size_t t = 0; t < s->n_tokens; t++) {
        printf("%s%ld", t ? ", " : "", (long)s->ids[t]);
    }
    fputs("], \"mask\": [", stdout);
    for (size_t t = 0; t < s->n_tokens; t++) {
        printf("%s%d", t ? ", " : "", s->mask[t] != 0);
    }
    fputs("], \"text\": ", stdout);
    if (s->text) {
        terminal_write_json(stdout, s->text, s->n_text_bytes);
    } else {
        fputs("null", stdout);
    }
    if (s->query) {
        printf(", \"measure\": \"%s\"", attrib_measure_name(s->query->measure));
    }
    if (s->query && s->query->against_token) {
        printf(", \"against_token\": %zu", s->query->against_token);
    }
    if (s->query && s->query->direction) {
        print_direction(s->query);
    }
    fputs("}\n", stdout);
}

static void print_shown(const printer *p, const shown *s)
{
    if (p->is_json) {
        print_json(s);
    } else {
        print_text(p, s);
    }
}

/* 4. Documents and queries */

#define FORGET 4096 /* documents until the memory of those shown is given back */

/* A whole document's tokens, whose sequences overlap by one, into arrays that grow. */
typedef struct whole {
    int32_t *ids;
    uint8_t *mask;
    size_t capacity;
} whole;

static attrib_status make_room(whole *of, size_t n, attrib_error *err)
{
    if (n <= of->capacity) {
        return ATTRIB_OK;
    }
    free(of->ids);
    free(of->mask);
    of->ids = calloc(n, sizeof *of->ids);
    of->mask = calloc(n, 1);
    of->capacity = of->ids && of->mask ? n : 0;
    return of->capacity ? ATTRIB_OK
                        : cli_fail(err, ATTRIB_ENOMEM, "out of memory for %zu tokens", n);
}

static attrib_status show_document(
    const printer *p, const attrib_corpus *corpus, size_t i, whole *of, attrib_error *err)
{
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    attrib_status status = make_room(of, document.n_tokens, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    for (size_t s = 0; s < document.n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document.first_sequence + s, &sequence);
        for (size_t t = s > 0; t < sequence.n_tokens; t++) {
            of->ids[sequence.offset + t] = sequence.ids[t];
            of->mask[sequence.offset + t] = sequence.mask[t];
        }
    }
    print_shown(p, &(shown){.id = document.id,
                            .source = document.source,
                            .line = document.line,
                            .ids = of->ids,
                            .mask = of->mask,
                            .n_tokens = document.n_tokens,
                            .text = document.text,
                            .n_text_bytes = document.n_text_bytes});
    return ATTRIB_OK;
}

static attrib_status show_corpus(const printer *p,
                                 const attrib_corpus *corpus,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_corpus_summarize(corpus)->n_documents;
    whole of = {0};
    for (size_t i = 0; status == ATTRIB_OK && i < n && !ferror(stdout); i++) {
        status = show_document(p, corpus, i, &of, err);
        if (i % FORGET == FORGET - 1) {
            attrib_corpus_forget(corpus);
        }
    }
    free(of.ids);
    free(of.mask);
    return status;
}

/* A query's text is that of its tokens: a chat template may have written it. Both sides
 * of a margin are shown, one after the other. */
static attrib_status show_query(const printer *p,
                                const attrib_query *query,
                                const char *source,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *text = NULL;
    size_t n_bytes = 0;
    if (query->prompt && p->is_json) {
        status = attrib_tokenizer_decode(p->tokenizer,
                                         (attrib_ids){query->ids, query->n_tokens}, false,
                                         &text, &n_bytes, err);
    }
    if (status == ATTRIB_OK) {
        print_shown(p, &(shown){.id = query->id,
                                .source = source,
                                .ids = query->ids,
                                .mask = query->mask,
                                .n_tokens = query->n_tokens,
                                .text = text,
                                .n_text_bytes = n_bytes,
                                .query = query});
    }
    attrib_free(text);
    return status;
}

static attrib_status show_queries(const printer *p,
                                  const tokens_args *args,
                                  const cli_source *source,
                                  cli_job *job,
                                  attrib_error *err)
{
    attrib_queries *queries = NULL;
    size_t max = args->source.max_documents ? args->source.max_documents : SIZE_MAX;
    attrib_status status =
        attrib_queries_open(job->session, args->queries, source->tokenizer,
                            &source->corpus_options, &queries, err);
    size_t n = status == ATTRIB_OK ? attrib_queries_count(queries) : 0;
    if (n) {
        note_queries(source, queries, job);
    }
    for (size_t i = 0; status == ATTRIB_OK && i < n && i < max && !ferror(stdout); i++) {
        status = show_query(p, attrib_queries_get(queries, i), args->queries, err);
    }
    attrib_queries_close(queries);
    return status;
}

static attrib_status tokens(const void *arguments, cli_job *job, attrib_error *err)
{
    const tokens_args *args = arguments;
    cli_source source = {0};
    bool is_utf8 = terminal_is_utf8();
    attrib_status status = source_open(&args->source, job, &source, err);
    if (status == ATTRIB_OK) {
        const printer p = {.tokenizer = source.tokenizer,
                           .is_json = args->format == FORMAT_JSON,
                           .is_coloured = terminal_is_coloured(job->common),
                           .space = is_utf8 ? "\xE2\x90\xA3" : "_",
                           .newline = is_utf8 ? "\xE2\x86\xB5" : "\\n",
                           .tab = is_utf8 ? "\xE2\x86\x92" : "\\t"};
        terminal_clear(job->screen);
        signal(SIGPIPE, SIG_DFL); /* a reader such as head has seen enough */
        status = args->queries ? show_queries(&p, args, &source, job, err)
                               : show_corpus(&p, source.corpus, err);
    }
    source_close(&source);
    return status;
}

const cli_command command_tokens = {
    .name = "tokens",
    .usage = "--model M {--corpus PATH... | --queries Q} [OPTION]...",
    .summary = "show the tokens that a model sees, and which count in the loss",
    .description =
        "Prints what becomes of each document of a corpus, or of each query, before a "
        "model sees it: one line for each, never cut, with all of its tokens, those that "
        "a chat template and the tokenizer add included.\n\n"
        "As text, the id and a tab, then the tokens between spaces: Who(412) where the "
        "token is context, Paris[97] where the loss counts it. A space, a newline and a "
        "tab in a token are shown by signs, other control characters and bytes that are "
        "no text as \\xNN. As JSON, one object a line: \"text\" is what was tokenized, "
        "of "
        "a query what its tokens say; null where tokens were given. A query that has no "
        "completion ends where the model would begin to write. One that is measured "
        "against another completion shows the prompt with that too, after a bar; JSON "
        "has its place in ids as \"against_token\". Tokens whose hidden state is "
        "measured "
        "along a direction are shown as ren{1634}.",
    .example = "  attrib tokens --model model/ --corpus chats.jsonl --max-documents 3",
    .groups = tokens_groups,
    .args_bytes = sizeof(tokens_args),
    .check = check,
    .run = tokens,
};
