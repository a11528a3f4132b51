/* SPDX-License-Identifier: MIT */
#include "model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "format/json.h"

#define MAX_ADAPTER_BYTES ((size_t)1 << 20)

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* Refuse an adapter, which holds what was learned on top of another model, its base.
 * Neither the base, which may be in the same folder, nor the adapter's few tensors are
 * the model that was trained. */
static attrib_status refuse_adapter(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *adapter = NULL;
    const char *base = NULL;
    AT_TRY(at_join_path(folder, "adapter_config.json", &path, err));
    if (!at_is_file(path)) {
        goto done;
    }
    AT_TRY(at_json_read(path, MAX_ADAPTER_BYTES, &adapter, err));
    base = json_string_value(json_object_get(adapter, "base_model_name_or_path"));
    status = at_fail(err, ATTRIB_ENOTSUP,
                     "%s: a LoRA adapter%s%.60s: merge it into its base "
                     "(merge_and_unload) and name the merged model",
                     path, base ? " of " : "", base ? base : "");
done:
    free(path);
    json_decref(adapter);
    return status;
}

static attrib_status open_folder(const char *path,
                                 at_config *config,
                                 at_checkpoint *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *config_path = NULL;
    AT_TRY(refuse_adapter(path, err));
    AT_TRY(at_join_path(path, "config.json", &config_path, err));
    AT_TRY(at_config_open(config_path, config, err));
    AT_TRY(at_tensors_open(path, &out->tensors, err));
done:
    free(config_path);
    return status;
}

static attrib_status open_gguf(const char *path,
                               at_config *config,
                               at_checkpoint *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_gguf_open(path, AT_GGUF_WHOLE, &out->gguf, err));
    AT_TRY(at_gguf_config(out->gguf, config, err));
    AT_TRY(at_gguf_rename(out, config, err));
done:
    return status;
}

attrib_status at_checkpoint_open(const char *path,
                                 at_config *config,
                                 at_checkpoint *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_checkpoint checkpoint = {0};
    AT_TRY(ends_with(path, ".gguf") && !at_is_folder(path)
               ? open_gguf(path, config, &checkpoint, err)
               : open_folder(path, config, &checkpoint, err));
    *out = checkpoint;
    checkpoint = (at_checkpoint){0};
done:
    at_checkpoint_close(&checkpoint);
    return status;
}

void at_checkpoint_close(at_checkpoint *checkpoint)
{
    at_tensors_close(checkpoint->tensors);
    free(checkpoint->renamed);
    at_arena_free(checkpoint->names);
    at_gguf_close(checkpoint->gguf);
    *checkpoint = (at_checkpoint){0};
}

attrib_status at_checkpoint_hash(const at_checkpoint *checkpoint,
                                 char out[AT_HASH_SIZE],
                                 attrib_error *err)
{
    return checkpoint->gguf ? at_gguf_hash(checkpoint->gguf, out, err)
                            : at_tensors_hash(checkpoint->tensors, out, err);
}
