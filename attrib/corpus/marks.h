/* SPDX-License-Identifier: MIT */
/* What the files that a corpus was read from were, by which later changes are noticed,
 * and which of their rows were left out. */
#ifndef AT_CORPUS_MARKS_H
#define AT_CORPUS_MARKS_H

#include "base/map.h"

struct attrib_corpus;

/* Zeroed = none. */
typedef struct at_marks {
    struct at_marked {
        char *path; /* owned */
        at_file_mark mark;
    } * files; /* [n] in the order that they were read in */

    size_t n, capacity;
} at_marks;

/* Note what a file is, before it is read. What is no regular file, or is not there, is
 * left out. */
attrib_status at_marks_add(at_marks *marks, const char *path, attrib_error *err);
void at_marks_free(at_marks *marks);

/* EIO "PATH: changed ..." where a file of the corpus is not what it was before it was
 * read: what was computed is not of what will be found there. One stat() a file. Fine for
 * a token store, whose bytes stay mapped and have a hash. */
attrib_status at_corpus_check_files(const struct attrib_corpus *corpus,
                                    attrib_error *err);

/* In a folder that is made from a corpus: the rows that were left out. */
#define AT_SKIPPED_ROWS "skipped.jsonl"

/* List the rows that a corpus left out in FOLDER/skipped.jsonl; none: no file. Before the
 * folder is whole, so that who finds it whole finds the list (store_read.c). */
attrib_status at_corpus_list_skipped(const struct attrib_corpus *corpus,
                                     const char *folder,
                                     attrib_error *err);

/* Keep a corpus that was opened with the paths, the tokenizer and the options of a job as
 * a token store (ingest.c). EIO where it cannot be written. */
struct attrib_ingest_job;
attrib_status at_corpus_keep(const struct attrib_corpus *corpus,
                             const struct attrib_ingest_job *job,
                             const char *path,
                             attrib_error *err);

#endif
