/* SPDX-License-Identifier: MIT */
/* A tap of one's own: the norm of each document's gradient, over all MLP maps.
 *
 *     ||G_z||^2 = sum over maps and i, j  (sum_t ds_t a_t')_ij^2
 *
 * Documents here are one sequence each. Usage: gradient_norms MODEL CORPUS */
#include <attrib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A worker's scratch: the squared norms of its block, over the maps seen so far. */
static attrib_status deal(const void *context,
                          const attrib_block_size *most,
                          attrib_bank *bank,
                          void **scratch,
                          attrib_error *err)
{
    (void)context;
    return attrib_bank_deal(bank, most->n_sequences, 1, sizeof(double), scratch, err);
}

/* ||G||^2 = sum_{t, u} (ds_t . ds_u)(a_t . a_u): no gradient is formed. */
static double square(const attrib_visit *visit, size_t first, size_t end)
{
    size_t o = visit->module->out_dim;
    size_t i = visit->module->in_dim;
    double sum = 0;
    for (size_t t = first; t < end; t++) {
        for (size_t u = first; u < end; u++) {
            double of_ds = 0;
            double of_a = 0;
            for (size_t k = 0; k < o; k++) {
                of_ds += (double)visit->ds[t * o + k] * (double)visit->ds[u * o + k];
            }
            for (size_t k = 0; k < i; k++) {
                of_a += (double)visit->a[t * i + k] * (double)visit->a[u * i + k];
            }
            sum += of_ds * of_a;
        }
    }
    return sum;
}

static attrib_status add_map(void *context,
                             void *scratch,
                             const attrib_visit *visit,
                             attrib_error *err)
{
    const attrib_block *block = visit->block;
    double *squares = scratch;
    (void)context;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        squares[s] += square(visit, block->first_row[s], block->first_row[s + 1]);
    }
    return ATTRIB_OK;
}

/* Blocks come in order here, one at a time. */
static attrib_status print_block(void *context,
                                 void *scratch,
                                 const attrib_block *block,
                                 attrib_error *err)
{
    double *squares = scratch;
    (void)context;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        printf("%zu %.4g %.4g\n", block->first_sequence + s, block->losses[s],
               sqrt(squares[s]));
        squares[s] = 0;
    }
    return ATTRIB_OK;
}

int main(int argc, char **argv)
{
    attrib_error err = {0};
    attrib_model *model = NULL;
    attrib_tokenizer *tokenizer = NULL;
    attrib_corpus *corpus = NULL;
    const attrib_tap tap = {
        .name = "norms", .deal = deal, .module = add_map, .finish = print_block};
    const char *const paths[] = {argc == 3 ? argv[2] : ""};
    if (argc != 3) {
        fprintf(stderr, "gradient_norms: MODEL CORPUS\n");
        return 2;
    }
    if (attrib_model_open(argv[1], NULL, &model, &err) != ATTRIB_OK ||
        attrib_tokenizer_open(argv[1], &tokenizer, &err) != ATTRIB_OK ||
        attrib_corpus_open(NULL, &(attrib_paths){paths, 1}, tokenizer, NULL, &corpus,
                           &err) != ATTRIB_OK ||
        attrib_pass_run(NULL, model, corpus, "mlp", &(attrib_taps)ATTRIB_LIST(&tap, 1),
                        &err) != ATTRIB_OK) {
        fprintf(stderr, "gradient_norms: %s\n", err.message);
    }
    attrib_corpus_close(corpus);
    attrib_tokenizer_close(tokenizer);
    attrib_model_close(model);
    return err.status == ATTRIB_OK ? 0 : 1;
}
