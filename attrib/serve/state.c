/* SPDX-License-Identifier: MIT */
/* What a server is and does, as JSON and for Prometheus. */
#include "base/session.h"
#include "export/inspect.h"
#include "serve/serve.h"

/* The numbers of a moment. */
typedef struct moment {
    at_served served;
    size_t n_waiting;
    bool is_busy;
} moment;

static moment look(attrib_server *server)
{
    at_worker_lock(server->worker);
    const moment now = {server->served, at_worker_n_waiting(server->worker),
                        server->work != NULL};
    at_worker_unlock(server->worker);
    return now;
}

static attrib_status put_counts(const attrib_server *server,
                                const moment *now,
                                json_t *object,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_served *served = &now->served;
    const attrib_server_options *options = &server->options;
    AT_TRY(at_put(object, "seconds", json_real(at_now() - server->begun), err));
    AT_TRY(at_put_size(object, "max_waiting", options->max_waiting, err));
    AT_TRY(at_put_size(object, "max_exact", options->max_exact, err));
    AT_TRY(at_put_size(object, "max_body", options->max_body, err));
    AT_TRY(at_put(object, "max_seconds", json_real(options->max_seconds), err));
    AT_TRY(at_put_size(object, "waiting", now->n_waiting, err));
    AT_TRY(at_put(object, "is_busy", json_boolean(now->is_busy), err));
    AT_TRY(at_put_size(object, "requests", served->n_requests, err));
    AT_TRY(at_put_size(object, "answered", served->n_answered, err));
    AT_TRY(at_put_size(object, "refused", served->n_refused, err));
    AT_TRY(at_put_size(object, "failed", served->n_failed, err));
    AT_TRY(at_put_size(object, "given_up", served->n_given_up, err));
    AT_TRY(at_put(object, "answer_seconds", json_real(served->seconds), err));
done:
    return status;
}

attrib_status at_append_state(attrib_server *server, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const moment now = look(server);
    const attrib_server_job *job = &server->job;
    json_t *object = json_object();
    AT_CHECK(object, ATTRIB_ENOMEM, "out of memory for the state");
    AT_TRY(at_put_text(object, "version", attrib_version(), err));
    AT_TRY(at_put_text(object, "name", job->name, err));
    if (job->index) {
        const attrib_index_info *info = attrib_index_describe(job->index);
        AT_TRY(at_put_text(object, "index", info->hash, err));
        AT_TRY(at_put_text(object, "model", info->model_hash, err));
        AT_TRY(at_put_text(object, "factors", info->factors_hash, err));
    }
    if (job->corpus) {
        AT_TRY(at_put_size(object, "documents",
                           attrib_corpus_summarize(job->corpus)->n_documents, err));
    }
    AT_TRY(put_counts(server, &now, object, err));
    AT_TRY(at_json_append(out, object, err));
    AT_TRY(at_buffer_append(out, "\n", 1, err));
done:
    json_decref(object);
    return status;
}

attrib_status at_append_metrics(attrib_server *server, at_buffer *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const moment now = look(server);

    const struct {
        const char *name, *type, *help;
        double value;
    } all[] = {
        {"requests_total", "counter", "Requests taken.", (double)now.served.n_requests},
        {"refused_total", "counter", "Requests refused.", (double)now.served.n_refused},
        {"answered_total", "counter", "Questions answered.",
         (double)now.served.n_answered},
        {"failed_total", "counter", "Questions that could not be answered.",
         (double)now.served.n_failed},
        {"given_up_total", "counter", "Questions given up by those who asked.",
         (double)now.served.n_given_up},
        {"answer_seconds_total", "counter", "Time that answered questions took.",
         now.served.seconds},
        {"waiting", "gauge", "Questions that wait.", (double)now.n_waiting},
        {"busy", "gauge", "1 while a question is worked on.", now.is_busy ? 1 : 0},
        {"uptime_seconds", "gauge", "Time since the server began.",
         at_now() - server->begun},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        AT_TRY(at_buffer_print(out, err,
                               "# HELP attrib_serve_%s %s\n# TYPE attrib_serve_%s "
                               "%s\nattrib_serve_%s %.17g\n",
                               all[i].name, all[i].help, all[i].name, all[i].type,
                               all[i].name, all[i].value));
    }
done:
    return status;
}
