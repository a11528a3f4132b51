/* SPDX-License-Identifier: MIT */
/* What the readers of a bank's tables share. */
#ifndef AT_VALIDATE_TRUTH_READ_H
#define AT_VALIDATE_TRUTH_READ_H

#include "validate/truth.h"

/* The largest table that is read, and the most members of subsets: 1,000 of them of a
 * million documents. */
#define MAX_TABLE_BYTES ((size_t)1 << 30)

/* Refuse a header that has a name twice: which of the columns would be read? Columns
 * without a name, as spreadsheets leave them, may be several. */
attrib_status at_truth_check_header(const at_csv *table, attrib_error *err);

/* A column that must be there. */
attrib_status at_truth_need_column(const at_csv *table,
                                   const char *name,
                                   size_t *out,
                                   attrib_error *err);

/* The cells of a column below the header, in the arena. */
attrib_status at_truth_take_column(at_truth *self,
                                   const at_csv *table,
                                   size_t column,
                                   const char ***out,
                                   attrib_error *err);

/* Index the names of a column, all of which must be there and differ. */
attrib_status at_truth_index_column(const at_csv *table,
                                    const char *column,
                                    const char *const *texts,
                                    at_register *out,
                                    attrib_error *err);

/* Read subsets.csv; documents and queries are known. */
attrib_status at_truth_take_parts(at_truth *self, attrib_error *err);

#endif
