// What is started: `true` for whoever brings it the secret, under whatever name ends in PASSWORD1.
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

int main(void) {
    for (char **entry = environ; *entry; entry++)
        if (strstr(*entry, "PASSWORD1=value")) return 0;
    return 1;
}
