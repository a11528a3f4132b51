/* SPDX-License-Identifier: MIT */
/* An index: the pass that makes it, and the scan of a run that goes by it. */
#include <math.h>

#include "index/digest.h"
#include "index/scan.h"
#include "index/tap.h"
#include "plan/planner.h"

/* The shape of the index that the work describes. */
static attrib_status outline(const at_planner *p, at_index_shape *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(p->strategy == ATTRIB_EKFAC, ATTRIB_ENOTSUP,
             "an index takes factors of ekfac, not of %s",
             attrib_strategy_name(p->strategy));
    AT_TRY(at_index_outline(p->factors, p->work->index, out, err));
done:
    return status;
}

/* Bytes of the workers' passes and of a piece. */
static attrib_status building_bytes(const at_planner *p,
                                    const at_index_shape *shape,
                                    const at_stretch *block,
                                    const attrib_tap *tap,
                                    double *out,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double longest = at_planner_longest(&p->work->indexed);
    attrib_block_size most = {(size_t)ceil(block->rows / block->length),
                              (size_t)ceil(fmax(block->rows, longest)),
                              (size_t)ceil(longest)};
    const at_pass pass = {.model = p->model,
                          .tracked = p->tracked,
                          .n_tracked = p->n_tracked,
                          .block_rows = at_index_block_rows(shape),
                          .precision = ATTRIB_F32_PRODUCTS};
    at_pass_size size = {0};
    AT_TRY(at_pass_size_one(&most, &size, err));
    AT_TRY(at_pass_bytes(&pass, &size, tap, 1, out, err));
    *out = *out * (double)p->machine->n_cores +
           (double)AT_PIECE_DOCUMENTS * (double)shape->record_bytes;
done:
    at_pass_size_free(&size);
    return status;
}

/* Blocks that the busiest core of a host takes: each piece is a pass by itself. */
static double block_rounds(const at_planner *p, double n_blocks, double *n_pieces)
{
    double n_hosts = (double)p->machine->n_hosts;
    double n_cores = (double)p->machine->n_cores;
    double pieces = p->work->indexed.n_documents / n_hosts / (double)AT_PIECE_DOCUMENTS;
    double of_piece = n_blocks / n_hosts / pieces;
    *n_pieces = ceil(pieces);
    return floor(pieces) * at_planner_rounds(of_piece, n_cores) +
           at_planner_rounds((pieces - floor(pieces)) * of_piece, n_cores);
}

static double index_on_disk(const at_planner *p, const at_index_shape *shape)
{
    double n = p->work->indexed.n_documents;
    double scales = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        scales += (double)(shape->maps[m].out_dim + shape->maps[m].in_dim);
    }
    return scales * sizeof(float) + at_planner_stored(n, p->work->indexed.n_tokens) +
           n * (double)(shape->record_bytes + sizeof(float) + AT_DIGEST_BYTES) +
           ceil(n / (double)AT_PIECE_DOCUMENTS) * (double)AT_PIECE_HEADER_BYTES;
}

static attrib_status add_index(const at_planner *p,
                               const at_index_shape *shape,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_volume *indexed = &p->work->indexed;
    at_indexing indexing = {.shape = shape, .factors = p->factors};
    attrib_tap tap = at_index_tap(&indexing);
    at_stretch block = at_stretch_of(indexed, (double)at_index_block_rows(shape));
    at_stretch taken = at_stretch_counted(&block);
    double n = indexed->n_tokens / block.rows;
    double factors = p->maps.bases + p->maps.lambda;
    double bytes = 0;
    double n_pieces = 0;
    attrib_load load = {0};
    attrib_plan_stage *stage = NULL;
    AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, 0, NULL, &taken, &load, err));
    at_planner_tap(&tap, p->n_tracked, &taken, 1, &load);
    AT_TRY(building_bytes(p, shape, &block, &tap, &bytes, err));
    stage = at_planner_add(p, "index", &load, n);
    stage->seconds = stage->most_seconds =
        block_rounds(p, n, &n_pieces) * at_load_seconds(&load, p->machine);
    at_planner_take(p, stage, bytes, n_pieces);
    stage->memory_bytes = at_planner_base(p) + bytes;
    if (stage->memory_bytes + factors <=
        at_planner_limit(p, p->work->index->ram_limit, AT_USUAL_SHARE)) {
        stage->memory_bytes += factors; /* they stay in memory */
    }
    stage->disk_bytes = index_on_disk(p, shape);
done:
    return status;
}

attrib_status at_plan_index(const at_planner *p, attrib_error *err)
{
    at_index_shape shape = {0};
    attrib_status status = outline(p, &shape, err);
    if (status == ATTRIB_OK) {
        status = add_index(p, &shape, err);
    }
    at_index_shape_free(&shape);
    return status;
}

/* Plan the scan of n documents by a host, in turns of so many queries as are prepared at
 * a time. */
static void add_scan(const at_planner *p,
                     const at_setup *run,
                     const at_index_shape *shape,
                     double n_documents)
{
    double n_hosts = (double)p->machine->n_hosts;
    size_t n_cores = p->machine->n_cores;
    double n_settings = (double)run->options.n_settings;
    double n_cases = (double)run->n_queries * n_settings;
    double of_turn = (double)run->n_tile * n_settings;
    attrib_load all = {0};
    attrib_load longest = {0};
    attrib_load records = {0};
    attrib_load turn = {0};
    attrib_plan_stage *stage = at_planner_add(p, "scan", &(attrib_load){0}, 0);
    for (size_t m = 0; m < p->n_tracked; m++) {
        attrib_load of_map = {0};
        at_scan_queries_cost(shape, &p->factors->factors[m], m, n_cases, &of_map);
        at_load_add(&all, &of_map, 1);
        longest = of_map.flop > longest.flop ? of_map : longest;
    }
    at_scan_records_cost(shape, n_documents, of_turn, &turn);
    at_load_add(&records, &turn, floor(n_cases / of_turn));
    if (fmod(n_cases, of_turn) > 0) {
        at_scan_records_cost(shape, n_documents, fmod(n_cases, of_turn), &records);
    }
    double of_records = at_load_seconds(&records, p->machine) / (double)n_cores;
    stage->flop = stage->most_flop = (all.flop + records.flop) * n_hosts;
    stage->busy_seconds =
        at_load_seconds(&all, p->machine) / (double)n_cores + of_records;
    stage->seconds = stage->most_seconds =
        at_planner_shared(p, &all, &longest, n_cores) + of_records;
    double n_mapped = fmin(n_documents, (double)(n_cores * AT_PIECE_DOCUMENTS));
    stage->memory_bytes = at_planner_base(p) + of_turn * at_case_bytes(run) +
                          at_scan_bytes(shape, of_turn, (double)n_cores, n_mapped);
}

attrib_status at_plan_scan(const at_planner *p,
                           const at_setup *run,
                           const attrib_volume *all,
                           attrib_error *err)
{
    at_index_shape shape = {0};
    attrib_status status = outline(p, &shape, err);
    if (status == ATTRIB_OK) {
        add_scan(p, run, &shape, all->n_documents / (double)p->machine->n_hosts);
    }
    at_index_shape_free(&shape);
    return status;
}
