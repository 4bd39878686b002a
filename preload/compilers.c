#include "preload/compilers.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "cupti/emit.h"
#include "cupti/image.h"
#include "cupti/maps.h"
#include "preload/dlsym.h"
#include "preload/early.h"
#include "preload/loaded.h"
#include "preload/programs.h"
#include "preload/sites.h"
#include "preload/stack.h"
#include "trace/hash.h"
#include "trace/redact.h"

#define SYMBOL_MAX    48
#define PATH_MAX_KEPT 256
/* Larger results have no hash: it is taken on the application's thread. */
#define HASH_MAX      (16u << 20)

/*
 * A real function, and what belongs to it. Claimed by its address; the rest is filled in
 * after that: until `ready` a call is recorded without path and size.
 */
struct instance {
	_Atomic(void *) real; /* NULL: free */
	_Atomic bool ready;   /* release: symbol, size and path are there */
	uint64_t generation;  /* loaded_generation() when they were found */
	char symbol[SYMBOL_MAX];
	long (*size)(long handle, size_t *ret); /* NULL: not found */
	char path[PATH_MAX_KEPT];
};

static struct instance instances[CALL_COUNT][COMPILER_SLOTS];

/* The slots of instances, by where a call of an export came from. */
#define SLOT_BITS 3
static struct sites sites = { .slot_bits = SLOT_BITS };
_Static_assert(CALL_COUNT <= 1 << (SITES_BITS - SLOT_BITS) && COMPILER_SLOTS <= 1 << SLOT_BITS,
	       "bits of a site");

static bool redacted, stacks;
static const char *watched = "linked"; /* which callers of compiler libraries are seen */

/* The library calls itself, or the host from a callback: only the outermost call counts. */
static __thread bool inside;

void compilers_load(bool hook_dlsym, bool redact)
{
	redacted = redact;
	early_open();
	dlsym_follow(hook_dlsym);
	watched = hook_dlsym ? "linked, dlsym" : "linked";
}

void compilers_started(bool with_stacks)
{
	stacks = with_stacks;
	/* Without it a module that no compiler was seen for could still be one's. */
	emit_info("compilers", watched, strlen(watched));
	early_flush();
}

static long forward(void *real, const struct call_words *w)
{
	compiler_fn fn;

	*(void **)&fn = real;
	return fn(w->word[0], w->word[1], w->word[2], w->word[3], w->word[4], w->word[5]);
}

static long forward_inside(void *real, const struct call_words *w)
{
	long result;

	inside = true;
	result = forward(real, w);
	inside = false;
	return result;
}

/* --- instances */
static void instance_fill(struct instance *it, enum call_id id, const char *symbol, void *real)
{
	struct maps_entry e;
	char size_name[SYMBOL_MAX + 8];

	atomic_store_explicit(&it->ready, false, memory_order_relaxed);
	it->generation = loaded_generation();
	strncpy(it->symbol, symbol, SYMBOL_MAX - 1);
	it->size = NULL;
	it->path[0] = 0;
	if (compiler_call_of(id)->role == CALL_RESULT) {
		compiler_call_size_name(size_name, sizeof(size_name), id, symbol);
		*(void **)&it->size = loaded_beside(real, size_name);
	}
	if (compiler_call_of(id)->role == CALL_COMPILE)
		(void)maps_find((uintptr_t)real, &e, it->path, sizeof(it->path));
	atomic_store_explicit(&it->ready, true, memory_order_release);
}

static bool instance_is_stale(struct instance *it)
{
	return atomic_load_explicit(&it->ready, memory_order_acquire) &&
	       it->generation != loaded_generation();
}

/* The slot of this function, a new one or one of a library that is gone; COMPILER_SLOTS: none. */
static unsigned instance_of(enum call_id id, const char *symbol, void *real)
{
	for (unsigned i = 0; i < COMPILER_SLOTS; i++) {
		struct instance *it = &instances[id][i];
		void *seen = NULL;

		if (atomic_compare_exchange_strong(&it->real, &seen, real)) {
			instance_fill(it, id, symbol, real);
			return i;
		}
		if (seen == real) {
			if (instance_is_stale(it))
				instance_fill(it, id, symbol, real);
			return i;
		}
	}
	for (unsigned i = 0; i < COMPILER_SLOTS; i++) {
		struct instance *it = &instances[id][i];
		void *seen = atomic_load(&it->real);

		if (!instance_is_stale(it) || loaded_beside(seen, it->symbol) == seen)
			continue;
		if (atomic_compare_exchange_strong(&it->real, &seen, real)) {
			instance_fill(it, id, symbol, real);
			return i;
		}
	}
	return COMPILER_SLOTS;
}

void *compilers_wrap(enum call_id id, const char *symbol, void *real)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;
	unsigned slot = strlen(symbol) < SYMBOL_MAX ? instance_of(id, symbol, real)
						    : COMPILER_SLOTS;

	if (slot < COMPILER_SLOTS)
		return (void *)compiler_hook(id, slot);
	if (emit_on() && !atomic_flag_test_and_set(&said))
		emit_note(NOTE_IS_INFO, "more than %d copies of %s are loaded; calls of the others "
			  "are not recorded", COMPILER_SLOTS, symbol);
	return real;
}

/* --- records */
static size_t put_path(char *ret, size_t n, const char *path)
{
	size_t len = strlen(path);

	if (redacted && memchr(path, '/', len))
		return redact_path(ret, n, path, len);
	memcpy(ret, path, len + 1);
	return len;
}

static long call_compile(const struct compiler_call *call, struct instance *it,
			 const struct call_words *w)
{
	char name[PROGRAM_NAME_MAX], blob[PROGRAM_NAME_MAX + PATH_MAX_KEPT];
	struct stack_ids stack = { 0, 0 };
	uint64_t f[COMPILE_N], start;
	int saved_errno = errno;
	size_t len;
	long result;

	if (stacks)
		stack_take(&stack);
	emit_leave();
	/* Before the call: another thread may destroy the program right after it. */
	(void)program_name(name, (uint64_t)w->word[0]);
	start = emit_now();
	errno = saved_errno;
	result = forward_inside(atomic_load(&it->real), w);
	saved_errno = errno;
	f[COMPILE_START] = start;
	f[COMPILE_END] = emit_now();
	f[COMPILE_COMPILER] = call->compiler;
	f[COMPILE_RESULT] = (uint32_t)result;
	f[COMPILE_HANDLE] = (uint64_t)w->word[0];
	f[COMPILE_NATIVE] = stack.native;
	f[COMPILE_PYTHON] = stack.python;
	len = put_path(blob, PROGRAM_NAME_MAX, name) + 1;
	if (atomic_load_explicit(&it->ready, memory_order_acquire))
		len += put_path(blob + len, PATH_MAX_KEPT, it->path);
	early_emit(EVENT_COMPILE, f, COMPILE_N, blob, len);
	errno = saved_errno;
	return result;
}

static size_t result_size(struct instance *it, long handle)
{
	size_t size = 0;

	if (!atomic_load_explicit(&it->ready, memory_order_acquire) || !it->size)
		return 0;
	inside = true;
	if ((int)it->size(handle, &size))
		size = 0;
	inside = false;
	return size;
}

static long call_result(const struct compiler_call *call, struct instance *it,
			const struct call_words *w)
{
	long result = forward_inside(atomic_load(&it->real), w);
	const uint8_t *code = (const uint8_t *)w->word[1];
	enum image_kind image = call->image;
	uint64_t f[CODE_N];
	int saved_errno = errno;
	size_t size;

	if ((int)result || !code)
		return result;
	size = result_size(it, w->word[0]);
	if (image == IMAGE_UNKNOWN && size)
		image = image_classify(code, size);
	if (image == IMAGE_PTX)
		size = strnlen((const char *)code, size);
	f[CODE_TIME] = emit_now();
	f[CODE_COMPILER] = call->compiler;
	f[CODE_HANDLE] = (uint64_t)w->word[0];
	f[CODE_IMAGE] = image;
	f[CODE_BYTES] = size;
	f[CODE_HASH] = size && size <= HASH_MAX ? hash64(code, size) : 0;
	early_emit(EVENT_CODE, f, CODE_N, NULL, 0);
	errno = saved_errno;
	return result;
}

static long call_create(struct instance *it, const struct call_words *w)
{
	long result = forward_inside(atomic_load(&it->real), w);

	if (!(int)result && w->word[0])
		program_remember(*(const uint64_t *)w->word[0], (const char *)w->word[2]);
	return result;
}

static long call_destroy(struct instance *it, const struct call_words *w)
{
	/* Forgotten first: once it is free, another thread may get the same address. */
	if (w->word[0])
		program_forget(*(const uint64_t *)w->word[0]);
	return forward_inside(atomic_load(&it->real), w);
}

static long follow(enum call_id id, struct instance *it, const struct call_words *w)
{
	const struct compiler_call *call = compiler_call_of(id);

	if (inside || !early_wanted() || !emit_enter())
		return forward(atomic_load(&it->real), w);
	if (call->role == CALL_COMPILE)
		return call_compile(call, it, w);
	emit_leave();
	if (call->role == CALL_CREATE)
		return call_create(it, w);
	if (call->role == CALL_DESTROY)
		return call_destroy(it, w);
	return call_result(call, it, w);
}

long compilers_wrapped(enum call_id id, unsigned slot, const struct call_words *w)
{
	return follow(id, &instances[id][slot], w);
}

long compilers_exported(enum call_id id, const char *symbol, const void *caller,
			const struct call_words *w)
{
	uint32_t slot = sites_find(&sites, caller, id);
	struct instance unlisted;
	void *real;

	/* One indirect call may reach the same call under several names. */
	if (slot != SITES_NONE && !strcmp(instances[id][slot].symbol, symbol))
		return follow(id, &instances[id][slot], w);
	real = sites_meant(symbol, caller, compiler_call_is_library);
	if (!real)
		return compiler_call_of(id)->error;
	slot = instance_of(id, symbol, real);
	if (slot < COMPILER_SLOTS) {
		sites_keep(&sites, caller, id, slot);
		return follow(id, &instances[id][slot], w);
	}
	memset(&unlisted, 0, sizeof(unlisted));
	atomic_store(&unlisted.real, real);
	instance_fill(&unlisted, id, symbol, real);
	return follow(id, &unlisted, w);
}
