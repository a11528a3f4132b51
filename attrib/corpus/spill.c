/* SPDX-License-Identifier: MIT */
/* Scratch files: written through a buffer, unlinked from the start. */
#include "corpus/spill.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BUFFER ((size_t)256 << 10)

static attrib_status fail_errno(const at_spill *spill,
                                const char *what,
                                attrib_error *err)
{
    char text[128];
    int number = errno;
    return at_fail(err, number == ENOMEM ? ATTRIB_ENOMEM : ATTRIB_EIO,
                   "scratch file %s: %s: %s", spill->name, what,
                   at_errno_text(number, text, sizeof text));
}

attrib_status at_spill_open(const char *folder, at_spill *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_spill spill = {.descriptor = -1};
    at_buffer name = {0};
    const char *chosen = folder ? folder : getenv("TMPDIR");
    chosen = chosen && *chosen ? chosen : "/tmp";
    AT_TRY(at_buffer_print(&name, err, "%s/attrib-corpus-XXXXXX", chosen));
    spill.name = name.bytes;
    AT_TRY(at_array(BUFFER, 1, &spill.buffer, err));
    spill.descriptor = mkostemp(spill.name, O_CLOEXEC);
    if (spill.descriptor < 0) {
        status = fail_errno(&spill, "making it", err);
        goto done;
    }
    unlink(spill.name);
    *out = spill;
    spill = (at_spill){.descriptor = -1};
done:
    at_spill_close(&spill);
    return status;
}

static attrib_status write_all(at_spill *spill,
                               const char *bytes,
                               size_t n,
                               attrib_error *err)
{
    while (n > 0) {
        ssize_t written = write(spill->descriptor, bytes, n);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return fail_errno(spill, "writing", err);
        }
        bytes += written;
        n -= (size_t)written;
    }
    return ATTRIB_OK;
}

static attrib_status flush(at_spill *spill, attrib_error *err)
{
    size_t n = spill->n_buffered;
    spill->n_buffered = 0;
    return write_all(spill, spill->buffer, n, err);
}

attrib_status at_spill_append(at_spill *spill,
                              const void *bytes,
                              size_t n,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_add(spill->n_bytes, n, &spill->n_bytes, err));
    if (n > BUFFER - spill->n_buffered) {
        AT_TRY(flush(spill, err));
    }
    if (n > BUFFER) {
        return write_all(spill, bytes, n, err);
    }
    if (n) {
        memcpy(spill->buffer + spill->n_buffered, bytes, n);
        spill->n_buffered += n;
    }
done:
    return status;
}

attrib_status at_spill_read(
    at_spill *spill, size_t offset, void *bytes, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *to = bytes;
    AT_TRY(flush(spill, err));
    while (n > 0) {
        ssize_t n_read = pread(spill->descriptor, to, n, (off_t)offset);
        if (n_read < 0 && errno == EINTR) {
            continue;
        }
        if (n_read <= 0) {
            return fail_errno(spill, "reading", err);
        }
        to += n_read;
        offset += (size_t)n_read;
        n -= (size_t)n_read;
    }
done:
    return status;
}

attrib_status at_spill_map(at_spill *spill, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    AT_TRY(flush(spill, err));
    free(spill->buffer);
    spill->buffer = NULL;
    if (spill->n_bytes > 0) {
        void *mapping = mmap(NULL, spill->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
                             spill->descriptor, 0);
        if (mapping == MAP_FAILED) {
            return fail_errno(spill, "mapping it", err);
        }
        spill->mapping = mapping;
        if (fstat(spill->descriptor, &info) != 0) {
            return fail_errno(spill, "mapping it", err);
        }
        AT_TRY(at_mapped_add(mapping, spill->n_bytes, spill->name, &info, &spill->mapped,
                             err));
    }
    close(spill->descriptor);
    spill->descriptor = -1;
done:
    return status;
}

attrib_status at_spill_protect(at_spill *spill, attrib_error *err)
{
    if (spill->mapping && mprotect(spill->mapping, spill->n_bytes, PROT_READ) != 0) {
        return fail_errno(spill, "protecting it", err);
    }
    return ATTRIB_OK;
}

at_spill at_spill_lend(const void *bytes, size_t n)
{
    at_spill spill = {.descriptor = -1, .n_bytes = n, .is_lent = true};
    memcpy(&spill.mapping, &bytes, sizeof bytes); /* read only, as the flag says */
    return spill;
}

void at_spill_forget(const at_spill *spill)
{
    if (spill->mapping) {
        madvise(spill->mapping, spill->n_bytes, MADV_DONTNEED);
    }
}

void at_spill_close(at_spill *spill)
{
    at_mapped_remove(spill->mapped);
    if (spill->mapping && !spill->is_lent) {
        munmap(spill->mapping, spill->n_bytes);
    }
    if (spill->name && spill->descriptor >= 0) {
        close(spill->descriptor);
    }
    free(spill->buffer);
    free(spill->name);
    *spill = (at_spill){.descriptor = -1};
}
