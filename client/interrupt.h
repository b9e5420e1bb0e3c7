/*
 * Signals that end the program while it changes something.
 */
#ifndef QM_INTERRUPT_H
#define QM_INTERRUPT_H

extern void qm_interrupt_guard(const char *message);

#endif
