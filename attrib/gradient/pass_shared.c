/* SPDX-License-Identifier: MIT */
/* What all workers of a pass read together: weights that are rounded once, and the mapped
 * files of the model and the corpus. */
#include "corpus/store.h"
#include "gradient/pass.h"
#include "model/model.h"
#include "model/rounded.h"

/* The share of the room in memory that rounded weights may take. What else takes memory
 * saves more time by it: maps that take turns for want of room cost a whole pass each,
 * while rounding weights for each block of 512 rows takes about a tenth of its time. */
#define ROUNDED_SHARE 0.125
/* The limits that are tried: each three quarters of the one before it, down to 128 MiB,
 * which is less than the usual. */
#define LAYERS_STEP  0.75
#define LEAST_LAYERS ((double)((size_t)128 << 20))

bool at_pass_rounds_once(const at_pass *pass)
{
    return pass->rounds_weights && pass->precision != ATTRIB_F32_PRODUCTS;
}

attrib_status at_pass_shared_bytes(const at_pass *pass, double *out, attrib_error *err)
{
    *out = 0;
    return at_pass_rounds_once(pass) ? at_rounded_bytes(pass->model, out, err)
                                     : ATTRIB_OK;
}

attrib_status at_pass_choose_rounding(const attrib_model *model,
                                      attrib_precision precision,
                                      double room,
                                      bool *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double bytes = 0;
    if (precision != ATTRIB_F32_PRODUCTS) {
        AT_TRY(at_rounded_bytes(model, &bytes, err));
    }
    *out = bytes <= ROUNDED_SHARE * room;
done:
    return status;
}

attrib_status at_pass_choose_layers(at_layers_bytes bytes_of,
                                    const void *context,
                                    double room,
                                    size_t n_workers,
                                    double *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double limit = room / (double)n_workers;
    *out = 0;
    while (*out == 0 && limit > LEAST_LAYERS) {
        double bytes = 0;
        AT_TRY(bytes_of(context, limit, &bytes, err));
        *out = bytes <= room ? limit : 0;
        limit *= LAYERS_STEP;
    }
done:
    return status;
}

double at_pass_mapped_bytes(const attrib_model *model, const attrib_corpus *corpus)
{
    return (model ? at_model_mapped_bytes(model) : 0) +
           (corpus ? at_corpus_mapped_bytes(corpus) : 0);
}
