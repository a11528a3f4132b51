/* SPDX-License-Identifier: MIT */
/* Runs: made, kept, opened.
 *
 * 1. What a run depends on.
 * 2. Scores, part by part.
 * 3. Answers.
 * 4. The public calls. */
#include "rank/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "linalg/linalg.h"

void attrib_score_options_default(attrib_score_options *options)
{
    *options = (attrib_score_options){
        .strategy = ATTRIB_EKFAC, .damping = 0.1, .top = 10, .modules = "mlp"};
}

/* 1. What a run depends on */

static attrib_status check_strategy(const at_ranking *ranking, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_score_options *options = &ranking->options;
    attrib_strategy wanted = options->strategy;
    attrib_strategy fitted = ranking->factors ? ranking->factors->info.strategy : wanted;
    AT_CHECK(isfinite(options->damping) && options->damping > 0, ATTRIB_EINVAL,
             "damping %g, expected a number above 0", options->damping);
    if (wanted == ATTRIB_IDENTITY) {
        goto done;
    }
    AT_CHECK(ranking->factors, ATTRIB_EINVAL, "strategy %s needs factors",
             attrib_strategy_name(wanted));
    AT_CHECK(wanted == fitted || (wanted == ATTRIB_KFAC && fitted == ATTRIB_EKFAC),
             ATTRIB_EINVAL, "strategy %s needs factors fitted for it, these are for %s",
             attrib_strategy_name(wanted), attrib_strategy_name(fitted));
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

/* One hash of all that scores depend on: what parts of the same run share. */
static attrib_status name_run(const at_ranking *ranking,
                              attrib_run *run,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    AT_TRY(at_buffer_print(
        &text, err, "model %s corpus %s factors %s strategy %s damping %a %d rows %d",
        attrib_model_hash(ranking->model), attrib_corpus_hash(ranking->corpus),
        ranking->factors ? ranking->factors->identity : "",
        attrib_strategy_name(ranking->options.strategy), ranking->options.damping,
        (int)ranking->options.is_damping_absolute, AT_BLOCK_ROWS));
    for (size_t m = 0; m < ranking->n_tracked; m++) {
        AT_TRY(at_buffer_print(&text, err, " %zu", ranking->tracked[m]));
    }
    for (size_t q = 0; q < ranking->n_queries; q++) {
        const attrib_query *query = attrib_queries_get(ranking->queries, q);
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
    return at_bank_text(run->bank, text, text ? strlen(text) : 0, out, err);
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
    info->strategy = options->strategy;
    info->damping = options->damping;
    info->is_damping_absolute = options->is_damping_absolute;
    info->tracked_share =
        n_tracked / (double)attrib_model_describe(ranking->model)->n_parameters;
    AT_TRY(bank_string(run, attrib_model_hash(ranking->model), &info->model_hash, err));
    AT_TRY(
        bank_string(run, attrib_corpus_hash(ranking->corpus), &info->corpus_hash, err));
    AT_TRY(bank_string(run, ranking->factors ? ranking->factors->identity : "",
                       &info->factors_hash, err));
    AT_TRY(
        bank_string(run, options->command ? options->command : "", &info->command, err));
    AT_TRY(name_run(ranking, run, err));
done:
    return status;
}

/* 2. Scores, part by part */

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
                                  const attrib_run *run,
                                  size_t i_part,
                                  at_part *out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {.first = i_part * AT_PART_DOCUMENTS};
    size_t left = ranking->n_documents - part.first;
    size_t n_scores = 0;
    part.n_documents = left < AT_PART_DOCUMENTS ? left : AT_PART_DOCUMENTS;
    AT_TRY(at_mul(part.n_documents, ranking->n_queries, &n_scores, err));
    AT_TRY(at_array(n_scores, sizeof *part.scores, &part.scores, err));
    AT_TRY(at_score_documents(ranking, prepared, part.first, part.n_documents,
                              part.scores, err));
    if (run->info.folder) {
        AT_TRY(collect_ids(ranking, &part, err));
        AT_TRY(at_part_write(run, &part, err));
    }
    *out = part;
    part = (at_part){0};
done:
    at_part_free(&part);
    return status;
}

/* A part that an earlier, stopped run left, or a new one. */
static attrib_status get_part(const at_ranking *ranking,
                              const at_prepared *prepared,
                              const attrib_run *run,
                              size_t i_part,
                              at_part *out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    if (run->info.folder) {
        AT_TRY(at_part_exists(run, i_part, &is_there, err));
    }
    if (is_there) {
        AT_TRY(at_part_read(run, i_part, out, err));
        at_log(ranking->session, ATTRIB_LOG_DETAIL, "part %zu is there already", i_part);
    } else {
        AT_TRY(compute_part(ranking, prepared, run, i_part, out, err));
    }
done:
    return status;
}

static attrib_status score_parts(const at_ranking *ranking,
                                 const at_prepared *prepared,
                                 attrib_run *run,
                                 at_top *tops,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {0};
    size_t n_queries = ranking->n_queries;
    for (size_t i = 0; i < at_n_parts(ranking->n_documents); i++) {
        AT_TRY(get_part(ranking, prepared, run, i, &part, err));
        for (size_t d = 0; d < part.n_documents; d++) {
            for (size_t q = 0; q < n_queries; q++) {
                at_top_add(&tops[q], part.first + d, part.scores[d * n_queries + q]);
            }
        }
        if (run->scores) {
            memcpy(run->scores + part.first * n_queries, part.scores,
                   part.n_documents * n_queries * sizeof *run->scores);
        }
        at_part_free(&part);
    }
done:
    at_part_free(&part);
    return status;
}

/* 3. Answers */

static attrib_status list_pairs(const at_top *tops,
                                size_t n_queries,
                                at_pair **out,
                                size_t *n_pairs,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair *pairs = NULL;
    size_t n = 0;
    for (size_t q = 0; q < n_queries; q++) {
        n += tops[q].n_best + tops[q].n_worst;
    }
    AT_TRY(at_array(n, sizeof *pairs, &pairs, err));
    n = 0;
    for (size_t q = 0; q < n_queries; q++) {
        for (size_t i = 0; i < tops[q].n_best; i++) {
            pairs[n++] = (at_pair){.query = q, .document = tops[q].best[i].document};
        }
        for (size_t i = 0; i < tops[q].n_worst; i++) {
            pairs[n++] = (at_pair){.query = q, .document = tops[q].worst[i].document};
        }
    }
    qsort(pairs, n, sizeof *pairs, at_compare_pairs);
    *out = pairs;
    *n_pairs = n;
done:
    return status;
}

static attrib_status answer(const at_ranking *ranking,
                            const at_prepared *prepared,
                            attrib_run *run,
                            at_top *tops,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_pair *pairs = NULL;
    size_t n_pairs = 0;
    for (size_t q = 0; q < ranking->n_queries; q++) {
        at_top_separate(&tops[q]);
    }
    AT_TRY(list_pairs(tops, ranking->n_queries, &pairs, &n_pairs, err));
    AT_TRY(at_explain(ranking, prepared, pairs, n_pairs, err));
    AT_TRY(at_answers_build(run, ranking, prepared, tops, pairs, n_pairs, err));
    if (run->info.folder) {
        AT_TRY(at_answers_write(run, err));
        AT_TRY(at_run_manifest_write(run, err));
    }
done:
    for (size_t k = 0; pairs && k < n_pairs; k++) {
        free(pairs[k].tokens);
        free(pairs[k].modules);
    }
    free(pairs);
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

/* Where scores go: the folder, checked for another run's, or memory. */
static attrib_status place_run(const at_ranking *ranking,
                               attrib_run *run,
                               const char *folder,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_scores = 0;
    if (folder) {
        AT_TRY(at_make_folder(folder, err));
        AT_TRY(bank_string(run, folder, &run->info.folder, err));
        goto done;
    }
    run->corpus = ranking->corpus;
    AT_TRY(at_mul(ranking->n_documents, ranking->n_queries, &n_scores, err));
    AT_TRY(at_array(n_scores, sizeof *run->scores, &run->scores, err));
done:
    return status;
}

static attrib_status make_run(const at_ranking *ranking,
                              attrib_run *run,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_prepared prepared = {0};
    at_top *tops = NULL;
    size_t k = ranking->options.top < ranking->n_documents ? ranking->options.top
                                                           : ranking->n_documents;
    AT_TRY(at_array(ranking->n_queries, sizeof *tops, &tops, err));
    for (size_t q = 0; q < ranking->n_queries; q++) {
        AT_TRY(at_top_new(k, &tops[q], err));
    }
    AT_TRY(at_prepare_queries(ranking, &prepared, err));
    AT_TRY(score_parts(ranking, &prepared, run, tops, err));
    AT_TRY(answer(ranking, &prepared, run, tops, err));
done:
    for (size_t q = 0; tops && q < ranking->n_queries; q++) {
        at_top_free(&tops[q]);
    }
    free(tops);
    at_prepared_free(&prepared);
    return status;
}

/* 4. The public calls */

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
                          .queries = queries};
    attrib_score_options_default(&ranking.options);
    if (options) {
        ranking.options = *options;
    }
    ranking.n_queries = attrib_queries_count(queries);
    ranking.n_documents = attrib_corpus_summarize(corpus).n_documents;
    AT_CHECK(ranking.n_queries > 0, ATTRIB_EINVAL, "no queries");
    AT_CHECK(ranking.options.top > 0, ATTRIB_EINVAL, "top 0, expected at least 1");
    AT_TRY(check_strategy(&ranking, err));
    AT_TRY(choose_tracked(&ranking, err));
    AT_TRY(at_complete_queries(&ranking, err));
    AT_TRY(new_run(&run, err));
    AT_TRY(describe_run(&ranking, run, err));
    AT_TRY(place_run(&ranking, run, folder, err));
    AT_TRY(make_run(&ranking, run, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    free(ranking.tracked);
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
    AT_TRY(at_answers_read(run, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

void attrib_run_close(attrib_run *run)
{
    if (run) {
        at_part_free(&run->part);
        at_arena_free(run->bank);
        free(run->answers);
        free(run->scores);
        free(run);
    }
}

const attrib_run_info *attrib_run_describe(const attrib_run *run)
{
    return &run->info;
}

const attrib_answer *attrib_run_answer(const attrib_run *run, size_t i)
{
    return &run->answers[i];
}

/* Have run->part hold document i. */
static attrib_status load_part(attrib_run *run, size_t i_document, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_part part = {0};
    const at_part *held = &run->part;
    if (held->scores && i_document >= held->first &&
        i_document - held->first < held->n_documents) {
        return ATTRIB_OK;
    }
    AT_TRY(at_part_read(run, i_document / AT_PART_DOCUMENTS, &part, err));
    at_part_free(&run->part);
    run->part = part;
done:
    return status;
}

attrib_status attrib_run_scores(
    attrib_run *run, size_t first, size_t n, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = run->info.n_queries;
    AT_CHECK(first <= run->info.n_documents && n <= run->info.n_documents - first,
             ATTRIB_ERANGE, "documents %zu to %zu of %zu", first, first + n,
             run->info.n_documents);
    for (size_t i = first; i < first + n; i++) {
        const double *row = NULL;
        if (run->scores) {
            row = run->scores + i * n_queries;
        } else {
            AT_TRY(load_part(run, i, err));
            row = run->part.scores + (i - run->part.first) * n_queries;
        }
        memcpy(out + (i - first) * n_queries, row, n_queries * sizeof *out);
    }
done:
    return status;
}

attrib_status attrib_run_document_id(attrib_run *run,
                                     size_t i,
                                     const char **out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    AT_CHECK(i < run->info.n_documents, ATTRIB_ERANGE, "document %zu of %zu", i,
             run->info.n_documents);
    if (run->corpus) {
        attrib_corpus_document(run->corpus, i, &document);
        *out = document.id;
    } else {
        AT_TRY(load_part(run, i, err));
        *out = run->part.id[i - run->part.first];
    }
done:
    return status;
}
