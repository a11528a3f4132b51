/* SPDX-License-Identifier: MIT */
#include "model/checkpoint.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"

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

static bool is_same_folder(const char *a, const char *b)
{
    char *real_a = realpath(a, NULL);
    char *real_b = realpath(b, NULL);
    bool is_same = real_a && real_b && strcmp(real_a, real_b) == 0;
    free(real_a);
    free(real_b);
    return is_same;
}

/* Find the base's path and open the adapter. A folder that holds an adapter is one
 * itself, even where a model lies next to it: whether that is its base, nobody knows but
 * the user, who says so by naming the folder twice. */
static attrib_status find_base(const char *path,
                               const char *adapter,
                               at_checkpoint *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *config = NULL;
    bool is_adapter = false;
    bool is_twice = adapter && is_same_folder(path, adapter);
    AT_TRY(at_is_adapter(path, &is_adapter, err));
    AT_TRY(at_join_path(path, "config.json", &config, err));
    AT_CHECK(!is_adapter || !adapter || is_twice, ATTRIB_ENOTSUP,
             "%s: an adapter, to which %s cannot be added: only one adapter is read",
             path, adapter);
    if (adapter || is_adapter) {
        AT_TRY(at_adapter_open(adapter ? adapter : path, &out->adapter, err));
    }
    if (is_adapter && !(is_twice && at_is_file(config))) {
        AT_TRY(at_adapter_base(out->adapter, &out->path, err));
        AT_TRY(at_is_adapter(out->path, &is_adapter, err));
        AT_CHECK(!is_adapter, ATTRIB_ENOTSUP,
                 "%s: an adapter of %s, which is an adapter too: only one is read", path,
                 out->path);
    } else {
        AT_TRY(at_copy_text(path, strlen(path), &out->path, err));
    }
done:
    free(config);
    return status;
}

/* Let the head and the embedding be two weights where an adapter changes one of them. */
static attrib_status untie(const at_adapter *adapter,
                           at_config *config,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_architecture *architecture = config->architecture;
    at_buffer embedding = {0};
    bool is_untied = false;
    AT_TRY(at_buffer_print(&embedding, err, "%s%s", architecture->body,
                           architecture->embedding));
    AT_TRY(
        at_adapter_untie(adapter, embedding.bytes, architecture->head, &is_untied, err));
    config->is_head_untied = config->is_head_tied && is_untied;
    config->is_head_tied = config->is_head_tied && !is_untied;
done:
    at_buffer_free(&embedding);
    return status;
}

attrib_status at_checkpoint_open(const char *path,
                                 const char *adapter,
                                 at_config *config,
                                 at_checkpoint *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_checkpoint checkpoint = {0};
    char *gguf = NULL;
    AT_TRY(find_base(path, adapter, &checkpoint, err));
    AT_TRY(at_gguf_find_file(checkpoint.path, &gguf, err));
    AT_TRY(gguf ? open_gguf(gguf, config, &checkpoint, err)
                : open_folder(checkpoint.path, config, &checkpoint, err));
    if (checkpoint.adapter) {
        AT_TRY(untie(checkpoint.adapter, config, err));
    }
    *out = checkpoint;
    checkpoint = (at_checkpoint){0};
done:
    free(gguf);
    at_checkpoint_close(&checkpoint);
    return status;
}

attrib_status at_checkpoint_tokenizer(const at_checkpoint *checkpoint,
                                      char **out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *folder = checkpoint->adapter ? checkpoint->adapter->folder : NULL;
    char *file = NULL;
    if (folder) {
        AT_TRY(at_join_path(folder, "tokenizer.json", &file, err));
    }
    if (!file || !at_is_file(file)) {
        folder = checkpoint->path;
    }
    AT_TRY(at_copy_text(folder, strlen(folder), out, err));
done:
    free(file);
    return status;
}

void at_checkpoint_close(at_checkpoint *checkpoint)
{
    at_tensors_close(checkpoint->tensors);
    free(checkpoint->renamed);
    at_arena_free(checkpoint->names);
    at_gguf_close(checkpoint->gguf);
    at_adapter_close(checkpoint->adapter);
    free(checkpoint->path);
    *checkpoint = (at_checkpoint){0};
}

attrib_status at_checkpoint_hash(const at_checkpoint *checkpoint,
                                 char out[AT_HASH_SIZE],
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(checkpoint->gguf ? at_gguf_hash(checkpoint->gguf, out, err)
                            : at_tensors_hash(checkpoint->tensors, out, err));
    if (checkpoint->adapter) {
        AT_TRY(at_adapter_hash(checkpoint->adapter, out, err));
    }
done:
    return status;
}

attrib_status at_checkpoint_check(const at_checkpoint *checkpoint, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (checkpoint->tensors) {
        AT_TRY(at_tensors_check(checkpoint->tensors, err));
    }
    if (checkpoint->gguf) {
        AT_TRY(at_gguf_check(checkpoint->gguf, err));
    }
    if (checkpoint->adapter && checkpoint->adapter->tensors) {
        AT_TRY(at_tensors_check(checkpoint->adapter->tensors, err));
    }
done:
    return status;
}
