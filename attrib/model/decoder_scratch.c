/* SPDX-License-Identifier: MIT */
/* The memory of a decoder's scratch: how much a batch takes, what layers keep in it, and
 * room for it.
 *
 *   1. How much   2. Room   3. Dry runs */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "model/layers.h"

/* 1. How much */

static attrib_status count_kept(at_decoder *decoder,
                                at_kept kept,
                                size_t *out,
                                attrib_error *err)
{
    attrib_bank bank = {0};
    decoder->kept = kept;
    attrib_status status = at_decoder_deal(decoder, &bank, err);
    *out = bank.used;
    return status;
}

/* Bytes of all of it, with as much kept as stays below the limit; in product mode all is,
 * which every direction reads again. */
static attrib_status count(at_decoder *decoder, size_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_layers = decoder->model->config.n_layers;
    double share = fmax(1, (double)decoder->n_rows / (double)AT_KEPT_ROWS);
    double limit = share * decoder->kept_limit;
    at_kept kept = {at_decoder_first_reached(decoder), at_decoder_first_reached(decoder)};
    AT_TRY(count_kept(decoder, kept, out, err));
    if (decoder->mode == AT_MODE_PRODUCT) {
        goto done;
    }
    if ((double)*out > limit) {
        kept.qkv_from = n_layers;
        AT_TRY(count_kept(decoder, kept, out, err));
    }
    while ((double)*out > limit && kept.mlp_from < n_layers) {
        kept.mlp_from++;
        AT_TRY(count_kept(decoder, kept, out, err));
    }
done:
    return status;
}

/* Sequences within the context; how many rows, and the longest. */
static attrib_status measure(at_decoder *decoder,
                             const at_batch *batch,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t context = decoder->model->config.context;
    decoder->batch = batch;
    decoder->n_rows = batch->first_row[batch->n_sequences];
    decoder->n_all = decoder->n_rows;
    decoder->is_gathered = false;
    decoder->longest = 0;
    for (size_t i = 0; i < batch->n_sequences; i++) {
        size_t n = batch->sequences[i].n_tokens;
        size_t n_rows = batch->first_row[i + 1] - batch->first_row[i];
        assert(n_rows <= n);
        AT_CHECK(n <= context, ATTRIB_ERANGE,
                 "document %zu: a sequence of %zu tokens exceeds the model's context of "
                 "%zu",
                 batch->sequences[i].document, n, context);
        decoder->longest = n_rows > decoder->longest ? n_rows : decoder->longest;
    }
done:
    return status;
}

/* 2. Room */

/* Room for so many bytes: what was there is given back first. */
static attrib_status reserve(at_decoder *decoder, size_t n_bytes, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (n_bytes > decoder->bank_bytes) {
        free(decoder->bank);
        decoder->bank = NULL;
        decoder->bank_bytes = 0;
        AT_TRY(at_array(n_bytes, 1, &decoder->bank, err));
        decoder->bank_bytes = n_bytes;
    }
done:
    return status;
}

attrib_status at_decoder_reserve(
    at_decoder *decoder, at_mode mode, size_t n_rows, size_t longest, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_bytes = 0;
    decoder->mode = mode;
    decoder->n_rows = n_rows;
    decoder->longest = longest;
    AT_TRY(count(decoder, &n_bytes, err));
    AT_TRY(reserve(decoder, n_bytes, err));
done:
    return status;
}

attrib_status at_decoder_begin(at_decoder *decoder,
                               const at_batch *batch,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_bank bank = {0};
    size_t n_bytes = 0;
    AT_TRY(measure(decoder, batch, err));
    AT_TRY(count(decoder, &n_bytes, err));
    AT_TRY(reserve(decoder, n_bytes, err));
    bank.base = decoder->bank;
    AT_TRY(at_decoder_deal(decoder, &bank, err));
    if (at_has_tangents(decoder)) {
        size_t n = decoder->model->config.mlp_width;
        at_set_ones(decoder->tangents.ones, n, 0, 1); /* as a column */
    }
    for (size_t i = 0; i < batch->n_sequences; i++) {
        for (size_t row = batch->first_row[i]; row < batch->first_row[i + 1]; row++) {
            decoder->positions[row] = row - batch->first_row[i];
        }
    }
    if (at_is_rotary(decoder->model->config.architecture)) {
        at_rotary_fill(decoder);
    }
done:
    return status;
}

/* 3. Dry runs */

/* A decoder's scratch, and what layers keep in it. */
static attrib_status count_for(const at_decoding *how,
                               size_t n_rows,
                               size_t longest,
                               size_t *n_bytes,
                               at_kept *kept,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoder *decoder = NULL;
    size_t n_widened = 0;
    AT_TRY(at_decoder_new(how->model, how->tracked, how->n_tracked, &decoder, err));
    at_decoder_keep(decoder, how->layers_limit);
    decoder->mode = how->mode;
    decoder->n_rows = n_rows;
    decoder->longest = longest;
    AT_TRY(count(decoder, n_bytes, err));
    *kept = decoder->kept;
    AT_TRY(at_mul(decoder->widener.capacity, sizeof(float), &n_widened, err));
    AT_TRY(at_add(*n_bytes, n_widened, n_bytes, err));
done:
    at_decoder_free(decoder);
    return status;
}

attrib_status at_decoder_bytes(
    const at_decoding *how, size_t n_rows, size_t longest, size_t *out, attrib_error *err)
{
    at_kept kept = {0};
    return count_for(how, n_rows, longest, out, &kept, err);
}

attrib_status at_decoder_kept(const at_decoding *how,
                              size_t n_rows,
                              size_t longest,
                              at_kept *out,
                              attrib_error *err)
{
    size_t n_bytes = 0;
    return count_for(how, n_rows, longest, &n_bytes, out, err);
}
