#include "cupti/api.h"

#include <dlfcn.h>
#include <stddef.h>

#include "cupti/session.h"

struct cupti_api cupti_api;
struct driver_api driver_api;

int cupti_api_bind(struct cupti_api *ret, void *lib, const char **missing)
{
	struct cupti_api api;

#define X(name) api.name = (__typeof__(api.name))dlsym(lib, "cupti" #name);
	CUPTI_REQUIRED(X)
	CUPTI_OPTIONAL(X)
#undef X
#define X(name)                                                              \
	if (!api.name) {                                                     \
		*missing = "cupti" #name;                                    \
		return -1;                                                   \
	}
	CUPTI_REQUIRED(X)
#undef X
	*ret = api;
	return 0;
}

const char *cupti_result_text(CUptiResult rc)
{
	const char *text = NULL;

	if (!cupti_api.GetResultString || cupti_api.GetResultString(rc, &text) != CUPTI_SUCCESS ||
	    !text)
		return "unknown error";
	return text;
}

int driver_api_bind(struct driver_api *ret)
{
	void *lib = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);

	if (!lib)
		return -1;
#define X(name) ret->name = (__typeof__(ret->name))dlsym(lib, #name);
	DRIVER_CALLS(X)
#undef X
	/* The reference that RTLD_NOLOAD took is kept: the pointers must stay valid. */
	return 0;
}

static bool between(uintptr_t at, uintptr_t start, uintptr_t end)
{
	return at >= start && at < end;
}

bool cupti_holds(uintptr_t start, uintptr_t end)
{
	return between((uintptr_t)driver_api.cuDriverGetVersion, start, end) ||
	       between((uintptr_t)cupti_api.Subscribe, start, end);
}
