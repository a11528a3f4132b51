/* SPDX-License-Identifier: MIT */
/* Walking over the options of a command, table by table. */
#include <string.h>

#include "cli/options.h"

/* Row i of a group under the name that it has there; NULL after the last. Rows that are
 * not typed have no name. */
static const option *row_of(const option_group *group, size_t i, const char **name)
{
    const option *table = group->options ? group->options : group->library();
    const option *o = &table[i];
    *name = o->kind == ATTRIB_OPTION_STRUCTS ? NULL
            : group->name && o->name         ? group->name(o)
                                             : o->name;
    return o->name ? o : NULL;
}

/* Whether a row before row i of a group has this name. */
static bool has_before(const option_walk *walk, size_t i, const char *name)
{
    for (const option_group *group = walk->groups;; group++) {
        const char *other = NULL;
        for (size_t k = 0; row_of(group, k, &other); k++) {
            if (group == walk->group && k == i) {
                return false;
            }
            if (other && strcmp(other, name) == 0) {
                return true;
            }
        }
    }
}

bool options_next(option_walk *walk)
{
    const char *last_title = walk->group ? walk->group->title : "";
    walk->group = walk->group ? walk->group : walk->groups;
    while (walk->group->title) {
        const char *name = NULL;
        const option *o = row_of(walk->group, walk->i_next, &name);
        if (!o) {
            walk->group++;
            walk->i_next = 0;
            continue;
        }
        walk->i_next++;
        if (name) {
            walk->option = *o;
            walk->option.name = name;
            walk->option.is_required =
                o->is_required && !(walk->group->not_required &&
                                    strcmp(walk->group->not_required, name) == 0);
            walk->is_title_new = strcmp(last_title, walk->group->title) != 0;
            walk->is_repeated = has_before(walk, walk->i_next - 1, name);
            return true;
        }
    }
    return false;
}
