/* SPDX-License-Identifier: MIT */
/* Errors: a caller's struct, written once. */
#include "base/error.h"

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

/* A message is one line for a terminal: control characters of outside names become '?'.
 */
static void clean_line(char *text)
{
    for (unsigned char *c = (unsigned char *)text; *c; c++) {
        if (*c < 0x20 || *c == 0x7f) {
            *c = '?';
        }
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
    clean_line(err->message);
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
    if (length >= 0 && (size_t)length < sizeof err->message) {
        size_t left = sizeof err->message - (size_t)length;
        /* Cutting a message that is too long is what a fixed line wants. */
        int ignored = snprintf(err->message + length, left, ": %s", old);
        (void)ignored;
    }
    clean_line(err->message);
    return status;
}

const char *at_errno_text(int error_number, char *buffer, size_t size)
{
    if (strerror_r(error_number, buffer, size) != 0) {
        snprintf(buffer, size, "error %d", error_number);
    }
    return buffer;
}
