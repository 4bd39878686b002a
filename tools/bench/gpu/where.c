/*
 * where PID SECONDS: in which files the threads of a process spend their time in user mode: a sample for each 0.1 ms
 * of CPU, by the kernel (perf_event_open; kernel.perf_event_paranoid at most 2). For each file with a percent of them or
 * more, and for libjitness.so: "FILE PERCENT", most first, on one line after the number of samples. Threads that start
 * later are not seen, nor those of the tracer (named jitness-...). Exit status: 1 when the kernel refuses.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS_MAX 256
#define MAPS_MAX    4096
#define PERIOD_NS   100000
#define RING        (64u << 10) /* 0.2 s of samples; emptied more often */
#define ROUND_US    20000

static struct ring {
	struct perf_event_mmap_page *page;
	uint64_t tail;
} rings[THREADS_MAX];
static unsigned n_rings;

static struct mapped {
	uint64_t from, to;
	unsigned file;
} maps[MAPS_MAX];
static unsigned n_maps;

static struct file {
	char name[256];
	uint64_t samples;
} files[MAPS_MAX];
static unsigned n_files;

static unsigned file_of(const char *name)
{
	unsigned i = 0;

	while (i < n_files && strcmp(files[i].name, name))
		i++;
	if (i == n_files)
		snprintf(files[n_files++].name, sizeof(files[i].name), "%s", name);
	return i;
}

static void maps_read(const char *pid)
{
	char path[64], line[1024], name[768];
	unsigned long from, to;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	f = fopen(path, "r");
	while (f && n_maps < MAPS_MAX && fgets(line, sizeof(line), f)) {
		char *slash;

		if (sscanf(line, "%lx-%lx %*2[-rw]x%*c %*s %*s %*s %767s", &from, &to, name) != 3)
			continue;
		slash = strrchr(name, '/');
		maps[n_maps++] = (struct mapped){ from, to, file_of(slash ? slash + 1 : name) };
	}
	if (f)
		fclose(f);
}

static int is_tracer(const char *pid, const char *tid)
{
	char path[320], name[32] = "";
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%.32s/task/%s/comm", pid, tid);
	f = fopen(path, "r");
	if (f && !fgets(name, sizeof(name), f))
		name[0] = 0;
	if (f)
		fclose(f);
	return !strncmp(name, "jitness-", 8);
}

static int ring_open(int tid)
{
	struct perf_event_attr a = { .size = sizeof(a), .type = PERF_TYPE_SOFTWARE,
				     .config = PERF_COUNT_SW_CPU_CLOCK, .sample_period = PERIOD_NS,
				     .sample_type = PERF_SAMPLE_IP, .exclude_kernel = 1, .exclude_hv = 1 };
	int fd = (int)syscall(SYS_perf_event_open, &a, tid, -1, -1, 0);
	void *p;

	if (fd < 0)
		return errno == ESRCH ? 0 : -1;
	p = mmap(NULL, (size_t)getpagesize() + RING, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	rings[n_rings++].page = p;
	return 0;
}

static int rings_open(const char *pid)
{
	char path[64];
	struct dirent *d;
	DIR *dir;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%s/task", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (!err && n_rings < THREADS_MAX && (d = readdir(dir)))
		if (d->d_name[0] != '.' && !is_tracer(pid, d->d_name))
			err = ring_open(atoi(d->d_name));
	closedir(dir);
	return err;
}

static void sample(uint64_t at)
{
	for (unsigned i = 0; i < n_maps; i++)
		if (at >= maps[i].from && at < maps[i].to) {
			files[maps[i].file].samples++;
			return;
		}
	files[file_of("(unknown)")].samples++;
}

static void ring_empty(struct ring *r)
{
	const char *data = (const char *)r->page + getpagesize();
	uint64_t head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);

	while (r->tail < head) {
		struct perf_event_header h;
		uint64_t ip;

		/* Both are of 8 bytes, and so is every record's place: neither wraps. */
		memcpy(&h, data + r->tail % RING, sizeof(h));
		memcpy(&ip, data + (r->tail + sizeof(h)) % RING, sizeof(ip));
		if (h.type == PERF_RECORD_SAMPLE)
			sample(ip);
		r->tail += h.size;
	}
	__atomic_store_n(&r->page->data_tail, r->tail, __ATOMIC_RELEASE);
}

static int by_samples(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->samples < y->samples) - (x->samples > y->samples);
}

int main(int argc, char **argv)
{
	uint64_t all = 0;

	if (argc != 3)
		return fprintf(stderr, "usage: where PID SECONDS\n"), 2;
	if (rings_open(argv[1]))
		return fprintf(stderr, "where: no samples of %s: %s\n", argv[1], strerror(errno)), 1;
	for (double left = atof(argv[2]); left > 0; left -= ROUND_US / 1e6) {
		usleep(ROUND_US);
		if (!n_maps) /* once it runs */
			maps_read(argv[1]);
		for (unsigned i = 0; i < n_rings; i++)
			ring_empty(&rings[i]);
	}
	qsort(files, n_files, sizeof(*files), by_samples);
	for (unsigned i = 0; i < n_files; i++)
		all += files[i].samples;
	printf("%llu samples:", (unsigned long long)all);
	for (unsigned i = 0; i < n_files && all; i++)
		if (files[i].samples * 100 >= all || !strcmp(files[i].name, "libjitness.so"))
			printf(" %s %.1f", files[i].name, 100.0 * (double)files[i].samples / (double)all);
	printf("\n");
	return 0;
}
