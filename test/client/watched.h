/*
 * A member under watch: what it was told is counted, and a loop drives it and
 * its scripted exchange as `quantmesh run` would.
 */
#ifndef QT_WATCHED_H
#define QT_WATCHED_H

#include "member.h"
#include "scripted_exchange.h"

#define QT_TTL_MS 1500
#define QT_LINES_MAX 64

typedef struct QtWatched
{
    QmMember *member;
    QtExchange exchange;
    bool stopped; /* the loop leaves the member alone, as if its process had been stopped */
    bool silent;  /* the exchange does not answer */
    bool away;    /* this process has no exchange for the account */
    int gains;
    int losses;
    int deaths;
    int halts;
    size_t room; /* so many more intents would be sent */
    int room_asked;
    int claims;
    int changes;
    int64_t gained_us;
    int64_t changed_order;
    QmClaim claim;
    char halt[QM_WORD_SIZE];
    char lines[QT_LINES_MAX][QM_DETAIL_SIZE];
    int line_count;
} QtWatched;

/* qt_await drives all members until the condition holds, or fails the test after half a minute. */
#define qt_await(condition)                                                                 \
    do                                                                                      \
    {                                                                                       \
        int64_t qt_end_us = qm_member_now_us() + INT64_C(30000000);                         \
        while (!(condition))                                                                \
        {                                                                                   \
            if (qm_member_now_us() > qt_end_us)                                             \
                qt_fail("%s:%d: never: %s\n%s", __FILE__, __LINE__, #condition, qt_said()); \
            qt_watch();                                                                     \
        }                                                                                   \
    } while (0)

extern void qt_member(QtWatched *watched, const char *name, bool standby);
extern void qt_member_drop(QtWatched *watched);
extern void qt_members_drop(void);
extern void qt_watch(void);
extern int qt_lines(const QtWatched *watched, const char *part);
extern const char *qt_said(void);

#endif
