#include "decoder/dump_ops.h"

#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/out.h"
#include "decoder/process_model.h"
#include "decoder/say.h"
#include "decoder/session_model.h"
#include "decoder/session_ops.h"
#include "trace/event.h"

struct dump_ops {
	struct out out;
	const struct session *session;
	const struct process *p;
	uint64_t zero; /* when the process's tracer was loaded */
};

/* Seconds, as in the other views of dump. */
static void put_time(struct dump_ops *d, const char *key, uint64_t t)
{
	uint64_t ns = t >= d->zero ? t - d->zero : d->zero - t;
	char text[40];

	out_string(&d->out, key);
	if (!t) {
		out_char(&d->out, '-');
		return;
	}
	snprintf(text, sizeof(text), "%s%llu.%09llu", t >= d->zero ? "" : "-",
		 (unsigned long long)(ns / 1000000000), (unsigned long long)(ns % 1000000000));
	out_string(&d->out, text);
}

static void put_uint(struct dump_ops *d, const char *key, uint64_t v)
{
	out_string(&d->out, key);
	out_uint(&d->out, v);
}

static void put_enum(struct dump_ops *d, const char *key, unsigned kind, unsigned field, uint64_t v)
{
	const char *name = event_enum_name(kind, field, v);

	out_string(&d->out, key);
	if (name)
		out_string(&d->out, name);
	else
		out_uint(&d->out, v);
}

static void put_symbol(struct dump_ops *d, const struct op *op)
{
	const struct names *names = &d->session->names;

	switch ((enum op_kind)op->kind) {
	case OP_KERNEL:
		out_string(&d->out, " kernel name=");
		if (op->symbol == OP_SYMBOL_NONE) {
			out_char(&d->out, '-');
			break;
		}
		out_char(&d->out, '"');
		out_text(&d->out, names->list[op->symbol].text, names->list[op->symbol].len);
		out_char(&d->out, '"');
		put_uint(d, " grid=", op->grid);
		put_uint(d, " block=", op->block);
		break;
	case OP_GRAPH:
		out_string(&d->out, " graph graph=");
		if (op->symbol == OP_SYMBOL_NONE)
			out_char(&d->out, '-');
		else
			out_uint(&d->out, op->symbol);
		put_uint(d, " kernels=", op->grid);
		break;
	case OP_MEMCPY:
		put_enum(d, " memcpy copy_kind=", EVENT_MEMCPY, MEMCPY_COPY_KIND, op->symbol);
		put_uint(d, " bytes=", op->bytes);
		break;
	case OP_MEMSET:
		put_uint(d, " memset bytes=", op->bytes);
		break;
	case OP_SYNC:
		put_enum(d, " sync type=", EVENT_SYNC, SYNC_TYPE, op->symbol);
		break;
	case OP_UPDATE:
		put_uint(d, " update graph=", op->symbol);
		break;
	}
}

static bool put(void *arg, const struct op *op)
{
	struct dump_ops *d = arg;

	put_time(d, "", op->host_start ? op->host_start : op->gpu_start);
	put_uint(d, " ", d->p->pid);
	put_uint(d, "/", op->tid);
	put_symbol(d, op);
	put_uint(d, " corr=", op->corr);
	put_time(d, " host_start=", op->host_start);
	put_time(d, " host_end=", op->host_end);
	put_time(d, " gpu_start=", op->gpu_start);
	put_time(d, " gpu_end=", op->gpu_end);
	put_uint(d, " context=", op->context);
	put_uint(d, " stream=", op->stream);
	out_string(&d->out, op->captured ? " captured\n" : "\n");
	return !ferror(stdout);
}

/* What is missing above is said below it. */
static void put_status(struct dump_ops *d, const struct op_stream_status *s)
{
	put_uint(d, "# ", d->p->pid);
	put_uint(d, " ops=", s->ops);
	put_uint(d, " captured=", s->captured);
	put_uint(d, " unmatched=", s->unmatched);
	put_uint(d, " orphans=", s->orphans);
	put_uint(d, " late=", s->late);
	put_uint(d, " unplaced=", s->unplaced);
	out_char(&d->out, '\n');
}

int dump_ops(const char *path)
{
	struct session session;
	struct dump_ops *d;
	int code = session_load(&session, "dump", path);

	/* Some traces may have been read even so. */
	if (code && !(code == EXIT_INPUT && session.n))
		return code;
	d = mem_zalloc(1, sizeof(*d));
	d->session = &session;
	for (size_t i = 0; i < session.n; i++) {
		struct op_stream_status status;
		int one;

		d->p = session.list[i];
		d->zero = d->p->loaded ? d->p->loaded : d->p->first;
		one = session_ops(&session, "dump", i, 1, put, d, &status);
		put_status(d, &status);
		code = one ? one : code;
	}
	out_flush(&d->out);
	free(d);
	session_release(&session);
	return code;
}
