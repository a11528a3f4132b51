/* SPDX-License-Identifier: MIT */
/* Log lines, progress and statistics on standard error.
 *
 * 1. Figures   2. Lines   3. Progress   4. Statistics   5. Signals
 *
 * The library calls the sinks one at a time; the program itself writes only while no
 * stage runs. */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECONDS_BETWEEN 0.2 /* five progress lines a second at most */

const option common_table[] = {
    {.name = "threads",
     .kind = OPTION_SIZE,
     .offset = offsetof(common_options, n_threads),
     .value = "N",
     .min = 1,
     .max = 4096,
     .help = "workers (default: all cores); results have the same bytes for any number"},
    {.name = "progress",
     .kind = OPTION_CHOICE,
     .offset = offsetof(common_options, progress),
     .value = "auto|json|none",
     .standard = "auto",
     .help = "progress on standard error: a line on a terminal, a JSON object a line, or "
             "none"},
    {.name = "colour",
     .kind = OPTION_CHOICE,
     .offset = offsetof(common_options, colour),
     .value = "auto|always|never",
     .standard = "auto",
     .help = "colours in text; auto: on a terminal, unless NO_COLOR is set"},
    {.name = "quiet",
     .letter = 'q',
     .kind = OPTION_COUNT,
     .offset = offsetof(common_options, n_quiet),
     .help = "write nothing but results and errors"},
    {.name = "verbose",
     .letter = 'v',
     .kind = OPTION_COUNT,
     .offset = offsetof(common_options, n_verbose),
     .help = "say what was chosen and why"},
    {0},
};

/* 1. Figures */

static double seconds_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static double wall_seconds(const terminal *screen)
{
    return seconds_of(CLOCK_MONOTONIC) - screen->start;
}

/* Processor seconds per wall second: how many cores were busy. */
static double busy_cores(double wall)
{
    return wall > 0 ? seconds_of(CLOCK_PROCESS_CPUTIME_ID) / wall : 0;
}

static double peak_mebibytes(void)
{
    struct rusage usage = {0};
    getrusage(RUSAGE_SELF, &usage);
    return (double)usage.ru_maxrss / 1024;
}

/* 2. Lines */

void terminal_write_json(FILE *stream, const char *text, size_t n)
{
    const unsigned char *c = (const unsigned char *)text;
    fputc('"', stream);
    for (const unsigned char *end = c + n; c < end; c++) {
        if (*c == '"' || *c == '\\') {
            fputc('\\', stream);
        }
        if (*c < 0x20 || *c == 0x7f) {
            fprintf(stream, "\\u%04x", *c);
        } else {
            fputc(*c, stream);
        }
    }
    fputc('"', stream);
}

void terminal_clear(terminal *screen)
{
    if (screen->is_line_shown) {
        fputs("\r\033[K", stderr);
        screen->is_line_shown = false;
    }
}

static void write_log(void *context, attrib_log_level level, const char *line)
{
    terminal *screen = context;
    if (screen->is_quiet || level > screen->level) {
        return;
    }
    double wall = wall_seconds(screen);
    if (screen->is_json) {
        const char *names[] = {"warning", "info", "detail"};
        fprintf(stderr,
                "{\"log\": \"%s\", \"seconds\": %.3f, \"message\": ", names[level], wall);
        terminal_write_json(stderr, line, strlen(line));
        fputs("}\n", stderr);
        return;
    }
    terminal_clear(screen);
    fprintf(stderr, "[attrib %s %.1fs %.1fx %.0fMiB] %s%s\n", screen->command, wall,
            busy_cores(wall), peak_mebibytes(),
            level == ATTRIB_LOG_WARNING ? "warning: " : "", line);
}

void terminal_log(terminal *screen, attrib_log_level level, const char *format, ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    write_log(screen, level, line);
}

/* 3. Progress */

static void write_live(terminal *screen, const attrib_progress *p)
{
    double rate = p->seconds > 0 ? (double)p->done / p->seconds : 0;
    fprintf(stderr, "\r\033[Kattrib %s: %s %zu", screen->command, p->stage, p->done);
    if (p->total) {
        fprintf(stderr, "/%zu", p->total);
    }
    fprintf(stderr, " %s", p->unit);
    if (p->total) {
        fprintf(stderr, "  %.0f%%", 100 * (double)p->done / (double)p->total);
    }
    if (rate > 0) {
        fprintf(stderr, "  %.*f/s", rate < 10 ? 1 : 0, rate);
    }
    if (rate > 0 && p->total > p->done) {
        double left = ceil((double)(p->total - p->done) / rate);
        fprintf(stderr, "  %.0f:%02.0f left", floor(left / 60), fmod(left, 60));
    }
    fflush(stderr);
    screen->is_line_shown = true;
}

static void write_progress(void *context, const attrib_progress *p)
{
    terminal *screen = context;
    double now = seconds_of(CLOCK_MONOTONIC);
    bool is_last = p->total && p->done >= p->total;
    if (!is_last && now - screen->last_progress < SECONDS_BETWEEN) {
        return;
    }
    screen->last_progress = now;
    if (screen->is_live) {
        write_live(screen, p);
        return;
    }
    fprintf(stderr,
            "{\"stage\": \"%s\", \"done\": %zu, \"total\": %zu, \"unit\": \"%s\", "
            "\"seconds\": %.3f}\n",
            p->stage, p->done, p->total, p->unit, p->seconds);
}

/* 4. Statistics */

void terminal_count(terminal *screen, const char *name, const char *format, ...)
{
    if (screen->n_statistics == MAX_STATISTICS) {
        return;
    }
    statistic *row = &screen->statistics[screen->n_statistics++];
    row->name = name;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(row->value, sizeof row->value, format, arguments);
    va_end(arguments);
}

static void write_statistics(const terminal *screen)
{
    if (screen->is_json) {
        fputs("{\"statistics\": {", stderr);
    } else {
        fprintf(stderr, "attrib %s: done\n", screen->command);
    }
    for (size_t i = 0; i < screen->n_statistics; i++) {
        const statistic *row = &screen->statistics[i];
        if (!screen->is_json) {
            fprintf(stderr, "  %-18s %s\n", row->name, row->value);
            continue;
        }
        fprintf(stderr, "%s\"%s\": ", i ? ", " : "", row->name);
        terminal_write_json(stderr, row->value, strlen(row->value));
    }
    fputs(screen->is_json ? "}}\n" : "", stderr);
}

void terminal_close(terminal *screen, bool is_done)
{
    terminal_clear(screen);
    if (!is_done || screen->is_quiet || screen->n_statistics == 0) {
        return;
    }
    double wall = wall_seconds(screen);
    terminal_count(screen, "wall time", "%.1f s", wall);
    terminal_count(screen, "processor time", "%.1f s (%.1fx)", wall * busy_cores(wall),
                   busy_cores(wall));
    terminal_count(screen, "peak memory", "%.0f MiB", peak_mebibytes());
    write_statistics(screen);
}

void terminal_open(terminal *screen, const char *command, const common_options *options)
{
    *screen = (terminal){.command = command, .start = seconds_of(CLOCK_MONOTONIC)};
    screen->is_quiet = options->n_quiet > 0;
    screen->level = options->n_verbose ? ATTRIB_LOG_DETAIL : ATTRIB_LOG_INFO;
    screen->is_json = options->progress == PROGRESS_JSON;
    screen->is_live =
        options->progress == PROGRESS_AUTO && !screen->is_quiet && isatty(STDERR_FILENO);
}

void terminal_connect(terminal *screen, attrib_session_options *options)
{
    options->log = write_log;
    options->log_context = screen;
    if (screen->is_live || (screen->is_json && !screen->is_quiet)) {
        options->progress = write_progress;
        options->progress_context = screen;
    }
}

bool terminal_is_coloured(const common_options *options)
{
    const char *refused = getenv("NO_COLOR");
    if (options->colour != COLOUR_AUTO) {
        return options->colour == COLOUR_ALWAYS;
    }
    return isatty(STDOUT_FILENO) && !(refused && *refused);
}

bool terminal_is_utf8(void)
{
    locale_t locale = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
    bool is_utf8 = locale && strcmp(nl_langinfo_l(CODESET, locale), "UTF-8") == 0;
    if (locale) {
        freelocale(locale);
    }
    return is_utf8;
}

size_t terminal_width(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) {
        return 0;
    }
    return size.ws_col;
}

/* 5. Signals */

/* A handler takes no argument of ours: the one variable of the program that is not in a
 * struct. */
static attrib_session *volatile canceled_session;

static void cancel(int number)
{
    (void)number;
    attrib_session *session = canceled_session;
    if (session) {
        attrib_session_cancel(session);
    }
}

/* A signal that the caller has switched off, as nohup and a shell's & do, stays off. */
static void set_handler(int number, const struct sigaction *action)
{
    struct sigaction old;
    if (sigaction(number, NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
        sigaction(number, action, NULL);
    }
}

void terminal_catch_signals(attrib_session *session)
{
    canceled_session = session;
    struct sigaction action = {0};
    action.sa_handler = session ? cancel : SIG_DFL;
    action.sa_flags = (int)SA_RESETHAND; /* so that the second one has its usual effect */
    sigemptyset(&action.sa_mask);
    set_handler(SIGINT, &action);
    set_handler(SIGTERM, &action);
    set_handler(SIGHUP, &action);
}

attrib_status cli_fail(attrib_error *err, attrib_status status, const char *format, ...)
{
    if (err->status == ATTRIB_OK) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(err->message, sizeof err->message, format, arguments);
        va_end(arguments);
        err->status = status;
    }
    return status;
}

void terminal_choose_text(const common_options *options, attrib_text_options *out)
{
    attrib_text_options_default(out);
    out->is_coloured = terminal_is_coloured(options);
    out->is_ascii = !terminal_is_utf8();
    out->width = terminal_width();
}
