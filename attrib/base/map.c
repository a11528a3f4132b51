/* SPDX-License-Identifier: MIT */
/* Files mapped read-only.
 *
 * 1. What a file was.
 * 2. The list of maps.
 * 3. Maps. */
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"

static attrib_status fail_errno(attrib_error *err, const char *path, const char *what)
{
    char text[128];
    int number = errno;
    return at_fail(err, number == ENOMEM ? ATTRIB_ENOMEM : ATTRIB_EIO, "%s: %s%s", path,
                   what, at_errno_text(number, text, sizeof text));
}

/* 1. What a file was */

at_file_mark at_file_mark_of(const struct stat *info)
{
    return (at_file_mark){info->st_dev, info->st_ino, info->st_size, info->st_mtim};
}

bool at_file_mark_is(const at_file_mark *mark, const struct stat *info)
{
    at_file_mark now = at_file_mark_of(info);
    return at_file_mark_same(mark, &now);
}

bool at_file_mark_same(const at_file_mark *left, const at_file_mark *right)
{
    return left->device == right->device && left->inode == right->inode &&
           left->n_bytes == right->n_bytes &&
           left->modified.tv_sec == right->modified.tv_sec &&
           left->modified.tv_nsec == right->modified.tv_nsec;
}

attrib_status at_file_mark_check(const at_file_mark *mark,
                                 const char *path,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    if (stat(path, &info) != 0) {
        return fail_errno(err, path, "while it was in use: ");
    }
    AT_CHECK(info.st_dev == mark->device && info.st_ino == mark->inode, ATTRIB_EIO,
             "%s: replaced by another file while it was in use", path);
    AT_CHECK(at_file_mark_is(mark, &info), ATTRIB_EIO, "%s: changed while it was in use",
             path);
done:
    return status;
}

/* 2. The list of maps */

/* A row is in use where `begin` is not NULL. What else it holds is written before that,
 * and stays until it is NULL again. */
struct at_mapped {
    struct at_mapped *next; /* as it was when the row was made */
    const char *_Atomic begin;
    const char *end;
    char *path;
    at_file_mark mark;
};

/* A handler of signals takes no argument of ours, so that the list is the process's. Rows
 * are added under the lock, and read without it. */
static at_mapped *_Atomic first_mapped;
static pthread_mutex_t mapped_lock = PTHREAD_MUTEX_INITIALIZER;

/* A row that is not in use; a new one where there is none. Under the lock. */
static attrib_status take_row(at_mapped **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_mapped *row = atomic_load(&first_mapped);
    while (row && atomic_load(&row->begin)) {
        row = row->next;
    }
    if (!row) {
        AT_TRY(at_array(1, sizeof *row, &row, err));
        row->next = atomic_load(&first_mapped);
        atomic_store(&first_mapped, row);
    }
    *out = row;
done:
    return status;
}

attrib_status at_mapped_add(const void *begin,
                            size_t n,
                            const char *path,
                            const struct stat *info,
                            at_mapped **out,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_mapped *row = NULL;
    char *copy = NULL;
    pthread_mutex_lock(&mapped_lock);
    AT_TRY(at_copy_text(path, strlen(path), &copy, err));
    AT_TRY(take_row(&row, err));
    row->path = copy;
    row->end = (const char *)begin + n;
    row->mark = at_file_mark_of(info);
    atomic_store(&row->begin, begin);
    copy = NULL;
    *out = row;
done:
    pthread_mutex_unlock(&mapped_lock);
    free(copy);
    return status;
}

void at_mapped_remove(at_mapped *mapped)
{
    if (mapped) {
        pthread_mutex_lock(&mapped_lock);
        free(mapped->path);
        mapped->path = NULL;
        atomic_store(&mapped->begin, NULL);
        pthread_mutex_unlock(&mapped_lock);
    }
}

static const at_mapped *find_mapped(const char *address)
{
    const at_mapped *row = atomic_load(&first_mapped);
    while (row) {
        const char *begin = atomic_load(&row->begin);
        if (begin && address >= begin && address < row->end) {
            return row;
        }
        row = row->next;
    }
    return NULL;
}

/* Append a text as far as there is room, by no function that a signal handler must not
 * call. */
static void append(char line[ATTRIB_ERROR_SIZE], size_t *n, const char *text)
{
    while (*text && *n < ATTRIB_ERROR_SIZE - 1) {
        line[(*n)++] = *text++;
    }
    line[*n] = '\0';
}

bool attrib_explain_bus_error(const void *address, char line[ATTRIB_ERROR_SIZE])
{
    const at_mapped *row = find_mapped(address);
    struct stat info;
    size_t n = 0;
    int kept = errno;
    if (!row) {
        return false;
    }
    bool is_there = stat(row->path, &info) == 0 && info.st_dev == row->mark.device &&
                    info.st_ino == row->mark.inode;
    append(line, &n, row->path);
    append(line, &n,
           is_there && info.st_size < row->mark.n_bytes
               ? ": became shorter while it was read"
               : ": cannot be read: cut short, or its disk failed");
    attrib_clean_line(line);
    errno = kept;
    return true;
}

/* 3. Maps */

static attrib_status map_descriptor(int descriptor,
                                    const char *path,
                                    at_map *map,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat info;
    if (fstat(descriptor, &info) != 0) {
        return fail_errno(err, path, "");
    }
    AT_CHECK(S_ISREG(info.st_mode), ATTRIB_EIO, "%s: not a regular file", path);
    map->n_bytes = (size_t)info.st_size;
    map->bytes = (const unsigned char *)"";
    if (map->n_bytes) {
        void *mapping = mmap(NULL, map->n_bytes, PROT_READ, MAP_PRIVATE, descriptor, 0);
        if (mapping == MAP_FAILED) {
            return fail_errno(err, path, "mapping it: ");
        }
        map->mapping = mapping;
        map->bytes = mapping;
    }
    AT_TRY(at_mapped_add(map->bytes, map->n_bytes, path, &info, &map->mapped, err));
    AT_TRY(at_refuse_lfs_pointer(path, map->bytes, map->n_bytes, err));
done:
    return status;
}

attrib_status at_map_open(const char *path, at_map *out, attrib_error *err)
{
    at_map map = {0};
    /* Without O_NONBLOCK, opening a pipe that nobody writes to would wait for a writer.
     */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return fail_errno(err, path, "");
    }
    attrib_status status = map_descriptor(descriptor, path, &map, err);
    if (status == ATTRIB_OK) {
        *out = map;
    } else {
        at_map_close(&map);
    }
    close(descriptor);
    return status;
}

void at_map_close(at_map *map)
{
    at_mapped_remove(map->mapped);
    if (map->mapping) {
        munmap(map->mapping, map->n_bytes);
    }
    *map = (at_map){0};
}

void at_map_forget(const at_map *map)
{
    if (map->mapping) {
        madvise(map->mapping, map->n_bytes, MADV_DONTNEED);
    }
}

at_file_mark at_map_mark(const at_map *map)
{
    return map->mapped ? map->mapped->mark : (at_file_mark){0};
}

attrib_status at_map_check(const at_map *map, attrib_error *err)
{
    return map->mapped ? at_file_mark_check(&map->mapped->mark, map->mapped->path, err)
                       : ATTRIB_OK;
}
