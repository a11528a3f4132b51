/* SPDX-License-Identifier: MIT */
/* Which process a temporary file or a lock belongs to.
 *
 * 1. This process.
 * 2. Temporary names.
 * 3. Sweeping. */
#include "base/owner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/file.h"

#define MARK ".tmp-"
/* A file's name, cut so that its temporary name is not too long for any file system. */
#define MAX_STEM 160

/* 1. This process */

typedef struct identity {
    char host[AT_HOST_SIZE];
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

void at_sign(char *out, size_t size)
{
    const identity self = who_am_i();
    snprintf(out, size,
             "process %ld on %s, owner " MARK "%08" PRIx32 "-%08" PRIx32 "-%ld-%llu-\n",
             self.pid, self.host, self.place, self.boot, self.pid, self.start);
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

/* Remove a temporary file, or a temporary folder, which holds at most a file of its name.
 */
static void remove_entry(int folder, const char *name)
{
    char path[2 * NAME_MAX + 2];
    if (unlinkat(folder, name, 0) != 0 && (errno == EISDIR || errno == EPERM)) {
        snprintf(path, sizeof path, "%s/%s", name, name);
        unlinkat(folder, path, 0);
        unlinkat(folder, name, AT_REMOVEDIR);
    }
}

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
            remove_entry(dirfd(entries), entry->d_name);
        }
    }
    if (entries) {
        closedir(entries);
    }
}

void attrib_sweep(const char *folder)
{
    at_sweep(folder, NULL, false);
}
