/* SPDX-License-Identifier: MIT */
/* A LoRA adapter as PEFT saves it: a folder of adapter_config.json and
 * adapter_model.safetensors. A weight W of the base becomes W + scale B A, or is replaced
 * by a tensor that the adapter holds whole. */
#ifndef AT_MODEL_ADAPTER_H
#define AT_MODEL_ADAPTER_H

#include "attrib/model.h"
#include "format/safetensors.h"
#include "model/adapter_config.h"
#include "model/matrix.h"

#define AT_ADAPTER_TENSORS "adapter_model.safetensors"

/* The two matrices of one module, W + scale B A. */
typedef struct at_lora {
    char *module;           /* "model.layers.0.self_attn.q_proj" */
    const at_tensor *a, *b; /* [rank, in], [out, rank] */
    bool is_embedding;      /* the module is a table of vectors: W + scale (B A)' */
    size_t rank;
    double scale;
    at_delta delta; /* what both come to; owned; empty until it is asked for */
    bool is_used;
} at_lora;

/* A tensor that takes the place of one of the base's. */
typedef struct at_replacement {
    char *name; /* "lm_head.weight" */
    const at_tensor *tensor;
    bool is_used;
} at_replacement;

typedef struct at_adapter {
    char *folder;
    at_adapter_config config;
    at_tensors *tensors;
    at_lora *loras; /* [n_loras] */
    size_t n_loras;
    at_replacement *replacements; /* [n_replacements] */
    size_t n_replacements;
} at_adapter;

/* Whether a folder holds adapter_config.json. */
attrib_status at_is_adapter(const char *folder, bool *out, attrib_error *err);

/* Read the folder: EFORMAT, ESHAPE, ENOTSUP or ERANGE name the setting or the tensor. */
attrib_status at_adapter_open(const char *folder, at_adapter **out, attrib_error *err);
/* The same from the bytes of adapter_config.json and from tensors, which the adapter
 * takes over where it is made. */
attrib_status at_adapter_parse(const char *folder,
                               const at_buffer *text,
                               at_tensors *tensors,
                               at_adapter **out,
                               attrib_error *err);
void at_adapter_close(at_adapter *adapter); /* fine for NULL */

/* The base that adapter_config.json names, as a folder or a file that is there: absolute,
 * or relative to the adapter's folder or the working directory. ENOTSUP names one that is
 * not there. */
attrib_status at_adapter_base(const at_adapter *adapter, char **out, attrib_error *err);

/* The tensor in the place of `name`, "lm_head.weight", marked as used; NULL: none. ESHAPE
 * where modules_to_save says that there is one. */
attrib_status at_adapter_replacement(at_adapter *adapter,
                                     const char *name,
                                     const at_tensor **out,
                                     attrib_error *err);

/* What a matrix of the base is, in the orientation of its file. */
typedef struct at_adapted {
    const char *name; /* "model.embed_tokens.weight"; ends with ".weight" */
    size_t n_rows, n_columns;
    bool is_transposed; /* [in, out] (Conv1D) */
    bool is_embedding;
} at_adapted;

/* What the adapter adds to a matrix, borrowed from it and marked as used; NULL: nothing.
 * ESHAPE where the matrices do not fit; ENUMERIC where they are not finite. */
attrib_status at_adapter_delta(at_adapter *adapter,
                               const at_adapted *matrix,
                               const at_delta **out,
                               attrib_error *err);

/* Whether the adapter changes one of an embedding and a head that share a weight: they
 * are two weights then, of which the other stays as it is. ENOTSUP where the weight that
 * both share is replaced. */
attrib_status at_adapter_untie(const at_adapter *adapter,
                               const char *embedding,
                               const char *head,
                               bool *out,
                               attrib_error *err);

/* Every tensor of the adapter belongs to a module of the base: ESHAPE names one that does
 * not. */
attrib_status at_adapter_check_used(const at_adapter *adapter, attrib_error *err);

/* Add what the adapter does to a base's hash, which becomes the hash of both. */
attrib_status at_adapter_hash(const at_adapter *adapter,
                              char hash[AT_HASH_SIZE],
                              attrib_error *err);

/* What the adapter is; `out` borrows from it. */
void at_adapter_describe(const at_adapter *adapter, attrib_adapter_info *out);

#endif
