/* SPDX-License-Identifier: MIT */
/* How far the files of a corpus are read, in bytes, for progress. */
#ifndef AT_CORPUS_HEADWAY_H
#define AT_CORPUS_HEADWAY_H

#include "corpus/archive.h"

/* Zeroed = nothing is known. */
typedef struct at_headway {
    double total;           /* bytes of all files; 0: not known, as of a pipe */
    double passed;          /* of the files that are done with */
    const at_archive *open; /* the one that is being read; borrowed; NULL: none */
} at_headway;

/* Count the bytes of all files that the paths name; of a pipe nothing is known. */
void at_headway_begin(at_headway *headway, const char *const *paths, size_t n);

/* The file of this path is done with, whether it was read or left out. */
void at_headway_pass(at_headway *headway, const char *path);

/* The share of the bytes that are read, from 0 to 1: 0 where nothing is known. `within`
 * is how many of the current file are, where that is no open archive. */
double at_headway_share(const at_headway *headway, double within);

#endif
