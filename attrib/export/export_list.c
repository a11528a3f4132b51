/* SPDX-License-Identifier: MIT */
/* Listings of a run: its answers as they are, or documents that were ranked anew.
 *
 * 1. Documents that were ranked anew.
 * 2. Their texts.
 * 3. Notes.
 * 4. Listings.
 * 5. Groups of documents. */
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "export/precision.h"
#include "export/write.h"

#define MAX_GROUPS 1000

/* A listing of documents that were ranked anew. */
typedef struct listing {
    attrib_session *session;
    attrib_run *run;
    const attrib_run_info *info;
    attrib_list_options options;
    attrib_text_options text;
    at_output output;
    const attrib_tag *group; /* that is listed; NULL: all documents */
    /* What is listed of one query: */
    at_arena *bank; /* texts of documents */
    attrib_ranking ranking;
    attrib_result *results; /* [n] top, then bottom */
    size_t n;
    size_t *unreported; /* [n_unreported] their documents */
    size_t n_unreported, n_missing;
    char why[ATTRIB_ERROR_SIZE]; /* of the first text that is not at hand */
    at_buffer notes;
} listing;

static void clear_query(listing *self)
{
    attrib_ranking_free(&self->ranking);
    free(self->results);
    free(self->unreported);
    self->results = NULL;
    self->unreported = NULL;
    self->n_unreported = self->n_missing = 0;
    at_buffer_clear(&self->notes);
    if (self->bank) {
        at_arena_reset(self->bank, 0);
    }
}

/* 1. Documents that were ranked anew */

/* Copy what is borrowed until the next document is asked for. */
static attrib_status keep_document(at_arena *bank,
                                   attrib_document *document,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tag *tags = NULL;
    const char **texts[] = {&document->id, &document->source, &document->member};
    for (size_t i = 0; i < 3; i++) {
        const char *text = *texts[i];
        AT_TRY(at_arena_text(bank, text, text ? strlen(text) : 0, texts[i], err));
    }
    AT_TRY(at_arena_take(bank, document->n_tags, sizeof *tags, &tags, err));
    for (size_t i = 0; i < document->n_tags; i++) {
        const attrib_tag *tag = &document->tags[i];
        AT_TRY(at_arena_text(bank, tag->key, strlen(tag->key), &tags[i].key, err));
        AT_TRY(at_arena_text(bank, tag->value, strlen(tag->value), &tags[i].value, err));
    }
    document->tags = tags;
done:
    return status;
}

static const attrib_result *find_reported(const attrib_answer *answer, size_t document)
{
    for (size_t i = 0; i < answer->n_top + answer->n_bottom; i++) {
        const attrib_result *result =
            i < answer->n_top ? &answer->top[i] : &answer->bottom[i - answer->n_top];
        if (result->document.index == document) {
            return result;
        }
    }
    return NULL;
}

/* Copy a reported document, its shares scaled as its number is. */
static attrib_status take_reported(listing *self,
                                   const attrib_result *from,
                                   double value,
                                   attrib_result *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_token_score *tokens = NULL;
    attrib_module_score *modules = NULL;
    double factor = from->score < 0 || from->score > 0 ? value / from->score : 1;
    *out = *from;
    AT_TRY(at_arena_take(self->bank, from->n_tokens, sizeof *tokens, &tokens, err));
    AT_TRY(at_arena_take(self->bank, from->n_modules, sizeof *modules, &modules, err));
    for (size_t i = 0; i < from->n_tokens; i++) {
        tokens[i] = from->tokens[i];
        tokens[i].score *= factor;
    }
    for (size_t i = 0; i < from->n_modules; i++) {
        modules[i] = from->modules[i];
        modules[i].score *= factor;
    }
    out->tokens = tokens;
    out->modules = modules;
done:
    return status;
}

static attrib_status take_unreported(listing *self,
                                     size_t document,
                                     attrib_result *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (attrib_result){0};
    AT_TRY(attrib_run_document(self->run, document, &out->document, err));
    AT_TRY(keep_document(self->bank, &out->document, err));
    out->document.n_text_bytes = 0;
    out->document.rejected_token = out->document.rejected_byte = 0;
    self->unreported[self->n_unreported++] = document;
done:
    return status;
}

static attrib_status take_result(listing *self,
                                 const attrib_answer *answer,
                                 const attrib_ranked *ranked,
                                 attrib_result *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_result *reported = find_reported(answer, ranked->document);
    AT_TRY(reported ? take_reported(self, reported, ranked->value, out, err)
                    : take_unreported(self, ranked->document, out, err));
    out->score = ranked->value;
done:
    return status;
}

static attrib_status take_results(listing *self,
                                  const attrib_answer *answer,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_ranking *ranking = &self->ranking;
    self->n = ranking->n_top + ranking->n_bottom;
    AT_TRY(at_array(self->n, sizeof *self->results, &self->results, err));
    AT_TRY(at_array(self->n, sizeof *self->unreported, &self->unreported, err));
    for (size_t i = 0; i < self->n; i++) {
        bool is_top = i < ranking->n_top;
        size_t k = is_top ? i : i - ranking->n_top;
        AT_TRY(take_result(self, answer, is_top ? &ranking->top[k] : &ranking->bottom[k],
                           &self->results[i], err));
        self->results[i].rank = is_top ? k + 1 : ranking->n_ranked - k;
    }
done:
    return status;
}

/* 2. Their texts */

static attrib_status take_text(void *context,
                               size_t i,
                               const char *bytes,
                               size_t n_bytes,
                               const attrib_error *why,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    listing *self = context;
    if (why) {
        if (self->n_missing++ == 0) {
            memcpy(self->why, why->message, sizeof self->why);
        }
        return ATTRIB_OK;
    }
    for (size_t k = 0; k < self->n; k++) {
        attrib_document *document = &self->results[k].document;
        if (document->index == i) {
            AT_TRY(at_arena_text(self->bank, bytes, n_bytes, &document->text, err));
            document->n_text_bytes = n_bytes;
        }
    }
done:
    return status;
}

/* 3. Notes */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* A note follows the others. */
static attrib_status begin_note(listing *self, attrib_error *err)
{
    return at_buffer_print(&self->notes, err, "%s", self->notes.n_bytes ? "; " : "");
}

static attrib_status write_notes(listing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer *notes = &self->notes;
    size_t n = self->n_unreported;
    bool is_self = self->options.by == ATTRIB_BY_SELF;
    if (self->options.where) {
        AT_TRY(begin_note(self, err));
        AT_TRY(at_buffer_print(notes, err, "ranks are those among %zu of %zu documents",
                               self->ranking.n_ranked, self->info->n_documents));
    }
    if (n > 0 && !is_self) {
        AT_TRY(begin_note(self, err));
        AT_TRY(at_buffer_print(notes, err,
                               "%zu document%s not reported by the run: the text is read "
                               "again, shares of tokens are not known",
                               n, n == 1 ? " was" : "s were"));
    }
    if (self->n_missing > 0) {
        AT_TRY(begin_note(self, err));
        AT_TRY(at_buffer_print(notes, err, "%zu text%s not at hand: %s", self->n_missing,
                               self->n_missing == 1 ? " is" : "s are", self->why));
    }
    if (n > 0 && !is_self && self->info->query_rank > 0) {
        AT_TRY(begin_note(self, err));
        AT_TRY(at_buffer_print(notes, err,
                               "queries were cut to rank %zu: score%s of document%s that "
                               "the run did not report may be off by up to %.4g",
                               self->info->query_rank, plural(n), plural(n),
                               self->info->largest_bound));
    }
    if (n > 0 && !is_self && self->info->options->precision != ATTRIB_F32_PRODUCTS) {
        AT_TRY(begin_note(self, err));
        AT_TRY(at_append_precision(notes, self->info, NULL, err));
    }
done:
    return status;
}

/* 4. Listings */

static attrib_status write_listed(listing *self,
                                  const at_listed *listed,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(self->options.is_json ? at_append_listing_json(&text, listed, err)
                                 : at_append_listing(&text, listed, &self->text, err));
    AT_TRY(at_output_write(&self->output, text.bytes, text.n_bytes, err));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status rank_documents(listing *self, size_t i_answer, attrib_error *err)
{
    attrib_rank_options rank;
    size_t n = self->options.n_shown ? self->options.n_shown : self->info->options->top;
    attrib_rank_options_default(&rank);
    rank.i_answer = i_answer;
    rank.i_setting = self->options.i_setting;
    rank.by = self->options.by;
    rank.where = self->options.where;
    rank.tag = self->group ? self->group->key : NULL;
    rank.tag_value = self->group ? self->group->value : NULL;
    rank.n_top = n;
    rank.n_bottom = self->options.by == ATTRIB_BY_SELF ? 0 : n;
    return attrib_run_rank(self->run, &rank, &self->ranking, err);
}

/* List documents that are ranked anew for an answer, which is empty where they are ranked
 * by self-influence. */
static attrib_status list_ranked(listing *self,
                                 const attrib_answer *answer,
                                 size_t i_answer,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_answer shown = *answer;
    at_listed listed = {.info = self->info, .answer = &shown, .by = self->options.by};
    clear_query(self);
    AT_TRY(rank_documents(self, i_answer, err));
    AT_CHECK(self->ranking.n_ranked > 0, ATTRIB_EINVAL,
             "no document of %zu meets the conditions", self->info->n_documents);
    AT_TRY(take_results(self, answer, err));
    AT_TRY(attrib_run_texts(self->session, self->run, self->unreported,
                            self->n_unreported, (attrib_original_sink){take_text, self},
                            err));
    AT_TRY(write_notes(self, err));
    shown.top = self->results;
    shown.n_top = self->ranking.n_top;
    shown.bottom = self->results + shown.n_top;
    shown.n_bottom = self->ranking.n_bottom;
    listed.n_ranked = self->ranking.n_ranked;
    listed.group = self->group;
    listed.notes = self->notes.n_bytes ? self->notes.bytes : NULL;
    AT_TRY(write_listed(self, &listed, err));
done:
    return status;
}

/* List the answer as it is, where all that is asked for was reported. */
static attrib_status list_answer(listing *self, size_t i_answer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_list_options *options = &self->options;
    attrib_answer answer = *attrib_run_answer(self->run, i_answer);
    at_listed listed = {
        .info = self->info, .answer = &answer, .run = self->run, .i_answer = i_answer};
    AT_TRY(attrib_run_load(self->run, i_answer, err));
    if (options->by != ATTRIB_BY_SCORE || options->where ||
        options->n_shown > self->info->options->top) {
        return list_ranked(self, &answer, i_answer, err);
    }
    if (options->n_shown) {
        answer.n_top = at_smaller(answer.n_top, options->n_shown);
        answer.n_bottom = at_smaller(answer.n_bottom, options->n_shown);
    }
    AT_TRY(write_listed(self, &listed, err));
done:
    return status;
}

static attrib_status list_queries(listing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *wanted = self->options.query;
    size_t n_listed = 0;
    for (size_t q = 0; q < self->info->n_queries; q++) {
        size_t i_answer = self->options.i_setting * self->info->n_queries + q;
        const attrib_answer *answer = attrib_run_answer(self->run, i_answer);
        if (wanted && strcmp(answer->query.id, wanted) != 0) {
            continue;
        }
        if (n_listed++ > 0 && !self->options.is_json) {
            AT_TRY(at_output_write(&self->output, "\n\n", 2, err));
        }
        AT_TRY(list_answer(self, i_answer, err));
    }
    AT_CHECK(n_listed > 0, ATTRIB_EINVAL, "no query \"%.80s\"; the first is \"%.80s\"",
             wanted ? wanted : "", attrib_run_answer(self->run, 0)->query.id);
done:
    return status;
}

/* 5. Groups of documents */

/* Values of a tag in the order in which documents have them first. */
typedef struct groups {
    char **values; /* [n] */
    size_t n, capacity;
} groups;

static void free_groups(groups *all)
{
    for (size_t i = 0; i < all->n; i++) {
        free(all->values[i]);
    }
    free(all->values);
}

static attrib_status add_group(groups *all, const char *value, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < all->n; i++) {
        if (strcmp(all->values[i], value) == 0) {
            return ATTRIB_OK;
        }
    }
    AT_CHECK(all->n < MAX_GROUPS, ATTRIB_ERANGE, "more than %d values of the tag",
             MAX_GROUPS);
    AT_TRY(at_grow(&all->values, &all->capacity, all->n + 1, sizeof *all->values, err));
    AT_TRY(at_copy_text(value, strlen(value), &all->values[all->n], err));
    all->n++;
done:
    return status;
}

static attrib_status find_groups(listing *self, groups *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->info->n_documents; i++) {
        attrib_document document;
        AT_TRY(attrib_run_document(self->run, i, &document, err));
        bool holds = attrib_where_holds(self->options.where, &document);
        for (size_t t = 0; holds && t < document.n_tags; t++) {
            if (strcmp(document.tags[t].key, self->options.by_tag) == 0) {
                AT_TRY(add_group(out, document.tags[t].value, err));
            }
        }
    }
    AT_CHECK(out->n > 0, ATTRIB_EINVAL, "no document has the tag \"%.80s\"",
             self->options.by_tag);
done:
    return status;
}

/* List documents by self-influence, all together or group by group. */
static attrib_status list_selves(listing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer none = {.i_setting = self->options.i_setting};
    groups all = {0};
    if (!self->options.by_tag) {
        return list_ranked(self, &none, 0, err);
    }
    AT_TRY(find_groups(self, &all, err));
    for (size_t g = 0; g < all.n; g++) {
        const attrib_tag group = {self->options.by_tag, all.values[g]};
        self->group = &group;
        if (g > 0 && !self->options.is_json) {
            AT_TRY(at_output_write(&self->output, "\n\n", 2, err));
        }
        AT_TRY(list_ranked(self, &none, 0, err));
    }
done:
    self->group = NULL;
    free_groups(&all);
    return status;
}

void attrib_list_options_init(attrib_list_options *options, size_t size)
{
    const attrib_list_options standard = {0};
    at_sized_fill(&standard, sizeof standard, options, size);
}

attrib_status attrib_export_list(attrib_session *session,
                                 attrib_run *run,
                                 const attrib_list_options *options,
                                 const char *path,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    listing self = {.session = session, .run = run, .info = attrib_run_describe(run)};
    attrib_list_options_default(&self.options);
    attrib_text_options_default(&self.text);
    AT_TRY(at_sized_take(options, "list_options", &self.options, err));
    AT_TRY(at_sized_take(self.options.text, "text_options", &self.text, err));
    self.text.n_shown = 0;
    AT_CHECK(self.options.i_setting < self.info->options->n_settings, ATTRIB_EINVAL,
             "setting %zu of %zu", self.options.i_setting + 1,
             self.info->options->n_settings);
    AT_CHECK(!self.options.by_tag || self.options.by == ATTRIB_BY_SELF, ATTRIB_EINVAL,
             "groups of a tag are listed by self-influence");
    AT_CHECK(self.info->n_queries > 0 || self.options.by == ATTRIB_BY_SELF, ATTRIB_EINVAL,
             "a run without queries: rank it by self-influence");
    AT_TRY(at_arena_new(&self.bank, err));
    AT_TRY(at_output_open(path, &self.output, err));
    if (self.options.by == ATTRIB_BY_SELF) {
        AT_TRY(list_selves(&self, err));
    } else {
        AT_TRY(list_queries(&self, err));
    }
    AT_TRY(at_output_commit(&self.output, err));
done:
    at_output_discard(&self.output);
    clear_query(&self);
    at_buffer_free(&self.notes);
    at_arena_free(self.bank);
    return status;
}
