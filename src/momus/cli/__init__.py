"""The command line: one thin file a verb. Verbs are imported when they are used."""
