/*
 * The world of the grid's model test: a store and an exchange of a few lines, which
 * know what has really become of every order, and news of it that are under way.
 * Numbers are whole ones of 10^-6. All chance comes from the one seed.
 */
#ifndef QT_GRID_WORLD_H
#define QT_GRID_WORLD_H

#include "grids.h"

#define ONE INT64_C(1000000)

enum
{
    QT_WORLD_ORDERS = 20000,
    QT_WORLD_EVENTS = 40
};

typedef struct QtOrder
{
    char slot[QM_GRID_SLOT_SIZE];
    char request[QM_GRID_REQUEST_SIZE];
    const char *state;
    bool sell;
    bool live;
    int64_t price;
    int64_t quantity;
    int64_t filled;
} QtOrder;

/* News that are under way. */
typedef struct QtEvent
{
    int order;
    const char *state;
    int64_t filled;
    bool fee_told;
} QtEvent;

typedef struct QtWorld
{
    uint64_t chance;
    QmGrid *grid;
    QmGridOptions options;
    char *saved; /* the document in the store */
    int64_t now_us;
    int64_t price;
    uint64_t digest; /* of all wishes */
    int order_count; /* ids are places in orders, from 1 */
    int event_count;
    int placed;
    int fills;
    int restarts;
    int repeated;
    int closings;
    int cleaned;
    int compared; /* positions with the fills, without the ledger's help */
    int64_t late;
    bool excused; /* a fill came after its order's end, or was of a forgotten order: only the ledger helps */
    bool with_late_fills;
    bool silent; /* no price was told since the grid was said that they are not heard */
    QtOrder orders[QT_WORLD_ORDERS];
    QtEvent events[QT_WORLD_EVENTS];
} QtWorld;

extern QtWorld qt_world;

extern int qt_world_chance(int limit);
extern const char *qt_world_text(int64_t number);
extern int64_t qt_world_number(const char *text);
extern int64_t qt_world_fee(const QtOrder *order, int64_t filled);
extern int64_t qt_world_ledger(const char *slot);
extern void qt_world_say(int order);
extern QmStoredOrder qt_world_stored(int id);
extern int qt_world_place(const QmGridWish *wish);
extern void qt_world_change(int id, const char *state, bool live);
extern void qt_world_trade(void);

#endif
