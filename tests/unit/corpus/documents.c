/* SPDX-License-Identifier: MIT */
#include "documents.h"

#include "support/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

const attrib_tokenizer both = {true, true, false};
char folder[256];

int make_folder(void **state)
{
    (void)state;
    make_scratch_folder(folder, sizeof folder);
    return 0;
}

int drop_folder(void **state)
{
    (void)state;
    remove_folder(folder);
    return 0;
}

const char *at(const char *name)
{
    static char paths[8][512];
    static size_t i;
    i = (i + 1) % 8;
    snprintf(paths[i], sizeof paths[i], "%s/%s", folder, name);
    return paths[i];
}

void write_text(const char *path, const char *text)
{
    write_file(path, text, strlen(text));
}

attrib_status open_one(const char *path,
                       const attrib_corpus_options *options,
                       attrib_corpus **out,
                       attrib_error *err)
{
    return attrib_corpus_open(NULL, &(attrib_paths){&path, 1}, &both, options, out, err);
}

attrib_corpus *must_open(const char *path, const attrib_corpus_options *options)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_ok(open_one(path, options, &corpus, &err), &err);
    return corpus;
}

void check_refused(const char *path, attrib_status expected, const char *message)
{
    attrib_error err = {0};
    attrib_corpus *corpus = NULL;
    check_fails(open_one(path, NULL, &corpus, &err), expected, &err);
    assert_null(corpus);
    check_message(&err, message);
    check_message(&err, path);
}

char *describe(const attrib_corpus *corpus)
{
    attrib_corpus_summary summary = *attrib_corpus_summarize(corpus);
    at_buffer out = {0};
    for (size_t i = 0; i < summary.n_documents; i++) {
        attrib_document document;
        attrib_corpus_document(corpus, i, &document);
        assert_int_equal(document.index, i);
        const char *id = strstr(document.id, folder);
        id = id ? id + strlen(folder) + 1 : document.id;
        assert_int_equal(at_buffer_print(&out, NULL, "%s %s|", id,
                                         document.text ? document.text : "(ids)"),
                         ATTRIB_OK);
    }
    return out.bytes;
}

void check_documents(const char *path, const char *want)
{
    attrib_corpus *corpus = must_open(path, NULL);
    char *got = describe(corpus);
    assert_string_equal(got, want);
    free(got);
    attrib_corpus_close(corpus);
}
