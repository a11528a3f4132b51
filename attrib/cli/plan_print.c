/* SPDX-License-Identifier: MIT */
/* Plans on standard output. */
#include "cli/plan_print.h"

#include <stdio.h>

/* A number with the prefix that leaves it below `step`. */
static void scale(double value, double step, const char *unit, char *out, size_t size)
{
    const char *prefixes[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
    const char *binary[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    size_t i = 0;
    while (value >= step * 0.9995 && i < 8) {
        value /= step;
        i++;
    }
    int digits = value >= 99.95 || i == 0 ? 0 : value >= 9.995 ? 1 : 2;
    snprintf(out, size, "%.*f %s%s", digits, value, (step > 1000 ? binary : prefixes)[i],
             unit);
}

static void time_text(double seconds, char *out, size_t size)
{
    if (seconds < 90) {
        snprintf(out, size, "%.*f s", seconds < 9.95 ? 1 : 0, seconds);
    } else if (seconds < 5400) {
        snprintf(out, size, "%.*f min", seconds < 594 ? 1 : 0, seconds / 60);
    } else if (seconds < 172800) {
        snprintf(out, size, "%.1f h", seconds / 3600);
    } else {
        snprintf(out, size, "%.1f d", seconds / 86400);
    }
}

/* Bytes of a host whose processes each take so many: they share the weights. */
static double host_bytes(const plan_description *about, double of_process)
{
    double weights = (double)attrib_model_describe(about->model)->weight_bytes;
    return (double)about->n_processes * (of_process - weights) + weights;
}

static void print_row(const plan_description *about, const attrib_plan_stage *stage)
{
    char flop[32];
    char seconds[32];
    char memory[32];
    char disk[32];
    double ram = about->machine->ram_bytes;
    bool fits = ram <= 0 || host_bytes(about, stage->memory_bytes) <= ram;
    scale(stage->flop, 1000, "FLOP", flop, sizeof flop);
    time_text(stage->seconds, seconds, sizeof seconds);
    scale(stage->memory_bytes, 1024, "B", memory, sizeof memory);
    scale(stage->disk_bytes, 1024, "B", disk, sizeof disk);
    printf("%-12s %12s %10s %12s %12s", stage->name, flop, seconds, memory,
           stage->disk_bytes > 0 ? disk : "-");
    if (stage->n_passes > 1) {
        printf("  %zu passes", stage->n_passes);
    }
    printf("%s\n", fits ? "" : "  more than a host has");
    if (stage->most_flop > stage->flop) {
        scale(stage->most_flop, 1000, "FLOP", flop, sizeof flop);
        time_text(stage->most_seconds, seconds, sizeof seconds);
        printf("%-12s %12s %10s\n", "  at most", flop, seconds);
    }
}

static void print_machine(const plan_description *about)
{
    const attrib_machine *machine = about->machine;
    char ram[32];
    scale(machine->ram_bytes, 1024, "B", ram, sizeof ram);
    printf("Machine    %zu host%s of %zu core%s, %.0f GFLOP/s", machine->n_hosts,
           machine->n_hosts == 1 ? "" : "s", machine->n_cores,
           machine->n_cores == 1 ? "" : "s", machine->flops * 1e-9);
    if (machine->bf16_flops > 0) {
        printf(" (%.0f in bf16)", machine->bf16_flops * 1e-9);
    }
    printf("%s%s%s\n", machine->ram_bytes > 0 ? " and " : "",
           machine->ram_bytes > 0 ? ram : "", machine->n_hosts == 1 ? "" : " each");
    if (about->n_processes > 1) {
        size_t n_cores = machine->n_cores / about->n_processes;
        printf("Processes  %zu of a host, each with %zu core%s\n", about->n_processes,
               n_cores, n_cores == 1 ? "" : "s");
    }
}

static void print_documents(const char *title, const attrib_volume *volume)
{
    if (volume->n_documents > 0) {
        printf("%-10s %.0f documents, %.0f tokens\n", title, volume->n_documents,
               volume->n_tokens);
    }
}

/* Whether a pilot chooses the rank of queries when the run begins. */
static bool is_chosen_later(const attrib_work *work)
{
    return work->score->query_rank == ATTRIB_RANK_AUTO && work->score->max_rescored == 0;
}

/* What the table does not say. */
static void print_notes(const plan_description *about, const attrib_plan_stage *total)
{
    if (total->most_flop > total->flop && is_chosen_later(about->work)) {
        printf("\nWhether queries are cut is chosen when the run begins, by what some "
               "documents show:\nat most it takes what full queries do.\n");
    } else if (total->most_flop > total->flop) {
        printf("\nCut queries have between one round of documents and all of them scored "
               "in full again:\nthe scores decide.\n");
    }
    if (about->n_processes > 1) {
        char bytes[32];
        scale(host_bytes(about, total->memory_bytes), 1024, "B", bytes, sizeof bytes);
        printf(
            "\nMemory is that of a process. Those of a host share the weights, and take "
            "%s together.\n",
            bytes);
    }
}

void plan_print_text(const plan_description *about)
{
    const attrib_model_info *info = attrib_model_describe(about->model);
    const attrib_work *work = about->work;
    const attrib_plan *plan = about->plan;
    attrib_plan_stage total = {.name = "total"};
    bool is_open = is_chosen_later(work);
    char parameters[32];
    scale(plan->n_parameters, 1000, "parameters", parameters, sizeof parameters);
    printf("Model      %s, %zu layers of %zu, %s, %.1f %% of them tracked in %zu maps\n",
           info->architecture, info->n_layers, info->width, parameters,
           100 * plan->n_tracked_parameters / plan->n_parameters, plan->n_maps);
    if (about->n_models > 1) {
        printf("Models     %zu, one after the other\n", about->n_models);
    }
    print_machine(about);
    print_documents("Fitted", &work->fitted);
    print_documents("Indexed", &work->indexed);
    print_documents("Scored", &work->scored);
    if (work->scored.n_documents > 0) {
        printf("Queries    %zu of %zu tokens, ", work->n_queries, work->query_tokens);
        printf(plan->query_rank ? "cut to rank %zu" : "full", plan->query_rank);
        printf(is_open && plan->query_rank ? " or full" : "");
        if (work->query_rows > 1) {
            printf(", each the sum of %zu", work->query_rows);
        }
        if (work->score->n_settings > 1) {
            printf(", under %zu settings", work->score->n_settings);
        }
        printf("\n");
    }
    printf("\n%-12s %12s %10s %12s %12s\n", "stage", "products", "time", "memory",
           "disk");
    for (size_t i = 0; i < plan->n_stages; i++) {
        const attrib_plan_stage *stage = &plan->stages[i];
        print_row(about, stage);
        total.flop += stage->flop;
        total.seconds += stage->seconds;
        total.most_flop += stage->most_flop;
        total.most_seconds += stage->most_seconds;
        total.disk_bytes += stage->disk_bytes;
        if (stage->memory_bytes > total.memory_bytes) {
            total.memory_bytes = stage->memory_bytes;
        }
    }
    print_row(about, &total);
    print_notes(about, &total);
}

static void print_volume_json(const char *name, const attrib_volume *volume)
{
    printf("\"%s\": {\"documents\": %.0f, \"sequences\": %.0f, \"tokens\": %.0f}, ", name,
           volume->n_documents, volume->n_sequences, volume->n_tokens);
}

void plan_print_json(const plan_description *about)
{
    const attrib_model_info *info = attrib_model_describe(about->model);
    const attrib_machine *machine = about->machine;
    const attrib_work *work = about->work;
    const attrib_plan *plan = about->plan;
    printf("{\"model\": {\"architecture\": \"%s\", \"layers\": %zu, \"width\": %zu, "
           "\"parameters\": %.0f, \"tracked\": %.0f, \"maps\": %zu}, "
           "\"models\": %zu, ",
           info->architecture, info->n_layers, info->width, plan->n_parameters,
           plan->n_tracked_parameters, plan->n_maps, about->n_models);
    printf("\"machine\": {\"hosts\": %zu, \"cores\": %zu, \"processes\": %zu, "
           "\"flops\": %.6g, \"bf16_flops\": %.6g, \"blas_flops\": %.6g, \"ram_bytes\": "
           "%.0f}, ",
           machine->n_hosts, machine->n_cores, about->n_processes, machine->flops,
           machine->bf16_flops, machine->blas_flops, machine->ram_bytes);
    print_volume_json("fitted", &work->fitted);
    if (work->indexed.n_documents > 0) {
        print_volume_json("indexed", &work->indexed);
    }
    print_volume_json("scored", &work->scored);
    printf("\"queries\": {\"count\": %zu, \"tokens\": %zu, \"rank\": %zu}, ",
           work->n_queries, work->query_tokens, plan->query_rank);
    printf("\"store_bytes\": %.0f, \"stages\": [", plan->store_bytes);
    for (size_t i = 0; i < plan->n_stages; i++) {
        const attrib_plan_stage *stage = &plan->stages[i];
        printf("%s{\"name\": \"%s\", \"flop\": %.6g, \"seconds\": %.6g, "
               "\"busy_seconds\": %.6g, \"most_flop\": %.6g, \"most_seconds\": %.6g, "
               "\"memory_bytes\": %.0f, \"disk_bytes\": %.0f, \"passes\": %zu}",
               i ? ", " : "", stage->name, stage->flop, stage->seconds,
               stage->busy_seconds, stage->most_flop, stage->most_seconds,
               stage->memory_bytes, stage->disk_bytes, stage->n_passes);
    }
    printf("]}\n");
}
