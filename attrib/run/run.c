/* SPDX-License-Identifier: MIT */
/* Runs opened and closed. */
#include "run/drawn.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

attrib_status at_run_new(attrib_run **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_TRY(at_array(1, sizeof *run, &run, err));
    AT_TRY(at_arena_new(&run->bank, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

attrib_status at_run_set_command(attrib_run *run, const char *command, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char directory[4096];
    const char *where = getcwd(directory, sizeof directory);
    command = command ? command : "";
    where = where ? where : "";
    AT_TRY(at_arena_text(run->bank, command, strlen(command), &run->info.command, err));
    AT_TRY(at_arena_text(run->bank, where, strlen(where), &run->info.directory, err));
    run->options.command = run->info.command;
done:
    return status;
}

attrib_status attrib_run_open(const char *folder, attrib_run **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_run *run = NULL;
    AT_CHECK(at_is_folder(folder), ATTRIB_EIO, "%s: %s", folder,
             at_is_there(folder) ? "not a folder" : "no such folder");
    AT_TRY(at_run_new(&run, err));
    AT_TRY(at_arena_text(run->bank, folder, strlen(folder), &run->info.folder, err));
    AT_TRY(at_run_manifest_read(run, err));
    AT_TRY(at_answers_read(run, err)); /* checks that there is one for each query */
    AT_TRY(at_run_place_slices(run, false, err));
    *out = run;
    run = NULL;
done:
    attrib_run_close(run);
    return status;
}

void attrib_run_close(attrib_run *run)
{
    if (!run) {
        return;
    }
    for (size_t i = 0; run->read && i < run->n_tiles; i++) {
        at_slice_free(&run->read[i]);
    }
    for (size_t i = 0; run->held && i < run->n_tiles * at_run_n_slices(run); i++) {
        at_slice_free(&run->held[i]);
    }
    at_documents_free(&run->documents);
    at_fields_free(&run->fields);
    at_explained_close(run->explained);
    at_arena_free(run->bank);
    at_drawn_free_all(run->drawn, run->info.n_answers);
    free(run->answers);
    free(run->held);
    free(run->read);
    free(run->parts);
    free(run);
}

const attrib_run_info *attrib_run_describe(const attrib_run *run)
{
    return &run->info;
}

const attrib_answer *attrib_run_answer(const attrib_run *run, size_t i)
{
    return &run->answers[i];
}
