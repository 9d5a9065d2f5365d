"""The design, checked: arrows between layers run downwards, everything public is explained, and importing is cheap."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "theory").rglob("*.py"))

# Bottom to top: a layer may use those before it, and itself.
ORDER = (
    "checks",
    "arrays",
    "kernels",
    "distributions",
    "objectives",
    "algebra",
    "smoothness",
    "closeness",
    "descent",
    "landscapes",
    "problems",
    "claims",
    "own",
    "runs",
    "report",
    "commands",
    "cli",
)
LONGEST = 400


def layer(module: Path) -> str:
    """The layer that a file belongs to: the folder or module directly under theory/."""
    first = module.relative_to(ROOT / "theory").parts[0].removesuffix(".py")
    return "cli" if first == "__main__" else first


def names(tree: ast.AST) -> set[str]:
    """Every dotted name under ``theory`` that a module imports or reads, such as ``theory.descent.tidy``."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            found.add(ast.unparse(node))
    return {name for name in found if name.startswith("theory.")}


def used(source: str) -> set[str]:
    """The layers that a module's source uses."""
    return {name.split(".")[1] for name in names(ast.parse(source))} & set(ORDER)


def upward(module_layer: str, source: str) -> set[str]:
    """The layers above its own that a module's source uses."""
    return set(ORDER[ORDER.index(module_layer) + 1 :]) & used(source)


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_arrow_runs_upwards(module):
    if module.relative_to(ROOT) == Path("theory/__init__.py"):
        return  # names every layer, and loads none
    assert layer(module) in ORDER, "a new layer: give it its place in ORDER"
    assert upward(layer(module), module.read_text()) == set()


@pytest.mark.parametrize(
    "source",
    [
        "import theory.claims",
        "import theory.claims.verdict as v",
        "from theory import claims",
        "from theory.claims import registry",
        "from theory.claims.claim import Claim",
        "import theory\ndef f():\n    return theory.claims.registry()",
        "def f():\n    from theory.runs import engine",
    ],
)
def test_an_upward_arrow_is_seen(source):
    assert upward("problems", source) != set()
    assert upward("cli", source) == set()


def test_relative_imports_are_not_used():
    for module in MODULES:
        for node in ast.walk(ast.parse(module.read_text())):
            assert not (isinstance(node, ast.ImportFrom) and node.level), module


def public(module: Path) -> list[ast.FunctionDef | ast.ClassDef]:
    """The public functions and classes of a module; the signatures that only a type checker reads are none."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [n for n in ast.parse(module.read_text()).body if isinstance(n, kinds) and not n.name.startswith("_")]
    return [n for n in found if "overload" not in {ast.unparse(decorator) for decorator in n.decorator_list}]


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_has_a_docstring(module):
    assert ast.get_docstring(ast.parse(module.read_text()))
    # What `cells` and `measure` of a claim are, theory.claims.claim says.
    exempt = {"cells", "measure"} if module.parent.parent.name == "claims" else set()
    assert [node.name for node in public(module) if node.name not in exempt and not ast.get_docstring(node)] == []


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_long(module):
    assert len(module.read_text().splitlines()) <= LONGEST


HEAVY = ("cupy", "numba", "dask", "cvxpy", "pandas", "scipy", "matplotlib", "seaborn", "pyarrow", "numpy")


def test_importing_the_package_loads_nothing_heavy():
    code = f"import theory, sys; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_the_numerical_layers_load_no_accelerator():
    code = (
        "import theory, sys; theory.claims.registry(); "
        "print([m for m in ('cupy', 'numba', 'dask', 'cvxpy', 'pandas', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_submodules_load_on_first_use():
    import theory

    assert "descent" in dir(theory)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        theory.nonsense
