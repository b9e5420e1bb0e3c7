/*
 * Configuration: one YAML file, checked and typed.
 *
 * Loading never fails silently and never stops at the first mistake: what is
 * wrong, doubtful or dangerous is collected as messages that say where, what was
 * found and what is allowed. Nothing is printed, nothing exits, and the
 * environment is read only through the caller's function. A QmConfig owns all
 * that can be reached from it; nothing of it changes after loading, so that
 * threads may share it.
 *
 * Values may be used when qm_config_ok says so; of a file with errors only the
 * messages count.
 *
 * Amounts are exact decimal text without exponent, sign of plus or needless
 * zeros, never binary floating point. Text is never NULL; where nothing is set it
 * is "". Keys, defaults and meanings: docs/configuration.md.
 */
#ifndef QM_CONFIG_H
#define QM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
#define QM_CONFIG_API extern "C"
#else
#define QM_CONFIG_API extern
#endif

#if defined(__GNUC__)
#define QM_CONFIG_MUST_CHECK __attribute__((warn_unused_result))
#else
#define QM_CONFIG_MUST_CHECK
#endif

#define QM_CONFIG_FILE_MAX 1048576     /* bytes of a file */
#define QM_CONFIG_MEMORY_MAX 67108864  /* bytes of a loaded configuration */
#define QM_CONFIG_DEPTH_MAX 32         /* levels of nesting */
#define QM_CONFIG_NODES_MAX 50000      /* values, mappings and lists, aliases written out */
#define QM_CONFIG_KEYS_MAX 1000        /* keys of one mapping */
#define QM_CONFIG_KEY_MAX 128          /* bytes of a key */
#define QM_CONFIG_TEXT_MAX 4096        /* bytes of a value, also after ${...} */
#define QM_CONFIG_ANCHORS_MAX 100      /* anchors of a file */
#define QM_CONFIG_MESSAGES_MAX 100     /* messages that are kept */
#define QM_CONFIG_EXCHANGES_MAX 64     /* exchanges */
#define QM_CONFIG_MARKETS_MAX 1000     /* markets; also allocations and symbols in a list */
#define QM_CONFIG_DIGITS_MAX 20        /* digits of an amount before its point, and after it */
#define QM_CONFIG_SECRET_FILE_MAX 4096 /* bytes of a file that ${file:...} names */

/* What a masked secret looks like, and what a file that check-config printed is recognised by. */
#define QM_CONFIG_MASK "********"

typedef enum QmConfigSeverity
{
    QM_CONFIG_WARNING,
    QM_CONFIG_ERROR,
    QM_CONFIG_STOPS_RUN, /* valid, but no instance may run with it */
    QM_CONFIG_STOPS_LIVE /* valid, but no instance may trade real money with it */
} QmConfigSeverity;

/* One finding. Text that does not apply is "". */
typedef struct QmConfigMessage
{
    QmConfigSeverity severity;
    const char *file;    /* as given, or the environment variable that the value comes from */
    int line;            /* from 1; 0 where no line applies */
    int column;          /* characters, from 1 */
    const char *path;    /* the key: trading.symbols[0].price_interval */
    const char *problem; /* what is wrong */
    const char *found;   /* what is there, quoted and shortened, never a secret */
    const char *allowed; /* what may be there */
    const char *hint;    /* the next step */
} QmConfigMessage;

/* A secret, and how it may be shown: a reference as written, masked text, or nothing. */
typedef struct QmSecret
{
    const char *value;
    const char *shown;
} QmSecret;

typedef struct QmTextList
{
    const char *const *items;
    size_t count;
} QmTextList;

typedef enum QmLogLevel
{
    QM_LOG_DEBUG,
    QM_LOG_INFO,
    QM_LOG_WARN,
    QM_LOG_ERROR,
    QM_LOG_FATAL
} QmLogLevel;

typedef enum QmMarketKind
{
    QM_MARKET_FUTURES, /* USD-M futures: what an exchange's name meant in the earlier system */
    QM_MARKET_SPOT
} QmMarketKind;

typedef enum QmDatabaseType
{
    QM_DATABASE_SQLITE,
    QM_DATABASE_POSTGRES
} QmDatabaseType;

typedef enum QmLockType
{
    QM_LOCK_NOP,
    QM_LOCK_REDIS,
    QM_LOCK_POSTGRES /* "database" is the same */
} QmLockType;

typedef enum QmLockAlso
{
    QM_LOCK_ALSO_NONE,
    QM_LOCK_ALSO_POSTGRES
} QmLockAlso;

typedef enum QmLockMode
{
    QM_LOCK_SESSION,
    QM_LOCK_LEASE
} QmLockMode;

typedef struct QmExchangeConfig
{
    const char *name;
    bool declared; /* false: only named by a market; the file has no exchanges at all */
    QmSecret api_key;
    QmSecret secret_key;
    const char *fee_rate; /* share of a trade's value */
    bool testnet;
    QmMarketKind market;
    const char *rest_url; /* where requests go; "": the exchange's own address, as the two below */
    const char *ws_api_url;
    const char *stream_url;
    const char *ca_file; /* certificates to trust instead of the system's; "": those */
} QmExchangeConfig;

/* Ratios and layers that are 0 limit nothing. */
typedef struct QmGridRiskConfig
{
    bool enabled;
    int max_grid_layers;
    const char *stop_loss_ratio;
    const char *take_profit_trigger_ratio;
    const char *trailing_take_profit_ratio;
    bool trend_filter_enabled;
} QmGridRiskConfig;

/* One market to trade, with all that it inherits. */
typedef struct QmMarketConfig
{
    const char *exchange;
    const char *symbol;
    const char *price_interval;
    const char *order_quantity;  /* quote currency per order */
    const char *min_order_value; /* quote currency */
    int buy_window_size;         /* orders below the price; 0 (which stops run) where the file names none */
    int sell_window_size;        /* orders above it */
    int reconcile_interval_s;
    int order_cleanup_threshold; /* open orders */
    int cleanup_batch_size;      /* orders */
    int margin_lock_duration_s;
    int position_safety_check; /* orders that the balance must be good for */
    QmGridRiskConfig grid_risk;
} QmMarketConfig;

/* A limit that is "0" does not apply. */
typedef struct QmAllocationConfig
{
    const char *exchange;
    const char *symbol;
    const char *max_amount_usdt;
    const char *max_percentage;
} QmAllocationConfig;

typedef struct QmSystemConfig
{
    QmLogLevel log_level;
    const char *timezone;
    bool cancel_on_exit;
    bool close_positions_on_exit;
} QmSystemConfig;

typedef struct QmInstanceConfig
{
    const char *id; /* "": the program makes one up */
    int index;
    int total;
    bool standby; /* trades nothing until it is given a market */
} QmInstanceConfig;

typedef struct QmDatabaseConfig
{
    QmDatabaseType type;
    QmSecret dsn; /* a file for sqlite, a conninfo or URI for postgres */
    int max_open_conns;
    int conn_max_lifetime_s;
} QmDatabaseConfig;

typedef struct QmRedisConfig
{
    const char *addr; /* host:port */
    QmSecret password;
    int db;
    QmTextList sentinels; /* host:port each; with any, addr is not used */
    const char *master;   /* the name by which sentinels know it */
} QmRedisConfig;

typedef struct QmLockConfig
{
    bool enabled; /* false: as if type were QM_LOCK_NOP */
    QmLockType type;
    QmLockAlso also;
    const char *prefix; /* of keys in Redis */
    QmRedisConfig redis;
    QmLockMode postgres_mode;
    bool postgres_renew; /* leases are renewed in the background */
} QmLockConfig;

typedef struct QmRiskConfig
{
    bool enabled;
    QmTextList monitor_symbols;
    const char *interval; /* of candles: 1m, 3m, ... */
    const char *volume_multiplier;
    int average_window;     /* candles */
    int recovery_threshold; /* symbols, at most those that are monitored */
    int max_leverage;
} QmRiskConfig;

typedef struct QmTimingConfig
{
    int websocket_reconnect_delay_s;
    int websocket_pong_wait_s;
    int price_send_interval_ms;
    int rate_limit_retry_delay_s;
    int order_retry_delay_ms;
    int order_cleanup_interval_s;
} QmTimingConfig;

typedef struct QmWebConfig
{
    bool enabled;
    const char *host;
    int port;
} QmWebConfig;

typedef struct QmMetricsConfig
{
    bool enabled;
    int collect_interval_s;
} QmMetricsConfig;

typedef struct QmConfig
{
    const char *file;
    const char *current_exchange; /* "" where every market names its own */
    const QmExchangeConfig *exchanges;
    size_t exchange_count;
    const QmMarketConfig *markets;
    size_t market_count;
    const QmAllocationConfig *allocations;
    size_t allocation_count;
    bool allocation_enabled;
    QmSystemConfig system;
    QmInstanceConfig instance;
    QmDatabaseConfig database;
    QmLockConfig lock;
    QmRiskConfig risk;
    QmTimingConfig timing;
    QmWebConfig web;
    QmMetricsConfig metrics;

    const QmConfigMessage *messages; /* warnings and errors, in the order of finding */
    size_t message_count;
    size_t messages_omitted; /* found beyond QM_CONFIG_MESSAGES_MAX, of both lists */
    size_t error_count;      /* also of those that were omitted */
    size_t warning_count;
    const QmConfigMessage *stops; /* why not to run, or not with real money */
    size_t stop_count;
    bool stops_run; /* also by what was omitted */
    bool stops_live;

    struct QmArena *arena; /* private */
} QmConfig;

/* Answers an environment variable's value, or NULL. getenv, in a program. */
typedef const char *(*QmConfigLookup)(void *context, const char *name);

/* Zeros mean: no environment, warnings are warnings, the usual limit. */
typedef struct QmConfigOptions
{
    QmConfigLookup lookup;
    void *lookup_context;
    bool strict;       /* warnings are errors */
    size_t memory_max; /* bytes; 0 is QM_CONFIG_MEMORY_MAX */
} QmConfigOptions;

QM_CONFIG_API QM_CONFIG_MUST_CHECK QmConfig *qm_config_load(const char *name, const char *text, size_t text_len,
                                                            const QmConfigOptions *options);
QM_CONFIG_API QM_CONFIG_MUST_CHECK QmConfig *qm_config_load_file(const char *path, const QmConfigOptions *options);
QM_CONFIG_API void qm_config_free(QmConfig *config);

QM_CONFIG_API bool qm_config_ok(const QmConfig *config);
QM_CONFIG_API bool qm_config_may_run(const QmConfig *config, bool real_money);
QM_CONFIG_API const QmExchangeConfig *qm_config_exchange(const QmConfig *config, const char *name);
QM_CONFIG_API QmLockType qm_config_lock_type(const QmConfig *config);
QM_CONFIG_API QM_CONFIG_MUST_CHECK char *qm_config_print(const QmConfig *config);
QM_CONFIG_API size_t qm_config_message_format(const QmConfigMessage *message, char *out, size_t out_size);

#endif
