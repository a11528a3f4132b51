/* SPDX-License-Identifier: MIT */
/* SentencePiece's compiled normalization ("Precompiled" in tokenizer.json): a table from
 * short texts to what stands for them, as a double-array trie and a bank of texts. */
#ifndef AT_TOKENIZER_CHARSMAP_H
#define AT_TOKENIZER_CHARSMAP_H

#include "base/memory.h"

typedef struct at_charsmap {
    uint32_t *units; /* [n_units] of the trie */
    size_t n_units;
    char *texts; /* [n_texts] UTF-8, each ended by NUL; values of the trie begin them */
    size_t n_texts;
} at_charsmap;

/* Read a map from base64. EFORMAT where it is broken. */
attrib_status at_charsmap_read(
    const char *name, const char *base64, size_t n, at_charsmap *out, attrib_error *err);

/* Read it from its bytes. */
attrib_status at_charsmap_parse(const char *name,
                                const unsigned char *bytes,
                                size_t n,
                                at_charsmap *out,
                                attrib_error *err);
void at_charsmap_free(at_charsmap *map);

/* Append valid UTF-8 text [n], each grapheme cluster of fewer than 6 bytes as what stands
 * for it, else each of its characters. What stands for a text is what stands for its
 * shortest beginning that the map has. EFORMAT where the map points outside itself,
 * ERANGE where more than `limit` bytes come out. */
attrib_status at_charsmap_append(const at_charsmap *map,
                                 const char *text,
                                 size_t n,
                                 size_t limit,
                                 at_buffer *out,
                                 attrib_error *err);

#endif
