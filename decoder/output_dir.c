#include "decoder/output_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "decoder/child_line.h"
#include "decoder/mem.h"
#include "decoder/process_end.h"
#include "decoder/say.h"
#include "decoder/session_files.h"

#define NAME_TRIES 100

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* Two runs in one second get -2, -3, ...; NULL with errno when none could be made. */
static char *make_default(const char *command_name)
{
	char stamp[32];
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 1; i <= NAME_TRIES; i++) {
		char again[16] = "";
		char *name;

		if (i > 1)
			snprintf(again, sizeof(again), "-%d", i);
		name = mem_printf("%.200s-%s%s.jitness", base_name(command_name), stamp, again);
		if (!mkdir(name, 0700))
			return name;
		free(name);
		if (errno != EEXIST)
			break;
	}
	return NULL;
}

static enum output_dir_result unusable(const char *path, const struct output_dir_user *user)
{
	bool is_link = errno == ELOOP || errno == ENOTDIR;
	struct stat st;

	if (is_link && !lstat(path, &st))
		say(user->command, "'%s' is %s%s", path,
		    S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory", user->otherwise);
	else
		say(user->command, "cannot use directory '%s': %s%s", path, strerror(errno),
		    user->otherwise);
	return OUTPUT_DIR_UNUSABLE;
}

enum output_dir_result output_dir_open(struct output_dir *ret, const char *path,
				       const struct output_dir_user *user)
{
	SCOPED_FREE char *name = path ? mem_text(path, strlen(path)) : make_default(user->name);
	struct output_dir d = { .fd = -1 };

	if (!name) {
		say(user->command, "cannot make a directory here: %s%s", strerror(errno),
		    user->otherwise);
		return OUTPUT_DIR_UNUSABLE;
	}
	/* "dir/" would follow a link that "dir" names. */
	for (size_t n = strlen(name); n > 1 && name[n - 1] == '/'; n--)
		name[n - 1] = 0;
	d.made = !path || !mkdir(name, 0700);
	if (!d.made && errno != EEXIST)
		return unusable(name, user);
	d.fd = open(name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (d.fd < 0)
		return unusable(name, user);
	if (!d.made && session_files_any(d.fd)) {
		say(user->command,
		    "'%s' already holds a session; choose another directory with -o", name);
		close(d.fd);
		return OUTPUT_DIR_TAKEN;
	}
	d.path = realpath(name, NULL);
	if (!d.path || faccessat(d.fd, ".", W_OK | X_OK, AT_EACCESS)) {
		unusable(name, user);
		output_dir_release(&d);
		return OUTPUT_DIR_UNUSABLE;
	}
	*ret = d;
	return OUTPUT_DIR_READY;
}

void output_dir_release(struct output_dir *d)
{
	free(d->path);
	if (d->fd >= 0)
		close(d->fd);
	*d = (struct output_dir){ .fd = -1 };
}

void output_dir_drop_children(const struct output_dir *d)
{
	SCOPED_FREE char **files = NULL;
	size_t n;

	if (session_files_any(d->fd))
		return;
	n = child_files(&files, d->fd);
	for (size_t i = 0; i < n; i++) {
		unlinkat(d->fd, files[i], 0);
		free(files[i]);
	}
}

void output_dir_remove(const struct output_dir *d)
{
	if (session_files_any(d->fd))
		return;
	output_dir_drop_children(d);
	unlinkat(d->fd, SESSION_LOG, 0);
	rmdir(d->path);
}

int output_dir_log(const struct output_dir *d, const char *line)
{
	SCOPED_FREE char *text = mem_printf("%s\n", line);
	size_t n = strlen(text);
	SCOPED_FD int fd = openat(d->fd, SESSION_LOG,
				  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	return write(fd, text, n) == (ssize_t)n ? 0 : -1;
}
