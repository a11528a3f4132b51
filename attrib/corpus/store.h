/* SPDX-License-Identifier: MIT */
/* The token store: everything of a corpus in scratch files that are unlinked at once and
 * mapped when the last document is in. In memory there are only write buffers. */
#ifndef AT_CORPUS_STORE_H
#define AT_CORPUS_STORE_H

#include "base/file.h"
#include "corpus/draft.h"
#include "corpus/marks.h"

typedef struct at_copies at_copies; /* corpus/copies.h */

/* Where a document stands. */
typedef struct at_origin {
    const char *source;
    const char *member; /* NULL where there is none */
    size_t line;        /* 0 for a whole file */
    size_t span_start, span_end;
    unsigned char hash[AT_DIGEST_BYTES]; /* of the bytes that were read there */
} at_origin;

/* An empty corpus to append to. `folder` NULL: $TMPDIR or /tmp. */
attrib_status at_corpus_new(size_t context,
                            const char *folder,
                            attrib_corpus **out,
                            attrib_error *err);

/* Note the fields that it is read by, which are taken over. */
void at_corpus_set_fields(attrib_corpus *corpus, at_fields fields);

/* Note the day that its chat template takes for today; "" where it asks for none. */
void at_corpus_set_date(attrib_corpus *corpus, const char *date);

/* Put ids of the document that is appended next, as a draft without ids: a sink. */
attrib_status at_corpus_put_ids(void *corpus,
                                const int32_t *ids,
                                size_t n,
                                attrib_error *err);
/* Append a document, cut into sequences; one without a predicted token is only counted.
 * `name` is the id of a draft that has none. EIO with the scratch file's name where the
 * disk is full. */
attrib_status at_corpus_append(attrib_corpus *corpus,
                               const at_origin *origin,
                               const char *name,
                               const at_draft *draft,
                               attrib_error *err);

/* A row that was left out: a line for the list of these. */
attrib_status at_corpus_skip(attrib_corpus *corpus,
                             const char *line,
                             size_t n_bytes,
                             attrib_error *err);

/* Note in words which documents were selected. */
attrib_status at_corpus_set_selection(attrib_corpus *corpus,
                                      const char *text,
                                      attrib_error *err);

/* Documents of a corpus that stay. */
typedef struct at_selected {
    const size_t *places; /* [n] ascending; NULL: the first n */
    size_t n;
    const at_copies *copies; /* of these only the first of each stays, with the tags
                                "n_copies" and "copies" that say where the others stood;
                                NULL: all stay */
    size_t context;          /* of the sequences that they are cut into */
    const char *scratch_folder;
} at_selected;

/* Give the corpus the reasons for which rows are left out, which it frees. */
struct at_skipped;
void at_corpus_own_skipped(attrib_corpus *corpus, struct at_skipped *skipped);

/* Keep the documents at these places (NULL: the first n), count copies, and leave these
 * out where options say so. */
attrib_status at_corpus_narrow(attrib_corpus **corpus,
                               const size_t *places,
                               size_t n,
                               const attrib_corpus_options *options,
                               attrib_error *err);

/* Map the store. Nothing may be appended after it, nothing read before it. */
attrib_status at_corpus_finish(attrib_corpus *corpus, attrib_error *err);

/* Bytes of the store: what is in memory once all of it was read. */
double at_corpus_mapped_bytes(const attrib_corpus *corpus);

/* The marks of its files, for who reads these to add to. */
at_marks *at_corpus_marks(attrib_corpus *corpus);

/* The counts, for who reads files to add to. */
attrib_corpus_summary *at_corpus_counts(attrib_corpus *corpus);

#endif
