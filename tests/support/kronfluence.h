/* SPDX-License-Identifier: MIT */
/* Models with what Kronfluence 1.0.1 computed of them, documents, queries and labels. One
 * is tiny and comes with the tests: scripts/make-kronfluence-fixture makes it. The other,
 * stories260K, is an asset. Both are laid out alike. */
#ifndef SUPPORT_KRONFLUENCE_H
#define SUPPORT_KRONFLUENCE_H

#include "support/check.h"

#define N_DOCUMENTS 40
#define N_QUERIES   5

typedef struct kronfluence {
    size_t n_modules; /* tracked */
    size_t n_tokens;  /* of all documents */
    /* Relative error of a gradient in f32: each of n_layers layers takes 7 products,
     * whose sums of k addends err by about sqrt(k) 2^-24; so 7 n_layers sqrt(k) 2^-24. */
    double gradient_error;
} kronfluence;

/* Takes the tiny model if the program was started with the word "tiny", else stories260K;
 * returns what is known of it. */
const kronfluence *choose_kronfluence(int argc, char **argv);

/* The path of a file of the chosen model ("model" is its checkpoint), in a static buffer;
 * NULL, said loudly, if it is an asset and absent. */
const char *kronfluence_path(const char *name);

/* Leaves the test as skipped, loudly, where the chosen model is an absent asset. */
#define need_kronfluence()                                                               \
    do {                                                                                 \
        if (!kronfluence_path("documents.jsonl")) {                                      \
            skip();                                                                      \
        }                                                                                \
    } while (0)

#endif
