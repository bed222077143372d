"""Prints what dockerfile-parse makes of files, as JSON: judge.py FILE..."""

import io
import json
import sys

from dockerfile_parse import DockerfileParser

found = []
for name in sys.argv[1:]:
    with open(name, "rb") as file:
        parser = DockerfileParser(fileobj=io.BytesIO(file.read()))
    instructions = [it for it in parser.structure if it["instruction"] != "COMMENT"]
    found.append([[it["startline"] + 1, it["instruction"], it["value"]] for it in instructions])
json.dump(found, sys.stdout)
