/* demangle: C++ names with the system's C++ runtime, when there is one. */
#ifndef JITNESS_DECODER_DEMANGLE_H
#define JITNESS_DECODER_DEMANGLE_H

/* Readable form of a mangled name, or a copy of the name as it is. Caller frees. */
char *demangle(const char *name);
/* The same without a leading "void " and without the parameters. Caller frees. */
char *demangle_short(const char *name);

#endif
