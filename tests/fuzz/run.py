"""Run random networks until a count or a time is reached; failures are shrunk and kept."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fuzz.check import JUDGES, Judge, Outcome, check
from fuzz.draw import draw
from fuzz.features import WANTED, features
from fuzz.shrink import shrink
from fuzz.spec import Spec, from_json, to_json

CORPUS = Path(__file__).parent / "corpus"


@dataclass
class Run:
    """What a run saw. failures: (file or "", what differs) of each network that is not right."""

    first_seed: int
    networks: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    """By feature."""
    refusals: Counter[str] = field(default_factory=Counter)
    """By reason, as survey announces it."""
    failures: list[tuple[str, str]] = field(default_factory=list)

    def summary(self) -> str:
        """Return some lines for the terminal."""
        last = self.first_seed + self.networks - 1
        lines = [
            f"fuzz: {self.networks} networks in {self.seconds:.0f} s, seeds {self.first_seed} to "
            f"{last}, {self.refusals.total()} refused, {len(self.failures)} differ"
        ]
        lines += [f"  refused {n} times: {reason}" for reason, n in self.refusals.most_common()]
        lines += [f"  {text} ({name})" for name, text in self.failures]
        rare = sorted(WANTED, key=lambda name: self.counts[name])[:5]
        lines += ["  rarest: " + ", ".join(f"{name} {self.counts[name]}" for name in rare)]
        return "\n".join(lines)


def run(
    first_seed: int,
    count: int,
    seconds: float,
    *,
    judges: Mapping[str, Judge] = JUDGES,
    corpus: Path | None = CORPUS,
    say: Callable[[str], None] = lambda text: None,
) -> Run:
    """Check the networks of first_seed, first_seed + 1, ... and write failures into `corpus`.

    A judge that raises is a failure as much as one that answers. Shrinking comes on top of
    `seconds`, a minute a failure; after three failures the run ends.
    """
    found, start = Run(first_seed), time.monotonic()
    for seed in range(first_seed, first_seed + count):
        if time.monotonic() - start > seconds or len(found.failures) >= 3:
            break
        spec = draw(seed)
        found.networks += 1
        found.counts.update(features(spec))
        outcome = outcome_of(spec, judges)
        if outcome.status == "refused":
            found.refusals[outcome.text] += 1
        elif outcome.status == "differs":
            say(f"fuzz: seed {seed}: {outcome.text}")
            found.failures.append(_kept(spec, outcome, judges, corpus))
    found.seconds = time.monotonic() - start
    return found


def outcome_of(spec: Spec, judges: Mapping[str, Judge] = JUDGES) -> Outcome:
    """Check one spec; an exception is a difference that is named by its type."""
    try:
        return check(spec, judges)
    except Exception as error:  # noqa: BLE001 - whatever breaks on a legal network is a finding
        return Outcome("differs", f"{type(error).__name__}: {error}")


def _kept(
    spec: Spec, outcome: Outcome, judges: Mapping[str, Judge], corpus: Path | None
) -> tuple[str, str]:
    """Shrink a failure to one that the same judge finds, and write it down."""
    kind = outcome.text.partition(":")[0]

    def fails(candidate: Spec) -> bool:
        seen = outcome_of(candidate, judges)
        return seen.status == "differs" and seen.text.partition(":")[0] == kind

    small = shrink(spec, fails)
    text = outcome_of(small, judges).text
    if corpus is None:
        return "", text
    corpus.mkdir(parents=True, exist_ok=True)
    path = corpus / f"{kind.lower().replace(' ', '_')}_{spec.seed}.json"
    save(small, path, why=text)
    return path.name, text


def save(spec: Spec, path: Path, why: str) -> None:
    """Write a spec beside the reason for keeping it."""
    path.write_text(json.dumps({"why": why, "spec": json.loads(to_json(spec))}, indent=1) + "\n")


def load(path: Path) -> Spec:
    """Return the spec of a corpus file."""
    return from_json(json.dumps(json.loads(path.read_text())["spec"]))
