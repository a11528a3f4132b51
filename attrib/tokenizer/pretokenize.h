/* SPDX-License-Identifier: MIT */
/* Pre-tokenizers: normalized text to the words that the model encodes one by one. */
#ifndef AT_TOKENIZER_PRETOKENIZE_H
#define AT_TOKENIZER_PRETOKENIZE_H

#include "tokenizer/pattern.h"
#include "tokenizer/pieces.h"

typedef struct at_pretokenizer_step at_pretokenizer_step;

typedef struct at_pretokenizer {
    at_pretokenizer_step *steps; /* [n_steps] */
    size_t n_steps;
    bool has_byte_level; /* some step turns bytes into byte-level characters */
    /* The last step does: words stay bytes, and the model knows its bytes. */
    bool ends_in_bytes;
} at_pretokenizer;

/* Read the "pre_tokenizer" of a tokenizer.json; NULL or null is none. */
attrib_status at_pretokenizer_read(const char *name,
                                   const json_t *json,
                                   at_pretokenizer *out,
                                   attrib_error *err);
/* What spaces become where the only step replaces them, and puts a mark before words that
 * do not begin with a space; else NULL. */
const char *at_pretokenizer_mark(const at_pretokenizer *pretokenizer);
void at_pretokenizer_free(at_pretokenizer *pretokenizer);

/* What splitting needs of one thread, and the words that were split last; zeroed but for
 * `take` and `context` = none yet. */
typedef struct at_words at_words;

struct at_words {
    /* Takes words in the order of the text, some at a time; valid during the call. */
    attrib_status (*take)(void *context, const at_words *words, attrib_error *err);
    void *context;
    const char *text; /* what the spans lie in */
    const at_span *spans;
    size_t n_spans;
    at_pieces lists[2];
    at_buffer texts[3];
    size_t i_list, i_text; /* which hold the current spans, and the last text made */
    size_t kept;           /* the text that batches come from, which is not overwritten */
    size_t limit;          /* bytes that a text may not pass */
    at_matcher matcher;
};

void at_words_free(at_words *words);

/* Split valid UTF-8 text [n] into words; is_first: it begins where the whole text does.
 * Memory does not grow with the text where the first step is a split. */
attrib_status at_pretokenize(const at_pretokenizer *pretokenizer,
                             const char *text,
                             size_t n,
                             bool is_first,
                             at_words *words,
                             attrib_error *err);

#endif
