/* SPDX-License-Identifier: MIT */
/* Writing a conversation in a form. */
#include "tokenizer/chat.h"

#include <string.h>

#include "tokenizer/characters.h"

typedef struct writer {
    const at_chat *chat;
    at_chat_end end;
    at_chat_sink sink;
    attrib_error *err;
} writer;

/* Text of a form, "\1" and "\2" in it replaced; NULL is none. */
static attrib_status put_form(const writer *w, const char *text, bool is_said)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = w->err;
    while (text && *text) {
        size_t n = strcspn(text, "\1\2");
        if (n) {
            AT_TRY(w->sink.put(w->sink.context, text, n, is_said, err));
        }
        text += n;
        if (*text == '\1' && w->chat->n_bos) {
            AT_TRY(
                w->sink.put(w->sink.context, w->chat->bos, w->chat->n_bos, is_said, err));
        } else if (*text == '\2') {
            AT_CHECK(
                w->chat->eos, ATTRIB_EINVAL,
                "chat template \"%s\" ends turns with the end-of-sequence token, and "
                "the tokenizer has none",
                w->chat->form->name);
            AT_TRY(
                w->sink.put(w->sink.context, w->chat->eos, w->chat->n_eos, is_said, err));
        }
        text += *text != '\0';
    }
done:
    return status;
}

/* Python's str.strip(), which templates call. */
static bool is_blank(uint32_t character)
{
    return at_is_space(character) || (character >= 0x1C && character <= 0x1F);
}

static void trim(const char **text, size_t *n)
{
    uint32_t character = 0;
    while (*n) {
        size_t length = at_get_character(*text, &character);
        if (!is_blank(character)) {
            break;
        }
        *text += length;
        *n -= length;
    }
    while (*n) {
        size_t length = at_get_last_character(*text, *n, &character);
        if (!is_blank(character)) {
            break;
        }
        *n -= length;
    }
}

static attrib_status put_text(
    const writer *w, const char *text, size_t n, bool trims, bool is_said)
{
    if (trims) {
        trim(&text, &n);
    }
    return n ? w->sink.put(w->sink.context, text, n, is_said, w->err) : ATTRIB_OK;
}

/* The system's message inside the first user's. */
static attrib_status put_merged(const writer *w,
                                const at_chat_turn *system,
                                const at_chat_turn *user)
{
    attrib_status status = ATTRIB_OK;
    const at_chat_form *form = w->chat->form;
    at_buffer text = {0};
    const char *said = user->text;
    size_t n = user->n_bytes;
    if (w->chat->trims && !form->trims_merged) {
        trim(&said, &n);
    }
    AT_TRY(at_buffer_append(&text, form->system.before, strlen(form->system.before),
                            w->err));
    AT_TRY(at_buffer_append(&text, system->text, system->n_bytes, w->err));
    AT_TRY(
        at_buffer_append(&text, form->system.after, strlen(form->system.after), w->err));
    AT_TRY(at_buffer_append(&text, said, n, w->err));
    AT_TRY(put_text(w, text.bytes, text.n_bytes, form->trims_merged, false));
done:
    at_buffer_free(&text);
    return status;
}

static attrib_status put_user(const writer *w, const at_chat_turn *turns, size_t i)
{
    attrib_status status = ATTRIB_OK;
    const at_chat_form *form = w->chat->form;
    bool is_merged = i == 1 && form->merges_system && turns[0].role == AT_CHAT_SYSTEM;
    AT_TRY(put_form(w, form->user.before, false));
    AT_TRY(is_merged
               ? put_merged(w, &turns[0], &turns[i])
               : put_text(w, turns[i].text, turns[i].n_bytes, w->chat->trims, false));
    AT_TRY(put_form(w, form->user.after, false));
done:
    return status;
}

/* Templates that know thoughts move them within a turn, or leave them out of earlier
 * ones. */
static attrib_status check_thought(const writer *w, const at_chat_turn *turn)
{
    static const char thought[] = "</think>";
    return w->chat->hides_thoughts &&
                   memmem(turn->text, turn->n_bytes, thought, sizeof thought - 1)
               ? at_fail(
                     w->err, ATTRIB_ENOTSUP,
                     "chat template \"%s\": what an assistant thinks (</think>) is not "
                     "supported",
                     w->chat->form->name)
               : ATTRIB_OK;
}

/* `thinks`: it is the turn that answers the last of the user's. */
static attrib_status put_said(const writer *w,
                              const at_chat_turn *turn,
                              bool is_last,
                              bool thinks)
{
    attrib_status status = ATTRIB_OK;
    const at_chat_form *form = w->chat->form;
    const char *text = turn->text;
    size_t n = turn->n_bytes;
    bool is_open = w->end == AT_CHAT_OPEN;
    bool counts = is_open ? is_last : !turn->is_silent;
    AT_TRY(check_thought(w, turn));
    AT_TRY(put_form(w, form->header, false));
    if (form->thinks && thinks) {
        AT_TRY(put_form(w, "<think>\n\n</think>\n\n", !is_open));
        while (n && *text == '\n') {
            text++;
            n--;
        }
    }
    AT_TRY(put_form(w, form->said.before, counts));
    AT_TRY(put_text(w, text, n, w->chat->trims_said, counts));
    if (!(is_open && is_last)) {
        AT_TRY(put_form(w, form->said.after, counts));
        AT_TRY(put_form(w, form->tail, false));
    }
done:
    return status;
}

static attrib_status put_system(const writer *w, const char *text, size_t n)
{
    attrib_status status = ATTRIB_OK;
    AT_TRY(put_form(w, w->chat->form->system.before, false));
    AT_TRY(put_text(w, text, n, w->chat->trims, false));
    AT_TRY(put_form(w, w->chat->form->system.after, false));
done:
    return status;
}

static attrib_status check_roles(const writer *w,
                                 const at_chat_turn *turns,
                                 size_t n_turns)
{
    attrib_status status = ATTRIB_OK;
    attrib_error *err = w->err;
    const char *name = w->chat->form->name;
    bool has_system = n_turns > 0 && turns[0].role == AT_CHAT_SYSTEM;
    AT_CHECK(!has_system || w->chat->takes_system, ATTRIB_ENOTSUP,
             "chat template \"%s\" has no place for a system message", name);
    AT_CHECK(!has_system || !w->chat->form->merges_system ||
                 (n_turns > 1 && turns[1].role == AT_CHAT_USER),
             ATTRIB_EFORMAT,
             "chat template \"%s\": no user's message behind the system's", name);
    for (size_t i = has_system; i < n_turns; i++) {
        at_chat_role expected =
            (i - has_system) % 2 == 0 ? AT_CHAT_USER : AT_CHAT_ASSISTANT;
        AT_CHECK(turns[i].role != AT_CHAT_SYSTEM, ATTRIB_EFORMAT,
                 "message %zu: a system message behind the first", i + 1);
        AT_CHECK(!w->chat->alternates || turns[i].role == expected, ATTRIB_EFORMAT,
                 "message %zu: in chat template \"%s\" user and assistant must take "
                 "turns",
                 i + 1, name);
    }
done:
    return status;
}

attrib_status at_chat_write(const at_chat *chat,
                            const at_chat_turn *turns,
                            size_t n_turns,
                            at_chat_end end,
                            at_chat_sink sink,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    writer w = {chat, end, sink, err};
    size_t last_user = 0;
    AT_TRY(check_roles(&w, turns, n_turns));
    for (size_t i = 0; i < n_turns; i++) {
        last_user = turns[i].role == AT_CHAT_USER ? i : last_user;
    }
    AT_TRY(put_form(&w, chat->start, false));
    if (chat->standard && (n_turns == 0 || turns[0].role != AT_CHAT_SYSTEM)) {
        AT_TRY(put_system(&w, chat->standard, strlen(chat->standard)));
    }
    for (size_t i = 0; i < n_turns; i++) {
        bool is_last = i + 1 == n_turns;
        if (turns[i].role == AT_CHAT_USER) {
            AT_TRY(put_user(&w, turns, i));
        } else if (turns[i].role == AT_CHAT_ASSISTANT) {
            AT_TRY(put_said(&w, &turns[i], is_last, is_last && i > last_user));
        } else if (!chat->form->merges_system) {
            AT_TRY(put_system(&w, turns[i].text, turns[i].n_bytes));
        }
    }
    if (end != AT_CHAT_OPEN) {
        bool is_asked = n_turns > 0 && turns[n_turns - 1].role == AT_CHAT_USER;
        bool asks = end == AT_CHAT_ASKS || (chat->asks_always && is_asked);
        AT_TRY(put_form(&w, asks ? chat->form->header : chat->finish, false));
    }
done:
    return status;
}
