"""The documentation as a whole: links, navigation, docstrings, the site, the result table."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from doc_blocks import ROOT, pages

from flow.commands.costs import ERRORS, error_table
from flow.hardware.costs.model import errors, load_model, load_table
from flow.reporting.table import (
    BEGIN,
    END,
    ESTIMATES,
    collect_reports,
    estimate_table,
    result_table,
)
from flow.reporting.trained import (
    CITED_FILE,
    COMPARED,
    TRAINED,
    compared_table,
    read_cited,
    read_records,
    trained_table,
)

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_PLAIN_BASES = {"ABC", "BaseModel", "Protocol", "Exception", "RuntimeError", "ValueError", "Enum"}


def slug(heading: str) -> str:
    text = re.sub(r"[`*\[\]()]", "", heading.strip().lower())
    return re.sub(r"[^\w\- ]", "", text).strip().replace(" ", "-")


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in _LINK.findall(text):
        if re.match(r"https?://", link):
            continue
        target, _, anchor = link.partition("#")
        path = (page.parent / target) if target else page
        assert path.exists(), f"{page.name}: {link} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, f"{page.name}: {link}"


def test_every_page_is_in_the_navigation() -> None:
    navigation = str(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])
    missing = [p.name for p in pages() if p.parent.name == "docs" and p.name not in navigation]
    assert missing == []


def test_the_table_in_the_readme_is_what_the_reports_say() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition(BEGIN)[2].partition(END)[0].strip()
    assert table == result_table(collect_reports(ROOT / "docs" / "results"))


def test_the_tables_of_trained_networks_are_what_the_records_say() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    records = read_records(ROOT / "models")
    cited = read_cited(ROOT / CITED_FILE)
    tables = [(TRAINED, trained_table(records)), (COMPARED, compared_table(cited, records))]
    for marks, table in tables:
        assert text.partition(marks.begin)[2].partition(marks.end)[0].strip() == table


def test_stages_page_names_every_stage() -> None:
    from flow.engine.pipeline import STAGES

    text = (ROOT / "docs" / "stages.md").read_text(encoding="utf-8")
    assert [name for _, name in STAGES if f"`{name}`" not in text] == []


USER_ERRORS = {"UserError", "CheckFailed", "ToolError", "InputError"}
USER_ERRORS |= {
    "FoldError",
    "GoldenError",
    "NetworkError",
    "MapError",
    "StreamlineError",
    "TidyError",
}


class Definitions:
    """Every public class, function and method of the packages, read without importing them."""

    def __init__(self) -> None:
        self.classes: dict[str, tuple[list[str], set[str]]] = {}
        self.found: list[tuple[str, str, ast.AST, str | None]] = []
        for folder in ("flow", "driver"):
            for path in sorted((ROOT / folder).rglob("*.py")):
                tree = ast.parse(path.read_text(encoding="utf-8"))
                self._read(path.relative_to(ROOT).as_posix(), tree, None)

    def _read(self, where: str, parent: ast.AST, owner: str | None) -> None:
        for node in ast.iter_child_nodes(parent):
            if not isinstance(node, ast.ClassDef | ast.FunctionDef):
                continue
            if not node.name.startswith("_"):
                self.found.append((where, node.name, node, owner))
            if isinstance(node, ast.ClassDef):
                bases = [ast.unparse(b).split("[")[0].split(".")[-1] for b in node.bases]
                own = {
                    n.name
                    for n in node.body
                    if isinstance(n, ast.FunctionDef) and ast.get_docstring(n)
                }
                self.classes[node.name] = (bases, own)
                if not node.name.startswith("_"):
                    self._read(where, node, node.name)

    def inherits_words(self, owner: str, method: str) -> bool:
        """Whether a base class documents `method`, or lies outside the project."""
        bases, _ = self.classes[owner]
        for base in bases:
            if base not in self.classes:
                if base not in _PLAIN_BASES:
                    return True
            elif method in self.classes[base][1] or self.inherits_words(base, method):
                return True
        return False

    def undocumented(self) -> Iterator[str]:
        for where, name, node, owner in self.found:
            if ast.get_docstring(node) or (owner and self.inherits_words(owner, name)):  # type: ignore[arg-type]
                continue
            yield f"{where}: {f'{owner}.' if owner else ''}{name}"

    def silent_about_errors(self) -> Iterator[str]:
        """Public functions that raise an error for users and do not say so."""
        for where, name, node, owner in self.found:
            if not isinstance(node, ast.FunctionDef) or (
                owner and self.inherits_words(owner, name)
            ):
                continue
            words = ast.get_docstring(node) or ""
            raised = {
                ast.unparse(n.exc.func)
                for n in ast.walk(node)
                if isinstance(n, ast.Raise) and isinstance(n.exc, ast.Call)
            }
            if raised & USER_ERRORS and not re.search(
                r"Error|Raise|refuse|CheckFailed|errors as", words, re.IGNORECASE
            ):
                yield f"{where}: {f'{owner}.' if owner else ''}{name}"


# Files and classes that need no docstring for each method, and why.
EXEMPT = {
    "flow/finn/xsi/": "the names and their meaning are those of FINN's own interface",
    "flow/models/floating.py: FloatKit": "the layers of a network, said once in the class",
    "flow/models/quantizers.py: BrevitasKit": "the layers of a network, said once in the class",
    "flow/training/twin.py: TwinKit": "the layers of a network, said once in the class",
}
# Not documented yet; these lists may only get shorter.
UNDOCUMENTED = {
    "flow/stages/bitstream.py: Bitstream.commands",
    "flow/stages/finn_build.py: FinnBuild.commands",
    "flow/stages/netlist.py: Netlist.commands",
}
SILENT = {
    "driver/plot.py: draw",
    "flow/commands/evaluate.py: evaluate",
    "flow/commands/finn_tests.py: write_between",
    "flow/commands/train.py: train",
    "flow/config/__init__.py: parse_config",
    "flow/data/datasets.py: read_photograph",
    "flow/frontend/golden/evaluate.py: blind_channels",
    "flow/frontend/golden/model.py: GoldenModel.weights",
    "flow/finn/input.py: pixel_steps",
    "flow/training/batches.py: split_train_validation",
    "flow/training/pruning.py: start_pruned_run",
}


def test_every_public_class_and_function_has_a_docstring() -> None:
    found = {name for name in Definitions().undocumented() if not name.startswith(tuple(EXEMPT))}
    assert sorted(found - UNDOCUMENTED) == []


def test_a_function_that_refuses_input_says_so() -> None:
    assert sorted(set(Definitions().silent_about_errors()) - SILENT) == []


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs", reason="mkdocs-material is not installed")
    pytest.importorskip("mkdocstrings", reason="mkdocstrings is not installed")
    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-d", str(tmp_path / "site")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert built.returncode == 0, built.stderr[-3000:]
    reference = (tmp_path / "site" / "reference" / "index.html").read_text()
    assert "lower_to_plain_onnx" in reference


def test_the_tables_about_folding_are_what_model_and_reports_say() -> None:
    text = (ROOT / "docs" / "folding.md").read_text(encoding="utf-8")
    estimates = estimate_table(collect_reports(ROOT / "docs" / "results"))
    for marks, table in (
        (ERRORS, error_table(errors(load_model(), load_table()))),
        (ESTIMATES, estimates),
    ):
        assert text.partition(marks.begin)[2].partition(marks.end)[0].strip() == table
