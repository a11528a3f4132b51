/* SPDX-License-Identifier: MIT */
/* The stages of a run, with the sizes that a run of the same counts and shapes chooses.
 *
 *   1. Sizes
 *   2. Queries
 *   3. Scores
 *   4. Explanations
 *
 * With cut queries, documents whose bounds let them stand among the first or last are
 * scored again in full. How many these are depends on the scores: between one round and
 * all. */
#include <math.h>
#include <stdlib.h>

#include "plan/planner.h"
#include "run/options.h"
#include "baseline/candidates.h"
#include "plan/plan_refine.h"
#include "score/baselines.h"
#include "score/settle.h"
#include "score/sizes.h"
#include "score/taps.h"

/* Bytes on disk for each document in addition to its scores, with two tags; for each
 * reported document; for each of its tokens, with four bytes of text; and for each of its
 * maps. The first two include the names of fields in a record. */
#define BYTES_OF_DOCUMENT (AT_DOCUMENT_BYTES + 2 * AT_TAG_BYTES)
#define BYTES_OF_REPORTED 400
#define BYTES_OF_TOKEN    16
#define BYTES_OF_MAP      8

/* 1. Sizes */

/* Cases under strategies, and under baselines. */
static double n_cases(const at_setup *run)
{
    return (double)run->n_queries * (double)run->options.n_settings;
}

static double n_likened(const at_setup *run)
{
    return (double)run->n_queries * (double)run->n_baselines;
}

static at_counted count(const attrib_volume *scored)
{
    double of_document = scored->n_tokens / scored->n_documents;
    double of_slice = fmin(scored->n_documents, (double)AT_SLICE_DOCUMENTS);
    return (at_counted){.n_sequences = scored->n_sequences,
                        .n_tokens = scored->n_tokens,
                        .shortest = scored->shortest > 0
                                        ? scored->shortest
                                        : fmax(1, scored->n_tokens / scored->n_sequences),
                        .longest = at_planner_longest(scored),
                        .longest_document = of_document,
                        .most_sequences = ceil(scored->n_sequences / scored->n_documents),
                        .slice_tokens = of_document * of_slice,
                        .slice_record = of_slice * BYTES_OF_DOCUMENT,
                        .has_split = scored->n_sequences > scored->n_documents};
}

static attrib_status choose_sizes(const at_planner *p, at_setup *out, attrib_error *err)
{
    const attrib_work *work = p->work;
    bool is_sum = work->query_rows > 1;
    double n_rows = 0;
    *out =
        (at_setup){.model = p->model,
                   .factors = p->factors,
                   .tracked = p->tracked,
                   .n_tracked = p->n_tracked,
                   .n_queries = work->n_queries,
                   .n_documents = (size_t)work->scored.n_documents,
                   .n_groups = 1,
                   .counted = count(&work->scored),
                   .n_workers = p->machine->n_cores,
                   .longest_row = (double)work->query_tokens,
                   .memory = {at_planner_limit(p, work->score->ram_limit, AT_USUAL_SHARE),
                              at_planner_base(p)}};
    out->options = *work->score;
    out->options.aggregate = is_sum ? "" : NULL;
    at_score_options_complete(&out->options);
    out->options.precision = at_planned_precision(out->options.precision);
    at_baselines_split(out);
    out->n_tracked = out->options.n_settings ? p->n_tracked : 0;
    for (size_t k = 0; k < out->options.n_settings; k++) { /* as the factors are used */
        attrib_setting *setting = &out->options.settings[k];
        bool is_plain = setting->strategy == ATTRIB_IDENTITY;
        setting->strategy = is_plain ? ATTRIB_IDENTITY : p->strategy;
    }
    n_rows = (double)work->n_queries * (double)work->query_rows;
    out->kept_row = at_kept_row_bytes(out, work->query_tokens);
    out->kept_all = out->kept_row * n_rows;
    for (size_t i = 0; i < out->n_tracked; i++) {
        at_factor_size bytes = at_factor_bytes(&p->factors->factors[i], p->n_blocks > 0);
        out->factor_bytes = fmax(out->factor_bytes, bytes.bases + bytes.lambda);
    }
    attrib_status status = at_pass_choose_rounding(p->model, out->options.precision,
                                                   out->memory.bytes - out->memory.base,
                                                   &out->rounds_weights, err);
    return status == ATTRIB_OK ? at_fit_sizes(out, err) : status;
}

/* Bytes of n queries under all settings. */
static double held_bytes(const at_setup *run, size_t n)
{
    return (double)(n * run->options.n_settings) * at_case_bytes(run);
}

/* Bytes of the whole queries that are held at a time. */
static double whole_bytes(const at_setup *run)
{
    at_setup whole = at_setup_cut(run, 0);
    return held_bytes(&whole, run->n_tile_full);
}

/* How the memory of a stage is taken: `times` times, except for the `held` bytes of
 * queries, which are there already. */
typedef struct taking {
    at_run_stage stage;
    double held, times;
} taking;

/* Set a stage's memory, and add the time that taking it costs. */
static attrib_status take_bytes(const at_planner *p,
                                const at_setup *run,
                                taking how,
                                attrib_plan_stage *out,
                                attrib_error *err)
{
    double bytes = 0;
    attrib_status status = at_stage_bytes(run, how.stage, &bytes, err);
    out->memory_bytes = at_planner_base(p) + bytes;
    at_planner_take(p, out, bytes - how.held, how.times);
    return status;
}

/* 2. Queries */

/* The cost of a map's factor, which is read once for all queries: it is copied, and read
 * again by the work. */
static attrib_load factor_load(const at_planner *p, size_t i)
{
    at_factor_size of_map = at_factor_bytes(&p->factors->factors[i], p->n_blocks > 0);
    double bytes = of_map.bases + of_map.lambda;
    if (p->strategy == ATTRIB_IDENTITY) {
        return (attrib_load){0};
    }
    return (attrib_load){.bytes = 2 * bytes, .fresh = bytes};
}

/* Plan the preparation of all queries under all settings. Every host does
 * all of it: a pass over their rows, then the maps, each with all queries. */
static attrib_status add_queries(const at_planner *p,
                                 const at_setup *run,
                                 attrib_plan_stage *stage,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double length = (double)p->work->query_tokens;
    double n = (double)run->n_queries;
    double n_rows = n * (double)p->work->query_rows;
    size_t n_cores = p->machine->n_cores;
    attrib_volume one = {
        1, 1, length, fmax(1, floor(length / 3)), length * length, length, length};
    at_stretch row = at_stretch_of(&one, length);
    attrib_load of_row = {0};
    attrib_load all = {0};
    attrib_load longest = {0};
    const at_fit_group maps = {.n = run->n_tracked};
    const at_prepared_count count = {n_rows, length, n * (double)run->options.n_settings};
    AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, 0, &maps, &row, &of_row, err));
    for (size_t i = 0; i < run->n_tracked; i++) {
        attrib_load of_map = factor_load(p, i);
        at_prepare_cost(run, i, &count, &of_map);
        at_load_add(&all, &of_map, 1);
        longest = of_map.flop > longest.flop ? of_map : longest;
    }
    stage->flop += n_rows * of_row.flop + all.flop;
    stage->seconds += at_planner_rounds(n_rows, (double)n_cores) *
                          at_load_seconds(&of_row, p->machine) +
                      at_planner_shared(p, &all, &longest, n_cores);
    stage->busy_seconds += (n_rows * at_load_seconds(&of_row, p->machine) +
                            at_load_seconds(&all, p->machine)) /
                           (double)n_cores;
    stage->most_flop = stage->flop;
    stage->most_seconds = stage->seconds;
done:
    return status;
}

static attrib_status plan_queries(const at_planner *p,
                                  const at_setup *run,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup whole = at_setup_cut(run, 0);
    attrib_plan_stage *stage = at_planner_add(p, "query", &(attrib_load){0}, 0);
    AT_TRY(add_queries(p, run, stage, err));
    if (at_is_cut(run)) { /* they are prepared again, whole */
        AT_TRY(add_queries(p, &whole, stage, err));
    }
    AT_TRY(at_plan_refinement(p, run, stage, err));
    AT_TRY(take_bytes(
        p, run,
        (taking){AT_RUN_QUERY, 0, ceil((double)run->n_queries / (double)run->n_tile)},
        stage, err));
done:
    return status;
}

/* 3. Scores */

/* The cost of a block of the pass with its taps. Self-influences are computed in the
 * first of n_tiles passes only. */
static attrib_status block_load(const at_planner *p,
                                const at_setup *run,
                                const at_stretch *block,
                                double n_tiles,
                                attrib_load *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    at_scoring scoring = {0};
    double held = held_bytes(run, run->n_tile);
    if (run->options.n_settings == 0) { /* baselines alone */
        return ATTRIB_OK;
    }
    AT_TRY(at_prepared_outline(run, (at_tile){0, run->n_tile}, &prepared, err));
    AT_TRY(at_scoring_open(run, &prepared, NULL, &scoring, err));
    AT_TRY(at_planner_pass(p, at_scoring_mode(run), run->layers_limit[AT_RUN_SCORE], NULL,
                           block, out, err));
    at_planner_tap(&scoring.taps[0], p->n_tracked, block, at_missed(p->machine, held),
                   out);
    for (size_t k = 1; k < scoring.n_taps; k++) {
        attrib_load once = {0};
        at_planner_tap(&scoring.taps[k], p->n_tracked, block, 1, &once);
        at_load_add(out, &once, 1 / n_tiles);
    }
done:
    at_scoring_close(&scoring);
    at_prepared_free(&prepared);
    return status;
}

/* Bytes of all that is kept of every document. */
static double scores_on_disk(const at_setup *run, const attrib_volume *scored)
{
    size_t n_settings = run->options.n_settings + run->n_baselines;
    const at_counts all = {.n_documents = (size_t)scored->n_documents,
                           .n_tokens = (size_t)scored->n_tokens,
                           .n_sums = run->n_groups,
                           .n_cases = run->n_queries * n_settings,
                           .n_settings = n_settings};
    return at_arrays_bytes(&run->options, at_is_cut(run), &all) +
           scored->n_documents * BYTES_OF_DOCUMENT;
}

/* The number of blocks that the busiest core of a host takes. Every slice of the host's
 * documents is a pass by itself; the last slice may be smaller. */
static double block_rounds(const at_planner *p, double n_blocks, double *n_slices)
{
    double n_hosts = (double)p->machine->n_hosts;
    double n_cores = (double)p->machine->n_cores;
    double slices = p->work->scored.n_documents / n_hosts / (double)AT_SLICE_DOCUMENTS;
    double of_slice = n_blocks / n_hosts / slices;
    *n_slices = ceil(slices);
    return floor(slices) * at_planner_rounds(of_slice, n_cores) +
           at_planner_rounds((slices - floor(slices)) * of_slice, n_cores);
}

/* The expected number of documents that are chosen by at least one case, if each case
 * chooses `each` of n documents at random. */
static double distinct(double n, double each, double cases)
{
    return n * (1 - pow(1 - each / n, cases));
}

/* The documents that baselines explain, with which they are passed through again. */
static attrib_volume reported(const at_planner *p, const at_setup *run)
{
    double n = p->work->scored.n_documents / (double)p->machine->n_hosts;
    double each = fmin(n, 2 * (double)run->options.top);
    return attrib_volume_part(&p->work->scored,
                              distinct(n, each, (double)run->n_queries));
}

/* Plan the passes for hidden states, of all documents and of those that are reported. */
static attrib_status plan_hidden(const at_planner *p,
                                 const at_setup *run,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_volume again = reported(p, run);
    attrib_load load = {0};
    attrib_load of_reported = {0};
    attrib_plan_stage *stage = NULL;
    double bytes = 0;
    size_t n_passes = 0;
    size_t ignored = 0;
    AT_TRY(at_plan_hidden(p, run, &p->work->scored, &load, &n_passes, err));
    if (n_passes == 0) {
        goto done;
    }
    AT_TRY(at_plan_hidden(p, run, &again, &of_reported, &ignored, err));
    at_load_add(&load, &of_reported, 1);
    AT_TRY(at_stage_bytes(run, AT_RUN_SCORE, &bytes, err));
    stage = at_planner_add(p, "hidden", &(attrib_load){0}, 0);
    at_planner_share(p, &load, stage);
    stage->memory_bytes = at_planner_base(p) + bytes;
    stage->n_passes = n_passes;
done:
    return status;
}

/* Plan the scores; `all` is what a filter, where there is one, chooses from. */
static attrib_status plan_scores(const at_planner *p,
                                 const at_setup *run,
                                 const attrib_volume *all,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_volume *scored = &p->work->scored;
    double n_tiles = ceil((double)run->n_queries / (double)run->n_tile);
    at_stretch block = at_stretch_of(scored, (double)run->block_rows);
    double n = scored->n_tokens / block.rows;
    at_stretch taken = at_stretch_counted(&block);
    double n_slices = 0;
    attrib_load load = {0};
    attrib_plan_stage *stage = NULL;
    AT_TRY(block_load(p, run, &taken, n_tiles, &load, err));
    stage = at_planner_add(p, "score", &load, n_tiles * n);
    load = at_load_timed(&load, p->machine, run->options.precision);
    stage->seconds = stage->most_seconds =
        n_tiles * block_rounds(p, n, &n_slices) * at_load_seconds(&load, p->machine);
    stage->busy_seconds = at_planner_busy(p, &load, n_tiles * n);
    stage->n_passes = (size_t)n_tiles;
    load = at_plan_words(run, scored);
    at_planner_share(p, &load, stage);
    AT_TRY(take_bytes(
        p, run, (taking){AT_RUN_SCORE, held_bytes(run, run->n_tile), n_tiles * n_slices},
        stage, err));
    stage->disk_bytes = scores_on_disk(run, all);
done:
    return status;
}

/* 4. Explanations */

/* Set the cost of one round of one host: `passed` documents are passed through, and
 * `pairs` pairs of a case and a document are explained. */
static attrib_status explained(const at_planner *p,
                               const at_setup *run,
                               double pairs,
                               double passed,
                               attrib_plan_stage *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_volume *all = &p->work->scored;
    double length =
        fmax(1, all->n_tokens / all->n_documents - 1); /* all but the last row */
    attrib_volume some = attrib_volume_part(all, passed);
    at_stretch block = at_stretch_of(&some, (double)AT_BLOCK_ROWS);
    double n = some.n_tokens / block.rows;
    at_stretch taken = at_stretch_counted(&block);
    double held = whole_bytes(run);
    at_stretch of_pair = {.rows = length, .length = length};
    attrib_load load = {0};
    attrib_load one = {0};
    at_explaining *explaining = NULL;
    attrib_tap tap;
    if (pairs == 0) { /* baselines alone */
        return ATTRIB_OK;
    }
    AT_TRY(at_explaining_outline(run, &explaining, err));
    tap = at_explain_tap(explaining);
    AT_TRY(at_planner_pass(p, AT_MODE_REVERSE, run->layers_limit[AT_RUN_EXPLAIN], NULL,
                           &taken, &load, err));
    at_planner_tap(&tap, p->n_tracked, &of_pair, at_missed(p->machine, held), &one);
    at_load_add(&load, &one, pairs / n);
    out->flop = n * load.flop;
    out->seconds = at_planner_rounds(n, (double)p->machine->n_cores) *
                   at_load_seconds(&load, p->machine);
    out->busy_seconds =
        n * at_load_seconds(&load, p->machine) / (double)p->machine->n_cores;
done:
    free(explaining);
    return status;
}

/* Bytes on disk of a document that is reported, with the shares of so many maps. */
static double reported_bytes(const at_planner *p, size_t n_maps)
{
    const attrib_volume *scored = &p->work->scored;
    double bytes = BYTES_OF_REPORTED;
    bytes += scored->n_tokens / scored->n_documents * BYTES_OF_TOKEN;
    return bytes + (double)n_maps * BYTES_OF_MAP;
}

/* Plan the explanations: the first and last documents of every query are passed through
 * once more, each with its whole query. Cut queries take at least one round of
 * at_first_round_documents() documents, and rounds until no document is left at most.
 * Each round, and each group of whole queries, passes through its documents by itself.
 * Every host ranks its own documents. Of `all`, which a filter chooses from, queries are
 * taken to report others by chance. */
static attrib_status plan_explanations(const at_planner *p,
                                       const at_setup *run,
                                       const attrib_volume *all,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double n_hosts = (double)p->machine->n_hosts;
    double n = p->work->scored.n_documents / n_hosts;
    double of_round = fmin(n, at_first_round_documents(run));
    double most = n;
    double groups = ceil((double)run->n_queries / (double)run->n_tile_full);
    double cases = n_cases(run);
    const attrib_volume likened = reported(p, run);
    attrib_load of_words = {0};
    attrib_plan_stage *stage = at_planner_add(p, "explain", &(attrib_load){0}, 0);
    if (at_is_settled(run) && run->options.max_rescored) {
        most = fmin(n, (double)run->options.max_rescored);
        of_round = fmin(of_round, most);
    }
    AT_TRY(
        explained(p, run, cases / groups * of_round,
                  fmin(n, distinct(all->n_documents / n_hosts, of_round, cases / groups)),
                  stage, err));
    stage->flop *= groups * n_hosts;
    stage->seconds *= groups;
    stage->busy_seconds *= groups;
    stage->most_flop = stage->flop * (at_is_settled(run) ? most / of_round : 1);
    stage->most_seconds = stage->seconds * (at_is_settled(run) ? most / of_round : 1);
    AT_TRY(take_bytes(p, run, (taking){AT_RUN_EXPLAIN, whole_bytes(run), groups}, stage,
                      err));
    of_words = at_plan_words(run, &likened);
    at_planner_share(p, &of_words, stage);
    stage->disk_bytes = n_hosts * fmin(2 * (double)run->options.top, n) *
                        (cases * reported_bytes(p, run->n_tracked) +
                         n_likened(run) * reported_bytes(p, 0));
done:
    return status;
}

/* The part of the documents that a filter is expected to let through; all without one. */
static attrib_status filtered(const at_planner *p,
                              at_filter *filter,
                              attrib_volume *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *score = p->work->score;
    const attrib_volume *all = &p->work->scored;
    double n = all->n_documents;
    *out = *all;
    AT_TRY(at_prefilter_read(score->prefilter, filter, err));
    if (filter->n > 0) {
        double n_each = fmin(n, (double)filter->n * (filter->by_index ? 2 : 1));
        double chosen = distinct(n, n_each, (double)p->work->n_queries);
        double drawn = fmin(n, (double)score->prefilter_sample);
        *out = attrib_volume_part(all, fmax(1, chosen + drawn * (1 - chosen / n)));
    }
done:
    return status;
}

attrib_status at_plan_score(const at_planner *p, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_setup run = {0};
    at_filter filter = {0};
    attrib_work work = *p->work;
    at_planner scored = *p; /* what passes through the model */
    scored.work = &work;
    AT_TRY(filtered(p, &filter, &work.scored, err));
    AT_TRY(choose_sizes(p, &run, err)); /* as if nothing were left out */
    p->out->query_rank = run.query_rank;
    if (filter.n > 0 && !filter.by_index) {
        at_plan_filter(&scored, &run, &p->work->scored);
    }
    AT_TRY(plan_queries(&scored, &run, err));
    if (filter.by_index) { /* which prepared queries scan */
        AT_TRY(at_plan_scan(&scored, &run, &p->work->scored, err));
    }
    AT_TRY(plan_scores(&scored, &run, &p->work->scored, err));
    AT_TRY(plan_hidden(&scored, &run, err));
    AT_TRY(plan_explanations(&scored, &run, &p->work->scored, err));
done:
    at_pass_size_free(&run.blocks);
    return status;
}
