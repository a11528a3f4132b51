/* SPDX-License-Identifier: MIT */
/* Paths that are not what an option takes, told by what is there. */
#include "cli/mistakes.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Whether a folder has a file of this name. */
static bool has_file(const char *folder, const char *name)
{
    char path[4096];
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    return n > 0 && (size_t)n < sizeof path && access(path, F_OK) == 0;
}

/* The first file of a folder whose name ends so; "" where there is none. */
static void find_file(const char *folder, const char *ending, char name[256])
{
    DIR *open = opendir(folder);
    name[0] = '\0';
    for (struct dirent *entry; open && (entry = readdir(open));) {
        size_t n = strlen(entry->d_name);
        size_t n_ending = strlen(ending);
        if (n > n_ending && strcmp(entry->d_name + n - n_ending, ending) == 0) {
            snprintf(name, 256, "%s", entry->d_name);
            break;
        }
    }
    if (open) {
        closedir(open);
    }
}

/* A folder that is there, and what it lacks. */
static void explain_folder(const char *path, attrib_status status, attrib_error *made)
{
    char found[256] = "";
    bool is_adapter = has_file(path, "adapter_config.json");
    bool is_pickled = has_file(path, "pytorch_model.bin") ||
                      has_file(path, "pytorch_model.bin.index.json");
    if (has_file(path, "config.json")) {
        find_file(path, ".safetensors", found);
        if (is_pickled && !found[0]) {
            cli_fail(made, status,
                     "--model %.90s: pytorch_model.bin is not read; write "
                     "model.safetensors, by save_pretrained() of a current transformers",
                     path);
        }
        return;
    }
    find_file(path, ".gguf", found);
    if (found[0]) {
        cli_fail(made, status,
                 "--model %.90s: a folder with a GGUF file; give the file: --model "
                 "%.90s/%.90s",
                 path, path, found);
    } else if (!is_adapter) {
        cli_fail(made, status,
                 "--model %.90s: no config.json in this folder, which needs that, "
                 "*.safetensors and tokenizer.json",
                 path);
    }
}

/* A folder given as an adapter that holds none. */
static void explain_adapter(const char *path, attrib_status status, attrib_error *made)
{
    struct stat info;
    if (stat(path, &info) != 0) {
        cli_fail(made, status, "--adapter %.160s: no such folder", path);
    } else if (!S_ISDIR(info.st_mode)) {
        cli_fail(
            made, status,
            "--adapter %.120s: a file; give the folder that PEFT's save_pretrained() "
            "wrote",
            path);
    } else if (!has_file(path, "adapter_config.json")) {
        cli_fail(made, status,
                 "--adapter %.100s: no adapter_config.json in this folder%s", path,
                 has_file(path, "config.json")
                     ? ", which holds a model: --model takes it"
                     : "; give the one that PEFT's save_pretrained() wrote");
    }
}

attrib_status mistake_explain_model(const char *path,
                                    const char *adapter,
                                    attrib_status status,
                                    attrib_error *err)
{
    struct stat info;
    attrib_error made = {0};
    if (stat(path, &info) != 0) {
        cli_fail(
            &made, status,
            "--model %.80s: no such folder or file; a model of the hub is downloaded "
            "first: huggingface-cli download %.80s --local-dir FOLDER",
            path, path);
    } else if (S_ISDIR(info.st_mode)) {
        explain_folder(path, status, &made);
    } else if (status == ATTRIB_EIO) {
        cli_fail(&made, status,
                 "--model %.120s: a file; give its folder, with config.json and "
                 "tokenizer.json, or a GGUF file",
                 path);
    }
    if (adapter && !made.message[0]) {
        explain_adapter(adapter, status, &made);
    }
    if (made.message[0] && err) {
        *err = made;
    }
    return status;
}

attrib_status mistake_explain_corpus(const path_list *corpus,
                                     attrib_status status,
                                     attrib_error *err)
{
    attrib_error made = {0};
    for (size_t i = 0; i < corpus->n && !made.message[0]; i++) {
        const char *path = corpus->paths[i];
        if (strcmp(path, "-") == 0) {
            continue;
        }
        if (access(path, F_OK) != 0 && errno == ENOENT) {
            cli_fail(
                &made, status,
                "--corpus %.120s: no such file or folder (--corpus takes all words up "
                "to the next option; a prompt of several words needs quotes)",
                path);
        } else if (has_file(path, "config.json") && has_file(path, "tokenizer.json")) {
            cli_fail(&made, status,
                     "--corpus %.120s: the folder of a model; --corpus takes training "
                     "documents, --model the model",
                     path);
        }
    }
    if (made.message[0] && err) {
        *err = made;
    }
    return status;
}

attrib_status mistake_explain_optimizer(const char *path,
                                        attrib_status status,
                                        attrib_error *err)
{
    attrib_error made = {0};
    unsigned char first[9] = {0};
    FILE *file = fopen(path, "rb");
    size_t n = file ? fread(first, 1, sizeof first, file) : 0;
    /* A pickle begins with 0x80, as does safetensors with a header of such a length,
     * which has '{' after its eight bytes. */
    bool is_safetensors = n == sizeof first && first[8] == '{';
    bool is_pickled =
        n > 1 && !is_safetensors &&
        ((first[0] == 'P' && first[1] == 'K') || (first[0] == 0x80 && first[1] <= 5));
    if (file) {
        fclose(file);
    }
    if (is_pickled && err) {
        cli_fail(&made, status,
                 "--optimizer %.120s: written by torch.save() or NumPy; "
                 "scripts/optimizer-to-safetensors makes safetensors of it",
                 path);
        *err = made;
    }
    return status;
}
