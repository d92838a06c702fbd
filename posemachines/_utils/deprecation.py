"""Old names of arguments, accepted with a warning until they are removed."""

from __future__ import annotations

import functools
import importlib
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["deprecated_method", "moved_keywords", "moved_names", "renamed_keyword"]

Function = TypeVar("Function", bound=Callable[..., Any])


def renamed_keyword(**new_names: str) -> Callable[[Function], Function]:
    """Decorator that accepts the old names of keyword arguments.

    The signature stays the one with the new names, so that the constructors of scikit-learn estimators can be
    decorated as well.

    Parameters
    ----------
    **new_names : str
        The new name of each old one: ``@renamed_keyword(visible="labelled")``.

    Returns
    -------
    decorator
        The decorated function issues a DeprecationWarning when it is called with an old name, and raises a
        TypeError when it is called with both.

    Examples
    --------
    >>> @renamed_keyword(colour="hue")
    ... def paint(hue=0):
    ...     return hue
    >>> paint(hue=3)
    3
    """

    def decorate(function: Function) -> Function:
        name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        @functools.wraps(function)
        def renamed(*args, **kwargs):
            for old in new_names.keys() & kwargs.keys():
                new = new_names[old]
                if new in kwargs:
                    raise TypeError(f"{name}() got both {new}= and its old name {old}=; pass {new}= only")
                message = f"{name}({old}=) is deprecated and will be removed; use {new}="
                warnings.warn(message, DeprecationWarning, stacklevel=2)
                kwargs[new] = kwargs.pop(old)
            return function(*args, **kwargs)

        return renamed  # type: ignore[return-value]

    return decorate


def moved_keywords(**places: str) -> Callable[[Function], Function]:
    """Decorator that says where keyword arguments have gone that a function no longer takes.

    Parameters
    ----------
    **places : str
        What to write instead of each old keyword.

    Returns
    -------
    decorator
        The decorated function raises a TypeError with that text when it is called with an old keyword.

    Examples
    --------
    >>> @moved_keywords(colour="Paint(hue=...)")
    ... def draw():
    ...     return "drawn"
    >>> draw(colour=3)
    Traceback (most recent call last):
    TypeError: draw() no longer takes colour=; use Paint(hue=...)
    """

    def decorate(function: Function) -> Function:
        name = function.__qualname__.removesuffix(".__init__").rpartition(".")[2]

        @functools.wraps(function)
        def checked(*args, **kwargs):
            for old in kwargs.keys() & places.keys():
                raise TypeError(f"{name}() no longer takes {old}=; use {places[old]}")
            return function(*args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate


def moved_names(module: str, **places: str) -> Callable[[str], Any]:
    """The ``__getattr__`` of a module whose old names are found elsewhere, with a DeprecationWarning.

    Parameters
    ----------
    module : str
        Name of the module itself.
    **places : str
        For each old name the dotted name of its successor.
    """

    def find(name: str):
        if name not in places:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        warnings.warn(f"{module}.{name} is deprecated; use {places[name]}", DeprecationWarning, stacklevel=2)
        home, _, new = places[name].rpartition(".")
        return getattr(importlib.import_module(home), new)

    return find


def deprecated_method(new: str) -> Callable[..., Any]:
    """A method that warns and calls the method `new` of the same object."""

    def call(self, *args, **kwargs):
        message = f"this method of {type(self).__name__} is deprecated; use {new}()"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(self, new)(*args, **kwargs)

    call.__doc__ = f"Deprecated name of :meth:`{new}`."
    return call
