#include "preload/process.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cupti/emit.h"
#include "cupti/session.h"
#include "trace/redact.h"

/* Longer command lines are cut: they are for recognising a process, not for replaying it. */
#define CMDLINE_MAX 4096

/* Launchers' names for a process's rank, most specific first. */
static const char *const rank_variables[] = {
	"RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK", "SLURM_PROCID", "LOCAL_RANK",
};

static void describe(const char *key, const char *value, size_t len, bool redact)
{
	char out[CMDLINE_MAX];

	switch (redact ? redact_info_rule(key, strlen(key)) : REDACT_KEEP) {
	case REDACT_KEEP:
		emit_info(key, value, len);
		break;
	case REDACT_PATH:
		emit_info(key, out, redact_path(out, sizeof(out), value, len));
		break;
	case REDACT_CMDLINE:
		emit_info(key, out, redact_cmdline(out, sizeof(out), value, len));
		break;
	case REDACT_DROP:
		break;
	}
}

static void describe_text(const char *key, const char *value, bool redact)
{
	if (value && *value)
		describe(key, value, strlen(value), redact);
}

static void describe_cmdline(bool redact)
{
	char args[CMDLINE_MAX];
	ssize_t n;
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	n = read(fd, args, sizeof(args));
	close(fd);
	if (n > 0)
		describe("cmdline", args, (size_t)n, redact);
}

static void describe_files(bool redact)
{
	char path[CMDLINE_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path));

	if (n > 0)
		describe("exe", path, (size_t)n, redact);
	if (getcwd(path, sizeof(path)))
		describe_text("cwd", path, redact);
	if (!gethostname(path, sizeof(path)))
		describe_text("host", path, redact);
}

void process_describe(enum capture_level level, uint64_t start_ns, bool redact)
{
	uint64_t f[PROCESS_N] = {
		[PROCESS_TIME] = start_ns,
		[PROCESS_PID] = (uint64_t)getpid(),
		[PROCESS_PPID] = (uint64_t)getppid(),
		[PROCESS_LEVEL] = level,
		[PROCESS_REDACTED] = redact,
	};
	char uid[24];

	emit(EVENT_PROCESS, f, PROCESS_N, NULL, 0);
	process_clock();
	describe_text("tracer_version", JITNESS_VERSION, redact);
	describe_files(redact);
	describe_cmdline(redact);
	/* Not getpwuid(): it may load name-service modules into the host. */
	snprintf(uid, sizeof(uid), "%lu", (unsigned long)getuid());
	describe_text("uid", uid, redact);
	for (size_t i = 0; i < sizeof(rank_variables) / sizeof(*rank_variables); i++) {
		const char *rank = secure_getenv(rank_variables[i]);

		if (!rank)
			continue;
		describe_text("rank", rank, redact);
		break;
	}
	describe_text("cuda_visible_devices", secure_getenv("CUDA_VISIBLE_DEVICES"), redact);
}

void process_clock(void)
{
	struct timespec real, mono;
	uint64_t f[CLOCK_N];

	clock_gettime(CLOCK_REALTIME, &real);
	clock_gettime(CLOCK_MONOTONIC, &mono);
	f[CLOCK_REAL] = (uint64_t)real.tv_sec * 1000000000u + (uint64_t)real.tv_nsec;
	f[CLOCK_MONO] = (uint64_t)mono.tv_sec * 1000000000u + (uint64_t)mono.tv_nsec;
	f[CLOCK_CUPTI] = cupti_now();
	emit(EVENT_CLOCK, f, CLOCK_N, NULL, 0);
}
