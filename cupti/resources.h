/*
 * resources: modules, contexts and graphs where no CUPTI tells of them. Numbers for their handles
 * (behind the names of CUPTI's own questions, so that one code path serves both), a MODULE record
 * at the EXIT of the call that handed the code over, UNLOAD and DESTROY at that of the call that
 * ended it, CONTEXT and DEVICE.
 *
 * What differs from CUPTI's MODULE_LOADED: a library gets its one MODULE when it is handed
 * over, not at its first use on each context, and a context of 0; the hash and the bytes are those of a cubin
 * that was handed in. Of PTX and fatbins the final image is not seen: no hash, no bytes, `image` is
 * what came in, and the kernels are those that the driver lists: all counted, the first 64 named.
 *
 * On the application's threads at EXIT of its calls, where no lock of the driver is held.
 */
#ifndef JITNESS_CUPTI_RESOURCES_H
#define JITNESS_CUPTI_RESOURCES_H

#include <stdbool.h>
#include <stdint.h>

#include "cupti/calls.h"
#include "cupti/image.h"

/*
 * From now on there is no CUPTI: fills cupti_api with the questions that can be answered, and
 * forgets what a forked child's parent had. 0, or -1 with errno: then ends are not told.
 */
int resources_start(void);

/* CUPTI tells of objects: nothing below does anything. */
void resources_off(void);

/* EXIT of a CALL_LOAD that succeeded and gave this handle; what it was given. */
void resources_loaded(const struct call_frame *frame, uint64_t handle, const struct image *img,
		    uint64_t end_ns);

/* A call that makes or ends an object. */
struct entry_call;
void resources_enter(struct entry_call *call);
void resources_exit(const struct entry_call *call);

#endif
