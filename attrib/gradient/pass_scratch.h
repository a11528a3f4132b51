/* SPDX-License-Identifier: MIT */
/* What a worker of a pass has of its own. */
#ifndef AT_GRADIENT_PASS_SCRATCH_H
#define AT_GRADIENT_PASS_SCRATCH_H

#include "gradient/pass.h"

typedef struct at_pass_worker {
    at_decoder *decoder;
    at_multiplier *multiplier;
    attrib_sequence *sequences; /* [n_sequences], as many as the largest block has */
    size_t *first_row;          /* [n_sequences + 1] */
    size_t *handed_first_row;   /* the same among the rows of a map */
    double *losses, *slopes;    /* [n_sequences] */
    double *row_slopes;         /* [n_rows] of a forward pass */
    double *row_inputs;         /* [n_rows] of a pass that reaches the input */
    float *states;              /* [n_rows, width] of a pass that wants them */
    size_t state_width;         /* 0 where nobody does */
    void **scratch;             /* [n_taps] each tap's scratch */
    attrib_bank desk;           /* memory of one visit */
    size_t desk_bytes;          /* as much as any visit takes */
    char *bank;                 /* memory of all the above, except the decoder's */
} at_pass_worker;

/* Count the largest desk of any tap, map and block; only one is in use at a time. */
attrib_status at_pass_count_desk(const at_pass *pass,
                                 const at_pass_size *size,
                                 const attrib_tap *taps,
                                 size_t n_taps,
                                 size_t *out,
                                 attrib_error *err);

/* Deal the arrays of a worker whose desk_bytes and state_width are set. */
attrib_status at_pass_deal(const at_pass_size *size,
                           const attrib_tap *taps,
                           size_t n_taps,
                           attrib_bank *bank,
                           at_pass_worker *out,
                           attrib_error *err);

at_mode at_pass_mode(const attrib_tap *taps);

/* The width of the hidden states that taps want; 0 where they want none. */
size_t at_pass_state_width(const at_pass *pass, const attrib_tap *taps);

#endif
