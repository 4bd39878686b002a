/* trace/child, decoder/child_line and decoder/children: lines of compilers, whole and damaged. */
#include "decoder/children.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "decoder/child_export.h"
#include "decoder/child_line.h"
#include "tests/unit/unit.h"

static enum child_tool tool_of(const char *exe)
{
	return child_tool_of(exe, strlen(exe));
}

TEST(child_executables)
{
	static const struct {
		const char *exe;
		enum child_tool tool;
	} cases[] = {
		{ "/usr/local/cuda/bin/ptxas", CHILD_TOOL_PTXAS },
		{ "/x/triton/backends/nvidia/bin/ptxas-blackwell", CHILD_TOOL_PTXAS },
		{ "/usr/bin/x86_64-linux-gnu-gcc-12", CHILD_TOOL_GCC },
		{ "gcc-13.2", CHILD_TOOL_GCC },
		{ "/usr/bin/c++", CHILD_TOOL_GXX },
		{ "/opt/conda/bin/x86_64-conda-linux-gnu-g++", CHILD_TOOL_GXX },
		{ "/usr/bin/x86_64-linux-gnu-ld.bfd", CHILD_TOOL_LD },
		{ "/usr/bin/mold", CHILD_TOOL_LD },
		{ "/usr/lib/llvm-17/bin/clang", CHILD_TOOL_CLANG },
		{ "clang++-17", CHILD_TOOL_CLANG },
		{ "/l/lto-wrapper", CHILD_TOOL_LTO_WRAPPER },
		{ "cudafe++", CHILD_TOOL_CUDAFE },
		{ "nvptx-none-as", CHILD_TOOL_AS },
		{ "ninja-build", CHILD_TOOL_NINJA },
		{ "hipcc", CHILD_TOOL_OTHER },
		{ "gcc-ar-12", CHILD_TOOL_OTHER },
		{ "my-ld", CHILD_TOOL_OTHER },
		{ "mpicc", CHILD_TOOL_OTHER },
		{ "/gcc/bin/python3.12", CHILD_TOOL_OTHER },
		{ "gcc-", CHILD_TOOL_OTHER },
		{ "-12", CHILD_TOOL_OTHER },
		{ "12", CHILD_TOOL_OTHER },
		{ "a-b-", CHILD_TOOL_OTHER },
		{ "/", CHILD_TOOL_OTHER },
		{ "", CHILD_TOOL_OTHER },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK(tool_of(cases[i].exe) == cases[i].tool);
	for (unsigned i = 0; i < CHILD_TOOL_COUNT; i++) {
		const char *name = child_tool_name((enum child_tool)i);

		CHECK(child_tool_named(name, strlen(name)) == i);
	}
	CHECK(child_tool_named("zig", 3) == CHILD_TOOL_OTHER);
}

TEST(child_line_round_trip)
{
	static const char odd[] = "a b\t%\n\x7f\xc3\xa9";
	const uint64_t up[] = { 7, 1 };
	struct child_text t;
	struct child_line l;

	child_text_begin(&t, 'S');
	child_text_number(&t, 8);
	child_text_number(&t, 7);
	child_text_number(&t, 1795394546263972968);
	child_text_field(&t, "ptxas", 5);
	child_text_ids(&t, up, 2);
	child_text_field(&t, odd, sizeof(odd) - 1);
	child_text_field(&t, "", 0);
	child_text_field(&t, "ptxas", 5);
	child_text_field(&t, "", 0);
	child_text_field(&t, odd, sizeof(odd) - 1);
	child_text_left_out(&t, UINT64_MAX);
	child_text_end(&t);
	CHECK(memchr(t.p, '\n', t.n) == t.p + t.n - 1);
	CHECK(child_line_parse(&l, t.p, t.n - 1) == CHILD_LINE_START);
	CHECK(l.pid == 8 && l.ppid == 7 && l.start_ns == 1795394546263972968);
	CHECK(l.tool == CHILD_TOOL_PTXAS && l.n_ancestors == 2 && l.ancestors[1] == 1);
	CHECK(l.exe.n == sizeof(odd) - 1 && !memcmp(l.exe.p, odd, l.exe.n) && !l.cwd.n);
	CHECK(l.args.n == 7 + sizeof(odd) - 1 && !memcmp(l.args.p, "ptxas\0", 7));
	CHECK(!memcmp(l.args.p + 7, odd, sizeof(odd) - 1) && l.args_left_out == UINT64_MAX);
}

/* A field that does not fit leaves no trace; the tail always fits. */
TEST(child_line_is_bounded)
{
	static char big[CHILD_LINE_MAX];
	struct child_text t;

	memset(big, '\n', sizeof(big));
	child_text_begin(&t, 'S');
	CHECK(!child_text_field(&t, big, sizeof(big)) && t.n == 1);
	while (child_text_field(&t, big, 7))
		;
	while (child_text_field(&t, "x", 1))
		;
	child_text_left_out(&t, UINT64_MAX);
	child_text_end(&t);
	CHECK(t.n <= CHILD_LINE_MAX && t.p[t.n - 1] == '\n');
}

#define START(pid, ppid, start, up) "S\t" #pid "\t" #ppid "\t" #start "\tptxas\t" up "\t/b/ptxas\t/w\tptxas\ta.ptx\n"
#define END(pid, start, end, hash) \
	"E\t" #pid "\t" #start "\t" #end "\t1\t2\t3\t4\t5\t0\t/w/a.cubin\t9\t0x00000000000000" hash "\n"

static int make_dir(char path[])
{
	CHECK(mkdtemp(path));
	int fd = open(path, O_RDONLY | O_DIRECTORY);
	CHECK(fd >= 0);
	return fd;
}

static void put(int dir, const char *name, const void *p, size_t n)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_APPEND, 0600);

	CHECK(fd >= 0 && write(fd, p, n) == (ssize_t)n);
	close(fd);
}

static void drop(int dir, char *path)
{
	char **files;
	size_t n = child_files(&files, dir);

	while (n) {
		unlinkat(dir, files[--n], 0);
		free(files[n]);
	}
	free(files);
	close(dir);
	CHECK(!rmdir(path));
}

TEST(children_pairs_starts_and_ends)
{
	char path[] = "/tmp/jitness-unit.XXXXXX";
	int dir = make_dir(path);
	/* 10 twice: the id was given out again; 12 was killed; 13 has only an end */
	static const char a[] = START(10, 9, 100, "9,8") START(11, 10, 110, "10,9,8")
		END(11, 110, 130, "0a") END(10, 100, 140, "00") START(12, 9, 150, "9")
		START(10, 9, 200, "9,8") END(10, 200, 190, "0a") END(13, 160, 170, "0b");
	static const char b[] = START(11, 3, 105, "3") END(11, 105, 106, "0a");
	struct children c;
	const struct child *x;

	put(dir, "node1.children", a, sizeof(a) - 1);
	put(dir, "node2.children", b, sizeof(b) - 1);
	children_read(&c, dir);
	CHECK(c.n == 5 && c.unfinished == 1 && !c.damaged && c.ends_alone == 1 && !c.unlisted);
	x = &c.list[2];
	CHECK(x->pid == 11 && !strcmp(x->host, "node1") && x->ended && x->start == 110);
	CHECK(x->end == 130 && x->user_ns == 1 && x->sys_ns == 2 && x->children_user_ns == 3);
	CHECK(x->children_sys_ns == 4 && x->maxrss_kb == 5 && x->status == 0);
	CHECK(!strcmp(x->exe, "/b/ptxas") && !strcmp(x->args, "ptxas a.ptx"));
	CHECK(!strcmp(x->cwd, "/w") && !strcmp(x->output, "/w/a.cubin") && x->output_bytes == 9);
	x = &c.list[3];
	CHECK(x->pid == 12 && !x->ended && x->status == -1 && !x->end && !*x->output);
	CHECK(c.list[4].ended && c.list[4].end == 0); /* the clock was set back */

	x = children_by_hash(&c, 0xa, NULL);
	CHECK(x && x->start == 105);
	x = children_by_hash(&c, 0xa, x);
	CHECK(x && x->start == 110);
	x = children_by_hash(&c, 0xa, x);
	CHECK(x && x->start == 200 && !children_by_hash(&c, 0xa, x));
	CHECK(!children_by_hash(&c, 0, NULL) && !children_by_hash(&c, 0xb, NULL));
	children_release(&c);
	drop(dir, path);
}

TEST(children_descend_through_others)
{
	char path[] = "/tmp/jitness-unit.XXXXXX";
	int dir = make_dir(path);
	static const char a[] = START(20, 5, 10, "5,4,3") START(30, 20, 20, "25,20")
		START(40, 30, 30, "30,28") START(50, 51, 1, "51") START(51, 50, 1, "50");
	static const char b[] = START(28, 77, 5, "77");
	struct children c;

	put(dir, "n1.children", a, sizeof(a) - 1);
	put(dir, "n2.children", b, sizeof(b) - 1);
	children_read(&c, dir);
	CHECK(c.n == 6 && c.list[5].pid == 40);
	CHECK(child_descends(&c, &c.list[5], 28) && child_descends(&c, &c.list[5], 25));
	CHECK(child_descends(&c, &c.list[5], 3));
	CHECK(!child_descends(&c, &c.list[5], 77)); /* 28 of the other host */
	CHECK(!child_descends(&c, &c.list[5], 40));
	CHECK(!child_descends(&c, &c.list[0], 99)); /* a loop ends */
	children_release(&c);
	drop(dir, path);
}

TEST(children_damaged_lines)
{
	static const char *const bad[] = {
		"\n", "S\n", "S\t1\n", "X\t1\t2\n", "SS\t1\n", " S\n", "S 1 2\n",
		START(0, 1, 1, "1"), START(-1, 1, 1, "1"), START(+1, 1, 1, "1"),
		START(1x, 1, 1, "1"), START(99999999999, 1, 1, "1"),
		START(1, 1, 18446744073709551616, "1"), START(1, 1, 9223372036854775808, "1"),
		START(1, 1, , "1"), START(1, 1, 1, "1,"), START(1, 1, 1, ",1"),
		START(1, 1, 1, "1,2,3,4,5,6,7,8,9"), START(1, 1, 1, "1,,2"),
		START(1, 1, 1, "%"), START(1, 1, 1, "%3"),
		"S\t1\t1\t1\tptxas\t1\t/x%zz\t/\ta\n", "S\t1\t1\t1\tptxas\t1\t/x%+1\t/\ta\n",
		"S\t1\t1\t1\tptxas\t1\t/x\t/\ta b\n", "S\t1\t1\t1\tptxas\t1\t/x\t/\ta\x7f\n",
		"S\t1\t1\t1\tptxas\t1\t/x\n", "S\t1\t1\t1\tptxas\t1\t/x\t/\ta\t%+\n",
		"S\t1\t1\t1\tptxas\t1\t/x\t/\ta\t%+-1\n", "S\t1\t1\t1\tptxas\t1\t/x\t/\ta\r\n",
		"E\t1\t1\t2\t1\t2\t3\t4\t5\t256\t\t0\t0x0000000000000000\n",
		"E\t1\t1\t2\t1\t2\t3\t4\t5\t0\t\t0\t0x000000000000000\n",
		"E\t1\t1\t2\t1\t2\t3\t4\t5\t0\t\t0\t0x000000000000000G\n",
		"E\t1\t1\t2\t1\t2\t3\t4\t5\t0\t\t0\n", "E\t1\t1\t2\t1\t2\t3\t4\n",
	};
	const size_t n_bad = sizeof(bad) / sizeof(bad[0]);
	char path[] = "/tmp/jitness-unit.XXXXXX";
	static char junk[200000];
	int dir = make_dir(path);
	struct children c;

	for (size_t i = 0; i < n_bad; i++) {
		/* Each between good ones: damage stays in its line. */
		put(dir, "h.children", bad[i], strlen(bad[i]));
		put(dir, "h.children", START(5, 1, 7, "1"), strlen(START(5, 1, 7, "1")));
		children_read(&c, dir);
		CHECK(c.damaged == i + 1 && c.n == i + 1);
		children_release(&c);
	}
	/* One line too long, one with a NUL, an end cut off in the middle. */
	memset(junk, 'S', sizeof(junk));
	put(dir, "h.children", junk, sizeof(junk));
	put(dir, "h.children", "\n", 1);
	put(dir, "h.children", "S\t1\t\0001\t1\n", 9);
	put(dir, "h.children", START(5, 1, 7, "1"), 20);
	children_read(&c, dir);
	CHECK(c.damaged == n_bad + 3 && c.n == n_bad);
	children_release(&c);
	/* Not files: counted, not followed. */
	CHECK(!symlinkat("h.children", dir, "link.children") && !mkfifoat(dir, "f.children", 0600));
	children_read(&c, dir);
	CHECK(c.damaged == n_bad + 5 && c.n == n_bad);
	children_release(&c);
	drop(dir, path);
}

/* Bytes of lines changed at random: nothing is read outside of a line (see the asan variant). */
TEST(children_random_damage)
{
	static const char good[] = START(10, 9, 100, "9,8") END(10, 100, 140, "0a");
	char line[sizeof(good)];
	struct child_line l;
	unsigned seed = 1;

	for (unsigned i = 0; i < 200000; i++) {
		char *exact;
		size_t n;

		memcpy(line, good, sizeof(good));
		for (unsigned k = 0; k < 3; k++) {
			seed = seed * 1103515245 + 12345;
			line[seed / 65536 % (sizeof(good) - 1)] = "\t%,0S\n\x80"[seed >> 8 & 7];
		}
		n = seed / 65536 % sizeof(good);
		exact = malloc(n + 1);
		CHECK(exact != NULL);
		memcpy(exact, line, n);
		child_line_parse(&l, exact, n);
		free(exact);
	}
}

TEST(children_are_limited)
{
	char path[] = "/tmp/jitness-unit.XXXXXX";
	int dir = make_dir(path);
	const char start[] = START(10, 9, 100, "9");
	const size_t n = CHILDREN_MAX + 3, len = sizeof(start) - 1;
	char *all = malloc(n * len);
	struct children c;

	CHECK(all != NULL);
	for (size_t i = 0; i < n; i++)
		memcpy(all + i * len, start, len);
	put(dir, "h.children", all, n * len);
	put(dir, "h.children", END(9, 1, 2, "00"), strlen(END(9, 1, 2, "00")));
	children_read(&c, dir);
	CHECK(c.n == CHILDREN_MAX && c.unlisted == 3 && !c.ends_alone && !c.damaged);
	children_release(&c);
	free(all);
	drop(dir, path);
}

TEST(children_none)
{
	struct children c;

	children_read(&c, -1);
	CHECK(!c.n && !c.damaged && !children_by_hash(&c, 1, NULL));
	children_release(&c);
}

TEST(children_exported)
{
	char from[] = "/tmp/jitness-unit.XXXXXX", to[] = "/tmp/jitness-unit.XXXXXX";
	int from_fd = make_dir(from), to_fd = make_dir(to);
	static const char secret[] =
		"S\t10\t9\t100\tptxas\t9,8\t/home/alice/ptxas\t/home/alice\tptxas\tsecret.ptx\t-v\t%+3\n"
		"E\t10\t100\t140\t1\t2\t3\t4\t5\t0\t/home/alice/a.cubin\t9\t0x00000000000000ab\n"
		"damaged alice\n";
	static const char open_line[] =
		"S\t10\t9\t100\tptxas\t9,8\t<path>\t\tptxas\t<2%20arguments>\t%+3\n"
		"E\t10\t100\t140\t1\t2\t3\t4\t5\t0\t<path>.cubin\t9\t0x00000000000000ab\n";
	uint64_t left_out;
	char got[2000];
	ssize_t n;
	int fd;

	put(from_fd, "alice-pc.children", secret, sizeof(secret) - 1);
	put(from_fd, "node.children", START(1, 1, 1, "1"), strlen(START(1, 1, 1, "1")));
	CHECK(!child_export(from_fd, to_fd, true, &left_out) && left_out == 1);
	fd = openat(to_fd, "host.children", O_RDONLY);
	CHECK(fd >= 0);
	n = read(fd, got, sizeof(got));
	close(fd);
	CHECK(n == sizeof(open_line) - 1 && !memcmp(got, open_line, (size_t)n));
	CHECK(!faccessat(to_fd, "host-2.children", R_OK, 0));
	CHECK(!child_export(from_fd, to_fd, false, &left_out) && left_out == 1);
	fd = openat(to_fd, "alice-pc.children", O_RDONLY);
	n = read(fd, got, sizeof(got));
	close(fd);
	CHECK(n == (ssize_t)strlen(secret) - 14 && !memcmp(got, secret, (size_t)n));
	CHECK(child_export(from_fd, to_fd, false, &left_out)); /* never over an existing file */
	drop(from_fd, from);
	drop(to_fd, to);
}
