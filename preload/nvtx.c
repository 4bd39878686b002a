#include "preload/nvtx.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cupti/emit.h"
#include "preload/log.h"
#include "preload/nvtx_abi.h"
#include "preload/nvtx_names.h"
#include "preload/nvtx_ranges.h"
#include "trace/options.h"

#define NVTX_VARIABLE "NVTX_INJECTION64_PATH"

static bool enabled, all; /* constructor */

/*
 * What another tool installed for a call; the same for every copy of NVTX. One that gives
 * different copies different functions keeps the later ones for itself: they are not seen.
 */
#define NEXT_UNSET 0
#define NEXT_NONE  1
static _Atomic uintptr_t next[NVTX_CALL_COUNT];
static _Atomic uint32_t n_unseen; /* calls of a copy that were left to the other tool */
static _Atomic uint32_t n_declined;
enum chain_state { CHAIN_NONE, CHAIN_STARTED, CHAIN_FAILED, CHAIN_TOLD };
static _Atomic int chain = CHAIN_NONE;

#define X(name, id, ret, args, pass) typedef ret(*name##_fn) args;
NVTX_ABI_CORE(X)
NVTX_ABI_CORE2(X)
#undef X

/* The other tool's function, or NULL. */
static inline uintptr_t next_of(enum nvtx_call call)
{
	uintptr_t f = atomic_load_explicit(&next[call], memory_order_relaxed);

	return f > NEXT_NONE ? f : 0;
}
#define THEIR(name) ((name##_fn)next_of(NVTX_CALL_##name))

struct text_event {
	struct nvtx_event event;
	char text[NVTX_TEXT_MAX];
};

/* A double where the program gave a float; signed numbers in two's complement. */
static uint64_t payload_of(const struct nvtx_attributes *a)
{
	double d;
	uint64_t bits;

	switch (a->payload_type) {
	case NVTX_VALUE_UINT64:
	case NVTX_VALUE_INT64:
	case NVTX_VALUE_DOUBLE:
		return a->payload.u64;
	case NVTX_VALUE_UINT32:
		return a->payload.u32;
	case NVTX_VALUE_INT32:
		return (uint64_t)(int64_t)a->payload.i32;
	case NVTX_VALUE_FLOAT:
		d = a->payload.f32;
		memcpy(&bits, &d, sizeof(bits));
		return bits;
	default:
		return 0;
	}
}

static const struct nvtx_event *of_attributes(struct text_event *t, void *domain,
					      const struct nvtx_attributes *a)
{
	t->event = (struct nvtx_event){ .text = t->text, .domain = nvtx_domain_of(domain) };
	if (!a)
		return &t->event;
	t->event.text_len = nvtx_text_of(t->text, a);
	if (a->size >= offsetof(struct nvtx_attributes, color_type))
		t->event.category = a->category;
	if (a->size >= offsetof(struct nvtx_attributes, message_type))
		t->event.payload = payload_of(a);
	return &t->event;
}

static const struct nvtx_event *of_text(struct text_event *t, const char *text)
{
	t->event = (struct nvtx_event){ .text = t->text, .text_len = nvtx_text(t->text, text) };
	return &t->event;
}

static const struct nvtx_event *of_wide(struct text_event *t, const wchar_t *text)
{
	t->event = (struct nvtx_event){ .text = t->text,
					.text_len = nvtx_text_wide(t->text, text) };
	return &t->event;
}

/* What the other tool may see of a handle or an id: none of ours. */
#define FORWARD_DOMAIN(domain) (nvtx_domain_ours(domain) ? NULL : (domain))
static const struct nvtx_attributes *forward(struct nvtx_attributes *copy,
					     const struct nvtx_attributes *a)
{
	if (!a || a->size < sizeof(*a) || a->message_type != NVTX_TEXT_REGISTERED ||
	    !nvtx_string_ours(a->message.registered))
		return a;
	*copy = *a;
	copy->message.registered = NULL;
	return copy;
}

/* --- the calls. `event` is evaluated once, after the other tool had its turn. */
#define MARK(name, pass, event_)                                  \
	do {                                                      \
		struct text_event t;                              \
		if (THEIR(name))                                  \
			THEIR(name) pass;                         \
		if (emit_on())                                    \
			nvtx_mark(event_);                        \
	} while (0)
#define PUSH(name, pass, event_)                                  \
	do {                                                      \
		struct text_event t;                              \
		int theirs = THEIR(name) ? THEIR(name) pass : 0;  \
		int ours = nvtx_push(event_);                     \
		return THEIR(name) ? theirs : ours;               \
	} while (0)
#define START(name, pass, event_)                                 \
	do {                                                      \
		struct text_event t;                              \
		uint64_t id;                                      \
		if (!THEIR(name))                                 \
			return nvtx_start(event_, 0);             \
		id = THEIR(name) pass;                            \
		if (id && id != UINT64_MAX)                       \
			return nvtx_start(event_, id);            \
		nvtx_start_lost();                                \
		return id;                                        \
	} while (0)

static void on_MarkEx(const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	MARK(MarkEx, (forward(&copy, a)), of_attributes(&t, NULL, a));
}
static void on_MarkA(const char *text)
{
	MARK(MarkA, (text), of_text(&t, text));
}
static void on_MarkW(const wchar_t *text)
{
	MARK(MarkW, (text), of_wide(&t, text));
}
static void on_DomainMarkEx(void *domain, const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	MARK(DomainMarkEx, (FORWARD_DOMAIN(domain), forward(&copy, a)),
	     of_attributes(&t, domain, a));
}

static int on_RangePushEx(const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	PUSH(RangePushEx, (forward(&copy, a)), of_attributes(&t, NULL, a));
}
static int on_RangePushA(const char *text)
{
	PUSH(RangePushA, (text), of_text(&t, text));
}
static int on_RangePushW(const wchar_t *text)
{
	PUSH(RangePushW, (text), of_wide(&t, text));
}
static int on_DomainRangePushEx(void *domain, const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	PUSH(DomainRangePushEx, (FORWARD_DOMAIN(domain), forward(&copy, a)),
	     of_attributes(&t, domain, a));
}
static int on_RangePop(void)
{
	int ours = nvtx_pop(0);

	return THEIR(RangePop) ? THEIR(RangePop)() : ours;
}
static int on_DomainRangePop(void *domain)
{
	int ours = nvtx_pop(nvtx_domain_of(domain));

	return THEIR(DomainRangePop) ? THEIR(DomainRangePop)(FORWARD_DOMAIN(domain)) : ours;
}

static uint64_t on_RangeStartEx(const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	START(RangeStartEx, (forward(&copy, a)), of_attributes(&t, NULL, a));
}
static uint64_t on_RangeStartA(const char *text)
{
	START(RangeStartA, (text), of_text(&t, text));
}
static uint64_t on_RangeStartW(const wchar_t *text)
{
	START(RangeStartW, (text), of_wide(&t, text));
}
static uint64_t on_DomainRangeStartEx(void *domain, const struct nvtx_attributes *a)
{
	struct nvtx_attributes copy;

	START(DomainRangeStartEx, (FORWARD_DOMAIN(domain), forward(&copy, a)),
	      of_attributes(&t, domain, a));
}
static void on_RangeEnd(uint64_t id)
{
	nvtx_end(id);
	if (THEIR(RangeEnd))
		THEIR(RangeEnd)(id);
}
static void on_DomainRangeEnd(void *domain, uint64_t id)
{
	nvtx_end(id);
	if (THEIR(DomainRangeEnd))
		THEIR(DomainRangeEnd)(FORWARD_DOMAIN(domain), id);
}

/* Of a library that annotates each operation, and only when it is given a domain. TSL: XLA and TensorFlow. */
static bool declined(const char *domain)
{
	if (all || strcmp(domain, "TSL"))
		return false;
	atomic_fetch_add(&n_declined, 1);
	return true;
}

/* The program gets the other tool's handle, also when that is NULL: as without us. */
#define CREATED(name, pass, put)                               \
	do {                                                   \
		void *theirs = THEIR(name) ? THEIR(name) pass : NULL; \
		return THEIR(name) && !theirs ? NULL : put;    \
	} while (0)

static void *on_DomainCreateA(const char *text)
{
	char name[NVTX_TEXT_MAX];

	nvtx_text(name, text);
	if (!THEIR(DomainCreateA) && declined(name))
		return NULL;
	CREATED(DomainCreateA, (text), nvtx_domain_put(name, theirs));
}
static void *on_DomainCreateW(const wchar_t *text)
{
	char name[NVTX_TEXT_MAX];

	nvtx_text_wide(name, text);
	if (!THEIR(DomainCreateW) && declined(name))
		return NULL;
	CREATED(DomainCreateW, (text), nvtx_domain_put(name, theirs));
}
static void on_DomainDestroy(void *domain)
{
	nvtx_domain_drop(domain);
	if (THEIR(DomainDestroy))
		THEIR(DomainDestroy)(FORWARD_DOMAIN(domain));
}
static void *on_DomainRegisterStringA(void *domain, const char *text)
{
	char copy[NVTX_TEXT_MAX];

	nvtx_text(copy, text);
	CREATED(DomainRegisterStringA, (FORWARD_DOMAIN(domain), text),
		nvtx_string_put(copy, theirs));
}
static void *on_DomainRegisterStringW(void *domain, const wchar_t *text)
{
	char copy[NVTX_TEXT_MAX];

	nvtx_text_wide(copy, text);
	CREATED(DomainRegisterStringW, (FORWARD_DOMAIN(domain), text),
		nvtx_string_put(copy, theirs));
}

/* --- attaching to a copy of NVTX */
static const struct {
	int module;
	unsigned id;
	nvtx_function function;
} calls[NVTX_CALL_COUNT] = {
#define X(name, id, ret, args, pass) \
	[NVTX_CALL_##name] = { NVTX_ABI_MODULE_CORE, id, (nvtx_function)on_##name },
	NVTX_ABI_CORE(X)
#undef X
#define X(name, id, ret, args, pass) \
	[NVTX_CALL_##name] = { NVTX_ABI_MODULE_CORE2, id, (nvtx_function)on_##name },
	NVTX_ABI_CORE2(X)
#undef X
};

/* Where a copy of NVTX keeps the function of each call; NULL: it is older than the call. */
static bool find_slots(nvtx_function *slot[NVTX_CALL_COUNT], nvtx_export_fn get)
{
	const struct nvtx_callbacks *table = get ? get(NVTX_ABI_TABLE_CALLBACKS) : NULL;
	nvtx_function **of[2] = { NULL, NULL };
	unsigned size[2] = { 0, 0 };

	if (!table || table->struct_size < sizeof(*table) || !table->module_table)
		return false;
	if (!table->module_table(NVTX_ABI_MODULE_CORE, &of[0], &size[0]) || !of[0])
		size[0] = 0;
	if (!table->module_table(NVTX_ABI_MODULE_CORE2, &of[1], &size[1]) || !of[1])
		size[1] = 0;
	for (int i = 0; i < NVTX_CALL_COUNT; i++) {
		int m = calls[i].module == NVTX_ABI_MODULE_CORE2;

		slot[i] = calls[i].id < size[m] ? of[m][calls[i].id] : NULL;
	}
	return size[0] || size[1];
}

__attribute__((visibility("default"))) int InitializeInjectionNvtx2(nvtx_export_fn get);

/* The tool that was named before us attaches first; false: there is none, or it refuses. */
static bool start_other(nvtx_export_fn get)
{
	const char *other = secure_getenv(option_row_of(OPTION_NVTX_CHAIN_ID)->env);
	nvtx_init_fn init = NULL;
	void *lib;
	bool ok;

	if (!other || !*other)
		return false;
	lib = dlopen(other, RTLD_LAZY); /* as NVTX itself would, also when it refuses */
	if (lib)
		*(void **)&init = dlsym(lib, "InitializeInjectionNvtx2");
	ok = init && init != InitializeInjectionNvtx2 && init(get) != 0;
	if (lib && !ok)
		dlclose(lib);
	atomic_store(&chain, ok ? CHAIN_STARTED : CHAIN_FAILED);
	return ok;
}

static void install(nvtx_function *slot, nvtx_function before, enum nvtx_call call)
{
	nvtx_function is = *slot;
	uintptr_t want = is == before ? NEXT_NONE : (uintptr_t)is, first = NEXT_UNSET;

	if (is == calls[call].function)
		return;
	if (atomic_compare_exchange_strong(&next[call], &first, want) || first == want)
		*slot = calls[call].function;
	else
		atomic_fetch_add(&n_unseen, 1);
}

/* Called by each copy of NVTX in the process, at its first call; it publishes what is installed. */
int InitializeInjectionNvtx2(nvtx_export_fn get)
{
	nvtx_function *slot[NVTX_CALL_COUNT], before[NVTX_CALL_COUNT];
	int saved_errno = errno;
	bool other;

	if (!enabled || !find_slots(slot, get) || !nvtx_ranges_start() || !nvtx_names_start()) {
		other = start_other(get);
		errno = saved_errno;
		return other;
	}
	for (int i = 0; i < NVTX_CALL_COUNT; i++)
		before[i] = slot[i] ? *slot[i] : NULL;
	other = start_other(get);
	for (int i = 0; i < NVTX_CALL_COUNT; i++) {
		if (!slot[i])
			continue;
		if (!other) /* what a tool that failed may have left */
			*slot[i] = before[i];
		install(slot[i], before[i], (enum nvtx_call)i);
	}
	log_dbg("NVTX ranges are recorded");
	errno = saved_errno;
	return 1; /* 0 makes NVTX forget what was installed */
}

void nvtx_load(const char *self, bool all_domains, bool redact)
{
	const char *other = secure_getenv(NVTX_VARIABLE);

	if (!nvtx_ranges_load()) {
		log_warn("NVTX ranges are not recorded: no thread-specific key is left");
		return;
	}
	nvtx_names_load(redact);
	if (other && *other && strcmp(other, self))
		setenv(option_row_of(OPTION_NVTX_CHAIN_ID)->env, other, 1);
	setenv(NVTX_VARIABLE, self, 1);
	all = all_domains;
	enabled = true;
}

void nvtx_finish(void)
{
	int is = atomic_exchange(&chain, CHAIN_TOLD);

	if (is == CHAIN_STARTED || is == CHAIN_FAILED)
		emit_note(NOTE_IS_INFO, "%s was set to another tool, which %s", NVTX_VARIABLE,
			  is == CHAIN_STARTED ? "was started first" : "could not be started");
	if (atomic_load(&n_unseen))
		emit_note(NOTE_IS_INFO, "another NVTX tool kept %u calls to itself: their ranges are missing",
			  (unsigned)atomic_exchange(&n_unseen, 0));
	if (atomic_exchange(&n_declined, 0))
		emit_note(NOTE_IS_INFO, "XLA was told that nobody listens to its NVTX ranges, which slow its steps down: "
			  "%s=1 records them", option_row_of(OPTION_NVTX_ID)->env);
	nvtx_ranges_finish();
}

void nvtx_forked(void)
{
	nvtx_ranges_forked();
}
