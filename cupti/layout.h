/*
 * layout: where a field of a CUPTI activity record lies, whatever version of
 * CUPTI wrote it. Records only ever grew at their end, so a prefix reader plus
 * the record's real size (the stride) is all that is needed; a field near the
 * end is read only when the stride covers it.
 *
 * Offsets are checked against the headers at build time (layout.c) and strides
 * are asked from the library that was loaded (layout_probe()).
 */
#ifndef JITNESS_CUPTI_LAYOUT_H
#define JITNESS_CUPTI_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cupti.h>

#define LAYOUT_KINDS 64 /* activity kinds below this number have a stride */

/* F(CONSTANT, member, offset, bytes) of the newest struct in the headers. */
#define LAYOUT_KERNEL(F)                                                     \
	F(KERNEL_REC_REGISTERS, registersPerThread, 6, 2)                    \
	F(KERNEL_REC_START, start, 16, 8)                                    \
	F(KERNEL_REC_END, end, 24, 8)                                        \
	F(KERNEL_REC_DEVICE, deviceId, 40, 4)                                \
	F(KERNEL_REC_CONTEXT, contextId, 44, 4)                              \
	F(KERNEL_REC_STREAM, streamId, 48, 4)                                \
	F(KERNEL_REC_GRID_X, gridX, 52, 4)                                   \
	F(KERNEL_REC_GRID_Y, gridY, 56, 4)                                   \
	F(KERNEL_REC_GRID_Z, gridZ, 60, 4)                                   \
	F(KERNEL_REC_BLOCK_X, blockX, 64, 4)                                 \
	F(KERNEL_REC_BLOCK_Y, blockY, 68, 4)                                 \
	F(KERNEL_REC_BLOCK_Z, blockZ, 72, 4)                                 \
	F(KERNEL_REC_STATIC_SHARED, staticSharedMemory, 76, 4)               \
	F(KERNEL_REC_DYNAMIC_SHARED, dynamicSharedMemory, 80, 4)             \
	F(KERNEL_REC_LOCAL, localMemoryPerThread, 84, 4)                     \
	F(KERNEL_REC_CORR, correlationId, 92, 4)                             \
	F(KERNEL_REC_NAME, name, 104, 8)                                     \
	F(KERNEL_REC_LAUNCH_TYPE, launchType, 136, 1)                        \
	F(KERNEL_REC_NODE, graphNodeId, 144, 8)                              \
	F(KERNEL_REC_GRAPH, graphId, 156, 4)
#define LAYOUT_MEMCPY(F)                                                     \
	F(MEMCPY_REC_KIND, copyKind, 4, 1)                                   \
	F(MEMCPY_REC_SRC_KIND, srcKind, 5, 1)                                \
	F(MEMCPY_REC_DST_KIND, dstKind, 6, 1)                                \
	F(MEMCPY_REC_FLAGS, flags, 7, 1)                                     \
	F(MEMCPY_REC_BYTES, bytes, 8, 8)                                     \
	F(MEMCPY_REC_START, start, 16, 8)                                    \
	F(MEMCPY_REC_END, end, 24, 8)                                        \
	F(MEMCPY_REC_DEVICE, deviceId, 32, 4)                                \
	F(MEMCPY_REC_CONTEXT, contextId, 36, 4)                              \
	F(MEMCPY_REC_STREAM, streamId, 40, 4)                                \
	F(MEMCPY_REC_CORR, correlationId, 44, 4)                             \
	F(MEMCPY_REC_NODE, graphNodeId, 64, 8)                               \
	F(MEMCPY_REC_GRAPH, graphId, 72, 4)
/* Peer copies: as MEMCPY up to the stream. */
#define LAYOUT_PEER(F)                                                       \
	F(PEER_REC_SRC_DEVICE, srcDeviceId, 44, 4)                           \
	F(PEER_REC_DST_DEVICE, dstDeviceId, 52, 4)                           \
	F(PEER_REC_CORR, correlationId, 60, 4)                               \
	F(PEER_REC_NODE, graphNodeId, 72, 8)                                 \
	F(PEER_REC_GRAPH, graphId, 80, 4)
#define LAYOUT_MEMSET(F)                                                     \
	F(MEMSET_REC_VALUE, value, 4, 4)                                     \
	F(MEMSET_REC_BYTES, bytes, 8, 8)                                     \
	F(MEMSET_REC_START, start, 16, 8)                                    \
	F(MEMSET_REC_END, end, 24, 8)                                        \
	F(MEMSET_REC_DEVICE, deviceId, 32, 4)                                \
	F(MEMSET_REC_CONTEXT, contextId, 36, 4)                              \
	F(MEMSET_REC_STREAM, streamId, 40, 4)                                \
	F(MEMSET_REC_CORR, correlationId, 44, 4)                             \
	F(MEMSET_REC_MEMORY_KIND, memoryKind, 50, 2)                         \
	F(MEMSET_REC_NODE, graphNodeId, 64, 8)                               \
	F(MEMSET_REC_GRAPH, graphId, 72, 4)
#define LAYOUT_GRAPH_TRACE(F)                                                \
	F(GRAPH_REC_CORR, correlationId, 4, 4)                               \
	F(GRAPH_REC_START, start, 8, 8)                                      \
	F(GRAPH_REC_END, end, 16, 8)                                         \
	F(GRAPH_REC_DEVICE, deviceId, 24, 4)                                 \
	F(GRAPH_REC_GRAPH, graphId, 28, 4)                                   \
	F(GRAPH_REC_CONTEXT, contextId, 32, 4)                               \
	F(GRAPH_REC_STREAM, streamId, 36, 4)
#define LAYOUT_OVERHEAD(F)                                                   \
	F(OVERHEAD_REC_KIND, overheadKind, 4, 4)                             \
	F(OVERHEAD_REC_OBJECT_KIND, objectKind, 8, 4)                        \
	F(OVERHEAD_REC_OBJECT_A, objectId.pt.processId, 12, 4)               \
	F(OVERHEAD_REC_OBJECT_B, objectId.pt.threadId, 16, 4)                \
	F(OVERHEAD_REC_START, start, 24, 8)                                  \
	F(OVERHEAD_REC_END, end, 32, 8)                                      \
	F(OVERHEAD_REC_CORR, correlationId, 40, 4)                           \
	F(OVERHEAD_REC_DATA, overheadData, 48, 8)
#define LAYOUT_JIT(F)                                                        \
	F(JIT_REC_ENTRY, jitEntryType, 4, 4)                                 \
	F(JIT_REC_OP, jitOperationType, 8, 4)                                \
	F(JIT_REC_DEVICE, deviceId, 12, 4)                                   \
	F(JIT_REC_START, start, 16, 8)                                       \
	F(JIT_REC_END, end, 24, 8)                                           \
	F(JIT_REC_CORR, correlationId, 32, 4)                                \
	F(JIT_REC_JIT_CORR, jitOperationCorrelationId, 40, 8)                \
	F(JIT_REC_CACHE_BYTES, cacheSize, 48, 8)                             \
	F(JIT_REC_CACHE_PATH, cachePath, 56, 8)                              \
	F(JIT_REC_TID, threadId, 68, 4)
#define LAYOUT_DEVICE(F)                                                     \
	F(DEVICE_REC_SMS, numMultiprocessors, 44, 4)                         \
	F(DEVICE_REC_CC_MAJOR, computeCapabilityMajor, 104, 4)               \
	F(DEVICE_REC_CC_MINOR, computeCapabilityMinor, 108, 4)               \
	F(DEVICE_REC_ID, id, 112, 4)                                         \
	F(DEVICE_REC_UUID, uuid, 120, 16)                                    \
	F(DEVICE_REC_NAME, name, 136, 8)
#define LAYOUT_CONTEXT(F)                                                    \
	F(CONTEXT_REC_ID, contextId, 4, 4)                                   \
	F(CONTEXT_REC_DEVICE, deviceId, 8, 4)                                \
	F(CONTEXT_REC_NULL_STREAM, nullStreamId, 14, 2)

/*
 * K(activity kind, fields, newest struct, bytes of the oldest struct we decode).
 * Kernel 144 is CUpti_ActivityKernel4; device 176 is CUpti_ActivityDevice4.
 */
#define LAYOUT_STRUCTS(K)                                                    \
	K(CONCURRENT_KERNEL, LAYOUT_KERNEL, CUpti_ActivityKernel10, 144)     \
	K(MEMCPY, LAYOUT_MEMCPY, CUpti_ActivityMemcpy6, 64)                  \
	K(MEMCPY2, LAYOUT_PEER, CUpti_ActivityMemcpyPtoP4, 72)               \
	K(MEMSET, LAYOUT_MEMSET, CUpti_ActivityMemset4, 64)                  \
	K(GRAPH_TRACE, LAYOUT_GRAPH_TRACE, CUpti_ActivityGraphTrace2, 48)    \
	K(OVERHEAD, LAYOUT_OVERHEAD, CUpti_ActivityOverhead3, 40)            \
	K(JIT, LAYOUT_JIT, CUpti_ActivityJit2, 64)                           \
	K(DEVICE, LAYOUT_DEVICE, CUpti_ActivityDevice5, 176)                 \
	K(CONTEXT, LAYOUT_CONTEXT, CUpti_ActivityContext3, 16)

#define LAYOUT_OFFSET(NAME, member, offset, bytes) NAME = (offset),
enum layout_offset {
#define K(kind, fields, type, base) fields(LAYOUT_OFFSET)
	LAYOUT_STRUCTS(K)
#undef K
};
#undef LAYOUT_OFFSET

struct layout {
	uint16_t stride[LAYOUT_KINDS]; /* 0: this library does not write the kind */
};

typedef CUptiResult (*layout_next_fn)(uint8_t *buffer, size_t valid, CUpti_Activity **record);

/* Asks the library for the size of each record kind; needs no driver and no device. */
void layout_probe(struct layout *ret, layout_next_fn next);

/* Bytes of the oldest layout of this kind that we can decode; 0: we do not decode the kind. */
uint16_t layout_base(unsigned kind);

/* May records of this kind be decoded? False: stride unknown or below layout_base(). */
static inline bool layout_usable(const struct layout *l, unsigned kind)
{
	return kind < LAYOUT_KINDS && layout_base(kind) && l->stride[kind] >= layout_base(kind);
}

/* A position in a buffer of activity records. */
struct layout_walk {
	const struct layout *layout;
	layout_next_fn next; /* for kinds without a stride; may be NULL */
	uint8_t *buffer;
	size_t valid;
	size_t at; /* offset of the next record */
};

struct layout_record {
	const uint8_t *p;
	size_t bytes; /* what may be read at p */
	uint32_t kind;
};

/*
 * 1 with *ret filled; 0 at a clean end; -1 when the rest cannot be walked
 * (unknown kind, or a record that is cut off).
 */
int layout_walk_next(struct layout_walk *w, struct layout_record *ret);

static inline uint16_t rec_u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint32_t rec_u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline uint64_t rec_u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline const void *rec_ptr(const uint8_t *p)
{
	const void *v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Fields that older layouts lack: 0 when the record ends before them. */
static inline uint32_t rec_tail_u32(const struct layout_record *r, size_t offset)
{
	return r->bytes >= offset + 4 ? rec_u32(r->p + offset) : 0;
}

static inline uint64_t rec_tail_u64(const struct layout_record *r, size_t offset)
{
	return r->bytes >= offset + 8 ? rec_u64(r->p + offset) : 0;
}

#endif
