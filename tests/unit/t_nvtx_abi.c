/* preload/nvtx_abi.h against NVIDIA's header, where there is one. */
#include "preload/nvtx_abi.h"
#include "tests/unit/unit.h"

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>

#define SAME(a, b) _Static_assert((long)(a) == (long)(b), #a " is " #b)

#define X(name, id, ret, args, pass) SAME(NVTX_CBID_CORE_##name, id);
NVTX_ABI_CORE(X)
#undef X
#define X(name, id, ret, args, pass) SAME(NVTX_CBID_CORE2_##name, id);
NVTX_ABI_CORE2(X)
#undef X

SAME(NVTX_ETID_CALLBACKS, NVTX_ABI_TABLE_CALLBACKS);
SAME(NVTX_CB_MODULE_CORE, NVTX_ABI_MODULE_CORE);
SAME(NVTX_CB_MODULE_CORE2, NVTX_ABI_MODULE_CORE2);
SAME(NVTX_NO_PUSH_POP_TRACKING, NVTX_NO_TRACKING);
SAME(NVTX_MESSAGE_UNKNOWN, NVTX_TEXT_NONE);
SAME(NVTX_MESSAGE_TYPE_ASCII, NVTX_TEXT_ASCII);
SAME(NVTX_MESSAGE_TYPE_UNICODE, NVTX_TEXT_UNICODE);
SAME(NVTX_MESSAGE_TYPE_REGISTERED, NVTX_TEXT_REGISTERED);
SAME(NVTX_PAYLOAD_UNKNOWN, NVTX_VALUE_NONE);
SAME(NVTX_PAYLOAD_TYPE_UNSIGNED_INT64, NVTX_VALUE_UINT64);
SAME(NVTX_PAYLOAD_TYPE_INT64, NVTX_VALUE_INT64);
SAME(NVTX_PAYLOAD_TYPE_DOUBLE, NVTX_VALUE_DOUBLE);
SAME(NVTX_PAYLOAD_TYPE_UNSIGNED_INT32, NVTX_VALUE_UINT32);
SAME(NVTX_PAYLOAD_TYPE_INT32, NVTX_VALUE_INT32);
SAME(NVTX_PAYLOAD_TYPE_FLOAT, NVTX_VALUE_FLOAT);

#define SAME_PLACE(ours, theirs)                                                             \
	SAME(offsetof(struct nvtx_attributes, ours), offsetof(nvtxEventAttributes_t, theirs)); \
	SAME(sizeof(((struct nvtx_attributes *)0)->ours), sizeof(((nvtxEventAttributes_t *)0)->theirs))
SAME(sizeof(struct nvtx_attributes), sizeof(nvtxEventAttributes_t));
SAME_PLACE(version, version);
SAME_PLACE(size, size);
SAME_PLACE(category, category);
SAME_PLACE(color_type, colorType);
SAME_PLACE(color, color);
SAME_PLACE(payload_type, payloadType);
SAME_PLACE(reserved, reserved0);
SAME_PLACE(payload, payload);
SAME_PLACE(message_type, messageType);
SAME_PLACE(message, message);
SAME(sizeof(struct nvtx_callbacks), sizeof(NvtxExportTableCallbacks));
SAME(offsetof(struct nvtx_callbacks, module_table),
     offsetof(NvtxExportTableCallbacks, GetModuleFunctionTable));
SAME(sizeof(nvtxRangeId_t), sizeof(uint64_t));

/* The slots of a real copy: every call we name has one, at our id. */
static int (*push)(const char *);
static int on_push(const char *text)
{
	return text[0];
}

TEST(nvtx_abi)
{
	const struct nvtx_callbacks *t = nvtxGetExportTable_v3(NVTX_ABI_TABLE_CALLBACKS);
	nvtx_function **core = NULL, **core2 = NULL;
	unsigned n = 0, n2 = 0;

	CHECK(t && t->struct_size >= sizeof(*t));
	CHECK(t->module_table(NVTX_ABI_MODULE_CORE, &core, &n) && core && n > 11);
	CHECK(t->module_table(NVTX_ABI_MODULE_CORE2, &core2, &n2) && core2 && n2 > 14);
#define X(name, id, ret, args, pass) CHECK(core[id] && *core[id]);
	NVTX_ABI_CORE(X)
#undef X
#define X(name, id, ret, args, pass) CHECK(core2[id] && *core2[id]);
	NVTX_ABI_CORE2(X)
#undef X
	push = on_push;
	*core[9] = (nvtx_function)push;
	CHECK(nvtxRangePushA("A") == 'A');
}
#else
TEST(nvtx_abi)
{
	unit_skip("no nvtx3/nvToolsExt.h beside the CUDA headers");
}
#endif
