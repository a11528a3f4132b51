/* SPDX-License-Identifier: MIT */
/* Opening a store.
 *
 *   1. Whether its sources are what they were
 *   2. Opening */
#include <stdlib.h>
#include <string.h>

#include "corpus/draft.h"
#include "corpus/reading.h"
#include "corpus/select.h"
#include "corpus/store_file.h"

void at_token_store_hash_tokenizer(const attrib_tokenizer *tokenizer,
                                   char out[AT_HASH_SIZE])
{
    out[0] = '\0';
    if (tokenizer) {
        attrib_tokenizer_hash(tokenizer, out);
    }
}

/* 1. Whether its sources are what they were */

bool attrib_store_is(const char *path)
{
    return at_token_store_is(path);
}

/* The sources of a store's record that are there now: of its paths, and of the chat
 * template. */
static attrib_status find_sources(const at_record *record,
                                  at_sources *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *paths = at_record_find(&record->map, "paths");
    const msgpack_object *options = at_record_find(&record->map, "options");
    char *path = NULL;
    size_t n = 0;
    AT_CHECK(paths && paths->type == MSGPACK_OBJECT_ARRAY && options, ATTRIB_EFORMAT,
             "%s: key \"paths\": expected an array", record->name);
    for (size_t i = 0; i <= paths->via.array.size; i++) {
        const bool is_last = i == paths->via.array.size;
        const msgpack_object *one = is_last ? NULL : &paths->via.array.ptr[i];
        const char *text = is_last ? at_reading_find(options, "chat-template", &n) : NULL;
        if (one && one->type == MSGPACK_OBJECT_STR) {
            text = one->via.str.ptr;
            n = one->via.str.size;
        }
        free(path);
        path = NULL;
        AT_TRY(at_copy_text(text ? text : "", text ? n : 0, &path, err));
        if (*path && (!is_last || at_is_file(path))) {
            AT_TRY(at_sources_add(out, path, err));
        }
    }
done:
    free(path);
    return status;
}

/* The first source that changed, owned; NULL where none did. */
static attrib_status find_change(const at_record *record, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sources then = {0};
    at_sources now = {0};
    const char *changed = NULL;
    *out = NULL;
    AT_TRY(at_token_store_sources(record, &then, err));
    AT_TRY(find_sources(record, &now, err));
    AT_TRY(at_sources_compare(&then, &now, &changed, err));
    if (changed) {
        AT_TRY(at_copy_text(changed, strlen(changed), out, err));
    }
done:
    at_sources_free(&then);
    at_sources_free(&now);
    return status;
}

attrib_status attrib_store_is_current(const char *path, bool *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *changed = NULL;
    AT_TRY(at_token_store_read_record(path, &record, err));
    AT_TRY(find_change(&record, &changed, err));
    *out = changed == NULL;
done:
    free(changed);
    at_record_free(&record);
    return status;
}

/* Say that a source changed; one that is not there any more cannot have. */
static void warn_changed(attrib_session *session, const at_record *record)
{
    attrib_error ignored = {0};
    char *changed = NULL;
    if (find_change(record, &changed, &ignored) == ATTRIB_OK && changed &&
        at_is_there(changed)) {
        at_log(session, ATTRIB_LOG_WARNING,
               "%s: made before %s changed: to read it anew, make the store again",
               record->name, changed);
    }
    free(changed);
}

/* 2. Opening */

static attrib_status check_origin(const at_record *record,
                                  const attrib_corpus *corpus,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char hash[AT_HASH_SIZE];
    const char *made = "";
    size_t n = 0;
    const char *date = attrib_corpus_date(corpus);
    at_token_store_hash_tokenizer(tokenizer, hash);
    AT_TRY(at_record_text(record->name, &record->map, "tokenizer_hash", &made, &n, err));
    AT_CHECK(n == strlen(hash) && memcmp(made, hash, n) == 0, ATTRIB_EINVAL,
             "%s: a store that another tokenizer made: make one with this model",
             record->name);
    AT_TRY(at_reading_check(record->name, at_record_find(&record->map, "options"),
                            options, err));
    AT_CHECK(!options->date || !*date || strcmp(date, options->date) == 0, ATTRIB_EINVAL,
             "%s: a store that was made with date %s, not %.20s", record->name, date,
             options->date);
done:
    return status;
}

/* Whether two documents, one after the other, are of one row. */
static bool is_same_row(const attrib_document *a, const attrib_document *b)
{
    bool is_member = a->member && b->member ? strcmp(a->member, b->member) == 0
                                            : a->member == b->member;
    return is_member && strcmp(a->source, b->source) == 0 && a->line == b->line &&
           a->span_start == b->span_start && a->span_end == b->span_end &&
           strcmp(a->hash, b->hash) == 0;
}

/* The places of the documents that are selected, at most `most`; owned by the caller. */
static attrib_status select_stored(at_selection *selection,
                                   attrib_corpus *corpus,
                                   size_t most,
                                   size_t **places,
                                   size_t *n,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document before = {.source = ""};
    uint64_t key = 0;
    size_t ordinal = 0;
    size_t *taken = NULL;
    attrib_corpus_summary *counts = at_corpus_counts(corpus);
    const at_stored *stored = corpus->spills[AT_STORE_RECORDS].mapping;
    *n = 0;
    AT_TRY(at_array(counts->n_documents, sizeof *taken, &taken, err));
    for (size_t i = 0; i < counts->n_documents && *n < most; i++) {
        attrib_document document;
        bool is_taken = false;
        attrib_corpus_document(corpus, i, &document);
        ordinal = is_same_row(&before, &document) ? ordinal + 1 : 0;
        if (at_selection_draws(selection) && ordinal == 0) {
            AT_TRY(at_selection_key(selection, stored[i].hash, &key, err));
        }
        AT_TRY(at_selection_judge(selection, &document, key, ordinal, &is_taken, counts,
                                  err));
        taken[*n] = i;
        *n += is_taken;
        before = document;
    }
    if (at_selection_draws(selection)) {
        free(taken);
        taken = NULL;
        AT_TRY(at_selection_draw(selection, &taken, n, counts, err));
    }
    *places = taken;
    taken = NULL;
done:
    free(taken);
    return status;
}

/* Add what options select to the words of what the store holds. */
static attrib_status describe(attrib_corpus *corpus,
                              const attrib_corpus_options *options,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer words = {0};
    at_buffer all = {0};
    const char *made = attrib_corpus_selection(corpus);
    AT_TRY(at_selection_describe(options, &words, err));
    AT_TRY(at_buffer_print(&all, err, "%s%s%s", made, *made && words.n_bytes ? "; " : "",
                           words.bytes));
    AT_TRY(at_corpus_set_selection(corpus, all.bytes, err));
done:
    at_buffer_free(&words);
    at_buffer_free(&all);
    return status;
}

static attrib_status narrow(attrib_corpus **corpus,
                            at_selection *selection,
                            const char *path,
                            const attrib_corpus_options *options,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t *places = NULL;
    size_t n = at_corpus_counts(*corpus)->n_documents;
    size_t most = options->max_documents ? options->max_documents : SIZE_MAX;
    AT_TRY(describe(*corpus, options, err));
    if (selection) {
        AT_TRY(select_stored(selection, *corpus, most, &places, &n, err));
    }
    AT_CHECK(n > 0, ATTRIB_EINVAL, "%s: none of the documents is selected by %.120s",
             path, attrib_corpus_selection(*corpus));
    AT_TRY(at_corpus_narrow(corpus, places, at_smaller(n, most), options, err));
done:
    free(places);
    return status;
}

attrib_status at_token_store_open(attrib_session *session,
                                  const char *path,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_corpus **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus *corpus = NULL;
    at_selection *selection = NULL;
    at_record record = {0};
    AT_TRY(at_corpus_options_check(options, err));
    AT_TRY(at_selection_new(options, &selection, err));
    AT_TRY(at_token_store_map(session, path, options->n_vocabulary,
                              options->scratch_folder, &corpus, &record, err));
    AT_TRY(check_origin(&record, corpus, tokenizer, options, err));
    warn_changed(session, &record);
    if (selection || options->deduplicate || options->max_documents ||
        options->context != corpus->context) {
        AT_TRY(narrow(&corpus, selection, path, options, err));
    }
    *out = corpus;
    corpus = NULL;
done:
    at_record_free(&record);
    at_selection_free(selection);
    attrib_corpus_close(corpus);
    return status;
}
