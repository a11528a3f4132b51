/* SPDX-License-Identifier: MIT */
/* Which process a temporary file or a lock belongs to.
 *
 * 1. This process.
 * 2. Temporary names.
 * 3. Sweeping.
 * 4. Locks. */
#include "base/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"

#define HOST_SIZE 65
#define MARK      ".tmp-"
/* A file's name, cut so that its temporary name is not too long for any file system. */
#define MAX_STEM 160

/* 1. This process */

typedef struct identity {
    char host[HOST_SIZE];
    uint32_t place; /* a hash of host, installation and PID namespace */
    uint32_t boot;
    long pid;
    unsigned long long start; /* ticks after the boot */
} identity;

/* The beginning of a small file; "" where it cannot be read. */
static void read_line(const char *path, char *out, size_t size)
{
    size_t n = at_peek_file(path, out, size - 1);
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

/* When a process began, which tells it from a later one with the same number; 0 where
 * that cannot be found out. */
static unsigned long long start_of(long pid)
{
    char path[64];
    char text[1024];
    unsigned long long start = 0;
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    read_line(path, text, sizeof text);
    const char *at = strrchr(text, ')'); /* ends field 2, which may hold anything */
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    if (at) {
        start = strtoull(at + 1, NULL, 10);
    }
    return start;
}

static uint32_t short_hash(const char *text)
{
    return (uint32_t)XXH3_64bits(text, strlen(text));
}

static identity who_am_i(void)
{
    identity self = {.pid = (long)getpid()};
    char machine[64];
    char boot[64];
    char text[256];
    struct stat space = {0};
    if (gethostname(self.host, sizeof self.host - 1) != 0) {
        self.host[0] = '\0';
    }
    read_line("/etc/machine-id", machine, sizeof machine);
    read_line("/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    (void)stat("/proc/self/ns/pid", &space); /* process numbers count within one */
    snprintf(text, sizeof text, "%s %s %ju", self.host, machine, (uintmax_t)space.st_ino);
    self.place = short_hash(text);
    self.boot = short_hash(boot);
    self.start = start_of(self.pid);
    return self;
}

/* 2. Temporary names */

attrib_status at_temporary_name(const char *path, char **out, attrib_error *err)
{
    static atomic_uint n_names;
    attrib_status status = ATTRIB_OK;
    const identity self = who_am_i();
    const char *slash = strrchr(path, '/');
    size_t n_folder = slash ? (size_t)(slash - path) + 1 : 0;
    size_t n_stem = at_smaller(strlen(path + n_folder), MAX_STEM);
    at_buffer name = {0};
    AT_TRY(at_buffer_print(&name, err,
                           "%.*s" MARK "%08" PRIx32 "-%08" PRIx32 "-%ld-%llu-%u",
                           (int)(n_folder + n_stem), path, self.place, self.boot,
                           self.pid, self.start, atomic_fetch_add(&n_names, 1U)));
    *out = name.bytes;
done:
    return status;
}

static at_owner judge(const identity *self, const identity *other)
{
    if (other->place != self->place) {
        return AT_OWNER_UNKNOWN;
    }
    if (other->boot != self->boot ||
        (kill((pid_t)other->pid, 0) != 0 && errno == ESRCH)) {
        return AT_OWNER_GONE;
    }
    unsigned long long start = start_of(other->pid);
    return start && start != other->start ? AT_OWNER_GONE : AT_OWNER_ALIVE;
}

at_owner at_owner_of(const char *name, bool *is_temporary)
{
    const char *mark = NULL;
    identity other = {.pid = 0};
    for (const char *at = strstr(name, MARK); at; at = strstr(at + 1, MARK)) {
        mark = at;
    }
    *is_temporary = mark != NULL;
    /* Digits are so many that no number overflows into another process's. */
    /* NOLINTNEXTLINE(cert-err34-c): what is not read whole belongs to nobody. */
    if (!mark || sscanf(mark, MARK "%8" SCNx32 "-%8" SCNx32 "-%9ld-%18llu-", &other.place,
                        &other.boot, &other.pid, &other.start) != 4) {
        return AT_OWNER_UNKNOWN;
    }
    const identity self = who_am_i();
    return other.pid > 0 ? judge(&self, &other) : AT_OWNER_UNKNOWN;
}

/* 3. Sweeping */

void at_sweep(const char *folder, const char *file, bool is_locked)
{
    DIR *entries = opendir(folder);
    const struct dirent *entry = NULL;
    size_t n = file ? at_smaller(strlen(file), MAX_STEM) : 0;
    while (entries && (entry = readdir(entries))) {
        bool is_temporary = false;
        if (file && (strncmp(entry->d_name, file, n) != 0 ||
                     strncmp(entry->d_name + n, MARK, strlen(MARK)) != 0)) {
            continue;
        }
        at_owner owner = at_owner_of(entry->d_name, &is_temporary);
        if (is_temporary &&
            (owner == AT_OWNER_GONE || (is_locked && owner == AT_OWNER_UNKNOWN))) {
            unlinkat(dirfd(entries), entry->d_name, 0);
        }
    }
    if (entries) {
        closedir(entries);
    }
}

/* 4. Locks */

#define SECONDS_BETWEEN_TRIES 0.2

static attrib_status fail_errno(const char *path, const char *what, attrib_error *err)
{
    char text[128];
    return at_fail(err, ATTRIB_EIO, "%s: %s: %s", path, what,
                   at_errno_text(errno, text, sizeof text));
}

/* Say in the lock file who holds it. Where this fails, messages say less. */
static void sign(int descriptor)
{
    const identity self = who_am_i();
    char text[HOST_SIZE + 64];
    int n = snprintf(text, sizeof text, "process %ld on %s, boot %08" PRIx32 "\n",
                     self.pid, self.host, self.boot);
    if (ftruncate(descriptor, 0) == 0) {
        (void)!pwrite(descriptor, text, (size_t)n, 0);
    }
}

/* "process 12 on a-host", which holds a lock file. */
static void read_holder(int descriptor, char *out, size_t size)
{
    ssize_t n = pread(descriptor, out, size - 1, 0);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, ",\n")] = '\0';
    if (strncmp(out, "process ", strlen("process ")) != 0) {
        snprintf(out, size, "another process");
    }
}

/* Whether a lock file is still the one of its name: whoever held it before has removed
 * it. */
static bool is_in_place(const at_lock *lock)
{
    struct stat of_name;
    struct stat of_file;
    return stat(lock->path, &of_name) == 0 && fstat(lock->descriptor, &of_file) == 0 &&
           of_name.st_ino == of_file.st_ino && of_name.st_dev == of_file.st_dev;
}

/* One try: *is_held tells whether the lock is ours; else `holder` has it. */
static attrib_status try_lock(
    at_lock *lock, bool *is_held, char *holder, size_t size, attrib_error *err)
{
    *is_held = false;
    while (!*is_held) {
        lock->descriptor =
            open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->descriptor < 0) {
            return fail_errno(lock->path, "making the lock", err);
        }
        if (flock(lock->descriptor, LOCK_EX | LOCK_NB) == 0) {
            *is_held = is_in_place(lock);
        } else if (errno == EWOULDBLOCK) {
            read_holder(lock->descriptor, holder, size);
            close(lock->descriptor);
            return ATTRIB_OK;
        } else if (errno != EINTR) {
            attrib_status status = fail_errno(lock->path, "locking", err);
            close(lock->descriptor);
            return status;
        }
        if (!*is_held) {
            close(lock->descriptor);
        }
    }
    return ATTRIB_OK;
}

static attrib_status wait_for_lock(attrib_session *session,
                                   const char *what,
                                   bool waits,
                                   at_lock *lock,
                                   attrib_error *err)
{
    const struct timespec pause = {.tv_nsec = (long)(1e9 * SECONDS_BETWEEN_TRIES)};
    attrib_status status = ATTRIB_OK;
    char holder[HOST_SIZE + 64];
    bool is_held = false;
    bool is_said = false;
    for (;;) {
        AT_TRY(try_lock(lock, &is_held, holder, sizeof holder, err));
        if (is_held) {
            break;
        }
        AT_CHECK(waits, ATTRIB_EIO, "%s: %s is filling it", what, holder);
        if (!is_said) {
            at_log(session, ATTRIB_LOG_INFO, "%s: waiting for %s, which is filling it",
                   what, holder);
            is_said = true;
        }
        nanosleep(&pause, NULL);
        AT_TRY(at_poll_cancel(session, err));
    }
done:
    return status;
}

attrib_status at_lock_take(attrib_session *session,
                           const char *path,
                           const char *what,
                           bool waits,
                           at_lock *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_lock lock = {0};
    AT_TRY(at_copy_text(path, strlen(path), &lock.path, err));
    AT_TRY(wait_for_lock(session, what, waits, &lock, err));
    sign(lock.descriptor);
    *out = lock;
    lock.path = NULL;
done:
    free(lock.path);
    return status;
}

void at_lock_release(at_lock *lock)
{
    if (lock->path) {
        unlink(lock->path); /* before others may have it, who then see that it is gone */
        close(lock->descriptor);
        free(lock->path);
        *lock = (at_lock){0};
    }
}

attrib_status at_lock_folder(const char *folder, at_lock *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    AT_TRY(at_join_path(folder, AT_FOLDER_LOCK, &path, err));
    AT_TRY(at_lock_take(NULL, path, folder, false, out, err));
done:
    free(path);
    return status;
}
