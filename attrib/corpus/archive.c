/* SPDX-License-Identifier: MIT */
/* libarchive, with this library's errors. The only file that includes it.
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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "corpus/name.h"

#define PIECE       ((size_t)64 << 10)
#define MAX_RETRIES 16

struct at_archive {
    struct archive *reader;
    struct archive_entry *entry; /* the current member; the reader's */
    int first;                   /* libarchive's status of the first header */
    bool is_first;               /* that header was not asked for yet */
    bool is_read;                /* some piece of the file was */
    char *name;                  /* what messages call the file */
    at_buffer member;            /* the current member's name */
    int descriptor;              /* -1 where `source` is read */
    bool owns_descriptor;
    locale_t utf8; /* in which names are read; 0 where the system has none */
    at_bytes source;
    char *piece;                /* [PIECE] */
    attrib_status cause_status; /* of reading what is below libarchive */
    attrib_error cause;
};

/* 1. Where the bytes come from */

static la_ssize_t read_piece(struct archive *reader, void *client, const void **out)
{
    at_archive *archive = client;
    size_t n = 0;
    *out = archive->piece;
    if (archive->descriptor >= 0) {
        ssize_t got = 0;
        do {
            got = read(archive->descriptor, archive->piece, PIECE);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            char text[128];
            archive->cause_status =
                at_fail(&archive->cause, ATTRIB_EIO, "%s: %s", archive->name,
                        at_errno_text(errno, text, sizeof text));
        }
        n = got > 0 ? (size_t)got : 0;
    } else {
        archive->cause_status = archive->source.read(
            archive->source.context, archive->piece, PIECE, &n, &archive->cause);
    }
    if (!archive->is_read && archive->cause_status == ATTRIB_OK) {
        archive->cause_status =
            at_refuse_lfs_pointer(archive->name, archive->piece, n, &archive->cause);
        archive->is_read = true;
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
    off_t here = lseek(archive->descriptor, 0, SEEK_CUR);
    off_t end = here < 0 ? -1 : lseek(archive->descriptor, 0, SEEK_END);
    if (here < 0 || end < 0) {
        return 0;
    }
    /* Never behind the end, so that a file which was cut is seen to be. */
    off_t step = request < end - here ? request : end - here;
    step = step < 0 ? 0 : step;
    return lseek(archive->descriptor, here + step, SEEK_SET) < 0 ? 0 : step;
}

static la_int64_t seek_bytes(struct archive *reader,
                             void *client,
                             la_int64_t offset,
                             int whence)
{
    const at_archive *archive = client;
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
 * libarchive 3.6.2 follows a pointer behind its table of formats. */
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

/* Only filters that libarchive has built in: it would run programs for some others. */
static int support(struct archive *reader, at_archive_mode mode)
{
    int worst = ARCHIVE_OK;
    int (*const filters[])(struct archive *) = {
        archive_read_support_filter_gzip, archive_read_support_filter_zstd,
        archive_read_support_filter_xz, archive_read_support_filter_bzip2,
        archive_read_support_filter_lz4};
    int (*const members[])(struct archive *) = {
        archive_read_support_format_tar, archive_read_support_format_zip,
        archive_read_support_format_7zip, archive_read_support_format_cpio};
    int (*const files[])(struct archive *) = {archive_read_support_format_raw,
                                              archive_read_support_format_empty};
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        int result = filters[i](reader);
        worst = result < worst ? result : worst;
    }
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        int result = mode == AT_ARCHIVE_FILE ? ARCHIVE_OK : members[i](reader);
        worst = result < worst ? result : worst;
    }
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int result = mode == AT_ARCHIVE_MEMBERS ? ARCHIVE_OK : files[i](reader);
        worst = result < worst ? result : worst;
    }
    return worst;
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

static attrib_status start(at_archive *archive, at_archive_mode mode, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    archive->reader = archive_read_new();
    AT_CHECK(archive->reader, ATTRIB_ENOMEM, "out of memory for an archive's reader");
    AT_CHECK(support(archive->reader, mode) == ARCHIVE_OK, ATTRIB_ENOTSUP,
             "%s: this libarchive lacks a format or filter", archive->name);
    AT_TRY(at_array(PIECE, 1, &archive->piece, err));
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
    /* The format is known only once the first header was read. */
    archive->first = next_header(archive);
    archive->is_first = true;
    if (archive->first < ARCHIVE_WARN) {
        status = fail_archive(archive, err);
    }
done:
    return status;
}

static attrib_status open_archive(int descriptor,
                                  bool owns_descriptor,
                                  const at_bytes *source,
                                  const char *name,
                                  at_archive_mode mode,
                                  at_archive **out,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *archive = NULL;
    AT_TRY(at_array(1, sizeof *archive, &archive, err));
    archive->descriptor = -1;
    AT_TRY(at_copy_text(name, strlen(name), &archive->name, err));
    archive->descriptor = descriptor;
    archive->source = source ? *source : (at_bytes){0};
    archive->utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    AT_TRY(start(archive, mode, err));
    archive->owns_descriptor = owns_descriptor;
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
    return open_archive(-1, false, &source, name, AT_ARCHIVE_FILE, out, err);
}

attrib_status at_archive_open(const char *path,
                              const char *name,
                              at_archive_mode mode,
                              at_archive **out,
                              attrib_error *err)
{
    if (strcmp(path, "-") == 0) {
        return open_archive(STDIN_FILENO, false, NULL, name, mode, out, err);
    }
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        char text[128];
        return at_fail(err, ATTRIB_EIO, "%s: %s", name,
                       at_errno_text(errno, text, sizeof text));
    }
    attrib_status status = open_archive(descriptor, true, NULL, name, mode, out, err);
    if (status != ATTRIB_OK) {
        close(descriptor);
    }
    return status;
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
    int format = archive_format(archive->reader) & ARCHIVE_FORMAT_BASE_MASK;
    return format != ARCHIVE_FORMAT_RAW && format != ARCHIVE_FORMAT_EMPTY;
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
