/*
 * compiler_hooks: the functions themselves, made from the table. For each call of compiler_calls.h
 * an export of the same name, which a linked caller reaches, and COMPILER_SLOTS wrappers for
 * dlsym, one for each real function that was found.
 */
#include "preload/compilers.h"

#define HOOK  __attribute__((visibility("default")))
#define WORDS long a, long b, long c, long d, long e, long f
#define TAKEN (&(struct call_words){ { a, b, c, d, e, f } })

#define EXPORT(id, symbol)                                                     \
	HOOK long symbol(WORDS);                                               \
	HOOK long symbol(WORDS)                                                \
	{                                                                      \
		return compilers_exported(CALL_##id, #symbol,                  \
					  __builtin_return_address(0), TAKEN); \
	}
#define X(id, compiler, role, image, error) EXPORT(id, id)
COMPILER_CALLS(X)
#undef X
#define V(id, version) EXPORT(id, __##id##_##version)
COMPILER_VERSIONS(V, nvJitLinkComplete)
COMPILER_VERSIONS(V, nvJitLinkGetLinkedCubin)
COMPILER_VERSIONS(V, nvJitLinkGetLinkedPtx)
#undef V

#define WRAPPER(id, slot)                                                      \
	static long id##_##slot(WORDS)                                         \
	{                                                                      \
		return compilers_wrapped(CALL_##id, slot, TAKEN);              \
	}
#define X(id, compiler, role, image, error)                                    \
	WRAPPER(id, 0) WRAPPER(id, 1) WRAPPER(id, 2) WRAPPER(id, 3)            \
	WRAPPER(id, 4) WRAPPER(id, 5) WRAPPER(id, 6) WRAPPER(id, 7)
COMPILER_CALLS(X)
#undef X

compiler_fn compiler_hook(enum call_id id, unsigned slot)
{
	static const compiler_fn hook[CALL_COUNT][COMPILER_SLOTS] = {
#define X(id, compiler, role, image, error)                                    \
	[CALL_##id] = { id##_0, id##_1, id##_2, id##_3, id##_4, id##_5, id##_6, id##_7 },
		COMPILER_CALLS(X)
#undef X
	};

	return hook[id][slot];
}
