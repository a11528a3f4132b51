/* SPDX-License-Identifier: MIT */
/* One table for each command: parsing, range checks, defaults, help, man page and
 * completion all come from it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <attrib.h>
#include <stdio.h>

/* An option as the library describes its own, with kinds that only a command line has. */
typedef attrib_option option;

enum {
    OPTION_FLAG = ATTRIB_OPTION_FLAG,
    OPTION_TEXT = ATTRIB_OPTION_TEXT,
    OPTION_SIZE = ATTRIB_OPTION_SIZE,
    OPTION_SEED = ATTRIB_OPTION_SEED,
    OPTION_BYTES = ATTRIB_OPTION_BYTES,
    OPTION_NUMBER = ATTRIB_OPTION_NUMBER,
    OPTION_CHOICE = ATTRIB_OPTION_CHOICE,
    OPTION_COUNT = ATTRIB_OPTION_OTHER, /* size_t: how often it was given */
    OPTION_PATHS,   /* path_list: everything up to the next option; again adds */
    OPTION_NUMBERS, /* number_list: numbers in [min, max], separated by commas */
    OPTION_CHOICES  /* choice_list: words of `value`, separated by commas */
};

/* The most that stand in a list. */
#define MAX_LIST ATTRIB_MAX_SETTINGS

typedef struct number_list {
    double values[MAX_LIST];
    size_t n;
} number_list;

typedef struct choice_list {
    int values[MAX_LIST];
    size_t n;
} choice_list;

/* Options of one table that stand under a title; groups one after the other may share it.
 */
typedef struct option_group {
    const char *title;
    const option *options; /* ends with a NULL name; NULL for a table of the library's */
    size_t offset;         /* of the table's struct in the arguments */
    const option *(*library)(void);
    size_t library_bytes; /* of the struct of the library's table, its first member */
    /* What an option of the library's is called here, NULL where it is not taken and
     * keeps its default; NULL: by its own name. */
    const char *(*name)(const option *o);
    const char *not_required; /* of its options the required one that is not so here */
} option_group;

/* A walk over the options of a command, which begins as {.groups = self->groups}. */
typedef struct option_walk {
    const option_group *groups, *group; /* group: of `option` */
    size_t i_next;
    option option;     /* under the name that it has here */
    bool is_title_new; /* it is the first under its group's title */
    bool is_repeated;  /* one before it has the same name: typing that sets both */
} option_walk;

/* Go on to the next option; false after the last. */
bool options_next(option_walk *walk);

/* Borrowed texts. */
typedef struct path_list {
    const char **paths; /* [n] */
    size_t n, capacity;
    size_t last_bare; /* 1 + index of the last that did not follow its option directly */
} path_list;

/* An operand: a word of a command line that is not an option. */
typedef struct operand {
    const char *name; /* "PATH"; NULL where a command takes none */
    size_t offset;    /* offset of its path_list in the arguments */
    size_t min, max;
    const char *instead;  /* the option that takes its place; NULL where there is none */
    bool is_behind_paths; /* may be the last of a list of paths: --corpus PATH... "PROMPT"
                           */
} operand;

typedef struct cli_job cli_job;
typedef struct cli_given cli_given;

/* An option of another command that people look for here, and why it is not. */
typedef struct cli_absent {
    const char *name, *why;
} cli_absent;

typedef struct cli_command {
    const char *name;
    const char *usage;          /* follows "attrib NAME " */
    const char *summary;        /* one line, without a full stop */
    const char *description;    /* paragraphs between empty lines */
    const char *example;        /* command lines */
    const option_group *groups; /* ends with a NULL title */
    operand operand;
    size_t args_bytes; /* of the arguments, which begin with common_options */
    bool multiplies;   /* takes time in matrix products, whose kernels matter then */
    bool goes_on;      /* when it has read a corpus */
    bool is_ranked;    /* several processes of MPI may share it */
    const char *gives; /* option, or operand, that gives --model and --corpus, which are
                          not required then; NULL: none */
    const cli_absent *absent; /* ends with a NULL name; NULL: none is explained */

    /* What the table cannot say: false with a message is a usage error. May be NULL. */
    bool (*check)(void *args, const cli_given *given, char *message, size_t size);
    /* The command's work. */
    attrib_status (*run)(const void *args, cli_job *job, attrib_error *err);
} cli_command;

/* What was typed; owns the texts that the arguments borrow. */
struct cli_given {
    char **texts;
    size_t n_texts, capacity;
    path_list *lists[8]; /* those whose arrays are owned here */
    size_t n_lists;
    const char *names[96]; /* options that were given, borrowed from their tables */
    size_t n_names;
    char message[ATTRIB_ERROR_SIZE + 2]; /* of a usage error */
};

typedef enum parse_result {
    PARSE_OK,
    PARSE_HELP,
    PARSE_VERSION,
    PARSE_ERROR
} parse_result;

/* Fill `args` (zeroed, args_bytes) with the defaults and then with argv[1..argc). */
parse_result options_parse(
    const cli_command *self, int argc, char **argv, void *args, cli_given *out);
void options_free(cli_given *given);

/* The field that an option of this name fills in a command's arguments; NULL where the
 * command has no such option. */
const void *options_value(const cli_command *self, const void *args, const char *name);

/* Whether the arguments ask for one shard of several. */
bool options_is_shard(const cli_command *self, const void *args);

/* Whether an option was typed. */
bool options_given(const cli_given *given, const char *name);

/* Write a word as a shell would read it back. */
void options_quote(FILE *stream, const char *word);

/* The words of argv as a shell would read them back; owned, freed by free(); NULL without
 * memory. */
char *options_join(int argc, char **argv);

/* How many insertions, deletions and changes of a character make `a` of `b`. */
size_t options_distance(const char *a, const char *b);

#endif
