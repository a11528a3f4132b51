/* SPDX-License-Identifier: MIT */
/* A run: what documents were scored with, their scores against every query, and the
 * documents that these put first and last. */
#ifndef ATTRIB_RUN_H
#define ATTRIB_RUN_H

#include <attrib/ranking.h>
#include <attrib/state.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a filter of documents is estimated to find of the ends of a ranking. */
typedef struct attrib_recall {
    double share;     /**< n_found over n_found and those missed, as estimated */
    double low, high; /**< 95 %: see attrib_run_recall() */
    double n_found;   /**< of a query: documents of that end that are reported of the
                         filter's, in the mean */
    double n_missed;  /**< of a query: documents that would precede the last of these, as
                         estimated, in the mean */
} attrib_recall;

/** One matrix [Q, N] of a run's scores. */
typedef struct attrib_plane {
    size_t i_setting;
    const char *group; /**< of maps; "" for all maps. Borrowed from the run */
} attrib_plane;

/** Open the folder of a finished run; EFORMAT where it is cut short or damaged.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_open(const char *folder,
                                                           attrib_run **out,
                                                           attrib_error *err);

/** Whether a folder is that of a run, finished or not.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_run_is(const char *folder);

/** The day that the run in a folder, finished or not, or what attrib_run_prepare() wrote
 * there, takes for today: YYYY-MM-DD, or "" where none asks for it or nothing is there.
 * @return ATTRIB_OK; ATTRIB_EIO, ATTRIB_EFORMAT or ATTRIB_EVERSION for what is there.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_date(const char *folder,
                                                           char date[ATTRIB_DATE_SIZE],
                                                           attrib_error *err);

/**
 * Merge runs of disjoint documents and the same queries, model, factors and options, such
 * as the shards of a corpus, into one. Documents stand in the order of their corpus,
 * however the runs are named, and those of different corpora in the order in which the
 * first run of each stands. Reported documents are exact, as those of every run are. All
 * shards of a corpus make the bytes of one run of it, but for the command line; a merge
 * of merges too. Runs are streamed: in memory are the answers of one of them, and those
 * of the result.
 *
 * @param session  may be NULL
 * @param folders  [n] of finished runs, n >= 1
 * @param options  is_partial: documents of a corpus may be missing; command; may be NULL
 * @param folder   not there, or empty; it is filled as FOLDER.partial and renamed
 * @return ATTRIB_OK; ATTRIB_EINVAL where runs do not go together, saying what differs,
 * where a document is in two, or some are missing; ATTRIB_EIO; ATTRIB_EFORMAT where one
 * is damaged, naming it; ATTRIB_EVERSION; ATTRIB_ECANCELED; ATTRIB_ENOMEM.
 * @par Threads    Safe on distinct folders; the same bytes for any number of the
 * session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_merge(attrib_session *session,
                 const char *const *folders,
                 size_t n,
                 const attrib_merge_options *options,
                 const char *folder,
                 attrib_error *err);

/** How runs are added; attrib_sum_options_default() fills it. */
typedef struct attrib_sum_options {
    size_t size;           /**< sizeof the struct; set by attrib_sum_options_default() */
    const double *weights; /**< [n runs] finite and not 0; NULL: 1 / n each, their mean */
    size_t top; /**< documents reported at each end of a ranking; 0: as many as the run
                   that reports the fewest */
    const char *command; /**< the command line, kept in the manifest; may be NULL */
} attrib_sum_options;

/** Fill `options`: the mean.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_sum_options_init(attrib_sum_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_sum_options_default(attrib_sum_options *options)
{
    attrib_sum_options_init(options, sizeof *options);
}

/**
 * Add up runs of the same documents and queries, such as those of several checkpoints of
 * a model, or of other models or factors: weighted by w_c, which may be negative, as of
 * what changed from one checkpoint to the next.
 *
 *     score(z, q) = sum_c  w_c  score_c(z, q)        before they are divided
 *     self(z)     = sum_c |w_c| self_c(z)            and of queries likewise
 *     bound(z, q) = sum_c |w_c| bound_c(z, q)
 *     loss(q)     = sum_c  w_c  loss_c(q)            and what is measured
 *
 * This is a product of the gradients of all checkpoints together, and where the runs'
 * scores are divided (attrib_normalize) those of the sum are, by the sums' losses or
 * norms: its cosines are those of all gradients together. Both ends of each ranking are
 * found anew, and a reported document has shares of tokens and modules, summed up, where
 * every run has reported it; any other has its text, if that can be read again, and no
 * shares (attrib_result.n_tokens is 0). Of cut queries, or of scores in bf16, scores that
 * not all runs report are approximate, and n_open counts those that may stand among the
 * reported ones. The scores of each run are kept, "checkpoint_scores". Runs are streamed:
 * in memory are their answers, without what documents are made of, and slices of scores.
 *
 * @param session  may be NULL
 * @param folders  [n] of finished runs, n >= 2
 * @param options  may be NULL: their mean
 * @param folder   not there, or empty; it is filled as FOLDER.partial and renamed
 * @return ATTRIB_OK; ATTRIB_EINVAL where runs do not go together, saying what differs;
 * ATTRIB_ENUMERIC where what is to divide scores is not above 0; ATTRIB_EIO;
 * ATTRIB_EFORMAT where one is damaged, naming it; ATTRIB_EVERSION; ATTRIB_ECANCELED;
 * ATTRIB_ENOMEM.
 * @par Threads    Safe on distinct folders; the same bytes for any number of the
 * session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_sum(attrib_session *session,
               const char *const *folders,
               size_t n,
               const attrib_sum_options *options,
               const char *folder,
               attrib_error *err);

/** Close a run; NULL is fine.
 * @par Threads  No call that uses the run, or what was borrowed from it, may be running.
 */
ATTRIB_API void attrib_run_close(attrib_run *run);

/** What it holds; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_run_info *attrib_run_describe(const attrib_run *run);

/** Answer i < n_answers, that of query i % n_queries under setting i / n_queries;
 * borrowed. attrib_run_load() reads what its documents are made of.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_answer *attrib_run_answer(const attrib_run *run, size_t i);

/**
 * Estimate the recall of a run's filter at one end of the rankings of answers first ..
 * first + n: of all documents that rank no lower than the last reported one of the
 * filter's (for a query at most options.top), the share that the filter let through.
 *
 *     recall = sum_q k_q / sum_q (k_q + M_q),   M_q = N x (missed of the sample) /
 * n_sampled
 *
 * The sample is drawn from all documents, the same for all queries. The interval takes
 * the mean over queries of a document as one draw x in [0, 1]: its limits are the p with
 * n_sampled KL(mean x, p) = ln 40, by Chernoff's bound, which holds without knowing how
 * queries depend on each other, and for draws without replacement (Hoeffding 1963,
 * sections 2 and 6).
 *
 * @param of_last  the other end: documents that oppose
 * @return false where nothing was drawn, or the run has some documents of its corpus
 *         alone; else *out is set
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_run_recall(
    const attrib_run *run, size_t first, size_t n, bool of_last, attrib_recall *out);

/**
 * Read what the reported documents of answer i < n_answers are made of: their texts,
 * tokens and modules, which stand in attrib_run_answer() until the next call for this run
 * takes them out again. So a run of many queries does not have to fit into memory. A
 * run that was scored just now, not opened, always has all of it, and this does nothing.
 *
 * @return ATTRIB_OK; ATTRIB_ERANGE where there is no such answer; ATTRIB_EFORMAT and
 * ATTRIB_ENUMERIC where the run's file is damaged; ATTRIB_ENOMEM.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_load(attrib_run *run,
                                                           size_t i,
                                                           attrib_error *err);

/** The same of one reported document of answer i alone, for those who pass documents in
 * another order; `result` is one of its `top` or `bottom`, else EINVAL.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_load_result(
    attrib_run *run, size_t i, const attrib_result *result, attrib_error *err);

/** Plane i < n_planes: all maps of setting 0, then its groups, then setting 1.
 * @par Threads  Safe.
 */
ATTRIB_API attrib_plane attrib_run_plane(const attrib_run *run, size_t i);

/** What the matrices of an array are, and how their numbers are read. */
typedef enum attrib_array_shape {
    ATTRIB_ARRAY_PLANES,      /**< one [Q, N] for each plane; read [n documents, Q] */
    ATTRIB_ARRAY_SETTINGS,    /**< one [N] for each setting; read [n documents] */
    ATTRIB_ARRAY_TOKENS,      /**< one [all tokens, Q] for each setting; read [tokens of n
                                 documents, Q] */
    ATTRIB_ARRAY_CHECKPOINTS, /**< one [Q, N] for each setting and checkpoint, that of
                                 setting s and checkpoint c at s x n_checkpoints + c; read
                                 [n documents, Q] */
} attrib_array_shape;

/** An array of numbers that a run holds of all its documents. */
typedef struct attrib_array {
    const char *name; /**< "scores", "bounds", "raw_scores", "self", "tokens",
                         "checkpoint_scores"; static */
    attrib_array_shape shape;
    size_t kind; /**< what attrib_run_read() knows it by */
    size_t i;    /**< the plane, setting or checkpoint that is read: set it */
} attrib_array;

/** Get array i of those that the run holds, with its first matrix; false where there are
 * no more than i. What a run holds follows from its options, and programs that go through
 * this list need not know them.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_run_array(const attrib_run *run, size_t i, attrib_array *out);

/** Read what a matrix of an array says of documents first .. first + n, shaped as the
 * array's shape says. EINVAL where the run does not hold the array.
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_read(attrib_run *run,
                                                           const attrib_array *array,
                                                           size_t first,
                                                           size_t n,
                                                           double *out,
                                                           attrib_error *err);

/** The scores of documents first .. first + n against all queries in one plane: out [n,
 * Q]. Reads them from disk. Scores of cut queries are approximate, within
 * attrib_run_bounds().
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_scores(attrib_run *run,
                                                             size_t i_plane,
                                                             size_t first,
                                                             size_t n,
                                                             double *out,
                                                             attrib_error *err);

/** The same before they were divided, whatever the run's `normalize`.
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_raw_scores(attrib_run *run,
                                                                 size_t i_plane,
                                                                 size_t first,
                                                                 size_t n,
                                                                 double *out,
                                                                 attrib_error *err);

/** How far attrib_run_scores() may be from the full ones, out [n, Q] >= 0; all 0 for full
 * queries.
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_bounds(attrib_run *run,
                                                             size_t i_plane,
                                                             size_t first,
                                                             size_t n,
                                                             double *out,
                                                             attrib_error *err);

/**
 * The self-influences of documents first .. first + n under a setting: what a document
 * does to its own loss, the squared norm of its gradient in the preconditioned metric.
 *
 *     self(z) = < (Fisher + damping)^-1 G_z, G_z >
 *             = sum over maps and i, j  (U_S' G_z U_A)_ij^2 / (Lambda_ij + damping)
 *
 * NaN under a baseline. G_z is the gradient of the whole document's loss, summed over its
 * sequences where it was split. EINVAL for a run without them.
 *
 * @param out [n] >= 0
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_self(attrib_run *run,
                                                           size_t i_setting,
                                                           size_t first,
                                                           size_t n,
                                                           double *out,
                                                           attrib_error *err);

/** How many tokens document i has; EINVAL for a run without shares of tokens.
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_n_tokens(attrib_run *run,
                                                               size_t i,
                                                               size_t *out,
                                                               attrib_error *err);

/** What every token of document i has in its scores against all queries under a setting,
 * out [n tokens, Q]: the addend of the position that predicts the token, in f32. They sum
 * to attrib_run_scores(), and are those of cut queries where these are.
 * @par Threads  Not safe on one run: it keeps the part of its scores that was read last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_tokens(
    attrib_run *run, size_t i_setting, size_t i, double *out, attrib_error *err);

/** Document i < n_documents with all that is known of it but its text, which is NULL
 * (n_text_bytes says how long it was, 0 for rows that came as ids), and its sequences,
 * which are 0: the run keeps where a document was read from, its tags, and a hash by
 * which its bytes are known again. Borrowed until the next call of this function on this
 * run. ERANGE where there is no such document.
 * @par Threads  Not safe on one run: it keeps the part of its documents that was read
 * last.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_document(attrib_run *run,
                                                               size_t i,
                                                               attrib_document *out,
                                                               attrib_error *err);

/** Takes the original bytes of a document: those of its span, of a text or a row of JSON;
 * of another table's row what it is as a row of JSON. `why` is NULL, or says why they
 * cannot be had (`bytes` is NULL then): EFORMAT where they changed since the document was
 * scored, EIO where their file is gone or cannot be read, ENOTSUP where it was read from
 * standard input, from memory or from a file of tokens. Borrowed until it returns. A
 * status other than OK ends the reading. */
typedef attrib_status (*attrib_original_fn)(void *context,
                                            size_t i,
                                            const char *bytes,
                                            size_t n_bytes,
                                            const attrib_error *why,
                                            attrib_error *err);

/** Who takes original bytes or texts. */
typedef struct attrib_original_sink {
    attrib_original_fn take;
    void *context; /**< handed to `take`; may be NULL */
} attrib_original_sink;

/**
 * Read the bytes of documents again, from where they stood when they were scored, and
 * hand each on once: source by source, not in the order of `documents`. The bytes of a
 * plain file are sought, an archive or a compressed file is passed through once.
 *
 * @param session    may be NULL
 * @param documents  [n] indices < n_documents, each at most once; borrowed
 * @param sink       is given an index of a document
 * @return ATTRIB_OK; ATTRIB_ERANGE for an index; ATTRIB_ECANCELED; ATTRIB_ENOMEM; what
 * `sink` returned.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_originals(attrib_session *session,
                                                                attrib_run *run,
                                                                const size_t *documents,
                                                                size_t n,
                                                                attrib_original_sink sink,
                                                                attrib_error *err);

/** The same with texts in place of bytes: of a row what it says without a chat template,
 * of a text itself; ENOTSUP for rows that are tokens.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_texts(attrib_session *session,
                                                            attrib_run *run,
                                                            const size_t *documents,
                                                            size_t n,
                                                            attrib_original_sink sink,
                                                            attrib_error *err);

/**
 * The text of document i from its original bytes: of a row what it says without a chat
 * template, of a text itself.
 *
 * @param out      owned by the caller, freed by free(); NUL-terminated
 * @param n_bytes  without the NUL
 * @return ATTRIB_OK; as `why` of attrib_original_fn, with the document's place;
 * ATTRIB_ERANGE for an index; ATTRIB_ENOMEM.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_run_text(
    attrib_run *run, size_t i, char **out, size_t *n_bytes, attrib_error *err);

#ifdef __cplusplus
}
#endif
#endif
