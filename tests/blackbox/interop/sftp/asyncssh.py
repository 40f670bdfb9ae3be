"""Does acts by asyncssh: a line each on standard input, words in hexadecimal between spaces."""

import asyncio
import os
import sys
import warnings

# Of ciphers that nobody asks for.
warnings.simplefilter("ignore")
import asyncssh

port, name, password, key, known_hosts = sys.argv[1:]


async def list_folder(sftp, folder):
    for entry in await sftp.listdir(folder):
        print(os.fsdecode(entry))


async def get_rest(sftp, remote, local):
    with open(local, "ab") as target:
        async with sftp.open(remote, "rb") as source:
            target.write(await source.read(offset=target.tell()))


async def put_rest(sftp, local, remote):
    size = (await sftp.stat(remote)).size
    with open(local, "rb") as source:
        source.seek(size)
        async with sftp.open(remote, "r+b") as target:
            await target.write(source.read(), offset=size)


verbs = {
    "list": list_folder,
    "get": lambda sftp, remote, local: sftp.get(remote, local),
    "get-rest": get_rest,
    "get-kept": lambda sftp, remote, local: sftp.get(remote, local, preserve=True),
    "put": lambda sftp, local, remote: sftp.put(local, remote),
    "put-rest": put_rest,
    "put-kept": lambda sftp, local, remote: sftp.put(local, remote, preserve=True),
    "rename": lambda sftp, old, new: sftp.rename(old, new),
    "replace": lambda sftp, old, new: sftp.posix_rename(old, new),
    "remove": lambda sftp, remote: sftp.remove(remote),
    "make-folder": lambda sftp, remote: sftp.mkdir(remote),
    "remove-folder": lambda sftp, remote: sftp.rmdir(remote),
    "mode": lambda sftp, remote, mode: sftp.chmod(remote, int(mode)),
    "time": lambda sftp, remote, time: sftp.utime(remote, (int(time), int(time))),
    "link": lambda sftp, says, remote: sftp.symlink(says, remote),
}


async def main():
    login = {"client_keys": [key], "password": None} if key else {
        "client_keys": None,
        "password": password,
    }
    connecting = asyncssh.connect(
        "127.0.0.1", int(port), username=name, known_hosts=known_hosts, config=None,
        agent_path=None, login_timeout=20, **login
    )
    async with connecting as connection, connection.start_sftp_client() as sftp:
        for line in sys.stdin:
            verb, *words = line.split(" ")
            try:
                words = [bytes.fromhex(word) for word in words]
                await asyncio.wait_for(verbs[verb](sftp, *words), 60)
            except Exception as error:
                print(verb, words, repr(error), flush=True)


asyncio.run(main())
