/*
 * A library that is linked with NVRTC and loaded with RTLD_LOCAL, as PyTorch's libcaffe2_nvrtc.so:
 * its callers get the addresses from a table, or let it do the calls.
 */
#include "tests/host/nvrtc.h"

NVRTC_CALLS(NVRTC_DECLARE)

const struct nvrtc_api *plugin_table(void);
int plugin_compile(nvrtcProgram *ret, const char *source, const char *name);

const struct nvrtc_api *plugin_table(void)
{
	static struct nvrtc_api api;

	api = (struct nvrtc_api){ NVRTC_CALLS(NVRTC_TAKE) };
	return &api;
}

int plugin_compile(nvrtcProgram *ret, const char *source, const char *name)
{
	int r = nvrtcCreateProgram(ret, source, name, 0, NULL, NULL);

	return r ? r : nvrtcCompileProgram(*ret, 0, NULL);
}
