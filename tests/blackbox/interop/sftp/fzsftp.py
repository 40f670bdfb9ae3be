"""Does acts by FileZilla's fzsftp: a line each on standard input, words in hexadecimal.

FileZilla talks with it in lines: each answer begins with what kind it is of; `0`, `11` and `1-1`
end a command. Data of files go through memory that only FileZilla itself shares with it.
"""

import os
import select
import subprocess
import sys
import time

port, name, password, key, known_hosts = sys.argv[1:]

fzsftp = subprocess.Popen(
    ["fzsftp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
)
buffer = b""


def tell(line):
    fzsftp.stdin.write(line + b"\n")
    fzsftp.stdin.flush()


def answer():
    """One line; requests for more of the bandwidth, which come without a line end, are granted."""
    global buffer
    deadline = time.monotonic() + 30
    while True:
        while buffer[:1] in (b"@", b"A"):
            tell(b"-0-" if buffer[:1] == b"@" else b"-1-")
            buffer = buffer[1:]
        if b"\n" in buffer:
            line, buffer = buffer.split(b"\n", 1)
            print(line.decode(errors="replace"), flush=True)
            return line
        left = deadline - time.monotonic()
        if left < 0 or not select.select([fzsftp.stdout], [], [], left)[0]:
            sys.exit("fzsftp says nothing more: %r" % buffer)
        more = os.read(fzsftp.stdout.fileno(), 65536)
        if not more:
            sys.exit("fzsftp has ended: %r" % buffer)
        buffer += more


def done(command):
    """Whether it went well."""
    print("> " + command.decode(errors="replace"), flush=True)
    tell(command)
    while True:
        line = answer()
        if line.startswith(b"<"):
            tell(password.encode())
        elif line.startswith(b"8"):
            # An entry of a listing: its time and its name follow.
            answer(), answer()
        elif line[:1] in (b"0", b"1") and not line.startswith(b"0fz"):
            return not line.startswith(b"1-")


def quoted(name):
    return b'"' + name.replace(b'"', b'""') + b'"'


if not done(b"open " + quoted(b"%s@127.0.0.1" % name.encode()) + b" " + port.encode()):
    sys.exit("no login")
for line in sys.stdin:
    verb, *words = line.split()
    words = [bytes.fromhex(word) for word in words]
    if verb == "list":
        done(b"cd " + quoted(b"/" + words[0]))
        done(b"ls")
        done(b'cd "/"')
    elif verb in ("mode", "time"):
        command = b"chmod " if verb == "mode" else b"chmtime "
        value = b"%o" % int(words[1]) if verb == "mode" else words[1]
        done(command + value + b" " + quoted(words[0]))
    else:
        verbs = {
            "rename": b"mv",
            "remove": b"rm",
            "make-folder": b"mkdir",
            "remove-folder": b"rmdir",
        }
        done(b" ".join([verbs[verb], *map(quoted, words)]))
tell(b"quit")
fzsftp.wait(30)
