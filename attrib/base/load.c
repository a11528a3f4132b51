/* SPDX-License-Identifier: MIT */
#include "base/load.h"

void at_load_add(attrib_load *to, const attrib_load *what, double times)
{
    to->flop += times * what->flop;
    to->operands += times * what->operands;
    to->elements += times * what->elements;
    to->bytes += times * what->bytes;
    to->fresh += times * what->fresh;
    to->blas_flop += times * what->blas_flop;
}
