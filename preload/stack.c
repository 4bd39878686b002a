#include "preload/stack.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "cupti/emit.h"
#include "preload/frames.h"
#include "preload/objects.h"
#include "preload/python.h"
#include "preload/unwind.h"

/*
 * A call inside torch.compile lies 60 to 110 Python frames deep, the user's own line outermost, with 60
 * to 120 bytes of names each. Too much for the caller's stack, which may have 64 KiB: the
 * buffers are mapped once, and threads that find all of them taken use a small one.
 */
#define PYTHON_FRAMES  256
#define PYTHON_TEXT    ((64u << 10) - PYTHON_FRAMES * sizeof(struct python_frame))
#define SCRATCH_COUNT  32
#define SMALL_FRAMES   32
#define SMALL_TEXT     4096

struct scratch {
	struct python_frame frame[PYTHON_FRAMES];
	char text[PYTHON_TEXT];
};
static struct scratch *scratch; /* SCRATCH_COUNT of them, untouched until used; or NULL */
static _Atomic uint32_t scratch_taken; /* bit i: scratch[i] */

/* An interpreter that comes after cuInit comes soon; later the process is taken to have none. */
#define FIND_TRIES       120
#define FIND_INTERVAL_NS 1000000000u

static enum stack_mode stack_mode;
static bool native_on;
static __thread bool busy_tls; /* a signal handler or a callback of our own making */

/* The flush thread's alone after stack_start(). */
static unsigned find_tries;
static uint64_t find_next_ns;

static bool mode_has(enum stack_mode mode, enum stack_mode part)
{
	return mode == part || mode == STACKS_ALL;
}

static void info(const char *key, const char *value)
{
	emit_info(key, value, strlen(value));
}

static const char *start_native(bool redact)
{
	switch (objects_start(redact, false)) {
	case OBJECTS_LOADER:
		unwind_start();
		native_on = true;
		return "native";
	case OBJECTS_MAP:
		unwind_start();
		native_on = true;
		return "native: no _dl_find_object, using the memory map";
	case OBJECTS_NONE:
		break;
	}
	return "no native: no memory";
}

void stack_start(enum stack_mode mode, bool redact)
{
	int saved_errno = errno;
	const char *native = "";
	char text[96];

	native_on = false;
	stack_mode = mode;
	if (mode != STACKS_OFF && frames_start(redact)) {
		stack_mode = STACKS_OFF;
		info("stacks", "off: no memory");
	} else if (mode == STACKS_OFF) {
		info("stacks", "off");
	} else {
		if (mode_has(mode, STACKS_NATIVE))
			native = start_native(redact);
		snprintf(text, sizeof(text), "%s%s%s", native, mode == STACKS_ALL ? "+" : "",
			 mode_has(mode, STACKS_PYTHON) ? "python" : "");
		info("stacks", text);
	}
	if (mode_has(stack_mode, STACKS_PYTHON)) {
		void *p = mmap(NULL, SCRATCH_COUNT * sizeof(*scratch), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

		scratch = p == MAP_FAILED ? NULL : p;
		atomic_store(&scratch_taken, 0); /* a fork may have left some taken */
		info("python", python_find());
		find_tries = python_ready() ? 0 : FIND_TRIES;
		find_next_ns = emit_now() + FIND_INTERVAL_NS;
	}
	errno = saved_errno;
}

/* Two functions, so that their buffers are not on the stack at the same time. */
static __attribute__((noinline)) uint32_t take_native(void)
{
	struct unwind_frame frame[UNWIND_MAX];
	struct unwind_known known;
	unsigned n = unwind_take(frame, UNWIND_MAX, &known), inner = 0;
	uint32_t id = 0, parent;
	bool all = true;

	if (known.id)
		return known.id;
	while (inner < n && frame[inner].tracer)
		inner++;
	while (n-- > inner) {
		parent = id;
		id = frames_native(parent, frame[n].object, frame[n].offset);
		all = all && id != parent; /* the same: there was no room, which is counted each time */
	}
	unwind_name(&known, all ? id : 0);
	return id;
}

static uint32_t put_python(struct python_frame *frame, unsigned max, char *text, size_t text_size)
{
	unsigned n = python_walk(frame, max, text, text_size);
	uint32_t id = 0;

	while (n--)
		id = frames_python(id, frame[n].file, frame[n].file_len, frame[n].function,
				   frame[n].function_len, frame[n].line);
	return id;
}

static __attribute__((noinline)) uint32_t take_python_small(void)
{
	struct python_frame frame[SMALL_FRAMES];
	char text[SMALL_TEXT];

	return put_python(frame, SMALL_FRAMES, text, sizeof(text));
}

static __attribute__((noinline)) uint32_t take_python(void)
{
	uint32_t taken = atomic_load(&scratch_taken), bit, id;

	while (scratch && taken != UINT32_MAX) {
		bit = ~taken & (taken + 1); /* the lowest that is free */
		if (!atomic_compare_exchange_weak(&scratch_taken, &taken, taken | bit))
			continue;
		struct scratch *s = &scratch[__builtin_ctz(bit)];

		id = put_python(s->frame, PYTHON_FRAMES, s->text, sizeof(s->text));
		atomic_fetch_and(&scratch_taken, ~bit);
		return id;
	}
	return take_python_small();
}

void stack_take(struct stack_ids *ret)
{
	int saved_errno = errno;

	*ret = (struct stack_ids){ 0, 0 };
	if (stack_mode == STACKS_OFF || busy_tls || !emit_on())
		return;
	busy_tls = true;
	atomic_signal_fence(memory_order_seq_cst);
	if (native_on)
		ret->native = take_native();
	if (mode_has(stack_mode, STACKS_PYTHON) && python_ready())
		ret->python = take_python();
	atomic_signal_fence(memory_order_seq_cst);
	busy_tls = false;
	errno = saved_errno;
}

void stack_poll(void)
{
	int saved_errno = errno;
	const char *found;
	uint64_t now;

	if (!find_tries)
		return;
	now = emit_now();
	if (now < find_next_ns)
		return;
	find_tries--;
	find_next_ns = now + FIND_INTERVAL_NS;
	found = python_find();
	if (python_ready()) {
		find_tries = 0;
		info("python", found);
	}
	errno = saved_errno;
}
