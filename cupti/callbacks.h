/*
 * callbacks: the one function CUPTI calls on the application's threads.
 *
 * A launch costs two clock reads and one journal row. Everything dearer happens in
 * calls that cost the application milliseconds anyway (loads, instantiations).
 */
#ifndef JITNESS_CUPTI_CALLBACKS_H
#define JITNESS_CUPTI_CALLBACKS_H

#include <cupti.h>

#include "trace/event.h"

/* Given to cuptiSubscribe. */
void callbacks_receive(void *userdata, CUpti_CallbackDomain domain, CUpti_CallbackId cbid,
		       const void *data);

/*
 * Enables what the level needs, one id at a time: the RESOURCE domain as a whole
 * would add a callback to every launch. Ids that an older CUPTI does not know are
 * ignored. Returns the first failure among the ids every version knows, or
 * CUPTI_SUCCESS.
 */
CUptiResult callbacks_enable(CUpti_SubscriberHandle subscriber, enum capture_level level);

#endif
