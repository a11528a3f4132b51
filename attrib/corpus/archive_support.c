/* SPDX-License-Identifier: MIT */
/* What libarchive is asked to read: at most one filter, and four formats of archives. */
#include "corpus/archive_support.h"

#include <archive.h>
#include <string.h>

int at_archive_filter(const char *bytes, size_t n)
{
    static const struct {
        const char *magic;
        size_t n_bytes;
        int filter;
    } filters[] = {
        {"\x1f\x8b", 2, ARCHIVE_FILTER_GZIP},
        {"\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD},
        {"\xfd"
         "7zXZ\0",
         6, ARCHIVE_FILTER_XZ},
        {"\x04\x22\x4d\x18", 4, ARCHIVE_FILTER_LZ4},
        {"\x02\x21\x4c\x18", 4, ARCHIVE_FILTER_LZ4},
    };

    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
        if (n >= filters[i].n_bytes &&
            memcmp(bytes, filters[i].magic, filters[i].n_bytes) == 0) {
            return filters[i].filter;
        }
    }
    if (n >= 4 && (bytes[0] & 0xf0) == 0x50 &&
        memcmp(bytes + 1, "\x2a\x4d\x18", 3) == 0) {
        return ARCHIVE_FILTER_ZSTD; /* begins with a frame to skip */
    }
    bool is_bzip2 = n >= 10 && memcmp(bytes, "BZh", 3) == 0 && bytes[3] >= '1' &&
                    bytes[3] <= '9' &&
                    (memcmp(bytes + 4, "1AY&SY", 6) == 0 ||
                     memcmp(bytes + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
    return is_bzip2 ? ARCHIVE_FILTER_BZIP2 : ARCHIVE_FILTER_NONE;
}

bool at_is_compressed(const char *bytes, size_t n)
{
    return at_archive_filter(bytes, n) != ARCHIVE_FILTER_NONE;
}

int at_archive_support(struct archive *reader, int filter, at_archive_mode mode)
{
    int worst = ARCHIVE_OK;
    int (*const members[])(struct archive *) = {
        archive_read_support_format_tar, archive_read_support_format_zip,
        archive_read_support_format_7zip, archive_read_support_format_cpio};
    int (*const files[])(struct archive *) = {archive_read_support_format_raw,
                                              archive_read_support_format_empty};
    if (filter != ARCHIVE_FILTER_NONE) {
        worst = archive_read_append_filter(reader, filter);
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
