/*
 * Grids for the tests: one with easy numbers, and what a runner would do with its wishes.
 */
#ifndef QT_GRIDS_H
#define QT_GRIDS_H

#include "grid.h"

#define QT_GRID_WISHES 64

/* A grid, its last wishes, and the ids that the next orders get. */
typedef struct QtGrid
{
    QmGrid *grid;
    int64_t now_us;
    int64_t next_id;
    QmGridWish wishes[QT_GRID_WISHES];
    size_t count;
} QtGrid;

/* Interval 10, 100 for an order, steps of 0.001, no fee, windows of 3 and 3. */
extern QmGridOptions qt_grid_options(void);
extern void qt_grid_open(QtGrid *test, const QmGridOptions *options);
extern void qt_grid_close(QtGrid *test);
extern size_t qt_grid_turn(QtGrid *test, const char *price);
extern void qt_grid_answer(QtGrid *test, const QmGridWish *wish, QmGridAnswer answer, const char *reason);
extern void qt_grid_place_all(QtGrid *test);
extern int64_t qt_grid_order_at(const QtGrid *test, const char *slot);
extern void qt_grid_tell(QtGrid *test, int64_t order_id, const char *state, const char *filled);
extern QmGridStatus qt_grid_status(const QtGrid *test);
extern const char *qt_grid_wished(const QtGrid *test);

#endif
