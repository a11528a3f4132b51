/* SPDX-License-Identifier: MIT */
/* Queries: a few rows, held in memory. */
#include "attrib/corpus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "corpus/given.h"
#include "corpus/name.h"
#include "corpus/reader.h"
#include "corpus/talk.h"

/* A query and what it borrows from. */
typedef struct entry {
    attrib_query query;
    at_draft draft;
    char *prompt, *completion;
    attrib_tag *tags;
    size_t n_prompt_ids; /* of the ids, those before the completion */
} entry;

struct attrib_queries {
    entry *entries; /* [n] */
    size_t n, capacity;
    at_rules rules; /* the tokenizer is used only while rows are read */
    size_t context;
};

/* 1. One query */

static void free_entry(entry *e)
{
    at_draft_free(&e->draft);
    free(e->prompt);
    free(e->completion);
    free(e->tags);
    *e = (entry){0};
}

/* Point the public struct at what the entry owns. */
static attrib_status publish(entry *e, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = e->draft.tags.bytes;
    free(e->tags);
    e->tags = NULL;
    AT_TRY(at_array(e->draft.n_tags, sizeof *e->tags, &e->tags, err));
    for (size_t i = 0; i < e->draft.n_tags; i++) {
        e->tags[i].key = text;
        e->tags[i].value = text + strlen(text) + 1;
        text = e->tags[i].value + strlen(e->tags[i].value) + 1;
    }
    e->query = (attrib_query){
        .id = e->draft.id,
        .prompt = e->prompt,
        .completion = e->completion,
        .tags = e->tags,
        .n_tags = e->draft.n_tags,
        .ids = e->draft.ids,
        .mask = e->draft.mask,
        .n_tokens = e->draft.n_tokens,
        .is_generated = e->query.is_generated,
        .is_cut = e->query.is_cut,
        .is_turn = e->query.is_turn,
    };
done:
    return status;
}

/* Prompt and completion as turns: the template's prompt for the assistant to speak behind
 * the one, or the other as what it says, without the end of its turn. */
static attrib_status converse(const at_rules *rules,
                              const char *name,
                              entry *e,
                              at_segments *segments,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_messages turns = {0};
    AT_TRY(at_messages_add(&turns, AT_CHAT_USER, e->prompt, strlen(e->prompt), err));
    if (e->completion) {
        AT_TRY(at_messages_add(&turns, AT_CHAT_ASSISTANT, e->completion,
                               strlen(e->completion), err));
    }
    AT_TRY(at_draft_converse(rules, name, &turns,
                             e->completion ? AT_CHAT_OPEN : AT_CHAT_ASKS, &e->draft,
                             segments, err));
done:
    at_messages_free(&turns);
    return status;
}

/* Whether a prompt is asked as a turn that nobody named a template for: it has no
 * completion, and the model answers in turns. Where the model's template cannot be run
 * nobody knows. */
static attrib_status choose_turn(const at_rules *rules,
                                 const char *name,
                                 entry *e,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error problem = {0};
    if (!e->completion) {
        status = at_rules_need_chat(rules, &problem);
        AT_CHECK(status == ATTRIB_OK, status,
                 "%s: %s (--chat-template plain asks as it stands)", name,
                 problem.message);
        e->query.is_turn = rules->asks_in_turns;
    }
done:
    return status;
}

/* ids = encode(prompt + completion); mask 1 from where they leave encode(prompt). */
static attrib_status encode_entry(const at_rules *rules,
                                  const char *name,
                                  entry *e,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_segments segments = {0};
    AT_CHECK(!e->completion || *e->completion, ATTRIB_EINVAL, "%s: an empty completion",
             name);
    AT_TRY(choose_turn(rules, name, e, err));
    if (rules->wraps_prompts || e->query.is_turn) {
        AT_TRY(converse(rules, name, e, &segments, err));
    } else {
        AT_TRY(at_draft_append(&e->draft, &segments, e->prompt, strlen(e->prompt), false,
                               err));
        if (e->completion) {
            AT_TRY(at_draft_append(&e->draft, &segments, e->completion,
                                   strlen(e->completion), true, err));
        }
    }
    AT_TRY(at_draft_encode(rules, name, &segments, &e->draft, err));
done:
    free(segments.items);
    return status;
}

/* A conversation: the last turn is what the assistant says, or else the model shall write
 * it. */
static attrib_status encode_talk(const at_rules *rules,
                                 const char *name,
                                 const json_t *row,
                                 const at_shape *shape,
                                 entry *e,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_talk talk = {0};
    AT_TRY(at_talk_open(&talk, rules, name, &e->draft, err));
    AT_CHECK(rules->chat, ATTRIB_EINVAL,
             "%s: messages, and the model has no chat template: name one", name);
    AT_TRY(at_talk_row(&talk, shape, row, row, err));
    AT_CHECK(talk.turns.n > 0, ATTRIB_EFORMAT,
             "%s: field \"%s\": expected an array of messages", name, shape->asked);
    {
        const at_chat_turn *last = &talk.turns.items[talk.turns.n - 1];
        const at_segments *segments = &talk.segments;
        bool is_said = last->role == AT_CHAT_ASSISTANT;
        AT_TRY(at_talk_write(&talk, is_said ? AT_CHAT_OPEN : AT_CHAT_ASKS, err));
        size_t n_prompt = is_said && segments->n > 1
                              ? segments->items[segments->n - 2].end
                              : e->draft.text.n_bytes;
        bool is_asked = shape->kind != AT_SHAPE_TURNS && talk.asked.bytes;
        AT_TRY(at_copy_text(is_asked ? talk.asked.bytes : e->draft.text.bytes,
                            is_asked ? talk.asked.n_bytes : n_prompt, &e->prompt, err));
        if (is_said) {
            AT_CHECK(last->n_bytes, ATTRIB_EINVAL, "%s: an empty completion", name);
            AT_TRY(at_copy_text(last->text, last->n_bytes, &e->completion, err));
        }
    }
    AT_TRY(at_draft_encode(rules, name, &talk.segments, &e->draft, err));
done:
    at_talk_free(&talk);
    return status;
}

/* What holds for queries of either kind, once they have ids. */
static attrib_status check_entry(const attrib_queries *queries,
                                 const char *name,
                                 entry *e,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(e->draft.n_tokens > 0, ATTRIB_EINVAL, "%s: an empty prompt", name);
    AT_CHECK(e->draft.n_predicted > 0 || !e->completion, ATTRIB_EINVAL,
             "%s: the completion has no token behind the first to predict", name);
    AT_CHECK(e->draft.n_tokens <= queries->context, ATTRIB_ERANGE,
             "%s: %zu tokens, the context holds %zu", name, e->draft.n_tokens,
             queries->context);
    e->n_prompt_ids = e->draft.n_tokens;
    for (size_t t = e->draft.n_tokens; t > 0; t--) {
        e->n_prompt_ids = e->draft.mask[t - 1] ? t - 1 : e->n_prompt_ids;
    }
done:
    return status;
}

static attrib_status add_entry(attrib_queries *queries, entry **out, attrib_error *err)
{
    attrib_status status = at_grow(&queries->entries, &queries->capacity, queries->n + 1,
                                   sizeof *queries->entries, err);
    if (status == ATTRIB_OK) {
        *out = &queries->entries[queries->n++];
        **out = (entry){0};
    }
    return status;
}

static attrib_status number_entry(attrib_queries *queries, entry *e, attrib_error *err)
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

/* Whether a field may hold a completion: a text, or messages. */
static bool may_answer(const json_t *value)
{
    const json_t *first = json_array_get(value, 0);
    return json_string_length(value) > 0 || json_is_string(first) ||
           json_is_object(first);
}

/* The model answers a prompt only where nothing else in its row may be the completion
 * under a name that is not known. A row that says "completion": null asks for it. */
static attrib_status check_unanswered(const at_rules *rules,
                                      const char *name,
                                      const at_shape *shape,
                                      json_t *row,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (json_is_null(json_object_get(row, "completion"))) {
        return ATTRIB_OK;
    }
    for (void *it = json_object_iter(row); it; it = json_object_iter_next(row, it)) {
        const char *key = json_object_iter_key(it);
        const json_t *value = json_object_iter_value(it);
        bool is_read = at_row_is_twice(key) || strcmp(key, "tags") == 0 ||
                       at_shape_reads(rules, shape, row, key, value);
        AT_CHECK(
            is_read || !may_answer(value), ATTRIB_ESHAPE,
            "%s: is field \"%.64s\" the completion? name it so, put it into \"tags\", "
            "or say \"completion\": null for the model to write one",
            name, key);
    }
done:
    return status;
}

static attrib_status read_pair(const at_rules *rules,
                               const char *name,
                               const json_t *row,
                               const at_shape *shape,
                               entry *e,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer asked = {0};
    const char *text = NULL;
    size_t n_bytes = 0;
    AT_TRY(at_shape_ask(shape, name, row, row, NULL, &asked, err));
    AT_TRY(at_copy_text(asked.bytes, asked.n_bytes, &e->prompt, err));
    if (shape->answered) {
        AT_TRY(at_row_text(name, row, shape->answered, &text, &n_bytes, err));
        AT_TRY(at_copy_text(text, n_bytes, &e->completion, err));
    }
    AT_TRY(encode_entry(rules, name, e, err));
done:
    at_buffer_free(&asked);
    return status;
}

static attrib_status read_entry(const at_rules *rules,
                                const char *name,
                                json_t *row,
                                const at_shape *shape,
                                entry *e,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_prompt = shape->kind == AT_SHAPE_PAIR || shape->kind == AT_SHAPE_INSTRUCTION;
    if (shape->kind == AT_SHAPE_TOKENS) {
        bool is_trained = strcmp(shape->asked, AT_TRAINED_IDS) == 0;
        const char *mask = is_trained ? "labels" : "mask";
        AT_CHECK(at_row_has(row, mask), ATTRIB_ESHAPE,
                 "%s: %s without %s, which tell the completion from the prompt", name,
                 shape->asked, is_trained ? mask : "a mask");
        AT_TRY(at_row_tokens(rules, name, row, shape->asked, &e->draft, err));
    } else if (!has_prompt && shape->kind != AT_SHAPE_TURNS) {
        AT_TRY(at_row_fail_fields(
            name, row, "none of \"prompt\", \"messages\" and \"ids\", which a query has",
            err));
    } else {
        if (has_prompt && !shape->answered) {
            AT_TRY(check_unanswered(rules, name, shape, row, err));
        }
        AT_TRY(at_talk_is(rules, shape, row)
                   ? encode_talk(rules, name, row, shape, e, err)
                   : read_pair(rules, name, row, shape, e, err));
    }
done:
    return status;
}

/* What reading the rows of a file hands from row to row. */
typedef struct reading {
    attrib_queries *queries;
    const char *source;
} reading;

static attrib_status put_row(void *context, const at_passage *passage, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const reading *r = context;
    entry *e = NULL;
    json_t *row = NULL;
    at_buffer name = {0};
    at_shape shape = {0};
    const at_rules *rules = &r->queries->rules;
    AT_CHECK(passage->line > 0, ATTRIB_EFORMAT,
             "%s: queries are rows such as {\"prompt\": \"...\"}, found text", r->source);
    AT_TRY(at_buffer_print(&name, err, "%s:%zu", r->source, passage->line));
    AT_TRY(at_row_parse(name.bytes, passage->bytes, passage->n_bytes, &row, err));
    AT_TRY(add_entry(r->queries, &e, err));
    AT_TRY(at_row_shape(rules, name.bytes, row, &shape, err));
    AT_TRY(read_entry(rules, name.bytes, row, &shape, e, err));
    AT_TRY(check_entry(r->queries, name.bytes, e, err));
    AT_TRY(at_shape_tags(rules, &shape, row, &e->draft, err));
    AT_TRY(at_row_id(name.bytes, row, rules->id_field, &e->draft, err));
    AT_TRY(number_entry(r->queries, e, err));
    AT_TRY(publish(e, err));
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
    attrib_corpus_options_default(&chosen);
    chosen = options ? *options : chosen;
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

attrib_status attrib_queries_open(const char *path,
                                  const attrib_tokenizer *tokenizer,
                                  const attrib_corpus_options *options,
                                  attrib_queries **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    at_archive *archive = NULL;
    at_buffer source = {0};
    reading r = {0};
    at_member ignored = {0};
    AT_TRY(at_append_name(&source, path, err));
    AT_TRY(new_queries(tokenizer, options, &queries, err));
    r = (reading){queries, source.bytes};
    AT_TRY(at_archive_open(path, source.bytes, AT_ARCHIVE_FILE, &archive, err));
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
    attrib_queries_close(queries);
    return status;
}

attrib_status attrib_queries_from_rows(const attrib_query_row *rows,
                                       size_t n_rows,
                                       const attrib_tokenizer *tokenizer,
                                       const attrib_corpus_options *options,
                                       attrib_queries **out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    at_buffer text = {0};
    const attrib_corpus_options chosen = at_given_options(options);
    AT_CHECK(n_rows > 0, ATTRIB_EINVAL, "no queries");
    AT_TRY(new_queries(tokenizer, &chosen, &queries, err));
    for (size_t i = 0; i < n_rows; i++) {
        reading r = {queries, AT_GIVEN_QUERIES};
        char name[32];
        snprintf(name, sizeof name, "%s:%zu", r.source, i + 1);
        at_buffer_clear(&text);
        AT_TRY(at_given_query(name, &rows[i], &text, err));
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
    entry *e = NULL;
    AT_TRY(new_queries(tokenizer, options, &queries, err));
    AT_TRY(add_entry(queries, &e, err));
    AT_TRY(at_copy_text(prompt, strlen(prompt), &e->prompt, err));
    if (completion) {
        AT_TRY(at_copy_text(completion, strlen(completion), &e->completion, err));
    }
    AT_TRY(encode_entry(&queries->rules, "query", e, err));
    AT_TRY(check_entry(queries, "query", e, err));
    AT_TRY(number_entry(queries, e, err));
    AT_TRY(publish(e, err));
    *out = queries;
    queries = NULL;
done:
    attrib_queries_close(queries);
    return status;
}

/* The prompt's ids with these behind them, in place of what the entry has. */
static attrib_status replace_ids(entry *e,
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

attrib_status attrib_queries_set_completion(attrib_queries *queries,
                                            size_t i,
                                            const int32_t *completion_ids,
                                            size_t n_completion_ids,
                                            const char *completion,
                                            bool is_cut,
                                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    entry *e = &queries->entries[i];
    char *text = NULL;
    size_t n = 0;
    AT_TRY(at_add(e->n_prompt_ids, n_completion_ids, &n, err));
    AT_CHECK(n_completion_ids > 0, ATTRIB_EINVAL, "query %s: an empty completion",
             e->draft.id);
    AT_CHECK(n <= queries->context, ATTRIB_ERANGE,
             "query %s: %zu tokens, the context holds %zu", e->draft.id, n,
             queries->context);
    AT_TRY(at_copy_text(completion, strlen(completion), &text, err));
    AT_TRY(replace_ids(e, completion_ids, n_completion_ids, err));
    free(e->completion);
    e->completion = text;
    e->query.is_generated = true;
    e->query.is_cut = is_cut;
    text = NULL;
    AT_TRY(publish(e, err));
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
        free_entry(&queries->entries[i]);
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
