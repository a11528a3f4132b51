/* SPDX-License-Identifier: MIT */
#include "score/finished.h"

#include <string.h>

#include "run/finished.h"
#include "run/merge.h"
#include "score/score_run.h"

attrib_status at_finished_open(const char *folder, at_finished *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = (at_finished){.folder = folder};
    if (!at_run_unlock_finished(folder)) {
        goto done;
    }
    AT_TRY(at_preparation_read(folder, &out->was, err));
    AT_TRY(at_run_open_manifest(folder, &out->run, err));
done:
    return status;
}

void at_finished_close(at_finished *self)
{
    at_preparation_free(&self->was);
    attrib_run_close(self->run);
}

/* The part of the run that is of the job's corpus; NULL where there is none. */
static const at_part *find_part(const at_finished *self, const attrib_score_job *job)
{
    const char *hash = attrib_corpus_hash(job->corpus);
    for (size_t i = 0; i < self->run->n_parts; i++) {
        if (strcmp(self->run->parts[i].corpus_hash, hash) == 0) {
            return &self->run->parts[i];
        }
    }
    return NULL;
}

attrib_status at_finished_check(at_finished *self,
                                attrib_session *session,
                                const attrib_score_job *job,
                                const attrib_checkpoint *checkpoint,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *was = self->was.run;
    const at_part *part = find_part(self, job);
    size_t first = 0;
    size_t end = 0;
    was->info.n_checkpoints = 0; /* the job is of one of them */
    if (checkpoint) {
        was->info.model_hash = checkpoint->model_hash;
        was->info.factors_hash = checkpoint->factors_hash;
        memcpy(was->modules_hash, checkpoint->modules_hash,
               at_smaller(strlen(checkpoint->modules_hash) + 1, AT_HASH_SIZE));
    }
    if (part) { /* of a run of several corpora, or of one */
        was->info.corpus_hash = part->corpus_hash;
    }
    AT_TRY(at_score_compare(session, job, &self->was, self->folder, &first, &end, err));
    AT_CHECK(part && part->first == first && part->end == end, ATTRIB_EIO,
             "%s: holds another run already: other --shard: name a new folder",
             self->folder);
done:
    return status;
}
