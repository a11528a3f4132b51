/* SPDX-License-Identifier: MIT */
/* The scratch of a pass: counted without memory, then dealt. */
#include "gradient/pass_scratch.h"

#include "linalg/linalg.h"
#include "model/model.h"

/* Count the largest desk of any tap, map and block; only one is in use at a time. */
attrib_status at_pass_count_desk(const at_pass *pass,
                                 const at_pass_size *size,
                                 const attrib_tap *taps,
                                 size_t n_taps,
                                 size_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = 0;
    for (size_t k = 0; k < n_taps; k++) {
        for (size_t m = 0; taps[k].desk && m < pass->n_tracked; m++) {
            for (size_t i = 0; i < size->n_sizes; i++) {
                attrib_bank bank = {0};
                AT_TRY(taps[k].desk(taps[k].context, m, &size->sizes[i], &bank, err));
                *out = at_larger(*out, bank.used);
            }
        }
    }
done:
    return status;
}

/* Deal the arrays of a worker whose desk_bytes and state_width are set. */
attrib_status at_pass_deal(const at_pass_size *size,
                           const attrib_tap *taps,
                           size_t n_taps,
                           attrib_bank *bank,
                           at_pass_worker *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = size->most.n_sequences;
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *out->sequences, &out->sequences, err));
    AT_TRY(
        attrib_bank_deal(bank, n + 1, 1, sizeof *out->first_row, &out->first_row, err));
    AT_TRY(attrib_bank_deal(bank, n + 1, 1, sizeof *out->handed_first_row,
                            &out->handed_first_row, err));
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *out->losses, &out->losses, err));
    AT_TRY(attrib_bank_deal(bank, n, 1, sizeof *out->slopes, &out->slopes, err));
    AT_TRY(attrib_bank_deal(bank, taps[0].is_forward ? size->most.n_rows : 0, 1,
                            sizeof *out->row_slopes, &out->row_slopes, err));
    AT_TRY(attrib_bank_deal(bank, taps[0].reaches_input ? size->most.n_rows : 0, 1,
                            sizeof *out->row_inputs, &out->row_inputs, err));
    AT_TRY(attrib_bank_deal(bank, out->state_width ? size->most.n_rows : 0,
                            out->state_width, sizeof *out->states, &out->states, err));
    AT_TRY(attrib_bank_deal(bank, n_taps, 1, sizeof *out->scratch, &out->scratch, err));
    for (size_t k = 0; k < n_taps; k++) {
        void *scratch = NULL;
        if (taps[k].deal) {
            AT_TRY(taps[k].deal(taps[k].context, &size->most, bank, &scratch, err));
        }
        if (bank->base) {
            out->scratch[k] = scratch;
        }
    }
    AT_TRY(attrib_bank_deal(bank, out->desk_bytes, 1, 1, &out->desk.base, err));
done:
    return status;
}

/* The width of the widest matrix in the products of the pass; the buffers that BLAS takes
 * depend on it. */
static size_t widest_of(const at_pass *pass, const at_pass_size *size)
{
    size_t widest = size->most.n_rows;
    for (size_t m = 0; m < pass->n_tracked; m++) {
        const attrib_module *module = attrib_model_module(pass->model, pass->tracked[m]);
        widest = at_larger(widest, at_larger(module->out_dim, module->in_dim));
    }
    return widest;
}

at_mode at_pass_mode(const attrib_tap *taps)
{
    return taps[0].is_forward      ? AT_MODE_FORWARD
           : taps[0].n_vectors > 0 ? AT_MODE_PRODUCT
           : taps[0].reaches_input ? AT_MODE_INPUT
                                   : AT_MODE_REVERSE;
}

size_t at_pass_state_width(const at_pass *pass, const attrib_tap *taps)
{
    return taps[0].wants_states ? attrib_model_describe(pass->model)->width : 0;
}

attrib_status at_pass_bytes(const at_pass *pass,
                            const at_pass_size *size,
                            const attrib_tap *taps,
                            size_t n_taps,
                            double *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_bank bank = {0};
    at_pass_worker w = {.state_width = at_pass_state_width(pass, taps)};
    const at_decoding how = {pass->model, at_pass_mode(taps), pass->tracked,
                             pass->n_tracked, pass->layers_limit};
    size_t decoder_bytes = 0;
    AT_TRY(at_pass_count_desk(pass, size, taps, n_taps, &w.desk_bytes, err));
    AT_TRY(at_pass_deal(size, taps, n_taps, &bank, &w, err));
    AT_TRY(at_decoder_bytes(&how, size->most.n_rows, size->most.longest, &decoder_bytes,
                            err));
    *out = (double)bank.used + (double)decoder_bytes +
           at_blas_bytes(widest_of(pass, size), sizeof(float)) +
           at_multiplier_bytes(pass->precision);
done:
    return status;
}
