/*
 * SipHash-2-4 against the vector of its paper, and against values of its
 * authors' reference program for the shortest inputs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "siphash.h"

/* test_vectors hashes 00 01 02 ... under the secret 00 01 ... 0f. */
static void
test_vectors(void **state)
{
    static const QmSipSecret secret = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    unsigned char input[64];

    (void) state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (unsigned char) i;
    assert_true(qm_siphash(&secret, input, 15) == UINT64_C(0xa129ca6149be45e5));
    assert_true(qm_siphash(&secret, input, 0) == UINT64_C(0x726fdb47dd0e0e31));
    assert_true(qm_siphash(&secret, input, 1) == UINT64_C(0x74f839c593dc67fd));
    assert_true(qm_siphash(&secret, input, 8) == UINT64_C(0x93f5f5799a932462));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_vectors)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
