/* SPDX-License-Identifier: MIT */
/* The documents that refinement multiplies with, chosen by content. */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "refine/refine.h"

typedef struct drawn {
    char hash[AT_HASH_SIZE];
    size_t index; /* of the document */
} drawn;

static int compare(const void *left, const void *right)
{
    const drawn *a = left;
    const drawn *b = right;
    int order = strcmp(a->hash, b->hash);
    return order ? order : (a->index > b->index) - (a->index < b->index);
}

/* The hash of a document's tokens and masks. */
static attrib_status hash_document(
    const attrib_corpus *corpus, size_t i, at_buffer *text, drawn *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    attrib_corpus_document(corpus, i, &document);
    at_buffer_clear(text);
    for (size_t s = 0; s < document.n_sequences; s++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, document.first_sequence + s, &sequence);
        AT_TRY(at_buffer_append(text, sequence.ids,
                                sequence.n_tokens * sizeof *sequence.ids, err));
        AT_TRY(at_buffer_append(text, sequence.mask, sequence.n_tokens, err));
    }
    at_hash_bytes(text->n_bytes ? text->bytes : "", text->n_bytes, out->hash);
    out->index = i;
done:
    return status;
}

static attrib_status list_sequences(at_setup *setup,
                                    const drawn *documents,
                                    size_t n,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    size_t n_sequences = 0;
    for (size_t i = 0; i < n; i++) {
        attrib_corpus_document(setup->corpus, documents[i].index, &document);
        n_sequences += document.n_sequences;
    }
    AT_TRY(at_array(n_sequences, sizeof *setup->sampled, &setup->sampled, err));
    for (size_t i = 0; i < n; i++) {
        attrib_corpus_document(setup->corpus, documents[i].index, &document);
        for (size_t s = 0; s < document.n_sequences; s++) {
            setup->sampled[setup->n_sampled++] = document.first_sequence + s;
        }
    }
done:
    return status;
}

attrib_status at_refine_sample(at_setup *setup, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    drawn *all = NULL;
    size_t n = setup->n_documents;
    if (!at_is_refined(setup)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_array(n, sizeof *all, &all, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_poll_cancel(setup->session, err));
        AT_TRY(hash_document(setup->corpus, i, &text, &all[i], err));
    }
    qsort(all, n, sizeof *all, compare);
    AT_TRY(
        list_sequences(setup, all, at_smaller(n, setup->options.refine_documents), err));
done:
    at_buffer_free(&text);
    free(all);
    return status;
}
