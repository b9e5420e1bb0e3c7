/*
 * Lock-key text: what its parts mean. Pure C, used by the extension and the
 * client alike, so that both build and read the same keys.
 */
#ifndef QM_LOCK_KEY_H
#define QM_LOCK_KEY_H

#include <stdbool.h>
#include <stddef.h>

#define QM_KEY_MIN 1   /* bytes */
#define QM_KEY_MAX 512 /* bytes */

#define QM_ACCOUNT_MAX 128    /* bytes */
#define QM_LEVEL_DIGITS 4     /* significant digits of a default price level */
#define QM_LEVEL_TEXT_MAX 400 /* bytes; a level is as long as its price, at most */

typedef enum QmKeyClass
{
    QM_KEY_ORDER,
    QM_KEY_CANCEL,
    QM_KEY_RECONCILE,
    QM_KEY_CUSTOM
} QmKeyClass;

/* Where the parts of a key lie in its text; lengths in bytes, 0 where it has no such part. */
typedef struct QmKeyParts
{
    QmKeyClass class;
    size_t account_at;
    size_t account_len;
    size_t symbol_at;
    size_t symbol_len;
    size_t label_len; /* class:account:symbol is the key's first label_len bytes; 0 for custom keys */
} QmKeyParts;

extern QmKeyParts qm_key_parse(const char *key, size_t len);
extern const char *qm_key_class_name(QmKeyClass class);
extern bool qm_price_level(const char *price, char *level, size_t level_size);

#endif
