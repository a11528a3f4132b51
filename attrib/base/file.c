/* SPDX-License-Identifier: MIT */
/* Files that are read, and paths.
 *
 * 1. Reading   2. Paths */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 1. Reading */

#define LFS_FIRST_LINE  "version https://git-lfs.github.com/spec/v1\n"
#define LFS_SECOND_LINE "oid "
#define LFS_MAX_BYTES   1024 /* the most that Git LFS's specification allows a pointer */

attrib_status at_refuse_lfs_pointer(const char *name,
                                    const void *bytes,
                                    size_t n,
                                    attrib_error *err)
{
    static const char begin[] = LFS_FIRST_LINE LFS_SECOND_LINE;
    const size_t n_begin = sizeof begin - 1;
    if (n < n_begin || n >= LFS_MAX_BYTES || memcmp(bytes, begin, n_begin) != 0) {
        return ATTRIB_OK;
    }
    return at_fail(err, ATTRIB_ENOTSUP,
                   "%s: a Git LFS pointer: fetch the file itself (git lfs pull)", name);
}

attrib_status at_read_file(const char *path,
                           size_t max_bytes,
                           at_buffer *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer text = {0};
    char piece[65536];
    FILE *stream = fopen(path, "rbe");
    if (!stream) {
        return at_fail_errno(err, path, NULL);
    }
    for (;;) {
        errno = 0;
        size_t n = fread(piece, 1, sizeof piece, stream);
        AT_TRY(at_buffer_append(&text, piece, n, err));
        AT_CHECK(text.n_bytes <= max_bytes, ATTRIB_ERANGE, "%s: more than %zu bytes",
                 path, max_bytes);
        if (n < sizeof piece) {
            break;
        }
    }
    if (ferror(stream)) {
        status = at_fail_errno(err, path, "reading");
        goto done;
    }
    AT_TRY(at_refuse_lfs_pointer(path, text.bytes, text.n_bytes, err));
    *out = text;
    text = (at_buffer){0};
done:
    fclose(stream);
    at_buffer_free(&text);
    return status;
}

size_t at_peek_file(const char *path, void *out, size_t n)
{
    size_t n_read = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t got = descriptor < 0 ? 0 : 1;
    while (got > 0 && n_read < n) {
        got = read(descriptor, (char *)out + n_read, n - n_read);
        n_read += got > 0 ? (size_t)got : 0;
    }
    if (descriptor >= 0) {
        close(descriptor);
    }
    return n_read;
}

/* 2. Paths */

attrib_status at_join_path(const char *folder,
                           const char *name,
                           char **out,
                           attrib_error *err)
{
    at_buffer path = {0};
    size_t n = strlen(folder);
    const char *slash = n && folder[n - 1] == '/' ? "" : "/";
    attrib_status status = at_buffer_print(&path, err, "%s%s%s", folder, slash, name);
    if (status == ATTRIB_OK) {
        *out = path.bytes;
    } else {
        at_buffer_free(&path);
    }
    return status;
}

attrib_status at_make_folder(const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *copy = NULL;
    AT_TRY(at_copy_text(path, strlen(path), &copy, err));
    for (char *c = copy;; c++) {
        if ((*c != '/' && *c != '\0') || c == copy) {
            if (*c == '\0') {
                break;
            }
            continue;
        }
        char kept = *c;
        *c = '\0';
        if (mkdir(copy, 0777) != 0 && errno != EEXIST) {
            status = at_fail_errno(err, path, "making the folder");
            goto done;
        }
        *c = kept;
        if (kept == '\0') {
            break;
        }
    }
    AT_CHECK(at_is_folder(path), ATTRIB_EIO, "%s: %s", path,
             at_is_there(path) ? "not a folder" : "no such folder");
done:
    free(copy);
    return status;
}

attrib_status at_check_folder_name(const char *path, attrib_error *err)
{
    return at_is_folder(path) || !at_is_there(path)
               ? ATTRIB_OK
               : at_fail(err, ATTRIB_EIO,
                         "%s: there already, and no folder (nor a link to one)", path);
}

bool at_is_file(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

bool at_is_there(const char *path)
{
    struct stat info;
    return lstat(path, &info) == 0;
}

bool at_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool at_is_empty_folder(const char *path)
{
    DIR *folder = opendir(path);
    size_t n_entries = 0;
    if (!folder) {
        return false;
    }
    while (n_entries < 3 && readdir(folder)) {
        n_entries++;
    }
    closedir(folder);
    return n_entries == 2; /* "." and ".." */
}
