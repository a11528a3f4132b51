/* SPDX-License-Identifier: MIT */
/* The limit on memory, counted from what the system says is in use and from the files
 * that will be read. */
#include "base/memory_limit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Code and tables of the program and its libraries, which are mapped files too.
 * Measured: 10 MiB. */
#define BYTES_OF_PROGRAM ((double)((size_t)16 << 20))

/* The number of KiB after a key in a file of /proc, in bytes; -1 where there is none. */
static double read_bytes(const char *path, const char *key)
{
    FILE *stream = fopen(path, "re");
    char line[160];
    double bytes = -1;
    if (!stream) {
        return -1;
    }
    while (fgets(line, sizeof line, stream)) {
        if (strncmp(line, key, strlen(key)) == 0) {
            bytes = strtod(line + strlen(key), NULL) * 0x1p10;
        }
    }
    fclose(stream);
    return bytes;
}

/* Memory of this process that was not read from a file; 0 where the system does not say.
 * RssAnon is a sum of counters of each CPU that are late by up to a hundred pages each
 * (proc(5) calls it inaccurate); smaps_rollup counts pages. */
static double anonymous_bytes(void)
{
    double bytes = read_bytes("/proc/self/smaps_rollup", "Anonymous:");
    bytes = bytes < 0 ? read_bytes("/proc/self/status", "RssAnon:") : bytes;
    return fmax(bytes, 0);
}

void at_memory_limit_set(at_memory_limit *limit, double bytes, double mapped_bytes)
{
    limit->bytes = bytes > 0 ? bytes : HUGE_VAL;
    limit->base = anonymous_bytes() + BYTES_OF_PROGRAM + mapped_bytes;
}

double at_memory_usual(void)
{
    return (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE) *
           AT_USUAL_SHARE;
}

double at_memory_peak(const at_memory_limit *limit, double bytes)
{
    return limit->base + bytes;
}

bool at_memory_fits(const at_memory_limit *limit, double bytes)
{
    return at_memory_peak(limit, bytes) <= limit->bytes;
}

bool at_memory_has(const at_memory_limit *limit, double bytes)
{
    return isinf(limit->bytes) ||
           anonymous_bytes() + BYTES_OF_PROGRAM + bytes <= limit->bytes;
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

#define SMALL 0x1p20 /* bytes that no limit is asked about */

attrib_status at_memory_take(const at_memory_limit *limit,
                             double bytes,
                             const char *what,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(!limit || bytes < SMALL || at_memory_has(limit, bytes), ATTRIB_ENOMEM,
             "a limit of %.0f MiB of memory, %s takes %.0f MiB more",
             limit->bytes / 0x1p20, what, bytes / 0x1p20);
done:
    return status;
}
