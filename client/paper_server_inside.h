/*
 * The paper exchange's server from the inside: what its files share. All of it
 * belongs to the thread that runs the loop.
 *
 * A call is one request, however it came. It passes three points: it is checked
 * (limits, key, signature, timestamp), it meets the world, and its reply leaves.
 * Faults may hold it up between them. Replies and events leave at the end of the
 * turn, after the world has made safe what they tell of.
 */
#ifndef QM_PAPER_SERVER_INSIDE_H
#define QM_PAPER_SERVER_INSIDE_H

#include <jansson.h>

#include "paper_loop.h"
#include "paper_params.h"
#include "paper_server.h"
#include "paper_world.h"
#include "websocket.h"

#define QM_PAPER_API_PATH "/ws-api/v3"
#define QM_PAPER_PEERS_MAX 64
#define QM_PAPER_PEER_SIZE 64
#define QM_PAPER_LISTEN_KEYS_MAX 64
#define QM_PAPER_LISTEN_KEY_SIZE 61
#define QM_PAPER_WS_ID_MAX 36

typedef struct QmPaperCall QmPaperCall;
typedef struct QmPaperSocket QmPaperSocket;
typedef struct QmPaperHttp QmPaperHttp;

/* ------------------------------------------------------------------- calls */

typedef enum QmPaperSecurity
{
    QM_PAPER_OPEN,   /* anybody */
    QM_PAPER_KEYED,  /* whoever has a key */
    QM_PAPER_SIGNED, /* and signs with its secret */
} QmPaperSecurity;

typedef struct QmPaperMethod
{
    const char *verb; /* of HTTP; NULL: not there */
    const char *path;
    const char *name; /* of the WebSocket API; NULL: not there */
    int weight;
    QmPaperSecurity security;
    QmPaperEndpoint endpoint; /* as faults call it */
    bool counts_order;
    void (*run)(QmPaperCall *call);
} QmPaperMethod;

struct QmPaperCall
{
    struct QmPaperServer *server;
    const QmPaperMethod *method;
    QmPaperParams params;
    const char *peer;      /* its address: its transport's memory */
    const char *api_key;   /* NULL: none was given */
    const char *text;      /* of the body, for the admin port */
    bool is_signed;        /* by its transport's rules, which alone has the bytes; of use when the account is known */
    int account;           /* -1: not known */
    int symbol;            /* -1: none or all; see qm_paper_call_symbol */
    QmPaperSocket *socket; /* that it came by; NULL: HTTP, or the socket has gone */

    int status; /* of the reply */
    int file;   /* that is the reply; 0: body is */
    json_t *body;
    int code; /* not 0: an error, with its message */
    int retry_after_s;
    int64_t used_weight;
    QmPaperMishap mishap;
    bool is_met;              /* the world has been asked */
    struct QmPaperBond *bond; /* of the admin port's connection */
    bool is_waiting;          /* of the admin port: it will be answered later */

    bool (*verify)(QmPaperCall *call, const char *secret, const char *signature);
    void (*reply)(QmPaperCall *call); /* once, from the end of a turn */
    QmPaperTimer timer;
    QmPaperCall *next;                 /* of those that reply at the end of the turn */
    QmPaperCall *next_held, **held_by; /* of those that a fault holds up */
};

/* ------------------------------------------------------------------ limits */

typedef struct QmPaperPeer
{
    char address[QM_PAPER_PEER_SIZE];
    int64_t minute;
    int64_t weight;
    int64_t refused; /* in a row, while too heavy */
    int64_t banned_until_ms;
} QmPaperPeer;

typedef struct QmPaperOrderCount
{
    int64_t span; /* number of the ten seconds, or of the day */
    int64_t count;
} QmPaperOrderCount;

/* ----------------------------------------------------------------- sockets */

typedef enum QmPaperStream
{
    QM_PAPER_STREAM_TRADE,
    QM_PAPER_STREAM_AGG_TRADE,
    QM_PAPER_STREAM_BOOK_TICKER,
    QM_PAPER_STREAM_DEPTH,
    QM_PAPER_STREAM_DEPTH_TOP, /* argument: levels */
    QM_PAPER_STREAM_KLINE,     /* argument: interval */
    QM_PAPER_STREAM_MINI_TICKER,
    QM_PAPER_STREAM_TICKER,
    QM_PAPER_STREAM_MINI_TICKERS, /* of all symbols */
    QM_PAPER_STREAM_USER,         /* argument: account; by a listen key */
    QM_PAPER_STREAM_OTHER         /* a name that is nothing's: taken, and silent */
} QmPaperStream;

typedef struct QmPaperSubscription
{
    QmPaperStream stream;
    int symbol;
    int argument;
    char *name;
} QmPaperSubscription;

struct QmPaperSocket
{
    struct QmPaperServer *server;
    QmPaperWatch watch;
    QmPaperWatch secure; /* with TLS, the connection behind the library; else its fd is -1 */
    void *upgrade;
    char peer[QM_PAPER_PEER_SIZE];
    bool is_api;
    bool is_combined;
    bool is_closing; /* when what waits has been sent */
    bool is_dead;    /* freed at the end of the turn */
    bool is_silent;  /* by a fault: neither hears nor says anything */
    QmWsReader reader;
    char *out;
    size_t out_start;
    size_t out_length;
    size_t out_size;
    QmPaperTimer timer; /* the next ping, or the end of its life */
    int64_t opened_ns;
    int64_t heard_ns;
    int64_t second; /* that messages are counted in */
    int messages;
    QmPaperSubscription *subscriptions;
    size_t subscription_count;
    int user_account[QM_PAPER_ACCOUNTS_MAX]; /* by subscriptionId; -1: none */
    QmPaperSocket *next;
};

typedef struct QmPaperListenKey
{
    char key[QM_PAPER_LISTEN_KEY_SIZE]; /* empty: free */
    int account;
    int64_t expires_ns;
} QmPaperListenKey;

/* An event of an account that a fault keeps back. */
typedef struct QmPaperLate QmPaperLate;
struct QmPaperLate
{
    QmPaperTimer timer;
    struct QmPaperServer *server;
    int account;
    json_t *event;
    QmPaperLate *next;
};

/* What a depth stream has told last. */
typedef struct QmPaperBook
{
    QmPaperLevel *bids, *asks;
    int bid_count, ask_count;
    int64_t update_id;
} QmPaperBook;

/* Which follower speaks by a connection of the admin port. */
typedef struct QmPaperBond
{
    struct QmPaperServer *server;
    QmPaperWatch watch; /* while there is a name */
    char name[QM_PAPER_NAME_SIZE];
    bool is_dead; /* freed at the end of the turn */
    struct QmPaperBond *next;
} QmPaperBond;

/* A follower whose next step has not come. */
typedef struct QmPaperAsked
{
    char name[QM_PAPER_NAME_SIZE];
    QmPaperCall *call; /* NULL: it asks for nothing */
    int64_t seen_step;
} QmPaperAsked;

struct QmPaperServer
{
    QmPaperWorld *world;
    QmPaperServerOptions options;
    QmPaperLoop loop;
    QmPaperHttp *exchange;
    QmPaperHttp *admin;
    QmPaperSocket *sockets;
    QmPaperCall *replies, **replies_end; /* at the end of this turn */
    QmPaperCall *held;
    QmPaperPeer peers[QM_PAPER_PEERS_MAX];
    QmPaperOrderCount orders_10s[QM_PAPER_ACCOUNTS_MAX];
    QmPaperOrderCount orders_day[QM_PAPER_ACCOUNTS_MAX];
    QmPaperListenKey listen_keys[QM_PAPER_LISTEN_KEYS_MAX];
    int64_t opened_ms; /* on the wire's clock */
    QmPaperBook books[QM_PAPER_SYMBOLS_MAX];
    QmPaperTimer book_timer;
    QmPaperTimer ticker_timer;
    bool moved[QM_PAPER_ACCOUNTS_MAX][2 * QM_PAPER_SYMBOLS_MAX]; /* balances that are still to be told */
    bool has_moved[QM_PAPER_ACCOUNTS_MAX];
    json_t *behind[QM_PAPER_ACCOUNTS_MAX]; /* event that a fault puts behind the next */
    QmPaperLate *late;
    json_t *fills; /* of the order that is being placed */
    QmPaperBond *bonds;
    QmPaperAsked asked[QM_PAPER_FOLLOWERS_MAX];
    bool has_undrained_step; /* a step is done, but not yet where its followers will read of it */
    bool has_output;         /* frames have been queued since the sockets were flushed */
    QmPaperTimer stop_timer;
    QmCode failure;
    QmError error;
};

/* paper_call.c */
extern void qm_paper_call_begin(QmPaperCall *call);
extern void qm_paper_call_answer(QmPaperCall *call);
extern void qm_paper_call_clear(QmPaperCall *call);
extern void qm_paper_call_error(QmPaperCall *call, int status, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
extern bool qm_paper_call_refused(QmPaperCall *call, QmPaperRefusal refusal);
extern void qm_paper_call_body(QmPaperCall *call, json_t *body);
extern void qm_paper_calls_reply(QmPaperServer *server);
extern void qm_paper_calls_orphan(QmPaperServer *server, const QmPaperSocket *socket);
extern void qm_paper_calls_drop(QmPaperServer *server);

/* paper_argument.c */
extern const char *qm_paper_argument(QmPaperCall *call, const char *name);
extern const char *qm_paper_need(QmPaperCall *call, const char *name);
extern bool qm_paper_need_symbol(QmPaperCall *call);
extern bool qm_paper_whole(QmPaperCall *call, const char *name, int64_t otherwise, int64_t *value);
extern bool qm_paper_decimal(QmPaperCall *call, const char *name, QmPaperDecimal *value);
extern int qm_paper_word(QmPaperCall *call, const char *name, const char *const *words, int code, const char *message);

/* paper_limits.c */
extern bool qm_paper_weigh(QmPaperCall *call, int weight);
extern bool qm_paper_count_order(QmPaperCall *call);
extern int64_t qm_paper_orders_counted(const QmPaperServer *server, int account, bool of_day);

/* paper_times.c */
extern int64_t qm_paper_wire_ms(const QmPaperServer *server);
extern int64_t qm_paper_dated_ms(const QmPaperServer *server, int64_t wire_ms);

/* paper_methods.c */
extern const QmPaperMethod *qm_paper_method_by_path(const char *verb, const char *path, bool *path_known);
extern const QmPaperMethod *qm_paper_method_by_name(const char *name);

/* paper_rest_public.c, paper_rest_candles.c */
extern void qm_paper_ping(QmPaperCall *call);
extern void qm_paper_time(QmPaperCall *call);
extern void qm_paper_exchange_info(QmPaperCall *call);
extern void qm_paper_depth(QmPaperCall *call);
extern void qm_paper_trades(QmPaperCall *call);
extern void qm_paper_agg_trades(QmPaperCall *call);
extern void qm_paper_klines(QmPaperCall *call);
extern void qm_paper_avg_price(QmPaperCall *call);
extern void qm_paper_ticker_day(QmPaperCall *call);
extern void qm_paper_ticker_price(QmPaperCall *call);
extern void qm_paper_ticker_book(QmPaperCall *call);
extern void qm_paper_nothing(QmPaperCall *call);

/* paper_rest_orders.c, paper_rest_replace.c */
extern void qm_paper_order_place(QmPaperCall *call);
extern void qm_paper_order_test(QmPaperCall *call);
extern void qm_paper_order_cancel(QmPaperCall *call);
extern void qm_paper_orders_cancel(QmPaperCall *call);
extern void qm_paper_order_replace(QmPaperCall *call);

/* paper_rest_account.c, paper_session.c */
extern void qm_paper_order_query(QmPaperCall *call);
extern void qm_paper_open_orders(QmPaperCall *call);
extern void qm_paper_all_orders(QmPaperCall *call);
extern void qm_paper_my_trades(QmPaperCall *call);
extern void qm_paper_account(QmPaperCall *call);
extern void qm_paper_commission(QmPaperCall *call);
extern void qm_paper_order_limits(QmPaperCall *call);
extern void qm_paper_listen_key_new(QmPaperCall *call);
extern void qm_paper_listen_key_keep(QmPaperCall *call);
extern void qm_paper_listen_key_end(QmPaperCall *call);
extern void qm_paper_session(QmPaperCall *call);
extern void qm_paper_user_subscribe(QmPaperCall *call);
extern void qm_paper_user_unsubscribe(QmPaperCall *call);
extern void qm_paper_user_subscriptions(QmPaperCall *call);

/* paper_json.c */
extern json_t *qm_paper_json_decimal(QmPaperDecimal value);
extern json_t *qm_paper_json_levels(const QmPaperLevel *levels, int count);
extern json_t *qm_paper_json_order(const QmPaperServer *server, int symbol, const QmPaperOrder *order);
extern json_t *qm_paper_json_limits(const QmPaperServer *server, const QmPaperCall *call);
extern const char *qm_paper_status_name(QmPaperStatus status);
extern const char *qm_paper_type_name(QmPaperType type);
extern const char *qm_paper_force_name(QmPaperForce force);
extern const char *qm_paper_stp_name(QmPaperStp stp);
extern const char *qm_paper_expiry_name(QmPaperExpiry expiry);

/* paper_user.c */
extern void qm_paper_listen_keys_expire(QmPaperServer *server, int account);
extern int qm_paper_listen_key_account(QmPaperServer *server, const char *key);
extern void qm_paper_user_watch(QmPaperServer *server);
extern void qm_paper_user_flush(QmPaperServer *server);
extern void qm_paper_user_terminate(QmPaperServer *server, int account);
extern void qm_paper_user_close(QmPaperServer *server);

/* paper_socket.c: a WebSocket as bytes */
extern bool qm_paper_socket_open(QmPaperServer *server, int fd, int secure_fd, void *upgrade, const char *peer,
                                 const char *url, const char *early, size_t early_length);
extern void qm_paper_socket_send(QmPaperSocket *socket, const json_t *message);
extern void qm_paper_socket_text(QmPaperSocket *socket, const char *text, size_t length);
extern void qm_paper_socket_close(QmPaperSocket *socket, int code);
extern void qm_paper_socket_cut(QmPaperSocket *socket);
extern void qm_paper_socket_silence(QmPaperSocket *socket);
extern void qm_paper_sockets_flush(QmPaperServer *server);
extern bool qm_paper_sockets_stuck(const QmPaperServer *server);
extern bool qm_paper_sockets_drained(const QmPaperServer *server);
extern void qm_paper_sockets_close(QmPaperServer *server);

/* paper_streams.c, paper_market_streams.c */
extern bool qm_paper_stream_path(QmPaperSocket *socket, const char *url);
extern void qm_paper_stream_message(QmPaperSocket *socket, const char *text);
extern void qm_paper_streams_forget(QmPaperSocket *socket);
extern bool qm_paper_stream_wanted(const QmPaperServer *server, QmPaperStream stream, int symbol, int argument);
extern void qm_paper_stream_tell(QmPaperServer *server, QmPaperStream stream, int symbol, int argument, json_t *event);
extern void qm_paper_streams_begin(QmPaperServer *server);
extern void qm_paper_streams_end(QmPaperServer *server);
extern void qm_paper_tell_trade(QmPaperServer *server, int symbol, const QmPaperTrade *trade);
extern void qm_paper_tell_candle(QmPaperServer *server, int symbol, QmPaperInterval interval,
                                 const QmPaperCandle *candle);
extern void qm_paper_tell_best(QmPaperServer *server, int symbol, const QmPaperBest *best);

/* paper_wsapi.c */
extern void qm_paper_api_message(QmPaperSocket *socket, const char *text);

/* paper_http.c */
extern QmPaperHttp *qm_paper_http_open(QmPaperServer *server, bool is_admin, QmError *error);
extern void qm_paper_http_close(QmPaperHttp *http);
extern int qm_paper_http_port(const QmPaperHttp *http);
extern int64_t qm_paper_http_wait_ms(QmPaperHttp *http);
extern void qm_paper_http_turn(QmPaperHttp *http);
extern void qm_paper_http_upgrade_end(void *upgrade);

/* paper_follow.c */
extern QmPaperBond *qm_paper_bond_new(QmPaperServer *server, int fd);
extern void qm_paper_bond_end(QmPaperBond *bond);
extern void qm_paper_bonds_sweep(QmPaperServer *server);
extern void qm_paper_admin_follow(QmPaperCall *call);
extern void qm_paper_admin_step(QmPaperCall *call);
extern void qm_paper_admin_leave(QmPaperCall *call);
extern void qm_paper_admin_steps(QmPaperServer *server);
extern void qm_paper_follow_close(QmPaperServer *server);

/* paper_admin.c */
extern const QmPaperMethod *qm_paper_admin_method(const char *verb, const char *path);
extern void qm_paper_admin_state(QmPaperCall *call);
extern void qm_paper_admin_fault(QmPaperServer *server, const QmPaperFault *fault);

#endif
