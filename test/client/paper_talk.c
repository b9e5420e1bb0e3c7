/*
 * A WebSocket for tests.
 */
#include "paper_talk.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "check.h"

#define WAIT_S 20
#define MESSAGE_MAX (4 * 1024 * 1024)

void
qt_talk_open(QtTalk *talk, int port, const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t) port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval wait = {.tv_sec = WAIT_S};
    char key[QM_WS_KEY_SIZE];
    char head[4096];
    size_t length = 0;
    int count;

    memset(talk, 0, sizeof(*talk));
    talk->reader.message_max = MESSAGE_MAX;
    talk->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(talk->fd, (struct sockaddr *) &address, sizeof(address)), 0);
    setsockopt(talk->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    assert_true(qm_ws_key(key));
    count = snprintf(head,
                     sizeof(head),
                     "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n"
                     "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
                     path,
                     key);
    assert_int_equal(send(talk->fd, head, (size_t) count, 0), count);
    do
    {
        assert_int_equal(recv(talk->fd, head + length, 1, 0), 1);
        head[++length] = '\0';
    } while (length < sizeof(head) - 1 && (length < 4 || strcmp(head + length - 4, "\r\n\r\n") != 0));
    if (qm_ws_upgrade_fault(head, key) != NULL)
        qt_fail("%s: %s\n%s", path, qm_ws_upgrade_fault(head, key), head);
}

void
qt_talk_close(QtTalk *talk)
{
    close(talk->fd);
    qm_ws_reader_free(&talk->reader);
    json_decref(talk->heard);
    talk->heard = NULL;
}

/* send_frames sends a frame so many times in one go. */
static void
send_frames(QtTalk *talk, QmWsOpcode opcode, const char *payload, int times)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    char *frames = malloc((size_t) times * (strlen(payload) + QM_WS_HEADER_MAX));
    size_t length = 0;

    for (int i = 0; i < times; i++)
        length += qm_ws_frame(frames + length, opcode, payload, strlen(payload), mask);
    assert_int_equal(send(talk->fd, frames, length, MSG_NOSIGNAL), length);
    free(frames);
}

void
qt_talk_frame(QtTalk *talk, QmWsOpcode opcode, const char *payload)
{
    send_frames(talk, opcode, payload, 1);
}

void
qt_talk_say(QtTalk *talk, const char *text)
{
    qt_talk_say_often(talk, text, 1);
}

void
qt_talk_say_often(QtTalk *talk, const char *text, int times)
{
    send_frames(talk, QM_WS_OP_TEXT, text, times);
}

QmWsKind
qt_talk_kind(QtTalk *talk)
{
    for (;;)
    {
        char bytes[65536];
        const char *payload = NULL;
        size_t size = 0;
        ssize_t count;

        talk->last = qm_ws_next(&talk->reader, &payload, &size);
        if (talk->last == QM_WS_TEXT)
        {
            json_decref(talk->heard);
            talk->heard = json_loadb(payload, size, 0, NULL);
        }
        if (talk->last != QM_WS_MORE)
            return talk->last;
        count = recv(talk->fd, bytes, sizeof(bytes), 0);
        if (count < 0)
            qt_fail("nothing was heard within %d s", WAIT_S);
        if (count == 0)
            return talk->last = QM_WS_CLOSE;
        assert_true(qm_ws_feed(&talk->reader, bytes, (size_t) count));
    }
}

json_t *
qt_talk_hear(QtTalk *talk)
{
    QmWsKind kind;

    do
        kind = qt_talk_kind(talk);
    while (kind == QM_WS_PING || kind == QM_WS_PONG);
    return kind == QM_WS_TEXT ? talk->heard : NULL;
}
