#include "decoder/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/cmd.h"
#include "decoder/mem.h"
#include "decoder/say.h"
#include "decoder/utf8.h"

static void raw(cJSON *o, const char *key, const char *text)
{
	cJSON_AddRawToObject(o, key, text);
}

void json_uint(cJSON *o, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, v);
	raw(o, key, text);
}

void json_int(cJSON *o, const char *key, int64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, v);
	raw(o, key, text);
}

void json_ms(cJSON *o, const char *key, uint64_t ns)
{
	char text[40];

	snprintf(text, sizeof(text), "%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
	raw(o, key, text);
}

void json_us(cJSON *o, const char *key, double ns)
{
	char text[40];

	snprintf(text, sizeof(text), "%.3f", ns / 1000);
	raw(o, key, text);
}

void json_hex(cJSON *o, const char *key, uint64_t v)
{
	char text[24];

	snprintf(text, sizeof(text), "%016" PRIx64, v);
	cJSON_AddStringToObject(o, key, text);
}

void json_bool(cJSON *o, const char *key, bool v)
{
	cJSON_AddBoolToObject(o, key, v);
}

void json_null(cJSON *o, const char *key)
{
	cJSON_AddNullToObject(o, key);
}

void json_text(cJSON *o, const char *key, const char *text, size_t len)
{
	SCOPED_FREE char *clean = utf8_clean(text, len);

	cJSON_AddStringToObject(o, key, clean);
}

void json_string(cJSON *o, const char *key, const char *text)
{
	if (text)
		json_text(o, key, text, strlen(text));
	else
		json_null(o, key);
}

cJSON *json_array(cJSON *o, const char *key)
{
	return cJSON_AddArrayToObject(o, key);
}

cJSON *json_object(cJSON *o, const char *key)
{
	return cJSON_AddObjectToObject(o, key);
}

cJSON *json_item(cJSON *array)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddItemToArray(array, o);
	return o;
}

void json_item_text(cJSON *array, const char *text, size_t len)
{
	SCOPED_FREE char *clean = utf8_clean(text, len);

	cJSON_AddItemToArray(array, cJSON_CreateString(clean));
}

int json_print(cJSON *o)
{
	char *text = cJSON_Print(o);

	cJSON_Delete(o);
	if (!text)
		return say_fail(EXIT_SYSTEM, NULL, "out of memory");
	puts(text);
	free(text);
	return EXIT_OK;
}
