#include "decoder/session_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "trace/err.h"
#include "trace/reader.h"

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);

	return n > m && !strcmp(name + n - m, end);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void add(struct session_files *f, const char *name)
{
	MEM_MORE(f->names, f->n, f->cap);
	f->names[f->n++] = mem_text(name, strlen(name));
}

/* A stream of its own: closing it leaves dir_fd open. */
static DIR *dir_stream(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d && fd >= 0)
		close(fd);
	return d;
}

static int list_dir(struct session_files *f, const char *command)
{
	SCOPED_DIR DIR *d = dir_stream(f->dir_fd);
	struct dirent *e;

	if (!d)
		return say_fail(EXIT_INPUT, command, "cannot read directory '%s': %s", f->path,
				strerror(errno));
	while ((e = readdir(d)))
		if (ends_with(e->d_name, ".jnt"))
			add(f, e->d_name);
	if (!f->n)
		return say_fail(EXIT_INPUT, command,
				"no trace in '%s': no process there used CUDA, or none could be "
				"traced (see 'jitness doctor')",
				f->path);
	qsort(f->names, f->n, sizeof(*f->names), by_name);
	return EXIT_OK;
}

static int open_single(struct session_files *f)
{
	const char *slash = strrchr(f->path, '/');
	SCOPED_FREE char *dir = slash ? mem_text(f->path, (size_t)(slash - f->path) + 1) :
					mem_text(".", 1);

	f->single = true;
	add(f, slash ? slash + 1 : f->path);
	f->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return f->dir_fd;
}

int session_files_open(struct session_files *ret, const char *command, const char *path)
{
	struct session_files f = { .path = mem_text(path, strlen(path)), .dir_fd = -1 };
	struct stat st;
	int code = EXIT_OK;

	if (stat(path, &st)) {
		code = say_fail(EXIT_INPUT, command, "cannot open '%s': %s", path, strerror(errno));
	} else if (S_ISDIR(st.st_mode)) {
		f.dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		code = f.dir_fd < 0 ? say_fail(EXIT_INPUT, command, "cannot open '%s': %s", path,
					       strerror(errno)) :
				      list_dir(&f, command);
	} else if (!S_ISREG(st.st_mode)) {
		code = say_fail(EXIT_INPUT, command,
				"'%s' is neither a session's directory nor a trace", path);
	} else if (open_single(&f) < 0) {
		code = say_fail(EXIT_INPUT, command, "cannot open '%s': %s", path, strerror(errno));
	}
	if (code) {
		session_files_release(&f);
		return code;
	}
	*ret = f;
	return EXIT_OK;
}

void session_files_release(struct session_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->names[i]);
	free(f->names);
	free(f->path);
	if (f->dir_fd >= 0)
		close(f->dir_fd);
	*f = (struct session_files){ .dir_fd = -1 };
}

enum session_open session_files_reader(struct reader **ret, const struct session_files *f,
				       size_t i, const char *command)
{
	int err = reader_open(ret, f->dir_fd, f->names[i]);
	int open_errno = errno;
	SCOPED_FREE char *path = NULL;

	if (!err)
		return SESSION_OPEN;
	path = f->single ? mem_text(f->path, strlen(f->path)) :
			   mem_printf("%s%s%s", f->path, ends_with(f->path, "/") ? "" : "/",
				      f->names[i]);
	switch (err) {
	case TRACE_E_TRUNC:
		if (f->n == 1)
			say(command, "'%s' ends before its header does: nothing was recorded",
			    path);
		return SESSION_EMPTY;
	case TRACE_E_FORMAT:
		say(command, "'%s' is not a jitness trace", path);
		break;
	case TRACE_E_CORRUPT:
		say(command, "the header of '%s' is damaged", path);
		break;
	case TRACE_E_VERSION:
		say(command, "'%s' was written by a newer jitness; decode it with that one "
			     "(this is %s)", path, JITNESS_VERSION);
		break;
	case TRACE_E_IO:
	case TRACE_E_ACCESS:
		say(command, "cannot read '%s': %s", path, strerror(open_errno));
		break;
	default:
		say(command, "cannot read '%s': %s", path, trace_strerror(err));
		break;
	}
	return SESSION_FAILED;
}

bool session_files_any(int dir_fd)
{
	SCOPED_DIR DIR *d = dir_stream(dir_fd);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (ends_with(e->d_name, ".jnt") || ends_with(e->d_name, ".jnj"))
			return true;
	return false;
}
