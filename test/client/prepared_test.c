/*
 * Prepared statements of the library: made at the second call, done without where
 * the connection does not know of them, or has the name for something else, as
 * behind a pooler that hands connections round.
 */
#include "check.h"

#include <stdio.h>
#include <string.h>

#include "client.h"
#include "error.h"
#include "server.h"

static const char account[] = "binance";

static QmClient *client;
static int level;

/* order_next returns an order at a level of its own. */
static QmOrder
order_next(void)
{
    static char price[16];

    snprintf(price, sizeof(price), "%d", 1000 + level++);
    return (QmOrder){.symbol = "BTCUSDT", .side = "buy", .price = price, .quantity = "0.01"};
}

/* place places an order, which must be placed by the first attempt. */
static void
place(void)
{
    QmOrder order = order_next();
    QmPlacement placement;

    assert_ok(qm_place_order(client, account, &order, &placement), qm_client_error(client));
    assert_int_equal(placement.outcome, QM_PLACED);
    assert_false(placement.replayed);
    assert_false(placement.repeated);
}

/* ask runs a statement on the library's own connection and returns its value. */
static const char *
ask(const char *sql)
{
    static char value[256];
    PGresult *result = PQexec(client->conn, sql);

    if (PQresultStatus(result) != PGRES_TUPLES_OK && PQresultStatus(result) != PGRES_COMMAND_OK)
        qt_fail("%s: %s", sql, PQerrorMessage(client->conn));
    qm_text_copy(value, sizeof(value), PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "");
    PQclear(result);
    return value;
}

/* prepared returns how many statements the connection has prepared. */
static const char *
prepared(void)
{
    return ask("SELECT count(*) FROM pg_prepared_statements");
}

static int
setup(void **state)
{
    QmClientOptions options = {0};

    (void) state;
    qt_database("client_prepared");
    options.conninfo = qt_conninfo();
    client = qm_client_new(&options);
    return client == NULL;
}

static int
teardown(void **state)
{
    (void) state;
    qm_client_free(client);
    return 0;
}

static void
test_second_call(void **state)
{
    (void) state;
    qm_client_disconnect(client);
    place();
    assert_string_equal(prepared(), "0");
    place();
    assert_string_equal(prepared(), "1");
    place();
    assert_string_equal(prepared(), "1");
    assert_string_equal(ask("SELECT generic_plans + custom_plans FROM pg_prepared_statements"), "2");
}

static void
test_forgotten(void **state)
{
    (void) state;
    qm_client_disconnect(client);
    place();
    place();
    ask("DEALLOCATE ALL");
    place();
    place();
    assert_string_equal(prepared(), "0");
    qm_client_disconnect(client);
    place();
    place();
    assert_string_equal(prepared(), "1");
}

static void
test_name_taken(void **state)
{
    char statement[512];

    (void) state;
    qm_client_disconnect(client);
    place();
    place();
    snprintf(statement,
             sizeof(statement),
             "PREPARE \"%s\" AS SELECT 1",
             ask("SELECT name FROM pg_prepared_statements"));
    qm_client_disconnect(client);
    assert_ok(qm_client_connect(client), qm_client_error(client));
    ask(statement);
    place();
    place();
    place();
    assert_string_equal(prepared(), "1");
}

static void
test_server_gone(void **state)
{
    (void) state;
    qm_client_disconnect(client);
    place();
    qt_ask("SELECT pg_terminate_backend(%d, 10000)", qm_client_backend(client));
    place();
    assert_string_equal(prepared(), "0");
    place();
    assert_string_equal(prepared(), "1");
}

/* stream_all sends orders in a stream, all of which must be placed. */
static void
stream_all(QmStream *stream)
{
    QmStreamAnswer answer;

    for (int i = 0; i < 8; i++)
    {
        QmOrder order = order_next();

        assert_ok(qm_stream_place(stream, &order), qm_client_error(client));
    }
    for (int i = 0; i < 8; i++)
    {
        assert_ok(qm_stream_next(stream, &answer), qm_client_error(client));
        assert_code(answer.code, QM_OK, &answer.error);
        assert_int_equal(answer.placement.outcome, QM_PLACED);
    }
}

static void
test_stream(void **state)
{
    QmStream *stream;
    long orders = qt_ask_number("SELECT count(*) FROM quantmesh.orders");

    (void) state;
    qm_client_disconnect(client);
    stream = qm_stream_new(client, account, 8);
    assert_non_null(stream);
    stream_all(stream);
    qm_stream_free(stream);
    assert_string_equal(prepared(), "1");
    ask("DEALLOCATE ALL");
    stream = qm_stream_new(client, account, 8);
    assert_non_null(stream);
    stream_all(stream);
    stream_all(stream);
    qm_stream_free(stream);
    assert_string_equal(prepared(), "0");
    assert_int_equal(qt_ask_number("SELECT count(*) FROM quantmesh.orders"), orders + 24);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_second_call),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_name_taken),
        cmocka_unit_test(test_server_gone),
        cmocka_unit_test(test_stream),
    };

    return cmocka_run_group_tests_name("prepared statements of the library", tests, setup, teardown);
}
