// floor HOST PORT PATHS PROGRAM: the least work that starts a program with secrets. Sends the requests that vault-exec sends,
// takes one value from each response and calls execve. If VAULT_ROLE_ID is set, it logs in with AppRole first and revokes the
// token at the end. Uses up to four connections, as vault-exec does. Compiled with TLS, it speaks TLS; see tls.c.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef TLS
#include "tls.c"
#else
typedef int connection;
static struct in_addr resolve(const char *host) { exit(125); }
static connection secure(int socket, const char *host) { return socket; }
static ssize_t send_bytes(connection to, const char *bytes, size_t length) { return write(to, bytes, length); }
static ssize_t receive(connection from, char *bytes, size_t length) { return read(from, bytes, length); }
#endif

static char text[16384], authority[280];

static connection connect_to(const char *host, const char *port) {
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    int one = 1, to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (!inet_aton(host, &server.sin_addr)) server.sin_addr = resolve(host);
    if (connect(to, (struct sockaddr *)&server, sizeof server)) exit(125);
    setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return secure(to, host);
}

static void send_request(connection to, const char *token, const char *request, const char *format, ...) {
    char body[512];
    va_list values;
    va_start(values, format);
    int body_length = vsnprintf(body, sizeof body, format, values);
    va_end(values);
    int length = snprintf(text, sizeof text, "%s HTTP/1.1\r\nx-vault-request: true\r\n", request);
    if (token) length += snprintf(text + length, sizeof text - length, "x-vault-token: %s\r\n", token);
    length += snprintf(text + length, sizeof text - length, "host: %s\r\n", authority);
    if (body_length) length += snprintf(text + length, sizeof text - length, "content-length: %d\r\n", body_length);
    length += snprintf(text + length, sizeof text - length, "\r\n%s", body);
    if (send_bytes(to, text, length) != length) exit(125);
}

static void request_path(int path, connection to, const char *token) {
    char request[64];
    snprintf(request, sizeof request, "GET /v1/secret/data/bench%d", path);
    send_request(to, token, request, "");
}

// Reads a response. It ends with the line end after the JSON text, or after the headers if the status is 204.
static void read_response(connection from) {
    size_t length = 0;
    ssize_t part;
    while ((part = receive(from, text + length, sizeof text - 1 - length)) > 0) {
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
    if (argc < 5) return 2;
    snprintf(authority, sizeof authority, "%s:%s", argv[1], argv[2]);
    int paths = atoi(argv[3]), count = paths < 4 ? paths : 4;
    connection connections[4];
    char token[256], name[32], *given = getenv("VAULT_TOKEN"), *role = getenv("VAULT_ROLE_ID");
    for (int i = 0; i < count; i++) {
        connections[i] = connect_to(argv[1], argv[2]);
        if (role && i == 0) {
            send_request(connections[0], NULL, "POST /v1/auth/approle/login", "{\"role_id\":\"%s\",\"secret_id\":\"%s\"}", role,
                         getenv("VAULT_SECRET_ID"));
            read_response(connections[0]);
            given = strcpy(token, json_string("client_token"));
        }
        request_path(i + 1, connections[i], given);
    }
    for (int i = 0; i < paths; i++) {
        read_response(connections[i % count]);
        snprintf(name, sizeof name, "password%d", i + 1);
        char *secret = json_string(name);
        snprintf(name, sizeof name, "PASSWORD%d", i + 1);
        setenv(name, secret, 1);
        if (i + count < paths) request_path(i + count + 1, connections[i % count], given);
    }
    if (role) {
        send_request(connections[0], given, "POST /v1/auth/token/revoke-self", "{}");
        read_response(connections[0]);
    }
    unsetenv("VAULT_TOKEN");
    unsetenv("VAULT_SECRET_ID");
    execv(argv[4], argv + 4);
    return 126;
}
