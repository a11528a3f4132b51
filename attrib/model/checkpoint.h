/* SPDX-License-Identifier: MIT */
/* A model's files: a Hugging Face folder or a GGUF file, with its tensors under the names
 * of Hugging Face, and an adapter. */
#ifndef AT_MODEL_CHECKPOINT_H
#define AT_MODEL_CHECKPOINT_H

#include "format/gguf.h"
#include "model/adapter.h"
#include "model/architecture.h"
#include "model/matrix.h"

/* Zeroed = empty. */
typedef struct at_checkpoint {
    char *path; /* of the folder or file; of the base, where there is an adapter */
    at_adapter *adapter; /* NULL: none */
    at_tensors *tensors;
    at_gguf *gguf;      /* what holds them, of a GGUF file; else NULL */
    at_tensor *renamed; /* [n] the file's tensors under other names */
    at_arena *names;    /* of these */
} at_checkpoint;

/* Map the files, and read their configuration. `adapter` is a folder or NULL; `path` may
 * be the folder of an adapter itself, which is read with the base that it names. */
attrib_status at_checkpoint_open(const char *path,
                                 const char *adapter,
                                 at_config *config,
                                 at_checkpoint *out,
                                 attrib_error *err);
void at_checkpoint_close(at_checkpoint *checkpoint);

/* The folder or file of the tokenizer: the adapter's, where it has one. */
attrib_status at_checkpoint_tokenizer(const at_checkpoint *checkpoint,
                                      char **out,
                                      attrib_error *err);

/* XXH3-128 over all files' bytes, and over what an adapter does. */
attrib_status at_checkpoint_hash(const at_checkpoint *checkpoint,
                                 char out[AT_HASH_SIZE],
                                 attrib_error *err);

/* EIO where a file of the model's is not what it was when it was opened. Fine for an
 * empty checkpoint. */
attrib_status at_checkpoint_check(const at_checkpoint *checkpoint, attrib_error *err);

/* 1. GGUF (gguf_config.c, gguf_names.c) */

/* The configuration that the metadata say, refused by name where a key is not known. */
attrib_status at_gguf_config(const at_gguf *gguf, at_config *out, attrib_error *err);

/* Fill `checkpoint`, which has a GGUF file: `tensors`, `renamed`, `names`. Tensors that
 * no name is known for keep their own. */
attrib_status at_gguf_rename(at_checkpoint *checkpoint,
                             const at_config *config,
                             attrib_error *err);

/* How GGUF orders the rows of a map. */
at_row_order at_gguf_row_order(const at_architecture *architecture, at_slot map);

#endif
