/* SPDX-License-Identifier: MIT */
/* One step of a decoder: what decode_read.c reads and decode.c runs. */
#ifndef AT_TOKENIZER_DECODE_STEP_H
#define AT_TOKENIZER_DECODE_STEP_H

#include "tokenizer/characters.h"
#include "tokenizer/decode.h"

typedef enum at_decoder_kind {
    AT_DECODER_BYTE_LEVEL,
    AT_DECODER_REPLACE,
    AT_DECODER_BYTE_FALLBACK,
    AT_DECODER_FUSE,
    AT_DECODER_STRIP,
    AT_DECODER_METASPACE
} at_decoder_kind;

struct at_detokenizer_step {
    at_decoder_kind kind;
    at_pattern pattern; /* of REPLACE */
    char *content;      /* [n_content] of REPLACE */
    size_t n_content;
    char mark[AT_UTF8_MAX]; /* [n_mark] the character of STRIP and METASPACE */
    size_t n_mark;
    size_t n_start, n_stop; /* characters that STRIP takes at most */
    bool drops_first;       /* METASPACE: the first token's marks were put there */
};

#endif
