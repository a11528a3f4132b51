/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target on every file of the folders and files given: seeds and past crashes
 * as a test. */
#include <dirent.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replay_file(const char *path)
{
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 1;
    }
    uint8_t *data = NULL;
    size_t size = 0;
    for (size_t capacity = 4096;; capacity *= 2) {
        uint8_t *grown = realloc(data, capacity);
        if (!grown) {
            abort();
        }
        data = grown;
        size += fread(data + size, 1, capacity - size, stream);
        if (size < capacity) {
            break;
        }
    }
    fclose(stream);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return 0;
}

int main(int argc, char **argv)
{
    size_t n_files = 0;
    int failed = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            failed |= replay_file(argv[i]);
            n_files++;
            continue;
        }
        for (const struct dirent *entry = readdir(folder); entry;
             entry = readdir(folder)) {
            char path[4096];
            if (entry->d_name[0] == '.') {
                continue;
            }
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            failed |= replay_file(path);
            n_files++;
        }
        closedir(folder);
    }
    printf("%zu inputs replayed\n", n_files);
    return failed || n_files == 0;
}
