#!/bin/sh
# sentencex 1.0.32 (PyPI, Python 3.11): in French, the titles "M." and "Dr." end a sentence, though "Mme"
# and "MM." do not, and though "Dr." is known in English, German, Spanish and Dutch.
# Guess before: a segmenter with rules for French knows the title Monsieur.
# Seen: ['M. ', 'Dupont est parti.'], ['Le Dr. ', 'Martin est parti.'], ['MM. Abel et Cie partent.'].
# What follows for users: the sentence loses its subject's title, and a fact begins with the name.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" --disable-pip-version-check --quiet install sentencex==1.0.32
"$folder/env/bin/python" - <<'PYTHON'
from importlib.metadata import version

import sentencex

texts = {
    "fr": ["M. Dupont est parti.", "Le Dr. Martin est parti.", "MM. Abel et Cie partent."],
    "en": ["Dr. Smith has left."],
}
seen = {text: sentencex.segment(code, text) for code, each in texts.items() for text in each}
print("sentencex", version("sentencex"))
for text, sentences in seen.items():
    print(repr(text), "->", sentences)
expected = {
    "M. Dupont est parti.": ["M. ", "Dupont est parti."],
    "Le Dr. Martin est parti.": ["Le Dr. ", "Martin est parti."],
    "MM. Abel et Cie partent.": ["MM. Abel et Cie partent."],
    "Dr. Smith has left.": ["Dr. Smith has left."],
}
raise SystemExit(0 if seen == expected else "sentencex behaves differently now")
PYTHON
