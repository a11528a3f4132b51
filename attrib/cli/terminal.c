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
    {.name = "metrics",
     .kind = OPTION_TEXT,
     .offset = offsetof(common_options, metrics),
     .value = "FILE",
     .help =
         "write progress and statistics to this file, every 5 seconds and at the end, "
         "as Prometheus reads it (attrib(1) says what)"},
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

/* Bytes of memory that the process has in use now; NAN where the system does not say. */
static double resident_bytes(void)
{
    char line[128] = ""; /* pages in all, pages in memory, ... */
    FILE *stream = fopen("/proc/self/statm", "re");
    const char *second =
        stream && fgets(line, sizeof line, stream) ? strchr(line, ' ') : NULL;
    if (stream) {
        fclose(stream);
    }
    return second ? (double)strtoull(second, NULL, 10) * (double)sysconf(_SC_PAGESIZE)
                  : (double)NAN;
}

/* 2. Lines */

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

/* Write seconds as people read them: 0:07, 12:30, 5:02:11, 3d 04:10. */
static void write_duration(FILE *stream, double seconds)
{
    double s = ceil(seconds);
    double minutes = floor(s / 60);
    double hours = floor(s / 3600);
    double days = floor(s / 86400);
    if (days >= 1) {
        fprintf(stream, "%.0fd %02.0f:%02.0f", days, hours - 24 * days,
                minutes - 60 * hours);
    } else if (hours >= 1) {
        fprintf(stream, "%.0f:%02.0f:%02.0f", hours, minutes - 60 * hours,
                s - 60 * minutes);
    } else {
        fprintf(stream, "%.0f:%02.0f", minutes, s - 60 * minutes);
    }
}

static void write_live(terminal *screen, const attrib_progress *p)
{
    fprintf(stderr, "\r\033[Kattrib %s: %.0f%%", screen->command,
            floor(100 * p->overall));
    if (p->seconds_left >= 0) {
        fputs("  ", stderr);
        write_duration(stderr, p->seconds_left);
        fputs(" left", stderr);
    }
    fprintf(stderr, "  %s %zu", p->stage, p->done);
    if (p->total) {
        fprintf(stderr, "/%zu", p->total);
    }
    fprintf(stderr, " %s", p->unit);
    if (p->tokens_per_second > 0) {
        fprintf(stderr, "  %.*f tokens/s", p->tokens_per_second < 10 ? 1 : 0,
                p->tokens_per_second);
    }
    fflush(stderr);
    screen->is_line_shown = true;
}

/* A number of JSON; null where it is not known. */
static void write_number(const char *key, double value, int n_decimals)
{
    fprintf(stderr, ", \"%s\": ", key);
    if (isfinite(value)) {
        fprintf(stderr, "%.*f", n_decimals, value);
    } else {
        fputs("null", stderr);
    }
}

static void write_object(const attrib_progress *p)
{
    fprintf(stderr,
            "{\"stage\": \"%s\", \"done\": %zu, \"total\": %zu, \"unit\": \"%s\", "
            "\"seconds\": %.3f",
            p->stage, p->done, p->total, p->unit, p->seconds);
    write_number("overall", p->overall, 6);
    write_number("eta_seconds", p->seconds_left, 1);
    write_number("tokens_per_second", p->tokens_per_second, 1);
    write_number("memory", resident_bytes(), 0);
    fputs("}\n", stderr);
}

static process_usage measure_process(void)
{
    double resident = resident_bytes();
    double peak = peak_mebibytes() * 0x1p20; /* which the system may count a bit late */
    return (process_usage){seconds_of(CLOCK_PROCESS_CPUTIME_ID), resident,
                           fmax(peak, resident)};
}

/* Metrics that cannot be written do not stop a job that has begun; it is said once. */
static void write_metrics(terminal *screen, job_state state)
{
    attrib_error err = {0};
    const process_usage usage = measure_process();
    const statistics *closing = state == JOB_DONE ? &screen->statistics : NULL;
    if (metrics_write(&screen->metrics, state, &usage, closing, &err) != ATTRIB_OK &&
        !screen->is_metrics_failure_told) {
        screen->is_metrics_failure_told = true;
        write_log(screen, ATTRIB_LOG_WARNING, err.message);
    }
}

attrib_status terminal_begin(terminal *screen, attrib_error *err)
{
    const process_usage usage = measure_process();
    attrib_status status =
        metrics_write(&screen->metrics, JOB_RUNNING, &usage, NULL, err);
    if (status != ATTRIB_OK) {
        screen->metrics.path = NULL; /* nor is the failure written */
    }
    return status;
}

static void show_progress(terminal *screen)
{
    screen->last_progress = seconds_of(CLOCK_MONOTONIC);
    if (screen->is_live) {
        write_live(screen, &screen->progress);
    } else if (screen->is_json && !screen->is_quiet) {
        write_object(&screen->progress);
    }
}

static void take_progress(void *context, const attrib_progress *p)
{
    terminal *screen = context;
    const char *stage = screen->progress.stage;
    double overall = fmax(screen->progress.overall, p->overall);
    bool is_new = !stage || strcmp(stage, p->stage) != 0;
    bool is_last = p->total && p->done >= p->total;
    screen->progress = *p;
    screen->progress.overall = overall;
    if (metrics_note(&screen->metrics, &screen->progress)) {
        write_metrics(screen, JOB_RUNNING);
    }
    if (is_new || is_last ||
        seconds_of(CLOCK_MONOTONIC) - screen->last_progress >= SECONDS_BETWEEN) {
        show_progress(screen);
    }
}

/* The last line of a job that is done says so. */
static void end_progress(terminal *screen)
{
    if (screen->progress.stage && screen->is_json) {
        screen->progress.overall = 1;
        screen->progress.seconds_left = 0;
        show_progress(screen);
    }
}

/* 4. Statistics */

void terminal_count(terminal *screen, const char *name, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    statistics_add_row(&screen->statistics, name, format, arguments);
    va_end(arguments);
}

void terminal_number(terminal *screen, const char *key, double number)
{
    statistics_add_number(&screen->statistics, key, number);
}

void terminal_member(terminal *screen, const char *key, const char *member, double number)
{
    statistics_add_member(&screen->statistics, key, member, number);
}

void terminal_text(terminal *screen, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    statistics_add_text(&screen->statistics, key, false, format, arguments);
    va_end(arguments);
}

void terminal_item(terminal *screen, const char *key, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    statistics_add_text(&screen->statistics, key, true, format, arguments);
    va_end(arguments);
}

/* What the process took. */
static void count_process(terminal *screen)
{
    screen->has_statistics = screen->statistics.n_rows > 0;
    double wall = wall_seconds(screen);
    double cores = busy_cores(wall);
    terminal_count(screen, "wall time", "%.1f s", wall);
    terminal_count(screen, "processor time", "%.1f s (%.1fx)", wall * cores, cores);
    terminal_count(screen, "peak memory", "%.0f MiB", peak_mebibytes());
    terminal_number(screen, "seconds", wall);
    terminal_number(screen, "cpu_seconds", wall * cores);
    terminal_number(screen, "peak_memory", peak_mebibytes() * 0x1p20);
}

static void write_statistics(const terminal *screen)
{
    if (screen->is_json) {
        fputs("{\"statistics\": ", stderr);
        statistics_write_json(&screen->statistics, stderr);
        fputs("}\n", stderr);
    } else {
        fprintf(stderr, "attrib %s: done\n", screen->command);
        statistics_write_rows(&screen->statistics, stderr);
    }
}

void terminal_close(terminal *screen, bool is_done)
{
    terminal_clear(screen);
    if (is_done) {
        end_progress(screen);
    }
    count_process(screen);
    if (is_done && !screen->is_quiet && screen->has_statistics) {
        write_statistics(screen);
    }
    write_metrics(screen, is_done ? JOB_DONE : JOB_FAILED);
}

void terminal_open(terminal *screen, const char *command, const common_options *options)
{
    *screen = (terminal){.command = command, .start = seconds_of(CLOCK_MONOTONIC)};
    screen->is_quiet = options->n_quiet > 0;
    screen->level = options->n_verbose ? ATTRIB_LOG_DETAIL : ATTRIB_LOG_INFO;
    screen->is_json = options->progress == PROGRESS_JSON;
    screen->is_live =
        options->progress == PROGRESS_AUTO && !screen->is_quiet && isatty(STDERR_FILENO);
    metrics_open(&screen->metrics, options->metrics, command);
}

/* Whether anyone is told how far the job is. */
static bool is_watched(const terminal *screen)
{
    return screen->is_live || (screen->is_json && !screen->is_quiet) ||
           screen->metrics.path;
}

void terminal_connect(terminal *screen, attrib_session_options *options)
{
    options->log = write_log;
    options->log_context = screen;
    if (is_watched(screen)) {
        options->progress = take_progress;
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

void terminal_choose_text(const common_options *options, attrib_text_options *out)
{
    attrib_text_options_default(out);
    out->is_coloured = terminal_is_coloured(options);
    out->is_ascii = !terminal_is_utf8();
    out->width = terminal_width();
}
