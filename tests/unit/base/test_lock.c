/* SPDX-License-Identifier: MIT */
/* Locks, where the file system has them, where it has none, and where one host has them
 * and another has not. */
#include "support/check.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/owner.h"
#include "support/child.h"

static char folder[256];
static char lock_path[300];

/* Whether files have locks, of this process and its children. */
static bool has_locks = true;

int __real_flock(int descriptor, int operation);
int __wrap_flock(int descriptor, int operation);

int __wrap_flock(int descriptor, int operation)
{
    if (has_locks) {
        return __real_flock(descriptor, operation);
    }
    errno = ENOLCK;
    return -1;
}

static int set_up(void **state)
{
    (void)state;
    has_locks = true;
    make_scratch_folder(folder, sizeof folder);
    snprintf(lock_path, sizeof lock_path, "%s/lock", folder);
    return 0;
}

static int set_up_without(void **state)
{
    (void)set_up(state);
    has_locks = false;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

static const char *in_folder(const char *name)
{
    static char path[1000];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void check_nothing_stays(void)
{
    assert_int_equal(rmdir(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
}

static void hold_lock(void)
{
    static at_lock lock;
    if (at_lock_take(NULL, lock_path, "it", false, &lock, NULL) != ATTRIB_OK) {
        _exit(9);
    }
}

/* The holder is named. Its lock ends with it, though its file stays. */
static void test_lock__ends_with_its_process(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_lock lock = {0};
    char holder[100];
    pid_t child = start_child(hold_lock);
    check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, &err), ATTRIB_EIO,
                &err);
    snprintf(holder, sizeof holder, "it: process %ld on ", (long)child);
    check_message(&err, holder);
    check_message(&err, " is filling it");
    assert_null(lock.path);
    end_child(child);
    assert_true(at_is_there(has_locks ? lock_path : in_folder("lock.held")));
    check_ok(at_lock_take(NULL, lock_path, "it", false, &lock, NULL), NULL);
    at_lock_release(&lock);
    check_nothing_stays();
    at_lock_release(&lock);
}

/* What a killed process left is cleared, what is held is not. */
static void test_lock__is_cleared(void **state)
{
    (void)state;
    pid_t child = start_child(hold_lock);
    at_lock_clear(lock_path);
    assert_true(at_is_file(lock_path));
    end_child(child);
    at_lock_clear(lock_path);
    at_lock_clear(lock_path);
    check_nothing_stays();
}

typedef struct waiter {
    pid_t holder;
    size_t n_lines;
    attrib_session *session;
    bool cancels;
} waiter;

static void end_holder(void *context, attrib_log_level level, const char *line)
{
    waiter *self = context;
    (void)level;
    assert_non_null(strstr(line, "it: waiting for process "));
    self->n_lines++;
    if (self->cancels) {
        attrib_session_cancel(self->session);
    } else {
        end_child(self->holder);
    }
}

static attrib_status wait_for(waiter *self, at_lock *lock, attrib_error *err)
{
    attrib_session_options options;
    attrib_session_options_default(&options);
    options.log = end_holder;
    options.log_context = self;
    check_ok(attrib_session_new(&options, &self->session, NULL), NULL);
    attrib_status status = at_lock_take(self->session, lock_path, "it", true, lock, err);
    attrib_session_free(self->session);
    return status;
}

/* Waiting is said once, and ends with the holder or when it is canceled. */
static void test_lock__is_waited_for(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_lock lock = {0};
    waiter ending = {.holder = start_child(hold_lock)};
    check_ok(wait_for(&ending, &lock, NULL), NULL);
    assert_int_equal(ending.n_lines, 1);
    at_lock_release(&lock);
    waiter canceling = {.holder = start_child(hold_lock), .cancels = true};
    check_fails(wait_for(&canceling, &lock, &err), ATTRIB_ECANCELED, &err);
    assert_int_equal(canceling.n_lines, 1);
    end_child(canceling.holder);
}

static void take_turns(void)
{
    at_lock lock = {0};
    const struct timespec pause = {.tv_nsec = 1000000};
    int n_tries = 0;
    for (int i = 0; i < 150; i++) {
        while (at_lock_take(NULL, lock_path, "it", false, &lock, NULL) != ATTRIB_OK) {
            if (n_tries++ > 20000) { /* another ended and left it held */
                _exit(8);
            }
            nanosleep(&pause, NULL);
        }
        /* Alone: nobody else makes the folder, or finds it. */
        if (mkdir(in_folder("held"), 0700) != 0) {
            _exit(9);
        }
        rmdir(in_folder("held"));
        at_lock_release(&lock);
    }
    _exit(0);
}

/* One process at a time has it, though each removes the file of the lock. */
static void test_lock__is_of_one_at_a_time(void **state)
{
    (void)state;
    const bool all = *(const bool *)*state;
    pid_t children[4];
    fflush(NULL);
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            has_locks = all || i % 2;
            take_turns();
        }
    }
    for (int i = 0; i < 4; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    check_nothing_stays();
}

/* A link in the place of a lock is not followed. */
static void test_lock__is_no_link(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_lock lock = {0};
    assert_int_equal(symlink(in_folder("target"), lock_path), 0);
    check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "/lock: making the lock: ");
    assert_false(at_is_there(in_folder("target")));
}

/* The name of the file in the place of a held lock. */
static void read_entry(char out[1000])
{
    DIR *entries = opendir(in_folder("lock.held"));
    const struct dirent *entry = NULL;
    assert_non_null(entries);
    while ((entry = readdir(entries)) && entry->d_name[0] == '.') {
    }
    assert_non_null(entry);
    snprintf(out, 1000, "%s/lock.held/%s", folder, entry->d_name);
    closedir(entries);
}

/* Whether a process of another host has ended is not known: people are told what to
 * remove then. */
static void test_lock__of_another_host_stays(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_lock lock = {0};
    char path[1000];
    char other[1000];
    pid_t child = start_child(hold_lock);
    read_entry(path);
    memcpy(other, path, sizeof path);
    char *digit = strstr(other, ".tmp-") + strlen(".tmp-");
    *digit = *digit == '0' ? '1' : '0';
    assert_int_equal(rename(path, other), 0);
    end_child(child);
    check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, &err), ATTRIB_EIO,
                &err);
    check_message(&err, " is filling it; where that has ended, remove ");
    check_message(&err, "/lock.held");
    has_locks = true;
    check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, NULL), ATTRIB_EIO,
                NULL);
    assert_int_equal(unlink(other), 0);
    check_ok(at_lock_take(NULL, lock_path, "it", false, &lock, NULL), NULL);
    at_lock_release(&lock);
    check_nothing_stays();
}

/* What has locks and what has none heed each other. */
static void test_lock__of_both_kinds_is_one(void **state)
{
    (void)state;
    at_lock lock = {0};
    for (int i = 0; i < 2; i++) {
        attrib_error err = {0};
        char holder[100];
        has_locks = i == 0;
        pid_t child = start_child(hold_lock);
        has_locks = i == 1;
        snprintf(holder, sizeof holder, "it: process %ld on ", (long)child);
        check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, &err), ATTRIB_EIO,
                    &err);
        check_message(&err, holder);
        end_child(child);
        check_ok(at_lock_take(NULL, lock_path, "it", false, &lock, NULL), NULL);
        at_lock_release(&lock);
        check_nothing_stays();
    }
}

/* A place is not taken from a process that took it over first: its file has another name
 * than the one of the process that has ended. */
static void test_lock__place_is_taken_over_once(void **state)
{
    (void)state;
    at_lock lock = {0};
    at_lock second = {0};
    char path[1000];
    pid_t child = start_child(hold_lock);
    read_entry(path);
    end_child(child);
    check_ok(at_lock_take(NULL, lock_path, "it", false, &lock, NULL), NULL);
    assert_int_equal(unlink(path), -1); /* what a slower process does next */
    assert_int_equal(rmdir(in_folder("lock.held")), -1);
    check_fails(at_lock_take(NULL, lock_path, "it", false, &second, NULL), ATTRIB_EIO,
                NULL);
    at_lock_release(&lock);
    check_nothing_stays();
}

/* The place cannot be made: the reason is told, and nothing stays. */
static void test_lock__says_why_there_is_none(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_lock lock = {0};
    write_file(in_folder("lock.held"), "x", 1);
    check_fails(at_lock_take(NULL, lock_path, "it", false, &lock, &err), ATTRIB_EIO,
                &err);
    check_message(&err, "/lock.held: locking: ");
    assert_int_equal(unlink(in_folder("lock.held")), 0);
    assert_int_equal(unlink(lock_path), 0);
    check_nothing_stays();
}

int main(void)
{
    static bool all = true;
    static bool some = false;
#define LOCK_TEST(name, set, argument)                                                   \
    {                                                                                    \
#name ", " #set, test_lock__##name, set, tear_down, argument                     \
    }
    const struct CMUnitTest tests[] = {
        LOCK_TEST(ends_with_its_process, set_up, NULL),
        LOCK_TEST(ends_with_its_process, set_up_without, NULL),
        LOCK_TEST(is_cleared, set_up, NULL),
        LOCK_TEST(is_cleared, set_up_without, NULL),
        LOCK_TEST(is_waited_for, set_up, NULL),
        LOCK_TEST(is_waited_for, set_up_without, NULL),
        LOCK_TEST(is_of_one_at_a_time, set_up, &all),
        LOCK_TEST(is_of_one_at_a_time, set_up_without, &some),
        LOCK_TEST(is_no_link, set_up, NULL),
        LOCK_TEST(of_another_host_stays, set_up_without, NULL),
        LOCK_TEST(of_both_kinds_is_one, set_up, NULL),
        LOCK_TEST(place_is_taken_over_once, set_up_without, NULL),
        LOCK_TEST(says_why_there_is_none, set_up_without, NULL),
    };
    return run_cases(tests, NULL, NULL);
}
