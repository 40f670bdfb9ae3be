"use strict";

const crypto = require("crypto");
const fs = require("fs");
const { promisify } = require("util");

const [library, port, username, password, key, known_hosts] = process.argv.slice(1);
const { Client } = require(library);

// It has no file of known hosts: the server's key is compared with each.
const known = fs.readFileSync(known_hosts, "utf8").split("\n").filter(Boolean)
    .map((line) => line.split(" ")[2]);

function verbs(sftp) {
    const ask = (name) => promisify(sftp[name]).bind(sftp);
    const pipe = (source, target) => new Promise((resolve, reject) => {
        source.on("error", reject).pipe(target).on("error", reject).on("close", resolve);
    });
    const get = ask("fastGet");
    const put = ask("fastPut");
    return {
        async list(folder) {
            for (const entry of await ask("readdir")(folder)) console.log(entry.filename);
        },
        get: (remote, local) => get(remote, local),
        "get-rest": (remote, local) => pipe(
            sftp.createReadStream(remote, { start: fs.statSync(local).size }),
            fs.createWriteStream(local, { flags: "a" }),
        ),
        async "get-kept"(remote, local) {
            await get(remote, local);
            const { mode, atime, mtime } = await ask("stat")(remote);
            fs.chmodSync(local, mode & 0o7777);
            fs.utimesSync(local, atime, mtime);
        },
        put: (local, remote) => put(local, remote),
        async "put-rest"(local, remote) {
            const { size } = await ask("stat")(remote);
            await pipe(
                fs.createReadStream(local, { start: size }),
                sftp.createWriteStream(remote, { flags: "r+", start: size }),
            );
        },
        async "put-kept"(local, remote) {
            await put(local, remote);
            const { mode, atimeMs, mtimeMs } = fs.statSync(local);
            await ask("chmod")(remote, mode & 0o7777);
            await ask("utimes")(remote, atimeMs / 1000, mtimeMs / 1000);
        },
        rename: (from, to) => ask("rename")(from, to),
        replace: (from, to) => ask("ext_openssh_rename")(from, to),
        remove: (remote) => ask("unlink")(remote),
        "make-folder": (remote) => ask("mkdir")(remote),
        "remove-folder": (remote) => ask("rmdir")(remote),
        mode: (remote, mode) => ask("chmod")(remote, Number(mode)),
        time: (remote, time) => ask("utimes")(remote, Number(time), Number(time)),
        // It swaps the two for a server that says it is OpenSSH, and for no other: the request
        // that other servers of its kind get is asked for here.
        link: (says, remote) => ask("symlink")(says, remote),
    };
}

async function act(client) {
    const sftp = await promisify(client.sftp).call(client);
    const known_verbs = verbs(sftp);
    for (const line of fs.readFileSync(0, "latin1").split("\n").filter(Boolean)) {
        const [verb, ...words] = line.split(" ");
        try {
            await known_verbs[verb](...words.map((word) => Buffer.from(word, "hex").toString()));
        } catch (error) {
            console.log(verb, words, error);
        }
    }
}

const client = new Client();
client.on("ready", () => act(client).catch(console.error).finally(() => client.end()));
client.on("error", (error) => {
    console.error(error);
    process.exitCode = 1;
});
client.connect({
    host: "127.0.0.1",
    port: Number(port),
    username,
    readyTimeout: 20_000,
    hostVerifier: (offered) => known.some((line) => {
        const wanted = Buffer.from(line, "base64");
        return wanted.length === offered.length && crypto.timingSafeEqual(wanted, offered);
    }),
    ...(key ? { privateKey: fs.readFileSync(key) } : { password }),
});
