/* SPDX-License-Identifier: MIT */
/* Writing a safetensors file as a stream: its header needs every size, so tensors are
 * declared before the first byte of them. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/json.h"
#include "format/safetensors.h"
#include "format/safetensors_file.h"
#include "format/slots.h"

#define LENGTH_BYTES 8

struct at_tensor_writer {
    at_output output;
    char *path;
    json_t *metadata, *entries; /* objects, in the order declared */
    uint64_t n_declared;        /* bytes of all tensors declared */
    uint64_t n_written;
    bool is_begun; /* the header was written: nothing more may be declared */
};

void at_tensor_writer_free(at_tensor_writer *writer)
{
    if (!writer) {
        return;
    }
    at_output_discard(&writer->output);
    json_decref(writer->metadata);
    json_decref(writer->entries);
    free(writer->path);
    free(writer);
}

attrib_status at_tensor_writer_open(const char *path,
                                    at_tensor_writer **out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    AT_TRY(at_array(1, sizeof *writer, &writer, err));
    AT_TRY(at_copy_text(path, strlen(path), &writer->path, err));
    writer->metadata = json_object();
    writer->entries = json_object();
    AT_CHECK(writer->metadata && writer->entries, ATTRIB_ENOMEM,
             "%s: out of memory for its header", path);
    AT_TRY(at_output_open(path, &writer->output, err));
    *out = writer;
    writer = NULL;
done:
    at_tensor_writer_free(writer);
    return status;
}

/* Put a new member into an object of the header; `value` is taken over. jansson refuses
 * text that is not UTF-8, and NULL, which stands for the same or for no memory. */
static attrib_status put(const at_tensor_writer *writer,
                         json_t *object,
                         const char *key,
                         json_t *value,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!json_object_get(object, key), ATTRIB_EINVAL, "%s: %s is there twice",
             writer->path, key);
    AT_CHECK(value && json_object_set(object, key, value) == 0, ATTRIB_EINVAL,
             "%s: %s cannot be put into the header: not UTF-8, or out of memory",
             writer->path, key);
done:
    json_decref(value);
    return status;
}

attrib_status at_tensor_writer_metadata(at_tensor_writer *writer,
                                        const char *key,
                                        const char *value,
                                        attrib_error *err)
{
    assert(!writer->is_begun);
    return put(writer, writer->metadata, key, json_string(value), err);
}

/* {"dtype": ..., "shape": [...], "data_offsets": [start, end]} */
static json_t *new_entry(
    attrib_dtype dtype, size_t n_dims, const size_t *shape, uint64_t start, uint64_t end)
{
    json_t *dims = json_array();
    for (size_t i = 0; dims && i < n_dims; i++) {
        if (json_array_append_new(dims, json_integer((json_int_t)shape[i])) != 0) {
            json_decref(dims);
            dims = NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", attrib_dtype_name(dtype), "shape",
                     dims, "data_offsets", (json_int_t)start, (json_int_t)end);
}

attrib_status at_tensor_writer_declare(at_tensor_writer *writer,
                                       const char *name,
                                       attrib_dtype dtype,
                                       size_t n_dims,
                                       const size_t *shape,
                                       attrib_error *err)
{
    assert(!writer->is_begun && n_dims <= AT_MAX_DIMS && dtype < AT_N_PLAIN_DTYPES);
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = attrib_dtype_bytes(dtype);
    uint64_t end = 0;
    for (size_t i = 0; i < n_dims; i++) {
        AT_TRY(at_mul(n_bytes, shape[i], &n_bytes, err));
        AT_CHECK(shape[i] <= INT64_MAX, ATTRIB_ERANGE, "%s: %s: a dimension of %zu",
                 writer->path, name, shape[i]);
    }
    AT_CHECK(n_bytes <= (uint64_t)INT64_MAX - writer->n_declared, ATTRIB_ERANGE,
             "%s: %s: %zu bytes more are too many", writer->path, name, n_bytes);
    AT_CHECK(strcmp(name, AT_METADATA_KEY) != 0, ATTRIB_EINVAL,
             "%s: a tensor cannot be called %s", writer->path, name);
    end = writer->n_declared + n_bytes;
    AT_TRY(put(writer, writer->entries, name,
               new_entry(dtype, n_dims, shape, writer->n_declared, end), err));
    writer->n_declared = end;
done:
    return status;
}

/* {"__metadata__": {...}, "a": {...}, ...}, padded with spaces to a multiple of 8 bytes,
 * so that the data are aligned. */
static attrib_status print_header(const at_tensor_writer *writer,
                                  at_buffer *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer entries = {0};
    bool has_entries = json_object_size(writer->entries) > 0;
    AT_TRY(at_buffer_append(out, "{", 1, err));
    if (json_object_size(writer->metadata) > 0) {
        AT_TRY(at_buffer_print(out, err, "\"" AT_METADATA_KEY "\":"));
        AT_TRY(at_json_append(out, writer->metadata, err));
        AT_TRY(at_buffer_append(out, ",", has_entries, err));
    }
    AT_TRY(at_json_append(&entries, writer->entries, err));
    AT_TRY(at_buffer_append(out, entries.bytes + 1, entries.n_bytes - 1, err));
    AT_TRY(at_buffer_append(out, "       ", (8 - out->n_bytes % 8) % 8, err));
    AT_CHECK(out->n_bytes <= AT_MAX_HEADER_BYTES, ATTRIB_ERANGE,
             "%s: a header of %zu bytes, at most %u are allowed", writer->path,
             out->n_bytes, AT_MAX_HEADER_BYTES);
done:
    at_buffer_free(&entries);
    return status;
}

static attrib_status begin(at_tensor_writer *writer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer header = {0};
    uint64_t n_bytes = 0;
    if (writer->is_begun) {
        return ATTRIB_OK;
    }
    AT_TRY(print_header(writer, &header, err));
    n_bytes = header.n_bytes;
    AT_TRY(at_output_write(&writer->output, &n_bytes, LENGTH_BYTES, err));
    AT_TRY(at_output_write(&writer->output, header.bytes, header.n_bytes, err));
    writer->is_begun = true;
done:
    at_buffer_free(&header);
    return status;
}

attrib_status at_tensor_writer_write(at_tensor_writer *writer,
                                     const void *bytes,
                                     size_t n_bytes,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(begin(writer, err));
    AT_TRY(at_output_write(&writer->output, bytes, n_bytes, err));
    writer->n_written += n_bytes;
done:
    return status;
}

/* All that was declared was written. */
static attrib_status check_whole(at_tensor_writer *writer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(begin(writer, err));
    AT_CHECK(writer->n_written == writer->n_declared, ATTRIB_ESHAPE,
             "%s: %llu bytes of tensors written, %llu declared", writer->path,
             (unsigned long long)writer->n_written,
             (unsigned long long)writer->n_declared);
done:
    return status;
}

attrib_status at_tensor_writer_commit(at_tensor_writer *writer, attrib_error *err)
{
    attrib_status status = check_whole(writer, err);
    return status == ATTRIB_OK ? at_output_commit(&writer->output, err) : status;
}

attrib_status at_tensor_writer_place(at_tensor_writer *writer, attrib_error *err)
{
    attrib_status status = check_whole(writer, err);
    return status == ATTRIB_OK ? at_output_place(&writer->output, err) : status;
}

attrib_status at_slots_make(at_tensor_writer *writer, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    off_t header = 0;
    FILE *stream = writer->output.stream;
    AT_TRY(begin(writer, err));
    header = ftello(stream);
    AT_CHECK(header >= 0 && fflush(stream) == 0 &&
                 ftruncate(fileno(stream), header + (off_t)writer->n_declared) == 0,
             ATTRIB_EIO, "%s: making room: %s", writer->path,
             at_errno_text(errno, text, sizeof text));
    AT_TRY(at_output_place(&writer->output, err));
done:
    return status;
}
