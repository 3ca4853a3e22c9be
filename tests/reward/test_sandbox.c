/* SPDX-License-Identifier: MIT */
/* Programs that try to get out, to get at something, or to be believed. */
#include "reward/sandbox_attack.h"

/* ---- seeing and touching what is outside ---- */

static void files_of_the_host_cannot_be_read(void **state)
{
    (void)state;
    contained(
        "for p in (SECRET, '/etc/passwd', '/etc/shadow', '/root/.bashrc', '/proc/1/environ', '/proc/1/mem', "
        "'/proc/kcore',\n"
        "          '/proc/%d/environ' % HOST_PID, '/proc/1/root' + SECRET, '/proc/self/root' + SECRET, "
        "'/proc/1/cwd/x',\n"
        "          '/../..' + SECRET, '/proc/self/fd/3', '/dev/mem', '/dev/vda', '/dev/sda', '/proc/sysrq-trigger'):\n"
        "    tries(p, lambda: open(p, 'rb').read(1))\n"
        "for p in ('/root', '/home', '/sys', '/run', '/var', '/mnt', '/proc/1/fd', '/proc/1/task/1/fd'):\n"
        "    tries(p, lambda: os.listdir(p))\n");
}

static void links_do_not_lead_out(void **state)
{
    (void)state;
    contained("os.symlink(SECRET, '/tmp/link')\n"
              "tries('link', lambda: open('/tmp/link').read())\n"
              "os.symlink('/proc/1/root', '/tmp/root')\n"
              "tries('root link', lambda: os.listdir('/tmp/root'))\n"
              "tries('chroot', lambda: os.chroot('/tmp'))\n"
              "tries('link to init', lambda: os.readlink('/proc/1/exe'))\n"
              "tries('hard link', lambda: os.link('/usr/bin/env', '/tmp/env'))\n"
              "if sys_call(304, -100, b'x', 0) != -1: escaped('open_by_handle_at')\n");
}

static void nothing_outside_tmp_can_be_written(void **state)
{
    (void)state;
    contained("for p in ('/x', '/usr/x', '/usr/bin/env', '/etc/x', '/dev/x', '/box/x', '/box/main.py', "
              "'/proc/sys/kernel/hostname',\n"
              "          '/proc/sys/vm/drop_caches', '/proc/1/oom_score_adj', '/proc/1/comm', SECRET, SECRET + '2'):\n"
              "    tries(p, lambda: os.close(os.open(p, os.O_WRONLY | os.O_CREAT)))\n"
              "for p in ('/usr/bin/env', '/box/main.py', '/usr'):\n"
              "    tries('unlink ' + p, lambda: os.unlink(p)); tries('chmod ' + p, lambda: os.chmod(p, 0o777))\n"
              "open('/tmp/x', 'w').write('x')\n");
}

static void there_is_no_network(void **state)
{
    (void)state;
    contained(
        "def tcp():\n"
        "    s = socket.socket(); s.settimeout(2); s.connect(('127.0.0.1', PORT))\n"
        "def abstract():\n"
        "    s = socket.socket(socket.AF_UNIX); s.connect('\\0r1-escape-%d' % HOST_PID)\n"
        "tries('tcp', tcp); tries('abstract', abstract)\n"
        "for family in (1, 2, 10, 16, 17, 38, 40): tries('socket %d' % family, lambda: socket.socket(family, 2))\n"
        "tries('inet pair', lambda: socket.socketpair(socket.AF_INET))\n"
        "names = [l.split(':')[0].strip() for l in open('/proc/net/dev') if ':' in l]\n"
        "if names != ['lo']: escaped(names)\n"
        "a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'\n");
}

static void nothing_is_inherited(void **state)
{
    (void)state;
    const int secret = open(folder, O_RDONLY); /* not closed by exec, as libraries leave them */
    setenv("R1_ESCAPE_CANARY", "seen", 1);
    contained("if 'R1_ESCAPE_CANARY' in os.environ: escaped('environment')\n"
              "fds = [f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)]\n"
              "if sorted(fds) != ['0', '1', '2']: escaped(fds)\n"
              "status = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
              "if status['NoNewPrivs'].strip() != '1' or status['Seccomp'].strip() != '2': escaped('no filter')\n"
              "if any(int(status[c], 16) for c in ('CapEff', 'CapPrm', 'CapInh', 'CapBnd')): escaped('capabilities')\n"
              "if os.getuid() != 1000 or os.getpid() > 10: escaped('user or pid')\n");
    close(secret);
    unsetenv("R1_ESCAPE_CANARY");
}

/* Other kinds of sockets, and every family there is. */
static void no_kind_of_socket_can_be_made(void **state)
{
    (void)state;
    contained("for family in range(48):\n"
              "    for kind in (1, 2, 3, 5):\n"
              "        fd = sys_call(41, family, kind, 0)\n"
              "        if fd >= 0: escaped('socket %d %d' % (family, kind))\n"
              "if sys_call(53, 2, 1, 0, ctypes.byref((ctypes.c_int * 2)())) != -1: escaped('inet pair')\n"
              "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n" /* a pair's end reaches nobody by name */
              "tries('sendto', lambda: a.sendto(b'x', '\\0r1-escape-%d' % HOST_PID))\n"
              "tries('connect', lambda: a.connect('\\0r1-escape-%d' % HOST_PID))\n"
              "tries('bind', lambda: a.bind('\\0r1-inside'))\n");
}

static void expected_outputs_are_not_inside(void **state)
{
    (void)state;
    contained(
        "def look(folder, depth):\n"
        "    for name in os.listdir(folder):\n"
        "        p = os.path.join(folder, name)\n"
        "        if os.path.islink(p): continue\n"
        "        if os.path.isdir(p):\n"
        "            if depth: look(p, depth - 1)\n"
        "        else: found.append(p)\n"
        "found = []\n"
        "look('/box', 3); look('/tmp', 3); look('/dev', 3)\n"
        "if sorted(found) != ['/box/main.py', '/dev/null', '/dev/urandom', '/dev/zero']: escaped(found)\n"
        "if set(os.listdir('/')) - {'usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'dev', 'proc', 'tmp', "
        "'box', 'etc'}: escaped(os.listdir('/'))\n"
        "if set(os.listdir('/etc')) - {'ld.so.cache'}: escaped(os.listdir('/etc'))\n");
}

static void set_user_id_programs_gain_nothing(void **state)
{
    (void)state;
    contained(
        "import glob, subprocess\n"
        "n = 0\n"
        "for p in glob.glob('/usr/bin/*') + glob.glob('/usr/sbin/*') + glob.glob('/usr/lib/**/*', recursive=False):\n"
        "    try: mode = os.stat(p).st_mode\n"
        "    except OSError: continue\n"
        "    if not mode & 0o6000 or not os.access(p, os.X_OK): continue\n"
        "    n += 1\n"
        "    if n > 8: break\n"
        "    try: subprocess.run([p, '-c', 'id'], stdin=subprocess.DEVNULL, timeout=5, capture_output=True)\n"
        "    except Exception: pass\n"
        "try: out = subprocess.run(['/usr/bin/su', '-c', 'id'], stdin=subprocess.DEVNULL, timeout=5, "
        "capture_output=True).stdout\n"
        "except OSError: out = b''\n"
        "if b'uid=0' in out: escaped('su')\n"
        "open('/tmp/s', 'w').write('x'); os.chmod('/tmp/s', 0o6755)\n"
        "for a in ((105, 0), (113, 0, 0), (117, 0, 0, 0), (106, 0), (116, 0, 0), (126, 0, 0)):\n"
        "    if sys_call(*a) == 0: escaped('set*id %d' % a[0])\n");
}

/* ---- other processes ---- */

/* Process 1 is of the program's user: what users may do to each other's processes must not reach it. A watcher that can open no
 * file sees no memory; one that the kernel ends takes the verdict with it. */
static void the_first_process_cannot_be_blinded(void **state)
{
    (void)state;
    contained("import resource\n"
              "for what in range(16):\n"
              "    tries('prlimit %d' % what, lambda: resource.prlimit(1, what, (0, 0)))\n"
              "    tries('getppid %d' % what, lambda: resource.prlimit(os.getppid(), what))\n"
              "tries('setpriority', lambda: os.setpriority(os.PRIO_PROCESS, 1, 19))\n"
              "tries('of the user', lambda: os.setpriority(os.PRIO_USER, 1000, 19))\n"
              "tries('of the group', lambda: os.setpriority(os.PRIO_PGRP, 1, 19))\n"
              "tries('affinity', lambda: os.sched_setaffinity(1, {0}))\n"
              "tries('scheduler', lambda: os.sched_setscheduler(1, os.SCHED_IDLE, os.sched_param(0)))\n"
              "if sys_call(251, 1, 1, 3 << 13) != -1: escaped('ioprio_set')\n"
              "if sys_call(314, 1, 0, 0) != -1: escaped('sched_setattr')\n"
              "if sys_call(256, 1, 0, 0, 0) != -1: escaped('migrate_pages')\n"
              "for name in ('oom_score_adj', 'autogroup', 'sched', 'timerslack_ns', 'clear_refs', 'comm', "
              "'coredump_filter'):\n"
              "    tries(name, lambda: os.write(os.open('/proc/1/' + name, os.O_WRONLY), b'0'))\n"
              "resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32)); os.nice(1)\n"); /* itself, it may */
    const SandboxLimits limits = small_limits();
    ends_by(SANDBOX_MEMORY, &limits,
            "import resource\n"
            "try: resource.prlimit(1, resource.RLIMIT_NOFILE, (0, 0))\n"
            "except OSError: pass\n"
            "for i in range(8):\n"
            "    if os.fork() == 0:\n"
            "        x = bytearray(b'x') * (40 << 20)\n"
            "        time.sleep(100)\n"
            "time.sleep(100)\n");
}

static void other_processes_cannot_be_reached(void **state)
{
    (void)state;
    contained("if sys_call(101, 16, 1, 0, 0) != -1: escaped('ptrace attach')\n"
              "if sys_call(101, 0, 0, 0, 0) != -1: escaped('ptrace traceme')\n"
              "if sys_call(310, 1, 0, 0, 0, 0, 0) != -1: escaped('process_vm_readv')\n"
              "if sys_call(438, 3, 0, 0) != -1: escaped('pidfd_getfd')\n"
              "for p in (HOST_PID, HOST_PID - 1): tries('host pid %d' % p, lambda: os.kill(p, 0))\n"
              "if [p for p in os.listdir('/proc') if p.isdigit() and p not in ('1', str(os.getpid()))]: escaped('sees "
              "others')\n");
}

static void the_first_process_does_not_mind_signals(void **state)
{
    (void)state;
    contained("for s in list(range(1, 32)) + [34, 64]:\n"
              "    for target in (1, os.getppid()): os.kill(target, s)\n"
              "time.sleep(0.05)\n"
              "os.kill(1, signal.SIGSTOP)\n"
              "if os.fork() == 0: time.sleep(100)\n"
              "os.kill(-1, signal.SIGKILL)\n"); /* all but itself and process 1 */
}

static void dangerous_system_calls_are_not_there(void **state)
{
    (void)state;
    contained("calls = {'unshare': (272, 0x10000000), 'setns': (308, 0, 0), 'mount': (165, 0, b'/tmp', b'tmpfs', 0, "
              "0), 'pivot_root': (155, b'/', b'/'),\n"
              "  'umount2': (166, b'/tmp', 2), 'bpf': (321, 0, 0, 0), 'perf_event_open': (298, 0, 0, -1, -1, 0), "
              "'userfaultfd': (323, 0),\n"
              "  'io_uring_setup': (425, 1, 0), 'memfd_create': (319, b'x', 0), 'shmget': (29, 0, 4096, 0o1777), "
              "'mq_open': (240, b'x', 0o102, 0o600, 0),\n"
              "  'msgget': (68, 0, 0o1777), 'semget': (64, 0, 1, 0o1777), 'add_key': (248, b'user', b'x', b'x', 1, "
              "-4), 'keyctl': (250, 0, -4),\n"
              "  'clone3': (435, 0, 0), 'clone newuser': (56, 0x10000000 | 17, 0), 'personality': (135, 0x0040000), "
              "'open_tree': (428, -100, b'/', 1),\n"
              "  'init_module': (175, 0, 0, b''), 'kexec_load': (246, 0, 0, 0, 0), 'swapon': (167, b'x', 0), "
              "'settimeofday': (164, 0, 0),\n"
              "  'name_to_handle_at': (303, -100, b'/', 0, 0, 0), 'quotactl': (179, 0, 0, 0, 0), 'syslog': (103, 3, 0, "
              "0), 'kcmp': (312, 1, 1, 0, 0, 0),\n"
              "  'TIOCSTI': (16, 0, 0x5412, b'x'), 'request_key': (249, b'user', b'x', 0, -4), 'io_uring_enter': (426, "
              "3, 1, 0, 0, 0), "
              "'unshare newuser': (272, 0x10000000), 'unshare all': (272, 0x7e020000), 'landlock': (444, 0, 0, 1), "
              "'fsopen': (430, b'tmpfs', 0), 'move_mount': (429, -100, b'/', -100, b'/tmp', 0), "
              "'mount_setattr': (442, -100, b'/', 0, 0, 0), 'sethostname': (170, b'x', 1), 'acct': (163, b'/tmp/x'), "
              "'process_madvise': (440, 0, 0, 0, 21, 0), "
              "'personality of a new program': (135, 0xffffffff), 'iopl': (172, 3), 'modify_ldt': (154, 1, 0, 0), "
              "'seccomp': (317, 0, 0, 0), 'memfd_secret': (447, 0)}\n"
              "for name, a in calls.items():\n"
              "    if sys_call(*a) != -1: escaped(name)\n"
              "pid = os.fork()\n" /* calls of the other numbering, which a filter by numbers may forget */
              "if pid == 0:\n"
              "    if sys_call(0x40000000 + 101, 0, 0, 0, 0) != -1: escaped('x32')\n"
              "    os._exit(0)\n"
              "if os.waitpid(pid, 0)[1] != signal.SIGSYS: escaped('x32')\n");
}

static void a_daemon_does_not_outlive_its_test(void **state)
{
    (void)state;
    contained("if os.fork() == 0:\n"
              "    os.setsid()\n"
              "    signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
              "    if os.fork() == 0:\n"
              "        time.sleep(1000)\n" /* with stdout held open */
              "    os._exit(0)\n");
}

/* ---- being believed ---- */

static void the_report_cannot_be_forged(void **state)
{
    (void)state;
    contained("import struct\n"
              "report = struct.pack('iiiiqqq', 2, 0, 0, 1, 0, 0, 0)\n"
              "for fd in range(3, 1024):\n"
              "    try:\n"
              "        os.write(fd, report); escaped('wrote to %d' % fd)\n"
              "    except OSError: pass\n"
              "for fd in range(1024):\n"
              "    tries('fd of init', lambda: os.open('/proc/1/fd/%d' % fd, os.O_RDWR))\n"
              "    tries('pidfd_getfd', lambda: (_ for _ in ()).throw(OSError()) if sys_call(438, os.pidfd_open(1), "
              "fd, 0) < 0 else 0)\n");
}

/* Runs of a session: each gets its own input and starts anew, and what one leaves the next does not find. */
static void a_session_starts_anew_each_time(void **state)
{
    static const char *const inputs[] = {"plain", "file",  "plain", "daemon", "plain", "mode",
                                         "plain", "crash", "plain", "links",  "plain"};
    static const char source[] =
        "import os, sys, time\n"
        "kind = sys.stdin.read()\n"
        "left = os.listdir('/tmp') + [p for p in os.listdir('/proc') if p.isdigit() and p not in ('1', "
        "str(os.getpid()))]\n"
        "fds = [f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)]\n"
        "if left or os.stat('/tmp').st_mode & 0o7777 != 0o755 or len(fds) != 3: print('ESCAPED', left, fds)\n"
        "if kind == 'file': open('/tmp/x', 'w').write('x')\n"
        "if kind == 'daemon' and os.fork() == 0:\n"
        "    os.setsid(); time.sleep(1000)\n"
        "if kind == 'mode': os.chmod('/tmp', 0o1777)\n"
        "if kind == 'links': os.symlink('/usr', '/tmp/.hidden')\n"
        "print(kind, flush=True)\n"
        "if kind == 'crash': os.abort()\n";
    (void)state;
    const SandboxLimits limits = sandbox_default_limits();
    const char *const argv[] = {"python3", "-s", "/box/main.py", token, NULL};
    const SandboxProgram program = {
        .argv = argv, .files = {{.path = "/box/main.py", .bytes = source, .length = sizeof source - 1}}, .n_files = 1};
    const int n_fds = count_fds();
    SandboxSession *session;
    sandbox_session_begin(&session, sandbox, &limits, &program);
    for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
        SandboxResult r;
        sandbox_session_run(session, inputs[i], strlen(inputs[i]), 1000, false, &r, NULL);
        char *const expected = base_printf("%s\n", inputs[i]);
        const bool crash = strcmp(inputs[i], "crash") == 0;
        if (strcmp(r.output, expected) != 0 || r.end != (crash ? SANDBOX_SIGNALED : SANDBOX_EXITED)) {
            print_result(&r);
            fail_msg("run %d (%s)", (int)i, inputs[i]);
        }
        base_free(expected);
        sandbox_result_free(&r);
    }
    sandbox_session_end(session);
    assert_int_equal(count_fds(), n_fds);
    assert_int_equal(count_processes(), 0);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void core_dumps_and_long_arguments_do_nothing(void **state)
{
    (void)state;
    contained("import resource\n"
              "if resource.getrlimit(resource.RLIMIT_CORE) != (0, 0): escaped('core limit')\n"
              "tries('raise it', lambda: resource.setrlimit(resource.RLIMIT_CORE, (1, 1)))\n"
              "if os.fork() == 0: os.abort()\n"
              "status = os.wait()[1]\n"
              "if os.WCOREDUMP(status) or os.listdir('/tmp'): escaped('core')\n"
              "tries('core pattern', lambda: open('/proc/sys/kernel/core_pattern', 'w'))\n"
              "tries('huge argv', lambda: os.execv('/usr/bin/env', ['x' * 100000] * 300))\n"
              "tries('huge environment', lambda: os.execve('/usr/bin/env', ['x'], {'x%d' % i: 'y' * 100000 for i in "
              "range(300)}))\n"
              "tries('shm', lambda: os.listdir('/dev/mqueue'))\n"
              "open('/dev/shm/x', 'w').write('x')\n" /* is /tmp, and counted there */
              "if os.listdir('/tmp') != ['x']: escaped('another shm')\n");
}

static void an_exit_is_what_it_is(void **state)
{
    (void)state;
    const SandboxLimits limits = small_limits();
    SandboxResult r;
    run_python("print('exit status 0', flush=True); os._exit(3)\n", &limits, &r);
    assert_int_equal(r.end, SANDBOX_EXITED);
    assert_int_equal(r.exit_status, 3);
    sandbox_result_free(&r);
    run_python("os.kill(os.getpid(), 11)\n", &limits, &r);
    assert_int_equal(r.end, SANDBOX_SIGNALED);
    assert_int_equal(r.signal_number, SIGSEGV);
    sandbox_result_free(&r);
}

static void what_cannot_be_started_is_a_fault(void **state)
{
    (void)state;
    const char *const argv[] = {"no-such-program", NULL};
    const SandboxProgram program = {.argv = argv};
    const SandboxLimits limits = sandbox_default_limits();
    SandboxResult r;
    sandbox_run(sandbox, &limits, &program, &r, NULL);
    assert_int_equal(r.end, SANDBOX_FAULT);
    assert_true(r.not_executed);
    assert_false(sandbox_has(sandbox, "no-such-program"));
    sandbox_result_free(&r);
}

static void a_run_can_be_called_off(void **state)
{
    (void)state;
    const char *const argv[] = {"sleep", "1000", NULL};
    const SandboxProgram program = {.argv = argv};
    const SandboxLimits limits = sandbox_default_limits();
    const atomic_bool cancel = true;
    SandboxResult r;
    sandbox_run(sandbox, &limits, &program, &r, &cancel);
    assert_int_equal(r.end, SANDBOX_FAULT);
    sandbox_result_free(&r);
    /* A run of a session that is called off takes the container along; the next has another. */
    const char *const sleeper[] = {"sh", "-c", "read n; sleep $n; echo awake", token, NULL};
    const SandboxProgram sleeps = {.argv = sleeper};
    static const struct {
        const char *input;
        bool called_off;
    } runs[] = {{"0\n", false}, {"1000\n", true}, {"0\n", false}, {"0\n", false}};
    SandboxSession *session;
    sandbox_session_begin(&session, sandbox, &limits, &sleeps);
    for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) {
        sandbox_session_run(session, runs[k].input, strlen(runs[k].input), 100, false, &r,
                            runs[k].called_off ? &cancel : NULL);
        assert_int_equal(r.end, runs[k].called_off ? SANDBOX_FAULT : SANDBOX_EXITED);
        assert_string_equal(r.output, runs[k].called_off ? "" : "awake\n");
        sandbox_result_free(&r);
    }
    sandbox_session_end(session);
    assert_int_equal(count_processes(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_the_host_cannot_be_read),
        cmocka_unit_test(links_do_not_lead_out),
        cmocka_unit_test(nothing_outside_tmp_can_be_written),
        cmocka_unit_test(there_is_no_network),
        cmocka_unit_test(no_kind_of_socket_can_be_made),
        cmocka_unit_test(expected_outputs_are_not_inside),
        cmocka_unit_test(set_user_id_programs_gain_nothing),
        cmocka_unit_test(nothing_is_inherited),
        cmocka_unit_test(other_processes_cannot_be_reached),
        cmocka_unit_test(the_first_process_cannot_be_blinded),
        cmocka_unit_test(the_first_process_does_not_mind_signals),
        cmocka_unit_test(dangerous_system_calls_are_not_there),
        cmocka_unit_test(a_daemon_does_not_outlive_its_test),
        cmocka_unit_test(the_report_cannot_be_forged),
        cmocka_unit_test(a_session_starts_anew_each_time),
        cmocka_unit_test(core_dumps_and_long_arguments_do_nothing),
        cmocka_unit_test(an_exit_is_what_it_is),
        cmocka_unit_test(what_cannot_be_started_is_a_fault),
        cmocka_unit_test(a_run_can_be_called_off),
    };
    const int status = attack_begin();
    return status ? status : attack_end(cmocka_run_group_tests(tests, NULL, NULL));
}
