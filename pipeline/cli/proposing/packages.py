"""Which packages a Python script needs, by the names of its imports."""

import ast
import sys
from collections.abc import Collection

# Packages whose modules have other names than they.
_NAMED = {
    "PIL": "pillow", "cv2": "opencv-python-headless", "sklearn": "scikit-learn",
    "skimage": "scikit-image", "yaml": "pyyaml", "bs4": "beautifulsoup4", "fitz": "pymupdf",
    "docx": "python-docx", "pptx": "python-pptx", "dateutil": "python-dateutil",
    "dotenv": "python-dotenv", "Crypto": "pycryptodome", "OpenSSL": "pyopenssl",
    "magic": "python-magic", "serial": "pyserial", "skfem": "scikit-fem", "av": "av",
    "jwt": "pyjwt", "slugify": "python-slugify", "Levenshtein": "levenshtein",
}  # fmt: skip


def packages_of(tree: ast.Module, beside: Collection[str]) -> tuple[str, ...]:
    """Return the packages of imports that neither Python has nor modules `beside` the script."""
    known = {*sys.stdlib_module_names, *beside}
    found = {name for name in _imported(tree) if name not in known and name[0] != "."}
    return tuple(sorted({_NAMED.get(name, name.replace("_", "-").lower()) for name in found}))


def neighbours_of(tree: ast.Module, beside: Collection[str]) -> tuple[str, ...]:
    """Return what a script imports from its own folder, which a node does not have."""
    found = _imported(tree)
    return tuple(sorted(name for name in found if name in beside or name[0] == "."))


def _imported(tree: ast.Module) -> set[str]:
    """Return the first names of all imports; a relative one begins with its dots."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level:
            names.add("." * node.level + (node.module or node.names[0].name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names
