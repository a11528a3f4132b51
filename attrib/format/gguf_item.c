/* SPDX-License-Identifier: MIT */
/* Items of a GGUF file's values: their types, and numbers of any type. */
#include <string.h>

#include "format/gguf_file.h"

static const char *const type_names[AT_N_GGUF_TYPES] = {
    [AT_GGUF_U8] = "u8",       [AT_GGUF_I8] = "i8",     [AT_GGUF_U16] = "u16",
    [AT_GGUF_I16] = "i16",     [AT_GGUF_U32] = "u32",   [AT_GGUF_I32] = "i32",
    [AT_GGUF_F32] = "f32",     [AT_GGUF_BOOL] = "bool", [AT_GGUF_TEXT] = "text",
    [AT_GGUF_U64] = "u64",     [AT_GGUF_I64] = "i64",   [AT_GGUF_F64] = "f64",
    [AT_GGUF_ARRAY] = "array",
};

const char *at_gguf_type_name(at_gguf_type type)
{
    return (unsigned)type < AT_N_GGUF_TYPES ? type_names[type] : "?";
}

#define READ(type, expression)                                                           \
    do {                                                                                 \
        type x;                                                                          \
        memcpy(&x, value->data + i * sizeof x, sizeof x);                                \
        *out = (expression);                                                             \
    } while (0)

bool at_gguf_item_integer(const at_gguf_value *value, size_t i, int64_t *out)
{
    switch (value->type) {
    case AT_GGUF_U8:
        READ(uint8_t, x);
        return true;
    case AT_GGUF_I8:
        READ(uint8_t, x < 128 ? x : x - 256);
        return true;
    case AT_GGUF_U16:
        READ(uint16_t, x);
        return true;
    case AT_GGUF_I16:
        READ(int16_t, x);
        return true;
    case AT_GGUF_U32:
        READ(uint32_t, x);
        return true;
    case AT_GGUF_I32:
        READ(int32_t, x);
        return true;
    case AT_GGUF_I64:
        READ(int64_t, x);
        return true;
    case AT_GGUF_U64:
        READ(uint64_t, x > INT64_MAX ? -1 : (int64_t)x);
        return *out >= 0;
    default:
        return false;
    }
}

bool at_gguf_item_number(const at_gguf_value *value, size_t i, double *out)
{
    int64_t integer = 0;
    switch (value->type) {
    case AT_GGUF_F32:
        READ(float, (double)x);
        return true;
    case AT_GGUF_F64:
        READ(double, x);
        return true;
    default:
        if (at_gguf_item_integer(value, i, &integer)) {
            *out = (double)integer;
            return true;
        }
        return false;
    }
}

bool at_gguf_value_size(const at_gguf_value *value, size_t *out)
{
    int64_t integer = 0;
    if (value->is_array || !at_gguf_item_integer(value, 0, &integer) || integer < 0) {
        return false;
    }
    *out = (size_t)integer;
    return true;
}
