/* SPDX-License-Identifier: MIT */
/* Part files of a run: what makes it stop and go on, and stream. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "format/safetensors.h"
#include "rank/run.h"

size_t at_n_parts(size_t n_documents)
{
    return n_documents / AT_PART_DOCUMENTS + (n_documents % AT_PART_DOCUMENTS != 0);
}

static attrib_status part_path(const attrib_run *run,
                               size_t i_part,
                               char **out,
                               attrib_error *err)
{
    at_buffer name = {0};
    attrib_status status = at_buffer_print(&name, err, "part-%06zu.safetensors", i_part);
    if (status == ATTRIB_OK) {
        status = at_join_path(run->info.folder, name.bytes, out, err);
    }
    at_buffer_free(&name);
    return status;
}

attrib_status at_part_exists(const attrib_run *run,
                             size_t i_part,
                             bool *out,
                             attrib_error *err)
{
    char *path = NULL;
    attrib_status status = part_path(run, i_part, &path, err);
    if (status == ATTRIB_OK) {
        *out = at_is_file(path);
    }
    free(path);
    return status;
}

attrib_status at_part_write(const attrib_run *run, const at_part *part, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensor_writer *writer = NULL;
    char *path = NULL;
    const size_t scores_shape[2] = {part->n_documents, run->info.n_queries};
    const size_t ids_shape[1] = {part->n_id_bytes};
    size_t n_bytes = part->n_documents * run->info.n_queries * sizeof *part->scores;
    AT_TRY(part_path(run, part->first / AT_PART_DOCUMENTS, &path, err));
    AT_TRY(at_tensor_writer_open(path, &writer, err));
    AT_TRY(at_tensor_writer_metadata(writer, "attrib_run", run->identity, err));
    AT_TRY(at_tensor_writer_declare(writer, "scores", ATTRIB_F64, 2, scores_shape, err));
    AT_TRY(at_tensor_writer_declare(writer, "ids", ATTRIB_U8, 1, ids_shape, err));
    AT_TRY(at_tensor_writer_write(writer, part->scores, n_bytes, err));
    AT_TRY(at_tensor_writer_write(writer, part->ids, part->n_id_bytes, err));
    AT_TRY(at_tensor_writer_commit(writer, err));
done:
    at_tensor_writer_free(writer);
    free(path);
    return status;
}

/* Point id[i] at the i-th of the NUL-terminated ids. */
static attrib_status split_ids(at_part *part, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *next = part->ids;
    const char *end = part->ids + part->n_id_bytes;
    AT_TRY(at_array(part->n_documents, sizeof *part->id, &part->id, err));
    for (size_t i = 0; i < part->n_documents; i++) {
        const char *stop = next < end ? memchr(next, '\0', (size_t)(end - next)) : NULL;
        AT_CHECK(stop, ATTRIB_EFORMAT, "%s: %zu ids, expected %zu", path, i,
                 part->n_documents);
        part->id[i] = next;
        next = stop + 1;
    }
    AT_CHECK(next == end, ATTRIB_EFORMAT, "%s: more ids than documents", path);
done:
    return status;
}

static attrib_status read_tensors(const at_tensors *tensors,
                                  const char *path,
                                  size_t n_queries,
                                  at_part *part,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const at_tensor *scores = at_tensors_find(tensors, "scores");
    const at_tensor *ids = at_tensors_find(tensors, "ids");
    const size_t shape[2] = {part->n_documents, n_queries};
    AT_CHECK(scores && ids && ids->dtype == ATTRIB_U8, ATTRIB_EFORMAT,
             "%s: not a part of a run", path);
    AT_TRY(at_tensor_expect(scores, 2, shape, err));
    AT_TRY(at_array(scores->n_elements, sizeof *part->scores, &part->scores, err));
    AT_TRY(at_tensor_to_f64(scores, 0, scores->n_elements, part->scores, err));
    for (size_t i = 0; i < scores->n_elements; i++) {
        AT_CHECK(isfinite(part->scores[i]), ATTRIB_ENUMERIC,
                 "%s: score %zu is not finite", path, i);
    }
    part->n_id_bytes = ids->n_bytes;
    AT_TRY(at_array(ids->n_bytes, 1, &part->ids, err));
    memcpy(part->ids, ids->data, ids->n_bytes);
    AT_TRY(split_ids(part, path, err));
done:
    return status;
}

attrib_status at_part_read(const attrib_run *run,
                           size_t i_part,
                           at_part *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_tensors *tensors = NULL;
    char *path = NULL;
    at_part part = {.first = i_part * AT_PART_DOCUMENTS};
    size_t left = run->info.n_documents - part.first;
    const char *identity = NULL;
    part.n_documents = left < AT_PART_DOCUMENTS ? left : AT_PART_DOCUMENTS;
    AT_TRY(part_path(run, i_part, &path, err));
    AT_TRY(at_tensors_open(path, &tensors, err));
    identity = at_tensors_metadata(tensors, "attrib_run");
    AT_CHECK(identity && strcmp(identity, run->identity) == 0, ATTRIB_ESHAPE,
             "%s: of another run (other model, factors, corpus, queries or options)",
             path);
    AT_TRY(read_tensors(tensors, path, run->info.n_queries, &part, err));
    *out = part;
    part = (at_part){0};
done:
    at_part_free(&part);
    at_tensors_close(tensors);
    free(path);
    return status;
}

void at_part_free(at_part *part)
{
    free(part->scores);
    free(part->ids);
    free(part->id);
    *part = (at_part){0};
}
