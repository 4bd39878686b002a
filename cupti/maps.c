#include "cupti/maps.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* linux/fs.h of Linux 6.11; older build machines lack it. */
struct procmap_query_ {
	uint64_t size;
	uint64_t query_flags;
	uint64_t query_addr;
	uint64_t vma_start, vma_end, vma_flags, vma_page_size, vma_offset, inode;
	uint32_t dev_major, dev_minor;
	uint32_t vma_name_size;
	uint32_t build_id_size;
	uint64_t vma_name_addr;
	uint64_t build_id_addr;
};
#define PROCMAP_QUERY_ _IOWR('f', 17, struct procmap_query_)
_Static_assert(sizeof(struct procmap_query_) == 104, "linux/fs.h");

#define MAPS_PATH  "/proc/self/maps"
#define MAPS_READ  4096
#define MAPS_LINE  (4096 + 128)

static const char *hex(const char *p, uint64_t *ret)
{
	uint64_t v = 0;

	for (;; p++) {
		if (*p >= '0' && *p <= '9')
			v = v << 4 | (uint64_t)(*p - '0');
		else if (*p >= 'a' && *p <= 'f')
			v = v << 4 | (uint64_t)(*p - 'a' + 10);
		else
			break;
	}
	*ret = v;
	return p;
}

/* "start-end perms offset dev inode   path" */
static bool line_parse(const char *line, struct maps_entry *ret, const char **path)
{
	uint64_t start, end, offset;
	const char *p = hex(line, &start);

	if (*p++ != '-')
		return false;
	p = hex(p, &end);
	if (*p++ != ' ')
		return false;
	while (*p && *p != ' ')
		p++;
	if (*p++ != ' ')
		return false;
	p = hex(p, &offset);
	for (int field = 0; field < 2; field++) { /* dev, inode */
		while (*p == ' ')
			p++;
		while (*p && *p != ' ')
			p++;
	}
	while (*p == ' ')
		p++;
	*ret = (struct maps_entry){ (uintptr_t)start, (uintptr_t)end, offset };
	*path = p;
	return true;
}

int maps_each(maps_fn fn, void *arg)
{
	char line[MAPS_LINE], chunk[MAPS_READ];
	size_t len = 0;
	struct maps_entry e;
	const char *path;
	ssize_t n;
	int fd = open(MAPS_PATH, O_RDONLY | O_CLOEXEC), saved_errno;

	if (fd < 0)
		return -1;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0) {
			if (errno == EINTR)
				continue;
			goto close_fd;
		}
		for (ssize_t i = 0; i < n; i++) {
			if (chunk[i] != '\n') {
				if (len < sizeof(line) - 1)
					line[len++] = chunk[i];
				continue;
			}
			line[len] = 0;
			len = 0;
			if (line_parse(line, &e, &path) && !fn(arg, &e, path)) {
				close(fd);
				return 0;
			}
		}
	}
	close(fd);
	return 0;

close_fd:
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return -1;
}

struct find_arg {
	uintptr_t addr;
	struct maps_entry *ret;
	char *path;
	size_t path_size;
	bool found;
};

static bool find_entry(void *arg, const struct maps_entry *e, const char *path)
{
	struct find_arg *f = arg;
	size_t len = strlen(path);

	if (f->addr < e->start || f->addr >= e->end)
		return f->addr >= e->end;
	if (len >= f->path_size)
		len = f->path_size - 1;
	memcpy(f->path, path, len);
	f->path[len] = 0;
	*f->ret = *e;
	f->found = true;
	return false;
}

/* 1 found, 0 nothing mapped there, -1 this kernel cannot say. */
static int query(uintptr_t addr, struct maps_entry *ret, char *path, size_t path_size)
{
	struct procmap_query_ q = { .size = sizeof(q), .query_addr = addr };
	int fd, rc;

	/* The kernel wants 0 or at most PATH_MAX. */
	q.vma_name_size = path_size > 4096 ? 4096 : (uint32_t)path_size;
	q.vma_name_addr = (uintptr_t)path;
	fd = open(MAPS_PATH, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	rc = ioctl(fd, PROCMAP_QUERY_, &q);
	if (rc < 0)
		rc = errno == ENOENT ? 0 : -1;
	else
		rc = 1;
	close(fd);
	if (rc < 1)
		return rc;
	if (!q.vma_name_size)
		path[0] = 0;
	*ret = (struct maps_entry){ (uintptr_t)q.vma_start, (uintptr_t)q.vma_end, q.vma_offset };
	return 1;
}

/*
 * True when the page at addr is private anonymous memory: heap, stack, or a page
 * of a file that was written to. One read of 8 bytes, where the text form of a
 * PyTorch process costs milliseconds (1,500 lines; measured 1 to 5 ms).
 */
static bool anonymous(uintptr_t addr)
{
	uint64_t entry = 0;
	ssize_t n;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = pread(fd, &entry, sizeof(entry), (off_t)(addr / 4096 * sizeof(entry)));
	close(fd);
	/* Bit 63: present; bit 61: page of a file or shared memory. */
	return n == sizeof(entry) && entry >> 63 && !(entry >> 61 & 1);
}

/* Where the kernel began the heap: 0 when it does not say. Field 47 of "pid (name) S ppid ...". */
static uintptr_t heap_begin(void)
{
	char text[1024];
	uintptr_t at = 0;
	const char *p;
	ssize_t n;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	p = strrchr(text, ')');
	for (int field = 2; p && field < 47; field++)
		p = strchr(p + 1, ' ');
	for (p = p ? p + 1 : ""; *p >= '0' && *p <= '9'; p++)
		at = at * 10 + (uintptr_t)(*p - '0');
	return at;
}

bool maps_heap(uintptr_t addr, struct maps_entry *ret)
{
	static _Atomic uintptr_t begin = 1; /* 1: not asked yet */
	uintptr_t start = atomic_load_explicit(&begin, memory_order_relaxed), end;
	int saved_errno = errno;

	if (start == 1) {
		start = heap_begin();
		atomic_store_explicit(&begin, start, memory_order_relaxed);
	}
	end = (uintptr_t)sbrk(0); /* libc's own copy */
	errno = saved_errno;
	if (!start || end == UINTPTR_MAX || addr < start || addr >= end)
		return false;
	*ret = (struct maps_entry){ start, end, 0 };
	return true;
}

int maps_find(uintptr_t addr, struct maps_entry *ret, char *path, size_t path_size)
{
	static _Atomic bool older; /* the first failure says that the kernel is */
	struct find_arg f = { addr, ret, path, path_size, false };
	int saved_errno = errno, rc = -1;

	if (maps_heap(addr, ret)) {
		snprintf(path, path_size, "[heap]");
		return 0;
	}
	path[0] = 0;
	if (!atomic_load_explicit(&older, memory_order_relaxed)) {
		rc = query(addr, ret, path, path_size);
		if (rc < 0)
			atomic_store_explicit(&older, true, memory_order_relaxed);
	}
	if (rc < 0 && anonymous(addr)) {
		*ret = (struct maps_entry){ addr & ~(uintptr_t)4095, (addr | 4095) + 1, 0 };
		rc = 1;
	} else if (rc < 0) {
		rc = !maps_each(find_entry, &f) && f.found;
	}
	errno = saved_errno;
	return rc == 1 ? 0 : -1;
}
