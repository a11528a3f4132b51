/* SPDX-License-Identifier: MIT */
/* SHA-256 of bytes in memory, for comparing with digests that others computed. */
#ifndef CORPUS_SHA256_H
#define CORPUS_SHA256_H

#include <stddef.h>

/* 64 hexadecimal digits and a NUL. */
void sha256_hex(const void *bytes, size_t n, char out[65]);

#endif
