/* SPDX-License-Identifier: MIT */
#include "corpus/measure.h"

#include <string.h>

/* Names that a row may give; the others follow from `against` and `direction`. */
static const struct {
    const char *name;
    bool is_given;
} measures[] = {[ATTRIB_MEASURE_LOGPROB] = {"log-probability", true},
                [ATTRIB_MEASURE_MARGIN] = {"margin", false},
                [ATTRIB_MEASURE_PROBABILITY] = {"probability", true},
                [ATTRIB_MEASURE_DIRECTION] = {"direction", false}};

const char *attrib_measure_name(attrib_measure measure)
{
    return measures[measure].name;
}

static attrib_status find_measure(const char *name,
                                  const json_t *value,
                                  attrib_measure *out,
                                  attrib_error *err)
{
    const char *text = json_string_value(value);
    *out = ATTRIB_MEASURE_LOGPROB;
    if (!value) {
        return ATTRIB_OK;
    }
    for (size_t i = 0; text && i < sizeof measures / sizeof *measures; i++) {
        if (measures[i].is_given && strcmp(measures[i].name, text) == 0) {
            *out = (attrib_measure)i;
            return ATTRIB_OK;
        }
    }
    return at_fail(err, ATTRIB_EFORMAT,
                   "%s: field \"measure\": %s%.40s%s, expected \"log-probability\" or "
                   "\"probability\" (a tag of this name stands in \"tags\")",
                   name, text ? "\"" : "no text", text ? text : "", text ? "\"" : "");
}

/* A direction is measured alone, whatever the row says of it. */
static attrib_status check_direction(const char *name,
                                     const at_measuring *found,
                                     bool has_measure,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!found->direction.path || (!found->against && !has_measure), ATTRIB_ESHAPE,
             "%s: field \"direction\" with field \"%s\", which measures another thing",
             name, found->against ? "against" : "measure");
done:
    return status;
}

attrib_status at_measuring_take(const char *name,
                                json_t *row,
                                const char *folder,
                                at_measuring *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_measuring found = {0};
    json_t *measure = NULL;
    AT_TRY(at_direction_take(name, row, folder, &found.direction, err));
    AT_TRY(at_row_take(name, row, "measure", &measure, err));
    AT_TRY(find_measure(name, measure, &found.measure, err));
    AT_TRY(at_row_take(name, row, "against", &found.against, err));
    AT_CHECK(!found.against || json_string_length(found.against) > 0 ||
                 json_is_object(found.against),
             ATTRIB_EFORMAT, "%s: field \"against\": expected a text that is not empty",
             name);
    AT_CHECK(!found.against || found.measure == ATTRIB_MEASURE_LOGPROB, ATTRIB_ESHAPE,
             "%s: field \"against\" with measure \"%s\": a margin is one of "
             "log-probabilities",
             name, attrib_measure_name(found.measure));
    AT_TRY(check_direction(name, &found, measure != NULL, err));
    if (found.against) {
        found.measure = ATTRIB_MEASURE_MARGIN;
    } else if (found.direction.path) {
        found.measure = ATTRIB_MEASURE_DIRECTION;
    }
    *out = found;
    found = (at_measuring){0};
done:
    json_decref(measure);
    at_measuring_free(&found);
    return status;
}

void at_measuring_free(at_measuring *measuring)
{
    json_decref(measuring->against);
    at_direction_free(&measuring->direction);
    *measuring = (at_measuring){0};
}
