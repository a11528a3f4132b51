/* SPDX-License-Identifier: MIT */
#include "base/checked.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/memory.h"

struct at_checked {
    pthread_mutex_t lock;
    size_t n;
    at_file_mark *marks; /* [n] zeros where a file was not checked */
};

attrib_status at_checked_new(size_t n_files, at_checked **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_checked *made = NULL;
    AT_TRY(at_array(1, sizeof *made, &made, err));
    AT_TRY(at_array(n_files, sizeof *made->marks, &made->marks, err));
    AT_CHECK(pthread_mutex_init(&made->lock, NULL) == 0, ATTRIB_ENOMEM,
             "no room for a lock");
    made->n = n_files;
    *out = made;
    made = NULL;
done:
    if (made) {
        free(made->marks);
        free(made);
    }
    return status;
}

void at_checked_free(at_checked *checked)
{
    if (checked) {
        pthread_mutex_destroy(&checked->lock);
        free(checked->marks);
        free(checked);
    }
}

bool at_checked_has(at_checked *checked, size_t i, const at_map *file)
{
    at_file_mark mark = at_map_mark(file);
    bool has = false;
    if (checked && i < checked->n && mark.inode != 0) {
        pthread_mutex_lock(&checked->lock);
        has = at_file_mark_same(&checked->marks[i], &mark);
        pthread_mutex_unlock(&checked->lock);
    }
    return has;
}

void at_checked_note(at_checked *checked, size_t i, const at_map *file)
{
    if (checked && i < checked->n) {
        pthread_mutex_lock(&checked->lock);
        checked->marks[i] = at_map_mark(file);
        pthread_mutex_unlock(&checked->lock);
    }
}
