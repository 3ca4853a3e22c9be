/* SPDX-License-Identifier: MIT */
/* reward/inside/look.c: see look.h. It reads what a program can write into (its name) and trusts none of it. */
#include "reward/inside/look.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

static ssize_t read_small(const char *pid, const char *name, char *text, size_t capacity)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/%s", pid, name);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    const ssize_t n = read(fd, text, capacity - 1);
    close(fd);
    if (n >= 0) text[n] = '\0';
    return n;
}

/* The parent of a vfork looks as if it waited for a disk; it may wait for a child that sleeps. A process that will not be looked at
 * (prctl) may be one. */
static bool waits_for_vfork(const char *pid)
{
    char text[256];
    if (read_small(pid, "syscall", text, sizeof text) <= 0) return true;
    const long call = strtol(text, NULL, 10);
    return *text >= '0' && *text <= '9' && (call == SYS_vfork || call == SYS_clone || call == SYS_clone3);
}

/* "pid (name) state ppid ...": the name may hold anything, so what follows begins behind the last ')'. Fields 14 to 17 are user
 * and system time, its own and of children that it has waited for. */
static void look_at_time(int64_t ticks_a_second, const char *pid, Look *look)
{
    char text[1024];
    long long time[4] = {0};
    char state = 'Z';
    if (read_small(pid, "stat", text, sizeof text) <= 0) return;
    const char *const rest = strrchr(text, ')');
    if (!rest) return;
    if (sscanf(rest + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lld %lld %lld %lld", &state, &time[0], &time[1],
               &time[2], &time[3]) != 5)
        return;
    look->cpu_us += (time[0] + time[1] + time[2] + time[3]) * 1000000 / ticks_a_second;
    look->wants = look->wants || state == 'R' || (state == 'D' && !waits_for_vfork(pid));
}

/* Pages of programs and libraries are everybody's; what a process made itself is anonymous or shared memory. */
static void look_at_memory(const char *pid, Look *look)
{
    char text[4096];
    static const char *const keys[] = {"\nRssAnon:", "\nRssShmem:"};
    if (read_small(pid, "status", text, sizeof text) <= 0) return;
    for (int i = 0; i < 2; i++) {
        const char *const line = strstr(text, keys[i]);
        if (line) look->bytes += strtoll(line + strlen(keys[i]), NULL, 10) * 1024;
    }
}

int64_t look_reaped_us(void)
{
    struct rusage used;
    getrusage(RUSAGE_CHILDREN, &used);
    return (int64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000 + used.ru_utime.tv_usec +
           used.ru_stime.tv_usec;
}

void look_around(Look *look, int64_t ticks_a_second, int64_t reaped_before_us)
{
    enum { BYTES_OF_A_FILE = 1024 }; /* an empty file costs the kernel about as much */
    struct statvfs files;
    *look = (Look){.cpu_us = look_reaped_us() - reaped_before_us};
    if (statvfs("/tmp", &files) == 0)
        look->bytes += (int64_t)(files.f_blocks - files.f_bfree) * (int64_t)files.f_frsize +
                       (int64_t)(files.f_files - files.f_ffree) * BYTES_OF_A_FILE;
    DIR *const folder = opendir("/proc");
    if (!folder) return;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || strcmp(entry->d_name, "1") == 0) continue;
        look_at_time(ticks_a_second, entry->d_name, look);
        look_at_memory(entry->d_name, look);
    }
    closedir(folder);
}

long look_newest_process(void)
{
    char text[128];
    const int fd = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *const last = strrchr(text, ' ');
    return last ? strtol(last, NULL, 10) : 0;
}
