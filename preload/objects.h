/*
 * objects: which mapped file an address lies in, as OBJECT records.
 *
 * Takes neither the loader's lock nor any other: glibc 2.35 and later answer with
 * _dl_find_object(), which takes none; before, the kernel's memory map is read. An object that
 * holds a frame of the calling thread cannot be unloaded meanwhile; other addresses are the
 * caller's risk. Nothing is allocated; errno may change.
 */
#ifndef JITNESS_PRELOAD_OBJECTS_H
#define JITNESS_PRELOAD_OBJECTS_H

#include <link.h>
#include <stdbool.h>
#include <stdint.h>

struct object {
	uintptr_t start, end;     /* mapped addresses */
	uintptr_t base;           /* load bias: address in the file = mapped address - base */
	const ElfW(Phdr) *phdr;   /* borrowed, mapped with the object */
	uint16_t phnum;
	bool tracer;              /* this library, or libcupti that called it */
	bool stays;               /* until the process ends */
	uint32_t id;              /* of the OBJECT record; 0: the table is full */
};

enum objects_source { OBJECTS_NONE, OBJECTS_LOADER, OBJECTS_MAP };

/*
 * Once per process image, where dlsym is allowed. map_only: as on an older glibc (tests).
 * Returns where answers will come from; OBJECTS_NONE with errno: no memory.
 */
enum objects_source objects_start(bool redact, bool map_only);

/* Any thread. Announces the object when it is new. False: addr is in no ELF file. */
bool objects_find(uintptr_t addr, struct object *ret);

/*
 * As objects_find(), asking only whether the object has this id; 0: is there none. Faster: one that
 * the loader shows as before, with the same build id, is the same.
 */
bool objects_still(uintptr_t addr, uint32_t id);

#endif
