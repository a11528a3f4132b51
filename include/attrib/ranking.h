/* SPDX-License-Identifier: MIT */
/* The documents of a run ranked anew: by scores, cosines or self-influence, of a query or
 * of all. */
#ifndef ATTRIB_RANKING_H
#define ATTRIB_RANKING_H

#include <attrib/answer.h>

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif
#endif
