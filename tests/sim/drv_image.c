/*
 * Images as programs hand them in: PTX text, an ELF cubin, a fatbin or the wrapper that
 * nvcc puts around one. Compressed fatbin entries are not supported.
 */
#include "tests/sim/drv.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WRAPPER_MAGIC = 0x466243b1 };
#define FATBIN_MAGIC 0xba55ed50u

struct fatbin_wrapper {
	uint32_t magic, version;
	const void *data;
	const void *filename;
};

struct fatbin_header {
	uint32_t magic;
	uint16_t version, header_bytes;
	uint64_t bytes;
};

enum { FATBIN_PTX = 1, FATBIN_ELF = 2, FATBIN_COMPRESSED = 0x2000, FATBIN_ZSTD = 0x8000 };

struct fatbin_entry {
	uint16_t kind, version;
	uint32_t header_bytes;
	uint64_t bytes;
	uint32_t compressed_bytes, options;
	uint16_t minor, major;
	uint32_t arch, name_offset, name_bytes;
	uint64_t flags, reserved, uncompressed_bytes;
};

static CUresult source_in_fatbin(struct source *ret, const struct fatbin_header *fatbin)
{
	const char *at = (const char *)fatbin + fatbin->header_bytes;
	const char *end = at + fatbin->bytes;
	bool found = false;

	while ((size_t)(end - at) >= sizeof(struct fatbin_entry)) {
		const struct fatbin_entry *e = (const void *)at;
		size_t size;

		if (e->header_bytes < 48 || e->header_bytes + e->bytes > (size_t)(end - at))
			return CUDA_ERROR_INVALID_IMAGE;
		at += e->header_bytes;
		if (e->flags & (FATBIN_COMPRESSED | FATBIN_ZSTD)) {
			at += e->bytes;
			continue;
		}
		if (e->kind == FATBIN_ELF && !elf_size(at, &size)) {
			*ret = (struct source){ .data = at, .bytes = size };
			return CUDA_SUCCESS;
		}
		if (e->kind == FATBIN_PTX && !found) {
			*ret = (struct source){ .is_ptx = true, .data = at,
						 .bytes = strnlen(at, e->bytes) };
			found = true;
		}
		at += e->bytes;
	}
	return found ? CUDA_SUCCESS : CUDA_ERROR_NO_BINARY_FOR_GPU;
}

CUresult source_find(struct source *ret, const void *data)
{
	uint32_t magic;
	size_t bytes;

	if (!data)
		return CUDA_ERROR_INVALID_VALUE;
	memcpy(&magic, data, sizeof(magic));
	if (magic == WRAPPER_MAGIC)
		return source_find(ret, ((const struct fatbin_wrapper *)data)->data);
	if (magic == FATBIN_MAGIC) {
		CUresult r = source_in_fatbin(ret, data);

		ret->is_fatbin = !r;
		return r;
	}
	if (!memcmp(data, "\177ELF", 4)) {
		if (elf_size(data, &bytes))
			return CUDA_ERROR_INVALID_IMAGE;
		*ret = (struct source){ .data = data, .bytes = bytes };
		return CUDA_SUCCESS;
	}
	bytes = strlen(data);
	if (!strstr(data, ".version"))
		return CUDA_ERROR_INVALID_IMAGE;
	*ret = (struct source){ .is_ptx = true, .data = data, .bytes = bytes };
	return CUDA_SUCCESS;
}

CUresult source_read(struct source *ret, const char *path)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	struct source found;
	CUresult r = CUDA_ERROR_INVALID_IMAGE;
	char *data = NULL, *copy;
	long bytes;

	if (!f)
		return path ? CUDA_ERROR_FILE_NOT_FOUND : CUDA_ERROR_INVALID_VALUE;
	if (fseek(f, 0, SEEK_END) || (bytes = ftell(f)) < 4 || fseek(f, 0, SEEK_SET))
		goto close;
	data = calloc(1, (size_t)bytes + 1);
	if (!data || fread(data, 1, (size_t)bytes, f) != (size_t)bytes)
		goto close;
	r = source_find(&found, data);
	if (r)
		goto close;
	copy = calloc(1, found.bytes + 1);
	if (!copy) {
		r = CUDA_ERROR_OUT_OF_MEMORY;
		goto close;
	}
	memcpy(copy, found.data, found.bytes);
	*ret = found;
	ret->data = copy;
close:
	free(data);
	fclose(f);
	return r;
}

/* --- PTX */
static bool ptx_is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '%';
}

CUresult ptx_kernels(const char *text, size_t bytes, const char ***ret, size_t *ret_n)
{
	const char *end = text + bytes;
	const char **names = NULL;
	size_t n = 0;
	long depth = 0;

	for (const char *p = text; p < end; p++) {
		char name[512];
		size_t len = 0;
		const char **more;

		if (p[0] == '/' && end - p > 1 && p[1] == '/') {
			while (p < end && *p != '\n')
				p++;
			continue;
		}
		depth += *p == '{' ? 1 : *p == '}' ? -1 : 0;
		if (depth < 0)
			break;
		if (*p != '.' || end - p < 8 || memcmp(p, ".entry", 6) ||
		    !isspace((unsigned char)p[6]))
			continue;
		for (p += 6; p < end && isspace((unsigned char)*p); p++)
			;
		while (p < end && ptx_is_name(*p) && len < sizeof(name) - 1)
			name[len++] = *p++;
		name[len] = '\0';
		p--;
		more = realloc(names, (n + 1) * sizeof(*names));
		if (!len || !more) {
			free(more ? more : names);
			return len ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_PTX;
		}
		names = more;
		names[n++] = drv_intern(name);
	}
	if (depth) {
		free(names);
		return CUDA_ERROR_INVALID_PTX;
	}
	*ret = names;
	*ret_n = n;
	return CUDA_SUCCESS;
}

/* --- ready to run */
CUresult image_load(struct image *ret, const struct source *source, CUdevice device)
{
	struct image image = { NULL, 0, NULL, 0 };
	CUresult r;

	if (source->is_ptx)
		return jit_compile(ret, source, device);
	r = elf_kernels(source->data, &image.kernels, &image.n_kernels);
	if (r)
		return r;
	image.elf = malloc(source->bytes);
	if (!image.elf) {
		free(image.kernels);
		return CUDA_ERROR_OUT_OF_MEMORY;
	}
	memcpy(image.elf, source->data, source->bytes);
	image.elf_bytes = source->bytes;
	*ret = image;
	return CUDA_SUCCESS;
}

CUresult image_copy(struct image *ret, const struct image *image)
{
	struct source source = { .data = (const char *)image->elf, .bytes = image->elf_bytes };

	return image_load(ret, &source, 0);
}

void image_release(struct image *image)
{
	free(image->elf);
	free(image->kernels);
	*image = (struct image){ NULL, 0, NULL, 0 };
}
