/*
 * Lock-key text: what its parts mean.
 *
 *   order:<account>:<symbol>:<level>     level may contain anything, also colons
 *   cancel:<account>:<order id>
 *   reconcile:<account>:<symbol>
 *
 * Whatever does not have exactly this shape is a custom key: valid, but with no
 * class, no account and no default TTL.
 */
#include "lock_key.h"

#include <string.h>

static const struct
{
    const char *prefix;
    QmKeyClass class;
} key_classes[] = {
    {"order:", QM_KEY_ORDER},
    {"cancel:", QM_KEY_CANCEL},
    {"reconcile:", QM_KEY_RECONCILE},
};

static size_t field_len(const char *text, size_t at, size_t len);

/*
 * qm_key_parse splits the key into class, account and symbol. It accepts every
 * text; a key that has no class's shape is custom.
 */
QmKeyParts
qm_key_parse(const char *key, size_t len)
{
    QmKeyParts custom = {.class = QM_KEY_CUSTOM};
    QmKeyParts parts = custom;
    size_t rest_at;

    for (size_t i = 0; i < sizeof(key_classes) / sizeof(key_classes[0]); i++)
    {
        size_t prefix_len = strlen(key_classes[i].prefix);

        if (len > prefix_len && memcmp(key, key_classes[i].prefix, prefix_len) == 0)
        {
            parts.class = key_classes[i].class;
            parts.account_at = prefix_len;
        }
    }
    if (parts.class == QM_KEY_CUSTOM)
        return custom;

    parts.account_len = field_len(key, parts.account_at, len);
    rest_at = parts.account_at + parts.account_len + 1;
    if (parts.account_len == 0 || parts.account_len > QM_ACCOUNT_MAX || rest_at >= len)
        return custom;

    if (parts.class == QM_KEY_CANCEL)
    {
        parts.label_len = rest_at - 1;
        return field_len(key, rest_at, len) == len - rest_at ? parts : custom;
    }

    parts.symbol_at = rest_at;
    parts.symbol_len = field_len(key, rest_at, len);
    parts.label_len = rest_at + parts.symbol_len;
    if (parts.symbol_len == 0)
        return custom;
    if (parts.class == QM_KEY_RECONCILE)
        return parts.label_len == len ? parts : custom;
    return parts.label_len + 1 < len ? parts : custom;
}

/* field_len returns the bytes from text[at] to the next colon or the end. */
static size_t
field_len(const char *text, size_t at, size_t len)
{
    const char *colon = memchr(text + at, ':', len - at);

    return colon != NULL ? (size_t) (colon - (text + at)) : len - at;
}

/* qm_key_class_name returns the word that views and labels show. */
const char *
qm_key_class_name(QmKeyClass class)
{
    switch (class)
    {
        case QM_KEY_ORDER:
            return "order";
        case QM_KEY_CANCEL:
            return "cancel";
        case QM_KEY_RECONCILE:
            return "reconcile";
        case QM_KEY_CUSTOM:
            return "custom";
    }
    return "custom";
}

/*
 * qm_price_level rounds a positive price down to QM_LEVEL_DIGITS significant
 * digits: 90123.4 becomes 90120, 0.051239 becomes 0.05123. The price is plain
 * decimal text without sign or exponent, and so is the level, without trailing
 * zeros behind the point. Returns false when the text is anything else, is zero,
 * or does not fit.
 */
bool
qm_price_level(const char *price, char *level, size_t level_size)
{
    size_t len = strlen(price);
    size_t points = 0;
    int significant = 0;
    size_t out = 0;

    if (len == 0 || len >= level_size || strspn(price, "0123456789.") != len)
        return false;

    for (size_t i = 0; i < len; i++)
    {
        if (price[i] == '.')
        {
            points++;
            level[out++] = '.';
            continue;
        }
        if (significant > 0 || price[i] != '0')
            significant++;
        level[out++] = significant > QM_LEVEL_DIGITS ? '0' : price[i];
    }
    if (points > 1 || significant == 0 || price[0] == '.' || price[len - 1] == '.')
        return false;

    while (points == 1 && level[out - 1] == '0')
        out--;
    if (level[out - 1] == '.')
        out--;
    level[out] = '\0';
    return true;
}
