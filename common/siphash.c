/*
 * SipHash-2-4, after Aumasson and Bernstein, "SipHash: a fast short-input PRF"
 * (2012), where the test vector comes from, too. The server has no hash of its
 * own that withstands somebody who chooses the input and sees the output.
 */
#include "siphash.h"

#define ROTATE(x, bits) (((x) << (bits)) | ((x) >> (64 - (bits))))

typedef struct SipState
{
    uint64_t v0;
    uint64_t v1;
    uint64_t v2;
    uint64_t v3;
} SipState;

/* sip_rounds mixes the state. */
static void
sip_rounds(SipState *s, int rounds)
{
    for (int i = 0; i < rounds; i++)
    {
        s->v0 += s->v1;
        s->v1 = ROTATE(s->v1, 13) ^ s->v0;
        s->v0 = ROTATE(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = ROTATE(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = ROTATE(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = ROTATE(s->v1, 17) ^ s->v2;
        s->v2 = ROTATE(s->v2, 32);
    }
}

/* sip_word reads up to eight bytes as a little-endian number. */
static uint64_t
sip_word(const unsigned char *data, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t) data[i] << (8 * i);
    return word;
}

/* qm_siphash returns the hash of the bytes under the secret; the same on every machine. */
uint64_t
qm_siphash(const QmSipSecret *secret, const void *data, size_t len)
{
    const unsigned char *bytes = data;
    SipState s = {secret->words[0] ^ UINT64_C(0x736f6d6570736575),
                  secret->words[1] ^ UINT64_C(0x646f72616e646f6d),
                  secret->words[0] ^ UINT64_C(0x6c7967656e657261),
                  secret->words[1] ^ UINT64_C(0x7465646279746573)};
    uint64_t word;

    for (size_t left = len; left >= 8; left -= 8, bytes += 8)
    {
        word = sip_word(bytes, 8);
        s.v3 ^= word;
        sip_rounds(&s, 2);
        s.v0 ^= word;
    }
    word = sip_word(bytes, len % 8) | (uint64_t) len << 56;
    s.v3 ^= word;
    sip_rounds(&s, 2);
    s.v0 ^= word;
    s.v2 ^= 0xff;
    sip_rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
