/*
 * What the files of the Binance adapter share. One thread uses an exchange, so
 * nothing here is locked.
 */
#ifndef QM_BINANCE_INSIDE_H
#define QM_BINANCE_INSIDE_H

#include <curl/curl.h>

#include "binance.h"
#include "binance_answer.h"
#include "binance_error.h"
#include "binance_query.h"

typedef struct QmBinance QmBinance;
typedef struct QmTransfer QmTransfer;
typedef struct QmRequest QmRequest;
typedef struct QmSocket QmSocket;
typedef struct QmStreams QmStreams;

/* What a handle of libcurl belongs to: the first member of a request and of a socket. */
struct QmTransfer
{
    void (*finished)(QmTransfer *transfer, CURLcode result);
};

/* What is asked for where, and what it costs. */
typedef struct QmEndpoint
{
    const char *method;
    const char *path;
    QmRequestKind kind;
    QmBodyKind body;
    int need[QM_BUDGET_KINDS];
    bool signs;
} QmEndpoint;

/* A call, from when it is made until it is answered. */
struct QmRequest
{
    QmTransfer transfer;
    QmRequest *next;
    QmBinance *binance;
    const QmEndpoint *endpoint;
    QmQuery parameters;       /* without timestamp and signature */
    char client_order_id[64]; /* that the answer must be about; empty: any */
    QmExchangeDone done;      /* NULL: the adapter's own measuring of the clock */
    void *argument;
    int64_t stamped_us; /* 0: when it leaves */
    int64_t late_us;    /* send_before by the wall clock and, in case that is set back, by one that only grows */
    int64_t late_ns;
    int64_t begun_us; /* when it was handed to libcurl, for the clock */
    int64_t sent_us;
    int64_t not_before_ns; /* the budget is not asked again earlier */
    bool reserved;         /* the budget has been charged */
    bool retried;
    bool late;
    bool too_long;
    bool repeats; /* libcurl wanted to send it a second time */
    int64_t retry_after_ms;
    CURL *easy;
    struct curl_slist *headers;
    char *body;
    size_t body_length;
    size_t body_size;
    char failure[CURL_ERROR_SIZE];
};

typedef struct QmRequestList
{
    QmRequest *first;
    QmRequest **end;
} QmRequestList;

struct QmBinance
{
    QmExchange base;
    QmBinanceOptions options; /* texts are owned */
    QmError error;
    QmBudget *budget;
    bool budget_owned;
    CURLM *multi;
    int epoll_fd;
    int timer_fd;
    int64_t curl_due_ns; /* INT64_MAX: libcurl waits for nothing */
    QmRequestList queue;
    QmRequestList flying;
    size_t queued;
    size_t in_flight;
    bool closing;
    bool clock_known;     /* offset_us was measured, or could not be; until then nothing that is signed leaves */
    bool clock_asked;     /* the answer is under way */
    int64_t clock_due_ns; /* when it is measured again; INT64_MAX: while the answer is under way, and without a key */
    int64_t offset_us;    /* the exchange's clock minus ours */
    QmStreams *streams;
};

/* binance_loop.c */
extern int64_t qm_wall_us(void);
extern int64_t qm_grown_ns(void);
extern void qm_binance_rearm(QmBinance *binance);
extern bool qm_binance_watch(QmBinance *binance, int fd, uint32_t events);
extern void qm_binance_unwatch(QmBinance *binance, int fd);
extern void qm_binance_common(QmBinance *binance, CURL *easy, QmTransfer *transfer, char *failure);
extern void qm_binance_tell(QmBinance *binance, const QmExchangeEvent *event);
extern void qm_binance_scrub(const QmBinance *binance, char *text, size_t size);
extern void qm_binance_notice(QmBinance *binance, const char *format, ...) __attribute__((format(printf, 2, 3)));

extern void qm_binance_run(QmExchange *exchange);
extern int qm_loop_socket(CURL *easy, curl_socket_t fd, int what, void *argument, void *socket_argument);
extern int qm_loop_timer(CURLM *multi, long timeout_ms, void *argument);

/* binance.c */
extern void qm_binance_close(QmExchange *exchange);

/* binance_streams.c */
extern bool qm_streams_make(QmBinance *binance);
extern void qm_streams_close(QmBinance *binance);
extern bool qm_streams_serve(QmBinance *binance, int fd, uint32_t ready);
extern void qm_streams_advance(QmBinance *binance);
extern int64_t qm_streams_due_ns(const QmBinance *binance);
extern QmCode qm_streams_watch_account(QmExchange *exchange);
extern void qm_streams_drain(QmExchange *exchange);
extern QmCode qm_streams_watch_market(QmExchange *exchange, const char *symbol, bool trades, bool book,
                                      const char *interval);

/* binance_rest.c */
extern QmRequest *qm_request_new(QmBinance *binance, const QmEndpoint *endpoint, QmExchangeDone done, void *argument);
extern QmCode qm_request_queue(QmRequest *request);
extern void qm_request_again(QmRequest *request);
extern void qm_request_drop_transfer(QmRequest *request);
extern void qm_requests_advance(QmBinance *binance);
extern int64_t qm_requests_due_ns(QmBinance *binance);
extern void qm_requests_close(QmBinance *binance);
extern void qm_list_append(QmRequestList *list, QmRequest *request);
extern void qm_list_prepend(QmRequestList *list, QmRequest *request);
extern void qm_list_remove(QmRequestList *list, QmRequest *request);

/* binance_reply.c */
extern void qm_reply_finished(QmTransfer *transfer, CURLcode result);
extern size_t qm_reply_body(char *data, size_t size, size_t count, void *argument);
extern size_t qm_reply_header(char *data, size_t size, size_t count, void *argument);
extern void qm_reply_give(QmRequest *request, QmExchangeAnswer *answer);
extern void qm_reply_not_sent(QmRequest *request, QmExchangeCause cause, const char *message, int64_t retry_after_ms);

/* binance_calls.c */
extern const QmExchangeFunctions qm_binance_functions;
extern bool qm_binance_is_symbol(const char *symbol);
extern void qm_binance_measure_clock(QmBinance *binance);

#endif
