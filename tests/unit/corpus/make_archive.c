/* SPDX-License-Identifier: MIT */
#include "make_archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/check.h"

#define WRITER_OK(call)                                                                  \
    do {                                                                                 \
        if ((call) != ARCHIVE_OK) {                                                      \
            fail_msg("%s: %s: %s", path, #call, archive_error_string(writer));           \
        }                                                                                \
    } while (0)

void make_archive(const char *path,
                  const char *format,
                  const char *filter,
                  const char *options,
                  const made_member *members,
                  size_t n_members)
{
    struct archive *writer = archive_write_new();
    assert_non_null(writer);
    WRITER_OK(archive_write_set_format_by_name(writer, format));
    if (strcmp(filter, "none") != 0) {
        WRITER_OK(archive_write_add_filter_by_name(writer, filter));
    }
    if (strcmp(format, "raw") == 0) {
        archive_write_set_bytes_in_last_block(writer, 1);
    }
    WRITER_OK(archive_write_set_options(writer, options));
    if (options && strstr(options, "encryption")) {
        WRITER_OK(archive_write_set_passphrase(writer, "secret"));
    }
    WRITER_OK(archive_write_open_filename(writer, path));
    for (size_t i = 0; i < n_members; i++) {
        size_t n = members[i].n_bytes ? members[i].n_bytes : strlen(members[i].bytes);
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, members[i].name);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        archive_entry_set_size(entry, (la_int64_t)n);
        WRITER_OK(archive_write_header(writer, entry));
        assert_int_equal(archive_write_data(writer, members[i].bytes, n), n);
        archive_entry_free(entry);
    }
    WRITER_OK(archive_write_close(writer));
    archive_write_free(writer);
}

void append_file(const char *path, const char *from)
{
    FILE *to = fopen(path, "ab");
    FILE *source = fopen(from, "rb");
    assert_non_null(to);
    assert_non_null(source);
    for (int c = getc(source); c != EOF; c = getc(source)) {
        putc(c, to);
    }
    fclose(source);
    assert_int_equal(fclose(to), 0);
}

void cut_file(const char *path, size_t n_bytes)
{
    assert_int_equal(truncate(path, (off_t)n_bytes), 0);
}

size_t file_size(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return (size_t)info.st_size;
}
