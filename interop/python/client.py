"""The public service's Python client, unchanged, against a Sandbar engine.

Run by `npm run test:interop`, which starts the engine and sets SEACLOUD_BASE_URL and SEACLOUD_API_KEY.
"""

import base64
import hashlib
import io
import os
import threading
import time
import unittest
import urllib.request

# This client takes the base URL as it is, where others append the API's prefix.
os.environ["SEACLOUD_BASE_URL"] = os.environ["SEACLOUD_BASE_URL"].rstrip("/") + "/api/v1"

from sandbox import Sandbox
from sandbox.cmd import (
    CmdRequestOptions,
    DownloadRequest,
    FileRequest,
    FilesContentRequest,
    ProxyRequest,
    UploadBytesRequest,
    UploadMultipartRequest,
)
from sandbox.cmd.models import MultipartFile
from sandbox.core.exceptions import APIError, NotFoundError


def until(condition, seconds=10):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come true")
        time.sleep(0.01)


class Runtime(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.sandbox = Sandbox.create("base", waitReady=True, timeout=600)
        cls.runtime = cls.sandbox._runtime()

    @classmethod
    def tearDownClass(cls):
        cls.sandbox.kill()

    # Files.

    def test_files_are_written_read_listed_moved_and_removed(self):
        files = self.sandbox.files
        self.assertFalse(files.exists("a/b.txt"))
        self.assertEqual(files.write("a/b.txt", "hällo\n")["path"], "a/b.txt")
        self.assertTrue(files.exists("a/b.txt"))
        self.assertEqual(files.read("a/b.txt"), "hällo\n")
        self.assertEqual(files.read("a/b.txt", format="bytes"), "hällo\n".encode())
        info = files.get_info("a/b.txt")
        self.assertEqual((info["type"], info["size"], info["path"]), ("file", 7, "/root/workspace/a/b.txt"))
        self.assertEqual(info["permissions"], "-rw-r--r--")
        self.assertEqual((info["owner"], info["group"], info["mode"]), ("root", "root", 0o644))
        self.assertIsNotNone(info["modified_time"])
        self.assertEqual([entry["name"] for entry in files.list("a")], ["b.txt"])
        self.assertEqual(files.rename("a/b.txt", "a/c.txt")["name"], "c.txt")
        files.remove("a")
        self.assertFalse(files.exists("a"))

    def test_folders_are_made_once(self):
        files = self.sandbox.files
        self.assertTrue(files.make_dir("d/e/f"))
        self.assertFalse(files.make_dir("d/e/f"))
        self.assertEqual(files.get_info("d/e")["type"], "dir")
        depth = files.list("d", depth=2)
        self.assertEqual([entry["path"] for entry in depth], ["/root/workspace/d/e", "/root/workspace/d/e/f"])

    def test_many_files_are_written_at_once_whatever_is_in_them(self):
        data = bytes(range(256))
        written = self.sandbox.files.write_files([{"path": "m/1", "data": data}, {"path": "m/2", "content": "text"}])
        self.assertEqual([file["name"] for file in written], ["1", "2"])
        self.assertEqual(self.sandbox.files.read("m/1", format="bytes"), data)
        self.assertEqual(self.sandbox.files.write("m/3", io.BytesIO(data))["name"], "3")

    def test_the_low_level_routes_of_files(self):
        runtime = self.runtime
        for gzip in (False, True):
            entries = runtime.upload_bytes(UploadBytesRequest(path="low/up.bin", data=b"0123456789", gzip_compress=gzip))
            self.assertEqual(entries, [{"path": "/root/workspace/low/up.bin", "name": "up.bin", "type": "file"}])
            runtime.write_file(UploadBytesRequest(path="low/w.bin", data=b"w" * 1000, gzip_compress=gzip))
        with runtime.download(DownloadRequest(path="low/up.bin"), CmdRequestOptions(range="bytes=2-4")) as answer:
            self.assertEqual((answer.status, answer.read()), (206, b"234"))
        with runtime.read_file(FileRequest(path="low/w.bin")) as answer:
            self.assertEqual(len(answer.read()), 1000)
        runtime.upload_json({"path": "low/j.txt", "content": "json"})
        parts = [
            MultipartFile(file_name="low/p1.txt", data=b"one"),
            MultipartFile(file_name="low/p2.txt", data=b"two"),
        ]
        self.assertEqual(len(runtime.upload_multipart(UploadMultipartRequest(parts=parts))), 2)
        composed = runtime.compose_files({"source_paths": ["low/p1.txt", "low/p2.txt"], "destination": "low/c.txt"})
        self.assertEqual(composed["name"], "c.txt")
        content = runtime.files_content(FilesContentRequest(path="low/c.txt", max_tokens=1))
        self.assertEqual(content, {"type": "text", "content": "onet", "truncated": True})
        message = runtime.edit({"path": "low/c.txt", "oldText": "two", "newText": "2"})["message"]
        self.assertTrue(message)
        self.assertEqual(self.sandbox.files.read("low/c.txt"), "one2")

    def test_what_is_missing_is_not_found(self):
        for call in (
            lambda: self.sandbox.files.read("missing"),
            lambda: self.sandbox.files.get_info("missing"),
            lambda: self.sandbox.files.remove("missing"),
            lambda: self.sandbox.files.rename("missing", "other"),
            lambda: self.runtime.download(DownloadRequest(path="missing")),
        ):
            with self.assertRaises(NotFoundError) as caught:
                call()
            self.assertIn("missing", str(caught.exception))

    def test_a_folder_is_watched(self):
        self.sandbox.files.make_dir("watched")
        seen = []
        handle = self.sandbox.files.watch_dir("watched", lambda event: seen.append((event["name"], event["type"])))
        self.sandbox.files.write("watched/new.txt", "x")
        until(lambda: ("new.txt", "create") in seen)
        self.sandbox.files.remove("watched/new.txt")
        until(lambda: ("new.txt", "remove") in seen)
        handle.stop()
        self.assertFalse([name for name, _ in seen if name != "new.txt"])

    def test_a_folder_is_watched_by_asking(self):
        self.sandbox.files.make_dir("polled")
        watcher = self.runtime.create_watcher({"path": "polled", "recursive": True})["watcherId"]
        self.sandbox.files.write("polled/sub/new.txt", "x")
        names = set()

        def came():
            events = self.runtime.get_watcher_events({"watcherId": watcher, "limit": 10})["events"]
            names.update(event["name"] for event in events)
            return "sub/new.txt" in names

        until(came)
        self.runtime.remove_watcher({"watcherId": watcher})
        with self.assertRaises(NotFoundError):
            self.runtime.get_watcher_events({"watcherId": watcher})

    def test_signed_urls_need_no_token(self):
        self.sandbox.files.write("signed.txt", "signed")
        for expiration in (None, int(time.time()) + 60):
            url = self.sandbox.download_url("/root/workspace/signed.txt", use_signature_expiration=expiration)
            with urllib.request.urlopen(url) as answer:
                self.assertEqual(answer.read(), b"signed")
        url = self.sandbox.upload_url("/root/workspace/up.txt")
        request = urllib.request.Request(url, data=b"up", method="POST", headers={"Content-Type": "application/octet-stream"})
        with urllib.request.urlopen(request) as answer:
            self.assertEqual(answer.status, 200)
        self.assertEqual(self.sandbox.files.read("up.txt"), "up")
        late = self.sandbox.download_url("signed.txt", use_signature_expiration=int(time.time()) - 1)
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(late)
        self.assertEqual(caught.exception.code, 401)

    # Commands.

    def test_commands_run_in_a_shell_or_with_arguments(self):
        run = self.sandbox.commands.run
        result = run("echo out; echo err >&2; exit 3")
        self.assertEqual((result["stdout"], result["stderr"], result["exit_code"]), ("out\n", "err\n", 3))
        self.assertEqual(run("printf", args=["%s", "a b"])["stdout"], "a b")
        self.assertEqual(run("cat", stdin="in")["stdout"], "in")
        self.assertEqual(run("echo $X; pwd", envs={"X": "1"}, cwd="/tmp")["stdout"], "1\n/tmp\n")
        timed_out = run("sleep 10", timeout_ms=100)
        self.assertNotEqual(timed_out["exit_code"], 0)
        self.assertIn("timed out", timed_out["error"])

    def test_commands_run_as_a_named_user(self):
        # This client takes the command for one word where there is a user.
        result = self.sandbox.commands.run("id", args=["-u"], user="root")
        self.assertEqual((result["stdout"], result["exit_code"]), ("0\n", 0))

    def test_output_comes_as_it_is_printed(self):
        out, err = [], []
        result = self.sandbox.commands.run(
            "for i in 1 2 3; do echo ä$i; echo e$i >&2; done; exit 4", on_stdout=out.append, on_stderr=err.append
        )
        self.assertEqual(("".join(out), "".join(err)), ("ä1\nä2\nä3\n", "e1\ne2\ne3\n"))
        self.assertEqual((result["exit_code"], result["stdout"]), (4, "ä1\nä2\nä3\n"))

    def test_a_command_in_the_background_takes_input_and_is_killed(self):
        handle = self.sandbox.commands.run("cat", background=True)
        self.assertIn(handle.pid, [process["pid"] for process in self.sandbox.commands.list()])
        handle.send_stdin("hello\n")
        self.sandbox.commands.send_stdin(handle.pid, "again\n")
        self.runtime.close_stdin({"process": {"pid": handle.pid}})
        result = handle.wait()
        self.assertEqual((result["stdout"], result["exit_code"]), ("hello\nagain\n", 0))
        self.assertFalse(handle.kill())
        sleeper = self.sandbox.commands.run("sleep 100", background=True)
        self.assertTrue(sleeper.kill())
        self.assertNotEqual(sleeper.wait()["exit_code"], 0)
        self.assertFalse(self.sandbox.commands.kill(sleeper.pid))

    def test_a_command_is_found_again(self):
        first = self.sandbox.commands.run("echo begun; read line; echo got $line", background=True)
        out = []
        second = self.sandbox.commands.connect(first.pid, on_stdout=out.append)
        waiting = threading.Thread(target=second.wait)
        waiting.start()
        until(lambda: "begun\n" in "".join(out))
        second.send_stdin("it\n")
        waiting.join(10)
        self.assertEqual("".join(out), "begun\ngot it\n")
        self.assertEqual(first.wait()["exit_code"], 0)

    def test_input_is_streamed(self):
        handle = self.sandbox.commands.run("head -n 2", background=True)
        frames = [
            {"start": {"process": {"pid": handle.pid}}},
            {"data": {"input": {"stdin": "b25lCg=="}}},
            {"keepalive": {}},
            {"data": {"input": {"stdin": "dHdvCg=="}}},
        ]
        self.assertIsNotNone(self.runtime.stream_input(frames))
        self.assertEqual(handle.wait()["stdout"], "one\ntwo\n")

    def test_signals_reach_a_command(self):
        handle = self.sandbox.commands.run("trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.05; done", background=True)
        out = []
        handle.on_stdout = out.append
        waiting = {}
        thread = threading.Thread(target=lambda: waiting.update(handle.wait()))
        thread.start()
        until(lambda: "up\n" in "".join(out))
        self.runtime.send_signal({"process": {"pid": handle.pid}, "signal": "SIGNAL_SIGTERM"})
        thread.join(10)
        self.assertEqual((waiting["exit_code"], waiting["stdout"]), (7, "up\nterm\n"))

    def test_a_terminal_is_made_resized_and_left(self):
        handle = self.sandbox.pty.create("sh", size={"cols": 81, "rows": 25})
        handle.send_stdin("stty size; read line; stty size; exit 5\n")
        other = self.sandbox.pty.connect(handle.pid, on_stdout=lambda _: None)
        shown = ""
        while "25 81" not in shown:
            shown += base64.b64decode(other.stream.next()["event"].get("data", {}).get("pty", "")).decode()
        self.sandbox.pty.resize(handle.pid, {"cols": 100, "rows": 30})
        handle.send_stdin("\n")
        result = handle.wait()
        self.assertIn("30 100", result["pty"])
        self.assertEqual(result["exit_code"], 5)

    # Code, ports and the sandbox itself.

    def test_code_runs_with_what_came_before(self):
        first = self.sandbox.run_code("x = 20\nprint('hi')\nx + 1")
        self.assertEqual((first.text, first.logs.stdout, first.error), ("21", ["hi\n"], None))
        self.assertEqual(self.sandbox.run_code("x * 2").text, "40")
        failed = self.sandbox.run_code("1 / 0")
        self.assertEqual(failed.error.name, "ZeroDivisionError")
        context = self.sandbox.create_code_context(cwd="/tmp")
        self.assertEqual(self.sandbox.run_code("import os; os.getcwd()", context=context).text, "/tmp")
        self.sandbox.remove_code_context(context)
        self.assertEqual(self.sandbox.run_code("echo $((6 * 7))", language="bash").logs.stdout, ["42\n"])

    def test_a_port_is_reached(self):
        server = self.sandbox.commands.run("python3 -m http.server 8123", background=True)
        until(lambda: 8123 in [port["port"] for port in self.runtime.ports()])
        with self.runtime.proxy(ProxyRequest(port=8123, path="/")) as answer:
            self.assertIn(b"Directory listing", answer.read())
        self.assertTrue(self.sandbox.get_host(8123).endswith("/proxy/8123/"))
        server.kill()

    def test_the_sandbox_tells_of_itself(self):
        metrics = self.runtime.metrics()
        for name in ("ts", "cpu_count", "cpu_used_pct", "mem_total", "mem_used", "mem_total_mib", "mem_used_mib", "mem_cache", "disk_used", "disk_total"):
            self.assertIsInstance(metrics[name], (int, float), name)
        self.runtime.configure({"envs": {"LATER": "1"}})
        self.assertEqual(self.runtime.envs()["LATER"], "1")
        self.assertEqual(self.sandbox.commands.run("echo $LATER")["stdout"], "1\n")

    def test_a_large_file_comes_back_as_it_went(self):
        data = os.urandom(8 * 1024 * 1024)
        self.sandbox.files.write("large.bin", data)
        back = self.sandbox.files.read("large.bin", format="bytes")
        self.assertEqual(hashlib.sha256(back).digest(), hashlib.sha256(data).digest())

    def test_a_wrong_token_is_refused(self):
        self.runtime.access_token, token = "wrong", self.runtime.access_token
        try:
            with self.assertRaises(APIError) as caught:
                self.runtime.run({"cmd": "true"})
            self.assertEqual(caught.exception.status_code, 401)
        finally:
            self.runtime.access_token = token


class Lifecycle(unittest.TestCase):
    def test_a_paused_sandbox_is_resumed_with_its_files_and_a_new_token(self):
        sandbox = Sandbox.create("base", waitReady=True)
        sandbox.files.write("kept.txt", "kept")
        before = sandbox.traffic_access_token
        self.assertTrue(sandbox.pause())
        sandbox.connect()
        self.assertNotEqual(sandbox.traffic_access_token, before)
        self.assertEqual(sandbox.files.read("kept.txt"), "kept")
        self.assertTrue(sandbox.kill())

    def test_git_works_in_a_sandbox(self):
        sandbox = Sandbox.create("base", waitReady=True)
        sandbox.commands.run("git init -q repo && cd repo && git -c user.name=a -c user.email=a@b commit -q --allow-empty -m one")
        self.assertEqual(sandbox.git.clone("repo", "copy")["exit_code"], 0)
        self.assertIn("On branch", sandbox.git.status("copy")["stdout"])
        sandbox.kill()


if __name__ == "__main__":
    unittest.main(verbosity=2)
