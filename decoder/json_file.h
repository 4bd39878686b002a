/* json_file: reads a JSON file that the user named as the value of an option. One thread. */
#ifndef JITNESS_DECODER_JSON_FILE_H
#define JITNESS_DECODER_JSON_FILE_H

#include <cjson/cJSON.h>

/*
 * *ret: caller releases it with cJSON_Delete(). EXIT_OK; or EXIT_INPUT when the file cannot be read or
 * is larger than 4 MiB, EXIT_USAGE when it is no JSON, after one sentence from `command` that begins
 * with `option`.
 */
int json_file_read(cJSON **ret, const char *command, const char *option, const char *path);

#endif
