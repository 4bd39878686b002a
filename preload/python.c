/*
 * How a pointer that may be wrong is followed. Two ways were open: plain loads, once a comparison
 * with the interpreter's own API has shown that the layout is right, or, always, reads that fail
 * instead of faulting (python_peek.h). The comparison needs the GIL, which we mostly do not have,
 * and its calls create frame objects, which may start a garbage collection, which runs anybody's
 * code. And a right layout is not enough: at the end of the interpreter its thread frees the states
 * of daemon threads, such as the one we may be in. So every read is guarded, and every object must
 * carry the type that its field promises; a walk in which one does not gives no frames at all.
 * What it costs: preload/README.md.
 */
#include "preload/python.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "preload/python_layout.h"
#include "preload/python_lines.h"
#include "preload/python_peek.h"
#include "preload/utf8_put.h"
#include "trace/wire.h"

enum { SEARCHING, LOOKING, READY, REFUSED };

static struct python {
	_Atomic int state;
	void *(*this_thread)(void); /* reads a thread-specific value, nothing else */
	uintptr_t code_type, string_type, bytes_type, frame_type;
	struct python_layout layout;
	char says[64];
} python;

/* ---- finding it */

/* The version up to the first space, and why not, if so. */
static void say(const char *version, const char *why)
{
	size_t n = strcspn(version, " "), w = strlen(why);

	if (n > sizeof(python.says) - w - 1)
		n = sizeof(python.says) - w - 1;
	memcpy(python.says, version, n);
	memcpy(python.says + n, why, w + 1);
}

/* 9 for "3.9.1 (main, ...". 0: not 3.x. */
static unsigned minor_of(const char *version)
{
	unsigned minor = 0;

	if (strncmp(version, "3.", 2))
		return 0;
	for (version += 2; *version >= '0' && *version <= '9' && minor < 100; version++)
		minor = minor * 10 + (unsigned)(*version - '0');
	return *version == '.' ? minor : 0;
}

static bool symbol(uintptr_t *ret, const char *name)
{
	*ret = (uintptr_t)dlsym(RTLD_DEFAULT, name);
	return *ret != 0;
}

/* An interpreter in a plug-in that is closed again would leave us with pointers to nothing. */
static void keep_loaded(const void *at)
{
	Dl_info info;

	if (dladdr(at, &info) && info.dli_fname && info.dli_fname[0] == '/')
		(void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static int look(const char *version)
{
	uintptr_t this_thread, runtime;

	/* "3.13.0 experimental free-threading build (main, ..." */
	if (strstr(version, "free-threading")) {
		say(version, ": free-threaded, not supported");
		return REFUSED;
	}
	if (strstr(version, "PyPy") || !python_layout_of(&python.layout, minor_of(version))) {
		say(version, strstr(version, "PyPy") ? ": PyPy, not supported" : ": not supported");
		return REFUSED;
	}
	if (!symbol(&this_thread, "PyGILState_GetThisThreadState") ||
	    !symbol(&python.code_type, "PyCode_Type") ||
	    !symbol(&python.string_type, "PyUnicode_Type") ||
	    !symbol(&python.bytes_type, "PyBytes_Type") ||
	    !symbol(&python.frame_type, "PyFrame_Type")) {
		say(version, ": does not export what is needed");
		return REFUSED;
	}
	if (!peek_allowed()) {
		say(version, ": process_vm_writev is not allowed");
		return REFUSED;
	}
	if (python.layout.minor >= 13 && symbol(&runtime, "_PyRuntime") &&
	    !python_layout_refine(&python.layout, (const void *)runtime)) {
		say(version, ": free-threaded, not supported");
		return REFUSED;
	}
	keep_loaded((const void *)this_thread);
	memcpy(&python.this_thread, &this_thread, sizeof(this_thread));
	say(version, "");
	return READY;
}

const char *python_find(void)
{
	const char *(*version)(void);
	int was = SEARCHING;
	void *at;

	if (!atomic_compare_exchange_strong(&python.state, &was, LOOKING))
		return was == LOOKING ? "none" : python.says;
	was = SEARCHING;
	at = dlsym(RTLD_DEFAULT, "Py_GetVersion");
	if (at) {
		memcpy(&version, &at, sizeof(at));
		was = look(version());
	}
	atomic_store_explicit(&python.state, was, memory_order_release);
	return was == SEARCHING ? "none" : python.says;
}

bool python_ready(void)
{
	return atomic_load_explicit(&python.state, memory_order_acquire) == READY;
}

/* ---- reading frames */

#define AT_ONCE     8    /* frames; a table and two strings of each make one PEEK_BATCH */
#define REMEMBERED  32   /* earlier frames that a string may be shared with */
#define WINDOW      2048 /* bytes: from 3.11 on frames lie one behind the other */
#define SHIMS_MAX   1024 /* frames that are skipped; then it is a circle */
#define STRING_HEAD 256  /* bytes of a string object, header included, read at once */
#define TABLE_HEAD  512 /* 32 bytes of header */

_Static_assert(3 * AT_ONCE <= PEEK_BATCH && WINDOW <= 4096, "fits a system call");

/* The first bytes of an object. */
struct head {
	const uint8_t *bytes;
	uint32_t got;
};

struct slot {
	uintptr_t code, instr;
	bool generator;
	const uint8_t *object; /* the first code_size bytes of the code */
	struct head file, name, table;
	int file_like, name_like; /* the earlier frame with the same string, or -1 */
};

struct walk {
	const struct python_layout *l;
	uintptr_t at; /* the next frame; 0: none */
	unsigned shims;
	struct python_frame *frames;
	unsigned n; /* frames complete */
	uintptr_t file_of[REMEMBERED], name_of[REMEMBERED]; /* string objects, by frame number */
	char *text;
	size_t text_left;
	uintptr_t window_at;
	size_t window_len;
	uint8_t window[WINDOW];
	uint8_t codes[AT_ONCE * PYTHON_CODE_BYTES];
	uint8_t heads[AT_ONCE * (2 * STRING_HEAD + TABLE_HEAD)];
};

static bool is_a(const uint8_t *object, uintptr_t type)
{
	return get_le64(object + PYTHON_OBJECT_TYPE) == type;
}

/* The n bytes at `at`, together with what lies before them in their page: callers are older. */
static const uint8_t *through_window(struct walk *w, uintptr_t at, size_t n)
{
	uintptr_t start;

	if (at + n < at)
		return NULL;
	if (at < w->window_at || at + n > w->window_at + w->window_len) {
		start = at & ~(uintptr_t)4095;
		if (at + n - start > WINDOW)
			start = at + n - WINDOW;
		w->window_len = 0;
		if (!peek(w->window, start, at + n - start))
			return NULL;
		w->window_at = start;
		w->window_len = at + n - start;
	}
	return w->window + (at - w->window_at);
}

/* Takes the next frame that is one. 1; 0: there is none; -1: this is no stack. */
static int next_frame(struct walk *w, struct slot *slot)
{
	const struct python_layout *l = w->l;
	const uint8_t *frame;
	uint8_t owner = 0;

	while (w->at) {
		if (w->at & 7 || !(frame = through_window(w, w->at, l->frame_size)))
			return -1;
		if (l->frame_owner == PYTHON_NO_FIELD) {
			if (!is_a(frame, python.frame_type))
				return -1;
		} else if ((owner = frame[l->frame_owner]) > PYTHON_OWNER_MAX) {
			return -1;
		}
		slot->code = get_le64(frame + l->frame_code);
		slot->generator = owner == PYTHON_OWNER_GENERATOR;
		if (l->instr_unit)
			slot->instr = get_le32(frame + l->frame_instr);
		else
			slot->instr = get_le64(frame + l->frame_instr);
		w->at = get_le64(frame + l->frame_back);
		if (owner != PYTHON_OWNER_MAX)
			return 1;
		if (++w->shims > SHIMS_MAX)
			return -1;
	}
	return 0;
}

/* Bytes from the code's first instruction; negative: before it. */
static int64_t offset_of(const struct python_layout *l, const struct slot *slot)
{
	if (l->instr_unit)
		return (int64_t)(int32_t)slot->instr * l->instr_unit;
	return (int64_t)(slot->instr - slot->code - l->code_instr);
}

/* A frame that Python itself does not show: its function has not begun, or it is glue. */
static bool is_incomplete(const struct python_layout *l, const struct slot *slot)
{
	return l->code_first != PYTHON_NO_FIELD && !slot->generator &&
	       offset_of(l, slot) < (int64_t)(int32_t)get_le32(slot->object + l->code_first) * 2;
}

/* Reads the code objects of k frames and drops the incomplete ones. How many stay, or -1. */
static int read_codes(struct walk *w, struct slot *slots, unsigned k)
{
	struct peek_item items[AT_ONCE];
	unsigned kept = 0;

	for (unsigned i = 0; i < k; i++)
		items[i] = (struct peek_item){ .at = slots[i].code, .want = w->l->code_size };
	peek_items(items, k, w->codes);
	for (unsigned i = 0; i < k; i++) {
		slots[i].object = items[i].bytes;
		if (items[i].got != w->l->code_size || !is_a(slots[i].object, python.code_type))
			return -1;
		if (is_incomplete(w->l, &slots[i])) {
			if (++w->shims > SHIMS_MAX)
				return -1;
			continue;
		}
		if (kept != i)
			slots[kept] = slots[i];
		kept++;
	}
	return (int)kept;
}

/* The earlier frame, before number n, whose string was this object, or -1. */
static int same_string(const uintptr_t of[REMEMBERED], unsigned n, uintptr_t object)
{
	for (unsigned back = 1; back <= n && back <= REMEMBERED; back++)
		if (of[(n - back) % REMEMBERED] == object)
			return (int)(n - back);
	return -1;
}

/* Reads the start of the strings and line tables of k frames. */
static void read_strings(struct walk *w, struct slot *slots, unsigned k)
{
	struct peek_item items[3 * AT_ONCE];
	struct head *head[3 * AT_ONCE];
	unsigned n = 0;

	for (unsigned i = 0; i < k; i++) {
		struct slot *s = &slots[i];
		uintptr_t file = get_le64(s->object + w->l->code_file);
		uintptr_t name = get_le64(s->object + w->l->code_name);

		s->file_like = same_string(w->file_of, w->n + i, file);
		s->name_like = same_string(w->name_of, w->n + i, name);
		w->file_of[(w->n + i) % REMEMBERED] = file;
		w->name_of[(w->n + i) % REMEMBERED] = name;
		head[n] = &s->table;
		items[n++] = (struct peek_item){ .at = get_le64(s->object + w->l->code_table),
						 .want = TABLE_HEAD };
		if (s->file_like < 0) {
			head[n] = &s->file;
			items[n++] = (struct peek_item){ .at = file, .want = STRING_HEAD };
		}
		if (s->name_like < 0) {
			head[n] = &s->name;
			items[n++] = (struct peek_item){ .at = name, .want = STRING_HEAD };
		}
	}
	peek_items(items, n, w->heads);
	for (unsigned i = 0; i < n; i++)
		*head[i] = (struct head){ items[i].bytes, items[i].got };
}

/* The `size` bytes that begin `skip` bytes into the object at `at`. */
static void open_stream(struct peek_stream *s, uintptr_t at, const struct head *head, size_t skip,
			size_t size)
{
	size_t here = head->got > skip ? head->got - skip : 0;

	if (here > size)
		here = size;
	s->p = here ? head->bytes + skip : NULL;
	s->end = here ? s->p + here : NULL;
	s->at = at + skip + here;
	s->left = size - here;
}

/* A character of 1, 2 or 4 bytes, or -1. */
static int64_t next_char(struct peek_stream *s, unsigned bytes)
{
	uint32_t value = 0;
	int byte;

	for (unsigned i = 0; i < bytes; i++) {
		byte = peek_next(s);
		if (byte < 0)
			return -1;
		value |= (uint32_t)byte << 8 * i;
	}
	return value;
}

/*
 * Appends a string object to the text. 0: *ret_len is 0 where it was not readable;
 * -1: this is no string.
 */
static int put_string(struct walk *w, uintptr_t at, const struct head *head, const char **ret,
		      uint32_t *ret_len)
{
	struct peek_stream s;
	uint32_t state, len = 0, n, kind;
	uint64_t chars;
	int64_t c;
	char utf8[4];

	*ret = w->text;
	*ret_len = 0;
	if (head->got < w->l->ascii_data || !is_a(head->bytes, python.string_type))
		return -1;
	state = get_le32(head->bytes + PYTHON_STRING_STATE);
	kind = PYTHON_STRING_KIND(state);
	chars = get_le64(head->bytes + PYTHON_OBJECT_LENGTH);
	if (!(state & PYTHON_STRING_COMPACT) || (kind != 1 && kind != 2 && kind != 4))
		return 0;
	if (chars > PYTHON_STRING_MAX)
		chars = PYTHON_STRING_MAX;
	open_stream(&s, at, head,
		    state & PYTHON_STRING_ASCII ? w->l->ascii_data : w->l->string_data,
		    chars * kind);
	while ((c = next_char(&s, kind)) >= 0) {
		n = utf8_put(utf8, (uint32_t)c);
		if (n > w->text_left || len + n > PYTHON_STRING_MAX)
			break;
		memcpy(w->text, utf8, n);
		w->text += n;
		w->text_left -= n;
		len += n;
	}
	*ret_len = len;
	return 0;
}

static uint32_t line_of(const struct walk *w, const struct slot *slot)
{
	struct peek_stream s;
	uint64_t size;

	if (slot->table.got < PYTHON_BYTES_DATA || !is_a(slot->table.bytes, python.bytes_type))
		return 0;
	size = get_le64(slot->table.bytes + PYTHON_OBJECT_LENGTH);
	if (size > LINES_TABLE_MAX)
		return 0;
	open_stream(&s, get_le64(slot->object + w->l->code_table), &slot->table,
		    PYTHON_BYTES_DATA, size);
	return python_line(w->l->lines, &s, (int32_t)get_le32(slot->object + w->l->code_line),
			   offset_of(w->l, slot));
}

/* The frame number w->n from what was read. 0, or -1: this is no stack. */
static int put_frame(struct walk *w, const struct slot *slot)
{
	struct python_frame *f = &w->frames[w->n];
	const struct python_frame *like;

	if (slot->file_like >= 0) {
		like = &w->frames[slot->file_like];
		f->file = like->file;
		f->file_len = like->file_len;
	} else if (put_string(w, get_le64(slot->object + w->l->code_file), &slot->file, &f->file,
			      &f->file_len)) {
		return -1;
	}
	if (slot->name_like >= 0) {
		like = &w->frames[slot->name_like];
		f->function = like->function;
		f->function_len = like->function_len;
	} else if (put_string(w, get_le64(slot->object + w->l->code_name), &slot->name,
			      &f->function, &f->function_len)) {
		return -1;
	}
	f->line = line_of(w, slot);
	w->n++;
	return 0;
}

/* The innermost frame of this thread. False: it has none, or this is not its state. */
static bool first_frame(struct walk *w)
{
	const struct python_layout *l = w->l;
	uint8_t thread[PYTHON_THREAD_BYTES];
	uintptr_t state = (uintptr_t)python.this_thread(), cframe;

	/* The state of another thread, or none any more: memory that was freed. */
	if (!state || state & 7 || !peek(thread, state, sizeof(thread)) ||
	    get_le64(thread + l->thread_id) != (uint64_t)pthread_self())
		return false;
	w->at = get_le64(thread + l->thread_frame);
	if (l->cframe_frame != PYTHON_NO_FIELD) {
		cframe = w->at;
		if (cframe & 7 || !peek(&w->at, cframe + l->cframe_frame, sizeof(w->at)))
			return false;
	}
	return true;
}

unsigned python_walk(struct python_frame *ret, unsigned max, char *text, size_t text_size)
{
	struct slot slots[AT_ONCE];
	struct walk w;
	unsigned k;
	int kept, more = 1;

	if (!python_ready() || !max)
		return 0;
	w.l = &python.layout;
	w.shims = w.n = 0;
	w.frames = ret;
	w.text = text;
	w.text_left = text_size;
	w.window_at = w.window_len = 0;
	if (!first_frame(&w))
		return 0;
	while (more > 0 && w.n < max) {
		for (k = 0; k < AT_ONCE && k < max - w.n; k++)
			if ((more = next_frame(&w, &slots[k])) <= 0)
				break;
		kept = more < 0 ? -1 : read_codes(&w, slots, k);
		if (kept < 0)
			return 0;
		read_strings(&w, slots, (unsigned)kept);
		for (int i = 0; i < kept; i++)
			if (put_frame(&w, &slots[i]))
				return 0;
	}
	return w.n;
}
