/* SPDX-License-Identifier: MIT */
/* Locks.
 *
 * 1. Who holds one.
 * 2. Places, where the file system has no locks.
 * 3. Locks of files.
 * 4. Taking and releasing. */
#include "base/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"

#define SECONDS_BETWEEN_TRIES 0.2
#define MAX_TRIES             100 /* to take a place that others give up meanwhile */

static attrib_status fail_errno(const char *path, const char *what, attrib_error *err)
{
    char text[128];
    return at_fail(err, ATTRIB_EIO, "%s: %s: %s", path, what,
                   at_errno_text(errno, text, sizeof text));
}

/* 1. Who holds one */

typedef struct holder {
    char text[AT_SIGN_SIZE]; /* "process 12 on a-host"; "": nobody */
    const char *stale;       /* what to remove where it has ended, which only people know;
                                borrowed; NULL: nothing */
} holder;

/* Read the line by which a process signed a file. Whether there was one. */
static bool read_sign(const char *path, char out[AT_SIGN_SIZE])
{
    size_t n = at_peek_file(path, out, AT_SIGN_SIZE - 1);
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return n > 0;
}

/* Name the holder by its sign. */
static void name_holder(const char *sign, const char *stale, holder *out)
{
    const char *name =
        strncmp(sign, "process ", strlen("process ")) == 0 ? sign : "another process";
    snprintf(out->text, sizeof out->text, "%.*s", (int)strcspn(name, ","), name);
    out->stale = stale;
}

/* 2. Places, where the file system has no locks */

/* Whether a lock failed because the file system has none. Linux lets the last number,
 * which it has no name for, through from some network file systems. */
static bool has_no_locks(int number)
{
    return number == ENOLCK || number == ENOSYS || number == EOPNOTSUPP ||
           number == EINVAL || number == 524;
}

static const char *name_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Look for a process in a place that may be alive. Files of those that have ended are
 * removed, and with the last one the place. */
static attrib_status look_at_place(const char *place, holder *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    DIR *entries = opendir(place);
    const struct dirent *entry = NULL;
    out->text[0] = '\0';
    while (entries && !out->text[0] && (entry = readdir(entries))) {
        bool is_signed = false;
        char sign[AT_SIGN_SIZE] = "";
        char *path = NULL;
        at_owner owner = at_owner_of(entry->d_name, &is_signed);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (is_signed && owner == AT_OWNER_GONE) {
            unlinkat(dirfd(entries), entry->d_name, 0);
            continue;
        }
        AT_TRY(at_join_path(place, entry->d_name, &path, err));
        (void)read_sign(path, sign);
        free(path);
        name_holder(sign, owner == AT_OWNER_UNKNOWN ? place : NULL, out);
    }
    if (entries && !out->text[0]) {
        rmdir(place); /* which fails where there is another process meanwhile */
    }
done:
    if (entries) {
        closedir(entries);
    }
    return status;
}

/* Make the folder that is to become the place, with a file of its own name. */
static attrib_status make_place(const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char sign[AT_SIGN_SIZE];
    char *path = NULL;
    int descriptor = -1;
    AT_TRY(at_join_path(folder, name_of(folder), &path, err));
    if (mkdir(folder, 0777) != 0) {
        status = fail_errno(folder, "making the lock", err);
        goto done;
    }
    at_sign(sign, sizeof sign);
    descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        status = fail_errno(path, "making the lock", err);
        goto done;
    }
    (void)!write(descriptor, sign, strlen(sign)); /* else messages say less */
    close(descriptor);
done:
    free(path);
    return status;
}

/* Remove what make_place() made, or a place with the file of that name in it. */
static void remove_place(const char *place, const char *name)
{
    char *path = NULL;
    if (at_join_path(place, name, &path, NULL) == ATTRIB_OK) {
        unlink(path);
    }
    rmdir(place);
    free(path);
}

/* Put the folder in place. Afterwards either lock->entry is there, and the lock is ours,
 * or `other` may hold it. */
static attrib_status enter_place(at_lock *lock,
                                 const char *folder,
                                 holder *other,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < MAX_TRIES; i++) {
        int number = rename(folder, lock->place) == 0 ? 0 : errno;
        /* A network file system may have renamed and yet say that it failed. */
        if (at_is_there(lock->entry)) {
            return ATTRIB_OK;
        }
        if (number == ENOENT) { /* another process has swept the folder */
            AT_TRY(make_place(folder, err));
            continue;
        }
        errno = number;
        if (number != ENOTEMPTY && number != EEXIST) {
            return fail_errno(lock->place, "locking", err);
        }
        AT_TRY(look_at_place(lock->place, other, err));
        if (other->text[0]) {
            break;
        }
    }
done:
    return status;
}

/* The process that may hold the lock of the file, where this host sees that no locks are
 * to be had: it signed the file before it looked for a place. */
static void look_at_file(const char *path, holder *out)
{
    char sign[AT_SIGN_SIZE];
    bool is_signed = false;
    out->text[0] = '\0';
    if (read_sign(path, sign)) {
        at_owner owner = at_owner_of(sign, &is_signed);
        if (!is_signed || owner != AT_OWNER_GONE) {
            name_holder(sign, owner == AT_OWNER_UNKNOWN ? path : NULL, out);
        }
    }
}

/* One try without locks of files: lock->entry tells whether it is ours. */
static attrib_status try_place(at_lock *lock, holder *other, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *folder = NULL;
    AT_TRY(look_at_place(lock->place, other, err));
    if (other->text[0]) {
        goto done;
    }
    AT_TRY(at_temporary_name(lock->path, &folder, err));
    AT_TRY(at_join_path(lock->place, name_of(folder), &lock->entry, err));
    status = make_place(folder, err);
    if (status == ATTRIB_OK) {
        status = enter_place(lock, folder, other, err);
    }
    if (status == ATTRIB_OK && !other->text[0] && at_is_there(lock->entry)) {
        look_at_file(lock->path, other);
    }
    if (status != ATTRIB_OK || other->text[0]) {
        remove_place(folder, name_of(folder));
        remove_place(lock->place, name_of(folder));
    }
done:
    if (status != ATTRIB_OK || other->text[0]) {
        free(lock->entry);
        lock->entry = NULL;
    }
    free(folder);
    return status;
}

/* 3. Locks of files */

/* Say in the lock file who holds it. */
static attrib_status sign_file(const at_lock *lock, attrib_error *err)
{
    char text[AT_SIGN_SIZE];
    at_sign(text, sizeof text);
    size_t n = strlen(text);
    return ftruncate(lock->descriptor, 0) == 0 &&
                   pwrite(lock->descriptor, text, n, 0) == (ssize_t)n
               ? ATTRIB_OK
               : fail_errno(lock->path, "signing the lock", err);
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

/* The file is locked: sign it, and look for a process that has no such locks. It looks at
 * the file after it has entered its place, so that one of both sees the other; and it
 * removes the file before it leaves its place, so that this one looks for that last. */
static attrib_status keep_file(at_lock *lock,
                               bool *is_held,
                               holder *other,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(sign_file(lock, err));
    if (at_is_there(lock->place)) {
        AT_TRY(look_at_place(lock->place, other, err));
    }
    *is_held = !other->text[0] && is_in_place(lock);
done:
    return status;
}

/* One try: *is_held tells whether the lock is ours; else `other` has it. */
static attrib_status try_lock(at_lock *lock,
                              bool *is_held,
                              holder *other,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *is_held = false;
    *other = (holder){.text = ""};
    while (status == ATTRIB_OK && !*is_held && !other->text[0]) {
        lock->descriptor =
            open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (lock->descriptor < 0) {
            return fail_errno(lock->path, "making the lock", err);
        }
        if (flock(lock->descriptor, LOCK_EX | LOCK_NB) == 0) {
            status = keep_file(lock, is_held, other, err);
        } else if (errno == EWOULDBLOCK) {
            char sign[AT_SIGN_SIZE];
            (void)read_sign(lock->path, sign);
            name_holder(sign, NULL, other);
        } else if (has_no_locks(errno)) {
            status = try_place(lock, other, err);
            *is_held = status == ATTRIB_OK && lock->entry;
        } else if (errno != EINTR) {
            status = fail_errno(lock->path, "locking", err);
        }
        if (!*is_held || lock->entry) {
            close(lock->descriptor);
            lock->descriptor = -1;
        }
    }
    return status;
}

/* 4. Taking and releasing */

static attrib_status wait_for_lock(attrib_session *session,
                                   const char *what,
                                   bool waits,
                                   at_lock *lock,
                                   attrib_error *err)
{
    const struct timespec pause = {.tv_nsec = (long)(1e9 * SECONDS_BETWEEN_TRIES)};
    attrib_status status = ATTRIB_OK;
    holder other;
    bool is_held = false;
    bool is_said = false;
    for (;;) {
        AT_TRY(try_lock(lock, &is_held, &other, err));
        if (is_held) {
            break;
        }
        const char *hint = other.stale ? "; where that has ended, remove " : "";
        const char *stale = other.stale ? other.stale : "";
        AT_CHECK(waits, ATTRIB_EIO, "%s: %s is filling it%s%s", what, other.text, hint,
                 stale);
        if (!is_said) {
            at_log(session, ATTRIB_LOG_INFO,
                   "%s: waiting for %s, which is filling it%s%s", what, other.text, hint,
                   stale);
            is_said = true;
        }
        nanosleep(&pause, NULL);
        AT_TRY(at_poll_cancel(session, err));
    }
done:
    return status;
}

static void free_paths(at_lock *lock)
{
    free(lock->path);
    free(lock->place);
    free(lock->entry);
    *lock = (at_lock){0};
}

attrib_status at_lock_take(attrib_session *session,
                           const char *path,
                           const char *what,
                           bool waits,
                           at_lock *out,
                           attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer place = {0};
    at_lock lock = {.descriptor = -1};
    AT_TRY(at_copy_text(path, strlen(path), &lock.path, err));
    AT_TRY(at_buffer_print(&place, err, "%s.held", path));
    lock.place = place.bytes;
    AT_TRY(wait_for_lock(session, what, waits, &lock, err));
    *out = lock;
    lock = (at_lock){0};
done:
    free_paths(&lock);
    return status;
}

void at_lock_release(at_lock *lock)
{
    if (!lock->path) {
        return;
    }
    unlink(lock->path); /* before others may have it, who then see that it is gone */
    if (lock->entry) {
        remove_place(lock->place, name_of(lock->entry));
    } else {
        close(lock->descriptor);
    }
    free_paths(lock);
}

void at_lock_clear(const char *path)
{
    at_lock lock = {0};
    attrib_error ignored;
    if (at_is_file(path) &&
        at_lock_take(NULL, path, path, false, &lock, &ignored) == ATTRIB_OK) {
        at_lock_release(&lock);
    }
}

void at_lock_clear_folder(const char *folder)
{
    char *real = realpath(folder, NULL);
    at_buffer path = {0};
    if (real && at_buffer_print(&path, NULL, "%s.lock", real) == ATTRIB_OK) {
        at_lock_clear(path.bytes);
    }
    at_buffer_free(&path);
    free(real);
}

attrib_status at_lock_check_free(const char *folder, attrib_error *err)
{
    /* rename() replaces an empty folder. */
    if ((at_is_folder(folder) && !at_is_empty_folder(folder)) || at_is_file(folder)) {
        at_lock_clear_folder(folder);
        return at_fail(err, ATTRIB_EIO, "%s: exists already, name a new folder", folder);
    }
    return at_check_folder_name(folder, err);
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
