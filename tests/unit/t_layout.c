/* layout: prefix readers and strides, for every CUPTI from 11.8 on. */
#include "cupti/layout.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/unit.h"

/* Sizes of the records as each version writes them (docs of the structs in the headers). */
static const struct version {
	const char *name;
	uint16_t kernel, memcpy, peer, memset, graph, overhead, jit, device, context;
} versions[] = {
	{ "11.8", 200, 88, 88, 80, 48, 40, 64, 176, 16 },
	{ "12.0", 208, 88, 88, 80, 48, 40, 64, 176, 16 },
	{ "12.4", 208, 88, 88, 80, 56, 56, 72, 184, 16 },
	{ "12.8", 208, 96, 96, 88, 56, 56, 72, 184, 24 },
	{ "13.0", 216, 96, 96, 88, 56, 56, 72, 184, 32 },
	{ "later", 248, 104, 112, 96, 64, 64, 88, 200, 48 },
};

static const struct version *speaking;

static uint16_t size_of(uint32_t kind)
{
	switch (kind) {
	case CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL: return speaking->kernel;
	case CUPTI_ACTIVITY_KIND_MEMCPY: return speaking->memcpy;
	case CUPTI_ACTIVITY_KIND_MEMCPY2: return speaking->peer;
	case CUPTI_ACTIVITY_KIND_MEMSET: return speaking->memset;
	case CUPTI_ACTIVITY_KIND_GRAPH_TRACE: return speaking->graph;
	case CUPTI_ACTIVITY_KIND_OVERHEAD: return speaking->overhead;
	case CUPTI_ACTIVITY_KIND_JIT: return speaking->jit;
	case CUPTI_ACTIVITY_KIND_DEVICE: return speaking->device;
	case CUPTI_ACTIVITY_KIND_CONTEXT: return speaking->context;
	case 70: return 24; /* a kind that the probe does not reach */
	default: return 0;
	}
}

/* cuptiActivityGetNextRecord as it behaves. */
static CUptiResult next(uint8_t *buffer, size_t valid, CUpti_Activity **record)
{
	size_t at = 0;

	if (*record) {
		uint16_t size = size_of((*record)->kind);

		if (!size)
			return CUPTI_ERROR_INVALID_KIND;
		at = (size_t)((uint8_t *)*record - buffer) + size;
	}
	if (at >= valid)
		return CUPTI_ERROR_MAX_LIMIT_REACHED;
	if (!size_of(rec_u32(buffer + at)))
		return CUPTI_ERROR_INVALID_KIND;
	*record = (CUpti_Activity *)(buffer + at);
	return CUPTI_SUCCESS;
}

TEST(layout_probe_finds_every_stride)
{
	static struct layout l;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		speaking = &versions[i];
		layout_probe(&l, next);
		for (uint32_t kind = 0; kind < LAYOUT_KINDS; kind++)
			CHECK(l.stride[kind] == size_of(kind));
		CHECK(layout_usable(&l, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL));
		CHECK(layout_usable(&l, CUPTI_ACTIVITY_KIND_DEVICE));
		CHECK(!layout_usable(&l, CUPTI_ACTIVITY_KIND_KERNEL));
	}
}

TEST(layout_refuses_records_below_the_base)
{
	static struct layout l;
	static const struct version old = { "old", 136, 56, 64, 56, 40, 32, 56, 168, 8 };

	speaking = &old;
	layout_probe(&l, next);
	CHECK(l.stride[CUPTI_ACTIVITY_KIND_MEMCPY] == 56);
	for (unsigned kind = 0; kind < 100; kind++)
		CHECK(!layout_usable(&l, kind));
}

TEST(layout_walks_a_buffer)
{
	static struct layout l;
	static uint64_t words[128];
	uint8_t *buffer = (uint8_t *)words;
	struct layout_record r;
	size_t at = 0;

	speaking = &versions[4];
	layout_probe(&l, next);
	memset(words, 0, sizeof(words));
	words[0] = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
	at += speaking->kernel;
	words[at / 8] = 70; /* known to the library only */
	at += 24;
	words[at / 8] = CUPTI_ACTIVITY_KIND_MEMSET;
	at += speaking->memset;

	struct layout_walk w = { &l, next, buffer, at, 0 };

	CHECK(layout_walk_next(&w, &r) == 1);
	CHECK(r.kind == CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL && r.bytes == 216);
	CHECK(layout_walk_next(&w, &r) == 1);
	CHECK(r.kind == 70 && r.bytes == 24);
	CHECK(layout_walk_next(&w, &r) == 1);
	CHECK(r.kind == CUPTI_ACTIVITY_KIND_MEMSET && r.p == buffer + 240);
	CHECK(layout_walk_next(&w, &r) == 0);

	/* Cut off inside the last record, at a zero kind, and without the library's help. */
	w = (struct layout_walk){ &l, next, buffer, at - 8, 240 };
	CHECK(layout_walk_next(&w, &r) == -1);
	w = (struct layout_walk){ &l, next, buffer, sizeof(words), at };
	CHECK(layout_walk_next(&w, &r) == -1);
	w = (struct layout_walk){ &l, NULL, buffer, at, 216 };
	CHECK(layout_walk_next(&w, &r) == -1);
	w = (struct layout_walk){ &l, next, buffer, 4, 0 };
	CHECK(layout_walk_next(&w, &r) == -1);
}

TEST(layout_tail_fields_are_guarded)
{
	uint8_t bytes[216];
	struct layout_record r = { bytes, 144, CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL };

	memset(bytes, 0xee, sizeof(bytes));
	CHECK(rec_tail_u64(&r, KERNEL_REC_NODE) == 0);
	CHECK(rec_tail_u32(&r, KERNEL_REC_GRAPH) == 0);
	r.bytes = 160;
	CHECK(rec_tail_u64(&r, KERNEL_REC_NODE) == 0xeeeeeeeeeeeeeeee);
	CHECK(rec_tail_u32(&r, KERNEL_REC_GRAPH) == 0xeeeeeeee);
	r.bytes = 159;
	CHECK(rec_tail_u32(&r, KERNEL_REC_GRAPH) == 0);
}

/* The library needs no driver and no device for this. */
TEST(layout_of_the_installed_cupti)
{
	static const char *const path[] = {
		"/usr/local/cuda/lib64/libcupti.so.13",
		"/usr/local/cuda/extras/CUPTI/lib64/libcupti.so.13",
	};
	static struct layout l;
	CUptiResult (*version)(uint32_t *);
	layout_next_fn real;
	uint32_t v = 0;
	void *lib = NULL;

	for (unsigned i = 0; i < 2 && !lib; i++)
		lib = access(path[i], R_OK) ? NULL : dlopen(path[i], RTLD_NOW | RTLD_LOCAL);
	if (!lib)
		unit_skip("no libcupti is installed here");
	real = (layout_next_fn)dlsym(lib, "cuptiActivityGetNextRecord");
	version = (CUptiResult (*)(uint32_t *))dlsym(lib, "cuptiGetVersion");
	CHECK(real && version && version(&v) == CUPTI_SUCCESS);
	layout_probe(&l, real);
#define K(kind, fields, type, base) CHECK(layout_usable(&l, CUPTI_ACTIVITY_KIND_##kind));
	LAYOUT_STRUCTS(K)
#undef K
	if (v / 100 == 1300) {
#define K(kind, fields, type, base) CHECK(l.stride[CUPTI_ACTIVITY_KIND_##kind] == sizeof(type));
		LAYOUT_STRUCTS(K)
#undef K
	}
}
