"""Runs a program in a pseudo-terminal of its own: terminal.py COLUMNS PROGRAM ARGUMENT...

Standard input: one JSON object a line, {"type": TEXT}. Standard output: one JSON object a line,
{"out": TEXT} as it comes, and last {"code", "sane"}: sane when the terminal is left as it was found, its
modes as well as the flags of the open file that the shell shares.
"""

import codecs, fcntl, json, os, pty, select, struct, subprocess, sys, termios

columns, program = int(sys.argv[1]), sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))


def state():
    return termios.tcgetattr(slave), fcntl.fcntl(slave, fcntl.F_GETFL)


def take_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def tell(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


before = state()
child = subprocess.Popen(
    program, stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=take_terminal
)
decoder = codecs.getincrementaldecoder("utf-8")("replace")
typed, inputs = b"", [master, 0]
while True:
    ended = child.poll() is not None
    ready, _, _ = select.select(inputs, [], [], 0 if ended else 0.02)
    if master in ready:
        tell({"out": decoder.decode(os.read(master, 65536))})
    elif ended:
        break
    if 0 in ready:
        data = os.read(0, 65536)
        if data == b"":
            inputs.remove(0)
        typed += data
        *lines, typed = typed.split(b"\n")
        for line in lines:
            os.write(master, json.loads(line)["type"].encode())
tell({"code": child.returncode if child.returncode >= 0 else 128 - child.returncode, "sane": state() == before})
