/* SPDX-License-Identifier: MIT */
/* Scoring the documents of a corpus against queries. */
#ifndef ATTRIB_SCORE_H
#define ATTRIB_SCORE_H

#include <attrib/index.h>
#include <attrib/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What is scored; attrib_score_job_default() fills it. Everything is borrowed. */
typedef struct attrib_score_job {
    size_t size; /**< sizeof the struct; set by attrib_score_job_default() */
    const attrib_model *model;
    const attrib_tokenizer *tokenizer; /**< for the text of tokens; may be NULL */
    const attrib_factors *factors;     /**< may be NULL for identity and baselines */
    const attrib_corpus *corpus;       /**< must stay open while the run is */
    attrib_queries *queries; /**< must stay open while the run is; completions may be
                                set. NULL: none, self-influences alone are found, which
                                the options must ask for */
    const attrib_score_options *options; /**< may be NULL: the defaults */
    const char *folder; /**< where the run is written, in slices of 512 documents for each
                           tile of queries; slices of the same run that are there already
                           are kept, so that a run that was stopped goes on; NULL: in
                           memory only */
    size_t i_shard, n_shards; /**< score shard i < n_shards of the corpus alone: runs of
                                 slices, which attrib_run_merge() makes one of; 1: all */
    const char *prepared; /**< a folder that attrib_run_prepare() or a shard of the same
                             run has written: the rank of queries, the number of queries
                             at a time, and completions that the model wrote are its;
                             NULL: chosen here */
    bool extends; /**< the folder holds a finished run, and the corpus and the queries
                     begin with its own: only what is after them is scored, and the run
                     becomes that of all. Until then it is as it was, and a job that was
                     stopped goes on. ATTRIB_ESHAPE where a document or query of the run
                     was changed or is gone */
    const attrib_index *index; /**< of the documents, for options->prefilter "index:N";
                                  NULL: none */
} attrib_score_job;

/** Fill `job`: nothing but its size. The model and the corpus must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_score_job_init(attrib_score_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_score_job_default(attrib_score_job *job)
{
    attrib_score_job_init(job, sizeof *job);
}

/**
 * Score every document of a corpus against every query, and explain the first and last of
 * each.
 *
 *     score(z, q) = sum over tracked maps < (Fisher + damping)^-1 G_q, G_z >
 *
 * Divided, where job->options->normalize says so, by the query's loss in nats (Ruis et
 * al. 2024), or by sqrt(self(q) self(z)), self(x) = < (Fisher + damping)^-1 G_x, G_x >,
 * which makes it a cosine in [-1, 1]; 0 for a document whose gradient is 0. The order of
 * documents, reported scores and shares, bounds and errors are then those of the divided
 * scores; a group of maps is divided by what its sum is.
 *
 * Settings that are baselines give what they find alike in place of that product
 * (attrib_strategy): undivided, with shares of tokens and without those of maps.
 *
 * Queries without a completion get a greedy one first, of at most
 * job->options->max_new_tokens tokens. What can be refused at no cost (options, tags,
 * queries without a token that counts) is refused before factors are read.
 *
 * @param session    may be NULL: one thread
 * @param job        borrowed until the call returns
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (options; a query without a token that counts, or
 * whose loss or gradient is 0 where scores are divided by it; factors
 * of another strategy); ATTRIB_ERANGE where ram_limit does not hold one query at a time,
 * saying what would; ATTRIB_ESHAPE; ATTRIB_EIO; ATTRIB_ENUMERIC; ATTRIB_ECANCELED;
 * ATTRIB_ENOMEM.
 * @par Threads      Safe while no other thread uses the same queries, or folder; the same
 * bytes for any number of the session's threads, and however many queries
 * job->options->ram_limit and the threads leave room for at a time. A folder keeps the
 * tiles it began with, and is locked while it is filled: ATTRIB_EIO where another process
 * fills it.
 * @par Source       Grosse et al. 2023, arXiv:2308.03296, sections 2.2, 3.2, 3.3; Ruis et
 * al. 2024, arXiv:2411.12580, for scores per nat.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_score(attrib_session *session,
                                                            const attrib_score_job *job,
                                                            attrib_run **out,
                                                            attrib_error *err);

/** One of several checkpoints that documents are scored by. Everything is borrowed. */
typedef struct attrib_score_checkpoint {
    const attrib_model *model;
    const attrib_factors *factors; /**< of this model; may be NULL for identity */
    double weight;                 /**< finite and not 0 */
} attrib_score_checkpoint;

/**
 * Score the documents of one corpus by several models that share its tokens, such as
 * checkpoints of a training, and add their scores by weight: attrib_run_sum() of their
 * runs, in which every reported document has its shares of tokens and modules, by all
 * models. The runs stand in FOLDER.checkpoints while they are made, so that the same call
 * goes on where it was stopped, and are removed in the end. Completions are written by
 * the first model.
 *
 * @param session      may be NULL: one thread
 * @param job          its model and factors are those of the checkpoints, and it has
 *                     neither baselines, cut queries, bf16 nor `prepared`; borrowed
 * @param checkpoints  [n] n >= 2
 * @param out          owned by the caller; written only on success
 * @return ATTRIB_OK; as attrib_run_score() and attrib_run_sum().
 * @par Threads        As attrib_run_score().
 * @par Source         Pruthi et al. 2020, arXiv:2002.08484, section 3, for sums over
 * checkpoints.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_score_sum(attrib_session *session,
                     const attrib_score_job *job,
                     const attrib_score_checkpoint *checkpoints,
                     size_t n,
                     attrib_run **out,
                     attrib_error *err);

/**
 * Choose once what all shards of a run share, and write it into job->folder, without
 * scoring a document: the rank of queries, how many are scored at a time, and the
 * completions that the model writes. Shards on other machines may choose differently by
 * themselves, and are not one run then.
 *
 * @param session    may be NULL: one thread
 * @param job        as for attrib_run_score(), with a folder; borrowed
 * @return ATTRIB_OK; as attrib_run_score().
 * @par Threads      As attrib_run_score().
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_prepare(attrib_session *session,
                                                              const attrib_score_job *job,
                                                              attrib_error *err);

/** The most shards that a run of a corpus can have: they end where slices of 512
 * documents do.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_run_most_shards(const attrib_corpus *corpus);

#ifdef __cplusplus
}
#endif
#endif
