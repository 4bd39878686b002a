/*
 * entry_hooks: the functions themselves, made from the list. For each an export of the same name and a
 * wrapper; both copy the arguments into the structure that CUPTI would give and forward them.
 */
#define __CUDA_API_VERSION_INTERNAL /* cuda.h declares every version under its exported name */
#include "cupti/entry_calls.h"

#include <generated_cuda_meta.h>

#include <cupti_driver_cbid.h>

#define HOOK         __attribute__((visibility("default")))
#define UNWRAP(...)  __VA_ARGS__
#define REAL(name)   __typeof__(&name)
#define FRAME        __builtin_frame_address(0)
#define CALLER       __builtin_return_address(0)

#define FOLLOWED(name, params, args, target)                                         \
	{                                                                            \
		name##_params taken = { UNWRAP args };                               \
		struct entry_call call;                                              \
		REAL(name) real;                                                     \
                                                                                     \
		*(void **)&real = (target);                                          \
		if (!real)                                                           \
			return entry_missing();                                      \
		if (!entry_enter(&call, CUPTI_DRIVER_TRACE_CBID_##name, &taken, FRAME)) \
			return real args;                                            \
		call.result = real args;                                             \
		return entry_exit(&call);                                            \
	}
#define E(name, params, args)                                                        \
	HOOK CUresult CUDAAPI name params                                            \
		FOLLOWED(name, params, args, entry_meant(ENTRY_##name, CALLER))      \
	static CUresult CUDAAPI name##_wrapper params                                \
		FOLLOWED(name, params, args, entry_real(ENTRY_##name))
ENTRY_FOLLOWED(E)
#undef E

/* a: the name that is asked for, b: where the answer goes. */
#define ASKED(name, params, args, target)                                            \
	{                                                                            \
		REAL(name) real;                                                     \
		CUresult result;                                                     \
                                                                                     \
		*(void **)&real = (target);                                          \
		if (!real)                                                           \
			return entry_missing();                                      \
		result = real args;                                                  \
		if (result == CUDA_SUCCESS && a && b)                                \
			entry_answered(a, b);                                        \
		return result;                                                       \
	}
#define E(name, params, args)                                                        \
	HOOK CUresult CUDAAPI name params                                            \
		ASKED(name, params, args, entry_meant(ENTRY_##name, CALLER))         \
	static CUresult CUDAAPI name##_wrapper params                                \
		ASKED(name, params, args, entry_real(ENTRY_##name))
ENTRY_ASKED(E)
#undef E

void *entry_wrapper(enum entry_id id)
{
#define E(name, params, args) [ENTRY_##name] = (void (*)(void))name##_wrapper,
	static void (*const wrapper[ENTRY_COUNT])(void) = { ENTRY_FOLLOWED(E) ENTRY_ASKED(E) };
#undef E

	return (void *)wrapper[id];
}
