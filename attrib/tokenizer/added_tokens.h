/* SPDX-License-Identifier: MIT */
/* Added tokens: text that is a token as a whole, split out before anything else. Those
 * that are not "normalized" are looked for in the text as it is, the others in what the
 * normalizer makes of it. */
#ifndef AT_TOKENIZER_ADDED_TOKENS_H
#define AT_TOKENIZER_ADDED_TOKENS_H

#include "tokenizer/normalize.h"
#include "tokenizer/vocabulary.h"

typedef struct at_added_token {
    int32_t id;
    char *pattern; /* [n_pattern] what is looked for, owned */
    size_t n_pattern;
    bool is_single_word, strips_left, strips_right;
} at_added_token;

/* Tokens that are looked for in one go, in the order of their patterns. */
typedef struct at_added_set {
    at_added_token *tokens; /* [n_tokens] */
    size_t n_tokens, capacity;
    size_t
        first[257]; /* tokens whose pattern begins with byte b: first[b] to first[b+1] */
} at_added_set;

typedef struct at_added_tokens {
    at_added_set raw, normalized;
} at_added_tokens;

/* Read "added_tokens" of a tokenizer.json. Tokens that the vocabulary lacks are added to
 * it; it is sorted again. EFORMAT where an id and a text do not go together. */
attrib_status at_added_tokens_read(const char *name,
                                   const json_t *json,
                                   const at_normalizer *normalizer,
                                   at_vocabulary *vocabulary,
                                   at_added_tokens *out,
                                   attrib_error *err);
void at_added_tokens_free(at_added_tokens *added);

/* A part of a text: an added token, or what lies between (id -1). */
typedef struct at_added_part {
    size_t start, n_bytes;
    int32_t id;
} at_added_part;

typedef struct at_added_search {
    const at_added_set *set;
    const char *text; /* [n_bytes] valid UTF-8 */
    size_t n_bytes;
    size_t from;                     /* where the next token is looked for */
    size_t done;                     /* the end of the parts given out */
    size_t spaces_start, spaces_end; /* white space that was passed over last */
    at_added_part waiting;
    bool has_waiting;
} at_added_search;

void at_added_begin(const at_added_set *set,
                    const char *text,
                    size_t n,
                    at_added_search *out);
/* The next part that is not empty; false after the last. */
bool at_added_next(at_added_search *search, at_added_part *out);

#endif
