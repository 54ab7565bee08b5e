/* The program of the test images: shows what it is and what it got, and then does what it is told to. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    printf("pid %d, user %d\n", getpid(), getuid());
    for (char **entry = environ; *entry; entry++)
        puts(*entry);
    fflush(stdout);
    if (argc == 3 && strcmp(argv[1], "exit") == 0)
        return atoi(argv[2]);
    if (argc == 3 && strcmp(argv[1], "resolve") == 0)
        return getaddrinfo(argv[2], NULL, NULL, &(struct addrinfo *){NULL}) != 0;
    if (argc == 2 && strcmp(argv[1], "stay") == 0)
        pause();
    return 0;
}
