/* SPDX-License-Identifier: MIT */
/* An answer for a person at a terminal. */
#include <string.h>

#include "base/sized.h"
#include "export/text_page.h"

#define STANDARD_WIDTH 100
#define LEAST_WIDTH    48

static attrib_status print_end(at_text_page *self,
                               const char *heading,
                               const attrib_result *results,
                               size_t n_results)
{
    attrib_status status = ATTRIB_OK;
    if (n_results == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    AT_TRY(at_text_style(self, AT_STYLE_BOLD));
    AT_TRY(at_buffer_print(&self->text, self->err, "%s", heading));
    AT_TRY(at_text_style(self, AT_STYLE_PLAIN));
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    for (size_t i = 0; i < n_results && i < self->n_shown; i++) {
        AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
        AT_TRY(at_text_print_result(self, &results[i]));
    }
done:
    return status;
}

/* The tag that all documents of the listing have. */
static attrib_status print_group(at_text_page *self)
{
    at_buffer text = {0};
    attrib_status status = at_text_append_tag(self, &text, self->listed->group);
    if (status == ATTRIB_OK) {
        status = at_text_print_field(self, "Group", text.bytes, false);
    }
    at_buffer_free(&text);
    return status;
}

/* What the documents at an end of the ranking do, by the sign of the outermost. */
static const char *name_end(const at_text_page *self, bool is_top)
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

static attrib_status print_page(at_text_page *self)
{
    attrib_status status = ATTRIB_OK;
    const attrib_answer *answer = self->answer;
    const at_frame frame = {.width = self->width,
                            .max_lines = AT_MAX_LINES,
                            .is_ascii = self->is_ascii,
                            .style = self->is_coloured ? AT_STYLE_DIM : NULL};
    at_buffer scale = {0};
    bool is_self = self->listed->by == ATTRIB_BY_SELF;
    at_text_choose_columns(self);
    AT_TRY(self->listed->group ? print_group(self) : ATTRIB_OK);
    AT_TRY(is_self ? at_text_print_scores(
                         self, &self->info->options->settings[answer->i_setting])
                   : at_text_print_query(self));
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
    at_text_page self = {.listed = listed,
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
