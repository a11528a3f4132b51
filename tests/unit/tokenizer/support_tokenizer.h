/* SPDX-License-Identifier: MIT */
/* What the tests of the tokenizer share: small tokenizers from text, and checks of ids.
 */
#ifndef UNIT_SUPPORT_TOKENIZER_H
#define UNIT_SUPPORT_TOKENIZER_H

#include <jansson.h>

#include "attrib/tokenizer.h"
#include "support/check.h"

/* A tokenizer from the text of a tokenizer.json; fails the test where that is refused. */
attrib_tokenizer *parse_tokenizer(const char *json);

/* The same from a JSON value. */
attrib_tokenizer *parse_tokenizer_value(const json_t *value);

/* A tokenizer of single characters "ab c..." and merges, with members (", ..." or "")
 * put into the folder of its model. */
attrib_tokenizer *parse_with_members(const char *members);

/* The whole of a JSON file; fails the test where there is none. */
json_t *load_json(const char *path);

/* Fails with the text and both lists unless the text's ids are those of the array. */
void check_ids(const attrib_tokenizer *tokenizer,
               const json_t *text,
               bool add_special,
               const json_t *ids);

/* The same with a C string and up to 64 ids. */
void check_text_ids(const attrib_tokenizer *tokenizer,
                    const char *text,
                    const int32_t *ids,
                    size_t n);
#define CHECK_IDS(tokenizer, text, ...)                                                  \
    check_text_ids((tokenizer), (text), (const int32_t[]){__VA_ARGS__},                  \
                   sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

/* Fails unless the ids of an array decode to the text. */
void check_decoded(const attrib_tokenizer *tokenizer,
                   const json_t *ids,
                   bool skip_special,
                   const json_t *text);

/* Fails unless the pieces of the text's ids, joined, are the text behind `prefix`. */
void check_pieces(const attrib_tokenizer *tokenizer,
                  const char *text,
                  size_t n,
                  const char *prefix);

/* The bytes of an asset with a NUL behind them, owned by the caller. */
char *read_asset(const char *name);

/* llama.cpp's 46 inputs (and an empty one): the ids of an asset's tokenizer against an
 * asset of a line of ids each. */
void check_llamacpp(const char *tokenizer_name, const char *expected_name);

#endif
