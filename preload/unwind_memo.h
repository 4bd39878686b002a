/*
 * unwind_memo: native stacks that were walked before.
 *
 * A walk is a function of the words that it reads (the registers are saved in memory too) and of the unwind
 * tables of the objects that it goes through. An entry holds the words of one walk, the objects
 * and the id that the caller gave the stack. At the same address the same words and objects
 * are the same stack.
 *
 * Words are compared in the order of the walk, without asking whether their pages can be read:
 * while all before it are the same, the next lies in a frame that is still there. Therefore only
 * walks are kept that read one unbroken piece of memory, upwards from the walker's own frame.
 *
 * A fixed table, mapped once; no lock: an entry in use by another thread is passed over. Any
 * thread; nothing is allocated; errno may change.
 */
#ifndef JITNESS_PRELOAD_UNWIND_MEMO_H
#define JITNESS_PRELOAD_UNWIND_MEMO_H

#include <stdbool.h>
#include <stdint.h>

struct memo_entry;

/* Once, with objects_start(), before any other call. Without memory nothing is ever found. */
void memo_start(void);

/* The id of the stack above `at`, a place in the frame of its walk; 0: not known. */
uint32_t memo_find(uintptr_t at);

/* An entry to fill, the caller's until memo_keep(); NULL: none is free. */
struct memo_entry *memo_take(uintptr_t at);

/* The walk read this word; object: 0 for none, as objects_find() said of this address. */
void memo_word(struct memo_entry *e, uintptr_t addr, uint64_t value);
void memo_object(struct memo_entry *e, uintptr_t addr, uint32_t object);

/* The walk is over and the stack has this id; 0: forget it. NULL: does nothing. */
void memo_keep(struct memo_entry *e, uint32_t id);

#endif
