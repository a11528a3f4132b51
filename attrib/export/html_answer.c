/* SPDX-License-Identifier: MIT */
/* The chunks `answer-I` of a page: what each result of an answer is made of,
 *
 *     prompt, completion, against,
 *     results [{isSpurious, tokens, tokenScale, modules, moduleScale, checkpoints}]
 *
 * `tokens` and `modules` are i8: a share is sign(s) (s / 127)^2 times the scale, which is
 * the largest magnitude. Squares tell small shares from each other, which are most.
 * `checkpoints`, of a sum of runs alone, are what each of them says of the document. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrib/analyze.h"
#include "export/html.h"

#define STEPS 127 /* of the largest magnitude */

static double larger_magnitude(double largest, double value)
{
    return isfinite(value) ? fmax(largest, fabs(value)) : largest;
}

static attrib_status append_steps(at_buffer *out,
                                  double value,
                                  double largest,
                                  attrib_error *err)
{
    int8_t steps = 0;
    if (isfinite(value) && largest > 0) {
        steps = (int8_t)lround(copysign(sqrt(fabs(value) / largest), value) * STEPS);
    }
    return at_buffer_append(out, &steps, sizeof steps, err);
}

/* The share of a token or of a module. */
static double share_of(const attrib_result *result, bool is_of_token, size_t i)
{
    return is_of_token ? result->tokens[i].score : result->modules[i].score;
}

/* The shares of all tokens, or modules, as steps of the largest, which is kept. */
static attrib_status add_shares(at_chunk *chunk,
                                const attrib_result *result,
                                bool is_of_tokens,
                                json_t *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer shares = {0};
    double largest = 0;
    size_t n = is_of_tokens ? result->n_tokens : result->n_modules;
    for (size_t i = 0; i < n; i++) {
        largest = larger_magnitude(largest, share_of(result, is_of_tokens, i));
    }
    for (size_t i = 0; i < n; i++) {
        AT_TRY(append_steps(&shares, share_of(result, is_of_tokens, i), largest, err));
    }
    AT_TRY(at_put_real(out, is_of_tokens ? "tokenScale" : "moduleScale", largest, err));
    AT_TRY(at_chunk_add(chunk, out, is_of_tokens ? "tokens" : "modules", &shares, err));
done:
    at_buffer_free(&shares);
    return status;
}

/* Whether a run is a sum of others, whose scores it keeps: the array of the first. */
static bool find_checkpoints(attrib_run *run, attrib_array *out)
{
    for (size_t k = 0; attrib_run_array(run, k, out); k++) {
        if (out->shape == ATTRIB_ARRAY_CHECKPOINTS) {
            return true;
        }
    }
    return false;
}

static attrib_status add_checkpoints(const at_shown *shown,
                                     size_t i_answer,
                                     const attrib_result *result,
                                     json_t *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_queries = shown->info->n_queries;
    const at_shown_setting of = at_shown_setting_of(shown, i_answer / n_queries);
    size_t n = attrib_run_describe(of.run)->n_checkpoints;
    attrib_array scores;
    json_t *list = NULL;
    double *row = NULL; /* [Q] of one document */
    if (!find_checkpoints(of.run, &scores)) {
        goto done;
    }
    AT_TRY(at_array(n_queries, sizeof *row, &row, err));
    AT_TRY(at_put_array(out, "checkpoints", &list, err));
    for (size_t c = 0; c < n; c++) {
        scores.i = of.i_setting * n + c;
        AT_TRY(attrib_run_read(of.run, &scores, result->document.index, 1, row, err));
        double score = row[i_answer % n_queries];
        AT_CHECK(json_array_append_new(list, isfinite(score) ? json_real(score)
                                                             : json_null()) == 0,
                 ATTRIB_ENOMEM, "out of memory for scores of checkpoints");
    }
done:
    free(row);
    return status;
}

static attrib_status write_answer(const at_shown *shown,
                                  size_t i_answer,
                                  at_output *output,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_chunk chunk = {0};
    json_t *list = NULL;
    const attrib_answer *answer = at_shown_answer(shown, i_answer);
    const attrib_result *result = NULL;
    char name[32];
    AT_TRY(at_shown_load(shown, i_answer, err));
    AT_TRY(at_chunk_begin(&chunk, err));
    AT_TRY(at_put_text(chunk.json, "prompt", answer->query.prompt, err));
    AT_TRY(at_put_text(chunk.json, "completion", answer->query.completion, err));
    AT_TRY(at_put_text(chunk.json, "against", answer->query.against, err));
    AT_TRY(at_put_array(chunk.json, "results", &list, err));
    for (size_t j = 0; (result = at_shown_result(shown, answer, j)); j++) {
        json_t *item = NULL;
        AT_TRY(at_add_object(list, &item, err));
        AT_TRY(at_put(item, "isSpurious",
                      json_boolean(attrib_result_is_spurious(result, NULL)), err));
        AT_TRY(add_shares(&chunk, result, true, item, err));
        AT_TRY(add_shares(&chunk, result, false, item, err));
        AT_TRY(add_checkpoints(shown, i_answer, result, item, err));
    }
    snprintf(name, sizeof name, "answer-%zu", i_answer);
    AT_TRY(at_chunk_write(&chunk, name, output, err));
done:
    at_chunk_free(&chunk);
    return status;
}

attrib_status at_page_answers(
    const at_shown *shown, size_t first, size_t end, at_output *output, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = first; i < end; i++) {
        AT_TRY(write_answer(shown, i, output, err));
    }
done:
    return status;
}
