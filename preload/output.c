#include "preload/output.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trace/fd.h"

/* A host name becomes part of a file name: letters, digits, '.' and '-' stay. */
void output_host(char out[OUTPUT_HOST_MAX], bool redact)
{
	if (redact || gethostname(out, OUTPUT_HOST_MAX) || !out[0])
		snprintf(out, OUTPUT_HOST_MAX, "host");
	out[OUTPUT_HOST_MAX - 1] = 0;
	for (char *p = out; *p; p++)
		if (!isalnum((unsigned char)*p) && *p != '.' && *p != '-')
			*p = '_';
	if (out[0] == '.')
		out[0] = '_';
}

int output_open(struct output *ret, const char *dir, uint64_t start_ns, bool redact)
{
	struct output out;
	char host[OUTPUT_HOST_MAX];
	int fd;

	if (mkdir(dir, 0700) && errno != EEXIST)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -1;
	out.dirfd = fd_move_high(fd);
	output_host(host, redact);
	snprintf(out.trace, sizeof(out.trace), "%s-%ld-%" PRIu64 ".jnt", host, (long)getpid(),
		 start_ns / 1000);
	snprintf(out.journal, sizeof(out.journal), "%s-%ld-%" PRIu64 ".jnj", host, (long)getpid(),
		 start_ns / 1000);
	*ret = out;
	return 0;
}

void output_close(struct output *out)
{
	close(out->dirfd);
	out->dirfd = -1;
}
