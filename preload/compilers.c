#include "preload/compilers.h"

void compilers_load(bool hook_dlsym)
{
	(void)hook_dlsym;
}
