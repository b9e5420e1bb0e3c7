/*
 * SQL function: place_orders. Each element of the array becomes a call of
 * place_order, so that arguments are read and refused in one place; an error
 * names the element.
 */
#include "postgres.h"

#include "compat.h"
#include "fmgr.h"
#include "funcapi.h"
#include "market_lock.h"
#include "order_argument.h"
#include "place_sql.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(qm_place_orders);

#define ORDERS_PER_CALL_MAX 1000
#define ORDERS_BYTES_MAX (512 * 1024)
#define INTEGER_DIGITS_MAX 18
#define NUMBER_BYTES_MAX 100

typedef enum FieldKind
{
    FIELD_TEXT,
    FIELD_NUMBER,
    FIELD_FLAG,
    FIELD_INTEGER,
    FIELD_TIME
} FieldKind;

/* The fields of an element; what is left out has the default of place_order. */
static const struct
{
    const char *name;
    QmPlaceArgument argument;
    FieldKind kind;
    const char *text_default;
} fields[] = {
    {"symbol", QM_PLACE_SYMBOL, FIELD_TEXT, NULL},
    {"side", QM_PLACE_SIDE, FIELD_TEXT, NULL},
    {"price", QM_PLACE_PRICE, FIELD_NUMBER, NULL},
    {"quantity", QM_PLACE_QUANTITY, FIELD_NUMBER, NULL},
    {"order_type", QM_PLACE_ORDER_TYPE, FIELD_TEXT, "limit"},
    {"time_in_force", QM_PLACE_TIME_IN_FORCE, FIELD_TEXT, "gtc"},
    {"post_only", QM_PLACE_POST_ONLY, FIELD_FLAG, NULL},
    {"reduce_only", QM_PLACE_REDUCE_ONLY, FIELD_FLAG, NULL},
    {"request_id", QM_PLACE_REQUEST_ID, FIELD_TEXT, NULL},
    {"slot", QM_PLACE_SLOT, FIELD_TEXT, NULL},
    {"strategy", QM_PLACE_STRATEGY, FIELD_TEXT, ""},
    {"instance", QM_PLACE_INSTANCE, FIELD_TEXT, NULL},
    {"epoch", QM_PLACE_EPOCH, FIELD_INTEGER, NULL},
    {"valid_until", QM_PLACE_VALID_UNTIL, FIELD_TIME, NULL},
};

static void read_elements(FunctionCallInfo fcinfo, Jsonb *orders, QmPlaceRequest *requests);
static void read_element(FunctionCallInfo call, JsonbContainer *element);
static void refuse_unknown_field(JsonbContainer *element);
static NullableDatum field_value(const JsonbValue *value, int field);
static bool is_number(const char *text, bool integer);
static void refuse_field(int field, const char *expected);
static void name_element(void *arg);
static void lock_markets(const QmPlaceRequest *requests, int count);
static int compare_symbols(const void *left, const void *right);

/* qm_place_orders is quantmesh.place_orders. */
Datum
qm_place_orders(PG_FUNCTION_ARGS)
{
    static const char function[] = "quantmesh.place_orders()";
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    QmPlaceRequest *requests;
    Jsonb *orders;
    int count;

    for (int arg = 0; arg < 3; arg++)
    {
        static const char *const names[] = {"account", "orders", "submit"};

        if (PG_ARGISNULL(arg))
            ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("%s must not be null", names[arg])));
    }
    qm_place_prepare(function, text_to_cstring(PG_GETARG_TEXT_PP(0)));
    orders = PG_GETARG_JSONB_P(1);
    if (!JB_ROOT_IS_ARRAY(orders) || JB_ROOT_IS_SCALAR(orders))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("orders must be a JSON array")));
    count = (int) JB_ROOT_COUNT(orders);
    if (count > ORDERS_PER_CALL_MAX || VARSIZE(orders) > ORDERS_BYTES_MAX)
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("orders has %d elements in %u bytes", count, (unsigned) VARSIZE(orders)),
                 errdetail("One call takes at most %d elements in %d bytes.", ORDERS_PER_CALL_MAX, ORDERS_BYTES_MAX)));

    requests = palloc0(sizeof(QmPlaceRequest) * (Size) Max(count, 1));
    read_elements(fcinfo, orders, requests);
    lock_markets(requests, count);
    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; i < count; i++)
    {
        Datum values[QM_PLACEMENT_COLUMNS];
        bool nulls[QM_PLACEMENT_COLUMNS];
        QmPlacement placement;

        requests[i].function = function;
        qm_place(&requests[i], &placement);
        qm_placement_values(&placement, values, nulls);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum) 0;
}

/* read_elements reads and checks every element before anything is placed. */
static void
read_elements(FunctionCallInfo fcinfo, Jsonb *orders, QmPlaceRequest *requests)
{
    LOCAL_FCINFO(call, QM_PLACE_ARGUMENTS);
    ErrorContextCallback context = {.previous = error_context_stack, .callback = name_element};
    JsonbIterator *iterator = JsonbIteratorInit(&orders->root);
    JsonbIteratorToken token;
    JsonbValue value;
    int number = 0;

    InitFunctionCallInfoData(*call, fcinfo->flinfo, QM_PLACE_ARGUMENTS, fcinfo->fncollation, NULL, NULL);
    context.arg = &number;
    error_context_stack = &context;
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        if (token != WJB_ELEM)
            continue;
        number++;
        if (value.type != jbvBinary || !JsonContainerIsObject(value.val.binary.data))
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("each element of orders must be a JSON object")));
        call->args[QM_PLACE_ACCOUNT] = fcinfo->args[0];
        call->args[QM_PLACE_SUBMIT] = fcinfo->args[2];
        read_element(call, value.val.binary.data);
        qm_place_read(call, &requests[number - 1]);
    }
    error_context_stack = context.previous;
}

/* name_element says in an error which element it is about. */
static void
name_element(void *arg)
{
    errcontext("element %d of orders", *(int *) arg);
}

/* read_element turns the fields of an element into arguments. */
static void
read_element(FunctionCallInfo call, JsonbContainer *element)
{
    int known = 0;

    for (int i = 0; i < lengthof(fields); i++)
    {
        NullableDatum *argument = &call->args[fields[i].argument];
        JsonbValue value;

        if (getKeyJsonValueFromContainer(element, fields[i].name, (int) strlen(fields[i].name), &value) != NULL)
        {
            known++;
            *argument = field_value(&value, i);
        }
        else if (fields[i].kind == FIELD_FLAG)
            *argument = (NullableDatum){.value = BoolGetDatum(false)};
        else if (fields[i].text_default != NULL)
            *argument = (NullableDatum){.value = CStringGetTextDatum(fields[i].text_default)};
        else
            *argument = (NullableDatum){.isnull = true};
    }
    if (known != (int) JsonContainerSize(element))
        refuse_unknown_field(element);
}

/* refuse_unknown_field names a field that place_order does not have. */
static void
refuse_unknown_field(JsonbContainer *element)
{
    JsonbIterator *iterator = JsonbIteratorInit(element);
    JsonbIteratorToken token;
    JsonbValue value;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
    {
        bool known = false;

        if (token != WJB_KEY)
            continue;
        for (int i = 0; i < lengthof(fields); i++)
            known = known || (value.val.string.len == (int) strlen(fields[i].name) &&
                              memcmp(value.val.string.val, fields[i].name, (size_t) value.val.string.len) == 0);
        if (!known)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                     errmsg("unknown field \"%.*s\"", Min(value.val.string.len, 60), value.val.string.val),
                     errhint("The fields are the arguments of place_order but account, submit and wait.")));
    }
}

/* field_value converts a JSON value to the argument's type. */
static NullableDatum
field_value(const JsonbValue *value, int field)
{
    NullableDatum result = {.isnull = value->type == jbvNull};
    char *text = NULL;

    if (result.isnull)
        return result;
    if (value->type == jbvString)
        text = pnstrdup(value->val.string.val, value->val.string.len);
    switch (fields[field].kind)
    {
        case FIELD_TEXT:
            if (text == NULL)
                refuse_field(field, "a string");
            result.value = CStringGetTextDatum(text);
            break;
        case FIELD_FLAG:
            if (value->type != jbvBool)
                refuse_field(field, "true or false");
            result.value = BoolGetDatum(value->val.boolean);
            break;
        case FIELD_NUMBER:
        case FIELD_INTEGER:
            if (value->type == jbvNumeric)
                text = numeric_normalize(value->val.numeric);
            if (text == NULL || !is_number(text, fields[field].kind == FIELD_INTEGER))
                refuse_field(field,
                             fields[field].kind == FIELD_INTEGER ? "an integer, or a string with one"
                                                                 : "a number, or a string with one");
            if (fields[field].kind == FIELD_INTEGER)
                result.value = DirectFunctionCall1(int8in, CStringGetDatum(text));
            else
                result.value = DirectFunctionCall3(numeric_in,
                                                   CStringGetDatum(text),
                                                   ObjectIdGetDatum(InvalidOid),
                                                   Int32GetDatum(-1));
            break;
        case FIELD_TIME:
            if (text == NULL || strspn(text, "0123456789-:T .+Z") != strlen(text) || strspn(text, "0123456789") != 4)
                refuse_field(field, "a string with an ISO 8601 date and time");
            result.value = DirectFunctionCall3(timestamptz_in,
                                               CStringGetDatum(text),
                                               ObjectIdGetDatum(InvalidOid),
                                               Int32GetDatum(-1));
            break;
    }
    return result;
}

/* is_number says whether the text is a plain decimal number; an integer has at most 18 digits and no sign or point. */
static bool
is_number(const char *text, bool integer)
{
    size_t len = strlen(text);
    size_t digits = strspn(text, "0123456789");

    if (integer)
        return digits > 0 && digits == len && len <= INTEGER_DIGITS_MAX;
    if (len > NUMBER_BYTES_MAX)
        return false;
    if (*text == '-')
        return text[1] != '-' && is_number(text + 1, false);
    if (text[digits] != '.')
        return digits > 0 && digits == len;
    return len > 1 && strspn(text + digits + 1, "0123456789") == len - digits - 1;
}

/* refuse_field errors with 22023: a field has a value of another type. */
static void
refuse_field(int field, const char *expected)
{
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
             errmsg("field \"%s\" must be %s", fields[field].name, expected)));
}

/* lock_markets locks all markets of the call in one order, so that two calls and a halt cannot deadlock. */
static void
lock_markets(const QmPlaceRequest *requests, int count)
{
    const char **symbols = palloc(sizeof(char *) * (Size) Max(count, 1));
    QmMarket market;

    for (int i = 0; i < count; i++)
        symbols[i] = requests[i].symbol;
    qsort(symbols, (size_t) count, sizeof(char *), compare_symbols);
    for (int i = 0; i < count; i++)
    {
        if ((i == 0 || strcmp(symbols[i - 1], symbols[i]) != 0) &&
            qm_market_find(requests[0].account, symbols[i], &market))
            qm_market_lock_shared(requests[0].account, symbols[i]);
    }
}

/* compare_symbols orders symbols by bytes. */
static int
compare_symbols(const void *left, const void *right)
{
    return strcmp(*(const char *const *) left, *(const char *const *) right);
}
