/* records: what becomes of CUPTI's records, byte by byte. */
#include "cupti/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/recorded.h"

static struct layout layout = { {
	[CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL] = 216,
	[CUPTI_ACTIVITY_KIND_MEMCPY] = 96,
	[CUPTI_ACTIVITY_KIND_MEMCPY2] = 96,
	[CUPTI_ACTIVITY_KIND_MEMSET] = 88,
	[CUPTI_ACTIVITY_KIND_GRAPH_TRACE] = 56,
	[CUPTI_ACTIVITY_KIND_OVERHEAD] = 56,
	[CUPTI_ACTIVITY_KIND_JIT] = 72,
	[CUPTI_ACTIVITY_KIND_DEVICE] = 184,
	[CUPTI_ACTIVITY_KIND_CONTEXT] = 32,
} };

static void recording(void)
{
	recording_start();
	CHECK(!records_start(&layout, NULL, false));
}

TEST(records_kernel)
{
	static char other[64] = "other";
	CUpti_ActivityKernel10 k[4];
	struct row r;

	recording();
	memset(k, 0, sizeof(k));
	for (int i = 0; i < 4; i++) {
		k[i].kind = CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL;
		k[i].start = 100 + (uint64_t)i;
		k[i].end = 200 + (uint64_t)i;
		k[i].correlationId = 7 + (uint32_t)i;
		k[i].name = "saxpy";
		k[i].deviceId = 1;
		k[i].contextId = 2;
		k[i].streamId = 3;
		k[i].gridX = 4, k[i].gridY = 5, k[i].gridZ = 6;
		k[i].blockX = 128, k[i].blockY = 2, k[i].blockZ = 1;
		k[i].staticSharedMemory = 48;
		k[i].dynamicSharedMemory = 1024;
		k[i].registersPerThread = 255;
		k[i].localMemoryPerThread = 16;
		k[i].graphId = 9;
		k[i].graphNodeId = 0x900000001;
		k[i].launchType = 2;
	}
	k[1].name = other;
	k[2].name = NULL;
	k[3].start = 500; /* ends before it starts: kept as it is */
	records_decode((uint8_t *)k, sizeof(k));
	CHECK(row_find(&r, EVENT_STRING, 0) && r.field[STRING_ID] == 1);
	CHECK(r.head->blob_len == 5 && !memcmp(r.blob, "saxpy", 5));
	CHECK(row_find(&r, EVENT_STRING, 1) && r.field[STRING_ID] == 2);
	CHECK(!row_find(&r, EVENT_STRING, 2));
	CHECK(row_find(&r, EVENT_KERNEL, 0) && r.head->n_fields == KERNEL_N);
	static const uint64_t want[KERNEL_N] = {
		100, 200, 7, 1, 1, 2, 3, 4, 5, 6, 128, 2, 1, 48, 1024, 255, 16, 9, 0x900000001, 2,
	};
	CHECK(!memcmp(r.field, want, sizeof(want)));
	CHECK(row_find(&r, EVENT_KERNEL, 1) && r.field[KERNEL_NAME] == 2);
	CHECK(row_find(&r, EVENT_KERNEL, 2) && r.field[KERNEL_NAME] == 0);
	CHECK(row_find(&r, EVENT_KERNEL, 3) && r.field[KERNEL_START] == 500 &&
	      r.field[KERNEL_END] == 203);

	/* The pointer stays, the name behind it changes: a reloaded module. */
	strcpy(other, "renamed");
	records_decode((uint8_t *)&k[1], sizeof(k[1]));
	CHECK(row_find(&r, EVENT_STRING, 2) && !memcmp(r.blob, "renamed", 7));
	CHECK(row_find(&r, EVENT_KERNEL, 4) && r.field[KERNEL_NAME] == 3);
	strcpy(other, "saxpy");
	records_decode((uint8_t *)&k[1], sizeof(k[1]));
	CHECK(!row_find(&r, EVENT_STRING, 3));
	CHECK(row_find(&r, EVENT_KERNEL, 5) && r.field[KERNEL_NAME] == 1);

	struct records_count n;

	records_totals(&n);
	CHECK(n.kernels == 6 && !n.graph_runs);
}

TEST(records_of_an_older_cupti)
{
	uint64_t words[144 / 8] = { CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL };
	struct row r;

	layout.stride[CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL] = 144;
	recording();
	words[KERNEL_REC_START / 8] = 11;
	records_decode((uint8_t *)words, sizeof(words));
	CHECK(row_find(&r, EVENT_KERNEL, 0) && r.field[KERNEL_START] == 11);
	CHECK(!r.field[KERNEL_GRAPH] && !r.field[KERNEL_NODE]);
}

TEST(records_copies)
{
	struct {
		CUpti_ActivityMemcpy6 copy;
		CUpti_ActivityMemcpyPtoP4 peer;
		CUpti_ActivityMemset4 set;
	} b;
	struct row r;

	recording();
	memset(&b, 0, sizeof(b));
	b.copy.kind = CUPTI_ACTIVITY_KIND_MEMCPY;
	b.copy.copyKind = 1, b.copy.srcKind = 2, b.copy.dstKind = 3, b.copy.flags = 1;
	b.copy.bytes = 1u << 20, b.copy.start = 5, b.copy.end = 6, b.copy.correlationId = 77;
	b.copy.graphId = 4, b.copy.graphNodeId = 8;
	b.peer.kind = CUPTI_ACTIVITY_KIND_MEMCPY2;
	b.peer.srcDeviceId = 1, b.peer.dstDeviceId = 2, b.peer.correlationId = 78;
	b.peer.graphId = 5, b.peer.graphNodeId = 9, b.peer.streamId = 13;
	b.set.kind = CUPTI_ACTIVITY_KIND_MEMSET;
	b.set.value = 0xab, b.set.bytes = 64, b.set.memoryKind = 3, b.set.correlationId = 79;
	records_decode((uint8_t *)&b, sizeof(b));
	CHECK(row_find(&r, EVENT_MEMCPY, 0));
	CHECK(!memcmp(r.field, ((uint64_t[MEMCPY_N]){ 5, 6, 77, 1u << 20, 1, 2, 3, 1, 0, 0, 0, 4, 8 }),
		      MEMCPY_N * 8));
	CHECK(row_find(&r, EVENT_MEMCPY, 1));
	CHECK(r.field[MEMCPY_CORR] == 78 && r.field[MEMCPY_STREAM] == 13);
	CHECK(r.field[MEMCPY_SRC_DEVICE] == 1 && r.field[MEMCPY_DST_DEVICE] == 2);
	CHECK(r.field[MEMCPY_GRAPH] == 5 && r.field[MEMCPY_NODE] == 9);
	CHECK(row_find(&r, EVENT_MEMSET, 0));
	CHECK(r.field[MEMSET_VALUE] == 0xab && r.field[MEMSET_CORR] == 79 &&
	      r.field[MEMSET_MEMORY_KIND] == 3);
}

TEST(records_others)
{
	struct {
		CUpti_ActivityGraphTrace2 graph;
		CUpti_ActivityOverhead3 overhead;
		CUpti_ActivityJit2 jit;
		CUpti_ActivityDevice5 device;
		CUpti_ActivityContext3 context;
	} b;
	struct row r;
	struct records_count n;

	recording();
	memset(&b, 0, sizeof(b));
	b.graph.kind = CUPTI_ACTIVITY_KIND_GRAPH_TRACE;
	b.graph.correlationId = 3, b.graph.graphId = 12;
	b.overhead.kind = CUPTI_ACTIVITY_KIND_OVERHEAD;
	b.overhead.overheadKind = CUPTI_ACTIVITY_OVERHEAD_COMMAND_BUFFER_FULL;
	b.overhead.overheadData = malloc(12); /* ours to free: the sanitizer counts */
	b.overhead.correlationId = 55;
	b.jit.kind = CUPTI_ACTIVITY_KIND_JIT;
	b.jit.jitOperationType = CUPTI_ACTIVITY_JIT_OPERATION_COMPILE;
	b.jit.cachePath = "/root/.nv/ComputeCache/a";
	b.jit.threadId = 4242;
	b.device.kind = CUPTI_ACTIVITY_KIND_DEVICE;
	b.device.name = strdup("Simulated");
	b.device.id = 2;
	for (int i = 0; i < 16; i++)
		b.device.uuid.bytes[i] = (char)i;
	b.context.kind = CUPTI_ACTIVITY_KIND_CONTEXT;
	b.context.contextId = 1, b.context.deviceId = 2, b.context.nullStreamId = 7;
	records_decode((uint8_t *)&b, sizeof(b));
	records_settle();
	CHECK(row_find(&r, EVENT_GRAPH_RUN, 0) && r.field[GRAPH_RUN_GRAPH] == 12);
	CHECK(row_find(&r, EVENT_OVERHEAD, 0) && r.field[OVERHEAD_CORR] == 55);
	CHECK(row_find(&r, EVENT_JIT, 0) && r.field[JIT_TID] == 4242);
	CHECK(r.head->blob_len == 24 && !memcmp(r.blob, b.jit.cachePath, 24));
	CHECK(row_find(&r, EVENT_DEVICE, 0) && r.field[DEVICE_DEVICE] == 2);
	CHECK(r.field[DEVICE_UUID_HI] == 0x0001020304050607);
	CHECK(r.field[DEVICE_UUID_LO] == 0x08090a0b0c0d0e0f);
	CHECK(row_find(&r, EVENT_CONTEXT, 0) && r.field[CONTEXT_NULL_STREAM] == 7);
	CHECK(!row_find(&r, EVENT_LOST, 0));
	records_totals(&n);
	CHECK(n.jit_compiles == 1 && n.graph_runs == 1);
}

TEST(records_that_cannot_be_walked_are_counted)
{
	uint64_t words[40] = { CUPTI_ACTIVITY_KIND_CONCURRENT_KERNEL };
	struct row r;

	recording();
	records_decode((uint8_t *)words, sizeof(words)); /* a kernel, then kind 0 */
	records_settle();
	CHECK(row_find(&r, EVENT_KERNEL, 0));
	CHECK(row_find(&r, EVENT_LOST, 0) && r.field[LOST_REASON] == LOST_BY_LAYOUT);
	CHECK(journal_lost_total(&recorded) == 1);
}
