"""Runs Python code that comes as JSON lines on standard input, and answers with JSON lines on standard output.

A request is {"id", "code", "cwd"?, "envs"?}. Its answers carry its id: {"stdout"} and {"stderr"} with text, {"result"} with
representations, {"error"} with name, message and traceback, and at last {"done"} with the number of the execution.
Code keeps its variables from one request to the next. Nothing that it prints, nor its child processes, can get between the
answers: their outputs are pipes that are read here.
"""

import ast
import base64
import builtins
import codecs
import importlib.util
import io
import json
import linecache
import os
import select
import signal
import sys
import threading
import tokenize
import traceback
import types

LARGEST_TEXT = 1024 * 1024
LARGEST_IMAGE = 8 * 1024 * 1024
MOST_RESULTS = 200
MOST_ROWS = 1000
PIECE = 32 * 1024
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


class Answers:
    """The private way out. What is told while nothing runs belongs to nobody."""

    def __init__(self, descriptor):
        self.descriptor = descriptor
        self.lock = threading.Lock()
        self.current = None

    def tell(self, **answer):
        line = json.dumps({"id": self.current, **answer}, ensure_ascii=False, default=str) + "\n"
        # Half a surrogate pair is no text for those who read this.
        data = memoryview(line.encode("utf-8", "replace"))
        with self.lock:
            while data:
                data = data[os.write(self.descriptor, data) :]


class Output(threading.Thread):
    """Reads what goes to one descriptor, from whomever, and passes it on as it comes."""

    def __init__(self, name, descriptor, answers):
        super().__init__(name=f"sandbar-{name}", daemon=True)
        self.kind = name
        self.answers = answers
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.lock = threading.Lock()
        self.reading, writing = os.pipe()
        os.set_blocking(self.reading, False)
        # It stays open here as well: the output does not end when code closes its own.
        os.dup2(writing, descriptor)

    def run(self):
        while True:
            select.select([self.reading], [], [])
            self.pass_on()

    def pass_on(self):
        """Passes on all that is there by now."""
        with self.lock:
            while True:
                try:
                    data = os.read(self.reading, PIECE)
                except BlockingIOError:
                    return
                text = self.decoder.decode(data)
                if text:
                    self.answers.tell(**{self.kind: text})
                if len(data) < PIECE:
                    return


class Results:
    """What an execution shows: displayed values, figures, and the value of its last expression."""

    def __init__(self, answers):
        self.answers = answers
        self.count = 0

    def begin(self):
        self.count = 0

    def show(self, value, is_main=False):
        self.count += 1
        if self.count > MOST_RESULTS:
            return
        shown = {"isMainResult": True} if is_main else {}
        shown.update(bounded(represent(value)))
        self.answers.tell(result=shown)


def represent(value):
    """The representations of a value, by the names of the answer."""
    shown = {}
    if is_a(value, "matplotlib.figure", "Figure"):
        shown["png"] = base64.b64encode(png_of(value)).decode("ascii")
        shown["text"] = text_of(value)
        return shown
    bundle = method_of(value, "_repr_mimebundle_")
    if isinstance(bundle, tuple):
        bundle = bundle[0]
    if isinstance(bundle, dict):
        shown.update({MIME_TYPES[kind]: data for kind, data in bundle.items() if kind in MIME_TYPES})
    for name in ("html", "markdown", "latex", "svg", "png", "jpeg", "json"):
        if name not in shown:
            data = method_of(value, f"_repr_{name}_")
            # They may come with metadata.
            data = data[0] if isinstance(data, tuple) and data else data
            if data is not None:
                shown[name] = data
    for name, data in list(shown.items()):
        if isinstance(data, (bytes, bytearray)):
            shown[name] = base64.b64encode(data).decode("ascii")
        elif name == "json":
            shown[name] = plain(data)
        elif not isinstance(data, str):
            shown[name] = str(data)
    if is_a(value, "pandas", "DataFrame") and "json" not in shown:
        shown["json"] = plain(value.head(MOST_ROWS).to_dict(orient="records"))
    elif is_a(value, "pandas", "Series") and "json" not in shown:
        shown["json"] = plain(value.head(MOST_ROWS).tolist())
    elif isinstance(value, (str, int, float, bool, list, tuple, dict)) and "json" not in shown:
        shown["json"] = plain(value)
    shown.setdefault("text", value if isinstance(value, str) else text_of(value))
    return shown


def is_a(value, module, name):
    return any(
        kind.__name__ == name and (kind.__module__ == module or kind.__module__.startswith(module + "."))
        for kind in type(value).__mro__
    )


def method_of(value, name):
    """What a method of the value's class gives; nothing if there is none, or it fails."""
    if isinstance(value, type):
        return None
    method = getattr(value, name, None) if hasattr(type(value), name) else None
    try:
        return method() if callable(method) else None
    except Exception:
        return None


def text_of(value):
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr() failed: {type(error).__name__}>"


def plain(value):
    """The value if JSON can hold it; what is no number is none in it."""
    try:
        return json.loads(json.dumps(value, default=number_of), parse_constant=lambda _name: None)
    except (TypeError, ValueError, RecursionError):
        return None


def number_of(value):
    item = getattr(value, "item", None)
    if callable(item):
        return item()
    isoformat = getattr(value, "isoformat", None)
    if callable(isoformat):
        return isoformat()
    raise TypeError(f"{type(value).__name__} is no JSON")


def bounded(shown):
    """Leaves out what is too large, and says so."""
    kept = {}
    for name, data in shown.items():
        if data is None:
            continue
        size = len(data) if isinstance(data, str) else len(json.dumps(data, default=str))
        if size <= (LARGEST_IMAGE if name in ("png", "jpeg") else LARGEST_TEXT):
            kept[name] = data
        else:
            kept["truncated"] = True
            if name == "text":
                kept["text"] = data[:LARGEST_TEXT]
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
    """Has `matplotlib.pyplot.show()` show figures here, from its import on."""

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


def is_silenced(code):
    """Whether the last statement ends in a semicolon."""
    last = None
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type == tokenize.OP or token.type not in (
                tokenize.NEWLINE,
                tokenize.NL,
                tokenize.COMMENT,
                tokenize.INDENT,
                tokenize.DEDENT,
                tokenize.ENDMARKER,
            ):
                last = token.string
    except (tokenize.TokenError, SyntaxError):
        return False
    return last == ";"


class Context:
    """Where code runs: its variables, and how it is run."""

    def __init__(self, answers):
        self.answers = answers
        self.results = Results(answers)
        sys.meta_path.insert(0, Pyplot(self.results))
        self.module = types.ModuleType("__main__")
        self.module.__builtins__ = builtins
        sys.modules["__main__"] = self.module
        builtins.display = self.display
        self.count = 0
        self.loop = None
        self.pid = os.getpid()
        ignore_interrupts()

    def display(self, *values, **_options):
        for value in values:
            self.results.show(value)

    def execute(self, code):
        """Runs code; gives back its error, if it had one."""
        self.count += 1
        self.results.begin()
        name = f"<cell {self.count}>"
        # So that tracebacks show the lines.
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        try:
            # The handler of its own adds no frame to tracebacks.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self.run(code, name)
            return None
        except SystemExit as error:
            if error.code in (None, 0):
                return None
            return {"name": "SystemExit", "message": str(error.code), "traceback": ""}
        except BaseException as error:
            return described(error)
        finally:
            ignore_interrupts()

    def execute_guarded(self, code):
        """The same, whenever an interrupt comes."""
        try:
            return self.execute(code)
        except KeyboardInterrupt:
            ignore_interrupts()
            return {"name": "KeyboardInterrupt", "message": "", "traceback": ""}

    def run(self, code, name):
        tree = ast.parse(code, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not is_silenced(code):
            last = ast.Expression(tree.body.pop().value)
        self.evaluate(tree, name, "exec")
        if last is None:
            return
        value = self.evaluate(last, name, "eval")
        if value is not None:
            self.module.__dict__["_"] = value
            # Open figures are shown at the end, once.
            if not any(figure is value for figure in open_figures()):
                self.results.show(value, is_main=True)

    def evaluate(self, tree, name, mode):
        compiled = compile(tree, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        outcome = eval(compiled, self.module.__dict__)
        if compiled.co_flags & 0x80:
            return self.event_loop().run_until_complete(outcome)
        return outcome

    def event_loop(self):
        if self.loop is None or self.loop.is_closed():
            import asyncio

            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        return self.loop


def ignore_interrupts():
    """Interrupts that come too late are for nobody. Unlike an ignored signal, child processes do not inherit that."""
    signal.signal(signal.SIGINT, lambda _number, _frame: None)


def described(error):
    """An error for whoever wrote the code: without the frames of this file."""
    trace = error.__traceback__
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith("<cell "):
        trace = trace.tb_next
    # What the compiler refuses has no frame in the code.
    lines = traceback.format_exception(type(error), error, trace)
    text = "".join(lines)
    if len(text) > LARGEST_TEXT:
        text = text[: LARGEST_TEXT // 2] + "\n…\n" + text[-LARGEST_TEXT // 2 :]
    try:
        message = str(error)
    except Exception:
        message = ""
    return {"name": type(error).__name__, "message": message[:LARGEST_TEXT], "traceback": text}


def read_requests(descriptor):
    with os.fdopen(descriptor, "rb") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def apply(request):
    if request.get("cwd"):
        os.chdir(request["cwd"])
    os.environ.update(request.get("envs") or {})


def serve(context, requests, outputs):
    for request in requests:
        context.answers.current = request["id"]
        before = (os.getcwd(), dict(os.environ)) if request.get("envs") or request.get("cwd") else None
        try:
            apply(request)
        except OSError as failure:
            error = {"name": type(failure).__name__, "message": str(failure), "traceback": ""}
        else:
            error = context.execute_guarded(request["code"])
        # A child that code has forked, and that came this far, is none of this.
        if os.getpid() != context.pid:
            os._exit(0)
        finish(context, outputs, error)
        if before is not None:
            os.chdir(before[0])
            os.environ.clear()
            os.environ.update(before[1])


def finish(context, outputs, error):
    try:
        show_figures(context.results)
    except Exception as failure:
        error = error or described(failure)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:
            # Code has closed it, or put something else there.
            pass
    for output in outputs:
        output.pass_on()
    if error is not None:
        context.answers.tell(error=error)
    context.answers.tell(done=context.count)
    context.answers.current = None


def main():
    requests, answers = os.dup(0), Answers(os.dup(1))
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    outputs = [Output("stdout", 1, answers), Output("stderr", 2, answers)]
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.argv = [""]
    if "" not in sys.path:
        sys.path.insert(0, "")
    context = Context(answers)
    for output in outputs:
        output.start()
    answers.tell(ready=True)
    serve(context, read_requests(requests), outputs)


main()
