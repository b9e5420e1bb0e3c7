/*
 * What has to be there of an exchange before it is traded: its keys, and an
 * adapter that speaks to it.
 */
#include "config_load.h"
#include "config_text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define BINANCE "binance"

static void check_account(QmLoad *load, const QmObject *object);
static void check_adapter(QmLoad *load, const QmObject *object);
static bool is_binance(const char *name);
static void check_secret(QmLoad *load, const QmObject *object, const char *name, const QmSecret *secret);
static void name_exchanges(QmLoad *load);
static bool is_used(const QmConfig *config, const char *exchange);

/*
 * qm_load_check_exchanges looks at the exchanges that are used. The guides of the earlier
 * system show files without any; such a file is good for trying things out.
 */
void
qm_load_check_exchanges(QmLoad *load)
{
    QmConfig *config = load->config;
    const QmObjects *exchanges = &load->objects[QM_SCOPE_EXCHANGE];
    QmMarketConfig *markets = (QmMarketConfig *) config->markets;
    QmPlace place = qm_load_place(load, "app.current_exchange");

    for (size_t i = 0; i < config->market_count; i++)
        if (markets[i].exchange[0] == '\0')
            markets[i].exchange = config->current_exchange;
    if (config->current_exchange[0] != '\0')
        qm_load_check_exchange_name(load, &place, "app.current_exchange", config->current_exchange);
    for (size_t i = 0; i < exchanges->count; i++)
        if (is_used(config, config->exchanges[i].name))
            check_account(load, &exchanges->items[i]);
    if (exchanges->count > 0 || config->market_count == 0)
        return;

    name_exchanges(load);
    qm_load_report(load,
                   QM_CONFIG_WARNING,
                   "exchanges",
                   (QmFinding){"not there",
                               NULL,
                               NULL,
                               "without api_key and secret_key only paper trading is possible"});
    qm_load_report(load,
                   QM_CONFIG_STOPS_LIVE,
                   "exchanges",
                   (QmFinding){"not there", NULL, NULL, "add the exchange with its api_key and secret_key"});
}

/* name_exchanges makes exchanges without keys, from the defaults, of those that markets name. */
static void
name_exchanges(QmLoad *load)
{
    QmConfig *config = load->config;
    QmExchangeConfig *exchanges = qm_arena_alloc(load->arena, QM_CONFIG_EXCHANGES_MAX, sizeof(*exchanges));

    if (exchanges == NULL)
        return;
    config->exchanges = exchanges;
    for (size_t i = 0; i < config->market_count; i++)
    {
        const char *name = config->markets[i].exchange;

        if (name[0] == '\0' || qm_config_exchange(config, name) != NULL)
            continue;
        if (config->exchange_count == QM_CONFIG_EXCHANGES_MAX)
        {
            qm_load_report(load,
                           QM_CONFIG_ERROR,
                           "exchanges",
                           (QmFinding){"too many", NULL, "at most " QM_NUMBER(QM_CONFIG_EXCHANGES_MAX), NULL});
            return;
        }
        qm_exchange_default(load, &exchanges[config->exchange_count]);
        exchanges[config->exchange_count++].name = name;
    }
}

/* is_used tells whether the exchange is the current one, or some market's. */
static bool
is_used(const QmConfig *config, const char *exchange)
{
    if (strcmp(config->current_exchange, exchange) == 0)
        return true;
    for (size_t i = 0; i < config->market_count; i++)
        if (strcmp(config->markets[i].exchange, exchange) == 0)
            return true;
    return false;
}

/* check_account wants both keys of an exchange that is used, and that it can be traded. */
static void
check_account(QmLoad *load, const QmObject *object)
{
    const QmExchangeConfig *exchange = (const QmExchangeConfig *) (const void *) object->base;

    check_secret(load, object, "api_key", &exchange->api_key);
    check_secret(load, object, "secret_key", &exchange->secret_key);
    check_adapter(load, object);
}

/*
 * check_adapter keeps real money from what the one adapter there is, of Binance spot,
 * would do with it in another market: in files of the earlier system an exchange means
 * futures, whatever its name. Elsewhere it speaks only to addresses that are written
 * down, so that no key of one exchange goes to another.
 */
static void
check_adapter(QmLoad *load, const QmObject *object)
{
    const QmExchangeConfig *exchange = (const QmExchangeConfig *) (const void *) object->base;
    const struct
    {
        const char *name;
        const char *url;
    } addresses[] = {
        {"rest_url", exchange->rest_url},
        {"ws_api_url", exchange->ws_api_url},
        {"stream_url", exchange->stream_url},
    };

    if (exchange->market != QM_MARKET_SPOT)
        qm_load_report_in(load,
                          object,
                          "market",
                          QM_CONFIG_STOPS_LIVE,
                          (QmFinding){"cannot be traded yet",
                                      "futures",
                                      "spot",
                                      "say market: spot if that is what this account trades; else trade on paper"});
    for (size_t i = 0; !is_binance(exchange->name) && i < sizeof(addresses) / sizeof(addresses[0]); i++)
    {
        if (addresses[i].url[0] == '\0')
            qm_load_report_in(load,
                              object,
                              addresses[i].name,
                              QM_CONFIG_STOPS_LIVE,
                              (QmFinding){"not set",
                                          NULL,
                                          NULL,
                                          "only " BINANCE ", and names such as " BINANCE "_2, have addresses of their "
                                          "own; others can be traded on paper"});
    }
}

/* is_binance tells whether a name is Binance's, or that of one more account there; binanceus, say, is another exchange. */
static bool
is_binance(const char *name)
{
    size_t len = strlen(BINANCE);

    return strncmp(name, BINANCE, len) == 0 && !isalpha((unsigned char) name[len]);
}

static void
check_secret(QmLoad *load, const QmObject *object, const char *name, const QmSecret *secret)
{
    char path[64];
    const QmKey *key;

    snprintf(path, sizeof(path), "exchanges.*.%s", name);
    key = qm_schema_find(path);
    if (secret->value[0] == '\0' && !qm_place_is_set(qm_object_place(object, key)))
        qm_load_report_in(load,
                          object,
                          name,
                          QM_CONFIG_ERROR,
                          (QmFinding){"not set", NULL, NULL, "write it here, or as ${NAME} or ${file:/path}"});
    else if (strcmp(secret->value, QM_CONFIG_MASK) == 0)
        qm_load_report_in(load,
                          object,
                          name,
                          QM_CONFIG_STOPS_LIVE,
                          (QmFinding){"masked", NULL, NULL, "put the secret back"});
}

/* qm_load_check_exchange_name wants an exchange that is named to be described, where any is. */
void
qm_load_check_exchange_name(QmLoad *load, const QmPlace *place, const char *path, const char *name)
{
    const QmConfig *config = load->config;
    const char *names = "";

    if (config->exchange_count == 0 || qm_config_exchange(config, name) != NULL || !qm_load_has_room(load))
        return;
    for (size_t i = 0; i < config->exchange_count; i++)
        names = qm_text_join(load->arena, names, i > 0 ? ", " : "", config->exchanges[i].name);
    qm_load_message(load,
                    QM_CONFIG_ERROR,
                    place,
                    path,
                    (QmFinding){"not among the exchanges", qm_text_quote(load->arena, name), names, NULL});
}
