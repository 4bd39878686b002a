/*
 * mktrace: text -> trace, for fixtures. `mktrace DIR/NAME.jnt < TEXT`
 *
 *   # comment
 *   pid 7                  (before the first record)
 *   created 1000           (nanoseconds of CLOCK_REALTIME)
 *   kernel tid=3 start=10 end=20 name=1        fields by name, others 0
 *   string id=1 text="vec\x5fadd\0"            the blob by its name; \0 \n \\ \" \xNN
 *   repeat 1000 50 9       the next record 1000 times; times + 50 + 0..8 each, corr + 1
 *   99 tid=0 1 2 3         a kind this build does not know, with its columns
 *   flush 5                ends a frame; 5 records lost so far
 *   version 9              in the file header
 *   nolast                 the file ends inside its last frame
 *
 * Exit: 0, 1 with a line number on stderr.
 */
#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/err.h"
#include "trace/event.h"
#include "trace/frame.h"
#include "trace/writer.h"

struct row {
	unsigned kind, n;
	uint32_t tid;
	uint64_t field[EVENT_FIELDS_MAX];
	char blob[EVENT_BLOB_MAX];
	size_t blob_len;
};

struct make {
	const char *path;
	struct writer *w;
	uint32_t pid;
	uint64_t created;
	uint64_t repeat, step;
	uint64_t lost;
	unsigned line;
	uint64_t jitter;
	unsigned version;
	bool cut;
};

static _Noreturn void die(const struct make *m, const char *what, const char *which)
{
	fprintf(stderr, "mktrace: line %u: %s '%s'\n", m->line, what, which);
	exit(1);
}

static void check(const struct make *m, int err)
{
	if (err)
		die(m, "cannot write", trace_strerror(err));
}

static void open_trace(struct make *m)
{
	char *dir = strdup(m->path), *slash = strrchr(dir, '/');
	int fd;

	if (m->w)
		return;
	if (slash)
		*slash = 0;
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		die(m, "no directory", dir);
	check(m, writer_open(&m->w, fd, slash ? slash + 1 : m->path, m->pid, m->created, 0));
	close(fd);
	free(dir);
}

static const struct event_type *find_kind(const char *name)
{
	for (unsigned k = 0; k < EVENT_KIND_COUNT; k++)
		if (event_type_of(k) && !strcmp(event_type_of(k)->name, name))
			return event_type_of(k);
	return NULL;
}

static int hex_digit(int c)
{
	return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

/* From behind the opening quote to behind the closing one. */
static char *take_blob(struct row *r, char *p)
{
	while (*p && *p != '"') {
		int c = (unsigned char)*p++;

		if (c == '\\') {
			c = (unsigned char)*p++;
			if (c == '0') {
				c = 0;
			} else if (c == 'n') {
				c = '\n';
			} else if (c == 'x' && isxdigit((unsigned char)p[0]) &&
				   isxdigit((unsigned char)p[1])) {
				c = hex_digit((unsigned char)p[0]) * 16 +
				    hex_digit((unsigned char)p[1]);
				p += 2;
			}
		}
		if (r->blob_len < sizeof(r->blob))
			r->blob[r->blob_len++] = (char)c;
	}
	return *p ? p + 1 : p;
}

static void take_field(const struct make *m, struct row *r, const struct event_type *type,
		       char *name, char *value)
{
	uint64_t v = strtoull(value, NULL, 0);

	if (!strcmp(name, "tid")) {
		/* THREAD and others have a field of that name, too: it follows the row's own. */
		if (!r->tid || !type) {
			r->tid = (uint32_t)v;
			return;
		}
	}
	for (unsigned f = 0; type && f < type->n_fields; f++) {
		if (strcmp(type->field[f].name, name))
			continue;
		r->field[f] = value[0] == '-' ? (uint64_t)strtoll(value, NULL, 0) : v;
		return;
	}
	die(m, "unknown field", name);
}

static void take_row(const struct make *m, struct row *r, const struct event_type *type, char *p)
{
	for (;;) {
		char *name, *eq;

		p += strspn(p, " \t");
		if (!*p)
			return;
		name = p;
		eq = p + strcspn(p, "= ");
		if (*eq != '=') { /* a column without a name */
			r->field[r->n++] = strtoull(p, &p, 0);
			continue;
		}
		*eq++ = 0;
		if (*eq == '"') {
			p = take_blob(r, eq + 1);
			continue;
		}
		p = eq + strcspn(eq, " \t");
		if (*p)
			*p++ = 0;
		take_field(m, r, type, name, eq);
	}
}

/* Times move by the step, correlation ids by one. */
static void advance(struct row *r, const struct event_type *type, uint64_t step)
{
	for (unsigned f = 0; type && f < type->n_fields; f++) {
		if (type->field[f].type == FIELD_TIME && r->field[f])
			r->field[f] += step;
		else if (!strcmp(type->field[f].name, "corr") && r->field[f])
			r->field[f]++;
	}
}

static void add_row(struct make *m, const char *name, char *rest)
{
	static struct row r;
	const struct event_type *type = find_kind(name);

	memset(&r, 0, offsetof(struct row, blob));
	r.blob_len = 0;
	if (!type && !isdigit((unsigned char)name[0]))
		die(m, "unknown kind", name);
	r.kind = type ? type->kind : (unsigned)atoi(name);
	take_row(m, &r, type, rest);
	if (type)
		r.n = type->n_fields;
	open_trace(m);
	for (uint64_t i = 0, random = 1; i < m->repeat; i++) {
		check(m, writer_add(m->w, r.tid, (enum event_kind)r.kind, r.field, r.n, r.blob,
				    r.blob_len));
		random = random * 6364136223846793005u + 1442695040888963407u;
		advance(&r, type, m->step + (m->jitter ? (random >> 33) % m->jitter : 0));
	}
	m->repeat = 1;
	m->jitter = 0;
}

static void take_line(struct make *m, char *line)
{
	char *word = line + strspn(line, " \t");
	char *rest = word + strcspn(word, " \t");

	if (*rest)
		*rest++ = 0;
	if (!*word || *word == '#')
		return;
	if (!strcmp(word, "pid"))
		m->pid = (uint32_t)strtoul(rest, NULL, 0);
	else if (!strcmp(word, "created"))
		m->created = strtoull(rest, NULL, 0);
	else if (!strcmp(word, "repeat"))
		m->repeat = strtoull(rest, &rest, 0), m->step = strtoull(rest, &rest, 0),
		m->jitter = strtoull(rest, NULL, 0);
	else if (!strcmp(word, "version"))
		m->version = (unsigned)atoi(rest);
	else if (!strcmp(word, "nolast"))
		m->cut = true;
	else if (!strcmp(word, "flush"))
		open_trace(m), m->lost = strtoull(rest, NULL, 0),
			       check(m, writer_flush(m->w, m->lost));
	else
		add_row(m, word, rest);
}

static void set_version(const struct make *m)
{
	const struct file_header h = { .version = (uint16_t)m->version,
				       .header_bytes = FILE_HEADER_BYTES,
				       .created_ns = m->created,
				       .pid = m->pid };
	uint8_t bytes[FILE_HEADER_BYTES];
	int fd = open(m->path, O_WRONLY);

	file_header_put(bytes, &h);
	if (fd < 0 || pwrite(fd, bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		die(m, "cannot change", m->path);
	close(fd);
}

int main(int argc, char **argv)
{
	struct make m = { .path = argc > 1 ? argv[1] : "", .pid = 1, .created = 1, .repeat = 1 };
	static char line[EVENT_BLOB_MAX * 4 + 4096];
	uint64_t bytes;

	while (fgets(line, sizeof(line), stdin)) {
		m.line++;
		line[strcspn(line, "\n")] = 0;
		take_line(&m, line);
	}
	open_trace(&m);
	check(&m, writer_flush(m.w, m.lost));
	bytes = writer_bytes(m.w);
	writer_close(m.w);
	if (m.version)
		set_version(&m);
	if (m.cut && truncate(m.path, (off_t)bytes - 1))
		die(&m, "cannot cut", m.path);
	return 0;
}
