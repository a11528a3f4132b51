/* SPDX-License-Identifier: MIT */
/* The speed of a machine, measured or assumed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "attrib/plan.h"
#include "base/memory.h"
#include "base/sized.h"
#include "base/thread.h"
#include "linalg/linalg.h"
#include "linalg/rate.h"
#include "model/vector.h"

/* Seconds that the measurement of products takes, and each of the other five. Twice in a
 * row on 2 cores that others used too, products differed by 5 %, reading memory by 12 %.
 */
#define GEMM_SECONDS  0.15
#define OTHER_SECONDS 0.03

/* Speed of one core, assumed where nothing was measured, in round figures. On a core of
 * an AMD EPYC (Zen 4) that others used too attrib_machine_measure() found 0.04 to 0.09
 * ns, 0.94 to 0.99 ns, 19 to 27 GB/s, 0.60 to 0.68 ns, and 32 MiB. With these the plan of
 * 7 billion parameters in attrib/plan/README.md takes 1 % less time, and the one of the
 * default model with 8 queries 5 % more. */
#define USUAL_OPERAND_SECONDS  0.1e-9
#define USUAL_ELEMENT_SECONDS  0.6e-9
#define USUAL_BYTES_PER_SECOND 1e10
#define USUAL_FRESH_SECONDS    0.3e-9
#define USUAL_CACHE_BYTES      0x1p25

#define SMALL                  ((size_t)64)    /* side of a small product */
#define N_ELEMENTS             ((size_t)16384) /* 64 KiB, in the first or second cache */
#define MEMORY_SIZE                                                                      \
    ((size_t)32 << 20) /* bytes of each worker: more than its share of any cache */

void attrib_machine_init(attrib_machine *machine, size_t size)
{
    const attrib_machine standard = {.n_hosts = 1,
                                     .n_cores = 1,
                                     .operand_seconds = USUAL_OPERAND_SECONDS,
                                     .element_seconds = USUAL_ELEMENT_SECONDS,
                                     .bytes_per_second = USUAL_BYTES_PER_SECOND,
                                     .fresh_seconds = USUAL_FRESH_SECONDS,
                                     .cache_bytes = USUAL_CACHE_BYTES};
    at_sized_fill(&standard, sizeof standard, machine, size);
}

/* Repeats work of one kind on every core at once. */
typedef struct repeat_job {
    void (*work)(char *bank);
    char **banks;    /* [n_workers] */
    double *seconds; /* [n_workers] seconds of one call */
} repeat_job;

/* Bytes of the third-level cache that a core shares in; 0 where the system does not say.
 * sysconf() is of no use, as it gives the sum over all such caches on some processors. */
static double last_cache(void)
{
    FILE *stream = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "re");
    char text[32] = "0";
    if (stream) {
        if (!fgets(text, sizeof text, stream)) {
            text[0] = '0';
        }
        fclose(stream);
    }
    return strtod(text, NULL) * 0x1p10; /* "32768K" */
}

static void multiply_small(char *bank)
{
    const float *a = (const float *)(const void *)bank;
    float *c = (float *)(void *)bank + 2 * SMALL * SMALL;
    for (size_t i = 0; i < 64; i++) {
        at_gemm(AT_PLAIN, AT_TRANSPOSED, SMALL, SMALL, SMALL, 1.0f, a, SMALL,
                a + SMALL * SMALL, SMALL, 0.0f, c, SMALL);
    }
}

static void exponentiate(char *bank)
{
    float *x = (float *)(void *)bank;
    for (size_t i = 0; i < N_ELEMENTS; i++) {
        x[i] = (float)(i % 32) * -0.25f;
    }
    (void)at_row_exp(x, N_ELEMENTS, 0.0f);
}

/* Read all of the bank. The sum is stored so that the compiler cannot leave it out. */
static void read_memory(char *bank)
{
    const uint64_t *words = (const uint64_t *)(const void *)bank;
    uint64_t sum = 0;
    for (size_t i = 8; i < MEMORY_SIZE / sizeof *words; i++) {
        sum += words[i];
    }
    memcpy(bank, &sum, sizeof sum);
}

/* Take fresh memory: give back half of the bank to the system, and touch it again. */
static void take_memory(char *bank)
{
    size_t half = MEMORY_SIZE / 2;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *start = bank + (page - (uintptr_t)bank % page) % page;
    if (madvise(start, half, MADV_DONTNEED) == 0) {
        memset(start, 1, half);
    }
}

static attrib_status repeat(void *context,
                            size_t i_worker,
                            size_t i_block,
                            attrib_error *err)
{
    (void)i_worker;
    (void)err;
    const repeat_job *job = context;
    double n = 0;
    double now;
    job->work(job->banks[i_block]);
    double start = at_now_busy();
    do {
        job->work(job->banks[i_block]);
        n += 1;
        now = at_now_busy();
    } while (now - start < OTHER_SECONDS);
    job->seconds[i_block] = (now - start) / n;
    return ATTRIB_OK;
}

/* Measure the mean seconds of one call, on all cores at once. */
static attrib_status time_of(attrib_session *session,
                             repeat_job *job,
                             size_t n_workers,
                             void (*work)(char *bank),
                             double *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double sum = 0;
    job->work = work;
    AT_TRY(at_parallel_for(session, n_workers, repeat, job, err));
    for (size_t i = 0; i < n_workers; i++) {
        sum += job->seconds[i];
    }
    *out = sum / (double)n_workers;
done:
    return status;
}

static attrib_status measure_cores(attrib_session *session,
                                   repeat_job *job,
                                   attrib_machine *machine,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double small = 0;
    double elements = 0;
    double memory = 0;
    double fresh = 0;
    double side = (double)SMALL;
    double core = machine->blas_flops / (double)machine->n_cores; /* as the small ones */
    AT_TRY(time_of(session, job, machine->n_cores, multiply_small, &small, err));
    AT_TRY(time_of(session, job, machine->n_cores, exponentiate, &elements, err));
    AT_TRY(time_of(session, job, machine->n_cores, read_memory, &memory, err));
    AT_TRY(time_of(session, job, machine->n_cores, take_memory, &fresh, err));
    small = small / 64 - 2 * side * side * side / core;
    machine->operand_seconds = small > 0 ? small / (3 * side * side) : 0;
    machine->element_seconds = elements / (double)N_ELEMENTS;
    machine->bytes_per_second = (double)MEMORY_SIZE / memory;
    machine->fresh_seconds = fresh / ((double)MEMORY_SIZE / 2);
done:
    return status;
}

attrib_status attrib_machine_measure(attrib_session *session,
                                     attrib_machine *out,
                                     attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = session ? attrib_session_n_threads(session) : 1;
    attrib_machine machine;
    repeat_job job = {0};
    attrib_machine_default(&machine);
    AT_TRY(at_sized_take(out, "machine", &machine, err));
    machine.n_hosts = 1;
    machine.n_cores = n;
    machine.cache_bytes = last_cache();
    machine.ram_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    AT_TRY(at_gemm_rate(session, ATTRIB_F32_PRODUCTS, GEMM_SECONDS, &machine.flops, err));
    AT_TRY(at_blas_rate(session, OTHER_SECONDS, &machine.blas_flops, err));
    AT_TRY(at_array(n, sizeof *job.banks, &job.banks, err));
    AT_TRY(at_array(n, sizeof *job.seconds, &job.seconds, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_array(MEMORY_SIZE, 1, &job.banks[i], err));
    }
    AT_TRY(measure_cores(session, &job, &machine, err));
    at_sized_fill(&machine, sizeof machine, out, out->size);
done:
    for (size_t i = 0; job.banks && i < n; i++) {
        free(job.banks[i]);
    }
    free(job.banks);
    free(job.seconds);
    at_memory_trim(); /* else what was measured with counts against a limit of memory */
    return status;
}

attrib_status attrib_machine_measure_bf16(attrib_session *session,
                                          attrib_machine *machine,
                                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_machine known;
    attrib_machine_default(&known);
    AT_TRY(at_sized_take(machine, "machine", &known, err));
    if (attrib_has_bf16()) {
        AT_TRY(at_gemm_rate(session, ATTRIB_BF16_PRODUCTS, GEMM_SECONDS,
                            &known.bf16_flops, err));
        at_sized_fill(&known, sizeof known, machine, machine->size);
    }
done:
    return status;
}
