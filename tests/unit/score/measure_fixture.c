/* SPDX-License-Identifier: MIT */
#include "measure_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const side_texts[N_ROWS][3] = {
    {"Bern is", " in Switzerland.", " the capital of Norway."},
    {"Oslo lies", " in Norway, by the sea.", " in Peru."},
    {"The capital of France is", " Paris.", " London."},
    {"Who wrote", " it? It was Goethe.", " it? I do not know."},
};

static const attrib_setting settings[N_SETTINGS] = {{ATTRIB_EKFAC, 0.1, false, 0},
                                                    {ATTRIB_IDENTITY, 0.1, false, 0}};

static attrib_corpus *open_sides(const fixture *f)
{
    char path[160];
    const char *paths[] = {path};
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    snprintf(path, sizeof path, "%s/rows.jsonl", f->folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < N_DOCUMENTS; i++) {
        fprintf(file, "{\"prompt\": \"%s\", \"completion\": \"%s\"}\n",
                side_texts[i / 2][0], side_texts[i / 2][1 + i % 2]);
    }
    assert_int_equal(fclose(file), 0);
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.append_eos = false;
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){paths, 1}, f->tokenizer,
                                &options, &corpus, &err),
             &err);
    return corpus;
}

int measure_set_up(void **state)
{
    attrib_error err = {0};
    const char *path = source_path("corpora/facts-model");
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    *state = f;
    make_scratch_folder(f->folder, sizeof f->folder);
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(path, NULL, &f->model, &err), &err);
    check_ok(attrib_tokenizer_open(path, &f->tokenizer, &err), &err);
    f->corpus = open_sides(f);
    attrib_fit_options options;
    attrib_fit_options_default(&options);
    options.modules = "*.1.mlp.*";
    check_ok(
        attrib_factors_fit(f->session, f->model, f->corpus, &options, &f->factors, &err),
        &err);
    return 0;
}

int measure_tear_down(void **state)
{
    fixture *f = *state;
    attrib_factors_close(f->factors);
    attrib_corpus_close(f->corpus);
    attrib_tokenizer_close(f->tokenizer);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->folder);
    free(f);
    return 0;
}

attrib_score_options measure_options(void)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    options.n_settings = N_SETTINGS;
    memcpy(options.settings, settings, sizeof settings);
    return options;
}

attrib_status measure_score(const fixture *f,
                            const attrib_query_row *rows,
                            size_t n_rows,
                            const attrib_score_options *options,
                            const char *folder,
                            attrib_run **out,
                            attrib_error *err)
{
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, n_rows),
                                      f->tokenizer, NULL, &queries, err),
             err);
    attrib_status status =
        attrib_run_score(f->session,
                         &(attrib_score_job){.size = sizeof(attrib_score_job),
                                             .model = f->model,
                                             .tokenizer = f->tokenizer,
                                             .factors = f->factors,
                                             .corpus = f->corpus,
                                             .queries = queries,
                                             .options = options,
                                             .folder = folder},
                         out, err);
    attrib_queries_close(queries);
    return status;
}

attrib_run *measure_must_score(const fixture *f,
                               const attrib_query_row *rows,
                               size_t n_rows,
                               const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(measure_score(f, rows, n_rows, options, NULL, &run, &err), &err);
    return run;
}

void measure_read(attrib_run *run, size_t s, double *out)
{
    attrib_error err = {0};
    check_ok(attrib_run_scores(run, s, 0, N_DOCUMENTS, out, &err), &err);
}

double largest_of(const double *values, size_t n)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(values[i]));
    }
    return largest;
}
