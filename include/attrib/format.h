/* SPDX-License-Identifier: MIT */
/* Element types of tensors on disk. */
#ifndef ATTRIB_FORMAT_H
#define ATTRIB_FORMAT_H

#include <attrib/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Element types: those of safetensors, by their names there, then those of GGUF that
 * store elements in blocks, by their names in GGUF. Q4_0 to IQ4_XS can be
 * read; the types after them can only be named. */
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
    ATTRIB_Q4_0,
    ATTRIB_Q4_1,
    ATTRIB_Q5_0,
    ATTRIB_Q5_1,
    ATTRIB_Q8_0,
    ATTRIB_Q2_K,
    ATTRIB_Q3_K,
    ATTRIB_Q4_K,
    ATTRIB_Q5_K,
    ATTRIB_Q6_K,
    ATTRIB_IQ4_NL,
    ATTRIB_IQ4_XS,
    ATTRIB_Q8_1,
    ATTRIB_Q8_K,
    ATTRIB_IQ1_S,
    ATTRIB_IQ1_M,
    ATTRIB_IQ2_XXS,
    ATTRIB_IQ2_XS,
    ATTRIB_IQ2_S,
    ATTRIB_IQ3_XXS,
    ATTRIB_IQ3_S,
    ATTRIB_TQ1_0,
    ATTRIB_TQ2_0,
    ATTRIB_MXFP4,
    ATTRIB_N_DTYPES
} attrib_dtype;

/** The name of an element type in its files, "F32"; "?" for none.
 * @par Threads  Safe.
 */
ATTRIB_API const char *attrib_dtype_name(attrib_dtype dtype);

/** Bytes of one element; 0 for none and for types in blocks.
 * @par Threads  Safe.
 */
ATTRIB_API size_t attrib_dtype_bytes(attrib_dtype dtype);

#ifdef __cplusplus
}
#endif
#endif
