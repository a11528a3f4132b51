/* SPDX-License-Identifier: MIT */
/* Text to token ids and back, as a model's tokenizer.json says. */
#ifndef ATTRIB_TOKENIZER_H
#define ATTRIB_TOKENIZER_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A tokenizer; read-only once open, so it may be shared by threads. */
typedef struct attrib_tokenizer attrib_tokenizer;

/**
 * Open a tokenizer.json, or the one in a model's folder (with its tokenizer_config.json,
 * chat_template.jinja, chat_template.json, config.json and generation_config.json, where
 * they are, for the special tokens and the chat template), or the tokenizer of a GGUF
 * file.
 *
 * @param path  a file, or a folder that holds tokenizer.json; a GGUF file of any name, or
 *              a folder without config.json that holds one
 * @param out   the tokenizer, owned by the caller; written only on success
 * @param err   may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT for JSON or a vocabulary that is broken;
 * ATTRIB_ENOTSUP naming the kind of model, normalizer, pre-tokenizer or decoder that is
 * not supported; ATTRIB_END for a GGUF file without a tokenizer, or a folder without
 * tokenizer.json; ATTRIB_EINVAL for a folder of several GGUF files; ATTRIB_ENOMEM.
 * @par Threads  Safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_tokenizer_open(const char *path,
                                                                 attrib_tokenizer **out,
                                                                 attrib_error *err);

/**
 * Take the chat template that a folder has in place of the tokenizer's own: that of
 * chat_template.jinja, chat_template.json or tokenizer_config.json, the first that is
 * there. A folder without one changes nothing. So an adapter that was trained with a
 * template of its own goes with the tokenizer of its base.
 *
 * @param tokenizer  changed on success
 * @param folder     of an adapter or a model
 * @param err        may be NULL
 * @return ATTRIB_OK; ATTRIB_EIO; ATTRIB_EFORMAT for a file that is not UTF-8, or JSON
 * that is broken; ATTRIB_ENOMEM. A template that cannot be run is no failure here: a
 * conversation that needs it fails.
 * @par Threads  No other call that uses the tokenizer may be running.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status attrib_tokenizer_take_template(
    attrib_tokenizer *tokenizer, const char *folder, attrib_error *err);

/** Close a tokenizer; NULL is fine.
 * @par Threads  No call that uses the tokenizer may be running.
 */
ATTRIB_API void attrib_tokenizer_close(attrib_tokenizer *tokenizer);

/** One more than the largest id that the tokenizer knows, added tokens included.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_tokenizer_n_tokens(const attrib_tokenizer *tokenizer);

/** The id that begins a document, or -1; taken from the post-processor or the
 * configuration.
 * @par Threads  Safe.
 */
ATTRIB_API int32_t attrib_tokenizer_bos(const attrib_tokenizer *tokenizer);

/** The id that ends a document, or -1; taken from the configuration.
 * @par Threads  Safe.
 */
ATTRIB_API int32_t attrib_tokenizer_eos(const attrib_tokenizer *tokenizer);

/**
 * The ids that the tokenizer's post-processor puts after a text of its own accord: an
 * EOS, where it was made to add one. attrib_tokenizer_encode() ends in them where it adds
 * special tokens. [*n_ids], borrowed; NULL where there are none.
 * @par Threads  Safe.
 */
ATTRIB_API const int32_t *attrib_tokenizer_ends(const attrib_tokenizer *tokenizer,
                                                size_t *n_ids);

/**
 * The ids at which a model stops writing: the end of a document, those of "eos_token_id"
 * in generation_config.json and config.json, and the usual ends of turns (<|im_end|>,
 * <|eot_id|>, <|eom_id|>, <end_of_turn>, <|end|>, <|endoftext|>) where they are added
 * tokens. [*n_ids], borrowed; NULL where there are none.
 * @par Threads  Safe.
 */
ATTRIB_API const int32_t *attrib_tokenizer_stops(const attrib_tokenizer *tokenizer,
                                                 size_t *n_ids);

/**
 * The model's own chat template, Jinja source; NULL where it has none. Borrowed.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_tokenizer_chat_template(const attrib_tokenizer *tokenizer);

/** XXH3-128 of what a tokenizer was made from (tokenizer.json, or the keys of a GGUF file
 * that begin with "tokenizer."), of its BOS and EOS and of its chat template: 32
 * hexadecimal digits and a NUL.
 * @par Threads  Safe.
 */
ATTRIB_API void attrib_tokenizer_hash(const attrib_tokenizer *tokenizer, char out[33]);

/** What was assumed because the file does not say it, one line; NULL: nothing. Static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_tokenizer_note(const attrib_tokenizer *tokenizer);

/** "BPE (byte-level)", "BPE (byte fallback)", "unigram", ...; static.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_tokenizer_kind(const attrib_tokenizer *tokenizer);

/** A text; need not end in NUL. Borrowed. */
typedef struct attrib_text {
    const char *bytes; /**< [n_bytes] UTF-8; anything where n_bytes is 0 */
    size_t n_bytes;
} attrib_text;

/** Ids of tokens. Borrowed. */
typedef struct attrib_ids {
    const int32_t *ids; /**< [n_ids]; anything where n_ids is 0 */
    size_t n_ids;
} attrib_ids;

/**
 * Encode UTF-8 text.
 *
 * @param tokenizer    borrowed
 * @param text         may be empty
 * @param add_special  whether the post-processor adds its special tokens (BOS, ...)
 * @param ids          [*n_ids], owned by the caller (attrib_free()); written only on
 * success
 * @param n_ids        tokens
 * @param err          may be NULL
 * @return ATTRIB_OK; ATTRIB_EFORMAT with the byte offset where text is not UTF-8;
 * ATTRIB_ENOMEM.
 * @par Threads        safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_tokenizer_encode(const attrib_tokenizer *tokenizer,
                        attrib_text text,
                        bool add_special,
                        int32_t **ids,
                        size_t *n_ids,
                        attrib_error *err);

/**
 * Decode ids to text, as the tokenizer's decoder says. Bytes that are not UTF-8 become
 * U+FFFD.
 *
 * @param tokenizer     borrowed
 * @param ids           may be empty
 * @param skip_special  whether special tokens are left out
 * @param text          [*n_bytes] with a NUL after it, owned by the caller
 * (attrib_free())
 * @param n_bytes       bytes
 * @param err           may be NULL
 * @return ATTRIB_OK; ATTRIB_ERANGE naming an id that the vocabulary does not have;
 * ATTRIB_ENOMEM.
 * @par Threads         safe.
 */
ATTRIB_API ATTRIB_MUST_CHECK attrib_status
attrib_tokenizer_decode(const attrib_tokenizer *tokenizer,
                        attrib_ids ids,
                        bool skip_special,
                        char **text,
                        size_t *n_bytes,
                        attrib_error *err);

/**
 * The raw bytes of one token, such that a text is the concatenation of its tokens' bytes
 * (a leading space of a byte-fallback vocabulary included). May be a part of a UTF-8
 * character.
 *
 * @param tokenizer  borrowed
 * @param id         0 <= id < attrib_tokenizer_n_tokens()
 * @param n_bytes    its length; 0 for an id without a token
 * @return the bytes, borrowed from the tokenizer; never NULL.
 * @par Threads      safe.
 */
ATTRIB_API const char *attrib_tokenizer_piece(const attrib_tokenizer *tokenizer,
                                              int32_t id,
                                              size_t *n_bytes);

/** Whether an id is a special token (BOS, EOS, ...), which text snippets leave out.
 * @par Threads  Safe.
 */
ATTRIB_API bool attrib_tokenizer_is_special(const attrib_tokenizer *tokenizer,
                                            int32_t id);

#ifdef __cplusplus
}
#endif
#endif
