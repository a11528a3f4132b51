/* SPDX-License-Identifier: MIT */
#include "refine_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gradient/products.h"
#include "support/check.h"
#include "support/tiny.h"

size_t chunk;

size_t __real_at_refine_chunk(const at_setup *setup, size_t n);
size_t __wrap_at_refine_chunk(const at_setup *setup, size_t n);

size_t __wrap_at_refine_chunk(const at_setup *setup, size_t n)
{
    return chunk ? chunk : __real_at_refine_chunk(setup, n);
}

static const char queries[] =
    "{\"id\": \"a\", \"ids\": [1, 2, 3], \"mask\": [0, 0, 1]}\n"
    "{\"id\": \"b\", \"ids\": [5, 6, 7, 1], \"mask\": [0, 1, 0, 1]}\n"
    "{\"id\": \"c\", \"ids\": [9, 2], \"mask\": [0, 1]}\n";

/* 1. The oracle */

/* Gradients of sequences, one a block. */
typedef struct collector {
    double (*gradients)[N_WEIGHTS];
} collector;

static attrib_status collect(void *context,
                             void *scratch,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    const collector *self = context;
    double *g = self->gradients[visit->block->index] + visit->i_tracked * N_ENTRIES;
    size_t in = visit->module->in_dim;
    (void)scratch;
    (void)err;
    for (size_t t = 0; t < visit->n_rows; t++) {
        for (size_t k = 0; k < N_ENTRIES; k++) {
            g[k] += (double)visit->ds[t * visit->module->out_dim + k / in] *
                    (double)visit->a[t * in + k % in];
        }
    }
    return ATTRIB_OK;
}

static at_pass pass_of(const fixture *f, size_t block_rows)
{
    return (at_pass){.model = f->model,
                     .tracked = f->tracked,
                     .n_tracked = N_MAPS,
                     .labels = AT_LABELS_DATA,
                     .block_rows = block_rows,
                     .stage = "test"};
}

static void get_query(const void *context, size_t i, attrib_sequence *out)
{
    const attrib_query *query = attrib_queries_get(context, i);
    *out = (attrib_sequence){.document = i,
                             .n_tokens = query->n_tokens,
                             .ids = query->ids,
                             .mask = query->mask};
}

static void take_gradients(const fixture *f,
                           const at_source *source,
                           double (*out)[N_WEIGHTS])
{
    attrib_error err = {0};
    collector self = {out};
    const attrib_tap tap = {.name = "collect", .context = &self, .module = collect};
    at_pass pass = pass_of(f, 1);
    check_ok(at_pass_run(&pass, source, &tap, 1, &err), &err);
}

/* One document a time, which is one sequence. */
typedef struct document_of {
    const attrib_corpus *corpus;
    size_t first;
} document_of;

static void get_document(const void *context, size_t i, attrib_sequence *out)
{
    const document_of *from = context;
    attrib_corpus_sequence(from->corpus, from->first + i, out);
}

/* The products of one document with all unit vectors, each a column. */
static void take_matrix(const fixture *f, size_t d, double (*out)[N_WEIGHTS])
{
    static float unit[N_WEIGHTS][N_WEIGHTS];
    attrib_error err = {0};
    const float *p[N_MAPS][N_WEIGHTS];
    double *sum[N_MAPS][N_WEIGHTS];
    at_product_map maps[N_MAPS];
    at_products products = {maps, N_WEIGHTS};
    for (size_t m = 0; m < N_MAPS; m++) {
        const attrib_module *module = attrib_model_module(f->model, f->tracked[m]);
        for (size_t j = 0; j < N_WEIGHTS; j++) {
            unit[j][j] = 1;
            p[m][j] = unit[j] + m * N_ENTRIES;
            sum[m][j] = out[j] + m * N_ENTRIES;
        }
        maps[m] = (at_product_map){module->out_dim, module->in_dim, p[m], sum[m]};
    }
    at_pass pass = pass_of(f, 100);
    document_of from = {f->corpus, d};
    at_source source = {.context = &from, .n_sequences = 1, .get = get_document};
    attrib_tap tap = at_products_tap(&products);
    check_ok(at_pass_run(&pass, &source, &tap, 1, &err), &err);
}

static void take_matrices(fixture *f)
{
    for (size_t d = 0; d < N_DOCUMENTS; d++) {
        take_matrix(f, d, f->h_of[d]);
        for (size_t k = 0; k < (size_t)N_WEIGHTS * N_WEIGHTS; k++) {
            f->h[k / N_WEIGHTS][k % N_WEIGHTS] +=
                f->h_of[d][k / N_WEIGHTS][k % N_WEIGHTS] / N_DOCUMENTS;
        }
    }
}

double damping_of(const fixture *f, size_t m, double x)
{
    const at_factor *factor = &f->factors->factors[m];
    double sum = 0;
    for (size_t k = 0; k < N_ENTRIES; k++) {
        sum += factor->lambda[k];
    }
    return x * sum / N_ENTRIES / N_DOCUMENTS;
}

double dot(const double *a, const double *b)
{
    double sum = 0;
    for (size_t k = 0; k < N_WEIGHTS; k++) {
        sum += a[k] * b[k];
    }
    return sum;
}

/* 2. Runs */

int set_up(void **state)
{
    attrib_error err = {0};
    char path[300];
    const char *paths[] = {path};
    fixture *f = calloc(1, sizeof *f);
    size_t n = 0;
    assert_non_null(f);
    *state = f;
    chunk = 0;
    make_scratch_folder(f->folder, sizeof f->folder);
    f->model = tiny_model();
    snprintf(path, sizeof path, "%s/c.jsonl", f->folder);
    tiny_write_corpus(path, N_DOCUMENTS);
    check_ok(
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, NULL, NULL, &f->corpus, &err),
        &err);
    snprintf(path, sizeof path, "%s/q.jsonl", f->folder);
    write_file(path, queries, sizeof queries - 1);
    check_ok(attrib_queries_open(NULL, path, NULL, NULL, &f->queries, &err), &err);
    check_ok(attrib_factors_fit(NULL, f->model, f->corpus, NULL, &f->factors, &err),
             &err);
    check_ok(attrib_model_select(f->model, "mlp", &f->tracked, &n, &err), &err);
    assert_int_equal(n, N_MAPS);
    at_source documents = at_source_corpus(f->corpus);
    at_source asked = {.context = f->queries, .n_sequences = N_QUERIES, .get = get_query};
    take_gradients(f, &documents, f->of_documents);
    take_gradients(f, &asked, f->of_queries);
    take_matrices(f);
    return 0;
}

int tear_down(void **state)
{
    fixture *f = *state;
    free(f->tracked);
    attrib_factors_close(f->factors);
    attrib_queries_close(f->queries);
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    remove_folder(f->folder);
    free(f);
    return 0;
}

attrib_score_options options_of(attrib_refine refine, size_t steps, double damping)
{
    attrib_score_options options;
    attrib_score_options_default(&options);
    if (refine != ATTRIB_REFINE_NONE) {
        options.refine = refine;
        options.refine_steps = steps;
    }
    options.settings[0].damping = damping;
    return options;
}

attrib_status score(const fixture *f,
                    attrib_session *session,
                    const attrib_score_options *options,
                    attrib_run **out,
                    attrib_error *err)
{
    return attrib_run_score(session,
                            &(attrib_score_job){.size = sizeof(attrib_score_job),
                                                .model = f->model,
                                                .factors = f->factors,
                                                .corpus = f->corpus,
                                                .queries = f->queries,
                                                .options = options},
                            out, err);
}

result read_run(attrib_run *run, size_t i_setting)
{
    attrib_error err = {0};
    result out;
    memset(&out, 0, sizeof out);
    check_ok(attrib_run_scores(run, i_setting, 0, N_DOCUMENTS, out.scores[0], &err),
             &err);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const attrib_answer *answer = attrib_run_answer(run, i_setting * N_QUERIES + q);
        out.residuals[q] = answer->residual;
        out.selves[q] = answer->self_influence;
    }
    return out;
}

result run_with(const fixture *f,
                attrib_session *session,
                const attrib_score_options *options)
{
    attrib_error err = {0};
    attrib_run *run = NULL;
    check_ok(score(f, session, options, &run, &err), &err);
    result out = read_run(run, 0);
    attrib_run_close(run);
    return out;
}
