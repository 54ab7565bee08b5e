// measure FILE PROGRAM [ARG]...: runs PROGRAM and writes to FILE: wall time in ns, user and system time in µs, peak memory
// in KiB, page faults. Small and static, because the kernel counts the parent's memory towards the peak of its child.
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long ns(const struct timespec *t) { return t->tv_sec * 1000000000LL + t->tv_nsec; }
static long long us(const struct timeval *t) { return t->tv_sec * 1000000LL + t->tv_usec; }

int main(int argc, char **argv) {
    struct timespec start, end;
    struct rusage used;
    int status;
    if (argc < 3) return 2;
    FILE *out = fopen(argv[1], "we");
    if (!out) return 2;
    clock_gettime(CLOCK_MONOTONIC, &start);
    pid_t child = vfork();
    if (child == 0) {
        execvp(argv[2], argv + 2);
        _exit(127);
    }
    if (child < 0 || wait4(child, &status, 0, &used) != child) return 2;
    clock_gettime(CLOCK_MONOTONIC, &end);
    fprintf(out, "%lld %lld %ld %ld\n", ns(&end) - ns(&start), us(&used.ru_utime) + us(&used.ru_stime), used.ru_maxrss,
            used.ru_minflt);
    if (fclose(out)) return 2;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
