#include "decoder/totals.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/process_model.h"
#include "decoder/session_files.h"
#include "trace/err.h"
#include "trace/frame.h"
#include "trace/reader.h"

/* Decoding 8 MiB takes some 20 ms; a larger trace is read at its ends. */
#define WHOLE_MAX  (8u << 20)
#define HEAD_BYTES (1u << 20)
#define TAIL_BYTES (4u << 20) /* more than two frames */

/* The trace without its middle: bytes [0, head) and [tail, size). */
struct ends {
	int fd;
	uint64_t head, tail, size;
};

static ssize_t ends_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	const struct ends *e = arg;

	if (offset < e->head && n > e->head - offset)
		n = (size_t)(e->head - offset);
	else if (offset >= e->head)
		offset += e->tail - e->head;
	return pread(e->fd, buf, n, (off_t)offset);
}

static bool frame_at(int fd, uint64_t at, uint64_t *ret_next)
{
	uint8_t bytes[FRAME_HEADER_BYTES];
	struct frame_header h;

	if (pread(fd, bytes, sizeof(bytes), (off_t)at) != (ssize_t)sizeof(bytes) ||
	    frame_header_get(&h, bytes, sizeof(bytes)))
		return false;
	*ret_next = at + FRAME_HEADER_BYTES + h.stored_len;
	return true;
}

/* Cuts at frame boundaries. False: read the whole file instead. */
static bool find_ends(struct ends *e)
{
	SCOPED_FREE uint8_t *tail = NULL;
	uint64_t at = FILE_HEADER_BYTES, next;
	ssize_t n;

	while (at < HEAD_BYTES && frame_at(e->fd, at, &next))
		at = next;
	e->head = at;
	tail = mem_zalloc(TAIL_BYTES, 1);
	n = pread(e->fd, tail, TAIL_BYTES, (off_t)(e->size - TAIL_BYTES));
	for (ssize_t i = 0; i + FRAME_HEADER_BYTES <= n; i++) {
		struct frame_header h;

		if (frame_header_get(&h, tail + i, (size_t)(n - i)))
			continue;
		e->tail = e->size - TAIL_BYTES + (uint64_t)i;
		return e->tail >= e->head;
	}
	return false;
}

static void add_process(struct totals *t, const struct process *p)
{
	const char *reason;

	if (process_by_entry_points(p)) {
		t->without_jit++;
	} else if (strcmp(process_gpu_records(p, &reason), "full")) {
		t->without_gpu++;
		if (!t->reason)
			t->reason = mem_text(reason, strlen(reason));
	}
	t->processes++;
	t->lost += p->lost;
	if (p->status.ended) {
		t->kernels += p->end[END_KERNELS];
		t->modules += p->end[END_MODULES];
		t->jit_compiles += p->end[END_JIT_COMPILES];
		t->graph_launches += p->end[END_GRAPH_RUNS];
		return;
	}
	t->cut_off++;
	t->kernels += p->kernel.count;
	t->modules += p->modules.n_modules;
	t->jit_compiles += p->modules.jit.compiles;
	t->graph_launches += process_graph_launches(p);
}

/* True when the ends were enough. */
static bool read_ends(struct totals *t, int dir_fd, const char *name)
{
	SCOPED_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct ends ends = { .fd = fd };
	struct trace_source source = { .read_at = ends_read_at, .arg = &ends };
	struct reader *r = NULL;
	struct names names = { 0 };
	struct process p;
	struct stat st;
	bool ended;

	if (fd < 0 || fstat(fd, &st) || st.st_size < (off_t)WHOLE_MAX)
		return false;
	ends.size = (uint64_t)st.st_size;
	if (!find_ends(&ends) || reader_open_source(&r, &source, NULL))
		return false;
	process_read(&p, r, name, &names, NULL, NULL);
	ended = p.status.ended;
	if (ended)
		add_process(t, &p);
	process_release(&p);
	names_release(&names);
	reader_close(r);
	return ended;
}

static void read_whole(struct totals *t, int dir_fd, const char *name)
{
	struct reader *r = NULL;
	struct names names = { 0 };
	struct process p;
	int err = reader_open(&r, dir_fd, name);

	if (err) {
		t->unreadable += err != TRACE_E_TRUNC;
		t->processes += err == TRACE_E_TRUNC;
		t->cut_off += err == TRACE_E_TRUNC;
		return;
	}
	process_read(&p, r, name, &names, NULL, NULL);
	add_process(t, &p);
	process_release(&p);
	names_release(&names);
	reader_close(r);
}

void totals_read(struct totals *ret, int dir_fd)
{
	SCOPED_DIR DIR *d = NULL;
	struct totals t = { 0 };
	struct dirent *e;
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	d = fd < 0 ? NULL : fdopendir(fd);
	while (d && (e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (n < 5 || strcmp(e->d_name + n - 4, ".jnt"))
			continue;
		if (!read_ends(&t, dir_fd, e->d_name))
			read_whole(&t, dir_fd, e->d_name);
	}
	*ret = t;
}

void totals_release(struct totals *t)
{
	free(t->reason);
	*t = (struct totals){ 0 };
}
