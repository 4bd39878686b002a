#include "decoder/session_model.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/process_end.h"
#include "decoder/process_model.h"
#include "decoder/say.h"
#include "decoder/session_files.h"
#include "trace/err.h"

struct progress {
	const char *file;
	struct timespec started;
	bool shown;
};

/* Only to a terminal, and only when it takes over a second. */
static void show_progress(void *arg, uint64_t rows)
{
	struct progress *p = arg;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec - p->started.tv_sec < 2 || !isatty(STDERR_FILENO))
		return;
	fprintf(stderr, "\rreading %.60s: %llu million records", p->file,
		(unsigned long long)(rows / 1000000));
	fflush(stderr);
	p->shown = true;
}

static void merge_kernels(struct session *s, const struct process *p)
{
	for (size_t i = 0; i < p->kernels.n; i++) {
		const struct kernel_stat *k = &p->kernels.list[i];
		char buf[24];
		const char *text = process_string(p, &s->names, k->key, buf);

		kernel_table_merge(&s->kernels, names_put(&s->names, text, strlen(text)), k);
	}
}

static int load_one(struct session *s, struct session_files *f, size_t i, const char *command)
{
	struct progress progress = { .file = f->names[i] };
	struct reader *r = NULL;
	struct process *p;
	int err;

	switch (session_files_reader(&r, f, i, command)) {
	case SESSION_EMPTY:
		s->empty_files++;
		return EXIT_OK;
	case SESSION_FAILED:
		s->failed_files++;
		return EXIT_OK;
	case SESSION_OPEN:
		break;
	}
	clock_gettime(CLOCK_MONOTONIC, &progress.started);
	p = mem_zalloc(1, sizeof(*p));
	err = process_read(p, r, f->names[i], &s->names, show_progress, &progress);
	reader_close(r);
	if (progress.shown)
		fputs("\r\033[K", stderr);
	MEM_MORE(s->list, s->n, s->cap);
	s->list[s->n++] = p;
	if (err == TRACE_E_NOMEM)
		return say_fail(EXIT_SYSTEM, command, "out of memory");
	if (err) {
		say(command, "'%s' could not be read to its end: %s", f->names[i],
		    trace_strerror(err));
		s->failed_files++;
	}
	return EXIT_OK;
}

static int by_start(const void *a, const void *b)
{
	const struct process *x = *(struct process *const *)a, *y = *(struct process *const *)b;

	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return strcmp(x->file, y->file);
}

static const char *host_of(const struct process *p)
{
	const char *host = process_info(p, "host", NULL);

	return host ? host : "";
}

static bool new_host(const struct session *s, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (!strcmp(host_of(s->list[k]), host_of(s->list[i])))
			return false;
	return true;
}

static void summarise(struct session *s)
{
	if (s->n)
		qsort(s->list, s->n, sizeof(*s->list), by_start);
	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];
		uint64_t first = session_time(s, p, p->first), last = session_time(s, p, p->last);

		merge_kernels(s, p);
		s->hosts += new_host(s, i);
		s->lost += p->lost;
		s->truncated += !p->status.ended || p->status.truncated || p->status.bad_frames;
		if (first && (!s->first || first < s->first))
			s->first = first;
		if (last > s->last)
			s->last = last;
	}
	kernel_table_sort(&s->kernels);
}

int session_load(struct session *ret, const char *command, const char *path)
{
	struct session s = { .path = mem_text(path, strlen(path)) };
	struct session_files f;
	int code = session_files_open(&f, command, path);

	if (code) {
		session_release(&s);
		return code;
	}
	for (size_t i = 0; i < f.n && !code; i++)
		code = load_one(&s, &f, i, command);
	if (!code && !s.n) {
		if (!s.failed_files && f.n > 1)
			say(command, "every trace in '%s' ends before its header does: nothing was "
				     "recorded", path);
		code = EXIT_INPUT;
	}
	if (code) {
		session_files_release(&f);
		session_release(&s);
		return code;
	}
	process_ends_find(&s, f.dir_fd);
	children_read(&s.children, f.dir_fd);
	session_files_release(&f);
	summarise(&s);
	*ret = s;
	return s.failed_files ? EXIT_INPUT : EXIT_OK;
}

void session_release(struct session *s)
{
	for (size_t i = 0; i < s->n; i++) {
		process_release(s->list[i]);
		free(s->list[i]);
	}
	free(s->list);
	free(s->path);
	names_release(&s->names);
	kernel_table_release(&s->kernels);
	children_release(&s->children);
	origins_release(&s->origins);
	episodes_release(&s->episodes);
	*s = (struct session){ 0 };
}

uint64_t session_time(const struct session *s, const struct process *p, uint64_t realtime)
{
	/* Hosts do not share CLOCK_MONOTONIC: only the wall clock relates them. */
	if (s->n && strcmp(host_of(s->list[0]), host_of(p)))
		return clock_monotonic(&s->list[0]->clock, realtime);
	return process_time(p, realtime);
}
