/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers. A step is an edit of every piece (a space or a mark put before it), a
 * split, and a change of its bytes to byte-level characters, each optional.
 *
 *   1. Reading   2. Editing and mapping   3. Splitting   4. Running */
#include "tokenizer/pretokenize.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/characters.h"
#include "tokenizer/sequence.h"

typedef enum prepend_scheme {
    PREPEND_NEVER,
    PREPEND_FIRST,
    PREPEND_ALWAYS
} prepend_scheme;

/* What becomes of the matches of a split's pattern. */
typedef enum behavior {
    BEHAVIOR_ISOLATED,
    BEHAVIOR_REMOVED,
    BEHAVIOR_MERGED_WITH_PREVIOUS,
    BEHAVIOR_MERGED_WITH_NEXT,
    BEHAVIOR_CONTIGUOUS
} behavior;

struct at_pretokenizer_step {
    prepend_scheme scheme; /* whether the mark is put before a piece that lacks it */
    char mark[AT_UTF8_MAX + 1];
    size_t n_mark;
    bool replaces_spaces; /* by the mark */
    at_pattern pattern;   /* AT_PATTERN_NONE: no split */
    behavior behavior;
    bool is_inverted; /* what does not match is the match */
    bool maps_bytes;
};

/* 1. Reading */

static const char gpt2_pattern[] =
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

static attrib_status read_byte_level(const char *name,
                                     const json_t *json,
                                     at_pretokenizer_step *step,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool adds_space = true;
    bool uses_regex = true;
    AT_TRY(at_json_bool(name, json, "add_prefix_space", &adds_space, NULL, err));
    AT_TRY(at_json_bool(name, json, "use_regex", &uses_regex, NULL, err));
    step->maps_bytes = true;
    step->scheme = adds_space ? PREPEND_ALWAYS : PREPEND_NEVER;
    memcpy(step->mark, " ", 2);
    step->n_mark = 1;
    step->behavior = BEHAVIOR_ISOLATED;
    if (uses_regex) {
        AT_TRY(at_pattern_from_regex(name, gpt2_pattern, sizeof gpt2_pattern - 1,
                                     &step->pattern, err));
    }
done:
    return status;
}

static attrib_status read_behavior(const char *name,
                                   const json_t *json,
                                   behavior *out,
                                   attrib_error *err)
{
    static const char *const names[] = {"Isolated", "Removed", "MergedWithPrevious",
                                        "MergedWithNext", "Contiguous"};
    const char *text = NULL;
    attrib_status status = at_json_text(name, json, "behavior", &text, NULL, err);
    if (status != ATTRIB_OK || !text) { /* Isolated is Punctuation's default */
        return status;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = (behavior)i;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_ENOTSUP, "%s: behavior \"%.64s\" is not supported", name,
                   text);
}

static attrib_status read_split(const char *name,
                                const json_t *json,
                                at_pretokenizer_step *step,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(json_is_string(json_object_get(json, "behavior")), ATTRIB_EFORMAT,
             "%s: Split: key \"behavior\": expected a string", name);
    AT_TRY(at_pattern_read(name, json, "pattern", &step->pattern, err));
    AT_TRY(read_behavior(name, json, &step->behavior, err));
    AT_TRY(at_json_bool(name, json, "invert", &step->is_inverted, NULL, err));
done:
    return status;
}

static attrib_status read_scheme(const char *name,
                                 const json_t *json,
                                 prepend_scheme *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = NULL;
    bool adds_space = true; /* of files before there were schemes */
    AT_TRY(at_json_text(name, json, "prepend_scheme", &text, NULL, err));
    AT_TRY(at_json_bool(name, json, "add_prefix_space", &adds_space, NULL, err));
    if (!text) {
        *out = adds_space ? PREPEND_ALWAYS : PREPEND_NEVER;
    } else if (strcmp(text, "always") == 0) {
        *out = PREPEND_ALWAYS;
    } else if (strcmp(text, "first") == 0) {
        *out = PREPEND_FIRST;
    } else if (strcmp(text, "never") == 0) {
        *out = PREPEND_NEVER;
    } else {
        status = at_fail(err, ATTRIB_ENOTSUP,
                         "%s: prepend_scheme \"%.64s\" is not supported", name, text);
    }
done:
    return status;
}

static attrib_status read_metaspace(const char *name,
                                    const json_t *json,
                                    at_pretokenizer_step *step,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *mark = NULL;
    bool splits = true;
    AT_TRY(at_step_text(name, json, "replacement", &mark, &step->n_mark, err));
    AT_CHECK(at_count_characters(mark, step->n_mark) == 1, ATTRIB_EFORMAT,
             "%s: Metaspace: replacement \"%.64s\" is not one character", name, mark);
    memcpy(step->mark, mark, step->n_mark);
    AT_TRY(read_scheme(name, json, &step->scheme, err));
    AT_TRY(at_json_bool(name, json, "split", &splits, NULL, err));
    step->replaces_spaces = true;
    step->behavior = BEHAVIOR_MERGED_WITH_NEXT;
    if (splits) {
        AT_TRY(at_pattern_from_text(name, mark, step->n_mark, &step->pattern, err));
    }
done:
    return status;
}

static attrib_status read_digits(const char *name,
                                 const json_t *json,
                                 at_pretokenizer_step *step,
                                 attrib_error *err)
{
    bool is_individual = false;
    step->pattern = (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_numeric};
    attrib_status status =
        at_json_bool(name, json, "individual_digits", &is_individual, NULL, err);
    step->behavior = is_individual ? BEHAVIOR_ISOLATED : BEHAVIOR_CONTIGUOUS;
    return status;
}

static attrib_status read_step(const char *name,
                               const json_t *json,
                               at_pretokenizer_step *step,
                               attrib_error *err)
{
    const char *type = at_step_type(json);
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(name, json, step, err);
    }
    if (strcmp(type, "Split") == 0) {
        return read_split(name, json, step, err);
    }
    if (strcmp(type, "Metaspace") == 0) {
        return read_metaspace(name, json, step, err);
    }
    if (strcmp(type, "Digits") == 0) {
        return read_digits(name, json, step, err);
    }
    if (strcmp(type, "Punctuation") == 0) {
        step->pattern =
            (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_punctuation};
        return read_behavior(name, json, &step->behavior, err);
    }
    if (strcmp(type, "WhitespaceSplit") == 0) {
        step->pattern = (at_pattern){.kind = AT_PATTERN_CLASS, .holds = at_is_space};
        step->behavior = BEHAVIOR_REMOVED;
        return ATTRIB_OK;
    }
    if (strcmp(type, "Whitespace") == 0) {
        step->pattern = (at_pattern){.kind = AT_PATTERN_WORDS};
        step->behavior = BEHAVIOR_REMOVED;
        step->is_inverted = true;
        return ATTRIB_OK;
    }
    return at_refuse_step(name, "pre-tokenizer", json, err);
}

attrib_status at_pretokenizer_read(const char *name,
                                   const json_t *json,
                                   at_pretokenizer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    at_pretokenizer pretokenizer = {0};
    AT_TRY(at_sequence_read(name, json, "pretokenizers", &sequence, err));
    AT_TRY(
        at_array(sequence.n_steps, sizeof *pretokenizer.steps, &pretokenizer.steps, err));
    for (size_t i = 0; i < sequence.n_steps; i++) {
        at_pretokenizer_step *step = &pretokenizer.steps[i];
        pretokenizer.n_steps = i + 1;
        AT_TRY(read_step(name, sequence.steps[i], step, err));
        pretokenizer.has_byte_level = pretokenizer.has_byte_level || step->maps_bytes;
        pretokenizer.ends_in_bytes = step->maps_bytes;
    }
    *out = pretokenizer;
    pretokenizer = (at_pretokenizer){0};
done:
    at_pretokenizer_free(&pretokenizer);
    return status;
}

void at_pretokenizer_free(at_pretokenizer *pretokenizer)
{
    for (size_t i = 0; i < pretokenizer->n_steps; i++) {
        at_pattern_free(&pretokenizer->steps[i].pattern);
    }
    free(pretokenizer->steps);
    memset(pretokenizer, 0, sizeof *pretokenizer);
}

void at_words_free(at_words *words)
{
    at_pieces_free(&words->lists[0]);
    at_pieces_free(&words->lists[1]);
    at_buffer_free(&words->texts[0]);
    at_buffer_free(&words->texts[1]);
    at_matcher_free(&words->matcher);
    memset(words, 0, sizeof *words);
}

/* The list of spans that is not the current one, empty. */
static at_pieces *spare_list(at_words *words)
{
    at_pieces *list = &words->lists[1 - words->i_list];
    at_pieces_clear(list);
    return list;
}

/* Make the spare list the current one. */
static void turn_to_spare_list(at_words *words)
{
    words->i_list = 1 - words->i_list;
    words->spans = words->lists[words->i_list].spans;
    words->n_spans = words->lists[words->i_list].n_spans;
}

/* 2. Editing and mapping: a new text, piece by piece */

static bool lacks_mark(const at_pretokenizer_step *step, const char *text, size_t n)
{
    return n < step->n_mark || memcmp(text, step->mark, step->n_mark) != 0;
}

static attrib_status append_edited(const at_pretokenizer_step *step,
                                   const char *text,
                                   const at_span *span,
                                   at_buffer *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *piece = text + span->start;
    const char *end = piece + span->n_bytes;
    bool may_prepend = step->scheme == PREPEND_ALWAYS ||
                       (step->scheme == PREPEND_FIRST && span->is_first);
    bool begins_with_space = step->replaces_spaces && span->n_bytes && *piece == ' ';
    if (may_prepend && !begins_with_space && lacks_mark(step, piece, span->n_bytes)) {
        AT_TRY(at_buffer_append(out, step->mark, step->n_mark, err));
    }
    while (piece < end) {
        const char *space =
            step->replaces_spaces ? memchr(piece, ' ', (size_t)(end - piece)) : NULL;
        const char *stop = space ? space : end;
        AT_TRY(at_buffer_append(out, piece, (size_t)(stop - piece), err));
        if (space) {
            AT_TRY(at_buffer_append(out, step->mark, step->n_mark, err));
        }
        piece = space ? space + 1 : end;
    }
done:
    return status;
}

/* Rewrite every piece: edited, or (`step` NULL) as byte-level characters. */
static attrib_status rewrite(const at_pretokenizer_step *step,
                             at_words *words,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pieces *list = spare_list(words);
    at_buffer *text = &words->texts[1 - words->i_text];
    at_buffer_clear(text);
    AT_TRY(at_buffer_append(text, "", 0, err));
    for (size_t i = 0; i < words->n_spans; i++) {
        const at_span *span = &words->spans[i];
        size_t start = text->n_bytes;
        if (step) {
            AT_TRY(append_edited(step, words->text, span, text, err));
        } else {
            AT_TRY(at_append_byte_characters(text, words->text + span->start,
                                             span->n_bytes, err));
        }
        AT_CHECK(text->n_bytes <= words->limit, ATTRIB_ERANGE,
                 "the tokenizer's pre-tokenizer makes more than %zu bytes of a text",
                 words->limit);
        AT_TRY(at_pieces_add(
            list, (at_span){start, text->n_bytes - start, span->is_first}, err));
    }
    turn_to_spare_list(words);
    words->i_text = 1 - words->i_text;
    words->text = text->bytes;
done:
    return status;
}

/* 3. Splitting */

/* Matches and what lies between them arrive from left to right; `last` is the piece that
 * later ones may still join. */
typedef struct splitter {
    const at_pretokenizer_step *step;
    at_span whole;
    at_pieces *out;
    bool has_last, was_match;
    size_t last_start, last_end; /* in the text of the list */
    attrib_error *err;
} splitter;

static attrib_status emit(const splitter *s, size_t start, size_t end)
{
    if (start == end) {
        return ATTRIB_OK;
    }
    bool is_first = s->whole.is_first && start == s->whole.start;
    return at_pieces_add(s->out, (at_span){start, end - start, is_first}, s->err);
}

static attrib_status flush(splitter *s)
{
    bool had_last = s->has_last;
    s->has_last = false;
    return had_last ? emit(s, s->last_start, s->last_end) : ATTRIB_OK;
}

/* Whether a piece joins the one before it. */
static bool joins(const splitter *s, bool is_match)
{
    switch (s->step->behavior) {
    case BEHAVIOR_CONTIGUOUS:
        return is_match == s->was_match;
    case BEHAVIOR_MERGED_WITH_PREVIOUS:
        return is_match && !s->was_match;
    case BEHAVIOR_MERGED_WITH_NEXT:
        return !is_match && s->was_match;
    case BEHAVIOR_ISOLATED:
    case BEHAVIOR_REMOVED:
        break;
    }
    return false;
}

static attrib_status take(splitter *s, size_t start, size_t end, bool is_match)
{
    attrib_status status = ATTRIB_OK;
    if (s->has_last && joins(s, is_match)) {
        s->last_end = end;
    } else {
        AT_TRY(flush(s));
        s->has_last = !(is_match && s->step->behavior == BEHAVIOR_REMOVED);
        s->last_start = start;
        s->last_end = end;
    }
    s->was_match = is_match;
done:
    return status;
}

static attrib_status split_piece(splitter *s, const char *text, at_matcher *matcher)
{
    attrib_status status = ATTRIB_OK;
    const at_span whole = s->whole;
    bool is_match = !s->step->is_inverted;
    size_t previous = whole.start;
    size_t start = 0;
    size_t end = 0;
    at_search search = {&s->step->pattern, matcher, text + whole.start,
                        whole.n_bytes,     0,       SIZE_MAX};
    while ((status = at_search_next(&search, &start, &end, s->err)) == ATTRIB_OK) {
        start += whole.start;
        end += whole.start;
        if (previous != start) {
            AT_TRY(take(s, previous, start, !is_match));
        }
        AT_TRY(take(s, start, end, is_match));
        previous = end;
    }
    if (status == ATTRIB_END) {
        status = ATTRIB_OK;
    }
    AT_TRY(status);
    if (previous != whole.start + whole.n_bytes) {
        AT_TRY(take(s, previous, whole.start + whole.n_bytes, !is_match));
    }
    AT_TRY(flush(s));
done:
    return status;
}

static attrib_status split(const at_pretokenizer_step *step,
                           at_words *words,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pieces *list = spare_list(words);
    for (size_t i = 0; i < words->n_spans; i++) {
        splitter s = {.step = step, .whole = words->spans[i], .out = list, .err = err};
        AT_TRY(split_piece(&s, words->text, &words->matcher));
    }
    turn_to_spare_list(words);
done:
    return status;
}

/* 4. Running */

attrib_status at_pretokenize(const at_pretokenizer *pretokenizer,
                             const char *text,
                             size_t n,
                             bool is_first,
                             at_words *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pieces *list = spare_list(out);
    out->text = text;
    out->limit = at_growth_limit(n);
    if (n) {
        AT_TRY(at_pieces_add(list, (at_span){0, n, is_first}, err));
    }
    turn_to_spare_list(out);
    for (size_t i = 0; i < pretokenizer->n_steps; i++) {
        const at_pretokenizer_step *step = &pretokenizer->steps[i];
        bool is_last = i + 1 == pretokenizer->n_steps;
        if (step->scheme != PREPEND_NEVER || step->replaces_spaces) {
            AT_TRY(rewrite(step, out, err));
        }
        if (step->pattern.kind != AT_PATTERN_NONE) {
            AT_TRY(split(step, out, err));
        }
        if (step->maps_bytes && !is_last) {
            AT_TRY(rewrite(NULL, out, err));
        }
    }
done:
    return status;
}
