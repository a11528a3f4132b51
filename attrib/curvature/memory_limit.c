/* SPDX-License-Identifier: MIT */
/* The limit on memory: what the system says is in use, and what files may come to take.
 */
#include "curvature/memory_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "curvature/fit.h"

/* Of code and tables of the program and its libraries, which are files too. Measured: 10
 * MiB. */
#define BYTES_OF_PROGRAM ((double)((size_t)16 << 20))

/* Memory of this process that is of no file; 0 where the system does not say. */
static double anonymous_bytes(void)
{
    static const char key[] = "RssAnon:";
    FILE *stream = fopen("/proc/self/status", "re");
    char line[160];
    double kibi = 0;
    if (!stream) {
        return 0;
    }
    while (fgets(line, sizeof line, stream)) {
        if (strncmp(line, key, sizeof key - 1) == 0) {
            kibi = strtod(line + sizeof key - 1, NULL);
        }
    }
    fclose(stream);
    return kibi * 0x1p10;
}

void at_memory_limit_set(at_memory_limit *limit,
                         double bytes,
                         const attrib_model *model,
                         const attrib_corpus *corpus)
{
    limit->bytes = bytes > 0 ? bytes : HUGE_VAL;
    limit->base = anonymous_bytes() + BYTES_OF_PROGRAM;
    limit->base += at_pass_mapped_bytes(model, corpus);
}

double at_memory_peak(const at_memory_limit *limit, double bytes)
{
    return limit->base + bytes;
}

bool at_memory_fits(const at_memory_limit *limit, double bytes)
{
    return at_memory_peak(limit, bytes) <= limit->bytes;
}

attrib_status at_memory_check(const at_memory_limit *limit,
                              double bytes,
                              const char *work,
                              size_t n_workers,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(at_memory_fits(limit, bytes), ATTRIB_ERANGE,
             "a limit of %.0f MiB of memory, %s with %zu thread%s needs %.0f MiB",
             floor(limit->bytes / 0x1p20), work, n_workers, n_workers == 1 ? "" : "s",
             ceil(at_memory_peak(limit, bytes) / 0x1p20));
done:
    return status;
}

attrib_status at_decompose_within(attrib_session *session,
                                  const attrib_factors *factors,
                                  const at_covariance_io *io,
                                  const at_memory_limit *limit,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = factors->info.n_modules;
    at_fit_size size = {.n_workers = 1};
    double bytes = 0;
    AT_TRY(at_fit_least_memory(NULL, factors, &size, AT_FIT_BASIS, &bytes, err));
    AT_TRY(at_memory_check(limit, bytes, "decomposing", 1, err));
    size.n_workers = at_n_workers(session, 2 * n * factors->info.n_blocks);
    AT_TRY(at_fit_memory(NULL, factors, &size, AT_FIT_BASIS, 0, n, &bytes, err));
    at_log(session, ATTRIB_LOG_DETAIL, "eigenbasis: %.0f MiB in use at most",
           fmin(at_memory_peak(limit, bytes), limit->bytes) / 0x1p20);
    AT_TRY(at_decompose_all(session, factors, io, limit->bytes - limit->base, err));
done:
    return status;
}
