/* SPDX-License-Identifier: MIT */
/* Refinement: prepared queries P become solutions of
 *
 *     (H + damping) P = G
 *
 * with H the exact Gauss-Newton matrix of a sample of the corpus (gradient/products.h) in
 * place of its approximation by EK-FAC, which P is at first, and which is the
 * preconditioner. The damping is that of EK-FAC, map by map. Everything after P is the
 * same as without refinement. */
#ifndef AT_REFINE_REFINE_H
#define AT_REFINE_REFINE_H

#include "query/prepare.h"

/* Whether the run's queries are refined, or scaled, by products with H. */
bool at_is_refined(const at_setup *setup);

/* EINVAL for options that refinement does not go with, by name. */
attrib_status at_refine_check(const at_setup *setup, attrib_error *err);

/* Fill setup->sampled: the sequences of the options.refine_documents documents whose
 * tokens and masks have the smallest hashes, in the order of these. It does not depend on
 * the documents' order, on files, shards and threads. */
attrib_status at_refine_sample(at_setup *setup, attrib_error *err);

/* Queries that are refined at a time, at most n: by memory alone, on which results do not
 * depend. */
size_t at_refine_chunk(const at_setup *setup, size_t n);

/* Passes over the sample, or a part of it, that refining n queries takes at most. */
size_t at_refine_passes(const at_setup *setup, size_t n);

/* Bytes beyond the prepared queries and what preparing one takes; a dry run. */
attrib_status at_refine_bytes(const at_setup *setup,
                              size_t n,
                              double *out,
                              attrib_error *err);

/* Keep refined queries of a tile in setup->refined, and fill prepared ones, whose
 * residuals have room where they were refined, with what is kept there. EVERSION, ESHAPE
 * and EFORMAT for a file of another version or run, or one that changed. */
attrib_status at_refined_write(const at_setup *setup,
                               const at_prepared *prepared,
                               attrib_error *err);
attrib_status at_refined_read(const at_setup *setup,
                              at_prepared *prepared,
                              bool *is_there,
                              attrib_error *err);

/* Refine and scale whole prepared queries in place, or take those that are kept; fill
 * their residuals and `self`, and log both. ENUMERIC where a solution is not finite. The
 * same bytes for any number of threads and of queries at a time. */
attrib_status at_refine_queries(const at_setup *setup,
                                at_prepared *prepared,
                                attrib_error *err);

#endif
