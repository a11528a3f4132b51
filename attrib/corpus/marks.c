/* SPDX-License-Identifier: MIT */
#include "corpus/marks.h"

#include <stdlib.h>
#include <string.h>

#include "corpus/store_state.h"

attrib_status at_marks_add(at_marks *marks, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct at_marked file = {0};
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode)) {
        return ATTRIB_OK;
    }
    file.mark = at_file_mark_of(&info);
    AT_TRY(at_copy_text(path, strlen(path), &file.path, err));
    AT_TRY(at_grow(&marks->files, &marks->capacity, marks->n + 1, sizeof *marks->files,
                   err));
    marks->files[marks->n++] = file;
    file.path = NULL;
done:
    free(file.path);
    return status;
}

void at_marks_free(at_marks *marks)
{
    for (size_t i = 0; i < marks->n; i++) {
        free(marks->files[i].path);
    }
    free(marks->files);
    *marks = (at_marks){0};
}

attrib_status at_corpus_check_files(const attrib_corpus *corpus, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < corpus->marks.n && status == ATTRIB_OK; i++) {
        status = at_file_mark_check(&corpus->marks.files[i].mark,
                                    corpus->marks.files[i].path, err);
    }
    return status;
}
