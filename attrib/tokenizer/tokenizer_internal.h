/* SPDX-License-Identifier: MIT */
/* The tokenizer's inside: one struct of its stages, in the order in which text passes
 * through them. */
#ifndef AT_TOKENIZER_TOKENIZER_INTERNAL_H
#define AT_TOKENIZER_TOKENIZER_INTERNAL_H

#include "attrib/tokenizer.h"
#include "base/file.h"
#include "format/gguf.h"
#include "tokenizer/added_tokens.h"
#include "tokenizer/bpe.h"
#include "tokenizer/chat.h"
#include "tokenizer/decode.h"
#include "tokenizer/jinja.h"
#include "tokenizer/normalize.h"
#include "tokenizer/pretokenize.h"
#include "tokenizer/template.h"
#include "tokenizer/unigram.h"

struct attrib_tokenizer {
    at_vocabulary vocabulary;
    at_added_tokens added;
    at_normalizer normalizer;
    at_pretokenizer pretokenizer;
    bool is_unigram; /* else BPE */
    at_bpe bpe;
    at_unigram unigram;
    at_template template;
    at_detokenizer decoder;
    at_buffer pieces;                  /* bytes of all tokens, one after the other */
    size_t *piece_offsets;             /* [n_tokens + 1] */
    int32_t bos, eos;                  /* or -1 */
    char source_hash[AT_HASH_SIZE];    /* of what it was made from */
    const char *note;                  /* what a user should know; NULL: nothing */
    at_ids stops;                      /* tokens that end what a model writes */
    size_t n_own_stops;                /* of these, which its own files name */
    int32_t special[AT_SPECIAL_NAMES]; /* of at_special_names; -1: there is none */
    char *chat_source;                 /* of the model's own template; NULL: none */
    at_jinja chat_template;            /* what it is, where there is no problem */
    attrib_error chat_problem;         /* why it cannot be run */
};

/* Make a tokenizer from the bytes of a tokenizer.json; `name` is what messages call it.
 */
attrib_status at_tokenizer_parse(const char *name,
                                 const char *bytes,
                                 size_t n,
                                 attrib_tokenizer **out,
                                 attrib_error *err);

/* Take bos and eos from tokenizer_config.json, config.json and generation_config.json of
 * a folder, the first that says, the stops of all of them, and the chat template of
 * chat_template.jinja, chat_template.json or tokenizer_config.json, the first that has
 * one; files that are not there are passed over (config.c). */
attrib_status at_tokenizer_configure(attrib_tokenizer *tokenizer,
                                     const char *folder,
                                     attrib_error *err);

/* Make a tokenizer from the metadata of a GGUF file (gguf.c). ENOTSUP names the kind of
 * tokenizer or pre-tokenizer that is not supported; ATTRIB_END where there is none. */
attrib_status at_tokenizer_from_gguf(const at_gguf *gguf,
                                     attrib_tokenizer **out,
                                     attrib_error *err);

/* The bytes that every token stands for, once all its stages are there. */
attrib_status at_tokenizer_make_pieces(attrib_tokenizer *t, attrib_error *err);

/* Add an id to the stops; one that no token has, or that is there, is passed over. */
attrib_status at_tokenizer_add_stop(attrib_tokenizer *t, int64_t id, attrib_error *err);

/* Add eos, which completes the stops that the model's own files name, and then the usual
 * ends of turns, where they are added tokens. */
attrib_status at_tokenizer_add_stops(attrib_tokenizer *tokenizer, attrib_error *err);

/* Take the model's own chat template (Jinja). One that is broken, or does what is not
 * known here, is a problem of those who use it. */
attrib_status at_tokenizer_take_chat_template(attrib_tokenizer *tokenizer,
                                              const char *source,
                                              size_t n,
                                              attrib_error *err);

#endif
