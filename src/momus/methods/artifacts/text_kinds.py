"""Lines that only programs of one language have. Every pattern stays within a line and has bounds on its repeats."""

from __future__ import annotations

import re

PROGRAM = "a program, no model"
# (kind, what it is, patterns of which each hit counts, hits that make it one)
_KINDS: tuple[tuple[str, str, tuple[str, ...], int], ...] = (
    (
        "dockerfile",
        "builds an image by running commands",
        (
            r"FROM[ \t]+[\w./:${}@-]{1,200}([ \t]+AS[ \t]+\w+)?[ \t]*$",
            r"(RUN|ENTRYPOINT)[ \t]+\S",
            r"(COPY|ADD)[ \t]+\S+[ \t]+\S",
            r"CMD[ \t]+[\[\w]",
            r"WORKDIR[ \t]+/",
        ),
        2,
    ),
    (
        "shell script",
        PROGRAM,
        (
            r"set -[euxo]+",
            r"export \w+=",
            r"if \[\[? .{0,200}\]\]?[ \t]*;?[ \t]*(then)?$",
            r"(fi|done|esac)$",
            r"echo [\"'$\w]",
            r"sudo \w+",
            r"for \w+ in .{0,200}; ?do$",
            r"function \w+[ \t]*\{",
            r"\w{1,80}\(\)[ \t]*\{",
            r"source \S+",
            r"cd \S+$",
            r"mkdir -p",
            r"chmod ",
            r"curl -",
            r"wget http",
        ),
        3,
    ),
    (
        "lua source",
        PROGRAM,
        (
            r"local function \w+",
            r"local \w+[ \t]*=[ \t]*require",
            r"function \w+[.:]?\w*\(.{0,200}\)[ \t]*$",
            r"end[ \t]*$",
            r"require ?[('\"]",
            r"(os\.execute|io\.popen)\(",
            r"return[ \t]+\w+$",
        ),
        3,
    ),
    (
        "r source",
        PROGRAM,
        (
            r"(library|require)\(\w+\)",
            r"[\w.]{1,80} <- (function\(|\w+\()",
            r"(source|system2?|install\.packages)\(",
        ),
        2,
    ),
    (
        "javascript source",
        PROGRAM,
        (
            r"(const|let|var) [\w{}, ]{1,200} = (require\(|await |function|\(|async|new |document)",
            r"export (default|const|function|class)",
            r"import .{1,200} from ['\"]",
            r"module\.exports",
            r"function \w+\(.{0,200}\)[ \t]*\{",
            r"\}\);?[ \t]*$",
            r"console\.log\(",
            r"['\"]use strict",
        ),
        3,
    ),
    (
        "c source",
        PROGRAM,
        (
            r"#include[ \t]*[<\"]",
            r"#define \w+",
            r"#(ifdef|endif)",
            r"((static|extern|inline) ){0,3}(int|void|char|float|double|size_t|bool)[ \t]+\*?\w{1,80}"
            r"\([^;\n]{0,300}\)[ \t]*(\{.*)?$",
            r"__global__ void",
            r"using namespace \w+;",
        ),
        2,
    ),
    (
        "powershell or batch source",
        PROGRAM,
        (
            r"@echo off",
            r"param[ \t]*\(",
            r"\$\w{1,80}[ \t]*=[ \t]*New-Object",
            r"(Write-Host|Start-Process|Invoke-\w+)",
            r"set /[ap]",
            r"goto \w+",
        ),
        2,
    ),
    (
        "perl or ruby source",
        PROGRAM,
        (
            r"use (strict|warnings)",
            r"my [$@%]\w{1,80}[ \t]*=",
            r"sub \w+[ \t]*\{",
            r"require ['\"]\w+['\"]$",
            r"puts ['\"]",
            r"def \w+[ \t]*$",
            r"end[ \t]*$",
            r"system\(?['\"`]",
            r"eval[ \t]*\{",
        ),
        3,
    ),
    ("makefile", "runs commands when it is built", (r"[\w.%-]{1,200}[ \t]*:[^=\n]{0,400}\n\t\S", r"\.PHONY[ \t]*:"), 2),
    (
        "sql",
        "statements for a data base",
        (r"(CREATE|DROP) TABLE", r"INSERT INTO", r"COPY \w+ (FROM|TO) PROGRAM", r"ATTACH DATABASE"),
        1,
    ),
)
KINDS: tuple[tuple[str, str, re.Pattern[str], int], ...] = tuple(
    (kind, what, re.compile(r"^[ \t]{0,200}(" + "|".join(patterns) + ")", re.M), least)
    for kind, what, patterns, least in _KINDS
)
# commands that programs of these languages run
GRAVE_WORDS = re.compile(
    r"os\.execute\s{0,9}\(|io\.popen\s{0,9}\(|\bsystem2?\s{0,9}\(\s{0,9}['\"]|child_process|\bexecSync\s{0,9}\(|"
    r"Runtime\.getRuntime|`[^`\n]{0,200}(curl|wget)[^`\n]{0,200}`"
)
HTML_SCRIPT = re.compile(
    r"<script\b|\son\w{1,30}\s{0,9}=\s{0,9}[\"']|javascript:|<(iframe|object|embed)\b|"
    r"<meta[^>]{1,300}http-equiv=[\"']?refresh",
    re.I,
)
