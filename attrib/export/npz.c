/* SPDX-License-Identifier: MIT */
/* Zips of NumPy's arrays by libarchive. */
#include "export/npz.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#define NPY_MAGIC     "\x93NUMPY\x01\x00" /* version 1.0 */
#define NPY_ALIGNMENT 64

static la_ssize_t write_piece(struct archive *zip,
                              void *context,
                              const void *bytes,
                              size_t n)
{
    at_npz *self = context;
    attrib_status status = at_output_write(&self->output, bytes, n, self->err);
    if (status != ATTRIB_OK) {
        self->status = status;
        archive_set_error(zip, EIO, "output failed");
        return -1;
    }
    return (la_ssize_t)n;
}

/* Turn libarchive's result into a status. Where writing the output failed, its own error
 * is kept. */
static attrib_status check_zip(at_npz *self, la_ssize_t result)
{
    if (self->status != ATTRIB_OK) {
        return self->status;
    }
    if (result < ARCHIVE_OK) {
        return at_fail(self->err, ATTRIB_EIO, "%s: zip: %s", self->output.path,
                       archive_error_string(self->zip));
    }
    return ATTRIB_OK;
}

attrib_status at_npz_open(at_npz *self, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *self = (at_npz){.err = err};
    AT_TRY(at_output_open(path, &self->output, err));
    self->zip = archive_write_new();
    AT_CHECK(self->zip, ATTRIB_ENOMEM, "%s: out of memory for a zip", path);
    AT_TRY(check_zip(self, archive_write_set_format_zip(self->zip)));
    AT_TRY(check_zip(self, archive_write_set_options(self->zip, "compression=store")));
    AT_TRY(check_zip(self, archive_write_set_bytes_in_last_block(self->zip, 1)));
    AT_TRY(check_zip(self, archive_write_open(self->zip, self, NULL, write_piece, NULL)));
done:
    return status;
}

attrib_status at_npz_write(at_npz *self, const void *bytes, size_t n)
{
    attrib_status status = ATTRIB_OK;
    la_ssize_t written = n ? archive_write_data(self->zip, bytes, n) : 0;
    AT_TRY(check_zip(self, written));
    if ((size_t)written != n) {
        return at_fail(self->err, ATTRIB_EIO, "%s: zip: %zd of %zu bytes written",
                       self->output.path, (ssize_t)written, n);
    }
done:
    return status;
}

attrib_status at_npz_close(at_npz *self)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_zip(self, archive_write_close(self->zip)));
    AT_TRY(at_output_commit(&self->output, self->err));
done:
    return status;
}

void at_npz_free(at_npz *self)
{
    if (self->zip) {
        archive_write_free(self->zip);
    }
    at_output_discard(&self->output);
}

/* Begin a member of the zip. It has no time of modification, so that the same run gives
 * the same bytes. */
static attrib_status begin_member(at_npz *self, const char *name, uint64_t n_bytes)
{
    attrib_status status = ATTRIB_OK;
    struct archive_entry *entry = archive_entry_new();
    if (!entry) {
        return at_fail(self->err, ATTRIB_ENOMEM, "%s: out of memory for a zip",
                       self->output.path);
    }
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)n_bytes);
    AT_TRY(check_zip(self, archive_write_header(self->zip, entry)));
done:
    archive_entry_free(entry);
    return status;
}

/* The header is padded so that the data are aligned. */
attrib_status at_npz_begin_array(at_npz *self,
                                 const char *name,
                                 const char *descr,
                                 const char *is_fortran,
                                 const char *shape,
                                 uint64_t n_bytes)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = self->err;
    at_buffer header = {0};
    size_t n_prefix = sizeof NPY_MAGIC - 1 + 2;
    size_t n_header = 0;
    unsigned char length[2];
    AT_TRY(at_buffer_print(&header, err,
                           "{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr,
                           is_fortran, shape));
    n_header = header.n_bytes + 1;
    n_header += (NPY_ALIGNMENT - (n_prefix + n_header) % NPY_ALIGNMENT) % NPY_ALIGNMENT;
    while (header.n_bytes + 1 < n_header) {
        AT_TRY(at_buffer_append(&header, " ", 1, err));
    }
    AT_TRY(at_buffer_append(&header, "\n", 1, err));
    length[0] = (unsigned char)(n_header & 0xFF);
    length[1] = (unsigned char)(n_header >> 8);
    AT_CHECK(n_bytes <= INT64_MAX - n_prefix - n_header, ATTRIB_ERANGE,
             "%s: %s: too large", self->output.path, name);
    AT_TRY(begin_member(self, name, n_prefix + n_header + n_bytes));
    AT_TRY(at_npz_write(self, NPY_MAGIC, sizeof NPY_MAGIC - 1));
    AT_TRY(at_npz_write(self, length, sizeof length));
    AT_TRY(at_npz_write(self, header.bytes, header.n_bytes));
done:
    at_buffer_free(&header);
    return status;
}
