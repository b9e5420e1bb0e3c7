/*
 * A WebSocket for tests: it says and hears texts, and answers nothing by itself.
 */
#ifndef QT_PAPER_TALK_H
#define QT_PAPER_TALK_H

#include <jansson.h>

#include "websocket.h"

typedef struct QtTalk
{
    int fd;
    QmWsReader reader;
    QmWsKind last; /* what was heard last that was no text */
    json_t *heard; /* the last text; NULL: none */
} QtTalk;

extern void qt_talk_open(QtTalk *talk, int port, const char *path);
extern void qt_talk_close(QtTalk *talk);
extern void qt_talk_say(QtTalk *talk, const char *text);
/* qt_talk_say_often says a text so many times in one go, as the other end may hang up in the middle. */
extern void qt_talk_say_often(QtTalk *talk, const char *text, int times);
extern void qt_talk_frame(QtTalk *talk, QmWsOpcode opcode, const char *payload);
/* qt_talk_hear waits for the next text and returns it; NULL when the connection ends, or says goodbye, first. */
extern json_t *qt_talk_hear(QtTalk *talk);
/* qt_talk_kind waits for the next frame of any kind. */
extern QmWsKind qt_talk_kind(QtTalk *talk);

#endif
