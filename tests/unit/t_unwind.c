/* unwind: stacks of threads that are small, raced with dlopen, or damaged. */
#include "preload/unwind.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "preload/objects.h"
#include "preload/unwind_libc.h"
#include "preload/unwind_memo.h"
#include "tests/unit/recorded.h"

#define NOINLINE __attribute__((noinline, noclone))

static struct unwind_frame taken[UNWIND_MAX];
static unsigned n_taken;

/* The barriers keep each call from becoming a jump. */
static NOINLINE void chain_a(void)
{
	n_taken = unwind_take(taken, UNWIND_MAX, NULL);
	__asm__ volatile("" ::: "memory");
}

static NOINLINE void chain_b(void)
{
	chain_a();
	__asm__ volatile("" ::: "memory");
}

static NOINLINE void chain_c(void)
{
	chain_b();
	__asm__ volatile("" ::: "memory");
}

static void begin(bool map_only)
{
	recording_start();
	CHECK(objects_start(false, map_only) != OBJECTS_NONE);
	unwind_start();
}

/* Index of the first frame from i on that returns into fn; functions here are below 4 KiB. */
static unsigned frame_in(void (*fn)(void), unsigned i)
{
	Dl_info info;

	CHECK(dladdr((void *)fn, &info));
	for (; i < n_taken; i++) {
		uintptr_t at = taken[i].offset + (uintptr_t)info.dli_fbase;

		if (taken[i].object && at > (uintptr_t)fn && at < (uintptr_t)fn + 200)
			break;
	}
	return i;
}

static void check_chain(void)
{
	unsigned a = frame_in(chain_a, 0), b = frame_in(chain_b, a), c = frame_in(chain_c, b);
	unsigned n = rows_of(EVENT_OBJECT);
	char exe[4096] = "";
	struct link_map *map;
	struct row r = { 0 };
	Dl_info info;

	CHECK(a < n_taken && b == a + 1 && c == b + 1 && c + 1 < n_taken);
	CHECK(taken[a].object == taken[c].object);
	/* To the beginning of the thread, in libc. */
	CHECK(taken[n_taken - 1].object);
	CHECK(dladdr1((void *)chain_a, &info, (void **)&map, RTLD_DL_LINKMAP));
	for (unsigned i = 0; i < n; i++) {
		CHECK(row_find(&r, EVENT_OBJECT, i));
		CHECK(r.field[OBJECT_START] < r.field[OBJECT_END]);
		CHECK(strlen(r.blob) < r.head->blob_len);
		if (r.field[OBJECT_ID] == taken[a].object)
			break;
	}
	CHECK(r.field[OBJECT_ID] == taken[a].object && r.field[OBJECT_BASE] == map->l_addr);
	CHECK(r.field[OBJECT_START] == (uintptr_t)info.dli_fbase);
	CHECK(readlink("/proc/self/exe", exe, sizeof(exe) - 1) > 0 && !strcmp(r.blob, exe));
}

TEST(unwind_finds_the_callers)
{
	unsigned n;

	begin(false);
	chain_c();
	check_chain();
	n = rows_of(EVENT_OBJECT);
	CHECK(n == 2 || n == 3); /* this program and libc; a sanitizer */
	chain_c();
	CHECK(rows_of(EVENT_OBJECT) == n);
}

TEST(unwind_without_dl_find_object)
{
	begin(true);
	chain_c();
	check_chain();
}

TEST(unwind_stops_at_the_limit)
{
	begin(false);
	CHECK(unwind_take(taken, 2, NULL) == 2 && unwind_take(taken, 0, NULL) == 0);
}

static unsigned deep(unsigned depth)
{
	unsigned n = depth ? deep(depth - 1) : unwind_take(taken, UNWIND_MAX, NULL);

	__asm__ volatile("" ::: "memory");
	return n;
}

TEST(unwind_of_a_deep_stack_keeps_the_inner_end)
{
	begin(false);
	CHECK(deep(500) == UNWIND_MAX);
}

static void *small_thread(void *arg)
{
	(void)arg;
	chain_c();
	return NULL;
}

TEST_THREADS(unwind_on_a_stack_of_64_kib)
{
	pthread_attr_t attr;
	pthread_t thread;

	begin(false);
	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstacksize(&attr, 64u << 10));
	CHECK(!pthread_create(&thread, &attr, small_thread, NULL));
	pthread_join(thread, NULL);
	check_chain();
}

/* The part of a painted stack that a first, cold call used. */
TEST_THREADS(unwind_uses_little_stack)
{
	enum { SIZE = 256 << 10 };
	uint8_t *stack = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	pthread_attr_t attr;
	pthread_t thread;
	size_t clean = 0;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	unit_skip("a sanitizer needs the stack for itself");
#endif
	begin(false);
	memset(stack, 0xa5, SIZE);
	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstack(&attr, stack, SIZE));
	CHECK(!pthread_create(&thread, &attr, small_thread, NULL));
	pthread_join(thread, NULL);
	while (clean < SIZE && stack[clean] == 0xa5)
		clean++;
	check_chain();
	printf("# %zu bytes of stack\n", SIZE - clean);
	CHECK(SIZE - clean < 16 << 10); /* 2 KiB and more of it are the thread's own */
}

static void on_signal(int sig)
{
	(void)sig;
	chain_c();
}

TEST(unwind_through_a_signal_on_another_stack)
{
	static uint8_t stack[64 << 10];
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_ONSTACK };
	unsigned own;

	begin(false);
	chain_c();
	own = n_taken;
	CHECK(!sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof(stack) }, NULL));
	CHECK(!sigaction(SIGUSR1, &sa, NULL));
	raise(SIGUSR1);
	check_chain();
	CHECK(n_taken > own); /* the handler's frames, the trampoline's, and raise()'s callers */
}

/* mov $fn, %rax; push %rbp; mov %rsp, %rbp; call *%rax; pop %rbp; ret: code without tables. */
TEST(unwind_stops_at_code_of_no_file)
{
	uint8_t code[] = { 0x48, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0x55,
			   0x48, 0x89, 0xe5, 0xff, 0xd0, 0x5d, 0xc3 };
	uint8_t *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t fn = (uintptr_t)chain_c;
	unsigned c;

	if (p == MAP_FAILED)
		unit_skip("no memory for code");
	begin(false);
	memcpy(code + 2, &fn, sizeof(fn));
	memcpy(p, code, sizeof(code));
	((void (*)(void))p)();
	c = frame_in(chain_c, 0);
	CHECK(c + 2 == n_taken);
	CHECK(!taken[c + 1].object && taken[c + 1].offset == (uintptr_t)p + 16);
}

/*
 * Says that its caller's frame lies at the address in %rdi: what a damaged stack or a wrong
 * table leads to.
 */
void unit_lost_caller(uintptr_t where, void (*fn)(void));
__asm__(".text\n.globl unit_lost_caller\n.type unit_lost_caller, @function\nunit_lost_caller:\n"
	".cfi_startproc\n"
	"push %rbx\n.cfi_adjust_cfa_offset 8\n.cfi_rel_offset %rbx, 0\n"
	"mov %rdi, %rbx\n.cfi_remember_state\n.cfi_def_cfa %rbx, 0\n"
	"call *%rsi\n"
	".cfi_restore_state\n"
	"pop %rbx\n.cfi_adjust_cfa_offset -8\n"
	"ret\n.cfi_endproc\n.size unit_lost_caller, . - unit_lost_caller\n");

TEST(unwind_of_a_damaged_stack_does_not_fault)
{
	uint8_t *hole = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	begin(false);
	CHECK(!mprotect(hole + 4096, 4096, PROT_NONE));
	unit_lost_caller(4096 * 5, chain_c);
	CHECK(n_taken >= 4);
	unit_lost_caller(UINTPTR_MAX - 8, chain_c);
	unit_lost_caller(0x8000000000000000u, chain_c);
	unit_lost_caller((uintptr_t)hole + 2 * 4096, chain_c); /* just above the hole */
	unit_lost_caller((uintptr_t)hole + 4096 + 4, chain_c); /* half of a word */
	CHECK(n_taken >= 4);
	unit_lost_caller((uintptr_t)hole + 64, chain_c); /* zeros */
	CHECK(frame_in(chain_c, 0) < n_taken);
}

TEST(unwind_libc_gives_libunwind_nothing)
{
	int fd[2] = { 7, 7 };
	struct unwind_walk w = { .object = NULL };

	CHECK(unwind_libc_pipe(fd, 0) == -1 && fd[0] == -1 && fd[1] == -1);
	CHECK(!unwind_libc_mask(SIG_BLOCK, NULL, NULL));
	CHECK(!unwind_libc_objects(NULL, NULL));
	unwind_walk_tls = &w;
	CHECK(unwind_take(taken, UNWIND_MAX, NULL) == 0); /* a handler inside a walk */
	if (!__builtin_setjmp(w.bail))
		unwind_libc_abort();
	unwind_walk_tls = NULL;
}

static sem_t held, walked;

/* The loader's lock is ours while this runs. */
static int hold(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct timespec until;

	(void)info;
	(void)size;
	sem_post(&held);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 5;
	*(int *)arg = sem_timedwait(&walked, &until);
	return 1;
}

static void *walk_while_held(void *arg)
{
	sem_wait(&held);
	chain_c();
	sem_post(&walked);
	return arg;
}

static void with_the_loader_locked(bool map_only)
{
	pthread_t thread;
	int rc = -1;

	begin(map_only);
	sem_init(&held, 0, 0);
	sem_init(&walked, 0, 0);
	CHECK(!pthread_create(&thread, NULL, walk_while_held, NULL));
	dl_iterate_phdr(hold, &rc);
	CHECK(!rc);
	pthread_join(thread, NULL);
	check_chain();
}

TEST_THREADS(unwind_takes_no_loader_lock)
{
	with_the_loader_locked(false);
}

TEST_THREADS(unwind_from_the_map_takes_no_loader_lock)
{
	with_the_loader_locked(true);
}

static _Atomic bool over;

static void *walk_often(void *arg)
{
	struct unwind_frame frame[UNWIND_MAX];
	uintptr_t least = UNWIND_MAX;
	unsigned n;

	(void)arg;
	do {
		n = unwind_take(frame, UNWIND_MAX, NULL);
		least = n < least ? n : least;
	} while (!over);
	return (void *)least;
}

TEST_THREADS(unwind_while_libraries_come_and_go)
{
	pthread_t thread[2];
	void *lib, *least;
	unsigned loads = 0;

	begin(false);
	for (int t = 0; t < 2; t++)
		CHECK(!pthread_create(&thread[t], NULL, walk_often, NULL));
	for (int i = 0; i < 300; i++) {
		lib = dlopen("libunwind-none.so", RTLD_NOW);
		CHECK(!lib);
		lib = dlopen("libutil.so.1", RTLD_NOW);
		loads += lib != NULL;
		if (lib)
			dlclose(lib);
	}
	over = true;
	for (int t = 0; t < 2; t++) {
		pthread_join(thread[t], &least);
		CHECK((uintptr_t)least >= 2);
	}
	CHECK(loads);
}

/* --- stacks that were taken before */
static int name_next, known; /* the next name; what known_leaf() found */

/* The name that this stack got before, or the negative of the one that it gets now. */
static NOINLINE void known_leaf(void)
{
	struct unwind_known k;

	n_taken = unwind_take(taken, UNWIND_MAX, &k);
	known = (int)k.id;
	if (!known) {
		known = -++name_next;
		unwind_name(&k, (uint32_t)name_next);
	}
	CHECK(known < 0 ? n_taken > 1 : !n_taken && !k.entry);
}

/* Alike, so that stacks through them differ in a return address alone. */
#define KNOWN_CALLER(name, callee)                 \
	static NOINLINE void name(void)            \
	{                                          \
		callee();                          \
		__asm__ volatile("" ::: "memory"); \
	}
KNOWN_CALLER(known_a, known_leaf)
KNOWN_CALLER(known_b, known_leaf)
KNOWN_CALLER(known_deep, known_a)

static NOINLINE int known_by(void (*fn)(void))
{
	fn();
	__asm__ volatile("" ::: "memory");
	return known;
}

static void known_each(int ret[3])
{
	static void (*const fn[])(void) = { known_a, known_b, known_deep };

	for (volatile int i = 0; i < 3; i++)
		ret[i] = known_by(fn[i]);
}

static void *known_thread(void *ret)
{
	for (volatile int i = 0; i < 2; i++)
		known_each((int *)ret + 3 * i);
	return NULL;
}

static void check_known(const int got[6], int first)
{
	for (int i = 0; i < 3; i++)
		CHECK(got[i] == -(first + i) && got[3 + i] == first + i);
}

TEST_THREADS(unwind_knows_a_stack_again)
{
	pthread_t thread;
	int got[6];

	begin(false);
	known_thread(got);
	check_known(got, 1);
	CHECK(!pthread_create(&thread, NULL, known_thread, got));
	pthread_join(thread, NULL);
	check_known(got, 4);
	unwind_start(); /* a new trace: the names were the old one's */
	known_thread(got);
	check_known(got, 7);
}

/* A stack, a page that cannot be read, and one that was. */
static uint8_t *beyond;
#define BEYOND_STACK (2u << 20) /* enough for the sanitizers */

static void *known_beyond(void *ret)
{
	(void)ret;
	for (volatile int i = 0; i < 3; i++) {
		unit_lost_caller((uintptr_t)beyond + BEYOND_STACK + 4096 + 64, known_leaf);
		CHECK(known < 0);
		if (i == 1)
			munmap(beyond + BEYOND_STACK, 8192);
	}
	return NULL;
}

TEST_THREADS(unwind_forgets_what_was_read_beyond_the_stack)
{
	pthread_attr_t attr;
	pthread_t thread;

	beyond = mmap(NULL, BEYOND_STACK + 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		      -1, 0);
	CHECK(beyond != MAP_FAILED && !mprotect(beyond + BEYOND_STACK, 4096, PROT_NONE));
	begin(false);
	pthread_attr_init(&attr);
	CHECK(!pthread_attr_setstack(&attr, beyond, BEYOND_STACK));
	CHECK(!pthread_create(&thread, &attr, known_beyond, NULL));
	pthread_join(thread, NULL);
}

TEST(memo_compares_words_and_objects)
{
	uint64_t word[300] = { 0 };
	uintptr_t at = (uintptr_t)word;
	struct object o, libc;
	struct memo_entry *e, *other;

	begin(false);
	CHECK(objects_find((uintptr_t)chain_a, &o) && o.id);
	CHECK(objects_find((uintptr_t)dlsym(RTLD_DEFAULT, "qsort"), &libc) && libc.id != o.id);
	CHECK(!memo_find(at) && (e = memo_take(at)) != NULL);
	other = memo_take(at); /* a handler, or a thread, meanwhile */
	CHECK(other && other != e);
	memo_keep(other, 0);
	memo_word(e, (uintptr_t)&word[1], 0);
	memo_word(e, (uintptr_t)&word[299], 0);
	memo_object(e, (uintptr_t)chain_a, o.id);
	memo_object(e, (uintptr_t)word, 0);
	memo_keep(e, 5);
	CHECK(memo_find(at) == 5 && !memo_find(at + 16));
	word[2] = 1; /* was not read */
	CHECK(memo_find(at) == 5);
	word[299] = 1;
	CHECK(!memo_find(at));
	word[299] = 0;
	CHECK(memo_find(at) == 5);
	/* Another object at the same place; one where there was none. */
	CHECK((e = memo_take(at)) != NULL);
	memo_word(e, (uintptr_t)&word[2], 1);
	memo_object(e, (uintptr_t)chain_a, libc.id);
	memo_keep(e, 6);
	word[1] = 1; /* not the first entry */
	CHECK(!memo_find(at));
	CHECK((e = memo_take(at)) != NULL);
	memo_object(e, (uintptr_t)chain_a, 0);
	memo_keep(e, 7);
	CHECK(!memo_find(at));
	/* More than is kept, or below the walker. */
	CHECK((e = memo_take(at)) != NULL);
	for (int i = 0; i < 299; i++)
		memo_word(e, (uintptr_t)&word[i], word[i]);
	memo_keep(e, 8);
	CHECK(!memo_find(at));
	CHECK((e = memo_take(at)) != NULL);
	memo_word(e, at - 8, 0);
	memo_keep(e, 9);
	CHECK(!memo_find(at));
	memo_keep(NULL, 10);
}
