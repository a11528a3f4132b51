/* SPDX-License-Identifier: MIT */
/* What names say: extensions, and files about the data.
 *
 * 1. Extensions   2. Files about the data */
#include "corpus/kind.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "corpus/name.h"

/* 1. Extensions */

typedef struct extension {
    const char *name;
    at_kind kind;
} extension;

static const extension extensions[] = {
    {"txt", AT_KIND_TEXT},
    {"text", AT_KIND_TEXT},
    {"md", AT_KIND_TEXT},
    {"markdown", AT_KIND_TEXT},
    {"rst", AT_KIND_TEXT},
    {"jsonl", AT_KIND_LINES},
    {"ndjson", AT_KIND_LINES},
    {"json", AT_KIND_JSON},
    {"tar", AT_KIND_ARCHIVE},
    {"tgz", AT_KIND_ARCHIVE},
    {"tbz", AT_KIND_ARCHIVE},
    {"tbz2", AT_KIND_ARCHIVE},
    {"txz", AT_KIND_ARCHIVE},
    {"tzst", AT_KIND_ARCHIVE},
    {"zip", AT_KIND_ARCHIVE},
    {"zipx", AT_KIND_ARCHIVE},
    {"7z", AT_KIND_ARCHIVE},
    {"cpio", AT_KIND_ARCHIVE},
    {"csv", AT_KIND_COMMAS},
    {"tsv", AT_KIND_TABS},
    {"warc", AT_KIND_WARC},
    {"wet", AT_KIND_WARC},
    {"wat", AT_KIND_REFUSED},
    {"parquet", AT_KIND_PARQUET},
    {"arrow", AT_KIND_ARROW},
    {"feather", AT_KIND_ARROW},
    {"pdf", AT_KIND_REFUSED},
    {"doc", AT_KIND_REFUSED},
    {"docx", AT_KIND_REFUSED},
    {"odt", AT_KIND_REFUSED},
    {"xls", AT_KIND_REFUSED},
    {"xlsx", AT_KIND_REFUSED},
    {"epub", AT_KIND_REFUSED},
    {"jar", AT_KIND_REFUSED},
    {"npz", AT_KIND_REFUSED},
    {"npy", AT_KIND_TOKENS},
    {"png", AT_KIND_REFUSED},
    {"jpg", AT_KIND_REFUSED},
    {"jpeg", AT_KIND_REFUSED},
    {"gif", AT_KIND_REFUSED},
    {"safetensors", AT_KIND_REFUSED},
    {"gguf", AT_KIND_REFUSED},
    {"rar", AT_KIND_REFUSED},
    {"db", AT_KIND_REFUSED},
    {"sqlite", AT_KIND_REFUSED},
    {"idx", AT_KIND_TOKENS},
    {"bin", AT_KIND_TOKENS},
};

static const char *const compressions[] = {"gz", "dz", "zst", "zstd", "xz", "bz2", "lz4"};

static bool is_one(const char *text, size_t n, const char *word)
{
    return strlen(word) == n && strncasecmp(text, word, n) == 0;
}

static bool is_compression(const char *text, size_t n)
{
    for (size_t i = 0; i < sizeof compressions / sizeof *compressions; i++) {
        if (is_one(text, n, compressions[i])) {
            return true;
        }
    }
    return false;
}

/* Where the last dot of the first n bytes is, or n where there is none. */
static size_t last_dot(const char *name, size_t n)
{
    for (size_t i = n; i > 0; i--) {
        if (name[i - 1] == '.') {
            return i - 1;
        }
    }
    return n;
}

at_kind at_kind_of_name(const char *name, bool *is_compressed)
{
    const char *base = at_base_name(name);
    size_t n = strlen(base);
    size_t dot = last_dot(base, n);
    *is_compressed = false;
    while (dot < n && is_compression(base + dot + 1, n - dot - 1)) {
        *is_compressed = true;
        n = dot;
        dot = last_dot(base, n);
    }
    if (dot == n) {
        return AT_KIND_PLAIN;
    }
    for (size_t i = 0; i < sizeof extensions / sizeof *extensions; i++) {
        if (is_one(base + dot + 1, n - dot - 1, extensions[i].name)) {
            return extensions[i].kind;
        }
    }
    return AT_KIND_UNKNOWN;
}

/* 2. Files about the data */

/* What a name begins with, up to its end or one of ".-_ ": "LICENSE-MIT", "README_de.md"
 * and "readme" are all meant. */
static const char *const about_stems[] = {
    "readme",       "license",  "licence",    "copying",   "copyright",
    "notice",       "citation", "datasheet",  "changelog", "dataset_card",
    "contributing", "authors",  "sha256sums", "md5sums",
};

static const char *const about_names[] = {
    "dataset_info.json",     "dataset_infos.json", "dataset_dict.json",
    "dataset_card.json",     "state.json",         "croissant.json",
    "dataset-metadata.json",
};

/* Rows and tables are data, whatever they are called. */
static bool may_be_about(const char *name)
{
    bool ignored = false;
    at_kind kind = at_kind_of_name(name, &ignored);
    return kind == AT_KIND_TEXT || kind == AT_KIND_PLAIN || kind == AT_KIND_UNKNOWN;
}

static bool begins_as(const char *name, const char *stem)
{
    size_t n = strlen(stem);
    return strncasecmp(name, stem, n) == 0 && strchr(".-_ ", name[n]) != NULL;
}

bool at_is_about_data(const char *name)
{
    const char *base = at_base_name(name);
    for (size_t i = 0; i < sizeof about_names / sizeof *about_names; i++) {
        if (strcasecmp(base, about_names[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof about_stems / sizeof *about_stems; i++) {
        if (begins_as(base, about_stems[i]) && may_be_about(base)) {
            return true;
        }
    }
    return false;
}
