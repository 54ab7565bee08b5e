// The least that starting a program with a secret can take: connects to 127.0.0.1, asks once for each path, takes one value
// out of each answer, execs.  floor PORT PATHS PROGRAM
// Where VAULT_ROLE_ID is set it logs in with AppRole, and revokes the token in the end. Ten paths go over four connections:
// more take longer.
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char text[16384];

static void ask(int to, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (write(to, text, length) != length) exit(125);
}

static void ask_for(int path, int to, const char *token) {
    ask(to, "GET /v1/secret/data/bench%d HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n\r\n", path, token);
}

// Reads an answer: it is complete with the line's end behind its JSON text, or behind the head if there is no text.
static void answer(int from) {
    size_t length = 0;
    ssize_t part;
    while ((part = read(from, text + length, sizeof text - 1 - length)) > 0) {
        text[length += part] = 0;
        if (text[length - 1] == '\n' && (strchr(text, '{') || strstr(text, " 204 "))) return;
    }
    exit(125);
}

static char *value(const char *key) {
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%s\":\"", key);
    char *start = strstr(text, quoted);
    if (!start) exit(125);
    start += strlen(quoted);
    *strchr(start, '"') = 0;
    return start;
}

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int paths = atoi(argv[2]), count = paths < 4 ? paths : 4, sockets[4];
    char token[256] = "", body[512], *given = getenv("VAULT_TOKEN"), *role = getenv("VAULT_ROLE_ID"), name[32];
    for (int i = 0; i < count; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(sockets[i], (struct sockaddr *)&server, sizeof server)) return 125;
        if (role && i == 0) {
            int length = snprintf(body, sizeof body, "{\"role_id\":\"%s\",\"secret_id\":\"%s\"}", role, getenv("VAULT_SECRET_ID"));
            ask(sockets[0], "POST /v1/auth/approle/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", length, body);
            answer(sockets[0]);
            given = strcpy(token, value("client_token"));
        }
        ask_for(i + 1, sockets[i], given);
    }
    for (int i = 0; i < paths; i++) {
        answer(sockets[i % count]);
        snprintf(name, sizeof name, "password%d", i + 1);
        char *secret = value(name);
        snprintf(name, sizeof name, "PASSWORD%d", i + 1);
        setenv(name, secret, 1);
        if (i + count < paths) ask_for(i + count + 1, sockets[i % count], given);
    }
    if (role) {
        ask(sockets[0], "POST /v1/auth/token/revoke-self HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nX-Vault-Token: %s\r\n\r\n", given);
        answer(sockets[0]);
    }
    unsetenv("VAULT_TOKEN");
    unsetenv("VAULT_SECRET_ID");
    execv(argv[3], argv + 3);
    return 126;
}
