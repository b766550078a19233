"""Shell commands in scripts, notebooks, images and workflows: which of them fetch and run, open a shell, or wipe."""

from __future__ import annotations

import re

from momus.methods.artifacts.report import Job, Severity, shown

_FETCH = r"(curl|wget|fetch|lwp-download|aria2c|Invoke-WebRequest|iwr|certutil)\b"
_SHELL = r"(sudo\s{1,9})?(env\s{1,9})?(/usr/bin/|/bin/)?(ba|z|da|k)?sh\b"
_RUNNER = rf"({_SHELL}|(sudo\s+)?python[\d.]{{0,5}}\b|perl\b|node\b)"
_FETCHED, _DECODED = "fetches a program and runs it", "runs what it decodes"
_OPENED = "opens a connection for a shell"
_GRAVE: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.I), reason)
    for pattern, reason in (
        (_FETCH + r"[^\n|;]{0,400}\|\s{0,9}" + _RUNNER, _FETCHED),
        (rf"{_SHELL}\s{{1,9}}-c\s{{1,9}}[\"']?\$\(\s{{0,9}}" + _FETCH, _FETCHED),
        (rf"{_SHELL}\s{{1,9}}<\(\s{{0,9}}" + _FETCH, _FETCHED),
        (r"\bIEX\s{0,9}\(?\s{0,9}(\(?New-Object|iwr|Invoke-WebRequest)", _FETCHED),
        (r"base64\s{1,9}(-d|--decode|-D)\b[^\n;]{0,200}\|\s{0,9}" + _RUNNER, _DECODED),
        (r"(eval|exec)\s{1,9}[\"']?\$\(\s{0,9}(echo|printf)[^\n]{0,400}base64", _DECODED),
        (r"powershell[^\n]{0,80}\s-(e|en|enc|encodedcommand)\s{1,9}[A-Za-z0-9+/=]{20}", _DECODED),
        (r"/dev/(tcp|udp)/[\w.\-$]{1,80}/\d{0,5}", _OPENED),
        (r"\b(nc|ncat|netcat)\b[^\n|;]{0,80}\s-(\w{0,9}e\w{0,9}|c)\s{1,9}\S{0,40}sh\b", _OPENED),
        (r"mkfifo[^\n]{0,120}\b(nc|ncat|netcat|telnet)\b", _OPENED),
        (r"\bsocat\b[^\n]{0,120}exec:", _OPENED),
        (
            r"\brm\s{1,9}(-\w{1,12}\s{1,9}){0,4}-\w{0,9}r\w{0,9}\s{1,9}(-\w{1,12}\s{1,9}){0,4}(--no-preserve-root\s{1,9})?"
            r"[\"']?(/|~/?|\$HOME/?)[\"']?(\*|\s|$)",
            "deletes whole folders",
        ),
        (r"\bdd\b[^\n]{0,80}\bof=/dev/[sh]d", "overwrites a disc"),
        (r":\(\)\s{0,9}\{\s{0,9}:\|:&\s{0,9}\};:", "is a fork bomb"),
        (r"python[\d.]{0,5}\s{1,9}-c\s{1,9}[^\n]{0,200}(b64decode|exec\(|eval\(|socket)", "runs Python that it hides"),
        (
            r"(>>?|tee\s{1,9}(-a\s{1,9})?)\s{0,9}[\"']?(~|\$HOME|/root|/home/\w{1,40})/"
            r"\.(ssh/authorized_keys|bashrc|profile|zshrc)",
            "writes to the login files of a user",
        ),
        (r"\bcrontab\s{1,9}-(?!l)|/etc/cron", "installs a job of its own"),
    )
)


def grave(text: str, job: Job | None = None) -> tuple[str, str, int] | None:
    """(the command, why, offset) of the first thing that nobody wants run unasked; None where there is none."""
    for pattern, reason in _GRAVE:
        if job is not None:
            job.check_time()
        hit = pattern.search(text)
        if hit:
            return " ".join(hit[0].split())[:160], reason, hit.start()
    return None


def judge(job: Job, text: str, where: str, kind: str, offset: int = 0, worst: Severity = "dangerous") -> bool:
    """Mark the gravest command of a text, if any; says whether there was one."""
    found = grave(text, job)
    if found is None:
        return False
    command, reason, at = found
    job.mark(worst, f"{kind} {reason}", offset + at, where, opcode="command", call=shown(command), reason=reason)
    return True
