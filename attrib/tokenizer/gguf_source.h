/* SPDX-License-Identifier: MIT */
/* A GGUF file's vocabulary on its way to a tokenizer: what gguf.c, gguf_gpt2.c and
 * gguf_llama.c share (gguf_source.c). */
#ifndef AT_TOKENIZER_GGUF_SOURCE_H
#define AT_TOKENIZER_GGUF_SOURCE_H

#include "tokenizer/tokenizer_internal.h"

/* Types of tokens, by their numbers in files. */
typedef enum at_gguf_token {
    AT_TOKEN_NORMAL = 1,
    AT_TOKEN_UNKNOWN = 2,
    AT_TOKEN_CONTROL = 3,
    AT_TOKEN_USER_DEFINED = 4,
    AT_TOKEN_UNUSED = 5,
    AT_TOKEN_BYTE = 6
} at_gguf_token;

#define AT_GGUF_KEY(name) "tokenizer.ggml." name

/* What a file says of its tokens. */
typedef struct at_gguf_source {
    const at_gguf *gguf;
    const char *name; /* of the file */
    at_gguf_text *tokens;
    double *scores; /* NULL: none */
    int64_t *types; /* NULL: all normal */
    size_t n_tokens;
    bool adds_bos; /* where the file does not say */
    attrib_tokenizer *t;
} at_gguf_source;

int64_t at_gguf_token_type(const at_gguf_source *s, size_t id);
/* Whether a token is split out of the text before the model sees it. */
bool at_gguf_is_added(const at_gguf_source *s, size_t id);

/* Read an id under a key; *out stays where there is none, or 0xFFFFFFFF, by which some
 * files mean that there is none. */
attrib_status at_gguf_read_id(const at_gguf_source *s,
                              const char *key,
                              int32_t *out,
                              attrib_error *err);

/* Read a normalizer or a decoder that is written as in tokenizer.json. */
attrib_status at_gguf_read_normalizer(at_gguf_source *s,
                                      const char *text,
                                      attrib_error *err);
attrib_status at_gguf_read_decoder(at_gguf_source *s,
                                   const char *text,
                                   attrib_error *err);

/* Put the tokens that the model makes of text into the vocabulary. */
attrib_status at_gguf_add_model_tokens(at_gguf_source *s, attrib_error *err);

/* The stages of "gpt2": byte-level BPE with merges (gguf_gpt2.c). */
attrib_status at_gguf_read_gpt2(at_gguf_source *s, attrib_error *err);

/* The stages of "llama": SentencePiece BPE with scores (gguf_llama.c). */
attrib_status at_gguf_read_llama(at_gguf_source *s, attrib_error *err);

#endif
