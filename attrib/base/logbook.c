/* SPDX-License-Identifier: MIT */
#include "base/logbook.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/file.h"

#define SECONDS_BETWEEN 10.0

static double now_of(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Append a member that is a text. Bytes that are not UTF-8 become question marks. */
static attrib_status put_text(at_buffer *out,
                              const char *key,
                              const char *text,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char *clean = NULL;
    bool is_utf8 = false;
    AT_TRY(at_copy_text(text, strlen(text), &clean, err));
    attrib_clean_line(clean);
    is_utf8 = strlen(clean) == strlen(text);
    for (size_t i = 0; is_utf8 && text[i];
         i++) { /* controls may stay: they are escaped */
        is_utf8 = clean[i] == text[i] || (unsigned char)text[i] < 0x80;
    }
    AT_TRY(at_buffer_print(out, err, "\"%s\": \"", key));
    for (const char *c = is_utf8 ? text : clean; *c; c++) {
        if (*c == '"' || *c == '\\') {
            AT_TRY(at_buffer_print(out, err, "\\%c", *c));
        } else if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            AT_TRY(at_buffer_print(out, err, "\\u%04x", (unsigned)*c));
        } else {
            AT_TRY(at_buffer_append(out, c, 1, err));
        }
    }
    AT_TRY(at_buffer_print(out, err, "\", "));
done:
    free(clean);
    return status;
}

/* The name of this start of the machine; "" where the system does not say. */
static void read_boot(char out[64])
{
    size_t n = at_peek_file("/proc/sys/kernel/random/boot_id", out, 63);
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

static attrib_status put_head(at_buffer *out, const char *command, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    char directory[4096] = "";
    char host[256] = "";
    char boot[64] = "";
    if (!getcwd(directory, sizeof directory)) {
        directory[0] = '\0';
    }
    gethostname(host, sizeof host - 1);
    read_boot(boot);
    AT_TRY(at_buffer_print(out, err, "{"));
    AT_TRY(put_text(out, "command", command ? command : "", err));
    AT_TRY(put_text(out, "directory", directory, err));
    AT_TRY(put_text(out, "host", host, err));
    AT_TRY(put_text(out, "boot", boot, err));
    AT_TRY(at_buffer_print(out, err, "\"pid\": %ld, \"begun\": %.3f", (long)getpid(),
                           now_of(CLOCK_REALTIME)));
done:
    return status;
}

attrib_status at_logbook_open(at_logbook *book,
                              const char *folder,
                              const char *command,
                              attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_logbook_close(book, false);
    AT_TRY(put_head(&book->head, command, err));
    AT_TRY(at_join_path(folder, AT_LOGBOOK, &book->path, err));
done:
    return status;
}

attrib_status at_logbook_of(
    at_logbook *book, size_t first, size_t end, size_t n_corpus, attrib_error *err)
{
    return book->path
               ? at_buffer_print(&book->head, err,
                                 ", \"first\": %zu, \"end\": %zu, \"n_corpus\": %zu",
                                 first, end, n_corpus)
               : ATTRIB_OK;
}

bool at_logbook_is_due(const at_logbook *book)
{
    return book->path && now_of(CLOCK_MONOTONIC) - book->written >= SECONDS_BETWEEN;
}

static attrib_status put_course(at_buffer *out,
                                const at_course *course,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    double left = at_course_round_left(course);
    AT_TRY(at_buffer_print(out, err, ", \"updated\": %.3f, \"overall\": %.6f, ",
                           now_of(CLOCK_REALTIME), at_course_round_share(course)));
    AT_TRY(isfinite(left) ? at_buffer_print(out, err, "\"seconds_left\": %.1f, ", left)
                          : at_buffer_print(out, err, "\"seconds_left\": null, "));
    AT_TRY(at_buffer_print(out, err, "\"stages\": ["));
    for (size_t i = 0, n = 0; i < course->n; i++) {
        const at_leg *leg = &course->legs[i];
        if (leg->unit) { /* else nobody has said what it consists of */
            AT_TRY(at_buffer_print(out, err, "%s{", n++ ? ", " : ""));
            AT_TRY(put_text(out, "stage", leg->name, err));
            AT_TRY(put_text(out, "unit", leg->unit, err));
            AT_TRY(at_buffer_print(out, err, "\"done\": %.0f, \"total\": %.0f}",
                                   floor(at_leg_round_done(leg) + AT_WHOLE_UNIT),
                                   at_leg_round_total(leg)));
        }
    }
    AT_TRY(at_buffer_print(out, err, "]}\n"));
done:
    return status;
}

attrib_status at_logbook_write(at_logbook *book,
                               const at_course *course,
                               const char *error,
                               attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_output output = {0};
    at_buffer text = {0};
    if (!book->path) {
        return ATTRIB_OK;
    }
    book->written = now_of(CLOCK_MONOTONIC);
    AT_TRY(at_buffer_append(&text, book->head.bytes, book->head.n_bytes, err));
    AT_TRY(at_buffer_print(&text, err, ", "));
    AT_TRY(put_text(&text, "error", error, err));
    text.n_bytes -= strlen(", "); /* which put_course() begins with */
    AT_TRY(put_course(&text, course, err));
    AT_TRY(at_output_open(book->path, &output, err));
    AT_TRY(at_output_write(&output, text.bytes, text.n_bytes, err));
    AT_TRY(at_output_place(&output, err)); /* nobody waits for the disk */
done:
    at_output_discard(&output);
    at_buffer_free(&text);
    return status;
}

void at_logbook_close(at_logbook *book, bool is_done)
{
    if (book->path && is_done) {
        unlink(book->path);
    }
    free(book->path);
    at_buffer_free(&book->head);
    *book = (at_logbook){0};
}
