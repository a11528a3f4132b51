/* SPDX-License-Identifier: MIT */
/* Documents of one row each, with a tokenizer known by heart, and checks of them. */
#ifndef CORPUS_ROWS_FIXTURE_H
#define CORPUS_ROWS_FIXTURE_H

#include "corpus/draft.h"
#include "support/fake_tokenizer.h"

at_rules make_rules(const attrib_tokenizer *tokenizer);

/* Ids and mask as the fake tokenizer's letters, a predicted one in brackets:
 * "^ab[c][$]" is BOS, a, b, c and EOS, the last two predicted. */
void show(const at_draft *draft, char *out, size_t size);

attrib_status build(const at_rules *rules,
                    const char *row,
                    at_drafts *out,
                    attrib_error *err);

void check_row(const at_rules *rules, const char *row, const char *want);

void check_refused(const at_rules *rules,
                   const char *row,
                   attrib_status expected,
                   const char *message);

#endif
