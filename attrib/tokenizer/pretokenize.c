/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers. A step is an edit of every piece (a space or a mark put before it), a
 * split, and a change of its bytes to byte-level characters, each optional.
 *
 *   1. Editing and mapping   2. Splitting   3. Running */
#include "tokenizer/pretokenize.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/pretokenize_step.h"

/* Pieces of the first split that go through the other steps together. */
#define BATCH   ((size_t)4096)
#define N_TEXTS (sizeof((at_words *)NULL)->texts / sizeof(at_buffer))

void at_words_free(at_words *words)
{
    at_pieces_free(&words->lists[0]);
    at_pieces_free(&words->lists[1]);
    for (size_t i = 0; i < N_TEXTS; i++) {
        at_buffer_free(&words->texts[i]);
    }
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

/* The number of a text that holds neither the current spans nor what is kept. */
static size_t spare_text(const at_words *words)
{
    size_t i = 0;
    while (i == words->i_text || i == words->kept) {
        i++;
    }
    return i;
}

/* 1. Editing and mapping: a new text, piece by piece */

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
    bool may_prepend = step->scheme == AT_PREPEND_ALWAYS ||
                       (step->scheme == AT_PREPEND_FIRST && span->is_first);
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
    size_t i_text = spare_text(words);
    at_buffer *text = &words->texts[i_text];
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
    words->i_text = i_text;
    words->text = text->bytes;
done:
    return status;
}

/* 2. Splitting */

/* Matches and what lies between them arrive from left to right; `last` is the piece that
 * later ones may still join. */
typedef struct splitter {
    const at_pretokenizer_step *step;
    at_span whole;
    at_pieces *out;
    bool has_last, was_match;
    size_t last_start, last_end; /* in the text of the list */
    /* Takes `out` and empties it when it is long; NULL: it keeps growing. */
    attrib_status (*deliver)(struct splitter *s);
    const at_pretokenizer *pretokenizer; /* of which step `i_step` splits */
    size_t i_step;
    at_words *words;
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
    case AT_SPLIT_CONTIGUOUS:
        return is_match == s->was_match;
    case AT_SPLIT_MERGED_WITH_PREVIOUS:
        return is_match && !s->was_match;
    case AT_SPLIT_MERGED_WITH_NEXT:
        return !is_match && s->was_match;
    case AT_SPLIT_ISOLATED:
    case AT_SPLIT_REMOVED:
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
        s->has_last = !(is_match && s->step->behavior == AT_SPLIT_REMOVED);
        s->last_start = start;
        s->last_end = end;
    }
    s->was_match = is_match;
    if (s->deliver && s->out->n_spans >= BATCH) {
        AT_TRY(s->deliver(s));
    }
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

/* 3. Running */

const char *at_pretokenizer_mark(const at_pretokenizer *pretokenizer)
{
    const at_pretokenizer_step *step = pretokenizer->steps;
    return pretokenizer->n_steps == 1 && step->replaces_spaces ? step->mark : NULL;
}

static attrib_status run_step(const at_pretokenizer *pretokenizer,
                              size_t i,
                              at_words *words,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pretokenizer_step *step = &pretokenizer->steps[i];
    if (step->scheme != AT_PREPEND_NEVER || step->replaces_spaces) {
        AT_TRY(rewrite(step, words, err));
    }
    if (step->pattern.kind != AT_PATTERN_NONE) {
        AT_TRY(split(step, words, err));
    }
    if (step->maps_bytes && i + 1 < pretokenizer->n_steps) {
        AT_TRY(rewrite(NULL, words, err));
    }
done:
    return status;
}

/* Take the pieces of the first split through what follows it, and hand them on. */
static attrib_status deliver(splitter *s)
{
    attrib_status status = ATTRIB_OK;
    at_words *words = s->words;
    const char *text = words->text;
    size_t i_text = words->i_text;
    size_t i_list = words->i_list;
    turn_to_spare_list(words);
    if (s->step->maps_bytes && s->i_step + 1 < s->pretokenizer->n_steps) {
        AT_TRY(rewrite(NULL, words, s->err));
    }
    for (size_t i = s->i_step + 1; i < s->pretokenizer->n_steps; i++) {
        AT_TRY(run_step(s->pretokenizer, i, words, s->err));
    }
    AT_TRY(words->take(words->context, words, s->err));
    words->text = text;
    words->i_text = i_text;
    words->i_list = i_list;
    s->out = spare_list(words);
done:
    return status;
}

/* Split the whole text by step i, the first that splits, batch by batch. */
static attrib_status split_first(const at_pretokenizer *pretokenizer,
                                 size_t i,
                                 at_words *words,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_pretokenizer_step *step = &pretokenizer->steps[i];
    splitter s = {.step = step,
                  .deliver = deliver,
                  .pretokenizer = pretokenizer,
                  .i_step = i,
                  .words = words,
                  .err = err};
    if (step->scheme != AT_PREPEND_NEVER || step->replaces_spaces) {
        AT_TRY(rewrite(step, words, err));
    }
    words->kept = words->i_text;
    s.whole = words->spans[0];
    s.out = spare_list(words);
    AT_TRY(split_piece(&s, words->text, &words->matcher));
    AT_TRY(deliver(&s));
done:
    return status;
}

attrib_status at_pretokenize(const at_pretokenizer *pretokenizer,
                             const char *text,
                             size_t n,
                             bool is_first,
                             at_words *words,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (n == 0) {
        return ATTRIB_OK;
    }
    words->text = text;
    words->limit = at_growth_limit(n);
    words->i_text = N_TEXTS;
    words->kept = N_TEXTS;
    AT_TRY(at_pieces_add(spare_list(words), (at_span){0, n, is_first}, err));
    turn_to_spare_list(words);
    for (size_t i = 0; i < pretokenizer->n_steps; i++) {
        if (pretokenizer->steps[i].pattern.kind != AT_PATTERN_NONE) {
            return split_first(pretokenizer, i, words, err);
        }
        AT_TRY(run_step(pretokenizer, i, words, err));
    }
    AT_TRY(words->take(words->context, words, err));
done:
    return status;
}
