#include "trace/keys.h"

#include <string.h>

#include "trace/hash.h"
#include "trace/wire.h"

void keys_start(struct keys *k, uint32_t bytes, uint32_t hole)
{
	k->n = k->last = k->before = 0;
	k->bytes = bytes;
	k->hole = hole;
	memset(k->slot, 0, sizeof(k->slot));
	memset(k->next, 0, sizeof(k->next));
}

bool keys_same(const struct keys *k, uint32_t key, const uint8_t *row)
{
	const uint8_t *other = k->row[key];

	if (memcmp(other, row, k->hole))
		return false;
	for (uint32_t i = k->hole + 8; i < k->bytes; i += 8)
		if (get_le64(row + i) != get_le64(other + i))
			return false;
	return true;
}

uint32_t keys_find(struct keys *k, const uint8_t *row)
{
	uint32_t i = hash_words(row, k->bytes, k->hole) % (2 * KEYS_ROOM);

	for (; k->slot[i]; i = (i + 1) % (2 * KEYS_ROOM))
		if (keys_same(k, k->slot[i] - 1u, row))
			return k->slot[i] - 1u;
	if (k->n == KEYS_ROOM)
		return KEYS_ROOM;
	k->row[k->n] = row;
	k->slot[i] = (uint16_t)++k->n;
	return k->n - 1;
}
