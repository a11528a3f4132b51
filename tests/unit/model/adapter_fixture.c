/* SPDX-License-Identifier: MIT */
#include "adapter_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/json.h"
#include "format/safetensors.h"

const char *path_in(path_text out, const char *folder, const char *name)
{
    snprintf(out, sizeof(path_text), "%s", source_path(GOLDEN));
    snprintf(out + strlen(out), sizeof(path_text) - strlen(out), "%s/%s", folder, name);
    return out;
}

attrib_status open_with(const char *path,
                        const char *adapter,
                        attrib_weights weights,
                        attrib_model **out,
                        attrib_error *err)
{
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.adapter = adapter;
    options.weights = weights;
    return attrib_model_open(path, &options, out, err);
}

attrib_model *opened(const char *path, const char *adapter)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_ok(open_with(path, adapter, ATTRIB_WEIGHTS_FILE, &model, &err), &err);
    return model;
}

void fingerprint(const attrib_model *model, double out[N_IDS - 1])
{
    const int32_t ids[N_IDS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};
    attrib_error err = {0};
    check_ok(attrib_model_logprobs(model, ids, N_IDS, out, &err), &err);
}

static bool has_part(const char *name, const char *part)
{
    return part && strstr(name, part);
}

static void name_anew(const char *name, const change *c, char *out, size_t size)
{
    const char *end = c->rename ? strstr(name, c->rename) : NULL;
    int n = end ? (int)(end - name) : (int)strlen(name);
    snprintf(out, size, "%.*s%s%s", n, name, end ? c->to : "",
             end ? end + strlen(c->rename) : "");
}

static void declare(at_tensor_writer *writer, const at_tensor *tensor, const change *c)
{
    attrib_error err = {0};
    char name[256];
    size_t shape[2] = {tensor->shape[0], tensor->shape[1]};
    name_anew(tensor->name, c, name, sizeof name);
    shape[0] -= c->drop_row_of && has_part(tensor->name, c->poison);
    check_ok(
        at_tensor_writer_declare(writer, name, ATTRIB_F32, tensor->n_dims, shape, &err),
        &err);
}

static void write_numbers(at_tensor_writer *writer,
                          const at_tensor *tensor,
                          const change *c)
{
    attrib_error err = {0};
    bool is_changed = has_part(tensor->name, c->poison);
    size_t n = tensor->n_elements;
    float *values = calloc(n, sizeof *values);
    assert_non_null(values);
    check_ok(at_tensor_to_f32(tensor, 0, n, values, &err), &err);
    if (is_changed && c->drop_row_of) {
        n -= tensor->shape[1];
    } else if (is_changed) {
        values[0] = NAN;
    }
    check_ok(at_tensor_writer_write(writer, values, n * sizeof *values, &err), &err);
    free(values);
}

void copy_tensors(const copy *c, const change *how)
{
    attrib_error err = {0};
    path_text path;
    at_tensors *tensors = NULL;
    at_tensor_writer *writer = NULL;
    snprintf(path, sizeof path, "%s/adapter/%s/adapter_model.safetensors",
             source_path(GOLDEN), c->of);
    check_ok(at_tensors_open(path, &tensors, &err), &err);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", c->folder);
    check_ok(at_tensor_writer_open(path, &writer, &err), &err);
    for (size_t round = 0; round < 2; round++) {
        for (size_t i = 0; i < at_tensors_count(tensors); i++) {
            const at_tensor *tensor = at_tensors_get(tensors, i);
            if (has_part(tensor->name, how->drop)) {
                continue;
            }
            if (round == 0) {
                declare(writer, tensor, how);
            } else {
                write_numbers(writer, tensor, how);
            }
        }
    }
    check_ok(at_tensor_writer_commit(writer, &err), &err);
    at_tensor_writer_free(writer);
    at_tensors_close(tensors);
}

void copy_config(const copy *c, const char *key, const char *value)
{
    attrib_error err = {0};
    path_text path;
    path_text base;
    json_t *config = NULL;
    at_buffer text = {0};
    snprintf(path, sizeof path, "%s/adapter/%s/adapter_config.json", source_path(GOLDEN),
             c->of);
    check_ok(at_json_read(path, (size_t)1 << 20, &config, &err), &err);
    const char *relative =
        json_string_value(json_object_get(config, "base_model_name_or_path"));
    path_in(base, "adapter", c->of);
    snprintf(base + strlen(base), sizeof base - strlen(base), "/%s", relative);
    char *absolute = realpath(base, NULL);
    assert_non_null(absolute);
    json_object_set_new(config, "base_model_name_or_path", json_string(absolute));
    free(absolute);
    if (key) {
        json_object_set_new(config, key, json_loads(value, JSON_DECODE_ANY, NULL));
    }
    check_ok(at_json_append(&text, config, &err), &err);
    snprintf(path, sizeof path, "%s/adapter_config.json", c->folder);
    write_file(path, text.bytes, text.n_bytes);
    at_buffer_free(&text);
    json_decref(config);
}

copy begin(const char *of)
{
    copy c = {.of = of};
    make_scratch_folder(c.folder, sizeof c.folder);
    copy_tensors(&c, &(change){0});
    copy_config(&c, NULL, NULL);
    return c;
}

void refused(const char *path,
             const char *adapter,
             attrib_status status,
             const char *message)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    check_fails(open_with(path, adapter, ATTRIB_WEIGHTS_FILE, &model, &err), status,
                &err);
    check_message(&err, message);
    assert_null(model);
}
