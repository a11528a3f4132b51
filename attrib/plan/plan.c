/* SPDX-License-Identifier: MIT */
/* The stages of a job, with the operations, time, memory and disk that each takes.
 *
 *   1. Volumes
 *   2. What stages share
 *   3. The plan */
#include <math.h>
#include <stdlib.h>

#include "base/options.h"
#include "base/sized.h"
#include "curvature/inverse.h"
#include "plan/planner.h"

/* Bytes of a process before it does any work: code, tokenizer, pages of files it has
 * open.
 */
#define BYTES_OF_PROCESS (20.0 * 0x1p20)
/* Bytes that the token store keeps of a token (id 4, mask 1), and of a document. */
#define BYTES_STORED          5
#define BYTES_STORED_DOCUMENT 96

/* 1. Volumes */

attrib_volume attrib_volume_of(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    attrib_volume volume = {(double)summary.n_documents,
                            (double)summary.n_sequences,
                            (double)summary.n_tokens,
                            (double)summary.n_predicted,
                            0,
                            0,
                            0};
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, i, &sequence);
        volume.squared_tokens += (double)sequence.n_tokens * (double)sequence.n_tokens;
        double n = (double)sequence.n_tokens;
        volume.longest = fmax(volume.longest, n);
        volume.shortest = i ? fmin(volume.shortest, n) : n;
    }
    return volume;
}

attrib_volume attrib_volume_even(double n_documents, double n_tokens, size_t context)
{
    double length = n_tokens / n_documents;
    double parts = ceil(length / (double)context);
    double n_sequences = n_documents * (parts > 1 ? parts : 1);
    return (attrib_volume){n_documents,
                           n_sequences,
                           n_tokens,
                           n_tokens - n_documents,
                           n_tokens * n_tokens / n_sequences,
                           ceil(n_tokens / n_sequences),
                           0};
}

attrib_volume attrib_volume_part(const attrib_volume *all, double n_documents)
{
    double share = n_documents / all->n_documents;
    if (!(share < 1)) {
        return *all;
    }
    return (attrib_volume){n_documents,
                           all->n_sequences * share,
                           all->n_tokens * share,
                           all->n_predicted * share,
                           all->squared_tokens * share,
                           all->longest,
                           all->shortest};
}

/* 2. What stages share */

double at_load_seconds(const attrib_load *load, const attrib_machine *machine)
{
    return load->flop / (machine->flops / (double)machine->n_cores) +
           load->operands * machine->operand_seconds +
           load->elements * machine->element_seconds +
           load->bytes / machine->bytes_per_second + load->fresh * machine->fresh_seconds;
}

double at_missed(const attrib_machine *machine, double held)
{
    return held > machine->cache_bytes ? 1 - machine->cache_bytes / held : 0;
}

at_stretch at_stretch_of(const attrib_volume *volume, double block_rows)
{
    double length = volume->n_tokens / volume->n_sequences;
    double of_token = volume->squared_tokens / volume->n_tokens; /* mean over tokens */
    double rows = length < block_rows ? floor(block_rows / length) * length : length;
    rows = rows < volume->n_tokens ? rows : volume->n_tokens;
    return (at_stretch){rows, length, rows * volume->n_predicted / volume->n_tokens,
                        at_decoder_keys(of_token)};
}

const attrib_module *at_planner_map(const at_planner *p, size_t i)
{
    return attrib_model_module(p->model, p->tracked[i]);
}

attrib_status at_planner_pass(const at_planner *p,
                              at_mode mode,
                              size_t first,
                              size_t n,
                              const at_stretch *block,
                              attrib_load *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double weights = (double)attrib_model_describe(p->model)->weight_bytes;
    AT_TRY(at_decoder_cost(p->model, mode, p->tracked + first, n, block, out, err));
    out->bytes *= at_missed(p->machine, weights);
done:
    return status;
}

void at_planner_tap(const attrib_tap *tap,
                    size_t n,
                    const at_stretch *block,
                    double missed,
                    attrib_load *load)
{
    for (size_t i = 0; i < n; i++) {
        attrib_load of_map = {0};
        tap->cost(tap->context, i, block->rows, block->rows / block->length, &of_map);
        of_map.bytes *= missed;
        at_load_add(load, &of_map, 1);
    }
}

double at_planner_rounds(double n, double n_cores)
{
    double rounds = floor(floor(n) / n_cores);
    double left = floor(n) - rounds * n_cores;
    double last = left > 0 ? 1 : n - floor(n); /* a whole piece, or a fraction of one */
    return rounds + last;
}

double at_planner_seconds(const at_planner *p, const attrib_load *piece, double n)
{
    double cores = (double)p->machine->n_hosts * (double)p->machine->n_cores;
    return at_planner_rounds(n, cores) * at_load_seconds(piece, p->machine);
}

double at_planner_shared(const at_planner *p,
                         const attrib_load *all,
                         const attrib_load *longest,
                         size_t n_workers)
{
    return fmax(at_load_seconds(all, p->machine) / (double)n_workers,
                at_load_seconds(longest, p->machine));
}

attrib_plan_stage *at_planner_add(const at_planner *p,
                                  const char *name,
                                  const attrib_load *piece,
                                  double n)
{
    attrib_plan_stage *stage = &p->out->stages[p->out->n_stages++];
    *stage = (attrib_plan_stage){.name = name, .n_passes = 1};
    stage->flop = stage->most_flop = n * piece->flop;
    stage->seconds = stage->most_seconds = at_planner_seconds(p, piece, n);
    return stage;
}

void at_planner_take(const at_planner *p,
                     attrib_plan_stage *stage,
                     double bytes,
                     double times)
{
    attrib_load load = {.fresh = bytes * times / (double)p->machine->n_cores};
    double seconds = at_load_seconds(&load, p->machine);
    stage->seconds += seconds;
    stage->most_seconds += seconds;
}

double at_planner_base(const at_planner *p)
{
    return BYTES_OF_PROCESS + (double)attrib_model_describe(p->model)->weight_bytes;
}

double at_planner_limit(const at_planner *p, size_t ram_limit, double share)
{
    double ram = p->machine->ram_bytes;
    if (ram_limit) {
        return (double)ram_limit;
    }
    return ram > 0 ? ram * share : HUGE_VAL;
}

double at_planner_longest(const attrib_volume *volume)
{
    return volume->longest > 0 ? volume->longest : volume->n_tokens / volume->n_sequences;
}

/* 3. The plan */

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
    attrib_machine_default(&out->machine);
    AT_TRY(at_sized_take(work, "work", &out->work, err));
    AT_TRY(at_sized_take(out->work.fit, "fit_options", &out->fit, err));
    AT_TRY(at_sized_take(out->work.score, "score_options", &out->score, err));
    AT_TRY(at_sized_take(machine, "machine", &out->machine, err));
    out->work.fit = &out->fit;
    out->work.score = &out->score;
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
    AT_CHECK(work->fitted.n_documents + work->scored.n_documents > 0, ATTRIB_EINVAL,
             "no documents");
    AT_TRY(at_options_check(attrib_fit_options_table(), work->fit, err));
    AT_TRY(at_options_check(attrib_score_options_table(), work->score, err));
    AT_CHECK(work->score->query_rank != ATTRIB_RANK_AUTO, ATTRIB_EINVAL,
             "query-rank: auto is chosen by what a run measures, a plan needs the rank");
    AT_CHECK(work->scored.n_documents == 0 ||
                 (work->n_queries > 0 && work->query_tokens > 1 && work->query_rows > 0),
             ATTRIB_EINVAL,
             "%zu queries of %zu rows of %zu tokens, expected at least 1 of 1 of 2",
             work->n_queries, work->query_rows, work->query_tokens);
    AT_CHECK(machine->n_hosts > 0 && machine->n_cores > 0 && isfinite(machine->flops) &&
                 machine->flops > 0 && machine->bytes_per_second > 0 &&
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
    bool is = work->fitted.n_documents == 0;
    for (size_t s = 0; s < work->score->n_settings; s++) {
        is = is && work->score->settings[s].strategy == ATTRIB_IDENTITY;
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
    double n_documents = fmax(work->fitted.n_documents, work->scored.n_documents);
    double n_tokens = fmax(work->fitted.n_tokens, work->scored.n_tokens);
    p->strategy = is_plain(work) ? ATTRIB_IDENTITY : work->fit->strategy;
    modules = is_plain(work) ? work->score->modules : work->fit->modules;
    AT_TRY(attrib_model_select(p->model, modules, &p->tracked, &p->n_tracked, err));
    AT_TRY(at_factors_new(p->model, p->tracked, p->n_tracked, modules, &p->factors, err));
    p->factors->info.strategy = p->strategy;
    AT_TRY(at_factors_set_blocks(p->factors, work->fit->n_blocks, err));
    p->n_blocks = at_is_rotated(p->strategy) ? p->factors->info.n_blocks : 0;
    count_maps(p);
    p->out->store_bytes = n_tokens * BYTES_STORED + n_documents * BYTES_STORED_DOCUMENT;
    if (work->fitted.n_documents > 0) {
        AT_TRY(at_plan_fit(p, err));
    }
    if (work->scored.n_documents > 0) {
        AT_TRY(at_plan_score(p, err));
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
