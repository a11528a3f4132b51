/* SPDX-License-Identifier: MIT */
/* Passages to documents, a batch at a time: read by one, encoded by all, stored in order.
 */
#ifndef AT_CORPUS_INTAKE_H
#define AT_CORPUS_INTAKE_H

#include "base/session.h"
#include "corpus/headway.h"
#include "corpus/reader.h"
#include "corpus/select.h"
#include "corpus/store.h"

typedef struct at_intake at_intake;

/* `rules`, `selection` and `corpus` are borrowed; max_documents 0 = all, selection NULL =
 * all. */
attrib_status at_intake_new(attrib_session *session,
                            const at_rules *rules,
                            at_selection *selection,
                            size_t max_documents,
                            attrib_corpus *corpus,
                            at_intake **out,
                            attrib_error *err);
void at_intake_free(at_intake *intake);

/* Begin to tell progress, by how far files are read; borrowed. */
void at_intake_follow(at_intake *intake, const at_headway *headway);

/* Passages that are put from here on come from this file; member may be NULL. */
attrib_status at_intake_begin(at_intake *intake,
                              const char *source,
                              const char *member,
                              attrib_error *err);

/* Takes passages; ATTRIB_END once the corpus holds max_documents. */
at_sink at_intake_sink(at_intake *intake);

/* Whether a plain text was put, or a part of one. */
bool at_intake_has_texts(const at_intake *intake);

/* The end of reading: report it, and log rows that were left out. */
void at_intake_end(at_intake *intake);

/* Store what was put but not stored yet. ATTRIB_END as above. */
attrib_status at_intake_flush(at_intake *intake, attrib_error *err);

#endif
