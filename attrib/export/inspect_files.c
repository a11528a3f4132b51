/* SPDX-License-Identifier: MIT */
/* Tensors, factors and runs. */
#include <stdlib.h>
#include <string.h>

#include "curvature/factor_files.h"
#include "export/inspect.h"
#include "export/told_options.h"
#include "export/write.h"
#include "format/record.h"
#include "format/safetensors.h"

/* 1. Tensors */

attrib_status at_put_tensors(const at_tensors *tensors, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *rows = NULL;
    AT_TRY(at_put_array(out, "tensors", &rows, err));
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        const at_tensor *tensor = at_tensors_get(tensors, i);
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_put_text(row, "name", tensor->name, err));
        AT_TRY(at_put_text(row, "type", attrib_dtype_name(tensor->dtype), err));
        AT_TRY(at_put_shape(row, "shape", tensor->n_dims, tensor->shape, err));
        AT_TRY(at_put_size(row, "bytes", tensor->n_bytes, err));
    }
done:
    return status;
}

attrib_status at_inspect_tensors(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    size_t n_elements = 0;
    size_t n_bytes = 0;
    AT_TRY(at_tensors_open(path, &tensors, err));
    for (size_t i = 0; i < at_tensors_count(tensors); i++) {
        n_elements += at_tensors_get(tensors, i)->n_elements;
        n_bytes += at_tensors_get(tensors, i)->n_bytes;
    }
    AT_TRY(at_put_size(out, "n_tensors", at_tensors_count(tensors), err));
    AT_TRY(at_put_size(out, "elements", n_elements, err));
    AT_TRY(at_put_size(out, "bytes", n_bytes, err));
    AT_TRY(at_put_tensors(tensors, out, err));
done:
    at_tensors_close(tensors);
    return status;
}

/* 2. Factors */

static attrib_status open_factor_file(const char *folder,
                                      const char *name,
                                      at_tensors **out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    AT_TRY(at_factor_path(folder, name, &path, err));
    if (at_is_file(path)) {
        AT_TRY(at_tensors_open(path, out, err));
    }
done:
    free(path);
    return status;
}

bool at_holds_factors(const char *folder)
{
    bool is_there = false;
    for (int i = 0; i < AT_N_PIECES && !is_there; i++) {
        char *path = NULL;
        if (at_factor_path(folder, at_factor_files[i].name, &path, NULL) == ATTRIB_OK) {
            is_there = at_is_file(path);
        }
        free(path);
    }
    return is_there;
}

/* The documents of one kind of sums: a row for each run of parts that was added. */
static attrib_status put_documents(const at_record *record,
                                   const char *key,
                                   json_t *out,
                                   attrib_error *err)
{
    static const char *const sizes[] = {"first", "end",   "first_part", "end_part",
                                        "parts", "count", "seed"};
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, key);
    json_t *rows = NULL;
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: key \"%s\" is no list", record->name, key);
    AT_TRY(at_put_array(out, key, &rows, err));
    for (uint32_t i = 0; i < list->via.array.size; i++) {
        const msgpack_object *one = &list->via.array.ptr[i];
        const char *hash = "";
        size_t n = 0;
        json_t *row = NULL;
        AT_CHECK(one->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
                 "%s: key \"%s\" has an entry that is no map", record->name, key);
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_record_text(record->name, one, "corpus_hash", &hash, &n, err));
        AT_TRY(at_put_bytes(row, "corpus_hash", hash, n, err));
        for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
            size_t value = 0;
            AT_TRY(at_record_size(record->name, one, sizes[k], &value, err));
            AT_TRY(at_put_size(row, sizes[k], value, err));
        }
    }
done:
    return status;
}

/* What the manifest says; Kronfluence's folders have none. */
static attrib_status put_manifest(const char *folder, json_t *out, attrib_error *err)
{
    /* The manifest's keys, and the report's. */
    static const char *const texts[][2] = {{"strategy", "strategy"},
                                           {"fisher", "fisher"},
                                           {"modules", "selection"},
                                           {"model_hash", "model_hash"},
                                           {"corpus_hash", "corpus_hash"},
                                           {"basis_hash", "basis_hash"},
                                           {"corpus_selection", "corpus_selection"},
                                           {"command", "command"},
                                           {"attrib", "attrib"},
                                           {"kernels", "kernels"},
                                           {"precision", "precision"},
                                           {"eigen_precision", "eigen_precision"}};
    static const char *const sizes[] = {"blocks", "tokens", "sequences", "seed"};
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    AT_TRY(at_join_path(folder, AT_FACTORS_MANIFEST, &path, err));
    AT_TRY(at_put_text(out, "made_by", at_is_file(path) ? "attrib" : "Kronfluence", err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_record_read(path, &record, err));
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *text = "";
        size_t n = 0;
        if (!at_record_find(&record.map, texts[i][0])) {
            continue; /* of an older manifest */
        }
        AT_TRY(at_record_text(path, &record.map, texts[i][0], &text, &n, err));
        if (n > 0 || strcmp(texts[i][0], "corpus_selection") != 0) { /* "": all */
            AT_TRY(at_put_bytes(out, texts[i][1], text, n, err));
        }
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t value = 0;
        AT_TRY(at_record_size(path, &record.map, sizes[i], &value, err));
        AT_TRY(at_put_size(out, sizes[i], value, err));
    }
    AT_TRY(put_documents(&record, "covariance_documents", out, err));
    AT_TRY(put_documents(&record, "lambda_documents", out, err));
done:
    at_record_free(&record);
    free(path);
    return status;
}

/* The count of a module in a file of counts. */
static attrib_status put_count(const at_tensors *counts,
                               const char *module,
                               const char *key,
                               json_t *row,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *tensor = counts ? at_tensors_find(counts, module) : NULL;
    double value = 0;
    if (tensor && tensor->n_elements == 1) {
        AT_TRY(at_tensor_to_f64(tensor, 0, 1, &value, err));
        AT_CHECK(value >= 0 && value < 0x1p63, ATTRIB_EFORMAT, "%s: %s: a count of %g",
                 tensor->path, tensor->name, value);
        AT_TRY(at_put_size(row, key, (size_t)value, err));
    } else {
        AT_TRY(at_put(row, key, json_null(), err));
    }
done:
    return status;
}

/* Modules with their shapes, from Lambda where it is there, else from what is. */
static attrib_status put_factor_modules(const at_tensors *const pieces[AT_N_PIECES],
                                        const at_tensors *const counts[AT_N_PIECES],
                                        json_t *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensors *names = pieces[AT_PIECE_LAMBDA];
    json_t *rows = NULL;
    for (int i = 0; i < AT_N_PIECES && !names; i++) {
        names = pieces[i];
    }
    AT_TRY(at_put_array(out, "modules", &rows, err));
    for (size_t i = 0; names && i < at_tensors_count(names); i++) {
        const at_tensor *tensor = at_tensors_get(names, i);
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_put_text(row, "name", tensor->name, err));
        AT_TRY(at_put_shape(row, "shape", tensor->n_dims, tensor->shape, err));
        AT_TRY(at_put_text(row, "type", attrib_dtype_name(tensor->dtype), err));
        AT_TRY(
            put_count(counts[AT_PIECE_COVARIANCE_A], tensor->name, "tokens", row, err));
        AT_TRY(put_count(counts[AT_PIECE_LAMBDA], tensor->name, "sequences", row, err));
    }
done:
    return status;
}

attrib_status at_inspect_factors(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *pieces[AT_N_PIECES] = {0};
    at_tensors *counts[AT_N_PIECES] = {0};
    const at_tensors *read_pieces[AT_N_PIECES] = {0};
    const at_tensors *read_counts[AT_N_PIECES] = {0};
    json_t *files = NULL;
    AT_TRY(put_manifest(path, out, err));
    AT_TRY(at_put_array(out, "files", &files, err));
    for (int i = 0; i < AT_N_PIECES; i++) {
        AT_TRY(open_factor_file(path, at_factor_files[i].name, &pieces[i], err));
        if (at_factor_files[i].count) {
            AT_TRY(open_factor_file(path, at_factor_files[i].count, &counts[i], err));
        }
        read_pieces[i] = pieces[i];
        read_counts[i] = counts[i];
        if (pieces[i]) {
            AT_CHECK(json_array_append_new(files, json_string(at_factor_files[i].name)) ==
                         0,
                     ATTRIB_ENOMEM, "out of memory for a report");
        }
    }
    AT_TRY(put_factor_modules(read_pieces, read_counts, out, err));
done:
    for (int i = 0; i < AT_N_PIECES; i++) {
        at_tensors_close(pieces[i]);
        at_tensors_close(counts[i]);
    }
    return status;
}

/* 3. Runs */

static attrib_status put_settings(const attrib_run_info *info,
                                  json_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *settings = NULL;
    at_buffer name = {0};
    AT_TRY(at_put_array(out, "settings", &settings, err));
    for (size_t s = 0; s < info->options->n_settings; s++) {
        json_t *row = NULL;
        const attrib_setting *setting = &info->options->settings[s];
        const char *strategy = attrib_strategy_name(setting->strategy);
        AT_TRY(at_add_object(settings, &row, err));
        at_buffer_clear(&name);
        if (attrib_strategy_is_baseline(setting->strategy)) { /* with its layer */
            AT_TRY(at_append_setting(&name, setting, err));
            strategy = name.bytes;
        }
        AT_TRY(at_put_text(row, "strategy", strategy, err));
        at_buffer_clear(&name);
        AT_TRY(at_append_damping(&name, setting, err));
        AT_TRY(at_put_text(row, "damping", name.bytes, err));
    }
done:
    at_buffer_free(&name);
    return status;
}

/* How exact scores are, and what was done about it. */
static attrib_status put_outcome(const attrib_run_info *info,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_put_size(out, "n_rescored", info->n_rescored, err));
    AT_TRY(at_put_size(out, "n_open", info->n_open, err));
    AT_TRY(at_put(out, "largest_error", json_real(info->largest_error), err));
    AT_TRY(at_put(out, "largest_bound", json_real(info->largest_bound), err));
    AT_TRY(at_put_text(out, "precision", attrib_precision_name(info->options->precision),
                       err));
    AT_TRY(at_put(out, "assumed_error", json_real(info->assumed_error), err));
done:
    return status;
}

/* What a filter let through; nothing where all documents are scored. */
static attrib_status put_filter(const attrib_run_info *info,
                                json_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!info->options->prefilter) {
        return ATTRIB_OK;
    }
    AT_TRY(at_put_text(out, "prefilter", info->options->prefilter, err));
    AT_TRY(at_put_size(out, "n_scored", info->n_passed, err));
    AT_TRY(at_put_size(out, "n_sampled", info->n_sampled, err));
done:
    return status;
}

/* The runs of a sum; nothing where the run is none. */
static attrib_status put_checkpoints(const attrib_run_info *info,
                                     json_t *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *list = NULL;
    if (info->n_checkpoints == 0) {
        return ATTRIB_OK;
    }
    AT_TRY(at_put_array(out, "checkpoints", &list, err));
    for (size_t c = 0; c < info->n_checkpoints; c++) {
        const attrib_checkpoint *one = &info->checkpoints[c];
        json_t *row = NULL;
        AT_TRY(at_add_object(list, &row, err));
        AT_TRY(at_put(row, "weight", json_real(one->weight), err));
        AT_TRY(at_put_text(row, "model_hash", one->model_hash, err));
        AT_TRY(at_put_text(row, "factors_hash", one->factors_hash, err));
        AT_TRY(at_put_text(row, "command", one->command, err));
    }
done:
    return status;
}

static attrib_status put_hashes(const attrib_run_info *info,
                                json_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_put_text(out, "model_hash", info->model_hash, err));
    AT_TRY(at_put_text(out, "corpus_hash", info->corpus_hash, err));
    if (info->corpus_selection && *info->corpus_selection) {
        AT_TRY(at_put_text(out, "corpus_selection", info->corpus_selection, err));
    }
    AT_TRY(at_put_text(out, "factors_hash", info->factors_hash, err));
done:
    return status;
}

static attrib_status put_run_info(const attrib_run_info *info,
                                  json_t *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_put_size(out, "n_queries", info->n_queries, err));
    AT_TRY(at_put_size(out, "n_documents", info->n_documents, err));
    AT_TRY(at_put_size(out, "n_tokens", info->n_tokens, err));
    AT_TRY(at_put_size(out, "n_modules", info->n_modules, err));
    AT_TRY(put_settings(info, out, err));
    AT_TRY(put_filter(info, out, err));
    AT_TRY(at_put_size(out, "n_groups", info->n_groups, err));
    AT_TRY(at_put_size(out, "query_rank", info->query_rank, err));
    AT_TRY(at_put_text(out, "aggregate",
                       info->options->aggregate ? info->options->aggregate : "", err));
    AT_TRY(at_put_text(out, "normalize", attrib_normalize_name(info->options->normalize),
                       err));
    AT_TRY(put_outcome(info, out, err));
    AT_TRY(at_put_options(out, info->options, err));
    AT_TRY(at_put(out, "tracked_share", json_real(info->tracked_share), err));
    AT_TRY(put_hashes(info, out, err));
    AT_TRY(at_put_text(out, "command", info->command, err));
    AT_TRY(at_put_text(out, "kernels", info->kernels, err));
    AT_TRY(put_checkpoints(info, out, err));
done:
    return status;
}

attrib_status at_inspect_run(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    json_t *rows = NULL;
    AT_TRY(attrib_run_open(path, &run, err));
    AT_TRY(put_run_info(attrib_run_describe(run), out, err));
    AT_TRY(at_put_array(out, "queries", &rows, err));
    for (size_t i = 0; i < attrib_run_describe(run)->n_queries; i++) {
        const attrib_answer *answer = attrib_run_answer(run, i);
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_put_text(row, "id", answer->query.id, err));
        AT_TRY(at_put(row, "loss", json_real(answer->loss), err));
        AT_TRY(at_put_size(row, "reported", answer->n_top + answer->n_bottom, err));
        AT_TRY(at_put_text(row, "prompt", answer->query.prompt, err));
        AT_TRY(at_put_text(row, "completion", answer->query.completion, err));
    }
done:
    attrib_run_close(run);
    return status;
}
