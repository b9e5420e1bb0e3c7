#include "worker.h"
void
qm_housekeeping_pass(void)
{
}
