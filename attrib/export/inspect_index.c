/* SPDX-License-Identifier: MIT */
/* What an index of gradients holds. */
#include "attrib/index.h"
#include "export/inspect.h"

/* What it was made of and how. */
static attrib_status put_sources(const attrib_index_info *info,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *paths = NULL;
    json_t *readings = NULL;
    AT_TRY(at_put_text(out, "model", info->model_path, err));
    AT_TRY(at_put_text(out, "model_hash", info->model_hash, err));
    AT_TRY(at_put_text(out, "factors", info->factors_path, err));
    AT_TRY(at_put_text(out, "factors_hash", info->factors_hash, err));
    AT_TRY(at_put_array(out, "corpus", &paths, err));
    for (size_t i = 0; i < info->corpus_paths.n; i++) {
        json_t *row = NULL;
        AT_TRY(at_add_object(paths, &row, err));
        AT_TRY(at_put_text(row, "path", info->corpus_paths.paths[i], err));
    }
    AT_TRY(at_put_text(out, "corpus_hash", info->corpus_hash, err));
    AT_TRY(at_put_text(out, "store", info->store_path, err));
    AT_TRY(at_put_array(out, "readings", &readings, err));
    for (size_t i = 0; i < info->n_readings; i++) {
        json_t *row = NULL;
        AT_TRY(at_add_object(readings, &row, err));
        AT_TRY(at_put_text(row, "option", info->readings[i].name, err));
        AT_TRY(at_put_text(row, "value", info->readings[i].value, err));
    }
    AT_TRY(at_put_text(out, "command", info->command, err));
done:
    return status;
}

attrib_status at_inspect_index(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *index = NULL;
    const attrib_index_info *info = NULL;
    AT_TRY(attrib_index_open(path, &index, err));
    info = attrib_index_describe(index);
    AT_TRY(at_put_size(out, "n_documents", info->n_documents, err));
    AT_TRY(at_put_size(out, "bytes_per_document", info->bytes_per_document, err));
    AT_TRY(at_put_size(out, "n_modules", info->n_modules, err));
    AT_TRY(at_put(out, "damping", json_real(info->damping), err));
    AT_TRY(at_put_text(out, "damping_unit",
                       info->is_damping_absolute ? "nats^2/weight^2" : "mean(Lambda)",
                       err));
    AT_TRY(at_put_size(out, "method", info->method, err));
    AT_TRY(at_put_text(out, "hash", info->hash, err));
    AT_TRY(put_sources(info, out, err));
done:
    attrib_index_close(index);
    return status;
}
