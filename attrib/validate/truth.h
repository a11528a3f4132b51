/* SPDX-License-Identifier: MIT */
/* A bank of retrainings as it stands on disk: which documents a model was trained on, and
 * what its losses on queries were then; and documents that are known to matter.
 * attrib/validate/README.md describes the files. */
#ifndef AT_VALIDATE_TRUTH_H
#define AT_VALIDATE_TRUTH_H

#include "format/csv.h"
#include "validate/register.h"

/* Documents that a model was trained on, once or by several seeds. */
typedef struct at_part {
    const char *name, *group, *method; /* group and method "" where there is none */
    size_t query;                      /* that `method` chose for; SIZE_MAX: none */
    const uint8_t *kept;               /* [n_documents] 1: trained on */
    size_t n_kept;
    size_t first_training, n_trainings; /* they are consecutive, in the file's order */
} at_part;

typedef struct at_training {
    size_t part;
    const char *seed;
    const double *losses; /* [n_queries] nats; NAN: not measured */
} at_training;

typedef struct at_label {
    size_t query, document;
} at_label;

/* Texts stand in the tables, numbers in the arena. */
typedef struct at_truth {
    at_csv documents, subsets, losses, labels_table;
    at_arena *arena;
    const char **ids, **hashes; /* [n_documents]; NULL where the column is missing */
    size_t n_documents;
    const char **queries; /* [n_queries] */
    size_t n_queries;
    at_part *parts;
    size_t n_parts;
    at_training *trainings;
    size_t n_trainings;
    at_label *labels; /* by query */
    size_t n_labels;
    at_register document_names, query_names, part_names;
} at_truth;

/* Read a bank's folder. EFORMAT, with file and line, for what is wrong in it. */
attrib_status at_truth_read(const char *folder, at_truth *out, attrib_error *err);
void at_truth_free(at_truth *truth);

#endif
