/*
 * Which libcupti the tracer would take. It decides inside the traced process, where
 * libraries that are mapped already count first (cupti/find.c); here we see what
 * there is to find otherwise, in the same order.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/doctor.h"
#include "decoder/mem.h"
#include "decoder/probe.h"

#define MAJOR_MIN    11
#define MAJOR_MAX    15
#define LOAD_SECONDS 10
#define ASK_SECONDS  20

struct candidates {
	struct candidate {
		char *path;
		const char *why;
	} *list;
	size_t n, cap;
};

static void add(struct candidates *c, const char *path, const char *why)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->list[i].path, path))
			return;
	MEM_MORE(c->list, c->n, c->cap);
	c->list[c->n++] = (struct candidate){ mem_text(path, strlen(path)), why };
}

static void soname(char out[32], int major)
{
	snprintf(out, 32, "libcupti.so.%s%d", major == 11 ? "11." : "", major == 11 ? 8 : major);
}

static void look_in(struct candidates *c, const char *dir, const char *sub, const char *why)
{
	if (!dir || dir[0] != '/')
		return;
	for (int major = MAJOR_MAX; major >= MAJOR_MIN; major--) {
		SCOPED_FREE char *path = NULL;
		char name[32];

		soname(name, major);
		path = mem_printf("%s%s/%s", dir, sub, name);
		if (!access(path, R_OK))
			add(c, path, why);
	}
}

static void look_in_toolkit(struct candidates *c, const char *home, const char *why)
{
	look_in(c, home, "/lib64", why);
	look_in(c, home, "/extras/CUPTI/lib64", why);
	look_in(c, home, "/targets/x86_64-linux/lib", why);
	look_in(c, home, "/lib", why);
}

/* The directories that the python3 in PATH would import packages from. */
static int ask_python(void *arg, FILE *out)
{
	FILE *p = popen("python3 -c 'import sys; print(*sys.path, sep=chr(10))' 2>/dev/null", "r");
	char line[1024];

	(void)arg;
	while (p && fgets(line, sizeof(line), p))
		if (strstr(line, "-packages"))
			fputs(line, out);
	return p && !pclose(p) ? 0 : 1;
}

static void look_in_wheels(struct candidates *c)
{
	struct probe p;
	char *save = NULL;

	probe_run(&p, ask_python, NULL, ASK_SECONDS);
	for (char *dir = strtok_r(p.text, "\n", &save); dir; dir = strtok_r(NULL, "\n", &save)) {
		look_in(c, dir, "/nvidia/cu13/lib", "Python package");
		look_in(c, dir, "/nvidia/cuda_cupti/lib", "Python package");
	}
}

static void collect(struct candidates *c, const struct doctor *d)
{
	const char *given = getenv("JITNESS_CUPTI");

	if (given && *given) {
		add(c, given, "JITNESS_CUPTI");
		return;
	}
	look_in_wheels(c);
	/* A driver outside /usr/lib comes with the library that fits it (the simulated device). */
	if (strncmp(d->driver_dir, "/usr/lib", 8) && strncmp(d->driver_dir, "/lib", 4))
		look_in(c, d->driver_dir, "", "beside libcuda");
	look_in_toolkit(c, getenv("CUDA_HOME"), "CUDA_HOME");
	look_in_toolkit(c, getenv("CUDA_PATH"), "CUDA_PATH");
	look_in_toolkit(c, "/usr/local/cuda", "toolkit");
	look_in_toolkit(c, "/usr/local/cuda-13", "toolkit");
	look_in_toolkit(c, "/usr/local/cuda-12", "toolkit");
	look_in_toolkit(c, "/opt/cuda", "toolkit");
	for (int major = MAJOR_MAX; major >= MAJOR_MIN; major--) {
		char name[32];

		soname(name, major);
		add(c, name, "library path");
	}
}

typedef int cupti_version(unsigned *ret);

static int try_cupti(void *arg, FILE *out)
{
	void *lib = dlopen(arg, RTLD_NOW | RTLD_LOCAL);
	cupti_version *version = lib ? (cupti_version *)dlsym(lib, "cuptiGetVersion") : NULL;
	unsigned v = 0;
	Dl_info where;

	if (!version) {
		fprintf(out, "error=%s\n", dlerror());
		return 1;
	}
	if (dladdr((void *)version, &where) && where.dli_fname)
		fprintf(out, "path=%s\n", where.dli_fname);
	version(&v);
	fprintf(out, "version=%u\n", v);
	return 0;
}

/* CUDA major of a CUPTI API version: 130000 = 13.0; 18 = 11.8; 19 to 28 = 12.x. */
static int api_major(int version)
{
	if (version >= 10000)
		return version / 10000;
	return version >= 19 ? 12 : 11;
}

struct choice {
	char path[1024], too_new[1024], broken[512];
	int version;
	const char *why;
};

/* The first that loads and that the driver can serve. */
static bool choose(struct choice *ret, const struct candidates *c, int driver_major)
{
	for (size_t i = 0; i < c->n; i++) {
		struct probe p;
		char text[1024], path[1024];
		int version;

		probe_run(&p, try_cupti, c->list[i].path, LOAD_SECONDS);
		if (p.code) {
			if (c->list[i].path[0] == '/' && !ret->broken[0])
				snprintf(ret->broken, sizeof(ret->broken), "%.500s",
					 probe_value(&p, "error", text, sizeof(text)));
			continue;
		}
		version = atoi(probe_value(&p, "version", text, sizeof(text)));
		probe_value(&p, "path", path, sizeof(path));
		if (driver_major && api_major(version) > driver_major) {
			if (!ret->too_new[0])
				memcpy(ret->too_new, path, sizeof(path));
			continue;
		}
		memcpy(ret->path, path, sizeof(path));
		ret->version = version;
		ret->why = c->list[i].why;
		return true;
	}
	return false;
}

void doctor_cupti(struct doctor *d)
{
	struct candidates c = { 0 };
	struct choice choice = { .path = "" };
	int major = d->driver_version / 1000;
	int wheel = major >= MAJOR_MIN ? major : 13;

	collect(&c, d);
	if (choose(&choice, &c, major))
		doctor_add(d, FINDING_OK, "cupti",
			   mem_printf("%s (%s), API %d for CUDA %d", choice.path, choice.why,
				      choice.version, api_major(choice.version)), NULL);
	else if (choice.too_new[0])
		doctor_add(d, FINDING_BAD, "cupti",
			   mem_printf("%s is newer than the driver (CUDA %d)", choice.too_new,
				      major),
			   mem_printf("update the driver, or: pip install nvidia-cuda-cupti-cu%d",
				      wheel));
	else if (choice.broken[0])
		doctor_add(d, FINDING_BAD, "cupti",
			   mem_printf("cannot be loaded: %s", choice.broken),
			   mem_printf("name another one with JITNESS_CUPTI"));
	else
		doctor_add(d, FINDING_BAD, "cupti", mem_printf("there is no libcupti here"),
			   wheel >= 13 ? mem_printf("pip install nvidia-cuda-cupti, install the "
						    "CUDA "
						    "toolkit, or name one with JITNESS_CUPTI")
				       : mem_printf("pip install nvidia-cuda-cupti-cu%d, install "
						    "the CUDA "
						    "toolkit, or name one with JITNESS_CUPTI",
						    wheel));
	for (size_t i = 0; i < c.n; i++)
		free(c.list[i].path);
	free(c.list);
}
