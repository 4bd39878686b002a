/*
 * event: the vocabulary of a trace. One table names every kind of record and
 * its fields; the tracer, the encoder, the reader, `jitness dump` and
 * docs/trace-format.md all follow it. docs/howto-add-record.md: how to extend.
 *
 * A record is a kind, up to EVENT_FIELDS_MAX 64-bit fields and at most one
 * blob (bytes; several strings in one blob are separated by NUL).
 * Kinds and fields are append-only: numbers are never reused or reordered.
 */
#ifndef JITNESS_TRACE_EVENT_H
#define JITNESS_TRACE_EVENT_H

#include <stddef.h>
#include <stdint.h>

#define EVENT_FIELDS_MAX 24
#define EVENT_BLOB_MAX   (32u << 10) /* bytes; a longer list is split over records */

/* How a field is shown; every value is a 64-bit unsigned integer on disk. */
enum field_type {
	FIELD_UINT,
	FIELD_INT,    /* two's complement */
	FIELD_TIME,   /* ns of CLOCK_REALTIME as CUPTI stamps it; 0: unknown */
	FIELD_HEX,    /* hash, handle or address */
	FIELD_STRING, /* id of a STRING record before it; 0: none */
	FIELD_ENUM,   /* see event_enum_name() */
};

/* What the encoder subtracts before packing a column. */
enum field_transform {
	XF_NONE,  /* the value itself */
	XF_DELTA, /* minus the same field of the previous row */
	XF_DIFF,  /* minus the field before it (ref column) in the same row */
	XF_GAP,   /* minus the field after it (ref column, a DIFF of this one) of the previous row */
	/* Only in keyed sections (keyed.h), never in the table below. */
	XF_PICK,   /* a value for each key */
	XF_TICKS,  /* a time: ticks since the end of the previous row */
	XF_SPAN,   /* a time: ticks since the field before it */
	XF_EXPECT, /* the same, minus the mean of the rows before with this key */
};

/*
 * Fields: F(kind, NAME, text, type, transform). Times come first.
 * corr: CUPTI correlation id. A missing value is 0 unless said otherwise.
 */
#define EVENT_COVERAGE_FIELDS(F, k) /* journal bytes that this frame holds */  \
	F(k, GEN, "gen", UINT, DELTA)       /* generation of a journal chunk */ \
	F(k, END, "end", UINT, NONE)        /* bytes of its rows up to here */ \
	F(k, STRINGS, "strings", UINT, NONE) /* its STRING rows up to here, when more */
#define EVENT_STRING_FIELDS(F, k) /* blob: the string's bytes, no NUL */       \
	F(k, ID, "id", UINT, DELTA)         /* 1, 2, ... in order of first use */
#define EVENT_INFO_FIELDS(F, k) /* blob: key NUL value (value may hold NULs) */ \
	F(k, TIME, "time", TIME, DELTA)
#define EVENT_PROCESS_FIELDS(F, k)                                             \
	F(k, TIME, "time", TIME, DELTA)     /* when the tracer was loaded */    \
	F(k, PID, "pid", UINT, NONE)                                            \
	F(k, PPID, "ppid", UINT, NONE)                                          \
	F(k, LEVEL, "level", ENUM, NONE)    /* enum capture_level */            \
	F(k, REDACTED, "redacted", UINT, NONE)
#define EVENT_CLOCK_FIELDS(F, k) /* read back to back; CLOCK_REALTIME is <time.h>'s */ \
	F(k, REAL, "realtime", TIME, DELTA)                                 \
	F(k, MONO, "monotonic", UINT, DELTA)                               \
	F(k, CUPTI, "cupti", TIME, DELTA)   /* cuptiGetTimestamp, or 0 */
#define EVENT_THREAD_FIELDS(F, k) /* blob: the thread's name */                \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, TID, "thread", UINT, NONE)   /* "tid" is the key of the section's thread in dumps */
#define EVENT_DEVICE_FIELDS(F, k) /* blob: the device's name */                \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, CC_MAJOR, "cc_major", UINT, NONE)                                  \
	F(k, CC_MINOR, "cc_minor", UINT, NONE)                                  \
	F(k, SMS, "sms", UINT, NONE)                                            \
	F(k, UUID_HI, "uuid_hi", HEX, NONE) /* bytes 0..7, big-endian */        \
	F(k, UUID_LO, "uuid_lo", HEX, NONE) /* bytes 8..15, big-endian */
#define EVENT_CONTEXT_FIELDS(F, k)                                             \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, NULL_STREAM, "null_stream", UINT, NONE)                            \
	F(k, OP, "op", ENUM, NONE)          /* enum lifetime_op */
#define EVENT_STREAM_FIELDS(F, k)                                              \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)                                      \
	F(k, OP, "op", ENUM, NONE)
#define EVENT_LAUNCH_FIELDS(F, k) /* host side of a launch, from callbacks */  \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, API, "api", ENUM, NONE)        /* enum api_id */                   \
	F(k, RESULT, "result", UINT, NONE)  /* CUresult or cudaError_t */
#define EVENT_KERNEL_FIELDS(F, k)                                              \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, NAME, "name", STRING, NONE)                                        \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)                                      \
	F(k, GRID_X, "grid_x", UINT, NONE)                                      \
	F(k, GRID_Y, "grid_y", UINT, NONE)                                      \
	F(k, GRID_Z, "grid_z", UINT, NONE)                                      \
	F(k, BLOCK_X, "block_x", UINT, NONE)                                    \
	F(k, BLOCK_Y, "block_y", UINT, NONE)                                    \
	F(k, BLOCK_Z, "block_z", UINT, NONE)                                    \
	F(k, STATIC_SHARED, "static_shared", UINT, NONE)   /* bytes */          \
	F(k, DYNAMIC_SHARED, "dynamic_shared", UINT, NONE) /* bytes */          \
	F(k, REGISTERS, "registers", UINT, NONE)           /* per thread */     \
	F(k, LOCAL, "local", UINT, NONE)    /* local memory bytes per thread */ \
	F(k, GRAPH, "graph", UINT, NONE)    /* graph id of a node's record */   \
	F(k, NODE, "node", UINT, DELTA)     /* graph node id; 0: eager */       \
	F(k, LAUNCH_TYPE, "launch_type", UINT, NONE)
#define EVENT_MEMCPY_FIELDS(F, k)                                              \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, BYTES, "bytes", UINT, NONE)                                        \
	F(k, COPY_KIND, "copy_kind", ENUM, NONE) /* enum copy_kind */           \
	F(k, SRC_KIND, "src_kind", UINT, NONE)  /* CUpti_ActivityMemoryKind */  \
	F(k, DST_KIND, "dst_kind", UINT, NONE)                                  \
	F(k, FLAGS, "flags", UINT, NONE)                                        \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)                                      \
	F(k, GRAPH, "graph", UINT, NONE)                                        \
	F(k, NODE, "node", UINT, DELTA)                                         \
	F(k, SRC_DEVICE, "src_device", UINT, NONE) /* peer copies only */       \
	F(k, DST_DEVICE, "dst_device", UINT, NONE)
#define EVENT_MEMSET_FIELDS(F, k)                                              \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, BYTES, "bytes", UINT, NONE)                                        \
	F(k, VALUE, "value", UINT, NONE)                                        \
	F(k, MEMORY_KIND, "memory_kind", UINT, NONE)                            \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)                                      \
	F(k, GRAPH, "graph", UINT, NONE)                                        \
	F(k, NODE, "node", UINT, DELTA)
#define EVENT_GRAPH_RUN_FIELDS(F, k) /* one replay, from GRAPH_TRACE */        \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, GRAPH, "graph", UINT, NONE)                                        \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)
#define EVENT_SYNC_FIELDS(F, k)                                                \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, DELTA)                                         \
	F(k, TYPE, "type", ENUM, NONE)      /* enum sync_type */                \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, STREAM, "stream", UINT, NONE)                                      \
	F(k, EVENT, "event", UINT, NONE)                                        \
	F(k, API, "api", ENUM, NONE) /* enum api_id; 0: from CUPTI's record */
#define EVENT_OVERHEAD_FIELDS(F, k)                                            \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, NONE)                                          \
	F(k, KIND, "overhead", ENUM, NONE)  /* enum overhead_kind */            \
	F(k, OBJECT_KIND, "object_kind", UINT, NONE)                            \
	F(k, OBJECT_A, "object_a", UINT, NONE) /* pid or device */              \
	F(k, OBJECT_B, "object_b", UINT, NONE) /* tid or context */
#define EVENT_JIT_FIELDS(F, k) /* blob: path of the compute cache file */      \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, NONE)                                          \
	F(k, ENTRY, "entry", ENUM, NONE)    /* enum jit_entry */                \
	F(k, OP, "op", ENUM, NONE)          /* enum jit_op */                   \
	F(k, DEVICE, "device", UINT, NONE)                                      \
	F(k, JIT_CORR, "jit_corr", UINT, NONE)                                  \
	F(k, CACHE_BYTES, "cache_bytes", UINT, NONE)                            \
	F(k, TID, "on_tid", UINT, NONE)
#define EVENT_LOAD_FIELDS(F, k) /* a cuModuleLoad* / cuLibraryLoad* / cuLink* call; blob: path */ \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, NONE)                                          \
	F(k, API, "api", ENUM, NONE)                                            \
	F(k, RESULT, "result", UINT, NONE)                                      \
	F(k, HANDLE, "handle", HEX, NONE)   /* CUmodule or CUlibrary it made */ \
	F(k, IMAGE, "image", ENUM, NONE)    /* enum image_kind of the input */  \
	F(k, SOURCE, "source", ENUM, NONE)  /* enum image_source */             \
	F(k, ADDRESS, "address", HEX, NONE)                                     \
	F(k, OFFSET, "offset", UINT, NONE)  /* in the mapped file of the blob */ \
	F(k, BYTES, "bytes", UINT, NONE)    /* of the input image; 0: unknown */ \
	F(k, HASH, "hash", HEX, NONE)       /* XXH64 of the input image; 0: not taken */ \
	F(k, NATIVE, "native", UINT, NONE)  /* innermost FRAME of the call; 0: none */ \
	F(k, PYTHON, "python", UINT, NONE)
#define EVENT_MODULE_FIELDS(F, k) /* MODULE_LOADED: final code is on a context */ \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, MODULE, "module", UINT, NONE)  /* CUPTI module id */               \
	F(k, BYTES, "bytes", UINT, NONE)                                        \
	F(k, HASH, "hash", HEX, NONE)       /* XXH64 of the final image */      \
	F(k, IMAGE, "image", ENUM, NONE)                                        \
	F(k, KERNELS, "kernels", UINT, NONE)                                    \
	F(k, CALL_API, "call_api", ENUM, NONE) /* API call it happened inside, or 0 */ \
	F(k, CALL_CORR, "call_corr", UINT, NONE)                                \
	F(k, LIBRARY, "library", HEX, NONE) /* LOAD handle it came from, or 0 */ \
	F(k, NATIVE, "native", UINT, NONE)  /* innermost FRAME, when its call has no LOAD */ \
	F(k, PYTHON, "python", UINT, NONE)
#define EVENT_MODULE_KERNELS_FIELDS(F, k) /* blob: names, NUL after each */    \
	F(k, HASH, "hash", HEX, NONE)                                           \
	F(k, FIRST, "first", UINT, NONE)    /* index of the first name here */  \
	F(k, MODULE, "module", UINT, NONE)  /* whose they are when hash is 0; else 0 */
#define EVENT_UNLOAD_FIELDS(F, k)                                              \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, CONTEXT, "context", UINT, NONE)                                    \
	F(k, MODULE, "module", UINT, NONE)
#define EVENT_GRAPH_FIELDS(F, k) /* capture, instantiate, update, destroy */   \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, CORR, "corr", UINT, NONE)                                          \
	F(k, API, "api", ENUM, NONE)                                            \
	F(k, RESULT, "result", UINT, NONE)                                      \
	F(k, OP, "op", ENUM, NONE)          /* enum graph_op */                 \
	F(k, GRAPH, "graph", UINT, NONE)    /* exec's graph id, as in GRAPH_RUN */ \
	F(k, SOURCE_GRAPH, "source_graph", UINT, NONE)                          \
	F(k, VERSION, "version", UINT, NONE) /* 0 at instantiate, +1 an update */ \
	F(k, NODES, "nodes", UINT, NONE)                                        \
	F(k, KERNEL_NODES, "kernel_nodes", UINT, NONE)                          \
	F(k, UNLISTED, "unlisted", UINT, NONE) /* nodes whose kernels are unknown */ \
	F(k, NATIVE, "native", UINT, NONE)  /* innermost FRAME; 0: none */      \
	F(k, PYTHON, "python", UINT, NONE)
#define EVENT_GRAPH_KERNEL_FIELDS(F, k) /* blob: kernel name */                \
	F(k, GRAPH, "graph", UINT, NONE)                                        \
	F(k, VERSION, "version", UINT, NONE)                                    \
	F(k, COUNT, "count", UINT, NONE)    /* nodes of this kernel; 0: a node update set one to it */
#define EVENT_LOST_FIELDS(F, k)                                                \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, REASON, "reason", ENUM, NONE)  /* enum lost_reason */              \
	F(k, COUNT, "count", UINT, NONE)    /* records, since the last such one */
#define EVENT_NOTE_FIELDS(F, k) /* blob: one sentence for the user */          \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, CODE, "code", ENUM, NONE)      /* enum note_code */
#define EVENT_END_FIELDS(F, k) /* the last one in the file counts */           \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, REASON, "reason", ENUM, NONE)  /* enum end_reason */               \
	F(k, STATUS, "status", INT, NONE)   /* exit status; -1: unknown */      \
	F(k, LAUNCHES, "launches", UINT, NONE)                                  \
	F(k, KERNELS, "kernels", UINT, NONE)                                    \
	F(k, GRAPH_RUNS, "graph_runs", UINT, NONE)                              \
	F(k, MODULES, "modules", UINT, NONE)                                    \
	F(k, JIT_COMPILES, "jit_compiles", UINT, NONE)                          \
	F(k, LOST, "lost", UINT, NONE)

#define EVENT_FRAME_FIELDS(F, k) /* one call of a stack; blob, Python: file NUL function */ \
	F(k, ID, "id", UINT, DELTA)                                             \
	F(k, PARENT, "parent", UINT, DELTA) /* the caller's FRAME; 0: outermost */ \
	F(k, TYPE, "type", ENUM, NONE)      /* enum frame_type */               \
	F(k, OBJECT, "object", UINT, NONE)  /* native: id of the OBJECT; 0: no file */ \
	F(k, OFFSET, "offset", HEX, NONE)   /* native: address - OBJECT's base, or the address */ \
	F(k, LINE, "line", UINT, NONE)      /* Python; 0: unknown */
#define EVENT_OBJECT_FIELDS(F, k) /* a mapped library; blob: path NUL build id in hex */ \
	F(k, TIME, "time", TIME, DELTA)     /* when it was first seen in a stack */ \
	F(k, ID, "id", UINT, DELTA)                                             \
	F(k, BASE, "base", HEX, NONE)       /* subtract it for addresses of the file */ \
	F(k, START, "start", HEX, NONE)     /* mapped addresses */              \
	F(k, END, "end", HEX, NONE)
#define EVENT_COMPILE_FIELDS(F, k) /* a call of a compiler library; blob: program NUL library's path */ \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)                                            \
	F(k, COMPILER, "compiler", ENUM, NONE) /* enum compiler */              \
	F(k, RESULT, "result", UINT, NONE)                                      \
	F(k, HANDLE, "handle", HEX, NONE)   /* nvrtcProgram, nvJitLinkHandle ... */ \
	F(k, NATIVE, "native", UINT, NONE)                                      \
	F(k, PYTHON, "python", UINT, NONE)
#define EVENT_CODE_FIELDS(F, k) /* what a compiler library gave back */        \
	F(k, TIME, "time", TIME, DELTA)                                         \
	F(k, COMPILER, "compiler", ENUM, NONE)                                  \
	F(k, HANDLE, "handle", HEX, NONE)   /* as in COMPILE */                 \
	F(k, IMAGE, "image", ENUM, NONE)                                        \
	F(k, BYTES, "bytes", UINT, NONE)                                        \
	F(k, HASH, "hash", HEX, NONE)       /* XXH64, as in LOAD and MODULE */
#define EVENT_RANGE_FIELDS(F, k) /* an NVTX range or mark; blob: message NUL domain */ \
	F(k, START, "start", TIME, GAP)                                         \
	F(k, END, "end", TIME, DIFF)        /* 0: it did not end; a mark: start */ \
	F(k, TYPE, "type", ENUM, NONE)      /* enum range_type */               \
	F(k, DEPTH, "depth", UINT, NONE)    /* push: ranges of the thread and domain around it */ \
	F(k, CATEGORY, "category", UINT, NONE)                                  \
	F(k, PAYLOAD, "payload", UINT, NONE)

/* X(NAME, id, "name", "what the blob is" or NULL) */
#define EVENT_KINDS(X)                                                         \
	X(COVERAGE, 1, "coverage", NULL)                                        \
	X(STRING, 2, "string", "text")                                          \
	X(INFO, 3, "info", "pair")                                              \
	X(PROCESS, 4, "process", NULL)                                          \
	X(CLOCK, 5, "clock", NULL)                                              \
	X(THREAD, 6, "thread", "name")                                          \
	X(DEVICE, 7, "device", "name")                                          \
	X(CONTEXT, 8, "context", NULL)                                          \
	X(STREAM, 9, "stream", NULL)                                            \
	X(LAUNCH, 10, "launch", NULL)                                           \
	X(KERNEL, 11, "kernel", NULL)                                           \
	X(MEMCPY, 12, "memcpy", NULL)                                           \
	X(MEMSET, 13, "memset", NULL)                                           \
	X(GRAPH_RUN, 14, "graph_run", NULL)                                     \
	X(SYNC, 15, "sync", NULL)                                               \
	X(OVERHEAD, 16, "overhead", NULL)                                       \
	X(JIT, 17, "jit", "path")                                               \
	X(LOAD, 18, "load", "path")                                             \
	X(MODULE, 19, "module", NULL)                                           \
	X(MODULE_KERNELS, 20, "module_kernels", "names")                        \
	X(UNLOAD, 21, "unload", NULL)                                           \
	X(GRAPH, 22, "graph", NULL)                                             \
	X(GRAPH_KERNEL, 23, "graph_kernel", "name")                             \
	X(LOST, 24, "lost", NULL)                                               \
	X(NOTE, 25, "note", "text")                                             \
	X(END, 26, "end", NULL)                                                 \
	X(FRAME, 27, "frame", "where")                                          \
	X(OBJECT, 28, "object", "file")                                         \
	X(COMPILE, 29, "compile", "program")                                    \
	X(CODE, 30, "code", NULL)                                               \
	X(RANGE, 31, "range", "text")

enum event_kind {
#define X(NAME, id, text, blob) EVENT_##NAME = (id),
	EVENT_KINDS(X)
#undef X
	EVENT_KIND_COUNT
};

/* KERNEL_START, ... KERNEL_N: index of a field, and the number of fields. */
#define EVENT_FIELD_ENUM(k, NAME, text, type, xf) k##_##NAME,
#define X(NAME, id, text, blob) \
	enum { EVENT_##NAME##_FIELDS(EVENT_FIELD_ENUM, NAME) NAME##_N };
EVENT_KINDS(X)
#undef X

/* Values of ENUM fields: X(NAME, value, "name"); append-only. */
#define CAPTURE_LEVELS(X) X(CHURN, 0, "churn") X(GRAPH, 1, "graph") X(NODE, 2, "node")
#define LIFETIME_OPS(X)   X(CREATE, 0, "create") X(DESTROY, 1, "destroy")
#define GRAPH_OPS(X) \
	X(INSTANTIATE, 0, "instantiate") X(UPDATE, 1, "update") X(DESTROY, 2, "destroy") \
	X(NODE_UPDATE, 3, "node_update") X(CAPTURE, 4, "capture")
#define FRAME_TYPES(X)    X(NATIVE, 0, "native") X(PYTHON, 1, "python")
#define RANGE_TYPES(X)    X(PUSH, 0, "push") X(START, 1, "start") X(MARK, 2, "mark")
#define COMPILERS(X)                                                        \
	X(UNKNOWN, 0, "unknown") X(NVRTC, 1, "nvrtc") X(NVJITLINK, 2, "nvjitlink") \
	X(NVVM, 3, "nvvm") X(NVPTX, 4, "nvptxcompiler")
#define IMAGE_KINDS(X)                                                      \
	X(UNKNOWN, 0, "unknown") X(CUBIN, 1, "cubin") X(PTX, 2, "ptx")       \
	X(FATBIN, 3, "fatbin") X(LTOIR, 4, "ltoir") X(OTHER, 5, "other")
#define IMAGE_SOURCES(X)                                                    \
	X(UNKNOWN, 0, "unknown") X(MEMORY, 1, "memory") /* heap, anonymous */ \
	X(MAPPED, 2, "mapped") /* inside a mapped file: path and offset */   \
	X(PATH, 3, "path")     /* the API was given a path */                \
	X(STACK, 4, "stack")
#define LOST_REASONS(X)                                                     \
	X(JOURNAL, 0, "journal full") X(POOL, 1, "buffer pool empty")        \
	X(CUPTI, 2, "dropped by CUPTI") X(LAYOUT, 3, "record layout unknown") \
	X(OVERSIZE, 4, "record too large") X(DISK, 5, "disk")                \
	X(MEMORY, 6, "memory limit")
#define NOTE_CODES(X)                                                       \
	X(INFO, 0, "info") X(NO_CUPTI, 1, "no_cupti") X(TAKEN, 2, "taken")   \
	X(CUPTI_ERROR, 3, "cupti_error") X(LAYOUT, 4, "layout")              \
	X(DENIED, 5, "denied") X(TIMEOUT, 6, "timeout") X(DISK, 7, "disk")
#define END_REASONS(X)                                                      \
	X(EXIT, 0, "exit") X(IMMEDIATE, 1, "_exit") X(QUICK, 2, "quick_exit") \
	X(EXEC, 3, "exec") X(STOPPED, 4, "stopped")
/* CUPTI's own numbers (cupti_activity.h), for the names. */
#define COPY_KINDS(X)                                                       \
	X(UNKNOWN, 0, "unknown") X(HTOD, 1, "htod") X(DTOH, 2, "dtoh")       \
	X(HTOA, 3, "htoa") X(ATOH, 4, "atoh") X(ATOA, 5, "atoa")             \
	X(ATOD, 6, "atod") X(DTOA, 7, "dtoa") X(DTOD, 8, "dtod")             \
	X(HTOH, 9, "htoh") X(PTOP, 10, "ptop")
#define SYNC_TYPES(X)                                                       \
	X(UNKNOWN, 0, "unknown") X(EVENT, 1, "event") X(STREAM_WAIT, 2, "stream_wait") \
	X(STREAM, 3, "stream") X(CONTEXT, 4, "context")
#define OVERHEAD_KINDS(X)                                                   \
	X(UNKNOWN, 0, "unknown") X(COMPILER, 1, "driver_compiler")           \
	X(BUFFER_FLUSH, 65536, "cupti_buffer_flush")                         \
	X(INSTRUMENTATION, 131072, "cupti_instrumentation")                  \
	X(RESOURCE, 196608, "cupti_resource")                                \
	X(MODULE_LOADING, 262144, "runtime_module_loading")                  \
	X(LAZY_LOADING, 327680, "lazy_function_loading")                     \
	X(COMMAND_BUFFER, 393216, "command_buffer_full")                     \
	X(BUFFER_REQUEST, 458752, "activity_buffer_request")                 \
	X(UVM_INIT, 524288, "uvm_activity_init")
#define JIT_ENTRIES(X) \
	X(INVALID, 0, "invalid") X(PTX, 1, "ptx_to_cubin") X(NVVM, 2, "nvvm_ir_to_ptx")
#define JIT_OPS(X)                                                          \
	X(INVALID, 0, "invalid") X(CACHE_LOAD, 1, "cache_load")              \
	X(CACHE_STORE, 2, "cache_store") X(COMPILE, 3, "compile")
/* The driver calls a trace tells apart, whatever CUPTI's cbid: runtime calls pass through them. */
#define API_IDS(X)                                                          \
	X(NONE, 0, "none")                                                   \
	X(CU_LAUNCH_KERNEL, 1001, "cuLaunchKernel")                          \
	X(CU_LAUNCH_KERNEL_EX, 1002, "cuLaunchKernelEx")                     \
	X(CU_LAUNCH_COOPERATIVE, 1003, "cuLaunchCooperativeKernel")          \
	X(CU_GRAPH_LAUNCH, 1004, "cuGraphLaunch")                            \
	X(CU_STREAM_SYNC, 1005, "cuStreamSynchronize")                       \
	X(CU_EVENT_SYNC, 1006, "cuEventSynchronize")                         \
	X(CU_CTX_SYNC, 1007, "cuCtxSynchronize")                             \
	X(CU_MODULE_LOAD, 1010, "cuModuleLoad")                              \
	X(CU_MODULE_LOAD_DATA, 1011, "cuModuleLoadData")                     \
	X(CU_MODULE_LOAD_DATA_EX, 1012, "cuModuleLoadDataEx")                \
	X(CU_MODULE_LOAD_FAT, 1013, "cuModuleLoadFatBinary")                 \
	X(CU_MODULE_GET_FUNCTION, 1014, "cuModuleGetFunction")               \
	X(CU_LIBRARY_LOAD_DATA, 1015, "cuLibraryLoadData")                   \
	X(CU_LIBRARY_LOAD_FILE, 1016, "cuLibraryLoadFromFile")               \
	X(CU_LIBRARY_GET_KERNEL, 1017, "cuLibraryGetKernel")                 \
	X(CU_KERNEL_GET_FUNCTION, 1018, "cuKernelGetFunction")               \
	X(CU_LIBRARY_GET_MODULE, 1019, "cuLibraryGetModule")                 \
	X(CU_LINK_CREATE, 1020, "cuLinkCreate")                              \
	X(CU_LINK_ADD_DATA, 1021, "cuLinkAddData")                           \
	X(CU_LINK_ADD_FILE, 1022, "cuLinkAddFile")                           \
	X(CU_LINK_COMPLETE, 1023, "cuLinkComplete")                          \
	X(CU_GRAPH_INSTANTIATE, 1030, "cuGraphInstantiate")                  \
	X(CU_GRAPH_EXEC_UPDATE, 1031, "cuGraphExecUpdate")                   \
	X(CU_GRAPH_EXEC_SET_NODE, 1032, "cuGraphExecKernelNodeSetParams")    \
	X(CU_GRAPH_EXEC_DESTROY, 1033, "cuGraphExecDestroy")                 \
	X(CU_MODULE_UNLOAD, 1034, "cuModuleUnload")                          \
	X(CU_LIBRARY_UNLOAD, 1035, "cuLibraryUnload")                        \
	X(CU_STREAM_BEGIN_CAPTURE, 1036, "cuStreamBeginCapture")             \
	X(CU_STREAM_END_CAPTURE, 1037, "cuStreamEndCapture")                 \
	X(CU_MODULE_GET_GLOBAL, 1040, "cuModuleGetGlobal")                   \
	X(CU_LIBRARY_GET_GLOBAL, 1041, "cuLibraryGetGlobal")                 \
	X(CU_KERNEL_SET_ATTRIBUTE, 1042, "cuKernelSetAttribute")             \
	X(CU_KERNEL_GET_ATTRIBUTE, 1043, "cuKernelGetAttribute")             \
	X(CU_FUNC_SET_ATTRIBUTE, 1044, "cuFuncSetAttribute")                 \
	X(CU_FUNC_GET_ATTRIBUTE, 1045, "cuFuncGetAttribute")                 \
	X(CU_FUNC_LOAD, 1046, "cuFuncLoad")                                  \
	X(CU_LIBRARY_GET_MANAGED, 1047, "cuLibraryGetManaged")               \
	X(CU_LIBRARY_GET_UNIFIED, 1048, "cuLibraryGetUnifiedFunction")       \
	X(CU_KERNEL_SET_CACHE, 1049, "cuKernelSetCacheConfig")               \
	X(CU_KERNEL_GET_PARAM, 1050, "cuKernelGetParamInfo")                 \
	X(CU_FUNC_GET_MODULE, 1051, "cuFuncGetModule")                       \
	X(CU_FUNC_SET_CACHE, 1052, "cuFuncSetCacheConfig")                   \
	X(CU_FUNC_GET_PARAM, 1053, "cuFuncGetParamInfo")                     \
	X(CU_OCCUPANCY_BLOCKS, 1054, "cuOccupancyMaxActiveBlocksPerMultiprocessor") \
	X(CU_OCCUPANCY_BLOCK_SIZE, 1055, "cuOccupancyMaxPotentialBlockSize") \
	X(CU_OCCUPANCY_SHARED, 1056, "cuOccupancyAvailableDynamicSMemPerBlock") \
	X(CU_OCCUPANCY_CLUSTER_SIZE, 1057, "cuOccupancyMaxPotentialClusterSize") \
	X(CU_OCCUPANCY_CLUSTERS, 1058, "cuOccupancyMaxActiveClusters")

#define EVENT_VALUE_ENUMS(E)                                                \
	E(capture_level, LEVEL, CAPTURE_LEVELS)                              \
	E(lifetime_op, LIFETIME, LIFETIME_OPS)                               \
	E(graph_op, GRAPH_OP, GRAPH_OPS)                                     \
	E(frame_type, FRAME_IS, FRAME_TYPES)                                 \
	E(range_type, RANGE_IS, RANGE_TYPES)                                 \
	E(compiler, COMPILER, COMPILERS)                                     \
	E(image_kind, IMAGE, IMAGE_KINDS)                                    \
	E(image_source, SOURCE, IMAGE_SOURCES)                               \
	E(lost_reason, LOST_BY, LOST_REASONS)                                \
	E(note_code, NOTE_IS, NOTE_CODES)                                    \
	E(end_reason, END_BY, END_REASONS)                                   \
	E(copy_kind, COPY, COPY_KINDS)                                       \
	E(sync_type, SYNC_OF, SYNC_TYPES)                                    \
	E(overhead_kind, OVERHEAD_IS, OVERHEAD_KINDS)                        \
	E(jit_entry, JIT_FROM, JIT_ENTRIES)                                  \
	E(jit_op, JIT_IS, JIT_OPS)                                           \
	E(api_id, API, API_IDS)

#define X_LEVEL(N, v, s)    LEVEL_##N = (v),
enum capture_level { CAPTURE_LEVELS(X_LEVEL) };
#define X_LIFETIME(N, v, s) LIFETIME_##N = (v),
enum lifetime_op { LIFETIME_OPS(X_LIFETIME) };
#define X_GRAPH_OP(N, v, s) GRAPH_OP_##N = (v),
enum graph_op { GRAPH_OPS(X_GRAPH_OP) };
#define X_FRAME_IS(N, v, s) FRAME_IS_##N = (v),
enum frame_type { FRAME_TYPES(X_FRAME_IS) };
#define X_RANGE_IS(N, v, s) RANGE_IS_##N = (v),
enum range_type { RANGE_TYPES(X_RANGE_IS) };
#define X_COMPILER(N, v, s) COMPILER_##N = (v),
enum compiler { COMPILERS(X_COMPILER) };
#define X_IMAGE(N, v, s)    IMAGE_##N = (v),
enum image_kind { IMAGE_KINDS(X_IMAGE) };
#define X_SOURCE(N, v, s)   SOURCE_##N = (v),
enum image_source { IMAGE_SOURCES(X_SOURCE) };
#define X_LOST_BY(N, v, s)  LOST_BY_##N = (v),
enum lost_reason { LOST_REASONS(X_LOST_BY) LOST_REASON_COUNT };
#define X_NOTE_IS(N, v, s)  NOTE_IS_##N = (v),
enum note_code { NOTE_CODES(X_NOTE_IS) };
#define X_END_BY(N, v, s)   END_BY_##N = (v),
enum end_reason { END_REASONS(X_END_BY) };
#define X_COPY(N, v, s)     COPY_##N = (v),
enum copy_kind { COPY_KINDS(X_COPY) };
#define X_SYNC_OF(N, v, s)  SYNC_OF_##N = (v),
enum sync_type { SYNC_TYPES(X_SYNC_OF) };
#define X_OVERHEAD_IS(N, v, s) OVERHEAD_IS_##N = (v),
enum overhead_kind { OVERHEAD_KINDS(X_OVERHEAD_IS) };
#define X_JIT_FROM(N, v, s) JIT_FROM_##N = (v),
enum jit_entry { JIT_ENTRIES(X_JIT_FROM) };
#define X_JIT_IS(N, v, s)   JIT_IS_##N = (v),
enum jit_op { JIT_OPS(X_JIT_IS) };
#define X_API(N, v, s)      API_##N = (v),
enum api_id { API_IDS(X_API) };

struct event_field {
	const char *name;
	enum field_type type;
	enum field_transform transform;
};

struct event_type {
	uint16_t kind;
	uint8_t n_fields;
	const char *name;
	const char *blob; /* name of the blob in dumps, or NULL: no blob */
	struct event_field field[EVENT_FIELDS_MAX];
};

/* A value of an ENUM field; a list ends with .name == NULL. */
struct event_value {
	uint64_t value;
	const char *name;
};

/* NULL for a kind this build does not know. Static storage. */
const struct event_type *event_type_of(unsigned kind);

/* The values of field i of kind, and the list's name in *ret_name; NULL: not an ENUM field. */
const struct event_value *event_values_of(unsigned kind, unsigned i, const char **ret_name);

/*
 * Name of the value of an ENUM field (field index i of kind), or NULL when the
 * value is not known: then print the number. Static storage.
 */
const char *event_enum_name(unsigned kind, unsigned i, uint64_t value);

#endif
