/* SPDX-License-Identifier: MIT */
/* A run: what documents were scored with, their scores against every query, and the
 * documents that these put first and last. */
#ifndef ATTRIB_RUN_H
#define ATTRIB_RUN_H

#include <attrib/curvature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** attrib_setting.layer: the last one. */
#define ATTRIB_LAYER_LAST SIZE_MAX

/** How the Fisher is inverted, or which baseline it is. */
typedef struct attrib_setting {
    attrib_strategy strategy;
    double damping;           /**< > 0; no part in identity and baselines */
    bool is_damping_absolute; /**< else `damping` x mean(Lambda) of each map */
    size_t layer; /**< of #ATTRIB_HIDDEN: layers that the states have gone through, at
                     most the model's or #ATTRIB_LAYER_LAST, which a run has as the
                     number that it is; else of no meaning */
} attrib_setting;

/** The most settings of one run. */
#define ATTRIB_MAX_SETTINGS 16

/** Sums of maps whose scores are kept apart, in addition to those of all maps. */
typedef enum attrib_split {
    ATTRIB_SPLIT_NONE,   /**< none (default) */
    ATTRIB_SPLIT_KIND,   /**< mlp, attention, head */
    ATTRIB_SPLIT_LAYER,  /**< "layer.0", "layer.1", ..., "head" */
    ATTRIB_SPLIT_MODULE, /**< each map, by its name */
} attrib_split;

/** What scores are divided by. Whole rows of a ranking, or not at all: see
 * attrib_run_score(). */
typedef enum attrib_normalize {
    ATTRIB_NORMALIZE_NONE, /**< nothing (default) */
    ATTRIB_NORMALIZE_NATS, /**< the query's loss: what a nat of it owes to the document,
                              for queries of different lengths */
    ATTRIB_NORMALIZE_UNIT, /**< the norms of both gradients in the preconditioned metric:
                              a cosine, for documents of different lengths */
} attrib_normalize;

/** What a number of a token of a reported document says. A token's influence is on the
 * score, which is a derivative along P = (Fisher + damping)^-1 G_q of the weights. */
typedef enum attrib_token_kind {
    ATTRIB_TOKENS_POSITION, /**< the share of the position that predicts it: what its
                               gradient gives to the score (default). They sum to it */
    ATTRIB_TOKENS_OUTPUT,   /**< as an output: the slope of its own -log p along P, as all
                               maps of all positions change. They sum to the score */
    ATTRIB_TOKENS_INPUT,    /**< as an input: what the score changes by as its vector is
                               multiplied by 1 + eps, d score / d eps. They have no sum */
} attrib_token_kind;

/** How preconditioned queries P, which are EK-FAC's at first, are refined to solutions of
 * (H + damping) P = G_q, with H the exact Gauss-Newton matrix of a sample of the corpus'
 * documents and the damping of EK-FAC. */
typedef enum attrib_refine {
    ATTRIB_REFINE_NONE,  /**< not at all (default) */
    ATTRIB_REFINE_CG,    /**< conjugate gradients, preconditioned by EK-FAC */
    ATTRIB_REFINE_ASTRA, /**< steps along residuals of batches of the sample,
                            preconditioned by EK-FAC */
    ATTRIB_REFINE_LISSA, /**< the same steps without preconditioner, from none */
} attrib_refine;

/** What sizes of scores are made right by: a factor for each query. */
typedef enum attrib_scale {
    ATTRIB_SCALE_NONE,         /**< nothing (default) */
    ATTRIB_SCALE_GAUSS_NEWTON, /**< the best step along P by the Gauss-Newton matrix of a
                                  sample: <P, G_q> / <P, (H + damping) P> */
} attrib_scale;

/** What a training that segments are of divided the sum of its losses by. */
typedef enum attrib_segment_loss {
    ATTRIB_SEGMENT_TOKENS,    /**< tokens: the mean over a batch's tokens (default) */
    ATTRIB_SEGMENT_SEQUENCES, /**< sequences, each of which has the sum of its tokens */
} attrib_segment_loss;

/** "none", "cg", "astra", "lissa"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_refine_name(attrib_refine refine);

/** "none", "gauss-newton"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_scale_name(attrib_scale scale);

/** "position", "output", "input"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_token_kind_name(attrib_token_kind kind);

/** "none", "nats", "unit"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_normalize_name(attrib_normalize normalize);

/** attrib_score_options.query_rank: preconditioned queries are kept whole. */
#define ATTRIB_RANK_FULL ((size_t)0)
/** attrib_score_options.query_rank: the rank, or none, whose run is predicted to be the
 * cheapest. */
#define ATTRIB_RANK_AUTO SIZE_MAX

/** How documents are scored; attrib_score_options_default() fills it. */
typedef struct attrib_score_options {
    size_t size; /**< sizeof the struct; set by attrib_score_options_default() */
    attrib_setting settings[ATTRIB_MAX_SETTINGS]; /**< all scored in one pass, baselines
                                                     last; default ekfac, 0.1 x mean */
    size_t n_settings;
    size_t query_rank; /**< rank that preconditioned queries are cut to, #ATTRIB_RANK_FULL
                          (default) or #ATTRIB_RANK_AUTO. Scores of cut queries are
                          approximate and come with bounds; the reported documents and
                          their scores are the full ones' all the same. A single query
                          is kept whole where that costs less */
    size_t max_rescored; /**< documents of a cut query scored again in full; 0: as many
                            as it takes for the reported ones to be the exact ones
                            (default) */
    attrib_split split;
    attrib_normalize normalize;
    const char *aggregate; /**< NULL: each row of the queries is one (default); else rows
                              with the same value of this tag are one together, the sum of
                              their gradients, each times the number in its tag `weight`
                              (1 where it has none; negative for controls) */
    bool with_self; /**< find every document's self-influence too; #ATTRIB_NORMALIZE_UNIT
                       does so anyway */
    bool with_tokens; /**< keep the share of every token of every document: a number for
                         each token, query and setting */
    size_t ram_limit; /**< bytes of memory that the process may have in use, as of
                         attrib_fit_options; 0: three quarters of the machine's */
    size_t
        max_new_tokens; /**< of a completion that the model writes, >= 1; default 256 */
    size_t top; /**< documents reported at each end of a query's ranking; default 10 */
    const char
        *modules; /**< for identity without factors: the selection; default "mlp" */
    const char *command; /**< the command line, kept in the manifest; may be NULL */
    attrib_token_kind token_kind; /**< of reported documents' tokens */
    attrib_precision precision;   /**< of the products of passes over documents that are
                                     scored; default f32. Queries are prepared, and reported
                                     documents scored again, in f32 */
    bool is_unsettled; /**< report the documents that scores in bf16 put first and last,
                          though others may be the exact ones */
    const char *prefilter;   /**< NULL: every document is scored (default); "tfidf:N": for
                                each query the N documents with the largest TF-IDF alone
                                (Grosse et al. 2023, section 3.2); "index:N": the N with
                                the largest and the N with the smallest scores by the
                                index of the job. Others are not known: NaN
                                in arrays, and in no ranking */
    size_t prefilter_sample; /**< random documents that are scored all the same, against
                                all queries, to measure what the filter misses; default
                                0 */
    attrib_refine refine;    /**< of settings with EK-FAC, whole queries and no cosines */
    size_t refine_documents; /**< of the corpus that is scored, chosen by their contents,
                                whose Gauss-Newton matrix refine and scale take; default
                                500 */
    size_t refine_steps;     /**< at most; default 20 */
    double refine_damping;   /**< in place of the settings' dampings, in units of
                                mean(Lambda) of each map; 0: the settings' (default) */
    attrib_scale scale;
    const char *segments; /**< NULL: none (default); else queries pass back through the
                             segments of a training (SOURCE), of which there is one for
                             each of the job's stages: "STEPS@RATE,...", the steps of a
                             segment and their mean learning rate, or "X/mean" for X over
                             mean(Lambda) of each map. Dampings have no part in it then */
    attrib_segment_loss segment_loss;
    bool over_documents; /**< divide scores by the number of the corpus' documents, so
                            that those of several corpora compare */
} attrib_score_options;

/** The table of attrib_score_options, static: all of its fields but `command`, which
 * options are typed, checked, kept and explained by.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_score_options_table(void);

/** Fill `options`: ekfac, damping 0.1 x mean, full queries, completions of at most 256
 * tokens, top 10.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_score_options_init(attrib_score_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_score_options_default(attrib_score_options *options)
{
    attrib_score_options_init(options, sizeof *options);
}

/** A token of a document with its share of the score. */
typedef struct attrib_token_score {
    const char *text; /**< its bytes, NUL-terminated, may be a part of a character */
    size_t n_bytes;
    int32_t id;
    bool is_special; /**< BOS, EOS, ...: no text of the document */
    double score;    /**< by the run's token_kind: the addend of the position that
                        predicts this token, or its influence as an output; they sum to
                        the score, those of a rejected side with their minus */
} attrib_token_score;

/** A tracked map with its share of the score. */
typedef struct attrib_module_score {
    const char *name;
    double score; /**< they sum to the document's score */
} attrib_module_score;

/** A document that was reported for a query. What it is made of, the document's text,
 * `tokens` and `modules`, is there after attrib_run_load(). */
typedef struct attrib_result {
    size_t rank; /**< 1 = the largest score of all N documents, N = the smallest */
    double score;
    attrib_document document;         /**< first_sequence is not set */
    const attrib_token_score *tokens; /**< [n_tokens]; NULL before it is loaded */
    size_t n_tokens; /**< 0 before it is loaded, and in a sum of runs where not all had
                        reported it: its shares are not known */
    const attrib_module_score *modules; /**< [n_modules], as `tokens` */
    size_t n_modules;                   /**< 0 under a baseline */
    double token_error; /**< how far scores of input tokens may be off: by so much did
                           they change with half the step; 0 for other kinds */
    bool is_estimate; /**< the score is an estimate from an index, of a document that was
                         not scored: its rank is 0, and its shares are not known */
    double error;     /**< of an estimate, as attrib_listed has it */
} attrib_result;

/** A query under one setting, with what was found for it. */
typedef struct attrib_answer {
    size_t i_setting;   /**< of the run's settings */
    attrib_query query; /**< ids and mask set; completion as given or generated */
    size_t n_rows; /**< queries that it is the sum of; 1 where nothing is summed up. The
                      id is the value of the tag then, prompt and completion are NULL, and
                      ids and mask those of all rows, one row after the other */
    double loss;   /**< -log p(completion | prompt), nats, summed over the completion's
                      tokens; of a sum the weighted one; 0 where a direction is measured */
    size_t n_completion_tokens;
    double self_influence;    /**< <(Fisher + damping)^-1 G_q, G_q>, of the whole query;
                                 NaN under a baseline */
    const attrib_result *top; /**< [n_top] best first, equal scores by index */
    size_t n_top;
    const attrib_result
        *bottom; /**< [n_bottom] the last one first; shares no document with `top` */
    size_t n_bottom;
    double measured; /**< f, what query.measure names; of a sum the weighted one */
    size_t n_scored; /**< documents that were scored for it: all, or what a filter left
                        and what was drawn to measure it */
    size_t n_missed_top; /**< documents that were drawn to measure a filter (n_sampled of
                            the run), that it had left out, and that precede the last of
                            the first options.top which it let through; 0 in a run of some
                            documents of its corpus, until it is merged with the others */
    size_t n_missed_bottom; /**< the same of those that follow the first of the last */
    double residual;        /**< how far a refined query is from the solution: the norm of
                               G_q - (H + damping) P over that of G_q, both in EK-FAC's metric;
                               NaN where it was not refined */
} attrib_answer;

/** What a run was made with, and the answers of all its queries. */
typedef struct attrib_run attrib_run;

/** One of the runs that a run is the weighted sum of. Text is borrowed. */
typedef struct attrib_checkpoint {
    double weight;
    const char *model_hash, *factors_hash;
    const char *command;      /**< that its run was made with */
    const char *modules_hash; /**< of the maps that counted */
} attrib_checkpoint;

/** What a run holds. Text is borrowed. */
typedef struct attrib_run_info {
    size_t n_queries, n_documents, n_modules, n_tokens;
    const attrib_score_options *options; /**< what the run was made with */
    size_t n_answers;  /**< n_settings x n_queries, ordered by setting */
    size_t n_groups;   /**< of maps, whose scores are kept apart; 0: none */
    size_t n_planes;   /**< matrices [Q, N]: n_settings x (1 + n_groups) */
    size_t query_rank; /**< that queries were cut to; 0: full */
    size_t n_rescored; /**< pairs of a cut query and a document whose bound lets it stand
                          among those reported, so that it had to be scored again in full;
                          where some were left open, those that were */
    size_t n_open; /**< pairs left by max_rescored whose bound lets them stand among those
                      reported: 0 says that the reported documents are the exact ones */
    double largest_error; /**< of the scores of the reported documents, before; where some
                             pairs were left open, of all that were scored in full */
    double largest_bound; /**< of any score of the run; 0 for full queries */
    const char *model_hash, *corpus_hash, *factors_hash, *command;
    const char *corpus_date; /**< of attrib_corpus_date() */
    double tracked_share; /**< parameters of the tracked maps over all of the model's */
    const char *folder;   /**< NULL for a run that is in memory only */
    const char *kernels; /**< of attrib_kernels_describe() when it was scored, as the last
                            bits of scores depend on them; "" where it was not noted */
    const char *corpus_selection; /**< of attrib_corpus_selection(), "" for all */
    const char *directory; /**< where `command` was given; "" where it was not noted */
    double assumed_error;  /**< that scores in bf16 were taken to have when documents were
                              chosen to be scored again: what 99 of 100 documents that were
                              scored both ways stay below, the largest of all answers; an
                              estimate, no bound. 0 in f32, or where nothing was settled */
    size_t n_passed; /**< documents that were scored for any query: all, unless they were
                        filtered */
    size_t n_candidates;  /**< that a filter lets through for a query; 0: no filter */
    size_t n_sampled;     /**< documents that were drawn to measure a filter; 0: none */
    size_t n_checkpoints; /**< runs that it is the weighted sum of; 0: it is none. Its
                             hashes of model and factors are those that all of these
                             share, or else hashes of all of theirs */
    const attrib_checkpoint *checkpoints; /**< [n_checkpoints] */
} attrib_run_info;

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

/** What documents are ranked by. */
typedef enum attrib_rank_by {
    ATTRIB_BY_SCORE,  /**< attrib_run_scores(), and for those reported the exact scores */
    ATTRIB_BY_SELF,   /**< attrib_run_self(), whatever the query */
    ATTRIB_BY_COSINE, /**< the score over the norms of both gradients, which
                         self-influences are the squares of */
} attrib_rank_by;

/** What is made of a document's scores for all queries of a setting. */
typedef enum attrib_aggregate {
    ATTRIB_AGGREGATE_NONE, /**< nothing: the scores for one query rank */
    ATTRIB_AGGREGATE_SUM,  /**< their sum */
    ATTRIB_AGGREGATE_NATS, /**< the sum of each over its query's loss, so that a query
                              counts by what a nat of it owes to the document */
    ATTRIB_AGGREGATE_MAX,  /**< the largest of them: what any query needs most */
} attrib_aggregate;

/** How the documents of a run are ranked; attrib_rank_options_default() fills it. */
typedef struct attrib_rank_options {
    size_t size;      /**< sizeof the struct; set by attrib_rank_options_default() */
    size_t i_answer;  /**< the query under a setting: < n_answers */
    size_t i_setting; /**< in its place where #ATTRIB_BY_SELF or an aggregate ranks: <
                         n_settings */
    attrib_rank_by by;
    const attrib_where *where;   /**< documents that take part; NULL: all */
    const char *tag, *tag_value; /**< and of these the ones whose tag has exactly this
                                    value, compact JSON; NULL: all */
    size_t n_top, n_bottom;      /**< of either end that are wanted; default 10 each */
    attrib_aggregate aggregate;  /**< of all queries under i_setting, in place of
                                    i_answer; by score alone. Default none */
} attrib_rank_options;

/** Fill `options`: by score, all documents, 10 of either end.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_rank_options_init(attrib_rank_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_rank_options_default(attrib_rank_options *options)
{
    attrib_rank_options_init(options, sizeof *options);
}

/** A document with the number that it was ranked by. */
typedef struct attrib_ranked {
    size_t document;
    double value;
} attrib_ranked;

/** The ends of a ranking. */
typedef struct attrib_ranking {
    size_t n_ranked;    /**< documents that took part */
    attrib_ranked *top; /**< [n_top] the largest first, equal ones by index */
    size_t n_top;
    attrib_ranked *bottom; /**< [n_bottom] the last first; shares none with `top` */
    size_t n_bottom;
} attrib_ranking;

/**
 * Rank the documents of a run anew, over all that it holds of them: it streams by, in
 * memory for one slice of documents and for both ends. Scores of cut queries are
 * approximate, within attrib_run_info.largest_bound, but for documents that were
 * reported.
 *
 * @param out  freed by attrib_ranking_free(); written only on success
 * @return ATTRIB_OK; ATTRIB_EINVAL for options, and for a run without the self-influences
 * that they need; EIO, EFORMAT, ESHAPE and ENUMERIC for the run's files; ATTRIB_ENOMEM.
 * @par Threads  Not safe on one run.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_run_rank(attrib_run *run,
                const attrib_rank_options *options,
                attrib_ranking *out,
                attrib_error *err);

/** Free what a ranking holds, and zero it.
 * @par Threads  Safe on distinct rankings.
 */
ATTRIB_API void attrib_ranking_free(attrib_ranking *ranking);

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

/** How a job stands. */
typedef enum attrib_state_kind {
    ATTRIB_STATE_MISSING = 0, /**< nothing is there */
    ATTRIB_STATE_DONE,
    ATTRIB_STATE_RUNNING, /**< a process of this machine fills it, or one of another that
                             has told of itself within the last two minutes */
    ATTRIB_STATE_STOPPED /**< unfinished, and nobody fills it: the same command goes on */
} attrib_state_kind;

/** How far a stage has come when that was written last. */
typedef struct attrib_state_stage {
    const char *stage, *unit;
    double done, total; /**< in `unit`; total 0 where it is not known */
} attrib_state_stage;

/** Shares of a corpus that a folder is of: first .. end - 1 of `total`. */
typedef struct attrib_state_range {
    size_t first, end, total;
} attrib_state_range;

/** The state of a folder. Text is owned by the state, "" where it is not known. */
typedef struct attrib_state {
    attrib_state_kind kind;
    bool is_run;              /**< of scores; else factors */
    const char *folder;       /**< FACTORS.partial where factors are unfinished */
    const char *command;      /**< that fills or has filled it, as a shell reads it */
    const char *directory;    /**< where it was given */
    const char *host, *error; /**< where it runs or ran; why it ended */
    size_t pid;
    double begun, updated;            /**< seconds since 1970; 0 where it is not known */
    double written;                   /**< when a file of it was written last */
    double overall;                   /**< 0 to 1 */
    double seconds_left;              /**< NAN where it is not known */
    const attrib_state_stage *stages; /**< [n_stages] of unfinished ones */
    size_t n_stages;
    const attrib_state_range *ranges; /**< [n_ranges] parts of finished factors; documents
                                         of runs, finished or not */
    size_t n_ranges;
} attrib_state;

/**
 * Find out how the job of a folder of factors or of a run stands. Nothing is locked, and
 * nobody is disturbed.
 *
 * @param folder  as fit, merge or score were given it
 * @param out     owned by the caller, freed by attrib_state_free(); written only on
 * success
 * @param err     may be NULL
 * @return ATTRIB_OK, also where nothing is there; ATTRIB_EFORMAT for a folder that is
 *         neither, and for files that are damaged; ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads   Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_state_read(const char *folder,
                                                             attrib_state **out,
                                                             attrib_error *err);

/** The shards of a corpus that runs are some of. */
typedef struct attrib_state_shards {
    size_t n;    /**< of the corpus; 0 where the runs are no shards of one corpus */
    bool *is_in; /**< [n] whether one of the runs is of it */
} attrib_state_shards;

/**
 * Tell which shards the runs of a corpus are: the fewest that they can be some of, as
 * attrib_run_merge() names those that are missing.
 *
 * @param ranges  [n] of documents, one of each run, n >= 1
 * @param out     owned by the caller, who frees is_in by free()
 * @param err     may be NULL
 * @return ATTRIB_OK; ATTRIB_ENOMEM.
 * @par Threads   Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_state_count_shards(const attrib_state_range *ranges,
                          size_t n,
                          attrib_state_shards *out,
                          attrib_error *err);

/**
 * Wait until the jobs of all folders are done, and log those that have stopped meanwhile.
 * Progress counts the folders, as the stage "wait".
 *
 * @param session  whose canceling ends it; may be NULL
 * @param folders  [n] as of attrib_state_read(); those that are missing are waited for
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_ECANCELED; as attrib_state_read().
 * @par Threads    Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_state_await(attrib_session *session,
                                                              const char *const *folders,
                                                              size_t n,
                                                              attrib_error *err);

/** Free a state; NULL is fine.
 * @par Threads  Safe on distinct states.
 */
ATTRIB_API void attrib_state_free(attrib_state *state);

#ifdef __cplusplus
}
#endif
#endif
