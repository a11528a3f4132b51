/* SPDX-License-Identifier: MIT */
/* attrib plan: what a job will take, before any of it is done. */
#include "cli/commands.h"

#include <math.h>

#include "cli/checkpoints.h"
#include "cli/plan_options.h"
#include "cli/plan_print.h"

/* The documents: counted where a corpus is there. */
static attrib_status count_documents(const plan_args *args,
                                     const attrib_model *model,
                                     cli_job *job,
                                     attrib_work *work,
                                     attrib_error *err)
{
    cli_source source = {0};
    size_t context = source_context(&args->source, attrib_model_describe(model));
    if (!args->source.corpus.n) {
        work->scored = attrib_volume_even((double)args->n_documents,
                                          (double)args->n_tokens, context);
        return ATTRIB_OK;
    }
    source_options chosen = args->source;
    chosen.ram_limit = args->fit.ram_limit; /* what the job will refuse to read */
    attrib_status status = source_read(&chosen, model, job, &source, err);
    if (status == ATTRIB_OK) {
        work->scored = attrib_volume_of(source.corpus);
    }
    source_close(&source);
    return status;
}

static bool asks_for_bf16(const plan_args *args)
{
    return args->fit.precision != ATTRIB_F32_PRODUCTS ||
           args->score.precision != ATTRIB_F32_PRODUCTS;
}

/* Measure the products in bf16 here, where bf16 was asked for by name only if they are to
 * be had. */
static attrib_status measure_bf16(const plan_args *args,
                                  cli_job *job,
                                  attrib_machine *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double n_measured = (double)attrib_session_n_threads(job->session);
    bool is_needed = args->fit.precision == ATTRIB_BF16_PRODUCTS ||
                     args->score.precision == ATTRIB_BF16_PRODUCTS;
    if (is_needed && !attrib_has_bf16()) {
        return cli_fail(err, ATTRIB_ENOTSUP,
                        "precision bf16: this processor has no instructions for products "
                        "in bf16: --bf16-gflops says what another does");
    }
    status = attrib_machine_measure_bf16(job->session, out, err);
    out->bf16_flops *= (double)out->n_cores / n_measured;
    return status;
}

/* Set the cores of a machine, each of which does what it did. */
static void set_cores(attrib_machine *machine, size_t n_cores)
{
    double share = (double)n_cores / (double)machine->n_cores;
    machine->n_cores = n_cores;
    machine->flops *= share;
    machine->bf16_flops *= share;
    machine->blas_flops *= share;
}

static attrib_status describe_machine(const plan_args *args,
                                      cli_job *job,
                                      attrib_machine *out,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_machine_default(out);
    if (args->gflops > 0) {
        out->n_cores =
            args->n_cores ? args->n_cores : attrib_session_n_threads(job->session);
        out->flops = args->gflops * 1e9;
    } else {
        status = attrib_machine_measure(job->session, out, err);
        if (status == ATTRIB_OK && args->n_cores) {
            set_cores(out, args->n_cores);
        }
    }
    if (args->bf16_gflops > 0) {
        out->bf16_flops = args->bf16_gflops * 1e9;
    } else if (status == ATTRIB_OK && args->gflops <= 0 && asks_for_bf16(args)) {
        status = measure_bf16(args, job, out, err);
    }
    out->n_hosts = args->n_hosts;
    if (args->ram > 0) {
        out->ram_bytes = args->ram * 0x1p30;
    }
    return status;
}

/* The machine as each of its processes sees it: a host of its own, with a share of the
 * cores and of what these do. */
static attrib_status divide_machine(const plan_args *args,
                                    const attrib_machine *whole,
                                    attrib_machine *out,
                                    attrib_error *err)
{
    size_t n = args->n_processes;
    *out = *whole;
    if (n > whole->n_cores) {
        return cli_fail(err, ATTRIB_EINVAL, "--processes: %zu of a host of %zu core%s", n,
                        whole->n_cores, whole->n_cores == 1 ? "" : "s");
    }
    out->n_hosts *= n;
    set_cores(out, whole->n_cores / n);
    out->cache_bytes /= (double)n;
    out->ram_bytes /= (double)n;
    return ATTRIB_OK;
}

/* The documents of one shard of them all. */
static void take_shard(const plan_args *args, attrib_volume *volume)
{
    double n = ceil(volume->n_documents / (double)args->n_shards);
    *volume = attrib_volume_part(volume, n);
}

/* Everything that is planned. */
typedef struct planning {
    const plan_args *args;
    checkpoints models;  /* of --model */
    attrib_model *model; /* the first one */
    attrib_machine machine, of_process;
    attrib_work work;
    attrib_plan out;
} planning;

/* Add a plan of another model, whose work follows. */
static void add_plan(attrib_plan *all, const attrib_plan *one)
{
    for (size_t i = 0; i < all->n_stages && i < one->n_stages; i++) {
        attrib_plan_stage *to = &all->stages[i];
        const attrib_plan_stage *from = &one->stages[i];
        to->flop += from->flop;
        to->seconds += from->seconds;
        to->busy_seconds += from->busy_seconds;
        to->most_flop += from->most_flop;
        to->most_seconds += from->most_seconds;
        to->disk_bytes += from->disk_bytes;
        to->memory_bytes = fmax(to->memory_bytes, from->memory_bytes);
        to->n_passes = to->n_passes > from->n_passes ? to->n_passes : from->n_passes;
    }
}

static attrib_status open_first(planning *self, attrib_error *err)
{
    const plan_args *args = self->args;
    const ranking_options none = {0};
    if (args->shape_text) {
        return attrib_outline_new(&args->shape, &self->model, err);
    }
    attrib_status status =
        checkpoints_name(&args->several, args->source.model, &none, &self->models, err);
    return status == ATTRIB_OK
               ? attrib_outline_open(self->models.models.items[0], args->source.adapter,
                                     &self->model, err)
               : status;
}

/* Plan the work by every model, one after the other. */
static attrib_status plan_all(planning *self, attrib_error *err)
{
    attrib_status status =
        attrib_plan_make(self->model, &self->work, &self->of_process, &self->out, err);
    for (size_t c = 1; c < self->models.models.n && status == ATTRIB_OK; c++) {
        attrib_model *other = NULL;
        attrib_plan one = {0};
        status = attrib_outline_open(self->models.models.items[c], NULL, &other, err);
        if (status == ATTRIB_OK) {
            status = attrib_plan_make(other, &self->work, &self->of_process, &one, err);
        }
        if (status == ATTRIB_OK) {
            add_plan(&self->out, &one);
        }
        attrib_model_close(other);
    }
    return status;
}

static void take_work(planning *self)
{
    const plan_args *args = self->args;
    attrib_work_default(&self->work);
    self->work.fit = &args->fit;
    self->work.score = &args->score;
    self->work.index = &args->index;
    self->work.n_queries = args->n_queries;
    self->work.query_tokens = args->query_tokens;
    self->work.query_rows = args->query_rows;
}

static attrib_status plan(const void *arguments, cli_job *job, attrib_error *err)
{
    const plan_args *args = arguments;
    planning self = {.args = args};
    attrib_work *work = &self.work;
    take_work(&self);
    attrib_status status = open_first(&self, err);
    if (status == ATTRIB_OK) {
        status = count_documents(args, self.model, job, work, err);
    }
    if (status == ATTRIB_OK) {
        take_shard(args, &work->scored);
        work->fitted = attrib_volume_part(&work->scored, (double)args->fit_documents);
        work->indexed = args->has_index ? work->scored : (attrib_volume){0};
        work->scored = work->n_queries ? work->scored : (attrib_volume){0};
        status = describe_machine(args, job, &self.machine, err);
    }
    if (status == ATTRIB_OK) {
        status = divide_machine(args, &self.machine, &self.of_process, err);
    }
    if (status == ATTRIB_OK) {
        status = plan_all(&self, err);
    }
    if (status == ATTRIB_OK) {
        size_t n_models = self.models.models.n;
        plan_description about = {self.model,        work,      &self.machine,
                                  args->n_processes, &self.out, n_models ? n_models : 1};
        (args->format == PLAN_JSON ? plan_print_json : plan_print_text)(&about);
    }
    checkpoints_close(&self.models);
    attrib_model_close(self.model);
    return status;
}

const cli_command command_plan = {
    .name = "plan",
    .usage = "(--model M | --shape SIZES) (--corpus PATH... | --documents N --tokens N) "
             "[OPTION]...",
    .summary = "predict what fitting and scoring will take",
    .description =
        "Predicts the FLOP, time, memory and disk of every stage of attrib fit and "
        "attrib "
        "score from the shapes alone, before any work: on this machine, whose rates are "
        "measured in about half a second, or on those that are described. For several "
        "models, --model A,B or --checkpoints, it is the work of all of them, one after "
        "the other, with the memory of the largest; their sum takes as much disk again "
        "as their scores. Scores by factors of attrib fit --optimizer take what those "
        "of --strategy diagonal --fit-documents 0 do.",
    .example =
        "  attrib plan --model model/ --corpus corpus/ --queries 8\n"
        "  attrib plan --shape layers=32,width=4096,mlp=11008,heads=32,"
        "vocabulary=32000,gated \\\n"
        "      --documents 5000000 --tokens 2560000000 --queries 100 --hosts 100 \\\n"
        "      --cores 64 --gflops 4000 --ram 512",
    .groups = plan_groups,
    .args_bytes = sizeof(plan_args),
    .multiplies = true,
    .check = plan_check,
    .run = plan,
};
