/*
 * The paper exchange's WebSockets, frame by frame: what is asked for, what is heard,
 * and when a connection ends.
 */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "paper_host.h"
#include "paper_params.h"
#include "paper_talk.h"

static QtPaper paper;
static QtTalk talk;

static int
start(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
    qt_paper_start(&paper);
    qt_paper_step(&paper, 2);
    return 0;
}

/* start_short starts an exchange whose patience is short. */
static int
start_short(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
    paper.setup.server.ping_ms = 100;
    paper.setup.server.stream_life_ms = 1000;
    paper.setup.server.queue_max = 2048;
    paper.setup.server.request_max = 1000;
    qt_paper_start(&paper);
    return 0;
}

static int
end(void **state)
{
    (void) state;
    qt_paper_stop(&paper);
    return 0;
}

static void
open_at(const char *path)
{
    qt_talk_open(&talk, qm_paper_server_port(paper.server), path);
}

/* answer says something and returns the answer as compact text, good until the next. */
static const char *
answer(const char *text)
{
    static char said[4096];
    json_t *heard;
    char *dumped;

    qt_talk_say(&talk, text);
    heard = qt_talk_hear(&talk);
    dumped = json_dumps(heard, JSON_COMPACT | JSON_SORT_KEYS);
    snprintf(said, sizeof(said), "%s", dumped == NULL ? "" : dumped);
    free(dumped);
    return said;
}

static void
test_control(void **state)
{
    (void) state;
    open_at("/ws");
    assert_string_equal(answer("{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":1}"),
                        "{\"id\":1,\"result\":null}");
    assert_string_equal(answer("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":\"x\"}"),
                        "{\"id\":\"x\",\"result\":[\"btcusdt@trade\"]}");
    assert_string_equal(answer("{\"method\":\"GET_PROPERTY\",\"params\":[\"combined\"],\"id\":null}"),
                        "{\"id\":null,\"result\":false}");
    assert_string_equal(answer("{\"method\":\"UNSUBSCRIBE\",\"params\":[\"btcusdt@trade\"],\"id\":2}"),
                        "{\"id\":2,\"result\":null}");
    assert_string_equal(answer("{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":3}"), "{\"id\":3,\"result\":[]}");
    qt_talk_close(&talk);
    open_at("/ws/0");
    assert_non_null(strstr(answer("{nonsense"), "\"code\":3"));
    assert_non_null(strstr(answer("{\"id\":7}"), "\"code\":2,\"id\":7"));
    assert_non_null(strstr(answer("{\"method\":\"SUBSCRIBE\",\"params\":[],\"id\":8}"), "\"code\":2"));
    assert_non_null(strstr(answer("{\"method\":\"DANCE\",\"id\":9}"), "\"code\":2"));
    assert_string_equal(answer("{\"method\":\"SET_PROPERTY\",\"params\":[\"combined\",true],\"id\":10}"),
                        "{\"id\":10,\"result\":null}");
    qt_talk_close(&talk);
}

/* More than five messages in a second, a frame that is not masked, a close: each ends the connection with a goodbye. */
static void
test_ends(void **state)
{
    (void) state;
    open_at("/ws");
    qt_talk_say_often(&talk, "{\"method\":\"LIST_SUBSCRIPTIONS\",\"id\":1}", 12);
    while (qt_talk_hear(&talk) != NULL)
        ;
    assert_int_equal(talk.last, QM_WS_CLOSE);
    qt_talk_close(&talk);
    open_at("/ws");
    assert_int_equal(send(talk.fd, "\x81\x02{}", 4, 0), 4);
    assert_null(qt_talk_hear(&talk));
    qt_talk_close(&talk);
    open_at("/stream");
    qt_talk_frame(&talk, QM_WS_OP_PING, "hello");
    assert_int_equal(qt_talk_kind(&talk), QM_WS_PONG);
    qt_talk_frame(&talk, QM_WS_OP_CLOSE, "");
    assert_null(qt_talk_hear(&talk));
    qt_talk_close(&talk);
}

/* wait_for hears until an event of a kind comes, or its data in a combined stream. */
static json_t *
wait_for(const char *kind)
{
    json_t *heard;

    while ((heard = qt_talk_hear(&talk)) != NULL)
    {
        json_t *data = json_object_get(heard, "data");

        data = data == NULL ? json_object_get(heard, "event") : data;
        data = data == NULL ? heard : data;
        if (strcmp(qt_paper_text(data, "e"), kind) == 0)
            return data;
    }
    qt_fail("%s was not heard", kind);
}

static void
test_market_streams(void **state)
{
    json_t *event;

    (void) state;
    open_at("/ws/btcusdt@trade");
    qt_paper_step(&paper, 1);
    event = wait_for("trade");
    assert_string_equal(qt_paper_text(event, "s"), "BTCUSDT");
    assert_null(json_object_get(talk.heard, "stream"));
    qt_talk_close(&talk);
    open_at(
        "/stream?streams=btcusdt@kline_1m/ethusdt@bookTicker/btcusdt@miniTicker/ethusdt@depth5@100ms/!miniTicker@arr");
    qt_paper_step(&paper, 5);
    event = wait_for("kline");
    assert_string_equal(qt_paper_text(talk.heard, "stream"), "btcusdt@kline_1m");
    assert_string_equal(qt_paper_text(json_object_get(event, "k"), "i"), "1m");
    while (!json_is_true(json_object_get(json_object_get(event, "k"), "x")))
        event = wait_for("kline");
    event = wait_for("24hrMiniTicker");
    assert_string_equal(qt_paper_text(event, "s"), "BTCUSDT");
    while (strcmp(qt_paper_text(qt_talk_hear(&talk), "stream"), "ethusdt@depth5@100ms") != 0)
        ;
    assert_int_equal(json_array_size(json_object_get(json_object_get(talk.heard, "data"), "bids")), 5);
    qt_talk_close(&talk);
}

/* The book's changes: each begins where the one before has ended. */
static void
test_depth(void **state)
{
    json_int_t last;
    json_t *event;

    (void) state;
    open_at("/ws/btcusdt@depth@100ms/btcusdt@miniTicker");
    wait_for("24hrMiniTicker"); /* by then the stream has begun */
    qt_paper_step(&paper, 1);
    event = wait_for("depthUpdate");
    last = qt_paper_whole(event, "u");
    for (int i = 0; i < 3; i++)
    {
        qt_paper_step(&paper, 1);
        event = wait_for("depthUpdate");
        assert_int_equal(qt_paper_whole(event, "U"), last + 1);
        last = qt_paper_whole(event, "u");
    }
    qt_paper_ask(&paper, "GET", "/api/v3/depth", "symbol=BTCUSDT&limit=5", false);
    assert_int_equal(qt_paper_whole(paper.answer, "lastUpdateId"), last);
    qt_talk_close(&talk);
}

/* The older way to an account's events, and how a listen key ends. */
static void
test_listen_key(void **state)
{
    char key[128];
    char path[256];
    json_t *event;

    (void) state;
    qt_paper_ask(&paper, "POST", "/api/v3/userDataStream", "", false);
    snprintf(key, sizeof(key), "%s", qt_paper_text(paper.answer, "listenKey"));
    assert_int_equal(strlen(key), 60);
    qt_paper_ask(&paper, "POST", "/api/v3/userDataStream", "", false);
    assert_string_equal(qt_paper_text(paper.answer, "listenKey"), key);
    snprintf(path, sizeof(path), "/ws/%s", key);
    open_at(path);
    qt_paper_ask(&paper,
                 "POST",
                 "/api/v3/order",
                 "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000&newClientOrderId=k1",
                 true);
    assert_int_equal(paper.status, 200);
    event = wait_for("executionReport");
    assert_string_equal(qt_paper_text(event, "c"), "k1");
    assert_string_equal(qt_paper_text(event, "x"), "NEW");
    assert_null(json_object_get(talk.heard, "subscriptionId"));
    event = wait_for("outboundAccountPosition");
    snprintf(path, sizeof(path), "listenKey=%s", key);
    qt_paper_ask(&paper, "PUT", "/api/v3/userDataStream", path, false);
    assert_int_equal(paper.status, 200);
    qt_paper_admin(&paper, "POST", "fault", "{\"kind\": \"expire_keys\", \"account\": \"main\"}");
    assert_int_equal(paper.status, 200);
    event = wait_for("listenKeyExpired");
    assert_string_equal(qt_paper_text(event, "listenKey"), key);
    qt_paper_ask(&paper, "DELETE", "/api/v3/userDataStream", path, false);
    qt_paper_refused(&paper, 400, -1125, "This listenKey does not exist.");
    qt_talk_close(&talk);
}

/* request writes a signed request of the WebSocket API; params are sorted, between apiKey and timestamp; type comes behind that. */
static const char *
request(const char *method, const char *params, bool encode)
{
    static char text[2048];
    char signed_text[1024];
    char json[1024] = "";
    char copy[512];
    char signature[65];
    char *rest = copy;
    char *pair;

    snprintf(copy,
             sizeof(copy),
             "apiKey=" QT_PAPER_KEY "%s%s&timestamp=%lld%s",
             params[0] == '\0' ? "" : "&",
             params,
             (long long) qt_paper_now_ms(),
             strcmp(method, "order.place") == 0 ? "&type=LIMIT" : "");
    signed_text[0] = '\0';
    while ((pair = strsep(&rest, "&")) != NULL)
    {
        char *value = strchr(pair, '=');
        char *encoded;

        *value++ = '\0';
        encoded = qm_paper_encode(value);
        sprintf(signed_text + strlen(signed_text),
                "%s%s=%s",
                signed_text[0] == '\0' ? "" : "&",
                pair,
                encode ? encoded : value);
        free(encoded);
        sprintf(json + strlen(json), "\"%s\":\"%s\",", pair, value);
    }
    assert_true(qt_paper_signature(signed_text, signature));
    snprintf(text,
             sizeof(text),
             "{\"id\":\"%s\",\"method\":\"%s\",\"params\":{%s\"signature\":\"%s\"}}",
             method,
             method,
             json,
             signature);
    return text;
}

/* number_request writes a signed order whose price and quantity are numbers. */
static const char *
number_request(void)
{
    static char text[1024];
    char signed_text[512];
    char signature[65];
    long long now_ms = (long long) qt_paper_now_ms();

    snprintf(signed_text,
             sizeof(signed_text),
             "apiKey=" QT_PAPER_KEY
             "&price=20000.10&quantity=0.0100&side=BUY&symbol=BTCUSDT&timeInForce=GTC&timestamp=%lld&type=LIMIT",
             now_ms);
    assert_true(qt_paper_signature(signed_text, signature));
    snprintf(text,
             sizeof(text),
             "{\"id\":5,\"method\":\"order.place\",\"params\":{\"apiKey\":\"" QT_PAPER_KEY
             "\",\"price\":20000.10,\"quantity\":0.0100,\"side\":\"BUY\",\"symbol\":\"BTCUSDT\",\"timeInForce\":"
             "\"GTC\","
             "\"timestamp\":%lld,\"type\":\"LIMIT\",\"signature\":\"%s\"}}",
             now_ms,
             signature);
    return text;
}

/* reply sends a request and hears until its reply comes. */
static json_t *
reply(const char *text)
{
    json_t *heard;

    qt_talk_say(&talk, text);
    do
        heard = qt_talk_hear(&talk);
    while (heard != NULL && json_object_get(heard, "status") == NULL);
    return heard;
}

static void
test_api(void **state)
{
    json_t *heard;

    (void) state;
    open_at("/ws-api/v3");
    heard = reply("{\"id\":1,\"method\":\"v3/ping\"}");
    assert_int_equal(qt_paper_whole(heard, "status"), 200);
    assert_int_equal(qt_paper_whole(heard, "id"), 1);
    assert_int_equal(json_array_size(json_object_get(heard, "rateLimits")), 1);
    heard = reply("{\"id\":null,\"method\":\"dance\"}");
    assert_int_equal(qt_paper_whole(heard, "status"), 400);
    heard = reply("nonsense");
    assert_int_equal(qt_paper_whole(heard, "status"), 400);
    heard = reply("{\"id\":\"a\",\"method\":\"session.logon\",\"params\":{}}");
    assert_int_equal(qt_paper_whole(json_object_get(heard, "error"), "code"), -4056);
    heard = reply("{\"id\":\"a\",\"method\":\"account.status\",\"params\":{\"apiKey\":\"nobody\",\"timestamp\":1,"
                  "\"signature\":\"00\"}}");
    assert_int_equal(qt_paper_whole(heard, "status"), 401);
    heard = reply("{\"id\":\"a\",\"method\":\"account.status\",\"params\":{\"apiKey\":\"" QT_PAPER_KEY
                  "\",\"timestamp\":1,\"signature\":\"00\"}}");
    assert_int_equal(qt_paper_whole(json_object_get(heard, "error"), "code"), -1022);
    /* Both spellings of what is signed: as it is, and percent-encoded. */
    for (int encode = 0; encode < 2; encode++)
    {
        heard =
            reply(request("order.place",
                          "newClientOrderId=a:b&price=20000.10&quantity=0.01&side=BUY&symbol=BTCUSDT&timeInForce=GTC",
                          encode == 1));
        assert_int_equal(qt_paper_whole(heard, "status"), 200);
        assert_int_equal(json_array_size(json_object_get(heard, "rateLimits")), 3);
        heard = reply(request("order.cancel", "origClientOrderId=a:b&symbol=BTCUSDT", encode == 1));
        assert_string_equal(qt_paper_text(json_object_get(heard, "result"), "status"), "CANCELED");
    }
    /* A number is signed by its text, which need not be the shortest. */
    heard = reply(number_request());
    assert_int_equal(qt_paper_whole(heard, "status"), 200);
    heard = reply(request("openOrders.status", "symbol=BTCUSDT", false));
    assert_int_equal(json_array_size(json_object_get(heard, "result")), 1);
    qt_talk_close(&talk);
}

/* Subscriptions to an account: once for each connection, and ended by name. */
static void
test_subscription(void **state)
{
    json_t *heard;

    (void) state;
    open_at("/ws-api/v3");
    heard = reply(request("userDataStream.subscribe.signature", "", false));
    assert_int_equal(qt_paper_whole(json_object_get(heard, "result"), "subscriptionId"), 0);
    heard = reply(request("userDataStream.subscribe.signature", "", false));
    assert_int_equal(qt_paper_whole(json_object_get(heard, "error"), "code"), -2035);
    qt_paper_admin(&paper, "POST", "balance?account=main&asset=USDT&amount=5", NULL);
    wait_for("balanceUpdate");
    assert_int_equal(qt_paper_whole(talk.heard, "subscriptionId"), 0);
    qt_paper_admin(&paper, "POST", "balance?account=other&asset=USDT&amount=5", NULL);
    heard = reply("{\"id\":1,\"method\":\"session.subscriptions\"}");
    assert_int_equal(json_array_size(json_object_get(heard, "result")), 1);
    heard = reply("{\"id\":1,\"method\":\"userDataStream.unsubscribe\",\"params\":{\"subscriptionId\":0}}");
    assert_int_equal(qt_paper_whole(heard, "status"), 200);
    heard = reply("{\"id\":1,\"method\":\"userDataStream.unsubscribe\"}");
    assert_int_equal(qt_paper_whole(json_object_get(heard, "error"), "code"), -2036);
    qt_talk_close(&talk);
}

/* A client that answers no ping is cut, and one that has been there too long is told so first. */
static void
test_patience(void **state)
{
    json_t *heard;
    json_t *farewell = NULL;
    char text[1100] = "";
    int pings = 0;

    (void) state;
    open_at("/ws");
    while (qt_talk_kind(&talk) == QM_WS_PING)
        pings++;
    assert_in_range(pings, 1, 4);
    assert_int_equal(talk.last, QM_WS_CLOSE);
    qt_talk_close(&talk);
    open_at("/ws");
    for (;;)
    {
        QmWsKind kind = qt_talk_kind(&talk);

        if (kind == QM_WS_PING)
            qt_talk_frame(&talk, QM_WS_OP_PONG, "");
        else if (kind != QM_WS_TEXT)
            break;
        else
            farewell = json_incref(talk.heard);
    }
    assert_string_equal(qt_paper_text(farewell, "e"), "serverShutdown");
    json_decref(farewell);
    qt_talk_close(&talk);
    /* A message that is too long, and an answer that is more than may wait. */
    open_at("/ws-api/v3");
    memset(text, ' ', sizeof(text) - 1);
    qt_talk_say(&talk, text);
    assert_null(qt_talk_hear(&talk));
    qt_talk_close(&talk);
    open_at("/ws-api/v3");
    heard = reply("{\"id\":1,\"method\":\"exchangeInfo\"}");
    assert_null(heard);
    qt_talk_close(&talk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_control, start, end),
        cmocka_unit_test_setup_teardown(test_ends, start, end),
        cmocka_unit_test_setup_teardown(test_market_streams, start, end),
        cmocka_unit_test_setup_teardown(test_depth, start, end),
        cmocka_unit_test_setup_teardown(test_listen_key, start, end),
        cmocka_unit_test_setup_teardown(test_api, start, end),
        cmocka_unit_test_setup_teardown(test_subscription, start, end),
        cmocka_unit_test_setup_teardown(test_patience, start_short, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
