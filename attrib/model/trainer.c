/* SPDX-License-Identifier: MIT */
/* The folder that a trainer saved checkpoints in.
 *
 * 1. Learning rates.
 * 2. The folder.
 * 3. The public calls. */
#include "model/trainer.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "format/json.h"

/* Bytes of a trainer_state.json, which has some lines for each step that is logged. */
#define MAX_STATE_BYTES ((size_t)1 << 28)

/* 1. Learning rates */

/* Take one entry of the history; those without a rate are of evaluations. A training that
 * was resumed may list a step twice: the first one counts. */
static attrib_status take_entry(const char *name,
                                const json_t *entry,
                                at_schedule *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool has_rate = false;
    bool has_step = false;
    double rate = 0;
    double step = 0;
    AT_CHECK(json_is_object(entry), ATTRIB_EFORMAT,
             "%s: key \"log_history\": expected objects", name);
    AT_TRY(at_json_number(name, entry, "learning_rate", &rate, &has_rate, err));
    AT_TRY(at_json_number(name, entry, "step", &step, &has_step, err));
    if (!has_rate) {
        goto done;
    }
    AT_CHECK(has_step && step >= 0 && step <= 1e15 && floor(step) == step, ATTRIB_EFORMAT,
             "%s: key \"log_history\": a rate without a step", name);
    AT_CHECK(rate >= 0 && rate <= 1e9, ATTRIB_EFORMAT,
             "%s: key \"log_history\": step %.0f has the learning rate %g", name, step,
             rate);
    if (out->n == 0 || step > out->steps[out->n - 1]) {
        out->steps[out->n] = step;
        out->rates[out->n++] = rate;
    }
done:
    return status;
}

attrib_status at_schedule_parse(
    const char *name, const char *text, size_t n, at_schedule *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    json_t *state = NULL;
    const json_t *history = NULL;
    at_schedule made = {0};
    AT_TRY(at_json_parse(name, text, n, &state, err));
    history = json_object_get(state, "log_history");
    AT_CHECK(json_is_array(history), ATTRIB_EFORMAT,
             "%s: key \"log_history\": expected an array", name);
    AT_TRY(at_array(json_array_size(history), sizeof(double), &made.steps, err));
    AT_TRY(at_array(json_array_size(history), sizeof(double), &made.rates, err));
    for (size_t i = 0; i < json_array_size(history); i++) {
        AT_TRY(take_entry(name, json_array_get(history, i), &made, err));
    }
    AT_CHECK(made.n > 0, ATTRIB_EFORMAT, "%s: key \"log_history\": no learning rate",
             name);
    *out = made;
    made = (at_schedule){0};
done:
    json_decref(state);
    at_schedule_free(&made);
    return status;
}

void at_schedule_free(at_schedule *schedule)
{
    free(schedule->steps);
    free(schedule->rates);
    *schedule = (at_schedule){0};
}

double at_schedule_sum(const at_schedule *schedule, double last)
{
    double before = schedule->steps[0];
    double rate = schedule->rates[0];
    double sum = fmin(before, last) * rate;
    for (size_t i = 1; i < schedule->n && before < last; i++) {
        /* sum over k = 1 .. n of rate + k slope */
        double slope = (schedule->rates[i] - rate) / (schedule->steps[i] - before);
        double n = fmin(schedule->steps[i], last) - before;
        sum += n * rate + slope * n * (n + 1) / 2;
        before = schedule->steps[i];
        rate = schedule->rates[i];
    }
    return sum + fmax(last - before, 0) * rate;
}

/* 2. The folder */

typedef struct saved {
    attrib_trainer_checkpoint told; /* borrows the path */
    char *path;
} saved;

struct attrib_trainer {
    saved *list; /* [n] by step; owned */
    size_t n, capacity;
};

/* The step of a folder's name, checkpoint-N. */
static bool read_step(const char *name, size_t *out)
{
    const char begin[] = "checkpoint-";
    const char *digits = name + sizeof begin - 1;
    if (strncmp(name, begin, sizeof begin - 1) != 0 || *digits < '1' || *digits > '9' ||
        strspn(digits, "0123456789") != strlen(digits) || strlen(digits) > 15) {
        return false;
    }
    *out = (size_t)strtoull(digits, NULL, 10);
    return true;
}

static attrib_status add_checkpoint(attrib_trainer *self,
                                    const char *folder,
                                    const char *name,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    saved one = {0};
    if (!read_step(name, &one.told.step)) {
        return ATTRIB_OK;
    }
    AT_TRY(at_join_path(folder, name, &one.path, err));
    if (!at_is_folder(one.path)) {
        goto done;
    }
    if (self->n == self->capacity) {
        size_t capacity = self->capacity ? 2 * self->capacity : 16;
        saved *list = reallocarray(self->list, capacity, sizeof *list);
        AT_CHECK(list, ATTRIB_ENOMEM, "%zu checkpoints", capacity);
        self->list = list;
        self->capacity = capacity;
    }
    one.told.path = one.path;
    one.told.name = one.path + strlen(one.path) - strlen(name);
    self->list[self->n++] = one;
    one.path = NULL;
done:
    free(one.path);
    return status;
}

static int compare(const void *left, const void *right)
{
    size_t a = ((const saved *)left)->told.step;
    size_t b = ((const saved *)right)->told.step;
    return (a > b) - (a < b);
}

/* 3. The public calls */

attrib_status attrib_trainer_open(const char *folder,
                                  attrib_trainer **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_trainer *self = NULL;
    DIR *entries = opendir(folder);
    const struct dirent *entry = NULL;
    AT_CHECK(entries, ATTRIB_EIO, "%s: %s", folder, strerror(errno));
    AT_TRY(at_array(1, sizeof *self, &self, err));
    while ((entry = readdir(entries))) {
        AT_TRY(add_checkpoint(self, folder, entry->d_name, err));
    }
    AT_CHECK(self->n > 0, ATTRIB_EINVAL,
             "%s: no folder checkpoint-N, as a trainer saves them after N steps", folder);
    qsort(self->list, self->n, sizeof *self->list, compare);
    *out = self;
    self = NULL;
done:
    if (entries) {
        closedir(entries);
    }
    attrib_trainer_close(self);
    return status;
}

void attrib_trainer_close(attrib_trainer *trainer)
{
    if (!trainer) {
        return;
    }
    for (size_t i = 0; i < trainer->n; i++) {
        free(trainer->list[i].path);
    }
    free(trainer->list);
    free(trainer);
}

size_t attrib_trainer_count(const attrib_trainer *trainer)
{
    return trainer->n;
}

const attrib_trainer_checkpoint *attrib_trainer_get(const attrib_trainer *trainer,
                                                    size_t i)
{
    return &trainer->list[i].told;
}

attrib_status attrib_trainer_rates(const attrib_trainer *trainer,
                                   double *out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_schedule schedule = {0};
    at_buffer text = {0};
    char *path = NULL;
    AT_TRY(at_join_path(trainer->list[trainer->n - 1].path, "trainer_state.json", &path,
                        err));
    AT_TRY(at_read_file(path, MAX_STATE_BYTES, &text, err));
    AT_TRY(at_schedule_parse(path, text.bytes, text.n_bytes, &schedule, err));
    for (size_t i = 0; i < trainer->n; i++) {
        out[i] = at_schedule_sum(&schedule, (double)trainer->list[i].told.step);
    }
done:
    at_schedule_free(&schedule);
    at_buffer_free(&text);
    free(path);
    return status;
}
