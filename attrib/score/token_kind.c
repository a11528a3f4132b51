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
 * Mixed derivatives are central differences of the gradient by e_t at W +- alpha P, as of
 * the paper, at alpha and at alpha / 2; their combination leaves an error of alpha^4:
 *
 *     D = (4 D(alpha / 2) - D(alpha)) / 3,    D(a) = (g(W + a P) - g(W - a P)) / 2 a
 *
 * alpha is such that no map moves by more than 2^-8 of its norm. What the two differ by
 * is told as the error, which it bounds where alpha is small enough for either.
 *
 * 1. The documents of a case   2. Output tokens   3. Input tokens   4. All
 *
 * Source: Grosse et al. 2023, arXiv:2308.03296, appendix B.1, Eq. 36 and 38, where both
 * are differences. */
#include "score/token_kind.h"

#include <math.h>
#include <stdlib.h>

#include "gradient/shifted.h"
#include "linalg/linalg.h"

/* 1. The documents of a case */

typedef struct following {
    const at_setup *setup;
    const at_prepared *prepared;
    size_t i_case;
    size_t *sequences; /* [n_sequences] of the corpus, ascending */
    at_pair **owners;  /* [n_sequences] the pair that each belongs to */
    size_t n_sequences;
    double factor, difference; /* of a pass in D, and in D(alpha / 2) - D(alpha) */
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

/* As in explain.c: a document is in blocks of its own. */
static bool begins_document(const void *context, size_t i)
{
    const following *self = context;
    return self->owners[i] != self->owners[i - 1];
}

static at_source source_of(const following *self)
{
    return (at_source){.context = self,
                       .n_sequences = self->n_sequences,
                       .get = get_listed,
                       .begins = begins_document};
}

/* What a case's passes are worth in progress, whose unit is a query. */
static double units_of_case(const following *self)
{
    return at_token_kinds_share(self->setup) * (double)self->prepared->tile.n /
           (double)self->prepared->n_cases;
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
        size_t n_rows = block->first_row[s + 1] - block->first_row[s];
        for (size_t t = 0; t < n_rows && t + 1 < sequence->n_tokens; t++) {
            pair->tokens[sequence->offset + t + 1] += pair->scale * slopes[t];
        }
    }
    return ATTRIB_OK;
}

static attrib_tap output_tap(following *self)
{
    return (attrib_tap){.name = "explain",
                        .context = self,
                        .is_forward = true,
                        .direction = follow_case,
                        .finish = add_outputs};
}

static attrib_status follow_outputs(following *self, attrib_error *err)
{
    const attrib_tap tap = output_tap(self);
    const at_source source = source_of(self);
    at_pass pass = at_setup_pass(self->setup, AT_BLOCK_ROWS, tap.name);
    pass.units = units_of_case(self);
    pass.skips_uncounted = true;
    return at_pass_run(&pass, &source, &tap, 1, err);
}

/* 3. Input tokens */

/* The most by which any map moves, of its norm. Steps twice as large leave four times the
 * error of either difference, sixteen times that of D; gradients of f32, rounded by some
 * 2^-22 of themselves, keep 2^-14 in their difference at 2^-8. Against scores of models
 * whose token vectors were scaled, 2^-6 is off by 1e-2 of the largest influence where
 * random weights of width 8 curve most, 2^-8 by 4e-4, and 2^-10 by 8e-4 elsewhere. */
#define LARGEST_MOVE 0x1p-8
#define N_SHIFTED    4

static attrib_status add_inputs(void *context,
                                void *scratch,
                                const attrib_block *block,
                                attrib_error *err)
{
    const following *self = context;
    (void)scratch;
    (void)err;
    for (size_t s = 0; s < block->n_sequences; s++) {
        const attrib_sequence *sequence = &block->sequences[s];
        at_pair *pair = self->owners[block->first_sequence + s];
        const double *inputs = block->row_inputs + block->first_row[s];
        for (size_t t = 0; t < block->first_row[s + 1] - block->first_row[s]; t++) {
            double input = pair->scale * inputs[t];
            pair->tokens[sequence->offset + t] += self->factor * input;
            pair->differences[sequence->offset + t] += self->difference * input;
        }
    }
    return ATTRIB_OK;
}

static attrib_tap input_tap(following *self)
{
    return (attrib_tap){
        .name = "explain", .context = self, .reaches_input = true, .finish = add_inputs};
}

/* No map is tracked: only the token vectors' gradients are wanted. */
static at_pass input_pass(const at_setup *setup)
{
    at_pass pass = at_setup_pass(setup, AT_BLOCK_ROWS, "explain");
    pass.tracked = NULL;
    pass.n_tracked = 0;
    pass.skips_uncounted = true;
    return pass;
}

/* Add a pass with weights W + alpha P. */
static attrib_status add_shifted(following *self,
                                 const at_direction_set *direction,
                                 double alpha,
                                 attrib_error *err)
{
    const attrib_tap tap = input_tap(self);
    const at_source source = source_of(self);
    at_pass pass = input_pass(self->setup);
    pass.units = units_of_case(self) / N_SHIFTED;
    return at_pass_run_shifted(&pass, &source, &tap, direction, alpha, err);
}

/* Both steps in both directions: N_SHIFTED passes. */
static attrib_status add_steps(following *self,
                               const at_direction_set *direction,
                               double alpha,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (int sign = -1; sign <= 1; sign += 2) {
        self->factor = -sign / (6 * alpha);
        self->difference = -sign / (2 * alpha);
        AT_TRY(add_shifted(self, direction, sign * alpha, err));
        self->factor = 4 * sign / (3 * alpha);
        self->difference = sign / alpha;
        AT_TRY(add_shifted(self, direction, sign * alpha / 2, err));
    }
done:
    return status;
}

/* Move the largest difference of each of the case's pairs to its error. */
static void take_errors(const following *self, at_pair *pairs, size_t n_pairs)
{
    for (size_t k = 0; k < n_pairs; k++) {
        at_pair *pair = &pairs[k];
        attrib_document document;
        if (pair->i_case != self->i_case) {
            continue;
        }
        attrib_corpus_document(self->setup->corpus, pair->document, &document);
        for (size_t t = 0; t < document.n_tokens; t++) {
            pair->token_error = fmax(pair->token_error, fabs(pair->differences[t]));
        }
        free(pair->differences);
        pair->differences = NULL;
    }
}

static attrib_status follow_inputs(following *self,
                                   at_pair *pairs,
                                   size_t n_pairs,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_setup *setup = self->setup;
    at_direction_set direction;
    const float **p = NULL;
    double size = 0;
    AT_TRY(at_array(setup->n_tracked, sizeof *p, &p, err));
    for (size_t m = 0; m < setup->n_tracked; m++) {
        const at_prepared_map *map = &self->prepared->maps[m];
        p[m] = map->p + self->i_case * map->out_dim * map->in_dim;
    }
    direction = (at_direction_set){setup->tracked, setup->n_tracked, p};
    AT_TRY(at_direction_size(setup->model, &direction, &size, err));
    for (size_t k = 0; k < n_pairs; k++) {
        attrib_document document;
        attrib_corpus_document(setup->corpus, pairs[k].document, &document);
        if (pairs[k].i_case == self->i_case) {
            AT_TRY(
                at_array(document.n_tokens, sizeof(double), &pairs[k].differences, err));
        }
    }
    if (size > 0) { /* else the query has no gradient, and nothing an influence */
        AT_TRY(add_steps(self, &direction, LARGEST_MOVE / size, err));
    }
    take_errors(self, pairs, n_pairs);
done:
    free(p);
    return status;
}

/* 4. All */

/* The share of explaining that following tokens takes, in round figures: one pass for
 * outputs and four for inputs, in addition to the one that explains. */
#define OUTPUTS_SHARE 0.5
#define INPUTS_SHARE  0.8

double at_token_kinds_share(const at_setup *setup)
{
    attrib_token_kind kind = setup->options.token_kind;
    return kind == ATTRIB_TOKENS_POSITION ? 0
           : kind == ATTRIB_TOKENS_OUTPUT ? OUTPUTS_SHARE
                                          : INPUTS_SHARE;
}

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
        if (setup->options.token_kind == ATTRIB_TOKENS_OUTPUT) {
            AT_TRY(follow_outputs(&self, err));
        } else {
            AT_TRY(follow_inputs(&self, pairs, n_pairs, err));
        }
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
    if (setup->options.token_kind == ATTRIB_TOKENS_INPUT) {
        tap = input_tap(&none);
        pass = input_pass(setup);
    }
    AT_TRY(at_pass_bytes(&pass, blocks, &tap, 1, out, err));
    *out *= (double)setup->n_workers;
    for (size_t m = 0;
         setup->options.token_kind == ATTRIB_TOKENS_INPUT && m < setup->n_tracked;
         m++) { /* the weights that are moved */
        const attrib_module *module = at_setup_module(setup, m);
        *out += sizeof(float) * (double)module->out_dim * (double)module->in_dim;
    }
done:
    return status;
}
