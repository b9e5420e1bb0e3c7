/*
 * Minutes of the paper exchange, from a file or a random walk, and the way that the price takes through one of them.
 */
#include "paper_data.h"

#include <stdlib.h>

static void walk_on(QmPaperFeed *feed);
static QmPaperDecimal part_of(QmPaperFeed *feed, QmPaperDecimal price);
static QmPaperDecimal to_tick(QmPaperDecimal price, QmPaperDecimal tick);

/* qm_paper_chance returns the next number of the sequence; all 64 bits are as good as any. */
uint64_t
qm_paper_chance(uint64_t *state)
{
    uint64_t value = *state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ (value >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ (value >> 27)) * UINT64_C(0x94d049bb133111eb);
    return value ^ (value >> 31);
}

/* qm_paper_feed_open gets the data ready, and nothing where there is no source. */
QmCode
qm_paper_feed_open(QmPaperFeed *feed, const QmPaperSource *source, uint64_t seed, QmPaperDecimal tick, int64_t first_ms,
                   QmError *error)
{
    QmCode code;

    *feed = (QmPaperFeed){.state = seed, .tick = tick == 0 ? 1 : tick, .end = -1};
    if (source->path != NULL)
    {
        code = qm_paper_csv_read(source->path, &feed->rows, &feed->row_count, error);
        feed->end = feed->row_count;
        if (code == QM_OK && source->count != 0 && source->count + source->history < feed->end)
            feed->end = source->count + source->history;
        return code;
    }
    if (source->start == 0)
        return QM_OK;
    feed->end = source->count == 0 ? 0 : source->count + source->history;
    feed->volume = source->volume == 0 ? 10 * QM_PAPER_ONE : source->volume;
    feed->volatility = (source->volatility_ppm == 0 ? 1000 : source->volatility_ppm) * (QM_PAPER_ONE / 1000000);
    feed->last = (QmPaperRow){.open_ms = first_ms - QM_PAPER_MINUTE_MS, .close = to_tick(source->start, feed->tick)};
    return QM_OK;
}

/* qm_paper_feed_close frees what the feed has. */
void
qm_paper_feed_close(QmPaperFeed *feed)
{
    free(feed->rows);
    feed->rows = NULL;
}

/* qm_paper_feed_next returns false when the data has ended. */
bool
qm_paper_feed_next(QmPaperFeed *feed, QmPaperRow *row)
{
    if (feed->end != 0 && feed->next >= feed->end)
        return false;
    if (feed->rows != NULL)
        feed->last = feed->rows[feed->next];
    else
        walk_on(feed);
    feed->next++;
    *row = feed->last;
    return true;
}

/* walk_on makes the minute that follows the last one: it begins where that has ended. */
static void
walk_on(QmPaperFeed *feed)
{
    QmPaperRow *row = &feed->last;
    bool rises = qm_paper_chance(&feed->state) % 2 == 0;
    QmPaperDecimal move = part_of(feed, row->close);

    row->open_ms += QM_PAPER_MINUTE_MS;
    row->open = row->close;
    row->close = to_tick(rises ? row->open + move : row->open - move, feed->tick);
    row->high = (rises ? row->close : row->open) + part_of(feed, row->open) / 2;
    row->low = (rises ? row->open : row->close) - part_of(feed, row->open) / 2;
    row->high = to_tick(row->high, feed->tick);
    row->low = to_tick(row->low, feed->tick);
    row->volume = feed->volume / 2 + (QmPaperDecimal) (qm_paper_chance(&feed->state) % (uint64_t) feed->volume);
}

/* part_of returns something between nothing and the volatility's share of a price, in ticks. */
static QmPaperDecimal
part_of(QmPaperFeed *feed, QmPaperDecimal price)
{
    QmPaperDecimal share = (QmPaperDecimal) (qm_paper_chance(&feed->state) % (uint64_t) (feed->volatility + 1));
    QmPaperDecimal part;

    if (!qm_paper_product(price, share, &part))
        abort(); /* a share of one */
    return part - part % feed->tick;
}

/* to_tick rounds a price down to a tick that is not 0. */
static QmPaperDecimal
to_tick(QmPaperDecimal price, QmPaperDecimal tick)
{
    return price < 2 * tick ? tick : price - price % tick;
}

/*
 * qm_paper_row_price returns the price of step k of n, from 0. Open, low, high
 * and close are among them as they are, what lies between is rounded to the tick.
 */
QmPaperDecimal
qm_paper_row_price(const QmPaperRow *row, int step, int steps, QmPaperDecimal tick)
{
    bool rises = row->close >= row->open;
    QmPaperDecimal points[] = {row->open, rises ? row->low : row->high, rises ? row->high : row->low, row->close};
    int places[] = {0, (steps - 1) / 3, 2 * (steps - 1) / 3, steps - 1};
    int leg = 0;
    QmPaperDecimal price;

    while (leg < 2 && step >= places[leg + 1])
        leg++;
    if (step == places[leg])
        return points[leg];
    if (step == places[leg + 1])
        return points[leg + 1];
    price = points[leg] + (points[leg + 1] - points[leg]) / (places[leg + 1] - places[leg]) * (step - places[leg]);
    return to_tick(price, tick == 0 ? 1 : tick);
}
