/* SPDX-License-Identifier: MIT */
/* Patterns: compiling and searching. */
#include "tokenizer/pattern.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"

/* Steps that one match may take: far above what tokenizers need, low enough that a
 * pattern made to backtrack for ever ends in milliseconds. */
#define MATCH_LIMIT 200000
#define REGEX_BYTES ((size_t)16 << 10)
#define STACK_START ((size_t)32 << 10)
#define STACK_MAX   ((size_t)8 << 20)
#define HEAP_KIB    ((uint32_t)32 << 10) /* of the interpreter, where there is no JIT */

/* 1. Making patterns */

attrib_status at_pattern_from_text(
    const char *name, const char *text, size_t n, at_pattern *out, attrib_error *err)
{
    if (n == 0) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: an empty pattern is not supported",
                       name);
    }
    at_pattern pattern = {.kind = AT_PATTERN_TEXT, .n_bytes = n};
    attrib_status status = at_copy_text(text, n, &pattern.text, err);
    if (status == ATTRIB_OK) {
        *out = pattern;
    }
    return status;
}

static attrib_status compile(const char *name,
                             const at_buffer *regex,
                             const char *original,
                             pcre2_code **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int code = 0;
    PCRE2_SIZE offset = 0;
    PCRE2_UCHAR message[128] = "";
    pcre2_code *compiled = NULL;
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    AT_CHECK(context, ATTRIB_ENOMEM, "out of memory for a pattern");
    pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    pcre2_set_bsr(context, PCRE2_BSR_UNICODE);
    /* Oniguruma's ^ and $ are those of lines. */
    compiled =
        pcre2_compile((PCRE2_SPTR)regex->bytes, regex->n_bytes,
                      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C,
                      &code, &offset, context);
    if (!compiled) {
        pcre2_get_error_message(code, message, sizeof message);
        AT_CHECK(code != PCRE2_ERROR_NOMEMORY, ATTRIB_ENOMEM,
                 "out of memory for a pattern");
        status = at_fail(err, ATTRIB_ENOTSUP,
                         "%s: the pattern \"%.100s\" is not supported: %s", name,
                         original, (const char *)message);
        goto done;
    }
    /* Without a compiler for this machine, or for this pattern, it is interpreted. */
    (void)pcre2_jit_compile(compiled, PCRE2_JIT_COMPLETE);
    *out = compiled;
done:
    pcre2_compile_context_free(context);
    return status;
}

attrib_status at_pattern_from_regex(
    const char *name, const char *regex, size_t n, at_pattern *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer translated = {0};
    at_pattern pattern = {.kind = AT_PATTERN_REGEX, .n_bytes = n};
    AT_CHECK(n <= REGEX_BYTES, ATTRIB_ERANGE,
             "%s: a pattern of %zu bytes, at most %zu are read", name, n, REGEX_BYTES);
    AT_TRY(at_copy_text(regex, n, &pattern.text, err));
    AT_TRY(at_pattern_translate(name, regex, n, &translated, err));
    AT_TRY(compile(name, &translated, pattern.text, &pattern.code, err));
    *out = pattern;
    pattern = (at_pattern){0};
done:
    at_buffer_free(&translated);
    at_pattern_free(&pattern);
    return status;
}

attrib_status at_pattern_read(const char *name,
                              const json_t *object,
                              const char *key,
                              at_pattern *out,
                              attrib_error *err)
{
    const json_t *pattern = json_object_get(object, key);
    const json_t *text = json_object_get(pattern, "String");
    if (json_is_string(text)) {
        return at_pattern_from_text(name, json_string_value(text),
                                    json_string_length(text), out, err);
    }
    const json_t *regex = json_object_get(pattern, "Regex");
    if (json_is_string(regex)) {
        return at_pattern_from_regex(name, json_string_value(regex),
                                     json_string_length(regex), out, err);
    }
    return at_fail(err, ATTRIB_EFORMAT,
                   "%s: key \"%s\": expected an object with \"String\" or \"Regex\"",
                   name, key);
}

void at_pattern_free(at_pattern *pattern)
{
    free(pattern->text);
    pcre2_code_free(pattern->code);
    memset(pattern, 0, sizeof *pattern);
}

/* 2. Searching */

void at_matcher_free(at_matcher *matcher)
{
    pcre2_match_data_free(matcher->data);
    pcre2_match_context_free(matcher->context);
    pcre2_jit_stack_free(matcher->stack);
    memset(matcher, 0, sizeof *matcher);
}

static attrib_status open_matcher(at_matcher *matcher, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (matcher->context) {
        return ATTRIB_OK;
    }
    if (!matcher->data) {
        matcher->data = pcre2_match_data_create(1, NULL);
        AT_CHECK(matcher->data, ATTRIB_ENOMEM, "out of memory for matching");
    }
    matcher->context = pcre2_match_context_create(NULL);
    AT_CHECK(matcher->context, ATTRIB_ENOMEM, "out of memory for matching");
    pcre2_set_match_limit(matcher->context, MATCH_LIMIT);
    pcre2_set_heap_limit(matcher->context, HEAP_KIB);
done:
    return status;
}

/* The first match from search->from on, as PCRE2 tells it: >= 0, or a PCRE2 error. */
static attrib_status match_regex(const at_search *search, int *code, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_matcher *matcher = search->matcher;
    AT_TRY(open_matcher(matcher, err));
    for (;;) {
        *code = pcre2_match(search->pattern->code, (PCRE2_SPTR)search->text,
                            search->n_bytes, search->from, PCRE2_NO_UTF_CHECK,
                            matcher->data, matcher->context);
        if (*code != PCRE2_ERROR_JIT_STACKLIMIT || matcher->stack) {
            break;
        }
        /* Most patterns need no more than the machine's stack. */
        matcher->stack = pcre2_jit_stack_create(STACK_START, STACK_MAX, NULL);
        AT_CHECK(matcher->stack, ATTRIB_ENOMEM, "out of memory for matching");
        pcre2_jit_stack_assign(matcher->context, NULL, matcher->stack);
    }
done:
    return status;
}

static attrib_status fail_match(const at_search *search, int code, attrib_error *err)
{
    PCRE2_UCHAR message[128] = "";
    pcre2_get_error_message(code, message, sizeof message);
    if (code == PCRE2_ERROR_NOMEMORY) {
        return at_fail(err, ATTRIB_ENOMEM, "out of memory for matching");
    }
    return at_fail(err, ATTRIB_ERANGE,
                   "the tokenizer's pattern \"%.100s\" gave up at byte %zu of a text of "
                   "%zu bytes: %s",
                   search->pattern->text, search->from, search->n_bytes,
                   (const char *)message);
}

static attrib_status next_regex(at_search *search,
                                size_t *start,
                                size_t *end,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    while (search->from <= search->n_bytes) {
        int code = 0;
        AT_TRY(match_regex(search, &code, err));
        if (code == PCRE2_ERROR_NOMATCH) {
            break;
        }
        if (code < 0) {
            return fail_match(search, code, err);
        }
        const PCRE2_SIZE *match = pcre2_get_ovector_pointer(search->matcher->data);
        *start = match[0];
        *end = match[1];
        /* An empty match right after the last one does not count: go on a character. */
        if (*start != *end || search->last_end != *end) {
            search->from = *end;
            search->last_end = *end;
            return ATTRIB_OK;
        }
        uint32_t character = 0;
        search->from += search->from < search->n_bytes
                            ? at_get_character(search->text + search->from, &character)
                            : 1;
    }
    status = ATTRIB_END;
done:
    return status;
}

static attrib_status next_text(at_search *search, size_t *start, size_t *end)
{
    const at_pattern *pattern = search->pattern;
    const char *found =
        memmem(search->text + search->from, search->n_bytes - search->from, pattern->text,
               pattern->n_bytes);
    if (!found) {
        return ATTRIB_END;
    }
    *start = (size_t)(found - search->text);
    *end = *start + pattern->n_bytes;
    search->from = *end;
    return ATTRIB_OK;
}

static attrib_status next_of_class(at_search *search, size_t *start, size_t *end)
{
    while (search->from < search->n_bytes) {
        uint32_t character = 0;
        size_t length = at_get_character(search->text + search->from, &character);
        *start = search->from;
        search->from += length;
        *end = search->from;
        if (search->pattern->holds(character)) {
            return ATTRIB_OK;
        }
    }
    return ATTRIB_END;
}

/* What a character is to AT_PATTERN_WORDS; runs of one kind are matches. */
typedef enum word_class { CLASS_SPACE, CLASS_WORD, CLASS_OTHER } word_class;

static word_class classify(const char *text, size_t *length)
{
    uint32_t character = 0;
    *length = at_get_character(text, &character);
    if (at_is_space(character)) {
        return CLASS_SPACE;
    }
    return at_is_word(character) ? CLASS_WORD : CLASS_OTHER;
}

static attrib_status next_word(at_search *search, size_t *start, size_t *end)
{
    word_class kind = CLASS_SPACE;
    size_t length = 0;
    while (search->from < search->n_bytes && kind == CLASS_SPACE) {
        *start = search->from;
        kind = classify(search->text + search->from, &length);
        search->from += length;
    }
    if (kind == CLASS_SPACE) {
        return ATTRIB_END;
    }
    while (search->from < search->n_bytes &&
           classify(search->text + search->from, &length) == kind) {
        search->from += length;
    }
    *end = search->from;
    return ATTRIB_OK;
}

attrib_status at_search_next(at_search *search,
                             size_t *start,
                             size_t *end,
                             attrib_error *err)
{
    switch (search->pattern->kind) {
    case AT_PATTERN_TEXT:
        return next_text(search, start, end);
    case AT_PATTERN_REGEX:
        return next_regex(search, start, end, err);
    case AT_PATTERN_CLASS:
        return next_of_class(search, start, end);
    case AT_PATTERN_WORDS:
        return next_word(search, start, end);
    case AT_PATTERN_NONE:
        break;
    }
    return ATTRIB_END;
}
