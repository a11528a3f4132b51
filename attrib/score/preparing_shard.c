/* SPDX-License-Identifier: MIT */
/* The documents of a run that is a shard of its corpus, or that goes on with another run
 * (preparing.h). */
#include "run/slice_piece.h"
#include "score/preparing.h"

/* Take some documents of the corpus. */
static attrib_status take_documents(const at_preparing *self,
                                    size_t first,
                                    size_t end,
                                    attrib_error *err)
{
    attrib_run *run = self->run;
    const at_candidates *candidates = self->setup->candidates;
    run->parts[0].first = first;
    run->parts[0].end = end;
    run->first = first;
    run->info.n_documents = end - first;
    run->info.n_passed = 0;
    run->info.n_sampled = 0;
    run->info.n_tokens = 0;
    for (size_t i = first; i < end; i++) {
        attrib_document document;
        attrib_corpus_document(self->setup->corpus, i, &document);
        run->info.n_tokens += document.n_tokens;
        run->info.n_passed += !candidates || candidates->is_passed[i];
        run->info.n_sampled += candidates && candidates->is_sampled[i];
    }
    return at_run_name(run, err);
}

attrib_status at_preparing_shard(const at_preparing *self,
                                 size_t *first,
                                 size_t *end,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_documents = self->setup->n_documents;
    size_t i = self->job->i_shard;
    size_t n = at_larger(self->job->n_shards, 1);
    size_t n_slices = at_n_slices(n_documents);
    AT_CHECK(n == 1 || (n <= n_slices && i < n), ATTRIB_EINVAL,
             "shard %zu of %zu, the corpus has %zu slices of %zu documents", i + 1, n,
             n_slices, AT_SLICE_DOCUMENTS);
    *first = at_block_start(n_slices, n, i) * AT_SLICE_DOCUMENTS;
    *end =
        at_smaller(at_block_start(n_slices, n, i + 1) * AT_SLICE_DOCUMENTS, n_documents);
done:
    return status;
}

static attrib_status take_shard(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t first = 0;
    size_t end = 0;
    if (self->growth) {
        return take_documents(self, self->growth->first_document, self->growth->end, err);
    }
    if (self->job->n_shards > 1) {
        AT_TRY(at_preparing_shard(self, &first, &end, err));
        AT_TRY(take_documents(self, first, end, err));
    }
done:
    return status;
}

/* The folder may hold slices of another shard of the same run. */
static attrib_status check_shard(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    at_slice_file file = {0};
    bool is_there = false;
    AT_TRY(at_slice_exists(self->run, 0, 0, &is_there, err));
    if (is_there) {
        status = at_slice_file_open(self->run, 0, 0, &file, &why);
        AT_CHECK(status != ATTRIB_ESHAPE, ATTRIB_ESHAPE,
                 "%s: holds another shard of this run, or all of it: name another folder",
                 self->job->folder);
        AT_CHECK(status == ATTRIB_OK, status, "%s", why.message);
    }
done:
    at_slice_file_close(&file);
    return status;
}

attrib_status at_preparing_take_shard(const at_preparing *self, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(take_shard(self, err));
    AT_TRY(self->job->folder ? check_shard(self, err) : ATTRIB_OK);
done:
    return status;
}
