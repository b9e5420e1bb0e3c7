/*
 * The paper exchange's limits and its operator's side: weights and orders counted,
 * followers that a step waits for, connections that fall silent.
 */
#include "check.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "paper_host.h"
#include "paper_talk.h"

#define ORDER "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=20000"

static QtPaper paper;

static int
start_limited(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
    paper.setup.server.weight_max = 50;
    paper.setup.server.orders_10s_max = 3;
    paper.setup.server.orders_day_max = 5;
    qt_paper_start(&paper);
    return 0;
}

static int
start_two(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
    paper.setup.world.followers = 2;
    qt_paper_start(&paper);
    return 0;
}

static int
start(void **state)
{
    (void) state;
    qt_paper_prepare(&paper);
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

/* header_number returns the number of a header, -1 when there is none. */
static long
header_number(const char *name)
{
    const char *at = strcasestr(paper.headers, name);

    return at == NULL ? -1 : strtol(at + strlen(name) + 2, NULL, 10);
}

/* Too much weight is refused until the minute is over, and whoever goes on is banned. */
static void
test_weight(void **state)
{
    int tried = 0;

    (void) state;
    /* A minute may begin in between, and the count anew. */
    do
        qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "", false);
    while (paper.status == 200 && ++tried < 6);
    assert_int_equal(paper.status, 429);
    assert_int_equal(qt_paper_whole(paper.answer, "code"), -1003);
    assert_in_range(header_number("Retry-After"), 1, 60);
    assert_true(header_number("X-MBX-USED-WEIGHT-1M") > 50);
    for (tried = 0; paper.status == 429 && tried < 50; tried++)
        qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "", false);
    while (paper.status == 200 && ++tried < 100)
        qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "", false);
    assert_true(paper.status == 418 || paper.status == 429);
    for (; paper.status == 429 && tried < 200; tried++)
        qt_paper_ask(&paper, "GET", "/api/v3/exchangeInfo", "", false);
    assert_int_equal(paper.status, 418);
    assert_non_null(strstr(qt_paper_text(paper.answer, "msg"), "banned"));
    assert_in_range(header_number("Retry-After"), 60, 120);
}

static void
test_order_count(void **state)
{
    int placed = 0;
    int tens = 0;

    (void) state;
    /* Ten seconds may end in between: then there are more, but never more than a day's. */
    while (placed < 6 && tens == 0)
    {
        qt_paper_ask(&paper, "POST", "/api/v3/order", ORDER, true);
        placed += paper.status == 200;
        tens += paper.status == 429;
    }
    assert_in_range(placed, 3, 5);
    assert_int_equal(paper.status, 429);
    assert_int_equal(qt_paper_whole(paper.answer, "code"), -1015);
    assert_true(header_number("Retry-After") >= 1);
}

/* ask_raw sends a request of an operator on a connection of its own, and does not wait for the answer. */
static int
ask_raw(int fd, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) qm_paper_server_admin_port(paper.server)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[256];
    int length = snprintf(text, sizeof(text), "POST /admin/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", path);

    if (fd < 0)
    {
        fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
    }
    assert_int_equal(send(fd, text, (size_t) length, MSG_NOSIGNAL), length);
    return fd;
}

/* is_answered says whether an answer comes within a time, and takes it. */
static bool
is_answered(int fd, int ms)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    char text[4096];
    ssize_t count;

    if (poll(&one, 1, ms) != 1)
        return false;
    count = recv(fd, text, sizeof(text) - 1, 0);
    assert_true(count > 0);
    text[count] = '\0';
    if (strstr(text, "HTTP/1.1 200") == NULL)
        qt_fail("%s", text);
    return true;
}

/* steps_done asks how many steps of data there were. */
static int
steps_done(void)
{
    qt_paper_admin(&paper, "GET", "state", NULL);
    return (int) qt_paper_whole(paper.answer, "step");
}

/* A step comes when all have asked for it, and one whose connection is gone is not waited for. */
static void
test_followers(void **state)
{
    int one = ask_raw(-1, "follow?name=one");
    int two;

    (void) state;
    assert_true(is_answered(one, 10000));
    ask_raw(one, "step?name=one");
    assert_false(is_answered(one, 200));
    assert_int_equal(steps_done(), 0);
    two = ask_raw(-1, "follow?name=two");
    assert_true(is_answered(two, 10000));
    assert_false(is_answered(one, 200));
    ask_raw(two, "step?name=two");
    assert_true(is_answered(one, 10000));
    assert_true(is_answered(two, 10000));
    assert_int_equal(steps_done(), 1);
    ask_raw(one, "step?name=one");
    assert_false(is_answered(one, 200));
    close(two); /* killed: the step comes without it */
    assert_true(is_answered(one, 10000));
    assert_int_equal(steps_done(), 2);
    /* Asked by the step that was seen, a repeated question is answered at once. */
    ask_raw(one, "step?name=one&seen=1");
    assert_true(is_answered(one, 10000));
    assert_int_equal(steps_done(), 2);
    /* One that waits and is told to leave is answered, too. */
    two = ask_raw(-1, "follow?name=two");
    assert_true(is_answered(two, 10000));
    ask_raw(two, "step?name=two");
    assert_false(is_answered(two, 200));
    qt_paper_admin(&paper, "POST", "leave?name=two", NULL);
    assert_int_equal(paper.status, 200);
    assert_true(is_answered(two, 10000));
    close(one);
    close(two);
}

/* Requests of an operator that are wrong. */
static void
test_wrong_requests(void **state)
{
    (void) state;
    qt_paper_admin(&paper, "GET", "nothing", NULL);
    assert_int_equal(paper.status, 404);
    qt_paper_admin(&paper, "POST", "follow", NULL);
    assert_int_equal(paper.status, 400);
    qt_paper_admin(&paper, "POST", "fault", "nonsense");
    assert_int_equal(paper.status, 400);
    qt_paper_admin(&paper, "POST", "fault", "{\"kind\": \"earthquake\"}");
    assert_int_equal(paper.status, 400);
    qt_paper_admin(&paper, "POST", "order?account=nobody&symbol=BTCUSDT", NULL);
    assert_int_equal(paper.status, 404);
    qt_paper_admin(&paper, "POST", "balance?account=main&asset=NOCOIN&amount=1", NULL);
    assert_int_equal(paper.status, 404);
    qt_paper_admin(&paper, "POST", "kill?how=gently", NULL);
    assert_int_equal(paper.status, 400);
    qt_paper_admin(&paper, "DELETE", "fault?id=7", NULL);
    assert_int_equal(paper.status, 404);
    /* What is right, as an object in JSON. */
    qt_paper_admin(&paper, "POST", "balance", "{\"account\": \"main\", \"asset\": \"USDT\", \"amount\": \"1.5\"}");
    assert_int_equal(paper.status, 200);
    qt_paper_admin(&paper, "POST", "fault", "{\"kind\": \"drop_reply\", \"endpoint\": \"place\"}");
    assert_int_equal(paper.status, 200);
    qt_paper_admin(&paper, "GET", "fault", NULL);
    assert_false(json_is_true(json_object_get(json_array_get(paper.answer, 0), "is_over")));
    qt_paper_admin(&paper, "DELETE", "fault", NULL);
    assert_true(json_is_true(json_object_get(json_array_get(paper.answer, 0), "is_over")));
}

/* A stream that falls silent: it neither ends nor says anything. */
static void
test_silence(void **state)
{
    QtTalk talk;
    struct pollfd one;

    (void) state;
    qt_talk_open(&talk, qm_paper_server_port(paper.server), "/ws/btcusdt@trade");
    qt_paper_step(&paper, 1);
    assert_non_null(qt_talk_hear(&talk));
    qt_paper_admin(&paper, "POST", "kill?how=silent", NULL);
    assert_int_equal(paper.status, 200);
    qt_paper_step(&paper, 1);
    qt_talk_frame(&talk, QM_WS_OP_PING, "");
    one = (struct pollfd){.fd = talk.fd, .events = POLLIN};
    assert_int_equal(poll(&one, 1, 300), 0);
    qt_talk_close(&talk);
}

/* The exchange's end: by its operator, while a connection is open and a call is held up. */
static void
test_stop(void **state)
{
    int held;

    (void) state;
    qt_paper_admin(&paper, "POST", "fault", "{\"kind\": \"delay_before\", \"endpoint\": \"public\", \"value\": 60000}");
    assert_int_equal(paper.status, 200);
    held = ask_raw(-1, "step?name=late");
    qt_paper_admin(&paper, "POST", "stop", NULL);
    assert_int_equal(paper.status, 200);
    close(held);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_weight, start_limited, end),
        cmocka_unit_test_setup_teardown(test_order_count, start_limited, end),
        cmocka_unit_test_setup_teardown(test_followers, start_two, end),
        cmocka_unit_test_setup_teardown(test_wrong_requests, start, end),
        cmocka_unit_test_setup_teardown(test_silence, start, end),
        cmocka_unit_test_setup_teardown(test_stop, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
