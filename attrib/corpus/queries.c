/* SPDX-License-Identifier: MIT */
/* Queries: a few rows, held in memory. */
#include "attrib/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "corpus/chats.h"
#include "corpus/given.h"
#include "corpus/name.h"
#include "corpus/query.h"
#include "corpus/reader.h"

struct attrib_queries {
    at_query *entries; /* [n] */
    size_t n, capacity;
    at_rules rules; /* the tokenizer is used only while rows are read */
    size_t context;
};

/* 1. Entries */

static attrib_status add_entry(attrib_queries *queries, at_query **out, attrib_error *err)
{
    attrib_status status = at_grow(&queries->entries, &queries->capacity, queries->n + 1,
                                   sizeof *queries->entries, err);
    if (status == ATTRIB_OK) {
        *out = &queries->entries[queries->n++];
        **out = (at_query){0};
    }
    return status;
}

static attrib_status number_entry(attrib_queries *queries, at_query *e, attrib_error *err)
{
    at_buffer number = {0};
    attrib_status status = ATTRIB_OK;
    if (!e->draft.id) {
        status = at_buffer_print(&number, err, "%zu", queries->n);
        e->draft.id = number.bytes;
    }
    return status;
}

/* 2. Rows */

/* What reading the rows of a file hands from row to row. */
typedef struct reading {
    attrib_queries *queries;
    const char *source;
    const char *folder; /* where paths in rows begin; NULL: where the process runs */
} reading;

static attrib_status put_row(void *context, const at_passage *passage, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const reading *r = context;
    at_query *e = NULL;
    json_t *row = NULL;
    at_buffer name = {0};
    at_shape shape = {0};
    const at_rules *rules = &r->queries->rules;
    AT_CHECK(passage->line > 0, ATTRIB_EFORMAT,
             "%s: queries are rows such as {\"prompt\": \"...\"}, found text", r->source);
    AT_TRY(at_buffer_print(&name, err, "%s:%zu", r->source, passage->line));
    AT_TRY(at_row_parse(name.bytes, passage->bytes, passage->n_bytes, &row, err));
    AT_TRY(add_entry(r->queries, &e, err));
    AT_TRY(at_measuring_take(name.bytes, row, r->folder, &e->measuring, err));
    AT_TRY(at_row_shape(rules, name.bytes, row, &shape, err));
    AT_TRY(at_query_read(rules, name.bytes, row, &shape, e, err));
    AT_TRY(at_query_read_against(rules, name.bytes, row, &shape, e, err));
    AT_TRY(at_query_check(r->queries->context, name.bytes, e, err));
    AT_TRY(at_shape_tags(rules, &shape, row, &e->draft, err));
    AT_TRY(at_row_id(name.bytes, row, rules->id_field, &e->draft, err));
    AT_TRY(number_entry(r->queries, e, err));
    AT_TRY(at_query_publish(e, err));
done:
    json_decref(row);
    at_buffer_free(&name);
    return status;
}

/* All but binary that no rule reads: a field of any name may be a completion that is
 * misspelt. */
static bool reads_field(void *context, const char *path, bool is_binary)
{
    const reading *r = context;
    return !is_binary || at_rules_read(&r->queries->rules, path, true);
}

/* 3. Opening */

static attrib_status new_queries(const attrib_tokenizer *tokenizer,
                                 const attrib_corpus_options *options,
                                 attrib_queries **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_corpus_options chosen;
    AT_TRY(at_corpus_options_take(options, &chosen, err));
    AT_TRY(at_corpus_options_check(&chosen, err));
    AT_TRY(at_array(1, sizeof **out, out, err));
    (*out)->context = chosen.context;
    (*out)->rules = at_rules_of(tokenizer, &chosen);
    (*out)->rules.append_eos = false;
    (*out)->rules.id_field = "id"; /* the options' is that of documents, as their text */
    (*out)->rules.is_text_given = false;
    (*out)->rules.takes_margin = false;
    AT_TRY(at_rules_choose_chat(&(*out)->rules, chosen.chat_template, chosen.date, err));
done:
    return status;
}

/* The folder that a file stands in; NULL where its path names none. */
static attrib_status find_folder(const char *path, char **out, attrib_error *err)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return ATTRIB_OK;
    }
    return at_copy_text(path, slash == path ? 1 : (size_t)(slash - path), out, err);
}

/* Rows by name or by content: a file called text may well hold rows. */
static attrib_status read_rows(at_bytes bytes,
                               const char *path,
                               reading *r,
                               attrib_error *err)
{
    bool is_compressed = false;
    size_t binary = 0;
    const at_sink sink = {.context = r,
                          .put = put_row,
                          .reads = reads_field,
                          .scratch_folder = r->queries->rules.scratch_folder,
                          .limit = &r->queries->rules.limit};
    at_kind kind = at_kind_of_name(path, &is_compressed);
    bool is_open = kind != AT_KIND_LINES && kind != AT_KIND_JSON &&
                   kind != AT_KIND_COMMAS && kind != AT_KIND_TABS;
    kind = is_open ? AT_KIND_UNKNOWN : kind;
    attrib_status status =
        at_read_documents(bytes, kind, r->source, NULL, sink, &binary, err);
    if (status == ATTRIB_OK && binary) {
        status = at_fail(err, ATTRIB_EFORMAT,
                         "%s: queries are rows of JSON, found bytes "
                         "that are no text",
                         r->source);
    }
    return status;
}

attrib_status attrib_queries_open(attrib_session *session,
                                  const char *path,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_queries **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    at_archive *archive = NULL;
    at_buffer source = {0};
    char *folder = NULL;
    reading r = {0};
    at_member ignored = {0};
    AT_TRY(at_append_name(&source, path, err));
    AT_TRY(find_folder(path, &folder, err));
    AT_TRY(new_queries(tokenizer, options, &queries, err));
    r = (reading){queries, source.bytes, folder};
    AT_TRY(at_archive_open(session, path, source.bytes, AT_ARCHIVE_FILE, &archive, err));
    status = at_archive_next(archive, &ignored, err);
    if (status == ATTRIB_OK) {
        status = read_rows(at_archive_bytes(archive), path, &r, err);
    }
    if (status != ATTRIB_END) {
        AT_TRY(status);
    }
    AT_CHECK(queries->n > 0, ATTRIB_EINVAL, "%s: no queries", source.bytes);
    *out = queries;
    queries = NULL;
    status = ATTRIB_OK;
done:
    at_archive_close(archive);
    at_buffer_free(&source);
    free(folder);
    attrib_queries_close(queries);
    return status;
}

attrib_status attrib_queries_from_rows(const attrib_query_rows *rows,
                                       const attrib_tokenizer *tokenizer,
                                       const attrib_corpus_options *options,
                                       attrib_queries **out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    at_buffer text = {0};
    attrib_corpus_options chosen;
    AT_TRY(at_given_options(options, &chosen, err));
    AT_CHECK(rows->n > 0, ATTRIB_EINVAL, "no queries");
    AT_TRY(new_queries(tokenizer, &chosen, &queries, err));
    for (size_t i = 0; i < rows->n; i++) {
        reading r = {queries, AT_GIVEN_QUERIES, NULL};
        attrib_query_row row;
        char name[32];
        snprintf(name, sizeof name, "%s:%zu", r.source, i + 1);
        AT_TRY(at_item_take((const char *)rows->rows + i * rows->row_bytes,
                            rows->row_bytes, "query_row", &row, sizeof row, err));
        at_buffer_clear(&text);
        AT_TRY(at_given_query(name, &row, &text, err));
        const at_passage passage = {
            .bytes = text.bytes, .n_bytes = text.n_bytes, .line = i + 1};
        AT_TRY(put_row(&r, &passage, err));
    }
    *out = queries;
    queries = NULL;
done:
    at_buffer_free(&text);
    attrib_queries_close(queries);
    return status;
}

attrib_status attrib_queries_from_prompt(const char *prompt,
                                         const char *completion,
                                         const attrib_tokenizer *tokenizer,
                                         const attrib_corpus_options *options,
                                         attrib_queries **out,
                                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    at_query *e = NULL;
    AT_TRY(new_queries(tokenizer, options, &queries, err));
    AT_TRY(add_entry(queries, &e, err));
    AT_TRY(at_copy_text(prompt, strlen(prompt), &e->prompt, err));
    if (completion) {
        AT_TRY(at_copy_text(completion, strlen(completion), &e->completion, err));
    }
    AT_TRY(at_query_encode(&queries->rules, "query", e, err));
    AT_TRY(at_query_check(queries->context, "query", e, err));
    AT_TRY(number_entry(queries, e, err));
    AT_TRY(at_query_publish(e, err));
    *out = queries;
    queries = NULL;
done:
    attrib_queries_close(queries);
    return status;
}

/* The prompt's ids followed by these, in place of what the entry has. */
static attrib_status replace_ids(at_query *e,
                                 const int32_t *completion_ids,
                                 size_t n_completion_ids,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int32_t *ids = NULL;
    uint8_t *mask = NULL;
    const size_t n = e->n_prompt_ids + n_completion_ids;
    AT_TRY(at_array(n, sizeof *ids, &ids, err));
    AT_TRY(at_array(n, 1, &mask, err));
    memcpy(ids, e->draft.ids, e->n_prompt_ids * sizeof *ids);
    memcpy(ids + e->n_prompt_ids, completion_ids, n_completion_ids * sizeof *ids);
    memset(mask + e->n_prompt_ids, 1, n_completion_ids);
    mask[0] = 0; /* nothing predicts it */
    free(e->draft.ids);
    free(e->draft.mask);
    e->draft.ids = ids;
    e->draft.mask = mask;
    e->draft.n_tokens = n;
    ids = NULL;
    mask = NULL;
done:
    free(ids);
    free(mask);
    return status;
}

size_t attrib_queries_room(const attrib_queries *queries, size_t i)
{
    size_t n = queries->entries[i].n_prompt_ids;
    return n < queries->context ? queries->context - n : 0;
}

void attrib_completion_init(attrib_completion *completion, size_t size)
{
    const attrib_completion standard = {0};
    at_sized_fill(&standard, sizeof standard, completion, size);
}

attrib_status attrib_queries_set_completion(attrib_queries *queries,
                                            size_t i,
                                            const attrib_completion *completion,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_query *e = &queries->entries[i];
    attrib_completion written;
    char *text = NULL;
    size_t n = 0;
    attrib_completion_default(&written);
    AT_TRY(at_sized_take(completion, "completion", &written, err));
    AT_TRY(at_add(e->n_prompt_ids, written.n_ids, &n, err));
    AT_CHECK(written.n_ids > 0, ATTRIB_EINVAL, "query %s: an empty completion",
             e->draft.id);
    AT_CHECK(n <= queries->context, ATTRIB_ERANGE,
             "query %s: %zu tokens, the context holds %zu", e->draft.id, n,
             queries->context);
    AT_TRY(at_copy_text(written.text, strlen(written.text), &text, err));
    AT_TRY(replace_ids(e, written.ids, written.n_ids, err));
    free(e->completion);
    e->completion = text;
    e->query.is_generated = true;
    e->query.is_cut = written.is_cut;
    text = NULL;
    AT_TRY(at_query_publish(e, err));
done:
    free(text);
    return status;
}

void attrib_queries_close(attrib_queries *queries)
{
    if (!queries) {
        return;
    }
    for (size_t i = 0; i < queries->n; i++) {
        at_query_free(&queries->entries[i]);
    }
    at_rules_free(&queries->rules);
    free(queries->entries);
    free(queries);
}

size_t attrib_queries_count(const attrib_queries *queries)
{
    return queries->n;
}

const attrib_query *attrib_queries_get(const attrib_queries *queries, size_t i)
{
    return &queries->entries[i].query;
}
