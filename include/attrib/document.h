/* SPDX-License-Identifier: MIT */
/* One document with its origin, its sequences of tokens, and conditions on documents. */
#ifndef ATTRIB_DOCUMENT_H
#define ATTRIB_DOCUMENT_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A JSON field of a document that is neither its text nor its id: a scalar, or a list of
 * scalars; the key of one in an object is its path, meta.source. */
typedef struct attrib_tag {
    const char *key;
    const char *value; /**< compact JSON: "person", 12, true, ["a", "b"] */
} attrib_tag;

/** One document. Pointers are borrowed from the corpus, valid until it is closed. */
typedef struct attrib_document {
    size_t index;       /**< in the corpus, from 0 */
    const char *id;     /**< its id field, or source[:member][:line], or
                           source[:member]#paragraph7 of a part; never NULL */
    const char *source; /**< the path as given or found; "-" for standard input */
    const char *member; /**< path inside the archive; NULL where there is none */
    size_t
        line; /**< of the JSON row or of a part of a text, from 1; 0 for a whole file */
    size_t span_start,
        span_end; /**< bytes of the (uncompressed) file or member it stands in */
    const attrib_tag *tags;
    size_t n_tags;
    const char *text; /**< what was tokenized, UTF-8; NULL for rows that came as ids */
    size_t n_text_bytes;
    size_t n_tokens;       /**< of the whole document */
    size_t n_predicted;    /**< of these, tokens whose loss counts */
    size_t first_sequence; /**< its sequences are consecutive */
    size_t n_sequences;
    /** Where the rejected side begins, in the tokens and in the bytes of the text; the
     * chosen side stands before it. 0 and 0: the document is not a pair. */
    size_t rejected_token, rejected_byte;
    /** XXH3-128, 32 hexadecimal digits, of the bytes that the document was read from, by
     * which they are known again: of a text or a part of one the bytes of its span, of a
     * row of JSON the row, of another table's row what it is as a row of JSON, of a file
     * of tokens the ids as int32_t. Documents of one row share it. */
    char hash[33];
} attrib_document;

/** A direction in the hidden states of a model, and where in a text it is measured:
 *
 *     f = mean over the positions t of  values . h_layer[t]
 *
 * h_l is what layer l reads, counted from 0; h_L, of a model of L layers, is what its
 * head reads, after the last norm: so transformers counts in output_hidden_states. Maps
 * of layers from `layer` on have no part in f. Borrowed. */
typedef struct attrib_direction {
    const char *path;         /**< the .npy file that it came from, as its row names it */
    const float *values;      /**< [n_values]; NULL in the answers of a run */
    size_t n_values;          /**< D */
    size_t layer;             /**< 1 .. L */
    const uint8_t *positions; /**< [T] 1 where the hidden state is measured */
} attrib_direction;

/** One sequence: a document, or a part of one that is longer than the context. Borrowed.
 */
typedef struct attrib_sequence {
    size_t document;       /**< index of its document */
    size_t offset;         /**< of its first token in the document */
    size_t n_tokens;       /**< T, 1 <= T <= context */
    const int32_t *ids;    /**< [T] */
    const uint8_t *mask;   /**< [T]; 1 where the loss of predicting ids[t] from before
                              counts; mask[0] = 0 */
    const int32_t *labels; /**< [T]; labels drawn before, which the sampled Fisher takes
                              in place of drawing them; or NULL */
    bool is_subtracted;    /**< of a rejected side: its loss, and so its gradient, count
                              with the opposite sign */
    const attrib_direction *direction; /**< of a query: its loss is -f of this, and no
                                          token counts; else NULL */
} attrib_sequence;

/** Conditions that a document meets or not, as attrib_where_new() reads them. */
typedef struct attrib_where attrib_where;

/**
 * Read conditions, all of which must hold: KEY=VALUE, KEY!=VALUE, or with <, <=, >, >=
 * and a number.
 *
 * KEY is a tag's, or `id`, `source`, `member`, `line`, `n_tokens`, `n_predicted` of the
 * document itself; `tags.KEY` is always a tag's. A value equals a tag that is this text,
 * or, where both are numbers, this number, or a list that has such an element. A document
 * without the tag differs from every value, and is neither below nor above any. Texts
 * that read as numbers, as those of tables are, are compared by size as such.
 *
 * @param conditions  [n] borrowed until the call returns
 * @param out         owned by the caller; written only on success
 * @return ATTRIB_OK; ATTRIB_EINVAL for a condition that cannot be read; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_where_new(const char *const *conditions,
                                                            size_t n,
                                                            attrib_where **out,
                                                            attrib_error *err);

/** Whether a document meets all conditions; those of NULL are met by all.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_where_holds(const attrib_where *where,
                                   const attrib_document *document);

/** Free conditions; NULL is fine.
 * @par Threads  No call that uses them may be running.
 */
ATTRIB_API void attrib_where_free(attrib_where *where);

#ifdef __cplusplus
}
#endif
#endif
