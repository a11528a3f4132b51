/* SPDX-License-Identifier: MIT */
/* One table for each command: parsing, range checks, defaults, help, man page and
 * completion all come from it. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <attrib.h>

/* What an option stores in the command's arguments. */
typedef enum option_kind {
    OPTION_FLAG,    /* bool */
    OPTION_COUNT,   /* size_t: how often it was given */
    OPTION_TEXT,    /* const char * */
    OPTION_PATHS,   /* path_list: everything up to the next option; again adds */
    OPTION_SIZE,    /* size_t in [min, max] */
    OPTION_BYTES,   /* size_t of bytes from 1 on: 512M, 4G and so on, powers of 1024 */
    OPTION_SEED,    /* uint64_t */
    OPTION_NUMBER,  /* double in [min, max] */
    OPTION_CHOICE,  /* int: which of the words of `value` */
    OPTION_NUMBERS, /* number_list: numbers in [min, max], separated by commas */
    OPTION_CHOICES  /* choice_list: words of `value`, separated by commas */
} option_kind;

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

typedef struct option {
    const char *name;
    char letter; /* '\0' for none */
    option_kind kind;
    size_t offset;     /* of the field in its group's struct */
    const char *value; /* "N", "PATH...", "auto|json|none"; NULL for flags and counts; of
                          a list that of one of its values */
    const char *standard; /* the default as it would be typed; NULL where there is none */
    const char *help;     /* one sentence without its full stop */
    double min, max;
    bool is_required;
} option;

/* Options that stand under one title, and whose fields lie at `offset` of the arguments.
 */
typedef struct option_group {
    const char *title;
    const option *options; /* ends with a NULL name */
    size_t offset;
} option_group;

/* Borrowed texts. */
typedef struct path_list {
    const char **paths; /* [n] */
    size_t n, capacity;
    size_t last_bare; /* 1 + index of the last that did not follow its option directly */
} path_list;

/* What stands on a command line beside options. */
typedef struct operand {
    const char *name; /* "PATH"; NULL where a command takes none */
    size_t offset;    /* of its path_list */
    size_t min, max;
    const char *instead;  /* the option that takes its place; NULL where there is none */
    bool is_behind_paths; /* may be the last of a list of paths: --corpus PATH... "PROMPT"
                           */
} operand;

typedef struct cli_job cli_job;
typedef struct cli_given cli_given;

typedef struct cli_command {
    const char *name;
    const char *usage;          /* behind "attrib NAME " */
    const char *summary;        /* one line, without a full stop */
    const char *description;    /* paragraphs between empty lines */
    const char *example;        /* command lines */
    const option_group *groups; /* ends with a NULL title */
    operand operand;
    size_t args_bytes; /* of the arguments, which begin with common_options */

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
    const char *names[64]; /* options that were given, borrowed from their tables */
    size_t n_names;
    char message[256]; /* of a usage error */
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

/* Whether an option was typed. */
bool options_given(const cli_given *given, const char *name);

/* The words of argv as a shell would read them back; owned, freed by free(); NULL without
 * memory. */
char *options_join(int argc, char **argv);

/* How many insertions, deletions and changes of a character make `a` of `b`. */
size_t options_distance(const char *a, const char *b);

#endif
