/* SPDX-License-Identifier: MIT */
/* Files.
 *
 * 1. Reading.
 * 2. Writing.
 * 3. Paths.
 * 4. Hashes. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "base/owner.h"

static attrib_status fail_errno(attrib_error *err, const char *path, const char *what)
{
    char text[128];
    int number = errno;
    return at_fail(err, number == ENOMEM ? ATTRIB_ENOMEM : ATTRIB_EIO, "%s: %s%s%s", path,
                   what ? what : "", what ? ": " : "",
                   at_errno_text(number, text, sizeof text));
}

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
        return fail_errno(err, path, NULL);
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
        status = fail_errno(err, path, "reading");
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

/* 2. Writing */

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
        status = fail_errno(err, path, "cannot be written");
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
                   : fail_errno(err, output->path, "writing");
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
        status = fail_errno(err, output->path, "writing");
    } else if (output->temporary) {
        if (rename(output->temporary, output->path) != 0) {
            status = fail_errno(err, output->path, "renaming");
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

/* 3. Paths */

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
            status = fail_errno(err, path, "making the folder");
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

/* 4. Hashes */

static void write_digest(XXH128_hash_t digest, char out[AT_HASH_SIZE])
{
    snprintf(out, AT_HASH_SIZE, "%016llx%016llx", (unsigned long long)digest.high64,
             (unsigned long long)digest.low64);
}

void at_hash_bytes(const void *bytes, size_t n, char out[AT_HASH_SIZE])
{
    write_digest(XXH3_128bits(bytes, n), out);
}

void at_digest_bytes(const void *bytes, size_t n, unsigned char out[AT_DIGEST_BYTES])
{
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes, n));
    memcpy(out, canonical.digest, AT_DIGEST_BYTES);
}

void at_digest_text(const unsigned char digest[AT_DIGEST_BYTES], char out[AT_HASH_SIZE])
{
    XXH128_canonical_t canonical;
    memcpy(canonical.digest, digest, AT_DIGEST_BYTES);
    write_digest(XXH128_hashFromCanonical(&canonical), out);
}

static unsigned char nibble(char digit)
{
    return (unsigned char)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void at_digest_read(const char text[AT_HASH_SIZE], unsigned char out[AT_DIGEST_BYTES])
{
    for (size_t i = 0; i < AT_DIGEST_BYTES; i++) {
        out[i] = (unsigned char)(nibble(text[2 * i]) << 4 | nibble(text[2 * i + 1]));
    }
}

struct at_hash {
    XXH3_state_t *state;
};

attrib_status at_hash_new(at_hash **out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_hash *hash = NULL;
    AT_TRY(at_array(1, sizeof *hash, &hash, err));
    hash->state = XXH3_createState();
    AT_CHECK(hash->state && XXH3_128bits_reset(hash->state) == XXH_OK, ATTRIB_ENOMEM,
             "out of memory for a hash");
    *out = hash;
    hash = NULL;
done:
    at_hash_free(hash);
    return status;
}

void at_hash_add(at_hash *hash, const void *bytes, size_t n)
{
    XXH3_128bits_update(hash->state, bytes, n);
}

void at_hash_reset(at_hash *hash)
{
    XXH3_128bits_reset(hash->state);
}

void at_hash_digest(const at_hash *hash, char out[AT_HASH_SIZE])
{
    write_digest(XXH3_128bits_digest(hash->state), out);
}

void at_hash_free(at_hash *hash)
{
    if (hash) {
        XXH3_freeState(hash->state);
        free(hash);
    }
}
