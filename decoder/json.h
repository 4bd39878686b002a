/*
 * json: members of an object with exact numbers. cJSON keeps numbers as doubles,
 * which a time in nanoseconds or a 64-bit hash does not fit.
 */
#ifndef JITNESS_DECODER_JSON_H
#define JITNESS_DECODER_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void json_uint(cJSON *o, const char *key, uint64_t v);
void json_int(cJSON *o, const char *key, int64_t v);
void json_ms(cJSON *o, const char *key, uint64_t ns);     /* six decimals */
void json_us(cJSON *o, const char *key, double ns);       /* three decimals */
void json_hex(cJSON *o, const char *key, uint64_t v);     /* "00ff..." 16 digits */
void json_bool(cJSON *o, const char *key, bool v);
void json_null(cJSON *o, const char *key);
/* Bytes of the traced process: invalid UTF-8 is replaced. */
void json_text(cJSON *o, const char *key, const char *text, size_t len);
void json_string(cJSON *o, const char *key, const char *text); /* NULL: null */
cJSON *json_array(cJSON *o, const char *key);
cJSON *json_object(cJSON *o, const char *key);
/* A new object at the end of an array. */
cJSON *json_item(cJSON *array);
void json_item_text(cJSON *array, const char *text, size_t len);

/* To stdout with a newline; takes o. EXIT_OK or EXIT_SYSTEM. */
int json_print(cJSON *o);

#endif
