"""Build settings: checked, with messages that help."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from flow.board import Board
from flow.commands.info import schema_text, write_settings
from flow.config import BuildConfig, find_config, load_config, require_model
from flow.engine.report import Report
from flow.errors import UserError
from flow.overrides import parse_assignments
from flow.paths import PACKAGE_DIR, configs_dir, repository_root

MINIMAL = '[model]\nsource = "net.onnx"\n'


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write_file(text: str, name: str = "mine.toml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write_file


def test_a_minimal_file_gets_its_stem_as_name_and_the_defaults(write: Any) -> None:
    config = load_config(write(MINIMAL))
    assert (config.name, config.verify.images, config.rtlsim_images) == ("mine", 4, 4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            MINIMAL + "[fold]\ntarget_fsp = 5",
            r'mine.toml: \[fold\] unknown key "target_fsp"; did you mean target_fps\?',
        ),
        (MINIMAL + "[flod]\n", r'unknown key "flod"; did you mean fold\?'),
        (
            MINIMAL + "[fold.layers.MVAU_0]\nsmid = 4",
            r'\[fold.layers.MVAU_0\] unknown key "smid"; did you mean simd\? Known: pe, simd',
        ),
        (
            MINIMAL + "[fold]\ntarget_fps = -1",
            r"\[fold\] target_fps = -1: should be greater than 0. Frames per second",
        ),
        (
            MINIMAL + "[verify]\nimages = 1",
            r"\[verify\] images = 1: should be .* 2. Number of images",
        ),
        (MINIMAL + '[verify]\nseed = "x"', r"\[verify\] seed = 'x': should be a valid integer"),
        ("[fold]\ntarget_fps = 5", r"mine.toml: model is missing: Where the network comes from"),
        ("[model]\nsource = ", "mine.toml: not valid TOML: Invalid value"),
        ('name = "../x"\n' + MINIMAL, r"name = '../x': should match pattern .*. Name of the build"),
    ],
)
def test_a_wrong_file_is_refused_with_place_finding_and_remedy(
    write: Any, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        load_config(write(text))


def test_more_images_than_golden_has_cannot_be_simulated(write: Any) -> None:
    config = load_config(write(MINIMAL + "[rtlsim]\nimages = 3"))
    assert config.rtlsim_images == 3
    with pytest.raises(UserError, match=r"rtlsim\.images = 5 is more than verify\.images = 4"):
        load_config(write(MINIMAL + "[rtlsim]\nimages = 5"))


def test_all_mistakes_are_named_at_once(write: Any) -> None:
    text = MINIMAL + "clock = 5\n[verify]\nimages = 0"
    with pytest.raises(UserError) as caught:
        load_config(write(text))
    assert len(str(caught.value).splitlines()) == 2


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"gone.toml: cannot be read: No such file"):
        load_config(tmp_path / "gone.toml")
    (tmp_path / "bin.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"bin.toml: not valid TOML"):
        load_config(tmp_path / "bin.toml")


def test_overrides_beat_the_file_and_keep_the_rest(write: Any) -> None:
    path = write(MINIMAL + "[fold]\ntarget_fps = 5\n[fold.layers.A]\npe = 2")
    config = load_config(path, {"fold.target_fps": 50, "fold.layers.B.simd": 8})
    assert config.fold.target_fps == 50
    assert (config.fold.layers["A"].pe, config.fold.layers["B"].simd) == (2, 8)


def test_a_wrong_override_is_not_blamed_on_the_file(write: Any) -> None:
    with pytest.raises(UserError, match=r"mine.toml with fold.target_fps set on the command line"):
        load_config(write(MINIMAL), {"fold.target_fps": "many"})
    with pytest.raises(UserError, match=r"--set: name.x: name is a value, not a section"):
        load_config(write('name = "n"\n' + MINIMAL), {"name.x": 1})


def test_assignments_are_toml_values_or_plain_text() -> None:
    assert parse_assignments(["a.b=5", "c=true", "d=hello there", 'e="5"', "f=[1, 2]"]) == {
        "a.b": 5,
        "c": True,
        "d": "hello there",
        "e": "5",
        "f": [1, 2],
    }
    for wrong in ("fold", "=5", "a..b=1", " =2"):
        with pytest.raises(UserError, match="is not key=value; for instance --set"):
            parse_assignments([wrong])


def test_a_model_is_looked_for_beside_the_file_then_in_the_repository(
    write: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "root"
    (root / "models").mkdir(parents=True)
    monkeypatch.setenv("BNNFLOW_ROOT", str(root))
    path = write('[model]\nsource = "models/net.onnx"')
    with pytest.raises(UserError, match=r"model: there is no file .*net.onnx; give an existing"):
        require_model(load_config(path))
    (root / "models" / "net.onnx").touch()
    assert require_model(load_config(path)) == root / "models" / "net.onnx"
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.onnx").touch()
    assert require_model(load_config(path)) == tmp_path / "models" / "net.onnx"


def test_settings_cannot_be_changed_after_reading(write: Any) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_config(write(MINIMAL)).name = "other"


def test_a_configuration_is_found_by_name_or_path_and_a_typo_is_answered(write: Any) -> None:
    assert find_config("bvgg16_zcu104") == configs_dir() / "bvgg16_zcu104.toml"
    assert find_config("bvgg16_zcu104.toml") == configs_dir() / "bvgg16_zcu104.toml"
    path = write(MINIMAL)
    assert find_config(str(path)) == path
    with pytest.raises(UserError, match=r"did you mean bvgg16_zcu104\?"):
        find_config("bvgg16_zcu140")


@pytest.mark.parametrize("path", sorted(configs_dir().glob("*.toml")), ids=lambda path: path.stem)
def test_every_shipped_configuration_is_valid_and_called_like_its_file(path: Path) -> None:
    assert load_config(path).name == path.stem


def models_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    found = {model}
    for field in model.model_fields.values():
        for part in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in found:
                found |= models_below(part)
    return found


def test_every_setting_has_a_description() -> None:
    models = models_below(BuildConfig) | models_below(Board)
    assert len(models) > 10
    for model in models:
        for name, field in model.model_fields.items():
            described = field.description or model.__name__ == "ResourceCounts"
            assert described, f"{model.__name__}.{name}"


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("config", configs_dir() / "schema.json"),
        ("report", PACKAGE_DIR / "engine" / "report.schema.json"),
    ],
)
def test_the_kept_schema_is_current(kind: Any, path: Path) -> None:
    assert path.read_text() == schema_text(kind), f"run: flow schema {kind} > {path}"


def test_the_page_of_settings_is_current(write: Any, tmp_path: Path) -> None:
    page = repository_root() / "docs" / "configuration.md"
    copy = tmp_path / "copy.md"
    shutil.copy(page, copy)
    write_settings("config", copy)
    assert page.read_text() == copy.read_text(), f"run: flow schema config --into {page}"
    example = page.read_text().partition("```toml\n")[2].partition("```")[0]
    assert load_config(write(example)).board == "ZCU104"


def test_tables_are_written_for_the_configuration_and_between_their_marks_only(
    write: Any, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="tables for the configuration only"):
        write_settings("report", tmp_path / "page.md")
    with pytest.raises(UserError, match="the table goes between the lines"):
        write_settings("config", write("no marks", "page.md"))


def test_the_report_schema_has_the_sections_that_are_promised() -> None:
    properties = json.loads(schema_text("report"))["properties"]
    assert set(properties) == {
        "schema",
        "config",
        "board",
        "model",
        "stages",
        "verify",
        "finn",
        "throughput",
        "resources",
        "bitstream",
        "versions",
    }
    assert Report(config="a", board="b").to_json()["schema"] == 1
