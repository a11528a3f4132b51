/* SPDX-License-Identifier: MIT */
/* What text is searched for: a literal, a regular expression, or a class of characters.
 */
#ifndef AT_TOKENIZER_PATTERN_H
#define AT_TOKENIZER_PATTERN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "format/json.h"

typedef enum at_pattern_kind {
    AT_PATTERN_NONE = 0, /* matches nothing */
    AT_PATTERN_TEXT,
    AT_PATTERN_REGEX,
    AT_PATTERN_CLASS, /* each character of a class */
    AT_PATTERN_WORDS  /* \w+|[^\w\s]+ */
} at_pattern_kind;

typedef struct at_pattern {
    at_pattern_kind kind;
    char *text; /* the literal, or the expression as the file has it */
    size_t n_bytes;
    pcre2_code *code;
    bool (*holds)(uint32_t character); /* of AT_PATTERN_CLASS */
} at_pattern;

attrib_status at_pattern_from_text(
    const char *name, const char *text, size_t n, at_pattern *out, attrib_error *err);

/* Compile an expression in the syntax of Oniguruma, which tokenizer.json means; ENOTSUP
 * for what PCRE2 would understand otherwise, or not at all. */
attrib_status at_pattern_from_regex(
    const char *name, const char *regex, size_t n, at_pattern *out, attrib_error *err);

/* Read {"String": ...} or {"Regex": ...} under `key` of an object. */
attrib_status at_pattern_read(const char *name,
                              const json_t *object,
                              const char *key,
                              at_pattern *out,
                              attrib_error *err);

void at_pattern_free(at_pattern *pattern);

/* Rewrite an expression from Oniguruma's syntax to PCRE2's (pattern_syntax.c). */
attrib_status at_pattern_translate(
    const char *name, const char *regex, size_t n, at_buffer *out, attrib_error *err);

/* What a search needs of one thread; zeroed = none yet. */
typedef struct at_matcher {
    pcre2_match_data *data;
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
} at_matcher;

void at_matcher_free(at_matcher *matcher);

/* A search through one text, from left to right. */
typedef struct at_search {
    const at_pattern *pattern;
    at_matcher *matcher;
    const char *text; /* [n_bytes] valid UTF-8 */
    size_t n_bytes, from;
    size_t last_end; /* end of the last match; SIZE_MAX before the first */
} at_search;

/* The next match, possibly empty. ATTRIB_END after the last; ERANGE where an expression
 * takes too long or too much memory. */
attrib_status at_search_next(at_search *search,
                             size_t *start,
                             size_t *end,
                             attrib_error *err);

#endif
