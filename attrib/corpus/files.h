/* SPDX-License-Identifier: MIT */
/* The documents of a path: of a file, of an archive's members, of a folder's files. */
#ifndef AT_CORPUS_FILES_H
#define AT_CORPUS_FILES_H

#include "corpus/choose.h"
#include "corpus/headway.h"
#include "corpus/intake.h"
#include "corpus/token_file.h"
#include "corpus/unit.h"

#define AT_N_SKIPPED_NAMES 3

/* What is read into, and what was left out. */
typedef struct at_files {
    attrib_session *session;
    at_intake *intake;
    const at_unit *unit;   /* of texts; NULL: the whole */
    at_token_rules tokens; /* of files of tokens */
    at_token_cut said; /* how the last of these was cut, which is said when it changes */
    bool has_tokens;   /* a file of tokens was read, */
    bool asks_for_end; /* and one that an end of document cuts */
    attrib_corpus_summary *counts;
    at_marks *marks; /* of the files that are read */
    at_headway headway;
    const char *include, *exclude; /* patterns, or NULL */
    at_seen seen;
    const char *root;  /* the path that is being read: those below it are judged */
    at_buffer skipped; /* the first AT_N_SKIPPED_NAMES names, for one warning */
    at_buffer about;   /* the same of files about the data */
    at_buffer again;   /* of files that were read before */
    bool takes_about;  /* they are read, as there are no others */
    size_t n_others;   /* the others of the folder or archive that is being read */
} at_files;

/* Read a path, or "-". ATTRIB_END once the intake is full. */
attrib_status at_files_read(at_files *files, const char *path, attrib_error *err);

/* Read a file of tokens; `source` is what messages call it. For at_files_read(). */
attrib_status at_files_read_tokens(at_files *files,
                                   const char *path,
                                   const char *source,
                                   attrib_error *err);

#endif
