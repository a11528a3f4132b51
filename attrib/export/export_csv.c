/* SPDX-License-Identifier: MIT */
/* The reported documents of all queries as CSV (RFC 4180), by rank. */
#include <string.h>

#include "export/write.h"

#define HEADER "query,rank,score,document,source,member,line,setting,completion_by\r\n"

/* Who wrote the completion: "row" for one that was given. */
static const char *name_writer(const attrib_query *query)
{
    return !query->is_generated ? "row" : query->is_cut ? "model, cut" : "model";
}

/* A field, quoted where it must be; NULL is empty. */
static attrib_status append_field(at_buffer *out, const char *text, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!text || !text[strcspn(text, "\",\r\n")]) {
        return text ? at_buffer_append(out, text, strlen(text), err) : ATTRIB_OK;
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
    for (;;) {
        size_t n = strcspn(text, "\"");
        AT_TRY(at_buffer_append(out, text, n, err));
        text += n;
        if (!*text) {
            break;
        }
        AT_TRY(at_buffer_append(out, "\"\"", 2, err));
        text++;
    }
    AT_TRY(at_buffer_append(out, "\"", 1, err));
done:
    return status;
}

static attrib_status append_row(at_buffer *out,
                                const attrib_query *query,
                                const attrib_setting *setting,
                                const attrib_result *result,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_document *document = &result->document;
    AT_TRY(append_field(out, query->id, err));
    AT_TRY(at_buffer_print(out, err, ",%zu,", result->rank));
    AT_TRY(at_append_number(out, result->score, err));
    AT_TRY(at_buffer_append(out, ",", 1, err));
    AT_TRY(append_field(out, document->id, err));
    AT_TRY(at_buffer_append(out, ",", 1, err));
    AT_TRY(append_field(out, document->source, err));
    AT_TRY(at_buffer_append(out, ",", 1, err));
    AT_TRY(append_field(out, document->member, err));
    AT_TRY(at_buffer_append(out, ",", 1, err));
    if (document->line) {
        AT_TRY(at_buffer_print(out, err, "%zu", document->line));
    }
    AT_TRY(at_buffer_append(out, ",", 1, err));
    AT_TRY(at_append_setting(out, setting, err));
    AT_TRY(at_buffer_append(out, ",", 1, err));
    AT_TRY(append_field(out, name_writer(query), err));
    AT_TRY(at_buffer_append(out, "\r\n", 2, err));
done:
    return status;
}

/* Append the rows of an answer by rank. The last documents stand worst first, so they are
 * taken in reverse. */
static attrib_status append_answer_rows(at_buffer *out,
                                        const attrib_answer *answer,
                                        const attrib_setting *setting,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < answer->n_top; i++) {
        AT_TRY(append_row(out, &answer->query, setting, &answer->top[i], err));
    }
    for (size_t i = answer->n_bottom; i-- > 0;) {
        AT_TRY(append_row(out, &answer->query, setting, &answer->bottom[i], err));
    }
done:
    return status;
}

attrib_status at_export_csv(attrib_run *run, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_run_info *info = attrib_run_describe(run);
    at_buffer text = {0};
    at_output output = {0};
    AT_TRY(at_output_open(path, &output, err));
    AT_TRY(at_output_write(&output, HEADER, sizeof HEADER - 1, err));
    for (size_t i = 0; i < info->n_answers; i++) {
        at_buffer_clear(&text);
        const attrib_answer *answer = attrib_run_answer(run, i);
        AT_TRY(append_answer_rows(&text, answer,
                                  &info->options->settings[answer->i_setting], err));
        AT_TRY(at_output_write(&output, text.bytes, text.n_bytes, err));
    }
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_buffer_free(&text);
    return status;
}
