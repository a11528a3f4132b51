/* SPDX-License-Identifier: MIT */
/* A question answered: the same run as that of attrib query. */
#include <stdio.h>
#include <string.h>

#include "export/write.h"
#include "serve/serve.h"

static attrib_status read_query(const attrib_server_job *job,
                                const at_question *question,
                                attrib_queries **out,
                                attrib_error *err)
{
    const attrib_query_row row = {.prompt = question->prompt,
                                  .completion = question->completion,
                                  .against = question->against,
                                  .measure = question->measure};
    const attrib_query_rows rows = ATTRIB_LIST(&row, 1);
    if (row.against || row.measure) {
        return attrib_queries_from_rows(&rows, job->tokenizer, job->corpus_options, out,
                                        err);
    }
    return attrib_queries_from_prompt(row.prompt, row.completion, job->tokenizer,
                                      job->corpus_options, out, err);
}

attrib_status at_answer_question(const attrib_server_job *job,
                                 attrib_session *session,
                                 const at_question *question,
                                 at_tell_fn tell,
                                 void *context,
                                 at_buffer *out,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    attrib_score_options options = *job->options;
    attrib_score_job scored;
    char prefilter[32];
    (void)tell;
    (void)context;
    snprintf(prefilter, sizeof prefilter, "index:%zu", question->n_exact);
    options.prefilter = prefilter;
    options.top = question->top;
    AT_TRY(read_query(job, question, &queries, err));
    attrib_score_job_default(&scored);
    scored.model = job->model;
    scored.tokenizer = job->tokenizer;
    scored.factors = job->factors;
    scored.corpus = job->corpus;
    scored.index = job->index;
    scored.queries = queries;
    scored.options = &options;
    AT_TRY(attrib_run_score(session, &scored, &run, err));
    AT_TRY(at_append_answer(out, run, 0, err));
done:
    attrib_run_close(run);
    attrib_queries_close(queries);
    return status;
}

attrib_status at_append_progress(at_buffer *out,
                                 const attrib_progress *progress,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "{\"stage\":"));
    AT_TRY(at_json_append_text(out, progress->stage, strlen(progress->stage), err));
    AT_TRY(at_buffer_print(out, err, ",\"done\":%zu,\"total\":%zu,\"unit\":",
                           progress->done, progress->total));
    AT_TRY(at_json_append_text(out, progress->unit, strlen(progress->unit), err));
    AT_TRY(at_buffer_print(out, err, "}\n"));
done:
    return status;
}
