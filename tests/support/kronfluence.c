/* SPDX-License-Identifier: MIT */
#include "support/kronfluence.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_tiny;

const kronfluence *choose_kronfluence(int argc, char **argv)
{
    static const kronfluence tiny = {6, 2676, 4.1e-6};     /* 2 layers, k = 24 */
    static const kronfluence stories = {15, 2583, 2.7e-5}; /* 5 layers, k = 172 */
    is_tiny = argc > 1 && strcmp(argv[1], "tiny") == 0;
    return is_tiny ? &tiny : &stories;
}

const char *kronfluence_path(const char *name)
{
    char path[256];
    if (is_tiny) {
        snprintf(path, sizeof path, "tests/golden/kronfluence/%s", name);
        return source_path(path);
    }
    if (strcmp(name, "model") == 0) {
        return asset_path("models/stories260K/hf");
    }
    snprintf(path, sizeof path, "kronfluence/%s", name);
    return asset_path(path);
}
