#include "cupti/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cupti/maps.h"

#define PLACES_MAX 8
#define SONAMES    3 /* kept free at the end of the list */
#define MAJOR_MIN  11
#define MAJOR_MAX  15 /* tried when the driver's version is not known */

/* What the memory map says; only one thread is ever inside cuInit's injection. */
static struct {
	struct find_list *list;
	int driver_major;
	char beside[PLACES_MAX][FIND_PATH_MAX]; /* directories of mapped CUDA libraries */
	unsigned beside_count;
	char site[PLACES_MAX][FIND_PATH_MAX];   /* ".../site-packages" of mapped libraries */
	unsigned site_count;
	char driver_dir[FIND_PATH_MAX];
} seen;

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

/* 13 from "libcupti.so.13"; 0 when the name has a year, as the toolkit's real files do. */
static int major_of(const char *base)
{
	const char *so = strstr(base, ".so.");
	int major = so ? atoi(so + 4) : 0;

	return major >= MAJOR_MIN && major < 100 ? major : 0;
}

static void add(const char *path, int major, const char *why)
{
	struct find_list *l = seen.list;
	struct find_candidate *c;

	if (l->count >= FIND_MAX || strlen(path) >= FIND_PATH_MAX)
		return;
	for (unsigned i = 0; i < l->count; i++)
		if (!strcmp(l->at[i].path, path))
			return;
	c = &l->at[l->count++];
	strcpy(c->path, path);
	c->major = major;
	c->why = why;
}

static void remember(char place[][FIND_PATH_MAX], unsigned *count, const char *path, size_t len)
{
	if (*count == PLACES_MAX || len >= FIND_PATH_MAX)
		return;
	for (unsigned i = 0; i < *count; i++)
		if (!strncmp(place[i], path, len) && !place[i][len])
			return;
	memcpy(place[*count], path, len);
	place[*count][len] = 0;
	++*count;
}

static bool system_dir(const char *path)
{
	return starts(path, "/usr/lib") || starts(path, "/lib");
}

static bool on_mapping(void *arg, const struct maps_entry *e, const char *path)
{
	static const char *const library[] = {
		"libcudart.so", "libcublas", "libcudnn", "libnvrtc.so", "libnvJitLink.so",
		"libcufft.so", "libtorch",
	};
	static const char *const packages[] = { "/site-packages/", "/dist-packages/" };
	const char *base = strrchr(path, '/'), *at;

	(void)arg;
	(void)e;
	if (path[0] != '/')
		return true;
	base++;
	if (starts(base, "libcupti.so"))
		add(path, major_of(base), "already mapped");
	if (starts(base, "libcudart.so."))
		seen.list->app_major = major_of(base);
	if (starts(base, "libcuda.so") && !system_dir(path) &&
	    (size_t)(base - 1 - path) < sizeof(seen.driver_dir)) {
		memcpy(seen.driver_dir, path, (size_t)(base - 1 - path));
		seen.driver_dir[base - 1 - path] = 0;
	}
	for (unsigned i = 0; i < sizeof(library) / sizeof(library[0]); i++)
		if (starts(base, library[i]))
			remember(seen.beside, &seen.beside_count, path, (size_t)(base - 1 - path));
	for (unsigned i = 0; i < 2; i++)
		if ((at = strstr(path, packages[i])))
			remember(seen.site, &seen.site_count, path,
				 (size_t)(at - path) + strlen(packages[i]) - 1);
	return true;
}

/* Every libcupti in dir/sub that the driver can serve: the application's major first, then newest. */
static void look_in(const char *dir, const char *sub, const char *why)
{
	char path[FIND_PATH_MAX + 64];
	int top = seen.driver_major ? seen.driver_major : MAJOR_MAX;
	int major, n;

	for (int i = top + 1; i >= MAJOR_MIN; i--) {
		major = i == top + 1 ? seen.list->app_major : i;
		if (major < MAJOR_MIN || major > top || seen.list->count + SONAMES >= FIND_MAX)
			continue;
		n = snprintf(path, sizeof(path), "%s%s/libcupti.so.%s%d", dir, sub,
			     major == 11 ? "11." : "", major == 11 ? 8 : major);
		if (n > 0 && n < FIND_PATH_MAX && !access(path, R_OK))
			add(path, major, why);
	}
}

static void look_in_toolkit(const char *home, const char *why)
{
	static const char *const sub[] = {
		"/lib64", "/extras/CUPTI/lib64", "/targets/x86_64-linux/lib", "/lib",
	};

	for (unsigned i = 0; home && *home == '/' && i < sizeof(sub) / sizeof(sub[0]); i++)
		look_in(home, sub[i], why);
}

/* Where NVIDIA's wheels put it, below a site-packages directory. */
static void look_in_site(const char *site, const char *why)
{
	look_in(site, "/nvidia/cu13/lib", why);
	look_in(site, "/nvidia/cuda_cupti/lib", why);
}

/* Interpreters that have not mapped anything from site-packages yet. */
static void look_near_python(void)
{
	char exe[FIND_PATH_MAX], site[FIND_PATH_MAX + 64];
	const char *env[] = { secure_getenv("VIRTUAL_ENV"), secure_getenv("CONDA_PREFIX") };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	const char *version;
	char *base, *bin;

	if (n <= 0)
		return;
	exe[n] = 0;
	base = strrchr(exe, '/');
	if (!base || !starts(base, "/python3."))
		return;
	version = base + strlen("/python");
	*base = 0;
	bin = strrchr(exe, '/'); /* PREFIX/bin */
	if (!bin)
		return;
	*bin = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (!env[i] || *env[i] != '/' || strlen(env[i]) >= FIND_PATH_MAX)
			continue;
		snprintf(site, sizeof(site), "%.1000s/lib/python%.16s/site-packages", env[i],
			 version);
		look_in_site(site, "virtual environment");
	}
	snprintf(site, sizeof(site), "%.1000s/lib/python%.16s/site-packages", exe, version);
	look_in_site(site, "beside the interpreter");
	snprintf(site, sizeof(site), "/usr/local/lib/python%.16s/dist-packages", version);
	look_in_site(site, "beside the interpreter");
}

static void look_in_usr_local(void)
{
	static const char *const home[] = {
		"/usr/local/cuda",      "/usr/local/cuda-13",   "/usr/local/cuda-13.3",
		"/usr/local/cuda-13.2", "/usr/local/cuda-13.1", "/usr/local/cuda-13.0",
		"/usr/local/cuda-12",   "/usr/local/cuda-12.9", "/usr/local/cuda-12.8",
		"/usr/local/cuda-12.6", "/usr/local/cuda-12.4", "/usr/local/cuda-11.8",
		"/opt/cuda",
	};

	for (unsigned i = 0; i < sizeof(home) / sizeof(home[0]); i++)
		if (!access(home[i], X_OK))
			look_in_toolkit(home[i], "toolkit");
}

static void look_for_sonames(void)
{
	char name[32];
	int top = seen.driver_major ? seen.driver_major : 13;

	if (top < 13)
		; /* a newer one could not start on this driver */
	else
		for (int major = top > 14 ? 14 : top; major >= 13; major--) {
			snprintf(name, sizeof(name), "libcupti.so.%d", major);
			add(name, major, "library path");
		}
	if (top >= 12)
		add("libcupti.so.12", 12, "library path");
	add("libcupti.so.11.8", 11, "library path");
}

/* The copy in use first; then what matches the application's CUDA; otherwise as found. */
static int rank(const struct find_list *l, const struct find_candidate *c)
{
	if (!strcmp(c->why, "already mapped"))
		return 0;
	return !l->app_major || c->major == l->app_major ? 1 : 2;
}

static void sort(struct find_list *l)
{
	static struct find_candidate moved;
	unsigned i, j;

	for (i = 1; i < l->count; i++) { /* stable, and a dozen at most */
		for (j = i; j > 0 && rank(l, &l->at[j - 1]) > rank(l, &l->at[j]); j--) {
			moved = l->at[j];
			l->at[j] = l->at[j - 1];
			l->at[j - 1] = moved;
		}
	}
}

void find_cupti(struct find_list *ret, const char *override, int driver_version)
{
	int saved_errno = errno;

	memset(&seen, 0, sizeof(seen));
	memset(ret, 0, sizeof(*ret));
	seen.list = ret;
	seen.driver_major = driver_version / 1000;
	if (override) {
		const char *base = strrchr(override, '/');

		add(override, major_of(base ? base : override), "JITNESS_CUPTI");
		return;
	}
	(void)maps_each(on_mapping, NULL);
	for (unsigned i = 0; i < seen.beside_count; i++) {
		look_in(seen.beside[i], "", "beside a mapped CUDA library");
		look_in(seen.beside[i], "/../../cuda_cupti/lib", "beside a mapped CUDA library");
		look_in(seen.beside[i], "/../extras/CUPTI/lib64", "beside a mapped CUDA library");
	}
	for (unsigned i = 0; i < seen.site_count; i++)
		look_in_site(seen.site[i], "Python packages in use");
	look_near_python();
	/*
	 * Not in /usr/lib, where an unrelated package may be; elsewhere a driver comes
	 * with the library that fits it (the simulated device).
	 */
	if (seen.driver_dir[0])
		look_in(seen.driver_dir, "", "beside libcuda");
	look_in_toolkit(secure_getenv("CUDA_HOME"), "CUDA_HOME");
	look_in_toolkit(secure_getenv("CUDA_PATH"), "CUDA_PATH");
	look_in_usr_local();
	look_for_sonames();
	sort(ret);
	errno = saved_errno;
}
