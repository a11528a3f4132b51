/* SPDX-License-Identifier: MIT */
/* Adapters of tests/golden/adapter, and copies of them that a test changes. */
#ifndef MODEL_ADAPTER_FIXTURE_H
#define MODEL_ADAPTER_FIXTURE_H

#include "model/adapter.h"
#include "tiny.h"

#define N_IDS  12
#define GOLDEN "tests/golden/"

/* Paths that stay valid together, as those of source_path() do not. */
typedef char path_text[4096];

const char *path_in(path_text out, const char *folder, const char *name);

attrib_status open_with(const char *path,
                        const char *adapter,
                        attrib_weights weights,
                        attrib_model **out,
                        attrib_error *err);

attrib_model *opened(const char *path, const char *adapter);

void fingerprint(const attrib_model *model, double out[N_IDS - 1]);

typedef struct copy {
    char folder[256];
    const char *of; /* its name among the fixtures */
} copy;

/* What is done to the tensors of a copy. */
typedef struct change {
    const char *drop;        /* names with this part are left out */
    const char *rename, *to; /* the name that ends with `rename` ends with `to` */
    const char *poison;      /* the first number of such a tensor becomes NaN */
    size_t drop_row_of;      /* 1: the tensor that `poison` names loses its last row */
} change;

/* Write the fixture's tensors into the copy, changed. */
void copy_tensors(const copy *c, const change *how);

/* Write the fixture's settings into the copy with one key of another value, NULL: without
 * it, and an absolute base. */
void copy_config(const copy *c, const char *key, const char *value);

copy begin(const char *of);

void refused(const char *path,
             const char *adapter,
             attrib_status status,
             const char *message);

#endif
