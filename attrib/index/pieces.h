/* SPDX-License-Identifier: MIT */
/* The documents of an index's pieces, as a pass takes them. */
#ifndef AT_INDEX_PIECES_H
#define AT_INDEX_PIECES_H

#include "gradient/pass.h"

/* Sequences of documents from `first` on of a corpus, those of a document in one block,
 * and those of a piece in blocks of their own. */
typedef struct at_piece_source {
    const attrib_corpus *corpus;  /* borrowed */
    size_t first, first_sequence; /* set by at_source_of_pieces() */
} at_piece_source;

/* Documents first .. end, of which the first is that of a piece. `from` is borrowed. */
at_source at_source_of_pieces(at_piece_source *from, size_t first, size_t end);

#endif
