/* SPDX-License-Identifier: MIT */
/* Programs in completions: what is found, what is right, what each kind of failure is called, and programs that claim to be right. */
#include "base/arena.h"
#include "reward/code_reward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SKIPPED = 77 };

static Sandbox *sandbox; /* NULL: none can be made here, only what needs none is tested */

static CodeTests *read_tests(const char *json)
{
    Error err = {0};
    CodeTests *tests = NULL;
    json_t *const value = json_read_text(json, strlen(json), "tests", 1, &err);
    if (!value || !code_tests_read(&tests, value, &err)) print_message("%s\n", err.text);
    json_decref(value);
    return tests;
}

static CodeResult judge(const char *json, const char *completion)
{
    CodeTests *const tests = read_tests(json);
    CodeResult result;
    assert_non_null(tests);
    code_judge(sandbox, tests, completion, strlen(completion), &result, NULL);
    code_tests_free(tests);
    return result;
}

static void gives(CodeVerdict verdict, const char *json, const char *completion)
{
    const CodeResult r = judge(json, completion);
    if (r.verdict == verdict) return;
    fail_msg("expected \"%s\", got \"%s\" (test %d: %s) for\n%s", code_verdict_name(verdict),
             code_verdict_name(r.verdict), (int)r.test, r.reason, completion);
}

/* ---- blocks ---- */

static void block_is(const char *completion, const char *language, const char *text)
{
    CodeBlock block;
    const char *reason = NULL;
    const bool found = code_block_find(&block, completion, strlen(completion), &reason);
    if (!text) {
        assert_false(found);
        assert_non_null(reason);
        return;
    }
    assert_true(found);
    assert_int_equal(block.length, strlen(text));
    assert_memory_equal(block.text, text, block.length);
    assert_int_equal(block.language_length, strlen(language));
    assert_memory_equal(block.language, language, block.language_length);
}

static void the_last_closed_block_counts(void **state)
{
    (void)state;
    block_is("a\n```python\nx\n```\nb\n```c\ny\nz\n```\n", "c", "y\nz\n");
    block_is("```\nx\n```", "", "x\n");
    block_is("~~~~ {.python}\n~~~\n```\n~~~~\n", "python", "~~~\n```\n");
    block_is("````py title=x\n```\n````\n", "py", "```\n");
    block_is("  ```Python\r\nx\r\n  ```  \r\n", "Python", "x\r\n");
    block_is("```\n```", "", "");
    block_is("no block", NULL, NULL);
    block_is("", NULL, NULL);
    block_is("```python\nx", NULL, NULL);
    block_is("```python\nx\n```\n```python\ncut of", NULL, NULL);
    block_is("    ```python\nx\n    ```\n", NULL, NULL); /* an indented block is text */
    block_is("``` a`b\nx\n```\n", NULL, NULL);
}

static void blocks_inside_the_thinking_do_not_count(void **state)
{
    (void)state;
    block_is("<think>```python\nx\n```\n</think> no", NULL, NULL);
    block_is("<think>\n```python\nx\n```\n</think>\n```c\ny\n```\n", "c", "y\n");
    block_is("<think>\n```python\nx</think>\n```c\ny\n```\n", "c", "y\n");
}

/* ---- tests ---- */

static void tests_that_are_none_are_refused(void **state)
{
    static const char *const bad[] = {
        "1",
        "{}",
        "[]",
        "{\"tests\": []}",
        "{\"tests\": [1]}",
        "{\"tests\": [{\"input\": \"\"}]}",
        "[{\"output\": 1}]",
        "{\"inputs\": [\"\"], \"outputs\": []}",
        "{\"asserts\": \"x\", \"tests\": [{\"output\": \"\"}]}",
        "{\"function\": \"f\", \"tests\": [{\"args\": 1, \"output\": 1}]}",
        "{\"compare\": \"x\", \"tests\": [{\"output\": \"\"}]}",
        "{\"language\": \"cobol\", \"tests\": [{\"output\": \"\"}]}",
        "{\"limits\": 1, \"tests\": [{\"output\": \"\"}]}",
        "{\"limits\": {\"seconds\": 0}, \"tests\": [{\"output\": \"\"}]}",
        "{\"function\": \"a\\u0000b\", \"asserts\": \"x\"}",
        "{\"checker\": \"x\", \"function\": \"f\", \"tests\": [{\"args\": [], \"output\": 1}]}",
        "{\"checker\": \"x\", \"checker_language\": \"cobol\", \"tests\": [{}]}",
        "{\"checker\": 1, \"tests\": [{\"input\": \"\"}]}",
        "{\"test_list\": [1]}",
        "{\"test_list\": {}}",
        "{\"input_output\": \"{\"}",
        "{\"input_output\": \"[]\"}",
        "{\"public_test_cases\": \"gzip\"}",
        ("{\"fn_name\": \"f\", \"public_test_cases\": [{\"testtype\": \"functional\", \"input\": "
         "\"1\\n{\", \"output\": \"1\"}]}"),
        "{\"metadata\": \"x\", \"tests\": [{\"output\": \"\"}]}"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Error err = {0};
        CodeTests *tests = NULL;
        json_t *const value = json_loads(bad[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        assert_non_null(value);
        if (code_tests_read(&tests, value, &err)) fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_true(strlen(err.text) > 0);
        assert_null(tests);
        json_decref(value);
    }
}

static void other_tests_are_another_version(void **state)
{
    (void)state;
    CodeTests *const a = read_tests("[{\"output\": \"1\"}]"), *const b = read_tests("[{\"output\": \"2\"}]"),
                     *const c = read_tests("[{\"output\": \"1\"}]");
    assert_string_not_equal(code_tests_version(a), code_tests_version(b));
    assert_string_equal(code_tests_version(a), code_tests_version(c));
    code_tests_free(a), code_tests_free(b), code_tests_free(c);
}

/* ---- verdicts ---- */

static const char SUM[] =
    "[{\"input\": \"1 2\\n\", \"output\": \"3\\n\"}, {\"input\": \"10 20\\n\", \"output\": \"30\"}]";

static void right_programs_are_accepted(void **state)
{
    (void)state;
    gives(CODE_ACCEPTED, SUM, "Here:\n```python\na, b = map(int, input().split())\nprint(a + b)\n```\n");
    gives(CODE_ACCEPTED, SUM, "```\na, b = map(int, input().split())\nprint(a + b, ' ')\nprint()\n```\n");
    gives(CODE_ACCEPTED, SUM,
          "```c\n#include <stdio.h>\nint main(void) { int a, b; scanf(\"%d %d\", &a, &b); printf(\"%d\", a + b); "
          "}\n```\n");
    gives(CODE_ACCEPTED, SUM,
          "```cpp\n#include <iostream>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; "
          "}\n```\n");
}

static void failures_have_their_names(void **state)
{
    static const char quick[] =
        "{\"limits\": {\"seconds\": 0.5, \"memory_mb\": 128, \"output_mb\": 1}, \"tests\": [{\"output\": \"3\"}]}";
    (void)state;
    gives(CODE_WRONG_ANSWER, SUM, "```python\nprint(3)\n```\n");
    gives(CODE_WRONG_ANSWER, SUM, "```python\n```\n");
    gives(CODE_RUNTIME_ERROR, SUM, "```python\nprint(3)\n1 / 0\n```\n");
    gives(CODE_RUNTIME_ERROR, SUM, "```python\nprint(\n```\n");
    gives(CODE_RUNTIME_ERROR, SUM, "```c\nint main(void) { return 1; }\n```\n");
    gives(CODE_RUNTIME_ERROR, SUM, "```c\n#include <stdlib.h>\nint main(void) { abort(); }\n```\n");
    gives(CODE_COMPILE_ERROR, SUM, "```c\nint main(void) { return x; }\n```\n");
    gives(CODE_COMPILE_ERROR, SUM, "```c\n#include \"/dev/zero\"\n```\n");
    gives(CODE_TIME, quick, "```python\nwhile True: pass\n```\n");
    gives(CODE_MEMORY, quick, "```python\nx = [0] * 10 ** 10\n```\n");
    gives(CODE_MEMORY, quick,
          "```c\n#include <stdlib.h>\n#include <string.h>\nint main(void) { for (;;) { char *p = malloc(1 << 20); if "
          "(p) memset(p, 1, 1 << 20); } }\n```\n");
    gives(CODE_OUTPUT, quick, "```python\nwhile True: print('x' * 1000)\n```\n");
    gives(CODE_NO_PROGRAM, SUM, "3");
    gives(CODE_NO_PROGRAM, SUM, "```cobol\nx\n```\n");
}

static void the_first_test_that_fails_is_named(void **state)
{
    (void)state;
    const CodeResult r = judge(SUM, "```python\nprint(3)\n```\n");
    assert_int_equal(r.test, 1);
    assert_int_equal(r.n_passed, 1);
    assert_string_equal(r.language, "python");
}

static void outputs_are_compared_as_asked(void **state)
{
    (void)state;
    gives(CODE_ACCEPTED, "{\"compare\": \"tokens\", \"tests\": [{\"output\": \"1 2 3\"}]}",
          "```python\nprint('1\\n2   3')\n```\n");
    gives(CODE_WRONG_ANSWER, "[{\"output\": \"1 2 3\"}]", "```python\nprint('1\\n2   3')\n```\n");
    gives(CODE_WRONG_ANSWER, "[{\"output\": \"1\\n\\n2\"}]", "```python\nprint('1\\n2')\n```\n");
    gives(CODE_WRONG_ANSWER, "{\"compare\": \"exact\", \"tests\": [{\"output\": \"1\"}]}",
          "```python\nprint(1)\n```\n");
    gives(CODE_ACCEPTED, "{\"compare\": \"floats\", \"tests\": [{\"output\": \"0.5 x\"}]}",
          "```python\nprint('0.50000001 x')\n```\n");
    gives(CODE_WRONG_ANSWER, "{\"compare\": \"floats\", \"tests\": [{\"output\": \"0.5\"}]}",
          "```python\nprint('nan')\n```\n");
    gives(CODE_WRONG_ANSWER, "{\"compare\": \"floats\", \"tests\": [{\"output\": \"0.5\"}]}",
          "```python\nprint('inf')\n```\n");
    gives(CODE_WRONG_ANSWER, "{\"compare\": \"tokens\", \"tests\": [{\"output\": \"1\"}]}",
          "```python\nprint('1 1')\n```\n");
}

static void functions_are_called(void **state)
{
    static const char add[] = "{\"function\": \"add\", \"tests\": [{\"args\": [1, 2], \"output\": 3}, {\"args\": [[1], "
                              "[2]], \"output\": [1, 2]}]}";
    (void)state;
    gives(CODE_ACCEPTED, add, "```python\ndef add(a, b):\n    print('noise')\n    return a + b\n```\n");
    gives(CODE_ACCEPTED, add, "```python\nclass Solution:\n    def add(self, a, b): return a + b\n```\n");
    gives(CODE_WRONG_ANSWER, add, "```python\ndef add(a, b): return 3\n```\n");
    gives(CODE_RUNTIME_ERROR, add, "```python\ndef sub(a, b): return 3\n```\n");
    gives(CODE_NO_PROGRAM, add, "```c\nint add(int a, int b) { return a + b; }\n```\n");
    gives(CODE_ACCEPTED, "{\"fn_name\": \"f\", \"inputs\": [[2]], \"outputs\": [[1, 4]]}",
          "```python\ndef f(n): return (1, n * n)\n```\n");
    gives(CODE_ACCEPTED, "{\"function\": \"f\", \"tests\": [{\"args\": [], \"output\": 0.3}]}",
          "```python\ndef f(): return 0.1 + 0.2\n```\n");
    gives(CODE_WRONG_ANSWER, "{\"function\": \"f\", \"tests\": [{\"args\": [], \"output\": true}]}",
          "```python\ndef f(): return 1\n```\n");
}

static void a_harness_asks_for_a_function(void **state)
{
    static const char harness[] = "{\"harness\": \"#include <stdio.h>\\nint main(void) { int a; scanf(\\\"%d\\\", &a); "
                                  "printf(\\\"%d\\\", twice(a)); }\","
                                  " \"tests\": [{\"input\": \"4\", \"output\": \"8\"}]}";
    (void)state;
    gives(CODE_ACCEPTED, harness, "```c\nint twice(int x) { return 2 * x; }\n```\n");
    gives(CODE_WRONG_ANSWER, harness, "```c\nint twice(int x) { return 3 * x; }\n```\n");
}

/* As MBPP, HumanEval, APPS and LiveCodeBench publish them. */
static void published_tests_are_read(void **state)
{
    static const char mbpp[] =
        "{\"task_id\": 2, \"test_setup_code\": \"import math\", \"test_list\": [\"assert twice(1) == "
        "2\", \"assert math.isclose(twice(0.1), 0.2)\"], \"challenge_test_list\": []}";
    static const char human_eval[] =
        "{\"entry_point\": \"twice\", \"test\": \"METADATA = {}\\ndef check(candidate):\\n    "
        "assert candidate(3) == 6\"}";
    static const char apps[] =
        "{\"input_output\": \"{\\\"fn_name\\\": \\\"twice\\\", \\\"inputs\\\": [[2]], \\\"outputs\\\": "
        "[4]}\"}";
    static const char functional[] =
        "{\"public_test_cases\": \"[{\\\"input\\\": \\\"[1]\\\\n[2]\\\", \\\"output\\\": \\\"[1, 2]\\\", "
        "\\\"testtype\\\": \\\"functional\\\"}]\", \"private_test_cases\": [], \"metadata\": \"{\\\"func_name\\\": "
        "\\\"join\\\"}\"}";
    static const char stdin_rows[] =
        "{\"public_test_cases\": [{\"input\": \"2\\n\", \"output\": \"4\\n\", \"testtype\": "
        "\"stdin\"}], \"private_test_cases\": [{\"input\": \"3\", \"output\": \"6\", \"testtype\": "
        "\"stdin\"}]}";
    static const char right[] = "```python\ndef twice(x): return x + x\n```\n",
                      wrong[] = "```python\ndef twice(x): return 2\n```\n";
    (void)state;
    gives(CODE_ACCEPTED, mbpp, right);
    gives(CODE_WRONG_ANSWER, mbpp, wrong);
    gives(CODE_ACCEPTED, human_eval, right);
    gives(CODE_WRONG_ANSWER, human_eval, wrong);
    gives(CODE_ACCEPTED, apps, right);
    gives(CODE_WRONG_ANSWER, apps, wrong);
    gives(CODE_ACCEPTED, functional, "```python\nclass Solution:\n    def join(self, a, b): return a + b\n```\n");
    gives(CODE_WRONG_ANSWER, functional, "```python\nclass Solution:\n    def join(self, a, b): return a\n```\n");
    gives(CODE_ACCEPTED, stdin_rows, "```python\nprint(2 * int(input()))\n```\n");
    gives(CODE_WRONG_ANSWER, stdin_rows, "```python\nprint(4)\n```\n");
    gives(CODE_ACCEPTED, "[\"assert twice(1) == 2\"]", right);
}

static void checkers_decide_where_several_outputs_are_right(void **state)
{
    static const char divisors[] = /* any divisor of the input but 1 and itself */
        "{\"checker\": \"import sys\\nn, d = (int(open(p).read()) for p in sys.argv[1:3])\\nsys.exit(not (1 < d < n "
        "and n % d == "
        "0))\", \"tests\": [{\"input\": \"12\"}, {\"input\": \"35\"}]}";
    static const char compiled[] = /* the expected output reversed counts too */
        "{\"checker_language\": \"c\", \"checker\": \"#include <stdio.h>\\nint main(int n, char **a) { int x, y; "
        "fscanf(fopen(a[2], \\\"r\\\"), \\\"%d\\\", &x); fscanf(fopen(a[3], \\\"r\\\"), \\\"%d\\\", &y); return x == y "
        "|| x == "
        "-y ? 0 : 1; }\", \"tests\": [{\"output\": \"7\"}]}";
    (void)state;
    gives(CODE_ACCEPTED, divisors,
          "```python\nn = int(input())\nprint(next(d for d in range(2, n) if n % d == 0))\n```\n");
    gives(CODE_ACCEPTED, divisors,
          "```python\nn = int(input())\nprint(max(d for d in range(2, n) if n % d == 0))\n```\n");
    gives(CODE_WRONG_ANSWER, divisors, "```python\nprint(6)\n```\n");
    gives(CODE_WRONG_ANSWER, divisors, "```python\nprint('sys.exit(0)')\n```\n"); /* the checker raises: status 1 */
    gives(CODE_RUNTIME_ERROR, divisors, "```python\nprint(6); 1 / 0\n```\n");
    gives(CODE_ACCEPTED, compiled, "```python\nprint(-7)\n```\n");
    gives(CODE_WRONG_ANSWER, compiled, "```python\nprint(8)\n```\n");
    /* Whatever is wrong with the checker is not the program's fault. */
    gives(CODE_FAULT, "{\"checker\": \"int main(\", \"checker_language\": \"c\", \"tests\": [{}]}",
          "```python\n1\n```\n");
    gives(CODE_FAULT, "{\"checker\": \"import sys; sys.exit(3)\", \"tests\": [{}]}", "```python\n1\n```\n");
    gives(CODE_FAULT, "{\"checker\": \"import os; os.abort()\", \"tests\": [{}]}", "```python\n1\n```\n");
}

/* A test finds nothing of the one before it, whether or not they share a container. */
static void tests_do_not_see_each_other(void **state)
{
    static const char twice[] = "[{\"output\": \"\"}, {\"output\": \"\"}, {\"output\": \"\"}]";
    static const char *const programs[] = {
        "import os\nif os.path.exists('/tmp/x'): print('seen')\nopen('/tmp/x', 'w').write('x')",
        "import os\nif os.listdir('/tmp'): print('seen')\nos.makedirs('/tmp/a/b'); os.chmod('/tmp/a', 0)",
        "import os\nif os.stat('/tmp').st_mode & 0o777 != 0o755: print('seen')\nos.chmod('/tmp', 0o500)",
        ("import os, time\nif len([p for p in os.listdir('/proc') if p.isdigit()]) > 2: print('seen')\n"
         "if os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)"),
        /* It looks before it forks: what its own child writes is no trace of another test. */
        ("import os, time\nif os.path.exists('/tmp/late'): print('seen')\nif os.fork() == 0:\n    while True:\n"
         "        try: open('/tmp/late', 'w')\n        except OSError: pass\ntime.sleep(0.05)"),
        "import sys\nif sys.argv != ['/box/main.py']: print('seen')"};
    (void)state;
    for (size_t i = 0; i < sizeof programs / sizeof *programs; i++) {
        char *const text = base_printf("```python\n%s\n```\n", programs[i]);
        gives(CODE_ACCEPTED, twice, text);
        base_free(text);
    }
}

/* Whether Lua is there or not: what cannot be run is nobody's mistake, and the reason names what is missing. */
static void a_language_that_is_not_installed_is_undecided(void **state)
{
    (void)state;
    int n_absent = 0;
    const char *program, *name;
    for (int i = 0; (name = code_language(i, &program)); i++) {
        if (sandbox_has(sandbox, program)) continue;
        char *const text = base_printf("```%s\nx\n```\n", name);
        const CodeResult r = judge("[{\"output\": \"3\"}]", text);
        assert_int_equal(r.verdict, CODE_FAULT);
        if (!strstr(r.reason, program) || !strstr(r.reason, "cannot be run here")) fail_msg("%s: %s", name, r.reason);
        base_free(text);
        n_absent++;
    }
    if (n_absent == 0) print_message("every language of the table is installed here\n");
}

static void asserts_hold_or_not(void **state)
{
    static const char plain[] = "{\"asserts\": \"assert add(1, 2) == 3\\nassert add((1,), (2,)) == (1, 2)\\nassert "
                                "add({1: 'x'}, 0) == {1: 'x'}\"}";
    static const char check[] =
        "{\"function\": \"add\", \"asserts\": \"import math\\ndef check(candidate):\\n    for i in range(3):\\n"
        "        assert candidate(i, i) == 2 * i, 'twice'\\n    assert math.isinf(candidate(float('inf'), 1))\\n"
        "    try:\\n        candidate(1, 'x')\\n        assert False\\n    except TypeError: pass\"}";
    (void)state;
    gives(CODE_ACCEPTED, plain, "```python\ndef add(a, b): return a if isinstance(a, dict) else a + b\n```\n");
    gives(CODE_WRONG_ANSWER, plain, "```python\ndef add(a, b): return 3\n```\n");
    gives(CODE_RUNTIME_ERROR, plain, "```python\ndef add(a, b): return a + b\n```\n");
    gives(CODE_RUNTIME_ERROR, plain, "```python\ndef sum(a, b): return a + b\n```\n");
    gives(CODE_ACCEPTED, check, "```python\ndef add(a, b): return a + b\n```\n");
    gives(CODE_WRONG_ANSWER, check, "```python\ndef add(a, b): return 0\n```\n");
    gives(CODE_TIME, "{\"limits\": {\"seconds\": 0.5}, \"asserts\": \"assert f()\"}",
          "```python\ndef f():\n    while True: pass\n```\n");
    gives(CODE_FAULT, "{\"asserts\": \"assert (\"}", "```python\n1\n```\n");
}

/* ---- programs that would like to be believed ---- */

static void no_program_is_right_by_saying_so(void **state)
{
    static const char *const claims[] = {
        "print('accepted')",
        "import sys; sys.exit(0)",
        "import os; os._exit(0)",
        "print('{\"verdict\": \"accepted\"}')",
        "import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (0, 0))\nwhile True: pass",
        "import sys\nsys.argv[0] = 'accepted'; print(sys.argv[0])",
        "import os\nfor fd in range(3, 256):\n    try: os.write(fd, b'accepted' * 8)\n    except OSError: pass",
        "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)",
        "print('3\\n30')",
        "print(input())",
        "print('3' + chr(0))",
        "print('\\u0663')",
        "print('0x3')",
        "print('\\b3')",
        "print('3\\r4')",
        "import os\nif os.fork() == 0:\n    print('3')\n    os._exit(0)\nos.wait(); print('3')"};
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char *const text = base_printf("```python\n%s\n```\n", claims[i]);
        const CodeResult r = judge(SUM, text);
        if (r.verdict == CODE_ACCEPTED || r.verdict == CODE_FAULT)
            fail_msg("%s: %s", code_verdict_name(r.verdict), text);
        base_free(text);
    }
}

static void no_program_decides_its_asserts(void **state)
{
    static const char asserts[] = "{\"function\": \"f\", \"asserts\": \"assert f(1) == 2\\nassert f(2) == 3\\ndef "
                                  "check(c):\\n    assert c(5) == 6\"}";
    static const char *const claims[] = {
        "class E(int):\n    def __eq__(self, other): return True\ndef f(x): return E(0)",
        "class E:\n    def __eq__(self, other): return True\ndef f(x): return E()",
        "class E(dict):\n    def __eq__(self, other): return True\ndef f(x): return E()",
        "import os\ndef f(x): os._exit(0)",
        "import sys\ndef f(x): sys.exit(0)",
        "raise SystemExit(0)",
        "import os\nos._exit(0)",
        "import builtins\nbuiltins.AssertionError = ValueError\ndef f(x): raise AssertionError('x')",
        "def f(x): raise StopIteration",
        "def f(x): raise KeyboardInterrupt",
        "def check(c): pass\ndef f(x): return x",
        "import os\ndef f(x):\n    os.write(1, b'{\"v\": 2}\\n{\"v\": 4}\\n'); return 6",
        "import os\ndef f(x):\n    os.close(1); os.close(0); return 2",
        "import os\ndef f(x): os.write(1, b'[' * 100000 + b'\\n')",
        "import os\ndef f(x): os.write(1, b'{\"v\": {\"t\": \"__import__\", \"v\": []}}\\n')",
        "import os, time\nos.close(1)\nos.close(0)\ntime.sleep(100)",
        ("import gc, sys\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'call' in o: o['call'] = 1\n"
         "def f(x): return None"),
        "def f(x): return [x + 1]",
        "def f(x): return True + x * 0"};
    (void)state;
    for (size_t i = 0; i < sizeof claims / sizeof *claims; i++) {
        char *const text = base_printf("```python\n%s\n```\n", claims[i]);
        const CodeResult r = judge(asserts, text);
        if (r.verdict == CODE_ACCEPTED || r.verdict == CODE_FAULT)
            fail_msg("%s (%s): %s", code_verdict_name(r.verdict), r.reason, text);
        base_free(text);
    }
}

int main(void)
{
    const struct CMUnitTest always[] = {
        cmocka_unit_test(the_last_closed_block_counts),
        cmocka_unit_test(blocks_inside_the_thinking_do_not_count),
        cmocka_unit_test(tests_that_are_none_are_refused),
        cmocka_unit_test(other_tests_are_another_version),
    };
    const struct CMUnitTest inside[] = {
        cmocka_unit_test(right_programs_are_accepted),
        cmocka_unit_test(failures_have_their_names),
        cmocka_unit_test(the_first_test_that_fails_is_named),
        cmocka_unit_test(outputs_are_compared_as_asked),
        cmocka_unit_test(functions_are_called),
        cmocka_unit_test(a_harness_asks_for_a_function),
        cmocka_unit_test(asserts_hold_or_not),
        cmocka_unit_test(published_tests_are_read),
        cmocka_unit_test(checkers_decide_where_several_outputs_are_right),
        cmocka_unit_test(tests_do_not_see_each_other),
        cmocka_unit_test(a_language_that_is_not_installed_is_undecided),
        cmocka_unit_test(no_program_is_right_by_saying_so),
        cmocka_unit_test(no_program_decides_its_asserts),
    };
    Error err = {0};
    if (cmocka_run_group_tests(always, NULL, NULL) != 0) return 1;
    const bool ok = sandbox_open(&sandbox, &err);
    if (!ok || !sandbox_has(sandbox, "python3") || !sandbox_has(sandbox, "gcc") || !sandbox_has(sandbox, "g++")) {
        printf("skipped: %s\n", ok ? "needs python3, gcc and g++ in /usr/local/bin:/usr/bin:/bin" : err.text);
        sandbox_close(sandbox);
        return SKIPPED;
    }
    const int status = cmocka_run_group_tests(inside, NULL, NULL);
    sandbox_close(sandbox);
    return status;
}
