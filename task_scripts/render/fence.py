"""Fences a program off with Landlock: it reads and writes only below folders that are named.

Scenes come from strangers, and the I/O restrictions of POV-Ray 3.7 do not cover what a scene
includes or opens. Landlock needs no privileges; it is a part of Linux since 5.13.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # system calls, the same on all 64-bit machines
_BELOW_PATH = 1
_NO_NEW_PRIVILEGES = 38
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE
_ALL = (1 << 13) - 1  # every right that the first version knows
_READ = _EXECUTE | _READ_FILE | _READ_FOLDER


class NoFence(Exception):
    """The kernel cannot fence programs off."""


class _Rules(ctypes.Structure):
    _fields_ = (("handled", ctypes.c_uint64),)


class _Below(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def fence(read: Iterable[Path], write: Iterable[Path]) -> None:
    """Let this process, and all that it starts, use nothing but these files and folders.

    What is not there is left out. Raises NoFence before anything is forbidden.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    rules = _Rules(_ALL)
    handle = libc.syscall(_CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    if handle < 0:
        raise NoFence(os.strerror(ctypes.get_errno()))
    try:
        for path in read:
            _allow(libc, handle, path, _READ)
        for path in write:
            _allow(libc, handle, path, _ALL)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or libc.syscall(_RESTRICT, handle, 0):
            raise NoFence(os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def _allow(libc: ctypes.CDLL, handle: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        below = _Below(rights if path.is_dir() else rights & _OF_FILES, parent)
        if libc.syscall(_ADD, handle, _BELOW_PATH, ctypes.byref(below), 0):
            raise NoFence(os.strerror(ctypes.get_errno()))
    finally:
        os.close(parent)
