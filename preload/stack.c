#include "preload/stack.h"

void stack_start(enum stack_mode mode, bool redact)
{
	(void)mode;
	(void)redact;
}

void stack_take(struct stack_ids *ret)
{
	*ret = (struct stack_ids){ 0, 0 };
}

void stack_poll(void)
{
}
