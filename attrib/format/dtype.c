/* SPDX-License-Identifier: MIT */
/* Element types of tensors: names and sizes. */
#include "format/tensor.h"

static const struct {
    const char *name;
    at_packing block;
} dtypes[ATTRIB_N_DTYPES] = {
    [ATTRIB_F64] = {"F64", {1, 8}},
    [ATTRIB_F32] = {"F32", {1, 4}},
    [ATTRIB_F16] = {"F16", {1, 2}},
    [ATTRIB_BF16] = {"BF16", {1, 2}},
    [ATTRIB_I64] = {"I64", {1, 8}},
    [ATTRIB_I32] = {"I32", {1, 4}},
    [ATTRIB_I16] = {"I16", {1, 2}},
    [ATTRIB_I8] = {"I8", {1, 1}},
    [ATTRIB_U64] = {"U64", {1, 8}},
    [ATTRIB_U32] = {"U32", {1, 4}},
    [ATTRIB_U16] = {"U16", {1, 2}},
    [ATTRIB_U8] = {"U8", {1, 1}},
    [ATTRIB_BOOL] = {"BOOL", {1, 1}},
    [ATTRIB_F8_E4M3] = {"F8_E4M3", {1, 1}},
    [ATTRIB_F8_E5M2] = {"F8_E5M2", {1, 1}},
    [ATTRIB_Q4_0] = {"Q4_0", {32, 18}},
    [ATTRIB_Q4_1] = {"Q4_1", {32, 20}},
    [ATTRIB_Q5_0] = {"Q5_0", {32, 22}},
    [ATTRIB_Q5_1] = {"Q5_1", {32, 24}},
    [ATTRIB_Q8_0] = {"Q8_0", {32, 34}},
    [ATTRIB_Q2_K] = {"Q2_K", {256, 84}},
    [ATTRIB_Q3_K] = {"Q3_K", {256, 110}},
    [ATTRIB_Q4_K] = {"Q4_K", {256, 144}},
    [ATTRIB_Q5_K] = {"Q5_K", {256, 176}},
    [ATTRIB_Q6_K] = {"Q6_K", {256, 210}},
    [ATTRIB_IQ4_NL] = {"IQ4_NL", {32, 18}},
    [ATTRIB_IQ4_XS] = {"IQ4_XS", {256, 136}},
    [ATTRIB_Q8_1] = {"Q8_1", {32, 36}},
    [ATTRIB_Q8_K] = {"Q8_K", {256, 292}},
    [ATTRIB_IQ1_S] = {"IQ1_S", {256, 50}},
    [ATTRIB_IQ1_M] = {"IQ1_M", {256, 56}},
    [ATTRIB_IQ2_XXS] = {"IQ2_XXS", {256, 66}},
    [ATTRIB_IQ2_XS] = {"IQ2_XS", {256, 74}},
    [ATTRIB_IQ2_S] = {"IQ2_S", {256, 82}},
    [ATTRIB_IQ3_XXS] = {"IQ3_XXS", {256, 98}},
    [ATTRIB_IQ3_S] = {"IQ3_S", {256, 110}},
    [ATTRIB_TQ1_0] = {"TQ1_0", {256, 54}},
    [ATTRIB_TQ2_0] = {"TQ2_0", {256, 66}},
    [ATTRIB_MXFP4] = {"MXFP4", {32, 17}},
};

const char *attrib_dtype_name(attrib_dtype dtype)
{
    return (unsigned)dtype < ATTRIB_N_DTYPES ? dtypes[dtype].name : "?";
}

at_packing at_dtype_packing(attrib_dtype dtype)
{
    return (unsigned)dtype < ATTRIB_N_DTYPES ? dtypes[dtype].block : (at_packing){0, 0};
}

size_t attrib_dtype_bytes(attrib_dtype dtype)
{
    at_packing block = at_dtype_packing(dtype);
    return block.elements == 1 ? block.bytes : 0;
}
