/*
 * Redis servers and Sentinels of the client tests.
 */
#include "redis_server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum
{
    ARGUMENTS_MAX = 32,
    WAIT_STEPS = 3000,
    WAIT_STEP_US = 10000
};

/* qt_free_port returns a port that nothing listens on. */
int
qt_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *) &address, size) != 0 || getsockname(fd, (struct sockaddr *) &address, &size) != 0)
        qt_fail("no free port");
    close(fd);
    return ntohs(address.sin_port);
}

/* spawn starts a program that ends with this one, its output in a file of the scratch folder. */
static pid_t
spawn(char *const *arguments)
{
    pid_t pid = fork();

    if (pid < 0)
        qt_fail("cannot fork");
    if (pid == 0)
    {
        int log = open("redis.log", O_WRONLY | O_CREAT | O_APPEND, 0600);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

/* qt_redis_start starts a server on a port (0: a free one) and waits until it answers; more settings end with NULL. */
void
qt_redis_start(QtRedis *redis, int port, const char *const *more)
{
    static const char *const settings[] = {"--save", "", "--appendonly", "no", "--bind", "127.0.0.1"};
    char *arguments[ARGUMENTS_MAX] = {(char *) "redis-server", (char *) "--port"};
    char text[16];
    int count = 2;

    redis->port = port == 0 ? qt_free_port() : port;
    snprintf(redis->addr, sizeof(redis->addr), "127.0.0.1:%d", redis->port);
    snprintf(text, sizeof(text), "%d", redis->port);
    arguments[count++] = text;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        arguments[count++] = (char *) settings[i];
    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        arguments[count++] = (char *) more[i];
    redis->pid = spawn(arguments);
    qt_redis_until(redis, "PING", "PONG");
}

/* qt_redis_stop ends a server with a signal. */
void
qt_redis_stop(QtRedis *redis, int signal)
{
    if (redis->pid == 0)
        return;
    kill(redis->pid, signal);
    waitpid(redis->pid, NULL, 0);
    redis->pid = 0;
}

/* qt_sentinel_start starts one Sentinel, which decides alone, over a master. */
void
qt_sentinel_start(QtRedis *sentinel, const QtRedis *master)
{
    char path[64];
    char *const arguments[] = {(char *) "redis-sentinel", path, NULL};
    FILE *file;

    sentinel->port = qt_free_port();
    snprintf(sentinel->addr, sizeof(sentinel->addr), "127.0.0.1:%d", sentinel->port);
    snprintf(path, sizeof(path), "sentinel-%d.conf", sentinel->port);
    file = fopen(path, "w");
    if (file == NULL)
        qt_fail("cannot write %s", path);
    fprintf(file,
            "port %d\nbind 127.0.0.1\nsentinel monitor mymaster 127.0.0.1 %d 1\n"
            "sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 2000\n",
            sentinel->port,
            master->port);
    fclose(file);
    sentinel->pid = spawn(arguments);
    qt_redis_until(sentinel, "PING", "PONG");
}

/* qt_redis_cli runs one command of redis-cli and returns what it prints, without the end of the line. */
const char *
qt_redis_cli(const QtRedis *redis, const char *format, ...)
{
    static char answer[4096];
    char command[2048];
    char words[1536];
    va_list arguments;
    size_t len;
    FILE *pipe;

    va_start(arguments, format);
    vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    snprintf(command,
             sizeof(command),
             "redis-cli -p %d %s%s %s 2>&1",
             redis->port,
             redis->password == NULL ? "" : "--no-auth-warning -a ",
             redis->password == NULL ? "" : redis->password,
             words);
    pipe = popen(command, "r");
    if (pipe == NULL)
        qt_fail("cannot run redis-cli");
    len = fread(answer, 1, sizeof(answer) - 1, pipe);
    pclose(pipe);
    while (len > 0 && answer[len - 1] == '\n')
        len--;
    answer[len] = '\0';
    return answer;
}

/* qt_redis_until waits until a command's answer has a text in it. */
void
qt_redis_until(const QtRedis *redis, const char *command, const char *wanted)
{
    for (int i = 0; i < WAIT_STEPS; i++)
    {
        if (strstr(qt_redis_cli(redis, "%s", command), wanted) != NULL)
            return;
        usleep(WAIT_STEP_US);
    }
    qt_fail("%s never answers %s", command, wanted);
}
