"""The process that code runs in. It is forked by the supervisor, and keeps the variables."""

import ast
import builtins
import linecache
import signal
import threading
import tokenize
import traceback
import types

DRIVER = sys._getframe().f_code.co_filename
CELL = "<cell "
IS_COROUTINE = 0x80


class Channel:
    """The way from the worker to the supervisor. Lines that begin with `=` or `+` are for the client as they are."""

    def __init__(self, requests, answers, taken):
        self.requests = requests
        self.answers = answers
        self.taken = taken
        self.is_closed = False
        self.lock = threading.Lock()
        self.id = None
        # What goes along with the next line: each way to the supervisor takes time.
        self.held = b""
        os.register_at_fork(after_in_child=self.close)

    def hold(self, **answer):
        """Answers with what is said last, just before the end."""
        self.held += line_of("=", {"id": self.id, **answer})

    def show(self, result):
        """Returns once it is taken: what is printed next comes after it."""
        self.write(line_of("+", {"id": self.id, "result": result}), is_awaited=True)

    def done(self, **answer):
        self.write(line_of("", answer), is_awaited=False)

    def write(self, line, is_awaited):
        held, self.held = self.held, b""
        data = memoryview(held + line)
        if threading.current_thread() is not threading.main_thread():
            return self.write_whole(data, is_awaited)
        # An interrupt must not cut a line: it comes after it.
        held = []
        handler = signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
        try:
            self.write_whole(data, is_awaited)
        finally:
            signal.signal(signal.SIGINT, handler)
        if held:
            signal.raise_signal(signal.SIGINT)

    def write_whole(self, data, is_awaited):
        with self.lock:
            try:
                while data and not self.is_closed:
                    data = data[os.write(self.answers, data) :]
                if is_awaited and not self.is_closed:
                    os.read(self.taken, 1)
            except OSError:
                # Code has closed the descriptor, or the supervisor is gone: nobody can be answered any more.
                os._exit(1)

    def close(self):
        """A forked child must not write between the lines of its parent."""
        self.is_closed = True
        self.lock = threading.Lock()
        for descriptor in (self.requests, self.answers, self.taken):
            try:
                os.close(descriptor)
            except OSError:
                pass


def line_of(mark, answer):
    # Half a surrogate pair is no text for readers.
    return (mark + json.dumps(answer, ensure_ascii=False, default=str) + "\n").encode("utf-8", "replace")


class Context:
    """The variables of code, and how it is run."""

    def __init__(self, channel):
        self.channel = channel
        self.results = Results(channel)
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

    def serve(self):
        with os.fdopen(self.channel.requests, "rb", closefd=False) as lines:
            for line in lines:
                self.answer(json.loads(line))
        # The supervisor is gone.
        os._exit(0)

    def answer(self, request):
        self.channel.id = request["id"]
        self.count += 1
        self.results.begin()
        error = None
        surroundings = Surroundings(request)
        try:
            surroundings.enter()
        except Exception as failure:
            error = described(failure)
        else:
            error = self.execute_guarded(request["code"])
        try:
            show_figures(self.results)
        except BaseException as failure:
            error = error or described(failure)
        surroundings.leave()
        flush_output()
        if error is not None:
            self.channel.hold(error=error)
        is_cut = self.results.is_cut or bool(error and error.get("truncated"))
        self.channel.done(done=self.count, **({"truncated": True} if is_cut else {}))

    def execute_guarded(self, code):
        """Runs code, and returns its error if it has one, whenever an interrupt comes."""
        try:
            return self.execute(code)
        except BaseException as error:
            ignore_interrupts()
            return described(error)

    def execute(self, code):
        name = f"{CELL}{self.count}>"
        # So that tracebacks show the lines.
        linecache.cache[name] = (len(code), None, code.splitlines(True), name)
        raised = None
        try:
            try:
                # A handler of our own would add a frame to tracebacks.
                signal.signal(signal.SIGINT, signal.default_int_handler)
                self.run(code, name)
            except BaseException as error:
                raised = error
            ignore_interrupts()
            if os.getpid() != self.pid:
                end_child(raised)
            if raised is None or (isinstance(raised, SystemExit) and exit_code(raised) == 0):
                return None
            return described(raised)
        finally:
            # Else its frames would keep each other, and the values of the code.
            raised = None

    def run(self, code, name):
        tree = ast.parse(code, name)
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr) and not is_silenced(code):
            last = ast.Expression(tree.body.pop().value)
        parts = [(tree, "exec")] if last is None else [(tree, "exec"), (last, "eval")]
        compiled = [compile(part, name, mode, ast.PyCF_ALLOW_TOP_LEVEL_AWAIT) for part, mode in parts]
        if any(is_coroutine(part) for part in compiled):
            value = self.complete(self.run_awaiting(compiled))
        else:
            value = [eval(part, self.module.__dict__) for part in compiled][-1]
        if value is not None:
            self.module.__dict__["_"] = value
            # Open figures are shown at the end, once.
            if not any(figure is value for figure in open_figures()):
                self.results.show(value, is_main=True)

    async def run_awaiting(self, compiled):
        for part in compiled:
            value = eval(part, self.module.__dict__)
            if is_coroutine(part):
                value = await value
        return value

    def complete(self, coroutine):
        """Runs a coroutine to its end. One that is interrupted is cancelled, with the tasks that it has started."""
        import asyncio

        if self.loop is None or self.loop.is_closed():
            self.loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self.loop)
        before = asyncio.all_tasks(self.loop)
        task = self.loop.create_task(coroutine)
        try:
            return self.loop.run_until_complete(task)
        except KeyboardInterrupt as interrupt:
            started = asyncio.all_tasks(self.loop) - before
            for each in started:
                each.cancel()
            if started:
                self.loop.run_until_complete(asyncio.gather(*started, return_exceptions=True))
            # The loop was interrupted, not the code: it shows where it waits when it is cancelled.
            raise interrupt.with_traceback(place_of(task) or interrupt.__traceback__)


def place_of(task):
    """Where a task was cancelled."""
    try:
        task.result()
    except BaseException as error:
        # Before Python 3.11 it is the context of another one.
        places = [each.__traceback__ for each in (error, error.__context__) if each is not None]
        return next(filter(frames_of_code, places), None)


class Surroundings:
    """The directory and the variables of one execution."""

    def __init__(self, request):
        self.cwd = request.get("cwd")
        self.envs = request.get("envs") or {}
        self.folder = None
        self.before = {}

    def enter(self):
        if self.cwd:
            # By its descriptor, as it may be removed or renamed meanwhile.
            self.folder = os.open(".", os.O_PATH | os.O_DIRECTORY)
            os.chdir(os.path.expanduser(self.cwd))
        self.before = {name: os.environ.get(name) for name in self.envs}
        os.environ.update(self.envs)

    def leave(self):
        try:
            if self.folder is not None:
                os.fchdir(self.folder)
                os.close(self.folder)
            for name, value in self.before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        except Exception:
            # Code has closed the descriptor, or replaced `os.environ`.
            traceback.print_exc()


def is_coroutine(compiled):
    return bool(compiled.co_flags & IS_COROUTINE)


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


def ignore_interrupts():
    """Interrupts that come too late are for nobody. Unlike an ignored signal, child processes do not inherit that."""
    signal.signal(signal.SIGINT, lambda _number, _frame: None)


def described(error):
    """An error as the author of the code sees it, whatever its methods do."""
    try:
        if isinstance(error, SystemExit):
            return {"name": "SystemExit", "message": text_or_nothing(error.code), "traceback": ""}
        name = type(error).__name__
        text = "".join(traceback.format_exception(type(error), error, frames_of_code(error.__traceback__)))
        message = text_or_nothing(error)
        answer = {"name": name, "message": message[:LARGEST_TEXT], "traceback": text}
        if len(text) > LARGEST_TEXT:
            answer["traceback"] = text[: LARGEST_TEXT // 2] + "\n…\n" + text[-LARGEST_TEXT // 2 :]
        if len(text) > LARGEST_TEXT or len(message) > LARGEST_TEXT:
            answer["truncated"] = True
        return answer
    except BaseException as failure:
        name = type(failure).__name__
        return {"name": "Exception", "message": f"an error that can't be described ({name})", "traceback": ""}


def text_or_nothing(value):
    try:
        return str(value)
    except BaseException:
        return ""


def frames_of_code(trace):
    """A traceback without the frames of the driver at its beginning; what the compiler refuses has no others."""
    while trace is not None and not trace.tb_frame.f_code.co_filename.startswith(CELL):
        trace = trace.tb_next
    return trace


def exit_code(error):
    code = error.code
    if code is None:
        return 0
    return int.__int__(code) if isinstance(code, int) else 1


def end_child(raised):
    """Ends a forked child that has come to the end of the code, as it would end a script."""
    code = 1
    try:
        if raised is None:
            code = 0
        elif isinstance(raised, SystemExit):
            code = exit_code(raised)
            if not isinstance(raised.code, (int, type(None))):
                print(text_or_nothing(raised.code), file=sys.stderr)
        else:
            sys.stderr.write(described(raised)["traceback"])
        flush_output()
    finally:
        os._exit(code & 0xFF)


def work(requests, answers, taken):
    """Runs what the supervisor sends, for ever."""
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="replace", closefd=False)
    os.environ.setdefault("MPLBACKEND", "Agg")
    sys.argv = [""]
    sys.path.insert(0, "")
    Context(Channel(requests, answers, taken)).serve()
