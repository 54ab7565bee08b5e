// floor PORT PATHS PROGRAM: the least work that starts a program with secrets. Connects to 127.0.0.1:PORT, sends one request
// per path, takes one value from each response and calls execve. If VAULT_ROLE_ID is set, it logs in with AppRole first and
// revokes the token at the end. Uses up to four connections; more are slower.
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char text[16384];

static void send_request(int to, const char *format, ...) {
    va_list values;
    va_start(values, format);
    int length = vsnprintf(text, sizeof text, format, values);
    va_end(values);
    if (write(to, text, length) != length) exit(125);
}

static void request_path(int path, int to, const char *token) {
    send_request(to, "GET /v1/secret/data/bench%d HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n\r\n", path, token);
}

// Reads a response. It ends with the line end after the JSON text, or after the headers if the status is 204.
static void read_response(int from) {
    size_t length = 0;
    ssize_t part;
    while ((part = read(from, text + length, sizeof text - 1 - length)) > 0) {
        text[length += part] = 0;
        if (text[length - 1] == '\n' && (strchr(text, '{') || strstr(text, " 204 "))) return;
    }
    exit(125);
}

static char *json_string(const char *key) {
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
            send_request(sockets[0], "POST /v1/auth/approle/login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: %d\r\n\r\n%s", length, body);
            read_response(sockets[0]);
            given = strcpy(token, json_string("client_token"));
        }
        request_path(i + 1, sockets[i], given);
    }
    for (int i = 0; i < paths; i++) {
        read_response(sockets[i % count]);
        snprintf(name, sizeof name, "password%d", i + 1);
        char *secret = json_string(name);
        snprintf(name, sizeof name, "PASSWORD%d", i + 1);
        setenv(name, secret, 1);
        if (i + count < paths) request_path(i + count + 1, sockets[i % count], given);
    }
    if (role) {
        send_request(sockets[0], "POST /v1/auth/token/revoke-self HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nX-Vault-Token: %s\r\n\r\n", given);
        read_response(sockets[0]);
    }
    unsetenv("VAULT_TOKEN");
    unsetenv("VAULT_SECRET_ID");
    execv(argv[3], argv + 3);
    return 126;
}
