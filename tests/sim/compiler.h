/*
 * compiler: what the simulated compiler libraries share. "Compiling" finds the kernels by
 * name and writes PTX or a cubin that the simulated device loads; nothing is checked.
 */
#ifndef JITNESS_SIM_COMPILER_H
#define JITNESS_SIM_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define COMPILER_API __attribute__((visibility("default")))

/* Malloced, NUL-terminated; *ret_bytes is without it. Names stand in `text` behind each `mark`. */
char *compiler_ptx(const char *text, const char *mark, size_t *ret_bytes);

/* Malloced. */
unsigned char *compiler_cubin(const char *text, const char *mark, size_t *ret_bytes);

/* Spends JITNESS_SIM_COMPILE_NS. */
void compiler_wait(void);

#endif
