/*
 * knobs: every JITNESS_SIM_* variable, read once per library.
 * README.md lists them in one table; keep the two together.
 */
#ifndef JITNESS_SIM_KNOBS_H
#define JITNESS_SIM_KNOBS_H

#include <stdint.h>

/* name, field, default */
#define SIM_NUMBERS(X)                                                             \
	X("JITNESS_SIM_LAUNCH_NS", launch_ns, 2000)                                \
	X("JITNESS_SIM_LATENCY_NS", latency_ns, 2000)                              \
	X("JITNESS_SIM_KERNEL_NS", kernel_ns, 2000)                                \
	X("JITNESS_SIM_WAVE_NS", wave_ns, 1000)                                    \
	X("JITNESS_SIM_JIT_NS", jit_ns, 12000000)                                  \
	X("JITNESS_SIM_COMPILE_NS", compile_ns, 200000)                            \
	X("JITNESS_SIM_CACHE_LOAD_NS", cache_load_ns, 80000)                       \
	X("JITNESS_SIM_LOAD_NS", load_ns, 100000)                                  \
	X("JITNESS_SIM_QUEUE", queue_depth, 1024)                                  \
	X("JITNESS_SIM_DEVICES", devices, 1)                                       \
	X("JITNESS_SIM_DRIVER_VERSION", driver_version, 13000)                     \
	X("JITNESS_SIM_NO_DEVICE", no_device, 0)                                   \
	X("JITNESS_SIM_CUPTI_API", cupti_api, 130001)                              \
	X("JITNESS_SIM_DROP", drop, 0)                                             \
	X("JITNESS_SIM_BAD_TIME", bad_time, 0)                                     \
	X("JITNESS_SIM_FLUSH_HANG", flush_hang, 0)

#define SIM_STRINGS(X)                                                             \
	X("JITNESS_SIM_CACHE", cache_dir)                                          \
	X("JITNESS_SIM_SUBSCRIBED", subscribed)                                    \
	X("JITNESS_SIM_FAIL", fail)                                                \
	X("JITNESS_SIM_REPORT", report)                                            \
	X("CUDA_CACHE_PATH", cuda_cache_path)                                      \
	X("CUDA_CACHE_DISABLE", cuda_cache_disable)                                \
	X("CUDA_MODULE_LOADING", cuda_module_loading)

struct sim_knobs {
#define X(env, field, value) uint64_t field;
	SIM_NUMBERS(X)
#undef X
#define X(env, field) const char *field; /* NULL: unset or empty */
	SIM_STRINGS(X)
#undef X
};

/* Filled by a constructor of the library that contains it; constant afterwards. */
extern struct sim_knobs sim_knobs;

#endif
