/* SPDX-License-Identifier: MIT */
/* Record files: sealed msgpack maps, and their members. */
#include "format/record.h"

#include <stdlib.h>
#include <string.h>

#include "format/msgpack_check.h"

#define MAX_RECORD_BYTES ((size_t)1 << 32)

/* 1. Files */

attrib_status at_record_seal(const msgpack_sbuffer *buffer,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned char digest[AT_DIGEST_BYTES];
    at_digest_bytes(buffer->data, buffer->size, digest);
    AT_TRY(at_buffer_append(out, AT_RECORD_MAGIC, AT_RECORD_MAGIC_BYTES, err));
    AT_TRY(at_buffer_append(out, buffer->data, buffer->size, err));
    AT_TRY(at_buffer_append(out, digest, sizeof digest, err));
done:
    return status;
}

attrib_status at_record_write(const char *path,
                              const msgpack_sbuffer *buffer,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    unsigned char digest[AT_DIGEST_BYTES];
    at_output output = {0};
    at_digest_bytes(buffer->data, buffer->size, digest);
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, AT_RECORD_MAGIC, AT_RECORD_MAGIC_BYTES, err));
    AT_TRY(at_output_write(&output, buffer->data, buffer->size, err));
    AT_TRY(at_output_write(&output, digest, sizeof digest, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    return status;
}

/* Magic, version and digest. */
static attrib_status check_seal(const char *name,
                                const at_buffer *bytes,
                                attrib_error *err)
{
    unsigned char digest[AT_DIGEST_BYTES];
    size_t n = bytes->n_bytes;
    if (n < AT_RECORD_MAGIC_BYTES ||
        memcmp(bytes->bytes, AT_RECORD_MAGIC, AT_RECORD_MAGIC_BYTES - 1) != 0) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: not a record of attrib", name);
    }
    char version = bytes->bytes[AT_RECORD_MAGIC_BYTES - 1];
    if (version != AT_RECORD_MAGIC[AT_RECORD_MAGIC_BYTES - 1]) {
        return at_fail(err, ATTRIB_EVERSION, "%s: record version '%c', expected '%c'",
                       name, version, AT_RECORD_MAGIC[AT_RECORD_MAGIC_BYTES - 1]);
    }
    if (n < AT_RECORD_MAGIC_BYTES + AT_DIGEST_BYTES) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: %zu bytes (truncated)", name, n);
    }
    size_t n_map = n - AT_RECORD_MAGIC_BYTES - AT_DIGEST_BYTES;
    at_digest_bytes(bytes->bytes + AT_RECORD_MAGIC_BYTES, n_map, digest);
    if (memcmp(digest, bytes->bytes + AT_RECORD_MAGIC_BYTES + n_map, sizeof digest) !=
        0) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: its bytes do not have the hash at its end (truncated or "
                       "changed)",
                       name);
    }
    return ATTRIB_OK;
}

attrib_status at_record_unpack(const char *name,
                               const char *bytes,
                               size_t n,
                               msgpack_unpacked *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t offset = 0;
    msgpack_unpack_return result = MSGPACK_UNPACK_PARSE_ERROR;
    AT_CHECK(at_msgpack_is_whole(bytes, n), ATTRIB_EFORMAT,
             "%s: its %zu bytes are not one msgpack value", name, n);
    result = msgpack_unpack_next(out, bytes, n, &offset);
    AT_CHECK(result != MSGPACK_UNPACK_NOMEM_ERROR, ATTRIB_ENOMEM,
             "%s: out of memory for its msgpack", name);
    AT_CHECK(result == MSGPACK_UNPACK_SUCCESS && offset == n, ATTRIB_EFORMAT,
             "%s: its msgpack cannot be read", name);
    AT_CHECK(out->data.type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: expected a msgpack map", name);
done:
    return status;
}

attrib_status at_record_parse(const char *name,
                              at_buffer *bytes,
                              at_record *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record;
    memset(&record, 0, sizeof record);
    msgpack_unpacked_init(&record.unpacked);
    AT_TRY(at_copy_text(name, strlen(name), &record.name, err));
    AT_TRY(check_seal(name, bytes, err));
    AT_TRY(at_record_unpack(name, bytes->bytes + AT_RECORD_MAGIC_BYTES,
                            bytes->n_bytes - AT_RECORD_MAGIC_BYTES - AT_DIGEST_BYTES,
                            &record.unpacked, err));
    record.map = record.unpacked.data;
    record.bytes = *bytes;
    *bytes = (at_buffer){0};
    *out = record;
    memset(&record, 0, sizeof record);
done:
    at_record_free(&record);
    return status;
}

attrib_status at_record_read(const char *path, at_record *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer bytes = {0};
    AT_TRY(at_read_file(path, MAX_RECORD_BYTES, &bytes, err));
    AT_TRY(at_record_parse(path, &bytes, out, err));
done:
    at_buffer_free(&bytes);
    return status;
}

void at_record_free(at_record *record)
{
    msgpack_unpacked_destroy(&record->unpacked);
    at_buffer_free(&record->bytes);
    free(record->name);
    memset(record, 0, sizeof *record);
}

/* 2. Members */

const msgpack_object *at_record_find(const msgpack_object *map, const char *key)
{
    if (map->type != MSGPACK_OBJECT_MAP) {
        return NULL;
    }
    size_t n = strlen(key);
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == n &&
            memcmp(pair->key.via.str.ptr, key, n) == 0) {
            return &pair->val;
        }
    }
    return NULL;
}

static attrib_status fail_kind(const char *name,
                               const char *key,
                               const char *expected,
                               attrib_error *err)
{
    return at_fail(err, ATTRIB_EFORMAT, "%s: key \"%s\": expected %s", name, key,
                   expected);
}

attrib_status at_record_size(const char *name,
                             const msgpack_object *map,
                             const char *key,
                             size_t *out,
                             attrib_error *err)
{
    const msgpack_object *value = at_record_find(map, key);
    if (value && value->type != MSGPACK_OBJECT_NIL) {
        if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 > SIZE_MAX) {
            return fail_kind(name, key, "a whole number from 0 on", err);
        }
        *out = (size_t)value->via.u64;
    }
    return ATTRIB_OK;
}

attrib_status at_record_number(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               double *out,
                               attrib_error *err)
{
    const msgpack_object *value = at_record_find(map, key);
    if (!value) {
        return ATTRIB_OK;
    }
    switch (value->type) {
    case MSGPACK_OBJECT_NIL:
        return ATTRIB_OK;
    case MSGPACK_OBJECT_FLOAT32:
    case MSGPACK_OBJECT_FLOAT64:
        *out = value->via.f64;
        return ATTRIB_OK;
    case MSGPACK_OBJECT_POSITIVE_INTEGER:
        *out = (double)value->via.u64;
        return ATTRIB_OK;
    case MSGPACK_OBJECT_NEGATIVE_INTEGER:
        *out = (double)value->via.i64;
        return ATTRIB_OK;
    default:
        return fail_kind(name, key, "a number", err);
    }
}

attrib_status at_record_text(const char *name,
                             const msgpack_object *map,
                             const char *key,
                             const char **out,
                             size_t *n,
                             attrib_error *err)
{
    const msgpack_object *value = at_record_find(map, key);
    if (value && value->type != MSGPACK_OBJECT_NIL) {
        if (value->type != MSGPACK_OBJECT_STR) {
            return fail_kind(name, key, "text", err);
        }
        *out = value->via.str.ptr;
        *n = value->via.str.size;
    }
    return ATTRIB_OK;
}

/* 3. Packing */

static attrib_status packed(int failed, attrib_error *err)
{
    return failed ? at_fail(err, ATTRIB_ENOMEM, "out of memory for a record") : ATTRIB_OK;
}

attrib_status at_pack_text(msgpack_packer *packer,
                           const char *text,
                           size_t n,
                           attrib_error *err)
{
    if (n > UINT32_MAX) {
        return at_fail(err, ATTRIB_ERANGE, "%zu bytes of text, a record holds at most %u",
                       n, UINT32_MAX);
    }
    int failed = msgpack_pack_str(packer, n);
    if (!failed && n) {
        failed = msgpack_pack_str_body(packer, text, n);
    }
    return packed(failed, err);
}

attrib_status at_pack_key(msgpack_packer *packer, const char *key, attrib_error *err)
{
    return at_pack_text(packer, key, strlen(key), err);
}

attrib_status at_pack_size(msgpack_packer *packer, size_t value, attrib_error *err)
{
    return packed(msgpack_pack_uint64(packer, value), err);
}

attrib_status at_pack_number(msgpack_packer *packer, double value, attrib_error *err)
{
    return packed(msgpack_pack_double(packer, value), err);
}
