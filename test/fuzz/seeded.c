/*
 * Runs a fuzz target without a fuzzer: NAME RUNS SEED gives it that many inputs of
 * random bytes and lengths. Where clang's library is there, test/fuzz/run does better.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum
{
    INPUT_MAX = 1024
};

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* next_random returns 64 random bits (splitmix64). */
static uint64_t
next_random(uint64_t *state)
{
    uint64_t bits = *state += UINT64_C(0x9e3779b97f4a7c15);

    bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
    return bits ^ (bits >> 31);
}

int
main(int argc, char **argv)
{
    static uint8_t input[INPUT_MAX];
    uint64_t state;
    long runs;

    if (argc != 3)
    {
        fprintf(stderr, "usage: %s runs seed\n", argv[0]);
        return 2;
    }
    runs = strtol(argv[1], NULL, 10);
    state = strtoull(argv[2], NULL, 10);
    for (long run = 0; run < runs; run++)
    {
        size_t size = next_random(&state) % INPUT_MAX;

        for (size_t i = 0; i < size; i++)
            input[i] = (uint8_t) next_random(&state);
        LLVMFuzzerTestOneInput(input, size);
    }
    printf("%ld random inputs, no rule broken\n", runs);
    return 0;
}
