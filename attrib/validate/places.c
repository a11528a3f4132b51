/* SPDX-License-Identifier: MIT */
/* Documents and queries of a bank, found in a run. */
#include <stdlib.h>
#include <string.h>

#include "validate/trial.h"

size_t at_places_query(const at_places *places, const char *id)
{
    for (size_t q = 0; q < places->info->n_queries; q++) {
        if (strcmp(attrib_run_answer(places->run, q)->query.id, id) == 0) {
            return q;
        }
    }
    return SIZE_MAX;
}

/* Find document d of the run in the bank, if it is there, and keep its place. */
static attrib_status place_document(const at_truth *truth,
                                    const char *name,
                                    size_t d,
                                    at_places *self,
                                    uint8_t *is_found,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_csv *table = &truth->documents;
    attrib_document document;
    size_t place = SIZE_MAX;
    AT_TRY(attrib_run_document(self->run, d, &document, err));
    place = at_register_find(&truth->document_names,
                             truth->ids ? document.id : document.hash, NULL);
    self->documents[d] = place;
    if (place == SIZE_MAX) {
        self->n_outside++;
        return ATTRIB_OK;
    }
    AT_CHECK(!is_found[place], ATTRIB_ESHAPE,
             "%s: two documents with the %s \"%.80s\" of %s line %zu", name,
             truth->ids ? "id" : "hash", truth->ids ? document.id : document.hash,
             table->name, table->lines[place + 1]);
    is_found[place] = 1;
    if (truth->ids && truth->hashes && truth->hashes[place][0]) {
        AT_CHECK(strcmp(truth->hashes[place], document.hash) == 0, ATTRIB_ESHAPE,
                 "%s: the document \"%.80s\" has other bytes than in %s line %zu", name,
                 document.id, table->name, table->lines[place + 1]);
    }
done:
    return status;
}

attrib_status at_places_find(const at_truth *truth,
                             attrib_run *run,
                             const char *name,
                             at_places *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    const at_csv *table = &truth->documents;
    uint8_t *is_found = NULL;
    out->run = run;
    out->info = info;
    AT_CHECK(info->n_queries > 0, ATTRIB_ESHAPE, "%s: the run has no queries", name);
    AT_TRY(at_array(truth->n_documents, 1, (void *)&is_found, err));
    AT_TRY(at_array(info->n_documents, sizeof *out->documents, (void *)&out->documents,
                    err));
    for (size_t d = 0; d < info->n_documents; d++) {
        AT_TRY(place_document(truth, name, d, out, is_found, err));
    }
    for (size_t i = 0; i < truth->n_documents; i++) {
        AT_CHECK(is_found[i], ATTRIB_ESHAPE,
                 "%s: no document with the %s \"%.80s\" of %s line %zu: score the "
                 "documents of the bank",
                 name, truth->ids ? "id" : "hash",
                 truth->ids ? truth->ids[i] : truth->hashes[i], table->name,
                 table->lines[i + 1]);
    }
done:
    free(is_found);
    return status;
}
