/* SPDX-License-Identifier: MIT */
/* The limit on memory, by what the system says is in use. */
#include "curvature/memory_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/thread.h"
#include "curvature/fit.h"

/* Resident bytes of this process; 0 where the system does not say. */
static double resident_bytes(void)
{
    FILE *stream = fopen("/proc/self/statm", "re");
    char line[160] = "";
    if (!stream) {
        return 0;
    }
    if (!fgets(line, sizeof line, stream)) {
        line[0] = '\0';
    }
    fclose(stream);
    char *rest = line + strcspn(line, " "); /* behind the size of all mappings */
    unsigned long long n_resident = strtoull(rest, NULL, 10);
    return (double)n_resident * (double)sysconf(_SC_PAGESIZE);
}

void at_memory_limit_set(at_memory_limit *limit, size_t bytes)
{
    limit->bytes = bytes ? (double)bytes : HUGE_VAL;
    limit->base = resident_bytes();
}

double at_memory_peak(const at_memory_limit *limit, double bytes)
{
    return limit->base + bytes;
}

bool at_memory_fits(const at_memory_limit *limit, double bytes)
{
    return at_memory_peak(limit, bytes) <= limit->bytes;
}

attrib_status at_memory_refuse(const at_memory_limit *limit,
                               double bytes,
                               const char *name,
                               const char *stage,
                               attrib_error *err)
{
    return at_fail(err, ATTRIB_ERANGE,
                   "%s: %s of this map alone takes %.0f MiB beside %.0f MiB in use, the "
                   "limit is %.0f MiB",
                   name, stage, ceil(bytes / 0x1p20), ceil(limit->base / 0x1p20),
                   floor(limit->bytes / 0x1p20));
}

attrib_status at_decompose_within(attrib_session *session,
                                  const attrib_factors *factors,
                                  const at_covariance_io *io,
                                  const at_memory_limit *limit,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = factors->info.n_modules;
    at_fit_size one = {.n_workers = 1};
    double all = 0;
    for (size_t i = 0; i < n; i++) {
        double bytes = 0;
        AT_TRY(at_fit_memory(NULL, factors, &one, AT_FIT_BASIS, i, 1, &bytes, err));
        if (!at_memory_fits(limit, bytes)) {
            status = at_memory_refuse(limit, bytes, factors->factors[i].name,
                                      "eigenbasis", err);
            goto done;
        }
    }
    one.n_workers = at_n_workers(session, 2 * n * factors->info.n_blocks);
    AT_TRY(at_fit_memory(NULL, factors, &one, AT_FIT_BASIS, 0, n, &all, err));
    at_log(session, ATTRIB_LOG_DETAIL, "eigenbasis: %.0f MiB in use at most",
           fmin(at_memory_peak(limit, all), limit->bytes) / 0x1p20);
    AT_TRY(at_decompose_all(
        session, factors, io,
        limit->bytes - limit->base - (double)one.n_workers * AT_BLAS_BYTES, err));
done:
    return status;
}
