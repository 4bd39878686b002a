/*
 * The simulated JIT: PTX to cubin, slowly; then the compute cache, on disk when a
 * directory is named and in memory otherwise; CUPTI's JIT records as the real driver
 * gives them: COMPILE then CACHE_STORE, or CACHE_LOAD alone.
 */
#include "tests/sim/drv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CACHE_BYTES = 1 << 30 };

struct cached {
	struct cached *next;
	uint64_t key;
	unsigned char *elf;
	size_t bytes;
};

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct cached *cache;     /* used when there is no directory */

static const char *cache_dir(void)
{
	return sim_knobs.cache_dir ? sim_knobs.cache_dir : sim_knobs.cuda_cache_path;
}

static bool cache_is_disabled(void)
{
	return sim_knobs.cuda_cache_disable && strcmp(sim_knobs.cuda_cache_disable, "0");
}

static void cache_file(char *ret, size_t bytes, uint64_t key)
{
	snprintf(ret, bytes, "%s/%016llx", cache_dir(), (unsigned long long)key);
}

static unsigned char *cache_read(uint64_t key, size_t *ret_bytes)
{
	unsigned char *elf = NULL;
	struct cached *c;
	char path[4096];
	long bytes;
	FILE *f;

	if (!cache_dir()) {
		pthread_mutex_lock(&cache_lock);
		for (c = cache; c && c->key != key; c = c->next)
			;
		if (c && (elf = malloc(c->bytes))) {
			memcpy(elf, c->elf, c->bytes);
			*ret_bytes = c->bytes;
		}
		pthread_mutex_unlock(&cache_lock);
		return elf;
	}
	cache_file(path, sizeof(path), key);
	f = fopen(path, "re");
	if (!f)
		return NULL;
	if (!fseek(f, 0, SEEK_END) && (bytes = ftell(f)) > 64 && !fseek(f, 0, SEEK_SET) &&
	    (elf = malloc((size_t)bytes))) {
		*ret_bytes = (size_t)bytes;
		if (fread(elf, 1, (size_t)bytes, f) != (size_t)bytes) {
			free(elf);
			elf = NULL;
		}
	}
	fclose(f);
	return elf;
}

static void cache_write(uint64_t key, const unsigned char *elf, size_t bytes)
{
	char path[4096], temporary[4160];
	struct cached *c;
	FILE *f;

	if (!cache_dir()) {
		c = malloc(sizeof(*c));
		if (!c || !(c->elf = malloc(bytes))) {
			free(c);
			return;
		}
		memcpy(c->elf, elf, bytes);
		c->bytes = bytes;
		c->key = key;
		pthread_mutex_lock(&cache_lock);
		c->next = cache;
		cache = c;
		pthread_mutex_unlock(&cache_lock);
		return;
	}
	(void)mkdir(cache_dir(), 0777);
	cache_file(path, sizeof(path), key);
	snprintf(temporary, sizeof(temporary), "%s.%d.%p", path, (int)getpid(), (void *)&key);
	f = fopen(temporary, "wxe");
	if (!f)
		return;
	if (fwrite(elf, 1, bytes, f) != bytes || fclose(f) || rename(temporary, path))
		(void)unlink(temporary);
}

/* --- compiling */
static uint64_t jit_key(const struct source *ptx)
{
	uint64_t h = 14695981039346656037u;

	for (size_t i = 0; i < ptx->bytes; i++)
		h = (h ^ (unsigned char)ptx->data[i]) * 1099511628211u;
	return h;
}

static void jit_record(enum sim_jit_operation operation, CUdevice device, uint64_t start_ns,
		       uint64_t operation_id, uint64_t key)
{
	const struct sim_tracer *tracer = drv_tracer();
	char path[4096] = "(memory of the simulated device)";

	if (!tracer || !drv_wants(ACT_JIT))
		return;
	if (cache_dir())
		cache_file(path, sizeof(path), key);
	tracer->jit(&(struct sim_jit){
		.operation = operation, .device = (uint32_t)device,
		.correlation = api_correlation(), .start_ns = start_ns, .end_ns = clock_now(),
		/* The size of the whole cache, not of the entry: measured. */
		.operation_id = operation_id,
		.cache_bytes = operation == SIM_JIT_COMPILE ? 0 : CACHE_BYTES,
		.cache_path = operation == SIM_JIT_COMPILE ? NULL : drv_intern(path),
	});
}

/* One number per text: CUPTI gives the same for the compile and for every later load. */
static uint64_t jit_operation(uint64_t key)
{
	static struct { uint64_t key, id; } seen[1024];
	static uint64_t next = 1;
	uint64_t id;

	pthread_mutex_lock(&cache_lock);
	if (seen[key % 1024].key != key || !seen[key % 1024].id) {
		seen[key % 1024].key = key;
		seen[key % 1024].id = next++;
	}
	id = seen[key % 1024].id;
	pthread_mutex_unlock(&cache_lock);
	return id;
}

CUresult jit_compile(struct image *ret, const struct source *ptx, CUdevice device)
{
	uint64_t key = jit_key(ptx), start = clock_now(), operation = jit_operation(key);
	struct image image = { NULL, 0, NULL, 0 };
	CUresult r = ptx_kernels(ptx->data, ptx->bytes, &image.kernels, &image.n_kernels);

	if (r)
		return r;
	if (!cache_is_disabled())
		image.elf = cache_read(key, &image.elf_bytes);
	if (image.elf) {
		clock_wait(start + sim_knobs.cache_load_ns);
		jit_record(SIM_JIT_CACHE_LOAD, device, start, operation, key);
		*ret = image;
		return CUDA_SUCCESS;
	}
	image.elf = elf_build(image.kernels, image.n_kernels, key, &image.elf_bytes);
	if (!image.elf) {
		image_release(&image);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	clock_wait(start + sim_knobs.jit_ns);
	jit_record(SIM_JIT_COMPILE, device, start, operation, key);
	if (!cache_is_disabled()) {
		start = clock_now();
		cache_write(key, image.elf, image.elf_bytes);
		jit_record(SIM_JIT_CACHE_STORE, device, start, operation, key);
	}
	*ret = image;
	return CUDA_SUCCESS;
}
