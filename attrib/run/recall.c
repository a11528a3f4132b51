/* SPDX-License-Identifier: MIT */
/* The recall of a filter, from what a random sample says that it missed. */
#include <math.h>

#include "run/drawn.h"

/* The limits of 95 % are the shares with n KL(x, p) = ln(2 / 0.05). */
#define LN_40 3.6888794541139363

/* KL(x, p) of two coins, 0 <= x <= 1, 0 < p < 1. */
static double divergence(double x, double p)
{
    double heads = x > 0 ? x * log(x / p) : 0;
    double tails = x < 1 ? (1 - x) * log((1 - x) / (1 - p)) : 0;
    return heads + tails;
}

/* The share p on one side of x, towards `end` (0 or 1), where n KL(x, p) = ln 40. */
static double limit_of(double x, double n, double end)
{
    double inside = x;
    double outside = end;
    for (int i = 0; i < 100; i++) { /* to the last bit of a double */
        double middle = inside + (outside - inside) / 2;
        bool is_inside = middle == x || n * divergence(x, middle) <= LN_40;
        inside = is_inside ? middle : inside;
        outside = is_inside ? outside : middle;
    }
    return inside;
}

bool attrib_run_recall(
    const attrib_run *run, size_t first, size_t n, bool of_last, attrib_recall *out)
{
    double n_documents = (double)run->info.n_documents;
    double n_sampled = (double)run->info.n_sampled;
    double found = 0;
    double missed = 0;
    if (run->info.n_sampled == 0 || at_run_keeps_drawn(run) || n == 0 ||
        first + n > run->info.n_answers) {
        return false;
    }
    for (size_t i = first; i < first + n; i++) {
        const attrib_answer *answer = &run->answers[i];
        missed += (double)(of_last ? answer->n_missed_bottom : answer->n_missed_top);
        found += fmin((double)run->options.top, (double)run->info.n_candidates);
    }
    double x = missed / (double)n / n_sampled;
    bool is_exact = run->info.n_sampled == run->info.n_documents;
    double most = is_exact ? x : limit_of(x, n_sampled, 1);
    double least = is_exact ? x : limit_of(x, n_sampled, 0);
    found /= (double)n;
    /* Those that were drawn are missed for certain. */
    least = fmax(least, x * n_sampled / n_documents);
    *out = (attrib_recall){.share = found / (found + x * n_documents),
                           .low = found / (found + most * n_documents),
                           .high = found / (found + least * n_documents),
                           .n_found = found,
                           .n_missed = x * n_documents};
    return true;
}
