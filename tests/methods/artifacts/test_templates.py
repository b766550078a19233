"""Chat templates: ways out of the sandbox are found in every spelling, formatting raises nothing."""

from __future__ import annotations

import json

import pytest

from momus.methods.artifacts import scan_bytes

HONEST = {
    "chatml": "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content']"
    " + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "roles alternate": "{{ bos_token }}{% for message in messages %}"
    "{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate') }}{% endif %}"
    "{% if message['role'] == 'user' %}{{ '[INST] ' + message['content'] | trim + ' [/INST]' }}"
    "{% else %}{{ message['content'] + eos_token }}{% endif %}{% endfor %}",
    "tools": "{%- if not date_string is defined %}{%- if strftime_now is defined %}"
    '{%- set date_string = strftime_now("%d %b %Y") %}{%- endif %}{%- endif %}{%- set ns = namespace(found=false) %}'
    "{%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}"
    "{%- macro show(x) %}{{ x.items() | list }}{%- endmacro %}{{ show(tools[0]) }}",
    "generation": "{% for m in messages %}"
    "{% generation %}{{ m.content.split('</think>')[-1].lstrip('\n') }}{% endgeneration %}"
    "{% if loop.last %}{% break %}{% endif %}{% endfor %}{% for i in range(3) %}{{ i }}{% endfor %}",
    "macro with defaults": "{%- macro role(m, extra='') -%}{{ m.role|upper ~ extra }}{%- endmacro -%}"
    "{%- for m in messages -%}{{ role(m) }}{{ m['content'] if m['content'] is string"
    " else m['content'] | map(attribute='text') | join('') }}{%- endfor -%}",
}
GRAVE = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ messages['__class__'] }}",
    "{{ ''|attr('__cla' ~ 'ss__') }}",
    "{{ ''|attr('__cla' + 'ss__') }}",
    "{{ ''|attr(messages[0].x) }}",
    "{{ messages|map(attribute='__class__.__init__')|list }}",
    "{{ messages|map('attr', '__class__')|list }}",
    "{{ cycler.__init__.__globals__.os.popen('touch x').read() }}",
    "{{ lipsum['__glo' + 'bals__'] }}",
    "{% set p = '__globals__' %}{{ self[p] }}",
    "{{ '{0.__class__}'.format(messages) }}",
    "{{ self._TemplateReference__context.x.__init__ }}",
    "{{ open('/etc/passwd').read() }}",
    "{{ eval('1') }}",
    "{% for i in range(10 ** 10) %}{% endfor %}",
    "{% for i in range(99999) %}{% for j in range(99999) %}x{% endfor %}{% endfor %}",
    "{{ 'a' * 10 ** 12 }}",
    "{{ 10 ** 100000000 }}",
    "{{ 'x'|center(10000000000) }}",
]
ODD = [
    "{% include 'other' %}",
    "{% import 'x' as y %}",
    "{{ unheard_of(1) }}",
    "{{ cycler('a') }}",
    "{% if %}",
    "{{ messages.__len__() }}",
]


def holders(template: str) -> dict[str, bytes]:
    return {
        "tokenizer_config.json": json.dumps({"chat_template": template}).encode(),
        "several": json.dumps({"chat_template": [{"name": "default", "template": template}]}).encode(),
        "yaml": f"chat_template: {json.dumps(template)}\nmodel: x\n".encode(),
    }


@pytest.mark.parametrize("kind", HONEST)
def test_honest_templates_raise_nothing(kind: str) -> None:
    for holder, data in holders(HONEST[kind]).items():
        report = scan_bytes(data)
        assert report.verdict == "nothing found", (holder, report.marks)
    assert scan_bytes(HONEST[kind].encode()).verdict == "nothing found"


@pytest.mark.parametrize("template", GRAVE)
def test_ways_out_are_dangerous_wherever_the_template_stands(template: str) -> None:
    for holder, data in holders("{% for m in messages %}{{ m.role }}{% endfor %}" + template).items():
        report = scan_bytes(data)
        assert report.verdict == "dangerous", (holder, report.marks)
        assert any(m.opcode and m.reason for m in report.marks)
    assert scan_bytes(b"{% if messages %}{% endif %}" + template.encode()).verdict == "dangerous"


@pytest.mark.parametrize("template", ODD)
def test_what_nobody_vouched_for_is_suspicious(template: str) -> None:
    assert scan_bytes(holders(template)["tokenizer_config.json"]).verdict == "suspicious"


def test_deep_and_long_templates_end() -> None:
    for text in (
        "{{ " + "(" * 5000,
        "{{ a" + ".b" * 20_000 + " }}",
        "{% if x %}" * 3000,
        "{{" * 50_000,
        "{%" + "x" * 400_000,
    ):
        assert scan_bytes(holders(text)["tokenizer_config.json"]).verdict != "dangerous"
