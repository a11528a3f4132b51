/* SPDX-License-Identifier: MIT */
/* A job for Kubernetes: job.yaml with an indexed Job for each stage.
 *
 * Kubernetes knows no order of Jobs, so that a stage's containers wait until the folders
 * of the stage before it are there; these appear whole, for they are renamed when they
 * are done. */
#include "cli/job.h"

#include <stdio.h>
#include <string.h>

#include "cli/job_write.h"
#include "cli/tasks.h"
#include "cli/terminal.h"

/* Spaces before the lines of a container's script. */
#define SCRIPT_INDENT "              "

static void write_lines(FILE *stream, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        fprintf(stream, SCRIPT_INDENT "%.*s\n", (int)n, text);
        text += n + (text[n] == '\n');
    }
}

/* A string of YAML: JSON's strings are strings of YAML too. */
static void write_string(FILE *stream, const char *key, const char *value)
{
    fprintf(stream, "%s: ", key);
    terminal_write_json(stream, value, strlen(value));
    fputc('\n', stream);
}

static void write_head(FILE *stream, const job_request *request, const job_stage *stage)
{
    fprintf(stream,
            "---\n"
            "apiVersion: batch/v1\n"
            "kind: Job\n"
            "metadata:\n"
            "  name: %s-%s\n"
            "spec:\n"
            "  completionMode: Indexed\n"
            "  completions: %zu\n"
            "  parallelism: %zu\n"
            "  backoffLimit: %zu\n",
            request->name, stage->name, stage->n_tasks,
            stage->n_tasks < request->n_nodes ? stage->n_tasks : request->n_nodes,
            6 * stage->n_tasks);
    fputs("  template:\n"
          "    spec:\n"
          "      restartPolicy: OnFailure\n"
          "      terminationGracePeriodSeconds: 60\n",
          stream);
}

static void write_resources(FILE *stream, const job_request *request)
{
    if (!request->n_cores && !request->memory) {
        return;
    }
    fputs("          resources:\n            requests:\n", stream);
    if (request->n_cores) {
        fprintf(stream, "              cpu: %zu\n", request->n_cores);
    }
    if (request->memory) {
        fprintf(stream, "              memory: %zuMi\n",
                (request->memory + 0xfffff) >> 20);
        fprintf(stream, "            limits:\n              memory: %zuMi\n",
                (request->memory + 0xfffff) >> 20);
    }
}

/* Wait for all tasks of a stage. */
static void write_waiting(FILE *stream, const job_stage *before)
{
    fprintf(stream,
            SCRIPT_INDENT
            "n=1\n" SCRIPT_INDENT "while [ \"$n\" -le %zu ]; do\n" SCRIPT_INDENT
            "    if [ -e \"$job/%s%s/%s\" ]; then\n" SCRIPT_INDENT
            "        n=$((n + 1))\n" SCRIPT_INDENT "    else\n" SCRIPT_INDENT
            "        sleep 10\n" SCRIPT_INDENT "    fi\n" SCRIPT_INDENT "done\n",
            before->n_tasks, before->name, before->is_round ? "-$n" : "", before->mark);
}

static void write_stage(FILE *stream,
                        const job_request *request,
                        const job_stage *stage,
                        const job_stage *before)
{
    write_head(stream, request, stage);
    fputs("      volumes:\n"
          "        - name: work\n"
          "          persistentVolumeClaim:\n",
          stream);
    write_string(stream, "            claimName", request->claim);
    fputs("      containers:\n"
          "        - name: attrib\n",
          stream);
    write_string(stream, "          image", request->image);
    fputs("          volumeMounts:\n"
          "            - name: work\n",
          stream);
    write_string(stream, "              mountPath", request->mount);
    write_resources(stream, request);
    fputs("          command:\n"
          "            - /bin/sh\n"
          "            - -c\n"
          "            - |\n" SCRIPT_INDENT "set -eu\n" SCRIPT_INDENT
          "i=$((JOB_COMPLETION_INDEX + 1))\n" SCRIPT_INDENT "work() { exec \"$@\"; }\n",
          stream);
    job_write_settings(stream, request, SCRIPT_INDENT);
    if (before) {
        write_waiting(stream, before);
    }
    write_lines(stream, stage->script);
}

attrib_status job_write_kubernetes(const job_request *request,
                                   const job_stages *stages,
                                   attrib_error *err)
{
    job_file file = {0};
    attrib_status status = job_file_open(&file, request, err, TASKS_KUBERNETES);
    if (status != ATTRIB_OK) {
        return status;
    }
    for (size_t i = 0; i < stages->n; i++) {
        write_stage(file.stream, request, &stages->stages[i],
                    i ? &stages->stages[i - 1] : NULL);
    }
    return job_file_close(&file, false, err);
}
