/* SPDX-License-Identifier: MIT */
/* A document of a ranking in a page of text. */
#include "export/text_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "export/cells.h"

#define N_SNIPPET_LINES 2
#define SIDE_WIDTH      10 /* "rejected  " */

void at_text_choose_columns(at_text_page *self)
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

static size_t indent_of(const at_text_page *self)
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

attrib_status at_text_append_tag(const at_text_page *self,
                                 at_buffer *out,
                                 const attrib_tag *tag)
{
    size_t n = strlen(tag->value);
    bool is_text = n >= 2 && tag->value[0] == '"' && tag->value[n - 1] == '"';
    const char *between = self->is_ascii ? " | " : " \xC2\xB7 ";
    return at_buffer_print(out, self->err, "%s%s=%.*s", out->n_bytes ? between : "",
                           tag->key, (int)(is_text ? n - 2 : n), tag->value + is_text);
}

/* A score that stands on few tokens is marked, since it says little of the document, and
 * one of a sum whose shares are not known. */
static attrib_status append_mark(const at_text_page *self,
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
static attrib_status print_labels(at_text_page *self,
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
        AT_TRY(at_text_append_tag(self, &text, &document->tags[i]));
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
static attrib_status print_side(at_text_page *self,
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
    AT_TRY(at_text_style(self, AT_STYLE_DIM));
    AT_TRY(at_buffer_print(&self->text, self->err, "%-*s", SIDE_WIDTH, label));
    AT_TRY(at_text_style(self, AT_STYLE_PLAIN));
    AT_TRY(at_print_snippet(&self->text, result, side, &frame, self->err));
done:
    return status;
}

/* The beginning of a text whose tokens' shares are not known. */
static attrib_status print_plain(at_text_page *self,
                                 const attrib_result *result,
                                 const at_frame *frame)
{
    const attrib_document *document = &result->document;
    return document->text
               ? at_print_wrapped(&self->text, document->text, document->n_text_bytes,
                                  frame, self->err)
               : at_buffer_print(&self->text, self->err, "(its text is not at hand)\n");
}

static attrib_status print_text(at_text_page *self,
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

attrib_status at_text_print_result(at_text_page *self, const attrib_result *result)
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
    AT_TRY(at_text_style(self, AT_STYLE_BOLD));
    AT_TRY(at_buffer_print(
        &self->text, self->err, self->decimals < 0 ? "%+*.*e  " : "%+*.*f  ",
        (int)self->score_width, self->decimals < 0 ? 3 : self->decimals, result->score));
    AT_TRY(at_text_style(self, AT_STYLE_PLAIN));
    AT_TRY(append_place(&place, &result->document, self->err));
    AT_TRY(at_print_tail(&self->text, place.bytes, &frame, self->err));
    AT_TRY(at_buffer_append(&self->text, "\n", 1, self->err));
    AT_TRY(print_labels(self, result, place.bytes));
    AT_TRY(print_text(self, result, &frame));
done:
    at_buffer_free(&place);
    return status;
}
