/*
 * drv: the inside of the simulated libcuda. Objects behind the opaque handles of
 * cuda.h, the state of the process, and the ENTRY macros that every driver call is
 * written with: they tell CUPTI of the call under its true cbid and parameters.
 *
 * Locks: a context's `lock` covers its streams and their simulated time; `drv_lock`
 * covers lists of objects. Neither is held while a CUPTI callback runs.
 */
#ifndef JITNESS_SIM_DRV_H
#define JITNESS_SIM_DRV_H

#include <cuda.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <generated_cuda_meta.h>
#include <cupti_driver_cbid.h>

#include "tests/sim/clock.h"
#include "tests/sim/knobs.h"
#include "tests/sim/link.h"

enum { DRV_QUEUE_MAX = 4096, DRV_STREAM_NULL_ID = 7, DRV_STREAM_FIRST_ID = 13 };

#define DRV_SMS 132

struct CUstream_st {
	struct CUstream_st *next;       /* in the context's list */
	struct CUctx_st *ctx;
	uint32_t id;
	unsigned int flags;
	int priority;
	pthread_t owner;                /* per-thread default streams */
	bool is_per_thread;
	uint64_t busy_until;            /* under ctx->lock */
	uint32_t queued;
	uint64_t *queue_end;            /* ring of end times: the depth of the queue */
	struct capture *_Atomic capture; /* read by the end of any capture of the context */
	struct CUgraphNode_st **deps;   /* what the next captured node depends on */
	size_t n_deps;
};

struct CUevent_st {
	uint32_t id;
	unsigned int flags;
	bool is_recorded;
	_Atomic uint64_t time_ns;
	struct capture *capture;        /* recorded while its stream was captured */
	struct CUgraphNode_st **deps;
	size_t n_deps;
};

struct CUctx_st {
	struct CUctx_st *next;
	pthread_mutex_t lock;
	uint32_t magic, uid;
	CUdevice device;
	unsigned int flags;
	bool is_primary;
	struct CUstream_st null_stream;
	struct CUstream_st *streams;
	uint32_t next_stream_id;
	uint64_t blocking_until;        /* latest end on streams that wait for the NULL stream */
	uint64_t all_until;
	struct CUmod_st *modules;
};

/* What a program handed in, found behind fatbin wrappers. */
struct source {
	bool is_ptx, is_fatbin;
	const char *data;
	size_t bytes;
};

/* Code ready to run: an ELF cubin and the kernels it names. */
struct image {
	unsigned char *elf;
	size_t elf_bytes;
	const char **kernels;           /* interned */
	size_t n_kernels;
};

enum { FUNC_MAGIC = 0x66756e63, KERN_MAGIC = 0x6b65726e };

struct CUfunc_st {
	uint32_t magic;
	struct CUmod_st *module;
	struct CUkern_st *kernel;       /* NULL: not from a library */
	const char *name;
	_Atomic bool is_loaded;         /* lazy loading: by the first launch */
};

struct CUmod_st {
	struct CUmod_st *next;
	struct CUctx_st *ctx;
	struct CUlib_st *library;
	struct image image;
	uint32_t id;
	struct CUfunc_st *functions;    /* image.n_kernels of them */
};

struct CUkern_st {
	uint32_t magic;
	struct CUlib_st *library;
	const char *name;
	size_t index;
};

struct CUlib_st {
	struct CUlib_st *next;
	pthread_mutex_t lock;
	struct image image;
	bool is_fatbin;                 /* as the runtime hands them in */
	struct CUkern_st *kernels;
	struct CUmod_st *modules[16];   /* one per context that used it */
	size_t n_modules;
};

/* --- interning and state (drv_state.c) */
const char *drv_intern(const char *text);
extern struct sim_link drv_link;
extern pthread_mutex_t drv_lock;
CUresult drv_state_check(void);         /* initialised, not forked, not torn down */
bool drv_state_was_started(void);
void drv_state_teardown_hook(void);     /* (re-)arms the atexit handler */

/* --- calls (drv_api.c) */
CUresult api_enter(struct sim_api_call *call, uint32_t cbid, const char *name,
		   const void *params, const char *symbol, bool per_thread);
CUresult api_exit(struct sim_api_call *call, CUresult result);
uint32_t api_correlation(void);         /* of the call this thread is in; 0 outside */
bool api_is_per_thread(void);

static inline const struct sim_tracer *drv_tracer(void)
{
	return atomic_load_explicit(&drv_link.tracer, memory_order_acquire);
}

static inline bool drv_wants(unsigned int activity_kind)
{
	return atomic_load_explicit(&drv_link.want_activity, memory_order_relaxed) >>
	       activity_kind & 1;
}

/* Tells of a resource; `descriptor` is a CUpti_ModuleResourceData or CUpti_GraphData. */
void drv_resource(uint32_t cbid, CUcontext ctx, CUstream stream, void *descriptor);
void drv_overhead(uint32_t kind, uint64_t start_ns, uint64_t end_ns);

/* --- contexts, streams (drv_context.c, drv_stream.c) */
CUcontext ctx_current(void);
bool ctx_is_valid(CUcontext ctx);
CUstream stream_find(CUstream handle);  /* resolves NULL and the special handles */
int stream_id_of(void *ctx, void *stream, bool per_thread, uint32_t *ret);
void stream_release(CUstream stream);

/* Places work of duration_ns on the stream; fills start and end. Takes ctx->lock. */
void stream_enqueue(CUstream stream, uint64_t host_ns, uint64_t duration_ns,
		    uint64_t *ret_start, uint64_t *ret_end);
CUresult stream_sync(CUstream stream, uint64_t until, uint32_t type, uint32_t event_id);

/* --- memory (drv_memory.c) */
enum { MEM_UNKNOWN = 0, MEM_PAGEABLE = 1, MEM_PINNED = 2, MEM_DEVICE = 3 };
uint8_t memory_kind(uint64_t address, size_t bytes); /* MEM_UNKNOWN: beyond its end */
/* Places the operation on the stream, does what it does to memory, tells CUPTI. */
void op_run(struct sim_op *op, CUstream stream, uint64_t host_ns, uint64_t duration_ns);

/* --- images (drv_image.c, drv_elf.c, drv_jit.c) */
CUresult source_find(struct source *ret, const void *data);  /* borrows from data */
CUresult source_read(struct source *ret, const char *path);  /* caller frees ret->data */
CUresult image_load(struct image *ret, const struct source *source, CUdevice device);
CUresult image_copy(struct image *ret, const struct image *image);
void image_release(struct image *image);
CUresult ptx_kernels(const char *text, size_t bytes, const char ***ret, size_t *ret_n);
CUresult elf_size(const void *elf, size_t *ret);
CUresult elf_kernels(const void *elf, const char ***ret, size_t *ret_n);
unsigned char *elf_build(const char *const *names, size_t n, uint64_t seed, size_t *ret_bytes);
CUresult jit_compile(struct image *ret, const struct source *ptx, CUdevice device);

/* --- modules (drv_module.c, drv_library.c) */
CUresult module_create(CUmodule *ret, CUcontext ctx, struct image *image, struct CUlib_st *lib);
void module_destroy(CUmodule module);   /* takes it off its context */
/* The function behind a CUfunction or a CUkernel; loads a library's module. */
CUresult function_resolve(CUfunction handle, CUcontext ctx, CUfunction *ret);
const char *function_name(CUfunction handle);
int function_attribute(CUfunction_attribute attribute);
CUresult library_function(CUkernel kernel, CUcontext ctx, CUfunction *ret);
void library_forget_module(CUmodule module);

/* --- launches (drv_launch.c) */
struct launch {
	CUfunction handle;
	unsigned int grid[3], block[3], shared_bytes;
	bool is_cooperative;
};
uint64_t launch_duration(const unsigned int grid[3]);
CUresult launch_check(const struct launch *launch);
void launch_first_use(CUfunction function); /* lazy loading */
void launch_op(struct sim_op *op, CUstream stream, const struct launch *launch, const char *name);

/* --- copies and sets, eager or as graph nodes (drv_memory.c) */
struct copy {
	uint64_t dst, src;
	size_t bytes;
	bool is_async, is_peer;
};
struct set {
	uint64_t dst;
	unsigned int value, element;
	size_t count;
};
uint64_t copy_op(struct sim_op *op, const struct copy *copy); /* duration */
uint64_t set_op(struct sim_op *op, const struct set *set);
void copy_run(const struct copy *copy);
void set_run(const struct set *set);

/* --- stream capture (drv_capture.c): true when the stream was captured into *r */
bool capture_launch(CUstream stream, const struct launch *launch, CUresult *r);
bool capture_copy(CUstream stream, const struct copy *copy, CUresult *r);
bool capture_set(CUstream stream, const struct set *set, CUresult *r);
/* A call that no captured stream stands: the capture is of no use from here on. */
CUresult capture_forbid(CUstream stream);
bool capture_record(CUstream stream, CUevent event);
bool capture_wait(CUstream stream, CUevent event, CUresult *r);

/*
 * ENTRY(name, (parameters), (arguments)) { body }: a driver call. The wrapper that it
 * defines has the prototype of cuda.h and reports to CUPTI; the body does the work.
 * ENTRY_PT also defines the per-thread default stream twin, name##suffix.
 */
#define DRV_UNWRAP(...) __VA_ARGS__
#define DRV_EXPORT __attribute__((visibility("default")))
#define DRV_WRAP(name, params, args, symbol, per_thread, body)                       \
	DRV_EXPORT CUresult CUDAAPI name params                                      \
	{                                                                            \
		name##_params api_params = { DRV_UNWRAP args };                      \
		struct sim_api_call api_call;                                        \
		CUresult api_result = api_enter(                                     \
			&api_call, CUPTI_DRIVER_TRACE_CBID_##name, #name,            \
			&api_params, symbol, per_thread);                            \
		return api_exit(&api_call, api_result ? api_result : body args);     \
	}
#define ENTRY(name, params, args)                                                    \
	static CUresult name##_body params;                                          \
	DRV_WRAP(name, params, args, NULL, false, name##_body)                       \
	static CUresult name##_body params
#define ENTRY_PT(name, suffix, params, args)                                         \
	static CUresult name##_body params;                                          \
	DRV_WRAP(name, params, args, NULL, false, name##_body)                       \
	DRV_WRAP(name##suffix, params, args, NULL, true, name##_body)                \
	static CUresult name##_body params
#define ENTRY_LAUNCH(name, suffix, params, args, symbol)                             \
	static CUresult name##_body params;                                          \
	DRV_WRAP(name, params, args, symbol, false, name##_body)                     \
	DRV_WRAP(name##suffix, params, args, symbol, true, name##_body)              \
	static CUresult name##_body params
/* The same under another exported name. */
#define ENTRY_TWIN(name, params, args, body)                                         \
	DRV_WRAP(name, params, args, NULL, false, body##_body)

/* Kinds and ids of CUPTI that libcuda must name without including <cupti.h>. */
enum {
	ACT_MEMCPY = 1, ACT_MEMSET = 2, ACT_KERNEL = 3, ACT_DEVICE = 8, ACT_CONTEXT = 9,
	ACT_CONCURRENT_KERNEL = 10, ACT_OVERHEAD = 17, ACT_MEMCPY2 = 22, ACT_STREAM = 37,
	ACT_SYNCHRONIZATION = 38, ACT_GRAPH_TRACE = 51, ACT_JIT = 52,
};
enum {
	RES_CONTEXT_CREATED = 1, RES_CONTEXT_DESTROY_STARTING = 2, RES_STREAM_CREATED = 3,
	RES_STREAM_DESTROY_STARTING = 4, RES_CU_INIT_FINISHED = 5, RES_MODULE_LOADED = 6,
	RES_MODULE_UNLOAD_STARTING = 7, RES_MODULE_PROFILED = 8, RES_GRAPH_CREATED = 9,
	RES_GRAPH_DESTROY_STARTING = 10, RES_GRAPH_CLONED = 11,
	RES_GRAPHNODE_CREATE_STARTING = 12, RES_GRAPHNODE_CREATED = 13,
	RES_GRAPHNODE_DESTROY_STARTING = 14, RES_GRAPHNODE_DEPENDENCY_CREATED = 15,
	RES_GRAPHEXEC_CREATE_STARTING = 17, RES_GRAPHEXEC_CREATED = 18,
	RES_GRAPHEXEC_DESTROY_STARTING = 19, RES_GRAPHNODE_CLONED = 20,
	RES_GRAPH_NODE_UPDATED = 22, RES_GRAPH_NODE_SET_PARAMS = 23,
};
enum {
	SYNC_EVENT = 1, SYNC_STREAM_WAIT = 2, SYNC_STREAM = 3, SYNC_CONTEXT = 4,
};
enum {
	OVERHEAD_COMPILER = 1, OVERHEAD_MODULE_LOADING = 4 << 16, OVERHEAD_LAZY = 5 << 16,
};

#endif
