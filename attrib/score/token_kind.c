/* SPDX-License-Identifier: MIT */
/* Influences of tokens of reported documents, as functions of the weights W + alpha P:
 *
 *     output token t   d/dalpha  -log p(x_t | x_<t),            which sum to the score
 *     input token t    d/deps d/dalpha  loss(z; (1 + eps) e_t)  of its vector e_t
 *
 * The former are slopes of the rows of a pass in forward mode, exact; row t carries that
 * of token t + 1. The latter are mixed second derivatives, which have no sum. P is one
 * query's, so that each case has a pass over its own documents.
 *
 * 1. The documents of a case   2. Output tokens   3. All
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, appendix B.1, Eq. 36 and 38, where both
 * are differences. */
#include "score/token_kind.h"

#include <stdlib.h>

#include "linalg/linalg.h"

/* 1. The documents of a case */

typedef struct following {
    const at_setup *setup;
    const at_prepared *prepared;
    size_t i_case;
    size_t *sequences; /* [n_sequences] of the corpus, ascending */
    at_pair **owners;  /* [n_sequences] the pair that each belongs to */
    size_t n_sequences;
} following;

static void get_listed(const void *context, size_t i, attrib_sequence *out)
{
    const following *self = context;
    attrib_corpus_sequence(self->setup->corpus, self->sequences[i], out);
}

/* List the sequences of the case's documents, and forget the shares of their positions.
 */
static attrib_status list_sequences(following *self,
                                    at_pair *pairs,
                                    size_t n_pairs,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t capacity = 0;
    size_t capacity_of_owners = 0;
    for (size_t k = 0; k < n_pairs; k++) {
        attrib_document document;
        if (pairs[k].i_case != self->i_case) {
            continue;
        }
        attrib_corpus_document(self->setup->corpus, pairs[k].document, &document);
        size_t n = self->n_sequences + document.n_sequences;
        AT_TRY(at_grow(&self->sequences, &capacity, n, sizeof *self->sequences, err));
        AT_TRY(at_grow(&self->owners, &capacity_of_owners, n, sizeof *self->owners, err));
        for (size_t s = 0; s < document.n_sequences; s++) {
            self->sequences[self->n_sequences] = document.first_sequence + s;
            self->owners[self->n_sequences++] = &pairs[k];
        }
        for (size_t t = 0; t < document.n_tokens; t++) {
            pairs[k].tokens[t] = 0;
        }
    }
done:
    return status;
}

static void release(following *self)
{
    free(self->sequences);
    free(self->owners);
    self->sequences = NULL;
    self->owners = NULL;
    self->n_sequences = 0;
}

/* Run a pass over the case's documents with one tap. */
static attrib_status run_pass(const following *self,
                              const at_pass *pass,
                              const attrib_tap *tap,
                              attrib_error *err)
{
    const at_source source = {
        .context = self, .n_sequences = self->n_sequences, .get = get_listed};
    return at_pass_run(pass, &source, tap, 1, err);
}

/* 2. Output tokens */

/* d_out += a P' */
static attrib_status follow_case(void *context,
                                 const attrib_outputs *outputs,
                                 attrib_error *err)
{
    const following *self = context;
    const at_prepared_map *map = &self->prepared->maps[outputs->i_tracked];
    size_t i = map->in_dim;
    const float *p = map->p + self->i_case * map->out_dim * i;
    (void)err;
    at_gemm(AT_PLAIN, AT_TRANSPOSED, outputs->n_rows, outputs->n_outputs, i, 1.0F,
            outputs->a, i, p + outputs->first * i, i, 1.0F, outputs->d_out,
            outputs->stride);
    return ATTRIB_OK;
}

static attrib_status add_outputs(void *context,
                                 void *scratch,
                                 const attrib_block *block,
                                 attrib_error *err)
{
    const following *self = context;
    (void)scratch;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        const attrib_sequence *sequence = &block->sequences[s];
        const at_pair *pair = self->owners[block->first_sequence + s];
        const double *slopes = block->row_slopes + block->first_row[s];
        for (size_t t = 0; t + 1 < sequence->n_tokens; t++) {
            pair->tokens[sequence->offset + t + 1] += pair->scale * slopes[t];
        }
    }
    return ATTRIB_OK;
}

static attrib_tap output_tap(following *self)
{
    return (attrib_tap){.name = "explain tokens",
                        .context = self,
                        .is_forward = true,
                        .direction = follow_case,
                        .finish = add_outputs};
}

static attrib_status follow_outputs(following *self, attrib_error *err)
{
    const attrib_tap tap = output_tap(self);
    const at_pass pass = at_setup_pass(self->setup, AT_BLOCK_ROWS, tap.name);
    return run_pass(self, &pass, &tap, err);
}

/* 3. All */

attrib_status at_token_kinds(const at_setup *setup,
                             const at_prepared *prepared,
                             at_pair *pairs,
                             size_t n_pairs,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    following self = {.setup = setup, .prepared = prepared};
    if (setup->options.token_kind == ATTRIB_TOKENS_POSITION) {
        return ATTRIB_OK;
    }
    for (size_t v = 0; v < prepared->n_cases; v++) {
        self.i_case = v;
        AT_TRY(list_sequences(&self, pairs, n_pairs, err));
        AT_TRY(follow_outputs(&self, err));
        release(&self);
    }
done:
    release(&self);
    return status;
}

attrib_status at_token_kinds_bytes(const at_setup *setup,
                                   const at_pass_size *blocks,
                                   double *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    following none = {.setup = setup};
    attrib_tap tap = output_tap(&none);
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, tap.name);
    *out = 0;
    if (setup->options.token_kind == ATTRIB_TOKENS_POSITION) {
        return ATTRIB_OK;
    }
    AT_TRY(at_pass_bytes(&pass, blocks, &tap, 1, out, err));
    *out *= (double)setup->n_workers;
done:
    return status;
}
