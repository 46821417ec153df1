"""Random networks: a small run in every test run, a long one by `pytest -m fuzz`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fuzz.build import build
from fuzz.check import JUDGES, Case, check
from fuzz.draw import commit_seed, draw
from fuzz.faults import FAULTS, Fault
from fuzz.features import WANTED, features
from fuzz.run import CORPUS, load, outcome_of, run, save
from fuzz.shrink import shrink
from fuzz.spec import from_json, to_json

_FAULT_SEED = 70_000
_MOST_TRIES = 40


def test_some_random_networks_are_right(tmp_path: Path) -> None:
    """Another 15 for each commit; a failure's spec is printed, to be put into the corpus."""
    found = run(commit_seed(), 15, 20, corpus=tmp_path)
    print(found.summary())
    kept = "".join(path.read_text() for path in tmp_path.iterdir())
    assert not found.failures, found.summary() + "\n" + kept


@pytest.mark.fuzz
def test_random_networks_are_right(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    option = request.config.getoption
    given = option("--fuzz-seed")
    seed = commit_seed() if given is None else given
    with capsys.disabled():
        print(f"\nfuzz: first seed {seed}")
        found = run(seed, option("--fuzz-count"), option("--fuzz-seconds"), say=print)
        print(found.summary())
    assert not found.failures, found.summary()


@pytest.mark.parametrize("path", sorted(CORPUS.glob("*.json")), ids=lambda path: path.stem)
def test_network_of_the_corpus_is_right(path: Path) -> None:
    outcome = outcome_of(load(path))
    assert outcome.status == "equal", outcome.text


@pytest.mark.parametrize("planted", FAULTS, ids=lambda planted: planted.name)
def test_planted_fault_is_found(planted: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    """By one of the first 40 networks that have what the fault is about."""
    tried = 0
    planted.plant(monkeypatch)
    for seed in range(_FAULT_SEED, _FAULT_SEED + 4000):
        spec = draw(seed)
        if not planted.concerns(spec):
            continue
        outcome = outcome_of(spec, {planted.judge: JUDGES[planted.judge]})
        tried += 1
        if outcome.text.startswith(f"{planted.judge}: "):  # and no crash or refusal
            print(f"seed {seed}, network {tried}: {outcome.text}")
            return
        assert tried < _MOST_TRIES, f"{tried} networks saw nothing"


def test_every_feature_has_its_share() -> None:
    counts: Counter[str] = Counter()
    for seed in range(500):
        counts.update(features(draw(seed)))
    rare = {name: counts[name] for name in WANTED if counts[name] < 40}
    assert not rare


def test_spec_of_a_seed_is_always_the_same_and_survives_json() -> None:
    for seed in range(20):
        spec = draw(seed)
        assert draw(seed) == spec
        assert from_json(to_json(spec)) == spec
        assert (
            build(from_json(to_json(spec))).SerializeToString() == build(spec).SerializeToString()
        )


def test_failure_is_shrunk_to_what_it_is_about_and_kept(tmp_path: Path) -> None:
    """A judge that dislikes every padded convolution leaves one layer of it."""

    def no_pads(case: Case) -> str:
        nodes = case.golden.onnx_model.graph.node
        pads = [a.ints for n in nodes for a in n.attribute if a.name == "pads"]
        return "a pad" if any(any(p) for p in pads) else ""

    found = run(0, 30, 60, judges={"no pads": no_pads}, corpus=tmp_path)
    assert found.failures and len(found.failures) <= 3
    name, text = found.failures[0]
    small = load(tmp_path / name)
    assert text == "no pads: a pad"
    assert len(small.layers) <= 2
    assert sum(small.layers[0].pads) == 1
    assert np.prod(small.input.shape) <= 4
    assert check(small).status == "equal"


def test_exception_of_a_judge_is_a_failure_with_its_name() -> None:
    def broken(case: Case) -> str:
        raise ZeroDivisionError("no")

    assert outcome_of(draw(0), {"broken": broken}).text == "ZeroDivisionError: no"


def test_shrinking_keeps_what_does_not_fail_otherwise(tmp_path: Path) -> None:
    spec = draw(3)
    assert shrink(spec, lambda candidate: False, 1) == spec
    save(spec, tmp_path / "a.json", "because")
    assert load(tmp_path / "a.json") == spec
