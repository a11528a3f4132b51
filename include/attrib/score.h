/* SPDX-License-Identifier: MIT */
/* Scoring the documents of a corpus against queries. */
#ifndef ATTRIB_SCORE_H
#define ATTRIB_SCORE_H

#include <attrib/index.h>
#include <attrib/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One of several checkpoints that documents are scored by. Everything is borrowed. */
typedef struct attrib_score_checkpoint {
    const attrib_model *model;
    const attrib_factors *factors; /**< of this model; may be NULL for identity */
    double weight;                 /**< finite and not 0 */
} attrib_score_checkpoint;

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
    const attrib_index
        *index; /**< of the documents, for options->prefilter "index:N";
                   without queries self-influences are taken from it, which
                   it has in f32 of ekfac with its own damping; NULL: none */
    const attrib_score_checkpoint *stages; /**< [n_stages] a training's models, in its
                                order, one of them `model`; weights are not read. Queries
                                are the last one's, which writes completions, and pass
                                back through the curvature of each stage from there to
                                i_stage, by whose model documents are scored: as
                                options->segments say, or without segments by damping_s x
                                (Fisher_s + damping_s)^-1 of every later stage s, which
                                its damping held to where it began. NULL: one model */
    size_t n_stages, i_stage;
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

/**
 * Score the documents of one corpus by several models that share its tokens, such as
 * checkpoints of a training, and add their scores by weight: attrib_run_sum() of their
 * runs, in which every reported document has its shares of tokens and modules, by all
 * models. The runs stand in FOLDER.checkpoints while they are made, so that the same call
 * goes on where it was stopped, and are removed in the end. Completions are written by
 * the first model.
 *
 * With options->segments it is SOURCE: the checkpoints end the segments of a training, in
 * its order, and scores are the sum over segments l of
 *
 *     < r_l S_(l+1) ... S_L G_q, G_z(model l) >,   S = exp(-c F),  r = (I - exp(-c F))
 * F^-1
 *
 * with F the Fisher matrix of the segment's factors and c its steps x learning rate, of
 * the sum of a sequence's losses: divided by the corpus' predicted tokens a sequence
 * where segment_loss says so. Weights are 1 then, and queries the last model's.
 *
 * @param session      may be NULL: one thread
 * @param job          its model and factors are those of the checkpoints, and it has
 *                     neither baselines, cut queries, bf16 nor `prepared`; borrowed
 * @param checkpoints  [n] n >= 2
 * @param out          owned by the caller; written only on success
 * @return ATTRIB_OK; as attrib_run_score() and attrib_run_sum().
 * @par Threads        As attrib_run_score().
 * @par Source         Pruthi et al. 2020, arXiv:2002.08484, section 3, for sums over
 * checkpoints; Bae et al. 2024, arXiv:2405.12186, section 3, for segments, of which each
 * has one checkpoint here.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_score_sum(attrib_session *session,
                     const attrib_score_job *job,
                     const attrib_score_checkpoint *checkpoints,
                     size_t n,
                     attrib_run **out,
                     attrib_error *err);

/**
 * Score the corpora of several stages of a training, such as pretraining and
 * instructions, in one ranking: the run of each stage's documents, by its model, against
 * the last model's queries (attrib_score_job.stages), merged. Scores are over the number
 * of their stage's documents (options->over_documents). The runs stand in FOLDER.stages
 * while they are made, so that the same call goes on where it was stopped.
 *
 * @param session  may be NULL: one thread
 * @param jobs     [n] n >= 2, in the order of the training, with model, factors and
 * corpus of each stage and equal in all else; `stages` and `folder` are not read
 * @param folder   of the run; not there, or empty
 * @param out      owned by the caller; written only on success
 * @return ATTRIB_OK; as attrib_run_score() and attrib_run_merge().
 * @par Threads    As attrib_run_score().
 * @par Source     arXiv:2505.05017, equation 12, times the damping of the later stage.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_score_stages(attrib_session *session,
                        const attrib_score_job *jobs,
                        size_t n,
                        const char *folder,
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

/**
 * Find out, before any work, whether the limit of memory (job->options->ram_limit) holds
 * a fit into a folder, and then a run with what it fits. Completions that are missing are
 * written, as the run needs them.
 *
 * @param session  may be NULL: one thread
 * @param job      as for attrib_run_score(), but for its factors, which are not looked at
 * @param fit      as for attrib_factors_fit_folder(), of the same ram_limit
 * @return ATTRIB_OK; ATTRIB_ERANGE where it does not, saying what holds both; as
 * attrib_run_score() for what can be refused at no cost.
 * @par Threads    As attrib_run_score().
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_check_limit(attrib_session *session,
                       const attrib_score_job *job,
                       const attrib_fit_options *fit,
                       attrib_error *err);

/** The most shards that a run of a corpus can have: they end where slices of 512
 * documents do.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_run_most_shards(const attrib_corpus *corpus);

/* Questions to an index: estimates of all scores at once, then exact scores, the
 * likeliest documents first, and the answer as it stands after each stage. */

/** A document of a listing. */
typedef struct attrib_listed {
    size_t document; /**< in the corpus of the job */
    double score;    /**< exact, or as the index has it */
    double error;    /**< of an estimate: how far off it may be, by the bounds, or by the
                        quantile of errors that the question names, which is infinite
                        before errors were measured; 0 where it is exact, or neither is
                        asked for */
    bool is_exact;
} attrib_listed;

/** The answer to a question as it stands. Of each end first the documents that were
 * scored exactly, by their scores, then the likeliest of the others, by their estimates.
 * All is borrowed until the call that got it returns. */
typedef struct attrib_listing {
    size_t i_stage;              /**< 0: the scan of the index alone */
    bool is_last;                /**< nothing more will be scored */
    size_t n_exact, n_documents; /**< scored exactly, of those that take part */
    size_t n_open;  /**< of the others, those that may stand among the first or last, as
                       far as the question certifies; 0 where it does not */
    double seconds; /**< since the question was asked */
    double error;   /**< the share of an estimate's bound that is taken for its error;
                       infinite before errors were measured */
    const attrib_listed *first; /**< [n_first] the largest first */
    size_t n_first;
    const attrib_listed *last; /**< [n_last] the smallest first */
    size_t n_last;
} attrib_listing;

/** Called after each stage, on the thread that asks. Another status than ATTRIB_OK ends
 * the question with it. */
typedef attrib_status (*attrib_stage_fn)(void *context,
                                         const attrib_listing *listing,
                                         attrib_error *err);

/** How far an answer is made exact; attrib_question_default() fills it. Documents are
 * scored the likeliest first, as many of either end, until the first limit is reached. */
typedef struct attrib_question {
    size_t size;    /**< sizeof the struct; set by attrib_question_default() */
    size_t n_exact; /**< documents of each end that are scored exactly; default 10; 0: no
                       limit */
    double seconds; /**< wall seconds after the call; 0: no limit. What is being scored
                       then is scored to its end */
    double certify; /**< 1: until no other document can stand among the first or last
                       options.top, by the bounds of the index. Below 1, above 0: by this
                       quantile of the errors that documents were found to have which were
                       scored both ways, 64 of them spread over the corpus. 0: not */
    const attrib_where *where; /**< documents that take part; NULL: all. Borrowed */
    attrib_stage_fn stage;     /**< may be NULL */
    void *context;             /**< of `stage` */
} attrib_question;

/** Fill `question`.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_question_init(attrib_question *question, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_question_default(attrib_question *question)
{
    attrib_question_init(question, sizeof *question);
}

/** A model, factors, a corpus and an index of it, which questions are asked of: documents
 * are found in the index once. */
typedef struct attrib_asking attrib_asking;

/** Whether questions may be asked with the options of a job that has an index: a question
 * takes whole queries in f32, and cosines where the index has the self-influences of the
 * first setting's damping.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_asking_takes(const attrib_score_job *job);

/**
 * Find the documents of a corpus in an index.
 *
 * @param session  of all questions; may be NULL: one thread
 * @param job      model, tokenizer, factors, corpus, index and options; copied, and what
 * it points to is borrowed until attrib_asking_close(). No queries and no folder
 * @param out      owned by the caller; written only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for an index of another model or of other factors, and
 * where documents of the corpus are not in it; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_ENOMEM.
 * @par Cost     Hashes the tokens of all documents.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_asking_open(attrib_session *session,
                                                              const attrib_score_job *job,
                                                              attrib_asking **out,
                                                              attrib_error *err);

/**
 * Answer one query, stage by stage.
 *
 * @param asking    what it is asked of
 * @param queries   one, which must stay open while the run is; its completion may be
 *                  written
 * @param options   NULL: those of the job. One setting that takes gradients, whole
 * queries in f32; arrays of the run are scores alone
 * @param question  may be NULL: the defaults
 * @param out       a run in memory whose answer lists first the documents that were
 * scored exactly, then, where these are fewer than options.top, estimates
 *                  (attrib_result.is_estimate); owned by the caller
 * @return ATTRIB_OK; what question->stage returned; as attrib_run_score().
 * @par Threads     One question of an asking at a time. Which documents are exact depends
 * on the machine where question->seconds is given, else on nothing but the question.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_asking_answer(attrib_asking *asking,
                     attrib_queries *queries,
                     const attrib_score_options *options,
                     const attrib_question *question,
                     attrib_run **out,
                     attrib_error *err);

/** Close it; NULL is fine.
 * @par Threads  Safe on distinct askings.
 */
ATTRIB_API void attrib_asking_close(attrib_asking *asking);

#ifdef __cplusplus
}
#endif
#endif
