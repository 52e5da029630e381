"""Where the kernel comes from; and that no compiler, and no library, can do harm."""

import os
import shutil
import threading
from pathlib import Path

import pytest

from isoloss.native import build, compiler, target
from isoloss.native.compiler import NotUsable
from isoloss.native.mlp import Mlp

ROOT = Path(__file__).parents[2]
# What a compiler answers to: -c ... -o OBJECT, and ... -o LIBRARY, the last argument.
FAKE = """#!/bin/sh
echo "$@" >> {log}
for into; do :; done
{does}
"""
COPIES = 'case "$*" in *"-c "*) : > "$into";; *) cp {library} "$into";; esac'
BROKEN = {
    "exits with 1": ("echo 'cc1plus: error: no memory' >&2; exit 1", "exit code 1: cc1plus: error"),
    "is killed": ("kill -9 $$", "SIGKILL"),
    "writes nothing": ("exit 0", "it wrote no library"),
    "writes no library": ('echo junk > "$into"', "its library does not work here (exit code 1: "),
    "does not know the processor": (
        'case "$*" in *-mavx2*) echo "error: unrecognized option -mavx2"; exit 1;; esac; exit 1',
        "exit code 1",
    ),
    "hangs": ("sleep 60", "it took more than 0.5 s"),
}


@pytest.fixture(scope="module")
def working():
    """A library of these sources that works here."""
    if build.library() is None:
        pytest.skip(f"there is no kernel: {build.why_not()}")
    best, *_ = target.runnable()
    return next(build.built(best, build.folders()))


@pytest.fixture
def best():
    runnable = target.runnable()
    if not runnable:
        pytest.skip("the kernel is for other processors")
    return runnable[0]


@pytest.fixture
def fake(tmp_path):
    """Make a compiler that does what is said; its command, and the calls that it has had."""

    def make(does, name="c++"):
        path, log = tmp_path / "bin" / name, tmp_path / f"{name}.log"
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE.format(does=does, log=log))
        path.chmod(0o755)
        return (str(path),), lambda: len(log.read_text().splitlines()) if log.exists() else 0

    return make


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """As on another machine: no library, no compiler."""
    folder = tmp_path / "libraries"
    monkeypatch.setattr(build, "folders", lambda: [folder])
    monkeypatch.setattr(compiler, "compilers", list)
    build._found.cache_clear()
    yield folder
    build._found.cache_clear()


def libraries(folder):
    return sorted(path.name for path in folder.glob("*.so"))


def left_over(folder):
    """What an interrupted or failed compilation would leave."""
    return [path.name for path in folder.iterdir() if path.name.startswith(".building")]


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_compiler_leaves_no_library_and_a_reason(how, best, fake, tmp_path, monkeypatch):
    does, reason = BROKEN[how]
    monkeypatch.setattr(compiler, "COMPILATION_S", 0.5 if how == "hangs" else 60)
    command, _ = fake(does)
    folder = tmp_path / "built"
    said = build.build([best], [command], [folder])
    assert said.startswith(f"{command[0]}: ")
    assert reason in said
    assert libraries(folder) == left_over(folder) == []


def test_the_next_compiler_is_asked_where_one_is_broken(working, best, fake, tmp_path):
    broken, _ = fake("exit 1")
    good, _ = fake(COPIES.format(library=working), name="g++")
    assert build.build([best], [broken, good], [tmp_path / "built"]) == ""
    (library,) = build.built(best, [tmp_path / "built"])
    assert library.read_bytes() == working.read_bytes()


def test_what_failed_is_tried_again_only_when_asked_or_by_another_compiler(best, fake, tmp_path):
    """A study's many jobs would otherwise all wait for it."""
    command, calls = fake("echo no >&2; exit 1")
    where = [tmp_path / "built"]
    first = build.build([best], [command], where)
    asked = calls()
    assert build.build([best], [command], where) == f"{first} ({build.TRY_AGAIN})"
    assert calls() == asked > 0
    build.build([best], [command], where, again=True)
    assert calls() > asked
    asked = calls()
    os.utime(command[0], (1, 1))  # an update of the compiler
    build.build([best], [command], where)
    assert calls() > asked
    other, calls_of_other = fake("exit 1", name="clang++")
    build.build([best], [command, other], where)
    assert calls_of_other() > 0


def test_without_a_compiler_the_reason_says_so(elsewhere):
    assert build.library() is None
    assert build.facts() is None
    assert build.why_not() == "there is no C++ compiler"
    with pytest.raises(RuntimeError, match="there is no kernel: there is no C"):
        Mlp(n_inputs=1, width=2, n_hidden=1, activation="tanh")


def test_a_compiler_that_fails_for_the_best_instructions_builds_for_the_next(
    working, fake, elsewhere, monkeypatch
):
    """A job builds what `make` has not: an older compiler may not know the newest instructions."""
    best, lesser = target.InstructionSet("best", ("-mbest",)), target.InstructionSet("lesser")
    monkeypatch.setattr(target, "runnable", lambda: [best, lesser])
    knows_one = 'case "$*" in *-mbest*) echo "error: unrecognized option" >&2; exit 1;; esac'
    command, _ = fake(f"{knows_one}; {COPIES.format(library=working)}")
    monkeypatch.setattr(compiler, "compilers", lambda: [command])
    assert build.library() is not None
    assert build.facts()["instructions"] == "lesser"


def test_the_reason_for_no_kernel_is_that_of_the_best_instructions(fake, elsewhere, monkeypatch):
    sets = [target.InstructionSet("best", ("-mbest",)), target.InstructionSet("lesser")]
    monkeypatch.setattr(target, "runnable", lambda: sets)
    command, calls = fake('echo "error: $*" >&2; exit 1')
    monkeypatch.setattr(compiler, "compilers", lambda: [command])
    assert build.library() is None
    assert " -mbest " in build.why_not()
    tried = calls()
    build._found.cache_clear()
    assert build.library() is None and calls() == tried  # what failed is remembered


def test_processes_that_build_at_once_build_once(working, best, fake, tmp_path):
    command, calls = fake(f"sleep 0.2; {COPIES.format(library=working)}")
    folder, said = tmp_path / "built", []
    threads = [
        threading.Thread(target=lambda: said.append(build.build([best], [command], [folder])))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    n_files = sum(path.suffix == ".cpp" for path in build.sources())
    assert (said, calls()) == (["", "", ""], n_files + 1)
    assert len(libraries(folder)) == 1


def test_what_a_killed_process_was_building_is_removed(working, best, fake, tmp_path):
    folder = tmp_path / "built"
    (folder / ".building-1").mkdir(parents=True)
    command, _ = fake(COPIES.format(library=working))
    build.build([best], [command], [folder])
    assert left_over(folder) == []


def test_where_the_package_cannot_be_written_to_the_cache_of_the_user_gets_it(
    working, best, fake, tmp_path
):
    (tmp_path / "package").write_text("no folder can be made in here")
    where = [tmp_path / "package" / "built", tmp_path / "cache"]
    command, _ = fake(COPIES.format(library=working))
    assert build.build([best], [command], where) == ""
    assert len(libraries(tmp_path / "cache")) == 1
    nowhere = build.build([best], [command], where[:1])
    assert nowhere == f"{where[0]} cannot be written to (Not a directory)"


@pytest.mark.parametrize("part", ["system", "instructions", "sources", "bytes", "cut"])
def test_a_library_of_anything_else_is_not_loaded_but_built_anew(part, working, elsewhere):
    elsewhere.mkdir()
    kernel, system, architecture, instructions, sources, content = working.stem.split("-")
    if part == "system":
        architecture = "riscv64"
    elif part == "instructions":
        instructions = "sse2"
    elif part == "sources":
        sources = sources[::-1]
    elif part == "bytes":
        content = content[::-1]
    name = "-".join([kernel, system, architecture, instructions, sources, content]) + ".so"
    text = working.read_bytes()
    (elsewhere / name).write_bytes(text[: len(text) // 2] if part == "cut" else text)
    assert build.library() is None
    shutil.copy(working, elsewhere)
    build._found.cache_clear()
    assert build.library() is not None


def test_a_whole_library_that_does_not_work_here_is_built_anew(working, best, fake, tmp_path):
    """Such as one that another C library made."""
    folder, junk = tmp_path / "built", tmp_path / "junk"
    folder.mkdir()
    junk.write_text("of another system")
    shutil.copy(junk, folder / build._name(best, junk))
    assert any(build.built(best, [folder]))
    command, _ = fake(COPIES.format(library=working))
    assert build.build([best], [command], [folder]) == ""
    assert build._load_any([best], [folder]) is not None


def test_a_processor_runs_only_what_it_has_the_instructions_for(working, elsewhere, monkeypatch):
    if target.architecture() != "x86_64":
        pytest.skip("other architectures have one instruction set")
    avx512, avx2 = target.built_for()
    elsewhere.mkdir()
    name = working.name.replace(f"-{target.runnable()[0].name}-", f"-{avx512.name}-")
    shutil.copy(working, elsewhere / name)
    monkeypatch.setattr(target, "processor_flags", lambda: avx2.needs)
    assert target.runnable() == [avx2]
    assert build.library() is None
    monkeypatch.setattr(target, "processor_flags", frozenset)
    build._found.cache_clear()
    assert build.library() is None
    assert build.why_not() == f"the kernel needs avx512 or avx2, and this is {target.system()}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("int isoloss_other() { return 1; }", "isoloss_abi"),
        ("int isoloss_abi() { return 0; }", "its version is 0, not 1"),
        (
            "int isoloss_abi() { return 1; } "
            "unsigned long long isoloss_known_mlp(long, ...) { return 1; }",
            "isoloss_known_mlp gives other bits than everywhere else",
        ),
        ("int isoloss_abi() { __builtin_trap(); }", "SIG"),
    ],
)
def test_a_library_that_works_otherwise_is_not_used(text, reason, best, tmp_path):
    """Such as one by a compiler that reorders sums; and no crash comes near a study."""
    if not compiler.compilers():
        pytest.skip("there is no C++ compiler")
    source = tmp_path / "library.cpp"
    source.write_text(f'extern "C" {{ {text} const char* isoloss_compiler() {{ return ""; }} }}')
    with pytest.raises(NotUsable, match=reason):
        compiler.compiled(compiler.compilers()[0], best, [source], tmp_path)


def test_the_compiler_that_cxx_names_comes_first_and_none_twice(fake, tmp_path, monkeypatch):
    (named,), _ = fake("", name="my-c++")
    (usual,), _ = fake("", name="g++")
    (tmp_path / "bin" / "c++").symlink_to("g++")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("CXX", "my-c++ -m64")
    assert compiler.compilers() == [(named, "-m64"), (str(Path(usual).with_name("c++")),)]
    monkeypatch.setenv("CXX", 'not "closed')
    assert compiler.compilers() == [(str(Path(usual).with_name("c++")),)]
    monkeypatch.setenv("PATH", os.devnull)
    assert compiler.compilers() == []


def test_set_up_fetches_a_compiler_only_where_there_is_none(
    working, elsewhere, fake, tmp_path, monkeypatch
):
    asked = []

    def pip(command, limit_s, **environment):
        if "pip" not in command:
            return run(command, limit_s, **environment)
        asked.append(command)
        folder = Path(command[command.index("--target") + 1], "ziglang")
        folder.mkdir()
        (fetched,), _ = fake(COPIES.format(library=working), name="zig")
        shutil.copy(fetched, folder)
        return None

    run = compiler.run
    monkeypatch.setattr(compiler, "run", pip)
    said = build.set_up(fetch=False)
    assert said == "PyTorch trains all models, several times more slowly: there is no C++ compiler."
    assert asked == []
    said = build.set_up(fetch=True, pip_options=["--index-url", "https://example.org"])
    assert said.startswith("Small models are trained by the kernel (")
    (command,) = asked
    assert command[-3:] == ["--index-url", "https://example.org", compiler.FETCHED]
    assert not Path(command[command.index("--target") + 1]).exists()
    build.set_up(fetch=True)
    assert len(asked) == 1


def test_a_set_up_without_any_compiler_says_once_that_pytorch_trains(
    elsewhere, monkeypatch, capsys
):
    monkeypatch.setattr(compiler, "run", lambda *_, **__: "exit code 1: no network")
    assert build.main(["--fetch"]) == 0
    assert capsys.readouterr().out == (
        "PyTorch trains all models, several times more slowly: there is no C++ compiler.\n"
    )
    assert build.main(["--check"]) in (0, 1)


def test_make_sets_the_kernel_up_and_goes_on_without_it():
    line = "\t@-$(BIN)/python -m isoloss.native.build --fetch $(INDEX)\n"
    assert line in (ROOT / "Makefile").read_text(encoding="utf-8")
