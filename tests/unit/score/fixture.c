/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int fixture_set_up(void **state)
{
    attrib_error err = {0};
    fixture *f = calloc(1, sizeof *f);
    attrib_corpus_options options;
    assert_non_null(f);
    *state = f;
    if (!kronfluence_path("documents.jsonl")) {
        return 0;
    }
    check_ok(attrib_session_new(NULL, &f->session, &err), &err);
    check_ok(attrib_model_open(kronfluence_path("model"), NULL, &f->model, &err), &err);
    attrib_corpus_options_default(&options);
    options.context = attrib_model_describe(f->model)->context;
    const char *path = kronfluence_path("documents.jsonl");
    check_ok(attrib_corpus_open(f->session, &(attrib_paths){&path, 1}, NULL, &options,
                                &f->corpus, &err),
             &err);
    path = kronfluence_path("queries.jsonl");
    check_ok(attrib_queries_open(NULL, path, NULL, &options, &f->queries, &err), &err);
    path = kronfluence_path("scores_f64.safetensors");
    check_ok(at_tensors_open(path, &f->exact, &err), &err);
    path = kronfluence_path("scores.safetensors");
    check_ok(at_tensors_open(path, &f->single, &err), &err);
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture *f = *state;
    at_tensors_close(f->exact);
    at_tensors_close(f->single);
    attrib_queries_close(f->queries);
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    free(f);
    return 0;
}

double *fixture_load(const at_tensors *tensors, const char *name, size_t *n)
{
    attrib_error err = {0};
    const at_tensor *tensor = at_tensors_find(tensors, name);
    if (!tensor) {
        fail_msg("no tensor %s", name);
    }
    double *values = calloc(tensor->n_elements, sizeof *values);
    assert_non_null(values);
    check_ok(at_tensor_to_f64(tensor, 0, tensor->n_elements, values, &err), &err);
    *n = tensor->n_elements;
    return values;
}

attrib_factors *fixture_factors(const fixture *f, const char *labels)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    char folder[128];
    snprintf(folder, sizeof folder, "factors_%s", labels);
    check_ok(attrib_factors_open(kronfluence_path(folder), f->model, &factors, &err),
             &err);
    return factors;
}

attrib_run *fixture_score(const fixture *f,
                          const attrib_factors *factors,
                          const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(attrib_run_score(f->session,
                              &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                  .model = f->model,
                                                  .factors = factors,
                                                  .corpus = f->corpus,
                                                  .queries = f->queries,
                                                  .options = options},
                              &run, &err),
             &err);
    return run;
}

void check_same_answers(const attrib_run *cut, const attrib_run *full)
{
    for (size_t i = 0; i < attrib_run_describe(full)->n_answers; i++) {
        const attrib_answer *a = attrib_run_answer(cut, i);
        const attrib_answer *b = attrib_run_answer(full, i);
        double scale = fabs(b->top[0].score);
        assert_int_equal(a->n_top, b->n_top);
        assert_int_equal(a->n_bottom, b->n_bottom);
        for (size_t k = 0; k < a->n_top; k++) {
            assert_int_equal(a->top[k].document.index, b->top[k].document.index);
            assert_true(fabs(a->top[k].score - b->top[k].score) <= 1e-5 * scale);
        }
        for (size_t k = 0; k < a->n_bottom; k++) {
            assert_int_equal(a->bottom[k].document.index, b->bottom[k].document.index);
        }
    }
}
