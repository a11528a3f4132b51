/* SPDX-License-Identifier: MIT */
/* Errors: a struct of the caller's, which keeps the first failure. */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *attrib_status_name(attrib_status status)
{
    switch (status) {
    case ATTRIB_OK:
        return "ok";
    case ATTRIB_END:
        return "end";
    case ATTRIB_ENOMEM:
        return "out of memory";
    case ATTRIB_EIO:
        return "input/output error";
    case ATTRIB_EFORMAT:
        return "format error";
    case ATTRIB_EVERSION:
        return "version error";
    case ATTRIB_ESHAPE:
        return "shape error";
    case ATTRIB_EINVAL:
        return "invalid argument";
    case ATTRIB_ERANGE:
        return "out of range";
    case ATTRIB_ENUMERIC:
        return "numeric error";
    case ATTRIB_ECANCELED:
        return "canceled";
    case ATTRIB_ENOTSUP:
        return "not supported";
    }
    return "unknown status";
}

/* Bytes of the UTF-8 character at c; 0 where a terminal should not get it: control
 * characters (C0 and C1), and bytes that are not UTF-8. */
static size_t printable_length(const unsigned char *c)
{
    if (c[0] < 0x80) {
        return c[0] >= 0x20 && c[0] != 0x7f ? 1 : 0;
    }
    size_t n = c[0] >= 0xf0 ? 4 : c[0] >= 0xe0 ? 3 : 2;
    if (c[0] < 0xc2 || c[0] > 0xf4 || (c[0] == 0xc2 && c[1] < 0xa0)) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xc0) != 0x80) { /* the closing NUL fails this too */
            return 0;
        }
    }
    return n;
}

void attrib_clean_line(char *text)
{
    unsigned char *c = (unsigned char *)text;
    while (*c) {
        size_t n = printable_length(c);
        if (n == 0) {
            *c = '?';
        }
        c += n ? n : 1;
    }
}

attrib_status at_fail(attrib_error *err, attrib_status status, const char *format, ...)
{
    if (!err || err->status != ATTRIB_OK) {
        return status;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    attrib_clean_line(err->message);
    err->status = status;
    return status;
}

attrib_status at_context(attrib_error *err, attrib_status status, const char *format, ...)
{
    if (!err || err->status == ATTRIB_OK) {
        return status;
    }
    char old[ATTRIB_ERROR_SIZE];
    memcpy(old, err->message, sizeof old);
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    if (length >= 0 && (size_t)length + 3 < sizeof err->message) {
        size_t left = sizeof err->message - (size_t)length;
        snprintf(err->message + length, left, ": %.*s", (int)(left - 3), old);
    }
    attrib_clean_line(err->message);
    return status;
}

const char *at_errno_text(int error_number, char *buffer, size_t size)
{
    return strerror_r(error_number, buffer,
                      size); /* GNU's: returns the text, which need not be in `buffer` */
}

attrib_status at_fail_errno(attrib_error *err, const char *path, const char *what)
{
    char text[128];
    int number = errno;
    return at_fail(err, number == ENOMEM ? ATTRIB_ENOMEM : ATTRIB_EIO, "%s: %s%s%s", path,
                   what ? what : "", what ? ": " : "",
                   at_errno_text(number, text, sizeof text));
}
