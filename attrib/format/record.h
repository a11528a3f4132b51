/* SPDX-License-Identifier: MIT */
/* Records: versioned msgpack maps on disk, the manifest of factors and runs among them.
 *
 * A record file is: the 8 bytes "ATTRIBR1", one msgpack map, the 16-byte XXH3-128 of that
 * map. So a truncated or damaged file is recognized before any of its values is used.
 */
#ifndef AT_FORMAT_RECORD_H
#define AT_FORMAT_RECORD_H

#include <msgpack.h>

#include "base/file.h"

/* Write what was packed into `buffer` (one map) as a record file, atomically. */
attrib_status at_record_write(const char *path,
                              const msgpack_sbuffer *buffer,
                              attrib_error *err);

/* Append the bytes of such a file: magic, map and hash. */
attrib_status at_record_seal(const msgpack_sbuffer *buffer,
                             at_buffer *out,
                             attrib_error *err);

#define AT_RECORD_MAGIC       "ATTRIBR1"
#define AT_RECORD_MAGIC_BYTES 8

/* A record file in memory: the map, valid until freed. */
typedef struct at_record {
    msgpack_unpacked unpacked;
    msgpack_object map; /* of type MAP */
    at_buffer bytes;
    char *name; /* the path, for messages */
} at_record;

/* EFORMAT where the magic, the hash or the msgpack is wrong, or the map is not one;
 * EVERSION for a record of another version. */
attrib_status at_record_read(const char *path, at_record *out, attrib_error *err);
/* Parse a record file's bytes in memory. *bytes is taken over on success and left alone
 * otherwise. */
attrib_status at_record_parse(const char *name,
                              at_buffer *bytes,
                              at_record *out,
                              attrib_error *err);
void at_record_free(at_record *record);
/* Unpack bytes that are one msgpack map, which is `out->data`; `out` was made by
 * msgpack_unpacked_init() and borrows the bytes. EFORMAT where they are not. */
attrib_status at_record_unpack(const char *name,
                               const char *bytes,
                               size_t n,
                               msgpack_unpacked *out,
                               attrib_error *err);

/* Members of a map, with defaults and kind checks as in json.h. Text is borrowed, not
 * NUL-terminated. */
const msgpack_object *at_record_find(const msgpack_object *map,
                                     const char *key); /* NULL if absent */
attrib_status at_record_size(const char *name,
                             const msgpack_object *map,
                             const char *key,
                             size_t *out,
                             attrib_error *err);
attrib_status at_record_number(const char *name,
                               const msgpack_object *map,
                               const char *key,
                               double *out,
                               attrib_error *err);
attrib_status at_record_text(const char *name,
                             const msgpack_object *map,
                             const char *key,
                             const char **out,
                             size_t *n,
                             attrib_error *err);

/* Pack helpers: a text key with a value. msgpack_sbuffer memory failures are ENOMEM. */
attrib_status at_pack_key(msgpack_packer *packer, const char *key, attrib_error *err);
attrib_status at_pack_text(msgpack_packer *packer,
                           const char *text,
                           size_t n,
                           attrib_error *err);
attrib_status at_pack_size(msgpack_packer *packer, size_t value, attrib_error *err);
attrib_status at_pack_number(msgpack_packer *packer, double value, attrib_error *err);

#endif
