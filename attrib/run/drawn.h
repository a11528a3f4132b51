/* SPDX-License-Identifier: MIT */
/* What the documents say that were drawn to measure a filter: which of them the filter
 * missed. They are compared with both ends of the candidates' ranking, which a run of
 * some documents of a corpus does not know; so it keeps, in drawn.msgpack, what a merge
 * counts them by. */
#ifndef AT_RUN_DRAWN_H
#define AT_RUN_DRAWN_H

#include "run/run.h"
#include "run/top.h"

#define AT_RUN_DRAWN "drawn.msgpack"

/* The drawn documents of one answer. Documents are numbers of the run, or of the corpus
 * that is scored. */
struct at_drawn {
    at_top candidates; /* the first and last k that the filter found, or all of fewer */
    at_ranked *missed; /* [n] drawn documents that it did not find; owned */
    size_t n, capacity;
};

/* The k of a run: at most so many candidates are reported at each end. */
size_t at_drawn_most(const attrib_run *run);

/* Whether a run has documents of some of its corpus alone, and so keeps what was drawn.
 */
bool at_run_keeps_drawn(const attrib_run *run);

attrib_status at_drawn_new(size_t k, at_drawn *out, attrib_error *err);
void at_drawn_free(at_drawn *self);

/* Add a drawn document that is no candidate; those that the candidates which are entered
 * rule out at both ends are left out. */
attrib_status at_drawn_add(at_drawn *self, at_ranked one, attrib_error *err);

/* Leave out those that the candidates rule out by now, and sort the others by document.
 */
void at_drawn_settle(at_drawn *self);

/* Number documents from document `first` of the corpus on. */
void at_drawn_move(at_drawn *self, size_t first);

/* How many precede the last of the first k candidates, and how many follow the first of
 * the last k. Where candidates are fewer, all do. */
void at_drawn_count(const at_drawn *self, size_t *n_top, size_t *n_bottom);

/* Write what was drawn for all answers of a run, run->drawn [n_answers]. */
attrib_status at_drawn_write(const attrib_run *run, attrib_error *err);

/* Read it, out [n_answers]; to be freed by at_drawn_free_all(). EFORMAT where it is not
 * of this run. */
attrib_status at_drawn_read(const attrib_run *run, at_drawn **out, attrib_error *err);
void at_drawn_free_all(at_drawn *all, size_t n);

#endif
