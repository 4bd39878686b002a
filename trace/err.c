#include "trace/err.h"

const char *trace_strerror(int err)
{
	switch (err) {
	case TRACE_OK:
		return "success";
#define X(name, value, text) \
	case TRACE_E_##name: \
		return text;
		TRACE_ERRORS(X)
#undef X
	default:
		return "unknown error";
	}
}
