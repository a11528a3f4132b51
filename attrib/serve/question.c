/* SPDX-License-Identifier: MIT */
/* The body of a question. */
#include "serve/question.h"

#include <stdlib.h>
#include <string.h>

#define NAME           "question" /* in messages */

#define MAX_CONDITIONS ((size_t)32)

static attrib_status check_keys(json_t *object, attrib_error *err)
{
    static const char *const known[] = {"prompt", "completion", "against", "measure",
                                        "exact",  "top",        "time",    "certify",
                                        "where",  "stages"};
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        bool is_known = false;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            is_known = is_known || strcmp(key, known[i]) == 0;
        }
        if (!is_known) {
            return at_fail(err, ATTRIB_EINVAL,
                           NAME ": key \"%.80s\": expected prompt, completion, against, "
                                "measure, exact, top, time, certify, where, stages",
                           key);
        }
    }
    return ATTRIB_OK;
}

static attrib_status read_texts(at_question *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *object = out->object;
    AT_TRY(at_json_text(NAME, object, "prompt", &out->prompt, NULL, err));
    AT_TRY(at_json_text(NAME, object, "completion", &out->completion, NULL, err));
    AT_TRY(at_json_text(NAME, object, "against", &out->against, NULL, err));
    AT_TRY(at_json_text(NAME, object, "measure", &out->measure, NULL, err));
    AT_CHECK(out->prompt, ATTRIB_EINVAL, NAME ": no \"prompt\"");
done:
    return status;
}

/* A number of documents in [1, most]. */
static attrib_status read_count(const json_t *object,
                                const char *key,
                                size_t most,
                                size_t *out,
                                bool *is_there,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_json_size(NAME, object, key, out, is_there, err));
    AT_CHECK(!*is_there || (*out >= 1 && *out <= most), ATTRIB_EINVAL,
             NAME ": \"%s\": %zu is not in [1, %zu]", key, *out, most);
done:
    return status;
}

/* A number in (0, most]. */
static attrib_status read_limit(
    const json_t *object, const char *key, double most, double *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_there = false;
    AT_TRY(at_json_number(NAME, object, key, out, &is_there, err));
    AT_CHECK(!is_there || (*out > 0 && *out <= most), ATTRIB_EINVAL,
             NAME ": \"%s\": %g is not in (0, %g]", key, *out, most);
done:
    return status;
}

/* Conditions: a list of texts. */
static attrib_status read_where(at_question *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *list = json_object_get(out->object, "where");
    size_t n = json_array_size(list);
    if (!list || json_is_null(list)) {
        return ATTRIB_OK;
    }
    AT_CHECK(json_is_array(list) && n <= MAX_CONDITIONS, ATTRIB_EINVAL,
             NAME ": \"where\": expected a list of %zu texts at most", MAX_CONDITIONS);
    AT_TRY(at_array(n, sizeof *out->where, &out->where, err));
    for (size_t i = 0; i < n; i++) {
        out->where[out->n_where] = json_string_value(json_array_get(list, i));
        AT_CHECK(out->where[out->n_where++], ATTRIB_EINVAL,
                 NAME ": \"where\": expected texts, as kind=person");
    }
done:
    return status;
}

attrib_status at_question_read(const char *body,
                               size_t n,
                               size_t max_exact,
                               size_t n_exact,
                               size_t top,
                               at_question *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_exact = false;
    bool has_top = false;
    *out = (at_question){.n_exact = n_exact, .top = top, .has_stages = true};
    AT_TRY(at_json_parse(NAME, body, n, &out->object, err));
    AT_CHECK(json_is_object(out->object), ATTRIB_EINVAL, NAME ": no JSON object");
    AT_TRY(check_keys(out->object, err));
    AT_TRY(read_texts(out, err));
    AT_TRY(read_count(out->object, "exact", max_exact, &out->n_exact, &has_exact, err));
    AT_TRY(read_count(out->object, "top", max_exact, &out->top, &has_top, err));
    AT_TRY(at_json_bool(NAME, out->object, "stages", &out->has_stages, NULL, err));
    AT_TRY(read_limit(out->object, "time", 1e9, &out->seconds, err));
    AT_TRY(read_limit(out->object, "certify", 1, &out->certify, err));
    AT_TRY(read_where(out, err));
    if (!has_exact && (out->seconds > 0 || out->certify > 0)) {
        out->n_exact = max_exact;
    }
    if (has_top && !has_exact) {
        out->n_exact = at_larger(out->n_exact, out->top);
    }
    if (!has_top) {
        out->top = at_smaller(out->top, out->n_exact);
    }
    AT_CHECK(out->top <= out->n_exact, ATTRIB_EINVAL,
             NAME ": \"top\": %zu: \"exact\" scores %zu documents of either end alone",
             out->top, out->n_exact);
done:
    return status;
}

void at_question_free(at_question *question)
{
    free(question->where);
    json_decref(question->object);
    *question = (at_question){0};
}
