/* SPDX-License-Identifier: MIT */
/* attrib status: how the jobs of folders stand.
 *
 * 1. Times   2. Text   3. JSON   4. What is missing */
#include "cli/commands.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/shared.h"

typedef struct status_args {
    common_options common;
    path_list paths;
    int format;
} status_args;

enum { FORMAT_TEXT, FORMAT_JSON };

static const option status_table[] = {
    {.name = "format",
     .kind = OPTION_CHOICE,
     .offset = offsetof(status_args, format),
     .value = "text|json",
     .standard = "text",
     .help = "text, or one JSON object a line for each folder"},
    {0},
};

static const option_group status_groups[] = {
    {.title = "Status", .options = status_table, .offset = 0},
    {.title = "Common options",
     .options = common_table,
     .offset = offsetof(status_args, common)},
    {0},
};

static const char *const kinds[] = {"missing", "done", "running", "stopped"};

/* 1. Times */

/* "12 s", "5 min", "3.2 h", "2.1 d" */
static void write_span(double seconds)
{
    if (seconds < 120) {
        printf("%.0f s", fmax(seconds, 0));
    } else if (seconds < 7200) {
        printf("%.0f min", seconds / 60);
    } else if (seconds < 172800) {
        printf("%.1f h", seconds / 3600);
    } else {
        printf("%.1f d", seconds / 86400);
    }
}

static void write_ago(double then)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    write_span((double)now.tv_sec - then);
    fputs(" ago", stdout);
}

/* 2. Text */

/* Text of another process, made safe to show. */
static void write_clean(const char *text)
{
    char *line = strdup(text);
    if (line) {
        attrib_clean_line(line);
        fputs(line, stdout);
    }
    free(line);
}

static void write_state_text(const char *path, const attrib_state *state)
{
    printf("%s: %s", path, kinds[state->kind]);
    switch (state->kind) {
    case ATTRIB_STATE_MISSING:
        break;
    case ATTRIB_STATE_DONE:
        printf(", %s, written ", state->is_run ? "a run" : "factors");
        write_ago(state->written);
        break;
    case ATTRIB_STATE_RUNNING:
        printf(", %.0f %%", floor(100 * state->overall));
        if (state->seconds_left >= 0) {
            fputs(", about ", stdout);
            write_span(state->seconds_left);
            fputs(" left", stdout);
        }
        fputs(", process ", stdout);
        printf("%zu of ", state->pid);
        write_clean(state->host);
        fputs(" told it ", stdout);
        write_ago(state->updated);
        break;
    case ATTRIB_STATE_STOPPED:
        printf(" at %.0f %%, written ", floor(100 * state->overall));
        write_ago(state->written);
        fputs(state->error[0] ? ": " : "", stdout);
        write_clean(state->error);
        break;
    }
    putchar('\n');
}

static void write_parts(const attrib_state *state)
{
    for (size_t i = 0; i < state->n_ranges; i++) {
        const attrib_state_range *r = &state->ranges[i];
        if (r->total > 1) {
            printf("  %-12s %zu-%zu of %zu\n", i ? "" : "parts", r->first + 1, r->end,
                   r->total);
        }
    }
}

/* The command that goes on, as a shell takes it. */
static void write_command(const attrib_state *state)
{
    char *directory = strdup(state->directory);
    char *words[] = {directory};
    char *quoted = directory && *directory ? options_join(1, words) : NULL;
    fputs("  goes on with ", stdout);
    if (quoted) {
        fputs("cd ", stdout);
        write_clean(quoted);
        fputs(" && ", stdout);
    }
    write_clean(state->command);
    putchar('\n');
    free(quoted);
    free(directory);
}

static void write_details(const attrib_state *state)
{
    for (size_t i = 0; i < state->n_stages; i++) {
        const attrib_state_stage *stage = &state->stages[i];
        fputs("  ", stdout);
        write_clean(stage->stage);
        printf("%*s%.0f", (int)(13 - strnlen(stage->stage, 12)), "", stage->done);
        if (stage->total > 0) {
            printf(" of %.0f", stage->total);
        }
        putchar(' ');
        write_clean(stage->unit);
        putchar('\n');
    }
    write_parts(state);
    if (state->kind == ATTRIB_STATE_STOPPED && state->command[0]) {
        write_command(state);
    }
}

/* 3. JSON */

/* Controls are escaped in JSON; bytes that are not UTF-8 become question marks. */
static void write_json_text(const char *key, const char *text)
{
    char *clean = strdup(text);
    size_t n = strlen(text);
    printf(", \"%s\": ", key);
    if (!clean) {
        fputs("null", stdout);
        return;
    }
    attrib_clean_line(clean);
    for (size_t i = 0; strlen(clean) == n && i < n; i++) {
        if ((unsigned char)text[i] < 0x80) {
            clean[i] = text[i];
        }
    }
    terminal_write_json(stdout, clean, strlen(clean));
    free(clean);
}

static void write_json_number(const char *key, double number, const char *format)
{
    printf(", \"%s\": ", key);
    if (isfinite(number)) {
        printf(strcmp(format, "s") == 0 ? "%.3f" : "%.6f", number);
    } else {
        fputs("null", stdout);
    }
}

static void write_state_json(const char *path, const attrib_state *state)
{
    printf("{\"state\": \"%s\"", kinds[state->kind]);
    write_json_text("path", path);
    write_json_text("holds", state->kind == ATTRIB_STATE_MISSING ? ""
                             : state->is_run                     ? "run"
                                                                 : "factors");
    write_json_number("overall", state->overall, "");
    write_json_number("eta_seconds", state->seconds_left, "s");
    write_json_number("written", state->written, "s");
    write_json_number("begun", state->begun, "s");
    write_json_number("updated", state->updated, "s");
    write_json_text("host", state->host);
    printf(", \"pid\": %zu", state->pid);
    write_json_text("error", state->error);
    write_json_text("directory", state->directory);
    write_json_text("command", state->command);
    fputs(", \"stages\": [", stdout);
    for (size_t i = 0; i < state->n_stages; i++) {
        printf("%s{\"done\": %.0f, \"total\": %.0f", i ? ", " : "", state->stages[i].done,
               state->stages[i].total);
        write_json_text("stage", state->stages[i].stage);
        write_json_text("unit", state->stages[i].unit);
        putchar('}');
    }
    fputs("], \"parts\": [", stdout);
    for (size_t i = 0; i < state->n_ranges; i++) {
        const attrib_state_range *r = &state->ranges[i];
        printf("%s{\"first\": %zu, \"end\": %zu, \"total\": %zu}", i ? ", " : "",
               r->first, r->end, r->total);
    }
    fputs("]}\n", stdout);
}

/* 4. What is missing */

/* Parts of one corpus that folders hold together. */
typedef struct coverage {
    unsigned char *has; /* [total] */
    size_t total;
} coverage;

/* Add the parts of a folder; those of another number are left out. */
static attrib_status cover(coverage *all, const attrib_state *state, attrib_error *err)
{
    for (size_t i = 0; i < state->n_ranges; i++) {
        const attrib_state_range *r = &state->ranges[i];
        if (!all->has && r->total > 1) {
            all->has = calloc(r->total, 1);
            all->total = r->total;
            if (!all->has) {
                return cli_fail(err, ATTRIB_ENOMEM, "%zu parts", r->total);
            }
        }
        for (size_t p = r->first; r->total == all->total && p < r->end && p < r->total;
             p++) {
            all->has[p] = 1;
        }
    }
    return ATTRIB_OK;
}

/* "missing of 8 parts: 2, 5-7" */
static void write_missing(const coverage *all)
{
    size_t n = 0;
    for (size_t p = 0; p < all->total; p++) {
        size_t end = p;
        while (end < all->total && !all->has[end]) {
            end++;
        }
        if (end == p) {
            continue;
        }
        printf(n++ ? ", " : "missing of %zu parts: ", all->total);
        printf(end - p > 1 ? "%zu-%zu" : "%zu", p + 1, end);
        p = end;
    }
    fputs(n ? "\n" : "", stdout);
}

static attrib_status status(const void *arguments, cli_job *job, attrib_error *err)
{
    const status_args *args = arguments;
    attrib_status result = ATTRIB_OK;
    coverage all = {0};
    (void)job;
    for (size_t i = 0; result == ATTRIB_OK && i < args->paths.n; i++) {
        const char *path = args->paths.paths[i];
        attrib_state *state = NULL;
        result = attrib_state_read(path, &state, err);
        if (result == ATTRIB_OK && args->format == FORMAT_JSON) {
            write_state_json(path, state);
        } else if (result == ATTRIB_OK) {
            write_state_text(path, state);
            write_details(state);
            result = cover(&all, state, err);
        }
        attrib_state_free(state);
    }
    if (result == ATTRIB_OK && all.has && args->paths.n > 1) {
        write_missing(&all);
    }
    free(all.has);
    return result;
}

const cli_command command_status = {
    .name = "status",
    .usage = "FACTORS|RUN... [--format text|json]",
    .summary =
        "tell which jobs are done, running, stopped or missing, and how far they are",
    .description =
        "Says of each folder that fit, merge, score, query or self was given whether it "
        "is done; running, by which process of which machine, how far that is and how "
        "much time is left; stopped, why, and with which command it goes on; or missing. "
        "Of factors of shards it says which parts they hold, and of several such folders "
        "which parts none of them does.\n"
        "\n"
        "A job tells how far it is every ten seconds, in job.json of its folder, which "
        "goes when the folder is finished. Nothing is locked, and no job is disturbed. "
        "A process of another machine that has said nothing for two minutes is taken for "
        "stopped.",
    .example = "  attrib status factors/ run/\n"
               "  attrib status shards/* --format json",
    .groups = status_groups,
    .operand = {.name = "FOLDER",
                .offset = offsetof(status_args, paths),
                .min = 1,
                .max = SIZE_MAX},
    .args_bytes = sizeof(status_args),
    .run = status,
};
