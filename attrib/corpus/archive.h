/* SPDX-License-Identifier: MIT */
/* Files as streams of bytes: plain, compressed, or the members of an archive.
 *
 * Nothing is held but libarchive's windows, so a small file that unpacks to a huge one
 * costs time, not memory; who reads the bytes says how many it will hold. */
#ifndef AT_CORPUS_ARCHIVE_H
#define AT_CORPUS_ARCHIVE_H

#include "base/session.h"

/* Bytes, piece by piece: *n is 0 at their end, and at most `capacity`. */
typedef struct at_bytes {
    void *context;
    attrib_status (*read)(
        void *context, char *buffer, size_t capacity, size_t *n, attrib_error *err);
} at_bytes;

typedef enum at_archive_mode {
    AT_ARCHIVE_FILE,    /* one file, compressed once or not; never members */
    AT_ARCHIVE_MEMBERS, /* an archive, compressed or not; anything else is EFORMAT */
    AT_ARCHIVE_ANY,     /* an archive where it looks like one, else one file */
} at_archive_mode;

typedef struct at_archive at_archive;

/* Whether bytes begin as those of a compressed file. */
bool at_is_compressed(const char *bytes, size_t n);

/* A member of an archive, or the one file. Borrowed until the next at_archive_next(). */
typedef struct at_member {
    const char *name; /* UTF-8 of one line; "" for the one file */
    bool is_folder;
    bool is_file;      /* has bytes; false for links and devices */
    bool is_encrypted; /* its bytes cannot be read */
} at_member;

/* Open a path; "-" is standard input. `name` is what messages call it. ECANCELED where
 * the session is canceled while a pipe has no bytes; it may be NULL. */
attrib_status at_archive_open(const attrib_session *session,
                              const char *path,
                              const char *name,
                              at_archive_mode mode,
                              at_archive **out,
                              attrib_error *err);
/* One compressed file inside of another stream. */
attrib_status at_archive_open_bytes(at_bytes source,
                                    const char *name,
                                    at_archive **out,
                                    attrib_error *err);
void at_archive_close(at_archive *archive);

/* EIO where the file is not what it was when it was opened: what was read may be of
 * either. Fine for pipes. */
attrib_status at_archive_check(const at_archive *archive, attrib_error *err);

/* Bytes of the file that were read; 0 where it is none. */
double at_archive_offset(const at_archive *archive);

/* Whether it holds members; false: one file, with or without bytes. */
bool at_archive_has_members(const at_archive *archive);

/* The next member; ATTRIB_END after the last; EFORMAT with libarchive's reason. */
attrib_status at_archive_next(at_archive *archive, at_member *out, attrib_error *err);

/* The bytes of what is one file and not members: at most one call. */
attrib_status at_archive_single(at_archive *archive, at_bytes *out, attrib_error *err);

/* The current member's bytes, valid until the next at_archive_next(). */
at_bytes at_archive_bytes(at_archive *archive);

#endif
