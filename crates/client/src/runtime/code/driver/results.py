"""What a value is shown as: text, data, HTML, images."""

import sys

# The working directory is not searched yet: a `json.py` of the user must not become part of the driver.
sys.path[:] = [folder for folder in sys.path if folder]

import base64
import importlib.util
import io
import json
import math
import os

LARGEST_TEXT = 1024 * 1024
LARGEST_IMAGE = 8 * 1024 * 1024
MOST_RESULTS = 200
MOST_ROWS = 1000
# Readers of JSON have limits of their own.
DEEPEST = 100
# JavaScript reads larger integers as other numbers.
LARGEST_INTEGER = 2**53 - 1
MIME_TYPES = {
    "text/plain": "text",
    "text/html": "html",
    "text/markdown": "markdown",
    "text/latex": "latex",
    "application/json": "json",
    "image/svg+xml": "svg",
    "image/png": "png",
    "image/jpeg": "jpeg",
}


class TooLarge(Exception):
    """The value is larger or nested deeper than an answer may be."""


class NoJson(Exception):
    """JSON has no form for the value."""


class Results:
    """What an execution shows: displayed values, figures, and the value of its last expression."""

    def __init__(self, channel):
        self.channel = channel
        self.begin()

    def begin(self):
        self.count = 0
        self.is_cut = False

    def show(self, value, is_main=False):
        if self.channel.is_closed:
            # A forked child has no results, only output.
            print(text_of(value))
            return
        self.count += 1
        # The main result always has its place.
        if self.count > MOST_RESULTS and not is_main:
            self.is_cut = True
            return
        shown = {"isMainResult": True} if is_main else {}
        try:
            shown.update(represent(value))
        except KeyboardInterrupt:
            raise
        except BaseException:
            shown.update(bounded({"text": text_of(value)}))
        self.is_cut = self.is_cut or "truncated" in shown
        flush_output()
        if is_main:
            self.channel.hold(result=shown)
        else:
            self.channel.show(shown)


def flush_output():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # Code has closed it, or put something else there.
            pass


def represent(value):
    """The forms of a value, by the names of the answer."""
    if is_a(value, "matplotlib.figure", "Figure"):
        return bounded({"png": base64.b64encode(png_of(value)).decode("ascii"), "text": text_of(value)})
    shown = {}
    bundle = method_of(value, "_repr_mimebundle_")
    bundle = bundle[0] if isinstance(bundle, tuple) and bundle else bundle
    if isinstance(bundle, dict):
        shown.update({MIME_TYPES[kind]: data for kind, data in bundle.items() if kind in MIME_TYPES})
    for name in ("html", "markdown", "latex", "svg", "png", "jpeg", "json"):
        if name not in shown:
            data = method_of(value, f"_repr_{name}_")
            # They may come with metadata.
            shown[name] = data[0] if isinstance(data, tuple) and data else data
    is_cut = False
    if shown["json"] is None:
        shown["json"], is_cut = data_of(value)
    for name, data in shown.items():
        if isinstance(data, (bytes, bytearray)):
            shown[name] = base64.b64encode(data).decode("ascii")
        elif name == "json":
            try:
                shown[name] = Json().of(data)
            except TooLarge:
                shown[name], is_cut = None, True
            except KeyboardInterrupt:
                raise
            except BaseException:
                shown[name] = None
        elif data is not None and not isinstance(data, str):
            shown[name] = str(data)
    if shown.get("text") is None:
        shown["text"] = value if isinstance(value, str) else text_of(value)
    return bounded(shown, is_cut)


def data_of(value):
    """A value as data, if it is a kind that has such a form, and whether there is more of it."""
    if is_a(value, "pandas", "DataFrame"):
        return value.head(MOST_ROWS).to_dict(orient="records"), len(value) > MOST_ROWS
    if is_a(value, "pandas", "Series"):
        return value.head(MOST_ROWS).tolist(), len(value) > MOST_ROWS
    if isinstance(value, (str, int, float, list, tuple, dict)):
        return value, False
    return None, False


class Json:
    """Makes a value such that every reader of JSON gets it as it is."""

    def __init__(self):
        self.room = LARGEST_TEXT

    def of(self, value, depth=0):
        self.room -= 1 + (len(value) if isinstance(value, str) else 0)
        if self.room < 0 or depth > DEEPEST:
            raise TooLarge
        if value is None or isinstance(value, bool):
            return value
        # The methods of the base class: a subclass may have others.
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, int):
            return self.integer(int.__int__(value))
        if isinstance(value, float):
            return float.__float__(value) if math.isfinite(value) else None
        if isinstance(value, dict):
            return {self.key(key): self.of(item, depth + 1) for key, item in dict.items(value)}
        if isinstance(value, (list, tuple)):
            return [self.of(item, depth + 1) for item in value]
        for name in ("item", "isoformat"):
            method = getattr(value, name, None)
            if callable(method):
                return self.of(method(), depth + 1)
        raise NoJson

    def key(self, key):
        if not (key is None or isinstance(key, (str, int, float))):
            raise NoJson
        return key if isinstance(key, str) else json.dumps(key)

    @staticmethod
    def integer(number):
        if -LARGEST_INTEGER <= number <= LARGEST_INTEGER:
            return number
        try:
            return str(number)
        except ValueError as error:
            # Python has a limit of its own for digits.
            raise TooLarge from error


def is_a(value, module, name):
    return any(
        kind.__name__ == name and (kind.__module__ == module or kind.__module__.startswith(module + "."))
        for kind in type(value).__mro__
        if isinstance(kind.__module__, str)
    )


def method_of(value, name):
    """What a method of the value's class returns; none if there is none, or it fails."""
    if isinstance(value, type):
        return None
    try:
        method = getattr(value, name, None) if hasattr(type(value), name) else None
        return method() if callable(method) else None
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None


def text_of(value):
    try:
        return repr(value)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        return f"<{type(value).__name__} whose repr() failed: {type(error).__name__}>"


def bounded(shown, is_cut=False):
    """Leaves out what is too large, and says so."""
    kept = {}
    for name, data in shown.items():
        if data is None:
            continue
        size = len(data) if isinstance(data, str) else len(json.dumps(data))
        if size <= (LARGEST_IMAGE if name in ("png", "jpeg") else LARGEST_TEXT):
            kept[name] = data
            continue
        is_cut = True
        if name == "text":
            kept["text"] = data[:LARGEST_TEXT]
    if is_cut:
        kept["truncated"] = True
    return kept


def png_of(figure):
    data = io.BytesIO()
    figure.savefig(data, format="png", bbox_inches="tight")
    return data.getvalue()


def open_figures():
    helpers = sys.modules.get("matplotlib._pylab_helpers")
    return [manager.canvas.figure for manager in helpers.Gcf.get_all_fig_managers()] if helpers else []


def show_figures(results):
    """Shows the figures that are open, and closes them."""
    figures = open_figures()
    for figure in figures:
        results.show(figure)
    if figures:
        sys.modules["matplotlib.pyplot"].close("all")


class Pyplot:
    """Makes `matplotlib.pyplot.show()` show figures here, from its import on."""

    def __init__(self, results):
        self.results = results

    def find_spec(self, name, _path=None, _target=None):
        if name != "matplotlib.pyplot":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module):
            execute(module)
            module.show = lambda *_args, **_options: show_figures(self.results)

        spec.loader.exec_module = exec_module
        return spec
