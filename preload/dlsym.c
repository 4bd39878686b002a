#include "preload/dlsym.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <string.h>

#include "cupti/entry_points.h"
#include "preload/compilers.h"
#include "preload/loaded.h"

typedef void *(*dlsym_fn)(void *handle, const char *name);

/* Read by the assembly below. */
void *dlsym_jump;   /* the dlsym that is next in line: libc's or another tool's hook */
bool dlsym_follows; /* JITNESS_DLSYM, from the constructor on */
bool dlsym_answer(void *handle, const char *name, const void *caller, void **ret);

static dlsym_fn libc_dlsym;

/* May run before any constructor, in a sanitizer's own start: not instrumented, calls only libc. */
#define EARLIEST __attribute__((no_sanitize("address", "undefined", "thread")))

EARLIEST static void *look_up(dlsym_fn fn, void *handle, const char *name)
{
	return fn ? fn(handle, name) : NULL;
}

/*
 * Not with dlsym(): that is the hook. Twice in two threads gives the same twice. A
 * versioned lookup passes by the hooks of other tools, which have no versions.
 */
EARLIEST static void dlsym_resolve(void)
{
	static const char *const version[] = { "GLIBC_2.34", "GLIBC_2.2.5", "GLIBC_2.17" };
	void *fn = NULL;

	for (unsigned i = 0; i < sizeof(version) / sizeof(version[0]) && !fn; i++)
		fn = dlvsym(RTLD_NEXT, "dlsym", version[i]);
	*(void **)&libc_dlsym = fn;
	fn = look_up(libc_dlsym, RTLD_NEXT, "dlsym");
	__atomic_store_n(&dlsym_jump, fn ? fn : (void *)libc_dlsym, __ATOMIC_RELEASE);
}

void dlsym_follow(bool on)
{
	if (!dlsym_jump)
		dlsym_resolve();
	__atomic_store_n(&dlsym_follows, on, __ATOMIC_RELEASE);
}

void *dlsym_next_to_us(const char *name)
{
	if (!libc_dlsym)
		dlsym_resolve();
	return look_up(libc_dlsym, RTLD_NEXT, name);
}

/* The last lookup in the answer: dlerror() then tells of it, or of nothing. */
static void *wrapped(enum call_id id, const char *name, void *real)
{
	int saved_errno = errno;

	if (real)
		real = compilers_wrap(id, name, real);
	errno = saved_errno;
	return real;
}

/*
 * What the caller's own object and its dependencies have. For the main program this
 * finds the global scope, and with it ourselves.
 */
static void *in_object_of(const void *caller, const char *name)
{
	struct link_map *map = NULL;
	Dl_info info;
	void *found;

	if (!dladdr1(caller, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return NULL;
	found = look_up(libc_dlsym, map, name);
	return loaded_is_self(found) ? NULL : found;
}

/*
 * A name of ours that no other object has: without us the answer was NULL. The failing lookup
 * leaves its text for dlerror(), naming the caller's library as it should; for the main
 * program it names ours.
 */
static void *nobody(const void *caller, const char *name)
{
	void *found = in_object_of(caller, name);

	return found ? found : dlsym_next_to_us(name);
}

/* RTLD_DEFAULT: the global scope, then the caller's own. False: as the loader says. */
static bool answer_default(enum call_id id, const char *name, const void *caller, void **ret)
{
	void *first = look_up(libc_dlsym, RTLD_DEFAULT, name);

	if (!loaded_is_self(first))
		return false; /* somebody before us has it */
	first = dlsym_next_to_us(name);
	if (!first)
		first = in_object_of(caller, name);
	*ret = wrapped(id, name, first);
	return first != NULL;
}

/*
 * True when RTLD_NEXT of this caller would end at our export: the caller comes before us in the order
 * of the loader, and nobody in between has the name. What is before us was there when the process
 * started and is never unloaded.
 */
static bool next_is_ours(const void *caller, const char *name)
{
	struct link_map *theirs = NULL, *map = NULL;
	Dl_info info;

	if (!dladdr1(caller, &info, (void **)&theirs, RTLD_DL_LINKMAP) ||
	    !dladdr1((const void *)dlsym_answer, &info, (void **)&map, RTLD_DL_LINKMAP) || !map)
		return false;
	for (map = map->l_prev; map && map != theirs; map = map->l_prev)
		if (loaded_beside(map->l_ld, name))
			return false;
	return map != NULL;
}

/*
 * A function of the driver that we export (entry_points.h). Here a name that would end at our export is
 * never answered with it: a program may ask whether there is a driver at all.
 */
static bool answer_driver(void *handle, const char *name, const void *caller, void **ret)
{
	unsigned id = entry_point_find(name);
	int saved_errno;
	void *found;

	if (id == ENTRY_NONE || loaded_is_self(caller))
		return false;
	if (handle == RTLD_DEFAULT || handle == RTLD_NEXT) {
		if (!loaded_anywhere(name)) {
			*ret = nobody(caller, name);
			return true;
		}
		found = dlsym_next_to_us(name);
		/* RTLD_NEXT is how hooks go on: to our export, when there is a function behind it. */
		if (handle == RTLD_NEXT ? found || !next_is_ours(caller, name) :
					  !loaded_is_self(look_up(libc_dlsym, RTLD_DEFAULT, name)))
			return false;
		if (!found)
			found = nobody(caller, name);
	} else {
		found = look_up((dlsym_fn)dlsym_jump, handle, name);
		if (loaded_is_self(found)) /* dlopen(NULL) */
			found = dlsym_next_to_us(name);
	}
	saved_errno = errno;
	*ret = entry_point_wrap(id, found);
	errno = saved_errno;
	return true;
}

/* True with *ret: this is the answer. False: jump to the real one. Keeps errno as that does. */
EARLIEST bool dlsym_answer(void *handle, const char *name, const void *caller, void **ret)
{
	enum call_id id;
	void *found;

	if (!dlsym_jump) {
		dlsym_resolve();
		if (!dlsym_jump) {
			*ret = NULL;
			return true;
		}
	}
	if (!__atomic_load_n(&dlsym_follows, __ATOMIC_ACQUIRE))
		return false;
	if (*name == 'c')
		return name[1] == 'u' && answer_driver(handle, name, caller, ret);
	/* Most of those that the first character let through: 4 ns, where the table takes 22. */
	if (strncmp(name, "nv", 2) && strncmp(name, "__nv", 4))
		return false;
	id = compiler_call_find(name);
	if (id == CALL_COUNT || loaded_is_self(caller))
		return false;
	if (handle == RTLD_DEFAULT || handle == RTLD_NEXT) {
		if (!loaded_anywhere(name)) {
			*ret = nobody(caller, name);
			return true;
		}
		/* RTLD_NEXT is for hooks of other tools, which the call reached behind us. */
		return handle == RTLD_DEFAULT && answer_default(id, name, caller, ret);
	}
	found = look_up((dlsym_fn)dlsym_jump, handle, name);
	if (loaded_is_self(found)) /* dlopen(NULL) */
		found = dlsym_next_to_us(name);
	*ret = wrapped(id, name, found);
	return true;
}

#if defined(__x86_64__)
__asm__(".pushsection .text\n"
	".globl dlsym\n"
	".type dlsym, @function\n"
	".p2align 4\n"
	"dlsym:\n"
	"	.cfi_startproc\n"
	"	endbr64\n"
	"	movq dlsym_jump(%rip), %rax\n"
	"	testq %rax, %rax\n"
	"	jz 2f\n"
	"	cmpb $0, dlsym_follows(%rip)\n"
	"	je 1f\n"
	"	cmpb $'n', (%rsi)\n"
	"	je 2f\n"
	"	cmpb $'c', (%rsi)\n"
	"	je 2f\n"
	"	cmpb $'_', (%rsi)\n"
	"	je 2f\n"
	"1:	jmp *%rax\n"
	"2:	pushq %rdi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	pushq %rsi\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	subq $8, %rsp\n"
	"	.cfi_adjust_cfa_offset 8\n"
	"	movq 24(%rsp), %rdx\n"
	"	movq %rsp, %rcx\n"
	"	call dlsym_answer\n"
	"	popq %rdx\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %rsi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	popq %rdi\n"
	"	.cfi_adjust_cfa_offset -8\n"
	"	testb %al, %al\n"
	"	jz 3f\n"
	"	movq %rdx, %rax\n"
	"	ret\n"
	"3:	jmp *dlsym_jump(%rip)\n"
	"	.cfi_endproc\n"
	".size dlsym, . - dlsym\n"
	".popsection\n");
#elif defined(__aarch64__)
__asm__(".pushsection .text\n"
	".globl dlsym\n"
	".type dlsym, %function\n"
	".p2align 4\n"
	"dlsym:\n"
	"	.cfi_startproc\n"
	"	hint #34\n" /* bti c */
	"	adrp x16, dlsym_jump\n"
	"	ldr x16, [x16, :lo12:dlsym_jump]\n"
	"	cbz x16, 2f\n"
	"	adrp x9, dlsym_follows\n"
	"	ldrb w9, [x9, :lo12:dlsym_follows]\n"
	"	cbz w9, 1f\n"
	"	ldrb w9, [x1]\n"
	"	cmp w9, #'n'\n"
	"	b.eq 2f\n"
	"	cmp w9, #'c'\n"
	"	b.eq 2f\n"
	"	cmp w9, #'_'\n"
	"	b.eq 2f\n"
	"1:	br x16\n"
	"2:	stp x29, x30, [sp, #-48]!\n"
	"	.cfi_def_cfa_offset 48\n"
	"	.cfi_offset 29, -48\n"
	"	.cfi_offset 30, -40\n"
	"	mov x29, sp\n"
	"	stp x0, x1, [sp, #16]\n"
	"	mov x2, x30\n"
	"	add x3, sp, #32\n"
	"	bl dlsym_answer\n"
	"	mov w9, w0\n"
	"	ldr x10, [sp, #32]\n"
	"	ldp x0, x1, [sp, #16]\n"
	"	ldp x29, x30, [sp], #48\n"
	"	.cfi_restore 29\n"
	"	.cfi_restore 30\n"
	"	.cfi_def_cfa_offset 0\n"
	"	tbz w9, #0, 3f\n"
	"	mov x0, x10\n"
	"	ret\n"
	"3:	adrp x16, dlsym_jump\n"
	"	ldr x16, [x16, :lo12:dlsym_jump]\n"
	"	br x16\n"
	"	.cfi_endproc\n"
	".size dlsym, . - dlsym\n"
	".popsection\n");
#endif
