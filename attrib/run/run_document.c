/* SPDX-License-Identifier: MIT */
/* A document of a run: of its corpus, or read with its slice. */
#include "run/run.h"
#include "run/slice_piece.h"

/* Read the documents of the slice that document i belongs to, unless they are there. */
static attrib_status load_documents(attrib_run *run, size_t i, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_documents *there = &run->documents;
    at_documents read = {0};
    at_record record = {0};
    size_t d = 0;
    size_t i_slice = at_run_slice_of(run, i, &d);
    at_slice_place place = at_run_place(run, i_slice);
    if (there->items && there->first == place.first) {
        return ATTRIB_OK;
    }
    AT_TRY(at_slice_documents(run, i_slice, &record, err));
    AT_TRY(at_documents_read(&record, place.first, place.n, &read, err));
    at_documents_free(there);
    *there = read;
done:
    at_record_free(&record);
    return status;
}

attrib_status attrib_run_document(attrib_run *run,
                                  size_t i,
                                  attrib_document *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(i < run->info.n_documents, ATTRIB_ERANGE, "document %zu of %zu", i,
             run->info.n_documents);
    if (run->corpus) {
        attrib_corpus_document(run->corpus, i, out);
        out->text = NULL;
        out->first_sequence = out->n_sequences = 0;
    } else {
        AT_TRY(load_documents(run, i, err));
        *out = run->documents.items[i - run->documents.first];
    }
done:
    return status;
}
