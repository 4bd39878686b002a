/*
 * module_table: code that came to the GPU. Three sorts of records describe it: LOAD
 * (the API call on the host), MODULE (final code on a context, perhaps much later
 * for a library that is loaded lazily) and JIT (what the driver compiled or found
 * in its cache meanwhile). They arrive in any order and are joined at the end.
 */
#ifndef JITNESS_DECODER_MODULE_TABLE_H
#define JITNESS_DECODER_MODULE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder/idmap.h"

struct names;
struct section;

/* Loads, modules and JIT records listed per process, each; more are only counted. */
#define MODULES_MAX (1u << 18)
#define MODULES_NONE UINT32_MAX

/*
 * What the driver's JIT did for a load or module; times are sums. A request is the records of
 * one text: a look into the cache, a compile, a store. It is a hit when it only looked; a
 * store without a compile is a miss as well (NVRTC and cuDNN compile behind the driver's cache).
 */
struct jit_work {
	uint64_t misses, hits;
	uint64_t start; /* of the first record; 0: none */
	uint64_t compiles, compile_ns;
	uint64_t cache_loads, cache_load_ns;
	uint64_t cache_stores, cache_store_ns;
};

struct module_load {
	uint64_t start, end, corr, result, handle, address, offset, bytes;
	uint64_t hash;           /* of the input image; 0: not taken */
	uint64_t native, python; /* FRAME ids, or 0 */
	uint32_t api, image, source, tid;
	uint32_t path;    /* session's names, or MODULES_NONE */
	uint32_t older;   /* the load before with the same handle, or MODULES_NONE */
	uint32_t modules; /* how many MODULE records came from it */
	struct jit_work jit;
};

struct module {
	uint64_t time, context, module, bytes, hash, kernels, call_corr, library;
	uint64_t native, python; /* FRAME ids, or 0; of its call when that has no LOAD */
	uint32_t call_api, image, tid;
	uint32_t load;  /* where it came from, or MODULES_NONE */
	uint32_t older; /* the module before with the same call_corr */
	bool lazy;      /* materialised later than its load call */
	bool first;     /* the first of its load: the load's duration is told once */
	uint64_t unloaded;
	struct jit_work jit; /* inside the call that materialised it */
	uint8_t how;         /* enum module_how: module_how_find() */
	const char *how_why; /* static, or NULL */
};

struct jit_record {
	uint64_t start, end, corr, jit_corr, cache_bytes;
	uint32_t op, entry, tid, path;
	uint32_t load, module; /* where it belongs to, or MODULES_NONE */
	bool first;            /* of its request */
	bool miss;             /* of its request */
};

struct module_names { /* kernels of a final image, by its hash */
	uint64_t hash; /* 0: the image was not seen, they are of one module */
	uint32_t *kernels; /* session's names */
	size_t n, cap;
};

struct module_table {
	struct module_load *loads;
	struct module *modules;
	struct jit_record *jits;
	struct module_names *images;
	size_t n_loads, loads_cap, n_modules, modules_cap, n_jits, jits_cap, n_images, images_cap;
	uint64_t unlisted;    /* rows beyond MODULES_MAX */
	uint64_t failed;      /* loads with a result */
	uint64_t unloads;
	struct jit_work jit;  /* all, also what no load could be found for */
	uint64_t jit_alone;   /* JIT records that belong to no load and no module */
	struct idmap load_by_corr, load_by_handle, module_by_corr, image_by_hash, image_by_module, live;
};

/* One LOAD, MODULE, MODULE_KERNELS, UNLOAD or JIT section. */
void module_table_fold(struct module_table *t, const struct section *s, struct names *names);
/* Joins; once, when the process has been read. */
void module_table_join(struct module_table *t);
/* NULL: the trace does not say. */
const struct module_names *module_kernels(const struct module_table *t, const struct module *m);
void module_table_release(struct module_table *t);

#endif
