/* SPDX-License-Identifier: MIT */
/* An answer as text: what the parts of its page share (export_text.c puts them together).
 */
#ifndef AT_EXPORT_TEXT_PAGE_H
#define AT_EXPORT_TEXT_PAGE_H

#include "export/snippet.h"
#include "export/write.h"

typedef struct at_text_page {
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
} at_text_page;

/* 1. The query (text_query.c) */

/* Write a code of a colour or a weight, where the page has them. */
attrib_status at_text_style(at_text_page *self, const char *code);

/* A label and its text, which goes on below itself. shows_spaces: they matter at the ends
 * of this text. */
attrib_status at_text_print_field(at_text_page *self,
                                  const char *label,
                                  const char *text,
                                  bool shows_spaces);

/* What the scores are. */
attrib_status at_text_print_scores(at_text_page *self, const attrib_setting *setting);

/* What was asked and answered, its loss, what the scores are, and what a filter left. */
attrib_status at_text_print_query(at_text_page *self);

/* 2. A document (text_document.c) */

/* Choose digits after the point so that the largest score has about five that count, the
 * same for all scores of the answer, and the columns' widths. */
void at_text_choose_columns(at_text_page *self);

/* A tag's value as a person writes it: JSON's text without its quotes. */
attrib_status at_text_append_tag(const at_text_page *self,
                                 at_buffer *out,
                                 const attrib_tag *tag);

/* A document's place, labels and the parts of its text that matter most. */
attrib_status at_text_print_result(at_text_page *self, const attrib_result *result);

#endif
