/* SPDX-License-Identifier: MIT */
/* Banks as they stand on disk: every form that they may have, and what is refused. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/scratch.h"
#include "support/oom.h"
#include "validate/truth.h"

/* Write a table of the bank; NULL removes it. */
static void put(const char *name, const char *text)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (text) {
        write_file(path, text, strlen(text));
    } else {
        remove(path);
    }
}

static void put_all(const char *documents,
                    const char *subsets,
                    const char *losses,
                    const char *labels)
{
    put("documents.csv", documents);
    put("subsets.csv", subsets);
    put("losses.csv", losses);
    put("labels.csv", labels);
}

static void check_refused(attrib_status expected, const char *message)
{
    at_truth truth = {0};
    attrib_error err = {0};
    check_fails(at_truth_read(folder, &truth, &err), expected, &err);
    check_message(&err, message);
    assert_null(truth.arena);
}

#define DOCUMENTS "id\na\nb\nc\n"
#define SUBSETS   "subset,group,method,query,mask\ns1,half,,,110\ns2,top,m,y,011\n"
#define LOSSES    "subset,seed,x,y\ns2,1,3,4\ns1,2,1.5,\ns1,1,1e1,-2\n"

static void test_truth__reads_masks_and_lists_alike(void **state)
{
    (void)state;
    static const char *const subsets[] = {
        SUBSETS,
        "subset,group,method,query,kept\ns1,half,,,a b\ns2,top,m,y, b  c \n",
        "removed,query,method,group,subset\r\nc,,,half,s1\r\n\r\n\"a\",y,m,top,s2",
        "subset,,group,,method,query,mask\ns1,,half,,,,110\ns2,,top,,m,y,011\n",
    };
    for (size_t i = 0; i < 4; i++) {
        at_truth truth = {0};
        attrib_error err = {0};
        put_all(DOCUMENTS, subsets[i], LOSSES, "document,query\nb,y\na,y\n");
        check_ok(at_truth_read(folder, &truth, &err), &err);
        assert_int_equal(truth.n_parts, 2);
        assert_memory_equal(truth.parts[0].kept, ((uint8_t[]){1, 1, 0}), 3);
        assert_memory_equal(truth.parts[1].kept, ((uint8_t[]){0, 1, 1}), 3);
        assert_int_equal(truth.parts[1].n_kept, 2);
        assert_string_equal(truth.parts[0].method, "");
        assert_string_equal(truth.parts[1].method, "m");
        assert_int_equal(truth.parts[0].query, SIZE_MAX);
        assert_int_equal(truth.parts[1].query, 1);
        assert_int_equal(truth.parts[0].n_trainings, 2);
        const at_training *first = &truth.trainings[truth.parts[0].first_training];
        assert_string_equal(first[0].seed, "2"); /* as in the file */
        assert_string_equal(first[1].seed, "1");
        assert_true(first[0].losses[0] == 1.5 && isnan(first[0].losses[1]));
        assert_true(first[1].losses[0] == 10 && first[1].losses[1] == -2);
        assert_int_equal(truth.n_labels, 2);
        assert_int_equal(truth.labels[0].document, 0);
        assert_int_equal(truth.labels[1].document, 1);
        at_truth_free(&truth);
    }
}

static void test_truth__needs_no_seeds_groups_or_losses(void **state)
{
    (void)state;
    at_truth truth = {0};
    attrib_error err = {0};
    put_all("\xEF\xBB\xBFhash\nh1\nh2\n", "subset,removed\none,h2\n", "subset,q\none,1\n",
            NULL);
    check_ok(at_truth_read(folder, &truth, &err), &err);
    assert_null(truth.ids);
    assert_string_equal(truth.hashes[1], "h2");
    assert_string_equal(truth.parts[0].group, "");
    assert_string_equal(truth.trainings[0].seed, "");
    at_truth_free(&truth);
    put_all(DOCUMENTS, NULL, NULL, "query,document\nz,a\ny,b\nz,c\n");
    check_ok(at_truth_read(folder, &truth, &err), &err);
    assert_int_equal(truth.n_queries, 2);
    assert_string_equal(truth.queries[0], "z");
    assert_int_equal(truth.labels[1].query, 0);
    assert_int_equal(truth.labels[1].document, 2);
    at_truth_free(&truth);
}

static void test_truth__says_what_is_wrong_and_where(void **state)
{
    (void)state;

    static const struct {
        const char *documents, *subsets, *losses, *labels, *message;
    } cases[] = {
        {"name\na\n", SUBSETS, LOSSES, NULL,
         "documents.csv: no column \"id\" or \"hash\""},
        {"id\n", SUBSETS, LOSSES, NULL, "documents.csv: no documents"},
        {"id\na\nb\na\n", SUBSETS, LOSSES, NULL,
         "documents.csv line 4: the id \"a\" for the second time"},
        {"id,hash\na,1\n,2\n", SUBSETS, LOSSES, NULL, "documents.csv line 3: no id"},
        {DOCUMENTS, SUBSETS, NULL, NULL, "neither losses.csv nor labels.csv"},
        {DOCUMENTS, "subset\ns1\n", LOSSES, NULL, "none of the columns \"mask\""},
        {DOCUMENTS, "subset,mask,kept\ns1,110,a\n", LOSSES, NULL,
         "more than one of the columns \"mask\""},
        {DOCUMENTS, "group,mask\ng,110\n", LOSSES, NULL, "no column \"subset\""},
        {DOCUMENTS, "subset,mask\n", LOSSES, NULL, "subsets.csv: no subsets"},
        {DOCUMENTS, "subset,mask\ns1,11\n", LOSSES, NULL,
         "subsets.csv line 2: a mask of 2 digits for 3 documents"},
        {DOCUMENTS, "subset,mask\ns1,1101\n", LOSSES, NULL,
         "subsets.csv line 2: a mask of 4 digits for 3 documents"},
        {DOCUMENTS, "subset,mask\ns1,112\n", LOSSES, NULL, "of the digits 0 and 1"},
        {DOCUMENTS, "subset,kept\ns1,a d\n", LOSSES, NULL,
         "subsets.csv line 2: no document \"d\" in"},
        {DOCUMENTS, "subset,mask,query\ns1,110,y\n", LOSSES, NULL,
         "line 2: a query without the method"},
        {DOCUMENTS, "subset,mask,query,method\ns1,110,w,m\n", LOSSES, NULL,
         "line 2: no query \"w\" in"},
        {DOCUMENTS, "subset,mask\ns1,110\ns1,111\n", LOSSES, NULL,
         "line 3: the subset \"s1\" for the second time"},
        {DOCUMENTS, SUBSETS "s3,half,,,101\n", LOSSES, NULL,
         "losses.csv: no losses of the subset \"s3\""},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\ns9,1,1,2\n", NULL,
         "losses.csv line 2: no subset \"s9\" in"},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\ns1,1,nan,2\n", NULL,
         "losses.csv line 2: \"nan\" in the column \"x\" is not a finite number"},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\ns1,1,1,1e999\n", NULL, "not a finite"},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\ns1,1,1,2x\n", NULL, "not a finite"},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\ns1,1,1\n", NULL,
         "losses.csv line 2: 3 cells, the header has 4"},
        {DOCUMENTS, SUBSETS, "subset,seed,x,x\ns1,1,1,2\n", NULL, "two columns \"x\""},
        {DOCUMENTS, SUBSETS, "subset,seed,x,subset\ns1,1,1,2\n", NULL,
         "losses.csv: two columns \"subset\" in the header"},
        {DOCUMENTS, "subset,mask,mask\ns1,110,011\n", LOSSES, NULL,
         "subsets.csv: two columns \"mask\" in the header"},
        {DOCUMENTS, "other,subset,mask,other\n,s1,110,\n", LOSSES, NULL,
         "subsets.csv: two columns \"other\" in the header"},
        {"id,id\na,b\n", SUBSETS, LOSSES, NULL,
         "documents.csv: two columns \"id\" in the header"},
        {DOCUMENTS, SUBSETS, LOSSES, "query,document,query\nx,a,y\n",
         "labels.csv: two columns \"query\" in the header"},
        {DOCUMENTS, SUBSETS, "subset,seed,,y\ns1,1,1,2\n", NULL, "column 3 has no name"},
        {DOCUMENTS, SUBSETS, "subset,seed\ns1,1\n", NULL, "no column of a query"},
        {DOCUMENTS, SUBSETS, "seed,x\n1,1\n", NULL, "first column is not \"subset\""},
        {DOCUMENTS, SUBSETS, "subset,seed,x,y\n", NULL, "losses.csv: no losses"},
        {DOCUMENTS, SUBSETS, LOSSES "s1,1,1,1\n", NULL,
         "the subset \"s1\" has the seed \"1\" twice"},
        {DOCUMENTS, SUBSETS, LOSSES, "query,document\nw,a\n",
         "labels.csv line 2: no query \"w\""},
        {DOCUMENTS, SUBSETS, LOSSES, "query,document\nx,w\n",
         "labels.csv line 2: no document \"w\""},
        {DOCUMENTS, SUBSETS, LOSSES, "query,document\nx,a\nx,a\n",
         "the document \"a\" twice for one query"},
        {DOCUMENTS, SUBSETS, LOSSES, "query,document\n", "labels.csv: no labels"},
        {DOCUMENTS, SUBSETS, LOSSES, "query\nx\n", "no column \"document\""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_all(cases[i].documents, cases[i].subsets, cases[i].losses, cases[i].labels);
        check_refused(ATTRIB_EFORMAT, cases[i].message);
    }
    put_all(NULL, NULL, NULL, NULL);
    check_refused(ATTRIB_EIO, "documents.csv");
    at_truth truth = {0};
    attrib_error err = {0};
    check_fails(at_truth_read("/nowhere/bank", &truth, &err), ATTRIB_EIO, &err);
    check_message(&err, "/nowhere/bank: no folder of a bank");
}

static void test_truth__survives_memory_that_runs_out(void **state)
{
    (void)state;
    attrib_status status = ATTRIB_ENOMEM;
    put_all(DOCUMENTS, SUBSETS, LOSSES, "query,document\nx,a\n");
    for (size_t n = 0; status != ATTRIB_OK; n++) {
        at_truth truth = {0};
        attrib_error err = {0};
        oom_n_left = n;
        status = at_truth_read(folder, &truth, &err);
        oom_n_left = SIZE_MAX;
        if (status != ATTRIB_OK) {
            check_fails(status, ATTRIB_ENOMEM, &err);
        }
        assert_true(n < 500);
        at_truth_free(&truth);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_truth__reads_masks_and_lists_alike),
        cmocka_unit_test(test_truth__needs_no_seeds_groups_or_losses),
        cmocka_unit_test(test_truth__says_what_is_wrong_and_where),
        cmocka_unit_test(test_truth__survives_memory_that_runs_out),
    };
    return run_cases(tests, scratch_set_up, scratch_tear_down);
}
