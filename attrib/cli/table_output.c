/* SPDX-License-Identifier: MIT */
#include "cli/table_output.h"

#include <stddef.h>
#include <stdio.h>

#include "cli/terminal.h"

const option table_output_table[] = {
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(table_output, format),
     .value = "text|json|csv",
     .standard = "text",
     .help = "text, one JSON object with all tables, or one table as CSV"},
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .offset = offsetof(table_output, path),
     .value = "FILE",
     .standard = "-",
     .help = "file to write, or - for standard output"},
    {.name = "table",
     .kind = OPTION_TEXT,
     .offset = offsetof(table_output, table),
     .value = "NAME",
     .help = "which of the tables is written as CSV (default: the first)"},
    {.name = "rows",
     .kind = OPTION_SIZE,
     .offset = offsetof(table_output, rows),
     .value = "N",
     .standard = "40",
     .max = 1e9,
     .help = "rows of each table that are listed as text at most; 0: all"},
    {0},
};

bool table_output_check(const table_output *output, char *message, size_t size)
{
    if (output->table && output->format != ATTRIB_ANALYSIS_CSV) {
        snprintf(message, size, "--table is for --format csv: others hold all tables");
        return false;
    }
    return true;
}

attrib_status table_output_write(const table_output *output,
                                 const attrib_analysis *analysis,
                                 attrib_error *err)
{
    attrib_text_options text;
    attrib_text_options_default(&text);
    text.is_ascii = !terminal_is_utf8();
    text.width = terminal_width();
    text.n_shown = output->rows;
    return attrib_export_analysis(analysis, (attrib_analysis_format)output->format,
                                  output->table, &text, output->path, err);
}
