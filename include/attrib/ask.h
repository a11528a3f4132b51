/* SPDX-License-Identifier: MIT */
/* Questions to an index: estimates of all scores at once, then exact scores, the
 * likeliest documents first, and the answer as it stands after each stage. */
#ifndef ATTRIB_ASK_H
#define ATTRIB_ASK_H

#include <attrib/score.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A document of a listing. */
typedef struct attrib_listed {
    size_t document; /**< in the corpus of the job */
    double score;    /**< exact, or as the index has it */
    double error;    /**< of an estimate: how far off it may be, by the bounds, or by the
                        quantile of errors that the question names; 0 where it is exact, or
                        neither is asked for */
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
    double error;   /**< the share of an estimate's bound that is taken for its error */
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
