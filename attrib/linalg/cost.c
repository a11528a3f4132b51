/* SPDX-License-Identifier: MIT */
#include "linalg/cost.h"

#include "linalg/onednn.h"

void at_load_product(attrib_load *load, at_product_size size, double times)
{
    double flop = times * 2 * size.m * size.n * size.k;
    load->flop += flop;
    if (!at_onednn_is_faster(size.op_b, size.m, size.n, size.k)) {
        load->blas_flop += flop;
    }
    load->operands += times * (size.m * size.k + size.k * size.n + size.m * size.n);
}

void at_load_square(attrib_load *load, double n, double k)
{
    load->flop += n * n * k;
    load->blas_flop += n * n * k;
    load->operands += n * k + n * n / 2;
}

void at_load_dots(attrib_load *load, double m, double n, double k)
{
    load->flop += 2 * m * n * k;
    load->blas_flop += 2 * m * n * k;
    load->operands += m * k + n * k + m * n;
}
