/* SPDX-License-Identifier: MIT */
/* What a run says on standard error: log lines, progress, statistics; and Ctrl-C. */
#ifndef CLI_TERMINAL_H
#define CLI_TERMINAL_H

#include <stdio.h>

#include "cli/metrics.h"
#include "cli/options.h"
#include "cli/statistics.h"

enum { PROGRESS_AUTO, PROGRESS_JSON, PROGRESS_NONE };

enum { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER };

/* What every command takes. */
typedef struct common_options {
    size_t n_threads;
    int progress, colour;
    const char *metrics; /* file; NULL: none */
    size_t n_quiet, n_verbose;
} common_options;

extern const option common_table[];

typedef struct terminal {
    const char *command;             /* "fit" */
    bool is_quiet, is_json, is_live; /* live: a progress line that is written again */
    bool is_line_shown, has_statistics, is_metrics_failure_told;
    attrib_log_level level;      /* the last that is shown */
    double start, last_progress; /* seconds of the monotonic clock */
    attrib_progress progress;    /* the last that was reported */
    statistics statistics;
    metrics metrics;
} terminal;

void terminal_open(terminal *screen, const char *command, const common_options *options);

/* Write the metrics for the first time, where they are asked for: a file that cannot be
 * written is refused before any work. */
attrib_status terminal_begin(terminal *screen, attrib_error *err);

/* Let the session's log and progress go to the terminal. */
void terminal_connect(terminal *screen, attrib_session_options *options);

/* One log line of the program's own, where the level is shown. */
void terminal_log(terminal *screen, attrib_log_level level, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* One row of the statistics that terminal_close() prints as text. */
void terminal_count(terminal *screen, const char *name, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* One of its facts, which are printed as JSON: a number, a member of an object of
 * numbers, a text, and one of a list of texts. */
void terminal_number(terminal *screen, const char *key, double number);
void terminal_member(terminal *screen,
                     const char *key,
                     const char *member,
                     double number);
void terminal_text(terminal *screen, const char *key, const char *format, ...)
    ATTRIB_PRINTF(3, 4);
void terminal_item(terminal *screen, const char *key, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

/* Take the progress line away, as before results are written. */
void terminal_clear(terminal *screen);

/* The end: take the progress line away, and print the statistics of a run that is done.
 */
void terminal_close(terminal *screen, bool is_done);

/* Whether text on standard output is coloured. */
bool terminal_is_coloured(const common_options *options);

/* How text is laid out on standard output. */
void terminal_choose_text(const common_options *options, attrib_text_options *out);

/* Whether the locale shows more than ASCII. */
bool terminal_is_utf8(void);

/* Write text [n] as a string of JSON, in quotes. */
void terminal_write_json(FILE *stream, const char *text, size_t n);

/* Columns of standard output; 0 where it is no terminal. */
size_t terminal_width(void);

/* Have SIGINT, SIGTERM and SIGHUP cancel the session; a second one ends the program. NULL
 * undoes this. */
void terminal_catch_signals(attrib_session *session);

/* Describe a failure of the program's own and return `status`; the first one stays. */
attrib_status cli_fail(attrib_error *err, attrib_status status, const char *format, ...)
    ATTRIB_PRINTF(3, 4);

#endif
