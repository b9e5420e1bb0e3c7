/*
 * A member under watch: what it was told is counted.
 */
#include "watched.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "error.h"
#include "server.h"

#define WATCHED_MAX 8
#define STEP_US 1000

static QtWatched *all[WATCHED_MAX];

static QmExchange *
exchange(void *argument, const char *account)
{
    QtWatched *watched = argument;

    return watched->away || strcmp(account, "binance") != 0 ? NULL : &watched->exchange.exchange;
}

static void
gained(void *argument, const char *account, const char *symbol, const char *mode)
{
    QtWatched *watched = argument;

    assert_string_equal(account, "binance");
    assert_true(qm_member_owns(watched->member, account, symbol));
    assert_true(strcmp(mode, "shared") == 0 || strcmp(mode, "exclusive") == 0);
    watched->gains++;
    watched->gained_us = qm_member_now_us();
}

static void
lost(void *argument, const char *account, const char *symbol, const char *why)
{
    QtWatched *watched = argument;

    assert_false(qm_member_owns(watched->member, account, symbol));
    assert_true(why[0] != '\0');
    watched->losses++;
}

static void
died(void *argument, const char *why)
{
    QtWatched *watched = argument;

    assert_true(why[0] != '\0');
    assert_int_equal(qm_member_epoch(watched->member), 0);
    assert_int_equal(qm_member_trusted_until_us(watched->member), 0);
    watched->deaths++;
}

static void
halted(void *argument, const char *account, const char *symbol, const char *state, const char *reason)
{
    QtWatched *watched = argument;

    assert_string_equal(account, "binance");
    assert_true(symbol[0] != '\0' && reason[0] != '\0');
    qm_text_copy(watched->halt, sizeof(watched->halt), state);
    watched->halts++;
}

static size_t
room(void *argument, const char *account, const char *symbol)
{
    QtWatched *watched = argument;

    assert_true(qm_member_owns(watched->member, account, symbol));
    watched->room_asked++;
    return watched->room;
}

static void
submit(void *argument, const char *account, const QmClaim *claim, int64_t stamped_us)
{
    QtWatched *watched = argument;

    assert_string_equal(account, "binance");
    assert_true(stamped_us > 0 && stamped_us < claim->send_before_us);
    assert_true(qm_member_now_us() < qm_member_trusted_until_us(watched->member));
    assert_true(watched->room > 0);
    watched->room--;
    watched->claim = *claim;
    watched->claims++;
}

static void
changed(void *argument, const char *account, const char *symbol, int64_t order_id)
{
    QtWatched *watched = argument;

    assert_string_equal(account, "binance");
    assert_string_equal(symbol, "BTCUSDT");
    watched->changed_order = order_id;
    watched->changes++;
}

/* note keeps what the member has logged. */
static void
note(void *argument, QmMemberLevel level, const char *text)
{
    QtWatched *watched = argument;

    (void) level;
    if (watched->line_count < QT_LINES_MAX)
        qm_text_copy(watched->lines[watched->line_count++], QM_DETAIL_SIZE, text);
}

/* qt_member opens a member that is registered for all markets, and puts it under watch. */
void
qt_member(QtWatched *watched, const char *name, bool standby)
{
    const char *const markets[] = {"binance:*"};
    const QmMemberOptions options = {
        .database = {.conninfo = qt_conninfo()},
        .instance = name,
        .markets = markets,
        .market_count = 1,
        .standby = standby,
        .ttl_ms = QT_TTL_MS,
        .beat_ms = 100,
        .detail = "{\"test\": true}",
        .functions = {exchange, gained, lost, died, halted, room, submit, changed, note},
        .argument = watched,
    };
    QmError error;
    size_t at = 0;

    memset(watched, 0, sizeof(*watched));
    watched->room = SIZE_MAX;
    qt_exchange_open(&watched->exchange);
    assert_ok(qm_member_open(&options, &watched->member, &error), &error);
    while (all[at] != NULL)
        assert_true(++at < WATCHED_MAX);
    all[at] = watched;
}

/* qt_member_drop closes a member as if its process had been killed, and its exchange after it. */
void
qt_member_drop(QtWatched *watched)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (all[i] == watched)
            all[i] = NULL;
    qm_member_close(watched->member);
    watched->exchange.exchange.functions->close(&watched->exchange.exchange);
    watched->member = NULL;
}

/* qt_members_drop lets all members leave, so that the next test begins without any. */
void
qt_members_drop(void)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
        if (all[i] != NULL)
        {
            assert_ok(qm_member_leave(all[i]->member), qm_member_error(all[i]->member));
            qt_member_drop(all[i]);
        }
}

/* qt_watch lets every member, and its exchange, do what is due, and passes a moment. */
void
qt_watch(void)
{
    for (size_t i = 0; i < WATCHED_MAX; i++)
    {
        QtWatched *watched = all[i];

        if (watched == NULL || watched->stopped)
            continue;
        if (!watched->silent)
            watched->exchange.exchange.functions->run(&watched->exchange.exchange);
        if (qm_member_due_us(watched->member) <= qm_member_now_us())
            qm_member_run(watched->member);
    }
    usleep(STEP_US);
}

/* qt_lines returns how many lines of a member's log have a part in them. */
int
qt_lines(const QtWatched *watched, const char *part)
{
    int count = 0;

    for (int i = 0; i < watched->line_count; i++)
        count += strstr(watched->lines[i], part) != NULL;
    return count;
}

/* qt_said returns what the members have logged last, for the message of a failure. */
const char *
qt_said(void)
{
    static char text[WATCHED_MAX * 4 * QM_DETAIL_SIZE];
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < WATCHED_MAX; i++)
        for (int line = 0; all[i] != NULL && line < all[i]->line_count; line++)
            if (line >= all[i]->line_count - 4)
                length += (size_t) snprintf(text + length, sizeof(text) - length, "  %s\n", all[i]->lines[line]);
    return text;
}
