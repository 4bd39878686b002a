#include "decoder/process_end.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

#define LINE_BYTES 4096

static void set_end(struct session *s, uint64_t pid, enum process_end end, int64_t status)
{
	struct process *p = NULL;

	/* exec makes several images of one pid: the last one is what ended. */
	for (size_t i = 0; i < s->n; i++)
		if (s->list[i]->pid == pid && (!p || s->list[i]->first > p->first))
			p = s->list[i];
	if (!p || p->ended != PROCESS_ENDED_UNKNOWN)
		return;
	p->ended = end;
	p->end_status = status;
}

static void fold_line(struct session *s, const char *line)
{
	cJSON *o = cJSON_Parse(line);
	const cJSON *event = cJSON_GetObjectItemCaseSensitive(o, "event");
	const cJSON *pid = cJSON_GetObjectItemCaseSensitive(o, "pid");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");
	const cJSON *sig = cJSON_GetObjectItemCaseSensitive(o, "signal");

	if (cJSON_IsString(event) && !strcmp(event->valuestring, "exit") && cJSON_IsNumber(pid)) {
		if (cJSON_IsNumber(sig))
			set_end(s, (uint64_t)pid->valuedouble, PROCESS_ENDED_SIGNAL, sig->valueint);
		else if (cJSON_IsNumber(status))
			set_end(s, (uint64_t)pid->valuedouble, PROCESS_ENDED_EXIT,
				status->valueint);
	}
	cJSON_Delete(o);
}

static void read_log(struct session *s, int dir_fd)
{
	SCOPED_FILE FILE *f = NULL;
	char line[LINE_BYTES];
	int fd = openat(dir_fd, SESSION_LOG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f && fd >= 0)
		close(fd);
	while (f && fgets(line, sizeof(line), f))
		fold_line(s, line);
}

/* Start of a live process in CLOCK_BOOTTIME seconds since boot, or -1. */
static double started_after_boot(uint64_t pid)
{
	char path[64], text[1024];
	unsigned long long ticks;
	const char *p;
	size_t n;
	SCOPED_FILE FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%" PRIu64 "/stat", pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	/* Field 22, counted from behind the name, which may hold anything. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (!p || sscanf(p, " %llu", &ticks) != 1)
		return -1;
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

/* The pid may have been given to another process since: that one started later. */
static bool is_running(const struct process *p)
{
	char host[256] = "";
	const char *traced = process_info(p, "host", NULL);
	struct timespec boot, real;
	double started;

	if (!traced || gethostname(host, sizeof(host) - 1) || strcmp(host, traced))
		return false;
	started = started_after_boot(p->pid);
	if (started < 0 || clock_gettime(CLOCK_BOOTTIME, &boot) ||
	    clock_gettime(CLOCK_REALTIME, &real))
		return false;
	started += (double)real.tv_sec - (double)boot.tv_sec;
	return started < (double)p->status.created_ns / 1e9 + 2;
}

void process_ends_find(struct session *s, int dir_fd)
{
	read_log(s, dir_fd);
	for (size_t i = 0; i < s->n; i++)
		if (!s->list[i]->status.ended && s->list[i]->ended == PROCESS_ENDED_UNKNOWN)
			s->list[i]->running = is_running(s->list[i]);
}
