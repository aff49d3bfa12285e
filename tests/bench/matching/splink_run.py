"""Splink 5 on one set, with settings as its documentation advises for people: prints one line of JSON.

    splink_run.py FILE.csv TRUTH.csv [THRESHOLD]

The first column of FILE is the id; TRUTH has pairs of ids. Columns are known by their names; what is not known is left out.
Pairs at or above the threshold (0.95) are joined to clusters, and every pair within a cluster counts, as `nave match evaluate` counts.
Processor time is that of this process with all its threads, reading the file included, starting Python not.
"""

import itertools
import json
import sys
import time

import pandas as pd
import splink.comparison_library as cl
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

# Column, folded to small letters and without signs → how Splink compares it.
KINDS = {
    "givenname": "name", "firstname": "name", "surname": "name", "lastname": "name",
    "dateofbirth": "date", "birthdate": "date", "dob": "date", "email": "email", "birthplace": "text", "gender": "exact", "occupation": "exact",
    "socsecid": "number", "phone": "number", "streetnumber": "exact",
    "address1": "text", "address2": "text", "street": "text", "suburb": "text", "city": "text", "company": "text",
    "postcode": "number", "postalcode": "number", "postcodefake": "number", "state": "exact", "region": "exact",
}


def read(path):
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    frame = frame.rename(columns={frame.columns[0]: "unique_id"})
    frame.columns = ["unique_id"] + ["".join(c for c in name.lower() if c.isalnum()) for name in frame.columns[1:]]
    frame = frame[["unique_id"] + [name for name in frame.columns if name in KINDS]]
    frame = frame.apply(lambda column: column.str.strip().str.lower() if column.name != "unique_id" else column)
    if "phone" in frame:
        # The digits that every way of writing one number shares.
        frame["phone"] = frame["phone"].str.replace(r"ext.*|\D", "", regex=True).str[-10:]
    for name in ("dateofbirth", "birthdate"):
        if name in frame:
            said = frame[name].str.replace("-", "")
            turned = said.str.extract(r"^(\d\d)/(\d\d)/(\d{4})$")
            frame[name] = said.where(turned[0].isna(), turned[2] + turned[1] + turned[0])
    return frame.mask(frame == "", None)


def comparison(name):
    kind = KINDS[name]
    if kind == "name":
        return cl.NameComparison(name)
    if kind == "email":
        return cl.EmailComparison(name)
    if kind in ("number", "date"):
        return cl.DamerauLevenshteinAtThresholds(name, [1, 2])
    if kind == "exact":
        return cl.ExactMatch(name).configure(term_frequency_adjustments=True)
    return cl.JaroWinklerAtThresholds(name, [0.9, 0.7]).configure(term_frequency_adjustments=True)


def main():
    path, truth_path = sys.argv[1:3]
    threshold = float(sys.argv[3]) if len(sys.argv) > 3 else 0.95
    began = time.process_time()
    frame = read(path)
    fields = [name for name in frame.columns if name != "unique_id"]
    strong = [name for name in fields if KINDS[name] in ("date", "number", "email")]
    names = [name for name in fields if KINDS[name] == "name"]
    texts = [name for name in fields if KINDS[name] == "text"]
    rules = [block_on(name) for name in strong] + [block_on(*names)]
    rules += [block_on(name, text) for name in names for text in texts]
    settings = SettingsCreator(
        link_type="dedupe_only",
        comparisons=[comparison(name) for name in fields],
        blocking_rules_to_generate_predictions=rules,
    )
    api = DuckDBAPI()
    linker = Linker(api.register(frame), settings)
    sure = [block_on(*names, name) for name in strong]
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    for rule in (block_on(*names), block_on(strong[0])):
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    pairs = linker.inference.predict(threshold_match_probability=threshold)
    clusters = linker.clustering.cluster_pairwise_predictions_at_threshold(pairs, threshold_match_probability=threshold)
    clusters = clusters.as_pandas_dataframe()
    spent = time.process_time() - began
    joined = set()
    for _, ids in clusters.groupby("cluster_id")["unique_id"]:
        joined.update(itertools.combinations(sorted(ids), 2))
    truth = pd.read_csv(truth_path, dtype=str)
    true = {tuple(sorted(pair)) for pair in truth.iloc[:, :2].itertuples(index=False)}
    right = len(joined & true)
    precision, recall = right / max(len(joined), 1), right / max(len(true), 1)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    print(json.dumps({
        "records": len(frame), "true_pairs": len(true), "precision": round(precision, 4), "recall": round(recall, 4),
        "f1": round(f1, 4), "review_pairs": 0, "cpu_seconds": round(spent, 2),
    }))


main()
