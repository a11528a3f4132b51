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

/* Who is told of stages, and of which corpus they are. */
typedef struct listener {
    const attrib_corpus *corpus;
    bool certifies;
    at_tell_fn tell;
    void *context;
} listener;

static attrib_status append_listed(at_buffer *out,
                                   const listener *self,
                                   const attrib_listed *one,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_document document;
    attrib_corpus_document(self->corpus, one->document, &document);
    AT_TRY(at_buffer_print(out, err, "{\"index\":%zu,\"id\":", one->document));
    AT_TRY(at_json_append_text(out, document.id, strlen(document.id), err));
    AT_TRY(at_buffer_print(out, err, ",\"score\":%.17g,\"is_estimate\":%s", one->score,
                           one->is_exact ? "false" : "true"));
    if (!one->is_exact && self->certifies) {
        AT_TRY(at_buffer_print(out, err, ",\"error\":"));
        AT_TRY(at_append_number(out, one->error, err));
    }
    AT_TRY(at_buffer_append(out, "}", 1, err));
done:
    return status;
}

static attrib_status append_list(at_buffer *out,
                                 const listener *self,
                                 const char *key,
                                 const attrib_listed *list,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, ",\"%s\":[", key));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_buffer_append(out, ",", i > 0, err));
        AT_TRY(append_listed(out, self, &list[i], err));
    }
    AT_TRY(at_buffer_append(out, "]", 1, err));
done:
    return status;
}

/* A stage as attrib query --format jsonl writes it. */
static attrib_status tell_stage(void *context,
                                const attrib_listing *listing,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const listener *self = context;
    at_buffer line = {0};
    AT_TRY(at_buffer_print(&line, err,
                           "{\"stage\":%zu,\"is_last\":%s,\"n_exact\":%zu,"
                           "\"n_documents\":%zu",
                           listing->i_stage, listing->is_last ? "true" : "false",
                           listing->n_exact, listing->n_documents));
    if (self->certifies) {
        AT_TRY(at_buffer_print(&line, err,
                               ",\"n_open\":%zu,\"share_of_bound\":", listing->n_open));
        AT_TRY(at_append_number(&line, listing->error, err));
    }
    AT_TRY(append_list(&line, self, "results", listing->first, listing->n_first, err));
    AT_TRY(append_list(&line, self, "opposed", listing->last, listing->n_last, err));
    AT_TRY(at_buffer_print(&line, err, "}\n"));
    self->tell(self->context, line.bytes, line.n_bytes);
done:
    at_buffer_free(&line);
    return status;
}

/* Ask in a session of the question's own, so that it is canceled in the midst of a stage:
 * for this the documents are found in the index anew. */
static attrib_status answer(const attrib_score_job *scored,
                            attrib_session *session,
                            attrib_queries *queries,
                            const attrib_question *asked,
                            attrib_run **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_asking *asking = NULL;
    AT_TRY(attrib_asking_open(session, scored, &asking, err));
    AT_TRY(attrib_asking_answer(asking, queries, NULL, asked, out, err));
done:
    attrib_asking_close(asking);
    return status;
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
    listener self = {job->corpus, question->certify > 0, tell, context};
    attrib_queries *queries = NULL;
    attrib_run *run = NULL;
    attrib_where *where = NULL;
    attrib_score_options options = *job->options;
    attrib_score_job scored;
    attrib_question asked;
    char prefilter[32];
    snprintf(prefilter, sizeof prefilter, "index:%zu", question->n_exact);
    options.prefilter = prefilter;
    options.top = question->top;
    attrib_score_job_default(&scored);
    scored.model = job->model;
    scored.tokenizer = job->tokenizer;
    scored.factors = job->factors;
    scored.corpus = job->corpus;
    scored.index = job->index;
    scored.options = &options;
    attrib_question_default(&asked);
    asked.n_exact = question->n_exact;
    asked.seconds = question->seconds;
    asked.certify = question->certify;
    asked.stage = tell_stage;
    asked.context = &self;
    AT_TRY(read_query(job, question, &queries, err));
    AT_TRY(attrib_where_new(question->where, question->n_where, &where, err));
    asked.where = question->n_where ? where : NULL;
    AT_TRY(answer(&scored, session, queries, &asked, &run, err));
    AT_TRY(at_append_answer(out, run, 0, err));
done:
    if (queries && (status == ATTRIB_EFORMAT || status == ATTRIB_ESHAPE)) {
        status = ATTRIB_EIO; /* a damaged file is no mistake of who asks */
    }
    attrib_run_close(run);
    attrib_queries_close(queries);
    attrib_where_free(where);
    return status;
}

attrib_status at_append_progress(at_buffer *out,
                                 const attrib_progress *progress,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_buffer_print(out, err, "{\"progress\":"));
    AT_TRY(at_json_append_text(out, progress->stage, strlen(progress->stage), err));
    AT_TRY(at_buffer_print(out, err, ",\"done\":%zu,\"total\":%zu,\"unit\":",
                           progress->done, progress->total));
    AT_TRY(at_json_append_text(out, progress->unit, strlen(progress->unit), err));
    AT_TRY(at_buffer_print(out, err, "}\n"));
done:
    return status;
}
