/* SPDX-License-Identifier: MIT */
/* Loaded before OpenBLAS, lets it say that it took old kernels, unless the environment
 * names others: what it says on a processor that is newer than itself. */
#include <stdlib.h>

char *openblas_get_corename(void);

char *openblas_get_corename(void)
{
    static char old[] = "Prescott";
    char *chosen = getenv("OPENBLAS_CORETYPE");
    return chosen && *chosen ? chosen : old;
}
