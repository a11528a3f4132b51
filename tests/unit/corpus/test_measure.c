/* SPDX-License-Identifier: MIT */
/* What the rows of queries say that is measured. */
#include "support/check.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "attrib/corpus.h"
#include "support/fake_tokenizer.h"

static const attrib_tokenizer both = {true, true, false};
static char path[256];
static char vector[300];

static int make_folder(void **state)
{
    (void)state;
    make_scratch_folder(path, sizeof path - sizeof "/q.jsonl");
    snprintf(vector, sizeof vector, "%s/v.npy", path);
    strcat(path, "/q.jsonl");
    return 0;
}

static int drop_folder(void **state)
{
    (void)state;
    *strrchr(path, '/') = '\0';
    remove_folder(path);
    return 0;
}

static attrib_status read(const char *rows, attrib_queries **out, attrib_error *err)
{
    attrib_corpus_options options;
    attrib_corpus_options_default(&options);
    options.context = 8;
    write_file(path, rows, strlen(rows));
    return attrib_queries_open(NULL, path, &both, &options, out, err);
}

static attrib_queries *must_read(const char *rows)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(read(rows, &queries, &err), &err);
    return queries;
}

static void check_refused(const char *rows, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_fails(read(rows, &queries, &err), expected, &err);
    assert_null(queries);
    check_message(&err, message);
    check_message(&err, path);
}

/* Ids less three as letters, those with mask 1 in brackets; a bar between the sides. */
static void check_tokens(const attrib_query *query, const char *want)
{
    char got[512] = "";
    size_t n = 0;
    for (size_t t = 0; t < query->n_tokens; t++) {
        char letter = query->ids[t] == FAKE_BOS ? '^' : (char)(query->ids[t] - 3);
        n += (size_t)snprintf(got + n, sizeof got - n, "%s",
                              t > 0 && t == query->against_token ? "|" : "");
        n += (size_t)snprintf(got + n, sizeof got - n, query->mask[t] ? "[%c]" : "%c",
                              letter);
    }
    assert_string_equal(got, want);
}

/* Both sides have the prompt, each its own completion; none of the fields is a tag. */
static void test_measure__a_margin_has_two_sides(void **state)
{
    (void)state;
    attrib_queries *queries =
        must_read("{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": \"de\"}\n"
                  "{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": null}\n"
                  "{\"ids\": [1, 100, 101], \"mask\": [0, 0, 1], \"against\": "
                  "{\"ids\": [1, 102], \"mask\": [0, 1]}}\n");
    const attrib_query *query = attrib_queries_get(queries, 0);
    check_tokens(query, "^ab[c]|^ab[d][e]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_MARGIN);
    assert_string_equal(query->completion, "c");
    assert_string_equal(query->against, "de");
    assert_int_equal(query->against_token, 4);
    assert_int_equal(attrib_query_side(query), 4);
    assert_int_equal(query->n_tags, 0);
    query = attrib_queries_get(queries, 1);
    check_tokens(query, "^ab[c]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_LOGPROB);
    assert_null(query->against);
    assert_int_equal(query->n_tags, 0);
    assert_int_equal(attrib_query_side(query), 4);
    query = attrib_queries_get(queries, 2);
    check_tokens(query, "^a[b]|^[c]");
    assert_int_equal(query->measure, ATTRIB_MEASURE_MARGIN);
    assert_null(query->against);
    attrib_queries_close(queries);
}

/* The model may write the completion; the other side is there before and after. */
static void test_measure__a_completion_is_written_against_another(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries =
        must_read("{\"prompt\": \"ab\", \"completion\": null, \"against\": \"d\"}\n");
    const int32_t ids[] = {'x' + 3, 'y' + 3};
    attrib_completion written;
    attrib_completion_default(&written);
    written.ids = ids;
    written.n_ids = 2;
    written.text = "xy";
    check_tokens(attrib_queries_get(queries, 0), "^ab|^ab[d]");
    assert_int_equal(attrib_queries_room(queries, 0), 8 - 3);
    check_ok(attrib_queries_set_completion(queries, 0, &written, &err), &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[x][y]|^ab[d]");
    assert_int_equal(attrib_queries_get(queries, 0)->against_token, 5);
    assert_true(attrib_queries_get(queries, 0)->is_generated);
    attrib_queries_close(queries);
}

static void test_measure__a_row_names_its_measure(void **state)
{
    (void)state;
    attrib_queries *queries = must_read(
        "{\"prompt\": \"a\", \"completion\": \"b\", \"measure\": \"probability\"}\n"
        "{\"prompt\": \"a\", \"completion\": \"b\", \"measure\": \"log-probability\"}\n"
        "{\"prompt\": \"a\", \"completion\": \"b\", \"tags\": {\"measure\": \"m\", "
        "\"against\": 1}}\n");
    static const attrib_measure want[] = {ATTRIB_MEASURE_PROBABILITY,
                                          ATTRIB_MEASURE_LOGPROB, ATTRIB_MEASURE_LOGPROB};
    for (size_t i = 0; i < 3; i++) {
        const attrib_query *query = attrib_queries_get(queries, i);
        assert_int_equal(query->measure, want[i]);
        assert_int_equal(query->n_tags, i == 2 ? 2 : 0);
        check_tokens(query, "^a[b]");
    }
    attrib_queries_close(queries);
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_LOGPROB), "log-probability");
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_MARGIN), "margin");
    assert_string_equal(attrib_measure_name(ATTRIB_MEASURE_PROBABILITY), "probability");
}

/* A program's rows are those of a file. */
static void test_measure__rows_in_memory_are_those_of_a_file(void **state)
{
    (void)state;
    const attrib_query_row rows[] = {
        {.prompt = "ab", .completion = "c", .against = "de"},
        {.prompt = "ab", .completion = "c", .measure = "probability"}};
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 2), &both,
                                      NULL, &queries, &err),
             &err);
    check_tokens(attrib_queries_get(queries, 0), "^ab[c]|^ab[d][e]");
    assert_int_equal(attrib_queries_get(queries, 0)->measure, ATTRIB_MEASURE_MARGIN);
    assert_int_equal(attrib_queries_get(queries, 1)->measure, ATTRIB_MEASURE_PROBABILITY);
    attrib_queries_close(queries);
}

/* Write v.npy into the folder of the rows: a header with this type and shape, then bytes.
 */
static void write_vector(const char *type, const char *shape, const void *data, size_t n)
{
    unsigned char bytes[1024] = "\x93NUMPY\x01";
    int n_header =
        snprintf((char *)bytes + 10, 500,
                 "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", type, shape);
    bytes[8] = (unsigned char)n_header;
    assert_true(n_header < 256 && n < 500);
    memcpy(bytes + 10 + n_header, data, n);
    write_file(vector, (const char *)bytes, 10 + (size_t)n_header + n);
}

static void write_floats(void)
{
    static const float values[] = {1, -2, 0.5F};
    write_vector("<f4", "(3,)", values, sizeof values);
}

/* Positions as letters, of a query of so many tokens. */
static void check_direction(const attrib_query *query, size_t layer, const char *want)
{
    char got[32] = "";
    const attrib_direction *direction = query->direction;
    assert_int_equal(query->measure, ATTRIB_MEASURE_DIRECTION);
    assert_int_equal(query->n_tags, 0);
    assert_non_null(direction);
    assert_int_equal(direction->layer, layer);
    assert_int_equal(direction->n_values, 3);
    assert_true(direction->values[0] == 1 && direction->values[1] == -2 &&
                direction->values[2] == 0.5F);
    for (size_t t = 0; t < query->n_tokens; t++) {
        got[t] = direction->positions[t] ? 'x' : '.';
    }
    assert_string_equal(got, want);
}

static void test_measure__a_direction_has_positions(void **state)
{
    (void)state;
    write_floats();
    attrib_queries *queries = must_read(
        "{\"prompt\": \"abc\", \"direction\": \"v.npy\", \"layer\": 2}\n"
        "{\"prompt\": \"abc\", \"direction\": \"v.npy\", \"layer\": \"0\", "
        "\"positions\": \"last\"}\n"
        "{\"prompt\": \"ab\", \"completion\": \"cd\", \"direction\": \"v.npy\", "
        "\"layer\": 1, \"positions\": \"completion\"}\n"
        "{\"prompt\": \"abc\", \"direction\": \"v.npy\", \"layer\": 1, "
        "\"positions\": [0, -1, -2]}\n"
        "{\"prompt\": \"abc\", \"direction\": \"v.npy\", \"layer\": 1, "
        "\"positions\": \"1,-1\"}\n"
        "{\"ids\": [1, 100], \"mask\": [0, 0], \"direction\": \"v.npy\", \"layer\": 1, "
        "\"against\": null}\n");
    check_direction(attrib_queries_get(queries, 0), 2, "...x");
    check_direction(attrib_queries_get(queries, 1), 0, "...x");
    check_direction(attrib_queries_get(queries, 2), 1, "...xx");
    check_direction(attrib_queries_get(queries, 3), 1, "x.xx");
    check_direction(attrib_queries_get(queries, 4), 1, ".x.x");
    check_direction(attrib_queries_get(queries, 5), 1, ".x");
    attrib_queries_close(queries);
}

/* The completion that the model writes is measured where its place is. */
static void test_measure__a_written_completion_is_measured(void **state)
{
    (void)state;
    attrib_error err = {0};
    const int32_t ids[] = {'x' + 3, 'y' + 3};
    attrib_completion written;
    write_floats();
    attrib_queries *queries =
        must_read("{\"prompt\": \"ab\", \"direction\": \"v.npy\", \"layer\": 1, "
                  "\"positions\": \"completion\"}\n");
    check_direction(attrib_queries_get(queries, 0), 1, "...");
    attrib_completion_default(&written);
    written.ids = ids;
    written.n_ids = 2;
    written.text = "xy";
    check_ok(attrib_queries_set_completion(queries, 0, &written, &err), &err);
    check_direction(attrib_queries_get(queries, 0), 1, "...xx");
    attrib_queries_close(queries);
}

/* Every width of floats, and a matrix of one row. */
static void test_measure__vectors_are_floats_of_any_width(void **state)
{
    (void)state;
    static const double wide[] = {1, -2, 0.5};
    static const uint16_t narrow[] = {0x3C00, 0xC000, 0x3800};
    static const char row[] =
        "{\"prompt\": \"a\", \"direction\": \"v.npy\", \"layer\": 1}\n";
    attrib_queries *queries = NULL;
    write_vector("<f8", "(3,)", wide, sizeof wide);
    queries = must_read(row);
    check_direction(attrib_queries_get(queries, 0), 1, ".x");
    attrib_queries_close(queries);
    write_vector("<f2", "(1, 3)", narrow, sizeof narrow);
    queries = must_read(row);
    check_direction(attrib_queries_get(queries, 0), 1, ".x");
    attrib_queries_close(queries);
}

/* A program's paths begin where it runs. */
static void test_measure__directions_of_rows_in_memory(void **state)
{
    (void)state;
    attrib_error err = {0};
    attrib_queries *queries = NULL;
    write_floats();
    const attrib_query_row rows[] = {
        {.prompt = "abc", .direction = vector, .layer = 1, .positions = "0,2"}};
    check_ok(attrib_queries_from_rows(&(attrib_query_rows)ATTRIB_LIST(rows, 1), &both,
                                      NULL, &queries, &err),
             &err);
    check_direction(attrib_queries_get(queries, 0), 1, "x.x.");
    assert_string_equal(attrib_queries_get(queries, 0)->direction->path, vector);
    attrib_queries_close(queries);
}

static void test_measure__directions_are_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *fields; /* of a row with a prompt */
        attrib_status status;
        const char *message;
    } cases[] = {
        {"\"direction\": \"v.npy\"", ATTRIB_ESHAPE,
         ":1: field \"direction\" without \"layer\""},
        {"\"layer\": 1", ATTRIB_ESHAPE, ":1: field \"layer\" without \"direction\""},
        {"\"positions\": [1]", ATTRIB_ESHAPE,
         ":1: field \"positions\" without \"direction\""},
        {"\"direction\": 1, \"layer\": 1", ATTRIB_EFORMAT, "expected the path of a .npy"},
        {"\"direction\": \"v.npy\", \"layer\": -1", ATTRIB_EFORMAT, "field \"layer\": "},
        {"\"direction\": \"v.npy\", \"layer\": \"x\"", ATTRIB_EFORMAT,
         "field \"layer\": "},
        {"\"direction\": \"v.npy\", \"layer\": 1.5", ATTRIB_EFORMAT, "field \"layer\": "},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": []", ATTRIB_EFORMAT,
         "field \"positions\": expected \"last\""},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": \"first\"",
         ATTRIB_EFORMAT, "field \"positions\": item 1 is no integer"},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": [0, \"1,2\"]",
         ATTRIB_EFORMAT, "field \"positions\": item 2 is no integer"},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": [3]", ATTRIB_ERANGE,
         ":1: field \"positions\": 3 of 3 tokens"},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": [-4]", ATTRIB_ERANGE,
         "field \"positions\": -4 of 3 tokens"},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"positions\": [2, -1]", ATTRIB_EFORMAT,
         "field \"positions\": -1 names a token that stands there already"},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"against\": \"x\"", ATTRIB_ESHAPE,
         "field \"direction\" with field \"against\""},
        {"\"direction\": \"v.npy\", \"layer\": 1, \"measure\": \"log-probability\"",
         ATTRIB_ESHAPE, "field \"direction\" with field \"measure\""},
        {"\"direction\": \"none.npy\", \"layer\": 1", ATTRIB_EIO,
         ":1: field \"direction\": "},
    };

    char row[300];
    write_floats();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(row, sizeof row, "{\"prompt\": \"ab\", %s}\n", cases[i].fields);
        check_refused(row, cases[i].status, cases[i].message);
    }
}

static void test_measure__vectors_are_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *type, *shape;
        float values[3];
        attrib_status status;
        const char *message;
    } cases[] = {
        {"<i4",
         "(3,)",
         {1, 1, 1},
         ATTRIB_ENOTSUP,
         "type \"<i4\", expected little-endian f"},
        {"<f4", "(3, 1)", {1, 1, 1}, ATTRIB_ESHAPE, "[3, 1], expected one vector"},
        {"<f4", "(0,)", {1, 1, 1}, ATTRIB_EFORMAT, "12 bytes of elements in the file"},
        {"<f4", "(2,)", {1, 1, 1}, ATTRIB_EFORMAT, "12 bytes of elements in the file"},
        {"<f4", "(3,)", {0, 0, 0}, ATTRIB_ENUMERIC, "a vector of zeros is no direction"},
        {"<f4",
         "(3,)",
         {1, HUGE_VALF, 0},
         ATTRIB_ENUMERIC,
         "value 1 of the vector is not"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_vector(cases[i].type, cases[i].shape, cases[i].values,
                     sizeof cases[i].values);
        check_refused("{\"prompt\": \"a\", \"direction\": \"v.npy\", \"layer\": 1}\n",
                      cases[i].status, cases[i].message);
    }
    write_file(vector, "\x93NUMPY", 6);
    check_refused("{\"prompt\": \"a\", \"direction\": \"v.npy\", \"layer\": 1}\n",
                  ATTRIB_EFORMAT, "v.npy: truncated header");
}

static void test_measure__contradictions_are_refused_by_name(void **state)
{
    (void)state;

    static const struct {
        const char *rows;
        attrib_status status;
        const char *message;
    } cases[] = {
        {"{\"prompt\": \"a\"}\n{\"prompt\": \"a\", \"measure\": \"margin\"}\n",
         ATTRIB_EFORMAT,
         ":2: field \"measure\": \"margin\", expected \"log-probability\""},
        {"{\"prompt\": \"a\", \"measure\": 1}\n", ATTRIB_EFORMAT,
         ":1: field \"measure\": no text, expected"},
        {"{\"prompt\": \"a\", \"against\": \"\"}\n", ATTRIB_EFORMAT,
         ":1: field \"against\": expected a text that is not empty"},
        {"{\"prompt\": \"a\", \"against\": [1]}\n", ATTRIB_EFORMAT,
         ":1: field \"against\": expected a text"},
        {"{\"prompt\": \"a\", \"completion\": \"b\", \"against\": \"c\", \"measure\": "
         "\"probability\"}\n",
         ATTRIB_ESHAPE, ":1: field \"against\" with measure \"probability\""},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": \"b\"}\n", ATTRIB_ESHAPE,
         ":1: field \"against\": expected {\"ids\": [...], \"mask\": [...]}"},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": {\"ids\": [1, 2]}}\n",
         ATTRIB_ESHAPE, ":1: field \"against\": ids without a mask"},
        {"{\"ids\": [1, 100], \"mask\": [0, 1], \"against\": {\"ids\": [1, 2], "
         "\"mask\": [0, 0]}}\n",
         ATTRIB_EINVAL, ":1: the completion has no token after the first"},
        {"{\"prompt\": \"a\", \"completion\": \"b\", \"against\": {\"ids\": [1], "
         "\"mask\": [0]}}\n",
         ATTRIB_ESHAPE,
         ":1: field \"against\": expected a text, as the row has a prompt"},
        {"{\"prompt\": \"ab\", \"completion\": \"c\", \"against\": \"cdefghi\"}\n",
         ATTRIB_ERANGE, "field \"against\": "},
        {"{\"prompt\": \"ab\", \"against\": \"c\", \"x\": \"\\ud800\", \"against\": "
         "\"d\"}\n",
         ATTRIB_EFORMAT, ":1: field \"against\" stands twice"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check_refused(cases[i].rows, cases[i].status, cases[i].message);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_measure__a_margin_has_two_sides),
        cmocka_unit_test(test_measure__a_completion_is_written_against_another),
        cmocka_unit_test(test_measure__a_row_names_its_measure),
        cmocka_unit_test(test_measure__rows_in_memory_are_those_of_a_file),
        cmocka_unit_test(test_measure__a_direction_has_positions),
        cmocka_unit_test(test_measure__a_written_completion_is_measured),
        cmocka_unit_test(test_measure__vectors_are_floats_of_any_width),
        cmocka_unit_test(test_measure__directions_of_rows_in_memory),
        cmocka_unit_test(test_measure__directions_are_refused_by_name),
        cmocka_unit_test(test_measure__vectors_are_refused_by_name),
        cmocka_unit_test(test_measure__contradictions_are_refused_by_name),
    };
    return run_cases(tests, make_folder, drop_folder);
}
