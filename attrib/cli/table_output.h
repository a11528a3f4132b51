/* SPDX-License-Identifier: MIT */
/* How a command writes tables that it computed: where, in which format, how many rows. */
#ifndef CLI_TABLE_OUTPUT_H
#define CLI_TABLE_OUTPUT_H

#include <attrib.h>
#include <stdbool.h>

#include "cli/options.h"

typedef struct table_output {
    const char *path, *table;
    int format; /* attrib_analysis_format */
    size_t rows;
} table_output;

extern const option table_output_table[];

/* Whether the options go together; otherwise `message` says what does not. */
bool table_output_check(const table_output *output, char *message, size_t size);

/* Write the tables as the options say; text as wide as the terminal. */
attrib_status table_output_write(const table_output *output,
                                 const attrib_analysis *analysis,
                                 attrib_error *err);

#endif
