/* SPDX-License-Identifier: MIT */
/* A plan: what was asked is checked, and its stages are predicted one after the other. */
#include <math.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/sized.h"
#include "curvature/inverse.h"
#include "plan/planner.h"

void attrib_work_init(attrib_work *work, size_t size)
{
    const attrib_work standard = {.n_queries = 1, .query_tokens = 64, .query_rows = 1};
    at_sized_fill(&standard, sizeof standard, work, size);
}

/* What a program gave, with all that this library knows of it. */
typedef struct request {
    attrib_work work; /* whose options are these */
    attrib_fit_options fit;
    attrib_score_options score;
    attrib_index_options index;
    attrib_machine machine;
} request;

static attrib_status take_request(const attrib_work *work,
                                  const attrib_machine *machine,
                                  request *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_work_default(&out->work);
    attrib_fit_options_default(&out->fit);
    attrib_score_options_default(&out->score);
    attrib_index_options_default(&out->index);
    attrib_machine_default(&out->machine);
    AT_TRY(at_sized_take(work, "work", &out->work, err));
    AT_TRY(at_sized_take(out->work.fit, "fit_options", &out->fit, err));
    AT_TRY(at_sized_take(out->work.score, "score_options", &out->score, err));
    AT_TRY(at_sized_take(out->work.index, "index_options", &out->index, err));
    AT_TRY(at_sized_take(machine, "machine", &out->machine, err));
    out->work.fit = &out->fit;
    out->work.score = &out->score;
    out->work.index = &out->index;
done:
    return status;
}

static attrib_status check_volume(const char *what,
                                  const attrib_volume *volume,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double sum = volume->n_documents + volume->n_sequences + volume->n_tokens +
                 volume->n_predicted + volume->squared_tokens;
    if (volume->n_documents == 0) {
        return ATTRIB_OK;
    }
    AT_CHECK(isfinite(sum) && volume->n_documents >= 1 &&
                 volume->n_sequences >= volume->n_documents &&
                 volume->n_tokens >= volume->n_sequences && volume->n_predicted >= 0 &&
                 volume->n_predicted <= volume->n_tokens,
             ATTRIB_EINVAL, "%g documents of %g tokens to be %s make no sense",
             volume->n_documents, volume->n_tokens, what);
done:
    return status;
}

static attrib_status check_request(const request *asked, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_work *work = &asked->work;
    const attrib_machine *machine = &asked->machine;
    AT_TRY(check_volume("fitted", &work->fitted, err));
    AT_TRY(check_volume("scored", &work->scored, err));
    AT_TRY(check_volume("indexed", &work->indexed, err));
    AT_CHECK(work->fitted.n_documents + work->scored.n_documents +
                     work->indexed.n_documents >
                 0,
             ATTRIB_EINVAL, "no documents");
    AT_TRY(at_options_check(attrib_fit_options_table(), work->fit, err));
    AT_TRY(at_options_check(attrib_score_options_table(), work->score, err));
    AT_CHECK(work->scored.n_documents == 0 ||
                 (work->n_queries > 0 && work->query_tokens > 1 && work->query_rows > 0),
             ATTRIB_EINVAL,
             "%zu queries of %zu rows of %zu tokens, expected at least 1 of 1 of 2",
             work->n_queries, work->query_rows, work->query_tokens);
    AT_CHECK(machine->n_hosts > 0 && machine->n_cores > 0 && isfinite(machine->flops) &&
                 machine->flops > 0 && machine->bf16_flops >= 0 &&
                 machine->blas_flops >= 0 && machine->bytes_per_second > 0 &&
                 machine->operand_seconds >= 0 && machine->element_seconds >= 0 &&
                 machine->fresh_seconds >= 0,
             ATTRIB_EINVAL, "%zu hosts of %zu cores with %g FLOP/s make no sense",
             machine->n_hosts, machine->n_cores, machine->flops);
done:
    return status;
}

/* Whether no part of the work needs curvature. */
static bool is_plain(const attrib_work *work)
{
    bool is = work->fitted.n_documents == 0 && work->indexed.n_documents == 0;
    for (size_t s = 0; s < work->score->n_settings; s++) {
        is = is && !attrib_strategy_is_damped(work->score->settings[s].strategy);
    }
    return is;
}

static void count_maps(at_planner *p)
{
    attrib_plan *out = p->out;
    out->n_parameters = (double)attrib_model_describe(p->model)->n_parameters;
    out->n_maps = p->n_tracked;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = at_planner_map(p, i);
        at_factor_size bytes = at_factor_bytes(&p->factors->factors[i], p->n_blocks > 0);
        out->n_tracked_parameters += (double)map->in_dim * (double)map->out_dim;
        p->maps.bases += bytes.bases;
        p->maps.lambda += bytes.lambda;
        p->maps.covariances_on_disk += bytes.covariances_on_disk;
        p->maps.bases_on_disk += bytes.bases_on_disk;
    }
}

static attrib_status plan_work(at_planner *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_work *work = p->work;
    const char *modules = NULL;
    double n_documents = fmax(fmax(work->fitted.n_documents, work->scored.n_documents),
                              work->indexed.n_documents);
    double n_tokens =
        fmax(fmax(work->fitted.n_tokens, work->scored.n_tokens), work->indexed.n_tokens);
    p->strategy = is_plain(work) ? ATTRIB_IDENTITY : work->fit->strategy;
    modules = is_plain(work) ? work->score->modules : work->fit->modules;
    AT_TRY(attrib_model_select(p->model, modules, &p->tracked, &p->n_tracked, err));
    AT_TRY(at_factors_new(p->model, p->tracked, p->n_tracked, modules, &p->factors, err));
    p->factors->info.strategy = p->strategy;
    p->factors->info.precision = at_planned_precision(work->fit->precision);
    AT_TRY(at_factors_set_blocks(p->factors, work->fit->n_blocks, err));
    p->n_blocks = at_is_rotated(p->strategy) ? p->factors->info.n_blocks : 0;
    count_maps(p);
    p->out->store_bytes = at_planner_stored(n_documents, n_tokens);
    if (work->fitted.n_documents > 0) {
        AT_TRY(at_plan_fit(p, err));
    }
    if (work->indexed.n_documents > 0) {
        AT_TRY(at_plan_index(p, err));
    }
    if (work->scored.n_documents > 0) {
        AT_TRY(at_plan_run(p, err));
    }
done:
    return status;
}

attrib_status attrib_plan_make(const attrib_model *model,
                               const attrib_work *work,
                               const attrib_machine *machine,
                               attrib_plan *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_plan plan = {0};
    request asked = {0};
    at_planner p = {
        .model = model, .work = &asked.work, .machine = &asked.machine, .out = &plan};
    AT_TRY(take_request(work, machine, &asked, err));
    AT_TRY(check_request(&asked, err));
    AT_TRY(plan_work(&p, err));
    *out = plan;
done:
    attrib_factors_close(p.factors);
    free(p.tracked);
    return status;
}
