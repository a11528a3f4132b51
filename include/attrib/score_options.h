/* SPDX-License-Identifier: MIT */
/* How documents are scored: settings of the curvature, and all that may be asked for. */
#ifndef ATTRIB_SCORE_OPTIONS_H
#define ATTRIB_SCORE_OPTIONS_H

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

#ifdef __cplusplus
}
#endif
#endif
