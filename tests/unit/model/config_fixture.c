/* SPDX-License-Identifier: MIT */
#include "config_fixture.h"

#include <string.h>

attrib_status parse(const char *text, at_config *config, attrib_error *err)
{
    *err = (attrib_error){0};
    return at_config_parse("m/config.json", text, strlen(text), config, err);
}
