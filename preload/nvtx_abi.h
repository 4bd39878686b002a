/*
 * nvtx_abi: the part of NVTX's binary interface that an injected tool needs, declared here because
 * preload/ includes no NVIDIA headers. It has not changed since NVTX v2: tables and ids are
 * append-only. Sources: nvtx3/nvtxDetail/nvtxTypes.h (ids, tables), nvtx3/nvToolsExt.h (attributes,
 * message and payload types, NVTX_NO_PUSH_POP_TRACKING). tests/unit/t_nvtx_abi.c compares.
 *
 * Every copy of the header-only NVTX in a process has tables of its own and calls
 * InitializeInjectionNvtx2() for itself, at its first NVTX call.
 */
#ifndef JITNESS_PRELOAD_NVTX_ABI_H
#define JITNESS_PRELOAD_NVTX_ABI_H

#include <stddef.h>
#include <stdint.h>
#include <wchar.h>

#define NVTX_ABI_TABLE_CALLBACKS 1 /* NVTX_ETID_CALLBACKS */
#define NVTX_ABI_MODULE_CORE     1 /* NVTX_CB_MODULE_CORE */
#define NVTX_ABI_MODULE_CORE2    5 /* NVTX_CB_MODULE_CORE2 */

/* X(name, id, return type, arguments): NVTX_CBID_CORE_name, and those of CORE2 */
#define NVTX_ABI_CORE(X)                                                       \
	X(MarkEx, 1, void, (const struct nvtx_attributes *a), (a))             \
	X(MarkA, 2, void, (const char *text), (text))                          \
	X(MarkW, 3, void, (const wchar_t *text), (text))                       \
	X(RangeStartEx, 4, uint64_t, (const struct nvtx_attributes *a), (a))   \
	X(RangeStartA, 5, uint64_t, (const char *text), (text))                \
	X(RangeStartW, 6, uint64_t, (const wchar_t *text), (text))             \
	X(RangeEnd, 7, void, (uint64_t id), (id))                              \
	X(RangePushEx, 8, int, (const struct nvtx_attributes *a), (a))         \
	X(RangePushA, 9, int, (const char *text), (text))                      \
	X(RangePushW, 10, int, (const wchar_t *text), (text))                  \
	X(RangePop, 11, int, (void), ())
#define NVTX_ABI_CORE2(X)                                                                       \
	X(DomainMarkEx, 1, void, (void *domain, const struct nvtx_attributes *a), (domain, a))  \
	X(DomainRangeStartEx, 2, uint64_t, (void *domain, const struct nvtx_attributes *a),     \
	  (domain, a))                                                                          \
	X(DomainRangeEnd, 3, void, (void *domain, uint64_t id), (domain, id))                   \
	X(DomainRangePushEx, 4, int, (void *domain, const struct nvtx_attributes *a),           \
	  (domain, a))                                                                          \
	X(DomainRangePop, 5, int, (void *domain), (domain))                                     \
	X(DomainRegisterStringA, 10, void *, (void *domain, const char *text), (domain, text))  \
	X(DomainRegisterStringW, 11, void *, (void *domain, const wchar_t *text),               \
	  (domain, text))                                                                       \
	X(DomainCreateA, 12, void *, (const char *text), (text))                                \
	X(DomainCreateW, 13, void *, (const wchar_t *text), (text))                             \
	X(DomainDestroy, 14, void, (void *domain), (domain))

enum nvtx_call {
#define X(name, id, ret, args, pass) NVTX_CALL_##name,
	NVTX_ABI_CORE(X) NVTX_ABI_CORE2(X)
#undef X
	NVTX_CALL_COUNT
};

#define NVTX_NO_TRACKING (-2) /* NVTX_NO_PUSH_POP_TRACKING */

enum nvtx_message_type {
	NVTX_TEXT_NONE = 0,
	NVTX_TEXT_ASCII = 1,
	NVTX_TEXT_UNICODE = 2, /* wchar_t */
	NVTX_TEXT_REGISTERED = 3,
};

enum nvtx_payload_type {
	NVTX_VALUE_NONE = 0,
	NVTX_VALUE_UINT64 = 1,
	NVTX_VALUE_INT64 = 2,
	NVTX_VALUE_DOUBLE = 3,
	NVTX_VALUE_UINT32 = 4,
	NVTX_VALUE_INT32 = 5,
	NVTX_VALUE_FLOAT = 6,
};

/* nvtxEventAttributes_t; `size` says how much of it the caller has. */
struct nvtx_attributes {
	uint16_t version;
	uint16_t size;
	uint32_t category;
	int32_t color_type;
	uint32_t color;
	int32_t payload_type;
	int32_t reserved;
	union {
		uint64_t u64;
		int64_t i64;
		double f64;
		uint32_t u32;
		int32_t i32;
		float f32;
	} payload;
	int32_t message_type;
	union {
		const char *ascii;
		const wchar_t *unicode;
		void *registered;
	} message;
};

/* NvtxExportTableCallbacks. A table: addresses of function pointers, by callback id. */
typedef void (*nvtx_function)(void);
struct nvtx_callbacks {
	size_t struct_size;
	int (*module_table)(int module, nvtx_function ***ret_table, unsigned *ret_size);
};

/* NvtxGetExportTableFunc_t, NvtxInitializeInjectionNvtxFunc_t */
typedef const void *(*nvtx_export_fn)(uint32_t table);
typedef int (*nvtx_init_fn)(nvtx_export_fn get);

#endif
