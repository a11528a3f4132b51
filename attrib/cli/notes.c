/* SPDX-License-Identifier: MIT */
/* 1. Tokens that stand twice   2. Spaces */
#include "cli/notes.h"

#include <stdlib.h>
#include <string.h>

/* 1. Tokens that stand twice */

/* Documents that are looked at: the first ones tell how a corpus was written. */
#define MAX_LOOKED_AT 1000

static bool begins_twice(const cli_source *source, const int32_t *ids, size_t n)
{
    int32_t bos = source->tokenizer ? attrib_tokenizer_bos(source->tokenizer) : -1;
    return bos >= 0 && n >= 2 && ids[0] == bos && ids[1] == bos;
}

static void warn_twice(const cli_source *source,
                       const char *what,
                       const char *name,
                       cli_job *job)
{
    size_t n = 0;
    const char *piece = attrib_tokenizer_piece(
        source->tokenizer, attrib_tokenizer_bos(source->tokenizer), &n);
    terminal_log(
        job->screen, ATTRIB_LOG_WARNING,
        "%s %.100s begins with %.*s twice, by its text and by the tokenizer: take "
        "it out of the text",
        what, name, (int)n, piece);
}

void note_documents(const cli_source *source, cli_job *job)
{
    size_t n = attrib_corpus_summarize(source->corpus)->n_documents;
    for (size_t i = 0; i < n && i < MAX_LOOKED_AT; i++) {
        attrib_document document;
        attrib_sequence first;
        attrib_corpus_document(source->corpus, i, &document);
        attrib_corpus_sequence(source->corpus, document.first_sequence, &first);
        if (document.text && begins_twice(source, first.ids, first.n_tokens)) {
            warn_twice(source, "document", document.id, job);
            return;
        }
    }
}

/* A query asks about one completion, also where documents are margins of two. */
static void note_rejected(const cli_source *source,
                          const attrib_queries *queries,
                          cli_job *job)
{
    size_t n = 0;
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        n += attrib_queries_get(queries, i)->has_rejected;
    }
    if (n && source->corpus_options.preference == ATTRIB_PREFERENCE_MARGIN) {
        terminal_log(job->screen, ATTRIB_LOG_WARNING,
                     "%zu %s a rejected completion, which is not read: --preference "
                     "margin is of documents; a query measures a margin against the "
                     "completion that it calls \"against\"",
                     n, n == 1 ? "query has" : "queries have");
    }
}

void note_queries(const cli_source *source, const attrib_queries *queries, cli_job *job)
{
    note_rejected(source, queries, job);
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        if (query->prompt && begins_twice(source, query->ids, query->n_tokens)) {
            warn_twice(source, "query", query->id, job);
            return;
        }
    }
}

/* 2. Spaces */

/* The nats of what counts of a query; negative where they cannot be told. */
static double loss_of(const attrib_model *model, const attrib_query *query)
{
    attrib_error ignored = {0};
    double loss = 0;
    double *logprobs = calloc(query->n_tokens, sizeof *logprobs);
    if (!logprobs || attrib_model_logprobs(model, query->ids, query->n_tokens, logprobs,
                                           &ignored) != ATTRIB_OK) {
        free(logprobs);
        return -1;
    }
    for (size_t t = 1; t < query->n_tokens; t++) {
        loss -= query->mask[t] ? logprobs[t] : 0;
    }
    free(logprobs);
    return loss;
}

/* The loss where the prompt ends without spaces and the completion begins with one. */
static double loss_with_space(const cli_source *source, const attrib_query *query)
{
    attrib_error ignored = {0};
    attrib_queries *moved = NULL;
    double loss = -1;
    size_t n_prompt = strlen(query->prompt);
    const char *said = query->completion + strspn(query->completion, " ");
    char *prompt = strdup(query->prompt);
    char *completion = malloc(strlen(said) + 2);
    while (n_prompt && query->prompt[n_prompt - 1] == ' ') {
        n_prompt--;
    }
    if (prompt && completion) {
        prompt[n_prompt] = '\0';
        completion[0] = ' ';
        memcpy(completion + 1, said, strlen(said) + 1);
        if (attrib_queries_from_prompt(prompt, completion, source->tokenizer,
                                       &source->corpus_options, &moved,
                                       &ignored) == ATTRIB_OK) {
            loss = loss_of(source->model, attrib_queries_get(moved, 0));
        }
    }
    attrib_queries_close(moved);
    free(prompt);
    free(completion);
    return loss;
}

void note_spaces(const cli_source *source, const attrib_queries *queries, cli_job *job)
{
    const attrib_query *query = attrib_queries_get(queries, 0);
    const char *template = source->corpus_options.chat_template;
    size_t n = query->prompt ? strlen(query->prompt) : 0;
    if (n == 0 || !query->completion || query->is_turn || query->against ||
        query->direction || (template && strcmp(template, "plain") != 0)) {
        return; /* a template has spaces of its own */
    }
    bool ends_so = query->prompt[n - 1] == ' ';
    bool begins_so = query->completion[0] == ' ';
    if (ends_so == begins_so ? !ends_so && query->is_generated : begins_so) {
        return;
    }
    double loss = loss_of(source->model, query);
    double moved = loss_with_space(source, query);
    if (loss <= 0 || moved < 0 || 2 * moved >= loss) {
        return;
    }
    terminal_log(
        job->screen, ATTRIB_LOG_WARNING,
        "%s would take %.3f nats in place of %.3f: to most models a space is the "
        "beginning of the next word",
        ends_so ? "the completion after a prompt without the space at its end"
                : "the completion with a space at its beginning",
        moved, loss);
}
