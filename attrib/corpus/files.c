/* SPDX-License-Identifier: MIT */
/* Which files and members are read, and as what. */
#include "corpus/files.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "corpus/columns.h"
#include "corpus/name.h"
#include "corpus/walk.h"
#include "format/parquet.h"

/* 1. Leaving out */

/* Count a file, and name the first few for the message. */
static attrib_status note_file(const char *source,
                               const char *member,
                               size_t *count,
                               at_buffer *names,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    if ((*count)++ < AT_N_SKIPPED_NAMES) {
        AT_TRY(at_buffer_print(names, err, "%s%.100s%s%.100s", names->n_bytes ? ", " : "",
                               source, member ? ":" : "", member ? member : ""));
    }
done:
    return status;
}

static attrib_status skip_file(at_files *files,
                               const char *source,
                               const char *member,
                               attrib_error *err)
{
    return note_file(source, member, &files->counts->n_skipped_files, &files->skipped,
                     err);
}

/* A file about the data is not data, but where a folder or an archive holds no others:
 * such a one is read twice, as that is known only at its end. */
static attrib_status skip_about(at_files *files,
                                const char *source,
                                const char *member,
                                attrib_error *err)
{
    return note_file(source, member, &files->counts->n_about_files, &files->about, err);
}

/* What was counted before a folder or an archive was read. */
typedef struct mark {
    attrib_corpus_summary counts;
    size_t n_skipped_bytes, n_about_bytes, n_others;
    bool takes_about;
} mark;

static mark begin_place(at_files *files)
{
    mark before = {*files->counts, files->skipped.n_bytes, files->about.n_bytes,
                   files->n_others, files->takes_about};
    files->n_others = 0;
    return before;
}

static bool holds_only_about(const at_files *files, const mark *before)
{
    return files->n_others == 0 &&
           files->counts->n_about_files > before->counts.n_about_files;
}

static void cut_names(at_buffer *names, size_t n_bytes)
{
    names->n_bytes = n_bytes;
    if (names->bytes) {
        names->bytes[n_bytes] = '\0';
    }
}

/* Nothing was read but counts, which are as they were. */
static void begin_again(at_files *files, const mark *before)
{
    *files->counts = before->counts;
    cut_names(&files->skipped, before->n_skipped_bytes);
    cut_names(&files->about, before->n_about_bytes);
    files->takes_about = true;
}

static void end_place(at_files *files, const mark *before)
{
    files->takes_about = before->takes_about;
    files->n_others = before->n_others;
}

/* 2. One file's or member's bytes */

static attrib_status read_single(at_files *files,
                                 at_archive *archive,
                                 const char *source,
                                 at_kind kind,
                                 bool is_named,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t binary = 0;
    at_bytes bytes = {0};
    AT_TRY(at_archive_single(archive, &bytes, err));
    AT_TRY(at_intake_begin(files->intake, source, NULL, err));
    AT_TRY(at_read_documents(bytes, kind, source, files->unit,
                             at_intake_sink(files->intake), &binary, err));
    AT_CHECK(!binary || !is_named, ATTRIB_ENOTSUP,
             "%s: byte %zu: not UTF-8 text, nor an archive of a kind that is read",
             source, binary - 1);
    if (binary) {
        AT_TRY(skip_file(files, source, NULL, err));
    }
done:
    return status;
}

/* 3. Members */

/* A member's documents; a compressed one is unpacked on the way. */
static attrib_status read_member(at_files *files,
                                 at_bytes bytes,
                                 const char *name,
                                 at_kind kind,
                                 bool is_compressed,
                                 size_t *binary,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *inner = NULL;
    if (is_compressed) {
        AT_TRY(at_archive_open_bytes(bytes, name, &inner, err));
        AT_TRY(at_archive_single(inner, &bytes, err));
    }
    AT_TRY(at_read_documents(bytes, kind, name, files->unit,
                             at_intake_sink(files->intake), binary, err));
done:
    at_archive_close(inner);
    return status;
}

static attrib_status visit_member(at_files *files,
                                  at_archive *archive,
                                  const char *source,
                                  const at_member *member,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    bool is_compressed = false;
    size_t binary = 0;
    at_kind kind = at_kind_of_name(member->name, &is_compressed);
    if (member->is_folder) {
        return ATTRIB_OK;
    }
    if (!member->is_file || at_is_hidden(member->name)) {
        return skip_file(files, source, member->name, err);
    }
    at_choice choice = at_choose(files->include, files->exclude, member->name, false);
    if (choice == AT_CHOICE_OUT) {
        files->counts->n_excluded_files++;
        return ATTRIB_OK;
    }
    if (choice != AT_CHOICE_IN && at_is_about_data(member->name) && !files->takes_about) {
        return skip_about(files, source, member->name, err);
    }
    files->n_others++;
    if (kind == AT_KIND_ARCHIVE || kind == AT_KIND_REFUSED || kind == AT_KIND_TOKENS ||
        (kind == AT_KIND_UNKNOWN && choice != AT_CHOICE_IN)) {
        return skip_file(files, source, member->name, err);
    }
    AT_TRY(at_buffer_print(&name, err, "%s:%s", source, member->name));
    AT_CHECK(!member->is_encrypted, ATTRIB_ENOTSUP, "%s: encrypted", name.bytes);
    AT_TRY(at_intake_begin(files->intake, source, member->name, err));
    AT_TRY(read_member(files, at_archive_bytes(archive), name.bytes, kind, is_compressed,
                       &binary, err));
    if (binary) {
        AT_TRY(skip_file(files, source, member->name, err));
    } else {
        files->counts->n_members++;
    }
done:
    at_buffer_free(&name);
    return status;
}

/* An archive without members is told of: zeros, as a download that broke off or the image
 * of a disk begins with, are an empty tar. */
static attrib_status read_members(at_files *files,
                                  at_archive *archive,
                                  const char *source,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_member member = {0};
    for (size_t n = 0;; n++) {
        AT_TRY(at_poll_cancel(files->session, err));
        status = at_archive_next(archive, &member, err);
        if (status == ATTRIB_END) {
            return n > 0 ? ATTRIB_OK : skip_file(files, source, NULL, err);
        }
        AT_TRY(status);
        AT_TRY(visit_member(files, archive, source, &member, err));
    }
done:
    return status;
}

/* 4. Files */

static at_archive_mode mode_of(at_kind kind)
{
    switch (kind) {
    case AT_KIND_TEXT:
    case AT_KIND_LINES:
    case AT_KIND_JSON:
    case AT_KIND_COMMAS:
    case AT_KIND_TABS:
    case AT_KIND_PARQUET:
    case AT_KIND_WARC:
    case AT_KIND_ARROW:
        return AT_ARCHIVE_FILE;
    case AT_KIND_ARCHIVE:
        return AT_ARCHIVE_MEMBERS;
    default:
        return AT_ARCHIVE_ANY;
    }
}

/* Whether a file needs no copy in a scratch file: it is a table in columns as it is,
 * whatever its name says. */
static bool is_read_in_place(const char *path)
{
    char first[8];
    size_t n = strcmp(path, "-") != 0 && at_is_file(path)
                   ? at_peek_file(path, first, sizeof first)
                   : 0;
    return at_is_parquet(first, n);
}

static attrib_status read_columns(at_files *files,
                                  const char *path,
                                  const char *source,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    files->counts->n_files++;
    files->n_others++;
    AT_TRY(at_intake_begin(files->intake, source, NULL, err));
    AT_TRY(at_read_parquet(path, source, at_intake_sink(files->intake), err));
done:
    return status;
}

static attrib_status read_once(at_files *files,
                               const char *path,
                               const char *source,
                               at_kind kind,
                               bool is_named,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_archive *archive = NULL;
    if (is_read_in_place(path)) {
        return read_columns(files, path, source, err);
    }
    AT_TRY(at_archive_open(files->session, path, source, mode_of(kind), &archive, err));
    files->counts->n_files++;
    files->headway.open = archive;
    if (at_archive_has_members(archive)) {
        AT_TRY(read_members(files, archive, source, err));
    } else {
        files->n_others++; /* the file itself */
        AT_TRY(read_single(files, archive, source, kind, is_named, err));
    }
    AT_TRY(at_archive_check(archive, err));
done:
    files->headway.open = NULL;
    at_archive_close(archive);
    return status;
}

static attrib_status read_file(at_files *files,
                               const char *path,
                               const char *source,
                               at_kind kind,
                               bool is_named,
                               attrib_error *err)
{
    const mark before = begin_place(files);
    attrib_status status = read_once(files, path, source, kind, is_named, err);
    if (status == ATTRIB_OK && holds_only_about(files, &before) &&
        strcmp(path, "-") != 0) {
        begin_again(files, &before);
        status = read_once(files, path, source, kind, is_named, err);
    }
    end_place(files, &before);
    return status;
}

/* 5. Which files are read */

/* An .idx is read with the .bin that it belongs to. */
static bool is_index(const char *path)
{
    const char *ending = strrchr(path, '.');
    char *data = NULL;
    bool is_one = ending && strcasecmp(ending, ".idx") == 0 &&
                  at_token_file_path(path, &data, NULL) == ATTRIB_OK && at_is_file(data);
    free(data);
    return is_one;
}

/* Whether a file of a folder is of a kind that is read. */
static bool is_kind_read(const at_files *files,
                         const char *path,
                         at_kind kind,
                         bool is_compressed,
                         at_choice choice)
{
    switch (kind) {
    case AT_KIND_REFUSED:
        return false;
    case AT_KIND_TOKENS:
        return !is_compressed && at_token_file_is(path, &files->tokens);
    default:
        return kind != AT_KIND_UNKNOWN || choice == AT_CHOICE_IN;
    }
}

/* Whether a file is read at all: what is left out is counted. */
static attrib_status judge_file(at_files *files,
                                const char *path,
                                const char *source,
                                bool is_named,
                                bool *is_read,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_compressed = false;
    bool was_there = false;
    at_kind kind = at_kind_of_name(path, &is_compressed);
    const char *below = path + (is_named ? 0 : strlen(files->root));
    at_choice choice =
        is_named ? AT_CHOICE_IN
                 : at_choose(files->include, files->exclude, below + strspn(below, "/"),
                             kind == AT_KIND_ARCHIVE);
    *is_read = false;
    if (choice == AT_CHOICE_OUT) {
        files->counts->n_excluded_files++;
        return ATTRIB_OK;
    }
    if (choice != AT_CHOICE_IN && !files->takes_about && at_is_about_data(path)) {
        return skip_about(files, source, NULL, err);
    }
    if (!is_named && kind == AT_KIND_TOKENS && is_index(path)) {
        return ATTRIB_OK;
    }
    files->n_others++;
    if (!is_named && !is_kind_read(files, path, kind, is_compressed, choice)) {
        return skip_file(files, source, NULL, err);
    }
    AT_CHECK(kind != AT_KIND_REFUSED, ATTRIB_ENOTSUP,
             "%s: no kind of file that documents are read from", source);
    AT_CHECK(kind != AT_KIND_TOKENS || !is_compressed, ATTRIB_ENOTSUP,
             "%s: a compressed file of tokens: unpack it", source);
    AT_TRY(at_seen_add(&files->seen, path, &was_there, err));
    if (was_there) {
        return note_file(source, NULL, &files->counts->n_repeated_files, &files->again,
                         err);
    }
    AT_TRY(at_marks_add(files->marks, path, err));
    *is_read = true;
done:
    return status;
}

static attrib_status visit_file(void *context,
                                const char *path,
                                bool is_named,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_files *files = context;
    at_buffer source = {0};
    char *data = NULL;
    bool ignored = false;
    bool is_read = false;
    at_kind kind = at_kind_of_name(path, &ignored);
    AT_TRY(at_poll_cancel(files->session, err));
    if (kind == AT_KIND_TOKENS && is_named) {
        AT_TRY(at_token_file_path(path, &data, err));
        path = data;
    }
    AT_TRY(at_append_name(&source, path, err));
    AT_TRY(judge_file(files, path, source.bytes, is_named, &is_read, err));
    if (is_read && kind == AT_KIND_TOKENS) {
        AT_TRY(at_files_read_tokens(files, path, source.bytes, err));
    } else if (is_read) {
        AT_TRY(read_file(files, path, source.bytes, kind, is_named, err));
    }
    at_headway_pass(&files->headway, path);
done:
    at_buffer_free(&source);
    free(data);
    return status;
}

static attrib_status visit_skipped(void *context, const char *path, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_buffer name = {0};
    AT_TRY(at_append_name(&name, path, err));
    AT_TRY(skip_file(context, name.bytes, NULL, err));
done:
    at_buffer_free(&name);
    return status;
}

attrib_status at_files_read(at_files *files, const char *path, attrib_error *err)
{
    const at_visitor visitor = {files, visit_file, visit_skipped};
    const mark before = begin_place(files);
    files->root = path;
    attrib_status status = at_walk(path, &visitor, err);
    if (status == ATTRIB_OK && holds_only_about(files, &before)) {
        begin_again(files, &before);
        status = at_walk(path, &visitor, err);
    }
    end_place(files, &before);
    return status;
}
