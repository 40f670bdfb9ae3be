import ftplib
import os
import sys

mode, port, name, password, verb, *words = sys.argv[1:]

ftp = ftplib.FTP(timeout=20)
ftp.connect("127.0.0.1", int(port))
ftp.login(name, password)
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
    with open(words[0], "rb") as local:
        ftp.storbinary("STOR " + words[1], local)
    assert ftp.size(words[1]) == os.path.getsize(words[0])
elif verb == "reput":
    offset = ftp.size(words[1])
    with open(words[0], "rb") as local:
        local.seek(offset)
        ftp.storbinary("STOR " + words[1], local, rest=offset)
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
