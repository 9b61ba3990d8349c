"""Attacks on the grader, each of which must fail: the sandbox, the wall between, the judges."""

import json
import os
import socket
import struct
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

import pushforward
from pushforward_course.practice import asking as asking_module
from pushforward_course.practice import masters, sandbox, trainings
from pushforward_course.practice.asking import Failed
from pushforward_course.practice.grading import results
from pushforward_course.practice.inside import plain
from pushforward_course.practice.judges import Close
from pushforward_course.practice.submissions import Submission, read
from pushforward_course.practice.tasks import Task, Wrong

sys.path.insert(0, str(Path(__file__).parent))
from sandboxed import asking, needs_a_sandbox

pytestmark = pytest.mark.xdist_group("attacks")

LOOKING = r"""
import ctypes, gc, glob, os, resource, signal, socket, sys

def lists(path):
    try:
        return sorted(os.listdir(path))
    except OSError as error:
        return "refused: " + type(error).__name__

def reads(path):
    try:
        return open(path, "rb").read(100).hex()
    except OSError as error:
        return "refused: " + type(error).__name__

def writes(path):
    try:
        open(path, "w").write("x")
        return "written"
    except OSError as error:
        return "refused: " + type(error).__name__

def imports(name):
    try:
        __import__(name)
        return "imported"
    except ImportError:
        return "refused"

def connects(host, port):
    try:
        socket.create_connection((host, port), timeout=2).close()
        return "connected"
    except OSError as error:
        return "refused: " + type(error).__name__

def resolves(name):
    try:
        return socket.gethostbyname(name)
    except OSError:
        return "refused"

def processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]

def others():
    seen = []
    for pid in processes():
        try:
            seen.append(open(f"/proc/{pid}/cmdline").read())
        except OSError:
            pass
    return seen

def becomes_root():
    got = []
    for attempt in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.chroot("/")):
        try:
            attempt()
            got.append("done")
        except OSError:
            got.append("refused")
    return got

def raises_limits():
    got = []
    for name in ("RLIMIT_AS", "RLIMIT_NPROC", "RLIMIT_CPU", "RLIMIT_FSIZE"):
        try:
            resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)
            got.append("done")
        except (OSError, ValueError):
            got.append("refused")
    return got

def environment():
    return dict(os.environ)

def descriptors():
    found = []
    for number in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            pass
    return found

def links(target):
    os.symlink(target, "/tmp/link")
    try:
        return reads("/tmp/link")
    finally:
        os.unlink("/tmp/link")

def frames():
    frame, names = sys._getframe(), []
    while frame is not None:
        names.append([frame.f_code.co_filename.rsplit("/", 1)[-1], sorted(frame.f_locals)])
        frame = frame.f_back
    return names

def remembered(square):
    # how many numbers in memory have this square
    found = 0
    for thing in gc.get_objects():
        if isinstance(thing, (list, dict, tuple)) and len(thing) < 50:
            items = list(thing.values() if isinstance(thing, dict) else thing)
            found += sum(type(n) is float and abs(n * n - square) < 1e-6 for n in items)
    return found

def leaves(name):
    before = os.listdir("/tmp")
    open("/tmp/" + name, "w").write("13 of 13")
    return before

def big_file():
    with open("/tmp/big", "wb") as file:
        for _ in range(40):
            file.write(b"0" * (1 << 20))
    return "written"

def mounts():
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.mount(b"none", b"/usr", b"tmpfs", 0, None)
"""


@pytest.fixture(scope="module")
def inside():
    found = asking(LOOKING)
    yield found
    found.close()


REFUSED = "refused"


@needs_a_sandbox
class TestWalls:
    """What a submission sees and touches of the machine: nothing."""

    def test_solutions_are_not_there(self, inside):
        assert str(inside("lists", str(masters.MASTERS))).startswith((REFUSED, "[]"))
        assert inside("reads", str(masters.MASTERS / "hw1.py")).startswith(REFUSED)

    def test_solutions_cannot_be_imported(self, inside):
        for name in ("pushforward_course.masters.hw1", "pushforward_course", "pushforward"):
            assert inside("imports", name) == REFUSED

    def test_hidden_folders_are_not_there(self, tmp_path):
        within = Path(sys.prefix) / "lib"
        ask = asking(LOOKING, hidden=(within,))
        try:
            assert str(ask("lists", str(within))).startswith((REFUSED, "[]"))
        except Failed:
            pass  # Python itself lies there, and cannot start without it
        finally:
            ask.close()

    def test_other_submissions(self, inside, tmp_path):
        (tmp_path / "other.py").write_text("secret")
        assert inside("reads", str(tmp_path / "other.py")).startswith(REFUSED)

    @pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/root/.bashrc", "/var/log"])
    def test_files_of_the_host(self, inside, path):
        assert inside("reads", path).startswith(REFUSED)

    def test_the_repository(self, inside):
        root = Path(pushforward.__file__).parents[2]
        assert str(inside("lists", str(root / "src"))).startswith((REFUSED, "[]"))

    @pytest.mark.parametrize(
        "folder",
        ["/", "/usr/lib", "/dev", "/dev/shm", "/proc/sys/kernel", "/course/inside", "/bin"],
    )
    def test_writing_outside(self, inside, folder):
        assert inside("writes", f"{folder}/x").startswith(REFUSED)

    def test_writing_into_python(self, inside):
        assert inside("writes", f"{sys.prefix}/x").startswith(REFUSED)
        assert inside("writes", np.__file__).startswith(REFUSED)

    def test_network(self, inside):
        assert inside("connects", "1.1.1.1", 80).startswith(REFUSED)
        assert inside("resolves", "example.org") == REFUSED

    def test_servers_of_this_machine(self, inside):
        with socket.create_server(("127.0.0.1", 0)) as server:
            assert inside("connects", "127.0.0.1", server.getsockname()[1]).startswith(REFUSED)

    def test_processes_of_others(self, inside):
        assert len(inside("processes")) < 6
        assert not any("pytest" in told for told in inside("others"))
        assert inside("reads", f"/proc/{os.getpid()}/environ").startswith(REFUSED)

    def test_root_of_the_first_process(self, inside):
        assert str(inside("lists", "/proc/1/root/etc")).startswith(REFUSED)

    def test_becoming_root(self, inside):
        assert set(inside("becomes_root")) == {REFUSED}

    def test_raising_limits(self, inside):
        assert set(inside("raises_limits")) == {REFUSED}

    def test_mounting(self, inside):
        assert inside("mounts") != 0

    def test_secrets_in_the_environment(self, monkeypatch):
        monkeypatch.setenv("SECRET_OF_THE_LECTURER", "seed")
        ask = asking(LOOKING)
        try:
            assert "SECRET_OF_THE_LECTURER" not in ask("environment")
        finally:
            ask.close()

    def test_inherited_descriptors(self, inside):
        told = [name for name in inside("descriptors") if not name.startswith(("pipe:", "/proc"))]
        assert set(told) <= {"/dev/null"}

    def test_symbolic_links_lead_nowhere(self, inside):
        assert inside("links", str(masters.MASTERS / "hw1.py")).startswith(REFUSED)
        assert inside("links", "/etc/passwd").startswith(REFUSED)

    def test_stack_holds_the_worker_alone(self, inside):
        files = {file for file, _ in inside("frames")}
        assert files <= {"<cell 1>", "worker.py", "<string>", "<frozen runpy>", "runpy.py"}
        names = {name for _, names in inside("frames") for name in names}
        assert not names & {"expected", "seed", "master", "case", "points"}

    def test_memory_holds_no_answers(self, inside):
        """What the grader expects never enters the process: an expected number stays outside."""
        task = Task("t", 1, ("remembered",), Close())
        with pytest.raises(Wrong):
            Close().judge(inside, task, ([0.25], 345.678), False)
        assert inside("remembered", 345.678**2) == 0

    def test_results_of_an_earlier_run(self):
        for _ in range(2):
            ask = asking(LOOKING)
            try:
                # A Python under /tmp, as in a clone there, shows the folder that it lies in.
                assert "points" not in ask("leaves", "points")
            finally:
                ask.close()


BOMBS = {
    "fork bomb": (
        "import os\ndef f():\n    while True: os.fork()",
        "memory|answer|Block",
    ),
    "forks in a namespace of their own": (
        "import ctypes, os\ndef f():\n    ctypes.CDLL(None).unshare(0x10000000)\n"
        "    while True: os.fork()",
        "memory|answer|Block",
    ),
    "memory bomb": (
        "def f():\n    x = []\n    while True: x.append(bytearray(50 << 20))",
        "Memory|memory|no answer",
    ),
    "memory in forks": (
        "import os, time\ndef f():\n"
        "    while True:\n"
        "        if os.fork() == 0:\n            x = b'1' * (200 << 20); time.sleep(30)",
        "memory|Block|answer|process",
    ),
    "endless loop": ("def f():\n    while True: pass", "no answer within"),
    "sleeping": ("import time\ndef f(): time.sleep(1000)", "no answer within"),
    "giant answer": ("import numpy\ndef f(): return numpy.zeros(10_000_000)", "64 MB|no answer"),
    "giant answer, forged": (
        "import os, struct\ndef f():\n    for fd in range(3, 10):\n"
        "        try: os.write(fd, struct.pack('>Q', 1 << 40) + b'0' * 100)\n"
        "        except OSError: pass",
        "more than 64 MB",
    ),
    "giant printing": (
        "import sys\ndef f():\n    while True: print('x' * 10_000); sys.stderr.write('x' * 10_000)",
        "no answer within",
    ),
    "thousands of files": (
        "def f():\n    for n in range(10 ** 6): open(f'/tmp/{n}', 'w').close()",
        "more than 2000 files",
    ),
    "a full scratch": (
        "def f():\n    for n in range(100): open(f'/tmp/{n}', 'wb').write(b'0' * (5 << 20))",
        "No space left",
    ),
    "a large file": (
        "def f():\n    open('/tmp/x', 'wb').write(b'0' * (30 << 20))",
        "File too large|large|ended",
    ),
    "deep recursion": (
        "import sys\ndef f():\n    sys.setrecursionlimit(10 ** 8)\n"
        "    g = lambda n: g(n + 1)\n    return g(0)",
        "ended|Memory|Recursion|no answer",
    ),
    "killing the parent": (
        "import os\ndef f():\n    os.kill(os.getppid(), 9)\n    os.kill(-1, 9)\n    os.kill(1, 9)",
        "ended|answer|Permission",
    ),
    "signals ignored": (
        "import signal\nfor n in range(1, 60):\n    try: signal.signal(n, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\ndef f():\n    while True: pass",
        "no answer within",
    ),
    "leaving": ("import os\ndef f(): os._exit(0)", "ended"),
    "atexit": (
        "import atexit, os\natexit.register(lambda: os.write(4, b'13 of 13'))\n"
        "def f(): raise SystemExit(0)",
        "SystemExit",
    ),
    "answering twice": (
        "import sys\ndef f():\n    p = sys.modules['inside.plain'].packed\n"
        "    import os\n    for fd in range(3, 10):\n"
        "        try: os.write(fd, p({'value': 1}) * 2)\n        except OSError: pass",
        "more than once|else|plain",
    ),
}


@needs_a_sandbox
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_hurts_nobody(name):
    """It ends in words within seconds, and the same submission is asked again as if nothing was."""
    code, told = BOMBS[name]
    ask = asking(code, "def sound(): return 7", memory=600 << 20)
    try:
        with pytest.raises(Failed, match=told):
            ask("f", seconds=1.0)
        assert ask("sound") == 7
    finally:
        ask.close()
    assert ask.process is None


LIES = {
    "overridden comparison": (
        "class Yes:\n    def __eq__(self, other): return True\ndef f(x): return Yes()"
    ),
    "__array__": (
        "class A:\n    def __array__(self, *a, **k): raise SystemExit\ndef f(x): return A()"
    ),
    "a number that equals all": (
        "class Yes(float):\n    def __eq__(self, other): return True\n"
        "    def __sub__(self, other): return 0.0\n    __rsub__ = __sub__\ndef f(x): return Yes(3)"
    ),
    "a tensor that detaches to anything": (
        "class T:\n    def detach(self): return self\n    def cpu(self): return self\n"
        "    def resolve_conj(self): return self\n    def numpy(self): return {'points': 13}\n"
        "def f(x): return T()"
    ),
    "a pickle": "import pickle\ndef f(x): return pickle.dumps(print)",
    "a function": "def f(x): return print",
    "NaN": "def f(x): return float('nan')",
    "infinity": "def f(x): return float('inf')",
    "a huge whole number": "def f(x): return 10 ** 5000",
    "another shape": "def f(x): return [2.0, 2.0]",
    "text": "def f(x): return '2.0'",
    "nothing": "def f(x): return None",
    "numpy patched": (
        "import numpy\nnumpy.allclose = numpy.abs = lambda *a, **k: True\ndef f(x): return 0.0"
    ),
    "the checker patched": (
        "import sys\nplain = sys.modules['inside.plain']\nold = plain.packed\n"
        "plain.packed = lambda v: old({'value': 'right', 'points': 13, 'told': ''})\n"
        "def f(x): return 0.0"
    ),
    "an error called right": "def f(x): raise AssertionError('13 of 13')",
    "an error without words": (
        "class E(BaseException):\n    def __str__(self): raise E()\ndef f(x): raise E()"
    ),
    "a list in itself": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "a constant": "def f(x): return 2.0",
    "the library's answer": "def f(x):\n    import pushforward\n    return pushforward.answer(x)",
    "memorised answers": "KNOWN = {1.0: 2.0}\ndef f(x): return KNOWN[x]",
}


@needs_a_sandbox
@pytest.mark.parametrize("name", LIES)
def test_a_lie_earns_nothing(name):
    """The task is to double x; only that does, whatever the answer's class says of itself."""
    homework = masters.Homework("hwx", "Doubling")
    homework.add("double", 1, Close(), "f", title="Double")
    submission = Submission("a", "a.py", masters.from_percent(LIES[name]))
    ask = asking(LIES[name])
    try:
        cases = [([1.0], 2.0), ([5.5], 11.0)]
        (result,) = results(homework, submission, ask, lambda task: cases)
        assert result.points == "0"
        assert result.told
    finally:
        ask.close()


HOSTILE_FRAMES = {
    "empty": b"",
    "no JSON": struct.pack(">I", 4) + b"\xff\xfe\x00{",
    "a length beyond the end": struct.pack(">I", 2**32 - 1) + b"{}",
    "deep lists": struct.pack(">I", 200_000) + b"[" * 100_000 + b"]" * 100_000,
    "an array of objects": b'{"$": ["object", [1]]}',
    "an array too large": b'{"$": ["float64", [1000000000, 1000000000, 1000000000]]}',
    "a negative shape": b'{"$": ["float64", [-1]]}',
    "a shape of text": b'{"$": ["float64", ["1"]]}',
    "too many axes": b'{"$": ["float64", [1, 1, 1, 1, 1, 1, 1, 1, 1]]}',
    "a shape that is true": b'{"$": ["float64", [true]]}',
    "bytes left over": b"1" + b"0" * 8,
    "a whole number of 5000 digits": b"1" * 5_000,
}


@pytest.mark.parametrize("name", HOSTILE_FRAMES)
def test_a_hostile_frame_is_refused_in_words(name):
    frame = HOSTILE_FRAMES[name]
    if frame[:1] in (b"{", b"1"):
        text = frame[:1] if name == "bytes left over" else frame
        frame = struct.pack(">I", len(text)) + frame
    with pytest.raises(plain.NotPlain):
        plain.unpacked(frame)


def test_plain_data_come_back_as_they_were():
    value = {"x": [1, 2.5, "text", None, True], "y": np.arange(6).reshape(2, 3), "z": np.float32(3)}
    back = plain.unpacked(plain.packed(value)[8:])
    assert back["x"] == value["x"]
    assert np.array_equal(back["y"], value["y"])
    assert back["z"].dtype == "float32"


def test_a_missing_sandbox_is_told(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(sandbox.CourseError, match="apt-get install bubblewrap"):
        sandbox.refuse_without_one()


def bomb(path, size):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("hw1.py", b"#" * size)
    return path


def test_zip_bombs_and_paths(tmp_path):
    assert "unpacks to more than" in read(bomb(tmp_path / "b.zip", 100 << 20)).complaint
    with zipfile.ZipFile(tmp_path / "p.zip", "w") as archive:
        archive.writestr("../../../../tmp/evil.py", "def f(): return 1")
    found = read(tmp_path / "p.zip")
    assert (found.student, found.complaint, found.code) == ("p", "", ["def f(): return 1"])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.zip", "p.zip"]


def test_links_are_not_followed(tmp_path):
    (tmp_path / "a.py").symlink_to(masters.MASTERS / "hw1.py")
    assert "link" in read(tmp_path / "a.py").complaint
    assert read(tmp_path / "a.py").cells == []


@pytest.mark.slow
def test_twins_share_nothing_after_they_part():
    """A decoder that waits for what the encoder has seen waits in vain."""
    code = (
        "SEEN = []\n"
        "def train(x): return {'mean': 1.0}\n"
        "def encode(model, x): SEEN.append(x); model['seen'] = x; return len(SEEN)\n"
        "def decode(model, z): return [len(SEEN), 'seen' in model]\n"
    )
    ask = asking_module.Asking(asking_module.on_this_machine, [code])
    try:
        model = ask.keep("train", 0.0)
        twin = ask.twin(model)
        assert ask("encode", model, 5.0) == 1
        assert ask("decode", model, 1.0) == [1, True]
        assert twin("decode", model, 1.0) == [0, False]
    finally:
        ask.close()


def test_seeds_are_long_and_told_to_nobody(tmp_path):
    """128 bits, drawn by the system; other seeds give other inputs."""
    master = masters.master("hw1")
    task = master.homework["alpha"]
    first, second = (json.dumps([str(c) for c in master.cases(task, seed)]) for seed in (1, 2**100))
    assert first != second
    assert first == json.dumps([str(c) for c in master.cases(task, 1)])


def test_waiting_ends_with_the_grader(tmp_path):
    """Many asked at once end in time, each in its own thread."""
    if sys.platform != "linux":
        pytest.skip("bubblewrap needs Linux")
    told = []

    def one():
        ask = asking_module.Asking(
            asking_module.on_this_machine, ["import time\ndef f(): time.sleep(60)"]
        )
        try:
            ask("f", seconds=0.5)
        except Failed as error:
            told.append(str(error))
        finally:
            ask.close()

    threads = [threading.Thread(target=one) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert told == ["no answer within 0.5 seconds"] * 3


def test_nothing_shown_tells_a_pixel_that_is_still_to_be_asked():
    """A cheat that remembers all it was shown, and answers what it saw, earns nothing."""
    draw = np.random.default_rng(0)
    train, held = (draw.integers(0, 2, (n, 5, 5), np.uint8) for n in (100, 100))
    seen = []

    def cheat(x):
        """Looks for images that begin alike, now or before, and copies what follows."""
        seen.append(x.reshape(len(x), -1))
        every, now = np.concatenate(seen).astype(float), seen[-1].astype(float)
        logits = np.zeros(now.shape)
        for pixel in range(8, now.shape[1]):
            alike = (every[:, None, :pixel] == now[None, :, :pixel]).all(2)
            logits[:, pixel] = 3 * ((2 * every[:, pixel] - 1) @ alike) / alike.sum(0)
        return logits.reshape(x.shape)

    honest = trainings.probed(draw, train, held, lambda x: np.zeros(x.shape))
    assert honest == pytest.approx(np.log(2))
    assert trainings.probed(draw, train, held, cheat) > np.log(2)
