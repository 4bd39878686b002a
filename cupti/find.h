/*
 * find: which libcupti to open. The application may have brought one or several, the
 * toolkit another; two copies in one process cannot both trace, and one newer than the
 * driver cannot start. Looks, opens nothing: the session tries the list in order.
 *
 * Once, inside cuInit: reads /proc/self/maps and asks access(), nothing else.
 */
#ifndef JITNESS_CUPTI_FIND_H
#define JITNESS_CUPTI_FIND_H

#include <stdbool.h>
#include <stddef.h>

#define FIND_MAX      12
#define FIND_PATH_MAX 1024

struct find_candidate {
	char path[FIND_PATH_MAX]; /* absolute, or a soname for the loader to search */
	int major;                /* CUDA major version by its name; 0: unknown */
	const char *why;          /* static: where it was found */
};

struct find_list {
	struct find_candidate at[FIND_MAX]; /* best first */
	unsigned count;
	int app_major; /* CUDA major of the mapped libcudart, or 0 */
};

/*
 * override: the only candidate, or NULL. driver_version: as cuDriverGetVersion()
 * says (13000), or 0: unknown. The list is large (12 KiB): map it, do not stack it.
 */
void find_cupti(struct find_list *ret, const char *override, int driver_version);

#endif
