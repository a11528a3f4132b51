/* SPDX-License-Identifier: MIT */
/* libarchive, with this library's errors. What it is asked to read is chosen in
 * archive_support.c.
 *
 * 1. Where the bytes come from
 * 2. Failing
 * 3. Opening
 * 4. Members and their bytes */
#include "corpus/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "corpus/archive_support.h"
#include "corpus/name.h"

#define PIECE       ((size_t)64 << 10)
#define MAX_RETRIES 16

struct at_archive {
    struct archive *reader;
    struct archive_entry *entry; /* the current member; the reader's */
    int first;                   /* libarchive's status of the first header */
    bool is_first;               /* that header was not asked for yet */
    size_t n_ahead;    /* bytes of the piece that libarchive was not given yet */
    char *name;        /* what messages call the file */
    at_buffer member;  /* the current member's name */
    int descriptor;    /* -1 where `source` is read */
    bool is_file;      /* the descriptor's, */
    at_file_mark mark; /* and what it was when it was opened */
    bool owns_descriptor;
    const attrib_session *session; /* whose end ends waiting; may be NULL */
    locale_t utf8; /* in which names are read; 0 where the system has none */
    at_bytes source;
    char *piece;                /* [PIECE] */
    attrib_status cause_status; /* of reading what is below libarchive */
    attrib_error cause;
};

/* 1. Where the bytes come from */

/* How long a pipe is waited for until it is asked whether the session was canceled. */
#define WAIT_MILLISECONDS 200

/* Wait until a read gives bytes, the end or an error at once. Files always do. */
static attrib_status wait_for_bytes(const at_archive *archive, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct pollfd waited = {archive->descriptor, POLLIN, 0};
    while (poll(&waited, 1, WAIT_MILLISECONDS) == 0) {
        AT_TRY(at_poll_cancel(archive->session, err));
    }
    AT_TRY(at_poll_cancel(archive->session, err)); /* a signal ended the wait */
done:
    return status;
}

/* Read what is below libarchive into the piece. */
static attrib_status fill_piece(at_archive *archive,
                                size_t from,
                                size_t *n,
                                attrib_error *err)
{
    char *out = archive->piece + from;
    ssize_t got = 0;
    if (archive->descriptor < 0) {
        return archive->source.read(archive->source.context, out, PIECE - from, n, err);
    }
    do {
        attrib_status status = wait_for_bytes(archive, err);
        if (status != ATTRIB_OK) {
            return status;
        }
        got = read(archive->descriptor, out, PIECE - from);
    } while (got < 0 && errno == EINTR);
    *n = got > 0 ? (size_t)got : 0;
    char text[128];
    return got >= 0 ? ATTRIB_OK
                    : at_fail(err, ATTRIB_EIO, "%s: %s", archive->name,
                              at_errno_text(errno, text, sizeof text));
}

static la_ssize_t read_piece(struct archive *reader, void *client, const void **out)
{
    at_archive *archive = client;
    size_t n = archive->n_ahead;
    *out = archive->piece;
    archive->n_ahead = 0;
    if (n == 0) {
        archive->cause_status = fill_piece(archive, 0, &n, &archive->cause);
    }
    if (archive->cause_status != ATTRIB_OK) {
        archive_set_error(reader, EIO, "%s", archive->cause.message);
        return -1;
    }
    return (la_ssize_t)n;
}

static la_int64_t skip_bytes(struct archive *reader, void *client, la_int64_t request)
{
    const at_archive *archive = client;
    (void)reader;
    if (archive->n_ahead) {
        return 0; /* what was read ahead is handed on first */
    }
    off_t here = lseek(archive->descriptor, 0, SEEK_CUR);
    off_t end = here < 0 ? -1 : lseek(archive->descriptor, 0, SEEK_END);
    if (here < 0 || end < 0) {
        return 0;
    }
    /* Never past the end, so that a file which was cut is seen to be. */
    off_t step = request < end - here ? request : end - here;
    step = step < 0 ? 0 : step;
    return lseek(archive->descriptor, here + step, SEEK_SET) < 0 ? 0 : step;
}

static la_int64_t seek_bytes(struct archive *reader,
                             void *client,
                             la_int64_t offset,
                             int whence)
{
    at_archive *archive = client;
    offset -= whence == SEEK_CUR ? (la_int64_t)archive->n_ahead : 0;
    archive->n_ahead = 0;
    off_t where = lseek(archive->descriptor, offset, whence);
    if (where < 0) {
        archive_set_error(reader, errno, "seeking");
        return ARCHIVE_FATAL;
    }
    return where;
}

/* 2. Failing */

static bool begins(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* Whether it failed for want of a password. Asked only once a format was found: before,
 * libarchive 3.6.2 reads past the end of its table of formats. */
static bool has_encryption(struct archive *reader)
{
    return archive_format(reader) != 0 && archive_read_has_encrypted_entries(reader) == 1;
}

/* What libarchive says went wrong, as a failure of the file and its current member. */
static attrib_status fail_archive(at_archive *archive, attrib_error *err)
{
    if (archive->cause_status != ATTRIB_OK) {
        return at_fail(err, archive->cause_status, "%s", archive->cause.message);
    }
    const char *reason = archive_error_string(archive->reader);
    const char *member = archive->member.bytes ? archive->member.bytes : "";
    attrib_status status = ATTRIB_EFORMAT;
    reason = reason ? reason : "damaged archive";
    if (strstr(reason, "Frame requires too much memory")) {
        return at_fail(err, ATTRIB_ENOTSUP,
                       "%s: zstd with a window of more than 128 MiB: read it through a "
                       "pipe, zstd -dc --long=31 FILE | attrib ... --corpus -",
                       archive->name);
    }
    if (archive_errno(archive->reader) == ENOMEM) {
        status = ATTRIB_ENOMEM;
    } else if (has_encryption(archive->reader)) {
        return at_fail(err, ATTRIB_ENOTSUP, "%s: encrypted archive", archive->name);
    } else if (begins(reason, "Unsupported")) {
        status = ATTRIB_ENOTSUP;
    }
    return at_fail(err, status, "%s%s%s: %s", archive->name, *member ? ":" : "", member,
                   reason);
}

/* 3. Opening */

/* Read ahead what tells a file's filter, of a pipe as it comes. */
static attrib_status peek(at_archive *archive, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n = 1;
    while (n > 0 && archive->n_ahead < 16) {
        AT_TRY(fill_piece(archive, archive->n_ahead, &n, err));
        archive->n_ahead += n;
    }
    AT_TRY(at_refuse_lfs_pointer(archive->name, archive->piece, archive->n_ahead, err));
done:
    return status;
}

/* libarchive hands names on in the locale's encoding, and drops those of zip that do not
 * fit it. So headers are read in a locale of UTF-8, which is this thread's only. */
static int next_header(at_archive *archive)
{
    int result = ARCHIVE_RETRY;
    locale_t kept = uselocale(archive->utf8);
    for (int i = 0; i < MAX_RETRIES && result == ARCHIVE_RETRY; i++) {
        result = archive_read_next_header(archive->reader, &archive->entry);
    }
    uselocale(kept);
    return result;
}

static bool is_of_format(const at_archive *archive, int format)
{
    return (archive_format(archive->reader) & ARCHIVE_FORMAT_BASE_MASK) == format;
}

/* Read the first header, from which on the format is known. A filter that fails at its
 * first bytes leaves what looks like an empty file: `why` is what it said. */
static attrib_status read_first(at_archive *archive,
                                bool is_compressed,
                                const attrib_error *why,
                                attrib_error *err)
{
    archive->first = next_header(archive);
    archive->is_first = true;
    if (is_compressed && is_of_format(archive, ARCHIVE_FORMAT_EMPTY)) {
        if (why->status != ATTRIB_OK) {
            return at_fail(err, why->status, "%s", why->message);
        }
        if (archive_filter_bytes(archive->reader, -1) == 0) {
            return at_fail(err, ATTRIB_EFORMAT, "%s: truncated compressed file",
                           archive->name);
        }
    }
    return archive->first < ARCHIVE_WARN ? fail_archive(archive, err) : ATTRIB_OK;
}

static attrib_status start(at_archive *archive, at_archive_mode mode, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    attrib_error why = {0};
    int filter = ARCHIVE_FILTER_NONE;
    archive->reader = archive_read_new();
    AT_CHECK(archive->reader, ATTRIB_ENOMEM, "out of memory for an archive's reader");
    AT_TRY(at_array(PIECE, 1, &archive->piece, err));
    AT_TRY(peek(archive, err));
    filter = at_archive_filter(archive->piece, archive->n_ahead);
    AT_CHECK(at_archive_support(archive->reader, filter, mode) == ARCHIVE_OK,
             ATTRIB_ENOTSUP, "%s: this libarchive lacks a format or filter",
             archive->name);
    archive_read_set_callback_data(archive->reader, archive);
    archive_read_set_read_callback(archive->reader, read_piece);
    if (archive->descriptor >= 0 && lseek(archive->descriptor, 0, SEEK_CUR) >= 0) {
        archive_read_set_skip_callback(archive->reader, skip_bytes);
        archive_read_set_seek_callback(archive->reader, seek_bytes);
    }
    if (archive_read_open1(archive->reader) != ARCHIVE_OK) {
        status = fail_archive(archive, err);
        goto done;
    }
    if (archive_errno(archive->reader) != 0) {
        (void)fail_archive(archive, &why);
    }
    AT_TRY(read_first(archive, filter != ARCHIVE_FILTER_NONE, &why, err));
done:
    return status;
}

/* Open a file; one that is a pipe waits until somebody opens its other end, or until a
 * signal cancels the session. */
static attrib_status open_file(const attrib_session *session,
                               const char *path,
                               const char *name,
                               int *out,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char text[128];
    do {
        AT_TRY(at_poll_cancel(session, err));
        *out = open(path, O_RDONLY | O_CLOEXEC);
    } while (*out < 0 && errno == EINTR);
    AT_CHECK(*out >= 0, ATTRIB_EIO, "%s: %s", name,
             at_errno_text(errno, text, sizeof text));
done:
    return status;
}

/* Open what `from` says: a descriptor, or a source. */
static attrib_status open_archive(const at_archive *from,
                                  const char *name,
                                  at_archive_mode mode,
                                  at_archive **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *archive = NULL;
    struct stat info;
    AT_TRY(at_array(1, sizeof *archive, &archive, err));
    *archive = *from;
    archive->owns_descriptor = false; /* until nothing can fail any more */
    AT_TRY(at_copy_text(name, strlen(name), &archive->name, err));
    if (from->descriptor >= 0 && fstat(from->descriptor, &info) == 0) {
        archive->is_file = S_ISREG(info.st_mode);
        archive->mark = at_file_mark_of(&info);
    }
    archive->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    AT_TRY(start(archive, mode, err));
    archive->owns_descriptor = from->owns_descriptor;
    *out = archive;
    archive = NULL;
done:
    at_archive_close(archive);
    return status;
}

attrib_status at_archive_open_bytes(at_bytes source,
                                    const char *name,
                                    at_archive **out,
                                    attrib_error *err)
{
    const at_archive from = {.descriptor = -1, .source = source};
    return open_archive(&from, name, AT_ARCHIVE_FILE, out, err);
}

attrib_status at_archive_open(const attrib_session *session,
                              const char *path,
                              const char *name,
                              at_archive_mode mode,
                              at_archive **out,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive from = {.session = session, .descriptor = STDIN_FILENO};
    if (strcmp(path, "-") == 0) {
        return open_archive(&from, name, mode, out, err);
    }
    from.owns_descriptor = true;
    AT_TRY(open_file(session, path, name, &from.descriptor, err));
    status = open_archive(&from, name, mode, out, err);
    if (status != ATTRIB_OK) {
        close(from.descriptor);
    }
done:
    return status;
}

attrib_status at_archive_check(const at_archive *archive, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    struct stat now;
    AT_CHECK(!archive->is_file || (fstat(archive->descriptor, &now) == 0 &&
                                   at_file_mark_is(&archive->mark, &now)),
             ATTRIB_EIO, "%s: changed while it was read", archive->name);
done:
    return status;
}

double at_archive_offset(const at_archive *archive)
{
    off_t here = archive->is_file ? lseek(archive->descriptor, 0, SEEK_CUR) : 0;
    return here > 0 ? (double)here : 0;
}

void at_archive_close(at_archive *archive)
{
    if (!archive) {
        return;
    }
    archive_read_free(archive->reader);
    if (archive->owns_descriptor) {
        close(archive->descriptor);
    }
    if (archive->utf8) {
        freelocale(archive->utf8);
    }
    at_buffer_free(&archive->member);
    free(archive->piece);
    free(archive->name);
    free(archive);
}

/* 4. Members and their bytes */

bool at_archive_has_members(const at_archive *archive)
{
    return !is_of_format(archive, ARCHIVE_FORMAT_RAW) &&
           !is_of_format(archive, ARCHIVE_FORMAT_EMPTY);
}

/* A member's name does not depend on the process's locale: UTF-8 where libarchive can
 * tell, else the bytes that stand in the archive. */
static attrib_status name_member(at_archive *archive, attrib_error *err)
{
    at_buffer_clear(&archive->member);
    if (!at_archive_has_members(archive)) {
        return at_buffer_append(&archive->member, "", 0, err);
    }
    locale_t kept = uselocale(archive->utf8);
    const char *name = archive_entry_pathname_utf8(archive->entry);
    name = name ? name : archive_entry_pathname(archive->entry);
    uselocale(kept);
    return at_append_name(&archive->member, name ? name : "", err);
}

/* A hard link repeats a member that was read already, unless it comes with bytes. */
static bool has_bytes(struct archive_entry *entry, bool has_members)
{
    if (!has_members) {
        return true;
    }
    if (archive_entry_filetype(entry) != AE_IFREG) {
        return false;
    }
    return !archive_entry_hardlink(entry) || archive_entry_size(entry) > 0;
}

attrib_status at_archive_next(at_archive *archive, at_member *out, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    int result = archive->first;
    if (!archive->is_first) {
        result = next_header(archive);
    }
    archive->is_first = false;
    if (result == ARCHIVE_EOF) {
        return ATTRIB_END;
    }
    if (result < ARCHIVE_WARN) {
        at_buffer_clear(&archive->member);
        return fail_archive(archive, err);
    }
    AT_TRY(name_member(archive, err));
    *out = (at_member){
        .name = archive->member.bytes,
        .is_folder = archive_entry_filetype(archive->entry) == AE_IFDIR,
        .is_file = has_bytes(archive->entry, at_archive_has_members(archive)),
        .is_encrypted = archive_entry_is_encrypted(archive->entry) != 0,
    };
done:
    return status;
}

static attrib_status read_member(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    at_archive *archive = context;
    la_ssize_t got = ARCHIVE_RETRY;
    for (int i = 0; i < MAX_RETRIES && got == ARCHIVE_RETRY; i++) {
        got = archive_read_data(archive->reader, buffer, capacity);
    }
    if (got < 0) {
        return fail_archive(archive, err);
    }
    *n = (size_t)got;
    return ATTRIB_OK;
}

at_bytes at_archive_bytes(at_archive *archive)
{
    return (at_bytes){archive, read_member};
}

static attrib_status read_nothing(
    void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err)
{
    (void)context;
    (void)buffer;
    (void)capacity;
    (void)err;
    *n = 0;
    return ATTRIB_OK;
}

/* An empty file has no first header. */
attrib_status at_archive_single(at_archive *archive, at_bytes *out, attrib_error *err)
{
    at_member ignored = {0};
    attrib_status status = at_archive_next(archive, &ignored, err);
    *out =
        status == ATTRIB_END ? (at_bytes){NULL, read_nothing} : at_archive_bytes(archive);
    return status == ATTRIB_END ? ATTRIB_OK : status;
}
