/* child_export: a session's files of children, copied into another; redacted on demand. */
#ifndef JITNESS_DECODER_CHILD_EXPORT_H
#define JITNESS_DECODER_CHILD_EXPORT_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Copies them; lines that are damaged stay behind and are counted in *ret_left_out. Redacted, paths
 * and arguments are those of trace/redact.h, and the files are called host.children,
 * host-2.children ... 0, or -1 with errno when one cannot be written.
 */
int child_export(int from_fd, int to_fd, bool redact, uint64_t *ret_left_out);

#endif
