using DeepSeekEngine.Tokenizer;
using DeepSeekEngine.Tokenizer.Jinja;
using NUnit.Framework;

namespace DeepSeekEngine.Tests.Tokenizer.Jinja;

/// <summary>Expectations are what Jinja2 3.1 prints with trim_blocks and lstrip_blocks on.</summary>
public sealed class TemplateTests
{
    [TestCase("a\nb\n", "a\nb")]
    [TestCase("a\r\nb", "a\nb")]
    [TestCase("{% if true %}\nx\n{% endif %}\ny", "x\ny")]
    [TestCase("a\n  {% if true %}\n  x\n  {% endif %}\nb", "a\n  x\nb")]
    [TestCase("a  {% if true %}x{% endif %}  b", "a  x  b")]
    [TestCase("  {%+ if true %}x{% endif %}", "  x")]
    [TestCase("{% if true +%}\nx{% endif %}", "\nx")]
    [TestCase("a \n {%- if true -%} \n x \n {%- endif -%} \n b", "axb")]
    [TestCase("a \n {{- 1 -}} \n b", "a1b")]
    [TestCase("a\n  {{ 1 }}\nb", "a\n  1\nb")]
    [TestCase("a\n  {# c #}\nb{#- d -#} e", "a\nbe")]
    [TestCase("{% if true %}\n{% if true %}\n x{% endif %}{% endif %}", " x")]
    [TestCase("{ { } } %} }} #}", "{ { } } %} }} #}")]
    public void White_space_around_tags_goes_as_transformers_sets_it(string template, string expected) => AssertRenders(template, expected);

    [TestCase("{{ 1 + 2 * 3 - 4 }}", "3")]
    [TestCase("{{ 7 // 2 }} {{ -7 // 2 }} {{ 7 % 3 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 4 / 2 }}", "3 -4 1 2 3.5 2.0")]
    [TestCase("{{ (1 + 2) * 3 }}", "9")]
    [TestCase("{{ 'a' + 'b' ~ 1 ~ none ~ true }}", "ab1NoneTrue")]
    [TestCase("{{ 'ab' * 3 }}", "ababab")]
    [TestCase("{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' < 'b' }} {{ 1 == 1.0 }} {{ 1 != 2 }} {{ true == 1 }}",
        "True False True True True True")]
    [TestCase("{{ 'b' in 'abc' }} {{ 'd' not in 'abc' }} {{ 2 in [1, 2] }} {{ 'k' in {'k': 1} }}", "True True True True")]
    [TestCase("{{ not true or true }} {{ not (true or true) }} {{ none or 'x' }} {{ 0 and 1 }}", "True False x 0")]
    [TestCase("{{ 'y' if 1 > 2 else 'n' }}{{ 'y' if false }}", "n")]
    [TestCase("{{ -1 + 3 }} {{ -(2) }} {{ +2 }}", "2 -2 2")]
    [TestCase("{{ [1, 2, 3][-1] }} {{ [1, 2, 3][1:] | length }} {{ 'abc'[::-1] }} {{ 'abcde'[1:4:2] }} {{ 'abc'[-2:] }}", "3 2 cba bd bc")]
    [TestCase("{{ {'a': {'b': 5}}.a.b }} {{ {'a': 1}['a'] }} {{ (1, 2)[0] }}", "5 1 1")]
    [TestCase("{{ [1][5] }}{{ {}.x }}{{ nothing }}", "")]
    [TestCase("{{ 'a\\n\\t\\\\\\'\\x41\\u4e00' }}", "a\n\t\\'A一")]
    [TestCase("{{ 1.5 }} {{ 2e3 }} {{ 1_000 }}", "1.5 2000.0 1000")]
    [TestCase("{{ '\U0001F600x' | length }} {{ '\U0001F600x'[0] }} {{ '\U0001F600x'[1:] }}", "2 \U0001F600 x")]
    [TestCase("{{ '}}' ~ '%}' }}", "}}%}")]
    public void Expressions_have_the_values_of_Python(string template, string expected) => AssertRenders(template, expected);

    [TestCase("{% for x in [1, 2, 3] %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }} {% endfor %}",
        "10TrueFalse3 21FalseFalse3 32FalseTrue3 ")]
    [TestCase("{% for x in [1, 2, 3] if x != 2 %}{{ x }}{{ loop.last }}{% endfor %}", "1False3True")]
    [TestCase("{% for x in [] %}{{ x }}{% else %}none{% endfor %}", "none")]
    [TestCase("{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{% endfor %}", "a1b2")]
    [TestCase("{% for x in [1, 2, 3, 4] %}{% if x == 2 %}{% continue %}{% endif %}{% if x == 4 %}{% break %}{% endif %}{{ x }}{% endfor %}",
        "13")]
    [TestCase("{% for c in 'ab' %}{{ c }}-{% endfor %}{% for x in nothing %}x{% endfor %}", "a-b-")]
    [TestCase("{% for x in range(1, 7, 2) %}{{ x }}{% endfor %}", "135")]
    [TestCase("{% for x in [3, 4] %}{{ loop.previtem }}{{ loop.nextitem }}|{% endfor %}", "4|3|")]
    [TestCase("{% set x = 1 %}{% for i in [1, 2] %}{% set x = x + i %}{{ x }}{% endfor %}{{ x }}", "231")]
    [TestCase("{% set ns = namespace(n=0) %}{% for i in [1, 2] %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}{{ ns.m is defined }}",
        "3False")]
    [TestCase("{% if false %}{% set x = 1 %}{% elif true %}{% set x = 2 %}{% else %}{% set x = 3 %}{% endif %}{{ x }}", "2")]
    [TestCase("{% set x %}a{{ 1 }}{% endset %}{{ x + 'b' }}", "a1b")]
    [TestCase("{% set a, b = 1, 2 %}{{ a }}{{ b }}", "12")]
    [TestCase("{% macro m(a, b='x') %}[{{ a }}{{ b }}]{% endmacro %}{{ m(1) + m(2, b=3) ~ m() }}", "[1x][23][x]")]
    [TestCase("{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210")]
    [TestCase("a{% generation %}b{% endgeneration %}c", "abc")]
    public void Statements_do_as_in_Jinja(string template, string expected) => AssertRenders(template, expected);

    [TestCase("{{ ' a ' | trim }}{{ 'xxaxx' | trim('x') }}", "aa")]
    [TestCase("{{ {'a': [1, 2.5, none, true], 'b': 'é\"\\n'} | tojson }}", "{\"a\": [1, 2.5, null, true], \"b\": \"é\\\"\\n\"}")]
    [TestCase("{{ {'a': [1], 'b': {}} | tojson(indent=2) }}", "{\n  \"a\": [\n    1\n  ],\n  \"b\": {}\n}")]
    [TestCase("{{ [1, {'a': 2}] | tojson(separators=(',', ':')) }}", "[1,{\"a\":2}]")]
    [TestCase("{{ 'abc' | length }}{{ [1, 2] | count }}{{ 'aB' | upper }}{{ 'aB' | lower }}", "32ABab")]
    [TestCase("{{ nothing | default('x') }}{{ '' | default('y', true) }}{{ '' | default('z') }}{{ none | d(1, boolean=true) }}", "xy1")]
    [TestCase("{{ ['a', 'b', 1] | join(', ') }}{{ [1, 2] | first }}{{ [1, 2] | last }}{{ 'abc' | reverse }}", "a, b, 112cba")]
    [TestCase("{{ 'aXbX' | replace('X', '-') }}{{ 'aXbX'.replace('X', '', 1) }}", "a-b-abX")]
    [TestCase("{{ '42' | int + 1 }}{{ 'x' | int }}{{ '1.5' | float + 1 }}{{ 12 | string + 'a' }}", "4302.512a")]
    [TestCase("{{ 'ab' | list | join('-') }}{{ {'k': 1} | items | length }}", "a-b1")]
    [TestCase("{{ [{'r': 'a', 'n': 1}, {'r': 'b', 'n': 2}] | selectattr('r', 'equalto', 'b') | map(attribute='n') | join }}", "2")]
    [TestCase("{{ [{'n': 0}, {'n': 2}] | rejectattr('n') | list | length }}", "1")]
    [TestCase("{{ -1 | string ~ 'x' }}", "-1x")]
    public void Filters_do_as_in_Jinja(string template, string expected) => AssertRenders(template, expected);

    [TestCase("{{ 'a,b,c'.split(',') | join('|') }} {{ ' a  b '.split() | join('|') }} {{ 'a,b,c'.split(',', 1)[-1] }}", "a|b|c a|b b,c")]
    [TestCase("{{ ' a '.strip() }}{{ ' b '.lstrip() }}{{ ' c '.rstrip() }}{{ '\\n\\nx\\n'.strip('\\n') }}", "ab  cx")]
    [TestCase("{{ 'abc'.startswith('ab') }}{{ 'abc'.endswith(('x', 'c')) }}{{ 'a'.upper() }}{{ 'A'.lower() }}", "TrueTrueAa")]
    [TestCase("{{ {'a': 1}.get('a') }}{{ {}.get('b') }}{{ {}.get('b', 2) }}{{ {'a': 1}.keys() | join }}{{ {'a': 1}.values() | join }}",
        "1None2a1")]
    public void Methods_do_as_in_Python(string template, string expected) => AssertRenders(template, expected);

    [TestCase("x is defined", "False")]
    [TestCase("x is not defined", "True")]
    [TestCase("not x is defined", "True")]
    [TestCase("none is none and 1 is not none", "True")]
    [TestCase("'a' is string and {} is mapping and [] is sequence and [] is iterable and 1 is number", "True")]
    [TestCase("1 is iterable or 'a' is mapping or 'a' is number", "False")]
    [TestCase("true is true and false is false and 1 is not true and true is boolean", "True")]
    [TestCase("4 is even and 3 is odd and 9 is divisibleby(3) and 9 is divisibleby 3", "True")]
    [TestCase("1 is eq 1 and 1 is ne(2) and 1 is in [1]", "True")]
    public void Tests_do_as_in_Jinja(string expression, string expected) => AssertRenders($"{{{{ {expression} }}}}", expected);

    [TestCase("{{ u + 't' }}", "uT")]
    [TestCase("{{ ('a' ~ u ~ 'b')[1:] }}", "uB")]
    [TestCase("{{ ('x' ~ w ~ 'y').split('-') | join('j') }}", "XaJbY")]
    [TestCase("{{ ('  ' ~ u ~ ' ') | trim }}", "u")]
    [TestCase("{{ 'a-b'.replace('-', u) }}{{ w.replace('-', 't') }}", "AuBaTb")]
    [TestCase("{{ [u, 'a'] | join('t') }}", "uTA")]
    [TestCase("{{ {'a': u} | tojson(separators=(',', ':')) }}", "{\"A\":\"u\"}")]
    [TestCase("{{ u | upper }}{{ u.lower() }}{{ u | string }}{{ u * 2 }}", "uuuuu")]
    [TestCase("{% set x %}a{{ u }}b{% endset %}{{ x }}{% macro m(v) %}c{{ v }}{% endmacro %}{{ m(u) }}", "AuBCu")]
    [TestCase("{{ u[0] }}{{ (u | list)[0] }}{{ u | first }}{% for c in u %}{{ c }}{% endfor %}{{ none or u }}", "uuuuu")]
    [TestCase("{{ u == 'u' }}", "TRUE")]
    public void Every_character_keeps_its_trust(string template, string expected)
        => Assert.That(PromptTextTests.Marked(Render(template)), Is.EqualTo(expected));

    [TestCase("a\n {{ 1 | frobnicate }}", "line 2, column 9: the filter 'frobnicate' is not supported")]
    [TestCase("{{ 1 is prime }}", "the test 'prime' is not supported")]
    [TestCase("{% include 'x' %}", "line 1, column 4: the block 'include' is not supported")]
    [TestCase("{% raw %}{% endraw %}", "the block 'raw' is not supported")]
    [TestCase("{% break %}", "the block 'break' is not supported")]
    [TestCase("{% endif %}", "the block 'endif' is not supported")]
    [TestCase("{% if true %}x", "expected 'elif' or 'else' or 'endif' and found 'end of template'")]
    [TestCase("{{ 1", "the tag has no end")]
    [TestCase("{# 1", "the comment has no end")]
    [TestCase("{{ 'a }}", "the string has no end")]
    [TestCase("{{ (1] }}", "unexpected ']'")]
    [TestCase("{{ 1 ? 2 }}", "unexpected character '?'")]
    [TestCase("{{ 1 2 }}", "expected '}}' and found '2'")]
    [TestCase("{{ }}", "expected a value and found '}}'")]
    [TestCase("{{ 99999999999999999999 }}", "expected a value")]
    [TestCase("{{ aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjj"
        + "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffgggggggggghhhhhhhhhhiiiiiiiiiijjjjjjjjjjk }}",
        "the name is longer than 200")]
    [TestCase("{{ f(a=1, 2) }}", "expected a named argument")]
    public void What_is_not_supported_is_refused_when_the_template_is_read(string template, string problem)
        => Assert.That(() => new Template("dir/t.jinja", template),
            Throws.TypeOf<UnsupportedModelException>().With.Message.Contains(problem)
                .And.Message.StartsWith("dir/t.jinja: chat template, line "));

    [TestCase("ab{{ nothing.x }}", "line 1, column 13: 'nothing' is undefined and has no 'x'")]
    [TestCase("{{ strftime_now('%Y') }}", "the function 'strftime_now' is not supported")]
    [TestCase("{{ 'a'.casefold() }}", "the method 'casefold' of a string is not supported")]
    [TestCase("{{ [].append(1) }}", "the method 'append' of a list is not supported")]
    [TestCase("{{ 'a' + 1 }}", "'+' is not supported between a string and a number")]
    [TestCase("{{ u + none }}", "between a string and none")]
    [TestCase("{{ nothing + 'a' }}", "'nothing', which is undefined")]
    [TestCase("{{ 1 // 0 }}", "'//'")]
    [TestCase("{{ 9223372036854775807 + 1 }}", "'+'")]
    [TestCase("{{ -9223372036854775807 - 1 - 1 }}", "'-'")]
    [TestCase("{{ (-9223372036854775807 - 1) // -1 }}", "'//'")]
    [TestCase("{{ 1 < 'a' }}", "have no order")]
    [TestCase("{{ [1] }}", "printing a list is not supported")]
    [TestCase("{% set x.y = 1 %}", "'x' is no namespace")]
    [TestCase("{% for a, b in [1] %}{% endfor %}", "a number cannot be iterated over")]
    [TestCase("{% for a, b in [[1]] %}{% endfor %}", "1 values are assigned to 2 variables")]
    [TestCase("{{ 'a' | tojson(sort_keys=true) }}", "'tojson' is supported without")]
    [TestCase("{{ 'a' | trim(1, 2) }}", "'trim' takes at most 1 arguments and got 2")]
    [TestCase("{{ 'a' | trim(color=1) }}", "'trim' got an argument it does not take: color")]
    [TestCase("{{ 'a'[::0] }}", "a slice's step is 0")]
    public void What_cannot_be_rendered_is_refused(string template, string problem)
        => Assert.That(() => Render(template), Throws.TypeOf<UnsupportedModelException>().With.Message.Contains(problem));

    [TestCase("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}")]
    [TestCase("{% for a in range(9223372036854775807) %}{% endfor %}")]
    [TestCase("{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [TestCase("{% set ns = namespace(l=[1]) %}{% for i in range(99) %}{% set ns.l = ns.l + ns.l %}{% endfor %}")]
    [TestCase("{{ 'x' * 9223372036854775807 }}")]
    [TestCase("{% set s = 'a' * 3000000 %}{% for i in range(99) %}{{ s }}{% endfor %}")]
    [TestCase("{% set s = 'a' * 3000000 %}{{ ('a' * 1000000 ~ 'b') in s }}")]
    [TestCase("{{ ('a' * 3000000).replace('a', 'b' * 1000) }}")]
    [TestCase("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}")]
    [TestCase("{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}")]
    [TestCase("{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}")]
    [TestCase("{% set a = namespace(l=[1]) %}{% for i in range(60) %}{% set a.l = [a.l, a.l] %}{% endfor %}{{ a.l == a.l }}")]
    [TestCase("{% set s = 'a' * 3000000 %}{% set t = s ~ '' %}{% for i in range(99999) %}{% if s == t %}{% endif %}{% endfor %}")]
    [TestCase("{% set s = 'a' * 3000000 %}{% set m = {'k': 1} %}"
        + "{% for i in range(99999) %}{% if s in m %}{% endif %}{{ m[s] }}{% endfor %}")]
    [TestCase("{% set s = '1' * 3000000 %}{% for i in range(99999) %}{% set t = s | int %}{% endfor %}")]
    public void A_template_that_would_not_end_is_stopped(string template)
        => Assert.That(() => Render(template), Throws.TypeOf<UnsupportedModelException>());

    [TestCase("(", ")")]
    [TestCase("[", "]")]
    [TestCase("not ", "")]
    [TestCase("- ", "")]
    [TestCase("1 + ", "")]
    [TestCase("1 if 1 else ", "")]
    [TestCase("{'a': ", "}")]
    [TestCase("f(", ")")]
    public void Deep_expressions_do_not_exhaust_the_stack(string open, string close)
    {
        string template = "{{ " + string.Concat(Enumerable.Repeat(open, 50_000)) + "1"
            + string.Concat(Enumerable.Repeat(close, 50_000)) + " }}";

        Assert.That(() => Render(template), Throws.TypeOf<UnsupportedModelException>());
    }

    [Test]
    public void Deep_blocks_do_not_exhaust_the_stack()
        => Assert.That(() => Render(string.Concat(Enumerable.Repeat("{% if true %}", 50_000))), Throws.TypeOf<UnsupportedModelException>());

    [Test]
    public void A_giant_template_is_refused()
        => Assert.That(() => Render(new string('x', 2 << 20)), Throws.TypeOf<UnsupportedModelException>());

    [Test]
    public void Random_mutations_of_a_template_never_fail_in_another_way()
    {
        string original = File.ReadAllText(Path.Combine(DeepSeekEngine.Testing.TestPaths.TokenizerDirectory, Cases.R1Template));
        Random random = new(11);
        int refused = 0;
        for (int round = 0; round < 2000; round++)
        {
            char[] template = original.ToCharArray();
            for (int change = random.Next(1, 5); change > 0; change--)
            {
                template[random.Next(template.Length)] = original[random.Next(original.Length)];
            }

            try
            {
                ChatTemplate.Parse("t", new string(template), Cases.R1)
                    .Render([new Message(Role.User, "a"), new Message(Role.Assistant, "b")], true);
            }
            catch (UnsupportedModelException)
            {
                refused++;
            }
        }

        Assert.That(refused, Is.InRange(200, 1999));
    }

    private static PromptText Render(string template) => new Template("t", template).Render(
        [new("u", PromptText.Untrusted("u")), new("w", PromptText.Untrusted("a-b"))], inputLength: 4);

    private static void AssertRenders(string template, string expected) => Assert.That(Render(template).Text, Is.EqualTo(expected));
}
