"""The sentences of raygpu in other languages, one gettext catalogue each."""
