/* SPDX-License-Identifier: MIT */
/* attrib cache: what queries keep, listed and cleared. */
#include "cli/commands.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli/cache.h"
#include "cli/cache_entries.h"

typedef struct cache_args {
    common_options common;
    path_list words; /* what is done, and paths of corpora */
} cache_args;

static const option_group cache_groups[] = {
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(cache_args, common)},
    {0},
};

static bool is_clear(const cache_args *args)
{
    return strcmp(args->words.paths[0], "clear") == 0;
}

static bool check(void *arguments, const cli_given *given, char *message, size_t size)
{
    const cache_args *args = arguments;
    (void)given;
    if (!is_clear(args) && strcmp(args->words.paths[0], "list") != 0) {
        snprintf(message, size, "\"%.80s\" is neither list nor clear",
                 args->words.paths[0]);
        return false;
    }
    return true;
}

/* A line of tabs: what it is, its bytes, when it was used, where it is. */
static void print_entry(const cache_entry *entry)
{
    char day[32] = "";
    struct tm parts;
    if (localtime_r(&entry->used.tv_sec, &parts)) {
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &parts);
    }
    printf("%s\t%llu\t%s\t%s\n", entry->is_store ? "store" : "factors",
           (unsigned long long)entry->n_bytes, day, entry->path);
}

static attrib_status take_folder(const cache_args *args,
                                 const char *folder,
                                 attrib_error *err)
{
    cache_entries entries = {0};
    attrib_status status = cache_list(folder, &entries, err);
    unsigned long long n_bytes = 0;
    for (size_t i = 0; status == ATTRIB_OK && i < entries.n; i++) {
        n_bytes += entries.list[i].n_bytes;
        if (is_clear(args)) {
            status = cache_remove(&entries.list[i], err);
        } else {
            print_entry(&entries.list[i]);
        }
    }
    if (status == ATTRIB_OK && is_clear(args)) {
        printf("%s: %zu entr%s, %llu bytes\n", folder, entries.n,
               entries.n == 1 ? "y" : "ies", n_bytes);
    }
    cache_entries_free(&entries);
    return status;
}

static attrib_status cache(const void *arguments, cli_job *job, attrib_error *err)
{
    const cache_args *args = arguments;
    char folder[CACHE_PATH_SIZE];
    attrib_status status = ATTRIB_OK;
    (void)job;
    if (args->words.n == 1) {
        return cache_name(NULL, folder)
                   ? take_folder(args, folder, err)
                   : cli_fail(err, ATTRIB_EIO,
                              "neither $XDG_CACHE_HOME nor $HOME is set");
    }
    for (size_t i = 1; status == ATTRIB_OK && i < args->words.n; i++) {
        status = cache_name(args->words.paths[i], folder)
                     ? take_folder(args, folder, err)
                     : cli_fail(err, ATTRIB_EIO, "%.300s: no such file or folder",
                                args->words.paths[i]);
    }
    return status;
}

const cli_command command_cache = {
    .name = "cache",
    .usage = "list|clear [PATH...]",
    .summary = "list or clear what queries keep: factors and token stores",
    .description =
        "Queries without --factors keep what they fitted and the tokens of the corpus in "
        ".attrib-cache in the folder of the corpus, or in ~/.cache/attrib where that "
        "cannot be written. PATH is a corpus, as it was given to attrib query, whose "
        "cache is meant; without one it is ~/.cache/attrib.\n"
        "\n"
        "list prints a line for each entry, those that were used last first: factors or "
        "store, its bytes, when it was used, and where it is, with tabs between them. "
        "clear removes all of them.",
    .example = "  attrib cache list corpus/\n  attrib cache clear corpus/",
    .groups = cache_groups,
    .operand = {.name = "list|clear",
                .offset = offsetof(cache_args, words),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(cache_args),
    .check = check,
    .run = cache,
};
