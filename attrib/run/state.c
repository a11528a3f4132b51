/* SPDX-License-Identifier: MIT */
/* How the job of a folder stands, from its manifest or its logbook (base/logbook.h).
 *
 * 1. Files.
 * 2. What a manifest says.
 * 3. What a logbook says.
 * 4. Which of them is there. */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "attrib/run.h"
#include "base/file.h"
#include "base/logbook.h"
#include "format/json.h"
#include "format/record.h"
#include "run/prepared.h"

#define MANIFEST           "manifest.msgpack"
#define MAX_LOGBOOK        ((size_t)1 << 20)
#define MAX_LOGBOOK_STAGES 64
/* Seconds after which a process of another machine that says nothing is taken for
 * stopped; it speaks every ten. */
#define SILENT_SECONDS 120.0

struct reading {
    attrib_state state; /* first: attrib_state_free() is given it */
    at_arena *bank;
    attrib_state_stage *stages; /* [MAX_LOGBOOK_STAGES] */
};

typedef struct reading reading;

/* 1. Files */

static double written_of(const struct stat *info)
{
    return (double)info->st_mtim.tv_sec + 1e-9 * (double)info->st_mtim.tv_nsec;
}

/* When a file of a folder was written last; 0 for a folder without files. */
static double newest_of(const char *path)
{
    double newest = 0;
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder && (entry = readdir(folder))) {
        struct stat info;
        if (strcmp(entry->d_name, "..") != 0 &&
            fstatat(dirfd(folder), entry->d_name, &info, 0) == 0) {
            newest = fmax(newest, written_of(&info));
        }
    }
    if (folder) {
        closedir(folder);
    }
    return newest;
}

static bool has_file(const char *folder, const char *name)
{
    char *path = NULL;
    bool is_there =
        at_join_path(folder, name, &path, NULL) == ATTRIB_OK && at_is_file(path);
    free(path);
    return is_there;
}

static bool is_empty(const char *path)
{
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    bool is = true;
    while (folder && is && (entry = readdir(folder))) {
        is = entry->d_name[0] == '.'; /* a lock that was left is nothing */
    }
    if (folder) {
        closedir(folder);
    }
    return is;
}

/* 2. What a manifest says */

static attrib_status take_text(reading *self,
                               const at_record *record,
                               const char *key,
                               const char **out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const char *text = "";
    size_t n = 0;
    if (at_record_find(&record->map, key)) {
        AT_TRY(at_record_text(record->name, &record->map, key, &text, &n, err));
    }
    AT_TRY(at_arena_text(self->bank, text, n, out, err));
done:
    return status;
}

/* The parts that sums of factors are of. */
static attrib_status take_part(const at_record *record,
                               const msgpack_object *origin,
                               attrib_state_range *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    AT_CHECK(origin->type == MSGPACK_OBJECT_MAP, ATTRIB_EFORMAT,
             "%s: an origin that is no map", record->name);
    AT_TRY(at_record_size(record->name, origin, "first_part", &out->first, err));
    AT_TRY(at_record_size(record->name, origin, "end_part", &out->end, err));
    AT_TRY(at_record_size(record->name, origin, "parts", &out->total, err));
done:
    return status;
}

/* Factors hold the parts of the sums that were made last. */
static attrib_status take_parts(reading *self, const at_record *record, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "lambda_documents");
    attrib_state_range *ranges = NULL;
    if (!list || list->type != MSGPACK_OBJECT_ARRAY || list->via.array.size == 0) {
        list = at_record_find(&record->map, "covariance_documents");
    }
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: no list of documents", record->name);
    AT_TRY(at_arena_take(self->bank, list->via.array.size, sizeof *ranges, &ranges, err));
    for (size_t i = 0; i < list->via.array.size; i++) {
        AT_TRY(take_part(record, &list->via.array.ptr[i], &ranges[i], err));
    }
    self->state.ranges = ranges;
    self->state.n_ranges = list->via.array.size;
done:
    return status;
}

/* Runs name their documents by the parts of corpora that they are. */
static attrib_status take_documents(reading *self,
                                    const at_record *record,
                                    attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const msgpack_object *list = at_record_find(&record->map, "parts");
    attrib_state_range *ranges = NULL;
    AT_CHECK(list && list->type == MSGPACK_OBJECT_ARRAY, ATTRIB_EFORMAT,
             "%s: no list of parts", record->name);
    AT_TRY(at_arena_take(self->bank, list->via.array.size, sizeof *ranges, &ranges, err));
    for (size_t i = 0; i < list->via.array.size; i++) {
        at_part part;
        AT_TRY(at_part_take(record, &list->via.array.ptr[i], &part, err));
        ranges[i] = (attrib_state_range){part.first, part.end, part.n_corpus};
    }
    self->state.ranges = ranges;
    self->state.n_ranges = list->via.array.size;
done:
    return status;
}

static attrib_status take_manifest(reading *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_record record = {0};
    char *path = NULL;
    const char *format = "";
    AT_TRY(at_join_path(folder, MANIFEST, &path, err));
    AT_TRY(at_record_read(path, &record, err));
    AT_TRY(take_text(self, &record, "format", &format, err));
    self->state.is_run = strcmp(format, "attrib run") == 0;
    AT_CHECK(self->state.is_run || strcmp(format, "attrib factors") == 0, ATTRIB_EFORMAT,
             "%s: the manifest of something else", path);
    AT_TRY(take_text(self, &record, "command", &self->state.command, err));
    AT_TRY(take_text(self, &record, "directory", &self->state.directory, err));
    AT_TRY(self->state.is_run ? take_documents(self, &record, err)
                              : take_parts(self, &record, err));
    self->state.kind = ATTRIB_STATE_DONE;
    self->state.overall = 1;
    self->state.seconds_left = 0;
done:
    at_record_free(&record);
    free(path);
    return status;
}

/* 3. What a logbook says */

/* Copy a text of an object; "" where it has none. */
static attrib_status copy_text(reading *self,
                               const char *name,
                               const json_t *object,
                               const char *key,
                               const char **out,
                               attrib_error *err)
{
    const char *text = "";
    attrib_status status = at_json_text(name, object, key, &text, NULL, err);
    return status == ATTRIB_OK ? at_arena_text(self->bank, text, strlen(text), out, err)
                               : status;
}

static attrib_status take_stages(reading *self,
                                 const char *name,
                                 const json_t *book,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const json_t *list = json_object_get(book, "stages");
    size_t n = json_array_size(list);
    AT_CHECK(n <= MAX_LOGBOOK_STAGES, ATTRIB_EFORMAT, "%s: %zu stages", name, n);
    AT_TRY(at_arena_take(self->bank, n, sizeof *self->stages, &self->stages, err));
    for (size_t i = 0; i < n; i++) {
        const json_t *one = json_array_get(list, i);
        attrib_state_stage *stage = &self->stages[i];
        *stage = (attrib_state_stage){0};
        AT_TRY(copy_text(self, name, one, "stage", &stage->stage, err));
        AT_TRY(copy_text(self, name, one, "unit", &stage->unit, err));
        AT_TRY(at_json_number(name, one, "done", &stage->done, NULL, err));
        AT_TRY(at_json_number(name, one, "total", &stage->total, NULL, err));
    }
    self->state.stages = self->stages;
    self->state.n_stages = n;
done:
    return status;
}

/* The documents that an unfinished run is of, where it says so. */
static attrib_status take_range(reading *self,
                                const char *name,
                                const json_t *book,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_state_range *range = NULL;
    bool is_there = json_object_get(book, "n_corpus") != NULL;
    AT_TRY(at_arena_take(self->bank, 1, sizeof *range, &range, err));
    *range = (attrib_state_range){0};
    AT_TRY(at_json_size(name, book, "first", &range->first, NULL, err));
    AT_TRY(at_json_size(name, book, "end", &range->end, NULL, err));
    AT_TRY(at_json_size(name, book, "n_corpus", &range->total, NULL, err));
    AT_CHECK(range->first <= range->end && range->end <= range->total, ATTRIB_EFORMAT,
             "%s: documents %zu to %zu of %zu", name, range->first, range->end,
             range->total);
    self->state.ranges = range;
    self->state.n_ranges = is_there;
done:
    return status;
}

/* Whether the process that a logbook names still runs. */
static bool is_running(const attrib_state *state, const char *boot)
{
    char host[256] = "";
    char own_boot[64] = "";
    struct timespec now;
    gethostname(host, sizeof host - 1);
    size_t n =
        at_peek_file("/proc/sys/kernel/random/boot_id", own_boot, sizeof own_boot - 1);
    own_boot[n] = '\0';
    own_boot[strcspn(own_boot, "\n")] = '\0';
    if (state->error[0]) {
        return false;
    }
    if (strcmp(host, state->host) == 0 && strcmp(boot, own_boot) == 0) {
        return state->pid > 0 && state->pid < INT32_MAX &&
               (kill((pid_t)state->pid, 0) == 0 || errno == EPERM);
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec - state->updated < SILENT_SECONDS;
}

static attrib_status take_members(reading *self,
                                  const char *name,
                                  const json_t *book,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_state *state = &self->state;
    const char *boot = "";
    AT_TRY(copy_text(self, name, book, "command", &state->command, err));
    AT_TRY(copy_text(self, name, book, "directory", &state->directory, err));
    AT_TRY(copy_text(self, name, book, "host", &state->host, err));
    AT_TRY(copy_text(self, name, book, "error", &state->error, err));
    AT_TRY(copy_text(self, name, book, "boot", &boot, err));
    AT_TRY(at_json_size(name, book, "pid", &state->pid, NULL, err));
    AT_TRY(at_json_number(name, book, "begun", &state->begun, NULL, err));
    AT_TRY(at_json_number(name, book, "updated", &state->updated, NULL, err));
    AT_TRY(at_json_number(name, book, "overall", &state->overall, NULL, err));
    AT_TRY(at_json_number(name, book, "seconds_left", &state->seconds_left, NULL, err));
    AT_TRY(take_range(self, name, book, err));
    AT_TRY(take_stages(self, name, book, err));
    state->kind = is_running(state, boot) ? ATTRIB_STATE_RUNNING : ATTRIB_STATE_STOPPED;
done:
    return status;
}

static attrib_status take_logbook(reading *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *path = NULL;
    json_t *book = NULL;
    self->state.kind = ATTRIB_STATE_STOPPED;
    AT_TRY(at_join_path(folder, AT_LOGBOOK, &path, err));
    if (at_is_file(path)) { /* else it was killed before it wrote any */
        AT_TRY(at_json_read(path, MAX_LOGBOOK, &book, err));
        AT_CHECK(json_is_object(book), ATTRIB_EFORMAT, "%s: not an object", path);
        AT_TRY(take_members(self, path, book, err));
    }
done:
    json_decref(book);
    free(path);
    return status;
}

/* 4. Which of them is there */

static bool begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Whether a folder holds an unfinished run. */
static bool is_unfinished_run(const char *path)
{
    bool is = false;
    DIR *folder = opendir(path);
    const struct dirent *entry = NULL;
    while (folder && !is && (entry = readdir(folder))) {
        is = strcmp(entry->d_name, AT_LOGBOOK) == 0 ||
             strcmp(entry->d_name, "prepared.msgpack") == 0 ||
             begins_with(entry->d_name, "scores-") ||
             begins_with(entry->d_name, "slice-");
    }
    if (folder) {
        closedir(folder);
    }
    return is;
}

static attrib_status look_at(reading *self, const char *folder, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer partial = {0};
    const char *found = folder;
    AT_TRY(at_buffer_print(&partial, err, "%s.partial", folder));
    if (has_file(folder, MANIFEST)) {
        AT_TRY(take_manifest(self, folder, err));
    } else if (has_file(folder, "progress.msgpack")) { /* FACTORS.partial itself */
        AT_TRY(take_logbook(self, folder, err));
    } else if (at_is_folder(partial.bytes)) {
        found = partial.bytes;
        AT_TRY(take_logbook(self, found, err));
    } else if (is_unfinished_run(folder)) {
        self->state.is_run = true;
        AT_TRY(take_logbook(self, folder, err));
    } else {
        AT_CHECK(!at_is_there(folder) || (at_is_folder(folder) && is_empty(folder)),
                 ATTRIB_EFORMAT, "%s: neither factors nor a run of attrib", folder);
    }
    AT_TRY(at_arena_text(self->bank, found, strlen(found), &self->state.folder, err));
    self->state.written = newest_of(found);
done:
    at_buffer_free(&partial);
    return status;
}

attrib_status attrib_state_read(const char *folder, attrib_state **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    reading *self = NULL;
    char *path = NULL;
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/') {
        n--;
    }
    AT_TRY(at_array(1, sizeof *self, &self, err));
    self->state = (attrib_state){.command = "",
                                 .directory = "",
                                 .host = "",
                                 .error = "",
                                 .seconds_left = (double)NAN};
    AT_TRY(at_arena_new(&self->bank, err));
    AT_TRY(at_copy_text(folder, n, &path, err));
    AT_TRY(look_at(self, path, err));
    *out = &self->state;
    self = NULL;
done:
    free(path);
    attrib_state_free(self ? &self->state : NULL);
    return status;
}

void attrib_state_free(attrib_state *state)
{
    reading *self = (reading *)(void *)state;
    if (self) {
        at_arena_free(self->bank);
        free(self);
    }
}
