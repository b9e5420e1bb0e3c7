/*
 * The plan of faults of the paper exchange: written as JSON, added, listed, removed.
 */
#include "paper_fault.h"

#include <string.h>

#include "paper_inside.h"

static const char *const kinds[QM_PAPER_FAULT_KINDS] = {[QM_PAPER_DELAY_BEFORE] = "delay_before",
                                                        [QM_PAPER_DELAY_AFTER] = "delay_after",
                                                        [QM_PAPER_DROP_REPLY] = "drop_reply",
                                                        [QM_PAPER_CUT_REPLY] = "cut_reply",
                                                        [QM_PAPER_FAIL_BEFORE] = "fail_before",
                                                        [QM_PAPER_FAIL_AFTER] = "fail_after",
                                                        [QM_PAPER_LIMITED] = "limited",
                                                        [QM_PAPER_LAG] = "lag",
                                                        [QM_PAPER_EVENT_DROP] = "event_drop",
                                                        [QM_PAPER_EVENT_DUPLICATE] = "event_duplicate",
                                                        [QM_PAPER_EVENT_REORDER] = "event_reorder",
                                                        [QM_PAPER_EVENT_DELAY] = "event_delay",
                                                        [QM_PAPER_KILL_STREAMS] = "kill_streams",
                                                        [QM_PAPER_EXPIRE_KEYS] = "expire_keys",
                                                        [QM_PAPER_SKEW] = "skew",
                                                        [QM_PAPER_CANCEL_ORDERS] = "cancel_orders",
                                                        [QM_PAPER_EXTERNAL_ORDER] = "external_order",
                                                        [QM_PAPER_ADJUST] = "adjust",
                                                        [QM_PAPER_HALT] = "halt",
                                                        [QM_PAPER_FILTERS] = "filters"};

static const char *const endpoints[QM_PAPER_ENDPOINTS] = {[QM_PAPER_ANY] = "any",
                                                          [QM_PAPER_PLACE] = "place",
                                                          [QM_PAPER_CANCEL] = "cancel",
                                                          [QM_PAPER_QUERY] = "query",
                                                          [QM_PAPER_OPEN_ORDERS] = "open_orders",
                                                          [QM_PAPER_ACCOUNT] = "account",
                                                          [QM_PAPER_OWN_TRADES] = "own_trades",
                                                          [QM_PAPER_PUBLIC] = "public",
                                                          [QM_PAPER_STREAM] = "stream"};

static const char *const sides[] = {"BUY", "SELL"};

/* What a fault is read into: times that are given from now on are worked out at the end. */
typedef struct Reading
{
    const QmPaperWorld *world;
    QmPaperFault *fault;
    int64_t in_ms;
    int64_t for_ms;
} Reading;

static bool read_member(Reading *reading, const char *name, const json_t *value);
static bool read_word(Reading *reading, const char *name, const char *text);
static bool read_number(Reading *reading, const char *name, int64_t value);
static bool word_index(const char *const words[], int count, const char *text, int *index);
static bool decimal(const char *text, QmPaperDecimal *value);
static const char *check(const QmPaperWorld *world, const QmPaperFault *fault);

/* qm_paper_fault_name returns a kind's name. */
const char *
qm_paper_fault_name(QmPaperFaultKind kind)
{
    return kinds[kind];
}

/* qm_paper_fault_read reads a fault; what it lacks is found when it is added. */
QmCode
qm_paper_fault_read(const QmPaperWorld *world, const json_t *json, QmPaperFault *fault, QmError *error)
{
    Reading reading = {world, fault, 0, 0};

    *fault = (QmPaperFault){.kind = QM_PAPER_FAULT_KINDS,
                            .account = -1,
                            .symbol = -1,
                            .asset = -1,
                            .probability_ppm = 1000000};
    if (!json_is_object(json))
        return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "a fault is a JSON object");
    for (void *place = json_object_iter((json_t *) json); place != NULL;
         place = json_object_iter_next((json_t *) json, place))
        if (!read_member(&reading, json_object_iter_key(place), json_object_iter_value(place)))
            return qm_error_set(error,
                                QM_ERROR_ARGUMENT,
                                "",
                                "",
                                "fault: \"%s\" is unknown, or its value is not one it can have",
                                json_object_iter_key(place));
    if (fault->kind == QM_PAPER_FAULT_KINDS)
        return qm_error_set(error, QM_ERROR_ARGUMENT, "", "", "fault: \"kind\" is missing");
    if (reading.in_ms != 0)
        fault->at_ms = qm_paper_world_now_ms(world) + reading.in_ms;
    if (reading.for_ms != 0)
        fault->until_ms = (fault->at_ms == 0 ? qm_paper_world_now_ms(world) : fault->at_ms) + reading.for_ms;
    return QM_OK;
}

/* read_member takes one member. False: there is none of the name, or it has no such value. */
static bool
read_member(Reading *reading, const char *name, const json_t *value)
{
    if (json_is_string(value))
        return read_word(reading, name, json_string_value(value));
    return json_is_integer(value) && read_number(reading, name, json_integer_value(value));
}

/* read_word takes the members that are texts. */
static bool
read_word(Reading *reading, const char *name, const char *text)
{
    QmPaperFault *fault = reading->fault;
    QmPaperDecimal share;
    int index;

    if (strcmp(name, "probability") == 0)
    {
        if (!qm_paper_read(text, &share) || share > QM_PAPER_ONE)
            return false;
        fault->probability_ppm = (int) (share / (QM_PAPER_ONE / 1000000));
        return true;
    }
    if (strcmp(name, "account") == 0)
        return (fault->account = qm_paper_account_by_name(reading->world, text)) >= 0;
    if (strcmp(name, "symbol") == 0)
        return (fault->symbol = qm_paper_symbol_by_name(reading->world, text)) >= 0;
    if (strcmp(name, "asset") == 0)
        return (fault->asset = qm_paper_asset_by_name(reading->world, text)) >= 0;
    if (strcmp(name, "price") == 0)
        return qm_paper_read(text, &fault->price);
    if (strcmp(name, "amount") == 0)
        return decimal(text, &fault->amount);
    if (strcmp(name, "tick") == 0)
        return qm_paper_read(text, &fault->tick);
    if (strcmp(name, "step") == 0)
        return qm_paper_read(text, &fault->step);
    if (strcmp(name, "notional_min") == 0)
        return qm_paper_read(text, &fault->notional_min);
    if (strcmp(name, "kind") == 0 && word_index(kinds, QM_PAPER_FAULT_KINDS, text, &index))
        fault->kind = (QmPaperFaultKind) index;
    else if (strcmp(name, "endpoint") == 0 && word_index(endpoints, QM_PAPER_ENDPOINTS, text, &index))
        fault->endpoint = (QmPaperEndpoint) index;
    else if (strcmp(name, "side") == 0 && word_index(sides, 2, text, &index))
        fault->side = (QmPaperSide) index;
    else
        return false;
    return true;
}

/* read_number takes the members that are whole numbers. */
static bool
read_number(Reading *reading, const char *name, int64_t value)
{
    QmPaperFault *fault = reading->fault;
    const struct
    {
        const char *name;
        int64_t *wide;
        int *narrow;
    } members[] = {{"at_ms", &fault->at_ms, NULL},
                   {"until_ms", &fault->until_ms, NULL},
                   {"in_ms", &reading->in_ms, NULL},
                   {"for_ms", &reading->for_ms, NULL},
                   {"value", &fault->value, NULL},
                   {"count", NULL, &fault->count},
                   {"code", NULL, &fault->code},
                   {"wait_s", NULL, &fault->wait_s}};

    if (value > INT64_MAX / 4 || value < INT64_MIN / 4)
        return false;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
    {
        if (strcmp(members[i].name, name) != 0)
            continue;
        if (members[i].wide != NULL)
            *members[i].wide = value;
        else if (value > INT32_MAX || value < INT32_MIN)
            return false;
        else
            *members[i].narrow = (int) value;
        return true;
    }
    return false;
}

/* word_index finds a word in a list. */
static bool
word_index(const char *const words[], int count, const char *text, int *index)
{
    for (*index = 0; *index < count; ++*index)
        if (strcmp(words[*index], text) == 0)
            return true;
    return false;
}

/* decimal reads a decimal that may be negative. */
static bool
decimal(const char *text, QmPaperDecimal *value)
{
    bool is_negative = *text == '-';

    if (!qm_paper_read(text + is_negative, value))
        return false;
    if (is_negative)
        *value = -*value;
    return true;
}

/* qm_paper_fault_add adds a fault to the plan. */
QmCode
qm_paper_fault_add(QmPaperWorld *world, const QmPaperFault *fault, int *id, QmError *error)
{
    const char *what = check(world, fault);

    if (what != NULL)
        return qm_error_set(error,
                            QM_ERROR_ARGUMENT,
                            "",
                            "",
                            "fault \"%s\": %s",
                            fault->kind < QM_PAPER_FAULT_KINDS ? kinds[fault->kind] : "",
                            what);
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_fault(world, fault);
    *id = qm_paper_do_fault_add(world, fault);
    if (*id == 0)
        return qm_error_set(error, QM_ERROR_LIMIT, "", "", "more than %d faults", QM_PAPER_FAULTS_MAX);
    return QM_OK;
}

/* check says what is wrong with a fault; NULL: nothing. */
static const char *
check(const QmPaperWorld *world, const QmPaperFault *fault)
{
    if (fault->kind >= QM_PAPER_FAULT_KINDS || fault->endpoint >= QM_PAPER_ENDPOINTS)
        return "there is no such kind or endpoint";
    if (fault->account >= world->account_count || fault->symbol >= world->board_count ||
        fault->asset >= world->asset_count)
        return "there is no such account, symbol or asset";
    if (fault->probability_ppm < 0 || fault->probability_ppm > 1000000 || fault->count < 0 || fault->wait_s < 0)
        return "probability, count or wait_s is out of range";
    if (fault->at_ms < 0 || fault->until_ms < 0 || (fault->until_ms != 0 && fault->until_ms <= fault->at_ms))
        return "it ends before it begins";
    if (fault->kind != QM_PAPER_SKEW && fault->value < 0)
        return "its value is negative";
    if (fault->kind == QM_PAPER_EXTERNAL_ORDER && (fault->account < 0 || fault->symbol < 0 || fault->amount <= 0))
        return "it takes account, symbol, side and amount";
    if (fault->kind == QM_PAPER_ADJUST && (fault->account < 0 || fault->asset < 0 || fault->amount == 0))
        return "it takes account, asset and amount";
    if ((fault->kind == QM_PAPER_HALT || fault->kind == QM_PAPER_FILTERS) && fault->symbol < 0)
        return "it takes a symbol";
    if (fault->kind == QM_PAPER_FILTERS && fault->tick == 0 && fault->step == 0 && fault->notional_min == 0)
        return "it takes tick, step or notional_min";
    return NULL;
}

/* qm_paper_fault_remove ends a fault and takes back what it has changed. */
bool
qm_paper_fault_remove(QmPaperWorld *world, int id)
{
    world->now_ms = qm_paper_clock_now(world);
    qm_paper_journal_note(world, "G %lld %d", (long long) world->now_ms, id);
    return qm_paper_do_fault_remove(world, id);
}

/* qm_paper_fault_clear ends all faults. */
void
qm_paper_fault_clear(QmPaperWorld *world)
{
    for (int i = 0; i < world->plans.count; i++)
        if (!world->plans.planned[i].is_over)
            (void) qm_paper_fault_remove(world, world->plans.planned[i].fault.id); /* it is there */
}

/* qm_paper_fault_list lists the faults whose place no other has taken. NULL: no memory. */
json_t *
qm_paper_fault_list(const QmPaperWorld *world)
{
    json_t *list = json_array();

    for (int i = 0; i < world->plans.count; i++)
    {
        const QmPaperPlanned *planned = &world->plans.planned[i];
        const QmPaperFault *fault = &planned->fault;
        json_t *json = json_pack("{s:i, s:s, s:s, s:s*, s:s*, s:I, s:b}",
                                 "id",
                                 fault->id,
                                 "kind",
                                 kinds[fault->kind],
                                 "endpoint",
                                 endpoints[fault->endpoint],
                                 "account",
                                 qm_paper_account_name(world, fault->account),
                                 "symbol",
                                 fault->symbol < 0 ? NULL : world->boards[fault->symbol].name,
                                 "struck",
                                 (json_int_t) planned->struck,
                                 "is_over",
                                 planned->is_over);

        if (json_array_append_new(list, json) != 0)
        {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
