/* SPDX-License-Identifier: MIT */
/* Finding out what a path holds, and calling the function that reports that kind. */
#include "export/inspect.h"

#include <stdlib.h>
#include <string.h>

#include "attrib/index.h"
#include "curvature/factor_files.h"
#include "export/write.h"
#include "format/gguf.h"
#include "format/json.h"
#include "format/record.h"
#include "run/prepared.h"

/* 1. Kinds */

typedef attrib_status (*inspect_fn)(const char *path, json_t *out, attrib_error *err);

typedef struct kind {
    const char *name;
    inspect_fn inspect;
} kind;

static const kind model_kind = {"model", at_inspect_model};
static const kind adapter_kind = {"adapter", at_inspect_adapter};
static const kind tokenizer_kind = {"tokenizer", at_inspect_tokenizer};
static const kind tensors_kind = {"tensors", at_inspect_tensors};
static const kind factors_kind = {"factors", at_inspect_factors};
static const kind run_kind = {"run", at_inspect_run};
static const kind gguf_kind = {"gguf", at_inspect_gguf};
static const kind store_kind = {"store", at_inspect_store};
static const kind index_kind = {"index", at_inspect_index};
static const kind corpus_kind = {"corpus", at_inspect_corpus};

static attrib_status holds_file(const char *folder,
                                const char *name,
                                bool *out,
                                attrib_error *err)
{
    char *path = NULL;
    attrib_status status = at_join_path(folder, name, &path, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

/* The kind of a folder by its manifest, whose name is the same for factors and runs. */
static attrib_status kind_of_manifest(const char *folder,
                                      const kind **out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    at_record record = {0};
    const char *format = NULL;
    size_t n = 0;
    AT_TRY(at_join_path(folder, AT_FACTORS_MANIFEST, &path, err));
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(at_record_text(path, &record.map, "format", &format, &n, err));
    if (n == strlen("attrib run") && memcmp(format, "attrib run", n) == 0) {
        *out = &run_kind;
    } else {
        *out = &factors_kind;
    }
done:
    at_record_free(&record);
    free(path);
    return status;
}

static attrib_status kind_of_folder(const char *path, const kind **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;

    static const struct {
        const char *name;
        const kind *kind; /* NULL: as the manifest says */
    } signs[] = {{"adapter_config.json", &adapter_kind},
                 {"config.json", &model_kind},
                 {AT_FACTORS_MANIFEST, NULL},
                 {AT_RUN_PREPARED, &run_kind},
                 {"scores-0000-000000.safetensors", &run_kind},
                 {"model.safetensors", &tensors_kind},
                 {"model.safetensors.index.json", &tensors_kind}};

    *out = &corpus_kind;
    if (attrib_index_is(path)) {
        *out = &index_kind;
        return ATTRIB_OK;
    }
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++) {
        bool is_there = false;
        AT_TRY(holds_file(path, signs[i].name, &is_there, err));
        if (is_there) {
            *out = signs[i].kind;
            return *out ? ATTRIB_OK : kind_of_manifest(path, out, err);
        }
    }
    if (at_holds_factors(path)) {
        *out = &factors_kind;
    }
done:
    return status;
}

static bool ends_with(const char *text, const char *suffix)
{
    size_t n = strlen(text);
    size_t n_suffix = strlen(suffix);
    return n >= n_suffix && strcmp(text + n - n_suffix, suffix) == 0;
}

static const kind *kind_of_file(const char *path)
{
    if (ends_with(path, ".safetensors") || ends_with(path, ".safetensors.index.json")) {
        return &tensors_kind;
    }
    if (attrib_store_is(path)) {
        return &store_kind;
    }
    return ends_with(path, "tokenizer.json") ? &tokenizer_kind : &corpus_kind;
}

static attrib_status inspect(const char *path,
                             const char *adapter,
                             json_t *report,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const kind *found = kind_of_file(path);
    char *gguf = NULL;
    AT_TRY(at_gguf_find_file(path, &gguf, err));
    if (gguf) {
        found = &gguf_kind;
    } else if (at_is_folder(path)) {
        AT_TRY(kind_of_folder(path, &found, err));
    }
    AT_CHECK(!adapter || found == &model_kind || found == &adapter_kind ||
                 found == &gguf_kind,
             ATTRIB_EINVAL, "%s: an adapter is of models, and this is not one", path);
    AT_TRY(at_put_text(report, "path", path, err));
    AT_TRY(at_put_text(report, "kind", adapter ? "model" : found->name, err));
    AT_TRY(adapter ? at_inspect_adapted(path, adapter, report, err)
                   : found->inspect(gguf ? gguf : path, report, err));
done:
    free(gguf);
    return status;
}

/* Fail with the problem that a part of the report names, after all of it was printed. */
static attrib_status fail_problem(const json_t *report,
                                  const char *part,
                                  attrib_error *err)
{
    const json_t *object = json_object_get(report, part);
    const char *problem = json_string_value(json_object_get(object, "problem"));
    return problem ? at_fail(err, ATTRIB_EFORMAT, "%s", problem) : ATTRIB_OK;
}

attrib_status attrib_inspect(const char *path,
                             const char *adapter,
                             bool is_json,
                             const char *output_path,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    json_t *report = json_object();
    AT_CHECK(report, ATTRIB_ENOMEM, "%s: out of memory for a report", path);
    AT_TRY(inspect(path, adapter, report, err));
    if (is_json) {
        AT_TRY(at_json_append(&text, report, err));
        AT_TRY(at_buffer_append(&text, "\n", 1, err));
    } else {
        AT_TRY(at_print_report(&text, report, err));
    }
    AT_TRY(at_write_whole(output_path, &text, err));
    AT_TRY(fail_problem(report, "model", err));
    AT_TRY(fail_problem(report, "tokenizer", err));
done:
    json_decref(report);
    at_buffer_free(&text);
    return status;
}
