/* The simulated nvJitLink: makes a cubin of the last PTX that was added. */
#include "tests/sim/compiler.h"

#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, ERROR_INVALID_INPUT = 3 };

struct link_job {
	char *text;
	unsigned char *cubin;
	size_t bytes;
};

#define EXPORT(name, params, words, body)                  \
	COMPILER_API int nvJitLink##name params;           \
	int nvJitLink##name params body                    \
	COMPILER_API int __nvJitLink##name##_13_0 params;  \
	int __nvJitLink##name##_13_0 params { return nvJitLink##name words; }

EXPORT(Create, (struct link_job **ret, uint32_t n, const char **options), (ret, n, options), {
	(void)n;
	(void)options;
	*ret = calloc(1, sizeof(**ret));
	return SUCCESS;
})
EXPORT(Destroy, (struct link_job **job), (job), {
	free((*job)->text);
	free((*job)->cubin);
	free(*job);
	*job = NULL;
	return SUCCESS;
})
EXPORT(AddData, (struct link_job *job, int type, const void *data, size_t n, const char *name),
       (job, type, data, n, name), {
	(void)type;
	(void)name;
	free(job->text);
	job->text = strndup(data, n);
	return SUCCESS;
})
EXPORT(Complete, (struct link_job *job), (job), {
	if (!job || !job->text)
		return ERROR_INVALID_INPUT;
	compiler_wait();
	job->cubin = compiler_cubin(job->text, ".entry", &job->bytes);
	return SUCCESS;
})
EXPORT(GetLinkedCubinSize, (struct link_job *job, size_t *ret), (job, ret), {
	*ret = job->bytes;
	return SUCCESS;
})
EXPORT(GetLinkedCubin, (struct link_job *job, void *ret), (job, ret), {
	memcpy(ret, job->cubin, job->bytes);
	return SUCCESS;
})
