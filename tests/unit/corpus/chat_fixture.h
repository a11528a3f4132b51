/* SPDX-License-Identifier: MIT */
/* The tokenizer, templates and conversations of tests/golden/chat.json, and checks of the
 * documents that are made of rows. */
#ifndef CORPUS_CHAT_FIXTURE_H
#define CORPUS_CHAT_FIXTURE_H

#include "corpus/chats.h"
#include "tokenizer/tokenizer_internal.h"

extern json_t *chat_golden; /* the whole file */

const json_t *find_template(const char *name);

int chat_set_up(void **state);

int chat_tear_down(void **state);

const char *text_of(const json_t *object, const char *key);

/* The fixture's tokenizer with the ends and the template of one of its rows; NULL: none.
 */
attrib_tokenizer *make_tokenizer(const json_t *row);

at_rules make_rules(const attrib_tokenizer *tokenizer, const char *name);

attrib_status build(const at_rules *rules,
                    const json_t *messages,
                    at_drafts *out,
                    attrib_error *err);

bool is_said(const json_t *spans, size_t t);

void check_ids(const json_t *want, const int32_t *ids, size_t n, const char *what);

/* The text of a row, with what counts in brackets. */
void check_text(const at_rules *rules, const char *row, const char *want);

void check_row_refused(const at_rules *rules,
                       const char *messages,
                       attrib_status expected,
                       const char *part);

/* Opens the named template for a row, and gives it back. */
void check_with(const attrib_tokenizer *tokenizer,
                const char *name,
                const char *row,
                const char *want);

/* A tokenizer whose own template is this. */
attrib_tokenizer *make_own(const char *template);

#endif
