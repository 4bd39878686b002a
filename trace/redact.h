/*
 * redact: what may leave the house. Used when recording (`jitness run --redact`)
 * and when exporting, so that both mean the same (docs/sharing.md).
 */
#ifndef JITNESS_TRACE_REDACT_H
#define JITNESS_TRACE_REDACT_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes the shareable form of a path to out (NUL-terminated, cut at n) and returns its length.
 * Kept: system and toolkit locations (/usr /lib /lib64 /opt /etc, [heap], [stack]; memfd
 * names without their text),
 * and from ".../site-packages/" or ".../dist-packages/" on, prefixed with "...". Everything else
 * becomes "<path>" plus the extension when it is one of .so .cubin .ptx .fatbin .py
 * (versions of .so are left off). Names of generated files that are the same for everybody stay:
 * Inductor's "c<hash>.py", Triton's cuda_utils and launcher libraries; and that a file lies
 * below a directory called torch_extensions.
 */
size_t redact_path(char *out, size_t n, const char *path, size_t path_len);

/* May this INFO key leave as it is, with its value redacted as a path, or not at all? */
enum redact_rule { REDACT_KEEP, REDACT_PATH, REDACT_CMDLINE, REDACT_DROP };
enum redact_rule redact_info_rule(const char *key, size_t key_len);

/*
 * Shareable form of an argument vector (NUL after each): base name of the first,
 * then "<N arguments>". Returns the length written to out, its NULs included.
 */
size_t redact_cmdline(char *out, size_t n, const char *args, size_t args_len);

#endif
