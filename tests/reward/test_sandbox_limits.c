/* SPDX-License-Identifier: MIT */
/* Programs that try to take the machine with them: processes, memory, files, output, time. */
#include "reward/sandbox_attack.h"

#include <sys/prctl.h>

/* ---- taking the machine along ---- */

static void a_fork_bomb_is_small(void **state)
{
    (void)state;
    const SandboxLimits limits = small_limits();
    ends_by(SANDBOX_TIME, &limits,
            "while True:\n"
            "    try: os.fork()\n"
            "    except OSError:\n"
            "        if len([p for p in os.listdir('/proc') if p.isdigit()]) > 40: escaped('too many')\n");
}

static void threads_are_counted(void **state)
{
    (void)state;
    SandboxLimits limits = small_limits();
    limits.idle_ms = 1000;
    ends_by(SANDBOX_TIME, &limits,
            "import threading\n"
            "n = 0\n"
            "try:\n"
            "    while n < 1000:\n"
            "        threading.Thread(target=time.sleep, args=(100,), daemon=True).start(); n += 1\n"
            "except RuntimeError: pass\n"
            "if n > 32: escaped('threads')\n"
            "time.sleep(100)\n");
}

static void memory_is_bounded_over_all_processes(void **state)
{
    (void)state;
    SandboxLimits limits = small_limits();
    limits.cpu_ms = 20000;
    ends_by(SANDBOX_MEMORY, &limits, "x = []\nwhile True: x.append(bytearray(1 << 20))\n");
    ends_by(SANDBOX_MEMORY, &limits,
            "for i in range(20):\n"
            "    if os.fork() == 0:\n"
            "        x = bytearray(b'x') * (30 << 20)\n"
            "        time.sleep(100)\n"
            "time.sleep(100)\n");
    ends_by(SANDBOX_MEMORY, &limits, /* shared memory */
            "import mmap\n"
            "x = []\n"
            "while True:\n"
            "    m = mmap.mmap(-1, 1 << 20); m.write(b'x' * (1 << 20)); x.append(m)\n");
    ends_by(SANDBOX_MEMORY, &limits, "x = bytearray(1 << 40)\n"); /* says so itself */
}

static void files_are_bounded(void **state)
{
    (void)state;
    SandboxLimits limits = small_limits();
    limits.tmp_bytes = 32 << 20;
    limits.file_bytes = 8 << 20;
    limits.cpu_ms = 20000;
    SandboxResult r;
    run_python("n = 0\n"
               "try:\n"
               "    for i in range(1000):\n"
               "        with open('/tmp/%d' % i, 'wb') as f:\n"
               "            for j in range(4): n += f.write(b'x' * (1 << 20))\n"
               "except OSError as e: print('stopped', n >> 20, flush=True)\n"
               "if n > 40 << 20: escaped('disk')\n"
               "for i in range(1000):\n"
               "    try: os.unlink('/tmp/%d' % i)\n"
               "    except OSError: pass\n"
               "try: open('/tmp/big', 'wb').write(b'x' * (9 << 20)); escaped('big file')\n"
               "except OSError: print('not so big')\n",
               &limits, &r);
    if (strstr(r.output, "ESCAPED") || !strstr(r.output, "stopped") || !strstr(r.output, "not so big")) {
        print_result(&r);
        fail();
    }
    sandbox_result_free(&r);
    /* A file costs memory also when it is empty. */
    ends_by(SANDBOX_MEMORY, &limits,
            "i = 0\n"
            "while True:\n"
            "    os.close(os.open('/tmp/%d' % i, os.O_CREAT | os.O_WRONLY)); i += 1\n");
}

static void output_is_bounded(void **state)
{
    (void)state;
    SandboxLimits limits = small_limits();
    limits.output_bytes = 1 << 20;
    ends_by(SANDBOX_OUTPUT, &limits, "while True: os.write(1, b'x' * 65536)\n");
    ends_by(SANDBOX_OUTPUT, &limits, "while True: os.write(2, b'x' * 65536)\n");
}

/* ---- time ---- */

static void processor_time_is_of_all_processes(void **state)
{
    (void)state;
    const SandboxLimits limits = small_limits();
    ends_by(SANDBOX_TIME, &limits, "while True: pass\n");
    ends_by(SANDBOX_TIME, &limits, /* 16 processes of 0.5 s: none is over the limit by itself */
            "for i in range(16):\n"
            "    if os.fork() == 0:\n"
            "        while time.process_time() < 0.5: pass\n"
            "        os._exit(0)\n"
            "for i in range(16): os.wait()\n");
}

static void time_of_children_that_nobody_waits_for_counts(void **state)
{
    (void)state;
    const SandboxLimits limits = small_limits();
    ends_by(SANDBOX_TIME, &limits,
            "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\n"
            "while True:\n"
            "    if os.fork() == 0:\n"
            "        while time.process_time() < 0.3: pass\n"
            "        os._exit(0)\n"
            "    try: os.wait()\n"
            "    except OSError: pass\n");
}

static void sleeping_ends(void **state)
{
    (void)state;
    SandboxLimits limits = small_limits();
    limits.idle_ms = 500;
    limits.wall_ms = 5000;
    ends_by(SANDBOX_TIME, &limits, "os.kill(os.getpid(), signal.SIGSTOP)\n");
    /* The parent of a vfork looks as if it waited for a disk. 58 is vfork, 34 pause; both are called in the child, which shares
     * the memory, so by a machine code that touches no stack. */
    for (int hidden = 0; hidden < 2; hidden++) {
        char text[512];
        snprintf(
            text, sizeof text,
            "if %d: ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n" /* PR_SET_DUMPABLE: what it waits in cannot be read */
            "import mmap\n"
            "code = bytes.fromhex('b83a0000000f05' '85c0' '7509' 'b8220000000f05' 'ebf7' 'c3')\n"
            "m = mmap.mmap(-1, 4096, prot=7); m.write(code)\n"
            "address = ctypes.addressof(ctypes.c_char.from_buffer(m))\n"
            "ctypes.CFUNCTYPE(ctypes.c_int)(address)()\n",
            hidden);
        ends_by(SANDBOX_TIME, &limits, text);
    }
    ends_by(SANDBOX_TIME, &limits, "time.sleep(1000)\n");
    ends_by(SANDBOX_TIME, &limits, "while True: time.sleep(0.01)\n");
}

/* Beside eight processes that spin on the same processors: it waits most of the time, and is not charged for it. */
static void waiting_for_a_processor_is_free(void **state)
{
    (void)state;
    enum { SPINNERS = 8 };
    pid_t spinners[SPINNERS];
    for (int i = 0; i < SPINNERS; i++)
        if ((spinners[i] = fork()) == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            setsid(); /* the kernel may share processors out by sessions */
            for (;;) {}
        }
    SandboxLimits limits = sandbox_default_limits();
    limits.cpu_ms = 1000;
    limits.idle_ms = 300;
    SandboxResult r;
    char *const text = base_printf("import time\nwhile time.process_time() < 0.4: pass\nprint('done')\n");
    const char *const argv[] = {"python3", "-s", "/box/main.py", NULL};
    const SandboxProgram program = {
        .argv = argv, .files = {{.path = "/box/main.py", .bytes = text, .length = strlen(text)}}, .n_files = 1};
    sandbox_run(sandbox, &limits, &program, &r, NULL);
    for (int i = 0; i < SPINNERS; i++) {
        kill(spinners[i], SIGKILL);
        waitpid(spinners[i], NULL, 0);
    }
    if (r.end != SANDBOX_EXITED || strcmp(r.output, "done\n") != 0) {
        print_result(&r);
        fail();
    }
    print_message("%.2f s of processor in %.2f s\n", 1e-6 * (double)r.cpu_us, 1e-6 * (double)r.wall_us);
    sandbox_result_free(&r);
    base_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fork_bomb_is_small),
        cmocka_unit_test(threads_are_counted),
        cmocka_unit_test(memory_is_bounded_over_all_processes),
        cmocka_unit_test(files_are_bounded),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(processor_time_is_of_all_processes),
        cmocka_unit_test(time_of_children_that_nobody_waits_for_counts),
        cmocka_unit_test(sleeping_ends),
        cmocka_unit_test(waiting_for_a_processor_is_free),
    };
    const int status = attack_begin();
    return status ? status : attack_end(cmocka_run_group_tests(tests, NULL, NULL));
}
