#include "preload/children.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "preload/log.h"
#include "preload/output.h"
#include "trace/child.h"
#include "trace/fd.h"
#include "trace/hash.h"
#include "trace/redact.h"

/* Cubins of single kernels are 5 to 500 KB; hashing 16 MiB takes some 5 ms at the exit. */
#define HASH_MAX (16u << 20)

/* Of this process when it is a compiler. Static: an _exit may come on a signal's small stack. */
static struct {
	_Atomic pid_t pid; /* 0: no compiler, or its end has been told */
	const char *out;
	bool redact;
	enum child_tool tool;
	uint64_t start_ns;
	char file[OUTPUT_NAME_MAX];
	char output[PATH_MAX]; /* absolute, or empty */
	char scratch[PATH_MAX];
	struct child_text line;
} self;

/* Reads /proc/self/cmdline argument by argument. */
struct arguments {
	int fd;
	size_t at, n;
	char buf[4096];
};

static uint64_t realtime(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void arguments_open(struct arguments *a)
{
	a->at = a->n = 0;
	a->fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
}

static void arguments_close(struct arguments *a)
{
	if (a->fd >= 0)
		close(a->fd);
}

/*
 * The next argument, NUL-terminated. Its length, or size when it is longer than that
 * (out then holds its beginning), or -1 after the last one.
 */
static ssize_t arguments_next(struct arguments *a, char *out, size_t size)
{
	size_t n = 0;
	bool any = false;

	for (;;) {
		if (a->at == a->n) {
			ssize_t got = a->fd < 0 ? 0 : read(a->fd, a->buf, sizeof(a->buf));

			a->at = 0;
			a->n = got > 0 ? (size_t)got : 0;
			if (got <= 0)
				break;
		}
		any = true;
		if (!a->buf[a->at++])
			break;
		if (n < size)
			out[n++] = a->buf[a->at - 1];
	}
	out[n < size ? n : size - 1] = '\0';
	return any ? (ssize_t)n : -1;
}

/* python -m torch._inductor.compile_worker, or .../torch/_inductor/compile_worker/__main__.py */
static bool is_worker_script(const char *arg, bool module)
{
	return module ? !strncmp(arg, "torch._inductor.compile_worker", 30) &&
			(!arg[30] || arg[30] == '.') :
			strstr(arg, "torch/_inductor/compile_worker/") != NULL;
}

/* What the interpreter runs; later arguments are the script's own. */
static bool is_worker(void)
{
	enum { OPTION, MODULE, VALUE } next = OPTION;
	char arg[PATH_MAX];
	struct arguments a;
	bool found = false;

	arguments_open(&a);
	arguments_next(&a, arg, sizeof(arg)); /* the interpreter's name */
	while (arguments_next(&a, arg, sizeof(arg)) >= 0) {
		char last = arg[0] ? arg[strlen(arg) - 1] : '\0';

		if (next == MODULE || (next == OPTION && arg[0] != '-')) {
			found = is_worker_script(arg, next == MODULE);
			break;
		}
		if (next == VALUE || arg[1] == '-') {
			next = OPTION;
			continue;
		}
		if (last == 'c')
			break;
		next = last == 'm' ? MODULE : last == 'W' || last == 'X' ? VALUE : OPTION;
	}
	arguments_close(&a);
	return found;
}

/* OTHER: no compiler. exe: its path. */
static enum child_tool recognise(const char *exe, size_t n)
{
	const char *slash = memrchr(exe, '/', n), *base = slash ? slash + 1 : exe;
	size_t base_n = n - (size_t)(base - exe);
	enum child_tool tool = child_tool_of(exe, n);

	if (tool == CHILD_TOOL_OTHER && base_n >= 6 && !memcmp(base, "python", 6) && is_worker())
		return CHILD_TOOL_WORKER;
	return tool;
}

/* 0: there is none, or it cannot be told. */
static uint64_t parent_of(uint64_t pid)
{
	char path[40], text[512];
	const char *p;
	ssize_t n;
	uint64_t parent = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%lu/stat", (unsigned long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text));
	close(fd);
	/* pid (name) state ppid: the name may hold anything. */
	p = n > 0 ? memrchr(text, ')', (size_t)n) : NULL;
	if (!p || text + n - p < 5)
		return 0;
	for (p += 4; p < text + n && *p >= '0' && *p <= '9'; p++)
		parent = parent * 10 + (uint64_t)(*p - '0');
	return parent;
}

static void add_ancestors(struct child_text *t, uint64_t parent)
{
	uint64_t id[CHILD_ANCESTORS_MAX];
	unsigned n = 0;

	for (; parent && n < CHILD_ANCESTORS_MAX; parent = parent_of(parent))
		id[n++] = parent;
	child_text_ids(t, id, n);
}

/* Empty when it does not fit: the fields behind it must stay where they are. */
static void add_text(struct child_text *t, const char *p, size_t n)
{
	if (!child_text_field(t, p, n))
		child_text_field(t, "", 0);
}

static void add_path(struct child_text *t, const char *p, size_t n)
{
	if (self.redact) {
		n = redact_path(self.scratch, sizeof(self.scratch), p, n);
		p = self.scratch;
	}
	add_text(t, p, n);
}

/* What the arguments say about the output. */
struct output_option {
	bool nvidia; /* spells it -o=FILE and --output-file; the others -oFILE and --output */
	bool joined; /* -oFILE */
	bool expected;
	const char *cwd; /* or NULL */
};

static void set_output(const struct output_option *o, const char *path)
{
	size_t dir = path[0] == '/' || !o->cwd ? 0 : strlen(o->cwd);

	self.output[0] = '\0';
	/* "-" is the standard output. */
	if (!path[0] || !strcmp(path, "-") || (path[0] != '/' && !o->cwd) ||
	    dir + strlen(path) + 2 > sizeof(self.output))
		return;
	if (dir) {
		memcpy(self.output, o->cwd, dir);
		self.output[dir++] = '/';
	}
	strcpy(self.output + dir, path);
}

static const char *after(const char *arg, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(arg, prefix, n) ? NULL : arg + n;
}

static void look_for_output(struct output_option *o, const char *arg)
{
	const char *name = o->nvidia ? "--output-file" : "--output", *rest;

	if (o->expected) {
		set_output(o, arg);
		o->expected = false;
	} else if (!strcmp(arg, "-o") || !strcmp(arg, name)) {
		o->expected = true;
	} else if ((rest = after(arg, name)) != NULL && *rest == '=') {
		set_output(o, rest + 1);
	} else if (o->nvidia && ((rest = after(arg, "-o=")) || (rest = after(arg, "--create=")))) {
		set_output(o, rest);
	} else if (o->joined && (rest = after(arg, "-o")) != NULL) {
		set_output(o, rest);
	}
}

static struct output_option output_option_of(enum child_tool tool, const char *cwd)
{
	return (struct output_option){
		.nvidia = tool <= CHILD_TOOL_TILEIRAS,
		/* nvcc has -odir, clang -objcmt-...: only these read -oFILE as a file. */
		.joined = tool > CHILD_TOOL_TILEIRAS && tool <= CHILD_TOOL_LD,
		.cwd = cwd,
	};
}

/* Command lines that are to be redacted are cut here, as in the trace. */
struct raw_arguments {
	size_t n;
	char p[CHILD_LINE_MAX];
};

static bool keep_raw(struct raw_arguments *raw, const char *arg, size_t n)
{
	if (n >= sizeof(raw->p) - raw->n)
		return false;
	memcpy(raw->p + raw->n, arg, n + 1);
	raw->n += n + 1;
	return true;
}

static void add_redacted(struct child_text *t, const struct raw_arguments *raw)
{
	size_t n = redact_cmdline(self.scratch, sizeof(self.scratch), raw->p, raw->n);

	for (size_t at = 0; at < n; at += strlen(self.scratch + at) + 1)
		add_text(t, self.scratch + at, strlen(self.scratch + at));
}

static void add_arguments(struct child_text *t, const char *cwd)
{
	struct output_option option = output_option_of(self.tool, cwd);
	bool has_output = self.tool < CHILD_TOOL_NINJA;
	struct raw_arguments raw = { .n = 0 };
	char arg[PATH_MAX];
	struct arguments a;
	uint64_t left_out = 0;
	ssize_t n;

	arguments_open(&a);
	while ((n = arguments_next(&a, arg, sizeof(arg))) >= 0) {
		bool whole = (size_t)n < sizeof(arg);

		if (has_output)
			look_for_output(&option, whole ? arg : "");
		if (left_out || !whole ||
		    !(self.redact ? keep_raw(&raw, arg, (size_t)n)
				  : child_text_field(t, arg, (size_t)n)))
			left_out++;
	}
	arguments_close(&a);
	if (self.redact)
		add_redacted(t, &raw);
	if (left_out)
		child_text_left_out(t, left_out);
}

/* One write, so that lines of many compilers do not mix. */
static bool append(const struct child_text *t)
{
	struct stat st;
	ssize_t n = -1;
	int dir, fd;

	dir = open(self.out, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (dir < 0)
		return false;
	/* O_NONBLOCK: should the name lead to a pipe, nobody waits for its reader. */
	fd = fd_move_high(openat(dir, self.file,
				 O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK |
					 O_NOCTTY,
				 0600));
	close(dir);
	if (fd < 0)
		return false;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode)) {
		while ((n = write(fd, t->p, t->n)) < 0 && errno == EINTR)
			;
		/* A full disk: the next line must not continue this one. */
		if (n > 0 && (size_t)n < t->n && write(fd, "\n", 1) < 0)
			n = -1;
	}
	close(fd);
	return n == (ssize_t)t->n;
}

static bool tell_start(const char *exe, size_t exe_n)
{
	struct child_text *t = &self.line;
	const char *tool = child_tool_name(self.tool);
	char cwd[PATH_MAX];
	/* "(unreachable)/..." is what libc gives for a directory outside the root. */
	bool has_cwd = getcwd(cwd, sizeof(cwd)) && cwd[0] == '/';
	uint64_t parent = (uint64_t)getppid();

	child_text_begin(t, 'S');
	child_text_number(t, (uint64_t)getpid());
	child_text_number(t, parent);
	child_text_number(t, self.start_ns);
	child_text_field(t, tool, strlen(tool));
	add_ancestors(t, parent);
	add_path(t, exe, exe_n);
	add_text(t, cwd, has_cwd && !self.redact ? strlen(cwd) : 0);
	add_arguments(t, has_cwd ? cwd : NULL);
	child_text_end(t);
	return append(t);
}

/* 0: not known. The file is read, not mapped: it may shrink under us. */
static uint64_t hash_of(const char *path, uint64_t size)
{
	static char buf[64 << 10];
	struct hash64_stream h;
	uint64_t total = 0;
	ssize_t n = 0;
	int fd;

	if (!size || size > HASH_MAX)
		return 0;
	fd = fd_move_high(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
	if (fd < 0)
		return 0;
	hash64_init(&h);
	while (total <= size &&
	       ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR)))
		if (n > 0) {
			hash64_update(&h, buf, (size_t)n);
			total += (uint64_t)n;
		}
	close(fd);
	return !n && total == size ? hash64_digest(&h) : 0;
}

static void add_output(struct child_text *t, int status)
{
	bool hashed = self.tool == CHILD_TOOL_PTXAS || self.tool == CHILD_TOOL_NVLINK;
	struct stat st;

	add_path(t, self.output, strlen(self.output));
	/* After a failure the file is what an earlier compiler left there. */
	if (status || !self.output[0] || stat(self.output, &st) || !S_ISREG(st.st_mode)) {
		child_text_number(t, 0);
		child_text_hash(t, 0);
		return;
	}
	child_text_number(t, (uint64_t)st.st_size);
	child_text_hash(t, hashed ? hash_of(self.output, (uint64_t)st.st_size) : 0);
}

static void add_time(struct child_text *t, struct timeval v)
{
	child_text_number(t, (uint64_t)v.tv_sec * 1000000000u + (uint64_t)v.tv_usec * 1000);
}

static void tell_end(pid_t pid, int status)
{
	struct child_text *t = &self.line;
	struct rusage own = { 0 }, children = { 0 };
	uint64_t end_ns = realtime();

	getrusage(RUSAGE_SELF, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	child_text_begin(t, 'E');
	child_text_number(t, (uint64_t)pid);
	child_text_number(t, self.start_ns);
	child_text_number(t, end_ns);
	add_time(t, own.ru_utime);
	add_time(t, own.ru_stime);
	add_time(t, children.ru_utime);
	add_time(t, children.ru_stime);
	child_text_number(t, (uint64_t)own.ru_maxrss);
	child_text_number(t, (uint64_t)status);
	add_output(t, status);
	child_text_end(t);
	append(t);
}

void children_leave(int status)
{
	int saved_errno = errno;
	pid_t pid = atomic_load(&self.pid);

	/* A child of this process has its memory, or even shares it, but not its id. */
	if (pid && pid == getpid() && atomic_compare_exchange_strong(&self.pid, &pid, 0))
		tell_end(pid, status & 0xff);
	errno = saved_errno;
}

static void at_exit(int status, void *unused)
{
	(void)unused;
	children_leave(status);
}

void children_load(const char *out, bool redact)
{
	int saved_errno = errno;
	char exe[PATH_MAX], host[OUTPUT_HOST_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe));
	enum child_tool tool = n > 0 ? recognise(exe, (size_t)n) : CHILD_TOOL_OTHER;

	if (tool != CHILD_TOOL_OTHER) {
		self.out = out;
		self.redact = redact;
		self.tool = tool;
		self.start_ns = realtime();
		output_host(host, redact);
		snprintf(self.file, sizeof(self.file), "%s" CHILD_SUFFIX, host);
		/* The first handler is the last to run: the output is written by then. */
		if (!tell_start(exe, (size_t)n) || on_exit(at_exit, NULL))
			log_dbg("this compiler is not recorded (errno=%d)", errno);
		else
			atomic_store(&self.pid, getpid());
	}
	errno = saved_errno;
}
