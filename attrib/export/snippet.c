/* SPDX-License-Identifier: MIT */
/* The part of a document that is shown: its tokens as cells, the marked ones, and the
 * window around them.
 *
 * 1. Cells of tokens.
 * 2. Marks.
 * 3. The window. */
#include "export/snippet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/utf8.h"

#define MAX_MARKED     6         /* tokens that mark their words */
#define LEAST_MARKED   (1.0 / 3) /* least share that is marked, of the largest share */
#define MAX_WORD_CELLS 16 /* most cells that a window is moved to begin at a word */

/* A document's text as its tokens spell it. */
typedef struct spelling {
    at_buffer bytes;
    size_t *token; /* [bytes.n_bytes] which token a byte is of */
    size_t capacity;
    at_cells cells;
    size_t *cell_token; /* [cells.n] the strongest token of a character */
    size_t cell_capacity;
} spelling;

static void spelling_free(spelling *self)
{
    at_buffer_free(&self->bytes);
    free(self->token);
    at_cells_free(&self->cells);
    free(self->cell_token);
}

/* 1. Cells of tokens */

static attrib_status spell_token(
    spelling *self, size_t i_token, const char *text, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t before = self->bytes.n_bytes;
    AT_TRY(at_buffer_append(&self->bytes, text, n, err));
    AT_TRY(at_grow(&self->token, &self->capacity, self->bytes.n_bytes,
                   sizeof *self->token, err));
    for (size_t i = before; i < self->bytes.n_bytes; i++) {
        self->token[i] = i_token;
    }
done:
    return status;
}

/* All tokens but the special ones; where no tokenizer gave them text, their ids. */
static attrib_status spell_tokens(spelling *self,
                                  const attrib_result *result,
                                  at_side side,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_text = false;
    for (size_t i = side.first; i < side.end; i++) {
        const attrib_token_score *token = &result->tokens[i];
        if (!token->is_special && token->n_bytes) {
            AT_TRY(spell_token(self, i, token->text, token->n_bytes, err));
            has_text = true;
        }
    }
    for (size_t i = side.first; !has_text && i < side.end; i++) {
        char id[16];
        int n = snprintf(id, sizeof id, " %ld", (long)result->tokens[i].id);
        AT_TRY(spell_token(self, i, id, (size_t)n, err));
    }
done:
    return status;
}

/* The strongest of the tokens that a character's bytes belong to. */
static size_t strongest_of(const spelling *self,
                           const attrib_result *result,
                           size_t start,
                           size_t end)
{
    size_t best = self->token[start];
    for (size_t i = start + 1; i < end; i++) {
        size_t other = self->token[i];
        if (fabs(result->tokens[other].score) > fabs(result->tokens[best].score)) {
            best = other;
        }
    }
    return best;
}

static attrib_status fill_cells(spelling *self,
                                const attrib_result *result,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = self->bytes.bytes;
    size_t n = self->bytes.n_bytes;
    for (size_t i = 0; i < n;) {
        uint32_t character = 0;
        size_t step = at_utf8_next(text + i, n - i, &character, NULL);
        size_t n_before = self->cells.n;
        AT_TRY(at_cells_add_text(&self->cells, text + i, step, err));
        if (self->cells.n > n_before) {
            AT_TRY(at_grow(&self->cell_token, &self->cell_capacity, self->cells.n,
                           sizeof *self->cell_token, err));
            self->cell_token[n_before] = strongest_of(self, result, i, i + step);
        }
        i += step;
    }
done:
    return status;
}

/* 2. Marks */

static double share_of(const attrib_result *result, size_t i_token)
{
    double score = result->tokens[i_token].score;
    return isfinite(score) ? score : 0;
}

static double largest_share(const attrib_result *result)
{
    double largest = 0;
    for (size_t i = 0; i < result->n_tokens; i++) {
        if (!result->tokens[i].is_special) {
            largest = fmax(largest, fabs(share_of(result, i)));
        }
    }
    return largest;
}

static int level_of(double ratio)
{
    static const double steps[3] = {0.1, 0.3, 0.6};
    int level = 0;
    for (size_t i = 0; i < 3; i++) {
        level += fabs(ratio) >= steps[i];
    }
    return ratio < 0 ? -level : level;
}

static void colour_cells(spelling *self, const attrib_result *result)
{
    double largest = largest_share(result);
    for (size_t i = 0; i < self->cells.n && largest > 0; i++) {
        at_cell *cell = &self->cells.items[i];
        cell->level = cell->is_break
                          ? 0
                          : level_of(share_of(result, self->cell_token[i]) / largest);
    }
}

/* The least share of a token that is marked: the MAX_MARKED-th largest, but at least
 * LEAST_MARKED times the largest. Only shares with the sign of the score count, as these
 * explain the document's rank. */
static double marking_threshold(const attrib_result *result, double sign)
{
    double top[MAX_MARKED] = {0};
    for (size_t i = 0; i < result->n_tokens; i++) {
        double share = result->tokens[i].is_special ? 0 : sign * share_of(result, i);
        for (size_t j = 0; j < MAX_MARKED && share > 0; j++) {
            if (share > top[j]) {
                double pushed = top[j];
                top[j] = share;
                share = pushed;
            }
        }
    }
    return fmax(top[MAX_MARKED - 1], LEAST_MARKED * top[0]);
}

/* Mark the cells of the strongest tokens, the words that these are a part of, and what
 * is between two such words but a blank. */
static void choose_cells(spelling *self, const attrib_result *result)
{
    double sign = result->score < 0 ? -1 : 1;
    double threshold = marking_threshold(result, sign);
    at_cell *cells = self->cells.items;
    size_t n = self->cells.n;
    for (size_t i = 0; i < n && threshold > 0; i++) {
        bool is_strong = sign * share_of(result, self->cell_token[i]) >= threshold;
        bool is_rest =
            i > 0 && cells[i - 1].is_marked && cells[i - 1].is_word && cells[i].is_word;
        cells[i].is_marked = (is_strong && !cells[i].is_break) || is_rest;
    }
    for (size_t i = n; i-- > 1;) {
        cells[i - 1].is_marked |=
            cells[i].is_marked && cells[i].is_word && cells[i - 1].is_word;
    }
    for (size_t i = 1; i + 1 < n; i++) {
        cells[i].is_marked |= cells[i].is_break && cells[i - 1].is_marked &&
                              cells[i + 1].is_marked && !cells[i + 1].is_break;
    }
}

/* Put signs around runs of marked cells. */
static void enclose_cells(spelling *self)
{
    at_cell *cells = self->cells.items;
    size_t n = self->cells.n;
    for (size_t i = 0; i < n; i++) {
        cells[i].is_open = cells[i].is_marked && (i == 0 || !cells[i - 1].is_marked);
        cells[i].is_close = cells[i].is_marked && (i + 1 == n || !cells[i + 1].is_marked);
    }
}

/* 3. The window */

/* out[i] = sum of in[max(0, i - h + 1) .. i], by a running sum. `out` may not be `in`. */
static void sum_boxes(const double *in, size_t n, size_t h, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += in[i];
        if (i >= h) {
            sum -= in[i - h];
        }
        out[i] = sum;
    }
}

/* The first cell of a window of about n_shown cells around the largest shares: the peak
 * of their magnitudes under a triangle as wide as the window, which is a box twice. A
 * token counts once, at its first cell. */
static attrib_status find_window(const spelling *self,
                                 const attrib_result *result,
                                 size_t n_shown,
                                 size_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->cells.n;
    size_t h = n_shown / 2;
    double *weights = NULL;
    double *boxes = NULL;
    size_t peak = 0;
    size_t start = 0;
    AT_TRY(at_array(n + h, sizeof *weights, &weights, err));
    AT_TRY(at_array(n + h, sizeof *boxes, &boxes, err));
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || self->cell_token[i] != self->cell_token[i - 1]) {
            weights[i] = fabs(share_of(result, self->cell_token[i]));
        }
    }
    sum_boxes(weights, n + h, h, boxes);
    sum_boxes(boxes, n + h, h, weights);
    for (size_t i = 1; i < n + h; i++) {
        peak = weights[i] > weights[peak] ? i : peak;
    }
    /* A weight at c is spread over c .. c + 2 h - 2: the window's middle is h before. */
    start = peak + 1 > 2 * h ? peak + 1 - 2 * h : 0;
    if (start + n_shown > n) {
        start = n > n_shown ? n - n_shown : 0;
    }
    *out = start;
done:
    free(weights);
    free(boxes);
    return status;
}

/* The next beginning of a word, where it is near. */
static size_t snap_to_word(const at_cells *cells, size_t start)
{
    if (start == 0) {
        return 0;
    }
    for (size_t i = start; i < cells->n && i < start + MAX_WORD_CELLS; i++) {
        if (cells->items[i - 1].is_break && !cells->items[i].is_break) {
            return i;
        }
    }
    return start;
}

/* Whether all cells fit into the frame. */
static bool fits(const at_cells *cells, const at_frame *frame)
{
    at_line lines[AT_MAX_LINES];
    size_t n_lines = at_cells_layout(cells, 0, frame, lines);
    return n_lines == 0 || lines[n_lines - 1].end == cells->n;
}

attrib_status at_print_snippet(at_buffer *out,
                               const attrib_result *result,
                               at_side side,
                               const at_frame *frame,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    spelling self = {.cells = {.is_ascii = frame->is_ascii}};
    size_t start = 0;
    if (side.first == side.end) {
        return at_buffer_print(out, err, "(no tokens)\n");
    }
    AT_TRY(spell_tokens(&self, result, side, err));
    AT_TRY(fill_cells(&self, result, err));
    at_cells_trim(&self.cells);
    if (frame->is_coloured) {
        colour_cells(&self, result);
    } else {
        choose_cells(&self, result);
        enclose_cells(&self);
    }
    if (!fits(&self.cells, frame)) {
        /* Lines end at words and marks take room: a little less than the frame. */
        size_t n_columns = 1;
        for (size_t i = 0; i < self.cells.n; i++) {
            n_columns += self.cells.items[i].width;
        }
        size_t n_shown = (size_t)((double)(frame->width * frame->max_lines) * 7 / 8 *
                                  (double)self.cells.n / (double)n_columns);
        AT_TRY(find_window(&self, result, n_shown, &start, err));
        start = snap_to_word(&self.cells, start);
    }
    AT_TRY(at_cells_print(out, &self.cells, start, frame, err));
done:
    spelling_free(&self);
    return status;
}
