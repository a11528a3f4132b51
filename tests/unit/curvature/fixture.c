/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "curvature/factor_read.h"
#include "support/tiny.h"

#define N_DOCUMENTS 300

/* Documents of 2 to TINY_CONTEXT ids: some ten blocks of the pass. */
static attrib_corpus *write_corpus(const char *folder, attrib_session *session)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/c.jsonl", folder);
    tiny_write_corpus(path, N_DOCUMENTS);
    const char *paths[] = {path};
    check_ok(
        attrib_corpus_open(session, &(attrib_paths){paths, 1}, NULL, NULL, &corpus, &err),
        &err);
    return corpus;
}

int set_up(void **state)
{
    attrib_error err = {0};
    attrib_session_options options;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    make_scratch_folder(f->scratch, sizeof f->scratch);
    attrib_session_options_default(&options);
    options.n_threads = 2;
    check_ok(attrib_session_new(&options, &f->session, &err), &err);
    f->model = tiny_model();
    f->corpus = write_corpus(f->scratch, f->session);
    *state = f;
    return 0;
}

int tear_down(void **state)
{
    fixture *f = *state;
    attrib_corpus_close(f->corpus);
    attrib_model_close(f->model);
    attrib_session_free(f->session);
    remove_folder(f->scratch);
    free(f);
    return 0;
}

const char *in_scratch(const fixture *f, const char *name, char path[PATH_SIZE])
{
    snprintf(path, PATH_SIZE, "%s/%s", f->scratch, name);
    return path;
}

void fit(const fixture *f, const attrib_fit_options *options, const char *name)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    check_ok(attrib_factors_fit_folder(f->session, f->model, f->corpus, options,
                                       in_scratch(f, name, path), &err),
             &err);
}

static attrib_factors *open_folder(const fixture *f, const char *name)
{
    attrib_error err = {0};
    attrib_factors *factors = NULL;
    char path[PATH_SIZE];
    check_ok(at_factors_open(in_scratch(f, name, path), f->model, ~0U, &factors, &err),
             &err);
    return factors;
}

static void check_same_piece(const attrib_factors *left,
                             const attrib_factors *right,
                             at_factor_piece piece,
                             size_t i,
                             double rtol)
{
    attrib_error err = {0};
    const at_factor *factor = &left->factors[i];
    const at_tensor *x = NULL;
    const at_tensor *y = NULL;
    double largest = 0;
    check_ok(at_files_find(left->files, factor, piece, &x, &err), &err);
    check_ok(at_files_find(right->files, factor, piece, &y, &err), &err);
    double *got = calloc(x->n_elements, sizeof *got);
    double *want = calloc(x->n_elements, sizeof *want);
    assert_true(got && want);
    check_ok(at_tensor_to_f64(x, 0, x->n_elements, got, &err), &err);
    check_ok(at_tensor_to_f64(y, 0, y->n_elements, want, &err), &err);
    for (size_t k = 0; k < x->n_elements; k++) {
        largest = fmax(largest, fabs(want[k]));
    }
    check_close_f64(got, want, x->n_elements, 0, rtol * largest,
                    at_factor_files[piece].name);
    free(got);
    free(want);
}

void check_same(const fixture *f, const char *left, const char *right, double rtol)
{
    attrib_factors *a = open_folder(f, left);
    attrib_factors *b = open_folder(f, right);
    size_t n_compared = 0;
    assert_int_equal(a->info.n_modules, b->info.n_modules);
    assert_int_equal(a->info.n_tokens, b->info.n_tokens);
    if (at_files_have(a->files, AT_PIECES_LAMBDA) &&
        at_files_have(b->files, AT_PIECES_LAMBDA)) {
        assert_int_equal(a->info.n_sequences, b->info.n_sequences);
    }
    for (int piece = 0; piece < AT_N_PIECES; piece++) {
        if (!a->files->pieces[piece] || !b->files->pieces[piece]) {
            continue;
        }
        for (size_t i = 0; i < a->info.n_modules; i++) {
            check_same_piece(a, b, (at_factor_piece)piece, i, rtol);
            n_compared++;
        }
    }
    assert_true(n_compared > 0);
    attrib_factors_close(a);
    attrib_factors_close(b);
}

bool same_file(const fixture *f, const char *left, const char *right)
{
    attrib_error err = {0};
    char path[PATH_SIZE];
    at_buffer a = {0};
    at_buffer b = {0};
    check_ok(at_read_file(in_scratch(f, left, path), 1 << 20, &a, &err), &err);
    check_ok(at_read_file(in_scratch(f, right, path), 1 << 20, &b, &err), &err);
    bool is_same = a.n_bytes == b.n_bytes && memcmp(a.bytes, b.bytes, a.n_bytes) == 0;
    at_buffer_free(&a);
    at_buffer_free(&b);
    return is_same;
}
