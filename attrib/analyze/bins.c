/* SPDX-License-Identifier: MIT */
/* Bins of numbers with equally many items. */
#include "analyze/bins.h"

#include <math.h>
#include <stdlib.h>

#include "analyze/stats.h"

static attrib_status sort_numbers(
    const double *numbers, size_t n_items, double **sorted, size_t *n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *n = 0;
    AT_TRY(at_array(n_items, sizeof **sorted, (void *)sorted, err));
    for (size_t i = 0; i < n_items; i++) {
        if (!isnan(numbers[i])) {
            (*sorted)[(*n)++] = numbers[i];
        }
    }
    at_sort_ascending(*sorted, *n);
done:
    return status;
}

/* The values that bins begin at: out [n_bins], ascending, different. Returns how many. */
static size_t cut_bins(const double *sorted, size_t n, size_t n_bins, double *out)
{
    size_t n_cuts = 0;
    for (size_t i = 0; i < n_bins; i++) {
        double cut = sorted[i * n / n_bins];
        if (n_cuts == 0 || cut > out[n_cuts - 1]) {
            out[n_cuts++] = cut;
        }
    }
    return n_cuts;
}

/* The last of `sorted` that is below the next cut. */
static double last_below(const double *sorted, size_t n, double next)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (sorted[middle] < next) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return sorted[low - 1];
}

static attrib_status name_bins(at_grouping *out,
                               const double *sorted,
                               size_t n,
                               const double *cuts,
                               size_t n_cuts,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    free(out->names);
    out->names = NULL;
    AT_TRY(at_array(n_cuts, sizeof *out->names, (void *)&out->names, err));
    for (size_t i = 0; i < n_cuts; i++) {
        double last = i + 1 < n_cuts ? last_below(sorted, n, cuts[i + 1]) : sorted[n - 1];
        at_buffer_clear(&text);
        AT_TRY(cuts[i] == last
                   ? at_buffer_print(&text, err, "%.6g", last)
                   : at_buffer_print(&text, err, "%.6g to %.6g", cuts[i], last));
        AT_TRY(at_arena_text(out->texts, text.bytes, text.n_bytes, &out->names[i], err));
    }
    out->n_groups = n_cuts;
done:
    at_buffer_free(&text);
    return status;
}

/* Put each item with a number into its bin, in place of the groups of single values. */
static attrib_status fill_bins(at_grouping *out,
                               const double *numbers,
                               const double *cuts,
                               size_t n_cuts,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 0;
    free(out->groups);
    out->groups = NULL;
    AT_TRY(at_array(out->n_items, sizeof *out->groups, (void *)&out->groups, err));
    for (size_t i = 0; i < out->n_items; i++) {
        size_t bin = 0;
        out->first[i] = n;
        if (isnan(numbers[i])) {
            continue;
        }
        while (bin + 1 < n_cuts && numbers[i] >= cuts[bin + 1]) {
            bin++;
        }
        out->groups[n++] = (uint32_t)bin;
    }
    out->first[out->n_items] = n;
done:
    return status;
}

attrib_status at_make_bins(at_grouping *out,
                           const double *numbers,
                           size_t n_bins,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double *sorted = NULL;
    double *cuts = NULL;
    size_t n = 0;
    size_t n_cuts = 0;
    AT_TRY(sort_numbers(numbers, out->n_items, &sorted, &n, err));
    AT_TRY(at_array(n_bins, sizeof *cuts, (void *)&cuts, err));
    n_cuts = cut_bins(sorted, n, n_bins, cuts);
    AT_TRY(name_bins(out, sorted, n, cuts, n_cuts, err));
    AT_TRY(fill_bins(out, numbers, cuts, n_cuts, err));
done:
    free(sorted);
    free(cuts);
    return status;
}
