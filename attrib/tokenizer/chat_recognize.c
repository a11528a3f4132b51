/* SPDX-License-Identifier: MIT */
/* Recognizing a model's chat template by what it does.
 *
 *   1. Made-up conversations   2. What the template makes of them   3. Fitting a form
 *
 * Known texts or hashes of templates would miss the many spellings that models come with,
 * and marks in a template ("<|im_start|>") say nothing of its blanks. So the template is
 * run, and a form is taken only if it makes the same text of every conversation. The
 * messages have blanks around them, to tell templates that trim. */
#include "tokenizer/chat.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/jinja.h"
#include "tokenizer/tokenizer_internal.h"

/* 1. Made-up conversations */

#define MAX_TURNS 5

typedef struct probe {
    const char *roles; /* a letter a message: s, u, a; t: an assistant that thinks */
    bool asks;
} probe;

enum {
    FIRST_WITH_SYSTEM = 5, /* those before have no system message */
    OUT_OF_TURN = 8,
    THOUGHTS = 9,
    N_PROBES = 10
};

static const probe probes[N_PROBES] = {
    {"u", true},    {"ua", false},  {"uau", true},    {"uaua", false}, {"uau", false},
    {"sua", false}, {"suau", true}, {"suaua", false}, {"uu", true},    {"utut", false},
};

static at_chat_turn make_turn(char role, size_t i)
{
    static const char *const texts[MAX_TURNS] = {" One\n\ntwo. ", "\n Three: 4 + 5?\n",
                                                 "\tsix, \"seven\" ", " 8 <9> \n ",
                                                 "  ten's {eleven}\n"};
    static const char thought[] = "<think>\nWell.\n</think>\n\nYes";
    at_chat_role kind = role == 's'   ? AT_CHAT_SYSTEM
                        : role == 'u' ? AT_CHAT_USER
                                      : AT_CHAT_ASSISTANT;
    const char *text = role == 't' ? thought : texts[i];
    return (at_chat_turn){kind, text, strlen(text), false};
}

static size_t make_turns(const probe *p, at_chat_turn turns[MAX_TURNS])
{
    size_t n = strlen(p->roles);
    for (size_t i = 0; i < n; i++) {
        turns[i] = make_turn(p->roles[i], i);
    }
    return n;
}

/* 2. What the template makes of them */

typedef struct trial {
    at_buffer texts[N_PROBES];
    bool has_text[N_PROBES]; /* false: the template refused */
} trial;

static void free_trial(trial *t)
{
    for (size_t i = 0; i < N_PROBES; i++) {
        at_buffer_free(&t->texts[i]);
    }
}

/* The variables that transformers gives a template. */
static json_t *make_variables(const probe *p, const at_chat *settings)
{
    static const char *const roles[] = {"system", "user", "assistant"};
    at_chat_turn turns[MAX_TURNS];
    size_t n = make_turns(p, turns);
    json_t *messages = json_array();
    json_t *variables = json_pack("{so sb sn sn}", "messages", messages,
                                  "add_generation_prompt", p->asks, "tools", "documents");
    bool failed = !variables;
    for (size_t i = 0; !failed && i < n; i++) {
        json_t *message =
            json_pack("{ss ss}", "role", roles[turns[i].role], "content", turns[i].text);
        failed = json_array_append_new(messages, message) != 0;
    }
    if (!failed && settings->n_bos) {
        failed = json_object_set_new(variables, "bos_token",
                                     json_stringn(settings->bos, settings->n_bos)) != 0;
    }
    if (!failed && settings->eos) {
        failed = json_object_set_new(variables, "eos_token",
                                     json_stringn(settings->eos, settings->n_eos)) != 0;
    }
    if (failed) {
        json_decref(variables);
    }
    return failed ? NULL : variables;
}

/* Conversations that the template refuses are part of what it does; without the others it
 * is not recognized, and *why says why. */
static attrib_status run_template(const at_jinja *template,
                                  const at_chat *settings,
                                  trial *out,
                                  attrib_error *why,
                                  attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (size_t i = 0; i < N_PROBES; i++) {
        bool has_raised = false;
        attrib_error problem = {0};
        json_t *variables = NULL;
        AT_TRY(at_buffer_append(&out->texts[i], "", 0, err));
        variables = make_variables(&probes[i], settings);
        AT_CHECK(variables, ATTRIB_ENOMEM, "out of memory for a chat template");
        status = at_jinja_run(template, variables, &out->texts[i], &has_raised, &problem);
        json_decref(variables);
        AT_CHECK(status != ATTRIB_ENOMEM, ATTRIB_ENOMEM, "%s", problem.message);
        out->has_text[i] = status == ATTRIB_OK;
        if (status != ATTRIB_OK && i < FIRST_WITH_SYSTEM) {
            *why = problem;
            return ATTRIB_OK;
        }
        status = ATTRIB_OK;
    }
done:
    return status;
}

/* 3. Fitting a form */

static attrib_status collect(
    void *context, const char *text, size_t n, bool is_said, attrib_error *err)
{
    (void)is_said;
    return at_buffer_append(context, text, n, err);
}

static attrib_status write_probe(const at_chat *chat,
                                 const probe *p,
                                 at_buffer *out,
                                 attrib_error *err)
{
    at_chat_turn turns[MAX_TURNS];
    size_t n = make_turns(p, turns);
    at_buffer_clear(out);
    attrib_status status = at_buffer_append(out, "", 0, err);
    return status == ATTRIB_OK
               ? at_chat_write(chat, turns, n, p->asks ? AT_CHAT_ASKS : AT_CHAT_CLOSED,
                               (at_chat_sink){out, collect}, err)
               : status;
}

/* Whether a form makes the template's text of a conversation. A form that cannot write it
 * does not. */
static attrib_status agrees(
    const at_chat *chat, const trial *t, size_t i, bool *out, attrib_error *err)
{
    at_buffer text = {0};
    attrib_error problem = {0};
    attrib_status status = write_probe(chat, &probes[i], &text, &problem);
    *out = status == ATTRIB_OK && t->has_text[i] && text.n_bytes == t->texts[i].n_bytes &&
           memcmp(text.bytes, t->texts[i].bytes, text.n_bytes) == 0;
    at_buffer_free(&text);
    return status == ATTRIB_ENOMEM ? at_fail(err, status, "%s", problem.message)
                                   : ATTRIB_OK;
}

/* The system message that a template puts where there is none: what its text of the first
 * conversation has where the form, given a mark for that message, has the mark. */
static attrib_status find_standard(const at_chat *chat,
                                   const trial *t,
                                   char **out,
                                   attrib_error *err)
{
    static const char mark[] = "\3";
    attrib_status status = ATTRIB_OK;
    at_chat marked = *chat;
    at_buffer text = {0};
    const at_buffer *whole = &t->texts[0];
    attrib_error problem = {0};
    marked.standard = mark;
    *out = NULL;
    if (chat->form->merges_system || !chat->form->system.before) {
        return ATTRIB_OK;
    }
    status = write_probe(&marked, &probes[0], &text, &problem);
    AT_CHECK(status != ATTRIB_ENOMEM, status, "%s", problem.message);
    if (status == ATTRIB_OK && whole->n_bytes + 1 >= text.n_bytes) {
        size_t n_head = strcspn(text.bytes, mark);
        size_t n_rest = text.n_bytes - n_head - 1;
        bool is_alike = memcmp(whole->bytes, text.bytes, n_head) == 0 &&
                        memcmp(whole->bytes + whole->n_bytes - n_rest,
                               text.bytes + n_head + 1, n_rest) == 0;
        AT_TRY(is_alike ? at_copy_text(whole->bytes + n_head,
                                       whole->n_bytes - n_head - n_rest, out, err)
                        : ATTRIB_OK);
    }
    status = ATTRIB_OK;
done:
    at_buffer_free(&text);
    return status;
}

/* Whether a form with these settings does as the template on all conversations in turn
 * without a system message. */
static attrib_status fits(const at_chat *chat,
                          const trial *t,
                          bool *out,
                          attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = true;
    for (size_t i = 0; status == ATTRIB_OK && *out && i < FIRST_WITH_SYSTEM; i++) {
        status = agrees(chat, t, i, out, err);
    }
    return status;
}

/* What the template does with system messages, with users that do not take turns, and
 * with thoughts. A conversation that it refuses or treats otherwise is refused. */
static attrib_status settle(at_chat *chat, const trial *t, attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    bool is_alike = chat->form->system.before != NULL;
    chat->alternates = false;
    for (size_t i = FIRST_WITH_SYSTEM; is_alike && i < OUT_OF_TURN; i++) {
        AT_TRY(agrees(chat, t, i, &is_alike, err));
    }
    chat->takes_system = is_alike;
    AT_TRY(agrees(chat, t, OUT_OF_TURN, &is_alike, err));
    chat->alternates = !is_alike;
    chat->hides_thoughts = false;
    AT_TRY(agrees(chat, t, THOUGHTS, &is_alike, err));
    chat->hides_thoughts = !is_alike;
done:
    return status;
}

#define N_CHOICES 64 /* of six settings that are on or off */

/* One choice of a form's settings; *standard is owned. */
static attrib_status make_choice(const at_chat *usual,
                                 unsigned choice,
                                 const trial *t,
                                 at_chat *out,
                                 char **standard,
                                 attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    *out = *usual;
    *standard = NULL;
    out->standard = NULL;
    out->trims = usual->trims != (choice & 1);
    out->start = choice & 2 ? (*usual->start ? "" : "\1") : usual->start;
    out->finish = choice & 4 ? (*usual->finish ? "" : "\2") : usual->finish;
    out->trims_said = usual->trims_said != (choice >> 4 & 1);
    out->asks_always = choice >> 5 & 1;
    if (choice & 8) {
        AT_TRY(find_standard(out, t, standard, err));
        out->standard = *standard;
    }
done:
    return status;
}

/* Try the choices of a form. The first that does as the template does is taken, unless a
 * later one does with system messages too: *best is replaced by what is better. */
static attrib_status fit(const at_chat *usual,
                         const trial *t,
                         at_chat *best,
                         char **standard,
                         attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    for (unsigned choice = 0; choice < N_CHOICES && !(best->form && best->takes_system);
         choice++) {
        at_chat chat = {0};
        char *own = NULL;
        bool is_alike = false;
        status = make_choice(usual, choice, t, &chat, &own, err);
        if (status == ATTRIB_OK && (own || !(choice & 8))) {
            status = fits(&chat, t, &is_alike, err);
        }
        if (status == ATTRIB_OK && is_alike) {
            status = settle(&chat, t, err);
        }
        if (status == ATTRIB_OK && is_alike && (!best->form || chat.takes_system)) {
            free(*standard);
            *standard = own;
            *best = chat;
            own = NULL;
        }
        free(own);
        AT_TRY(status);
    }
done:
    return status;
}

static attrib_status choose(const attrib_tokenizer *tokenizer,
                            const trial *t,
                            at_chat *out,
                            char **standard,
                            attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    size_t n_forms = 0;
    const at_chat_form *forms = at_chat_forms(&n_forms);
    for (size_t i = 0; i < n_forms; i++) {
        at_chat usual = {0};
        AT_TRY(at_chat_by_name(tokenizer, forms[i].name, &usual, err));
        AT_TRY(fit(&usual, t, out, standard, err));
    }
done:
    return status;
}

attrib_status at_chat_recognize(const attrib_tokenizer *tokenizer,
                                const char *source,
                                size_t n,
                                at_chat *out,
                                char **standard,
                                bool *is_known,
                                attrib_error *why,
                                attrib_error *err)
{
    attrib_status status = ATTRIB_OK;
    at_jinja template = {0};
    trial t = {0};
    at_chat settings = {0};
    *is_known = false;
    *out = (at_chat){0};
    *standard = NULL;
    AT_TRY(at_chat_by_name(tokenizer, "chatml", &settings, err));
    status = at_jinja_read(source, n, &template, why);
    if (status != ATTRIB_OK) {
        status = status == ATTRIB_ENOMEM ? at_fail(err, status, "%s", why->message)
                                         : ATTRIB_OK;
        goto done;
    }
    AT_TRY(run_template(&template, &settings, &t, why, err));
    if (why->status == ATTRIB_OK) {
        AT_TRY(choose(tokenizer, &t, out, standard, err));
        *is_known = out->form != NULL;
        if (!*is_known) {
            (void)at_fail(why, ATTRIB_ENOTSUP, "it writes none of the known forms");
        }
    }
done:
    at_jinja_free(&template);
    free_trial(&t);
    return status;
}
