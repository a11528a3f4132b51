/* SPDX-License-Identifier: MIT */
/* A GGUF file, or all splits of one.
 *
 *   1. Splits: their names and their own word agree
 *   2. Finding
 *   3. Opening
 *   4. What the files hold */
#include "format/gguf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/gguf_file.h"

/* "-00001-of-00003.gguf" */
#define SPLIT_SUFFIX   "-00000-of-00000.gguf"
#define N_SPLIT_SUFFIX (sizeof SPLIT_SUFFIX - 1)
#define SPLIT_NUMBER   "split.no"
#define SPLIT_COUNT    "split.count"
#define SPLIT_TENSORS  "split.tensors.count"

struct at_gguf {
    at_gguf_file *files; /* [n_files] */
    size_t n_files;
    at_tensors *tensors; /* of all files */
};

void at_gguf_close(at_gguf *gguf)
{
    if (!gguf) {
        return;
    }
    at_tensors_close(gguf->tensors);
    for (size_t i = 0; i < gguf->n_files; i++) {
        at_gguf_file_free(&gguf->files[i]);
    }
    free(gguf->files);
    free(gguf);
}

attrib_status at_gguf_check(const at_gguf *gguf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < gguf->n_files; i++) {
        AT_TRY(at_map_check(&gguf->files[i].map, err));
    }
done:
    return status;
}

/* 1. Splits */

/* The number of splits that a name ends with, or 0 where it is no split's name. */
static size_t splits_of_name(const char *path)
{
    size_t n = strlen(path);
    const char *suffix = n > N_SPLIT_SUFFIX ? path + n - N_SPLIT_SUFFIX : "";
    for (size_t i = 0; i < N_SPLIT_SUFFIX; i++) {
        char c = suffix[i];
        bool is_digit = c >= '0' && c <= '9';
        if (SPLIT_SUFFIX[i] == '0' ? !is_digit : c != SPLIT_SUFFIX[i]) {
            return 0;
        }
    }
    return strtoul(suffix + strlen("-00000-of-"), NULL, 10);
}

/* Check a split's metadata about splits, where it has them, against its name. */
static attrib_status check_split(const at_gguf_file *file,
                                 const char *key,
                                 size_t expected,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t value = 0;
    const at_gguf_value *found = at_gguf_file_find(file, key);
    AT_CHECK(found && at_gguf_value_size(found, &value), ATTRIB_EFORMAT,
             "%s: %s: expected a whole number from 0 on", file->path, key);
    AT_CHECK(value == expected, ATTRIB_ESHAPE, "%s: %s: %zu, expected %zu", file->path,
             key, value, expected);
done:
    return status;
}

static attrib_status open_splits(
    at_gguf *gguf, const char *path, size_t n, at_gguf_part part, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    int n_stem = (int)(strlen(path) - N_SPLIT_SUFFIX);
    for (size_t i = 0; i < n; i++) {
        at_buffer_clear(&name);
        AT_TRY(at_buffer_print(&name, err, "%.*s-%05zu-of-%05zu.gguf", n_stem, path,
                               i + 1, n));
        AT_TRY(at_gguf_file_open(name.bytes, part, &gguf->files[i], err));
        AT_TRY(check_split(&gguf->files[i], SPLIT_NUMBER, i, err));
        AT_TRY(check_split(&gguf->files[i], SPLIT_COUNT, n, err));
    }
done:
    at_buffer_free(&name);
    return status;
}

/* A file that is a split of several, under a name that does not say so. */
static attrib_status refuse_split(const at_gguf_file *file, attrib_error *err)
{
    size_t n = 0;
    const at_gguf_value *found = at_gguf_file_find(file, SPLIT_COUNT);
    if (found && (!at_gguf_value_size(found, &n) || n > 1)) {
        return at_fail(err, ATTRIB_EFORMAT,
                       "%s: one of %zu splits, expected a name that ends with "
                       "-NNNNN-of-%05zu.gguf",
                       file->path, n, n);
    }
    return ATTRIB_OK;
}

/* 2. Finding */

static bool begins_as_gguf(const char *path)
{
    char magic[4] = "";
    FILE *stream = at_is_file(path) ? fopen(path, "re") : NULL;
    size_t n = stream ? fread(magic, 1, sizeof magic, stream) : 0;
    if (stream) {
        fclose(stream);
    }
    return n == sizeof magic && memcmp(magic, "GGUF", n) == 0;
}

static bool is_named_gguf(const char *path)
{
    size_t n = strlen(path);
    return n >= 5 && strcmp(path + n - 5, ".gguf") == 0;
}

/* Whether a name is of a split that is not the first. */
static bool is_later_split(const char *path)
{
    return splits_of_name(path) &&
           strtoul(path + strlen(path) - N_SPLIT_SUFFIX + 1, NULL, 10) != 1;
}

static attrib_status find_in_folder(const char *folder, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const struct dirent *entry = NULL;
    char *path = NULL;
    DIR *names = opendir(folder);
    while (names && (entry = readdir(names))) {
        free(path);
        path = NULL;
        AT_TRY(at_join_path(folder, entry->d_name, &path, err));
        if (!begins_as_gguf(path) || is_later_split(path)) {
            continue;
        }
        AT_CHECK(!*out, ATTRIB_EINVAL,
                 "%s: more than one GGUF file (%s and %s): name the one", folder,
                 strrchr(*out, '/') + 1, entry->d_name);
        *out = path;
        path = NULL;
    }
done:
    if (names) {
        closedir(names);
    }
    free(path);
    return status;
}

attrib_status at_gguf_find_file(const char *path, char **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *config = NULL;
    char *found = NULL;
    if (at_is_folder(path)) {
        AT_TRY(at_join_path(path, "config.json", &config, err));
        if (!at_is_there(config)) {
            AT_TRY(find_in_folder(path, &found, err));
        }
    } else if (is_named_gguf(path) || begins_as_gguf(path)) {
        AT_TRY(at_copy_text(path, strlen(path), &found, err));
    }
    *out = found;
    found = NULL;
done:
    free(config);
    free(found);
    return status;
}

/* 3. Opening */

static attrib_status new_gguf(size_t n_files, at_gguf **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf *gguf = NULL;
    AT_TRY(at_array(1, sizeof *gguf, &gguf, err));
    AT_TRY(at_array(n_files, sizeof *gguf->files, &gguf->files, err));
    gguf->n_files = n_files;
    *out = gguf;
    gguf = NULL;
done:
    at_gguf_close(gguf);
    return status;
}

/* Gather the tensors of all files into one list. */
static attrib_status gather(at_gguf *gguf, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor **list = NULL;
    size_t n = 0;
    for (size_t i = 0; i < gguf->n_files; i++) {
        AT_TRY(at_add(n, gguf->files[i].n_tensors, &n, err));
    }
    AT_TRY(at_array(n, sizeof(const at_tensor *), &list, err));
    n = 0;
    for (size_t i = 0; i < gguf->n_files; i++) {
        for (size_t j = 0; j < gguf->files[i].n_tensors; j++) {
            list[n++] = &gguf->files[i].tensors[j];
        }
    }
    AT_TRY(at_tensors_gather(list, n, &gguf->tensors, err));
    if (gguf->n_files > 1) {
        AT_TRY(check_split(&gguf->files[0], SPLIT_TENSORS, n, err));
    }
done:
    free(list);
    return status;
}

attrib_status at_gguf_open(const char *path,
                           at_gguf_part part,
                           at_gguf **out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf *gguf = NULL;
    size_t n_splits = splits_of_name(path);
    AT_TRY(new_gguf(n_splits ? n_splits : 1, &gguf, err));
    if (n_splits) {
        AT_TRY(open_splits(gguf, path, n_splits, part, err));
    } else {
        AT_TRY(at_gguf_file_open(path, part, &gguf->files[0], err));
        AT_TRY(refuse_split(&gguf->files[0], err));
    }
    AT_TRY(gather(gguf, err));
    *out = gguf;
    gguf = NULL;
done:
    at_gguf_close(gguf);
    return status;
}

attrib_status at_gguf_open_bytes(const char *name,
                                 const void *bytes,
                                 size_t n,
                                 at_gguf_part part,
                                 at_gguf **out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_gguf *gguf = NULL;
    AT_TRY(new_gguf(1, &gguf, err));
    AT_TRY(at_gguf_file_parse(name, bytes, n, part, &gguf->files[0], err));
    AT_TRY(refuse_split(&gguf->files[0], err));
    AT_TRY(gather(gguf, err));
    *out = gguf;
    gguf = NULL;
done:
    at_gguf_close(gguf);
    return status;
}

/* 4. What the files hold */

const char *at_gguf_path(const at_gguf *gguf)
{
    return gguf->files[0].path;
}

unsigned at_gguf_version(const at_gguf *gguf)
{
    return gguf->files[0].version;
}

size_t at_gguf_n_files(const at_gguf *gguf)
{
    return gguf->n_files;
}

const at_tensors *at_gguf_tensors(const at_gguf *gguf)
{
    return gguf->tensors;
}

size_t at_gguf_n_values(const at_gguf *gguf)
{
    return gguf->files[0].n_values;
}

const at_gguf_value *at_gguf_value_at(const at_gguf *gguf, size_t i)
{
    return i < gguf->files[0].n_values ? &gguf->files[0].values[i] : NULL;
}

const at_gguf_value *at_gguf_find(const at_gguf *gguf, const char *key)
{
    return at_gguf_file_find(&gguf->files[0], key);
}

attrib_status at_gguf_hash(const at_gguf *gguf, char out[AT_HASH_SIZE], attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_hash_new(&hash, err));
    for (size_t i = 0; i < gguf->n_files; i++) {
        at_hash_add(hash, gguf->files[i].bytes, gguf->files[i].n_bytes);
    }
    at_hash_digest(hash, out);
done:
    at_hash_free(hash);
    return status;
}
