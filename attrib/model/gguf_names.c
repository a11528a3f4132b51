/* SPDX-License-Identifier: MIT */
/* The tensors of a GGUF file under the names of Hugging Face.
 *
 * A name of GGUF says what a tensor is for, the same in every architecture, so one list
 * of names for slots serves all: what the slot is called in Hugging Face's files is in
 * the architecture's own entry.
 *
 * Source: the tensor names of ggml's docs/gguf.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/gguf_say.h"

#define MAX_NAME 256
#define JOINED   ".attn_qkv."
#define N_PARTS  3 /* queries, keys and values */

static const char *const map_names[AT_N_MAPS] = {
    [AT_MAP_QKV] = "attn_qkv",  [AT_MAP_Q] = "attn_q",      [AT_MAP_K] = "attn_k",
    [AT_MAP_V] = "attn_v",      [AT_MAP_O] = "attn_output", [AT_MAP_GATE_UP] = "ffn_up",
    [AT_MAP_GATE] = "ffn_gate", [AT_MAP_UP] = "ffn_up",     [AT_MAP_DOWN] = "ffn_down",
};

static const char *const norm_names[AT_N_NORMS] = {
    [AT_NORM_BEFORE_ATTENTION] = "attn_norm",
    [AT_NORM_Q] = "attn_q_norm",
    [AT_NORM_K] = "attn_k_norm",
    [AT_NORM_AFTER_ATTENTION] = "post_attention_norm",
    [AT_NORM_BEFORE_MLP] = "ffn_norm",
    [AT_NORM_AFTER_MLP] = "post_ffw_norm",
};

/* Part of a text, not of its end. */
typedef struct part {
    const char *text;
    size_t n;
} part;

static bool is_same(part a, const char *b)
{
    return strlen(b) == a.n && memcmp(a.text, b, a.n) == 0;
}

/* What a layer's tensor is called, before ".weight", in Hugging Face's files; or NULL. */
static const char *name_in_layer(const at_architecture *architecture, part stem)
{
    for (size_t i = 0; i < AT_N_MAPS; i++) {
        if (architecture->maps[i] && is_same(stem, map_names[i])) {
            return architecture->maps[i];
        }
    }
    for (size_t i = 0; i < AT_N_NORMS; i++) {
        if (architecture->norms[i] && is_same(stem, norm_names[i])) {
            return architecture->norms[i];
        }
    }
    return NULL;
}

/* The name, in Hugging Face's files, of a tensor that does not belong to a layer; or
 * NULL. */
static const char *name_outside(const at_architecture *architecture, part stem)
{
    if (is_same(stem, "token_embd")) {
        return architecture->embedding;
    }
    if (is_same(stem, "position_embd")) {
        return architecture->positions;
    }
    return is_same(stem, "output_norm") ? architecture->final_norm : NULL;
}

/* Write the name that Hugging Face's files have for a tensor; false where there is none.
 */
static bool translate(const at_architecture *architecture, const char *name, char *out)
{
    const char *const prefix = "blk.";
    const char *end = strrchr(name, '.');
    part stem = {name, end ? (size_t)(end - name) : 0};
    const char *found = NULL;
    if (!end || (strcmp(end, ".weight") != 0 && strcmp(end, ".bias") != 0)) {
        return false;
    }
    if (is_same(stem, "output")) {
        snprintf(out, MAX_NAME, "%s%s", architecture->head, end);
        return true;
    }
    if (strncmp(name, prefix, strlen(prefix)) != 0) {
        found = name_outside(architecture, stem);
        if (found) {
            snprintf(out, MAX_NAME, "%s%s%s", architecture->body, found, end);
        }
        return found != NULL;
    }
    const char *number = name + strlen(prefix);
    size_t n_digits = strspn(number, "0123456789");
    const char *inner = number + n_digits + 1;
    if (n_digits == 0 || number[n_digits] != '.' || inner > end) {
        return false;
    }
    found = name_in_layer(architecture, (part){inner, (size_t)(end - inner)});
    if (found) {
        snprintf(out, MAX_NAME, "%s%s.%.*s.%s%s", architecture->body,
                 architecture->layers, (int)n_digits, number, found, end);
    }
    return found != NULL;
}

/* Give a tensor the name that Hugging Face's files have for `name`, where they have one.
 */
static attrib_status rename_one(at_checkpoint *checkpoint,
                                const at_architecture *architecture,
                                const char *name,
                                at_tensor *tensor,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char translated[MAX_NAME];
    char *copy = NULL;
    if (translate(architecture, name, translated)) {
        size_t n = strlen(translated) + 1;
        AT_TRY(at_arena_take(checkpoint->names, n, 1, &copy, err));
        memcpy(copy, translated, n);
        tensor->name = copy;
    }
done:
    return status;
}

/* Whether a tensor is queries, keys and values in one, where the architecture has a map
 * of each: the converter joins them if it is told to. */
static bool is_joined(const at_architecture *architecture, const at_tensor *tensor)
{
    return !architecture->maps[AT_MAP_QKV] && strncmp(tensor->name, "blk.", 4) == 0 &&
           strstr(tensor->name, JOINED);
}

/* Its rows as three tensors. */
static attrib_status split(at_checkpoint *checkpoint,
                           const at_config *config,
                           const at_tensor *whole,
                           at_tensor parts[N_PARTS],
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *stem = strstr(whole->name, JOINED);
    size_t n_rows[N_PARTS];
    size_t n_all = 0;
    size_t first = 0;
    for (size_t i = 0; i < N_PARTS; i++) {
        size_t in = 0;
        at_config_map_dims(config, AT_MAP_Q + (at_slot)i, &in, &n_rows[i]);
        n_all += n_rows[i];
    }
    AT_CHECK(whole->n_dims > 0 && whole->shape[0] == n_all && whole->n_bytes % n_all == 0,
             ATTRIB_ESHAPE, "%s: %s: %zu rows, expected %zu", whole->path, whole->name,
             whole->n_dims ? whole->shape[0] : 0, n_all);
    for (size_t i = 0; i < N_PARTS; i++) {
        char name[MAX_NAME];
        parts[i] = *whole;
        parts[i].shape[0] = n_rows[i];
        parts[i].n_elements = n_rows[i] * (whole->n_elements / n_all);
        parts[i].n_bytes = n_rows[i] * (whole->n_bytes / n_all);
        parts[i].data = whole->data + first * (whole->n_bytes / n_all);
        first += n_rows[i];
        snprintf(name, sizeof name, "%.*s.%s%s", (int)(stem - whole->name), whole->name,
                 map_names[AT_MAP_Q + i], stem + strlen(JOINED) - 1);
        AT_TRY(rename_one(checkpoint, config->architecture, name, &parts[i], err));
    }
done:
    return status;
}

attrib_status at_gguf_rename(at_checkpoint *checkpoint,
                             const at_config *config,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensors *all = at_gguf_tensors(checkpoint->gguf);
    const at_tensor **list = NULL;
    size_t n_most = 0;
    size_t n = 0;
    AT_TRY(at_arena_new(&checkpoint->names, err));
    AT_TRY(at_mul(at_tensors_count(all), N_PARTS, &n_most, err));
    AT_TRY(at_array(n_most, sizeof(at_tensor), &checkpoint->renamed, err));
    AT_TRY(at_array(n_most, sizeof(const at_tensor *), &list, err));
    for (size_t i = 0; i < at_tensors_count(all); i++) {
        const at_tensor *tensor = at_tensors_get(all, i);
        at_tensor *renamed = &checkpoint->renamed[n];
        size_t n_parts = at_gguf_is_setting(tensor->name)          ? 0
                         : is_joined(config->architecture, tensor) ? N_PARTS
                                                                   : 1;
        if (n_parts == N_PARTS) {
            AT_TRY(split(checkpoint, config, tensor, renamed, err));
        } else if (n_parts == 1) {
            *renamed = *tensor;
            AT_TRY(
                rename_one(checkpoint, config->architecture, tensor->name, renamed, err));
        }
        for (size_t j = 0; j < n_parts; j++) {
            list[n++] = &renamed[j];
        }
    }
    AT_TRY(at_tensors_gather(list, n, &checkpoint->tensors, err));
done:
    free(list);
    return status;
}
