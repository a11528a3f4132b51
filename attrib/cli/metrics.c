/* SPDX-License-Identifier: MIT */
/* 1. Lines of the format   2. What is told   3. The file */
#include "cli/metrics.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/terminal.h"

#define SECONDS_BETWEEN 5.0

/* 1. Lines of the format */

static void write_head(const char *name, const char *type, const char *help, FILE *stream)
{
    fprintf(stream, "# HELP attrib_%s %s\n# TYPE attrib_%s %s\n", name, help, name, type);
}

/* A label's value; the format escapes no more than these. */
static void write_label(const char *name, const char *value, FILE *stream)
{
    fprintf(stream, ",%s=\"", name);
    for (const char *c = value; *c; c++) {
        if (*c == '\n') {
            fputs("\\n", stream);
            continue;
        }
        if (*c == '"' || *c == '\\') {
            fputc('\\', stream);
        }
        fputc(*c, stream);
    }
    fputc('"', stream);
}

static void begin_sample(const metrics *self, const char *name, FILE *stream)
{
    fprintf(stream, "attrib_%s{task=\"%s\"", name, self->task);
}

static void end_sample(double value, FILE *stream)
{
    fputs("} ", stream);
    statistics_write_number(value, "NaN", stream);
    fputc('\n', stream);
}

/* 2. What is told */

static double now_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static void write_states(const metrics *self, job_state state, FILE *stream)
{
    const char *const names[] = {"running", "done", "failed"};
    write_head("job_info", "gauge", "What the job is.", stream);
    begin_sample(self, "job_info", stream);
    write_label("command", self->command, stream);
    write_label("version", attrib_version(), stream);
    end_sample(1, stream);
    write_head("job_state", "gauge", "1 for the state that the job is in.", stream);
    for (int i = JOB_RUNNING; i <= JOB_FAILED; i++) {
        begin_sample(self, "job_state", stream);
        write_label("state", names[i], stream);
        end_sample(i == (int)state, stream);
    }
}

static void write_job(const metrics *self, const process_usage *usage, FILE *stream)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } all[] = {
        {"job_progress_ratio", "gauge", "Share of the whole job that is done.",
         self->overall},
        {"job_left_seconds", "gauge", "Time until the job ends; NaN: not known.",
         self->seconds_left},
        {"job_start_timestamp_seconds", "gauge", "When the process began.", self->begun},
        {"job_update_timestamp_seconds", "gauge", "When this file was written.",
         now_of(CLOCK_REALTIME)},
        {"job_cpu_seconds_total", "counter", "Processor time of the process.",
         usage->cpu_seconds},
        {"job_resident_memory_bytes", "gauge", "Memory in use.", usage->resident_bytes},
        {"job_peak_memory_bytes", "gauge", "The most memory in use so far.",
         usage->peak_bytes},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        write_head(all[i].name, all[i].type, all[i].help, stream);
        begin_sample(self, all[i].name, stream);
        end_sample(all[i].value, stream);
    }
}

static void write_stages(const metrics *self, FILE *stream)
{
    const char *const names[] = {"stage_done", "stage_size", "stage_seconds",
                                 "stage_tokens_per_second"};
    const char *const helps[] = {
        "What is done of a stage, in its unit.",
        "What a stage consists of, in its unit; 0: not known.",
        "Time that the process has worked on a stage.",
        "Rate of a stage; NaN where it counts no tokens.",
    };
    for (size_t k = 0; k < sizeof names / sizeof *names && self->n_stages; k++) {
        write_head(names[k], "gauge", helps[k], stream);
        for (size_t i = 0; i < self->n_stages; i++) {
            const attrib_progress *p = &self->stages[i];
            const double values[] = {(double)p->done, (double)p->total, p->seconds,
                                     p->tokens_per_second};
            begin_sample(self, names[k], stream);
            write_label("stage", p->stage, stream);
            write_label("unit", p->unit, stream);
            end_sample(values[k], stream);
        }
    }
}

static void write_statistics(const metrics *self, const statistics *closing, FILE *stream)
{
    write_head("statistic", "gauge", "Closing statistics of a job that is done.", stream);
    for (size_t i = 0; i < closing->n_facts; i++) {
        const statistics_fact *fact = &closing->facts[i];
        if (fact->kind == FACT_NUMBER || fact->kind == FACT_MEMBER) {
            begin_sample(self, "statistic", stream);
            write_label("name", fact->key, stream);
            write_label("of", fact->kind == FACT_MEMBER ? fact->text : "", stream);
            end_sample(fact->number, stream);
        }
    }
}

/* 3. The file */

/* Take the file's name without its folder and end; characters that labels would escape
 * become underscores. */
static void name_task(const char *path, char *out, size_t size)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, size, "%s", slash ? slash + 1 : path);
    char *dot = strrchr(out, '.');
    if (dot && dot != out) {
        *dot = '\0';
    }
    attrib_clean_line(out);
    for (char *c = out; *c; c++) {
        if (*c == '"' || *c == '\\') {
            *c = '_';
        }
    }
}

void metrics_open(metrics *self, const char *path, const char *command)
{
    *self = (metrics){.path = path,
                      .command = command,
                      .begun = now_of(CLOCK_REALTIME),
                      .seconds_left = (double)NAN};
    if (path) {
        name_task(path, self->task, sizeof self->task);
    }
}

bool metrics_note(metrics *self, const attrib_progress *progress)
{
    size_t i = 0;
    if (!self->path) {
        return false;
    }
    while (i < self->n_stages && strcmp(self->stages[i].stage, progress->stage) != 0) {
        i++;
    }
    if (i < MAX_METRIC_STAGES) {
        self->stages[i] = *progress;
        self->n_stages += i == self->n_stages;
    }
    self->overall = progress->overall;
    self->seconds_left = progress->seconds_left;
    return now_of(CLOCK_MONOTONIC) - self->written >= SECONDS_BETWEEN;
}

static void write_all(const metrics *self,
                      job_state state,
                      const process_usage *usage,
                      const statistics *closing,
                      FILE *stream)
{
    write_states(self, state, stream);
    write_job(self, usage, stream);
    write_stages(self, stream);
    if (closing) {
        write_statistics(self, closing, stream);
    }
}

/* The reader sees the old file or the new one: it is written under another name, which
 * does not end as the collector's files do, and renamed. */
attrib_status metrics_write(metrics *self,
                            job_state state,
                            const process_usage *usage,
                            const statistics *closing,
                            attrib_error *err)
{
    char name[4096];
    if (!self->path) {
        return ATTRIB_OK;
    }
    self->written = now_of(CLOCK_MONOTONIC);
    self->overall = state == JOB_DONE ? 1 : self->overall;
    self->seconds_left = state == JOB_DONE ? 0 : self->seconds_left;
    int n = snprintf(name, sizeof name, "%s.tmp-%ld", self->path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof name) {
        return cli_fail(err, ATTRIB_ERANGE, "--metrics %.200s...: the path is too long",
                        self->path);
    }
    errno = 0;
    FILE *stream = fopen(name, "we");
    if (stream) {
        write_all(self, state, usage, closing, stream);
    }
    bool is_written = stream && !ferror(stream);
    is_written = stream && fclose(stream) == 0 && is_written;
    if (!is_written || rename(name, self->path) != 0) {
        int reason = errno;
        unlink(name);
        return cli_fail(err, ATTRIB_EIO, "--metrics %.200s: %s", self->path,
                        strerror(reason));
    }
    return ATTRIB_OK;
}
