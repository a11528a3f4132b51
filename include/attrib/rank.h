/* SPDX-License-Identifier: MIT */
/* Scores of documents against queries, and the documents that they put first and last. */
#ifndef ATTRIB_RANK_H
#define ATTRIB_RANK_H

#include <attrib/curvature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How documents are scored; attrib_score_options_default() fills it. */
typedef struct attrib_score_options {
    attrib_strategy strategy;
    double damping;           /**< default 0.1 */
    bool is_damping_absolute; /**< else `damping` x mean(Lambda) of each map (default) */
    size_t top; /**< documents reported at each end of a query's ranking; default 10 */
    const char
        *modules; /**< for identity without factors: the selection; default "mlp" */
    const char *command; /**< the command line, kept in the manifest; may be NULL */
} attrib_score_options;

/** Fill `options`: ekfac, damping 0.1 x mean, top 10. */
ATTRIB_API void attrib_score_options_default(attrib_score_options *options);

/** A token of a document with its share of the score. */
typedef struct attrib_token_score {
    const char *text; /**< its bytes, NUL-terminated, may be a part of a character */
    size_t n_bytes;
    int32_t id;
    bool is_special; /**< BOS, EOS, ...: no text of the document */
    double score;    /**< the addend of the position that predicts this token; they sum to
                        the score */
} attrib_token_score;

/** A tracked map with its share of the score. */
typedef struct attrib_module_score {
    const char *name;
    double score; /**< they sum to the document's score */
} attrib_module_score;

/** A document that was reported for a query. */
typedef struct attrib_result {
    size_t rank; /**< 1 = the largest score of all N documents, N = the smallest */
    double score;
    attrib_document document;         /**< first_sequence is not set */
    const attrib_token_score *tokens; /**< [n_tokens] */
    size_t n_tokens;
    const attrib_module_score *modules; /**< [n_modules] */
    size_t n_modules;
} attrib_result;

/** A query with what was found for it. */
typedef struct attrib_answer {
    attrib_query query; /**< ids and mask set; completion as given or generated */
    double loss; /**< -log p(completion | prompt), nats, summed over the completion's
                    tokens */
    size_t n_completion_tokens;
    const attrib_result *top; /**< [n_top] best first */
    size_t n_top;
    const attrib_result
        *bottom; /**< [n_bottom] worst first; shares no document with `top` */
    size_t n_bottom;
} attrib_answer;

/** What a run was made with, and the answers of all its queries. */
typedef struct attrib_run attrib_run;

/** What a run holds. Text is borrowed. */
typedef struct attrib_run_info {
    size_t n_queries, n_documents, n_modules, n_tokens;
    attrib_strategy strategy;
    double damping;
    bool is_damping_absolute;
    const char *model_hash, *corpus_hash, *factors_hash, *command;
    double tracked_share; /**< parameters of the tracked maps over all of the model's */
    const char *folder;   /**< NULL for a run that is in memory only */
} attrib_run_info;

/**
 * Score every document of a corpus against every query, and explain the first and last of
 * each.
 *
 *     score(z, q) = sum over tracked maps < (Fisher + damping)^-1 G_q, G_z >
 *
 * Queries without a completion get a greedy one of at most 32 tokens first.
 *
 * @param session    may be NULL: one thread
 * @param model      borrowed
 * @param tokenizer  for the text of tokens; may be NULL
 * @param factors    borrowed; may be NULL for the identity strategy
 * @param corpus     borrowed while the run is open
 * @param queries    borrowed while the run is open; completions may be set
 * @param options    may be NULL: the defaults
 * @param folder     where the run is written, a part file for each 4,096 documents; parts
 * of the same run that are there already are kept, so that a run that was stopped goes
 * on; NULL: in memory only
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (options; a query without a token that counts; factors
 * of another strategy); ATTRIB_ESHAPE; ATTRIB_EIO; ATTRIB_ENUMERIC; ATTRIB_ECANCELED;
 * ATTRIB_ENOMEM.
 * @par Threads      the same bytes for any number of the session's threads.
 * @par Source       Grosse et al. 2023, arXiv:2308.03296, sections 2.2, 3.2, 3.3.
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

/** Open the folder of a finished run; EFORMAT where it is cut short or damaged. */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_open(const char *folder,
                                                           attrib_run **out,
                                                           attrib_error *err);

/** Close a run; NULL is fine. */
ATTRIB_API void attrib_run_close(attrib_run *run);

/** What it holds; borrowed. */
ATTRIB_API const attrib_run_info *attrib_run_describe(const attrib_run *run);

/** The answer of query i < n_queries; borrowed. */
ATTRIB_API const attrib_answer *attrib_run_answer(const attrib_run *run, size_t i);

/** The scores of documents first .. first + n against all queries: out [n, Q]. Reads them
 * from disk. */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_scores(
    attrib_run *run, size_t first, size_t n, double *out, attrib_error *err);

/** The id of document i < n_documents, borrowed until the next call on this run. */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_document_id(attrib_run *run,
                                                                  size_t i,
                                                                  const char **out,
                                                                  attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
