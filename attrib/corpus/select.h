/* SPDX-License-Identifier: MIT */
/* Which documents of a corpus are taken: those that meet conditions, that are not too
 * long, and that a sample drew.
 *
 * A sample is drawn by keys, which are hashes of what documents were read from and of the
 * seed: the documents with the smallest keys are taken, whatever order they come in. The
 * k-th copy of the same bytes has a key of its own. Candidates are kept while documents
 * come by, and a document whose key is larger than those of enough candidates can be
 * passed over before its bytes are looked at: of n documents about N (1 + ln(n / N)) are
 * read for a sample of N. */
#ifndef AT_CORPUS_SELECT_H
#define AT_CORPUS_SELECT_H

#include "attrib/corpus.h"
#include "base/file.h"

typedef struct at_selection at_selection;

/* NULL where all documents are taken. EINVAL for conditions that cannot be read, and for
 * options that exclude each other. */
attrib_status at_selection_new(const attrib_corpus_options *options,
                               at_selection **out,
                               attrib_error *err);
void at_selection_free(at_selection *selection); /* NULL is fine */

/* Whether keys are asked for: a sample is drawn. */
bool at_selection_draws(const at_selection *selection);

/* The key of what is read next, by the hash of its bytes. Called in the order of reading,
 * once for each. */
attrib_status at_selection_key(at_selection *selection,
                               const unsigned char hash[AT_DIGEST_BYTES],
                               uint64_t *out,
                               attrib_error *err);

/* Whether a document with this key may still be drawn. */
bool at_selection_may_draw(const at_selection *selection, uint64_t key);

/* What of a document came by without being looked at. */
void at_selection_pass(at_selection *selection);

/* Judge a document that would be stored at place document->index. `key` is that of the
 * row, `ordinal` its place among the documents of the row. What is left out is counted in
 * `counts`. */
attrib_status at_selection_judge(at_selection *selection,
                                 const attrib_document *document,
                                 uint64_t key,
                                 size_t ordinal,
                                 bool *is_taken,
                                 attrib_corpus_summary *counts,
                                 attrib_error *err);

/* The places of the documents that the sample is made of, ascending, *n of them; owned by
 * the caller. Counts those that were left out. */
attrib_status at_selection_draw(at_selection *selection,
                                size_t **places,
                                size_t *n,
                                attrib_corpus_summary *counts,
                                attrib_error *err);

/* The selection in words, "where kind=person; sample 100, seed 0"; "" where all are
 * taken. */
attrib_status at_selection_describe(const attrib_corpus_options *options,
                                    at_buffer *out,
                                    attrib_error *err);

#endif
