/* SPDX-License-Identifier: MIT */
/* Texts as strings of JSON, and failures of the program's own. */
#include <stdarg.h>
#include <stdio.h>

#include "cli/terminal.h"

void terminal_write_json(FILE *stream, const char *text, size_t n)
{
    const unsigned char *c = (const unsigned char *)text;
    fputc('"', stream);
    for (const unsigned char *end = c + n; c < end; c++) {
        if (*c == '"' || *c == '\\') {
            fputc('\\', stream);
        }
        if (*c < 0x20 || *c == 0x7f) {
            fprintf(stream, "\\u%04x", *c);
        } else {
            fputc(*c, stream);
        }
    }
    fputc('"', stream);
}

attrib_status cli_fail(attrib_error *err, attrib_status status, const char *format, ...)
{
    if (err->status == ATTRIB_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
        err->status = status;
    }
    return status;
}
