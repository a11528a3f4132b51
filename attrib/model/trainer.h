/* SPDX-License-Identifier: MIT */
/* What a trainer writes down of its steps: trainer_state.json of Hugging Face's Trainer.
 */
#ifndef AT_MODEL_TRAINER_H
#define AT_MODEL_TRAINER_H

#include "attrib/model.h"

/* Learning rates at steps of a training. Zeroed = none. */
typedef struct at_schedule {
    double *steps, *rates; /* [n] steps rise; owned */
    size_t n;
} at_schedule;

/* Read the rates that "log_history" lists; `name` is what messages call the text. EFORMAT
 * where a step or a rate is no number of one. */
attrib_status at_schedule_parse(
    const char *name, const char *text, size_t n, at_schedule *out, attrib_error *err);
void at_schedule_free(at_schedule *schedule);

/* The sum of the rates of steps 1 .. last. Between two steps of the list a rate lies on
 * the line through theirs, before the first and after the last it is theirs. */
double at_schedule_sum(const at_schedule *schedule, double last);

#endif
