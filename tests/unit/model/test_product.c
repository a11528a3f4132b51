/* SPDX-License-Identifier: MIT */
/* Products with the Gauss-Newton matrix: against the matrix itself, made of central
 * differences of the naive decoder, and against PyTorch (scripts/make-model-fixtures). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder_fixture.h"
#include "golden_fixture.h"

#define N_VECTORS 2

/* 1. Products of a decoder */

/* Vectors over the tracked maps, and their products. */
typedef struct vectors {
    const attrib_model *model;
    size_t *tracked; /* [n_tracked] */
    size_t n_tracked;
    size_t first; /* vector 0 of the decoder is this one here */
    const at_decoder *decoder;
    double **p[N_VECTORS];       /* [n_tracked][out_dim, in_dim] */
    double **product[N_VECTORS]; /* the same */
} vectors;

static size_t n_entries(const vectors *v, size_t m)
{
    const attrib_module *module = attrib_model_module(v->model, v->tracked[m]);
    return module->out_dim * module->in_dim;
}

/* The fixture script's: function(1 + phase of the name + step i) of entry i. */
static double wave(double (*function)(double), const char *name, double step, size_t i)
{
    double phase = 0;
    for (; *name; name++) {
        phase += 0.01 * (double)(unsigned char)*name;
    }
    return function(1 + phase + step * (double)i);
}

static void make_vectors(vectors *v, const attrib_model *model, size_t *tracked, size_t n)
{
    *v = (vectors){.model = model, .tracked = tracked, .n_tracked = n};
    for (size_t k = 0; k < N_VECTORS; k++) {
        v->p[k] = calloc(n, sizeof *v->p[k]);
        v->product[k] = calloc(n, sizeof *v->product[k]);
        assert_true(v->p[k] && v->product[k]);
        for (size_t m = 0; m < n; m++) {
            const char *name = attrib_model_module(model, tracked[m])->name;
            v->p[k][m] = calloc(n_entries(v, m), sizeof(double));
            v->product[k][m] = calloc(n_entries(v, m), sizeof(double));
            assert_true(v->p[k][m] && v->product[k][m]);
            for (size_t i = 0; i < n_entries(v, m); i++) {
                v->p[k][m][i] = wave(k ? cos : sin, name, k ? 3.3 : 12.9898, i);
            }
        }
    }
}

static void clear_products(vectors *v)
{
    for (size_t k = 0; k < N_VECTORS; k++) {
        for (size_t m = 0; m < v->n_tracked; m++) {
            memset(v->product[k][m], 0, n_entries(v, m) * sizeof(double));
        }
    }
}

static void free_vectors(vectors *v)
{
    for (size_t k = 0; k < N_VECTORS; k++) {
        for (size_t m = 0; m < v->n_tracked; m++) {
            free(v->p[k][m]);
            free(v->product[k][m]);
        }
        free(v->p[k]);
        free(v->product[k]);
    }
}

static attrib_status follow(void *context, const attrib_outputs *to, attrib_error *err)
{
    const vectors *v = context;
    const double *p = v->p[v->first + to->i_vector][to->i_tracked];
    size_t in_dim = attrib_model_module(v->model, v->tracked[to->i_tracked])->in_dim;
    (void)err;
    for (size_t t = 0; t < to->n_rows; t++) {
        for (size_t o = 0; o < to->n_outputs; o++) {
            double sum = 0;
            for (size_t i = 0; i < in_dim; i++) {
                sum += p[(to->first + o) * in_dim + i] * (double)to->a[t * in_dim + i];
            }
            to->d_out[t * to->stride + o] += (float)sum;
        }
    }
    return ATTRIB_OK;
}

static attrib_status add_product(
    void *context, size_t i_tracked, const float *a, const float *ds, attrib_error *err)
{
    const vectors *v = context;
    const attrib_module *module = attrib_model_module(v->model, v->tracked[i_tracked]);
    size_t k = v->first + at_decoder_vector(v->decoder);
    size_t n_rows = 0;
    (void)err;
    assert_null(at_decoder_handed_rows(v->decoder, &n_rows));
    for (size_t t = 0; t < n_rows; t++) {
        for (size_t j = 0; j < module->out_dim * module->in_dim; j++) {
            v->product[k][i_tracked][j] +=
                (double)ds[t * module->out_dim + j / module->in_dim] *
                (double)a[t * module->in_dim + j % module->in_dim];
        }
    }
    return ATTRIB_OK;
}

static void run_products(vectors *v, at_decoder *decoder, const at_batch *batch, size_t n)
{
    attrib_error err = {0};
    v->decoder = decoder;
    check_ok(at_decoder_run_products(decoder, batch, n, follow, add_product, v, &err),
             &err);
}

/* 2. The matrix itself: sum over positions t and labels y of p_y g_y g_y', with g_y the
 * gradient of log p_y, which is J' (diag(p) - p p') J. */

#define MOST_WEIGHTS ((size_t)200)

/* log p(y | ids[0..t]) of every position that counts and label, into out. */
static size_t all_logprobs(const ref_decoder *reference,
                           const attrib_sequence *sequence,
                           double *out)
{
    size_t n = sequence->n_tokens;
    size_t k = 0;
    for (size_t y = 0; y < reference->n_vocabulary; y++) {
        int32_t targets[16];
        double logprobs[16];
        for (size_t t = 0; t < n; t++) {
            targets[t] = (int32_t)y;
        }
        ref_decoder_logprobs(reference, sequence->ids, targets, n, logprobs);
        for (size_t t = 0; t + 1 < n; t++) {
            if (sequence->mask[t + 1]) {
                out[k++] = logprobs[t];
            }
        }
    }
    return k;
}

/* Gradients of these [MOST_WEIGHTS, n] by central differences. */
static void differentiate(const fixture *f,
                          const attrib_sequence *sequence,
                          size_t n,
                          double *gradients)
{
    double *above = calloc(n, sizeof *above);
    double *below = calloc(n, sizeof *below);
    size_t j = 0;
    for (size_t m = 0; m < f->n_tracked; m++) {
        const attrib_module *module = attrib_model_module(f->model, f->tracked[m]);
        for (size_t i = 0; i < module->out_dim * module->in_dim; i++, j++) {
            double *w =
                weight_of(&f->reference, module, i / module->in_dim, i % module->in_dim);
            double kept = *w;
            *w = kept + STEP;
            all_logprobs(&f->reference, sequence, above);
            *w = kept - STEP;
            all_logprobs(&f->reference, sequence, below);
            *w = kept;
            for (size_t k = 0; k < n; k++) {
                gradients[j * n + k] = (above[k] - below[k]) / (2 * STEP);
            }
        }
    }
    free(above);
    free(below);
}

/* out [n_weights] += H v, with H formed entry by entry. */
static void add_dense(const fixture *f,
                      const attrib_sequence *sequence,
                      const double *v,
                      size_t n_weights,
                      double *out)
{
    double logprobs[16 * 16];
    size_t n = all_logprobs(&f->reference, sequence, logprobs);
    double *g = calloc(n_weights * n + 1, sizeof *g);
    assert_non_null(g);
    differentiate(f, sequence, n, g);
    for (size_t i = 0; i < n_weights; i++) {
        for (size_t j = 0; j < n_weights; j++) {
            double h = 0;
            for (size_t k = 0; k < n; k++) {
                h += exp(logprobs[k]) * g[i * n + k] * g[j * n + k];
            }
            out[i] += h * v[j];
        }
    }
    free(g);
}

static void check_dense(const tiny_options *options, const char *selection)
{
    static const size_t two[] = {6, 3};
    fixture f;
    tiny_batch batch;
    vectors v;
    double flat[MOST_WEIGHTS] = {0};
    size_t n_weights = 0;
    set_up(&f, options, selection);
    tiny_batch_make(&batch, two, 2, 13, 31);
    make_vectors(&v, f.model, f.tracked, f.n_tracked);
    run_products(&v, f.decoder, &batch.batch, N_VECTORS);
    for (size_t m = 0; m < f.n_tracked; m++) {
        n_weights += n_entries(&v, m);
    }
    assert_in_range(n_weights, 1, MOST_WEIGHTS);
    for (size_t k = 0; k < N_VECTORS; k++) {
        double want[MOST_WEIGHTS] = {0};
        double got[MOST_WEIGHTS];
        for (size_t m = 0, j = 0; m < f.n_tracked; j += n_entries(&v, m), m++) {
            memcpy(flat + j, v.p[k][m], n_entries(&v, m) * sizeof *flat);
            memcpy(got + j, v.product[k][m], n_entries(&v, m) * sizeof *flat);
        }
        for (size_t i = 0; i < 2; i++) {
            add_dense(&f, &batch.sequences[i], flat, n_weights, want);
        }
        double distance = tiny_distance(got, want, n_weights);
        /* Three passes of products of f32, each as GRADIENT_TOLERANCE allows for two. */
        if (!(distance < 1.5 * GRADIENT_TOLERANCE)) {
            fail_msg("%s, vector %zu: off by %g of its largest entry", selection, k,
                     distance);
        }
    }
    free_vectors(&v);
    tiny_batch_free(&batch);
    tear_down(&f);
}

static void test_product__is_the_dense_matrix_times_the_vector(void **state)
{
    (void)state;
    static const tiny_options llama = {.seed = 1};
    static const tiny_options biased = {.seed = 2, .has_biases = true};
    static const tiny_options gpt2 = {.seed = 5, .is_gpt2 = true};
    static const tiny_options window = {.seed = 7, .window = 4};
    check_dense(&llama, "model.layers.0.mlp.down_proj");
    check_dense(&llama,
                "model.layers.0.self_attn.k_proj,model.layers.1.self_attn.v_proj");
    check_dense(&llama, "lm_head");
    check_dense(&llama, "model.layers.1.mlp.gate_proj");
    check_dense(&biased, "model.layers.1.mlp.down_proj");
    check_dense(&biased, "model.layers.0.mlp.up_proj");
    check_dense(&gpt2, "transformer.h.0.mlp.c_fc");
    check_dense(&gpt2, "transformer.h.1.attn.c_proj");
    check_dense(&window, "model.layers.0.self_attn.v_proj");
}

/* 3. Every architecture */

static void open_decoder(const golden *g, at_decoder **decoder, vectors *v)
{
    attrib_error err = {0};
    size_t *tracked = NULL;
    size_t n = 0;
    check_ok(attrib_model_select(g->model, "all", &tracked, &n, &err), &err);
    make_vectors(v, g->model, tracked, n);
    check_ok(at_decoder_new(g->model, tracked, n, decoder, &err), &err);
}

static void close_decoder(at_decoder *decoder, vectors *v)
{
    free(v->tracked);
    free_vectors(v);
    at_decoder_free(decoder);
}

static void check_map(const json_t *maps, const attrib_module *module, const double *got)
{
    const json_t *map = json_object_get(maps, module->name);
    size_t n = module->out_dim * module->in_dim;
    double norm = json_number_value(json_object_get(map, "norm"));
    assert_true(norm > 0);
    for (size_t k = 0; k < 4; k++) {
        double want = json_number_value(json_array_get(json_object_get(map, "seen"), k));
        double sum = 0;
        for (size_t i = 0; i < n; i++) {
            sum += got[i] * wave(cos, module->name, 7.13 * (double)(k + 2), i);
        }
        /* Entries err by 3e-5 of the largest at most (check_gradients()), each its own
         * way, so that their sum errs by that of their norm. */
        if (!(fabs(sum - want) < 3e-5 * norm)) {
            fail_msg("%s: probe %zu sees %.9g, expected %.9g, of a product with norm %g",
                     module->name, k, sum, want, norm);
        }
    }
}

static void test_product__matches_pytorch(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        attrib_error err = {0};
        at_decoder *decoder = NULL;
        vectors v;
        json_t *root = NULL;
        char path[256];
        if (strncmp(fixtures[i].name, "../adapter", 10) == 0) {
            continue; /* which are models of the same architectures */
        }
        print_message("%s\n", fixtures[i].name);
        snprintf(path, sizeof path, "tests/golden/model/%s/products.json",
                 fixtures[i].name);
        check_ok(at_json_read(source_path(path), (size_t)1 << 20, &root, &err), &err);
        const json_t *maps = json_object_get(root, "maps");
        open_golden(&g, fixtures[i].name, false);
        open_decoder(&g, &decoder, &v);
        assert_int_equal(json_object_size(maps), v.n_tracked);
        run_products(&v, decoder, &g.batch, 1);
        for (size_t m = 0; m < v.n_tracked; m++) {
            check_map(maps, attrib_model_module(g.model, v.tracked[m]), v.product[0][m]);
        }
        close_decoder(decoder, &v);
        close_golden(&g);
        json_decref(root);
    }
}

/* 4. Vectors that share a pass */

static void keep_products(const vectors *v, size_t k, double **to)
{
    for (size_t m = 0; m < v->n_tracked; m++) {
        to[m] = malloc(n_entries(v, m) * sizeof(double));
        assert_non_null(to[m]);
        memcpy(to[m], v->product[k][m], n_entries(v, m) * sizeof(double));
    }
}

/* The product of the second of two vectors has the bytes that it has alone, also after
 * passes of other modes through the same decoder. */
static void check_shared(const golden *g)
{
    attrib_error err = {0};
    at_decoder *decoder = NULL;
    vectors v;
    double *together[64];
    double losses[8];
    tiny_gradients gradients;
    open_decoder(g, &decoder, &v);
    assert_true(v.n_tracked <= 64);
    run_products(&v, decoder, &g->batch, 2);
    keep_products(&v, 1, together);
    clear_products(&v);
    tiny_gradients_make(&gradients, g->model, v.tracked, v.n_tracked);
    check_ok(tiny_run(&gradients, decoder, &g->batch, AT_LABELS_DATA, 0, losses, &err),
             &err);
    v.first = 1;
    run_products(&v, decoder, &g->batch, 1);
    for (size_t m = 0; m < v.n_tracked; m++) {
        assert_memory_equal(v.product[1][m], together[m],
                            n_entries(&v, m) * sizeof(double));
        free(together[m]);
    }
    tiny_gradients_free(&gradients);
    close_decoder(decoder, &v);
}

/* < u, H v > = < v, H u >, and < v, H v > > 0 */
static void check_symmetric(const golden *g)
{
    at_decoder *decoder = NULL;
    vectors v;
    double sum[2][2] = {{0}};
    open_decoder(g, &decoder, &v);
    run_products(&v, decoder, &g->batch, 2);
    for (size_t m = 0; m < v.n_tracked; m++) {
        for (size_t i = 0; i < n_entries(&v, m); i++) {
            for (size_t k = 0; k < 4; k++) {
                sum[k / 2][k % 2] += v.p[k / 2][m][i] * v.product[k % 2][m][i];
            }
        }
    }
    double size = sqrt(sum[0][0] * sum[1][1]);
    assert_true(sum[0][0] > 0 && sum[1][1] > 0);
    assert_true(fabs(sum[0][1] - sum[1][0]) < 3e-5 * size);
    close_decoder(decoder, &v);
}

static void test_product__vectors_share_a_pass(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_FIXTURES; i++) {
        golden g = {0};
        print_message("%s\n", fixtures[i].name);
        open_golden(&g, fixtures[i].name, false);
        check_shared(&g);
        check_symmetric(&g);
        close_golden(&g);
    }
}

/* A vector that is 0 in all maps but one gives that map what it has alone. */
static void test_product__a_map_alone_has_its_own_block(void **state)
{
    (void)state;
    static const char *const names[] = {"gemma2", "gpt-neox", "phi3-window", "olmo2"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        golden g = {0};
        at_decoder *decoder = NULL;
        vectors all;
        open_golden(&g, names[i], false);
        open_decoder(&g, &decoder, &all);
        for (size_t m = 0; m < all.n_tracked; m++) {
            attrib_error err = {0};
            size_t tracked = all.tracked[m];
            at_decoder *one = NULL;
            vectors alone;
            make_vectors(&alone, g.model, &tracked, 1);
            check_ok(at_decoder_new(g.model, &tracked, 1, &one, &err), &err);
            run_products(&alone, one, &g.batch, 1);
            for (size_t k = 0; k < all.n_tracked; k++) {
                memset(all.p[0][k], 0, n_entries(&all, k) * sizeof(double));
            }
            memcpy(all.p[0][m], alone.p[0][0], n_entries(&all, m) * sizeof(double));
            clear_products(&all);
            run_products(&all, decoder, &g.batch, 1);
            for (size_t j = 0; j < n_entries(&all, m); j++) {
                assert_true(all.product[0][m][j] == alone.product[0][0][j]);
            }
            free_vectors(&alone);
            at_decoder_free(one);
        }
        close_decoder(decoder, &all);
        close_golden(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_product__is_the_dense_matrix_times_the_vector),
        cmocka_unit_test(test_product__matches_pytorch),
        cmocka_unit_test(test_product__vectors_share_a_pass),
        cmocka_unit_test(test_product__a_map_alone_has_its_own_block),
    };
    return run_cases(tests, NULL, NULL);
}
