"""Takes requests, and has a worker run them one after another.

A request is a line of JSON on standard input, an answer one on standard output:

- `{"id", "code", "cwd"?, "envs"?, "limitMs"?}` runs code. `{"id", "part"}` before it carries the beginning of long code.
  The answers are `{"id", "begun", "process", "restarted"?}`, `{"id", "stdout" | "stderr"}`, `{"id", "result"}`,
  `{"id", "interrupted"}`, `{"id", "error"}`, and at last `{"id", "done", …}`.
- `{"cancel": id}` takes the request out of the queue, or interrupts it if it is the one that runs.

The supervisor runs no code of users: nothing that the code does keeps it from reading requests or watching the clock.
"""

import codecs
import collections
import fcntl
import select
import struct
import termios
import time

PIECE = 64 * 1024
# Above this, output waits in its pipe until the answers before it are read.
MOST_UNSENT = 1024 * 1024
# How long code may take to heed an interrupt, in seconds.
GRACE = 2
# How many requests are remembered that were cancelled before they came, or of which only a part has come.
MOST_REMEMBERED = 256
# Its file says that code was run in the default context, also before a pause.
NOTED_CONTEXT = "default"
NOTES = ("~", ".local", "state", "sandbar", "code")


class Sender:
    """Writes to a descriptor as it takes it."""

    def __init__(self, descriptor):
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.unsent = bytearray()

    def add(self, line):
        self.unsent += line
        self.send()

    def send(self):
        while self.unsent:
            try:
                sent = os.write(self.descriptor, self.unsent[:PIECE])
            except BlockingIOError:
                return
            del self.unsent[:sent]


class Lines:
    """Cuts what comes on a descriptor into lines."""

    def __init__(self, descriptor):
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.pending = []
        self.is_over = False
        self.is_empty = True

    def read(self):
        """The lines that are complete by now."""
        try:
            data = os.read(self.descriptor, PIECE * 4)
        except BlockingIOError:
            self.is_empty = True
            return []
        self.is_over = self.is_empty = not data
        *complete, rest = data.split(b"\n")
        if complete:
            complete[0] = b"".join(self.pending) + complete[0]
            self.pending = []
        self.pending.append(rest)
        return complete


class Output:
    """What goes to one descriptor of the worker, from it or its child processes."""

    def __init__(self, kind):
        self.kind = kind
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.descriptor, self.writing = os.pipe()
        os.set_blocking(self.descriptor, False)

    def read(self, most=PIECE):
        try:
            return self.decoder.decode(os.read(self.descriptor, most))
        except BlockingIOError:
            return ""

    def read_present(self):
        """All that is there now, however much follows; a character that is cut off ends here."""
        size = struct.unpack("i", fcntl.ioctl(self.descriptor, termios.FIONREAD, bytes(4)))[0]
        texts = []
        while size > 0:
            texts.append(self.read(min(size, PIECE)))
            size -= PIECE
        return "".join(texts) + self.decoder.decode(b"", True)


class Request:
    """Code that is to be run."""

    def __init__(self, fields, code):
        self.id = fields["id"]
        limit = fields.get("limitMs")
        self.deadline = None if limit is None else time.monotonic() + limit / 1000
        names = ("id", "cwd", "envs")
        self.line = (json.dumps({**{name: fields.get(name) for name in names}, "code": code}) + "\n").encode()
        self.begun_at = None
        self.out_of_memory = 0
        # Set once it is interrupted: until when it may go on.
        self.grace = None
        self.was_killed = False

    def begin(self):
        self.begun_at = boot_ticks()
        self.out_of_memory = out_of_memory_kills()


class Worker:
    """The process that code runs in."""

    def __init__(self, outputs, private):
        requests, self.requests = os.pipe()
        self.answers, answers = os.pipe()
        taken, self.taken = os.pipe()
        self.name = os.urandom(8).hex()
        try:
            self.pid = os.fork()
        except OSError:
            self.close()
            raise
        else:
            if self.pid == 0:
                become_worker((requests, answers, taken), outputs, (*private, self.requests, self.answers, self.taken))
        finally:
            for descriptor in (requests, answers, taken):
                os.close(descriptor)
        self.sender = Sender(self.requests)
        self.lines = Lines(self.answers)

    def members(self, since):
        """The worker and the processes that it has started since then."""
        found = processes()
        members = [self.pid]
        for parent in members:
            members += [pid for pid, (of, _, at) in found.items() if of == parent and at >= since]
        return members, found

    def interrupt(self, since):
        """As Ctrl-C does, for what was started since then."""
        members, found = self.members(since)
        group = os.getpgrp()
        for pid in members:
            if pid == self.pid or found[pid][1] == group:
                send_signal(pid, signal.SIGINT)

    def kill(self, since):
        for pid in reversed(self.members(since)[0]):
            send_signal(pid, signal.SIGKILL)

    def take(self):
        """Lets it go on after a result."""
        try:
            os.write(self.taken, b".")
        except OSError:
            # It has ended.
            pass

    def close(self):
        for descriptor in (self.requests, self.answers, self.taken):
            os.close(descriptor)


def become_worker(channel, outputs, private):
    """Turns a forked child into the worker, which never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor in private:
            os.close(descriptor)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (outputs[0].writing, 1), (outputs[1].writing, 2)):
            os.dup2(source, target)
        os.close(nothing)
        for output in outputs:
            os.close(output.descriptor)
            os.close(output.writing)
        work(*channel)
    finally:
        os._exit(1)


class Supervisor:
    """The queue of requests, and the worker that they wait for."""

    def __init__(self, context, is_anew):
        self.input = Lines(os.dup(0))
        self.answers = Sender(os.dup(1))
        self.outputs = [Output("stdout"), Output("stderr")]
        self.worker = None
        self.queue = collections.deque()
        self.current = None
        self.parts = collections.OrderedDict()
        self.cancelled = collections.deque(maxlen=MOST_REMEMBERED)
        self.note = os.path.expanduser(os.path.join(*NOTES, context)) if context == NOTED_CONTEXT else None
        # Whether variables of earlier executions are lost, and no answer has said so.
        self.has_lost = bool(self.note) and not is_anew and os.path.exists(self.note)
        self.was_used = False
        self.woken, waking = os.pipe()
        for descriptor in (self.woken, waking):
            os.set_blocking(descriptor, False)
        # What the worker must not have.
        self.private = (self.input.descriptor, self.answers.descriptor, self.woken, waking)
        signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.signal(signal.SIGINT, lambda _number, _frame: None)

    def serve(self):
        self.worker = Worker(self.outputs, self.private)
        self.emit(ready=True)
        self.send(self.answers)
        while not self.input.is_over or self.current or self.queue:
            self.wait()
            if self.worker:
                self.poll_worker()
            self.watch_clock()
            while self.queue and not self.current:
                self.begin(self.queue.popleft())
            self.send(self.answers)

    def wait(self):
        """Waits until something is to be done, and takes in what has come."""
        reading = [self.woken]
        if not self.input.is_over:
            reading.append(self.input.descriptor)
        if len(self.answers.unsent) < MOST_UNSENT:
            reading += [output.descriptor for output in self.outputs]
            if self.worker and not self.worker.lines.is_over:
                reading.append(self.worker.answers)
        senders = [self.answers] + ([self.worker.sender] if self.worker else [])
        writing = [sender.descriptor for sender in senders if sender.unsent]
        readable, writable, _ = select.select(reading, writing, [], self.time_left())
        for sender in senders:
            if sender.descriptor in writable:
                self.send(sender)
        if self.woken in readable:
            os.read(self.woken, PIECE)
        if self.input.descriptor in readable:
            for line in self.input.read():
                self.take(line)
        for output in self.outputs:
            if output.descriptor in readable:
                self.emit_output(output.kind, output.read())

    def send(self, sender):
        try:
            sender.send()
        except OSError:
            if sender is self.answers:
                # There is nobody left to answer.
                self.kill_current()
                os._exit(1)
            # The worker has ended, or is about to.
            sender.unsent.clear()

    def emit(self, **answer):
        self.emit_line((json.dumps(answer, ensure_ascii=False) + "\n").encode("utf-8", "replace"))

    def emit_line(self, line):
        """It is sent with the others of this round."""
        self.answers.unsent += line

    def emit_output(self, kind, text):
        """Output that comes while nothing runs belongs to nobody."""
        if text and self.current:
            self.emit(id=self.current.id, **{kind: text})

    def emit_present_output(self):
        for output in self.outputs:
            self.emit_output(output.kind, output.read_present())

    def take(self, line):
        try:
            fields = json.loads(line)
            if "cancel" in fields:
                return self.cancel(fields["cancel"])
            parts = self.parts.setdefault(fields["id"], [])
            if "part" in fields:
                parts.append(fields["part"])
                if len(self.parts) > MOST_REMEMBERED:
                    self.parts.popitem(last=False)
                return
            del self.parts[fields["id"]]
            request = Request(fields, "".join(parts) + fields["code"])
        except (ValueError, TypeError, KeyError):
            # The rest of a request whose sender was cut off.
            return
        if request.id in self.cancelled:
            self.finish(request, cancelled=True)
        else:
            self.queue.append(request)

    def cancel(self, wanted):
        if self.current and self.current.id == wanted:
            self.interrupt()
            return
        for request in self.queue:
            if request.id == wanted:
                self.queue.remove(request)
                self.finish(request, cancelled=True)
                return
        # It may come later than its cancellation.
        self.cancelled.append(wanted)

    def begin(self, request):
        # What was printed before is nobody's.
        for output in self.outputs:
            output.read_present()
        try:
            self.worker = self.worker or Worker(self.outputs, self.private)
        except OSError as failure:
            self.emit(id=request.id, error={"name": type(failure).__name__, "message": str(failure), "traceback": ""})
            self.finish(request)
            return
        request.begin()
        self.current = request
        lost = {"restarted": True} if self.has_lost else {}
        self.emit(id=request.id, begun=True, process=self.worker.name, **lost)
        self.has_lost = False
        self.was_used = True
        self.worker.sender.unsent += request.line
        self.send(self.worker.sender)
        self.keep_note()

    def keep_note(self):
        if self.note:
            try:
                os.makedirs(os.path.dirname(self.note), exist_ok=True)
                os.close(os.open(self.note, os.O_WRONLY | os.O_CREAT, 0o600))
            except OSError:
                # Without a place for it, a restart after a pause is not noticed.
                pass
            self.note = None

    def poll_worker(self):
        status = ended(self.worker.pid)
        if status is not None or len(self.answers.unsent) < MOST_UNSENT:
            self.take_answers()
        if status is not None:
            while not self.worker.lines.is_empty:
                self.take_answers()
            self.worker.close()
            self.worker = None
            self.has_lost, self.was_used = self.has_lost or self.was_used, False
            if self.current:
                self.report_crash(status)

    def take_answers(self):
        for line in self.worker.lines.read():
            self.take_answer(line)

    def take_answer(self, line):
        if self.current:
            self.emit_present_output()
        if line[:1] in (b"=", b"+"):
            if self.current:
                self.emit_line(line[1:] + b"\n")
            if line[:1] == b"+":
                self.worker.take()
            return
        if not self.current:
            return
        try:
            answer = json.loads(line)
        except ValueError:
            return
        self.finish(self.current, **answer)

    def report_crash(self, status):
        """The worker has ended under its code."""
        request = self.current
        self.emit_present_output()
        if os.WIFSIGNALED(status):
            number = os.WTERMSIG(status)
            words = f"signal: {(signal.strsignal(number) or str(number)).lower()}"
        else:
            number, words = None, f"exit status {os.WEXITSTATUS(status)}"
        memory = number == signal.SIGKILL and out_of_memory_kills() > request.out_of_memory
        why = {"killed": True} if request.was_killed else {"crashed": {"status": words, "outOfMemory": memory}}
        self.finish(request, done=0, **why)

    def finish(self, request, **answer):
        if request is self.current:
            self.current = None
        self.emit(id=request.id, **{"done": 0, **answer})

    def interrupt(self):
        request = self.current
        if request.grace is None:
            request.grace = time.monotonic() + GRACE
            self.emit(id=request.id, interrupted=True)
            self.worker.interrupt(request.begun_at)

    def kill_current(self):
        if self.current and self.worker:
            self.current.was_killed = True
            self.worker.kill(self.current.begun_at)

    def watch_clock(self):
        now = time.monotonic()
        for request in [each for each in self.queue if each.deadline is not None and each.deadline <= now]:
            self.queue.remove(request)
            self.finish(request, cancelled=True)
        request = self.current
        if request and request.deadline is not None and request.deadline <= now:
            self.interrupt()
        if request and request.grace is not None and request.grace <= now and not request.was_killed:
            self.kill_current()

    def time_left(self):
        """How long nothing is to be done by the clock, in seconds; none if there is no limit."""
        deadlines = [request.deadline for request in self.queue]
        if self.current and not self.current.was_killed:
            deadlines.append(self.current.grace or self.current.deadline)
        left = [deadline for deadline in deadlines if deadline is not None]
        return max(0, min(left) - time.monotonic()) if left else None


def ended(pid):
    """How a child process has ended; none if it runs."""
    try:
        found, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return 0
    return status if found else None


def send_signal(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def processes():
    """All processes: parent, group, and when they were started, in ticks since boot."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    # The name before the last bracket may have anything in it.
                    fields = file.read().rpartition(b") ")[2].split()
            except OSError:
                continue
            found[int(name)] = (int(fields[1]), int(fields[2]), int(fields[19]))
    return found


def boot_ticks():
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def out_of_memory_kills():
    """How many processes this machine has killed because memory was short; 0 where it does not say."""
    try:
        with open("/proc/vmstat", "rb", buffering=0) as file:
            return int(file.read(PIECE).partition(b"\noom_kill ")[2].split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def supervise(context="", start="", *_others):
    supervisor = Supervisor(context, is_anew=start == "anew")
    # Code gets the supervisor's arguments and descriptors neither by name nor by number.
    sys.argv = [""]
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    supervisor.serve()


supervise(*sys.argv[1:])
