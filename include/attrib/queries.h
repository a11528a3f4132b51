/* SPDX-License-Identifier: MIT */
/* Queries: prompts, and what is measured of their completions. */
#ifndef ATTRIB_QUERIES_H
#define ATTRIB_QUERIES_H

#include <attrib/corpus_options.h>
#include <attrib/document.h>
#include <attrib/tokenizer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a query measures: the function f of the weights whose change scores predict. Two
 * sides of a margin are log-probabilities in nats, summed over their tokens that count.
 */
typedef enum attrib_measure {
    ATTRIB_MEASURE_LOGPROB,     /**< log p(completion | prompt), nats */
    ATTRIB_MEASURE_MARGIN,      /**< log p(completion | prompt) - log p(against | prompt),
                                   nats */
    ATTRIB_MEASURE_PROBABILITY, /**< p(completion | prompt), from 0 to 1 */
    ATTRIB_MEASURE_DIRECTION    /**< the hidden state along an attrib_direction */
} attrib_measure;

/** The name of a measurement: "log-probability", "margin", "probability", "direction";
 * static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_measure_name(attrib_measure measure);

/** One query: a prompt with the completion whose log-probability, or what else is
 * measured of it, is asked about. Borrowed. */
typedef struct attrib_query {
    const char *id;     /**< its id field, or its row number from 1; never NULL */
    const char *prompt; /**< NULL for rows that came as ids */
    const char
        *completion; /**< NULL where the model shall write it, or the row came as ids */
    const attrib_tag *tags;
    size_t n_tags;
    const int32_t *ids;  /**< [n_tokens] prompt and completion */
    const uint8_t *mask; /**< [n_tokens] 1 on the completion; all 0 where the completion
                            is missing */
    size_t n_tokens;
    bool is_generated; /**< the completion was written by the model */
    bool is_cut;       /**< and might have gone on: it was cut at a number of tokens */
    bool is_turn; /**< the prompt was asked as a turn of the model's chat template, by the
                     rule of attrib_queries_open() */
    attrib_measure measure;
    const char *against;  /**< the other completion of a margin; NULL where there is none,
                             or it came as ids */
    size_t against_token; /**< where the prompt and the other completion begin, in ids and
                             mask; 0: there is none */
    bool has_rejected;    /**< its row has a `rejected` text too, which is not read */
    const attrib_direction *direction; /**< of #ATTRIB_MEASURE_DIRECTION; else NULL, and
                                          in a sum of several rows */
} attrib_query;

/** The tokens of a query's prompt and completion: ids and mask up to there. The tokens of
 * the other side of a margin follow.
 */
static inline size_t attrib_query_side(const attrib_query *query)
{
    return query->against_token ? query->against_token : query->n_tokens;
}

/** A list of queries. */
typedef struct attrib_queries attrib_queries;

/**
 * Read queries: rows of JSONL or a table {id, prompt, completion, tags}, {id, messages,
 * tags} or {id, ids, mask}, plain or compressed. Prompts and completions have the names
 * that they have in a corpus. Without a completion the model shall write it; where the
 * row has another field that may be one, of text or messages, it is refused
 * (ATTRIB_ESHAPE), unless it says "completion": null.
 *
 * ids = encode(prompt + completion), special tokens before them and none after; the
 * completion begins where they leave encode(prompt), and may not be empty. A row of ids
 * needs its mask. Messages are written by the chat template in force, up to what the
 * assistant says last, which is the completion, or to the template's prompt for it to
 * speak; so are prompt and completion where options->chat_template is there. Tags are as
 * in a corpus.
 *
 * A row says what it measures where that is not log p(completion | prompt): `against` is
 * another completion of the same prompt, or {ids, mask} where the row has ids; the query
 * is then the margin between the two. `measure` is "log-probability" or "probability".
 * `direction` is the path of a NumPy file, from the folder of the queries, of one vector
 * of floats; `layer` and `positions` ("last", which is the default, "completion", a list
 * of places from 0, negative ones from the end, or these between commas) say what hidden
 * state it is taken of. The model writes no completion then, unless that is measured.
 * These fields are no tags, and a row in which they contradict each other is ESHAPE.
 *
 * Without options->chat_template, a prompt that has no completion is asked as a turn of
 * the model's own template where the model answers in turns: the template ends what the
 * assistant says in a token at which the model's own files (eos_token of the tokenizer,
 * eos_token_id of generation_config.json and config.json, or the ends of a GGUF file) let
 * it stop. A base model that ships a template ends elsewhere, and its prompts stand as
 * they are, as do all prompts with a completion. A template that cannot be run fails
 * (ATTRIB_ENOTSUP, ATTRIB_EFORMAT).
 *
 * @param session    may be NULL; canceling it ends the wait for a pipe without data
 * @param path       a file, or "-"
 * @param tokenizer  may be NULL where all rows are ids
 * @param options    those of rows, context, n_vocabulary and chat_template are used; a
 * query longer than the context is ATTRIB_ERANGE
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL; names file and line
 * @return as attrib_corpus_open().
 * @par Threads  Safe, but "-" is for one call at a time.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_open(attrib_session *session,
                    const char *path,
                    const attrib_tokenizer *tokenizer,
                    const attrib_corpus_options *options,
                    attrib_queries **out,
                    attrib_error *err);

/** A query that a program has in memory: a prompt, or tokens with their mask. All is
 * borrowed until the call that takes it returns. Zeroed fields are absent. */
typedef struct attrib_query_row {
    const char *id;         /**< UTF-8; NULL or "": its place from 1 */
    const char *prompt;     /**< UTF-8; NULL: `ids` hold the query */
    const char *completion; /**< UTF-8, not empty; NULL: the model shall write it */
    const int32_t *ids;  /**< [n_tokens] prompt and completion; NULL: `prompt` holds it */
    const uint8_t *mask; /**< [n_tokens] 1 on the completion, mask[0] = 0; goes with
                            ids */
    size_t n_tokens;
    const attrib_tag *tags; /**< [n_tags] their keys differ */
    size_t n_tags;
    const char *against;   /**< UTF-8, not empty: another completion of `prompt`, for a
                              margin; NULL: none */
    const char *measure;   /**< "log-probability" (also NULL) or "probability" */
    const char *direction; /**< path of a .npy file; NULL: none. Goes with `layer` */
    size_t layer;
    const char *positions; /**< "last" (also NULL), "completion", or places: "0,-1" */
} attrib_query_row;

/** Rows, as #ATTRIB_LIST makes them. */
typedef struct attrib_query_rows {
    const attrib_query_row *rows; /**< [n], row_bytes apart */
    size_t n, row_bytes;
} attrib_query_rows;

/**
 * Make queries of rows in memory: attrib_queries_open() of rows {id, prompt, completion,
 * against, measure, tags} and {id, ids, mask, measure, tags}, without a file.
 *
 * @param rows       at least 1; borrowed until the call returns
 * @param tokenizer  may be NULL where all rows are ids; borrowed until the call returns
 * @param options    context, n_vocabulary and chat_template are used; may be NULL: the
 * defaults
 * @param out        owned by the caller; written only on success
 * @param err        may be NULL; names the row, "queries:3"
 * @return ATTRIB_OK; ATTRIB_ESHAPE for a row with both a prompt and ids, or neither, and
 * for ids without a mask; ATTRIB_EFORMAT, ATTRIB_ERANGE, ATTRIB_EINVAL and ATTRIB_ENOMEM
 * as attrib_corpus_from_rows(), and ATTRIB_ERANGE for a query longer than the context.
 * @par Threads      Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_from_rows(const attrib_query_rows *rows,
                         const attrib_tokenizer *tokenizer,
                         const attrib_corpus_options *options,
                         attrib_queries **out,
                         attrib_error *err);

/** One query from a prompt and a completion (NULL: the model shall write it). As above.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_from_prompt(const char *prompt,
                           const char *completion,
                           const attrib_tokenizer *tokenizer,
                           const attrib_corpus_options *options,
                           attrib_queries **out,
                           attrib_error *err);

/** Tokens that a query may have after its prompt: what the context leaves.
 * @par Threads  Safe while no thread sets a completion of these queries.
 */
ATTRIB_API size_t attrib_queries_room(const attrib_queries *queries, size_t i);

/** What a model wrote; attrib_completion_default() fills it. Everything is borrowed. */
typedef struct attrib_completion {
    size_t size;        /**< sizeof the struct; set by attrib_completion_default() */
    const int32_t *ids; /**< [n_ids] */
    size_t n_ids;       /**< at least 1 */
    const char *text;   /**< UTF-8 */
    bool is_cut;        /**< it might have written more */
} attrib_completion;

/** Fill `completion` with zeros. The ids and the text must be set.
 * @par Threads  Safe on distinct structs.
 */
ATTRIB_API void attrib_completion_init(attrib_completion *completion, size_t size);

/** The same, with the size that the program was compiled with. */
static inline void attrib_completion_default(attrib_completion *completion)
{
    attrib_completion_init(completion, sizeof *completion);
}

/** Give query i the completion that a model wrote: ids = prompt ids + its ids; mask 1 on
 * these.
 * @par Threads  Not safe on one list of queries: it changes what others borrow.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_queries_set_completion(attrib_queries *queries,
                              size_t i,
                              const attrib_completion *completion,
                              attrib_error *err);

/** Free queries; NULL is fine.
 * @par Threads  No call that uses the queries, or what was borrowed from them, may be
 * running.
 */
ATTRIB_API void attrib_queries_close(attrib_queries *queries);

/** How many queries there are.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_queries_count(const attrib_queries *queries);

/** Query i < count, borrowed, valid until changed or closed.
 * @par Threads  Safe while no thread sets a completion of these queries.
 */
ATTRIB_API const attrib_query *attrib_queries_get(const attrib_queries *queries,
                                                  size_t i);

#ifdef __cplusplus
}
#endif
#endif
