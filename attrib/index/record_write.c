/* SPDX-License-Identifier: MIT */
/* Which components a record keeps, and in how many digits.
 *
 * A component of size sigma keeps sigma^2 times a share that depends on its digits.
 * Steps, of a component from one number of digits to the next, are taken by what they add
 * for a byte, the best first, as long as there is room. */
#include "index/shape.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* What the first, second and third digit of u and v add to what a component keeps. For
 * normal numbers they would be 0.66, 0.29 and 0.04; but rankings gain less by a second
 * digit than by further components (measured, see README.md). */
static const double gains[AT_MOST_DIGITS] = {0.66, 0.15, 0.02};

/* A step of a component of a map to so many digits. */
typedef struct choice_step {
    double gain; /* for each byte */
    uint32_t i_map;
    uint8_t component, n_digits; /* after the step */
} choice_step;

/* The best steps of a document, those of the maps that it has so far. */
typedef struct step_list {
    choice_step *steps; /* [most] the best first */
    size_t n;
    bool is_full; /* what comes after the last one has no room */
} step_list;

struct at_choice {
    step_list *lists;    /* [n_documents] */
    choice_step *merged; /* [most] */
    size_t most;         /* steps of a list */
    size_t reach;        /* bytes: a step that follows so many is not listed */
    size_t *bytes;       /* [n_maps, AT_MOST_DIGITS] that steps take */
    uint8_t *digits;     /* [n_maps, 256] taken of each component */
    uint8_t *n_taken;    /* [n_maps] components taken */
};

/* Bytes that a step takes. */
static size_t step_bytes(const at_index_shape *shape, size_t i_map, unsigned n_digits)
{
    const at_index_map *map = &shape->maps[i_map];
    return shape->is_whole ? at_component_bytes(map, 0)
           : n_digits == 1 ? at_component_bytes(map, 1)
                           : at_component_bytes(map, n_digits) -
                                 at_component_bytes(map, n_digits - 1);
}

static size_t room_of(const at_index_shape *shape)
{
    return shape->record_bytes - at_record_head(shape->n_maps);
}

/* Room for the widest component is beyond that of a record: where one has no room any
 * more, a narrower one that comes later may. */
static void measure_lists(const at_index_shape *shape, at_choice *out)
{
    size_t widest = 0;
    size_t least = SIZE_MAX;
    size_t n_all = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        widest = at_larger(widest, step_bytes(shape, m, 1));
        least = at_smaller(least, step_bytes(shape, m, shape->is_whole ? 1 : 2));
        n_all += at_most_components(shape, m) * AT_MOST_DIGITS;
    }
    out->reach = room_of(shape) + widest;
    out->most = at_smaller(n_all, out->reach / at_larger(least, 1) + 1);
}

static void fill_bytes(const at_index_shape *shape, at_choice *choice)
{
    for (size_t m = 0; m < shape->n_maps; m++) {
        for (unsigned d = 1; d <= AT_MOST_DIGITS; d++) {
            choice->bytes[m * AT_MOST_DIGITS + d - 1] = step_bytes(shape, m, d);
        }
    }
}

/* Bytes that a step takes, as they were noted. */
static size_t bytes_of(const at_choice *choice, size_t i_map, unsigned n_digits)
{
    return choice->bytes[i_map * AT_MOST_DIGITS + n_digits - 1];
}

attrib_status at_choice_deal(const at_index_shape *shape,
                             size_t n_documents,
                             attrib_bank *bank,
                             at_choice **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_choice made = {0};
    at_choice *dealt = NULL;
    measure_lists(shape, &made);
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *dealt, &dealt, err));
    AT_TRY(attrib_bank_deal(bank, n_documents, 1, sizeof *made.lists, &made.lists, err));
    for (size_t d = 0; d < n_documents; d++) {
        choice_step *steps = NULL;
        AT_TRY(attrib_bank_deal(bank, made.most, 1, sizeof *steps, &steps, err));
        if (made.lists) {
            made.lists[d] = (step_list){.steps = steps};
        }
    }
    AT_TRY(attrib_bank_deal(bank, made.most, 1, sizeof *made.merged, &made.merged, err));
    AT_TRY(attrib_bank_deal(bank, shape->n_maps, AT_MOST_DIGITS, sizeof *made.bytes,
                            &made.bytes, err));
    AT_TRY(attrib_bank_deal(bank, shape->n_maps, 256, 1, &made.digits, err));
    AT_TRY(attrib_bank_deal(bank, shape->n_maps, 1, 1, &made.n_taken, err));
    if (dealt) {
        *dealt = made;
        fill_bytes(shape, dealt);
    }
    *out = dealt;
done:
    return status;
}

/* By what they add; then in the order in which they are read, so that the order is one.
 */
static bool comes_before(const choice_step *a, const choice_step *b)
{
    if (a->gain != b->gain) {
        return a->gain > b->gain;
    }
    if (a->i_map != b->i_map) {
        return a->i_map < b->i_map;
    }
    return a->component != b->component ? a->component < b->component
                                        : a->n_digits < b->n_digits;
}

double at_choice_least(const at_choice *choice, size_t i_document, size_t i_map)
{
    const step_list *list = &choice->lists[i_document];
    double bytes = (double)bytes_of(choice, i_map, 1);
    return list->is_full ? sqrt(list->steps[list->n - 1].gain * bytes / gains[0]) : 0;
}

/* The steps of a map's components to one number of digits, which descend. */
typedef struct step_source {
    const at_components *of;
    choice_step next;
    double per_square; /* what a step gains of sigma^2 */
    size_t n_bytes, n_left;
} step_source;

/* Find the next step of a source: that of its component. */
static void find_next(step_source *source)
{
    if (source->n_left > 0) {
        double sigma = source->of->sigma[source->next.component];
        source->next.gain = source->per_square * sigma * sigma;
    }
}

/* The source whose next step comes before all others'; NULL: all are used up. */
static step_source *find_best(step_source *sources, size_t n)
{
    step_source *best = NULL;
    for (size_t k = 0; k < n; k++) {
        bool is_better = sources[k].n_left > 0 &&
                         (!best || comes_before(&sources[k].next, &best->next));
        best = is_better ? &sources[k] : best;
    }
    return best;
}

void at_choice_add(const at_index_shape *shape,
                   at_choice *choice,
                   size_t i_document,
                   size_t i_map,
                   const at_components *found)
{
    step_list *list = &choice->lists[i_document];
    step_source sources[AT_MOST_DIGITS];
    unsigned n_sources = shape->is_whole ? 1 : AT_MOST_DIGITS;
    size_t n = 0;
    size_t n_bytes = 0;
    size_t i = 0; /* of the list */
    for (unsigned d = 1; d <= n_sources; d++) {
        size_t bytes = bytes_of(choice, i_map, d);
        sources[d - 1] = (step_source){found,
                                       {.i_map = (uint32_t)i_map, .n_digits = (uint8_t)d},
                                       gains[d - 1] / (double)bytes,
                                       bytes,
                                       found->n};
        find_next(&sources[d - 1]);
    }
    while (n_bytes < choice->reach) {
        step_source *best = find_best(sources, n_sources);
        if (i < list->n && (!best || comes_before(&list->steps[i], &best->next))) {
            const choice_step *next = &list->steps[i++];
            n_bytes += bytes_of(choice, next->i_map, next->n_digits);
            choice->merged[n++] = *next;
        } else if (best) {
            n_bytes += best->n_bytes;
            choice->merged[n++] = best->next;
            best->next.component++;
            best->n_left--;
            find_next(best);
        } else {
            break;
        }
    }
    list->is_full = n_bytes >= choice->reach;
    list->n = n;
    memcpy(list->steps, choice->merged, n * sizeof *list->steps);
}

/* Take steps while there is room. A component's digits come in order, and so do the
 * components of a map: where one has no room, none after it is taken. */
static void take_steps(const at_index_shape *shape,
                       const at_choice *choice,
                       const step_list *list)
{
    size_t room = room_of(shape);
    memset(choice->digits, 0, shape->n_maps * 256);
    memset(choice->n_taken, 0, shape->n_maps);
    for (size_t k = 0; k < list->n; k++) {
        const choice_step *step = &list->steps[k];
        uint8_t *digits = &choice->digits[step->i_map * 256 + step->component];
        size_t n_bytes = bytes_of(choice, step->i_map, step->n_digits);
        bool is_next =
            *digits + 1U == step->n_digits &&
            (step->n_digits > 1 || choice->n_taken[step->i_map] == step->component);
        if (is_next && n_bytes <= room) {
            *digits = step->n_digits;
            if (step->n_digits == 1) {
                choice->n_taken[step->i_map]++;
            }
            room -= n_bytes;
        }
    }
}

/* Write a component in digits; returns |sigma u v' - scale q_u q_v'|, of u and v of norm
 * 1, whatever norm they have as they are found. */
static double put_component(const at_index_map *map,
                            const float *u,
                            const float *v,
                            double sigma,
                            unsigned n_digits,
                            uint8_t *out)
{
    size_t o = map->out_dim;
    uint8_t *trits = out + sizeof(float) + 1;
    at_rounding of_u = at_trits_put(u, o, n_digits, trits);
    at_rounding of_v =
        at_trits_put(v, map->in_dim, n_digits, trits + n_digits * at_trits_bytes(o));
    double square = of_u.square * of_v.square;
    double norms = of_u.norm * of_v.norm;
    double with = norms > 0 ? of_u.with * of_v.with / norms : 0;
    float scale = square > 0 ? (float)(sigma * with / square) : 0;
    double s = (double)scale;
    memcpy(out, &scale, sizeof scale);
    out[sizeof scale] = (uint8_t)n_digits;
    return sqrt(fmax(sigma * sigma - 2 * sigma * s * with + s * s * square, 0));
}

static double put_whole(
    const at_index_map *map, const float *u, const float *v, double sigma, uint8_t *out)
{
    float scale = (float)sigma;
    size_t u_bytes = map->out_dim * sizeof *u;
    memcpy(out, &scale, sizeof scale);
    out[sizeof scale] = 0;
    memcpy(out + sizeof scale + 1, u, u_bytes);
    memcpy(out + sizeof scale + 1 + u_bytes, v, map->in_dim * sizeof *v);
    return 0x1p-22 * sigma;
}

/* Bounds are wider by these shares for the rounding of f32: components are orthonormal up
 * to some of its eps, times the roots of Gram matrices that LEAST_SHARE lets through. */
#define SLACK_SHARE 1e-3
#define SLACK_NORM  2e-3
#define SLACK_WHOLE 1e-5

/* A bound of |H - kept| from what each kept component lost. */
static double bound_left(const at_found *found, size_t n, double lost, bool is_whole)
{
    double rest = found->square;
    for (size_t c = 0; c < n; c++) {
        rest -= found->components.sigma[c] * found->components.sigma[c];
    }
    double norm = sqrt(found->square);
    double slack = (is_whole ? SLACK_WHOLE : SLACK_NORM) * norm;
    return (1 + SLACK_SHARE) * (sqrt(fmax(rest, 0)) + lost) + slack;
}

void at_record_pack(const at_index_shape *shape,
                    const at_found *found,
                    at_choice *choice,
                    size_t i_document,
                    uint8_t *out)
{
    step_list *list = &choice->lists[i_document];
    uint8_t *counts = out + shape->n_maps * 2 * sizeof(float);
    size_t at = at_record_head(shape->n_maps);
    memset(out, 0, shape->record_bytes);
    take_steps(shape, choice, list);
    *list = (step_list){.steps = list->steps};
    for (size_t m = 0; m < shape->n_maps; m++) {
        const at_index_map *map = &shape->maps[m];
        const at_components *all = &found[m].components;
        double lost = 0;
        if (shape->is_whole) {
            at_components_make_unit(all, choice->n_taken[m], map->out_dim, map->in_dim);
        }
        for (size_t c = 0; c < choice->n_taken[m]; c++) {
            const float *u = all->u + c * map->out_dim;
            const float *v = all->v + c * map->in_dim;
            unsigned n_digits = shape->is_whole ? 0 : choice->digits[m * 256 + c];
            lost += n_digits ? put_component(map, u, v, all->sigma[c], n_digits, out + at)
                             : put_whole(map, u, v, all->sigma[c], out + at);
            at += at_component_bytes(map, n_digits);
        }
        counts[m] = choice->n_taken[m];
        const float norms[2] = {
            (float)(sqrt(found[m].square) * (1 + SLACK_SHARE)),
            (float)bound_left(&found[m], counts[m], lost, shape->is_whole)};
        memcpy(out + m * sizeof norms, norms, sizeof norms);
    }
}
