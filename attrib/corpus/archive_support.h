/* SPDX-License-Identifier: MIT */
/* Which of libarchive's filters and formats a file is read with. */
#ifndef AT_CORPUS_ARCHIVE_SUPPORT_H
#define AT_CORPUS_ARCHIVE_SUPPORT_H

#include <stddef.h>

#include "corpus/archive.h"

struct archive;

/* What a file is compressed with, by its first bytes: one of libarchive's
 * ARCHIVE_FILTER_ codes, ARCHIVE_FILTER_NONE where it is plain. */
int at_archive_filter(const char *bytes, size_t n);

/* Let a reader read what `mode` says, under `filter`. One filter at most, and only those
 * that libarchive has built in: left to find filters by itself it looks for another one
 * after each, up to 25, and a file of 293 bytes takes 17 GB. libarchive's worst status:
 * below ARCHIVE_OK it lacks a format or the filter. */
int at_archive_support(struct archive *reader, int filter, at_archive_mode mode);

#endif
