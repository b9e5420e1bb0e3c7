/*
 * Rules between keys, and what has to be there. They are looked at when every
 * value is in its place, and add to the messages about single values.
 */
#include "config_load.h"
#include "config_text.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_INSTANCE "default-instance" /* what the earlier system called every instance without a name */
#define DEFAULT_DSN "./data/quantmesh.db"
#define UNUSED_SHOWN_MAX 2000 /* bytes of names in the warning */

static void check_markets(QmLoad *load);
static void check_market(QmLoad *load, size_t number);
static void check_market_values(QmLoad *load, const QmObject *object, const QmMarketConfig *market);
static void check_allocations(QmLoad *load);
static void check_instance(QmLoad *load);
static void check_database(QmLoad *load);
static void check_lock(QmLoad *load);
static void check_unused_lock(QmLoad *load, const char *section);
static void check_risk(QmLoad *load);
static void warn_unused(QmLoad *load);

/* qm_load_check looks at the configuration as a whole. */
void
qm_load_check(QmLoad *load)
{
    qm_load_check_exchanges(load);
    check_markets(load);
    check_allocations(load);
    check_instance(load);
    check_database(load);
    check_lock(load);
    check_risk(load);
    warn_unused(load);
}

/* check_markets wants something to trade, or a standby. */
static void
check_markets(QmLoad *load)
{
    QmConfig *config = load->config;

    if (config->market_count == 0 && load->markets_listed)
        config->instance.standby = true;
    if (config->market_count == 0 && !config->instance.standby)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "trading.symbols",
                       (QmFinding){"nothing to trade",
                                   NULL,
                                   "a list with at least one symbol",
                                   "list what this instance trades, or may be given where it says instance.standby: "
                                   "true"});
    else if (config->market_count == 0)
        qm_load_report(load,
                       QM_CONFIG_STOPS_RUN,
                       "trading.symbols",
                       (QmFinding){"nothing that could be given to it",
                                   NULL,
                                   "a list with at least one symbol",
                                   "list the markets that it takes over from others, and say instance.standby: true"});
    for (size_t i = 0; i < config->market_count; i++)
        check_market(load, i);
}

/* check_market looks at one market: its name, and what has to be set. */
static void
check_market(QmLoad *load, size_t number)
{
    const QmObject *object = &load->objects[QM_SCOPE_MARKET].items[number];
    const QmMarketConfig *markets = load->config->markets;
    const QmMarketConfig *market = &markets[number];
    const QmPlace *exchange_place = qm_object_place(object, qm_schema_find("trading.symbols[].exchange"));

    check_market_values(load, object, market);
    if (market->exchange[0] == '\0')
        qm_load_report_in(load,
                          object,
                          "exchange",
                          QM_CONFIG_ERROR,
                          (QmFinding){"not set", NULL, NULL, "name it here, or in app.current_exchange"});
    else if (qm_place_is_set(exchange_place))
    {
        size_t before = load->path_len;

        qm_path_push_key(load, object->path);
        qm_path_push_key(load, "exchange");
        qm_load_check_exchange_name(load, exchange_place, load->path, market->exchange);
        qm_path_pop(load, before);
    }
    if (market->symbol[0] == '\0')
        return;
    for (size_t i = 0; i < number; i++)
        if (strcmp(markets[i].symbol, market->symbol) == 0 && strcmp(markets[i].exchange, market->exchange) == 0)
        {
            char found[40];

            snprintf(found, sizeof(found), "it on line %d before", load->objects[QM_SCOPE_MARKET].items[i].place.line);
            qm_load_report_in(load,
                              object,
                              "symbol",
                              QM_CONFIG_ERROR,
                              (QmFinding){"a market that is there twice",
                                          qm_arena_text(load->arena, found, strlen(found)),
                                          NULL,
                                          "remove one of them"});
            return;
        }
}

/* check_market_values wants what has no default. */
static void
check_market_values(QmLoad *load, const QmObject *object, const QmMarketConfig *market)
{
    const struct
    {
        const char *name;
        bool missing;
        const char *allowed;
        const char *hint;
    } wanted[] = {
        {"symbol", market->symbol[0] == '\0', "a symbol of the exchange, such as BTCUSDT", NULL},
        {"price_interval", market->price_interval[0] == '\0', "a number above 0", "set it here or in trading"},
        {"order_quantity", market->order_quantity[0] == '\0', "a number above 0", "set it here or in trading"},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
    {
        char path[64];

        snprintf(path, sizeof(path), "trading.symbols[].%s", wanted[i].name);
        /* What is there and wrong has its message already. */
        if (wanted[i].missing && !qm_place_is_set(qm_object_place(object, qm_schema_find(path))))
            qm_load_report_in(load,
                              object,
                              wanted[i].name,
                              QM_CONFIG_ERROR,
                              (QmFinding){"not set", NULL, wanted[i].allowed, wanted[i].hint});
    }
    if (market->buy_window_size > 0 ||
        qm_place_is_set(qm_object_place(object, qm_schema_find("trading.symbols[].buy_window_size"))))
        return;
    qm_load_report_in(load,
                      object,
                      "buy_window_size",
                      QM_CONFIG_WARNING,
                      (QmFinding){"not set", NULL, "a whole number from 1 to 10000", "no instance can run without it"});
    qm_load_report_in(load,
                      object,
                      "buy_window_size",
                      QM_CONFIG_STOPS_RUN,
                      (QmFinding){"not set",
                                  NULL,
                                  "a whole number from 1 to 10000",
                                  "say how many buy orders may lie below the price"});
}

/* check_allocations wants every limit to be some market's, and no instance to run in the belief that they hold. */
static void
check_allocations(QmLoad *load)
{
    QmConfig *config = load->config;
    QmAllocationConfig *allocations = (QmAllocationConfig *) config->allocations;

    for (size_t i = 0; i < config->allocation_count; i++)
    {
        const QmObject *object = &load->objects[QM_SCOPE_ALLOCATION].items[i];
        bool known = false;

        if (allocations[i].exchange[0] == '\0')
            allocations[i].exchange = config->current_exchange;
        for (size_t j = 0; j < config->market_count; j++)
            known |= strcmp(config->markets[j].symbol, allocations[i].symbol) == 0 &&
                     strcmp(config->markets[j].exchange, allocations[i].exchange) == 0;
        if (allocations[i].symbol[0] == '\0' &&
            !qm_place_is_set(qm_object_place(object, qm_schema_find("position_allocation.allocations[].symbol"))))
            qm_load_report_in(load,
                              object,
                              "symbol",
                              QM_CONFIG_ERROR,
                              (QmFinding){"not set", NULL, "the symbol of a market", NULL});
        else if (!known && config->market_count > 0 && config->allocation_enabled)
            qm_load_report_in(load,
                              object,
                              "symbol",
                              QM_CONFIG_WARNING,
                              (QmFinding){"a limit on a market that is not traded here",
                                          qm_text_quote(load->arena, allocations[i].symbol),
                                          NULL,
                                          NULL});
    }
    if (config->allocation_enabled && config->allocation_count == 0)
        qm_load_report(load,
                       QM_CONFIG_WARNING,
                       "position_allocation",
                       (QmFinding){"enabled, and limits nothing", NULL, NULL, "list allocations"});
    if (config->allocation_enabled && config->allocation_count > 0)
        qm_load_report(load, QM_CONFIG_STOPS_RUN, "position_allocation", qm_limit_missing);
}

static void
check_instance(QmLoad *load)
{
    QmInstanceConfig *instance = &load->config->instance;
    char found[16];
    char hint[64];

    if (strcmp(instance->id, DEFAULT_INSTANCE) == 0)
        instance->id = "";
    if (instance->index >= instance->total)
    {
        snprintf(found, sizeof(found), "%d", instance->index);
        snprintf(hint, sizeof(hint), "instance.total has to be %d at least", instance->index + 1);
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "instance.index",
                       (QmFinding){"not below instance.total",
                                   qm_arena_text(load->arena, found, strlen(found)),
                                   NULL,
                                   qm_arena_text(load->arena, hint, strlen(hint))});
    }
    if (instance->total > 1 && load->config->database.type == QM_DATABASE_SQLITE)
        qm_load_report(load,
                       QM_CONFIG_WARNING,
                       "instance.total",
                       (QmFinding){"several instances with sqlite do not know of each other's orders",
                                   NULL,
                                   NULL,
                                   "use database.type: postgres"});
}

/* check_database wants an address that fits the type of the database. */
static void
check_database(QmLoad *load)
{
    QmDatabaseConfig *database = &load->config->database;
    const char *dsn = database->dsn.value;
    bool uri = strncmp(dsn, "postgres://", 11) == 0 || strncmp(dsn, "postgresql://", 13) == 0;
    QmPlace place = qm_load_place(load, "database.dsn");
    const char *example = "host=... dbname=..., service=..., or postgresql://...";

    if (place.wrong)
        return;
    if (strstr(dsn, QM_CONFIG_MASK) != NULL)
        qm_load_report(load,
                       QM_CONFIG_STOPS_RUN,
                       "database.dsn",
                       (QmFinding){"masked", NULL, NULL, "put the password back"});
    else if (database->type == QM_DATABASE_POSTGRES && dsn[0] == '\0')
        qm_load_report(load, QM_CONFIG_ERROR, "database.dsn", (QmFinding){"not set", NULL, example, NULL});
    else if (database->type == QM_DATABASE_POSTGRES && !uri && strchr(dsn, '=') == NULL)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "database.dsn",
                       (QmFinding){"not an address of PostgreSQL", NULL, example, NULL});
    else if (database->type == QM_DATABASE_SQLITE && (uri || strstr(dsn, "dbname=") != NULL))
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "database.dsn",
                       (QmFinding){"an address of PostgreSQL, and database.type is sqlite",
                                   NULL,
                                   "the name of a file",
                                   "set database.type: postgres"});
    else if (database->type == QM_DATABASE_SQLITE && dsn[0] == '\0')
        database->dsn = (QmSecret){DEFAULT_DSN, DEFAULT_DSN};
}

/* check_lock wants locks in the database to have a database. */
static void
check_lock(QmLoad *load)
{
    QmLockConfig *lock = &load->config->lock;
    bool postgres = load->config->database.type == QM_DATABASE_POSTGRES;

    /* The table of words has "database" as one more. */
    if ((int) lock->type > (int) QM_LOCK_POSTGRES)
        lock->type = QM_LOCK_POSTGRES;
    if (!lock->enabled)
        return;
    if (lock->type == QM_LOCK_POSTGRES && !postgres)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "distributed_lock.type",
                       (QmFinding){"locks in a database that is not there",
                                   "\"postgres\" with database.type: sqlite",
                                   NULL,
                                   "set database.type: postgres and database.dsn"});
    if (lock->also != QM_LOCK_ALSO_NONE && lock->type != QM_LOCK_REDIS)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "distributed_lock.also",
                       (QmFinding){"a second lock beside one that is not redis",
                                   NULL,
                                   "none",
                                   "it serves to move from redis to postgres"});
    else if (lock->also != QM_LOCK_ALSO_NONE && !postgres)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "distributed_lock.also",
                       (QmFinding){"locks in a database that is not there",
                                   "\"postgres\" with database.type: sqlite",
                                   NULL,
                                   "set database.type: postgres and database.dsn"});
    if (qm_lock_uses(lock, "distributed_lock.postgres") && lock->postgres_mode == QM_LOCK_SESSION &&
        lock->postgres_renew)
        qm_load_report(load,
                       QM_CONFIG_ERROR,
                       "distributed_lock.postgres.renew",
                       (QmFinding){"nothing to renew",
                                   "\"true\" with mode: session",
                                   "false",
                                   "session locks live as long as their connection; for leases set mode: lease"});
    if (lock->type == QM_LOCK_REDIS && strcmp(lock->redis.password.value, QM_CONFIG_MASK) == 0)
        qm_load_report(load,
                       QM_CONFIG_STOPS_RUN,
                       "distributed_lock.redis.password",
                       (QmFinding){"masked", NULL, NULL, "put the password back"});
    check_unused_lock(load, "distributed_lock.redis");
    check_unused_lock(load, "distributed_lock.postgres");
}

/* qm_lock_uses tells whether this type of lock has a use for a section of its settings. */
bool
qm_lock_uses(const QmLockConfig *lock, const char *section)
{
    if (strcmp(section, "distributed_lock.redis") == 0)
        return lock->type == QM_LOCK_REDIS;
    if (strcmp(section, "distributed_lock.postgres") == 0)
        return lock->type == QM_LOCK_POSTGRES || lock->also == QM_LOCK_ALSO_POSTGRES;
    return true;
}

/* check_unused_lock adds a section for another type of lock to what is not used. */
static void
check_unused_lock(QmLoad *load, const char *section)
{
    const QmKey *section_key = qm_schema_find(section);

    if (qm_lock_uses(&load->config->lock, section))
        return;
    for (const QmKey *key = section_key + 1; key < qm_schema + qm_schema_count && qm_schema_is_child(key, section_key);
         key++)
    {
        QmPlace place = qm_load_place_of_section(load, section);

        if (qm_load_place(load, key->path).line == 0)
            continue;
        load->unused_seen[section_key - qm_schema] = true;
        if (load->unused_place.line == 0 || place.line < load->unused_place.line)
            load->unused_place = place;
    }
}

/* check_risk keeps recovery possible: as many symbols as are monitored have to be enough. */
static void
check_risk(QmLoad *load)
{
    QmRiskConfig *risk = &load->config->risk;
    char found[16];
    char allowed[64];

    if ((size_t) risk->recovery_threshold <= risk->monitor_symbols.count)
        return;
    if (risk->enabled && qm_load_place(load, "risk_control.recovery_threshold").line > 0)
    {
        snprintf(found, sizeof(found), "%d", risk->recovery_threshold);
        snprintf(allowed, sizeof(allowed), "at most %zu", risk->monitor_symbols.count);
        qm_load_report(load,
                       QM_CONFIG_WARNING,
                       "risk_control.recovery_threshold",
                       (QmFinding){"more symbols than are monitored",
                                   qm_arena_text(load->arena, found, strlen(found)),
                                   qm_arena_text(load->arena, allowed, strlen(allowed)),
                                   "all of them are asked for"});
    }
    risk->recovery_threshold = (int) risk->monitor_symbols.count;
}

/* warn_unused names everything in the file that has no effect, in one warning. */
static void
warn_unused(QmLoad *load)
{
    const char *names = "";
    size_t left_out = 0;
    char more[32] = "";

    if (load->unused_place.line == 0)
        return;
    for (size_t i = 0; i < qm_schema_count; i++)
    {
        if (!load->unused_seen[i])
            continue;
        if (strlen(names) + qm_schema[i].path_len > UNUSED_SHOWN_MAX)
            left_out++;
        else
            names = qm_text_join(load->arena, names, names[0] != '\0' ? ", " : "", qm_schema[i].path);
    }
    if (left_out > 0)
        snprintf(more, sizeof(more), " and %zu more", left_out);
    qm_load_message(load,
                    QM_CONFIG_WARNING,
                    &load->unused_place,
                    "",
                    (QmFinding){qm_text_join(load->arena, "not used: ", names, more), NULL, NULL, NULL});
}
