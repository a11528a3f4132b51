/* SPDX-License-Identifier: MIT */
/* Safetensors files filled in place. */
#include "format/slots.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/safetensors_file.h"

struct at_slots {
    at_tensor_file file; /* its mapping is read for the header alone */
    int descriptor;
};

static attrib_status fail_errno(const at_slots *slots,
                                const char *what,
                                attrib_error *err)
{
    char text[128];
    return at_fail(err, ATTRIB_EIO, "%s: %s: %s", slots->file.path, what,
                   at_errno_text(errno, text, sizeof text));
}

attrib_status at_slots_open(const char *path, at_slots **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_slots *slots = NULL;
    AT_TRY(at_array(1, sizeof *slots, &slots, err));
    slots->descriptor = -1;
    AT_TRY(at_tensor_file_open(path, &slots->file, err));
    slots->descriptor = open(path, O_RDWR | O_CLOEXEC);
    if (slots->descriptor < 0) {
        status = fail_errno(slots, "opening", err);
        goto done;
    }
    *out = slots;
    slots = NULL;
done:
    at_slots_close(slots);
    return status;
}

void at_slots_close(at_slots *slots)
{
    if (!slots) {
        return;
    }
    if (slots->descriptor >= 0) {
        close(slots->descriptor);
    }
    at_tensor_file_free(&slots->file);
    free(slots);
}

const at_tensor *at_slots_find(const at_slots *slots, const char *name)
{
    for (size_t i = 0; i < slots->file.n_tensors; i++) {
        if (strcmp(slots->file.tensors[i].name, name) == 0) {
            return &slots->file.tensors[i];
        }
    }
    return NULL;
}

/* Where in the file an element of a tensor stands, and the bytes of n of them. */
static off_t place_of(const at_slots *slots,
                      const at_tensor *tensor,
                      size_t first,
                      size_t n,
                      size_t *n_bytes)
{
    size_t element = attrib_dtype_bytes(tensor->dtype);
    assert(first <= tensor->n_elements && n <= tensor->n_elements - first);
    *n_bytes = n * element;
    return (off_t)(tensor->data - slots->file.map.bytes) + (off_t)(first * element);
}

attrib_status at_slots_write(at_slots *slots,
                             const at_tensor *tensor,
                             size_t first,
                             size_t n,
                             const void *elements,
                             attrib_error *err)
{
    const char *bytes = elements;
    size_t left = 0;
    off_t at = place_of(slots, tensor, first, n, &left);
    while (left) {
        ssize_t written = pwrite(slots->descriptor, bytes, left, at);
        if (written < 0 && errno != EINTR) {
            return fail_errno(slots, "writing", err);
        }
        if (written > 0) {
            bytes += written;
            at += written;
            left -= (size_t)written;
        }
    }
    return ATTRIB_OK;
}

attrib_status at_slots_read(const at_slots *slots,
                            const at_tensor *tensor,
                            size_t first,
                            size_t n,
                            void *elements,
                            attrib_error *err)
{
    char *bytes = elements;
    size_t left = 0;
    off_t at = place_of(slots, tensor, first, n, &left);
    while (left) {
        ssize_t got = pread(slots->descriptor, bytes, left, at);
        if (got == 0) {
            return at_fail(err, ATTRIB_EFORMAT, "%s: it ends in %s (truncated)",
                           slots->file.path, tensor->name);
        }
        if (got < 0 && errno != EINTR) {
            return fail_errno(slots, "reading", err);
        }
        if (got > 0) {
            bytes += got;
            at += got;
            left -= (size_t)got;
        }
    }
    return ATTRIB_OK;
}

attrib_status at_slots_sync(at_slots *slots, attrib_error *err)
{
    if (fdatasync(slots->descriptor) != 0) {
        return fail_errno(slots, "syncing", err);
    }
    return ATTRIB_OK;
}
