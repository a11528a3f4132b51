/* SPDX-License-Identifier: MIT */
/* Files of a job, and the lines of sh that its scripts share. */
#include "cli/job_write.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/tasks.h"
#include "cli/terminal.h"

attrib_status job_file_open(
    job_file *out, const job_request *request, attrib_error *err, const char *format, ...)
{
    char name[64];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(name, sizeof name, format, arguments);
    va_end(arguments);
    if (asprintf(&out->path, "%s/%s", request->folder, name) < 0) {
        return cli_fail(err, ATTRIB_ENOMEM, "%s", name);
    }
    out->stream = fopen(out->path, "wx");
    attrib_status status =
        out->stream ? ATTRIB_OK
                    : cli_fail(err, ATTRIB_EIO, "%s: %s", out->path, strerror(errno));
    if (status != ATTRIB_OK) {
        free(out->path);
    }
    return status;
}

attrib_status job_file_close(job_file *file, bool is_program, attrib_error *err)
{
    errno = 0;
    bool is_written = !ferror(file->stream);
    if (is_program) {
        is_written = fchmod(fileno(file->stream), 0755) == 0 && is_written;
    }
    is_written = fclose(file->stream) == 0 && is_written;
    attrib_status status = is_written
                               ? ATTRIB_OK
                               : cli_fail(err, ATTRIB_EIO, "%s: %s", file->path,
                                          errno ? strerror(errno) : "cannot be written");
    free(file->path);
    return status;
}

void job_write_folder(FILE *stream, const char *folder)
{
    fputs("cd ", stream);
    options_quote(stream, folder);
    fputc('\n', stream);
}

void job_write_settings(FILE *stream, const job_request *request, const char *indent)
{
    fprintf(stream, "%sjob=", indent);
    options_quote(stream, request->folder);
    fprintf(stream, "\n%sattrib=", indent);
    options_quote(stream, request->program);
    fprintf(stream, "\n%sthreads=", indent);
    if (request->n_cores) {
        fprintf(stream, "'--threads %zu'", request->n_cores);
    }
    fprintf(stream, "\n%s", indent);
    job_write_folder(stream, request->here);
}

attrib_status job_write_tasks(const job_request *request,
                              const job_stages *stages,
                              attrib_error *err)
{
    job_file file = {0};
    attrib_status status = job_file_open(&file, request, err, TASKS_FILE);
    if (status != ATTRIB_OK) {
        return status;
    }
    for (size_t i = 0; i + 1 < stages->n; i++) {
        const job_stage *stage = &stages->stages[i];
        fputs(stage->name, file.stream);
        if (stage->is_round) {
            fprintf(file.stream, " %zu", stage->n_tasks);
        }
        fputc('\n', file.stream);
    }
    bool is_absolute = request->output[0] == '/';
    fprintf(file.stream, "%s = %s%s%s\n", stages->stages[stages->n - 1].name,
            is_absolute ? "" : request->here, is_absolute ? "" : "/", request->output);
    return job_file_close(&file, false, err);
}

void job_remove(const char *folder, const job_stages *stages)
{
    char path[PATH_MAX];
    static const char *const names[] = {TASKS_FILE, TASKS_SUBMIT, TASKS_KUBERNETES,
                                        "logs"};
    for (size_t i = 0; i < stages->n; i++) {
        snprintf(path, sizeof path, "%s/%zu-%s.sbatch", folder, i + 1,
                 stages->stages[i].name);
        remove(path);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        remove(path);
    }
    remove(folder);
}
