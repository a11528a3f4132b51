/* SPDX-License-Identifier: MIT */
/* The words of a command line as texts: joined as a shell would read them, and how far
 * one is from another. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"

static bool is_plain(const char *word)
{
    const char *plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                        "%+,-./:=@_";
    return *word && word[strspn(word, plain)] == '\0';
}

void options_quote(FILE *stream, const char *word)
{
    if (is_plain(word)) {
        fputs(word, stream);
        return;
    }
    fputc('\'', stream);
    for (const char *c = word; *c; c++) {
        fputs(*c == '\'' ? "'\\''" : (char[]){*c, '\0'}, stream);
    }
    fputc('\'', stream);
}

char *options_join(int argc, char **argv)
{
    char *line = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&line, &n_bytes);
    if (!stream) {
        return NULL;
    }
    for (int i = 0; i < argc; i++) {
        fputs(i ? " " : "", stream);
        options_quote(stream, argv[i]);
    }
    if (fclose(stream) != 0) {
        free(line);
        return NULL;
    }
    return line;
}

size_t options_distance(const char *a, const char *b)
{
    size_t row_of[64]; /* row_of[j] = distance of a[0..i) and b[0..j) */
    size_t n = strlen(b);
    if (n >= sizeof row_of / sizeof *row_of) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= n; j++) {
        row_of[j] = j;
    }
    for (size_t i = 0; a[i]; i++) {
        size_t diagonal = row_of[0];
        row_of[0] = i + 1;
        for (size_t j = 0; j < n; j++) {
            size_t above = row_of[j + 1];
            size_t best = diagonal + (a[i] != b[j]);
            best = above + 1 < best ? above + 1 : best;
            best = row_of[j] + 1 < best ? row_of[j] + 1 : best;
            row_of[j + 1] = best;
            diagonal = above;
        }
    }
    return row_of[n];
}
