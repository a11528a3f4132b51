/* SPDX-License-Identifier: MIT */
/* Texts in cells of CSV. Texts of documents are anybody's. A spreadsheet runs a cell that
 * begins as a formula does, and a terminal obeys control characters, so both are made
 * harmless unless the caller asks for texts as they are. Private to the export room. */
#ifndef AT_EXPORT_CSV_TEXT_H
#define AT_EXPORT_CSV_TEXT_H

#include "base/memory.h"

/* Append a text, quoted where it must be, and made harmless by way of `scratch`; as it is
 * where that is NULL. */
attrib_status at_append_csv_text(
    at_buffer *out, const char *text, size_t n, at_buffer *scratch, attrib_error *err);

#endif
