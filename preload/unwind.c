#include "preload/unwind.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "preload/objects.h"
#include "preload/unwind_libc.h"
#include "preload/unwind_memo.h"

#define PAGE 4096u

/* A stack leaves few libraries and returns to the same ones: python, torch, its bindings. */
#define WALK_OBJECTS 8

struct walk {
	struct unwind_walk base; /* first: what unwind_walk_tls points to */
	uintptr_t readable, readable_end; /* pages that were probed */
	struct object object[WALK_OBJECTS];
	unsigned n_objects, n_frames;
	struct memo_entry *memo; /* gets what is read; or NULL */
	bool whole;              /* one unbroken piece of memory was read, and nothing else */
};

/*
 * True when the page can be read. The kernel copies the set before it looks at the
 * first argument, which is none it knows: EFAULT or EINVAL, and nothing else happens. Allowed
 * in every sandbox that lets programs run, unlike process_vm_readv().
 */
static bool page_readable(uintptr_t page)
{
	return syscall(SYS_rt_sigprocmask, -1, page, NULL, 8) == -1 && errno == EINVAL;
}

/* Grows the probed range by neighbours, as a walk along a stack asks for them. */
static bool readable(struct walk *w, uintptr_t addr)
{
	uintptr_t page = addr & ~(uintptr_t)(PAGE - 1);

	if (addr >= w->readable && addr < w->readable_end)
		return true;
	if (!page_readable(page))
		return false;
	if (page == w->readable_end) {
		w->readable_end += PAGE;
	} else {
		w->whole = w->whole && !w->readable;
		w->readable = page;
		w->readable_end = page + PAGE;
	}
	return true;
}

/*
 * libunwind's way to the stack. Not instrumented: it reads other functions' frames, between
 * whose variables the sanitizers put theirs.
 */
__attribute__((no_sanitize("address", "thread", "undefined"))) static int
read_word(unw_addr_space_t as, unw_word_t addr, unw_word_t *value, int write, void *arg)
{
	struct walk *w = (struct walk *)unwind_walk_tls;

	(void)as;
	(void)arg;
	if (!w)
		return -UNW_EINVAL;
	if (write || addr > UINTPTR_MAX - sizeof(*value) || !readable(w, addr) ||
	    !readable(w, addr + sizeof(*value) - 1)) {
		w->whole = false;
		return -UNW_EINVAL;
	}
	*value = *(const unw_word_t *)addr;
	if (w->memo)
		memo_word(w->memo, addr, *value);
	return 0;
}

void unwind_start(void)
{
	/* Each look-up reads the tables again: a cache would outlive a library that is unloaded. */
	unw_get_accessors(unw_local_addr_space)->access_mem = read_word;
	unw_set_caching_policy(unw_local_addr_space, UNW_CACHE_NONE);
	memo_start();
}

static const struct object *object_at(struct walk *w, uintptr_t addr)
{
	struct object *o;

	for (unsigned i = 0; i < w->n_objects && i < WALK_OBJECTS; i++)
		if (addr >= w->object[i].start && addr < w->object[i].end)
			return &w->object[i];
	o = &w->object[w->n_objects % WALK_OBJECTS];
	if (!objects_find(addr, o)) {
		o->start = o->end = 0;
		return NULL;
	}
	w->n_objects++;
	return o;
}

/* Counts in w, since a bail comes back with the registers of the beginning. */
static void walk_frames(struct walk *w, unw_cursor_t *cursor, struct unwind_frame *ret,
			unsigned max)
{
	const struct object *o;
	unw_word_t ip;

	do {
		if (unw_get_reg(cursor, UNW_REG_IP, &ip) || !ip)
			return;
		/* A return address may lie behind its function's end, and its library's. */
		o = object_at(w, ip - 1);
		ret[w->n_frames++] = (struct unwind_frame){
			.offset = o && o->id ? ip - o->base : ip,
			.object = o ? o->id : 0,
			.tracer = o && o->tracer,
		};
		w->base.object = o;
		if (w->memo && !(o && o->stays))
			memo_object(w->memo, ip - 1, o ? o->id : 0);
		w->whole = w->whole && (!o || o->id);
		/* In no file, as just-in-time compiled code: the rest could only be guessed. */
	} while (o && o->phdr && w->n_frames < max && unw_step(cursor) > 0);
}

/* Not inlined: __builtin_setjmp() needs a frame of its own. */
static __attribute__((noinline)) void walk_guarded(struct walk *w, unw_context_t *context,
						   struct unwind_frame *ret, unsigned max)
{
	unw_cursor_t cursor;

	if (__builtin_setjmp(w->base.bail)) {
		w->whole = false;
		return;
	}
	if (!unw_init_local(&cursor, context))
		walk_frames(w, &cursor, ret, max);
}

unsigned unwind_take(struct unwind_frame *ret, unsigned max, struct unwind_known *known)
{
	unw_context_t context;
	struct walk w;

	if (known)
		*known = (struct unwind_known){ 0, NULL };
	if (unwind_walk_tls || !max)
		return 0;
	w.base.object = NULL;
	w.readable = w.readable_end = 0;
	w.n_objects = w.n_frames = 0;
	w.memo = NULL;
	w.whole = true;
	unwind_walk_tls = &w.base;
	atomic_signal_fence(memory_order_seq_cst);
	if (!unw_getcontext(&context)) {
		if (known)
			known->id = memo_find((uintptr_t)&context);
		if (known && !known->id)
			w.memo = memo_take((uintptr_t)&context);
		if (!known || !known->id)
			walk_guarded(&w, &context, ret, max);
	}
	atomic_signal_fence(memory_order_seq_cst);
	unwind_walk_tls = NULL;
	if (w.whole && w.n_frames && known)
		known->entry = w.memo;
	else
		memo_keep(w.memo, 0);
	return w.n_frames;
}

void unwind_name(const struct unwind_known *known, uint32_t id)
{
	memo_keep(known->entry, id);
}
