/*
 * kernel_names: MODULE_KERNELS records, the names of an image's kernels. Of an image with a hash
 * once for a process, of one without for each module.
 *
 * Any thread; maps up to 32 KiB and releases it before returning.
 */
#ifndef JITNESS_CUPTI_KERNEL_NAMES_H
#define JITNESS_CUPTI_KERNEL_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Before any callback. 0, or -1 with errno: then lists repeat with every load. */
int kernel_names_start(void);

/* Those of an ELF image, unless this hash was told before. */
void kernel_names_of_image(const void *image, size_t size, uint64_t hash, uint32_t kernels);

/* Gives the i-th name, or NULL. */
typedef const char *(*kernel_name_fn)(const void *arg, unsigned i);

/* n names; hash 0: of this module alone. */
void kernel_names_listed(uint64_t hash, uint32_t module, unsigned n, kernel_name_fn name,
			 const void *arg);

#endif
