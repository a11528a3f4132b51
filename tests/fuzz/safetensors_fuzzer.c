/* SPDX-License-Identifier: MIT */
/* Any bytes as a safetensors file: every byte of every tensor accepted must be there. The
 * first input byte chooses whether the length of the header is the input's own or is put
 * right, so that headers are reached often. */
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_all(const at_tensors *tensors)
{
    double values[16];
    char hash[AT_HASH_SIZE];
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        const at_tensor *tensor = at_tensors_get(tensors, i);
        unsigned sum = 0;
        for (size_t b = 0; b < tensor->n_bytes; b++) {
            sum += tensor->data[b];
        }
        if (sum == 1 && !tensor->name) {
            abort();
        }
        if (at_tensors_find(tensors, tensor->name) != tensor) {
            abort();
        }
        size_t n = tensor->n_elements < 16 ? tensor->n_elements : 16;
        (void)!at_tensor_to_f64(tensor, tensor->n_elements - n, n, values, NULL);
        (void)!at_tensor_to_f32(tensor, 0, n, (float *)values, NULL);
        (void)!at_tensor_expect(tensor, 1, &n, NULL);
    }
    (void)at_tensors_metadata(tensors, "format");
    if (at_tensors_hash(tensors, hash, NULL) != ATTRIB_OK) {
        abort();
    }
}

/* Where the first byte is even: an 8-byte length in front of what follows up to the first
 * newline, which is cut out; the rest is data. */
static void fuzz_framed(const uint8_t *data, size_t size)
{
    const uint8_t *newline = size ? memchr(data, '\n', size) : NULL;
    uint64_t n_header = newline ? (size_t)(newline - data) : size;
    size_t n_data = newline ? size - (size_t)n_header - 1 : 0;
    uint8_t *bytes = malloc(8 + (size_t)n_header + n_data);
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    if (!bytes) {
        abort();
    }
    memcpy(bytes, &n_header, 8);
    if (n_header) {
        memcpy(bytes + 8, data, (size_t)n_header);
    }
    if (n_data) {
        memcpy(bytes + 8 + n_header, newline + 1, n_data);
    }
    size_t n = 8 + (size_t)n_header + n_data;
    if (at_tensors_open_bytes("fuzz", bytes, n, &tensors, &err) == ATTRIB_OK) {
        read_all(tensors);
    } else if (err.message[0] == '\0' || tensors) {
        abort();
    }
    at_tensors_close(tensors);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_tensors *tensors = NULL;
    if (size == 0) {
        return 0;
    }
    if (data[0] % 2 == 0) {
        fuzz_framed(data + 1, size - 1);
    } else if (at_tensors_open_bytes("fuzz", data + 1, size - 1, &tensors, &err) ==
               ATTRIB_OK) {
        read_all(tensors);
    } else if (err.message[0] == '\0' || tensors) {
        abort();
    }
    at_tensors_close(tensors);
    return 0;
}
