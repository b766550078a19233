"""Reads training code that somebody else wrote, with ``ast`` alone: nothing in it is imported or run."""

from momus.methods.code_leads.gather import MOST_FILES, digest_of, gather
from momus.methods.code_leads.leads import KINDS, Lead
from momus.methods.code_leads.scan import CodeReport, scan_code

__all__ = ["KINDS", "MOST_FILES", "CodeReport", "Lead", "digest_of", "gather", "scan_code"]
