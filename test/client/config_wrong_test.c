/*
 * Wrong files, each with the exact messages that it must give.
 */
#include "config_help.h"

typedef struct Wrong
{
    const char *text;  /* in front of VALID_REST */
    const char *whole; /* or all of the file */
    size_t bytes;      /* of whole, where it has zeros in it */
    const char *messages;
} Wrong;

#define MARKET(values)                                                                                                \
    "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s}}\ntrading:\n  symbols:\n    " \
    "- {" values "}\n"

static const Wrong wrongs[] = {
    /* Not YAML, or not a configuration. */
    {.whole = "", .messages = "c.yaml:1:1: error: nothing in the file"},
    {.whole = "# only a comment\n", .messages = "c.yaml:2:1: error: nothing in the file"},
    {.whole = "- a\n- b\n",
     .messages = "c.yaml:1:1: error: not a configuration, found a list, allowed: a mapping, key: value"},
    {.whole = "trading\n",
     .messages = "c.yaml:1:1: error: not a configuration, found a single value, allowed: a mapping, key: value"},
    {.whole = "a: 1\n---\nb: 2\n", .messages = "c.yaml:2:1: error: a second document, allowed: one document in a file"},
    {.text = "web:\n\tport: 1\n",
     .messages = "c.yaml:2:1: error: not YAML: found character that cannot start any token; indent with spaces, not "
                 "with tabs, and put quotes around values that begin with % @ or `"},
    {.text = "web: host: x\n",
     .messages = "c.yaml:1:10: error: not YAML: mapping values are not allowed in this context; check the indentation, "
                 "and put quotes around a value that has a colon in it"},
    {.text = "web: {port: 1\n",
     .messages = "c.yaml:2:4: error: not YAML: did not find expected ',' or '}'; look at what begins on line 1"},
    {.text = "web: \"x\n",
     .messages = "c.yaml:5:1: error: not YAML: found unexpected end of stream; look at what begins on line 1"},
    {.text = "web: @x\n",
     .messages = "c.yaml:1:6: error: not YAML: found character that cannot start any token; indent with spaces, not "
                 "with tabs, and put quotes around values that begin with % @ or `"},
    {.text = "web:\r\n  port: x\r\n",
     .messages = "c.yaml:2:9: error: web.port: not a number, found \"x\", allowed: a whole number from 1 to 65535"},
    {.text = "\xEF\xBB\xBFweb: {port: x}\n",
     .messages = "c.yaml:1:13: error: web.port: not a number, found \"x\", allowed: a whole number from 1 to 65535"},
    {.text = "system:\n  log_level: \xC3\xA9\xE9\n", .messages = "c.yaml:2:15: error: not UTF-8, found byte 0xe9"},
    {.text = "system:\n  log_level: \xC0\xAF\n", .messages = "c.yaml:2:14: error: not UTF-8, found byte 0xc0"},
    {.text = "system:\n  log_level: \xE0\x80\xAF\n", .messages = "c.yaml:2:14: error: not UTF-8, found byte 0xe0"},
    {.text = "system:\n  log_level: \xF4\x90\x80\x80\n", .messages = "c.yaml:2:14: error: not UTF-8, found byte 0xf4"},
    {.text = "system:\n  log_level: \xED\xA0\x80\n", .messages = "c.yaml:2:14: error: not UTF-8, found byte 0xed"},
    {.text = "system: {log_level: a\x01}\n",
     .messages = "c.yaml:1:22: error: a character that YAML does not allow, found byte 0x01"},
    {.whole = "\xFF\xFEw\0e\0",
     .bytes = 6,
     .messages = "c.yaml:1:1: error: the file is UTF-16, allowed: UTF-8; save it as UTF-8"},
    {.whole = "a: b\0c\n",
     .bytes = 7,
     .messages = "c.yaml:1:5: error: a character that YAML does not allow, found byte 0x00"},
    {.text = "web: {port: 1, port: 2}\n",
     .messages =
         "c.yaml:1:16: error: web.port: a key that is there twice, found it on line 1 before; remove one of them"},
    {.text = "web: {<<: 1}\n",
     .messages = "c.yaml:1:7: error: web: << merges mappings, found a single value, allowed: an alias of a mapping, or "
                 "a list of them"},
    {.text = "web: {<<: {port: 1}, <<: {port: 2}}\n",
     .messages =
         "c.yaml:1:22: error: web.<<: a key that is there twice, found it on line 1 before; remove one of them"},
    {.text = "web: *nothing\n",
     .messages = "c.yaml:1:6: error: web: an alias of nothing, allowed: the name of an anchor before it; put quotes "
                 "around a value that begins with * & or !"},
    {.text = "web: &a {x: *a}\n",
     .messages = "c.yaml:1:13: error: web.x: an alias of nothing, allowed: the name of an anchor before it; put quotes "
                 "around a value that begins with * & or !"},
    {.text = "web: !php/object {}\n",
     .messages = "c.yaml:1:6: error: web: a tag that is not taken, allowed: values without tags; put quotes around a "
                 "value that begins with * & or !"},
    {.text = "web: {port: !!binary aGk=}\n",
     .messages = "c.yaml:1:13: error: web.port: a tag that is not taken, allowed: values without tags; put quotes "
                 "around a value that begins with * & or !"},
    {.text = "x: {api_key: *geheim}\n",
     .messages = "c.yaml:1:14: error: x.api_key: an alias of nothing, allowed: the name of an anchor before it; put "
                 "quotes around a value that begins with * & or !"},
    {.text = "? [a]\n: 1\n", .messages = "c.yaml:1:3: error: a key that is no word, allowed: a word and a colon"},
    {.text = "\"\": 1\n", .messages = "c.yaml:1:1: error: a key without a name, allowed: 1 to 128 bytes"},
    {.text = "\"a\\tb\": 1\n", .messages = "c.yaml:1:1: error: a key with a control character in it"},
    {.text = "web: {host: \"a\\0b\"}\n", .messages = "c.yaml:1:13: error: web.host: has a zero byte in it"},

    /* Unknown keys. */
    {.text = "webb: {port: 1}\n", .messages = "c.yaml:1:1: warning: webb: unknown key; did you mean web?"},
    {.text = "web: {prot: 1}\n", .messages = "c.yaml:1:7: warning: web.prot: unknown key; did you mean port?"},
    {.text = "web: {PORT: 1}\n", .messages = "c.yaml:1:7: warning: web.PORT: unknown key; did you mean port?"},
    {.text = "price_interval: 1\n",
     .messages = "c.yaml:1:1: warning: price_interval: unknown key; did you mean trading.price_interval?"},
    {.text = "web.port: 1\n",
     .messages = "c.yaml:1:1: warning: web.port: unknown key; a key below another one is written on a line of its own, "
                 "indented"},
    {.text = "something_else: 1\n", .messages = "c.yaml:1:1: warning: something_else: unknown key"},

    /* Kinds. */
    {.text = "web: 1\n",
     .messages = "c.yaml:1:6: error: web: of the wrong kind, found a single value, allowed: a mapping"},
    {.text = "web: [port]\n",
     .messages = "c.yaml:1:6: error: web: of the wrong kind, found a list, allowed: a mapping"},
    {.text = "web: {port: [1]}\n",
     .messages =
         "c.yaml:1:13: error: web.port: of the wrong kind, found a list, allowed: a whole number from 1 to 65535"},
    {.text = "risk_control: {monitor_symbols: BTCUSDT}\n",
     .messages = "c.yaml:1:33: error: risk_control.monitor_symbols: of the wrong kind, found a single value, allowed: "
                 "a list of names"},
    {.text = "risk_control: {monitor_symbols: [A, {}, \"\"]}\n",
     .messages = "c.yaml:1:37: error: risk_control.monitor_symbols[1]: of the wrong kind, found a mapping, allowed: 1 "
                 "to 64 bytes without spaces and colons\n"
                 "c.yaml:1:41: error: risk_control.monitor_symbols[2]: empty, found \"\", allowed: 1 to 64 bytes "
                 "without spaces and colons"},
    {.whole = "trading: {symbols: {BTCUSDT: {}}}\n",
     .messages =
         "c.yaml:1:20: error: trading.symbols: of the wrong kind, found a mapping, allowed: a list of mappings"},
    {.whole = "trading: {symbols: [BTCUSDT]}\n",
     .messages = "c.yaml:1:21: error: trading.symbols[0]: of the wrong kind, found a single value, allowed: a mapping"},
    {.whole = "exchanges: {binance: key}\ntrading: {symbols: []}\n",
     .messages = "c.yaml:1:22: error: exchanges.binance: of the wrong kind, found a single value, allowed: a mapping"},

    /* Single values. */
    {.text = "web: {enabled: maybe}\n",
     .messages = "c.yaml:1:16: error: web.enabled: neither true nor false, found \"maybe\", allowed: true or false"},
    {.text = "web: {port: http}\n",
     .messages = "c.yaml:1:13: error: web.port: not a number, found \"http\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {port: 65536}\n",
     .messages =
         "c.yaml:1:13: error: web.port: out of range, found \"65536\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {port: -1}\n",
     .messages = "c.yaml:1:13: error: web.port: out of range, found \"-1\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {port: 80.5}\n",
     .messages =
         "c.yaml:1:13: error: web.port: not a whole number, found \"80.5\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {port: 0x50}\n",
     .messages = "c.yaml:1:13: error: web.port: not a number, found \"0x50\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {port: 0123}\n",
     .messages = "c.yaml:1:13: error: web.port: a number with a leading zero, found \"0123\", allowed: a whole number "
                 "from 1 to 65535"},
    {.text = "web: {host: \"my host\"}\n",
     .messages =
         "c.yaml:1:13: error: web.host: has a space in it, found \"my host\", allowed: 1 to 255 bytes without spaces"},
    {.text = "web: {host: |\n  a\n }\n",
     .messages = "c.yaml:1:13: error: not YAML: found character that cannot start any token; indent with spaces, not "
                 "with tabs, and put quotes around values that begin with % @ or `"},
    {.text = "web:\n  host: |\n    a\n",
     .messages = "c.yaml:2:9: error: web.host: has a line break in it, found \"a\\x0a\", allowed: 1 to 255 bytes "
                 "without spaces"},
    {.text = "web: {host: \"a\\x1b[31m\"}\n",
     .messages = "c.yaml:1:13: error: web.host: has a control character in it, found \"a\\x1b[31m\", allowed: 1 to 255 "
                 "bytes without spaces"},
    {.text = "system: {log_level: inof}\n",
     .messages = "c.yaml:1:21: error: system.log_level: not known, found \"inof\", allowed: debug, info, warn, error, "
                 "fatal; did you mean info?"},
    {.text = "system: {log_level: loud}\n",
     .messages =
         "c.yaml:1:21: error: system.log_level: not known, found \"loud\", allowed: debug, info, warn, error, fatal"},
    {.text = "risk_control: {volume_multiplier: .inf}\n",
     .messages =
         "c.yaml:1:35: error: risk_control.volume_multiplier: not a number, found \".inf\", allowed: a number above 0"},
    {.text = "risk_control: {volume_multiplier: -3}\n",
     .messages =
         "c.yaml:1:35: error: risk_control.volume_multiplier: out of range, found \"-3\", allowed: a number above 0"},
    {.text = "risk_control: {volume_multiplier: 1e30}\n",
     .messages = "c.yaml:1:35: error: risk_control.volume_multiplier: a number with too many digits, found \"1e30\", "
                 "allowed: a number above 0"},
    {.text = "risk_control: {volume_multiplier: 100000000000000000000}\n",
     .messages = "c.yaml:1:35: error: risk_control.volume_multiplier: a number with too many digits, found "
                 "\"100000000000000000000\", allowed: a number above 0"},
    {.text = "risk_control: {volume_multiplier: 0.123456789012345678901}\n",
     .messages = "c.yaml:1:35: error: risk_control.volume_multiplier: a number with too many digits, found "
                 "\"0.123456789012345678901\", allowed: a number above 0"},
    {.text = "risk_control: {interval: 2m}\n",
     .messages = "c.yaml:1:26: error: risk_control.interval: not known, found \"2m\", allowed: 1m, 3m, 5m, 15m, 30m, "
                 "1h, 2h, 4h, 6h, 8h, 12h, 1d, 3d, 1w, 1M"},
    {.text = "distributed_lock: {redis: {addr: localhost}}\n",
     .messages = "c.yaml:1:34: error: distributed_lock.redis.addr: not a host and a port, found \"localhost\", "
                 "allowed: host:port"},
    {.text = "distributed_lock: {redis: {addr: \"localhost:99999\"}}\n",
     .messages =
         "c.yaml:1:34: error: distributed_lock.redis.addr: not a port, found \"localhost:99999\", allowed: host:port"},
    {.text = "distributed_lock: {redis: {addr: \"::1:6379\"}}\n",
     .messages = "c.yaml:1:34: error: distributed_lock.redis.addr: not a host and a port, found \"::1:6379\", allowed: "
                 "host:port"},
    {.text = "distributed_lock: {redis: {sentinels: [\"a:1\", b]}}\n",
     .messages = "c.yaml:1:47: error: distributed_lock.redis.sentinels[1]: not a host and a port, found \"b\", "
                 "allowed: host:port"},
    {.text = "instance: {id: \"two words\"}\n",
     .messages = "c.yaml:1:16: error: instance.id: has a space in it, found \"two words\", allowed: 1 to 128 bytes "
                 "without spaces"},
    {.text = "instance: {index: 2}\n",
     .messages =
         "c.yaml:1:19: error: instance.index: not below instance.total, found 2; instance.total has to be 3 at least"},
    {.text = "instance: {total: 2}\n",
     .messages = "c.yaml:1:19: warning: instance.total: several instances with sqlite do not know of each other's "
                 "orders; use database.type: postgres"},
    {.whole = "exchanges: {\"a:b\": {}}\ntrading: {symbols: []}\n",
     .messages = "c.yaml:1:13: error: exchanges.a:b: has a colon in it, found \"a:b\", allowed: 1 to 64 bytes without "
                 "spaces and colons"},

    /* Databases and locks. */
    {.text = "database: {type: mysql, dsn: \"u:p@tcp(h)/d\"}\n",
     .messages = "c.yaml:1:18: error: database.type: not supported, found \"mysql\", allowed: sqlite, postgres; use "
                 "postgres, or sqlite for a single instance"},
    {.text = "database: {type: postgresql}\n",
     .messages = "c.yaml:1:18: error: database.type: not known, found \"postgresql\", allowed: sqlite, postgres; did "
                 "you mean postgres?"},
    {.text = "database: {type: postgres}\n",
     .messages =
         "c.yaml:1:1: error: database.dsn: not set, allowed: host=... dbname=..., service=..., or postgresql://..."},
    {.text = "database: {type: postgres, dsn: ./data/quantmesh.db}\n",
     .messages = "c.yaml:1:33: error: database.dsn: not an address of PostgreSQL, allowed: host=... dbname=..., "
                 "service=..., or postgresql://..."},
    {.text = "database: {dsn: \"host=db dbname=q password=geheim\"}\n",
     .messages = "c.yaml:1:17: error: database.dsn: an address of PostgreSQL, and database.type is sqlite, allowed: "
                 "the name of a file; set database.type: postgres"},
    {.text = "database: {dsn: [geheim]}\n",
     .messages = "c.yaml:1:17: error: database.dsn: of the wrong kind, found a list, allowed: text"},
    {.text = "database: {dsn: \"geheim\\nx\"}\n",
     .messages = "c.yaml:1:17: error: database.dsn: has a line break in it, allowed: text"},
    {.text = "distributed_lock: {enabled: true, type: etcd}\n",
     .messages = "c.yaml:1:41: error: distributed_lock.type: not supported, found \"etcd\", allowed: nop, redis, "
                 "postgres, database; use postgres, which needs no further server, or redis"},
    {.text = "distributed_lock: {enabled: true, type: mysql}\n",
     .messages = "c.yaml:1:41: error: distributed_lock.type: not supported, found \"mysql\", allowed: nop, redis, "
                 "postgres, database; use postgres, which needs no further server, or redis"},
    {.text = "database: {type: postgres, dsn: dbname=q}\n"
             "distributed_lock: {enabled: true, type: postgres, postgres: {renew: true}}\n",
     .messages = "c.yaml:2:69: error: distributed_lock.postgres.renew: nothing to renew, found \"true\" with mode: "
                 "session, allowed: false; session locks live as long as their connection; for leases set mode: lease"},
    {.text = "distributed_lock: {enabled: true, type: reddis}\n",
     .messages = "c.yaml:1:41: error: distributed_lock.type: not known, found \"reddis\", allowed: nop, redis, "
                 "postgres, database; did you mean redis?"},
    {.text = "distributed_lock: {enabled: true, type: postgres}\n",
     .messages = "c.yaml:1:41: error: distributed_lock.type: locks in a database that is not there, found \"postgres\" "
                 "with database.type: sqlite; set database.type: postgres and database.dsn"},
    {.text = "distributed_lock: {enabled: true, type: nop, also: postgres}\n",
     .messages = "c.yaml:1:52: error: distributed_lock.also: a second lock beside one that is not redis, allowed: "
                 "none; it serves to move from redis to postgres"},
    {.text = "distributed_lock: {enabled: true, also: postgres}\n",
     .messages = "c.yaml:1:41: error: distributed_lock.also: locks in a database that is not there, found \"postgres\" "
                 "with database.type: sqlite; set database.type: postgres and database.dsn"},

    /* Markets. */
    {.whole = "trading: {}\n",
     .messages = "c.yaml:1:1: error: trading.symbols: nothing to trade, allowed: a list with at least one symbol; list "
                 "what this instance trades, or may be given where it says instance.standby: true"},
    {.whole = "web: {}\n",
     .messages = "c.yaml:1:1: error: trading.symbols: nothing to trade, allowed: a list with at least one symbol; list "
                 "what this instance trades, or may be given where it says instance.standby: true"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: 1, buy_window_size: 1, exchange: binanse"),
     .messages = "c.yaml:5:87: error: trading.symbols[0].exchange: not among the exchanges, found \"binanse\", "
                 "allowed: binance"},
    {.whole = MARKET("price_interval: 1, order_quantity: 1, buy_window_size: 1"),
     .messages =
         "c.yaml:5:7: error: trading.symbols[0].symbol: not set, allowed: a symbol of the exchange, such as BTCUSDT"},
    {.whole = MARKET("symbol: X, order_quantity: 1, buy_window_size: 1"),
     .messages = "c.yaml:5:7: error: trading.symbols[0].price_interval: not set, allowed: a number above 0; set it "
                 "here or in trading"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: 0, buy_window_size: 1"),
     .messages = "c.yaml:5:7: error: trading.symbols[0].order_quantity: not set, allowed: a number above 0; set it "
                 "here or in trading"},
    {.whole = MARKET("symbol: X, price_interval: abc, order_quantity: 1, buy_window_size: 1"),
     .messages = "c.yaml:5:35: error: trading.symbols[0].price_interval: not a number, found \"abc\", allowed: a "
                 "number above 0"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: -1, window_size: 1"),
     .messages = "c.yaml:5:54: error: trading.symbols[0].order_quantity: out of range, found \"-1\", allowed: a number "
                 "above 0"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: 1"),
     .messages = "c.yaml:5:7: warning: trading.symbols[0].buy_window_size: not set, allowed: a whole number from 1 to "
                 "10000; no instance can run without it"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: 1, window_size: many"),
     .messages = "c.yaml:5:70: error: trading.symbols[0].window_size: not a number, found \"many\", allowed: a whole "
                 "number from 1 to 10000"},
    {.whole = MARKET(
         "symbol: X, price_interval: 1, order_quantity: 1, window_size: 1, grid_risk_control: {stop_loss_ratio: 10}"),
     .messages = "c.yaml:5:110: error: trading.symbols[0].grid_risk_control.stop_loss_ratio: out of range, found "
                 "\"10\", allowed: a number from 0 to 1"},
    {.whole = MARKET("symbol: X, price_interval: 1, order_quantity: 1, window_size: 1}\n    - {symbol: X, "
                     "price_interval: 1, order_quantity: 1, window_size: 1"),
     .messages = "c.yaml:6:7: error: trading.symbols[1].symbol: a market that is there twice, found it on line 5 "
                 "before; remove one of them"},
    {.whole = MARKET(
         "symbol: X, price_interval: 1, order_quantity: 1, window_size: 1, strategies: [{weight: 0.9}, {weight: 0.2}]"),
     .messages = "c.yaml:5:85: error: trading.symbols[0].strategies: weights add up to more than all there is, "
                 "allowed: at most 1.001\n"
                 "c.yaml:5:73: warning: not used: trading.symbols[].strategies"},
    {.whole = "exchanges: {binance: {api_key: k, secret_key: s}}\ntrading: {symbols: [{symbol: X, price_interval: 1, "
              "order_quantity: 1, window_size: 1}]}\n",
     .messages = "c.yaml:2:21: error: trading.symbols[0].exchange: not set; name it here, or in app.current_exchange"},
    {.whole = "app: {current_exchange: okx}\nexchanges: {binance: {}, gate: {}}\ntrading: {symbols: []}\n",
     .messages =
         "c.yaml:1:25: error: app.current_exchange: not among the exchanges, found \"okx\", allowed: binance, gate"},
    {.whole = "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k}}\ntrading: {symbols: []}\n",
     .messages =
         "c.yaml:2:13: error: exchanges.binance.secret_key: not set; write it here, or as ${NAME} or ${file:/path}"},
    {.whole = "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s, fee_rate: "
              "-0.1}}\ntrading: {symbols: []}\n",
     .messages =
         "c.yaml:2:60: error: exchanges.binance.fee_rate: out of range, found \"-0.1\", allowed: a number from 0 to 1"},
    {.whole = "app: {current_exchange: binance}\nexchanges: {binance: {api_key: k, secret_key: s, market: "
              "margin}}\ntrading: {symbols: []}\n",
     .messages = "c.yaml:2:58: error: exchanges.binance.market: not known, found \"margin\", allowed: futures, spot"},
    {.whole = "app: {current_exchange: binance}\nexchanges: {binance: {api_key: [geheim], secret_key: "
              "\"geheim\\n\"}}\ntrading: {symbols: []}\n",
     .messages = "c.yaml:2:32: error: exchanges.binance.api_key: of the wrong kind, found a list, allowed: text\n"
                 "c.yaml:2:54: error: exchanges.binance.secret_key: has a line break in it, allowed: text"},
    {.whole =
         "trading: {symbol: X, price_interval: 1, order_quantity: 1, buy_window_size: 1}\napp: {current_exchange: b}\n",
     .messages =
         "c.yaml:1:1: warning: exchanges: not there; without api_key and secret_key only paper trading is possible"},

    /* Allocations and risk. */
    {.text = "position_allocation: {enabled: true, allocations: [{max_percentage: 101}]}\n",
     .messages =
         "c.yaml:1:69: error: position_allocation.allocations[0].max_percentage: out of range, found \"101\", allowed: "
         "a number from 0 to 100\n"
         "c.yaml:1:52: error: position_allocation.allocations[0].symbol: not set, allowed: the symbol of a market"},
    {.text = "position_allocation: {enabled: true, allocations: [{symbol: ETHUSDT}]}\n",
     .messages = "c.yaml:1:52: warning: position_allocation.allocations[0].symbol: a limit on a market that is not "
                 "traded here, found \"ETHUSDT\""},
    {.text = "position_allocation: {enabled: true}\n",
     .messages = "c.yaml:1:1: warning: position_allocation: enabled, and limits nothing; list allocations"},
    {.text = "risk_control: {enabled: true, monitor_symbols: [A, B], recovery_threshold: 3}\n",
     .messages = "c.yaml:1:76: warning: risk_control.recovery_threshold: more symbols than are monitored, found 3, "
                 "allowed: at most 2; all of them are asked for"},

    /* References. */
    {.text = "web: {host: \"${MISSING}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: an environment variable that is not set, found \"MISSING\"; set it, or "
                 "write ${NAME:-default}"},
    {.text = "database: {type: postgres, dsn: \"password=${MISSING}\"}\n",
     .messages = "c.yaml:1:33: error: database.dsn: an environment variable that is not set, found \"MISSING\"; set "
                 "it, or write ${NAME:-default}"},
    {.text = "database: {dsn: \"x${A:-\\n}\"}\n",
     .messages = "c.yaml:1:17: error: database.dsn: has a line break in it"},
    {.text = "web: {host: \"${A B}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: a reference that is not understood, found \"${A B}\"; write ${NAME}, "
                 "${NAME:-default} or ${file:/path}; $${ stands for ${ itself"},
    {.text = "web: {host: \"${A\"}\n",
     .messages = "c.yaml:1:13: error: web.host: a ${ without its }, found \"${A\"; write ${NAME}, ${NAME:-default} or "
                 "${file:/path}; $${ stands for ${ itself"},
    {.text = "web: {port: \"${A:-x}\"}\n",
     .messages =
         "c.yaml:1:13: error: web.port: not a number, found \"${A:-x}\", allowed: a whole number from 1 to 65535"},
    {.text = "web: {host: \"${file:/nonexistent/secret}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: a file that does not exist, found \"/nonexistent/secret\""},
    {.text = "web: {host: \"${file:/}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: not a file with a value in it, found \"/\""},
    {.text = "web: {host: \"${file:relative}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: a reference that is not understood, found \"${file:relative}\"; write "
                 "${NAME}, ${NAME:-default} or ${file:/path}; $${ stands for ${ itself"},
    {.text = "web: {host: \"${file:/dev/zero}\"}\n",
     .messages = "c.yaml:1:13: error: web.host: not a file with a value in it, found \"/dev/zero\""},

    /* What is not used only warns. */
    {.text = "notifications: {email: {to: []}}\nai: {enabled: perhaps}\nstorage: 1\nwatchdog: {nobody: knows}\n",
     .messages = "c.yaml:1:29: warning: notifications.email.to: of the wrong kind, found a list, allowed: text\n"
                 "c.yaml:2:15: warning: ai.enabled: of the wrong type, found \"perhaps\", allowed: true or false\n"
                 "c.yaml:3:10: warning: storage: of the wrong kind, found a single value, allowed: a mapping\n"
                 "c.yaml:1:1: warning: not used: notifications, storage, watchdog, ai"},
};

static void
wrong_files_say_what_is_wrong(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
    {
        static const QmConfigOptions options = {0};
        const Wrong *wrong = &wrongs[i];
        char text[4096];
        size_t len = wrong->bytes;
        QmConfig *config;

        if (wrong->whole != NULL && len == 0)
            len = strlen(wrong->whole);
        if (wrong->whole == NULL)
            len = (size_t) snprintf(text, sizeof(text), "%s%s", wrong->text, VALID_REST);
        assert_true(len < sizeof(text));
        if (wrong->whole != NULL)
            memcpy(text, wrong->whole, len);
        config = qm_config_load("c.yaml", text, len, &options);
        assert_non_null(config);
        assert_string_equal(messages_of(config->messages, config->message_count), wrong->messages);
        qm_config_free(config);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_files_say_what_is_wrong),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
