/* SPDX-License-Identifier: MIT */
/* Runs under analysis, and whether two of them can be compared. */
#include <stdlib.h>
#include <string.h>

#include "analyze/analyze.h"

const attrib_answer *at_subject_answer(const at_subject *subject, size_t q)
{
    return attrib_run_answer(subject->run,
                             subject->i_setting * subject->info->n_queries + q);
}

attrib_status at_subject_load(const at_subject *subject, size_t q, attrib_error *err)
{
    return attrib_run_load(subject->run,
                           subject->i_setting * subject->info->n_queries + q, err);
}

static size_t find_query(const at_subject *subject, const char *id)
{
    for (size_t q = 0; q < subject->info->n_queries; q++) {
        if (strcmp(at_subject_answer(subject, q)->query.id, id) == 0) {
            return q;
        }
    }
    return SIZE_MAX;
}

attrib_status at_match_queries(const at_inquiry *inquiry, size_t **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = inquiry->subject.info->n_queries;
    size_t n_matched = 0;
    size_t *matches = NULL;
    AT_TRY(at_array(n, sizeof *matches, (void *)&matches, err));
    for (size_t q = 0; q < n; q++) {
        matches[q] = find_query(&inquiry->other,
                                at_subject_answer(&inquiry->subject, q)->query.id);
        n_matched += matches[q] != SIZE_MAX;
    }
    AT_CHECK(n_matched > 0, ATTRIB_ESHAPE, "the two runs have no query of the same id");
    *out = matches;
    matches = NULL;
done:
    free(matches);
    return status;
}

attrib_status at_match_documents(const at_inquiry *inquiry, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = inquiry->subject.info->n_documents;
    char *id = NULL;
    AT_CHECK(n == inquiry->other.info->n_documents, ATTRIB_ESHAPE,
             "%zu documents in one run, %zu in the other", n,
             inquiry->other.info->n_documents);
    for (size_t i = 0; i < n; i++) {
        attrib_document document;
        free(id);
        id = NULL;
        AT_TRY(attrib_run_document(inquiry->subject.run, i, &document, err));
        AT_TRY(at_copy_text(document.id, strlen(document.id), &id, err));
        AT_TRY(attrib_run_document(inquiry->other.run, i, &document, err));
        AT_CHECK(strcmp(id, document.id) == 0, ATTRIB_ESHAPE,
                 "document %zu is \"%s\" in one run and \"%s\" in the other", i, id,
                 document.id);
    }
done:
    free(id);
    return status;
}
