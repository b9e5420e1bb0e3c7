/* Client order ids: what is written is read back, and nothing else is read. */
#include "order_id.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
check_round_trip(const char *tag, int64_t id, int attempt)
{
    char text[QM_CLIENT_ORDER_ID_MAX + 1];
    char tag_read[QM_TAG_LEN + 1];
    int64_t id_read;
    int attempt_read;

    qm_order_id_format(text, tag, id, attempt);
    assert_true(strlen(text) <= QM_CLIENT_ORDER_ID_MAX);
    assert_int_equal(strspn(text, "0123456789abcdefghijklmnopqrstuvwxyz"), strlen(text));
    assert_true(qm_order_id_parse(text, tag_read, &id_read, &attempt_read));
    assert_string_equal(tag_read, tag);
    assert_true(id_read == id);
    assert_int_equal(attempt_read, attempt);
}

static void
test_round_trips(void **state)
{
    (void) state;
    srandom(1);
    check_round_trip("aaaa", 10, 10);
    check_round_trip("0000", 1, 0);
    check_round_trip("zzzz", INT64_MAX, QM_ATTEMPT_MAX);
    for (int i = 0; i < 100000; i++)
    {
        int64_t id = ((int64_t) random() << 32 ^ (int64_t) random() << 8 ^ random()) & INT64_MAX;
        char tag[QM_TAG_LEN + 1];

        qm_tag_from_random(tag, (uint32_t) random());
        check_round_trip(tag, (id >> (i % 63)) + 1 > 0 ? (id >> (i % 63)) + 1 : 1, i % (QM_ATTEMPT_MAX + 1));
    }
}

static void
test_refused(void **state)
{
    static const char *const texts[] = {
        "",
        "q",
        "qaaaa",
        "qaaaaa0",
        "qaaaa1",
        "qaaaa1a",
        "qaaaa01a0",
        "qaaaa1a00",
        "qaaaa1a1000",
        "Qaaaa1a0",
        "qAaaa1a0",
        "qaaaa1a0 ",
        " qaaaa1a0",
        "qaaaa1b0",
        "qaaaa0a0",
        "qaaaa1y2p0ij32e8e8a0",
        "qaaaazzzzzzzzzzzzza0",
        "qaaaa1y2p0ij32e8e7a0123",
        "web_4711",
        "x-zdfVM8vY123_B_1700000000000",
        "qaaaa1\n1a0",
    };
    char tag[QM_TAG_LEN + 1];
    int64_t id;
    int attempt;

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(qm_order_id_parse(texts[i], tag, &id, &attempt));
    assert_true(qm_order_id_parse("qaaaa1y2p0ij32e8e7a0", tag, &id, &attempt));
    assert_true(id == INT64_MAX);
}

/* An order that shows its second attempt of three answers to all of them, and to nothing that only looks like one. */
static void
test_attempts(void **state)
{
    const QmAttempts order = {"qaaaa1a1", 1, 2};
    char text[QM_CLIENT_ORDER_ID_MAX + 1];
    int attempt;

    (void) state;
    assert_int_equal(qm_attempt_shown(order), 1);
    for (int i = 0; i <= 2; i++)
    {
        assert_true(qm_attempt_id(order, i, text));
        assert_true(qm_attempt_find(order, text, &attempt));
        assert_int_equal(attempt, i);
    }
    assert_string_equal(text, "qaaaa1a2");
    assert_false(qm_attempt_find(order, "qaaaa1a3", &attempt)); /* not sent yet */
    assert_false(qm_attempt_find(order, "qaaaa2a0", &attempt)); /* another order */
    assert_false(qm_attempt_find(order, "qbbbb1a0", &attempt)); /* another database */
    assert_false(qm_attempt_find(order, "web_4711", &attempt));
}

/* An adopted order shows the id that somebody else gave it, and has no other. */
static void
test_adopted(void **state)
{
    const QmAttempts foreign = {"web_4711", 7, 0};
    const QmAttempts alike = {"qbbbb9a3", 7, 0};
    char text[QM_CLIENT_ORDER_ID_MAX + 1];
    int attempt;

    (void) state;
    assert_true(qm_attempt_find(foreign, "web_4711", &attempt));
    assert_int_equal(attempt, 0);
    assert_false(qm_attempt_find(foreign, "qaaaa7a0", &attempt));
    assert_false(qm_attempt_id(foreign, 0, text));
    assert_true(qm_attempt_find(alike, "qbbbb9a3", &attempt));
    assert_int_equal(attempt, 0);
    assert_false(qm_attempt_find(alike, "qbbbb9a2", &attempt));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trips),
                                       cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_attempts),
                                       cmocka_unit_test(test_adopted)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
