/*
 * Reading snapshots from JSON. One table says which fields each kind of element
 * has, of what type, and where they go; what is not in it is refused by its
 * path, and nothing is stored.
 */
#include "snapshot.h"

#include "amount.h"
#include "compat.h"
#include "decimal.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#define TEXT_BYTES_MAX 128
#define NUMBER_BYTES_MAX 64

typedef enum FieldKind
{
    FIELD_TEXT,     /* a string */
    FIELD_ID,       /* a string, or an integer */
    FIELD_SIDE,     /* buy or sell */
    FIELD_POSITIVE, /* a number, or a string with one */
    FIELD_AMOUNT,   /* the same, may be zero */
    FIELD_SIGNED,   /* the same, may be negative */
    FIELD_FLAG,     /* true or false */
    FIELD_TIME      /* a string in ISO 8601 */
} FieldKind;

typedef struct Field
{
    const char *name;
    FieldKind kind;
    bool required;
    size_t offset;
} Field;

/* One kind of element. */
typedef struct Shape
{
    const char *name; /* of the array */
    Size size;
    int nfields;
    const Field *fields;
    int key; /* the field that no two elements share */
} Shape;

/* Where we are, for messages. */
typedef struct Place
{
    const Shape *shape;
    int element; /* counted from 0, as JSON paths do */
    const char *field;
} Place;

static const Field order_fields[] = {
    {"exchange_order_id", FIELD_ID, true, offsetof(QmSnapshotOrder, exchange_order_id)},
    {"client_order_id", FIELD_TEXT, false, offsetof(QmSnapshotOrder, client_order_id)},
    {"side", FIELD_SIDE, true, offsetof(QmSnapshotOrder, buy)},
    {"order_type", FIELD_TEXT, false, offsetof(QmSnapshotOrder, order_type)},
    {"time_in_force", FIELD_TEXT, false, offsetof(QmSnapshotOrder, time_in_force)},
    {"price", FIELD_POSITIVE, false, offsetof(QmSnapshotOrder, price)},
    {"quantity", FIELD_POSITIVE, true, offsetof(QmSnapshotOrder, quantity)},
    {"filled_quantity", FIELD_AMOUNT, false, offsetof(QmSnapshotOrder, filled_quantity)},
};

static const Field trade_fields[] = {
    {"trade_id", FIELD_ID, true, offsetof(QmSnapshotTrade, trade_id)},
    {"exchange_order_id", FIELD_ID, true, offsetof(QmSnapshotTrade, exchange_order_id)},
    {"client_order_id", FIELD_TEXT, false, offsetof(QmSnapshotTrade, client_order_id)},
    {"side", FIELD_SIDE, true, offsetof(QmSnapshotTrade, buy)},
    {"quantity", FIELD_POSITIVE, true, offsetof(QmSnapshotTrade, quantity)},
    {"price", FIELD_POSITIVE, true, offsetof(QmSnapshotTrade, price)},
    {"commission", FIELD_SIGNED, false, offsetof(QmSnapshotTrade, commission)},
    {"commission_asset", FIELD_TEXT, false, offsetof(QmSnapshotTrade, commission_asset)},
    {"is_maker", FIELD_FLAG, false, offsetof(QmSnapshotTrade, is_maker)},
    {"executed_at", FIELD_TIME, true, offsetof(QmSnapshotTrade, executed_at)},
};

static const Field balance_fields[] = {
    {"asset", FIELD_TEXT, true, offsetof(QmSnapshotBalance, asset)},
    {"free", FIELD_AMOUNT, true, offsetof(QmSnapshotBalance, free)},
    {"locked", FIELD_AMOUNT, false, offsetof(QmSnapshotBalance, locked)},
};

static const Shape order_shape = {"open_orders", sizeof(QmSnapshotOrder), lengthof(order_fields), order_fields, 0};
static const Shape trade_shape = {"trades", sizeof(QmSnapshotTrade), lengthof(trade_fields), trade_fields, -1};
static const Shape balance_shape = {"balances", sizeof(QmSnapshotBalance), lengthof(balance_fields), balance_fields, 0};

static void *read_array(const Shape *shape, Jsonb *array, int *count);
static void read_element(Place *place, JsonbContainer *element, char *target);
static void read_field(const Place *place, const Field *field, const JsonbValue *value, char *target);
static char *read_text(const Place *place, const JsonbValue *value, bool may_be_integer);
static Numeric read_number(const Place *place, const JsonbValue *value, FieldKind kind);
static char *number_text(const Place *place, const JsonbValue *value);
static bool is_decimal(const char *text);
static TimestampTz read_time(const Place *place, const JsonbValue *value);
static void refuse(const Place *place, const char *expected) qm_noreturn;
static void refuse_unknown(Place *place, JsonbContainer *element) qm_noreturn;
static void refuse_repeated_ids(const Shape *shape, const char *elements, int count);
static void check_orders(const QmSnapshot *snapshot);
static void check_trades(const QmSnapshot *snapshot);
static char *path_of(const Place *place);
static void name_place(void *arg);

/* qm_snapshot_read reads all three arrays into memory of the current context. */
void
qm_snapshot_read(Jsonb *open_orders, Jsonb *trades, Jsonb *balances, QmSnapshot *snapshot)
{
    snapshot->orders = read_array(&order_shape, open_orders, &snapshot->norders);
    snapshot->trades = read_array(&trade_shape, trades, &snapshot->ntrades);
    snapshot->balances = read_array(&balance_shape, balances, &snapshot->nbalances);
    check_orders(snapshot);
    check_trades(snapshot);
}

/* read_array reads an array of objects of one shape, and returns its elements in a row. */
static void *
read_array(const Shape *shape, Jsonb *array, int *count)
{
    Place place = {.shape = shape, .element = -1};
    ErrorContextCallback context = {.previous = error_context_stack, .callback = name_place, .arg = &place};
    JsonbIterator *iterator;
    JsonbIteratorToken token;
    JsonbValue value;
    char *elements;

    if (!JB_ROOT_IS_ARRAY(array) || JB_ROOT_IS_SCALAR(array))
        refuse(&place, "a JSON array");
    *count = (int) JB_ROOT_COUNT(array);
    if (*count > QM_SNAPSHOT_ELEMENTS_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                 errmsg("%s has %d elements, the limit is %d", shape->name, *count, QM_SNAPSHOT_ELEMENTS_MAX)));
    elements = palloc_extended(shape->size * (Size) Max(*count, 1), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    error_context_stack = &context;
    iterator = JsonbIteratorInit(&array->root);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        if (token != WJB_ELEM)
            continue;
        CHECK_FOR_INTERRUPTS();
        place.element++;
        place.field = NULL;
        if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
            refuse(&place, "a JSON object");
        read_element(&place, value.val.binary.data, elements + shape->size * (Size) place.element);
    }
    error_context_stack = context.previous;
    if (shape->key >= 0)
        refuse_repeated_ids(shape, elements, *count);
    return elements;
}

/* read_element reads the fields of one object. */
static void
read_element(Place *place, JsonbContainer *element, char *target)
{
    const Shape *shape = place->shape;
    int known = 0;

    for (int i = 0; i < shape->nfields; i++)
    {
        const Field *field = &shape->fields[i];
        JsonbValue value;
        bool given;

        place->field = field->name;
        given = getKeyJsonValueFromContainer(element, field->name, (int) strlen(field->name), &value) != NULL;
        known += given;
        if (field->kind == FIELD_FLAG)
            *(int *) (target + field->offset) = -1;
        if (given && value.type != jbvNull)
            read_field(place, field, &value, target + field->offset);
        else if (field->required)
            refuse(place, given ? "not null" : "given");
    }
    if (known != (int) JsonContainerSize(element))
        refuse_unknown(place, element);
}

/* read_field stores one value that is not null. */
static void
read_field(const Place *place, const Field *field, const JsonbValue *value, char *target)
{
    char *text;

    switch (field->kind)
    {
        case FIELD_TEXT:
        case FIELD_ID:
            *(char **) target = read_text(place, value, field->kind == FIELD_ID);
            break;
        case FIELD_SIDE:
            text = read_text(place, value, false);
            if (pg_strcasecmp(text, "buy") != 0 && pg_strcasecmp(text, "sell") != 0)
                refuse(place, "buy or sell");
            *(bool *) target = pg_strcasecmp(text, "buy") == 0;
            break;
        case FIELD_POSITIVE:
        case FIELD_AMOUNT:
        case FIELD_SIGNED:
            *(Numeric *) target = read_number(place, value, field->kind);
            break;
        case FIELD_FLAG:
            if (value->type != jbvBool)
                refuse(place, "true or false");
            *(int *) target = value->val.boolean;
            break;
        case FIELD_TIME:
            *(TimestampTz *) target = read_time(place, value);
            break;
    }
}

/* read_text reads 1 to TEXT_BYTES_MAX bytes without control characters; exchanges also count their ids in numbers. */
static char *
read_text(const Place *place, const JsonbValue *value, bool may_be_integer)
{
    char *text;

    if (value->type == jbvString)
        text = pnstrdup(value->val.string.val, value->val.string.len);
    else if (value->type == jbvNumeric && may_be_integer)
    {
        text = numeric_normalize(value->val.numeric);
        if (strspn(text, "0123456789") != strlen(text))
            refuse(place, "a string or a whole number");
    }
    else
        refuse(place, may_be_integer ? "a string or a whole number" : "a string");
    if (*text == '\0' || strlen(text) > TEXT_BYTES_MAX)
        refuse(place, psprintf("of 1 to %d bytes", TEXT_BYTES_MAX));
    for (const char *at = text; *at != '\0'; at++)
    {
        if ((unsigned char) *at < 0x20 || *at == 0x7f)
            refuse(place, "without control characters");
    }
    return text;
}

/* read_number reads a number of the range that orders have, without trailing zeros. */
static Numeric
read_number(const Place *place, const JsonbValue *value, FieldKind kind)
{
    Numeric number = DatumGetNumeric(DirectFunctionCall3(numeric_in,
                                                         CStringGetDatum(number_text(place, value)),
                                                         ObjectIdGetDatum(InvalidOid),
                                                         Int32GetDatum(-1)));
    QmAmount amount;

    if (!qm_amount_from_numeric(number, &amount) || amount >= QM_AMOUNT_HUGE || amount <= -QM_AMOUNT_HUGE)
        refuse(place, psprintf("below 1e18 with at most %d decimals", QM_AMOUNT_DECIMALS));
    if (amount < 0 && kind != FIELD_SIGNED)
        refuse(place, kind == FIELD_POSITIVE ? "positive" : "0 or more");
    if (amount == 0 && kind == FIELD_POSITIVE)
        refuse(place, "positive");
    return qm_decimal_trim(number);
}

/* number_text returns the digits of a number, or of a string with one. */
static char *
number_text(const Place *place, const JsonbValue *value)
{
    char *text = NULL;

    if (value->type == jbvNumeric)
        text = numeric_normalize(value->val.numeric);
    else if (value->type == jbvString && value->val.string.len <= NUMBER_BYTES_MAX)
        text = pnstrdup(value->val.string.val, value->val.string.len);
    if (text == NULL || !is_decimal(text))
        refuse(place, "a number, or a string with one");
    return text;
}

/* is_decimal says whether the text is a plain decimal number, with a sign perhaps, without an exponent. */
static bool
is_decimal(const char *text)
{
    size_t digits;

    if (*text == '-')
        text++;
    digits = strspn(text, "0123456789");
    if (digits == 0 || text[digits] == '\0')
        return digits > 0;
    return text[digits] == '.' && text[digits + 1] != '\0' &&
           text[digits + 1 + strspn(text + digits + 1, "0123456789")] == '\0';
}

/* read_time reads a date and time in ISO 8601; what the server cannot read fails with the server's own error. */
static TimestampTz
read_time(const Place *place, const JsonbValue *value)
{
    TimestampTz time;
    char *text;

    if (value->type != jbvString)
        refuse(place, "a string with an ISO 8601 date and time");
    text = pnstrdup(value->val.string.val, value->val.string.len);
    if (strspn(text, "0123456789-:T .+Z") != strlen(text) || strspn(text, "0123456789") != 4)
        refuse(place, "a string with an ISO 8601 date and time");
    time = DatumGetTimestampTz(
        DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
    return time;
}

/* refuse errors with 22023: what stands at the place is not what it must be. */
static void
refuse(const Place *place, const char *expected)
{
    ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("%s must be %s", path_of(place), expected)));
}

/* refuse_unknown names a field that an element of this shape does not have. */
static void
refuse_unknown(Place *place, JsonbContainer *element)
{
    JsonbIterator *iterator = JsonbIteratorInit(element);
    StringInfoData list;
    JsonbIteratorToken token;
    JsonbValue value;

    place->field = NULL;
    initStringInfo(&list);
    for (int i = 0; i < place->shape->nfields; i++)
        appendStringInfo(&list, "%s%s", i == 0 ? "" : ", ", place->shape->fields[i].name);
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        bool known = false;

        for (int i = 0; token == WJB_KEY && i < place->shape->nfields; i++)
            known = known ||
                    (value.val.string.len == (int) strlen(place->shape->fields[i].name) &&
                     memcmp(value.val.string.val, place->shape->fields[i].name, (size_t) value.val.string.len) == 0);
        if (token == WJB_KEY && !known)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("%s has an unknown field \"%.*s\"",
                            path_of(place),
                            Min(value.val.string.len, 60),
                            value.val.string.val),
                     errhint("The fields are: %s.", list.data)));
    }
    elog(ERROR, "%s has a field twice", path_of(place));
}

/* refuse_repeated_ids errors with 22023 when two elements have the same key: one of them is wrong. */
static void
refuse_repeated_ids(const Shape *shape, const char *elements, int count)
{
    HASHCTL info = {.keysize = TEXT_BYTES_MAX + 1, .entrysize = TEXT_BYTES_MAX + 1, .hcxt = CurrentMemoryContext};
    HTAB *seen = hash_create("quantmesh snapshot ids", Max(count, 16), &info, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
    const Field *field = &shape->fields[shape->key];

    for (int i = 0; i < count; i++)
    {
        const char *key = *(char *const *) (elements + shape->size * (Size) i + field->offset);
        bool found;

        (void) hash_search(seen, key, HASH_ENTER, &found);
        if (found)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("%s[%d].%s repeats \"%s\"", shape->name, i, field->name, key)));
    }
    hash_destroy(seen);
}

/*
 * check_orders makes of every order what orders are here. Exchanges have more
 * types and times in force than we place: what has a price counts as limit, what
 * has none as market, and unknown words as gtc.
 */
static void
check_orders(const QmSnapshot *snapshot)
{
    for (int i = 0; i < snapshot->norders; i++)
    {
        QmSnapshotOrder *order = &snapshot->orders[i];
        Place place = {.shape = &order_shape, .element = i, .field = "price"};
        const char *time_in_force = order->time_in_force;

        if (order->price == NULL && (order->order_type == NULL || pg_strcasecmp(order->order_type, "limit") == 0))
            refuse(&place, "given for a limit order");
        order->order_type = order->price == NULL ? "market" : "limit";
        order->time_in_force = "gtc";
        if (time_in_force != NULL && pg_strcasecmp(time_in_force, "ioc") == 0)
            order->time_in_force = "ioc";
        else if (time_in_force != NULL && pg_strcasecmp(time_in_force, "fok") == 0)
            order->time_in_force = "fok";
    }
}

/* check_trades refuses a commission without its asset, and an asset without a commission. */
static void
check_trades(const QmSnapshot *snapshot)
{
    for (int i = 0; i < snapshot->ntrades; i++)
    {
        QmSnapshotTrade *trade = &snapshot->trades[i];
        Place place = {.shape = &trade_shape, .element = i, .field = "commission"};

        if (trade->commission == NULL && trade->commission_asset != NULL)
            refuse(&place, "given where commission_asset is");
        place.field = "commission_asset";
        if (trade->commission != NULL && trade->commission_asset == NULL && qm_decimal_sign(trade->commission) != 0)
            refuse(&place, "given where commission is");
        if (trade->commission_asset == NULL)
            trade->commission = NULL;
    }
}

/* path_of returns the JSON path of a place: open_orders[3].price. */
static char *
path_of(const Place *place)
{
    if (place->element < 0)
        return pstrdup(place->shape->name);
    if (place->field == NULL)
        return psprintf("%s[%d]", place->shape->name, place->element);
    return psprintf("%s[%d].%s", place->shape->name, place->element, place->field);
}

/* name_place says in an error of the server's own, like that of a date, where it was. */
static void
name_place(void *arg)
{
    errcontext("%s", path_of(arg));
}
