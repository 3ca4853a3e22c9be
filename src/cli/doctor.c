/* SPDX-License-Identifier: MIT */
/* cli/doctor.c: what r1 finds on this machine, for people and for reports of faults. */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/file.h"
#include "num/cpu.h"
#include "reward/code_reward.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <inttypes.h>
#include <jansson.h>
#include <libfyaml.h>
#include <pcre2.h>
#include <seccomp.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <utf8proc.h>
#include <xxhash.h>

typedef struct Machine {
    char cpu[128];
    char isas[32];          /* those this CPU can run */
    const char *forced_isa; /* R1_ISA, or NULL */
    const char *isa;        /* the one in use, or NULL with the reason in isa_error */
    Error isa_error;
    int64_t n_processors;
    int64_t memory_bytes, memory_free_bytes, disk_free_bytes; /* -1: cannot be told */
} Machine;

/* A line such as "MemAvailable:  123 kB" of /proc/meminfo, in bytes; -1 when it is not there. */
static int64_t meminfo_bytes(const char *key)
{
    char *text;
    size_t length;
    Error ignored = {0};
    if (!file_read_all("/proc/meminfo", 1 << 20, &text, &length, &ignored)) return -1;
    const char *const line = strstr(text, key);
    const int64_t bytes = line ? strtoll(line + strlen(key), NULL, 10) * 1024 : -1;
    base_free(text);
    return bytes;
}

static int64_t disk_free_bytes(const char *path)
{
    struct statvfs info;
    if (statvfs(path, &info) != 0) return -1;
    return (int64_t)info.f_bavail * (int64_t)info.f_frsize;
}

static void look_at_machine(Machine *m)
{
    *m = (Machine){0};
    cpu_model_name(m->cpu, sizeof m->cpu);
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++) {
        const size_t used = strlen(m->isas);
        if (cpu_has(isa)) snprintf(m->isas + used, sizeof m->isas - used, "%s%s", used ? " " : "", cpu_isa_name(isa));
    }
    const char *const forced = getenv("R1_ISA");
    m->forced_isa = forced && *forced ? forced : NULL;
    Isa chosen;
    if (cpu_choose(&chosen, &m->isa_error)) m->isa = cpu_isa_name(chosen);
    m->n_processors = threads_available();
    m->memory_bytes = meminfo_bytes("MemTotal:");
    m->memory_free_bytes = meminfo_bytes("MemAvailable:");
    m->disk_free_bytes = disk_free_bytes(".");
}

typedef struct Library {
    const char *name;
    char version[48];
} Library;

enum { N_LIBRARIES = 7 };

static void look_at_libraries(Library libraries[N_LIBRARIES])
{
    const unsigned xxhash = XXH_versionNumber();
    libraries[0].name = "jansson";
    snprintf(libraries[0].version, sizeof libraries[0].version, "%s", jansson_version_str());
    libraries[1].name = "libfyaml";
    snprintf(libraries[1].version, sizeof libraries[1].version, "%s", fy_library_version());
    libraries[2].name = "pcre2";
    if (pcre2_config(PCRE2_CONFIG_VERSION, NULL) <= (int)sizeof libraries[2].version)
        pcre2_config(PCRE2_CONFIG_VERSION, libraries[2].version);
    libraries[3].name = "utf8proc";
    snprintf(libraries[3].version, sizeof libraries[3].version, "%s", utf8proc_version());
    libraries[4].name = "sqlite";
    snprintf(libraries[4].version, sizeof libraries[4].version, "%s", sqlite3_libversion());
    libraries[5].name = "xxhash";
    snprintf(libraries[5].version, sizeof libraries[5].version, "%u.%u.%u", xxhash / 10000, xxhash / 100 % 100,
             xxhash % 100);
    const struct scmp_version *const seccomp = seccomp_version();
    libraries[6].name = "libseccomp";
    snprintf(libraries[6].version, sizeof libraries[6].version, "%u.%u.%u", seccomp->major, seccomp->minor,
             seccomp->micro);
}

/* Whether programs of a model can be run here, and in which languages. */
typedef struct SandboxFound {
    bool holds;
    Error why_not;
    char languages[160];
} SandboxFound;

static void look_at_sandbox(SandboxFound *found)
{
    Sandbox *sandbox;
    *found = (SandboxFound){.languages = ""};
    if (!sandbox_open(&sandbox, &found->why_not)) return;
    found->holds = true;
    const char *program, *name;
    for (int i = 0; (name = code_language(i, &program)); i++) {
        if (!sandbox_has(sandbox, program)) continue;
        const size_t used = strlen(found->languages);
        snprintf(found->languages + used, sizeof found->languages - used, "%s%s", used ? " " : "", name);
    }
    sandbox_close(sandbox);
}

static void print_bytes(const Cli *cli, const char *name, int64_t bytes)
{
    if (bytes < 0)
        cli_print(cli, "%-12s unknown\n", name);
    else
        cli_print(cli, "%-12s %.1f GiB\n", name, (double)bytes / (double)(1 << 30));
}

static void print_machine(const Cli *cli, const Machine *m, const Library libraries[N_LIBRARIES],
                          const SandboxFound *sandbox)
{
    cli_print(cli, "%-12s %s\n", "version", R1_VERSION);
    cli_print(cli, "%-12s %s\n", "cpu", m->cpu);
    cli_print(cli, "%-12s %" PRId64 "\n", "processors", m->n_processors);
    cli_print(cli, "%-12s %" PRId64 "\n", "threads", cli->n_threads);
    cli_print(cli, "%-12s %s\n", "kernels", m->isas[0] ? m->isas : "none: this CPU has no FMA");
    cli_print(cli, "%-12s %s%s\n", "in use", m->isa ? m->isa : m->isa_error.text,
              m->isa && m->forced_isa ? " (R1_ISA)" : "");
    print_bytes(cli, "memory", m->memory_bytes);
    print_bytes(cli, "free memory", m->memory_free_bytes);
    print_bytes(cli, "free disk", m->disk_free_bytes);
    for (int i = 0; i < N_LIBRARIES; i++) cli_print(cli, "%-12s %s\n", libraries[i].name, libraries[i].version);
    if (sandbox->holds)
        cli_print(cli, "%-12s holds; programs in %s\n", "sandbox", sandbox->languages);
    else
        cli_print(cli, "%-12s does not hold, so no program of a model is run: %s\n", "sandbox", sandbox->why_not.text);
}

static void json_bytes(JsonOut *out, const char *key, int64_t bytes)
{
    json_out_key(out, key);
    if (bytes < 0)
        json_out_null(out);
    else
        json_out_int(out, bytes);
}

static bool print_json(const Cli *cli, const Machine *m, const Library libraries[N_LIBRARIES],
                       const SandboxFound *sandbox, Error *err)
{
    JsonOut out = {0};
    json_out_object(&out);
    json_out_kv_string(&out, "version", R1_VERSION);
    json_out_kv_string(&out, "cpu", m->cpu);
    json_out_kv_int(&out, "processors", m->n_processors);
    json_out_kv_int(&out, "threads", cli->n_threads);
    json_out_key(&out, "isas");
    json_out_array(&out);
    for (Isa isa = ISA_C; isa <= ISA_AVX512; isa++)
        if (cpu_has(isa)) json_out_cstring(&out, cpu_isa_name(isa));
    json_out_array_end(&out);
    json_out_kv_string(&out, "isa", m->isa);
    json_out_kv_bool(&out, "isa_forced", m->forced_isa != NULL);
    json_bytes(&out, "memory_bytes", m->memory_bytes);
    json_bytes(&out, "memory_free_bytes", m->memory_free_bytes);
    json_bytes(&out, "disk_free_bytes", m->disk_free_bytes);
    json_out_key(&out, "libraries");
    json_out_object(&out);
    for (int i = 0; i < N_LIBRARIES; i++) json_out_kv_string(&out, libraries[i].name, libraries[i].version);
    json_out_object_end(&out);
    json_out_key(&out, "sandbox");
    json_out_object(&out);
    json_out_kv_bool(&out, "holds", sandbox->holds);
    json_out_kv_string(&out, "reason", sandbox->holds ? NULL : sandbox->why_not.text);
    json_out_kv_string(&out, "languages", sandbox->languages);
    json_out_object_end(&out);
    json_out_object_end(&out);
    const bool ok = json_out_line(&out, stdout, err);
    json_out_free(&out);
    return ok;
}

static bool list_failpoints(const Cli *cli, Error *err)
{
    bool ok = true;
    JsonOut out = {0};
    for (const char *const *name = failpoint_names(); ok && *name; name++) {
        cli_print(cli, "%s\n", *name);
        if (!cli->json) continue;
        json_out_object(&out);
        json_out_kv_string(&out, "failpoint", *name);
        json_out_object_end(&out);
        ok = json_out_line(&out, stdout, err);
    }
    json_out_free(&out);
    return ok;
}

static bool run(Cli *cli, int argc, char **argv, Error *err)
{
    bool failpoints = false;
    const CliOption options[] = {
        CLI_FLAG("--failpoints", &failpoints,
                 "list the places where R1_FAILPOINT=name[@n]=kill|enospc|eio|eacces can strike"),
        CLI_END,
    };
    if (!cli_parse(cli, options, argc, argv, NULL, 0, 0, err)) return false;
    if (failpoints) return list_failpoints(cli, err);

    Machine machine;
    Library libraries[N_LIBRARIES] = {0};
    look_at_machine(&machine);
    look_at_libraries(libraries);
    SandboxFound sandbox;
    look_at_sandbox(&sandbox);
    print_machine(cli, &machine, libraries, &sandbox);
    if (cli->json && !print_json(cli, &machine, libraries, &sandbox, err)) return false;
    if (machine.isa) return true;
    *err = machine.isa_error;
    return false;
}

const Command command_doctor = {
    .name = "doctor",
    .summary = "what r1 finds on this machine: CPU, kernels, memory, disk, libraries, sandbox",
    .usage = "r1 doctor [--failpoints]",
    .details = "Fails when this CPU cannot run r1 or R1_ISA asks for kernels it cannot run.",
    .example = "build/release/r1 doctor",
    .run = run,
};
