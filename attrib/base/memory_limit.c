/* SPDX-License-Identifier: MIT */
/* The limit on memory, counted from what the system says is in use and from the files
 * that will be read. */
#include "base/memory_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Code and tables of the program and its libraries, which are mapped files too.
 * Measured: 10 MiB. */
#define BYTES_OF_PROGRAM ((double)((size_t)16 << 20))

/* Memory of this process that was not read from a file; 0 where the system does not say.
 */
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

void at_memory_limit_set(at_memory_limit *limit, double bytes, double mapped_bytes)
{
    limit->bytes = bytes > 0 ? bytes : HUGE_VAL;
    limit->base = anonymous_bytes() + BYTES_OF_PROGRAM + mapped_bytes;
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
