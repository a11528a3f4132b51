/* SPDX-License-Identifier: MIT */
/* Hashes of bytes. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "base/file.h"

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
