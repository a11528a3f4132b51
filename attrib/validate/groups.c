/* SPDX-License-Identifier: MIT */
#include "validate/groups.h"

#include <stdlib.h>
#include <string.h>

static bool is_alike(const at_part *a, const at_part *b)
{
    return strcmp(a->group, b->group) == 0 && strcmp(a->method, b->method) == 0;
}

bool at_group_begins(const at_truth *truth, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (is_alike(&truth->parts[k], &truth->parts[i])) {
            return false;
        }
    }
    return true;
}

attrib_status at_group_take(const at_truth *truth,
                            size_t i,
                            at_group *out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_part *first = &truth->parts[i];
    size_t *parts = NULL;
    AT_TRY(at_array(truth->n_parts, sizeof *parts, (void *)&parts, err));
    *out = (at_group){.name = first->group, .method = first->method, .parts = parts};
    for (size_t k = i; k < truth->n_parts; k++) {
        const at_part *part = &truth->parts[k];
        if (is_alike(part, first) && part->n_kept < truth->n_documents) {
            parts[out->n_parts++] = k;
        }
    }
done:
    return status;
}

/* The training of a part by this seed; NULL where there is none. */
static const at_training *find_training(const at_truth *truth,
                                        size_t part,
                                        const char *seed)
{
    const at_part *of = &truth->parts[part];
    for (size_t t = of->first_training; t < of->first_training + of->n_trainings; t++) {
        if (strcmp(truth->trainings[t].seed, seed) == 0) {
            return &truth->trainings[t];
        }
    }
    return NULL;
}

static bool have_all(const at_truth *truth, const at_group *group, const char *seed)
{
    for (size_t i = 0; i < group->n_parts; i++) {
        if (!find_training(truth, group->parts[i], seed)) {
            return false;
        }
    }
    return true;
}

static void add_losses(const at_trial *trial,
                       const at_group *group,
                       const char *seed,
                       double *out)
{
    for (size_t i = 0; i < group->n_parts; i++) {
        const at_training *training = find_training(trial->truth, group->parts[i], seed);
        for (size_t q = 0; q < trial->n_queries; q++) {
            out[q * group->n_parts + i] -= training->losses[trial->queries[q]];
        }
    }
}

attrib_status at_group_measured(const at_trial *trial,
                                const at_group *group,
                                double *out,
                                size_t *n_seeds,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_truth *truth = trial->truth;
    const at_part *first = &truth->parts[group->parts[0]];
    size_t n = trial->n_queries * group->n_parts;
    size_t n_common = 0;
    memset(out, 0, n * sizeof *out);
    for (size_t t = first->first_training; t < first->first_training + first->n_trainings;
         t++) {
        const char *seed = truth->trainings[t].seed;
        if (have_all(truth, group, seed)) {
            add_losses(trial, group, seed, out);
            n_common++;
        }
    }
    AT_CHECK(n_common > 0, ATTRIB_EFORMAT,
             "%s: subsets of the group \"%.80s\" have no seed in common",
             truth->losses.name, group->name);
    for (size_t i = 0; i < n; i++) {
        out[i] /= (double)n_common;
    }
    *n_seeds = n_common;
done:
    return status;
}

void at_group_predicted(const at_trial *trial,
                        const at_predictor *predictor,
                        const at_group *group,
                        double *out)
{
    for (size_t q = 0; q < trial->n_queries; q++) {
        for (size_t i = 0; i < group->n_parts; i++) {
            out[q * group->n_parts + i] =
                predictor->effects[group->parts[i] * trial->n_queries + q];
        }
    }
}
