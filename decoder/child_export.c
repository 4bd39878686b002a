#include "decoder/child_export.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "decoder/child_line.h"
#include "decoder/mem.h"
#include "trace/create.h"
#include "trace/redact.h"

static void add_text(struct child_text *t, const char *p, size_t n)
{
	if (!child_text_field(t, p, n))
		child_text_field(t, "", 0);
}

static void add_path(struct child_text *t, struct child_field path)
{
	char out[CHILD_LINE_MAX];

	add_text(t, out, redact_path(out, sizeof(out), path.p, path.n));
}

static void redact_start(struct child_text *t, const struct child_line *l)
{
	char args[CHILD_LINE_MAX], out[CHILD_LINE_MAX + 64];
	size_t n;

	child_text_begin(t, 'S');
	child_text_number(t, l->pid);
	child_text_number(t, l->ppid);
	child_text_number(t, l->start_ns);
	/* A name that this version does not know it cannot judge. */
	add_text(t, child_tool_name(l->tool), strlen(child_tool_name(l->tool)));
	child_text_ids(t, l->ancestors, l->n_ancestors);
	add_path(t, l->exe);
	add_text(t, "", 0); /* the working directory */
	memcpy(args, l->args.p, l->args.n);
	args[l->args.n] = '\0';
	n = redact_cmdline(out, sizeof(out), args, l->args.n + 1);
	for (size_t at = 0; at < n; at += strlen(out + at) + 1)
		add_text(t, out + at, strlen(out + at));
	if (l->args_left_out)
		child_text_left_out(t, l->args_left_out);
	child_text_end(t);
}

static void redact_end(struct child_text *t, const struct child_line *l)
{
	const uint64_t number[] = { l->pid, l->start_ns, l->end_ns, l->user_ns, l->sys_ns,
				    l->children_user_ns, l->children_sys_ns, l->maxrss_kb,
				    l->status };

	child_text_begin(t, 'E');
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
		child_text_number(t, number[i]);
	add_path(t, l->output);
	child_text_number(t, l->output_bytes);
	child_text_hash(t, l->output_hash);
	child_text_end(t);
}

/* False: the line is damaged. */
static bool copy_of(struct child_text *t, char *line, size_t n, bool redact)
{
	struct child_line l;

	if (n >= sizeof(t->p))
		return false;
	memcpy(t->p, line, n);
	t->n = n;
	switch (child_line_parse(&l, line, n)) {
	case CHILD_LINE_START:
		if (redact)
			redact_start(t, &l);
		else
			child_text_end(t);
		return true;
	case CHILD_LINE_END:
		if (redact)
			redact_end(t, &l);
		else
			child_text_end(t);
		return true;
	case CHILD_LINE_DAMAGED:
	default:
		return false;
	}
}

static int copy_file(struct child_lines *lines, int to_fd, const char *name, bool redact,
		     uint64_t *left_out)
{
	int fd = file_create(to_fd, name, O_WRONLY);
	SCOPED_FILE FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
	struct child_text t;
	char *line;
	size_t n;

	if (!out) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	while (child_lines_next(lines, &line, &n)) {
		if (!copy_of(&t, line, n, redact))
			++*left_out;
		else if (fwrite(t.p, 1, t.n, out) != t.n)
			return -1;
	}
	return fflush(out) ? -1 : 0;
}

int child_export(int from_fd, int to_fd, bool redact, uint64_t *ret_left_out)
{
	SCOPED_FREE struct child_lines *lines = mem_zalloc(1, sizeof(*lines));
	SCOPED_FREE char **files = NULL;
	size_t n = child_files(&files, from_fd);
	uint64_t left_out = 0;
	int err = 0;

	for (size_t i = 0; i < n; i++) {
		SCOPED_FREE char *file = files[i];
		SCOPED_FREE char *name = !redact ? mem_text(file, strlen(file)) :
					 i ? mem_printf("host-%zu" CHILD_SUFFIX, i + 1) :
					     mem_printf("host" CHILD_SUFFIX);

		if (err)
			continue;
		if (child_lines_open(lines, from_fd, file)) {
			left_out++;
			continue;
		}
		err = copy_file(lines, to_fd, name, redact, &left_out);
		child_lines_close(lines);
	}
	*ret_left_out = left_out;
	return err;
}
