/* SPDX-License-Identifier: MIT */
/* An answer for a person at a terminal. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/sized.h"
#include "export/cells.h"
#include "export/precision.h"
#include "export/snippet.h"
#include "export/write.h"

#define STANDARD_WIDTH   100
#define LEAST_WIDTH      48
#define LABEL_WIDTH      12 /* "Completion  " */
#define MAX_PROMPT_LINES 8
#define N_SNIPPET_LINES  2
#define SIDE_WIDTH       10 /* "rejected  " */

/* What the parts of a page share. */
typedef struct page {
    at_buffer text;
    const at_listed *listed;
    const attrib_run_info *info;
    const attrib_answer *answer;
    size_t width;
    bool is_coloured, is_ascii;
    size_t n_shown;                 /* of each end */
    size_t rank_width, score_width; /* columns */
    int decimals;                   /* of scores; -1: with an exponent */
    attrib_error *err;
} page;

static attrib_status style(page *self, const char *code)
{
    return self->is_coloured ? at_buffer_print(&self->text, self->err, "%s", code)
                             : ATTRIB_OK;
}

/* 1. The query */

/* shows_spaces: they matter at the ends of this text. */
static attrib_status print_field(page *self,
                                 const char *label,
                                 const char *text,
                                 bool shows_spaces)
{
    attrib_status status = ATTRIB_OK;
    const at_frame frame = {.indent = LABEL_WIDTH,
                            .width = self->width - LABEL_WIDTH,
                            .max_lines = MAX_PROMPT_LINES,
                            .is_ascii = self->is_ascii,
                            .shows_spaces = shows_spaces};
    AT_TRY(style(self, AT_STYLE_DIM));
    AT_TRY(at_buffer_print(&self->text, self->err, "%-*s", LABEL_WIDTH, label));
    AT_TRY(style(self, AT_STYLE_PLAIN));
    AT_TRY(at_print_wrapped(&self->text, text, strlen(text), &frame, self->err));
done:
    return status;
}

static attrib_status print_texts(page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &self->answer->query;
    at_buffer text = {0};
    if (self->info->n_queries > 1) {
        AT_TRY(print_field(self, "Query", query->id, false));
    }
    if (self->answer->n_rows > 1) {
        AT_TRY(at_buffer_print(&text, self->err, "(the weighted sum of %zu queries)",
                               self->answer->n_rows));
        AT_TRY(print_field(self, "Prompt", text.bytes, false));
    } else if (query->prompt) {
        AT_TRY(print_field(self, "Prompt", query->prompt, true));
    } else {
        AT_TRY(at_buffer_print(&text, self->err, "(%zu tokens without text)",
                               query->n_tokens));
        AT_TRY(print_field(self, "Prompt", text.bytes, false));
    }
    if (query->completion) {
        AT_TRY(print_field(self, "Completion", query->completion, true));
    }
    if (query->against) {
        AT_TRY(print_field(self, "Against", query->against, true));
    }
done:
    at_buffer_free(&text);
    return status;
}

/* direction . hidden state, and of which tokens. */
static attrib_status append_direction(at_buffer *out,
                                      const attrib_answer *answer,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &answer->query;
    const attrib_direction *direction = query->direction;
    size_t n = 0;
    AT_TRY(
        at_buffer_print(out, err, "direction . hidden state = %.4g", answer->measured));
    if (!direction) {
        goto done; /* a sum, of several */
    }
    for (size_t t = 0; t < query->n_tokens; t++) {
        n += direction->positions[t] != 0;
    }
    AT_TRY(at_buffer_print(out, err, " (%s, layer %zu, ", direction->path,
                           direction->layer));
    if (n == 1 && direction->positions[query->n_tokens - 1]) {
        AT_TRY(at_buffer_print(out, err, "the last token)"));
    } else {
        AT_TRY(at_buffer_print(out, err, "%zu of %zu tokens)", n, query->n_tokens));
    }
done:
    return status;
}

/* What is measured where it is not the log-probability, which the loss tells. */
static attrib_status print_measured(page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    at_buffer text = {0};
    switch (answer->query.measure) {
    case ATTRIB_MEASURE_LOGPROB:
        return ATTRIB_OK;
    case ATTRIB_MEASURE_MARGIN:
        AT_TRY(at_buffer_print(&text, self->err,
                               "log p(completion) - log p(against) = %.3f nats",
                               answer->measured));
        break;
    case ATTRIB_MEASURE_PROBABILITY:
        AT_TRY(
            at_buffer_print(&text, self->err, "p(completion) = %.3g", answer->measured));
        break;
    case ATTRIB_MEASURE_DIRECTION:
        AT_TRY(append_direction(&text, answer, self->err));
        break;
    }
    AT_TRY(print_field(self, "Measures", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

/* What the scores are. */
static attrib_status print_scores(page *self, const attrib_setting *setting)
{
    static const char *const kinds[] = {[ATTRIB_BY_SCORE] = "",
                                        [ATTRIB_BY_SELF] = "self-influence, ",
                                        [ATTRIB_BY_COSINE] = "cosine, "};
    attrib_status status = ATTRIB_OK;
    bool is_baseline = attrib_strategy_is_baseline(setting->strategy);
    at_buffer text = {0};
    AT_TRY(at_buffer_print(&text, self->err, "%s", kinds[self->listed->by]));
    if (is_baseline) {
        AT_TRY(at_append_setting(&text, setting, self->err));
        AT_TRY(at_buffer_print(&text, self->err, ", a baseline"));
    } else {
        AT_TRY(at_append_curvature(&text, self->info, setting, self->err));
        AT_TRY(at_append_refinement(&text, self->listed, self->err));
    }
    AT_TRY(at_append_documents(&text, self->listed, self->err));
    if (!is_baseline) {
        AT_TRY(at_buffer_print(&text, self->err, ", %.1f %% of the parameters tracked",
                               100 * self->info->tracked_share));
    }
    AT_TRY(print_field(self, "Scores", text.bytes, false));
    at_buffer_clear(&text);
    AT_TRY(at_append_checkpoints(&text, self->info, self->err));
    if (text.n_bytes > 0) {
        AT_TRY(print_field(self, "Sum of", text.bytes, false));
    }
    at_buffer_clear(&text);
    AT_TRY(at_append_precision(&text, self->info, self->answer, self->err));
    if (text.n_bytes > 0) {
        AT_TRY(print_field(self, "Precision", text.bytes, false));
    }
done:
    at_buffer_free(&text);
    return status;
}

/* What share of both ends a filter finds, where that was measured. */
static attrib_status print_filter(page *self)
{
    attrib_status status = ATTRIB_OK;
    const at_listed *listed = self->listed;
    attrib_recall first;
    attrib_recall last;
    at_buffer text = {0};
    if (!listed->run ||
        !attrib_run_recall(listed->run, listed->i_answer, 1, false, &first) ||
        !attrib_run_recall(listed->run, listed->i_answer, 1, true, &last)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_print(&text, self->err,
                           "finds %.2f (95 %%: %.2f to %.2f) of the first %.0f, and %.2f "
                           "(%.2f to %.2f) of the last, by %zu random documents",
                           first.share, first.low, first.high, first.n_found, last.share,
                           last.low, last.high, self->info->n_sampled));
    AT_TRY(print_field(self, "Filter", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status print_loss(page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    size_t n = answer->n_completion_tokens;
    at_buffer text = {0};
    if (answer->query.measure == ATTRIB_MEASURE_DIRECTION) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_print(&text, self->err, "%.3f nats over %zu token%s", answer->loss,
                           n, n == 1 ? "" : "s"));
    if (n > 1) {
        AT_TRY(at_buffer_print(&text, self->err, ", %.3f a token",
                               answer->loss / (double)n));
    }
    if (answer->query.is_generated) {
        AT_TRY(at_buffer_print(&text, self->err,
                               " (the completion was written by the model%s)",
                               answer->query.is_cut ? ", and cut" : ""));
    }
    AT_TRY(print_field(self, "Loss", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

/* What the colours and brackets of tokens say where that is not the usual. */
static attrib_status print_token_kind(page *self)
{
    static const char *const texts[] = {
        [ATTRIB_TOKENS_OUTPUT] = "influences of output tokens, which sum to the score",
        [ATTRIB_TOKENS_INPUT] =
            "influences of input tokens: what the score changes by as "
            "their vectors grow"};
    attrib_token_kind kind = self->info->options->token_kind;
    if (attrib_strategy_is_baseline(
            self->info->options->settings[self->answer->i_setting].strategy)) {
        return ATTRIB_OK; /* what its tokens give to the score */
    }
    return kind == ATTRIB_TOKENS_POSITION
               ? ATTRIB_OK
               : print_field(self, "Tokens", texts[kind], false);
}

static attrib_status print_query(page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    const attrib_setting *setting = &self->info->options->settings[answer->i_setting];
    AT_TRY(print_texts(self));
    AT_TRY(print_loss(self));
    AT_TRY(print_measured(self));
    if (answer->query.is_turn) {
        AT_TRY(
            print_field(self, "Asked",
                        "as a turn of the model's chat template (--chat-template plain "
                        "asks as it stands)",
                        false));
    }
    AT_TRY(print_scores(self, setting));
    AT_TRY(print_filter(self));
    AT_TRY(print_token_kind(self));
done:
    return status;
}

/* 2. A document */

/* Digits after the point so that the largest score has about five that count, the same
 * for all scores of the answer. */
static void choose_columns(page *self)
{
    double largest = 0;
    size_t last_rank = 1;
    const attrib_result *ends[2] = {self->answer->top, self->answer->bottom};
    const size_t n[2] = {self->answer->n_top, self->answer->n_bottom};
    for (int end = 0; end < 2; end++) {
        for (size_t i = 0; i < n[end] && i < self->n_shown; i++) {
            const attrib_result *result = &ends[end][i];
            last_rank = result->rank > last_rank ? result->rank : last_rank;
            if (isfinite(result->score)) {
                largest = fmax(largest, fabs(result->score));
            }
        }
    }
    int magnitude = largest > 0 ? (int)floor(log10(largest)) : 0;
    self->decimals = magnitude >= 7 || magnitude < -4 ? -1
                     : magnitude >= 4                 ? 0
                                                      : 4 - magnitude;
    self->rank_width = (size_t)snprintf(NULL, 0, "%zu", last_rank);
    self->score_width = self->decimals < 0
                            ? sizeof "+1.234e+07" - 1
                            : (size_t)snprintf(NULL, 0, "%+.*f", self->decimals, largest);
}

static size_t indent_of(const page *self)
{
    return self->rank_width + 2 + self->score_width + 2;
}

/* source[:member][:line] */
static attrib_status append_place(at_buffer *out,
                                  const attrib_document *document,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "%s", document->source));
    if (document->member) {
        AT_TRY(at_buffer_print(out, err, ":%s", document->member));
    }
    if (document->line) {
        AT_TRY(at_buffer_print(out, err, ":%zu", document->line));
    }
done:
    return status;
}

/* A tag's value as a person writes it: JSON's text without its quotes. */
static attrib_status append_tag(const page *self, at_buffer *out, const attrib_tag *tag)
{
    size_t n = strlen(tag->value);
    bool is_text = n >= 2 && tag->value[0] == '"' && tag->value[n - 1] == '"';
    const char *between = self->is_ascii ? " | " : " \xC2\xB7 ";
    return at_buffer_print(out, self->err, "%s%s=%.*s", out->n_bytes ? between : "",
                           tag->key, (int)(is_text ? n - 2 : n), tag->value + is_text);
}

/* A score that stands on few tokens is marked, since it says little of the document, and
 * one of a sum whose shares are not known. */
static attrib_status append_mark(const page *self,
                                 at_buffer *out,
                                 const attrib_result *result)
{
    const char *between = self->is_ascii ? " | " : " \xC2\xB7 ";
    bool is_bare = result->n_tokens == 0 && result->document.n_tokens > 0 &&
                   self->listed->n_ranked == 0; /* these have a note */
    const char *mark = result->is_estimate ? "an estimate: not scored"
                       : is_bare           ? "shares of tokens are not known"
                       : attrib_result_is_spurious(result, NULL) ? "spurious (few tokens)"
                                                                 : NULL;
    return mark ? at_buffer_print(out, self->err, "%s%s", out->n_bytes ? between : "",
                                  mark)
                : ATTRIB_OK;
}

/* The id, where it is not the place over again, and the tags, on one line or two. */
static attrib_status print_labels(page *self,
                                  const attrib_result *result,
                                  const char *place)
{
    attrib_status status = ATTRIB_OK;
    const attrib_document *document = &result->document;
    at_buffer text = {0};
    const at_frame frame = {.indent = indent_of(self),
                            .width = self->width - indent_of(self),
                            .max_lines = N_SNIPPET_LINES,
                            .is_ascii = self->is_ascii,
                            .style = self->is_coloured ? AT_STYLE_DIM : NULL};
    if (strcmp(document->id, place) != 0) {
        AT_TRY(at_buffer_print(&text, self->err, "id=%s", document->id));
    }
    for (size_t i = 0; i < document->n_tags; i++) {
        AT_TRY(append_tag(self, &text, &document->tags[i]));
    }
    AT_TRY(append_mark(self, &text, result));
    if (text.n_bytes) {
        AT_TRY(at_buffer_print(&self->text, self->err, "%*s", (int)frame.indent, ""));
        AT_TRY(
            at_print_wrapped(&self->text, text.bytes, text.n_bytes, &frame, self->err));
    }
done:
    at_buffer_free(&text);
    return status;
}

/* One side of a pair, under its name. */
static attrib_status print_side(page *self,
                                const attrib_result *result,
                                const char *label,
                                at_side side)
{
    attrib_status status = ATTRIB_OK;
    const size_t indent = indent_of(self);
    const at_frame frame = {.indent = indent + SIDE_WIDTH,
                            .width = self->width - indent - SIDE_WIDTH,
                            .max_lines = N_SNIPPET_LINES,
                            .is_coloured = self->is_coloured};
    AT_TRY(at_buffer_print(&self->text, self->err, "%*s", (int)indent, ""));
    AT_TRY(style(self, AT_STYLE_DIM));
    AT_TRY(at_buffer_print(&self->text, self->err, "%-*s", SIDE_WIDTH, label));
    AT_TRY(style(self, AT_STYLE_PLAIN));
    AT_TRY(at_print_snippet(&self->text, result, side, &frame, self->err));
done:
    return status;
}

/* The beginning of a text whose tokens' shares are not known. */
static attrib_status print_plain(page *self,
                                 const attrib_result *result,
                                 const at_frame *frame)
{
    const attrib_document *document = &result->document;
    return document->text
               ? at_print_wrapped(&self->text, document->text, document->n_text_bytes,
                                  frame, self->err)
               : at_buffer_print(&self->text, self->err, "(its text is not at hand)\n");
}

static attrib_status print_text(page *self,
                                const attrib_result *result,
                                const at_frame *frame)
{
    attrib_status status = ATTRIB_OK;
    const size_t border = result->document.rejected_token;
    const at_side whole = {0, result->n_tokens};
    if (border) {
        AT_TRY(print_side(self, result, "chosen", (at_side){0, border}));
        AT_TRY(print_side(self, result, "rejected", (at_side){border, whole.end}));
    } else if (result->n_tokens == 0 &&
               (self->listed->n_ranked > 0 || result->document.n_tokens > 0)) {
        AT_TRY(at_buffer_print(&self->text, self->err, "%*s", (int)frame->indent, ""));
        AT_TRY(print_plain(self, result, frame));
    } else {
        AT_TRY(at_buffer_print(&self->text, self->err, "%*s", (int)frame->indent, ""));
        AT_TRY(at_print_snippet(&self->text, result, whole, frame, self->err));
    }
done:
    return status;
}

static attrib_status print_result(page *self, const attrib_result *result)
{
    attrib_status status = ATTRIB_OK;
    at_buffer place = {0};
    const at_frame frame = {.indent = indent_of(self),
                            .width = self->width - indent_of(self),
                            .max_lines = N_SNIPPET_LINES,
                            .is_coloured = self->is_coloured,
                            .is_ascii = self->is_ascii};
    AT_TRY(result->is_estimate ? at_buffer_print(&self->text, self->err, "%*s  ",
                                                 (int)self->rank_width, "~")
                               : at_buffer_print(&self->text, self->err, "%*zu  ",
                                                 (int)self->rank_width, result->rank));
    AT_TRY(style(self, AT_STYLE_BOLD));
    AT_TRY(at_buffer_print(
        &self->text, self->err, self->decimals < 0 ? "%+*.*e  " : "%+*.*f  ",
        (int)self->score_width, self->decimals < 0 ? 3 : self->decimals, result->score));
    AT_TRY(style(self, AT_STYLE_PLAIN));
    AT_TRY(append_place(&place, &result->document, self->err));
    AT_TRY(at_print_tail(&self->text, place.bytes, &frame, self->err));
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    AT_TRY(print_labels(self, result, place.bytes));
    AT_TRY(print_text(self, result, &frame));
done:
    at_buffer_free(&place);
    return status;
}

/* 3. The page */

static attrib_status print_end(page *self,
                               const char *heading,
                               const attrib_result *results,
                               size_t n_results)
{
    attrib_status status = ATTRIB_OK;
    if (n_results == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    AT_TRY(style(self, AT_STYLE_BOLD));
    AT_TRY(at_buffer_print(&self->text, self->err, "%s", heading));
    AT_TRY(style(self, AT_STYLE_PLAIN));
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    for (size_t i = 0; i < n_results && i < self->n_shown; i++) {
        AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
        AT_TRY(print_result(self, &results[i]));
    }
done:
    return status;
}

/* The tag that all documents of the listing have. */
static attrib_status print_group(page *self)
{
    at_buffer text = {0};
    attrib_status status = append_tag(self, &text, self->listed->group);
    if (status == ATTRIB_OK) {
        status = print_field(self, "Group", text.bytes, false);
    }
    at_buffer_free(&text);
    return status;
}

/* What the documents at an end of the ranking do, by the sign of the outermost. */
static const char *name_end(const page *self, bool is_top)
{
    const attrib_answer *answer = self->answer;
    if (self->listed->by == ATTRIB_BY_SELF) {
        return is_top ? "Documents with the largest self-influence"
                      : "Documents with the smallest self-influence";
    }
    if (attrib_strategy_is_baseline(
            self->info->options->settings[answer->i_setting].strategy)) {
        return is_top ? "Documents most like the query"
                      : "Documents least like the query";
    }
    if (answer->query.measure == ATTRIB_MEASURE_DIRECTION) {
        return is_top ? "Documents that most raise what is measured"
                      : "Documents that most lower what is measured";
    }
    if (is_top) {
        return answer->n_top == 0 || answer->top[0].score >= 0
                   ? "Documents that most favour the completion"
                   : "Documents that oppose the completion least";
    }
    return answer->n_bottom > 0 && answer->bottom[0].score < 0
               ? "Documents that most oppose the completion"
               : "Documents that favour the completion least";
}

static attrib_status print_page(page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    const at_frame frame = {.width = self->width,
                            .max_lines = AT_MAX_LINES,
                            .is_ascii = self->is_ascii,
                            .style = self->is_coloured ? AT_STYLE_DIM : NULL};
    at_buffer scale = {0};
    bool is_self = self->listed->by == ATTRIB_BY_SELF;
    choose_columns(self);
    AT_TRY(self->listed->group ? print_group(self) : ATTRIB_OK);
    AT_TRY(is_self ? print_scores(self, &self->info->options->settings[answer->i_setting])
                   : print_query(self));
    AT_TRY(print_end(self, name_end(self, true), answer->top, answer->n_top));
    AT_TRY(print_end(self, name_end(self, false), answer->bottom, answer->n_bottom));
    AT_TRY(at_append_meaning(&scale, self->listed, self->err));
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    AT_TRY(at_print_wrapped(&self->text, scale.bytes, scale.n_bytes, &frame, self->err));
    if (self->listed->notes) {
        AT_TRY(at_print_wrapped(&self->text, self->listed->notes,
                                strlen(self->listed->notes), &frame, self->err));
    }
done:
    at_buffer_free(&scale);
    return status;
}

attrib_status at_append_listing(at_buffer *out,
                                const at_listed *listed,
                                const attrib_text_options *options,
                                attrib_error *err)
{
    size_t width = options->width ? options->width : STANDARD_WIDTH;
    page self = {.listed = listed,
                 .info = listed->info,
                 .answer = listed->answer,
                 .width = width < LEAST_WIDTH ? LEAST_WIDTH : width,
                 .is_coloured = options->is_coloured,
                 .is_ascii = options->is_ascii,
                 .n_shown = options->n_shown ? options->n_shown : SIZE_MAX,
                 .err = err};
    attrib_status status = print_page(&self);
    if (status == ATTRIB_OK) {
        status = at_buffer_append(out, self.text.bytes, self.text.n_bytes, err);
    }
    at_buffer_free(&self.text);
    return status;
}

void attrib_text_options_init(attrib_text_options *options, size_t size)
{
    const attrib_text_options standard = {0};
    at_sized_fill(&standard, sizeof standard, options, size);
}

attrib_status attrib_export_text(attrib_run *run,
                                 size_t i_answer,
                                 const attrib_text_options *options,
                                 const char *path,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_text_options chosen;
    const attrib_run_info *info = attrib_run_describe(run);
    at_listed listed = {.info = info, .run = run, .i_answer = i_answer};
    at_buffer text = {0};
    attrib_text_options_default(&chosen);
    AT_TRY(at_sized_take(options, "text_options", &chosen, err));
    AT_CHECK(i_answer < info->n_answers, ATTRIB_EINVAL, "answer %zu of %zu", i_answer,
             info->n_answers);
    AT_TRY(attrib_run_load(run, i_answer, err));
    listed.answer = attrib_run_answer(run, i_answer);
    AT_TRY(at_append_listing(&text, &listed, &chosen, err));
    AT_TRY(at_write_whole(path, &text, err));
done:
    at_buffer_free(&text);
    return status;
}
