/* SPDX-License-Identifier: MIT */
/* What a page of text says of a query and of its scores. */
#include "export/text_page.h"

#include <string.h>

#include "export/cells.h"
#include "export/precision.h"

#define LABEL_WIDTH      12 /* "Completion  " */
#define MAX_PROMPT_LINES 8

attrib_status at_text_style(at_text_page *self, const char *code)
{
    return self->is_coloured ? at_buffer_print(&self->text, self->err, "%s", code)
                             : ATTRIB_OK;
}

attrib_status at_text_print_field(at_text_page *self,
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
    AT_TRY(at_text_style(self, AT_STYLE_DIM));
    AT_TRY(at_buffer_print(&self->text, self->err, "%-*s", LABEL_WIDTH, label));
    AT_TRY(at_text_style(self, AT_STYLE_PLAIN));
    AT_TRY(at_print_wrapped(&self->text, text, strlen(text), &frame, self->err));
done:
    return status;
}

static attrib_status print_texts(at_text_page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_query *query = &self->answer->query;
    at_buffer text = {0};
    if (self->info->n_queries > 1) {
        AT_TRY(at_text_print_field(self, "Query", query->id, false));
    }
    if (self->answer->n_rows > 1) {
        AT_TRY(at_buffer_print(&text, self->err, "(the weighted sum of %zu queries)",
                               self->answer->n_rows));
        AT_TRY(at_text_print_field(self, "Prompt", text.bytes, false));
    } else if (query->prompt) {
        AT_TRY(at_text_print_field(self, "Prompt", query->prompt, true));
    } else {
        AT_TRY(at_buffer_print(&text, self->err, "(%zu tokens without text)",
                               query->n_tokens));
        AT_TRY(at_text_print_field(self, "Prompt", text.bytes, false));
    }
    if (query->completion) {
        AT_TRY(at_text_print_field(self, "Completion", query->completion, true));
    }
    if (query->against) {
        AT_TRY(at_text_print_field(self, "Against", query->against, true));
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
static attrib_status print_measured(at_text_page *self)
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
    AT_TRY(at_text_print_field(self, "Measures", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

attrib_status at_text_print_scores(at_text_page *self, const attrib_setting *setting)
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
    AT_TRY(at_text_print_field(self, "Scores", text.bytes, false));
    at_buffer_clear(&text);
    AT_TRY(at_append_checkpoints(&text, self->info, self->err));
    if (text.n_bytes > 0) {
        AT_TRY(at_text_print_field(self, "Sum of", text.bytes, false));
    }
    at_buffer_clear(&text);
    AT_TRY(at_append_precision(&text, self->info, self->answer, self->err));
    if (text.n_bytes > 0) {
        AT_TRY(at_text_print_field(self, "Precision", text.bytes, false));
    }
done:
    at_buffer_free(&text);
    return status;
}

/* What share of both ends a filter finds, where that was measured. */
static attrib_status print_filter(at_text_page *self)
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
    AT_TRY(at_text_print_field(self, "Filter", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status print_loss(at_text_page *self)
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
    AT_TRY(at_text_print_field(self, "Loss", text.bytes, false));
done:
    at_buffer_free(&text);
    return status;
}

/* What the colours and brackets of tokens say where that is not the usual. */
static attrib_status print_token_kind(at_text_page *self)
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
               : at_text_print_field(self, "Tokens", texts[kind], false);
}

attrib_status at_text_print_query(at_text_page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    const attrib_setting *setting = &self->info->options->settings[answer->i_setting];
    AT_TRY(print_texts(self));
    AT_TRY(print_loss(self));
    AT_TRY(print_measured(self));
    if (answer->query.is_turn) {
        AT_TRY(at_text_print_field(
            self, "Asked",
            "as a turn of the model's chat template (--chat-template plain "
            "asks as it stands)",
            false));
    }
    AT_TRY(at_text_print_scores(self, setting));
    AT_TRY(print_filter(self));
    AT_TRY(print_token_kind(self));
done:
    return status;
}
