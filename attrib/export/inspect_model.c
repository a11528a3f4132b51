/* SPDX-License-Identifier: MIT */
/* A model, its adapter, and its tokenizer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "export/inspect.h"
#include "model/adapter.h"
#include "tokenizer/chat.h"

/* 1. The tokenizer */

/* That there is a chat template, or why it cannot be run; null where there is none. */
static attrib_status put_chat_template(const attrib_tokenizer *tokenizer,
                                       json_t *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chat *chat = NULL;
    attrib_error problem = {0};
    char text[640];
    const char *source = attrib_tokenizer_chat_template(tokenizer);
    if (!source) {
        return at_put(out, "chat_template", json_null(), err);
    }
    status = at_chat_open(tokenizer, NULL, NULL, &chat, &problem);
    AT_CHECK(status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", problem.message);
    snprintf(text, sizeof text, "Jinja, %zu bytes%s%s", strlen(source),
             status == ATTRIB_OK ? "" : ": cannot be run: ", problem.message);
    AT_TRY(at_put_text(out, "chat_template", text, err));
    status = ATTRIB_OK;
done:
    at_chat_close(chat);
    return status;
}

attrib_status at_inspect_tokenizer(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_tokenizer *tokenizer = NULL;
    AT_TRY(attrib_tokenizer_open(path, &tokenizer, err));
    AT_TRY(at_put_text(out, "type", attrib_tokenizer_kind(tokenizer), err));
    if (attrib_tokenizer_note(tokenizer)) {
        AT_TRY(at_put_text(out, "note", attrib_tokenizer_note(tokenizer), err));
    }
    AT_TRY(at_put_size(out, "tokens", attrib_tokenizer_n_tokens(tokenizer), err));
    AT_TRY(at_put(out, "bos", json_integer(attrib_tokenizer_bos(tokenizer)), err));
    AT_TRY(at_put(out, "eos", json_integer(attrib_tokenizer_eos(tokenizer)), err));
    AT_TRY(put_chat_template(tokenizer, out, err));
done:
    attrib_tokenizer_close(tokenizer);
    return status;
}

attrib_status at_put_tokenizer(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error problem = {0};
    json_t *tokenizer = json_object();
    AT_TRY(at_put(out, "tokenizer", tokenizer, err));
    status = at_inspect_tokenizer(path, tokenizer, &problem);
    AT_CHECK(status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", problem.message);
    if (status == ATTRIB_END) {
        AT_TRY(at_put(out, "tokenizer", json_null(), err));
    } else if (status != ATTRIB_OK) {
        AT_TRY(at_put_text(tokenizer, "problem", problem.message, err));
    }
    status = ATTRIB_OK;
done:
    return status;
}

/* 2. The linear maps */

static const char *name_of_kind(attrib_module_kind kind)
{
    switch (kind) {
    case ATTRIB_MODULE_MLP:
        return "mlp";
    case ATTRIB_MODULE_ATTENTION:
        return "attention";
    case ATTRIB_MODULE_HEAD:
        return "head";
    }
    return "?";
}

/* The type of a map's weight on disk; a tied head has none of its own. */
static const char *type_of(const attrib_model *model, const attrib_module *module)
{
    bool is_shared =
        module->kind == ATTRIB_MODULE_HEAD && attrib_model_describe(model)->is_head_tied;
    return is_shared ? NULL : attrib_dtype_name(module->dtype);
}

static attrib_status put_modules(const attrib_model *model,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *rows = NULL;
    AT_TRY(at_put_array(out, "modules", &rows, err));
    for (size_t i = 0; i < attrib_model_n_modules(model); i++) {
        const attrib_module *module = attrib_model_module(model, i);
        const size_t shape[2] = {module->out_dim, module->in_dim};
        json_t *row = NULL;
        AT_TRY(at_add_object(rows, &row, err));
        AT_TRY(at_put_text(row, "name", module->name, err));
        AT_TRY(at_put_text(row, "kind", name_of_kind(module->kind), err));
        AT_TRY(at_put_shape(row, "shape", 2, shape, err));
        AT_TRY(at_put(row, "bias", json_boolean(module->has_bias), err));
        AT_TRY(at_put_text(row, "type", type_of(model, module), err));
        AT_TRY(at_put_size(row, "parameters", shape[0] * shape[1], err));
    }
done:
    return status;
}

/* The share of the parameters that the MLP maps hold, which are tracked by default. */
static double tracked_share(const attrib_model *model)
{
    double tracked = 0;
    for (size_t i = 0; i < attrib_model_n_modules(model); i++) {
        const attrib_module *module = attrib_model_module(model, i);
        if (module->kind == ATTRIB_MODULE_MLP) {
            tracked += (double)module->out_dim * (double)module->in_dim;
        }
    }
    return tracked / (double)attrib_model_describe(model)->n_parameters;
}

/* 3. The adapter */

static attrib_status put_adapter(const attrib_adapter_info *info,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *adapter = json_object();
    AT_TRY(at_put(out, "adapter", adapter, err));
    AT_TRY(at_put_text(adapter, "folder", info->folder, err));
    AT_TRY(at_put_text(adapter, "type", "LoRA", err));
    AT_TRY(at_put_text(adapter, "base", info->base, err));
    AT_TRY(at_put_size(adapter, "modules", info->n_modules, err));
    AT_TRY(at_put_shape(adapter, "ranks", 2, (size_t[]){info->min_rank, info->max_rank},
                        err));
    AT_TRY(at_put(adapter, "alpha", json_real(info->alpha), err));
    AT_TRY(at_put_text(adapter, "scale",
                       info->is_scaled_by_root ? "alpha / sqrt(rank)" : "alpha / rank",
                       err));
    AT_TRY(at_put_size(adapter, "replaced_tensors", info->n_replaced, err));
    AT_TRY(at_put_size(adapter, "parameters", info->n_parameters, err));
done:
    return status;
}

/* 4. The model */

/* A number, or null for 0, which stands for none. */
static attrib_status put_number(json_t *out,
                                const char *key,
                                double value,
                                attrib_error *err)
{
    return at_put(out, key, value != 0 ? json_real(value) : json_null(), err);
}

static attrib_status put_size_or_null(json_t *out,
                                      const char *key,
                                      size_t value,
                                      attrib_error *err)
{
    return value ? at_put_size(out, key, value, err) : at_put(out, key, json_null(), err);
}

/* How a layer computes. */
static attrib_status put_layer(const attrib_model_info *info,
                               json_t *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_put_text(out, "norm", info->norm, err));
    AT_TRY(at_put_text(out, "activation", info->activation, err));
    AT_TRY(at_put(out, "gated", json_boolean(info->is_gated), err));
    AT_TRY(at_put(out, "parallel", json_boolean(info->is_parallel), err));
    AT_TRY(at_put_text(out, "positions", info->positions, err));
    AT_TRY(put_size_or_null(out, "rotary_dim", info->rotary_dim, err));
    AT_TRY(put_number(out, "rope_theta", info->rope_theta, err));
    AT_TRY(put_number(out, "local_rope_theta", info->local_rope_theta, err));
    AT_TRY(at_put_text(out, "rope_scaling", info->rope_scaling, err));
    AT_TRY(put_number(out, "rope_factor", info->rope_factor, err));
    AT_TRY(put_size_or_null(out, "window", info->window, err));
    AT_TRY(at_put_size(out, "windowed_layers", info->n_windowed, err));
    AT_TRY(put_number(out, "attention_cap", info->attention_cap, err));
    AT_TRY(put_number(out, "logit_cap", info->logit_cap, err));
done:
    return status;
}

static attrib_status put_info(const attrib_model *model, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_model_info *info = attrib_model_describe(model);

    const struct {
        const char *key;
        size_t value;
    } sizes[] = {
        {"layers", info->n_layers},         {"width", info->width},
        {"heads", info->n_heads},           {"kv_heads", info->n_kv_heads},
        {"head_dim", info->head_dim},       {"mlp_width", info->mlp_width},
        {"vocabulary", info->n_vocabulary}, {"context", info->context},
        {"parameters", info->n_parameters}, {"weight_bytes", info->weight_bytes}};

    AT_TRY(at_put_text(out, "architecture", info->architecture, err));
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        AT_TRY(at_put_size(out, sizes[i].key, sizes[i].value, err));
    }
    AT_TRY(put_layer(info, out, err));
    AT_TRY(at_put_text(out, "type", attrib_dtype_name(info->dtype), err));
    AT_TRY(at_put(out, "tied_head", json_boolean(info->is_head_tied), err));
    AT_TRY(at_put(out, "tracked_share", json_real(tracked_share(model)), err));
    AT_TRY(at_put_text(out, "hash", attrib_model_hash(model), err));
done:
    return status;
}

attrib_status at_inspect_adapted(const char *path,
                                 const char *adapter,
                                 json_t *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_model *model = NULL;
    attrib_model_options options;
    attrib_model_options_default(&options);
    options.adapter = adapter;
    AT_TRY(attrib_model_open(path, &options, &model, err));
    AT_TRY(put_info(model, out, err));
    if (attrib_model_adapter(model)) {
        AT_TRY(put_adapter(attrib_model_adapter(model), out, err));
    }
    if (at_is_folder(path)) {
        AT_TRY(at_put_tokenizer(attrib_model_tokenizer_path(model), out, err));
    }
    AT_TRY(put_modules(model, out, err));
done:
    attrib_model_close(model);
    return status;
}

attrib_status at_inspect_model(const char *path, json_t *out, attrib_error *err)
{
    return at_inspect_adapted(path, NULL, out, err);
}

attrib_status at_inspect_adapter(const char *path, json_t *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_adapter *adapter = NULL;
    attrib_adapter_info info;
    char *base = NULL;
    AT_TRY(at_adapter_open(path, &adapter, err));
    at_adapter_describe(adapter, &info);
    status = at_adapter_base(adapter, &base, NULL);
    if (status == ATTRIB_OK) {
        AT_TRY(at_inspect_adapted(path, NULL, out, err));
    } else {
        AT_CHECK(status != ATTRIB_ENOMEM, status, "%s: out of memory", path);
        AT_TRY(put_adapter(&info, out, err));
        AT_TRY(at_put_tokenizer(path, out, err));
    }
done:
    free(base);
    at_adapter_close(adapter);
    return status;
}
