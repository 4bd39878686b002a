#include "decoder/session_ops.h"

#include <string.h>

#include "decoder/cmd.h"
#include "decoder/process_model.h"
#include "decoder/say.h"
#include "decoder/session_files.h"
#include "decoder/session_model.h"
#include "trace/err.h"
#include "trace/reader.h"

static int run(const struct process *p, const struct session_files *f, size_t i, const char *command,
	       uint64_t stride, op_fn fn, void *arg, struct op_stream_status *ret)
{
	struct reader *r;
	int err;

	/* It had a header a moment ago: without one there is nothing to give out. */
	switch (session_files_reader(&r, f, i, command)) {
	case SESSION_EMPTY:
		return EXIT_OK;
	case SESSION_FAILED:
		return EXIT_INPUT;
	case SESSION_OPEN:
		break;
	}
	err = op_stream_run(p, r, stride, fn, arg, ret);
	reader_close(r);
	if (err)
		return say_fail(err == TRACE_E_NOMEM ? EXIT_SYSTEM : EXIT_INPUT, command,
				"'%s' could not be read to its end: %s", p->file,
				trace_strerror(err));
	return EXIT_OK;
}

int session_ops(const struct session *s, const char *command, size_t process, uint64_t stride, op_fn fn,
		void *arg, struct op_stream_status *ret)
{
	const struct process *p = s->list[process];
	struct session_files f;
	int code;

	*ret = (struct op_stream_status){ 0 };
	if (!p->launch.count)
		return EXIT_OK; /* spare the reading */
	code = session_files_open(&f, command, s->path);
	if (code)
		return code;
	code = -1;
	for (size_t i = 0; i < f.n && code < 0; i++)
		if (!strcmp(f.names[i], p->file))
			code = run(p, &f, i, command, stride, fn, arg, ret);
	session_files_release(&f);
	if (code < 0)
		return say_fail(EXIT_INPUT, command, "'%s' is not in '%s' any more", p->file,
				s->path);
	return code;
}
