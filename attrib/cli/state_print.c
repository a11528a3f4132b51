/* SPDX-License-Identifier: MIT */
/* States of jobs, as text and as JSON (state_print.h).
 *
 * 1. Times   2. Text   3. JSON */
#include "cli/state_print.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/shared.h"

const char *const state_kinds[] = {"missing", "done", "running", "stopped"};

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

void state_write_clean(const char *text)
{
    char *line = strdup(text);
    if (line) {
        attrib_clean_line(line);
        fputs(line, stdout);
    }
    free(line);
}

void state_print(const char *path, const attrib_state *state)
{
    printf("%s: %s", path, state_kinds[state->kind]);
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
        state_write_clean(state->host);
        fputs(" told it ", stdout);
        write_ago(state->updated);
        break;
    case ATTRIB_STATE_STOPPED:
        printf(" at %.0f %%, written ", floor(100 * state->overall));
        write_ago(state->written);
        fputs(state->error[0] ? ": " : "", stdout);
        state_write_clean(state->error);
        break;
    }
    putchar('\n');
}

static void write_parts(const attrib_state *state)
{
    for (size_t i = 0; i < state->n_ranges; i++) {
        const attrib_state_range *r = &state->ranges[i];
        if (r->total > 1 && !(state->is_run && r->end - r->first == r->total)) {
            printf("  %-12s %zu-%zu of %zu\n",
                   i               ? ""
                   : state->is_run ? "documents"
                                   : "parts",
                   r->first + 1, r->end, r->total);
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
        state_write_clean(quoted);
        fputs(" && ", stdout);
    }
    state_write_clean(state->command);
    putchar('\n');
    free(quoted);
    free(directory);
}

void state_print_details(const attrib_state *state)
{
    for (size_t i = 0; i < state->n_stages; i++) {
        const attrib_state_stage *stage = &state->stages[i];
        fputs("  ", stdout);
        state_write_clean(stage->stage);
        printf("%*s%.0f", (int)(13 - strnlen(stage->stage, 12)), "", stage->done);
        if (stage->total > 0) {
            printf(" of %.0f", stage->total);
        }
        putchar(' ');
        state_write_clean(stage->unit);
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

void state_print_json(const char *path, const attrib_state *state)
{
    printf("{\"state\": \"%s\"", state_kinds[state->kind]);
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
