/* SPDX-License-Identifier: MIT */
#include "run/finished.h"

#include <stdlib.h>
#include <string.h>

#include "base/lock.h"
#include "run/prepared.h"

bool attrib_run_is(const char *folder)
{
    char *path = NULL;
    attrib_error ignored;
    bool is_there = at_join_path(folder, AT_RUN_PREPARED, &path, &ignored) == ATTRIB_OK &&
                    at_is_file(path);
    free(path);
    return is_there;
}

bool at_run_unlock_finished(const char *folder)
{
    char *path = NULL;
    bool is_there = attrib_run_is(folder) &&
                    at_join_path(folder, AT_RUN_MANIFEST, &path, NULL) == ATTRIB_OK &&
                    at_is_file(path);
    free(path);
    if (is_there) {
        at_lock_clear_folder(folder);
    }
    return is_there;
}

attrib_status at_run_fail_other(const char *folder,
                                const at_buffer *list,
                                attrib_error *err)
{
    return at_fail(err, ATTRIB_EIO,
                   "%s: holds another run already: other %.160s: name a new folder",
                   folder, list->bytes);
}

attrib_status at_run_open_manifest(const char *folder,
                                   attrib_run **out,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: %s", folder,
             at_is_there(folder) ? "not a folder" : "no such folder");
    AT_TRY(at_run_new(&run, err));
    AT_TRY(at_arena_text(run->bank, folder, strlen(folder), &run->info.folder, err));
    AT_TRY(at_run_manifest_read(run, err));
    AT_TRY(at_run_place_slices(run, false, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

/* Whether two runs are of the same documents, in the same order. */
static bool same_documents(const attrib_run *a, const attrib_run *b)
{
    bool is_same = a->n_parts == b->n_parts;
    for (size_t i = 0; is_same && i < a->n_parts; i++) {
        const at_part *x = &a->parts[i];
        const at_part *y = &b->parts[i];
        is_same = strcmp(x->corpus_hash, y->corpus_hash) == 0 && x->first == y->first &&
                  x->end == y->end;
    }
    return is_same;
}

static attrib_status compare(const attrib_run *was,
                             const attrib_run *made,
                             at_buffer *out,
                             attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(at_run_compare(was, made, AT_SAME_ANSWERS, out, err));
    if (!same_documents(was, made)) {
        AT_TRY(at_buffer_print(out, err, "%sdocuments", out->n_bytes ? ", " : ""));
    }
    if (strcmp(was->queries_hash, made->queries_hash) != 0) {
        AT_TRY(at_buffer_print(out, err, "%squeries", out->n_bytes ? ", " : ""));
    }
    if (!out->n_bytes && strcmp(was->identity, made->identity) != 0) {
        AT_TRY(at_buffer_print(out, err, "sizes, as its shards were prepared with"));
    }
done:
    return status;
}

attrib_status at_run_find_finished(const char *folder,
                                   const attrib_run *made,
                                   bool *is_there,
                                   attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *was = NULL;
    at_buffer list = {0};
    *is_there = at_run_unlock_finished(folder);
    if (!*is_there) {
        AT_TRY(at_lock_check_free(folder, err));
        goto done;
    }
    AT_TRY(at_run_open_manifest(folder, &was, err));
    AT_TRY(compare(was, made, &list, err));
    if (list.n_bytes) {
        status = at_run_fail_other(folder, &list, err);
    }
done:
    *is_there = *is_there && status == ATTRIB_OK;
    attrib_run_close(was);
    at_buffer_free(&list);
    return status;
}
