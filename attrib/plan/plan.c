/* SPDX-License-Identifier: MIT */
/* A job's steps with what each takes.
 *
 *   1. Volumes
 *   2. Time
 *   3. Fitting
 *   4. Scoring
 *   5. The plan */
#include "attrib/plan.h"

#include <math.h>
#include <stdlib.h>

#include "curvature/eigenbasis.h"
#include "curvature/fit.h"
#include "gradient/pass.h"
#include "plan/cost.h"

/* What a run keeps of a document beside its scores, and of a reported one's token. */
#define BYTES_OF_ID    24
#define BYTES_OF_TOKEN 24
/* What a process takes for itself, and its BLAS for each core. */
#define BYTES_OF_PROCESS (32.0 * 0x1p20)
#define BYTES_OF_CORE    (8.0 * 0x1p20)
/* What the token store keeps of a token (id, mask) and of a document. */
#define BYTES_STORED          5
#define BYTES_STORED_DOCUMENT 96

/* 1. Volumes */

attrib_volume attrib_volume_of(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = attrib_corpus_summarize(corpus);
    attrib_volume volume = {(double)summary.n_documents, (double)summary.n_sequences,
                            (double)summary.n_tokens, (double)summary.n_predicted, 0};
    for (size_t i = 0; i < summary.n_sequences; i++) {
        attrib_sequence sequence;
        attrib_corpus_sequence(corpus, i, &sequence);
        volume.squared_tokens += (double)sequence.n_tokens * (double)sequence.n_tokens;
    }
    return volume;
}

attrib_volume attrib_volume_even(double n_documents, double n_tokens, size_t context)
{
    double length = n_tokens / n_documents;
    double parts = ceil(length / (double)context);
    double n_sequences = n_documents * (parts > 1 ? parts : 1);
    return (attrib_volume){n_documents, n_sequences, n_tokens, n_tokens - n_documents,
                           n_tokens * n_tokens / n_sequences};
}

/* 2. Time */

/* What every stage is predicted from. */
typedef struct planner {
    const attrib_model *model;
    const attrib_work *work;
    const attrib_machine *machine;
    size_t *tracked; /* [n_tracked] */
    size_t n_tracked;
    size_t n_blocks;   /* of A and S */
    at_map_bytes maps; /* of all tracked maps */
    attrib_plan *out;
} planner;

static const attrib_module *map_of(const planner *p, size_t i)
{
    return attrib_model_module(p->model, p->tracked[i]);
}

/* n equal pieces on all cores: as many rounds as the busiest core has. */
static double wall_seconds(const planner *p, const at_load *piece, double n)
{
    double cores = (double)p->machine->n_hosts * (double)p->machine->n_cores;
    return ceil(n / cores) * at_load_seconds(piece, p->machine);
}

/* A stage of n pieces, whose memory and disk follow. */
static attrib_plan_stage *add_stage(const planner *p,
                                    const char *name,
                                    const at_load *piece,
                                    double n)
{
    attrib_plan_stage *stage = &p->out->stages[p->out->n_stages++];
    *stage = (attrib_plan_stage){
        .name = name, .flop = n * piece->flop, .seconds = wall_seconds(p, piece, n)};
    return stage;
}

/* The process and the weights. */
static double base_bytes(const planner *p)
{
    return BYTES_OF_PROCESS + (double)p->machine->n_cores * BYTES_OF_CORE +
           (double)attrib_model_describe(p->model)->weight_bytes;
}

/* These, and the activations of every core's block. */
static double pass_bytes(const planner *p, double rows)
{
    return base_bytes(p) + (double)p->machine->n_cores * at_bytes_decoder(p->model, rows);
}

/* The largest entry count of a tracked map's gradient. */
static double largest_gradient(const planner *p)
{
    double largest = 0;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = map_of(p, i);
        largest = fmax(largest, (double)map->in_dim * (double)map->out_dim);
    }
    return largest;
}

/* 3. Fitting */

static void plan_covariance(const planner *p, const at_stretch *block)
{
    double n = p->work->fitted.n_tokens / block->rows;
    at_load load = at_cost_pass(p->model, p->tracked, p->n_tracked, block);
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map = at_cost_covariance(map_of(p, i), p->n_blocks, block->rows);
        at_load_add(&load, &of_map, 1);
    }
    attrib_plan_stage *stage = add_stage(p, "covariance", &load, n);
    stage->memory_bytes = pass_bytes(p, block->rows) + p->maps.covariances;
}

/* Whole matrices go to the cores of the one host that merges, the largest first: no less
 * than their mean, nor than the largest. */
static void plan_eigenbasis(const planner *p)
{
    at_load all = {0};
    at_load largest = {0};
    double k = (double)p->n_blocks;
    double widest = 0;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = map_of(p, i);
        double dims[2] = {(double)map->in_dim / k, (double)map->out_dim / k};
        for (size_t side = 0; side < 2; side++) {
            at_load load = at_cost_eigen(dims[side]);
            at_load_add(&all, &load, k);
            if (dims[side] > widest) {
                widest = dims[side];
                largest = load;
            }
        }
    }
    double cores = (double)p->machine->n_cores;
    attrib_plan_stage *stage = add_stage(p, "eigenbasis", &all, 1);
    stage->seconds = fmax(at_load_seconds(&all, p->machine) / cores,
                          at_load_seconds(&largest, p->machine));
    /* Matrices come from files and go into files. */
    double at_once = fmin(cores, 2 * k * (double)p->n_tracked);
    stage->memory_bytes =
        base_bytes(p) + at_once * at_decompose_bytes((size_t)ceil(widest));
}

/* One core's rows and panel, and whole gradients where rows are not rotated first. */
static double lambda_scratch(const planner *p, const at_stretch *block)
{
    size_t in_dim = 0;
    size_t out_dim = 0;
    double whole = 0;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = map_of(p, i);
        at_factor factor = {.in_dim = map->in_dim,
                            .out_dim = map->out_dim,
                            .basis_a = {map->in_dim, p->n_blocks, NULL},
                            .basis_s = {map->out_dim, p->n_blocks, NULL}};
        if (at_lambda_needs_gradients(&factor, true, (size_t)block->length)) {
            whole = fmax(whole, (double)map->in_dim * (double)map->out_dim);
        }
        in_dim = map->in_dim > in_dim ? map->in_dim : in_dim;
        out_dim = map->out_dim > out_dim ? map->out_dim : out_dim;
    }
    return at_lambda_scratch(in_dim, out_dim, (size_t)block->rows, true, whole);
}

static void plan_lambda(const planner *p, const at_stretch *block)
{
    double n = p->work->fitted.n_tokens / block->rows;
    at_load load = at_cost_pass(p->model, p->tracked, p->n_tracked, block);
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map = at_cost_lambda(map_of(p, i), p->n_blocks, block);
        at_load_add(&load, &of_map, 1);
    }
    attrib_plan_stage *stage = add_stage(p, "lambda", &load, n);
    stage->memory_bytes = pass_bytes(p, block->rows) + p->maps.bases + p->maps.lambda +
                          (double)p->machine->n_cores * lambda_scratch(p, block);
    stage->disk_bytes = p->maps.on_disk;
}

static void plan_fit(const planner *p)
{
    at_stretch block = at_stretch_of(&p->work->fitted, AT_BLOCK_ROWS);
    plan_covariance(p, &block);
    plan_eigenbasis(p);
    plan_lambda(p, &block);
}

/* 4. Scoring */

static at_load query_load(const planner *p, size_t rank)
{
    double n = (double)p->work->query_tokens;
    attrib_volume one = {1, 1, n, fmax(1, floor(n / 3)), n * n};
    at_stretch rows = at_stretch_of(&one, n);
    at_load load = at_cost_pass(p->model, p->tracked, p->n_tracked, &rows);
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map = at_cost_query(map_of(p, i), p->n_blocks, n, rank);
        at_load_add(&load, &of_map, 1);
    }
    return load;
}

/* Bytes of a prepared query. */
static double query_bytes(const planner *p, size_t rank)
{
    double bytes = 0;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = map_of(p, i);
        double in = (double)map->in_dim;
        double out = (double)map->out_dim;
        double r = (double)rank;
        bytes += rank && r < fmin(in, out) ? 4 * r * (in + out) : 4 * in * out;
    }
    return bytes;
}

static void plan_score(const planner *p, double queries_bytes)
{
    const attrib_work *work = p->work;
    at_stretch block = at_stretch_of(&work->scored, AT_BLOCK_ROWS);
    at_load load = at_cost_pass(p->model, p->tracked, p->n_tracked, &block);
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map =
            at_cost_score(map_of(p, i), work->n_queries, work->query_rank, &block);
        at_load_add(&load, &of_map, 1);
    }
    attrib_plan_stage *stage =
        add_stage(p, "score", &load, work->scored.n_tokens / block.rows);
    stage->memory_bytes = pass_bytes(p, block.rows) + p->maps.bases + p->maps.lambda +
                          queries_bytes +
                          (double)p->machine->n_cores * 4 * largest_gradient(p);
    /* Scores in f64, and their bounds where queries are cut. */
    stage->disk_bytes =
        work->scored.n_documents *
        ((double)work->n_queries * 8 * (work->query_rank ? 2 : 1) + BYTES_OF_ID);
}

/* The first and last documents of every query once more, each with its full query. */
static void plan_explain(const planner *p, double queries_bytes)
{
    const attrib_work *work = p->work;
    const attrib_volume *all = &work->scored;
    double pairs =
        (double)work->n_queries * fmin(2 * (double)work->top, all->n_documents);
    double n_documents = fmin(pairs, all->n_documents);
    double share = n_documents / all->n_documents;
    double length = all->n_tokens / all->n_documents;
    attrib_volume some = {n_documents, all->n_sequences * share, all->n_tokens * share,
                          all->n_predicted * share, all->squared_tokens * share};
    at_stretch block = at_stretch_of(&some, AT_BLOCK_ROWS);
    double n = some.n_tokens / block.rows;
    at_load load = at_cost_pass(p->model, p->tracked, p->n_tracked, &block);
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map = at_cost_explain(map_of(p, i), length);
        at_load_add(&load, &of_map, pairs / n);
    }
    attrib_plan_stage *stage = add_stage(p, "explain", &load, n);
    if (work->query_rank) { /* cut queries are prepared again, whole */
        at_load again = query_load(p, 0);
        stage->flop += (double)work->n_queries * again.flop;
        stage->seconds += wall_seconds(p, &again, (double)work->n_queries);
    }
    stage->memory_bytes =
        pass_bytes(p, block.rows) + p->maps.bases + p->maps.lambda + queries_bytes;
    stage->disk_bytes = pairs * (length * BYTES_OF_TOKEN + 16 * (double)p->n_tracked);
}

static void plan_run(const planner *p)
{
    const attrib_work *work = p->work;
    double n = (double)work->n_queries;
    double bytes = n * query_bytes(p, work->query_rank);
    at_load load = query_load(p, work->query_rank);
    attrib_plan_stage *stage = add_stage(p, "query", &load, n);
    stage->memory_bytes = pass_bytes(p, (double)work->query_tokens) + p->maps.bases +
                          p->maps.lambda + bytes +
                          (double)p->machine->n_cores * 4 * 4 * largest_gradient(p);
    plan_score(p, bytes);
    plan_explain(p, bytes);
}

/* 5. The plan */

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

static attrib_status check_work(const attrib_work *work,
                                const attrib_machine *machine,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(check_volume("fitted", &work->fitted, err));
    AT_TRY(check_volume("scored", &work->scored, err));
    AT_CHECK(work->fitted.n_documents + work->scored.n_documents > 0, ATTRIB_EINVAL,
             "no documents");
    AT_CHECK(work->scored.n_documents == 0 ||
                 (work->n_queries > 0 && work->query_tokens > 1 && work->top > 0),
             ATTRIB_EINVAL, "%zu queries of %zu tokens, expected at least 1 of 2",
             work->n_queries, work->query_tokens);
    AT_CHECK(machine->n_hosts > 0 && machine->n_cores > 0 && isfinite(machine->flops) &&
                 machine->flops > 0 && machine->bytes_per_second > 0 &&
                 machine->operand_seconds >= 0 && machine->element_seconds >= 0,
             ATTRIB_EINVAL, "%zu hosts of %zu cores with %g FLOP/s make no sense",
             machine->n_hosts, machine->n_cores, machine->flops);
done:
    return status;
}

static void count_maps(planner *p)
{
    attrib_plan *out = p->out;
    out->n_parameters = (double)attrib_model_describe(p->model)->n_parameters;
    out->n_maps = p->n_tracked;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = map_of(p, i);
        at_map_bytes bytes = at_bytes_map(map, p->n_blocks);
        out->n_tracked_parameters += (double)map->in_dim * (double)map->out_dim;
        p->maps.covariances += bytes.covariances;
        p->maps.bases += bytes.bases;
        p->maps.lambda += bytes.lambda;
        p->maps.on_disk += bytes.on_disk;
    }
}

attrib_status attrib_plan_make(const attrib_model *model,
                               const attrib_work *work,
                               const attrib_machine *machine,
                               attrib_plan *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_plan plan = {0};
    planner p = {.model = model,
                 .work = work,
                 .machine = machine,
                 .n_blocks = work->n_blocks ? work->n_blocks : 1,
                 .out = &plan};
    double n_documents = fmax(work->fitted.n_documents, work->scored.n_documents);
    double n_tokens = fmax(work->fitted.n_tokens, work->scored.n_tokens);
    AT_TRY(check_work(work, machine, err));
    AT_TRY(attrib_model_select(model, work->modules ? work->modules : "mlp", &p.tracked,
                               &p.n_tracked, err));
    count_maps(&p);
    plan.store_bytes = n_tokens * BYTES_STORED + n_documents * BYTES_STORED_DOCUMENT;
    if (work->fitted.n_documents > 0) {
        plan_fit(&p);
    }
    if (work->scored.n_documents > 0) {
        plan_run(&p);
    }
    *out = plan;
done:
    free(p.tracked);
    return status;
}
