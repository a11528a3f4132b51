/* SPDX-License-Identifier: MIT */
/* GGUF files in a folder: splits, how they are found, and the reference implementation's
 * own malformed files. */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gguf_bytes.h"

/* 1. Splits */

static void write_split(const char *folder,
                        const char *name,
                        uint32_t number,
                        uint32_t count,
                        const char *tensor)
{
    bytes b = {0};
    char path[512];
    const float value = (float)number;
    put_header(&b, 3, 1, 3);
    put_value_u32(&b, "split.no", number);
    put_value_u32(&b, "split.count", count);
    put_value_u32(&b, "split.tensors.count", 2);
    put_tensor(&b, tensor, 1, 1, 0, 0);
    pad(&b);
    put(&b, &value, sizeof value);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, b.data, b.n);
}

static void check_splits(const char *folder,
                         const char *name,
                         attrib_status expected,
                         const char *message)
{
    at_gguf *gguf = NULL;
    attrib_error err = {0};
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check_fails(at_gguf_open(path, AT_GGUF_WHOLE, &gguf, &err), expected, &err);
    if (expected != ATTRIB_OK) {
        check_message(&err, message);
        return;
    }
    assert_int_equal(at_gguf_n_files(gguf), 2);
    assert_int_equal(at_tensors_count(at_gguf_tensors(gguf)), 2);
    float b = 0;
    check_ok(
        at_tensor_to_f32(at_tensors_find(at_gguf_tensors(gguf), "b"), 0, 1, &b, &err),
        &err);
    assert_true(b == 1);
    char hash[AT_HASH_SIZE] = "";
    check_ok(at_gguf_hash(gguf, hash, &err), &err);
    assert_int_equal(strlen(hash), AT_HASH_SIZE - 1);
    at_gguf_close(gguf);
}

static void test_gguf_files__splits_are_one_file(void **state)
{
    (void)state;
    char folder[256];
    make_scratch_folder(folder, sizeof folder);
    write_split(folder, "m-00001-of-00002.gguf", 0, 2, "a");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_EIO, "m-00002-of-00002.gguf");
    write_split(folder, "m-00002-of-00002.gguf", 1, 2, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_OK, NULL);
    check_splits(folder, "m-00002-of-00002.gguf", ATTRIB_OK, NULL);
    write_split(folder, "m-00002-of-00002.gguf", 1, 2, "a");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_EFORMAT, "a: the tensor is");
    write_split(folder, "m-00002-of-00002.gguf", 0, 2, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_ESHAPE,
                 "split.no: 0, expected 1");
    write_split(folder, "m-00002-of-00002.gguf", 1, 3, "b");
    check_splits(folder, "m-00001-of-00002.gguf", ATTRIB_ESHAPE,
                 "split.count: 3, expected 2");
    write_split(folder, "alone.gguf", 0, 2, "a");
    check_splits(folder, "alone.gguf", ATTRIB_EFORMAT, "one of 2 splits");
    remove_folder(folder);
}

static void check_found(const char *folder, const char *name, const char *expected)
{
    attrib_error err = {0};
    char path[512];
    char *found = NULL;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    check_ok(at_gguf_find_file(path, &found, &err), &err);
    snprintf(path, sizeof path, "%s/%s", folder, expected ? expected : "");
    assert_true(expected ? found && strcmp(found, path) == 0 : !found);
    free(found);
}

static void write_content(const char *folder, const char *name, const char *content)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    write_file(path, content, strlen(content));
}

static void test_gguf_files__files_are_found_by_what_they_hold(void **state)
{
    (void)state;
    attrib_error err = {0};
    char folder[256];
    char *found = NULL;
    make_scratch_folder(folder, sizeof folder);
    write_content(folder, "sha256-00aa", "GGUF...");
    write_content(folder, "notes.txt", "GGU");
    check_found(folder, "sha256-00aa", "sha256-00aa");
    check_found(folder, "notes.txt", NULL);
    check_found(folder, "missing.gguf", "missing.gguf"); /* for the message */
    check_found(folder, "missing", NULL);
    check_found(folder, ".", "./sha256-00aa");
    write_content(folder, "config.json", "{}"); /* a folder of another kind */
    check_found(folder, ".", NULL);
    remove_folder(folder);
    make_scratch_folder(folder, sizeof folder);
    write_content(folder, "m-00002-of-00002.gguf", "GGUF");
    write_content(folder, "m-00001-of-00002.gguf", "GGUF");
    check_found(folder, ".", "./m-00001-of-00002.gguf");
    write_content(folder, "other", "GGUF");
    check_fails(at_gguf_find_file(folder, &found, &err), ATTRIB_EINVAL, &err);
    check_message(&err, "more than one GGUF file");
    remove_folder(folder);
}

/* 2. The reference implementation's own files */

/* The names in EXPECTED.txt, whether the reference reads them, and whether we do. Their
 * tensors' data are left out, so only headers are asked for; a child with little memory
 * and time does it. */
static void read_handcrafted(void)
{
    char path[512];
    char line[256];
    snprintf(path, sizeof path, "%s",
             asset_path("formats/gguf_handcrafted/EXPECTED.txt"));
    FILE *list = fopen(path, "re");
    assert_non_null(list);
    size_t n = 0;
    while (fgets(line, sizeof line, list)) {
        char name[64];
        char part[128];
        assert_int_equal(sscanf(line, "%63s", name), 1);
        if (strncmp(name, "DATA_", 5) == 0) {
            continue; /* these files are not among the assets */
        }
        snprintf(part, sizeof part, "formats/gguf_handcrafted/%s.gguf", name);
        assert_non_null(asset_path(part));
        snprintf(path, sizeof path, "%s", asset_path(part));
        at_gguf *gguf = NULL;
        attrib_error err = {0};
        bool is_good = strstr(line, "expect=load") != NULL;
        attrib_status status = at_gguf_open(path, AT_GGUF_HEADER, &gguf, &err);
        if ((status == ATTRIB_OK) != is_good || status == ATTRIB_ENOMEM) {
            fail_msg("%s: status %d: %s", name, (int)status, err.message);
        }
        at_gguf_close(gguf);
        n++;
    }
    fclose(list);
    assert_int_equal(n, 22);
}

static void test_gguf_files__reference_files_within_a_second_and_64_mib(void **state)
{
    (void)state;
    need_assets();
    read_handcrafted();
    not_under_sanitizers();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        const struct rlimit memory = {(rlim_t)64 << 20, (rlim_t)64 << 20};
        setrlimit(RLIMIT_DATA, &memory);
        alarm(1); /* for all of them */
        read_handcrafted();
        _exit(0);
    }
    int result = 0;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gguf_files__splits_are_one_file),
        cmocka_unit_test(test_gguf_files__files_are_found_by_what_they_hold),
        cmocka_unit_test(test_gguf_files__reference_files_within_a_second_and_64_mib),
    };
    return run_cases(tests, NULL, NULL);
}
