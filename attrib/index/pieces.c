/* SPDX-License-Identifier: MIT */
#include "index/pieces.h"

#include "index/index.h"

static void get_sequence(const void *context, size_t i, attrib_sequence *out)
{
    const at_piece_source *self = context;
    attrib_corpus_sequence(self->corpus, self->first_sequence + i, out);
}

static bool joins_document(const void *context, size_t i)
{
    attrib_sequence here;
    attrib_sequence before;
    get_sequence(context, i, &here);
    get_sequence(context, i - 1, &before);
    return here.document == before.document;
}

static bool begins_piece(const void *context, size_t i)
{
    const at_piece_source *self = context;
    attrib_sequence here;
    get_sequence(context, i, &here);
    return (here.document - self->first) % AT_PIECE_DOCUMENTS == 0;
}

at_source at_source_of_pieces(at_piece_source *from, size_t first, size_t end)
{
    attrib_document begin;
    attrib_document last;
    attrib_corpus_document(from->corpus, first, &begin);
    attrib_corpus_document(from->corpus, end - 1, &last);
    from->first = first;
    from->first_sequence = begin.first_sequence;
    return (at_source){.context = from,
                       .n_sequences =
                           last.first_sequence + last.n_sequences - from->first_sequence,
                       .get = get_sequence,
                       .joins = joins_document,
                       .begins = begins_piece};
}
