/* SPDX-License-Identifier: MIT */
#include "model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t n_end = strlen(end);
    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

static attrib_status open_folder(const char *path,
                                 at_config *config,
                                 at_checkpoint *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *config_path = NULL;
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
