/* SPDX-License-Identifier: MIT */
/* Sealed records: read back whole, and refused with any byte changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/record.h"
#include "support/check.h"

static char folder[256];
static char path[300];

static int set_up(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/r.msgpack", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

/* {"n": 2^63, "x": 0.1, "t": "caf\xC3\xA9", "m": -3, "z": nil, "big": 70000 x "q"} */
static void write_sample(void)
{
    attrib_error err = {0};
    msgpack_sbuffer buffer;
    msgpack_packer packer;
    char *big = malloc(70000);
    assert_non_null(big);
    memset(big, 'q', 70000);
    msgpack_sbuffer_init(&buffer);
    msgpack_packer_init(&packer, &buffer, msgpack_sbuffer_write);
    msgpack_pack_map(&packer, 6);
    check_ok(at_pack_key(&packer, "n", &err), &err);
    check_ok(at_pack_size(&packer, (size_t)1 << 63, &err), &err);
    check_ok(at_pack_key(&packer, "x", &err), &err);
    check_ok(at_pack_number(&packer, 0.1, &err), &err);
    check_ok(at_pack_key(&packer, "t", &err), &err);
    check_ok(at_pack_text(&packer, "caf\xC3\xA9", 5, &err), &err);
    check_ok(at_pack_key(&packer, "m", &err), &err);
    msgpack_pack_int(&packer, -3);
    check_ok(at_pack_key(&packer, "z", &err), &err);
    msgpack_pack_nil(&packer);
    check_ok(at_pack_key(&packer, "big", &err), &err);
    check_ok(at_pack_text(&packer, big, 70000, &err), &err);
    check_ok(at_record_write(path, &buffer, &err), &err);
    msgpack_sbuffer_destroy(&buffer);
    free(big);
}

static void test_record__members_are_read_back(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_record record;
    size_t n = 0;
    double x = 0;
    const char *text = NULL;
    write_sample();
    check_ok(at_record_read(path, &record, &err), &err);
    check_ok(at_record_size(path, &record.map, "n", &n, &err), &err);
    assert_true(n == (size_t)1 << 63);
    check_ok(at_record_number(path, &record.map, "x", &x, &err), &err);
    assert_true(x == 0.1);
    check_ok(at_record_number(path, &record.map, "m", &x, &err), &err);
    assert_true(x == -3);
    check_ok(at_record_text(path, &record.map, "t", &text, &n, &err), &err);
    assert_int_equal(n, 5);
    assert_memory_equal(text, "caf\xC3\xA9", 5);
    check_ok(at_record_text(path, &record.map, "big", &text, &n, &err), &err);
    assert_true(n == 70000 && text[69999] == 'q');
    /* Missing members and nil keep the default. */
    n = 17;
    check_ok(at_record_size(path, &record.map, "z", &n, &err), &err);
    check_ok(at_record_size(path, &record.map, "none", &n, &err), &err);
    assert_int_equal(n, 17);
    assert_null(at_record_find(&record.map, "none"));
    check_fails(at_record_size(path, &record.map, "m", &n, &err), ATTRIB_EFORMAT, &err);
    check_message(&err, "key \"m\": expected a whole number");
    err = (attrib_error){0};
    check_fails(at_record_number(path, &record.map, "t", &x, &err), ATTRIB_EFORMAT, &err);
    err = (attrib_error){0};
    check_fails(at_record_text(path, &record.map, "n", &text, &n, &err), ATTRIB_EFORMAT,
                &err);
    at_record_free(&record);
}

static void read_fails(const void *bytes, size_t n, attrib_status want)
{
    attrib_error err = {0};
    at_record record;
    at_buffer buffer = {0};
    check_ok(at_buffer_append(&buffer, bytes, n, &err), &err);
    check_fails(at_record_parse("p", &buffer, &record, &err), want, &err);
    check_message(&err, "p: ");
    assert_int_equal(buffer.n_bytes, n);
    at_buffer_free(&buffer);
}

static void test_record__every_cut_and_every_changed_byte_is_known(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_buffer file = {0};
    write_sample();
    check_ok(at_read_file(path, 1 << 20, &file, &err), &err);
    for (size_t n = 0; n < file.n_bytes; n += n < 200 ? 1 : 997) {
        read_fails(file.bytes, n, ATTRIB_EFORMAT);
    }
    for (size_t i = 0; i < file.n_bytes; i += i < 200 ? 1 : 997) {
        file.bytes[i] = (char)(file.bytes[i] ^ 0x10);
        read_fails(file.bytes, file.n_bytes, i == 7 ? ATTRIB_EVERSION : ATTRIB_EFORMAT);
        file.bytes[i] = (char)(file.bytes[i] ^ 0x10);
    }
    at_buffer_free(&file);
}

/* A record whose hash is right whatever its map's bytes are. */
static void seal_fails(const char *map, size_t n)
{
    attrib_error err = {0};
    at_buffer file = {0};
    unsigned char digest[AT_DIGEST_BYTES];
    at_digest_bytes(map, n, digest);
    check_ok(at_buffer_append(&file, "ATTRIBR1", 8, &err), &err);
    check_ok(at_buffer_append(&file, map, n, &err), &err);
    check_ok(at_buffer_append(&file, digest, sizeof digest, &err), &err);
    read_fails(file.bytes, file.n_bytes, ATTRIB_EFORMAT);
    at_buffer_free(&file);
}

static void test_record__sealed_bytes_that_are_no_map_are_refused(void **state)
{
    (void)state;
    seal_fails("", 0);
    seal_fails("\x01", 1);                 /* an integer */
    seal_fails("\x80\x80", 2);             /* two maps */
    seal_fails("\x81\xA1", 2);             /* a cut key */
    seal_fails("\xDF\xFF\xFF\xFF\xFF", 5); /* a map that claims 2^32 - 1 pairs */
    seal_fails("\x81\xA1k\xDD\xFF\xFF\xFF\xFF", 8);
    seal_fails("\x81\xA1k\xC1", 4); /* the byte that msgpack never uses */
    char deep[1000];
    memset(deep, '\x91', sizeof deep);
    deep[sizeof deep - 1] = '\x00';
    seal_fails(deep, sizeof deep);
}

/* The digest is the file hash of the map, in its hexadecimal's order. */
static void test_record__the_digest_is_the_files_hash(void **state)
{
    (void)state;
    char digits[AT_HASH_SIZE];
    char got[AT_HASH_SIZE];
    unsigned char digest[AT_DIGEST_BYTES];
    at_hash_bytes("abc", 3, digits);
    at_digest_bytes("abc", 3, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(got + 2 * i, 3, "%02x", digest[i]);
    }
    assert_string_equal(got, digits);
}

static void test_record__missing_files_are_named(void **state)
{
    (void)state;
    attrib_error err = {0};
    at_record record;
    check_fails(at_record_read(path, &record, &err), ATTRIB_EIO, &err);
    check_message(&err, path);
}

int main(void)
{
#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(test_record__members_are_read_back),
        WITH_FOLDER(test_record__every_cut_and_every_changed_byte_is_known),
        cmocka_unit_test(test_record__sealed_bytes_that_are_no_map_are_refused),
        cmocka_unit_test(test_record__the_digest_is_the_files_hash),
        WITH_FOLDER(test_record__missing_files_are_named),
    };
    return run_cases(tests, NULL, NULL);
}
