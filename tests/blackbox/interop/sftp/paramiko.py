"""Does acts by paramiko: a line each on standard input, words in hexadecimal between spaces."""

import os
import sys

import paramiko

port, name, password, key, known_hosts = sys.argv[1:]
keys = {"ed25519": paramiko.Ed25519Key, "ecdsa": paramiko.ECDSAKey, "rsa": paramiko.RSAKey}

client = paramiko.SSHClient()
client.load_host_keys(known_hosts)
client.set_missing_host_key_policy(paramiko.RejectPolicy())
login = {"pkey": keys[key.rsplit("_", 1)[1]].from_private_key_file(key)} if key else {
    "password": password
}
client.connect(
    "127.0.0.1", int(port), name, allow_agent=False, look_for_keys=False, timeout=20, **login
)
sftp = client.open_sftp()
# A bound for every answer.
sftp.get_channel().settimeout(60)


def get_rest(remote, local):
    with sftp.open(remote, "rb") as source, open(local, "ab") as target:
        source.seek(target.tell())
        source.prefetch(sftp.stat(remote).st_size)
        while block := source.read(1 << 20):
            target.write(block)


def put_rest(local, remote):
    with open(local, "rb") as source, sftp.open(remote, "ab") as target:
        source.seek(sftp.stat(remote).st_size)
        target.set_pipelined(True)
        while block := source.read(1 << 20):
            target.write(block)


def get_kept(remote, local):
    sftp.get(remote, local)
    known = sftp.stat(remote)
    os.chmod(local, known.st_mode & 0o7777)
    os.utime(local, (known.st_atime, known.st_mtime))


def put_kept(local, remote):
    sftp.put(local, remote)
    known = os.stat(local)
    sftp.chmod(remote, known.st_mode & 0o7777)
    sftp.utime(remote, (known.st_atime, known.st_mtime))


verbs = {
    "list": lambda folder: [print(entry) for entry in sftp.listdir(folder)],
    "get": lambda remote, local: sftp.get(remote, local),
    "get-rest": get_rest,
    "get-kept": get_kept,
    "put": lambda local, remote: sftp.put(local, remote),
    "put-rest": put_rest,
    "put-kept": put_kept,
    "rename": lambda old, new: sftp.rename(old, new),
    "replace": lambda old, new: sftp.posix_rename(old, new),
    "remove": lambda remote: sftp.remove(remote),
    "make-folder": lambda remote: sftp.mkdir(remote),
    "remove-folder": lambda remote: sftp.rmdir(remote),
    "mode": lambda remote, mode: sftp.chmod(remote, int(mode)),
    "time": lambda remote, time: sftp.utime(remote, (int(time), int(time))),
    "link": lambda says, remote: sftp.symlink(says, remote),
}

for line in sys.stdin:
    verb, *words = line.split(" ")
    try:
        verbs[verb](*(bytes.fromhex(word) for word in words))
    except Exception as error:
        print(verb, words, repr(error), flush=True)
client.close()
