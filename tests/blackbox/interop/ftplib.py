import ftplib
import os
import socket
import ssl
import sys

mode, tls, version, certificate, port, name, password, verb, *words = sys.argv[1:]


class Ftps(ftplib.FTP_TLS):
    """FTP_TLS with what it leaves out: TLS from the first byte, resumed data connections."""

    def connect(self, host, port):
        if tls == "explicit":
            return super().connect(host, port)
        self.host = host
        self.sock = socket.create_connection((host, port), self.timeout)
        self.af = self.sock.family
        self.sock = self.context.wrap_socket(self.sock, server_hostname=host)
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()
        return self.welcome

    def ntransfercmd(self, command, rest=None):
        plain, size = ftplib.FTP.ntransfercmd(self, command, rest)
        connection = self.context.wrap_socket(
            plain, server_hostname=self.host, session=self.sock.session
        )
        assert connection.session_reused
        return connection, size


def client(certificate):
    if tls == "none":
        return ftplib.FTP(timeout=20)
    context = ssl.create_default_context(cafile=certificate)
    only = ssl.TLSVersion.TLSv1_3 if version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.minimum_version = context.maximum_version = only
    if version == "1.2-session-ids":
        context.options |= ssl.OP_NO_TICKET
    return Ftps(context=context, timeout=20)


ftp = client(certificate)
ftp.connect(os.environ["FTP_HOST"], int(port))
ftp.login(name, password)
if tls != "none":
    ftp.prot_p()
ftp.set_pasv(mode == "passive")

if verb == "list":
    names = ftp.nlst(words[0])
    long = []
    ftp.dir(words[0], long.append)
    ftp.cwd(words[0])
    facts = dict(ftp.mlsd())
    for entry in names:
        entry = entry.rsplit("/", 1)[-1]
        if entry in (".", ".."):
            continue
        assert entry in facts, (entry, facts)
        assert any(line.endswith(entry) for line in long), (entry, long)
        print(entry)
elif verb == "get":
    with open(words[1], "wb") as local:
        ftp.retrbinary("RETR " + words[0], local.write)
elif verb == "reget":
    with open(words[1], "ab") as local:
        ftp.retrbinary("RETR " + words[0], local.write, rest=local.tell())
elif verb == "put":
    # Any number of pairs.
    for source, target in zip(words[::2], words[1::2]):
        with open(source, "rb") as local:
            ftp.storbinary("STOR " + target, local)
        ftp.voidcmd("TYPE I")
        assert ftp.size(target) == os.path.getsize(source)
elif verb == "reput":
    offset = ftp.size(words[1])
    with open(words[0], "rb") as local:
        local.seek(offset)
        ftp.storbinary("STOR " + words[1], local, rest=offset)
elif verb == "abort":
    # Both ways: in the middle, and the session goes on.
    data = ftp.transfercmd("RETR " + words[0])
    assert data.recv(1000)
    assert ftp.abort()[:3] == "426"
    assert ftp.getresp()[:3] == "226"
    data.close()
    data = ftp.transfercmd("STOR " + words[1])
    data.sendall(b"x" * 1000)
    assert ftp.abort()[:3] == "426"
    assert ftp.getresp()[:3] == "226"
    data.close()
    assert words[0] in ftp.nlst()
elif verb == "exchange":
    # The other server fetches from this one, which is asked by CPSV to be the TLS client.
    source, target, other_certificate, host, other_port, other_name, other_password = words
    other = client(other_certificate)
    other.connect(host, int(other_port))
    other.login(other_name, other_password)
    other.prot_p()
    for side in (ftp, other):
        side.voidcmd("TYPE I")
    address = ftp.sendcmd("CPSV")
    other.voidcmd("PORT " + address[address.index("(") + 1 : address.index(")")])
    other.putcmd("STOR " + target)
    ftp.putcmd("RETR " + source)
    for side in (other, ftp):
        assert side.getresp()[0] == "1"
    for side in (other, ftp):
        assert side.getresp()[0] == "2"
    other.quit()
elif verb == "put-and-hang-up":
    # The end of the upload is the end of the connection, without TLS's own goodbye.
    data = ftp.transfercmd("STOR " + words[1])
    with open(words[0], "rb") as local:
        data.sendall(local.read())
    socket.close(data.detach())
    print(ftp.getmultiline())
elif verb == "rename":
    ftp.rename(*words)
elif verb == "delete":
    ftp.delete(words[0])
elif verb == "mkdir":
    assert ftp.mkd(words[0]) == "/" + words[0]
elif verb == "rmdir":
    ftp.rmd(words[0])
else:
    raise SystemExit("no such verb: " + verb)
ftp.quit()
