/* The driver, the devices and the tracer's own library. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/doctor.h"
#include "decoder/mem.h"
#include "decoder/probe.h"
#include "decoder/tracer_lib.h"

#define INIT_SECONDS 30 /* cuInit on a host with eight GPUs takes several */
#define LOAD_SECONDS 10

static int try_load(void *arg, FILE *out)
{
	if (dlopen(arg, RTLD_NOW | RTLD_LOCAL))
		return 0;
	fprintf(out, "error=%s\n", dlerror());
	return 1;
}

void doctor_tracer(struct doctor *d)
{
	const char *given = getenv("JITNESS_LIB");
	SCOPED_FREE char *lib = tracer_lib_find();
	SCOPED_FREE char *preload = NULL;
	struct probe p;
	char error[512];

	if (!lib) {
		doctor_add(d, FINDING_BAD, "tracer",
			   given ? mem_printf("JITNESS_LIB=%s cannot be read", given) :
				   mem_printf("libjitness.so is not beside this command"),
			   mem_printf("build it (make), or set JITNESS_LIB to its path"));
		return;
	}
	preload = tracer_lib_preload(lib, NULL);
	if (!preload) {
		doctor_add(d, FINDING_BAD, "tracer",
			   mem_printf("%s holds a space or a colon", lib),
			   mem_printf("LD_PRELOAD cannot name it: set JITNESS_LIB to a copy "
				      "elsewhere"));
		return;
	}
	probe_run(&p, try_load, lib, LOAD_SECONDS);
	if (p.code) {
		doctor_add(d, FINDING_BAD, "tracer",
			   mem_printf("%s cannot be loaded: %s", lib,
				      p.signal ? strsignal(p.signal) :
						 probe_value(&p, "error", error, sizeof(error))),
			   mem_printf("build it on this system (make)"));
		return;
	}
	doctor_add(d, FINDING_OK, "tracer", mem_text(lib, strlen(lib)), NULL);
}

/* CUDA's driver API is looked up by name: no NVIDIA header in this room. */
typedef int cu_version(int *ret);
typedef int cu_init(unsigned flags);
typedef int cu_count(int *ret);
typedef int cu_name(char *name, int len, int device);

static int try_driver(void *arg, FILE *out)
{
	void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
	cu_version *version;
	cu_init *init;
	cu_count *count;
	cu_name *name;
	Dl_info where;
	int v = 0, n = 0, err;

	(void)arg;
	if (!lib) {
		fprintf(out, "error=%s\n", dlerror());
		return 1;
	}
	version = (cu_version *)dlsym(lib, "cuDriverGetVersion");
	init = (cu_init *)dlsym(lib, "cuInit");
	count = (cu_count *)dlsym(lib, "cuDeviceGetCount");
	name = (cu_name *)dlsym(lib, "cuDeviceGetName");
	if (!version || !init || !count || !name) {
		fprintf(out, "error=it has no CUDA driver functions\n");
		return 1;
	}
	if (dladdr((void *)version, &where) && where.dli_fname)
		fprintf(out, "path=%s\n", where.dli_fname);
	version(&v);
	fprintf(out, "version=%d\n", v);
	fflush(out); /* cuInit may not come back */
	err = init(0);
	fprintf(out, "init=%d\n", err);
	if (!err && !count(&n)) {
		fprintf(out, "count=%d\n", n);
		for (int i = 0; i < n && i < 64; i++) {
			char text[128] = "";

			name(text, sizeof(text) - 1, i);
			fprintf(out, "device%d=%s\n", i, text);
		}
	}
	return 0;
}

/* What the usual values of CUresult mean for the user. */
static const char *init_advice(int result)
{
	switch (result) {
	case 34:
		return "a stub libcuda was loaded: take .../stubs out of LD_LIBRARY_PATH";
	case 100:
		return "no GPU is visible: in a container, start it with --gpus all; look at "
		       "CUDA_VISIBLE_DEVICES";
	case 803:
		return "libcuda and the kernel module do not fit: reboot after a driver update, "
		       "or mount "
		       "the host's libcuda into the container";
	default:
		return "see what nvidia-smi says";
	}
}

static void say_devices(struct doctor *d, const struct probe *p)
{
	char text[256], key[32];
	int n = atoi(probe_value(p, "count", text, sizeof(text)));

	for (int i = 0; i < n && i < 64; i++) {
		snprintf(key, sizeof(key), "device%d", i);
		doctor_add(d, FINDING_OK, "device",
			   mem_printf("%d: %s", i, probe_value(p, key, text, sizeof(text))), NULL);
	}
	if (!n)
		doctor_add(d, FINDING_BAD, "device", mem_printf("the driver sees no GPU"),
			   mem_printf("%s", init_advice(100)));
}

void doctor_driver(struct doctor *d)
{
	struct probe p;
	char path[1024], text[512], *slash;
	int init;

	probe_run(&p, try_driver, NULL, INIT_SECONDS);
	probe_value(&p, "path", path, sizeof(path));
	if (p.code == 1) {
		doctor_add(d, FINDING_BAD, "driver",
			   mem_printf("libcuda.so.1 cannot be loaded: %s",
				      probe_value(&p, "error", text, sizeof(text))),
			   mem_printf("install the NVIDIA driver; a container needs --gpus all or "
				      "NVIDIA_DRIVER_CAPABILITIES=compute,utility"));
		return;
	}
	d->driver_version = atoi(probe_value(&p, "version", text, sizeof(text)));
	slash = strrchr(path, '/');
	if (slash)
		snprintf(d->driver_dir, sizeof(d->driver_dir), "%.*s", (int)(slash - path), path);
	if (p.signal) {
		doctor_add(d, FINDING_BAD, "driver",
			   p.signal == SIGALRM
				   ? mem_printf("cuInit did not return in %d s", INIT_SECONDS)
				   : mem_printf("cuInit crashed: %s", strsignal(p.signal)),
			   mem_printf("see what nvidia-smi and dmesg say"));
		return;
	}
	init = atoi(probe_value(&p, "init", text, sizeof(text)));
	if (init) {
		doctor_add(d, FINDING_BAD, "driver",
			   mem_printf("%s: cuInit failed with %d", path, init),
			   mem_printf("%s", init_advice(init)));
		return;
	}
	doctor_add(d, FINDING_OK, "driver",
		   mem_printf("%s, CUDA %d.%d", path, d->driver_version / 1000,
			      d->driver_version % 1000 / 10), NULL);
	say_devices(d, &p);
}

/* Device nodes: only of interest when the driver found no device. */
void doctor_devices(struct doctor *d)
{
	SCOPED_DIR DIR *dev = NULL;
	struct dirent *e;
	unsigned found = 0, denied = 0;

	for (size_t i = 0; i < d->n; i++)
		if (!strcmp(d->list[i].check, "device") && d->list[i].state == FINDING_OK)
			return;
	dev = opendir("/dev");
	while (dev && (e = readdir(dev))) {
		char path[300];

		if (strncmp(e->d_name, "nvidia", 6) || e->d_name[6] < '0' || e->d_name[6] > '9')
			continue;
		found++;
		snprintf(path, sizeof(path), "/dev/%s", e->d_name);
		denied += access(path, R_OK | W_OK) != 0;
	}
	if (!found)
		doctor_add(d, FINDING_BAD, "nodes", mem_printf("there is no /dev/nvidia0"),
			   mem_printf("this machine or container has no NVIDIA GPU, or its kernel "
				      "module is not loaded (modprobe nvidia)"));
	else if (denied)
		doctor_add(d, FINDING_BAD, "nodes",
			   mem_printf("%u of %u /dev/nvidia* cannot be opened", denied, found),
			   mem_printf("add your user to the group that owns them"));
	else
		doctor_add(d, FINDING_OK, "nodes", mem_printf("%u /dev/nvidia*", found), NULL);
}
