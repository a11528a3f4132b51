/* SPDX-License-Identifier: MIT */
/* Whether the scores of runs predict what training does: comparison with a bank of
 * retrainings. attrib/validate/README.md describes banks and defines every number. */
#ifndef ATTRIB_VALIDATE_H
#define ATTRIB_VALIDATE_H

#include <attrib/analyze.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How runs are compared with a bank; attrib_validate_options_default() fills it. */
typedef struct attrib_validate_options {
    size_t size;       /**< sizeof the struct; set by attrib_validate_options_default() */
    size_t top;        /**< k of recall@k; default 10 */
    size_t replicates; /**< resamplings that each interval is made of; default 1000 */
    uint64_t seed;     /**< of resamplings; default 0 */
    bool with_mean; /**< with several runs also the mean of their scores, for each setting
                       that all of them have */
} attrib_validate_options;

/** The table of attrib_validate_options, static.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_validate_options_table(void);

/** Fill `options` with the defaults that the table says.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_validate_options_init(attrib_validate_options *options,
                                             size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_validate_options_default(attrib_validate_options *options)
{
    attrib_validate_options_init(options, sizeof *options);
}

/** What is validated; attrib_validate_job_default() fills it. Everything is borrowed. */
typedef struct attrib_validate_job {
    size_t size;       /**< sizeof the struct; set by attrib_validate_job_default() */
    attrib_run **runs; /**< [n_runs] they must stay open until the call returns */
    size_t n_runs;     /**< >= 1 */
    const char *const *names;               /**< [n_runs] what tables call the runs */
    const char *bank;                       /**< a folder */
    const attrib_validate_options *options; /**< may be NULL: the defaults */
} attrib_validate_job;

/** Fill `job`: nothing but its size. Runs, names and bank must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_validate_job_init(attrib_validate_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_validate_job_default(attrib_validate_job *job)
{
    attrib_validate_job_init(job, sizeof *job);
}

/**
 * Compare the scores of runs, under each of their settings, with a bank.
 *
 *     predicted(subset, q) = sum of score(z, q) over the documents z of the subset
 *     measured(subset, q)  = -loss of q after training on the subset, nats
 *
 * The result has the tables that the bank has something for: lds, differences, ceiling,
 * removals, sizes, labels, queries. Scores are streamed; memory is the bank's, a number
 * for each subset, query and setting, and at most 256 MiB of scores of queries with
 * labels.
 *
 * @param session  may be NULL: one thread
 * @param job      borrowed until the call returns
 * @param out      owned by the caller, freed by attrib_analysis_free(); written only on
 * success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for the job and its options; ATTRIB_EIO, EFORMAT and
 * ERANGE for the bank's files; ATTRIB_ESHAPE where its documents or queries are not the
 * run's; ATTRIB_ENOTSUP for a run with a filter of documents; as attrib_run_scores().
 * @par Threads    Not safe on one run. The same bytes for any number of the session's
 * threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_validate(attrib_session *session,
                                                           const attrib_validate_job *job,
                                                           attrib_analysis **out,
                                                           attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
