/*
 * jitness dump: every record, one line each. --ndjson is the canonical form that
 * tools/jnt.py, the second reader, must reproduce byte for byte
 * (docs/trace-format.md, "Dump").
 */
#include <stdio.h>
#include <string.h>

#include "decoder/args.h"
#include "decoder/cmd.h"
#include "decoder/dump_ops.h"
#include "decoder/idmap.h"
#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/out.h"
#include "decoder/say.h"
#include "decoder/session_files.h"
#include "decoder/suggest.h"
#include "trace/err.h"
#include "trace/event.h"
#include "trace/reader.h"

struct dump {
	struct out out;
	unsigned only;        /* kind to show, or 0: all */
	bool ndjson;
	uint64_t zero;        /* text: times are shown relative to this; 0: not known yet */
	uint32_t pid;
	struct idmap strings; /* text: string id -> names */
	struct names names;
};

static const uint8_t *blob_of(const struct section *s, uint32_t i, size_t *ret_len)
{
	*ret_len = s->blob_at ? s->blob_at[i + 1] - s->blob_at[i] : 0;
	return s->blob_at ? s->blob + s->blob_at[i] : (const uint8_t *)"";
}

/* --- ndjson */

static void json_number(struct out *o, enum field_type type, uint64_t v)
{
	if (type == FIELD_INT)
		out_int(o, (int64_t)v);
	else
		out_uint(o, v);
}

static void json_known(struct out *o, const struct section *s, const struct event_type *type,
		       uint32_t i)
{
	for (unsigned f = 0; f < type->n_fields; f++) {
		out_string(o, ",\"");
		out_string(o, type->field[f].name);
		out_string(o, "\":");
		json_number(o, type->field[f].type, s->col[f][i]);
	}
	if (type->blob) {
		size_t len;
		const uint8_t *blob = blob_of(s, i, &len);

		out_string(o, ",\"");
		out_string(o, type->blob);
		out_string(o, "\":");
		out_json(o, blob, len);
	}
}

static void json_unknown(struct out *o, const struct section *s, uint32_t i)
{
	out_string(o, ",\"fields\":[");
	for (unsigned f = 0; f < s->n_cols; f++) {
		if (f)
			out_char(o, ',');
		out_uint(o, s->col[f][i]);
	}
	out_char(o, ']');
}

static void dump_ndjson(struct dump *d, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);
	struct out *o = &d->out;

	for (uint32_t i = 0; i < s->rows; i++) {
		out_string(o, "{\"kind\":");
		if (type) {
			out_char(o, '"');
			out_string(o, type->name);
			out_char(o, '"');
		} else {
			out_uint(o, s->kind);
		}
		out_string(o, ",\"tid\":");
		out_uint(o, s->tid);
		if (type)
			json_known(o, s, type, i);
		else
			json_unknown(o, s, i);
		out_string(o, "}\n");
	}
}

/* --- text */

/* Seconds since the tracer was loaded, nine decimals; "-" for an unknown time. */
static void text_time(struct dump *d, uint64_t t)
{
	uint64_t ns = t >= d->zero ? t - d->zero : d->zero - t;
	char text[40];

	if (!t) {
		out_char(&d->out, '-');
		return;
	}
	snprintf(text, sizeof(text), "%s%llu.%09llu", t >= d->zero ? "" : "-",
		 (unsigned long long)(ns / 1000000000), (unsigned long long)(ns % 1000000000));
	out_string(&d->out, text);
}

static void text_string(struct dump *d, uint64_t id)
{
	uint32_t i = idmap_get(&d->strings, id);

	if (i != IDMAP_NONE) {
		out_char(&d->out, '"');
		out_text(&d->out, d->names.list[i].text, d->names.list[i].len);
		out_char(&d->out, '"');
	} else if (id) {
		out_char(&d->out, '?');
		out_uint(&d->out, id);
	} else {
		out_char(&d->out, '-');
	}
}

static void text_field(struct dump *d, const struct section *s, const struct event_type *type,
		       unsigned f, uint32_t i)
{
	uint64_t v = s->col[f][i];
	const char *name;

	out_char(&d->out, ' ');
	out_string(&d->out, type->field[f].name);
	out_char(&d->out, '=');
	switch (type->field[f].type) {
	case FIELD_TIME:
		text_time(d, v);
		break;
	case FIELD_HEX:
		out_hex(&d->out, v);
		break;
	case FIELD_INT:
		out_int(&d->out, (int64_t)v);
		break;
	case FIELD_STRING:
		text_string(d, v);
		break;
	case FIELD_ENUM:
		name = event_enum_name(s->kind, f, v);
		if (name)
			out_text(&d->out, name, strlen(name));
		else
			out_uint(&d->out, v);
		break;
	case FIELD_UINT:
		out_uint(&d->out, v);
		break;
	}
}

/* Several strings in one blob are separated by NUL: shown as one list. */
static void text_blob(struct dump *d, const char *name, const uint8_t *blob, size_t len)
{
	out_char(&d->out, ' ');
	out_string(&d->out, name);
	out_string(&d->out, "=\"");
	while (len && !blob[len - 1])
		len--;
	for (size_t i = 0; i < len;) {
		size_t n = strnlen((const char *)blob + i, len - i);

		if (i)
			out_string(&d->out, "\" \"");
		out_text(&d->out, blob + i, n);
		i += n + 1;
	}
	out_char(&d->out, '"');
}

static void dump_text(struct dump *d, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);
	bool timed = type && type->field[0].type == FIELD_TIME;

	for (uint32_t i = 0; i < s->rows; i++) {
		size_t len;
		const uint8_t *blob = blob_of(s, i, &len);

		text_time(d, timed ? s->col[0][i] : 0);
		out_char(&d->out, ' ');
		out_uint(&d->out, d->pid);
		out_char(&d->out, '/');
		out_uint(&d->out, s->tid);
		out_char(&d->out, ' ');
		if (type) {
			out_string(&d->out, type->name);
			for (unsigned f = 0; f < type->n_fields; f++)
				text_field(d, s, type, f, i);
			if (type->blob)
				text_blob(d, type->blob, blob, len);
		} else {
			out_string(&d->out, "kind-");
			out_uint(&d->out, s->kind);
			for (unsigned f = 0; f < s->n_cols; f++) {
				out_char(&d->out, ' ');
				out_uint(&d->out, s->col[f][i]);
			}
		}
		out_char(&d->out, '\n');
	}
}

/* What the text view must remember: strings, and where time starts if nothing says when the tracer was loaded. */
static void remember(struct dump *d, const struct section *s)
{
	const struct event_type *type = event_type_of(s->kind);

	if (!d->zero && s->rows && type && type->field[0].type == FIELD_TIME)
		d->zero = s->col[0][0];
	if (s->kind != EVENT_STRING)
		return;
	for (uint32_t i = 0; i < s->rows; i++) {
		size_t len;
		const uint8_t *blob = blob_of(s, i, &len);

		if (idmap_get(&d->strings, s->col[STRING_ID][i]) == IDMAP_NONE)
			idmap_put(&d->strings, s->col[STRING_ID][i],
				  names_put(&d->names, blob, len));
	}
}

/* When the tracer was loaded: that row may lie behind others. 0: it is not there. */
static uint64_t loaded_at(const struct session_files *f, size_t i)
{
	const uint32_t columns[EVENT_KIND_COUNT] = { [EVENT_PROCESS] = 1u << PROCESS_TIME };
	struct reader *r = NULL;
	struct section s;
	uint64_t ret = 0;

	if (session_files_reader(&r, f, i, "dump") != SESSION_OPEN)
		return 0;
	reader_want(r, columns);
	while (!ret && reader_next(r, &s) == 1)
		ret = s.kind == EVENT_PROCESS && s.rows ? s.col[PROCESS_TIME][0] : 0;
	reader_close(r);
	return ret;
}

static int dump_one(struct dump *d, const struct session_files *f, size_t i)
{
	struct reader *r = NULL;
	struct section s;
	int err;

	switch (session_files_reader(&r, f, i, "dump")) {
	case SESSION_EMPTY:
		return f->n == 1 ? EXIT_INPUT : EXIT_OK;
	case SESSION_FAILED:
		return EXIT_INPUT;
	case SESSION_OPEN:
		break;
	}
	d->zero = d->ndjson ? 0 : loaded_at(f, i);
	d->pid = reader_status(r)->pid;
	while ((err = reader_next(r, &s)) == 1) {
		if (s.kind == EVENT_COVERAGE)
			continue;
		if (!d->ndjson)
			remember(d, &s);
		if (d->only && s.kind != d->only)
			continue;
		if (d->ndjson)
			dump_ndjson(d, &s);
		else
			dump_text(d, &s);
		if (ferror(stdout))
			break;
	}
	reader_close(r);
	idmap_release(&d->strings);
	if (err < 0) {
		out_flush(&d->out);
		return say_fail(err == TRACE_E_NOMEM ? EXIT_SYSTEM : EXIT_INPUT, "dump",
				"'%s' could not be read to its end: %s", f->names[i],
				trace_strerror(err));
	}
	return EXIT_OK;
}

static int find_kind(unsigned *ret, const char *name)
{
	struct suggest s = SUGGEST_INIT(name, strlen(name));

	for (unsigned k = 1; k < EVENT_KIND_COUNT; k++) {
		const struct event_type *type = event_type_of(k);

		if (!type || k == EVENT_COVERAGE)
			continue;
		if (!strcmp(type->name, name)) {
			*ret = k;
			return EXIT_OK;
		}
		suggest_offer(&s, type->name);
	}
	if (s.best)
		return say_fail(EXIT_USAGE, "dump",
				"'%s' is not a kind of record; did you mean '%s'?", name, s.best);
	return say_fail(EXIT_USAGE, "dump",
			"'%s' is not a kind of record; see docs/trace-format.md", name);
}

int cmd_dump(int argc, char **argv)
{
	const char *dir = NULL, *kind = NULL;
	bool ndjson = false, ops = false;
	const struct arg table[] = {
		{ .flag = "ndjson",
		  .on = &ndjson,
		  .help = "one JSON object a line, in file order" },
		{ .flag = "kind",
		  .value = "NAME",
		  .text = &kind,
		  .help = "only records of this kind (kernel, launch, module, ...)" },
		{ .flag = "ops",
		  .on = &ops,
		  .help = "launches with what ran for them, copies and syncs, in the host's order" },
	};
	const struct args args = {
		.command = "dump",
		.synopsis = "DIR [--ndjson] [--kind NAME] [--ops]",
		.about = "Every record, one line each: seconds since the tracer was loaded, "
			 "process/thread, kind,\nfields. DIR is a session's directory or a single "
			 "trace.",
		.table = table,
		.count = sizeof(table) / sizeof(table[0]),
		.min_words = 1,
		.max_words = 1,
		.usage_code = EXIT_USAGE,
	};
	struct session_files files;
	struct dump *d;
	unsigned only = 0;
	size_t n;
	int code;

	if (!args_parse(&args, argc, argv, &dir, &n, &code))
		return code;
	if (ops && (ndjson || kind))
		return say_fail(EXIT_USAGE, "dump", "--ops goes without %s",
				ndjson ? "--ndjson" : "--kind");
	if (ops)
		return dump_ops(dir);
	if (kind && (code = find_kind(&only, kind)))
		return code;
	code = session_files_open(&files, "dump", dir);
	if (code)
		return code;
	d = mem_zalloc(1, sizeof(*d));
	d->ndjson = ndjson;
	d->only = only;
	for (size_t i = 0; i < files.n; i++) {
		int one = dump_one(d, &files, i);

		code = one ? one : code;
	}
	out_flush(&d->out);
	names_release(&d->names);
	free(d);
	session_files_release(&files);
	return code;
}
