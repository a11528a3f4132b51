/* SPDX-License-Identifier: MIT */
/* Any bytes as a trainer_state.json: the sums of what is accepted are numbers that do not
 * fall from step to step. */
#include <math.h>

#include "model/trainer.h"
#include "promise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attrib_error err = {0};
    at_schedule schedule = {0};
    double before = 0;
    if (at_schedule_parse("fuzz", (const char *)data, size, &schedule, &err) !=
        ATTRIB_OK) {
        PROMISE(err.message[0] != '\0');
        PROMISE(schedule.n == 0);
        return 0;
    }
    for (double step = 1; step <= 1e15; step *= 10) {
        double sum = at_schedule_sum(&schedule, step);
        PROMISE(!isnan(sum));
        PROMISE(sum >= before * (1 - 1e-9));
        before = sum;
    }
    at_schedule_free(&schedule);
    return 0;
}
