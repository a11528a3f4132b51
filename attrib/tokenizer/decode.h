/* SPDX-License-Identifier: MIT */
/* Decoders: tokens to text. */
#ifndef AT_TOKENIZER_DECODE_H
#define AT_TOKENIZER_DECODE_H

#include "tokenizer/pattern.h"
#include "tokenizer/pieces.h"

typedef struct at_detokenizer_step at_detokenizer_step;

typedef struct at_detokenizer {
    at_detokenizer_step *steps; /* [n_steps] */
    size_t n_steps;
    bool is_there;       /* else tokens are joined by spaces */
    bool has_byte_level; /* some step turns byte-level characters into bytes */
} at_detokenizer;

/* Read the "decoder" of a tokenizer.json; NULL or null is none. */
attrib_status at_detokenizer_read(const char *name,
                                  const json_t *json,
                                  at_detokenizer *out,
                                  attrib_error *err);
void at_detokenizer_free(at_detokenizer *decoder);

/* Tokens on their way to text; zeroed = none yet. */
typedef struct at_decoding {
    at_pieces tokens[2]; /* spans in the texts of the same index */
    at_buffer texts[2];
    size_t i_current;
    size_t limit; /* bytes that a text may not pass */
    at_matcher matcher;
} at_decoding;

void at_decoding_free(at_decoding *decoding);

/* Add a token before at_decode(). */
attrib_status at_decoding_add(at_decoding *decoding,
                              const char *token,
                              size_t n,
                              attrib_error *err);

/* Append the text of the tokens added. */
attrib_status at_decode(const at_detokenizer *decoder,
                        at_decoding *decoding,
                        at_buffer *out,
                        attrib_error *err);

/* Append the bytes that one token [n] stands for inside a text: what the decoder does to
 * a token whatever its neighbors are. */
attrib_status at_decode_piece(const at_detokenizer *decoder,
                              at_decoding *scratch,
                              const char *token,
                              size_t n,
                              at_buffer *out,
                              attrib_error *err);

#endif
