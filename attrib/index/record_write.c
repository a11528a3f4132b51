/* SPDX-License-Identifier: MIT */
/* Which components a record keeps, and in how many digits.
 *
 * A component of size sigma keeps sigma^2 times a share that depends on its digits.
 * Steps, of a component from one number of digits to the next, are taken by what they add
 * for a byte, the best first, as long as there is room. */
#include "index/shape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the first, second and third digit of u and v add to what a component keeps. For
 * normal numbers they would be 0.66, 0.29 and 0.04; but rankings gain less by a second
 * digit than by further components (measured, see README.md). */
static const double gains[AT_MOST_DIGITS] = {0.66, 0.15, 0.02};

typedef struct choice_step {
    size_t i_map, component;
    unsigned n_digits; /* after the step */
    double gain;       /* for each byte */
    size_t n_bytes;
} choice_step;

struct at_choice {
    choice_step *steps; /* room for all */
    uint8_t *digits;    /* [n_maps, 256] taken of each component */
    uint8_t *n_taken;   /* [n_maps] components taken */
};

attrib_status at_choice_deal(const at_index_shape *shape,
                             attrib_bank *bank,
                             at_choice **out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_choice made = {0};
    at_choice *dealt = NULL;
    size_t n_most = 0;
    for (size_t m = 0; m < shape->n_maps; m++) {
        n_most += at_most_components(shape, m) * AT_MOST_DIGITS;
    }
    AT_TRY(attrib_bank_deal(bank, 1, 1, sizeof *dealt, &dealt, err));
    AT_TRY(attrib_bank_deal(bank, n_most, 1, sizeof *made.steps, &made.steps, err));
    AT_TRY(attrib_bank_deal(bank, shape->n_maps, 256, 1, &made.digits, err));
    AT_TRY(attrib_bank_deal(bank, shape->n_maps, 1, 1, &made.n_taken, err));
    if (dealt) {
        *dealt = made;
    }
    *out = dealt;
done:
    return status;
}

/* By what they add; then in the order in which they are read, so that the order is one.
 */
static int compare_steps(const void *left, const void *right)
{
    const choice_step *a = left;
    const choice_step *b = right;
    if (a->gain != b->gain) {
        return a->gain > b->gain ? -1 : 1;
    }
    if (a->i_map != b->i_map) {
        return a->i_map < b->i_map ? -1 : 1;
    }
    if (a->component != b->component) {
        return a->component < b->component ? -1 : 1;
    }
    return (a->n_digits > b->n_digits) - (a->n_digits < b->n_digits);
}

static size_t list_steps(const at_index_shape *shape,
                         const at_found *found,
                         choice_step *out)
{
    size_t n = 0;
    unsigned last = shape->is_whole ? 1 : AT_MOST_DIGITS;
    for (size_t m = 0; m < shape->n_maps; m++) {
        const at_index_map *map = &shape->maps[m];
        for (size_t c = 0; c < found[m].components.n; c++) {
            double sigma = found[m].components.sigma[c];
            for (unsigned d = 1; d <= last; d++) {
                size_t n_bytes = at_component_bytes(map, shape->is_whole ? 0 : d) -
                                 (d > 1 ? at_component_bytes(map, d - 1) : 0);
                out[n++] = (choice_step){
                    m, c, d, gains[d - 1] * sigma * sigma / (double)n_bytes, n_bytes};
            }
        }
    }
    qsort(out, n, sizeof *out, compare_steps);
    return n;
}

/* Take steps while there is room. A component's digits come in order, and so do the
 * components of a map: where one has no room, none after it is taken. */
static void take_steps(const at_index_shape *shape, at_choice *choice, size_t n_steps)
{
    size_t room = shape->record_bytes - at_record_head(shape->n_maps);
    memset(choice->digits, 0, shape->n_maps * 256);
    memset(choice->n_taken, 0, shape->n_maps);
    for (size_t k = 0; k < n_steps; k++) {
        const choice_step *step = &choice->steps[k];
        uint8_t *digits = &choice->digits[step->i_map * 256 + step->component];
        bool is_next =
            *digits + 1U == step->n_digits &&
            (step->n_digits > 1 || choice->n_taken[step->i_map] == step->component);
        if (is_next && step->n_bytes <= room) {
            *digits = (uint8_t)step->n_digits;
            if (step->n_digits == 1) {
                choice->n_taken[step->i_map]++;
            }
            room -= step->n_bytes;
        }
    }
}

/* Write a component in digits; returns |sigma u v' - scale q_u q_v'|. */
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
    double with = of_u.with * of_v.with;
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
                    uint8_t *out)
{
    uint8_t *counts = out + shape->n_maps * 2 * sizeof(float);
    size_t at = at_record_head(shape->n_maps);
    memset(out, 0, shape->record_bytes);
    take_steps(shape, choice, list_steps(shape, found, choice->steps));
    for (size_t m = 0; m < shape->n_maps; m++) {
        const at_index_map *map = &shape->maps[m];
        const at_components *all = &found[m].components;
        double lost = 0;
        at_components_make_unit(all, choice->n_taken[m], map->out_dim, map->in_dim);
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
