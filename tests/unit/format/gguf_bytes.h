/* SPDX-License-Identifier: MIT */
/* GGUF files written byte by byte. */
#ifndef FORMAT_GGUF_BYTES_H
#define FORMAT_GGUF_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "format/gguf.h"
#include "support/check.h"

typedef struct bytes {
    unsigned char data[4096];
    size_t n;
} bytes;

void put(bytes *b, const void *data, size_t n);

void put_u32(bytes *b, uint32_t value);

void put_u64(bytes *b, uint64_t value);

void put_text(bytes *b, const char *text);

void put_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_values);

void put_value_u32(bytes *b, const char *key, uint32_t value);

void put_tensor(bytes *b,
                const char *name,
                uint64_t columns,
                uint64_t rows,
                uint32_t type,
                uint64_t at);

/* Zeros up to the next multiple of 32. */
void pad(bytes *b);

#endif
