/* SPDX-License-Identifier: MIT */
/* The documents of an index: a store of their tokens, so that questions need not read the
 * corpus, which may have changed, or be gone. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "corpus/marks.h"
#include "index/index.h"

static attrib_status copy_bytes(const char *from, const char *to, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map map = {0};
    at_output output = {0};
    AT_TRY(at_map_open(from, &map, err));
    AT_TRY(at_output_open(to, &output, err));
    AT_TRY(at_output_write(&output, map.bytes, map.n_bytes, err));
    AT_TRY(at_output_commit(&output, err));
done:
    at_output_discard(&output);
    at_map_close(&map);
    return status;
}

/* Stores are replaced and never changed, so another name for one is as good as a copy,
 * where the file system has both. */
static attrib_status take_store(const char *from, const char *to, attrib_error *err)
{
    unlink(to);
    return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW) == 0
               ? ATTRIB_OK
               : copy_bytes(from, to, err);
}

attrib_status at_index_keep_documents(const attrib_index *index,
                                      const attrib_corpus *corpus,
                                      const attrib_ingest_job *reading,
                                      attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    AT_TRY(at_index_path(index, AT_INDEX_STORE, &path, err));
    if (reading->paths->n == 1 && attrib_store_is(reading->paths->paths[0])) {
        AT_TRY(take_store(reading->paths->paths[0], path, err));
    } else {
        AT_TRY(at_corpus_keep(corpus, reading, path, err));
    }
done:
    free(path);
    return status;
}

/* Whether two files hold the same. */
static attrib_status compare(const char *a, const char *b, bool *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_map left = {0};
    at_map right = {0};
    AT_TRY(at_map_open(a, &left, err));
    AT_TRY(at_map_open(b, &right, err));
    *out = left.n_bytes == right.n_bytes &&
           memcmp(left.bytes, right.bytes, left.n_bytes) == 0;
done:
    at_map_close(&left);
    at_map_close(&right);
    return status;
}

attrib_status at_index_merge_documents(attrib_index *const *from,
                                       size_t n,
                                       const attrib_index *out,
                                       attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    bool is_same = *from[0]->info.store_path != '\0';
    for (size_t i = 1; i < n && is_same; i++) {
        is_same = *from[i]->info.store_path != '\0';
        if (is_same) {
            AT_TRY(compare(from[0]->info.store_path, from[i]->info.store_path, &is_same,
                           err));
        }
    }
    if (is_same) {
        AT_TRY(at_index_path(out, AT_INDEX_STORE, &path, err));
        AT_TRY(take_store(from[0]->info.store_path, path, err));
    }
done:
    free(path);
    return status;
}
