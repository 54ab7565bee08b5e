// The least that starting a program with a secret can take: connects to 127.0.0.1, asks once for each path, takes one value
// out of each answer, execs.  floor PORT PATHS PROGRAM
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv) {
    if (argc < 4) return 2;
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int paths = atoi(argv[2]), sockets[16];
    char text[16384], name[32];
    for (int i = 0; i < paths; i++) {
        sockets[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(sockets[i], (struct sockaddr *)&server, sizeof server)) return 125;
        int length = snprintf(text, sizeof text, "GET /v1/secret/data/bench%d HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Vault-Token: %s\r\n\r\n", i + 1, getenv("VAULT_TOKEN"));
        if (write(sockets[i], text, length) != length) return 125;
    }
    for (int i = 0; i < paths; i++) {
        size_t length = 0;
        ssize_t part;
        // The answer is complete with the line's end behind its JSON text.
        while ((part = read(sockets[i], text + length, sizeof text - 1 - length)) > 0)
            if (text[(length += part) - 1] == '\n' && memchr(text, '{', length)) break;
        text[length] = 0;
        snprintf(name, sizeof name, "\"password%d\":\"", i + 1);
        char *value = strstr(text, name);
        if (!value) return 125;
        value += strlen(name);
        *strchr(value, '"') = 0;
        snprintf(name, sizeof name, "PASSWORD%d", i + 1);
        setenv(name, value, 1);
    }
    unsetenv("VAULT_TOKEN");
    execv(argv[3], argv + 3);
    return 126;
}
