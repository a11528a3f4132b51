/* SPDX-License-Identifier: MIT */
#include "cli/launcher.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The variables of a launcher. Counts that it does not say are the caller's. */
typedef struct launcher {
    const char *index, *count; /* count NULL: it says none */
    const char *first, *step;  /* the index of its first task, and from one to the
                                  next; NULL: 0 and 1 */
} launcher;

static const launcher launchers[] = {
    {"SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN",
     "SLURM_ARRAY_TASK_STEP"},
    {"SLURM_PROCID", "SLURM_NTASKS", NULL, NULL},
    {"OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", NULL, NULL},
    {"RANK", "WORLD_SIZE", NULL, NULL},
    {"JOB_COMPLETION_INDEX", NULL, NULL, NULL},
};

#define N_LAUNCHERS (sizeof launchers / sizeof *launchers)

typedef struct shard {
    size_t i, n;
} shard;

bool launcher_is_asked(const char *text)
{
    return strcmp(text, "auto") == 0 || strncmp(text, "auto/", 5) == 0;
}

/* A whole number; false where the text is none. */
static bool read_number(const char *text, size_t *out)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    *out = (size_t)number;
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

/* A variable, or `standard` where it has no name or is not set. */
static bool read_variable(
    const char *name, size_t standard, size_t *out, char *message, size_t n)
{
    const char *text = name ? getenv(name) : NULL;
    *out = standard;
    if (text && !read_number(text, out)) {
        snprintf(message, n, "--shard auto: %s is \"%.40s\", not a whole number", name,
                 text);
        return false;
    }
    return true;
}

/* What one launcher says; n_given: the N of auto/N, or 0. */
static bool read_launcher(
    const launcher *self, size_t n_given, shard *out, char *message, size_t n)
{
    size_t index = 0;
    size_t first = 0;
    size_t step = 1;
    if (!read_variable(self->index, 0, &index, message, n) ||
        !read_variable(self->first, 0, &first, message, n) ||
        !read_variable(self->step, 1, &step, message, n) ||
        !read_variable(self->count, n_given, &out->n, message, n)) {
        return false;
    }
    if (out->n == 0) {
        snprintf(message, n,
                 "--shard auto: %s does not say how many there are: give --shard auto/N",
                 self->index);
        return false;
    }
    if (n_given && out->n != n_given) {
        snprintf(message, n, "--shard auto/%zu: %s is %zu", n_given, self->count, out->n);
        return false;
    }
    out->i = step && index >= first ? (index - first) / step : SIZE_MAX;
    if (out->i >= out->n || (index - first) % step != 0) {
        snprintf(message, n,
                 "--shard auto: %s is %zu, of %zu that begin with %zu: which shard that "
                 "is cannot be told: give --shard I/N",
                 self->index, index, out->n, first);
        return false;
    }
    return true;
}

/* The N of auto/N; 0 for auto. */
static bool read_given(const char *text, size_t *out, char *message, size_t n)
{
    *out = 0;
    if (text[4] && (!read_number(text + 5, out) || *out == 0)) {
        snprintf(message, n, "--shard %.40s: expected auto/N, as in auto/64", text);
        return false;
    }
    return true;
}

bool launcher_shard(const char *text, char *out, size_t size, char *message, size_t n)
{
    const launcher *found = NULL;
    shard chosen = {0, 1};
    size_t n_given = 0;
    if (!read_given(text, &n_given, message, n)) {
        return false;
    }
    for (size_t i = 0; i < N_LAUNCHERS; i++) {
        shard says = {0, 1};
        if (!getenv(launchers[i].index)) {
            continue;
        }
        /* Slurm says of the one task of an array's job that it is 0 of 1. */
        const char *count = launchers[i].count ? getenv(launchers[i].count) : NULL;
        if (found && count && strcmp(count, "1") == 0) {
            continue;
        }
        if (!read_launcher(&launchers[i], n_given, &says, message, n)) {
            return false;
        }
        if (found && (says.i != chosen.i || says.n != chosen.n) && chosen.n > 1) {
            snprintf(message, n,
                     "--shard auto: %s says shard %zu of %zu, %s says %zu of %zu: give "
                     "--shard I/N",
                     found->index, chosen.i + 1, chosen.n, launchers[i].index, says.i + 1,
                     says.n);
            return false;
        }
        found = &launchers[i];
        chosen = says;
    }
    if (!found) {
        snprintf(message, n,
                 "--shard auto: none of SLURM_ARRAY_TASK_ID, SLURM_PROCID, "
                 "OMPI_COMM_WORLD_RANK, RANK and JOB_COMPLETION_INDEX is set: give "
                 "--shard I/N");
        return false;
    }
    snprintf(out, size, "%zu/%zu", chosen.i + 1, chosen.n);
    return true;
}
