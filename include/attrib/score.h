/* SPDX-License-Identifier: MIT */
/* Scoring the documents of a corpus against queries. */
#ifndef ATTRIB_SCORE_H
#define ATTRIB_SCORE_H

#include <attrib/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Score every document of a corpus against every query, and explain the first and last of
 * each.
 *
 *     score(z, q) = sum over tracked maps < (Fisher + damping)^-1 G_q, G_z >
 *
 * Divided, where options->normalize says so, by the query's loss in nats (Ruis et al.
 * 2024), or by sqrt(self(q) self(z)), self(x) = < (Fisher + damping)^-1 G_x, G_x >, which
 * makes it a cosine in [-1, 1]; 0 for a document whose gradient is 0. The order of
 * documents, reported scores and shares, bounds and errors are then those of the divided
 * scores; a group of maps is divided by what its sum is.
 *
 * Queries without a completion get a greedy one first, of at most
 * options->max_new_tokens tokens. What can be refused at no cost (options, tags, queries
 * without a token that counts) is refused before factors are read.
 *
 * @param session    may be NULL: one thread
 * @param model      borrowed
 * @param tokenizer  for the text of tokens; may be NULL
 * @param factors    borrowed; may be NULL for the identity strategy
 * @param corpus     borrowed while the run is open
 * @param queries    borrowed while the run is open; completions may be set
 * @param options    may be NULL: the defaults
 * @param folder     where the run is written, a file for each slice of 512 documents and
 * each tile of queries; slices of the same run that are there already are kept, so that a
 * run that was stopped goes on; NULL: in memory only
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (options; a query without a token that counts, or
 * whose loss or gradient is 0 where scores are divided by it; factors
 * of another strategy); ATTRIB_ERANGE where ram_limit does not hold one query at a time,
 * saying what would; ATTRIB_ESHAPE; ATTRIB_EIO; ATTRIB_ENUMERIC; ATTRIB_ECANCELED;
 * ATTRIB_ENOMEM.
 * @par Threads      Safe while no other thread uses the same queries, or folder; the same
 * bytes for any number of the session's threads, and however many queries
 * options->ram_limit and the threads leave room for at a time. A folder keeps the tiles
 * it began with.
 * @par Source       Grosse et al. 2023, arXiv:2308.03296, sections 2.2, 3.2, 3.3; Ruis et
 * al. 2024, arXiv:2411.12580, for scores per nat.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_score(attrib_session *session,
                 const attrib_model *model,
                 const attrib_tokenizer *tokenizer,
                 const attrib_factors *factors,
                 const attrib_corpus *corpus,
                 attrib_queries *queries,
                 const attrib_score_options *options,
                 const char *folder,
                 attrib_run **out,
                 attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
