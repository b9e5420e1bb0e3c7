/*
 * Lockcheck tried on planted histories. Returns 0 when each fault that was
 * planted is found, and nothing else is, and the good histories pass.
 */
#ifndef QF_SELFTEST_H
#define QF_SELFTEST_H

extern int qf_selftest(void);

#endif
