/*
 * rules_file: a user's file of rules, {"LIST": [{"key": value, ...}, ...]}: reads it, walks it, and says in
 * one sentence what is wrong and where. What the keys mean belongs to who reads it (origin_rules.h,
 * phase_rules.h). One thread.
 */
#ifndef JITNESS_DECODER_RULES_FILE_H
#define JITNESS_DECODER_RULES_FILE_H

#include <cjson/cJSON.h>
#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

/* All borrowed. The functions return false when the entry is wrong, after one sentence. */
struct rules_file {
	const char *command, *option, *path; /* who says it, and of what: "report", "--origin-rules" */
	const char *list;                    /* the key of the list */
	const char *const *keys;             /* of an entry, as they are told when one is wrong */
	size_t n_keys;
	void (*begin)(void *arg);            /* an entry */
	bool (*member)(void *arg, size_t entry, size_t key, const cJSON *value); /* key: in keys */
	bool (*end)(void *arg, size_t entry);
	void *arg;
	const char *entry_name;              /* in messages; NULL: "a rule" */
};

/*
 * EXIT_OK; or EXIT_INPUT when the file cannot be read, EXIT_USAGE when an entry is wrong or it is no JSON,
 * after one sentence; what entries before it gave to `arg` is the caller's to release.
 */
int rules_file_read(const struct rules_file *f);
/* The same of a file that was read for more than its list. */
int rules_file_list(const struct rules_file *f, const cJSON *root);

/* Says "OPTION: PATH: LIST[entry]" and the text right behind it; false. */
bool rules_file_wrong(const struct rules_file *f, size_t entry, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The text of a value, or NULL after a sentence. */
const char *rules_file_text(const struct rules_file *f, size_t entry, size_t key, const cJSON *value);

/* A POSIX extended regular expression, found anywhere in a text; caller releases it with regfree(). */
bool rules_file_regex(const struct rules_file *f, size_t entry, size_t key, const char *text,
		      regex_t *ret);

#endif
