/* SPDX-License-Identifier: MIT */
/* The products that a program asks BLAS and oneDNN for, where its test links with --wrap
 * of cblas_sgemm, cblas_ssyrk, dnnl_sgemm, at_add_dots and at_combine_rows. */
#ifndef SUPPORT_PRODUCTS_H
#define SUPPORT_PRODUCTS_H

/* FLOP since products_take(): of all products, and of those that oneDNN did. */
double products_flop(void);
double products_of_onednn(void);

/* FLOP of all products since the last call; counts begin anew. */
double products_take(void);

#endif
