/* SPDX-License-Identifier: MIT */
/* The numbers of one slice among those of its file, where they stand: in memory, or in a
 * file that is mapped. */
#ifndef AT_RUN_SLICE_PIECE_H
#define AT_RUN_SLICE_PIECE_H

#include "format/safetensors.h"
#include "run/run.h"

/* Names of tensors and members of files of slices. */
#define AT_TOKEN_COUNTS "token_counts"
#define AT_SEALS        "attrib_seal"
#define AT_CONTENTS     "attrib_content"
#define AT_RUN_NAME     "attrib_run"

/* The tensor of the record of documents of slice i of a file. */
#define AT_DOCUMENTS_SIZE 32
void at_slice_documents_name(size_t i, char out[AT_DOCUMENTS_SIZE]);

typedef struct at_piece {
    at_counts counts;
    const void *arrays[AT_N_ARRAYS]; /* NULL: not held; borrowed, maybe not aligned */
    const size_t *first_token;       /* [n_documents + 1]; NULL where there are none */
    const void *documents;           /* the record of documents; NULL in other tiles */
    size_t n_document_bytes;
    char content[AT_HASH_SIZE];
} at_piece;

/* The file that holds a slice now, opened. */
typedef struct at_slice_file {
    at_tensors *tensors;
    char *path;
    bool is_joined; /* it holds all slices of the file, and not this one alone */
} at_slice_file;

/* Paths of the file of a slice, and of its own before that is there; freed by free(). */
attrib_status at_slice_path(const attrib_run *run,
                            size_t i_tile,
                            size_t i_slice,
                            bool is_joined,
                            char **out,
                            attrib_error *err);

/* Open the file that holds a slice, which must belong to the run. */
attrib_status at_slice_file_open(const attrib_run *run,
                                 size_t i_tile,
                                 size_t i_slice,
                                 at_slice_file *out,
                                 attrib_error *err);
void at_slice_file_close(at_slice_file *file);

/* The numbers of a slice in its file. `first_token` of *out is *tokens, which the caller
 * frees; the rest is borrowed from the file. */
attrib_status at_slice_file_piece(const attrib_run *run,
                                  const at_slice_file *file,
                                  const at_slice *outline,
                                  at_piece *out,
                                  size_t **tokens,
                                  attrib_error *err);

/* EFORMAT where the numbers do not have their seal any more. */
attrib_status at_slice_file_check(const attrib_run *run,
                                  const at_slice_file *file,
                                  const at_slice *outline,
                                  const at_piece *piece,
                                  attrib_error *err);

/* Slices of a file that is to be written, each opened where it stands now. */
typedef struct at_pieces {
    at_slice_file *files; /* [n] */
    at_piece *pieces;     /* [n] */
    size_t **tokens;      /* [n] owned */
    size_t n;
} at_pieces;

attrib_status at_pieces_new(size_t n, at_pieces *out, attrib_error *err);
/* Open slice `i_slice` of a run as piece `i`, and check its seals. */
attrib_status at_pieces_open(at_pieces *self,
                             size_t i,
                             const attrib_run *run,
                             size_t i_tile,
                             size_t i_slice,
                             attrib_error *err);
void at_pieces_close(at_pieces *self);

/* Write pieces as one file of the run. */
attrib_status at_pieces_write(const char *path,
                              const char *identity,
                              const at_piece *pieces,
                              size_t n,
                              attrib_error *err);

/* The bytes of an array that a piece has. */
attrib_status at_piece_array_bytes(const at_piece *piece,
                                   at_array_kind kind,
                                   size_t *out,
                                   attrib_error *err);

/* The hash of a piece's numbers, by which changes are noticed: all arrays in their order,
 * and where the tokens of documents begin. The record of documents has a hash of its own.
 */
attrib_status at_piece_seal(const at_piece *piece,
                            char out[AT_HASH_SIZE],
                            attrib_error *err);

#endif
