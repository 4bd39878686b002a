#include "decoder/children.h"

#include <string.h>

#include "decoder/child_line.h"
#include "decoder/idmap.h"
#include "decoder/mem.h"

#define TEXT_BLOCK    (256u << 10)
/* Ancestors that are children themselves: ninja, nvcc, gcc, collect2, ld. More is a loop. */
#define DESCENT_LIMIT 64

/* One file: starts that wait for their end, by pid. */
struct file {
	struct children *c;
	struct idmap open; /* pid -> index in the list */
	const char *host;
	size_t left; /* bytes in the last block of texts */
};

/* Copy of a text in a block of many. n is at most CHILD_LINE_MAX. */
static const char *keep(struct file *f, const char *p, size_t n)
{
	struct children *c = f->c;
	char *to;

	if (!n)
		return "";
	if (n + 1 > f->left) {
		MEM_MORE(c->texts, c->n_texts, c->texts_cap);
		c->texts[c->n_texts++] = mem_zalloc(TEXT_BLOCK, 1);
		f->left = TEXT_BLOCK;
	}
	to = c->texts[c->n_texts - 1] + TEXT_BLOCK - f->left;
	memcpy(to, p, n);
	to[n] = '\0';
	f->left -= n + 1;
	c->text_bytes += n + 1;
	return to;
}

static void add_start(struct file *f, const struct child_line *l)
{
	struct children *c = f->c;
	struct child *child;
	char args[CHILD_LINE_MAX];

	if (c->n >= CHILDREN_MAX || c->text_bytes > CHILDREN_TEXT_MAX) {
		c->unlisted++;
		return;
	}
	for (size_t i = 0; i < l->args.n; i++)
		args[i] = l->args.p[i] ? l->args.p[i] : ' ';
	MEM_MORE(c->list, c->n, c->cap);
	child = &c->list[c->n];
	*child = (struct child){
		.pid = l->pid,
		.ppid = l->ppid,
		.n_ancestors = l->n_ancestors,
		.tool = l->tool,
		.start = l->start_ns,
		.status = -1,
		.exe = keep(f, l->exe.p, l->exe.n),
		.cwd = keep(f, l->cwd.p, l->cwd.n),
		.args = keep(f, args, l->args.n),
		.args_left_out = l->args_left_out,
		.output = "",
		.host = f->host,
	};
	memcpy(child->ancestors, l->ancestors, sizeof(child->ancestors));
	idmap_put(&f->open, l->pid, (uint32_t)c->n++);
}

static void add_end(struct file *f, const struct child_line *l)
{
	struct children *c = f->c;
	uint32_t i = idmap_get(&f->open, l->pid);
	struct child *child = i == IDMAP_NONE ? NULL : &c->list[i];

	if (!child || child->ended || child->start != l->start_ns) {
		/* It may be the end of a child that was not listed. */
		c->ends_alone += !c->unlisted;
		return;
	}
	child->ended = true;
	/* The wall clock can be set back. */
	child->end = l->end_ns < l->start_ns ? 0 : l->end_ns;
	child->user_ns = l->user_ns;
	child->sys_ns = l->sys_ns;
	child->children_user_ns = l->children_user_ns;
	child->children_sys_ns = l->children_sys_ns;
	child->maxrss_kb = l->maxrss_kb;
	child->status = (int)l->status;
	child->output = keep(f, l->output.p, l->output.n);
	child->output_bytes = l->output_bytes;
	child->output_hash = l->output_hash;
}

static void read_file(struct children *c, struct child_lines *lines, int dir_fd, const char *name)
{
	struct file f = { .c = c };
	struct child_line l;
	char *line;
	size_t n;

	if (child_lines_open(lines, dir_fd, name)) {
		c->damaged++;
		return;
	}
	f.host = keep(&f, name, strlen(name) - strlen(CHILD_SUFFIX));
	while (child_lines_next(lines, &line, &n))
		switch (child_line_parse(&l, line, n)) {
		case CHILD_LINE_START:
			add_start(&f, &l);
			break;
		case CHILD_LINE_END:
			add_end(&f, &l);
			break;
		case CHILD_LINE_DAMAGED:
			c->damaged++;
			break;
		}
	child_lines_close(lines);
	idmap_release(&f.open);
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_start(const void *a, const void *b)
{
	const struct child *x = a, *y = b;
	int order = compare(x->start, y->start);

	if (!order)
		order = compare(x->pid, y->pid);
	return order ? order : strcmp(x->host, y->host);
}

/* Pointers into one list sorted by start: their order decides between equals. */
static int by_hash(const void *a, const void *b)
{
	const struct child *x = *(struct child *const *)a, *y = *(struct child *const *)b;
	int order = compare(x->output_hash, y->output_hash);

	return order ? order : compare((uintptr_t)x, (uintptr_t)y);
}

static int by_pid(const void *a, const void *b)
{
	const struct child *x = *(struct child *const *)a, *y = *(struct child *const *)b;
	int order = compare(x->pid, y->pid);

	return order ? order : compare((uintptr_t)x, (uintptr_t)y);
}

static void make_indexes(struct children *c)
{
	if (!c->n)
		return;
	qsort(c->list, c->n, sizeof(*c->list), by_start);
	c->by_hash = mem_zalloc(c->n, sizeof(*c->by_hash));
	c->by_pid = mem_zalloc(c->n, sizeof(*c->by_pid));
	for (size_t i = 0; i < c->n; i++) {
		c->unfinished += !c->list[i].ended;
		c->by_pid[i] = &c->list[i];
		if (c->list[i].output_hash)
			c->by_hash[c->n_hash++] = &c->list[i];
	}
	qsort(c->by_pid, c->n, sizeof(*c->by_pid), by_pid);
	qsort(c->by_hash, c->n_hash, sizeof(*c->by_hash), by_hash);
}

void children_read(struct children *ret, int dir_fd)
{
	SCOPED_FREE struct child_lines *lines = mem_zalloc(1, sizeof(*lines));
	SCOPED_FREE char **files = NULL;
	struct children c = { 0 };
	size_t n = child_files(&files, dir_fd);

	for (size_t i = 0; i < n; i++) {
		read_file(&c, lines, dir_fd, files[i]);
		free(files[i]);
	}
	make_indexes(&c);
	*ret = c;
}

void children_release(struct children *c)
{
	for (size_t i = 0; i < c->n_texts; i++)
		free(c->texts[i]);
	free(c->texts);
	free(c->list);
	free(c->by_hash);
	free(c->by_pid);
	*c = (struct children){ 0 };
}

const struct child *children_by_hash(const struct children *c, uint64_t hash,
				     const struct child *after)
{
	size_t lo = 0, hi = c->n_hash;

	/* The first one of this hash behind `after`; NULL is before every address. */
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct child *m = c->by_hash[mid];

		if (m->output_hash < hash || (m->output_hash == hash && m <= after))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < c->n_hash && c->by_hash[lo]->output_hash == hash ? c->by_hash[lo] : NULL;
}

/* The child with this pid that had started last when `of` started; NULL: it is no child. */
static const struct child *ancestor(const struct children *c, const struct child *of, uint64_t pid)
{
	const struct child *found = NULL;
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->by_pid[mid]->pid < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < c->n && c->by_pid[lo]->pid == pid && c->by_pid[lo]->start <= of->start; lo++)
		if (c->by_pid[lo] != of && !strcmp(c->by_pid[lo]->host, of->host))
			found = c->by_pid[lo];
	return found;
}

bool child_descends(const struct children *c, const struct child *child, uint64_t pid)
{
	for (unsigned steps = 0; child && steps < DESCENT_LIMIT; steps++) {
		const struct child *up = NULL;

		for (unsigned i = 0; i < child->n_ancestors; i++)
			if (child->ancestors[i] == pid)
				return true;
		/* The farthest one sees farthest. */
		for (unsigned i = child->n_ancestors; i-- && !up;)
			up = ancestor(c, child, child->ancestors[i]);
		child = up;
	}
	return false;
}
