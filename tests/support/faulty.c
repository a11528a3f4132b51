/* SPDX-License-Identifier: MIT */
/* A library to be loaded before others (LD_PRELOAD), in which one call to the system
 * fails: the FAULT_NUMBER-th of the kind FAULT_CALL (open, read, write, mmap, sync,
 * rename, truncate, lock, folder, list), or each of them where that is `all`, with the
 * error FAULT_ERROR (EIO, ENOSPC, EINTR, ENOLCK), or with `short` after half of its
 * bytes. At the end of the process the number of calls of each kind is written to
 * FAULT_COUNT. Streams of stdio call the system by themselves, so their functions fail in
 * its place.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The error flag of a stream of glibc. */
#define STREAM_FAILED 0x20
/* The descriptor of a stream that does not write. */
#define STREAM_READS 0x8

static const char *const kinds[] = {"open",   "read",     "write", "mmap",   "sync",
                                    "rename", "truncate", "lock",  "folder", "list"};
#define N_KINDS (sizeof kinds / sizeof *kinds)
static atomic_ulong n_calls[N_KINDS];

/* Count a call; which one of its kind it is, from 1 on. */
static unsigned long count(const char *call)
{
    size_t k = 0;
    while (k + 1 < N_KINDS && strcmp(kinds[k], call) != 0) {
        k++;
    }
    return atomic_fetch_add(&n_calls[k], 1) + 1;
}

/* Whether this call of a kind is the one that fails; errno is set then. */
static bool fails(const char *call, bool *is_short)
{
    const char *chosen = getenv("FAULT_CALL");
    const char *number = getenv("FAULT_NUMBER");
    const char *error = getenv("FAULT_ERROR");
    unsigned long i = count(call);
    *is_short = false;
    if (!chosen || strcmp(chosen, call) != 0 || !number || !error ||
        (strcmp(number, "all") != 0 && i != strtoul(number, NULL, 10))) {
        return false;
    }
    *is_short = strcmp(error, "short") == 0;
    errno = strcmp(error, "ENOSPC") == 0   ? ENOSPC
            : strcmp(error, "EINTR") == 0  ? EINTR
            : strcmp(error, "ENOLCK") == 0 ? ENOLCK
                                           : EIO;
    return true;
}

/* The function of this name in the libraries after this one. */
static void find_next(const char *name, void *out)
{
    void *found = dlsym(RTLD_NEXT, name);
    memcpy(out, &found, sizeof found);
}

__attribute__((destructor)) static void write_count(void)
{
    const char *path = getenv("FAULT_COUNT");
    char text[64];
    int (*next)(const char *, int, ...) = NULL;
    ssize_t (*next_write)(int, const void *, size_t) = NULL;
    find_next("open", &next);
    find_next("write", &next_write);
    int descriptor = path ? next(path, O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;
    if (descriptor >= 0) {
        for (size_t k = 0; k < N_KINDS; k++) {
            int n = snprintf(text, sizeof text, "%s %lu\n", kinds[k],
                             atomic_load(&n_calls[k]));
            (void)!next_write(descriptor, text, (size_t)n);
        }
        close(descriptor);
    }
}

/* 1. Opening */

#define OPEN(name)                                                                       \
    int name(const char *path, int flags, ...);                                          \
    int name(const char *path, int flags, ...)                                           \
    {                                                                                    \
        int (*next)(const char *, int, ...) = NULL;                                      \
        bool is_short = false;                                                           \
        va_list arguments;                                                               \
        va_start(arguments, flags);                                                      \
        mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;                   \
        va_end(arguments);                                                               \
        find_next(#name, &next);                                                         \
        return fails("open", &is_short) ? -1 : next(path, flags, mode);                  \
    }

OPEN(open)
OPEN(open64)

#define FOPEN(name)                                                                      \
    FILE *name(const char *path, const char *mode);                                      \
    FILE *name(const char *path, const char *mode)                                       \
    {                                                                                    \
        FILE *(*next)(const char *, const char *) = NULL;                                \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return fails("open", &is_short) ? NULL : next(path, mode);                       \
    }

FOPEN(fopen)
FOPEN(fopen64)

DIR *opendir(const char *path)
{
    DIR *(*next)(const char *) = NULL;
    bool is_short = false;
    find_next("opendir", &next);
    return fails("open", &is_short) ? NULL : next(path);
}

#define MAKE_TEMPORARY(name, arguments, ...)                                             \
    int name arguments;                                                                  \
    int name arguments                                                                   \
    {                                                                                    \
        int(*next) arguments = NULL;                                                     \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return fails("open", &is_short) ? -1 : next(__VA_ARGS__);                        \
    }

MAKE_TEMPORARY(mkstemp, (char *name), name)
MAKE_TEMPORARY(mkstemp64, (char *name), name)
MAKE_TEMPORARY(mkostemp, (char *name, int flags), name, flags)
MAKE_TEMPORARY(mkostemp64, (char *name, int flags), name, flags)

/* 2. Reading and writing */

#define TRANSFER(name, call, type)                                                       \
    ssize_t name(int descriptor, type bytes, size_t n);                                  \
    ssize_t name(int descriptor, type bytes, size_t n)                                   \
    {                                                                                    \
        ssize_t (*next)(int, type, size_t) = NULL;                                       \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        if (fails(call, &is_short) && !is_short) {                                       \
            return -1;                                                                   \
        }                                                                                \
        return next(descriptor, bytes, is_short ? (n + 1) / 2 : n);                      \
    }

TRANSFER(read, "read", void *)
TRANSFER(write, "write", const void *)

#define TRANSFER_AT(name, call, type)                                                    \
    ssize_t name(int descriptor, type bytes, size_t n, off_t at);                        \
    ssize_t name(int descriptor, type bytes, size_t n, off_t at)                         \
    {                                                                                    \
        ssize_t (*next)(int, type, size_t, off_t) = NULL;                                \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        if (fails(call, &is_short) && !is_short) {                                       \
            return -1;                                                                   \
        }                                                                                \
        return next(descriptor, bytes, is_short ? (n + 1) / 2 : n, at);                  \
    }

TRANSFER_AT(pread, "read", void *)
TRANSFER_AT(pread64, "read", void *)
TRANSFER_AT(pwrite, "write", const void *)
TRANSFER_AT(pwrite64, "write", const void *)

/* Streams go on by themselves after a short count, so that there it is no fault. */
size_t fread(void *bytes, size_t size, size_t n, FILE *stream)
{
    size_t (*next)(void *, size_t, size_t, FILE *) = NULL;
    bool is_short = false;
    find_next("fread", &next);
    if (fails("read", &is_short) && !is_short) {
        stream->_flags |= STREAM_FAILED;
        return 0;
    }
    return next(bytes, size, n, stream);
}

size_t fwrite(const void *bytes, size_t size, size_t n, FILE *stream)
{
    size_t (*next)(const void *, size_t, size_t, FILE *) = NULL;
    bool is_short = false;
    find_next("fwrite", &next);
    if (fails("write", &is_short) && !is_short) {
        stream->_flags |= STREAM_FAILED;
        return 0;
    }
    return next(bytes, size, n, stream);
}

char *fgets(char *out, int n, FILE *stream)
{
    char *(*next)(char *, int, FILE *) = NULL;
    bool is_short = false;
    find_next("fgets", &next);
    if (fails("read", &is_short) && !is_short) {
        stream->_flags |= STREAM_FAILED;
        return NULL;
    }
    return next(out, n, stream);
}

#define GET_LINE(name)                                                                   \
    ssize_t name(char **line, size_t *n, int end, FILE *stream);                         \
    ssize_t name(char **line, size_t *n, int end, FILE *stream)                          \
    {                                                                                    \
        ssize_t (*next)(char **, size_t *, int, FILE *) = NULL;                          \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        if (fails("read", &is_short) && !is_short) {                                     \
            stream->_flags |= STREAM_FAILED;                                             \
            return -1;                                                                   \
        }                                                                                \
        return next(line, n, end, stream);                                               \
    }

GET_LINE(getdelim)
GET_LINE(__getdelim)

/* A false end: entries after it are not seen. */
#define READ_ENTRY(name, type)                                                           \
    struct type *name(DIR *folder);                                                      \
    struct type *name(DIR *folder)                                                       \
    {                                                                                    \
        struct type *(*next)(DIR *) = NULL;                                              \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return fails("list", &is_short) ? NULL : next(folder);                           \
    }

READ_ENTRY(readdir, dirent)
READ_ENTRY(readdir64, dirent64)

/* What is in memory of the stream may be lost where closing fails. */
int fclose(FILE *stream)
{
    int (*next)(FILE *) = NULL;
    bool is_short = false;
    find_next("fclose", &next);
    bool is_lost =
        !(stream->_flags & STREAM_READS) && fails("write", &is_short) && !is_short;
    int number = errno;
    int status = next(stream);
    errno = is_lost ? number : errno;
    return is_lost ? EOF : status;
}

int fflush(FILE *stream)
{
    int (*next)(FILE *) = NULL;
    bool is_short = false;
    find_next("fflush", &next);
    if (stream && fails("write", &is_short) && !is_short) {
        stream->_flags |= STREAM_FAILED;
        return EOF;
    }
    return next(stream);
}

/* 3. Maps of files, and the rest */

#define MMAP(name)                                                                       \
    void *name(void *at, size_t n, int protection, int flags, int file, off_t offset);   \
    void *name(void *at, size_t n, int protection, int flags, int file, off_t offset)    \
    {                                                                                    \
        void *(*next)(void *, size_t, int, int, int, off_t) = NULL;                      \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return file >= 0 && fails("mmap", &is_short)                                     \
                   ? MAP_FAILED                                                          \
                   : next(at, n, protection, flags, file, offset);                       \
    }

MMAP(mmap)
MMAP(mmap64)

#define ON_DESCRIPTOR(name, call)                                                        \
    int name(int descriptor)                                                             \
    {                                                                                    \
        int (*next)(int) = NULL;                                                         \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return fails(call, &is_short) ? -1 : next(descriptor);                           \
    }

ON_DESCRIPTOR(fsync, "sync")
ON_DESCRIPTOR(fdatasync, "sync")

int rename(const char *from, const char *to)
{
    int (*next)(const char *, const char *) = NULL;
    bool is_short = false;
    find_next("rename", &next);
    return fails("rename", &is_short) ? -1 : next(from, to);
}

int renameat2(
    int from_folder, const char *from, int to_folder, const char *to, unsigned how)
{
    int (*next)(int, const char *, int, const char *, unsigned) = NULL;
    bool is_short = false;
    find_next("renameat2", &next);
    return fails("rename", &is_short) ? -1 : next(from_folder, from, to_folder, to, how);
}

#define TRUNCATE(name)                                                                   \
    int name(int descriptor, off_t n);                                                   \
    int name(int descriptor, off_t n)                                                    \
    {                                                                                    \
        int (*next)(int, off_t) = NULL;                                                  \
        bool is_short = false;                                                           \
        find_next(#name, &next);                                                         \
        return fails("truncate", &is_short) ? -1 : next(descriptor, n);                  \
    }

TRUNCATE(ftruncate)
TRUNCATE(ftruncate64)

int flock(int descriptor, int operation)
{
    int (*next)(int, int) = NULL;
    bool is_short = false;
    find_next("flock", &next);
    return fails("lock", &is_short) ? -1 : next(descriptor, operation);
}

int mkdir(const char *path, mode_t mode)
{
    int (*next)(const char *, mode_t) = NULL;
    bool is_short = false;
    find_next("mkdir", &next);
    return fails("folder", &is_short) ? -1 : next(path, mode);
}
