/* SPDX-License-Identifier: MIT */
/* The stages of a run.
 *
 *   1. Memory
 *   2. Blocks
 *   3. Stages
 *
 * Documents that are scored again in full, since the bounds of cut queries let them
 * stand among the first, are not foreseen: they depend on the scores. */
#include <math.h>

#include "gradient/pass.h"
#include "plan/planner.h"
#include "rank/contraction.h"

/* What a run keeps of a document beside its scores, and of a reported one's token. */
#define BYTES_OF_ID    24
#define BYTES_OF_TOKEN 24

/* As sizes are chosen for a run: what activations of a block may take, and what a larger
 * block must save. */
#define MAX_ACTIVATIONS      ((double)((size_t)1 << 30))
#define WORTH_A_LARGER_BLOCK 0.03
/* The share of memory that a run takes where no limit is given. */
#define USUAL_SHARE 0.75
/* Queries of a tile are a multiple of this, where they can be. */
#define TILE_STEP 64

typedef struct run_sizes {
    at_stretch block;
    double n_tile;     /* queries at a time */
    double tile_bytes; /* of these, prepared */
    double pass_bytes; /* of workers' activations and scratch in a pass of documents */
} run_sizes;

/* 1. Memory */

/* Bytes of a prepared query. */
static double query_bytes(const at_planner *p, size_t rank)
{
    double bytes = 0;
    for (size_t i = 0; i < p->n_tracked; i++) {
        const attrib_module *map = at_planner_map(p, i);
        double in = (double)map->in_dim;
        double out = (double)map->out_dim;
        double r = (double)rank;
        bytes += rank && r < fmin(in, out) ? 4 * r * (in + out) : 4 * in * out;
    }
    return bytes;
}

static attrib_status activation_bytes(
    const at_planner *p, double rows, double length, double *out, attrib_error *err)
{
    size_t bytes = 0;
    attrib_status status =
        at_decoder_bytes(p->model, p->tracked, p->n_tracked, (size_t)ceil(rows),
                         (size_t)ceil(length), &bytes, err);
    *out = (double)bytes;
    return status;
}

/* Of all workers: their activations, and the gradients that one holds. */
static double workers_bytes(const at_planner *p, double activations)
{
    double held = fmax((double)AT_GRADIENT_FLOATS, at_planner_largest(p));
    return (double)p->machine->n_cores * (activations + 4 * held);
}

/* Factors stay open while a run lasts. */
static double open_bytes(const at_planner *p)
{
    return at_planner_base(p) + p->maps.bases + p->maps.lambda;
}

/* 2. Blocks */

static attrib_status block_load(const at_planner *p,
                                const at_stretch *block,
                                size_t n_queries,
                                at_load *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_cost_pass(p->model, p->tracked, p->n_tracked, block, out, err));
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map =
            at_cost_score(at_planner_map(p, i), n_queries, p->work->query_rank, block);
        at_load_add(out, &of_map, 1);
    }
done:
    return status;
}

/* The smallest block that costs little more than the best. */
static attrib_status choose_block(const at_planner *p, run_sizes *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_volume *scored = &p->work->scored;
    double bytes = 0;
    double cost = 0;
    at_load load = {0};
    out->block = at_stretch_of(scored, AT_BLOCK_ROWS);
    AT_TRY(block_load(p, &out->block, p->work->n_queries, &load, err));
    cost = at_load_seconds(&load, p->machine) / out->block.rows;
    AT_TRY(activation_bytes(p, out->block.rows, out->block.length, &bytes, err));
    out->pass_bytes = workers_bytes(p, bytes);
    for (size_t rows = (size_t)2 * AT_BLOCK_ROWS; rows <= (size_t)8 * AT_BLOCK_ROWS;
         rows *= 2) {
        at_stretch larger = at_stretch_of(scored, (double)rows);
        AT_TRY(block_load(p, &larger, p->work->n_queries, &load, err));
        double of_larger = at_load_seconds(&load, p->machine) / larger.rows;
        AT_TRY(activation_bytes(p, larger.rows, larger.length, &bytes, err));
        if (bytes > MAX_ACTIVATIONS || of_larger > cost * (1 - WORTH_A_LARGER_BLOCK)) {
            break;
        }
        cost = of_larger;
        out->block = larger;
        out->pass_bytes = workers_bytes(p, bytes);
    }
done:
    return status;
}

/* As many queries at a time as memory holds beside the workers. */
static void choose_tile(const at_planner *p, run_sizes *out)
{
    double n = (double)p->work->n_queries;
    double each = query_bytes(p, p->work->query_rank);
    out->n_tile = n;
    if (p->machine->ram_bytes > 0) {
        double left = p->machine->ram_bytes * USUAL_SHARE - out->pass_bytes;
        double fitting = fmax(1, floor(left / each));
        if (fitting < n) {
            bool is_many = fitting > TILE_STEP;
            out->n_tile = is_many ? floor(fitting / TILE_STEP) * TILE_STEP : fitting;
        }
    }
    out->tile_bytes = out->n_tile * each;
}

/* 3. Stages */

static attrib_status query_load(const at_planner *p,
                                size_t rank,
                                at_load *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double n = (double)p->work->query_tokens;
    attrib_volume one = {1, 1, n, fmax(1, floor(n / 3)), n * n};
    at_stretch rows = at_stretch_of(&one, n);
    AT_TRY(at_cost_pass(p->model, p->tracked, p->n_tracked, &rows, out, err));
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map =
            at_cost_query(at_planner_map(p, i), p->factors->info.n_blocks, n, rank);
        at_load_add(out, &of_map, 1);
    }
done:
    return status;
}

/* Of the whole queries that reported documents are scored against: the tile, or where
 * its queries are cut, as many whole ones as memory holds. */
static double whole_bytes(const at_planner *p, const run_sizes *sizes)
{
    double all = (double)p->work->n_queries * query_bytes(p, 0);
    double left = p->machine->ram_bytes * USUAL_SHARE - sizes->pass_bytes;
    if (p->work->query_rank == 0) {
        return sizes->tile_bytes;
    }
    return p->machine->ram_bytes > 0 ? fmin(all, fmax(left, query_bytes(p, 0))) : all;
}

static attrib_status plan_queries(const at_planner *p,
                                  const run_sizes *sizes,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double n = (double)p->work->n_queries;
    double n_tokens = (double)p->work->query_tokens;
    double activations = 0;
    at_load load = {0};
    at_load again = {0};
    attrib_plan_stage *stage = NULL;
    AT_TRY(query_load(p, p->work->query_rank, &load, err));
    stage = at_planner_add(p, "query", &load, n);
    if (p->work->query_rank) { /* cut queries are prepared again, whole */
        AT_TRY(query_load(p, 0, &again, err));
        stage->flop += n * again.flop;
        stage->seconds += at_planner_seconds(p, &again, n);
    }
    AT_TRY(activation_bytes(p, n_tokens, n_tokens, &activations, err));
    /* The gradient in the basis, divided, and scratch. */
    stage->memory_bytes =
        open_bytes(p) + whole_bytes(p, sizes) +
        (double)p->machine->n_cores * (activations + 4 * 3 * at_planner_largest(p));
done:
    return status;
}

static attrib_status plan_scores(const at_planner *p,
                                 const run_sizes *sizes,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_work *work = p->work;
    double n_tiles = ceil((double)work->n_queries / sizes->n_tile);
    at_load load = {0};
    attrib_plan_stage *stage = NULL;
    AT_TRY(block_load(p, &sizes->block, (size_t)sizes->n_tile, &load, err));
    stage = at_planner_add(p, "score", &load,
                           n_tiles * work->scored.n_tokens / sizes->block.rows);
    stage->n_passes = (size_t)n_tiles;
    stage->memory_bytes = open_bytes(p) + sizes->tile_bytes + sizes->pass_bytes;
    /* Scores in f64, and their bounds where queries are cut. */
    stage->disk_bytes =
        work->scored.n_documents *
        ((double)work->n_queries * 8 * (work->query_rank ? 2 : 1) + BYTES_OF_ID);
done:
    return status;
}

/* The first and last documents of every query once more, each with its whole query. */
static attrib_status plan_explanations(const at_planner *p,
                                       const run_sizes *sizes,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
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
    at_load load = {0};
    attrib_plan_stage *stage = NULL;
    AT_TRY(at_cost_pass(p->model, p->tracked, p->n_tracked, &block, &load, err));
    for (size_t i = 0; i < p->n_tracked; i++) {
        at_load of_map = at_cost_explain(at_planner_map(p, i), length);
        at_load_add(&load, &of_map, pairs / n);
    }
    stage = at_planner_add(p, "explain", &load, n);
    stage->memory_bytes = open_bytes(p) + sizes->pass_bytes + whole_bytes(p, sizes);
    stage->disk_bytes = pairs * (length * BYTES_OF_TOKEN + 16 * (double)p->n_tracked);
done:
    return status;
}

attrib_status at_plan_score(const at_planner *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    run_sizes sizes = {0};
    AT_TRY(choose_block(p, &sizes, err));
    choose_tile(p, &sizes);
    AT_TRY(plan_queries(p, &sizes, err));
    AT_TRY(plan_scores(p, &sizes, err));
    AT_TRY(plan_explanations(p, &sizes, err));
done:
    return status;
}
