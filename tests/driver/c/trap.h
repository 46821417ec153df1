/* See trap.c. */
#ifndef TRAP_H
#define TRAP_H

#include <stddef.h>
#include <stdint.h>

/* Make accesses to these pages messages about region `number`. */
void trap_region(void *base, size_t bytes, uint32_t number);

#endif
