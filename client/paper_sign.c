/*
 * Signatures as the paper exchange checks them: HMAC-SHA256 over the bytes of the
 * request as they came, without the pair that is the signature.
 */
#include "paper_params.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "binance_query.h"
#include "json.h"

static bool append_unsigned(QmJson *out, const char *text, bool encode);
static bool append_pair(QmJson *out, const char *pair, size_t length, bool encode);
static char *decoded_plus(const char *text, size_t length);

/* qm_paper_signature_fits compares in constant time; the hex digits may have any case. */
bool
qm_paper_signature_fits(const char *secret, const char *text, size_t length, const char *signature)
{
    char wanted[QM_SIGNATURE_SIZE];
    char lower[QM_SIGNATURE_SIZE];

    if (strlen(signature) != QM_SIGNATURE_SIZE - 1 || !qm_signature(secret, text, length, wanted))
        return false;
    for (size_t i = 0; i < sizeof(lower); i++)
        lower[i] = (char) tolower((unsigned char) signature[i]);
    return CRYPTO_memcmp(wanted, lower, sizeof(lower)) == 0;
}

/*
 * qm_paper_request_signed checks an HTTP request: its query, followed at once by its
 * body. A client that encodes once more by other rules than those it signed by is
 * understood, too, if what it signed was percent-encoded in the usual way.
 */
bool
qm_paper_request_signed(const char *secret, const char *query, const char *body, const char *signature)
{
    bool fits = false;

    for (int encode = 0; encode < 2 && !fits; encode++)
    {
        QmJson text = {0};

        qm_json_add(&text, "");
        fits = append_unsigned(&text, query, encode != 0) && append_unsigned(&text, body, encode != 0) &&
               qm_paper_signature_fits(secret, text.text, text.len, signature);
        qm_json_free(&text);
    }
    return fits;
}

/* append_unsigned adds a text without the pair of the signature, wherever that stands. */
static bool
append_unsigned(QmJson *out, const char *text, bool encode)
{
    bool first = true;
    bool good = true;

    while (good && *text != '\0')
    {
        size_t length = strcspn(text, "&");

        if (strncmp(text, "signature=", 10) != 0)
        {
            if (!first)
                qm_json_add(out, "&");
            first = false;
            good = append_pair(out, text, length, encode);
        }
        text += length + (text[length] == '&');
    }
    return good && !out->failed;
}

/* append_pair adds a pair as it is, or its value encoded anew. */
static bool
append_pair(QmJson *out, const char *pair, size_t length, bool encode)
{
    const char *equals = memchr(pair, '=', length);
    size_t kept = encode && equals != NULL ? (size_t) (equals - pair) + 1 : length;
    char *head = strndup(pair, kept);
    char *value = NULL;
    char *encoded = NULL;
    bool good = head != NULL;

    if (good)
        qm_json_add(out, head);
    if (good && kept < length)
    {
        value = decoded_plus(pair + kept, length - kept);
        encoded = value == NULL ? NULL : qm_paper_encode(value);
        good = encoded != NULL;
        if (good)
            qm_json_add(out, encoded);
    }
    free(head);
    free(value);
    free(encoded);
    return good;
}

/* decoded_plus undoes the percent-encoding of one value. */
static char *
decoded_plus(const char *text, size_t length)
{
    QmPaperParams params = {0};
    char *pair = malloc(length + 3);
    char *value = NULL;

    if (pair == NULL)
        return NULL;
    memcpy(pair, "v=", 2);
    memcpy(pair + 2, text, length);
    pair[length + 2] = '\0';
    if (qm_paper_params_read(&params, pair, length + 2))
        value = strdup(qm_paper_param(&params, "v"));
    qm_paper_params_free(&params);
    free(pair);
    return value;
}

/* qm_paper_message_signed checks a WebSocket request, whose values may have been signed as they are or percent-encoded. */
bool
qm_paper_message_signed(const char *secret, const QmPaperParams *params, const char *signature)
{
    bool fits = false;

    for (int encode = 0; encode < 2 && !fits; encode++)
    {
        char *text = qm_paper_params_sorted(params, encode != 0);

        fits = text != NULL && qm_paper_signature_fits(secret, text, strlen(text), signature);
        free(text);
    }
    return fits;
}

/* qm_paper_encode percent-encodes as the encodeURIComponent of JavaScript does. NULL: no memory. */
char *
qm_paper_encode(const char *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()";
    char *out = malloc(3 * strlen(text) + 1);
    size_t size = 0;

    for (; out != NULL && *text != '\0'; text++)
    {
        if (strchr(plain, *text) != NULL)
            out[size++] = *text;
        else
            size += (size_t) snprintf(out + size, 4, "%%%02X", (unsigned) (unsigned char) *text);
    }
    if (out != NULL)
        out[size] = '\0';
    return out;
}
