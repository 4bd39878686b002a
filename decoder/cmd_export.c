/*
 * jitness export: a session written again. Damaged or cut-off traces come out
 * whole, with what was recovered from their journals; --redact leaves out what
 * must not leave the house (trace/redact.h, docs/sharing.md).
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "decoder/args.h"
#include "decoder/child_export.h"
#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/output_dir.h"
#include "decoder/process_end.h"
#include "decoder/say.h"
#include "decoder/session_files.h"
#include "trace/err.h"
#include "trace/event.h"
#include "trace/reader.h"
#include "trace/redact.h"
#include "trace/writer.h"

struct blob {
	const uint8_t *p;
	size_t len;
};

struct export {
	const struct session_files *from;
	struct output_dir to;
	bool redact;
	uint64_t left_out; /* records of kinds that this version cannot write */
	char room[EVENT_BLOB_MAX]; /* a blob after redaction */
};

/* INFO: key NUL value. False: the pair stays here. */
static bool redact_pair(struct export *x, struct blob *b)
{
	const char *key = (const char *)b->p;
	size_t key_len = strnlen(key, b->len);
	size_t head = key_len + 1, n;

	if (head > b->len || head >= sizeof(x->room))
		return false;
	switch (redact_info_rule(key, key_len)) {
	case REDACT_KEEP:
		return true;
	case REDACT_PATH:
		n = redact_path(x->room + head, sizeof(x->room) - head, key + head, b->len - head);
		break;
	case REDACT_CMDLINE:
		n = redact_cmdline(x->room + head, sizeof(x->room) - head, key + head,
				   b->len - head);
		break;
	case REDACT_DROP:
	default:
		return false;
	}
	memcpy(x->room, key, head);
	*b = (struct blob){ (const uint8_t *)x->room, head + n };
	return true;
}

/* Blobs of strings with a NUL between: those of `paths` (bit i: the i-th) become shareable. */
static void redact_strings(struct export *x, struct blob *b, unsigned paths)
{
	size_t used = 0;

	for (unsigned i = 0;; i++) {
		const char *text = (const char *)b->p;
		size_t n = strnlen(text, b->len), room = sizeof(x->room) - used - 1;

		if (i < 8 && paths >> i & 1 && memchr(text, '/', n)) {
			used += redact_path(x->room + used, room, text, n);
		} else {
			memcpy(x->room + used, text, n < room ? n : room);
			used += n < room ? n : room;
		}
		if (n == b->len)
			break;
		x->room[used++] = 0;
		b->p += n + 1;
		b->len -= n + 1;
	}
	*b = (struct blob){ (const uint8_t *)x->room, used };
}

/* False: the record is left out. */
static bool redact_row(struct export *x, uint16_t kind, uint64_t *fields, struct blob *b)
{
	switch (kind) {
	case EVENT_INFO:
		return redact_pair(x, b);
	case EVENT_PROCESS:
		fields[PROCESS_REDACTED] = 1;
		return true;
	case EVENT_LOAD:
	case EVENT_JIT:
		b->len =
			b->len ? redact_path(x->room, sizeof(x->room), (const char *)b->p, b->len)
			       : 0;
		b->p = (const uint8_t *)x->room;
		return true;
	case EVENT_FRAME:
	case EVENT_OBJECT:
		redact_strings(x, b, 1u << 0);
		return true;
	case EVENT_COMPILE:
	case EVENT_RANGE: /* the program's own text stays, but for what may be a path */
		redact_strings(x, b, 1u << 0 | 1u << 1);
		return true;
	case EVENT_NOTE: /* a sentence of the tracer, but it may name a path */
		b->len = 0;
		return true;
	default:
		/* What this version does not know it cannot judge. */
		x->left_out += !event_type_of(kind);
		return event_type_of(kind) != NULL;
	}
}

static int copy_section(struct export *x, struct writer *w, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);
	unsigned n = x->redact && type && s->n_cols > type->n_fields ? type->n_fields : s->n_cols;

	if (type && n < type->n_fields)
		n = type->n_fields;
	for (uint32_t i = 0; i < s->rows; i++) {
		struct blob b = { (const uint8_t *)"", 0 };
		uint64_t fields[EVENT_FIELDS_MAX];
		int err;

		for (unsigned f = 0; f < EVENT_FIELDS_MAX; f++)
			fields[f] = s->col[f][i];
		if (s->blob_at)
			b = (struct blob){ s->blob + s->blob_at[i],
					   s->blob_at[i + 1] - s->blob_at[i] };
		if (x->redact && !redact_row(x, s->kind, fields, &b))
			continue;
		err = writer_add(w, s->tid, (enum event_kind)s->kind, fields, n, b.p, b.len);
		if (err == TRACE_E_LIMIT && !type)
			x->left_out++;
		else if (err)
			return err;
	}
	return 0;
}

/* The reader's error, or the writer's in *ret_write. */
static int copy_records(struct export *x, struct reader *r, struct writer *w, int *ret_write)
{
	struct section s;
	int err;

	*ret_write = 0;
	while ((err = reader_next(r, &s)) == 1) {
		if (s.kind == EVENT_COVERAGE)
			continue;
		*ret_write = copy_section(x, w, &s);
		if (*ret_write)
			return 0;
	}
	*ret_write = writer_flush(w, reader_status(r)->lost);
	return err;
}

static int cannot_write(const struct export *x, int err)
{
	const char *why = (err == TRACE_E_IO || err == TRACE_E_FULL) && errno ? strerror(errno) :
										trace_strerror(err);

	return say_fail(EXIT_SYSTEM, "export", "cannot write to '%s': %s", x->to.path, why);
}

/* <host>-<pid>-<start>.jnt names the host: redacted, it is called "host". */
static char *target_name(const struct export *x, const struct reader_status *st, const char *name,
			 int again)
{
	if (!x->redact)
		return mem_text(name, strlen(name));
	if (!again)
		return mem_printf("host-%" PRIu32 "-%" PRIu64 ".jnt", st->pid, st->created_ns);
	return mem_printf("host-%" PRIu32 "-%" PRIu64 "-%d.jnt", st->pid, st->created_ns,
			  again + 1);
}

static int open_target(struct writer **ret, const struct export *x, const struct reader_status *st,
		       const char *name)
{
	int err = TRACE_E_EXISTS;

	for (int again = 0; err == TRACE_E_EXISTS && again < 100; again++) {
		SCOPED_FREE char *target = target_name(x, st, name, again);

		err = writer_open(ret, x->to.fd, target, st->pid, st->created_ns, 0);
	}
	return err;
}

static int export_one(struct export *x, size_t i)
{
	struct reader *r = NULL;
	struct writer *w = NULL;
	int err, write_err;

	switch (session_files_reader(&r, x->from, i, "export")) {
	case SESSION_EMPTY:
		return x->from->n == 1 ? EXIT_INPUT : EXIT_OK;
	case SESSION_FAILED:
		return EXIT_INPUT;
	case SESSION_OPEN:
		break;
	}
	err = open_target(&w, x, reader_status(r), x->from->names[i]);
	if (err) {
		reader_close(r);
		return cannot_write(x, err);
	}
	err = copy_records(x, r, w, &write_err);
	writer_close(w);
	reader_close(r);
	if (write_err)
		return cannot_write(x, write_err);
	if (err)
		return say_fail(EXIT_INPUT, "export", "'%s' could not be read to its end: %s",
				x->from->names[i], trace_strerror(err));
	return EXIT_OK;
}

/* Redacted: only how processes ended, rebuilt from numbers. NULL: leave the line out. */
static char *log_line(const struct export *x, const char *line)
{
	cJSON *o = cJSON_Parse(line);
	const cJSON *event = cJSON_GetObjectItemCaseSensitive(o, "event");
	const cJSON *pid = cJSON_GetObjectItemCaseSensitive(o, "pid");
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(o, "status");
	const cJSON *sig = cJSON_GetObjectItemCaseSensitive(o, "signal");
	char *out = NULL;

	if (o && !x->redact)
		out = mem_text(line, strcspn(line, "\n"));
	else if (cJSON_IsString(event) && !strcmp(event->valuestring, "exit") &&
		 cJSON_IsNumber(pid) && (cJSON_IsNumber(status) || cJSON_IsNumber(sig)))
		out = mem_printf("{\"event\":\"exit\",\"pid\":%d,\"%s\":%d}", pid->valueint,
				 sig ? "signal" : "status", sig ? sig->valueint : status->valueint);
	cJSON_Delete(o);
	return out;
}

static int copy_log(struct export *x)
{
	SCOPED_FILE FILE *f = NULL;
	SCOPED_FREE char *line = NULL;
	size_t room = 0;
	int fd = openat(x->from->dir_fd, SESSION_LOG, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f && fd >= 0)
		close(fd);
	while (f && getline(&line, &room, f) > 0) {
		SCOPED_FREE char *kept = log_line(x, line);

		if (kept && output_dir_log(&x->to, kept))
			return cannot_write(x, TRACE_E_IO);
	}
	return EXIT_OK;
}

static int copy_children(struct export *x)
{
	uint64_t left_out;

	if (child_export(x->from->dir_fd, x->to.fd, x->redact, &left_out))
		return cannot_write(x, TRACE_E_IO);
	if (left_out)
		say("export", "%" PRIu64 " damaged lines about compilers were left out", left_out);
	return EXIT_OK;
}

static int export_session(const char *dir, const char *out, bool redact)
{
	const struct output_dir_user user = { "export", "", "export" };
	struct session_files files;
	struct export *x;
	int code = session_files_open(&files, "export", dir);

	if (code)
		return code;
	x = mem_zalloc(1, sizeof(*x));
	x->from = &files;
	x->redact = redact;
	if (output_dir_open(&x->to, out, &user) != OUTPUT_DIR_READY) {
		code = EXIT_SYSTEM;
	} else {
		for (size_t i = 0; i < files.n && code != EXIT_SYSTEM; i++) {
			int one = export_one(x, i);

			code = one ? one : code;
		}
		if (!code && !files.single)
			code = copy_log(x);
		if (!code && !files.single)
			code = copy_children(x);
		if (x->left_out)
			say("export",
			    "%" PRIu64 " records of kinds that this version does not know "
			    "were left out",
			    x->left_out);
		output_dir_release(&x->to);
	}
	free(x);
	session_files_release(&files);
	return code;
}

int cmd_export(int argc, char **argv)
{
	const char *dir = NULL, *format = "jitness", *out = NULL;
	bool redact = false;
	const struct arg table[] = {
		{ .flag = "format", .value = "jitness", .text = &format,
		  .help = "jitness: a session again, repaired (default)" },
		{ .flag = "output", .letter = 'o', .value = "DIR", .text = &out,
		  .help = "directory to write; it must not hold a session" },
		{ .flag = "redact", .on = &redact,
		  .help = "leave out user paths, arguments, host and user names" },
	};
	const struct args args = {
		.command = "export",
		.synopsis = "DIR [--format jitness] [--redact] -o OUT",
		.about = "Writes a session again: traces that were cut off come out whole, with "
			 "what "
			 "their\njournals held; with --redact, fit for sharing.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (strcmp(format, "jitness"))
		return say_fail(EXIT_USAGE, "export", "'%s' is not a format; there is: jitness",
				format);
	if (!out)
		return say_fail(EXIT_USAGE, "export", "no output given; say where with -o DIR");
	return export_session(dir, out, redact);
}
