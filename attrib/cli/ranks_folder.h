/* SPDX-License-Identifier: MIT */
/* The folder next to an output, OUTPUT.ranks, in which ranks keep the parts of its work
 * until all of it is done. */
#ifndef CLI_RANKS_FOLDER_H
#define CLI_RANKS_FOLDER_H

#include "cli/shared.h"

typedef struct ranks_folder {
    const ranks *all;
    char *path; /* owned */
} ranks_folder;

/* Name the folder of an output; nothing is made. */
attrib_status ranks_folder_open(ranks_folder *out,
                                const ranks *all,
                                const char *output,
                                attrib_error *err);
void ranks_folder_close(ranks_folder *self);

/* "FOLDER/NAME", or "FOLDER/NAME-I" for i from 1 on; owned by the caller. */
attrib_status ranks_folder_name(
    const ranks_folder *self, const char *name, size_t i, char **out, attrib_error *err);

/* The names of parts 1 .. n. */
typedef struct ranks_names {
    char **names; /* [n] owned */
    size_t n;
} ranks_names;

attrib_status ranks_folder_list(const ranks_folder *self,
                                const char *name,
                                size_t n,
                                ranks_names *out,
                                attrib_error *err);
void ranks_names_free(ranks_names *list);

bool ranks_is_there(const char *path);
/* Whether the output is finished, which every rank sees before any goes on: it comes into
 * place when all of them have done their work. */
bool ranks_is_finished(const char *output);

/* Make the folder where it is missing. Only the first rank may call this, and what
 * follows up to ranks_folder_remove(). */
attrib_status ranks_folder_make(const ranks_folder *self, attrib_error *err);

/* Bind the folder to one command, model and corpus, which its file `name` holds, as parts
 * of others do not go together: written where it is missing; EINVAL where it says another
 * thing. */
attrib_status ranks_folder_bind(const ranks_folder *self,
                                const char *name,
                                const char *text,
                                attrib_error *err);

/* Write a file of the folder, which is there whole or not at all. */
attrib_status ranks_folder_write(const ranks_folder *self,
                                 const char *name,
                                 const char *text,
                                 attrib_error *err);

/* Remove the folder, in which nothing is needed any longer. */
void ranks_folder_remove(const ranks_folder *self);

/* The parts that are not there yet, dealt to the ranks: which of `n` fall to this one,
 * out [n] true for those. All ranks must call it at the same point. */
attrib_status ranks_folder_deal(const ranks_folder *self,
                                const ranks_names *parts,
                                const char *mark,
                                bool *out,
                                attrib_error *err);

/* How many of n parts fall to this rank. */
size_t ranks_count(const bool *is_mine, size_t n);

#endif
