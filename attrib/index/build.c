/* SPDX-License-Identifier: MIT */
/* An index is made: a pass over the documents of all pieces that are missing.
 *
 * 1. What it is.   2. Pieces.   3. All pieces.   4. The public call. */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory_limit.h"
#include "base/sized.h"
#include "base/thread.h"
#include "corpus/marks.h"
#include "gradient/pass.h"
#include "index/digest.h"
#include "index/index.h"
#include "index/pieces.h"
#include "index/scales.h"
#include "index/tap.h"

typedef struct building {
    attrib_session *session;
    attrib_index_job job;
    attrib_index_options options;
    attrib_index *index;
    size_t *tracked;     /* [n_maps] */
    double *dampings;    /* [n_maps] */
    at_factor *resident; /* [n_maps]; NULL: factors are read visit by visit */
    size_t first, end;   /* documents */
    double factor_bytes; /* of all factors */
    at_lock lock;
} building;

/* 1. What it is */

void attrib_index_options_init(attrib_index_options *options, size_t size)
{
    const attrib_index_options standard = {.damping = 0.1};
    at_sized_fill(&standard, sizeof standard, options, size);
}

void attrib_index_job_init(attrib_index_job *job, size_t size)
{
    const attrib_index_job standard = {.n_shards = 1};
    at_sized_fill(&standard, sizeof standard, job, size);
}

static attrib_status take_job(building *self,
                              const attrib_index_job *given,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index_job_default(&self->job);
    attrib_index_options_default(&self->options);
    AT_TRY(at_sized_take(given, "index_job", &self->job, err));
    AT_TRY(at_sized_take(self->job.options, "index_options", &self->options, err));
    AT_CHECK(self->job.model && self->job.corpus && self->job.factors && self->job.folder,
             ATTRIB_EINVAL, "an index takes a model, factors, a corpus and a folder");
    AT_CHECK(self->job.factors->info.strategy == ATTRIB_EKFAC, ATTRIB_ENOTSUP,
             "an index takes factors of ekfac, these are of %s: attrib fit makes them",
             attrib_strategy_name(self->job.factors->info.strategy));
    AT_CHECK(self->options.damping > 0 && isfinite(self->options.damping), ATTRIB_EINVAL,
             "damping %g, expected a number above 0", self->options.damping);
    AT_TRY(at_check_folder_name(self->job.folder, err));
done:
    return status;
}

static attrib_status take_documents(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = attrib_corpus_summarize(self->job.corpus)->n_documents;
    size_t n_pieces = (n + AT_PIECE_DOCUMENTS - 1) / AT_PIECE_DOCUMENTS;
    size_t n_shards = self->job.n_shards;
    AT_CHECK(n > 0, ATTRIB_EINVAL, "no documents to index");
    AT_CHECK(n_shards >= 1 && self->job.i_shard < n_shards && n_shards <= n_pieces,
             ATTRIB_EINVAL,
             "shard %zu of %zu, the corpus has %zu pieces of %zu documents",
             self->job.i_shard + 1, n_shards, n_pieces, AT_PIECE_DOCUMENTS);
    self->first =
        at_block_start(n_pieces, n_shards, self->job.i_shard) * AT_PIECE_DOCUMENTS;
    self->end = at_smaller(at_block_start(n_pieces, n_shards, self->job.i_shard + 1) *
                               AT_PIECE_DOCUMENTS,
                           n);
    self->index->n_parts =
        (self->end - self->first + AT_PIECE_DOCUMENTS - 1) / AT_PIECE_DOCUMENTS;
    AT_TRY(at_array(self->index->n_parts, sizeof *self->index->parts, &self->index->parts,
                    err));
done:
    return status;
}

static attrib_status outline_maps(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const attrib_factors *factors = self->job.factors;
    size_t n = factors->info.n_modules;
    AT_TRY(at_index_outline(factors, &self->options, &self->index->shape, err));
    AT_TRY(at_array(n, sizeof *self->tracked, &self->tracked, err));
    AT_TRY(at_array(n, sizeof *self->dampings, &self->dampings, err));
    for (size_t m = 0; m < n; m++) {
        self->tracked[m] = factors->factors[m].module;
        self->factor_bytes += at_factor_load_bytes(factors, m);
    }
done:
    return status;
}

/* Read the factor of a map, its damping and its scales. */
static attrib_status prepare_map(void *context,
                                 size_t i_worker,
                                 size_t m,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    building *self = context;
    const attrib_factors *factors = self->job.factors;
    at_index_map *map = &self->index->shape.maps[m];
    const at_damping how = {ATTRIB_EKFAC, self->options.damping,
                            self->options.is_damping_absolute};
    at_factor factor = {0};
    (void)i_worker;
    AT_TRY(at_factor_load(factors, m, AT_PIECES_BASIS | AT_PIECES_LAMBDA, &factor, err));
    AT_TRY(at_damping_of(factors, &factor, &how, map->name, &self->dampings[m], err));
    AT_TRY(at_index_scale(factors, &factor, self->dampings[m], map, err));
    if (self->resident) {
        self->resident[m] = factor;
        factor = (at_factor){0};
    }
done:
    at_factor_unload(factors, &factor);
    return status;
}

static attrib_status take_info(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_index *index = self->index;
    attrib_index_info *info = &index->info;
    const attrib_paths *paths = self->job.corpus_paths;
    char directory[4096];
    const char *here = getcwd(directory, sizeof directory);

    const struct {
        const char *from;
        const char **to;
    } texts[] = {{attrib_model_hash(self->job.model), &info->model_hash},
                 {self->job.factors->identity, &info->factors_hash},
                 {self->job.model_path, &info->model_path},
                 {self->job.factors_path, &info->factors_path},
                 {attrib_corpus_date(self->job.corpus), &info->corpus_date},
                 {here, &info->directory},
                 {self->job.command, &info->command}};

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *from = texts[i].from ? texts[i].from : "";
        AT_TRY(at_arena_text(index->bank, from, strlen(from), texts[i].to, err));
    }
    info->method = AT_INDEX_METHOD;
    info->damping = self->options.damping;
    info->is_damping_absolute = self->options.is_damping_absolute;
    info->is_whole = self->options.is_whole;
    info->corpus_paths = paths ? *paths : (attrib_paths){NULL, 0};
    info->readings = self->job.readings;
    info->n_readings = self->job.n_readings;
    memcpy(index->corpus, attrib_corpus_hash(self->job.corpus), AT_HASH_SIZE);
    AT_TRY(at_index_name(index, err));
done:
    return status;
}

/* 2. Pieces */

static at_pass pass_of(const building *self)
{
    return (at_pass){.session = self->session,
                     .model = self->job.model,
                     .tracked = self->tracked,
                     .n_tracked = self->index->shape.n_maps,
                     .labels = AT_LABELS_DATA,
                     .block_rows = at_index_block_rows(&self->index->shape),
                     .stage = "index",
                     .precision = ATTRIB_F32_PRODUCTS,
                     .skips_uncounted = true};
}

static at_indexing indexing_of(const building *self, const at_index_sink *sink)
{
    return (at_indexing){.shape = &self->index->shape,
                         .factors = self->job.factors,
                         .resident = self->resident,
                         .dampings = self->dampings,
                         .strategy = ATTRIB_EKFAC,
                         .sink = sink};
}

/* The piece that is being filled. */
typedef struct filling {
    building *self;
    size_t i_piece, n_taken; /* documents */
    unsigned char *digests;  /* [AT_PIECE_DOCUMENTS, AT_DIGEST_BYTES] */
    uint8_t *records;        /* [AT_PIECE_DOCUMENTS, record_bytes] */
    float *influences;       /* [AT_PIECE_DOCUMENTS] */
} filling;

static size_t piece_start(const building *self, size_t i_piece)
{
    return at_smaller(self->first + i_piece * AT_PIECE_DOCUMENTS, self->end);
}

static attrib_status write_piece(filling *to, size_t n, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    building *self = to->self;
    const at_piece_content content = {n, to->digests, to->influences, to->records};
    AT_TRY(at_document_digests(self->job.corpus, piece_start(self, to->i_piece), n,
                               to->digests, err));
    AT_TRY(at_pass_check_model(self->job.model, err));
    AT_TRY(at_piece_write(self->index, to->i_piece, &content, err));
    to->i_piece++;
    to->n_taken = 0;
done:
    return status;
}

/* Take the records of a block, whose documents are of one piece. */
static attrib_status take_block(void *context,
                                size_t n,
                                const uint8_t *records,
                                const float *influences,
                                attrib_error *err)
{
    filling *to = context;
    size_t record_bytes = to->self->index->shape.record_bytes;
    size_t n_all =
        piece_start(to->self, to->i_piece + 1) - piece_start(to->self, to->i_piece);
    assert(to->n_taken + n <= n_all);
    memcpy(to->records + to->n_taken * record_bytes, records, n * record_bytes);
    memcpy(to->influences + to->n_taken, influences, n * sizeof *influences);
    to->n_taken += n;
    return to->n_taken == n_all ? write_piece(to, n_all, err) : ATTRIB_OK;
}

/* Make pieces first .. end by one pass, which keeps its memory from one to the next. */
static attrib_status make_some(building *self,
                               size_t first,
                               size_t end,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    filling to = {.self = self, .i_piece = first};
    at_piece_source from = {.corpus = self->job.corpus};
    at_source source =
        at_source_of_pieces(&from, piece_start(self, first), piece_start(self, end));
    at_index_sink sink = {&to, take_block};
    at_pass pass = pass_of(self);
    at_indexing indexing = indexing_of(self, &sink);
    attrib_tap tap = at_index_tap(&indexing);
    size_t n =
        at_smaller(AT_PIECE_DOCUMENTS, piece_start(self, end) - piece_start(self, first));
    AT_TRY(at_array(n, self->index->shape.record_bytes, &to.records, err));
    AT_TRY(at_array(n, sizeof *to.influences, &to.influences, err));
    AT_TRY(at_array(n, AT_DIGEST_BYTES, &to.digests, err));
    AT_TRY(at_pass_run(&pass, &source, &tap, 1, err));
done:
    free(to.records);
    free(to.influences);
    free(to.digests);
    return status;
}

/* 3. All pieces */

/* Whether a piece was written before: of this index, and of these documents. */
static attrib_status find_piece(building *self,
                                size_t i_piece,
                                bool *out,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = piece_start(self, i_piece);
    size_t n = piece_start(self, i_piece + 1) - first;
    unsigned char *digests = NULL;
    at_piece_map piece = {0};
    attrib_error why = {0};
    *out = false;
    AT_TRY(at_array(n, AT_DIGEST_BYTES, &digests, err));
    if (at_piece_open(self->index, i_piece, true, &piece, &why) == ATTRIB_OK) {
        AT_TRY(at_document_digests(self->job.corpus, first, n, digests, err));
        *out = piece.content.n == n &&
               memcmp(digests, piece.content.digests, n * AT_DIGEST_BYTES) == 0;
    }
    if (*out) {
        self->index->parts[i_piece].n = n;
        memcpy(self->index->parts[i_piece].hash, piece.hash, AT_HASH_SIZE);
    }
done:
    at_piece_close(&piece);
    free(digests);
    return status;
}

static double sequences_of(const building *self, size_t i_piece)
{
    at_piece_source from = {.corpus = self->job.corpus};
    return (double)at_source_of_pieces(&from, piece_start(self, i_piece),
                                       piece_start(self, i_piece + 1))
        .n_sequences;
}

static attrib_status make_pieces(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = self->index->n_parts;
    double total = 0;
    double done = 0;
    bool *are_there = NULL;
    AT_TRY(at_array(n, sizeof *are_there, &are_there, err));
    for (size_t i = 0; i < n; i++) {
        AT_TRY(find_piece(self, i, &are_there[i], err));
        total += sequences_of(self, i);
        done += are_there[i] ? sequences_of(self, i) : 0;
    }
    at_stage_declare(self->session, "index", "sequences", total, done);
    for (size_t i = 0; i < n; i++) {
        size_t end = i;
        while (end < n && !are_there[end]) {
            end++;
        }
        AT_TRY(end > i ? make_some(self, i, end, err) : ATTRIB_OK);
        i = end;
    }
done:
    free(are_there);
    return status;
}

/* 4. The public call */

/* An index that is finished must be of these documents, piece by piece. */
static attrib_status check_finished(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < self->index->n_parts; i++) {
        bool is_there = false;
        AT_TRY(find_piece(self, i, &is_there, err)); /* which notes its hash */
    }
    AT_TRY(at_index_check_pieces(self->index, err));
    at_log_finished(self->session, self->job.folder);
done:
    return status;
}

/* Lock the folder; an index that was begun there goes on. */
static attrib_status open_folder(building *self, bool *is_finished, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_index_state state = AT_INDEX_NEW;
    AT_TRY(at_index_begin(self->index, &self->lock, &state, err));
    *is_finished = state == AT_INDEX_FINISHED;
    if (*is_finished) {
        AT_TRY(check_finished(self, err));
    } else if (state == AT_INDEX_GOES_ON) {
        at_log(self->session, ATTRIB_LOG_INFO, "%s: goes on where it was",
               self->job.folder);
    }
done:
    return status;
}

/* All factors stay in memory where they leave room for the pass. */
static attrib_status choose_memory(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_memory_limit limit;
    at_pass pass = pass_of(self);
    at_indexing indexing = indexing_of(self, NULL);
    attrib_tap tap = at_index_tap(&indexing);
    at_piece_source from = {.corpus = self->job.corpus};
    at_source source = at_source_of_pieces(&from, self->first, self->end);
    at_pass_size size = {0};
    double bytes = 0;
    double largest = 0;
    size_t n_workers = 1;
    AT_TRY(at_pass_measure(&source, pass.block_rows, &size, err));
    n_workers = at_n_workers(self->session, size.n_blocks);
    at_memory_limit_set(&limit, (double)self->options.ram_limit,
                        at_pass_mapped_bytes(self->job.model, self->job.corpus));
    AT_TRY(at_pass_bytes(&pass, &size, &tap, 1, &bytes, err));
    bytes = bytes * (double)n_workers +
            (double)AT_PIECE_DOCUMENTS * (double)self->index->shape.record_bytes;
    for (size_t m = 0; m < self->index->shape.n_maps; m++) {
        largest = fmax(largest, at_factor_load_bytes(self->job.factors, m));
    }
    AT_TRY(at_memory_check(&limit, bytes + largest * (double)n_workers, "an index",
                           n_workers, err));
    if (at_memory_fits(&limit, bytes + self->factor_bytes)) {
        AT_TRY(at_array(self->index->shape.n_maps, sizeof *self->resident,
                        &self->resident, err));
    }
done:
    at_pass_size_free(&size);
    return status;
}

static void close_building(building *self)
{
    for (size_t m = 0; self->resident && m < self->index->shape.n_maps; m++) {
        at_factor_unload(self->job.factors, &self->resident[m]);
    }
    free(self->resident);
    free(self->tracked);
    free(self->dampings);
    attrib_index_close(self->index);
    at_lock_release(&self->lock);
}

static attrib_status finish(building *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_pass_check_model(self->job.model, err));
    AT_TRY(at_corpus_check_files(self->job.corpus, err));
    if (self->job.factors->files) {
        AT_TRY(at_files_check(self->job.factors->files, err));
    }
    AT_TRY(at_corpus_list_skipped(self->job.corpus, self->job.folder, err));
    if (self->job.reading) {
        AT_TRY(at_index_keep_documents(self->index, self->job.corpus, self->job.reading,
                                       err));
    }
    AT_TRY(at_index_finish(self->index, err));
done:
    return status;
}

attrib_status attrib_index_build(attrib_session *session,
                                 const attrib_index_job *job,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    building self = {.session = session};
    bool is_finished = false;
    AT_TRY(take_job(&self, job, err));
    AT_TRY(at_index_new(self.job.folder, &self.index, err));
    AT_TRY(take_documents(&self, err));
    AT_TRY(outline_maps(&self, err));
    AT_TRY(choose_memory(&self, err));
    AT_TRY(at_parallel_for(session, self.index->shape.n_maps, prepare_map, &self, err));
    AT_TRY(take_info(&self, err));
    AT_TRY(open_folder(&self, &is_finished, err));
    if (!is_finished) {
        AT_TRY(make_pieces(&self, err));
        AT_TRY(finish(&self, err));
    }
done:
    close_building(&self);
    return status;
}
