/*
 * What the programs of this folder have in common as programs: how they end and read numbers.
 */
#ifndef QF_PROGRAM_H
#define QF_PROGRAM_H

#include "link.h"

extern void qf_die(const char *why, const Link *link) __attribute__((noreturn));
extern long qf_option_number(const char *text, long min, long max);

#endif
