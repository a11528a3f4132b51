/* SPDX-License-Identifier: MIT */
#include "cli/cache_store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cache.h"
#include "cli/cache_entries.h"

/* A store takes about as much as its sources; what is larger than this part of the cache
 * would push everything else out. */
#define PART_OF_LIMIT 8

/* Whether paths are files and folders that may be read again. */
static bool may_be_kept(const attrib_paths *paths)
{
    for (size_t i = 0; i < paths->n; i++) {
        const char *path = paths->paths[i];
        if (strcmp(path, "-") == 0 || access(path, R_OK) != 0 || attrib_store_is(path)) {
            return false;
        }
    }
    return true;
}

/* Whether options choose from what is read. */
static bool is_narrowed(const attrib_corpus_options *options)
{
    return options->n_where || options->max_tokens || options->sample ||
           options->deduplicate || options->max_documents;
}

static uint64_t hash_or_none(uint64_t hash, const char *text)
{
    return cache_hash(cache_hash(hash, text ? "1" : "0"), text ? text : "");
}

/* Make a name from all that the store's documents depend on but for the bytes of the
 * sources and the day, which the store knows itself. */
static uint64_t name_store(const attrib_paths *paths, const cli_source *source)
{
    const attrib_corpus_options *o = &source->corpus_options;
    const char *const texts[] = {
        o->text_field,     o->id_field,   o->prompt_field, o->completion_field,
        o->messages_field, o->tag_fields, o->unit,         o->document_end,
        o->include,        o->exclude,    o->chat_template};
    char numbers[160];
    char tokenizer[33] = "";
    uint64_t hash = cache_hash(CACHE_HASH_START, attrib_version());
    if (source->tokenizer) {
        attrib_tokenizer_hash(source->tokenizer, tokenizer);
    }
    hash = cache_hash(hash, tokenizer);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        hash = hash_or_none(hash, texts[i]);
    }
    snprintf(numbers, sizeof numbers, "%zu %zu %d %d %d %d", o->context, o->n_vocabulary,
             (int)o->token_dtype, (int)o->on_bad_row, (int)o->preference, o->append_eos);
    hash = cache_hash(hash, numbers);
    for (size_t i = 0; i < paths->n; i++) {
        char *real = realpath(paths->paths[i], NULL);
        hash = hash_or_none(cache_hash(hash, paths->paths[i]), real);
        free(real);
    }
    return hash;
}

/* Open the store of the cache. *is_open is false where there is none, where its sources
 * changed, and where it cannot be read, which is why another is made. */
static attrib_status open_kept(
    const char *store, cli_job *job, cli_source *out, bool *is_open, attrib_error *err)
{
    attrib_error why = {0};
    bool is_current = false;
    const attrib_paths path = {&store, 1};
    *is_open = false;
    if (access(store, F_OK) != 0) {
        return ATTRIB_OK;
    }
    attrib_status status = attrib_store_is_current(store, &is_current, &why);
    if (status == ATTRIB_OK && is_current) {
        status = attrib_corpus_open(job->session, &path, out->tokenizer,
                                    &out->corpus_options, &out->corpus, &why);
        *is_open = status == ATTRIB_OK;
    }
    if (status == ATTRIB_ECANCELED || status == ATTRIB_ENOMEM) {
        return cli_fail(err, status, "%s", why.message);
    }
    if (*is_open) {
        terminal_log(job->screen, ATTRIB_LOG_INFO, "documents of the cache %s", store);
    } else {
        terminal_log(job->screen, ATTRIB_LOG_INFO, "documents are read again: %s",
                     why.status ? why.message : "sources of the cache's changed");
    }
    return ATTRIB_OK;
}

static bool is_small(const attrib_paths *paths, size_t limit)
{
    uint64_t n_bytes = 0;
    for (size_t i = 0; i < paths->n; i++) {
        n_bytes += cache_bytes(paths->paths[i]);
    }
    return n_bytes < limit / PART_OF_LIMIT;
}

attrib_status cache_read_corpus(const attrib_paths *paths,
                                size_t limit,
                                cli_job *job,
                                cli_source *out,
                                attrib_error *err)
{
    char cache[CACHE_PATH_SIZE];
    char name[32];
    char store[CACHE_PATH_SIZE];
    bool is_open = false;
    if (!may_be_kept(paths) || !cache_find(paths->paths[0], cache)) {
        return attrib_corpus_open(job->session, paths, out->tokenizer,
                                  &out->corpus_options, &out->corpus, err);
    }
    attrib_sweep(cache); /* where no store is written, nobody else does */
    snprintf(name, sizeof name, "%016" PRIx64 ".store", name_store(paths, out));
    if (!cache_join(store, cache, name)) {
        return cli_fail(err, ATTRIB_ERANGE, "%.200s...: the path is too long", cache);
    }
    attrib_status status = open_kept(store, job, out, &is_open, err);
    if (status != ATTRIB_OK) {
        return status;
    }
    if (is_open) {
        cache_touch(store);
        return ATTRIB_OK;
    }
    if (!is_narrowed(&out->corpus_options) && is_small(paths, limit)) {
        attrib_error failed = {0};
        attrib_ingest_job made_of;
        attrib_ingest_job_default(&made_of);
        made_of.paths = paths;
        made_of.tokenizer = out->tokenizer;
        made_of.options = &out->corpus_options;
        status =
            attrib_corpus_ingest(job->session, &made_of, store, &out->corpus, &failed);
        if (status != ATTRIB_EIO) { /* which may be of the cache */
            return status == ATTRIB_OK ? status
                                       : cli_fail(err, status, "%s", failed.message);
        }
        terminal_log(job->screen, ATTRIB_LOG_DETAIL, "no store is kept: %s",
                     failed.message);
    }
    return attrib_corpus_open(job->session, paths, out->tokenizer, &out->corpus_options,
                              &out->corpus, err);
}
