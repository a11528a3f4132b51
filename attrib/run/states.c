/* SPDX-License-Identifier: MIT */
/* Jobs of several folders: which shards of a corpus they are, and waiting for them.
 *
 * 1. Shards   2. Waiting */
#include <stdlib.h>
#include <time.h>

#include "base/session.h"
#include "run/run.h"

/* 1. Shards */

/* The first document of shard i of n; those after the end of the corpus begin where it
 * ends. */
static size_t start_of(size_t n_corpus, size_t n, size_t i)
{
    size_t start = at_block_start(at_n_slices(n_corpus), n, i) * AT_SLICE_DOCUMENTS;
    return at_smaller(start, n_corpus);
}

/* The shard of n that a range is; n where it is none. */
static size_t shard_of(const attrib_state_range *range, size_t n)
{
    size_t i = 0;
    while (i < n && start_of(range->total, n, i) < range->first) {
        i++;
    }
    bool is_it = i < n && start_of(range->total, n, i) == range->first &&
                 start_of(range->total, n, i + 1) == range->end;
    return is_it ? i : n;
}

/* Whether all ranges are shards of n, of one corpus. */
static bool are_shards(const attrib_state_range *ranges, size_t n_ranges, size_t n)
{
    for (size_t r = 0; r < n_ranges; r++) {
        if (ranges[r].total != ranges[0].total || shard_of(&ranges[r], n) == n) {
            return false;
        }
    }
    return true;
}

attrib_status attrib_state_count_shards(const attrib_state_range *ranges,
                                        size_t n,
                                        attrib_state_shards *out,
                                        attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_most = at_n_slices(ranges[0].total);
    size_t n_shards = 1;
    *out = (attrib_state_shards){0};
    while (n_shards <= n_most && !are_shards(ranges, n, n_shards)) {
        n_shards++;
    }
    if (n_shards > n_most) {
        goto done;
    }
    AT_TRY(at_array(n_shards, sizeof *out->is_in, &out->is_in, err));
    out->n = n_shards;
    for (size_t r = 0; r < n; r++) {
        out->is_in[shard_of(&ranges[r], n_shards)] = true;
    }
done:
    return status;
}

/* 2. Waiting */

/* Seconds between two looks at folders that are not done. */
#define SECONDS_BETWEEN 0.5
/* Looks, one after the other, that find a folder wrong before it is believed: for a
 * moment one that is being made, or renamed, is neither there nor whole. */
#define MOST_FAILURES 4

/* What is known of a folder. */
typedef struct awaited {
    attrib_state_kind kind;
    size_t n_failures; /* of the last looks */
} awaited;

/* Look whether a folder is done, and say once where its job has stopped. */
static attrib_status look(attrib_session *session,
                          const char *folder,
                          awaited *known,
                          attrib_error *err)
{
    attrib_error why = {0};
    attrib_state *state = NULL;
    attrib_status status = attrib_state_read(folder, &state, &why);
    if (status != ATTRIB_OK) {
        return ++known->n_failures < MOST_FAILURES
                   ? ATTRIB_OK
                   : at_fail(err, status, "%s", why.message);
    }
    if (state->kind == ATTRIB_STATE_STOPPED && known->kind != ATTRIB_STATE_STOPPED) {
        at_log(session, ATTRIB_LOG_WARNING, "%s: stopped at %.0f %%%s%s", folder,
               100 * state->overall, *state->error ? ": " : "", state->error);
    }
    *known = (awaited){.kind = state->kind};
    attrib_state_free(state);
    return ATTRIB_OK;
}

/* Look at all folders that are not done, and count those that are. */
static attrib_status look_at_all(attrib_session *session,
                                 const char *const *folders,
                                 size_t n,
                                 awaited *known,
                                 size_t *n_done,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *n_done = 0;
    for (size_t i = 0; i < n; i++) {
        AT_TRY(at_poll_cancel(session, err));
        if (known[i].kind != ATTRIB_STATE_DONE) {
            AT_TRY(look(session, folders[i], &known[i], err));
        }
        *n_done += known[i].kind == ATTRIB_STATE_DONE;
    }
done:
    return status;
}

attrib_status attrib_state_await(attrib_session *session,
                                 const char *const *folders,
                                 size_t n,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    const struct timespec pause = {.tv_nsec = (long)(1e9 * SECONDS_BETWEEN)};
    awaited *known = NULL;
    size_t n_done = 0;
    at_stage stage;
    AT_TRY(at_array(n, sizeof *known, &known, err));
    at_stage_begin(&stage, session, "wait", "folders", n);
    AT_TRY(look_at_all(session, folders, n, known, &n_done, err));
    while (n_done < n) {
        at_stage_report(&stage, n_done);
        nanosleep(&pause, NULL); /* a signal ends it early */
        AT_TRY(look_at_all(session, folders, n, known, &n_done, err));
    }
    at_stage_end(&stage, n, 0);
done:
    free(known);
    return status;
}
