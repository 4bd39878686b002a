#include "preload/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "preload/log.h"
#include "trace/options.h"

static const char *text_of(enum option_id id)
{
	/* secure_getenv: a setuid-like process takes no orders from its environment. */
	return secure_getenv(option_row_of(id)->env);
}

static uint64_t number_of(enum option_id id)
{
	const struct option_row *row = option_row_of(id);
	uint64_t value = 0;

	if (option_value(&value, row, text_of(id))) {
		log_warn("%s: not a value it can take; using %s", row->env, row->dflt);
		option_value(&value, row, NULL);
	}
	return value;
}

/* The host may change its directory before it starts CUDA: paths become absolute here. */
static void path_of(char out[OPTIONS_PATH_MAX], enum option_id id)
{
	const char *text = text_of(id);
	size_t n = 0;

	out[0] = 0;
	if (!text || !*text)
		return;
	if (text[0] != '/') {
		if (!getcwd(out, OPTIONS_PATH_MAX - 1)) {
			out[0] = 0;
			return;
		}
		n = strlen(out);
		out[n++] = '/';
	}
	if (n + strlen(text) >= OPTIONS_PATH_MAX) {
		log_warn("%s: the path is too long", option_row_of(id)->env);
		out[0] = 0;
		return;
	}
	strcpy(out + n, text);
}

void options_read(struct tracer_options *ret)
{
	uint64_t debug = 0;

	option_value(&debug, option_row_of(OPTION_DEBUG_ID), text_of(OPTION_DEBUG_ID));
	log_init(text_of(OPTION_LOG_ID), debug);
	path_of(ret->out, OPTION_OUT_ID);
	path_of(ret->cupti, OPTION_CUPTI_ID);
	ret->level = (enum capture_level)number_of(OPTION_LEVEL_ID);
	ret->max_bytes = number_of(OPTION_MAX_SIZE_ID);
	ret->memory_bytes = number_of(OPTION_MEMORY_ID);
	ret->flush_ms = (unsigned)number_of(OPTION_FLUSH_MS_ID);
	ret->redact = number_of(OPTION_REDACT_ID);
	ret->dlsym = number_of(OPTION_DLSYM_ID);
	ret->nvtx = (enum nvtx_mode)number_of(OPTION_NVTX_ID);
	if (ret->nvtx == NVTX_AUTO && ret->level == LEVEL_CHURN)
		ret->nvtx = NVTX_OFF;
	ret->stacks = (enum stack_mode)number_of(OPTION_STACKS_ID);
}
