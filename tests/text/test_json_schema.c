/* SPDX-License-Identifier: MIT */
/* Which texts a schema's grammar takes, and which schemas are refused with what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "text/json_schema.h"

#include <string.h>

typedef struct Case {
    const char *schema, *yes[9], *no[9];
} Case;

/* ' stands for ". */
static char *with_quotes(const char *text)
{
    char *const copy = base_strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    return copy;
}

static const Case CASES[] = {
    {"true", {"{}", "[1, 'a', null]", "-0.5e+3", "{'a':{'b':[]}}"}, {"", "{", "01", "'\n'"}},
    {"{}", {"true"}, {"tru"}},
    {"{'type':'boolean'}", {"true", "false"}, {"null", "1"}},
    {"{'type':'null'}", {"null"}, {"0"}},
    {"{'type':['string','null']}", {"'x'", "null", "''"}, {"1", "'"}},
    {"{'type':'integer'}", {"0", "-12", "999"}, {"01", "1.5", "-", "+1"}},
    {"{'type':'number'}", {"0", "-1.25", "3e8", "1.5E-3"}, {".5", "1.", "1e", "00"}},
    {"{'type':'number','minimum':0}", {"0", "0.5", "12"}, {"-1"}},
    {"{'type':'integer','minimum':0,'maximum':120}",
     {"0", "9", "10", "99", "100", "120"},
     {"-1", "121", "130", "200", "1000", "00"}},
    {"{'type':'integer','minimum':-15,'exclusiveMaximum':3}",
     {"-15", "-9", "-1", "0", "2"},
     {"-16", "3", "-0", "-150"}},
    {"{'type':'integer','minimum':25}", {"25", "30", "99", "100", "987654"}, {"24", "9", "-30"}},
    {"{'type':'integer','maximum':-7}", {"-7", "-10", "-99999"}, {"-6", "0", "7"}},
    {"{'type':'string'}",
     {"''", "'a\xc3\xb6'", "'\\n\\u00e4'", "'\\ud83d\\ude00'"},
     {"'", "'\n'", "'\\x'", "'\\ud83d'", "'\\u12'"}},
    {"{'minLength':2,'maxLength':3}", {"'ab'", "'\xc3\xb6\xc3\xb6\xc3\xb6'"}, {"'a'", "'abcd'"}},
    {"{'enum':['a','b\\'c',1,null,[1,{'x':2}]]}", {"'a'", "'b\\'c'", "1", "null", "[1,{'x':2}]"}, {"'b'", "2"}},
    {"{'const':'a\\nb'}", {"'a\\nb'"}, {"'a'"}},
    {"{'type':'array','items':{'type':'integer'}}",
     {"[]", "[1]", "[1,2]", "[ 1 , 2 ]", "[\n  1,\n  2\n]"},
     {"[,]", "[1,]", "['a']", "[1 2]"}},
    {"{'items':{'type':'integer'},'minItems':2,'maxItems':3}", {"[1,2]", "[1,2,3]"}, {"[]", "[1]", "[1,2,3,4]"}},
    {"{'type':'array','maxItems':0}", {"[]", "[ ]"}, {"[1]"}},
    {"{'prefixItems':[{'type':'integer'},{'type':'string'}],'items':false}",
     {"[]", "[1]", "[1,'a']"},
     {"['a']", "[1,'a',2]"}},
    {"{'prefixItems':[{'type':'integer'}],'items':{'type':'string'},'minItems':1}",
     {"[1]", "[1,'a','b']"},
     {"[]", "['a']", "[1,2]"}},
    {"{'type':'object'}", {"{}", "{'a':1}", "{'a':1,'b':{}}"}, {"{a:1}", "{'a'}"}},
    {"{'type':'object','properties':{'a':{'type':'integer'},'b':{'type':'string'},'c':{}},'required':['b']}",
     {"{'b':'x'}", "{'a':1,'b':'x'}", "{'b':'x','c':[]}", "{ 'a' : 1 , 'b':'x', 'c':null }"},
     {"{}", "{'a':1}", "{'b':'x','a':1}", "{'b':1}", "{'b':'x','d':1}", "{'b':'x',}"}},
    {"{'properties':{'a':{'type':'integer'},'b':{'type':'integer'}}}",
     {"{}", "{'a':1}", "{'b':1}", "{'a':1,'b':2}"},
     {"{'b':1,'a':2}", "{'c':1}"}},
    {"{'properties':{'ab':{'type':'integer'}},'additionalProperties':{'type':'string'}}",
     {"{}", "{'ab':1}", "{'ab':1,'x':'y'}", "{'a':'y'}", "{'abc':'y','':'z'}", "{'b':'','c':''}"},
     {"{'ab':'x'}", "{'x':1}", "{'ab':1,'ab':'x'}"}},
    {"{'additionalProperties':{'type':'integer'},'minProperties':1,'maxProperties':2}",
     {"{'a':1}", "{'a':1,'b':2}"},
     {"{}", "{'a':1,'b':2,'c':3}", "{'a':'b'}"}},
    {"{'type':'object','additionalProperties':false}", {"{}", "{ }"}, {"{'a':1}"}},
    {"{'required':['k'],'type':'object'}", {"{'k':1}", "{'k':[],'l':2}"}, {"{}", "{'l':1}"}},
    {"{'anyOf':[{'type':'integer'},{'type':'array','items':{'type':'null'}}]}", {"1", "[null]"}, {"'a'", "[1]"}},
    {"{'type':'object','properties':{'k':{'const':1}},'oneOf':[{'required':['k']},{'properties':{'l':{'const':2}},'"
     "required':['l']}]}",
     {"{'k':1}", "{'l':2}", "{'k':1,'l':2}"},
     {"{}"}},
    {"{'allOf':[{'$ref':'#/$defs/"
     "a'},{'properties':{'y':{'type':'integer'}},'required':['y']}],'$defs':{'a':{'properties':{'x':{'type':'integer'}}"
     ",'required':['x']}}}",
     {"{'x':1,'y':2}"},
     {"{'x':1}", "{'y':1}"}},
    {"{'$ref':'#/$defs/"
     "node','$defs':{'node':{'type':'object','properties':{'v':{'type':'integer'},'next':{'anyOf':[{'$ref':'#/$defs/"
     "node'},{'type':'null'}]}},'required':['v','next']}}}",
     {"{'v':1,'next':null}", "{'v':1,'next':{'v':2,'next':null}}"},
     {"{'v':1}", "{'v':1,'next':2}"}},
    {"{'type':'array','items':{'$ref':'#'}}", {"[]", "[[],[[]]]"}, {"[1]"}},
    {"{'$ref':'#/properties/a~1b~0','properties':{'a/b~':{'type':'null'}},'type':'null'}", {"null"}, {"1"}},
    {"{'pattern':'^[A-Z]{2}-\\\\d+$'}", {"'AB-1'", "'XY-123'"}, {"'A-1'", "'AB-'", "'AB-1x'", "'ab-1'"}},
    {"{'pattern':'^(foo|ba[rz])?$'}", {"''", "'foo'", "'baz'"}, {"'fo'", "'foobar'"}},
    {"{'pattern':'b+'}", {"'b'", "'abbc'", "'\\nb'"}, {"'a'", "''"}},
    {"{'pattern':'^[^a-c\\\\n]\\\\w\\\\.$'}", {"'dx.'", "'\\'_.'", "'\\\\9.'"}, {"'ax.'", "'\\nx.'", "'dxx'"}},
    {"{'pattern':'^\\\\\\\\\\'.\\\\S$'}", {"'\\\\\\'a\xc3\xb6'", "'\\\\\\'\\tb'"}, {"'\\\\\\'a '", "'a'"}},
    {"{'title':'t','description':'d','type':'string','format':'date','examples':[1],'default':''}", {"'x'"}, {"1"}},
};

static void a_schema_takes_the_values_it_describes(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof CASES / sizeof *CASES; c++) {
        Grammar *g;
        Error err = {0};
        char *const schema = with_quotes(CASES[c].schema);
        if (!json_schema_parse(&g, schema, strlen(schema), "s", &err)) fail_msg("%s: %s", schema, err.text);
        for (int no = 0; no < 2; no++)
            for (int i = 0; i < 9 && (no ? CASES[c].no : CASES[c].yes)[i]; i++) {
                bool yes;
                char *const text = with_quotes((no ? CASES[c].no : CASES[c].yes)[i]);
                if (!grammar_matches(g, text, strlen(text), &yes, &err)) fail_msg("%s: %s", schema, err.text);
                if (yes == no) fail_msg("%s: %s %s", schema, yes ? "takes" : "refuses", text);
                base_free(text);
            }
        grammar_free(g);
        base_free(schema);
    }
}

static void what_is_not_understood_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const mistakes[][2] = {
        {"{", "s:1:"},
        {"1", "s: #: expected a schema"},
        {"false", "false allows no value"},
        {"{'properties':{'a':{'not':{}}}}", "s: #/properties/a: keyword \"not\" is not understood"},
        {"{'items':{'multipleOf':2}}", "s: #/items: keyword \"multipleOf\""},
        {"{'uniqueItems':true}", "uniqueItems"},
        {"{'type':'text'}", "type \"text\" is none of"},
        {"{'type':[]}", "type: expected a name or a list"},
        {"{'enum':[]}", "enum: expected a list"},
        {"{'anyOf':[{'type':'null'},{'minLength':-1}]}", "s: #/anyOf/1: minLength: expected a whole number"},
        {"{'minItems':3,'maxItems':2}", "minItems is larger than maxItems"},
        {"{'type':'integer','minimum':5,'maximum':4}", "no whole number lies between"},
        {"{'type':'number','maximum':4}", "only \"minimum\": 0 is understood"},
        {"{'$ref':'other.json#/a'}", "only places in the same file"},
        {"{'$ref':'#/$defs/a'}", "there is no such place"},
        {"{'$ref':'#'}", "no text is of this grammar"},
        {"{'$ref':'#','minLength':1}", "$ref goes round in circles"},
        {"{'allOf':[{'type':'string'},{'type':'null'}]}", "\"type\" is said in two ways"},
        {"{'pattern':'(?=a)'}", "s: #: pattern, character 2"},
        {"{'pattern':'a(b'}", "expected )"},
        {"{'pattern':'a)b'}", "there is no ( before this"},
        {"{'pattern':'^a|b$'}", "write ^(a|b)$"},
        {"{'pattern':'\\\\1'}", "this escape is not understood"},
        {"{'pattern':'*'}", "nothing stands before this"},
        {"{'pattern':'a','maxLength':3}", "pattern together with minLength or maxLength"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        Grammar *g;
        Error err = {0};
        char *const schema = with_quotes(mistakes[i][0]);
        if (json_schema_parse(&g, schema, strlen(schema), "s", &err)) fail_msg("taken: %s", schema);
        assert_null(strchr(err.text, '\n'));
        if (!strstr(err.text, mistakes[i][1])) fail_msg("%s\n%s", schema, err.text);
        base_free(schema);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_takes_the_values_it_describes),
        cmocka_unit_test(what_is_not_understood_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
