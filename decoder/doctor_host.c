/* Other tools in the process, permissions, and where the trace would go. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "decoder/doctor.h"
#include "decoder/mem.h"
#include "decoder/print.h"
#include "trace/options.h"

extern char **environ;

static void unknown_variables(struct doctor *d)
{
	for (char **e = environ; *e; e++) {
		size_t len;

		if (option_unknown_env(*e, &len))
			doctor_add(d, FINDING_WARN, "environment",
				   mem_printf("%.*s is not a variable of jitness", (int)len, *e),
				   mem_printf("see jitness-env(7) for the names there are"));
	}
}

/* Counters and PC sampling need it; activity records do not, except with CUDA before 11.7. */
static void profiling_permission(struct doctor *d)
{
	SCOPED_FILE FILE *f = NULL;
	char line[256];
	bool restricted = false;

	if (!d->driver_version || d->driver_version >= 11070 || !geteuid())
		return;
	f = fopen("/proc/driver/nvidia/params", "re");
	while (f && fgets(line, sizeof(line), f))
		restricted |= !strncmp(line, "RmProfilingAdminOnly: 1", 23);
	if (restricted)
		doctor_add(d, FINDING_WARN, "permission",
			   mem_printf("this driver keeps profiling to administrators"),
			   mem_printf("set NVreg_RestrictProfilingToAdminUsers=0 for the nvidia "
				      "module, "
				      "or run as root"));
}

void doctor_others(struct doctor *d)
{
	const char *injection = getenv("CUDA_INJECTION64_PATH");
	const char *preload = getenv("LD_PRELOAD");

	if (injection && *injection && !strstr(injection, "libjitness.so"))
		doctor_add(d, FINDING_WARN, "injection",
			   mem_printf("CUDA_INJECTION64_PATH=%s is set", injection),
			   mem_printf("that tool is started first; if it uses CUPTI there will "
				      "be no GPU "
				      "records: unset it"));
	else
		doctor_add(d, FINDING_OK, "injection",
			   mem_printf("no other tool is set to be injected"), NULL);
	if (preload && *preload)
		doctor_add(d, FINDING_OK, "preload",
			   mem_printf("LD_PRELOAD=%s stays, after ours", preload), NULL);
	profiling_permission(d);
	unknown_variables(d);
}

/* f_type of file systems that are reached over a network or through user space. */
static const char *remote_name(long type)
{
	static const struct {
		unsigned long type;
		const char *name;
	} remote[] = {
		{ 0x6969, "NFS" },	 { 0xff534d42, "CIFS" },     { 0xfe534d42, "SMB" },
		{ 0x0bd00bd0, "Lustre" }, { 0x47504653, "GPFS" },   { 0x00c36400, "Ceph" },
		{ 0x65735546, "FUSE" },	 { 0x19830326, "BeeGFS" }, { 0x01021997, "9p" },
	};

	for (size_t i = 0; i < sizeof(remote) / sizeof(remote[0]); i++)
		if (((unsigned long)type & 0xffffffff) == remote[i].type)
			return remote[i].name;
	return NULL;
}

#define FREE_WARN (1ull << 30)
#define FREE_BAD  (64ull << 20) /* the journal alone is 16 MiB a process */

/* The directory itself, or the nearest one above it that exists. */
static char *existing_dir(const char *path)
{
	char *dir = mem_text(path, strlen(path));

	while (access(dir, F_OK) && errno == ENOENT) {
		char *slash = strrchr(dir, '/');

		if (!slash || slash == dir) {
			free(dir);
			return slash ? mem_text("/", 1) : mem_text(".", 1);
		}
		*slash = 0;
	}
	return dir;
}

void doctor_output(struct doctor *d)
{
	const char *set = getenv("JITNESS_OUT");
	SCOPED_FREE char *dir = existing_dir(set && *set ? set : ".");
	const char *shown = strcmp(dir, ".") ? dir : "the working directory";
	struct statvfs fs;
	struct statfs type;
	const char *remote;
	uint64_t room;
	char a[PRINT_BUF];

	if (access(dir, W_OK | X_OK) || statvfs(dir, &fs) || statfs(dir, &type)) {
		doctor_add(d, FINDING_BAD, "output", mem_printf("%s: %s", shown, strerror(errno)),
			   mem_printf("choose another directory with jitness run -o"));
		return;
	}
	room = (uint64_t)fs.f_bavail * fs.f_frsize;
	remote = remote_name((long)type.f_type);
	print_bytes(a, room);
	if (room < FREE_BAD)
		doctor_add(d, FINDING_BAD, "output", mem_printf("only %s free in %s", a, shown),
			   mem_printf("choose another directory with jitness run -o"));
	else if (room < FREE_WARN)
		doctor_add(d, FINDING_WARN, "output", mem_printf("only %s free in %s", a, shown),
			   mem_printf("bound the trace with --max-size"));
	else if (remote)
		doctor_add(d, FINDING_WARN, "output",
			   mem_printf("%s is on %s, %s free", shown, remote, a),
			   mem_printf("a local directory (-o) is faster, and safer when the host "
				      "dies"));
	else
		doctor_add(d, FINDING_OK, "output", mem_printf("%s, %s free", shown, a), NULL);
}
