/* SPDX-License-Identifier: MIT */
/* Curvature factors: fitted from training documents, kept in Kronfluence's files. */
#ifndef ATTRIB_CURVATURE_H
#define ATTRIB_CURVATURE_H

#include <attrib/linalg.h>
#include <attrib/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the Fisher is approximated, or which baseline ranks documents in place of
 * influence: that is asked of scores alone, and factors are not fitted for it. */
typedef enum attrib_strategy {
    ATTRIB_EKFAC,     /**< Kronecker eigenbasis with corrected eigenvalues (default) */
    ATTRIB_KFAC,      /**< Kronecker products of the covariances */
    ATTRIB_DIAGONAL,  /**< squared gradients of single weights */
    ATTRIB_IDENTITY,  /**< none: plain products of gradients */
    ATTRIB_BM25,      /**< baseline: the query's tokens that the document has */
    ATTRIB_HIDDEN,    /**< baseline: the cosine of mean hidden states */
    ATTRIB_OPTIMIZER, /**< second moments v of the gradients of single weights, which an
                         optimizer kept while it trained: divides by v + damping */
    ATTRIB_OPTIMIZER_ROOT /**< the same, divides by sqrt(v) + damping, as Adam does */
} attrib_strategy;

/** Whether it is a baseline: without gradients, damping and shares of maps.
 * @par Threads  Safe.
 */
static inline bool attrib_strategy_is_baseline(attrib_strategy strategy)
{
    return strategy == ATTRIB_BM25 || strategy == ATTRIB_HIDDEN;
}

/** Whether its scores depend on a damping.
 * @par Threads  Safe.
 */
static inline bool attrib_strategy_is_damped(attrib_strategy strategy)
{
    return strategy != ATTRIB_IDENTITY && !attrib_strategy_is_baseline(strategy);
}

/** The name of a strategy, "ekfac"; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_strategy_name(attrib_strategy strategy);

/** Whose labels the Fisher takes. */
typedef enum attrib_fisher {
    ATTRIB_FISHER_SAMPLED,  /**< drawn from the model's own predictions: the true Fisher
                               (default) */
    ATTRIB_FISHER_EMPIRICAL /**< the labels of the data */
} attrib_fisher;

/** Which stages of a fit are run. */
typedef enum attrib_fit_stages {
    ATTRIB_FIT_ALL,        /**< covariances, eigenbases and Lambda (default) */
    ATTRIB_FIT_COVARIANCE, /**< covariances alone, to be merged with others' */
    ATTRIB_FIT_LAMBDA      /**< Lambda alone, in the eigenbases of given factors */
} attrib_fit_stages;

/** How factors are fitted; attrib_fit_options_default() fills it. */
typedef struct attrib_fit_options {
    size_t size; /**< sizeof the struct; set by attrib_fit_options_default() */
    attrib_strategy strategy; /**< EKFAC serves ekfac, kfac and identity; DIAGONAL its own
                                 and identity */
    attrib_fisher fisher;
    const char *modules; /**< a selection as in attrib_model_select(); default "mlp" */
    uint64_t seed;       /**< of the drawn labels; default 0 */
    size_t n_blocks;     /**< diagonal blocks of every A and S (Grosse et al. 2023,
                              appendix A), at most a map's smaller width; default 1 */
    size_t n_parts;  /**< runs of documents that the corpus is cut into: each is summed by
                          itself, and their sums are added in order, so that the result
                          depends on this number and on nothing that is done elsewhere
                          or later; default 1 */
    size_t i_shard;  /**< of n_shards: which share of the corpus is fitted; default 0 */
    size_t n_shards; /**< default 1: all of it. Shares are the parts of a corpus in
                          n_shards parts: n_parts is 1 or the same number */
    double checkpoint; /**< minutes between two times that attrib_factors_fit_folder()
                            writes the sums of a map; 0: only when it is canceled;
                            default 15 */
    attrib_fit_stages stages; /**< only attrib_factors_fit_folder() takes but ALL */
    const char *basis;   /**< folder of the factors whose eigenbases LAMBDA stands in;
                              its modules and blocks are taken; NULL otherwise */
    size_t ram_limit;    /**< bytes of memory that the process may have in use while
                              attrib_factors_fit_folder() runs: resident memory, of which
                              the files of weights and documents, which are mapped, count
                              whole; default 0: any */
    const char *command; /**< the command line, kept in the manifest; may be NULL */
    bool waits; /**< attrib_factors_fit_folder() waits while another process fills the
                     folder, and says so; then it goes on where that one stopped, or
                     fails as the folder is there. Default: it fails at once */
    attrib_precision precision; /**< of the products of passes; default f32. Factors of
                                   either serve scores in both */
    attrib_eigen_precision eigen_precision; /**< of the eigenvectors; default F64. Of
                                   COVARIANCE it is kept for the merge; of LAMBDA it is
                                   that of the basis, and this is not read */
} attrib_fit_options;

/** Fitted factors of some of a model's linear maps; read-only once made. */
typedef struct attrib_factors attrib_factors;

/** What factors hold and come from. Text is borrowed; "" where the files do not say
 * (Kronfluence's). */
typedef struct attrib_factors_info {
    attrib_strategy strategy;
    attrib_fisher fisher;
    size_t n_modules;
    size_t n_blocks;    /**< diagonal blocks of every A and S; 1: they are dense */
    size_t n_tokens;    /**< rows summed into the covariances */
    size_t n_sequences; /**< gradients summed into Lambda */
    uint64_t seed;
    const char *model_hash, *corpus_hash; /**< the latter of #ATTRIB_OPTIMIZER: of the
                                               file of moments */
    const char *modules;                  /**< the selection they were fitted with */
    attrib_precision precision;           /**< of the products that they are sums of */
    const char *hash; /**< names all that they come from, as in attrib_run_info */
    attrib_eigen_precision eigen_precision; /**< of the eigenvectors, also where they are
                                               not found yet */
} attrib_factors_info;

/** Bytes of a day "YYYY-MM-DD" as a string. */
#define ATTRIB_DATE_SIZE 11

/** The day that chat templates took for today in the corpus of fitted factors, or of an
 * unfinished fit of that folder, without opening them: "" where no template asked, and
 * for folders without a manifest of ours.
 * A later step over the same documents gives it to its corpus.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_factors_date(const char *folder,
                                                               char out[ATTRIB_DATE_SIZE],
                                                               attrib_error *err);

/** The table of attrib_fit_options, static: all of its fields but `command`, which
 * options are typed, checked and explained by.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_fit_options_table(void);

/** Fill `options`: ekfac, sampled labels, MLP maps, seed 0.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_fit_options_init(attrib_fit_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_fit_options_default(attrib_fit_options *options)
{
    attrib_fit_options_init(options, sizeof *options);
}

/**
 * Fit factors: covariances, eigenbases, and the corrected eigenvalues Lambda.
 *
 *     A = sum a a' [I, I],  S = sum ds ds' [O, O],  Lambda = sum over sequences (U_S' G
 * U_A)^2  [O, I]
 *
 * Both sides of a pair (ATTRIB_PREFERENCE_MARGIN) are sequences like others: the Fisher
 * is that of the model's predictions on every text of the corpus, with labels drawn from
 * the model or of the data, and a sum of squares does not see the sign of a loss. The
 * Gauss-Newton matrix of the difference itself, that of the chosen side minus that of the
 * rejected one, is not positive and could not be inverted.
 *
 * @param session  may be NULL: one thread
 * @param model    borrowed
 * @param corpus   borrowed; its ids must be of the model's vocabulary
 * @param options  may be NULL: the defaults
 * @param out      owned by the caller; written only on success
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for options; ATTRIB_ENUMERIC naming the map whose
 * covariance or loss is not finite; ATTRIB_ECANCELED; ATTRIB_ENOMEM.
 * @par Threads    the same bytes for any number of the session's threads.
 * @par Source     Grosse et al. 2023, arXiv:2308.03296, section 2.2 (EK-FAC) and 3.1.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_fit(attrib_session *session,
                   const attrib_model *model,
                   const attrib_corpus *corpus,
                   const attrib_fit_options *options,
                   attrib_factors **out,
                   attrib_error *err);

/**
 * Fit factors into a new folder, stage by stage. Unlike attrib_factors_fit() with
 * attrib_factors_write(), no more is in memory than the maps that are worked on, of which
 * ram_limit allows so many at a time; and a fit that was stopped or killed leaves
 * FOLDER.partial, with its sums so far, from which the same call goes on, on any number
 * of threads. The files have the same bytes whatever the limit, and however often it was
 * stopped.
 *
 * @param session  may be NULL: one thread
 * @param model    borrowed
 * @param corpus   borrowed
 * @param options  may be NULL: the defaults
 * @param folder   not there, empty, or with what this call has made before, which is left
 * as it is
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for options; ATTRIB_ERANGE where ram_limit
 * does not hold one map at a time, saying what would; ATTRIB_ESHAPE for a basis of
 * another model; ATTRIB_ENUMERIC; ATTRIB_ECANCELED; ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads    the same bytes for any number of the session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_fit_folder(attrib_session *session,
                          const attrib_model *model,
                          const attrib_corpus *corpus,
                          const attrib_fit_options *options,
                          const char *folder,
                          attrib_error *err);

/**
 * Find out whether a folder holds the finished factors of a whole fit, however many
 * processes shared it: those of attrib_factors_fit_folder(), with or without covariances.
 * It is said in the session's log.
 *
 * @return ATTRIB_OK where it does; ATTRIB_EIO saying what is different; as
 * attrib_factors_fit_folder().
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_check_finished(attrib_session *session,
                              const attrib_model *model,
                              const attrib_corpus *corpus,
                              const attrib_fit_options *options,
                              const char *folder,
                              attrib_error *err);

/** How folders are merged; attrib_merge_options_default() fills it. */
typedef struct attrib_merge_options {
    size_t size; /**< sizeof the struct; set by attrib_merge_options_default() */
    attrib_fit_stages stages; /**< ALL: Lambda where all have it, else covariances */
    size_t ram_limit;         /**< as in attrib_fit_options */
    bool is_partial;          /**< whether parts of a corpus may be missing */
    const char *command;      /**< the command line, kept in the manifest; may be NULL */
    size_t i_shard;  /**< of n_shards: which run of the maps is merged, and decomposed
                        where covariances are; default 0 */
    size_t n_shards; /**< default 1: all maps. The runs of all are merged once more */
    attrib_eigen_precision eigen_precision; /**< of covariances that are decomposed;
                                               default FITTED: as all folders say */
} attrib_merge_options;

/** The table of attrib_merge_options, static: all of its fields but `command`.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_option *attrib_merge_options_table(void);

/** Fill `options`: ALL, any memory.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_merge_options_init(attrib_merge_options *options, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_merge_options_default(attrib_merge_options *options)
{
    attrib_merge_options_init(options, sizeof *options);
}

/**
 * Merge factors of disjoint documents, with their counts. The parts of a corpus are added
 * in the order of parts, however the folders are ordered, and all of them make the bytes
 * of one fit with as many n_parts; the sums of different corpora, or of different seeds,
 * are then added in the order in which the first folder of each stands. Covariances are
 * then decomposed; Lambda is added only where it stands in the same eigenbases to the
 * bit, which the result keeps.
 *
 * @param session  may be NULL: one thread
 * @param folders  [n] of the same model, maps, blocks, strategy and labels, n >= 1
 * @param options  may be NULL: ALL, any memory
 * @param folder   not there, empty, or with what this call has made before, which is left
 * as it is
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL where folders do not go together, the same documents
 * are in two, parts are missing, or Lambda stands in different eigenbases; ATTRIB_EIO;
 * ATTRIB_EFORMAT; ATTRIB_ERANGE; ATTRIB_ENUMERIC; ATTRIB_ECANCELED; ATTRIB_ENOMEM.
 * @par Threads    the same bytes for any number of the session's threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_merge(attrib_session *session,
                     const char *const *folders,
                     size_t n,
                     const attrib_merge_options *options,
                     const char *folder,
                     attrib_error *err);

/**
 * Find out how many maps a merge of factors decomposes, which several machines may share
 * by options->n_shards: all of them where it adds covariances, none where it adds Lambda
 * or puts runs of maps together. Their numbers are not read.
 *
 * @param folders  [n] as for attrib_factors_merge()
 * @param options  may be NULL
 * @param out      0: the merge is not to be shared
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_EINVAL; ATTRIB_ENOMEM.
 * @par Threads    Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_merge_maps(const char *const *folders,
                          size_t n,
                          const attrib_merge_options *options,
                          size_t *out,
                          attrib_error *err);

/**
 * Make factors of the second moments that an optimizer kept of every weight, Adam's
 * exp_avg_sq, into a new folder, map by map. They serve scores with
 * #ATTRIB_OPTIMIZER and #ATTRIB_OPTIMIZER_ROOT, and identity; no document is read.
 *
 * @param session  may be NULL
 * @param model    borrowed; the one that the optimizer trained
 * @param path     safetensors, one file or several with their index, with a tensor
 * "NAME.exp_avg_sq" for the parameter NAME of every selected map, or named as the
 * parameter alone, in the shapes that Hugging Face gives these parameters
 * @param options  `modules` and `command` alone are read, as nothing is fitted; may be
 * NULL: the defaults
 * @param folder   as attrib_factors_check_folder() wants it
 * @param err      may be NULL
 * @return ATTRIB_OK; ATTRIB_EINVAL for the selection; ATTRIB_EFORMAT for a file that is
 * no safetensors; ATTRIB_ESHAPE naming a tensor that is missing or has another shape;
 * ATTRIB_ENUMERIC for moments that are negative or not finite, or 0 for all maps;
 * ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads    safe on distinct folders.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_take_optimizer(attrib_session *session,
                              const attrib_model *model,
                              const char *path,
                              const attrib_fit_options *options,
                              const char *folder,
                              attrib_error *err);

/**
 * Check that factors can be made in a folder: it is not there, is empty, or holds
 * finished factors, which a fit or a merge then compares with what it would make. For
 * before a long fit.
 *
 * @return ATTRIB_OK; ATTRIB_EIO naming what stands there.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_factors_check_folder(const char *folder,
                                                                       attrib_error *err);

/**
 * Write factors into a new folder: Kronfluence's safetensors files, factor_arguments.json
 * and manifest.msgpack. It is filled as FOLDER.partial and renamed: it is there whole or
 * not at all.
 *
 * @param factors  borrowed
 * @param folder   not there, or empty
 * @param command  the command line, kept in the manifest; may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_ENOMEM.
 * @par Threads  Safe on distinct folders.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_write(const attrib_factors *factors,
                     const char *folder,
                     const char *command,
                     attrib_error *err);

/**
 * Open a folder of factors, ours or Kronfluence's, for a model. What was fitted and
 * written is opened to the bit. All of it is read and checked here, and read again map by
 * map as it is used, so that no more is in memory than what is worked on.
 *
 * @param folder  its files may not change until the factors are closed
 * @param model   its maps must be there with the same shapes; factors that name another
 * model's hash are refused with ATTRIB_ESHAPE
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_EVERSION; ATTRIB_ESHAPE;
 * ATTRIB_ENUMERIC; ATTRIB_ENOMEM.
 * @par Threads  Safe; the factors may be shared by threads.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_factors_open(const char *folder,
                                                               const attrib_model *model,
                                                               attrib_factors **out,
                                                               attrib_error *err);

/** Free factors; NULL is fine.
 * @par Threads  No call that uses the factors may be running.
 */
ATTRIB_API void attrib_factors_close(attrib_factors *factors);

/** What they hold; borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const attrib_factors_info *attrib_factors_describe(
    const attrib_factors *factors);

/** The model's index of map i < n_modules.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_factors_module(const attrib_factors *factors, size_t i);

#ifdef __cplusplus
}
#endif
#endif
