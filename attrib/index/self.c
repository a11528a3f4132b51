/* SPDX-License-Identifier: MIT */
/* Self-influences that an index has, which a run then takes no pass for. */
#include "index/estimate.h"

attrib_status at_index_check_self(const at_setup *setup,
                                  const attrib_index *index,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_setting *setting = &setup->options.settings[0];
    const attrib_index_info *info = &index->info;
    AT_CHECK(setup->options.n_settings == 1 && setting->strategy == ATTRIB_EKFAC &&
                 setting->damping == info->damping &&
                 setting->is_damping_absolute == info->is_damping_absolute,
             ATTRIB_EINVAL,
             "the index has self-influences of ekfac with %s %g: cosines and "
             "self-influences by others are not in it",
             info->is_damping_absolute ? "damping-abs" : "damping", info->damping);
    AT_CHECK(setup->options.precision == ATTRIB_F32_PRODUCTS, ATTRIB_EINVAL,
             "the index has self-influences of gradients in f32, not by precision %s",
             attrib_precision_name(setup->options.precision));
done:
    return status;
}

/* Read the self-influences, out [n_documents], of documents with records in a piece. */
static attrib_status take_piece(const at_index_match *match,
                                size_t i_piece,
                                double *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = match->first[i_piece];
    size_t end = match->first[i_piece + 1];
    at_piece_map piece = {0};
    if (first == end) {
        return ATTRIB_OK;
    }
    AT_TRY(at_piece_open(match->index, i_piece, true, &piece, err));
    for (size_t i = first; i < end; i++) {
        out[match->documents[i]] = (double)piece.content.self[match->records[i]];
    }
done:
    at_piece_close(&piece);
    return status;
}

attrib_status at_index_self(const at_setup *setup,
                            const attrib_index *index,
                            double *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_index_match match = {0};
    AT_TRY(at_index_check(setup, index, err));
    AT_TRY(at_index_check_self(setup, index, err));
    AT_TRY(at_index_match_new(index, setup->corpus, &match, err));
    for (size_t p = 0; p < index->n_parts; p++) {
        AT_TRY(take_piece(&match, p, out, err));
    }
done:
    at_index_match_free(&match);
    return status;
}
