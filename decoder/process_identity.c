#include "decoder/process_identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"

static const uint8_t *blob_of(const struct section *s, uint32_t i, size_t *ret_len)
{
	if (!s->blob_at) {
		*ret_len = 0;
		return (const uint8_t *)"";
	}
	*ret_len = s->blob_at[i + 1] - s->blob_at[i];
	return s->blob + s->blob_at[i];
}

static uint32_t blob_name(const struct section *s, uint32_t i, struct names *names)
{
	size_t len;
	const uint8_t *text = blob_of(s, i, &len);

	return names_put(names, text, len);
}

/* The first definition counts: a second one can only come from damage. */
static void fold_strings(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++)
		if (idmap_get(&p->strings, s->col[STRING_ID][i]) == IDMAP_NONE)
			idmap_put(&p->strings, s->col[STRING_ID][i], blob_name(s, i, names));
}

static struct process_info *info_get(struct process *p, const char *key, size_t len)
{
	for (size_t i = 0; i < p->n_infos; i++)
		if (strlen(p->infos[i].key) == len && !memcmp(p->infos[i].key, key, len))
			return &p->infos[i];
	if (p->n_infos >= PROCESS_INFO_MAX)
		return NULL;
	MEM_MORE(p->infos, p->n_infos, p->infos_cap);
	p->infos[p->n_infos].key = mem_text(key, len);
	return &p->infos[p->n_infos++];
}

static void fold_infos(struct process *p, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		size_t len;
		const uint8_t *pair = blob_of(s, i, &len);
		size_t key_len = strnlen((const char *)pair, len);
		struct process_info *info = info_get(p, (const char *)pair, key_len);

		if (!info)
			continue;
		free(info->value);
		info->len = key_len < len ? len - key_len - 1 : 0;
		info->value = mem_text(pair + (key_len < len ? key_len + 1 : len), info->len);
	}
}

static void fold_process(struct process *p, const struct section *s)
{
	if (!s->rows)
		return;
	p->loaded = s->col[PROCESS_TIME][0];
	p->pid = s->col[PROCESS_PID][0];
	p->ppid = s->col[PROCESS_PPID][0];
	p->level = s->col[PROCESS_LEVEL][0];
	p->redacted = s->col[PROCESS_REDACTED][0];
}

static void fold_threads(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t tid = s->col[THREAD_TID][i];
		uint32_t at = idmap_get(&p->thread_by_tid, tid);

		if (at == IDMAP_NONE) {
			if (p->n_threads >= PROCESS_THREADS_MAX)
				continue;
			MEM_MORE(p->threads, p->n_threads, p->threads_cap);
			at = (uint32_t)p->n_threads++;
			idmap_put(&p->thread_by_tid, tid, at);
		}
		p->threads[at] =
			(struct process_thread){ .tid = tid, .name = blob_name(s, i, names) };
	}
}

static void fold_devices(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint64_t device = s->col[DEVICE_DEVICE][i];
		size_t at = 0;

		while (at < p->n_devices && p->devices[at].device != device)
			at++;
		if (at >= PROCESS_DEVICES_MAX)
			continue;
		if (at == p->n_devices) {
			MEM_MORE(p->devices, p->n_devices, p->devices_cap);
			p->n_devices++;
		}
		p->devices[at] = (struct process_device){
			.device = device,
			.cc_major = s->col[DEVICE_CC_MAJOR][i],
			.cc_minor = s->col[DEVICE_CC_MINOR][i],
			.sms = s->col[DEVICE_SMS][i],
			.uuid_hi = s->col[DEVICE_UUID_HI][i],
			.uuid_lo = s->col[DEVICE_UUID_LO][i],
			.name = blob_name(s, i, names),
		};
	}
}

static void fold_notes(struct process *p, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows && p->n_notes < PROCESS_NOTES_MAX; i++) {
		MEM_MORE(p->notes, p->n_notes, p->notes_cap);
		p->notes[p->n_notes++] = (struct process_note){
			.time = s->col[NOTE_TIME][i],
			.code = s->col[NOTE_CODE][i],
			.text = blob_name(s, i, names),
		};
	}
}

void process_identity_fold(struct process *p, const struct section *s, struct names *names)
{
	switch (s->kind) {
	case EVENT_STRING:
		fold_strings(p, s, names);
		break;
	case EVENT_INFO:
		fold_infos(p, s);
		break;
	case EVENT_PROCESS:
		fold_process(p, s);
		break;
	case EVENT_THREAD:
		fold_threads(p, s, names);
		break;
	case EVENT_DEVICE:
		fold_devices(p, s, names);
		break;
	case EVENT_NOTE:
		fold_notes(p, s, names);
		break;
	default:
		break;
	}
}

const char *process_info(const struct process *p, const char *key, size_t *ret_len)
{
	for (size_t i = 0; i < p->n_infos; i++) {
		if (strcmp(p->infos[i].key, key))
			continue;
		if (ret_len)
			*ret_len = p->infos[i].len;
		return p->infos[i].value;
	}
	return NULL;
}

const char *process_string(const struct process *p, const struct names *names, uint64_t id,
			   char buf[24])
{
	uint32_t i = idmap_get(&p->strings, id);

	if (i != IDMAP_NONE)
		return names_text(names, i);
	snprintf(buf, 24, "?%llu", (unsigned long long)id);
	return buf;
}

const char *process_thread_name(const struct process *p, const struct names *names, uint64_t tid)
{
	uint32_t i = idmap_get(&p->thread_by_tid, tid);

	return i == IDMAP_NONE ? NULL : names_text(names, p->threads[i].name);
}
