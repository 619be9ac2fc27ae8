"""Scores the cases of a folder by its PMML documents with pypmml and compares.

Each N.pmml stands beside N.json, a list of {"features": {...}, "expected": score}.
"""

import json
import pathlib
import sys

from pypmml import Model

folder = pathlib.Path(sys.argv[1])
equal, wrong = 0, []
for document in sorted(folder.glob("*.pmml")):
    model = Model.fromFile(str(document))
    cases = json.loads(document.with_suffix(".json").read_text())
    for case in cases:
        # One by one: a frame of pandas hands over a missing number as 0.
        told = {name: value for name, value in case["features"].items() if value is not None}
        score = model.predict(told)["recovery_score"]
        if score == case["expected"]:
            equal += 1
        else:
            wrong.append((document.name, score, case))
Model.close()
for one in wrong[:5]:
    print(one)
print(f"{equal} scores are equal, {len(wrong)} are not")
sys.exit(1 if wrong else 0)
