/*
 * stack_text: one line for a frame of a stack. Text from the traced process goes through as it
 * is: print it with print_text(), out_text() or out_json(). Caller frees what is returned.
 */
#ifndef JITNESS_DECODER_STACK_TEXT_H
#define JITNESS_DECODER_STACK_TEXT_H

#include <stddef.h>
#include <stdint.h>

/*
 * "function+0x1c (libtorch_cuda.so)", "libfoo.so+0x1234" when function is NULL, "0x7f12" when
 * object is NULL or "" as well. object: its path, shown without directories. offset: in the
 * object, or the address when there is none; in_function: bytes from the function's start.
 */
char *stack_text_native(const char *function, uint64_t in_function, const char *object,
			uint64_t offset);

/*
 * "file.py:123 function"; without ":123" for line 0. What is installed is shown from its package
 * on ("torch/nn/modules/module.py"), other files as they were recorded. NULL or "": unknown.
 */
char *stack_text_python(const char *file, uint64_t line, const char *function);

#endif
