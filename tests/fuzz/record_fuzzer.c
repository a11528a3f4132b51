/* SPDX-License-Identifier: MIT */
/* Any bytes as a record. Where the first byte is even the rest is sealed, so that hostile
 * maps with a right hash are tried too. */
#include <stdlib.h>
#include <string.h>

#include "format/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touch every value, as deep as there are any. */
static size_t visit(const msgpack_object *object)
{
    size_t sum = 1;
    if (object->type == MSGPACK_OBJECT_ARRAY) {
        for (uint32_t i = 0; i < object->via.array.size; i++) {
            sum += visit(&object->via.array.ptr[i]);
        }
    } else if (object->type == MSGPACK_OBJECT_MAP) {
        for (uint32_t i = 0; i < object->via.map.size; i++) {
            sum += visit(&object->via.map.ptr[i].key);
            sum += visit(&object->via.map.ptr[i].val);
        }
    } else if (object->type == MSGPACK_OBJECT_STR) {
        for (uint32_t i = 0; i < object->via.str.size; i++) {
            sum += (unsigned char)object->via.str.ptr[i];
        }
    }
    return sum;
}

static void append(at_buffer *buffer, const void *bytes, size_t n)
{
    if (at_buffer_append(buffer, bytes, n, NULL) != ATTRIB_OK) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_record record;
    at_buffer bytes = {0};
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        unsigned char digest[AT_DIGEST_BYTES];
        at_digest_bytes(data + 1, size - 1, digest);
        append(&bytes, AT_RECORD_MAGIC, AT_RECORD_MAGIC_BYTES);
        append(&bytes, data + 1, size - 1);
        append(&bytes, digest, sizeof digest);
    } else {
        append(&bytes, data + 1, size - 1);
    }
    if (at_record_parse("fuzz", &bytes, &record, &err) == ATTRIB_OK) {
        size_t n = 0;
        double number = 0;
        const char *text = NULL;
        (void)!at_record_size("fuzz", &record.map, "n", &n, NULL);
        (void)!at_record_number("fuzz", &record.map, "n", &number, NULL);
        (void)!at_record_text("fuzz", &record.map, "n", &text, &n, NULL);
        if (visit(&record.map) == 0) {
            abort();
        }
        at_record_free(&record);
    } else if (err.message[0] == '\0') {
        abort();
    }
    at_buffer_free(&bytes);
    return 0;
}
