/* SPDX-License-Identifier: MIT */
/* How fast an index is scanned.
 *
 *     bench_scan [--small] [THREADS [DOCUMENTS [BYTES [LAYERS WIDE NARROW [QUERIES]]]]]
 *
 * Forged records in memory of a model of so many layers, each of which has two maps from
 * NARROW to WIDE and one back: the default model's 4, 448 and 128, SmolLM2-135M's are 30,
 * 1536 and 576. All are components of one digit but every fourth, which has two. One row:
 * threads, documents, bytes of a record, queries; processor seconds of all threads
 * together of the scan, of a check of all bytes as the first scan makes it, and of a
 * plain read of the same memory in the same run; documents of a processor second, vectors
 * of digits of a document, and nanoseconds of one; the residual is the largest difference
 * from plain sums over all digits in f64, over the largest score. Last the bound: the
 * seconds that the multiply-adds of queries of rank 16 with each vector would take at the
 * rate of a large product in f32, or the plain read where that is more; and its share of
 * the scan. A component of two digits is multiplied once, so that the share by components
 * is given too. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/session.h"
#include "base/thread.h"
#include "bench/arguments.h"
#include "index/scan.h"

enum { MAPS_OF_LAYER = 3, RANK = 16 };

/* Documents that are scored by plain sums. */
enum { N_PLAIN = 5 };

typedef struct bench {
    at_index_shape shape;
    size_t wide, narrow; /* a map's sides */
    at_scan_queries queries;
    uint8_t *records;
    size_t n, n_planes, n_components;
    at_scan_desk **desks;
    double *scores;
    size_t *listed; /* [AT_PIECE_DOCUMENTS] 0, 1, 2, ... */
    uint64_t *read; /* [pieces] */
    bool *are;      /* [pieces] */
    at_block_fn timed;
    double *spent; /* [workers] processor seconds */
} bench;

static uint64_t state = 1;

static uint64_t draw(void)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return state >> 33;
}

static bool outline(bench *self, size_t n_layers, size_t record_bytes)
{
    size_t n_maps = MAPS_OF_LAYER * n_layers;
    self->shape = (at_index_shape){.maps = calloc(n_maps, sizeof *self->shape.maps),
                                   .n_maps = n_maps,
                                   .record_bytes = record_bytes};
    for (size_t m = 0; self->shape.maps && m < n_maps; m++) {
        bool is_down = m % MAPS_OF_LAYER == 2;
        self->shape.maps[m] =
            (at_index_map){.out_dim = is_down ? self->narrow : self->wide,
                           .in_dim = is_down ? self->wide : self->narrow};
    }
    return self->shape.maps != NULL;
}

/* Forge a record: as many components as fit, the maps in turn, each of which has what the
 * ones before it left. */
static void forge(bench *self, uint8_t *record)
{
    const at_index_shape *shape = &self->shape;
    size_t n_maps = shape->n_maps;
    size_t at = at_record_head(n_maps);
    uint8_t *counts = record + n_maps * 2 * sizeof(float);
    size_t head = at;
    size_t room = shape->record_bytes - head;
    const float norms[2] = {1, 0.5F};
    for (size_t m = 0; m < n_maps; m++) {
        size_t end = head + room * (m + 1) / n_maps;
        memcpy(record + m * sizeof norms, norms, sizeof norms);
        for (unsigned c = 0;; c++) {
            unsigned n_digits = c % 4 == 0 ? 2 : 1;
            size_t bytes = at_component_bytes(&shape->maps[m], n_digits);
            const float scale = 1e-3F;
            if (at + bytes > end) {
                break;
            }
            memcpy(record + at, &scale, sizeof scale);
            record[at + sizeof scale] = (uint8_t)n_digits;
            for (size_t i = sizeof scale + 1; i < bytes; i++) {
                record[at + i] = (uint8_t)(draw() % AT_TRITS_VALUES);
            }
            counts[m]++;
            self->n_planes += n_digits;
            self->n_components++;
            at += bytes;
        }
    }
}

/* Queries of random numbers. */
static bool make_queries(bench *self, size_t n_cases)
{
    size_t n = self->wide * self->narrow;
    attrib_error err = {0};
    float *q = calloc(n, sizeof *q);
    float *scratch = calloc(n, sizeof *scratch);
    bool are = q && scratch;
    self->queries = (at_scan_queries){.n_cases = n_cases, .n_maps = self->shape.n_maps};
    self->queries.maps = calloc(self->queries.n_maps, sizeof *self->queries.maps);
    are = are && self->queries.maps;
    for (size_t m = 0; are && m < self->queries.n_maps; m++) {
        at_scan_map *map = &self->queries.maps[m];
        are = at_scan_map_new(&self->shape, m, RANK, n_cases, map, &err) == ATTRIB_OK;
        for (size_t v = 0; are && v < n_cases; v++) {
            for (size_t i = 0; i < n; i++) {
                q[i] = (float)draw() * 0x1p-31F - 0.5F;
            }
            are = at_scan_map_put(&self->shape, m, v, q, scratch, map, &err) == ATTRIB_OK;
        }
    }
    free(q);
    free(scratch);
    return are;
}

static at_record_list piece_of(const bench *self, size_t i)
{
    size_t left = self->n - i * AT_PIECE_DOCUMENTS;
    return (at_record_list){
        self->records + i * AT_PIECE_DOCUMENTS * self->shape.record_bytes, self->listed,
        left < AT_PIECE_DOCUMENTS ? left : AT_PIECE_DOCUMENTS};
}

static attrib_status scan(void *context, size_t i_worker, size_t i, attrib_error *err)
{
    const bench *self = context;
    at_record_list list = piece_of(self, i);
    (void)err;
    at_scan_records(&self->shape, &self->queries, &list, self->desks[i_worker],
                    self->scores + i * AT_PIECE_DOCUMENTS * self->queries.n_cases, NULL);
    return ATTRIB_OK;
}

static attrib_status check(void *context, size_t i_worker, size_t i, attrib_error *err)
{
    const bench *self = context;
    at_record_list list = piece_of(self, i);
    bool are = true;
    (void)i_worker;
    (void)err;
    for (size_t d = 0; d < list.n; d++) {
        are = are &&
              at_record_is(&self->shape, list.records + d * self->shape.record_bytes);
    }
    self->are[i] = are;
    return ATTRIB_OK;
}

static attrib_status read_all(void *context, size_t i_worker, size_t i, attrib_error *err)
{
    const bench *self = context;
    at_record_list list = piece_of(self, i);
    const uint64_t *words = (const void *)list.records;
    uint64_t sum = 0;
    (void)i_worker;
    (void)err;
    for (size_t k = 0; k < list.n * self->shape.record_bytes / sizeof *words; k++) {
        sum += words[k];
    }
    self->read[i] = sum;
    return ATTRIB_OK;
}

static attrib_status time_one(void *context, size_t i_worker, size_t i, attrib_error *err)
{
    const bench *self = context;
    double start = at_now_busy();
    attrib_status status = self->timed(context, i_worker, i, err);
    self->spent[i_worker] += at_now_busy() - start;
    return status;
}

/* Processor seconds of all threads together, the fewest of three. */
static double time_of(attrib_session *session, bench *self, at_block_fn fn)
{
    double best = HUGE_VAL;
    size_t n_pieces = (self->n + AT_PIECE_DOCUMENTS - 1) / AT_PIECE_DOCUMENTS;
    self->timed = fn;
    for (size_t k = 0; k < 3; k++) {
        attrib_error err = {0};
        double spent = 0;
        memset(self->spent, 0, n_pieces * sizeof *self->spent);
        if (at_parallel_for(session, n_pieces, time_one, self, &err) != ATTRIB_OK) {
            fprintf(stderr, "bench_scan: %s\n", err.message);
            exit(1);
        }
        for (size_t w = 0; w < n_pieces; w++) {
            spent += self->spent[w];
        }
        best = fmin(best, spent);
    }
    return best;
}

enum { PRODUCT = 512 };

/* Multiply-adds of a processor second of a large product in f32, the most of 20. */
static double multiply_rate(void)
{
    static float x[PRODUCT * PRODUCT];
    static float y[PRODUCT * PRODUCT];
    static float out[PRODUCT * PRODUCT];
    double least = HUGE_VAL;
    for (size_t i = 0; i < (size_t)PRODUCT * PRODUCT; i++) {
        x[i] = y[i] = (float)(draw() % 1000) / 1000;
    }
    for (size_t k = 0; k < 20; k++) {
        double start = at_now_busy();
        at_gemm(AT_PLAIN, AT_PLAIN, PRODUCT, PRODUCT, PRODUCT, 1.0F, x, PRODUCT, y,
                PRODUCT, 0.0F, out, PRODUCT);
        least = fmin(least, at_now_busy() - start);
    }
    return (double)PRODUCT * PRODUCT * PRODUCT / least;
}

/* sum_i q_i l_i of a vector of digits and column j of a factor of the first query. */
static double plain_sum(const at_scan_side *side,
                        size_t dim,
                        const uint8_t *bytes,
                        unsigned n_digits,
                        size_t j)
{
    static const unsigned powers[] = {1, 3, 9, 27, 81};
    double sum = 0;
    for (size_t i = 0; i < dim; i++) {
        int multiple = 0;
        for (unsigned k = 0; k < n_digits; k++) {
            unsigned byte = bytes[k * at_trits_bytes(dim) + i / 5];
            multiple = 3 * multiple + (int)(byte / powers[i % 5] % 3) - 1;
        }
        sum += multiple * side->levels[at_integer_place(at_trits_place(dim, i), j)];
    }
    return sum * (double)side->steps[j];
}

static double plain_score(const bench *self, const uint8_t *record)
{
    at_record_reader reader;
    double score = 0;
    at_record_begin(&self->shape, record, &reader);
    for (size_t m = 0; m < self->shape.n_maps; m++) {
        const at_index_map *map = &self->shape.maps[m];
        const at_scan_map *of = &self->queries.maps[m];
        size_t n = at_record_map(&self->shape, &reader, m).n;
        for (size_t c = 0; c < n; c++) {
            at_packed one = at_record_next(&self->shape, m, &reader);
            for (size_t j = 0; j < RANK; j++) {
                score += (double)one.scale *
                         plain_sum(&of->left, map->out_dim, one.u, one.n_digits, j) *
                         plain_sum(&of->right, map->in_dim, one.v, one.n_digits, j);
            }
        }
    }
    return score;
}

static double residual_of(const bench *self)
{
    double largest = 0;
    double worst = 0;
    for (size_t d = 0; d < N_PLAIN && d < self->n; d++) {
        double plain = plain_score(self, self->records + d * self->shape.record_bytes);
        largest = fmax(largest, fabs(plain));
        worst = fmax(worst, fabs(plain - self->scores[d * self->queries.n_cases]));
    }
    return worst / largest;
}

static void release(bench *self, size_t n_workers)
{
    for (size_t w = 0; w < n_workers; w++) {
        at_scan_desk_free(self->desks[w]);
    }
    at_scan_queries_free(&self->queries);
    free(self->shape.maps);
    free(self->records);
    free(self->scores);
    free(self->listed);
    free(self->read);
    free(self->are);
    free(self->spent);
    free(self->desks);
}

int main(int argc, char **argv)
{
    bench_arguments arguments = bench_arguments_read(
        argc, argv, 7,
        "bench_scan [--small] [THREADS [DOCUMENTS [BYTES [LAYERS WIDE NARROW "
        "[QUERIES]]]]]");
    attrib_session_options options;
    attrib_session *session = NULL;
    attrib_error err = {0};
    bench self = {.n = bench_number(&arguments, 1, arguments.is_small ? 700 : 20000),
                  .wide = bench_number(&arguments, 4, 448),
                  .narrow = bench_number(&arguments, 5, 128)};
    size_t n_pieces = (self.n + AT_PIECE_DOCUMENTS - 1) / AT_PIECE_DOCUMENTS;
    size_t bytes = bench_number(&arguments, 2, 8192) / 8 * 8;
    size_t n_cases = bench_number(&arguments, 6, 1);
    attrib_session_options_default(&options);
    options.n_threads = bench_number(&arguments, 0, 0);
    bool is_outlined = outline(&self, bench_number(&arguments, 3, 4), bytes);
    self.records = calloc(self.n, bytes);
    self.scores = calloc(n_pieces * AT_PIECE_DOCUMENTS * n_cases, sizeof *self.scores);
    self.listed = calloc(AT_PIECE_DOCUMENTS, sizeof *self.listed);
    self.read = calloc(n_pieces, sizeof *self.read);
    self.are = calloc(n_pieces, sizeof *self.are);
    self.spent = calloc(n_pieces, sizeof *self.spent);
    self.desks = calloc(n_pieces, sizeof(at_scan_desk *));
    if (!self.records || !self.scores || !self.listed || !self.read || !self.are ||
        !self.spent || !self.desks || !is_outlined ||
        bytes <= at_record_head(self.shape.n_maps) ||
        attrib_session_new(&options, &session, &err) != ATTRIB_OK) {
        fprintf(stderr, "bench_scan: out of memory, or too few bytes\n");
        return 1;
    }
    at_blas_single_threaded();
    if (!make_queries(&self, n_cases)) {
        fprintf(stderr, "bench_scan: no queries\n");
        return 1;
    }
    for (size_t i = 0; i < AT_PIECE_DOCUMENTS; i++) {
        self.listed[i] = i;
    }
    for (size_t d = 0; d < self.n; d++) {
        forge(&self, self.records + d * bytes);
    }
    size_t n_workers = at_n_workers(session, n_pieces);
    for (size_t w = 0; w < n_workers; w++) {
        if (at_scan_desk_new(&self.shape, &self.queries, &self.desks[w], &err) !=
            ATTRIB_OK) {
            fprintf(stderr, "bench_scan: %s\n", err.message);
            return 1;
        }
    }
    double read = time_of(session, &self, read_all);
    double checked = time_of(session, &self, check);
    double scanned = time_of(session, &self, scan);
    double residual = residual_of(&self);
    double adds = multiply_rate();
    double of_vector = (double)n_cases * RANK * (double)(self.wide + self.narrow) / adds;
    double multiplied = (double)self.n_planes * of_vector;
    double by_components = (double)self.n_components * of_vector;
    printf(
        "%zu threads  %zu documents x %zu bytes  %zu queries  scan %.3f s  check %.3f s  "
        "read %.3f s (%.1f GB/s)  %.0f documents/s  %.1f vectors of %.0f ns  residual "
        "%.2g  multiplied %.3f s (%.1f G/s)  bound/scan %.2f  by components %.2f\n",
        attrib_session_n_threads(session), self.n, bytes, n_cases, scanned, checked, read,
        (double)(self.n * bytes) / read / 1e9, (double)self.n / scanned,
        (double)self.n_planes / (double)self.n, 1e9 * scanned / (double)self.n_planes,
        residual, multiplied, adds / 1e9, fmax(multiplied, read) / scanned,
        fmax(by_components, read) / scanned);
    release(&self, n_workers);
    attrib_session_free(session);
    return self.n_planes > 0 && residual < 1e-5 ? 0 : 1;
}
