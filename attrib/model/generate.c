/* SPDX-License-Identifier: MIT */
/* What a model says of one sequence: log-probabilities, and greedy continuations. */
#include <stdlib.h>
#include <string.h>

#include "base/sized.h"
#include "model/layers.h"

/* One sequence as a batch. */
typedef struct single {
    attrib_sequence sequence;
    size_t first_row[2];
    at_batch batch;
} single;

/* `s` must stay where it is while the batch is used. */
static void make_single(single *s, const int32_t *ids, const uint8_t *mask, size_t n)
{
    *s = (single){.sequence = {.n_tokens = n, .ids = ids, .mask = mask},
                  .first_row = {0, n}};
    s->batch = (at_batch){1, &s->sequence, s->first_row};
}

attrib_status attrib_model_logprobs(const attrib_model *model,
                                    const int32_t *ids,
                                    size_t n_tokens,
                                    double *logprobs,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoder *decoder = NULL;
    uint8_t *mask = NULL;
    double *row_losses = NULL;
    double loss = 0;
    single s;
    AT_CHECK(n_tokens >= 1, ATTRIB_ERANGE, "a sequence without tokens");
    AT_TRY(at_array(n_tokens, sizeof *mask, &mask, err));
    AT_TRY(at_array(n_tokens, sizeof *row_losses, &row_losses, err));
    memset(mask + 1, 1, n_tokens - 1);
    make_single(&s, ids, mask, n_tokens);
    AT_TRY(at_decoder_new(model, NULL, 0, &decoder, err));
    decoder->row_losses = row_losses;
    AT_TRY(at_decoder_run(decoder, &s.batch, AT_LABELS_DATA, 0, NULL, NULL, &loss, err));
    for (size_t t = 0; t + 1 < n_tokens; t++) {
        logprobs[t] = -row_losses[t];
    }
done:
    at_decoder_free(decoder);
    free(row_losses);
    free(mask);
    return status;
}

/* The likeliest token after a row, the smallest id of equals. A cap and a scale keep
 * the order of logits. */
static int32_t likeliest(at_decoder *decoder, size_t row)
{
    const attrib_model *model = decoder->model;
    size_t width = model->config.width;
    float *logits = decoder->logits;
    size_t best = 0;
    at_norm_forward(&model->config, &model->final_norm, decoder->output + row * width, 1,
                    decoder->hidden, model->head.in_dim);
    at_linear_forward(&decoder->widener, &model->head, decoder->hidden, 1, 0.0f, logits,
                      model->config.n_vocabulary);
    for (size_t i = 1; i < model->config.n_vocabulary; i++) {
        if (logits[i] > logits[best]) {
            best = i;
        }
    }
    return (int32_t)best;
}

/* The tokens that end what is written. */
typedef struct stops {
    const int32_t *ids; /* [n] */
    size_t n;
} stops;

static bool ends(stops s, int32_t id)
{
    size_t i = 0;
    while (i < s.n && s.ids[i] != id) {
        i++;
    }
    return i < s.n;
}

/* ids [n_all] holds n_tokens; go on until it is full or a stop comes. Every layer keeps
 * the keys and values of all rows, so a step computes the rows that are new. */
static void continue_greedily(
    at_decoder *decoder, int32_t *ids, size_t n_tokens, stops stop, size_t *n_new)
{
    size_t n_all = decoder->n_rows;
    at_rows rows = {0, n_tokens};
    *n_new = 0;
    while (rows.first + rows.n < n_all + 1 && n_tokens + *n_new < n_all) {
        at_decoder_forward(decoder, rows);
        int32_t id = likeliest(decoder, rows.first + rows.n - 1);
        if (ends(stop, id)) {
            return;
        }
        ids[n_tokens + *n_new] = id;
        rows = (at_rows){n_tokens + *n_new, 1};
        ++*n_new;
    }
}

void attrib_generate_job_init(attrib_generate_job *job, size_t size)
{
    const attrib_generate_job standard = {0};
    at_sized_fill(&standard, sizeof standard, job, size);
}

attrib_status attrib_model_generate(const attrib_model *model,
                                    const attrib_generate_job *job,
                                    int32_t *new_ids,
                                    size_t *n_new,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_decoder *decoder = NULL;
    uint8_t *mask = NULL;
    int32_t *all = NULL;
    size_t n_tokens = 0;
    size_t n_all = 0;
    size_t n_made = 0;
    size_t context = model->config.context;
    single s;
    attrib_generate_job given;
    attrib_generate_job_default(&given);
    AT_TRY(at_sized_take(job, "generate_job", &given, err));
    n_tokens = given.n_tokens;
    AT_CHECK(n_tokens >= 1, ATTRIB_ERANGE, "a sequence without tokens");
    AT_CHECK(n_tokens <= context, ATTRIB_ERANGE,
             "a sequence of %zu tokens exceeds the model's context of %zu", n_tokens,
             context);
    n_all = given.max_new < context - n_tokens ? n_tokens + given.max_new : context;
    AT_TRY(at_array(n_all, sizeof *all, &all, err));
    AT_TRY(at_array(n_all, sizeof *mask, &mask, err));
    memcpy(all, given.ids, n_tokens * sizeof *all);
    make_single(&s, all, mask, n_all);
    AT_TRY(at_decoder_new(model, NULL, 0, &decoder, err));
    decoder->keeps_keys = true;
    AT_TRY(at_decoder_begin(decoder, &s.batch, err));
    AT_TRY(at_head_list(decoder, AT_LABELS_DATA, err));
    continue_greedily(decoder, all, n_tokens, (stops){given.stop_ids, given.n_stop_ids},
                      &n_made);
    memcpy(new_ids, all + n_tokens, n_made * sizeof *new_ids);
    *n_new = n_made;
done:
    at_decoder_free(decoder);
    free(mask);
    free(all);
    return status;
}
