/*
 * alone: processes that are not, or only look like, a Python interpreter. The symbols
 * that python_find() asks for are here, and under our control.
 *   alone none            no interpreter
 *   alone says VERSION [free-threaded]
 *                         one of this version: prints what python_find() says
 *   alone forbidden VERSION   the same where the kernel lets nobody read
 *   alone hostile VERSION N  N walks over states, frames and code made of wrong pointers
 * Must not crash; exit 1 and a reason where frames came out of nothing.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "preload/python.h"
#include "preload/python_layout.h"
#include "preload/python_peek.h"

#ifdef FAKE_PYTHON
#define SHOW __attribute__((visibility("default")))

static const char *version;
static void *state;

SHOW const char *Py_GetVersion(void);
SHOW void *PyGILState_GetThisThreadState(void);
SHOW char PyCode_Type[8], PyUnicode_Type[8], PyBytes_Type[8], PyFrame_Type[8];
SHOW unsigned char _PyRuntime[1024];

char PyCode_Type[8], PyUnicode_Type[8], PyBytes_Type[8], PyFrame_Type[8];
unsigned char _PyRuntime[1024];

const char *Py_GetVersion(void)
{
	return version;
}

void *PyGILState_GetThisThreadState(void)
{
	return state;
}

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	return seed ^= seed << 17;
}

#define CHAIN   32
#define PAGES   8
#define FRAMES  0                /* offsets in pages, and bytes of each */
#define CODES   (CHAIN * 128)
#define STRINGS (CODES + CHAIN * 256)
#define TABLES  (PAGES * 4096 - CHAIN * 256) /* the last one ends where memory ends */

static unsigned char *pages; /* readable ones, then one that is not */

static void put(unsigned char *object, unsigned offset, uint64_t value)
{
	memcpy(object + offset, &value, sizeof(value));
}

/* A pointer that is right, nearly right or wrong. */
static uint64_t some_pointer(void)
{
	static const uint64_t bad[] = { 0, 1, 8, 4095, 4096, ~0ull, ~7ull, 1ull << 47, 1ull << 63,
					0x7fffffffffff, 0x7fffffffef00 };

	switch (rnd() % 5) {
	case 0:
		return bad[rnd() % (sizeof(bad) / sizeof(bad[0]))];
	case 1:
		return rnd();
	case 2:
		return (uintptr_t)pages + PAGES * 4096 - rnd() % 64 * 8; /* runs into the hole */
	case 3:
		return (uintptr_t)PyCode_Type;
	default:
		return (uintptr_t)pages + rnd() % (PAGES * 4096) / 64 * 64;
	}
}

static void put_string(unsigned char *s, const struct python_layout *l)
{
	static const uint32_t kind[] = { 1, 1, 2, 4 };
	unsigned ascii = !(rnd() % 2);

	put(s, 8, (uintptr_t)PyUnicode_Type);
	put(s, 16, rnd() % 40);
	put(s, 32, (ascii ? 1u : kind[rnd() % 4]) << 2 | PYTHON_STRING_COMPACT |
			   (ascii ? PYTHON_STRING_ASCII : 0));
	for (unsigned i = l->ascii_data; i < 128; i++)
		s[i] = ascii ? 'a' + i % 26 : (unsigned char)rnd();
}

/* CHAIN frames as they should be; tables are noise. */
static void put_chain(const struct python_layout *l)
{
	for (unsigned i = 0; i < CHAIN; i++) {
		unsigned char *frame = pages + FRAMES + i * 128, *code = pages + CODES + i * 256;
		unsigned char *table = pages + TABLES + i * 256;

		memset(frame, 0, 128);
		memset(code, 0, 256);
		put(frame, 8, (uintptr_t)PyFrame_Type); /* from 3.11 on: anything */
		put(frame, l->frame_code, (uintptr_t)code);
		put(frame, l->frame_back, i + 1 < CHAIN ? (uintptr_t)frame + 128 : 0);
		put(frame, l->frame_instr,
		    l->instr_unit ? rnd() % 200 :
				    (uintptr_t)code + l->code_instr + rnd() % 200 * 2);
		put(code, 8, (uintptr_t)PyCode_Type);
		put(code, l->code_line, rnd() % 1000);
		put(code, l->code_file, (uintptr_t)pages + STRINGS + i * 256);
		put(code, l->code_name, (uintptr_t)pages + STRINGS + i * 256 + 128);
		put(code, l->code_table, (uintptr_t)table);
		put_string(pages + STRINGS + i * 256, l);
		put_string(pages + STRINGS + i * 256 + 128, l);
		for (unsigned j = 0; j < 256; j++)
			table[j] = (unsigned char)rnd();
		put(table, 8, (uintptr_t)PyBytes_Type);
		put(table, 16, rnd() % 4 ? rnd() % 300 : rnd() % 80000);
	}
}

/* Strings must lie in the text. */
static int strings_ok(const struct python_frame *frames, unsigned n, const char *text, size_t size)
{
	for (unsigned i = 0; i < n; i++)
		if (frames[i].file < text || frames[i].file + frames[i].file_len > text + size ||
		    frames[i].function < text ||
		    frames[i].function + frames[i].function_len > text + size)
			return 0;
	return 1;
}

static int hostile(unsigned rounds)
{
	static unsigned char thread[PYTHON_THREAD_BYTES] __attribute__((aligned(64)));
	struct python_frame frames[CHAIN + 8];
	unsigned n, whole = 0, none = 0, part = 0;
	uint64_t cframe[4];
	struct python_layout l;
	char text[2048];

	python_layout_of(&l, (unsigned)atoi(version + 2));
	pages = mmap(NULL, (PAGES + 1) * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	if (pages == MAP_FAILED || mprotect(pages + PAGES * 4096, 4096, PROT_NONE))
		return 1;
	state = thread;
	for (unsigned r = 0; r < rounds; r++) {
		put_chain(&l);
		put(thread, l.thread_id, (uint64_t)pthread_self());
		put(thread, l.thread_frame,
		    l.cframe_frame == PYTHON_NO_FIELD ? (uintptr_t)pages : (uintptr_t)cframe);
		for (unsigned i = 0; i < 4; i++)
			cframe[i] = (uintptr_t)pages;
		if (r == 0 && python_walk(frames, CHAIN + 8, text, sizeof(text)) != CHAIN)
			return printf("a good chain does not come out\n"), 1;
		for (unsigned k = rnd() % 6; k; k--)
			put(pages, (unsigned)(rnd() % (TABLES / 8)) * 8, some_pointer());
		for (unsigned k = rnd() % 12; k; k--)
			pages[rnd() % (PAGES * 4096)] = (unsigned char)rnd();
		if (rnd() % 16 == 0)
			put(thread, l.thread_frame, some_pointer());
		n = python_walk(frames, CHAIN + 8, text, sizeof(text));
		if (n > CHAIN + 8 || !strings_ok(frames, n, text, sizeof(text)))
			return printf("round %u: bad frames\n", r), 1;
		whole += n == CHAIN;
		none += !n;
		part += n && n != CHAIN;
		/* The state of another thread is nobody's stack. */
		put(thread, l.thread_id, 12345);
		if (python_walk(frames, CHAIN + 8, text, sizeof(text)))
			return printf("a stack of another thread\n"), 1;
	}
	for (unsigned r = 0; r < 200; r++) {
		state = (void *)some_pointer();
		if (python_walk(frames, CHAIN + 8, text, sizeof(text)))
			return printf("a stack out of nothing\n"), 1;
	}
	printf("%u whole, %u none, %u other\n", whole, none, part);
	return whole < rounds / 20 || none < rounds / 20;
}

/* From here on the kernel refuses process_vm_writev, as some containers do. */
static int forbid(void)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_writev, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { 4, rules };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static unsigned char *before_hole(unsigned size)
{
	unsigned char *at = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + 4096, 4096, PROT_NONE))
		return NULL;
	return at + 4096 - size;
}

/* All frames in a circle, of valid code: the walk ends at its maximum; skipped ones end it too. */
static int circle(void)
{
	/* What a frame and a code object have at least, each where memory ends. */
	static const unsigned frame_min[] = { 112, 104, 72, 72, 72 };
	static const unsigned code_min[] = { 176, 176, 192, 200, 208 };
	static unsigned char name[64];
	unsigned char *frame, *code;
	static unsigned char thread[PYTHON_THREAD_BYTES] __attribute__((aligned(8)));
	static uint64_t cframe[4];
	struct python_frame frames[40];
	struct python_layout l;
	char text[512];
	uint32_t compact = PYTHON_STRING_COMPACT | PYTHON_STRING_ASCII | 1 << 2;

	python_layout_of(&l, (unsigned)atoi(version + 2));
	frame = before_hole(frame_min[l.minor - 9]);
	code = before_hole(code_min[l.minor - 9]);
	if (!frame || !code)
		return 1;
	state = thread;
	put(thread, l.thread_id, (uint64_t)pthread_self());
	put(thread, l.thread_frame,
	    l.cframe_frame == PYTHON_NO_FIELD ? (uintptr_t)frame : (uintptr_t)cframe);
	if (l.cframe_frame != PYTHON_NO_FIELD)
		put((unsigned char *)cframe, l.cframe_frame, (uintptr_t)frame);
	put(frame, 8, (uintptr_t)PyFrame_Type);
	put(frame, l.frame_back, (uintptr_t)frame);
	put(frame, l.frame_code, (uintptr_t)code);
	if (l.instr_unit == 0)
		put(frame, l.frame_instr, (uintptr_t)code + l.code_instr);
	put(code, 8, (uintptr_t)PyCode_Type);
	put(code, l.code_file, (uintptr_t)name);
	put(code, l.code_name, (uintptr_t)name);
	put(name, 8, (uintptr_t)PyUnicode_Type);
	put(name, 16, 3);
	memcpy(name + 32, &compact, 4);
	memcpy(name + l.ascii_data, "xyz", 3);
	if (python_walk(frames, 40, text, sizeof(text)) != 40 || frames[39].function_len != 3 ||
	    memcmp(frames[39].function, "xyz", 3))
		return printf("a circle is not cut\n"), 1;
	if (l.frame_owner != PYTHON_NO_FIELD) {
		frame[l.frame_owner] = PYTHON_OWNER_MAX;
		if (python_walk(frames, 40, text, sizeof(text)))
			return printf("a circle of shims has frames\n"), 1;
		frame[l.frame_owner] = 0;
	}
	/* One byte of a type wrong: nothing at all, rather than something wrong. */
	put(name, 8, (uintptr_t)PyBytes_Type);
	if (python_walk(frames, 40, text, sizeof(text)))
		return printf("a name that is no string\n"), 1;
	put(name, 8, (uintptr_t)PyUnicode_Type);
	put(code, 8, (uintptr_t)PyUnicode_Type);
	if (python_walk(frames, 40, text, sizeof(text)))
		return printf("code that is no code\n"), 1;
	return 0;
}
#endif

int main(int argc, char **argv)
{
	struct python_frame frames[4];
	char text[64];

#ifdef FAKE_PYTHON
	if (argc > 2) {
		version = argv[2];
		if (argc > 3 && !strcmp(argv[3], "free-threaded")) {
			uint64_t is[3] = { 0, 0x030d00f0, 1 };

			memcpy(is, "xdebugpy", 8);
			memcpy(_PyRuntime, is, sizeof(is));
		}
		if (!strcmp(argv[1], "forbidden") && forbid())
			return 77;
		printf("%s\n", python_find());
		if (!strcmp(argv[1], "hostile"))
			return circle() || hostile((unsigned)atoi(argv[3]));
		return python_ready() || python_walk(frames, 4, text, sizeof(text));
	}
#endif
	(void)argc, (void)argv;
	printf("%s\n", python_find());
	return python_ready() || python_walk(frames, 4, text, sizeof(text));
}
