/* SPDX-License-Identifier: MIT */
/* What was found for a query: the reported documents with their shares, and what a run
 * holds beyond them. */
#ifndef ATTRIB_ANSWER_H
#define ATTRIB_ANSWER_H

#include <attrib/score_options.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
