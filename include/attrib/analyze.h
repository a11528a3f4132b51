/* SPDX-License-Identifier: MIT */
/* What the scores of a run say together: groups of documents, tails of rankings,
 * correlations of queries. attrib/analyze/README.md defines every number. */
#ifndef ATTRIB_ANALYZE_H
#define ATTRIB_ANALYZE_H

#include <attrib/run.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What trades its tags in a permutation test. */
typedef enum attrib_permute {
    ATTRIB_PERMUTE_AUTO,      /**< sources where every source has one value of the tag and
                                 there are more sources than values, else documents */
    ATTRIB_PERMUTE_DOCUMENTS, /**< any two documents */
    ATTRIB_PERMUTE_WITHIN,    /**< documents of the same source */
    ATTRIB_PERMUTE_SOURCES,   /**< whole sources, whose documents are alike */
} attrib_permute;

/** How a run is analyzed; attrib_analyze_options_default() fills it. Each kind of
 * analysis takes some of these (attrib_analyze_kind.options). */
typedef struct attrib_analyze_options {
    size_t size;    /**< sizeof the struct; set by attrib_analyze_options_default() */
    size_t setting; /**< which of the run's settings, from 1; default 1 */
    size_t other_setting;     /**< the same of the second run; default 1 */
    const char *document_tag; /**< that groups documents; "source", "member" and
                                 "n_tokens" are there without a tag. Default "source" */
    const char *query_tag;    /**< that groups queries; NULL: each query by itself */
    const char *tags;         /**< of documents, separated by commas, that influence is
                                 explained by */
    const char *answers_tag;  /**< of queries: the answers to look for */
    bool is_counted; /**< read all documents again, and count those that have an answer */
    bool is_hierarchical; /**< a document of the value "a/b" belongs to the group "a" too
                           */
    size_t bins;          /**< equally full groups that a numeric tag is cut into */
    size_t max_groups;    /**< a tag with more values is refused */
    size_t top;           /**< K: documents at each end of a query's ranking */
    size_t tail;          /**< largest scores of a query that a law is fitted to */
    double cluster_at;    /**< average correlation from which clusters are one */
    double scale;      /**< nats of log-probability for a unit of score / N; 0: unknown */
    size_t replicates; /**< resamplings and permutations */
    attrib_permute permute;
    uint64_t seed; /**< of resamplings and permutations */
} attrib_analyze_options;

/** The table of attrib_analyze_options, static.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_analyze_options_table(void);

/** Fill `options` with the defaults that the table says.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_analyze_options_init(attrib_analyze_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_analyze_options_default(attrib_analyze_options *options)
{
    attrib_analyze_options_init(options, sizeof *options);
}

/** A kind of analysis. Texts are static. */
typedef struct attrib_analyze_kind {
    const char *name;    /**< "tail" */
    const char *help;    /**< one sentence without its full stop */
    const char *options; /**< names of the options that it takes, each between spaces */
    size_t min_runs, max_runs;
    bool takes_changes; /**< needs attrib_analyze_job.changes */
} attrib_analyze_kind;

/** Kind i of those that there are; NULL where there are no more than i.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_analyze_kind *attrib_analyze_kind_at(size_t i);

/** What is analyzed; attrib_analyze_job_default() fills it. Everything is borrowed. */
typedef struct attrib_analyze_job {
    size_t size;         /**< sizeof the struct; set by attrib_analyze_job_default() */
    const char *kind;    /**< name of a kind */
    attrib_run *run;     /**< must stay open until the call returns */
    attrib_run *other;   /**< the run that it is compared with, or NULL; may be `run`,
                            whose settings are compared then */
    const char *changes; /**< of `reweight`: "code=+0.1,chat=-0.2"; else NULL */
    const attrib_analyze_options *options; /**< may be NULL: the defaults */
} attrib_analyze_job;

/** Fill `job`: nothing but its size. The kind and the run must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_analyze_job_init(attrib_analyze_job *job, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_analyze_job_default(attrib_analyze_job *job)
{
    attrib_analyze_job_init(job, sizeof *job);
}

/** A column of a table. Texts are static. */
typedef struct attrib_column {
    const char *name; /**< of its values in JSON and CSV: "top_1_percent" */
    const char *unit; /**< "documents", "share", ...; "text" for a column of texts */
    const char *help; /**< what it is, in a few words */
    bool is_detail;   /**< left out of listings on a terminal */
} attrib_column;

/** A value of a table. */
typedef struct attrib_cell {
    const char *text; /**< NULL in columns of numbers, and for a text that is missing */
    double number;    /**< NAN where it is not known, and in columns of texts */
} attrib_cell;

/** A table of results. */
typedef struct attrib_table {
    const char *name;             /**< "tail"; analyses begin with their kind */
    const char *title;            /**< a line for people */
    const attrib_column *columns; /**< [n_columns] */
    size_t n_columns;
    const attrib_cell *cells; /**< [n_rows, n_columns] */
    size_t n_rows;
} attrib_table;

/** The result of an analysis: tables, and notes on what is approximate. */
typedef struct attrib_analysis attrib_analysis;

/**
 * Analyze a run, or compare two.
 *
 * Documents are streamed. Memory is at most 256 MiB of columns of scores, and numbers
 * for each query and group, or pair of queries; what groups documents takes about 50
 * bytes a document more. Where ranks of all documents would not fit, they are those of
 * evenly spaced ones, and a note says so.
 *
 * @param session  may be NULL: one thread
 * @param job      borrowed until the call returns
 * @param out      owned by the caller; written only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL (an unknown kind, an option outside its range, a
 * second run that is missing or not taken); ATTRIB_ESHAPE (two runs of other queries or
 * documents; a tag that no document has); ATTRIB_ERANGE (a tag with more than
 * options->max_groups values); ATTRIB_ENOTSUP (the run does not hold what the analysis
 * reads); as attrib_run_scores().
 * @par Threads    Not safe on one run, which keeps the part of its scores that was read
 * last. The same bytes for any number of the session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_analyze(attrib_session *session,
                                                          const attrib_analyze_job *job,
                                                          attrib_analysis **out,
                                                          attrib_error *err);

/** Free a result; NULL is fine.
 * @par Threads  No call that uses what was borrowed from it may be running.
 */
ATTRIB_API void attrib_analysis_free(attrib_analysis *analysis);

/** The name of the kind; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_analysis_kind(const attrib_analysis *analysis);

/** Table i, borrowed; NULL where there are no more than i. There is at least one.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_table *attrib_analysis_table(const attrib_analysis *analysis,
                                                     size_t i);

/** Note i, a sentence, borrowed; NULL where there are no more than i.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_analysis_note(const attrib_analysis *analysis, size_t i);

/** Whether a document's score stands on few of its tokens, which Grosse et al. (2023,
 * section 5.3) skip as spurious: |a|_2 / |a|_1 > 2/3 for the shares a of its tokens, of
 * which at least 8 are not 0. The document must be loaded (attrib_run_load()).
 * @param ratio  |a|_2 / |a|_1, from 1 / sqrt(n) (even) to 1 (one token); NAN where there
 * is no share; may be NULL
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_result_is_spurious(const attrib_result *result, double *ratio);

#ifdef __cplusplus
}
#endif
#endif
