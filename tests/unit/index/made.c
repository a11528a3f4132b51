/* SPDX-License-Identifier: MIT */
#include "made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "support/check.h"

const size_t out_dims[N_MAPS] = {24, 48};
const size_t in_dims[N_MAPS] = {32, 20};

uint64_t drawn;

double draw(void)
{
    double sum = 0;
    for (int k = 0; k < 12; k++) {
        sum += at_uniform(0x1dec5, 1, drawn++);
    }
    return sum - 6;
}

/* Different rows of errors among TWINS. */
#define N_TWINS ((size_t)3)

void make_rows(made *m, int kind, size_t n_rows)
{
    m->n_rows = kind == SINGLE ? 1 : n_rows;
    for (size_t k = 0; k < N_MAPS; k++) {
        for (size_t t = 0; t < m->n_rows; t++) {
            double size = kind == DECAYING             ? pow(0.7, (double)t)
                          : kind == ZERO               ? 0
                          : kind == LOPSIDED && k == 0 ? 0
                          : kind == LOPSIDED           ? 100
                          : kind == SPIKED             ? (t == 0 ? 1e4 : 1)
                                                       : 1;
            for (size_t j = 0; j < out_dims[k]; j++) {
                m->ds[k][t * out_dims[k] + j] =
                    kind == TWINS && t >= N_TWINS
                        ? m->ds[k][t % N_TWINS * out_dims[k] + j]
                        : (float)(size * draw());
            }
            for (size_t j = 0; j < in_dims[k]; j++) {
                m->a[k][t * in_dims[k] + j] =
                    kind == REPEATED && t > 0 ? m->a[k][j] : (float)draw();
            }
        }
        memset(m->h[k], 0, sizeof m->h[k]);
        for (size_t t = 0; t < m->n_rows; t++) {
            for (size_t i = 0; i < out_dims[k]; i++) {
                for (size_t j = 0; j < in_dims[k]; j++) {
                    m->h[k][i * in_dims[k] + j] += (double)m->ds[k][t * out_dims[k] + i] *
                                                   (double)m->a[k][t * in_dims[k] + j];
                }
            }
        }
    }
}

at_index_shape shape_of(size_t record_bytes, bool is_whole)
{
    at_index_shape shape = {
        .n_maps = N_MAPS, .record_bytes = record_bytes, .is_whole = is_whole};
    shape.maps = calloc(N_MAPS, sizeof *shape.maps);
    assert_non_null(shape.maps);
    for (size_t m = 0; m < N_MAPS; m++) {
        shape.maps[m].out_dim = out_dims[m];
        shape.maps[m].in_dim = in_dims[m];
    }
    return shape;
}

void *deal_bank(attrib_bank *bank)
{
    void *memory = calloc(1, bank->used + 64);
    assert_non_null(memory);
    *bank = (attrib_bank){(char *)(((uintptr_t)memory + 63) & ~(uintptr_t)63), 0};
    return memory;
}

at_found find(const made *m, size_t k, size_t most, bool is_whole)
{
    const at_row_product rows = {m->ds[k], m->a[k], m->n_rows, out_dims[k], in_dims[k]};
    at_component_scratch scratch;
    attrib_bank bank = {0};
    attrib_error err = {0};
    at_found found = {.components = {0, calloc(most, out_dims[k] * sizeof(float)),
                                     calloc(most, in_dims[k] * sizeof(float)),
                                     calloc(most, sizeof(double))}};
    check_ok(at_component_deal(&rows, most, is_whole, &bank, &scratch, &err), &err);
    void *memory = deal_bank(&bank);
    check_ok(at_component_deal(&rows, most, is_whole, &bank, &scratch, &err), &err);
    at_component_task task = {rows, at_smaller(most, m->n_rows), 0, &found.components};
    check_ok(at_components_find(&task, 1, is_whole, &scratch, &err), &err);
    at_components_make_unit(&found.components, found.components.n, out_dims[k],
                            in_dims[k]);
    for (size_t i = 0; i < out_dims[k] * in_dims[k]; i++) {
        found.square += m->h[k][i] * m->h[k][i];
    }
    free(memory);
    return found;
}

void free_found(at_found *found)
{
    free(found->components.u);
    free(found->components.v);
    free(found->components.sigma);
}

int plain_multiple(const uint8_t *bytes, size_t n, unsigned n_digits, size_t i)
{
    static const unsigned powers[] = {1, 3, 9, 27, 81};
    int multiple = 0;
    for (unsigned k = 0; k < n_digits; k++) {
        unsigned byte = bytes[k * ((n + 4) / 5) + i / 5];
        multiple = 3 * multiple + (int)(byte / powers[i % 5] % 3) - 1;
    }
    return multiple;
}
