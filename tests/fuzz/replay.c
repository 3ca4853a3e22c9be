/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files of folders, once each: how the corpora stay tests where no fuzzer is built. */
#include "base/arena.h"
#include "base/file.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay_file(const char *path)
{
    char *text = NULL;
    size_t size = 0;
    Error err = {0};
    if (!file_read_all(path, (size_t)1 << 30, &text, &size, &err)) return false;
    /* An allocation of exactly the input's size, so that ASan sees a read past its end. */
    uint8_t *data = malloc(size ? size : 1);
    if (size) memcpy(data, text, size);
    base_free(text);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    return true;
}

int main(int argc, char **argv)
{
    int n_files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (!folder) {
            fprintf(stderr, "%s: cannot be opened\n", argv[i]);
            return 1;
        }
        for (struct dirent *entry; (entry = readdir(folder));) {
            if (entry->d_name[0] == '.') continue;
            char path[PATH_MAX];
            snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
            if (!replay_file(path)) {
                fprintf(stderr, "%s: cannot be read\n", path);
                return 1;
            }
            n_files++;
        }
        closedir(folder);
    }
    printf("%d inputs\n", n_files);
    return n_files > 0 ? 0 : 1;
}
