/*
 * Query strings: parameters as Binance wants them, and their signature. The
 * signature covers the encoded text exactly as it is sent.
 */
#include "binance_query.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void append(QmQuery *query, const char *text, size_t length);
static void append_encoded(QmQuery *query, const char *text);

/* qm_query_add adds a parameter, its value percent-encoded; NULL adds nothing. */
void
qm_query_add(QmQuery *query, const char *name, const char *value)
{
    if (value == NULL)
        return;
    if (query->length > 0)
        append(query, "&", 1);
    append(query, name, strlen(name));
    append(query, "=", 1);
    append_encoded(query, value);
}

/* qm_query_add_number adds a whole number. */
void
qm_query_add_number(QmQuery *query, const char *name, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    qm_query_add(query, name, text);
}

/* append adds bytes, or marks the query as too long. */
static void
append(QmQuery *query, const char *text, size_t length)
{
    if (query->overflow || length >= sizeof(query->text) - query->length)
    {
        query->overflow = true;
        return;
    }
    memcpy(query->text + query->length, text, length);
    query->length += length;
    query->text[query->length] = '\0';
}

/* append_encoded leaves only what no encoder treats differently from another. */
static void
append_encoded(QmQuery *query, const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._";

    for (; *text != '\0'; text++)
    {
        char encoded[4];

        if (strchr(plain, *text) != NULL)
        {
            append(query, text, 1);
            continue;
        }
        snprintf(encoded, sizeof(encoded), "%%%02X", (unsigned) (unsigned char) *text);
        append(query, encoded, 3);
    }
}

/* qm_query_sign adds the signature; false when it does not fit or OpenSSL fails. */
bool
qm_query_sign(QmQuery *query, const char *secret)
{
    char signature[QM_SIGNATURE_SIZE];

    if (query->overflow || !qm_signature(secret, query->text, query->length, signature))
        return false;
    qm_query_add(query, "signature", signature);
    return !query->overflow;
}

/* qm_signature writes the HMAC-SHA256 of a text in hex. */
bool
qm_signature(const char *secret, const char *text, size_t length, char out[QM_SIGNATURE_SIZE])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;

    if (HMAC(EVP_sha256(), secret, (int) strlen(secret), (const unsigned char *) text, length, digest, &size) == NULL ||
        size != (QM_SIGNATURE_SIZE - 1) / 2)
        return false;
    for (unsigned int i = 0; i < size; i++)
        snprintf(out + 2 * i, 3, "%02x", digest[i]);
    OPENSSL_cleanse(digest, sizeof(digest));
    return true;
}
