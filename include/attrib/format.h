/* SPDX-License-Identifier: MIT */
/* Element types of tensors on disk. */
#ifndef ATTRIB_FORMAT_H
#define ATTRIB_FORMAT_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Element types, by their names in safetensors. */
typedef enum attrib_dtype {
    ATTRIB_F64,
    ATTRIB_F32,
    ATTRIB_F16,
    ATTRIB_BF16,
    ATTRIB_I64,
    ATTRIB_I32,
    ATTRIB_I16,
    ATTRIB_I8,
    ATTRIB_U64,
    ATTRIB_U32,
    ATTRIB_U16,
    ATTRIB_U8,
    ATTRIB_BOOL,
    ATTRIB_F8_E4M3,
    ATTRIB_F8_E5M2,
    ATTRIB_N_DTYPES
} attrib_dtype;

/** The name of an element type in safetensors, "F32"; "?" for none. */
ATTRIB_API const char *attrib_dtype_name(attrib_dtype dtype);

/** Bytes of one element; 0 for none. */
ATTRIB_API size_t attrib_dtype_bytes(attrib_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
