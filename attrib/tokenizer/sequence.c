/* SPDX-License-Identifier: MIT */
/* Stages of tokenizer.json as flat lists of steps. */
#include "tokenizer/sequence.h"

#include <string.h>

const char *at_step_type(const json_t *step)
{
    const char *type = json_string_value(json_object_get(step, "type"));
    return type ? type : "";
}

attrib_status at_refuse_step(const char *name,
                             const char *stage,
                             const json_t *step,
                             attrib_error *err)
{
    const char *type = at_step_type(step);
    if (!*type) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: a %s without a \"type\"", name, stage);
    }
    return at_fail(err, ATTRIB_ENOTSUP, "%s: %s \"%.64s\" is not supported", name, stage,
                   type);
}

attrib_status at_step_text(const char *name,
                           const json_t *step,
                           const char *key,
                           const char **out,
                           size_t *n,
                           attrib_error *err)
{
    const json_t *text = json_object_get(step, key);
    if (!json_is_string(text)) {
        return at_fail(err, ATTRIB_EFORMAT, "%s: %s: key \"%s\": expected a string", name,
                       at_step_type(step), key);
    }
    *out = json_string_value(text);
    *n = json_string_length(text);
    return ATTRIB_OK;
}

/* Put the members of the Sequence at `i` in its place. */
static attrib_status unfold(const char *name,
                            const char *members,
                            size_t i,
                            at_sequence *sequence,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *list = json_object_get(sequence->steps[i], members);
    size_t n = json_array_size(list);
    AT_CHECK(json_is_array(list), ATTRIB_EFORMAT,
             "%s: Sequence: key \"%s\": expected an array", name, members);
    AT_CHECK(n <= AT_MAX_STEPS && sequence->n_steps - 1 + n <= AT_MAX_STEPS,
             ATTRIB_ERANGE, "%s: key \"%s\": more than %d steps", name, members,
             AT_MAX_STEPS);
    memmove(sequence->steps + i + n, sequence->steps + i + 1,
            (sequence->n_steps - i - 1) * sizeof *sequence->steps);
    for (size_t j = 0; j < n; j++) {
        sequence->steps[i + j] = json_array_get(list, j);
    }
    sequence->n_steps += n;
    sequence->n_steps -= 1;
done:
    return status;
}

attrib_status at_sequence_read(const char *name,
                               const json_t *stage,
                               const char *members,
                               at_sequence *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_sequence sequence = {0};
    if (stage && !json_is_null(stage)) {
        sequence.steps[sequence.n_steps++] = stage;
    }
    for (size_t i = 0; i < sequence.n_steps;) {
        const json_t *step = sequence.steps[i];
        AT_CHECK(json_is_object(step), ATTRIB_EFORMAT,
                 "%s: key \"%s\": expected objects with a \"type\"", name, members);
        if (strcmp(at_step_type(step), "Sequence") == 0) {
            AT_TRY(unfold(name, members, i, &sequence, err));
        } else {
            i++;
        }
    }
    *out = sequence;
done:
    return status;
}
