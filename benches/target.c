// The program that launchers start: succeeds if a variable whose name ends in PASSWORD1 holds the secret.
#define _GNU_SOURCE
#include <string.h>
#include <unistd.h>

int main(void) {
    for (char **entry = environ; *entry; entry++)
        if (strstr(*entry, "PASSWORD1=value")) return 0;
    return 1;
}
