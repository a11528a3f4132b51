/* SPDX-License-Identifier: MIT */
/* Names of models.
 *
 * 1. Lists   2. Checkpoints in a trainer's folder   3. Segments of training */
#include "cli/checkpoint_names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/shared.h"

/* 1. Lists */

static attrib_status add_name(checkpoint_names *names,
                              const char *folder,
                              const char *name,
                              size_t n,
                              attrib_error *err)
{
    char *item = NULL;
    if (names->n == MAX_LIST) {
        return cli_fail(err, ATTRIB_EINVAL, "more than %d models", MAX_LIST);
    }
    if (asprintf(&item, "%s%s%.*s", folder, *folder ? "/" : "", (int)n, name) < 0) {
        return cli_fail(err, ATTRIB_ENOMEM, "names of models");
    }
    names->items[names->n++] = item;
    return ATTRIB_OK;
}

attrib_status checkpoint_names_split(const char *list,
                                     checkpoint_names *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_one = list && access(list, F_OK) == 0;
    while (list && status == ATTRIB_OK) {
        size_t n = is_one ? strlen(list) : strcspn(list, ",");
        status = n == 0 && (out->n > 0 || list[n] == ',')
                     ? cli_fail(err, ATTRIB_EINVAL,
                                "a list of models or factors has an empty name")
                     : add_name(out, "", list, n, err);
        list = list[n] ? list + n + 1 : NULL;
    }
    return status;
}

void checkpoint_names_free(checkpoint_names *names)
{
    for (size_t i = 0; i < names->n; i++) {
        free(names->items[i]);
    }
    *names = (checkpoint_names){0};
}

/* 2. Checkpoints in a trainer's folder */

/* Find one checkpoint by a word of n bytes: its name, or NULL. */
static const char *find_checkpoint(const attrib_trainer *trainer,
                                   const char *word,
                                   size_t n)
{
    size_t n_checkpoints = attrib_trainer_count(trainer);
    size_t place = 0;
    char *end = NULL;
    if (n == 1 && word[0] == '.') {
        return ".";
    }
    if (n == strlen("last") && strncmp(word, "last", n) == 0) {
        place = n_checkpoints;
    } else if (word[0] >= '1' && word[0] <= '9') {
        place = strtoul(word, &end, 10);
        place = end == word + n && place <= n_checkpoints ? place : 0;
    }
    for (size_t i = 0; i < n_checkpoints && place == 0; i++) {
        const char *name = attrib_trainer_get(trainer, i)->name;
        place = strlen(name) == n && strncmp(name, word, n) == 0 ? i + 1 : 0;
    }
    return place ? attrib_trainer_get(trainer, place - 1)->name : NULL;
}

static attrib_status refuse_word(const attrib_trainer *trainer,
                                 const char *folder,
                                 const char *word,
                                 size_t n,
                                 attrib_error *err)
{
    size_t n_checkpoints = attrib_trainer_count(trainer);
    return cli_fail(
        err, ATTRIB_EINVAL,
        "--checkpoints: \"%.*s\": %.90s has %zu, %s to %s: expected 1 to %zu, "
        "last, all, a name, or .",
        (int)(n < 40 ? n : 40), word, folder, n_checkpoints,
        attrib_trainer_get(trainer, 0)->name,
        attrib_trainer_get(trainer, n_checkpoints - 1)->name, n_checkpoints);
}

attrib_status checkpoint_names_choose(const char *folder,
                                      const char *list,
                                      checkpoint_names *out,
                                      attrib_error *err)
{
    attrib_trainer *trainer = NULL;
    attrib_status status = attrib_trainer_open(folder, &trainer, err);
    while (list && status == ATTRIB_OK) {
        size_t n = strcspn(list, ",");
        bool takes_all = n == strlen("all") && strncmp(list, "all", n) == 0;
        const char *name = takes_all ? NULL : find_checkpoint(trainer, list, n);
        for (size_t i = 0; takes_all && status == ATTRIB_OK; i++) {
            if (i == attrib_trainer_count(trainer)) {
                break;
            }
            name = attrib_trainer_get(trainer, i)->name;
            status = add_name(out, "", name, strlen(name), err);
        }
        if (!takes_all) {
            status = name ? add_name(out, "", name, strlen(name), err)
                          : refuse_word(trainer, folder, list, n, err);
        }
        list = list[n] ? list + n + 1 : NULL;
    }
    attrib_trainer_close(trainer);
    return status;
}

attrib_status checkpoint_names_place(const char *folder,
                                     const checkpoint_names *names,
                                     checkpoint_names *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < names->n && status == ATTRIB_OK; i++) {
        bool is_folder = strcmp(names->items[i], ".") == 0;
        status =
            add_name(out, is_folder ? "" : folder, is_folder ? folder : names->items[i],
                     strlen(is_folder ? folder : names->items[i]), err);
    }
    return status;
}

/* 3. Segments of training */

/* The place of a chosen checkpoint in the folder; SIZE_MAX where the folder lacks it. */
static size_t place_of(const attrib_trainer *trainer, const char *name)
{
    for (size_t i = 0; i < attrib_trainer_count(trainer); i++) {
        if (strcmp(attrib_trainer_get(trainer, i)->name, name) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* Write the segments that end at chosen checkpoints as STEPS@RATE; `sums` are of the
 * rates up to each checkpoint of the folder. */
static attrib_status print_segments(const attrib_trainer *trainer,
                                    const checkpoint_names *names,
                                    const double *sums,
                                    FILE *stream,
                                    attrib_error *err)
{
    double sum = 0;
    size_t step = 0;
    for (size_t i = 0; i < names->n; i++) {
        size_t place = place_of(trainer, names->items[i]);
        if (place == SIZE_MAX || attrib_trainer_get(trainer, place)->step <= step ||
            !(sums[place] > sum)) {
            return cli_fail(err, ATTRIB_EINVAL,
                            "--segments trainer: %s does not end a segment after those "
                            "before it: name checkpoints in the order of their steps",
                            names->items[i]);
        }
        size_t n_steps = attrib_trainer_get(trainer, place)->step - step;
        fprintf(stream, "%s%zu@%.17g", i ? "," : "", n_steps,
                (sums[place] - sum) / (double)n_steps);
        sum = sums[place];
        step += n_steps;
    }
    return ATTRIB_OK;
}

attrib_status checkpoint_names_segments(const char *folder,
                                        const checkpoint_names *names,
                                        char **out,
                                        attrib_error *err)
{
    attrib_trainer *trainer = NULL;
    size_t n_bytes = 0;
    double *sums = NULL;
    FILE *stream = NULL;
    attrib_status status = attrib_trainer_open(folder, &trainer, err);
    if (status == ATTRIB_OK) {
        sums = calloc(attrib_trainer_count(trainer), sizeof *sums);
        stream = open_memstream(out, &n_bytes);
        status = sums && stream ? attrib_trainer_rates(trainer, sums, err)
                                : cli_fail(err, ATTRIB_ENOMEM, "segments");
    }
    if (status == ATTRIB_OK) {
        status = print_segments(trainer, names, sums, stream, err);
    }
    if (stream && fclose(stream) != 0 && status == ATTRIB_OK) {
        status = cli_fail(err, ATTRIB_ENOMEM, "segments");
    }
    attrib_trainer_close(trainer);
    free(sums);
    return status;
}
