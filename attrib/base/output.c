/* SPDX-License-Identifier: MIT */
/* Files that are written under another name until they are whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/owner.h"

/* Whether a path is a device or a pipe. These are written in place, as renaming a file
 * over one would destroy it. */
static bool is_written_in_place(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && !S_ISREG(info.st_mode);
}

/* The folder of a file, owned by the caller. */
static attrib_status folder_of(const char *path, char **out, attrib_error *err)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 1;
    return at_copy_text(slash ? n ? path : "/" : ".", n ? n : 1, out, err);
}

/* Remove what was to become the same file, of processes that were killed. */
static attrib_status sweep_beside(const char *path, attrib_error *err)
{
    const char *slash = strrchr(path, '/');
    char *folder = NULL;
    attrib_status status = folder_of(path, &folder, err);
    if (status == ATTRIB_OK) {
        at_sweep(folder, slash ? slash + 1 : path, false);
    }
    free(folder);
    return status;
}

attrib_status at_output_open(const char *path, at_output *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    bool is_standard = strcmp(path, "-") == 0;
    /* A link is kept, and the file that it points to is replaced. */
    char *target = is_standard ? NULL : realpath(path, NULL);
    const char *chosen = is_standard ? "standard output" : target ? target : path;
    AT_TRY(at_copy_text(chosen, strlen(chosen), &output.path, err));
    if (is_standard) {
        output.stream = stdout;
    } else if (is_written_in_place(chosen)) {
        output.stream = fopen(chosen, "wbe");
    } else {
        AT_CHECK(!at_is_there(chosen) || at_is_file(chosen), ATTRIB_EIO,
                 "%s: a link to nothing: remove it, or make what it points to", path);
        AT_TRY(sweep_beside(chosen, err));
        AT_TRY(at_temporary_name(chosen, &output.temporary, err));
        output.stream = fopen(output.temporary, "wbxe");
    }
    if (!output.stream) {
        status = at_fail_errno(err, path, "cannot be written");
        goto done;
    }
    *out = output;
    output = (at_output){0};
done:
    free(target);
    free(output.path);
    free(output.temporary);
    return status;
}

attrib_status at_output_write(at_output *output,
                              const void *bytes,
                              size_t n,
                              attrib_error *err)
{
    char line[ATTRIB_ERROR_SIZE];
    if (n && fwrite(bytes, 1, n, output->stream) != n) {
        /* The system does not send a signal where it cannot read what it is to write. */
        return errno == EFAULT && attrib_explain_bus_error(bytes, line)
                   ? at_fail(err, ATTRIB_EIO, "%s", line)
                   : at_fail_errno(err, output->path, "writing");
    }
    return ATTRIB_OK;
}

/* Sync the folder of a file. A rename is only durable once the folder is on the disk too.
 */
static void sync_folder_of(const char *path)
{
    char *folder = NULL;
    if (folder_of(path, &folder, NULL) != ATTRIB_OK) {
        return;
    }
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        /* Some file systems cannot sync a folder; the file itself is synced already. */
        (void)!fsync(descriptor);
        close(descriptor);
    }
    free(folder);
}

/* Flush, sync and close, each of which may be where a full disk shows. */
static bool finish_stream(at_output *output, bool is_synced)
{
    FILE *stream = output->stream;
    bool is_good = fflush(stream) == 0 && !ferror(stream);
    if (!output->temporary) {
        return is_good;
    }
    is_good = is_good && (!is_synced || fsync(fileno(stream)) == 0);
    int kept = errno;
    output->stream = NULL;
    if (fclose(stream) != 0) {
        return false;
    }
    errno = kept;
    return is_good;
}

static attrib_status finish(at_output *output, bool is_synced, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if (!finish_stream(output, is_synced)) {
        status = at_fail_errno(err, output->path, "writing");
    } else if (output->temporary) {
        if (rename(output->temporary, output->path) != 0) {
            status = at_fail_errno(err, output->path, "renaming");
        } else {
            free(output->temporary);
            output->temporary = NULL;
            if (is_synced) {
                sync_folder_of(output->path);
            }
        }
    }
    at_output_discard(output);
    return status;
}

attrib_status at_output_commit(at_output *output, attrib_error *err)
{
    return finish(output, true, err);
}

attrib_status at_output_place(at_output *output, attrib_error *err)
{
    return finish(output, false, err);
}

void at_output_discard(at_output *output)
{
    if (output->stream && output->stream != stdout) {
        fclose(output->stream);
    }
    if (output->temporary) {
        unlink(output->temporary);
    }
    free(output->temporary);
    free(output->path);
    *output = (at_output){0};
}
