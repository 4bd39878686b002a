/*
 * image: what an application handed to the driver, and where it lived.
 *
 * Nothing here trusts the bytes: every offset inside a cubin is checked against its size. Memory is read
 * through the kernel (no fault on a bad pointer), except where it is known to be readable: around
 * an image that the driver has just taken, in a mapping of no file.
 * Allocates nothing; any thread.
 */
#ifndef JITNESS_CUPTI_IMAGE_H
#define JITNESS_CUPTI_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/event.h"

#define IMAGE_HEAD_BYTES 64
/* Larger inputs are not hashed: the application's thread reads every byte of them. */
#define IMAGE_HASH_MAX   (4u << 20)

struct image {
	enum image_kind kind;
	enum image_source source;
	uint64_t address; /* of the code itself: behind a fatbin wrapper, what it points to */
	uint64_t offset;  /* SOURCE_MAPPED: in the file */
	uint64_t bytes;   /* 0: unknown; of PTX only image_hash() knows */
	uint64_t hash;    /* XXH64; 0: not taken */
	uintptr_t readable, readable_end; /* memory that needs no kernel to be read; empty: none */
};

/* Copies up to n bytes from src, stopping where memory is not readable; returns the count. */
size_t image_peek(void *dst, const void *src, size_t n);

/* Copies a string of at most n - 1 bytes, NUL-terminated; returns its length. */
size_t image_peek_string(char *dst, const char *src, size_t n);

/* By magic number; n bytes at head, n may be small. */
enum image_kind image_classify(const uint8_t *head, size_t n);

/*
 * Describes the image at this address. taken: the call that it was given to succeeded and has not
 * returned, so that its memory is there. path gets the mapped file (SOURCE_MAPPED),
 * NUL-terminated and cut at path_size, else "". NULL image: all unknown.
 */
void image_inspect(struct image *ret, const void *image, bool taken, char *path, size_t path_size);

/*
 * True when the cubin that the driver is taking from here (its load has come so far that there is a
 * module) is this copy of it, byte by byte and as long as its headers say: then the copy's hash is the
 * image's. Only of the heap (maps_heap()), and to IMAGE_HASH_MAX; false says nothing.
 */
bool image_is_copied(const void *image, const void *copy, size_t bytes);

/* What image_inspect() and image_hash() would say of that image. */
void image_copied(struct image *ret, const void *image, size_t bytes, uint64_t hash);

/*
 * Fills hash of what image_inspect() found, and bytes of PTX, whose NUL does not count.
 * given: the size that the call was told, 0 for none; it bounds PTX and is the size of what
 * does not know its own. No hash for a fatbin, beyond IMAGE_HASH_MAX, and of memory that
 * ends too early. What is not known to be readable is read through the kernel, 4 KiB at a time.
 */
void image_hash(struct image *img, uint64_t given);

/* Both for a file that the driver was asked to open; bytes is the file's size. */
void image_inspect_file(struct image *ret, const char *path);

/* false ends the walk. name is not NUL-terminated at len when the string table is cut. */
typedef bool (*image_kernel_fn)(void *arg, const char *name, size_t len);

/*
 * Calls fn (may be NULL) for each kernel entry of an ELF cubin in [data, data + size).
 * Returns how many there are; 0 for anything that is not a well-formed 64-bit ELF.
 */
uint32_t image_kernels(const void *data, size_t size, image_kernel_fn fn, void *arg);

#endif
