/* SPDX-License-Identifier: MIT */
/* Runs: made, kept, opened.
 *
 * 1. What a run depends on.
 * 2. Scores and answers, tile by tile.
 * 3. The public calls. */
#include "rank/run.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "linalg/linalg.h"

/* 1. What a run depends on */

static attrib_status check_setting(const attrib_factors *factors,
                                   const attrib_setting *setting,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_strategy wanted = setting->strategy;
    attrib_strategy fitted = factors ? factors->info.strategy : wanted;
    AT_CHECK(setting->damping > 0, ATTRIB_EINVAL, "damping %g, expected a number above 0",
             setting->damping);
    if (wanted == ATTRIB_IDENTITY) {
        goto done;
    }
    AT_CHECK(factors, ATTRIB_EINVAL, "strategy %s needs factors",
             attrib_strategy_name(wanted));
    AT_CHECK(wanted == fitted || (wanted == ATTRIB_KFAC && fitted == ATTRIB_EKFAC),
             ATTRIB_EINVAL, "strategy %s needs factors fitted for it, these are for %s",
             attrib_strategy_name(wanted), attrib_strategy_name(fitted));
done:
    return status;
}

/* Whether two settings give the same scores; damping has no part in identity. */
static bool are_same(const attrib_setting *a, const attrib_setting *b)
{
    return a->strategy == b->strategy &&
           (a->strategy == ATTRIB_IDENTITY ||
            (a->damping == b->damping &&
             a->is_damping_absolute == b->is_damping_absolute));
}

static attrib_status check_options(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &ranking->options;
    AT_CHECK(ranking->n_queries > 0, ATTRIB_EINVAL, "no queries");
    AT_TRY(at_options_check(attrib_score_options_table(), options, err));
    for (size_t s = 0; s < options->n_settings; s++) {
        AT_TRY(check_setting(ranking->factors, &options->settings[s], err));
        for (size_t r = 0; r < s; r++) { /* names of planes would not tell them apart */
            AT_CHECK(!are_same(&options->settings[r], &options->settings[s]),
                     ATTRIB_EINVAL, "settings %zu and %zu are the same: %s, damping %g",
                     r + 1, s + 1, attrib_strategy_name(options->settings[s].strategy),
                     options->settings[s].damping);
        }
    }
done:
    return status;
}

static attrib_status choose_tracked(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!ranking->factors) {
        return attrib_model_select(ranking->model, ranking->options.modules,
                                   &ranking->tracked, &ranking->n_tracked, err);
    }
    ranking->n_tracked = ranking->factors->info.n_modules;
    AT_TRY(
        at_array(ranking->n_tracked, sizeof *ranking->tracked, &ranking->tracked, err));
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        ranking->tracked[m] = ranking->factors->factors[m].module;
    }
done:
    return status;
}

at_pass at_ranking_pass(const at_ranking *ranking, size_t block_rows, const char *stage)
{
    return (at_pass){.session = ranking->session,
                     .model = ranking->model,
                     .tracked = ranking->tracked,
                     .n_tracked = ranking->n_tracked,
                     .labels = AT_LABELS_DATA,
                     .block_rows = block_rows,
                     .stage = stage};
}

/* One hash of all that scores depend on: what parts of the same run share. */
static attrib_status name_run(const at_ranking *ranking,
                              attrib_run *run,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    char options[AT_HASH_SIZE];
    AT_TRY(attrib_options_hash(attrib_score_options_table(), &ranking->options, options,
                               err));
    AT_TRY(at_buffer_print(
        &text, err, "model %s corpus %s factors %s options %s rank %zu tile %zu rows %zu",
        attrib_model_hash(ranking->model), attrib_corpus_hash(ranking->corpus),
        ranking->factors ? ranking->factors->identity : "", options, ranking->query_rank,
        ranking->n_tile, ranking->block_rows));
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        AT_TRY(at_buffer_print(&text, err, " %zu", ranking->tracked[m]));
    }
    for (size_t q = 0; q < ranking->n_queries; q++) {
        const attrib_query *query = at_query(ranking, q);
        for (size_t k = ranking->asked.first[q];
             ranking->options.aggregate && k < ranking->asked.first[q + 1]; k++) {
            size_t row = ranking->asked.rows[k];
            AT_TRY(at_buffer_print(&text, err, " row %zu x %a",
                                   attrib_queries_get(ranking->queries, row)->n_tokens,
                                   ranking->asked.weights[k]));
        }
        AT_TRY(at_buffer_print(&text, err, " query %zu ", query->n_tokens));
        AT_TRY(at_buffer_append(&text, query->ids, query->n_tokens * sizeof *query->ids,
                                err));
        AT_TRY(at_buffer_append(&text, query->mask, query->n_tokens, err));
    }
    at_hash_bytes(text.bytes, text.n_bytes, run->identity);
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status bank_string(attrib_run *run,
                                 const char *text,
                                 const char **out,
                                 attrib_error *err)
{
    return at_arena_text(run->bank, text, text ? strlen(text) : 0, out, err);
}

static attrib_status describe_run(const at_ranking *ranking,
                                  attrib_run *run,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run_info *info = &run->info;
    const attrib_score_options *options = &ranking->options;
    double n_tracked = 0;
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        const attrib_module *module =
            attrib_model_module(ranking->model, ranking->tracked[m]);
        n_tracked += (double)module->in_dim * (double)module->out_dim;
    }
    info->n_queries = ranking->n_queries;
    info->n_documents = ranking->n_documents;
    info->n_modules = ranking->n_tracked;
    info->n_tokens = attrib_corpus_summarize(ranking->corpus).n_tokens;
    info->options = *options;
    info->n_answers = options->n_settings * info->n_queries;
    info->query_rank = ranking->query_rank;
    run->n_tile = ranking->n_tile;
    info->tracked_share =
        n_tracked / (double)attrib_model_describe(ranking->model)->n_parameters;
    AT_TRY(bank_string(run, attrib_model_hash(ranking->model), &info->model_hash, err));
    AT_TRY(
        bank_string(run, attrib_corpus_hash(ranking->corpus), &info->corpus_hash, err));
    AT_TRY(bank_string(run, ranking->factors ? ranking->factors->identity : "",
                       &info->factors_hash, err));
    AT_TRY(at_score_options_keep(&info->options, run->bank, err));
    AT_TRY(
        bank_string(run, options->command ? options->command : "", &info->command, err));
    info->options.command = info->command;
    AT_TRY(name_run(ranking, run, err));
done:
    return status;
}

/* 2. Scores and answers, tile by tile */

/* The ids of a part's documents, each with a NUL behind it. */
static attrib_status collect_ids(const at_ranking *ranking,
                                 at_part *part,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer ids = {0};
    for (size_t i = 0; i < part->n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(ranking->corpus, part->first + i, &document);
        AT_TRY(at_buffer_append(&ids, document.id, strlen(document.id) + 1, err));
    }
    part->ids = ids.bytes;
    part->n_id_bytes = ids.n_bytes;
    ids = (at_buffer){0};
done:
    at_buffer_free(&ids);
    return status;
}

static attrib_status compute_part(const at_ranking *ranking,
                                  const at_prepared *prepared,
                                  attrib_run *run,
                                  size_t i_tile,
                                  size_t i_part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {0};
    at_sums out = {0};
    AT_TRY(at_part_new(run, i_tile, i_part, &part, err));
    if (ranking->options.with_tokens) {
        AT_TRY(at_array(part.n_documents + 1, sizeof *part.first_token, &part.first_token,
                        err));
        AT_TRY(at_count_tokens(ranking, part.first, part.n_documents, part.first_token,
                               err));
        AT_TRY(at_part_add_tokens(run, &part, err));
    }
    out = (at_sums){part.scores, part.bounds, part.self, part.tokens, part.first_token};
    AT_TRY(
        at_score_documents(ranking, prepared, part.first, part.n_documents, &out, err));
    if (run->held) {
        run->held[i_tile * at_n_parts(ranking->n_documents) + i_part] = part;
        part = (at_part){0};
        goto done;
    }
    if (i_tile == 0) {
        AT_TRY(collect_ids(ranking, &part, err));
    }
    AT_TRY(at_part_write(run, &part, err));
done:
    at_part_free(&part);
    return status;
}

/* The parts of a tile, but for those that an earlier, stopped run left. */
static attrib_status score_parts(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 attrib_run *run,
                                 size_t i_tile,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < at_n_parts(ranking->n_documents); i++) {
        bool is_there = false;
        const at_part *part = NULL;
        if (!run->held) {
            AT_TRY(at_part_exists(run, i_tile, i, &is_there, err));
        }
        if (is_there) { /* read now: another run's is refused before work is lost */
            AT_TRY(at_run_part(run, i_tile, i, &part, err));
            at_log(ranking->session, ATTRIB_LOG_DETAIL, "part %zu is there already", i);
        } else {
            AT_TRY(compute_part(ranking, prepared, run, i_tile, i, err));
        }
    }
done:
    return status;
}

static attrib_status answer(const at_ranking *ranking,
                            const at_prepared *prepared,
                            attrib_run *run,
                            size_t i_tile,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_settled settled = {0};
    AT_TRY(at_settle(ranking, prepared, run, i_tile, &settled, err));
    AT_TRY(at_answers_build(run, ranking, prepared, &settled, err));
done:
    at_settled_free(&settled);
    return status;
}

/* Answers of a tile whose queries were cut: with whole ones, as many at a time as may be
 * held. */
static attrib_status answer_cut(const at_ranking *ranking,
                                attrib_run *run,
                                size_t i_tile,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared whole = {0};
    at_tile tile = at_run_tile(run, i_tile);
    for (size_t q = 0; q < tile.n; q += ranking->n_tile_full) {
        size_t left = tile.n - q;
        at_tile here = {tile.first + q,
                        left < ranking->n_tile_full ? left : ranking->n_tile_full};
        AT_TRY(at_prepare_queries(ranking, here, 0, &whole, err));
        AT_TRY(answer(ranking, &whole, run, i_tile, err));
        at_prepared_free(&whole);
    }
done:
    at_prepared_free(&whole);
    return status;
}

/* Read all factors, to stay while documents are scored. */
static attrib_status load_factor(void *context,
                                 size_t i_worker,
                                 size_t i_tracked,
                                 attrib_error *err)
{
    const at_ranking *ranking = context;
    at_ranking reader = *ranking;
    reader.resident = NULL;
    (void)i_worker;
    return at_take_factor(&reader, i_tracked, &ranking->resident[i_tracked], err);
}

static attrib_status load_factors(at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!ranking->is_resident) {
        return ATTRIB_OK;
    }
    AT_TRY(
        at_array(ranking->n_tracked, sizeof *ranking->resident, &ranking->resident, err));
    AT_TRY(
        at_parallel_for(ranking->session, ranking->n_tracked, load_factor, ranking, err));
done:
    return status;
}

static void unload_factors(at_ranking *ranking)
{
    for (size_t m = 0; ranking->resident && m < ranking->n_tracked; m++) {
        at_factor_unload(ranking->factors, &ranking->resident[m]);
    }
    free(ranking->resident);
    ranking->resident = NULL;
}

static attrib_status make_tile(at_ranking *ranking,
                               attrib_run *run,
                               size_t i_tile,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    AT_TRY(at_prepare_queries(ranking, at_run_tile(run, i_tile), ranking->query_rank,
                              &prepared, err));
    if (i_tile == 0) { /* self-influences come with the first tile */
        AT_TRY(load_factors(ranking, err));
    }
    AT_TRY(score_parts(ranking, &prepared, run, i_tile, err));
    unload_factors(ranking);
    if (ranking->query_rank == 0) {
        AT_TRY(answer(ranking, &prepared, run, i_tile, err));
    } else {
        at_prepared_free(&prepared);
        AT_TRY(answer_cut(ranking, run, i_tile, err));
    }
    if (run->read && i_tile > 0) { /* tile 0's is what all share */
        at_part_free(&run->read[i_tile]);
    }
done:
    at_prepared_free(&prepared);
    return status;
}

static attrib_status make_run(at_ranking *ranking, attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_array(run->info.n_answers, sizeof *run->answers, &run->answers, err));
    for (size_t i = 0; i < run->n_tiles; i++) {
        AT_TRY(make_tile(ranking, run, i, err));
    }
    if (run->info.folder) {
        AT_TRY(at_answers_write(run, err));
        AT_TRY(at_run_manifest_write(run, err));
    }
done:
    return status;
}

static attrib_status new_run(attrib_run **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_TRY(at_array(1, sizeof *run, &run, err));
    AT_TRY(at_arena_new(&run->bank, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

/* A run that was stopped goes on with the tiles that it has, whatever memory and threads
 * there are now. */
static attrib_status adopt_tile(at_ranking *ranking, attrib_run *run, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t fitting = ranking->n_tile;
    size_t n_of_query = ranking->options.n_settings * ranking->n_groups;
    size_t n_columns = 0;
    size_t n_there = 0;
    char identity[AT_HASH_SIZE] = "";
    AT_TRY(at_part_peek(run, identity, &n_columns, err));
    n_there = n_of_query ? n_columns / n_of_query : 0;
    if (n_there == 0 || n_there == fitting) {
        goto done;
    }
    ranking->n_tile = n_there;
    AT_TRY(name_run(ranking, run, err));
    if (strcmp(identity, run->identity) != 0) { /* another run: to be refused */
        ranking->n_tile = fitting;
        AT_TRY(name_run(ranking, run, err));
        goto done;
    }
    AT_CHECK(ranking->n_tile <= fitting, ATTRIB_EINVAL,
             "%s: a run of %zu queries at a time, the limit of memory holds %zu",
             run->info.folder, ranking->n_tile, fitting);
    run->n_tile = ranking->n_tile;
    at_log(ranking->session, ATTRIB_LOG_DETAIL, "goes on with %zu queries at a time",
           run->n_tile);
done:
    return status;
}

/* Where scores go: the folder, or memory. */
static attrib_status place_run(at_ranking *ranking,
                               attrib_run *run,
                               const char *folder,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (folder) {
        AT_TRY(at_make_folder(folder, err));
        AT_TRY(bank_string(run, folder, &run->info.folder, err));
        AT_TRY(adopt_tile(ranking, run, err));
    } else {
        run->corpus = ranking->corpus;
    }
    AT_TRY(at_run_place_parts(run, !folder, err));
done:
    return status;
}

/* 3. The public calls */

attrib_status attrib_run_score(attrib_session *session,
                               const attrib_model *model,
                               const attrib_tokenizer *tokenizer,
                               const attrib_factors *factors,
                               const attrib_corpus *corpus,
                               attrib_queries *queries,
                               const attrib_score_options *options,
                               const char *folder,
                               attrib_run **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    at_ranking ranking = {.session = session,
                          .model = model,
                          .tokenizer = tokenizer,
                          .factors = factors,
                          .corpus = corpus,
                          .queries = queries,
                          .is_held = !folder};
    attrib_score_options_default(&ranking.options);
    if (options) {
        ranking.options = *options;
    }
    at_score_options_complete(&ranking.options);
    ranking.n_queries = attrib_queries_count(queries);
    ranking.n_documents = attrib_corpus_summarize(corpus).n_documents;
    AT_TRY(check_options(&ranking, err));
    AT_TRY(choose_tracked(&ranking, err));
    AT_TRY(at_choose_dampings(&ranking, err));
    AT_TRY(at_complete_queries(&ranking, err));
    AT_TRY(at_ask(&ranking, err));
    for (size_t i = 0; i < attrib_queries_count(queries); i++) {
        double n = (double)attrib_queries_get(queries, i)->n_tokens;
        ranking.longest_row = n > ranking.longest_row ? n : ranking.longest_row;
    }
    AT_TRY(new_run(&run, err));
    AT_TRY(at_group_maps(&ranking, run, err));
    AT_TRY(at_choose_sizes(&ranking, err));
    AT_TRY(describe_run(&ranking, run, err));
    AT_TRY(place_run(&ranking, run, folder, err));
    AT_TRY(make_run(&ranking, run, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    free(ranking.tracked);
    free(ranking.group);
    free(ranking.dampings);
    unload_factors(&ranking);
    at_pass_size_free(&ranking.blocks);
    at_asked_free(&ranking.asked);
    return status;
}

attrib_status attrib_run_open(const char *folder, attrib_run **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: not a folder", folder);
    AT_TRY(new_run(&run, err));
    AT_TRY(bank_string(run, folder, &run->info.folder, err));
    AT_TRY(at_run_manifest_read(run, err));
    AT_TRY(at_answers_read(run, err)); /* there is one for each query */
    AT_TRY(at_run_place_parts(run, false, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

void attrib_run_close(attrib_run *run)
{
    if (!run) {
        return;
    }
    for (size_t i = 0; run->read && i < run->n_tiles; i++) {
        at_part_free(&run->read[i]);
    }
    for (size_t i = 0; run->held && i < run->n_tiles * at_n_parts(run->info.n_documents);
         i++) {
        at_part_free(&run->held[i]);
    }
    at_arena_free(run->bank);
    free(run->answers);
    free(run->held);
    free(run->read);
    free(run);
}

const attrib_run_info *attrib_run_describe(const attrib_run *run)
{
    return &run->info;
}

const attrib_answer *attrib_run_answer(const attrib_run *run, size_t i)
{
    return &run->answers[i];
}
