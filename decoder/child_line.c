#include "decoder/child_line.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/mem.h"

/* What is left of a line. */
struct fields {
	char *p, *end;
	bool none; /* the last field has been given */
};

/* The next field, unescaped in place. False: there is none, or it is damaged. */
static bool next_field(struct child_field *ret, struct fields *f)
{
	char *tab, *in, *out;

	if (f->none)
		return false;
	tab = memchr(f->p, '\t', (size_t)(f->end - f->p));
	f->none = !tab;
	if (!tab)
		tab = f->end;
	ret->p = out = f->p;
	for (in = f->p; in < tab; in++, out++) {
		unsigned char c = (unsigned char)*in;
		char hex[3] = "", *stop;

		if (c <= ' ' || c == 0x7f)
			return false;
		if (c != '%') {
			*out = *in;
			continue;
		}
		if (tab - in < 3)
			return false;
		memcpy(hex, in + 1, 2);
		/* strtoul would take a sign or a blank. */
		if (!strchr("0123456789ABCDEFabcdef", hex[0]))
			return false;
		*out = (char)strtoul(hex, &stop, 16);
		if (*stop || stop != hex + 2)
			return false;
		in += 2;
	}
	ret->n = (size_t)(out - ret->p);
	f->p = f->none ? tab : tab + 1;
	return true;
}

static bool decimal(uint64_t *ret, const char *p, size_t n, uint64_t max)
{
	uint64_t v = 0;

	if (!n)
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(unsigned char)p[i] - '0';

		if (digit > 9 || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret = v;
	return true;
}

static bool next_number(uint64_t *ret, struct fields *f, uint64_t max)
{
	struct child_field t;

	return next_field(&t, f) && decimal(ret, t.p, t.n, max);
}

static bool next_hash(uint64_t *ret, struct fields *f)
{
	struct child_field t;
	uint64_t v = 0;

	if (!next_field(&t, f) || t.n != 18 || memcmp(t.p, "0x", 2))
		return false;
	for (size_t i = 2; i < t.n; i++) {
		const char *digit = t.p[i] ? strchr("0123456789abcdef", t.p[i]) : NULL;

		if (!digit)
			return false;
		v = v << 4 | (uint64_t)(digit - "0123456789abcdef");
	}
	*ret = v;
	return true;
}

static bool next_ids(struct child_line *l, struct fields *f)
{
	struct child_field t;
	const char *p, *end;

	if (!next_field(&t, f))
		return false;
	for (p = t.p, end = t.p + t.n; p < end;) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma ? comma : end;

		if (l->n_ancestors == CHILD_ANCESTORS_MAX || (comma && comma + 1 == end) ||
		    !decimal(&l->ancestors[l->n_ancestors], p, (size_t)(stop - p), INT_MAX))
			return false;
		l->n_ancestors++;
		p = comma ? comma + 1 : end;
	}
	return true;
}

/* Moves the arguments together, a NUL after each but the last. */
static bool rest_arguments(struct child_line *l, struct fields *f)
{
	char *const first = f->p, *out = first;
	struct child_field t;

	for (unsigned i = 0; !f->none; i++) {
		if (f->end - f->p >= 2 && !memcmp(f->p, "%+", 2)) {
			if (!decimal(&l->args_left_out, f->p + 2, (size_t)(f->end - f->p) - 2,
				     UINT64_MAX))
				return false;
			break;
		}
		if (!next_field(&t, f))
			return false;
		if (i)
			*out++ = '\0';
		memmove(out, t.p, t.n);
		out += t.n;
	}
	l->args = (struct child_field){ first, (size_t)(out - first) };
	return true;
}

static bool parse_start(struct child_line *l, struct fields *f)
{
	if (!next_number(&l->pid, f, INT_MAX) || !next_number(&l->ppid, f, INT_MAX) ||
	    !next_number(&l->start_ns, f, INT64_MAX) || !next_field(&l->tool_name, f) ||
	    !next_ids(l, f) || !next_field(&l->exe, f) || !next_field(&l->cwd, f))
		return false;
	l->tool = child_tool_named(l->tool_name.p, l->tool_name.n);
	return rest_arguments(l, f);
}

static bool parse_end(struct child_line *l, struct fields *f)
{
	uint64_t status;

	if (!next_number(&l->pid, f, INT_MAX) || !next_number(&l->start_ns, f, INT64_MAX) ||
	    !next_number(&l->end_ns, f, INT64_MAX) || !next_number(&l->user_ns, f, INT64_MAX) ||
	    !next_number(&l->sys_ns, f, INT64_MAX) ||
	    !next_number(&l->children_user_ns, f, INT64_MAX) ||
	    !next_number(&l->children_sys_ns, f, INT64_MAX) ||
	    !next_number(&l->maxrss_kb, f, INT64_MAX) || !next_number(&status, f, 255) ||
	    !next_field(&l->output, f) || !next_number(&l->output_bytes, f, INT64_MAX) ||
	    !next_hash(&l->output_hash, f))
		return false;
	l->status = (unsigned)status;
	return true; /* a newer version may have more */
}

enum child_line_kind child_line_parse(struct child_line *ret, char *line, size_t n)
{
	struct fields f = { line, line + n, false };
	struct child_line l = { .kind = CHILD_LINE_DAMAGED };
	struct child_field kind;

	if (n < CHILD_LINE_MAX && next_field(&kind, &f) && kind.n == 1) {
		if (kind.p[0] == 'S' && parse_start(&l, &f))
			l.kind = CHILD_LINE_START;
		else if (kind.p[0] == 'E' && parse_end(&l, &f))
			l.kind = CHILD_LINE_END;
	}
	if (!l.pid)
		l.kind = CHILD_LINE_DAMAGED;
	*ret = l;
	return l.kind;
}

int child_lines_open(struct child_lines *ret, int dir_fd, const char *name)
{
	int fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	ret->fd = fd;
	ret->at = ret->n = 0;
	return 0;
}

/* More bytes behind those that are left. False: there are none. */
static bool fill(struct child_lines *l)
{
	ssize_t n;

	memmove(l->buf, l->buf + l->at, l->n - l->at);
	l->n -= l->at;
	l->at = 0;
	while ((n = read(l->fd, l->buf + l->n, sizeof(l->buf) - l->n)) < 0 && errno == EINTR)
		;
	l->n += n > 0 ? (size_t)n : 0;
	return n > 0;
}

int child_lines_next(struct child_lines *l, char **ret_line, size_t *ret_n)
{
	bool cut = false;

	for (;;) {
		char *p = l->buf + l->at;
		char *newline = memchr(p, '\n', l->n - l->at);

		if (newline) {
			*ret_line = p;
			*ret_n = cut ? 0 : (size_t)(newline - p);
			l->at = (size_t)(newline + 1 - l->buf);
			return 1;
		}
		if (l->n - l->at >= CHILD_LINE_MAX) {
			cut = true;
			l->at = l->n;
		}
		if (!fill(l))
			break;
	}
	cut |= l->at < l->n;
	l->at = l->n;
	*ret_line = l->buf;
	*ret_n = 0;
	return cut;
}

void child_lines_close(struct child_lines *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t child_files(char ***ret, int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	SCOPED_DIR DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const size_t suffix = sizeof(CHILD_SUFFIX) - 1;
	size_t n = 0, cap = 0;
	char **list = NULL;
	struct dirent *e;

	if (!d && fd >= 0)
		close(fd);
	while (d && (e = readdir(d))) {
		size_t len = strlen(e->d_name);

		if (len <= suffix || strcmp(e->d_name + len - suffix, CHILD_SUFFIX))
			continue;
		MEM_MORE(list, n, cap);
		list[n++] = mem_text(e->d_name, len);
	}
	if (n)
		qsort(list, n, sizeof(*list), by_name);
	*ret = list;
	return n;
}
