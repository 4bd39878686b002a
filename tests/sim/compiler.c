#include "tests/sim/compiler.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/drv.h"

enum { KERNELS_MAX = 64 };

/* elf_kernels(), linked along with elf_build(), wants it. */
const char *drv_intern(const char *text)
{
	return strdup(text);
}

static size_t names_find(char *names[KERNELS_MAX], const char *text, const char *mark)
{
	size_t n = 0;

	while (n < KERNELS_MAX && (text = strstr(text, mark))) {
		size_t len = 0;

		for (text += strlen(mark); isspace((unsigned char)*text); text++)
			;
		while (isalnum((unsigned char)text[len]) || text[len] == '_')
			len++;
		names[n++] = strndup(text, len);
	}
	return n;
}

static uint64_t text_seed(const char *text)
{
	uint64_t h = 14695981039346656037u;

	while (*text)
		h = (h ^ (unsigned char)*text++) * 1099511628211u;
	return h;
}

char *compiler_ptx(const char *text, const char *mark, size_t *ret_bytes)
{
	char *names[KERNELS_MAX], *ptx = NULL;
	size_t n = names_find(names, text, mark);
	FILE *out = open_memstream(&ptx, ret_bytes);

	if (!out)
		return NULL;
	fprintf(out, ".version 7.0\n.target sm_70\n.address_size 64\n");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, ".visible .entry %s()\n{\n\tret;\n}\n", names[i]);
		free(names[i]);
	}
	fprintf(out, "// %016llx\n", (unsigned long long)text_seed(text));
	return fclose(out) ? NULL : ptx;
}

unsigned char *compiler_cubin(const char *text, const char *mark, size_t *ret_bytes)
{
	char *names[KERNELS_MAX];
	size_t n = names_find(names, text, mark);
	unsigned char *elf = elf_build((const char *const *)names, n, text_seed(text), ret_bytes);

	for (size_t i = 0; i < n; i++)
		free(names[i]);
	return elf;
}

void compiler_wait(void)
{
	if (sim_knobs.compile_ns)
		clock_wait(clock_now() + sim_knobs.compile_ns);
}
