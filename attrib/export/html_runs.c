/* SPDX-License-Identifier: MIT */
/* The runs of a page: the settings of all of them, one run after the other, are the
 * page's settings. Runs of several models, checkpoints or methods go together where their
 * queries and documents are the same.
 *
 * 1. Whether runs go together.
 * 2. Settings and answers. */
#include <stdlib.h>
#include <string.h>

#include "export/html.h"

/* 1. Whether runs go together */

static const char *name_of(const at_shown *shown, size_t i_run)
{
    const char *folder = attrib_run_describe(shown->runs[i_run])->folder;
    return folder ? folder : "a run";
}

static bool is_same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static attrib_status match_queries(const at_shown *shown, size_t i_run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_run_describe(shown->runs[i_run])->n_queries;
    AT_CHECK(n == shown->info->n_queries, ATTRIB_ESHAPE,
             "%s has %zu queries, %s %zu: runs of one page have the same",
             name_of(shown, 0), shown->info->n_queries, name_of(shown, i_run), n);
    for (size_t q = 0; q < n; q++) {
        const attrib_query *a = &attrib_run_answer(shown->runs[0], q)->query;
        const attrib_query *b = &attrib_run_answer(shown->runs[i_run], q)->query;
        AT_CHECK(strcmp(a->id, b->id) == 0, ATTRIB_ESHAPE,
                 "query %zu is \"%.60s\" in %s and \"%.60s\" in %s: runs of one page "
                 "have the same queries",
                 q + 1, a->id, name_of(shown, 0), b->id, name_of(shown, i_run));
        AT_CHECK(is_same(a->prompt, b->prompt), ATTRIB_ESHAPE,
                 "query \"%.60s\" has another prompt in %s than in %s", a->id,
                 name_of(shown, i_run), name_of(shown, 0));
    }
done:
    return status;
}

/* What names a document: its id, and the hash of its bytes. */
typedef struct named {
    char *id;
    char hash[AT_HASH_SIZE];
} named;

static attrib_status match_document(const at_shown *shown,
                                    size_t i_run,
                                    size_t i,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    named first = {0};
    AT_TRY(attrib_run_document(shown->runs[0], i, &document, err));
    AT_TRY(at_copy_text(document.id, strlen(document.id), &first.id, err));
    memcpy(first.hash, document.hash, sizeof first.hash);
    AT_TRY(attrib_run_document(shown->runs[i_run], i, &document, err));
    AT_CHECK(strcmp(first.id, document.id) == 0, ATTRIB_ESHAPE,
             "document %zu is \"%.60s\" in %s and \"%.60s\" in %s: runs of one page have "
             "the same documents",
             i + 1, first.id, name_of(shown, 0), document.id, name_of(shown, i_run));
    AT_CHECK(memcmp(first.hash, document.hash, sizeof first.hash) == 0, ATTRIB_ESHAPE,
             "document \"%.60s\" has another text in %s than in %s", first.id,
             name_of(shown, i_run), name_of(shown, 0));
done:
    free(first.id);
    return status;
}

static attrib_status match_documents(const at_shown *shown,
                                     size_t i_run,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_run_describe(shown->runs[i_run])->n_documents;
    AT_CHECK(n == shown->info->n_documents, ATTRIB_ESHAPE,
             "%s has %zu documents, %s %zu: runs of one page have the same",
             name_of(shown, 0), shown->info->n_documents, name_of(shown, i_run), n);
    for (size_t i = 0; i < n; i++) {
        AT_TRY(match_document(shown, i_run, i, err));
    }
    AT_CHECK(is_same(shown->info->corpus_hash,
                     attrib_run_describe(shown->runs[i_run])->corpus_hash),
             ATTRIB_ESHAPE,
             "documents are other tokens in %s than in %s, and a page colours tokens: "
             "attrib analyze RUN RUN queries compares such runs",
             name_of(shown, i_run), name_of(shown, 0));
done:
    return status;
}

/* Influences as inputs are no shares of the score, which others are. */
static attrib_status match_numbers(const at_shown *shown, size_t i_run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *a = shown->info->options;
    const attrib_score_options *b = attrib_run_describe(shown->runs[i_run])->options;
    AT_CHECK(a->token_kind == b->token_kind, ATTRIB_ESHAPE,
             "tokens have their %s in %s and their %s in %s: runs of one page are scored "
             "with the same --token-kind",
             attrib_token_kind_name(a->token_kind), name_of(shown, 0),
             attrib_token_kind_name(b->token_kind), name_of(shown, i_run));
    AT_CHECK(
        a->normalize == b->normalize, ATTRIB_ESHAPE,
        "scores are divided by %s in %s and by %s in %s: runs of one page are scored "
        "with the same --normalize",
        attrib_normalize_name(a->normalize), name_of(shown, 0),
        attrib_normalize_name(b->normalize), name_of(shown, i_run));
done:
    return status;
}

attrib_status at_shown_match(at_shown *shown, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < shown->n_runs; i++) {
        shown->n_settings += attrib_run_describe(shown->runs[i])->options->n_settings;
        if (i > 0) {
            AT_TRY(match_numbers(shown, i, err));
            AT_TRY(match_queries(shown, i, err));
            AT_TRY(match_documents(shown, i, err));
        }
    }
    AT_CHECK(shown->n_settings <= ATTRIB_MAX_SETTINGS, ATTRIB_ERANGE,
             "%zu runs with %zu settings: a page compares at most %d", shown->n_runs,
             shown->n_settings, ATTRIB_MAX_SETTINGS);
    shown->n_answers = shown->n_settings * shown->info->n_queries;
done:
    return status;
}

/* 2. Settings and answers */

static const char *last_part(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return slash && slash[1] ? slash + 1 : folder;
}

const char *at_shown_title(const at_shown *shown, size_t i_run)
{
    const char *folder = attrib_run_describe(shown->runs[i_run])->folder;
    if (!folder) {
        return "run";
    }
    for (size_t i = 0; i < shown->n_runs; i++) {
        const char *other = attrib_run_describe(shown->runs[i])->folder;
        if (i != i_run && other && strcmp(last_part(folder), last_part(other)) == 0) {
            return folder;
        }
    }
    return last_part(folder);
}

at_shown_setting at_shown_setting_of(const at_shown *shown, size_t i_setting)
{
    size_t i_run = 0;
    for (;; i_run++) {
        size_t n = attrib_run_describe(shown->runs[i_run])->options->n_settings;
        if (i_setting < n) {
            return (at_shown_setting){i_run, shown->runs[i_run], i_setting};
        }
        i_setting -= n;
    }
}

/* The answer's place in its run. */
static size_t place_of(const at_shown *shown, size_t i_answer, attrib_run **run)
{
    size_t n_queries = shown->info->n_queries;
    at_shown_setting setting = at_shown_setting_of(shown, i_answer / n_queries);
    *run = setting.run;
    return setting.i_setting * n_queries + i_answer % n_queries;
}

const attrib_answer *at_shown_answer(const at_shown *shown, size_t i_answer)
{
    attrib_run *run = NULL;
    size_t i = place_of(shown, i_answer, &run);
    return attrib_run_answer(run, i);
}

attrib_status at_shown_load(const at_shown *shown, size_t i_answer, attrib_error *err)
{
    attrib_run *run = NULL;
    size_t i = place_of(shown, i_answer, &run);
    return attrib_run_load(run, i, err);
}

attrib_status at_shown_load_result(const at_shown *shown,
                                   size_t i_answer,
                                   const attrib_result *result,
                                   attrib_error *err)
{
    attrib_run *run = NULL;
    size_t i = place_of(shown, i_answer, &run);
    return attrib_run_load_result(run, i, result, err);
}
