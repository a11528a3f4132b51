/* SPDX-License-Identifier: MIT */
/* Curvature factors: fitted from training documents, kept in Kronfluence's files. */
#ifndef ATTRIB_CURVATURE_H
#define ATTRIB_CURVATURE_H

#include <attrib/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How the Fisher is approximated. */
typedef enum attrib_strategy {
    ATTRIB_EKFAC,    /**< Kronecker eigenbasis with corrected eigenvalues (default) */
    ATTRIB_KFAC,     /**< Kronecker products of the covariances */
    ATTRIB_DIAGONAL, /**< squared gradients of single weights */
    ATTRIB_IDENTITY  /**< none: plain products of gradients */
} attrib_strategy;

/** The name of a strategy, "ekfac"; static. */
ATTRIB_API const char *attrib_strategy_name(attrib_strategy strategy);

/** Whose labels the Fisher takes. */
typedef enum attrib_fisher {
    ATTRIB_FISHER_SAMPLED,  /**< drawn from the model's own predictions: the true Fisher
                               (default) */
    ATTRIB_FISHER_EMPIRICAL /**< the labels of the data */
} attrib_fisher;

/** How factors are fitted; attrib_fit_options_default() fills it. */
typedef struct attrib_fit_options {
    attrib_strategy strategy; /**< EKFAC serves ekfac, kfac and identity; DIAGONAL its own
                                 and identity */
    attrib_fisher fisher;
    const char *modules; /**< a selection as in attrib_model_select(); default "mlp" */
    uint64_t seed;       /**< of the drawn labels; default 0 */
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
    const char *model_hash, *corpus_hash;
    const char *modules; /**< the selection they were fitted with */
} attrib_factors_info;

/** Fill `options`: ekfac, sampled labels, MLP maps, seed 0. */
ATTRIB_API void attrib_fit_options_default(attrib_fit_options *options);

/**
 * Fit factors: covariances, eigenbases, and the corrected eigenvalues Lambda.
 *
 *     A = sum a a' [I, I],  S = sum ds ds' [O, O],  Lambda = sum over sequences (U_S' G
 * U_A)^2  [O, I]
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
 * Check that a folder can be given to attrib_factors_write(): not there, or empty. For
 * before a long fit.
 *
 * @return ATTRIB_OK; ATTRIB_EIO naming what stands there.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_factors_check_folder(const char *folder,
                                                                       attrib_error *err);

/**
 * Write factors into a new folder: Kronfluence's safetensors files, factor_arguments.json
 * and manifest.msgpack. It is filled under a temporary name and renamed: it is there
 * whole or not at all.
 *
 * @param factors  borrowed
 * @param model    the model that they were fitted on
 * @param folder   as attrib_factors_check_folder() wants it
 * @param command  the command line, kept in the manifest; may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_ENOMEM.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_factors_write(const attrib_factors *factors,
                     const attrib_model *model,
                     const char *folder,
                     const char *command,
                     attrib_error *err);

/**
 * Open a folder of factors, ours or Kronfluence's, for a model. Files hold f32: factors
 * that were written and opened again differ from the fitted ones by that rounding, so a
 * result is the same on every run only if it is always made from the opened ones.
 *
 * @param folder  read whole
 * @param model   its maps must be there with the same shapes; factors that name another
 * model's hash are refused with ATTRIB_ESHAPE
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT; ATTRIB_EVERSION; ATTRIB_ESHAPE;
 * ATTRIB_ENUMERIC; ATTRIB_ENOMEM.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_factors_open(const char *folder,
                                                               const attrib_model *model,
                                                               attrib_factors **out,
                                                               attrib_error *err);

/** Free factors; NULL is fine. */
ATTRIB_API void attrib_factors_close(attrib_factors *factors);

/** What they hold; borrowed. */
ATTRIB_API const attrib_factors_info *attrib_factors_describe(
    const attrib_factors *factors);

/** The model's index of map i < n_modules. */
ATTRIB_API size_t attrib_factors_module(const attrib_factors *factors, size_t i);

#ifdef __cplusplus
}
#endif
#endif
