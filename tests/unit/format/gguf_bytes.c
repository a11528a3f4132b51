/* SPDX-License-Identifier: MIT */
#include "gguf_bytes.h"

#include <string.h>

void put(bytes *b, const void *data, size_t n)
{
    assert_true(n <= sizeof b->data - b->n);
    memcpy(b->data + b->n, data, n);
    b->n += n;
}

void put_u32(bytes *b, uint32_t value)
{
    put(b, &value, sizeof value);
}

void put_u64(bytes *b, uint64_t value)
{
    put(b, &value, sizeof value);
}

void put_text(bytes *b, const char *text)
{
    put_u64(b, strlen(text));
    put(b, text, strlen(text));
}

void put_header(bytes *b, uint32_t version, uint64_t n_tensors, uint64_t n_values)
{
    put(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_values);
}

void put_value_u32(bytes *b, const char *key, uint32_t value)
{
    put_text(b, key);
    put_u32(b, AT_GGUF_U32);
    put_u32(b, value);
}

void put_tensor(bytes *b,
                const char *name,
                uint64_t columns,
                uint64_t rows,
                uint32_t type,
                uint64_t at)
{
    put_text(b, name);
    put_u32(b, 2);
    put_u64(b, columns);
    put_u64(b, rows);
    put_u32(b, type);
    put_u64(b, at);
}

void pad(bytes *b)
{
    static const unsigned char zeros[32];
    put(b, zeros, (32 - b->n % 32) % 32);
}
